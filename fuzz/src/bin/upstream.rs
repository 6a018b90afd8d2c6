//! An app over HTTP that says anything at all: the client gets one valid answer in time.
//!
//! The first line of an input is two letters: what is said, and to what. `j`: JSON, `s`: an event stream, `r`: a whole HTTP
//! response. `c`: to calls only, `l`: to lists, `d`: to `server/discover`, `i`: to `initialize`, anything else: to
//! everything. A third letter `o` leaves the connection open. Then come the answers, one block each; the last one is said
//! again and again. `$ID` is the id of the request.

#![no_main]

use std::cell::OnceCell;

use fuzz::{App, Gateway, House, Manner, answer_well, ask_far, blocks, replaced, response, runtime};
use libfuzzer_sys::fuzz_target;
use mcp::Target;
use tokio::runtime::Runtime;

struct World {
    runtime: Runtime,
    app: App,
    house: House,
}

thread_local! {
    static WORLD: OnceCell<World> = const { OnceCell::new() };
}

fuzz_target!(|bytes: &[u8]| {
    WORLD.with(|world| {
        let world = world.get_or_init(World::new);
        world.app.turn(manner(bytes));
        world.runtime.block_on(async {
            let url = world.app.url.parse().expect("an address");
            let gateway = Gateway::before(&world.house, Target::Http(url));
            ask_far(&gateway, bytes.len().is_multiple_of(2)).await;
            gateway.stop().await;
        });
    });
});

impl World {
    fn new() -> Self {
        let runtime = runtime();
        let app = runtime.block_on(App::start(manner(b"")));
        Self { runtime, app, house: House::default() }
    }
}

/// How the app answers, by the input.
fn manner(bytes: &[u8]) -> Manner {
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (how, rest) = bytes.split_at(line);
    let letter = |place: usize| how.get(place).copied().unwrap_or_default();
    let (what, to, open) = (letter(0), letter(1), letter(2) == b'o');
    let answers: Vec<Vec<u8>> = blocks(rest.get(1..).unwrap_or_default()).into_iter().map(<[u8]>::to_vec).collect();
    let mut said = 0;
    Box::new(move |method, id, message| {
        let meant = match to {
            b'c' => method == "tools/call",
            b'l' => method.ends_with("/list"),
            b'd' => method == "server/discover",
            b'i' => method == "initialize",
            _ => true,
        };
        if !meant {
            return (answer_well(method, id, message), true);
        }
        let answer = answers.get(said).or(answers.last()).map(Vec::as_slice).unwrap_or_default();
        said += 1;
        let answer = replaced(answer, b"$ID", id.as_bytes());
        match what {
            b'j' => (response("200 OK", "application/json", &answer), open),
            b's' => (response("200 OK", "text/event-stream", &answer), open),
            _ => (answer, open),
        }
    })
}
