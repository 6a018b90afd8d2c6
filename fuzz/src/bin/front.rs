//! Any requests at the endpoint, before an app that answers well: nothing but JSON and event streams comes back, and
//! nothing is our fault.
//!
//! An input is a script of requests. `$SESSION` and `$STATE` in it are the last `Mcp-Session-Id` and `requestState` that
//! came back.

#![no_main]

use std::cell::OnceCell;

use fuzz::{App, Gateway, House, Request, answer_well, blocks, replaced, runtime};
use libfuzzer_sys::fuzz_target;
use mcp::Target;
use tokio::runtime::Runtime;

struct World {
    runtime: Runtime,
    _app: App,
    gateway: Gateway,
}

thread_local! {
    static WORLD: OnceCell<World> = const { OnceCell::new() };
}

fuzz_target!(|bytes: &[u8]| {
    WORLD.with(|world| {
        let world = world.get_or_init(World::new);
        world.runtime.block_on(play(&world.gateway, bytes));
    });
});

impl World {
    fn new() -> Self {
        let runtime = runtime();
        let app =
            runtime.block_on(App::start(Box::new(|method, id, message| (answer_well(method, id, message), true))));
        let url = app.url.parse().expect("an address");
        let gateway = runtime.block_on(async { Gateway::before(&House::default(), Target::Http(url)) });
        Self { runtime, _app: app, gateway }
    }
}

async fn play(gateway: &Gateway, bytes: &[u8]) {
    let (mut session, mut state) = (b"none".to_vec(), b"none".to_vec());
    for block in blocks(bytes).into_iter().take(REQUESTS_MAX) {
        let block = replaced(&replaced(block, b"$SESSION", &session), b"$STATE", &state);
        let Some(request) = Request::read(&block) else { continue };
        let Some(response) = gateway.ask(request).await else { continue };
        for message in response.check() {
            if let Some(sealed) = message.pointer("/result/requestState").and_then(|state| state.as_str()) {
                state = sealed.as_bytes().to_vec();
            }
        }
        if let Some(opened) = response.headers.get("mcp-session-id") {
            session = opened.as_bytes().to_vec();
        }
    }
}

const REQUESTS_MAX: usize = 6;
