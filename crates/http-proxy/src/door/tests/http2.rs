//! Vendors that speak HTTP/2: Node's client before the door with TLS. Everything holds as over HTTP/1.1.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::world::World;
use super::{TRICKS, candidates, long};

/// What came back of requests on one connection.
struct Back {
    results: Vec<Value>,
    /// Whether the connection was still good after them.
    open: bool,
}

impl Back {
    fn statuses(&self) -> Vec<u64> {
        self.results.iter().map(|result| result["status"].as_u64().unwrap_or(0)).collect()
    }
}

fn asking(key: &str, path: &str) -> Value {
    json!({"path": format!("/api/ats{path}"), "headers": {"authorization": format!("Bearer {key}")}})
}

/// Has Node's client ask all that over one connection, so many at once.
async fn vendor(address: SocketAddr, requests: Vec<Value>, at_once: usize) -> Back {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let plan = json!({
        "url": format!("https://{address}"), "requests": requests, "at_once": at_once,
        "ca": format!("{root}/crates/front/src/tls/gateway.pem"),
    });
    let said = tokio::task::spawn_blocking(move || {
        let mut node = Command::new("node")
            .arg(format!("{root}/tests/node/http2-vendor.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        node.stdin.take().unwrap().write_all(plan.to_string().as_bytes()).unwrap();
        node.wait_with_output().unwrap()
    });
    let said = said.await.unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said["alpn"], "h2");
    Back { results: said["results"].as_array().unwrap().clone(), open: said["open"] == true }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_read_and_written_and_is_as_narrow_as_over_http_1() {
    let mut world = World::new(candidates).await;
    let (address, key) = (world.secure().await, world.key.clone());
    let mut write = asking(&key, "/candidates/c_17");
    write["method"] = json!("PATCH");
    write["headers"]["content-type"] = json!("application/json");
    write["body"] = json!("{\"name\":\"Ana\"}");
    let requests = vec![
        asking(&key, "/candidates/c_17"),
        write,
        asking(&key, "/candidates/x_1"),
        asking(&key, "/candidates?client_id=contoso"),
        asking("csk_guess", "/candidates/c_17"),
    ];
    let back = vendor(address, requests, 1).await;
    assert_eq!(back.statuses(), [200, 200, 404, 403, 401], "{:?}", back.results);
    let read = &back.results[0];
    assert_eq!(read["body"], r#"{"id":"c_17","client_id":"northwind","status":"active"}"#);
    assert!(read["headers"]["etag"].is_null() && read["headers"]["countersign-call"].is_string(), "{read}");
    assert!(back.open);
    let heard = world.heard();
    assert!(heard[2].starts_with("PATCH ") && heard[2].contains("if-match: \"v7\"\r\n"), "{heard:?}");
    let leaves = world.leaves().await;
    let first = leaves.iter().find(|leaf| leaf["kind"] == "intent").unwrap();
    let outcome = leaves.iter().find(|leaf| leaf["kind"] == "outcome").unwrap();
    assert_eq!((&first["wire"], &outcome["wire"]), (&json!("http/2"), &json!("http/1.1")), "{first} {outcome}");
}

// INVARIANT: a request means one thing, whichever way it came.
#[tokio::test(flavor = "multi_thread")]
async fn tricks_with_paths_names_and_headers_go_nowhere_over_http_2() {
    let mut world = World::new(candidates).await;
    let (address, key) = (world.secure().await, world.key.clone());
    let mut requests: Vec<Value> = TRICKS.iter().map(|path| asking(&key, path)).collect();
    for header in ["x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"] {
        let mut request = asking(&key, "/candidates/c_1");
        request["headers"][header] = json!("DELETE");
        requests.push(request);
    }
    for (header, value) in [("host", "other.test"), (":scheme", "http")] {
        let mut request = asking(&key, "/candidates/c_1");
        request["headers"][":authority"] = json!("gateway.test");
        request["headers"][header] = json!(value);
        requests.push(request);
    }
    let mut body = asking(&key, "/candidates/c_1");
    body["headers"]["content-type"] = json!("application/json");
    body["body"] = json!("{\"a\":1}");
    requests.push(body);
    let back = vendor(address, requests.clone(), 1).await;
    assert_eq!(back.results.len(), requests.len());
    for (request, result) in requests.iter().zip(&back.results) {
        let refused = result["status"] == 400 || result["status"].is_null() && result["reset"] == 1;
        assert!(refused, "{request}: {result}");
    }
    assert!(world.heard().is_empty(), "{:?}", world.heard());
    // What goes on the wire for one hop only, and what is of no meaning here, stays here.
    let mut plain = asking(&key, "/candidates/c_1");
    for (name, value) in
        [("x-forwarded-host", "evil"), ("cookie", "a=b"), ("te", "trailers"), ("accept-encoding", "gzip")]
    {
        plain["headers"][name] = json!(value);
    }
    let back = vendor(address, vec![plain], 1).await;
    assert_eq!(back.statuses(), [200], "{:?}", back.results);
    assert!(back.results[0]["headers"]["content-encoding"].is_null(), "it comes plain");
    let heard = world.heard().pop().unwrap();
    assert!(!heard.contains("evil") && !heard.contains("cookie") && !heard.contains("gzip"), "{heard}");
}

// INVARIANT: a fault that is found behind the first byte resets its stream and nothing else, and the record says how much had left.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_resets_its_stream_and_the_others_go_on() {
    let mut world = World::new(long).await;
    let (address, key) = (world.secure().await, world.key.clone());
    let of = |more: &str| asking(&key, &format!("/candidates?client_id=northwind{more}"));
    let back = vendor(address, vec![of(""), of("&q=breaks")], 2).await;
    let (whole, broken) = (&back.results[0], &back.results[1]);
    assert_eq!((&whole["status"], &whole["bytes"], &whole["reset"]), (&json!(200), &json!(64 << 20), &json!(0)));
    assert_eq!((&broken["status"], &broken["reset"]), (&json!(200), &json!(2)), "{}", broken["error"]);
    assert!(back.open, "the connection is as good as before");
    let leaves = world.leaves().await;
    let failed = leaves.iter().find(|leaf| leaf["kind"] == "outcome" && leaf["status"] == "failed").unwrap();
    let (left, came) = (failed["answer_bytes"].as_u64().unwrap(), broken["bytes"].as_u64().unwrap());
    assert!((came..=64 << 20).contains(&left), "{came} came and {left} had left");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_on_one_connection_are_never_one_too_many() {
    let mut world = World::with(candidates, 37).await;
    let (address, key) = (world.secure().await, world.key.clone());
    let back = vendor(address, vec![asking(&key, "/candidates/c_17"); 200], 200).await;
    let statuses = back.statuses();
    let count = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((count(200), count(429)), (37, 163), "{statuses:?}");
    assert!(back.open);
    assert_eq!(world.heard().len(), 37);
}

// INVARIANT: rapid reset ends the connection, every call that was decided on is on record with its outcome, and others are answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_that_are_given_up_leaves_the_gateway_answering() {
    let mut world = World::new(|line, body| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        candidates(line, body)
    })
    .await;
    let (address, key) = (world.secure().await, world.key.clone());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut flood = Command::new("node");
    flood
        .arg(format!("{root}/tests/node/http2-flood.mjs"))
        .arg(address.ip().to_string())
        .arg(address.port().to_string());
    flood.arg(format!("{root}/crates/front/src/tls/gateway.pem")).args([
        key.as_str(),
        "/api/ats/candidates/c_17",
        "5000",
    ]);
    let flooded = tokio::task::spawn_blocking(move || flood.output().unwrap()).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&flooded.stdout).trim(), "closed");
    let back = vendor(address, vec![asking(&key, "/candidates/c_17")], 1).await;
    assert_eq!(back.statuses(), [200]);
    world.has_in_flight(0).await;
    let leaves = world.leaves().await;
    let of = |kind: &str| leaves.iter().filter(|leaf| leaf["kind"] == kind).count();
    assert_eq!(of("intent"), of("outcome"));
    assert!(of("intent") < 1_000, "{}", of("intent"));
}
