//! Requests with something wrong in them, before the HTTP parsers of others: whatever comes through means to them what was
//! decided on.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::world::World;

/// A server of others, which tells what it understood. It ends with this.
struct Peer {
    process: Child,
    address: SocketAddr,
}

impl Peer {
    fn start(program: &str, script: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(script);
        let mut process = Command::new(program)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], line.trim().parse().unwrap()));
        Self { process, address }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// A small generator (xorshift): the same requests every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(most).unwrap()).unwrap()
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

const PATHS: [&str; 6] = [
    "/candidates/c_1",
    "/candidates",
    "/candidates?limit=5&client_id=northwind",
    "/candidates?q=a%20b%26c%3Dd",
    "/candidates/%63_1",
    "/candidates/c_1?",
];
const HEADERS: [&str; 12] = [
    "content-length: 0\r\n",
    "content-length: 5\r\n",
    "transfer-encoding: chunked\r\n",
    "transfer-encoding: identity\r\n",
    "transfer-encoding:\tchunked\r\n",
    "connection: upgrade, x\r\n",
    "x-http-method-override: DELETE\r\n",
    "x-original-url: /admin\r\n",
    "expect: 100-continue\r\n",
    "te: trailers\r\n",
    "host: other.test\r\n",
    "content-type: application/json\r\n",
];
const PIECES: [&str; 40] = [
    "..",
    ".",
    "/",
    "//",
    "\\",
    ";",
    ";a=b",
    "%",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5c",
    "%00",
    "%0d%0a",
    "%252e",
    "%c0%ae",
    "%u002e",
    "?",
    "#",
    "&",
    "&q=1",
    "&q=1&q=2",
    "=",
    "+",
    " ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\0",
    "\u{7f}",
    "\u{e9}",
    "\u{ff0e}",
    "\u{2215}",
    "@evil",
    ":80",
    "*",
    "GET /v1/admin HTTP/1.1\r\n\r\n",
    "0\r\n\r\n",
    "http://evil.test",
];

/// A request that something is wrong with, mostly.
fn request(chance: &mut Chance, key: &str) -> Vec<u8> {
    let mut target = format!("/api/ats{}", chance.of(&PATHS));
    let mut headers = String::new();
    for _ in 0..chance.below(3) {
        headers.push_str(chance.of(&HEADERS));
    }
    for _ in 0..chance.below(3) {
        let places: Vec<usize> = (0..=target.len()).filter(|place| target.is_char_boundary(*place)).collect();
        target.insert_str(places[chance.below(places.len())], chance.of(&PIECES));
    }
    let method = chance.of(&["GET", "GET", "GET", "GET", "get", "POST", "OPTIONS", "TRACE", "GET "]);
    let mut body = chance.of(&[
        "",
        "",
        "",
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "{}",
        "GET /api/ats/candidates/c_9 HTTP/1.1\r\nhost: x\r\n\r\n",
    ]);
    // Nobody waits for what never comes.
    if body.len() < 5 && headers.contains("content-length: 5") || body.is_empty() && headers.contains("chunked") {
        body = "0\r\n\r\n";
    }
    format!("{method} {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

/// What it understood is one of the operations, with parameters that it names, each once.
fn means_what_was_decided(said: &Value, wrong: &str) {
    let segments: Vec<&str> = said["segments"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\%;?#".contains(&byte))
    };
    assert!(matches!(segments.as_slice(), ["v1", "candidates"] | ["v1", "candidates", _]), "{segments:?} of {wrong}");
    assert!(segments.iter().all(|segment| plain(segment) && !segment.ends_with('.')), "{segments:?} of {wrong}");
    assert_eq!(said["method"], "GET", "{wrong}");
    let names: Vec<&str> = said["query"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap()).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert!(
        unique.len() == names.len() && unique.is_subset(&["limit", "client_id", "q", "fields", "sort"].into()),
        "{names:?} of {wrong}"
    );
    let headers: BTreeSet<&str> = said["headers"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(headers, ["accept", "accept-encoding", "authorization", "host", "user-agent"].into(), "{wrong}");
    assert_eq!(said["body"], "", "{wrong}");
}

async fn differ(peer: Peer) {
    let world = World::before(peer.address).await;
    let (mut chance, mut passed) = (Chance(0x9e37_79b9_7f4a_7c15), 0);
    for _ in 0..REQUESTS {
        let wrong = request(&mut chance, &world.key);
        let response = world.sends(wrong.clone()).await;
        let wrong = String::from_utf8_lossy(&wrong);
        // A method that is answered without a body, or a connection that is closed, is an answer, too.
        if response.status != 200 {
            assert!(
                [0, 400, 401, 403, 404, 405, 408, 413, 415, 431, 501, 505].contains(&response.status),
                "{wrong}: {response:?}"
            );
            continue;
        }
        passed += 1;
        let said: Value = serde_json::from_str(&response.body).unwrap();
        means_what_was_decided(&said, &wrong);
        // Nothing went to the app that was not answered here.
        assert_eq!(said["seen"], passed, "{wrong}");
    }
    assert!(passed > REQUESTS / 20, "{passed} came through: nothing was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_through_means_to_node_what_was_decided_on() {
    differ(Peer::start("node", "node/echo.mjs")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_through_means_to_python_what_was_decided_on() {
    differ(Peer::start("python3", "python/echo.py")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_by_others_behind_the_door() {
    let peer = Peer::start("node", "node/records.mjs");
    let world = World::before(peer.address).await;
    let response = world.gets("/candidates/c_1").await;
    assert_eq!((response.status, response.whole), (200, true), "{response:?}");
    let record: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!((&record["name"], &record["salary"]), (&"Candidate c_1".into(), &Value::Null));
    assert!(!response.head.contains("x-powered-by") && !response.head.contains("etag"), "{}", response.head);
    for nothing in ["/candidates/x_1", "/candidates/c_404"] {
        assert_eq!(world.gets(nothing).await.status, 404, "{nothing}");
    }
    // Its versions are weak: they do not hold for a write.
    let json = "content-type: application/json\r\n";
    let refused = world.asks("PATCH", "/candidates/c_1", json, "{\"name\":\"other\"}").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.body.contains("rule.race"), "{}", refused.body);
    assert!(world.gets("/candidates/c_1").await.body.contains("Candidate c_1"));
}

const REQUESTS: usize = 400;
