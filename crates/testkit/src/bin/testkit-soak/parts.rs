//! Who does what to the gateway, each in a thread of their own until all are told to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testkit::{McpClient, Participant, Revision};

use crate::bulk::{self, Bulk};
use crate::stage::{EXACT, Stage};

/// One of those who make up the load.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) done: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) said: Mutex<Vec<String>>,
    pub(crate) stop: Arc<AtomicBool>,
}

/// All of them, at work.
pub(crate) struct Load {
    parts: Vec<Arc<Part>>,
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

// === impl Part ===

impl Part {
    pub(crate) fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Something failed that was not meant to.
    pub(crate) fn failed(&self, error: &anyhow::Error) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < SAID_MAX {
            said.push(format!("{error:#}").chars().take(400).collect());
        }
        drop(said);
        std::thread::sleep(Duration::from_millis(50));
    }

    /// The first things that failed.
    pub(crate) fn what_failed(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

// === impl Load ===

impl Load {
    /// Everybody begins.
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        let mut load = Self { parts: Vec::new(), threads: Vec::new(), stop: Arc::default() };
        for (name, bulk) in BULKS {
            bulk::run(&mut load, stage, name, bulk)?;
        }
        let mut agents = 1..;
        let mut client = |app: &str, revision| stage.participant(agents.next().unwrap_or_default(), app, revision);
        for (name, revision) in CLIENTS {
            let client = client("", revision)?;
            load.again_and_again(name, move |turn| converse(&client, turn));
        }
        for (name, revision) in FICKLE {
            let client = client("", revision)?;
            load.again_and_again(name, move |turn| cancel(&client, turn));
        }
        for (name, app, revision) in LISTENERS {
            let client = client(&format!("/{app}"), revision)?;
            load.again_and_again(name, move |_| listen(&client));
        }
        let plain = McpClient::modern(stage.world.mcp_url())?.with_token(stage.token(0));
        let hasty = plain.clone().with_timeout(Duration::from_millis(30));
        load.again_and_again("hangs up", move |turn| hang_up(&hasty, turn));
        let mut client = plain.clone();
        load.again_and_again("is refused", move |_| refused(&mut client));
        let mut client = plain.clone();
        load.again_and_again("crashes a child", move |_| crash(&mut client));
        let (url, token) = (stage.world.mcp_url().to_owned(), stage.token(0).to_owned());
        load.again_and_again("comes and goes", move |turn| visit(&url, &token, turn));
        Ok(load)
    }

    /// One who does something until the end.
    pub(crate) fn part(&mut self, name: &'static str, work: impl FnOnce(Arc<Part>) + Send + 'static) {
        let (done, errors, said) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::default());
        let part = Arc::new(Part { name, done, errors, said, stop: Arc::clone(&self.stop) });
        self.parts.push(Arc::clone(&part));
        self.threads.push(std::thread::spawn(move || work(part)));
    }

    fn again_and_again(&mut self, name: &'static str, mut work: impl FnMut(u64) -> Result<()> + Send + 'static) {
        self.part(name, move |part| {
            let mut turn = 0;
            while part.goes_on() {
                match work(turn) {
                    Ok(()) => drop(part.done.fetch_add(1, Ordering::Relaxed)),
                    Err(error) => part.failed(&error),
                }
                turn += 1;
            }
        });
    }

    /// How much was done, and how much failed, by now.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let sum = |of: fn(&Part) -> &AtomicU64| self.parts.iter().map(|part| of(part).load(Ordering::Relaxed)).sum();
        (sum(|part| &part.done), sum(|part| &part.errors))
    }

    /// Everybody finishes what they are at, and goes.
    pub(crate) fn stop(self) -> Vec<Arc<Part>> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _panicked = thread.join();
        }
        self.parts
    }
}

/// Progress, a question and a plain call, with one app after the other.
fn converse(client: &Participant, turn: u64) -> Result<()> {
    let index = usize::try_from(turn).unwrap_or_default() % EXACT.len();
    let (app, behind, _) = EXACT.get(index).context("no app")?;
    let text = client.call_text(&format!("{app}__echo"), json!({"text": "hello"}))?;
    ensure!(text == "hello", "not an echo: {text}");
    let progress =
        json!({"name": format!("{app}__progress"), "arguments": {}, "_meta": {"progressToken": format!("p{turn}")}});
    client.complete("tools/call", progress)?;
    client.call_text(&format!("{app}__ask_model"), json!({}))?;
    if client.revision() >= Revision::June2025 && *behind >= Revision::June2025 {
        client.call_text(&format!("{app}__ask_user"), json!({}))?;
    }
    client.forget();
    Ok(())
}

/// Begins something long and changes its mind.
fn cancel(client: &Participant, turn: u64) -> Result<()> {
    let app = if turn.is_multiple_of(2) { "web" } else { "kid" };
    let pending = client.begin("tools/call", json!({"name": format!("{app}__slow"), "arguments": {"ms": 500}}))?;
    std::thread::sleep(Duration::from_millis(20));
    pending.cancel()?;
    client.forget();
    Ok(())
}

/// Goes away in the middle of a call: without a word, as a process that is killed does.
fn hang_up(client: &McpClient, turn: u64) -> Result<()> {
    let app = if turn.is_multiple_of(2) { "web" } else { "kid" };
    let call = client.message("tools/call", &json!({"name": format!("{app}__slow"), "arguments": {"ms": 300}}));
    match client.send(&call) {
        // It was to be slow, but a response may begin early.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Subscribes to a note, has it changed, hears of it, and is gone.
fn listen(client: &Participant) -> Result<()> {
    let uri = "note://one";
    let listening = client.listen(json!({"resourceSubscriptions": [uri]}))?;
    client.call_text("touch", json!({ "uri": uri }))?;
    client.hear("notifications/resources/updated")?;
    drop(listening);
    client.forget();
    Ok(())
}

/// Asks for what no rule lets it have.
fn refused(client: &mut McpClient) -> Result<()> {
    let result = client.call("web__count", json!({}))?;
    let text = result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default();
    ensure!(
        result.get("isError") == Some(&json!(true)) && text.contains("counting is refused"),
        "not refused: {result}"
    );
    std::thread::sleep(Duration::from_millis(5));
    Ok(())
}

/// Calls an app that ends at every fourth call: an answer, or an error that says so, and never silence.
fn crash(client: &mut McpClient) -> Result<()> {
    std::thread::sleep(Duration::from_millis(100));
    match client.call("crashes__echo", json!({"text": "still there"})) {
        Ok(_) => Ok(()),
        Err(error) if error.is::<testkit::RpcError>() => Ok(()),
        Err(error) => Err(error),
    }
}

/// A client with a session that does little: it comes, looks around, and ends its session.
fn visit(url: &str, token: &str, turn: u64) -> Result<()> {
    let revisions = &Revision::ALL[..3];
    let revision = revisions.get(usize::try_from(turn).unwrap_or_default() % revisions.len()).context("no revision")?;
    let mut client = McpClient::legacy(url, revision.as_str())?.with_token(token);
    client.initialize()?;
    if client.tool_names()?.is_empty() {
        bail!("no tools");
    }
    client.call("web__echo", json!({"text": "hello"}))?;
    let mut request = client.http_request(&json!({"jsonrpc": "2.0", "method": "none"}));
    "DELETE".clone_into(&mut request.method);
    request.body.clear();
    let status = client.send_http(&request)?.status;
    ensure!((200..300).contains(&status), "HTTP {status} to DELETE");
    Ok(())
}

const BULKS: &[(&str, &Bulk)] = &[
    ("1 KB, over HTTP", &Bulk { tool: "web__payload", bytes: 1 << 10, connections: 4 }),
    ("1 KB, to a child", &Bulk { tool: "kid__payload", bytes: 1 << 10, connections: 2 }),
    ("100 KB, over HTTP", &Bulk { tool: "web__payload", bytes: 100 << 10, connections: 1 }),
    ("100 KB, to a child", &Bulk { tool: "kid__payload", bytes: 100 << 10, connections: 1 }),
];
const CLIENTS: [(&str, Revision); 4] = [
    ("converses 2025-03-26", Revision::March2025),
    ("converses 2025-06-18", Revision::June2025),
    ("converses 2025-11-25", Revision::November2025),
    ("converses 2026-07-28", Revision::July2026),
];
const FICKLE: [(&str, Revision); 2] =
    [("cancels 2025-11-25", Revision::November2025), ("cancels 2026-07-28", Revision::July2026)];
const LISTENERS: [(&str, &str, Revision); 3] = [
    ("listens 2025-06-18", "june", Revision::June2025),
    ("listens 2025-11-25", "november", Revision::November2025),
    ("listens 2026-07-28", "july", Revision::July2026),
];
const SAID_MAX: usize = 3;
