use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::apps::{App, Apps};

/// A server that answers every request in one way, and counts them by JSON-RPC method.
struct Canned {
    url: String,
    seen: Seen,
    _tasks: JoinSet<()>,
}

type Seen = Arc<Mutex<BTreeMap<String, usize>>>;
type Answers = fn(&str) -> Response<String>;

impl Canned {
    async fn start(answers: Answers) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), answers).await
    }

    async fn at(address: SocketAddr, answers: Answers) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen = Seen::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(Self::listen(listener, answers, Arc::clone(&seen)));
        Self { url, seen, _tasks: tasks }
    }

    async fn listen(listener: TcpListener, answers: Answers, seen: Seen) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(|request: Request<Incoming>| async {
                let bytes = request.into_body().collect().await.unwrap().to_bytes();
                let message: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                let method = message["method"].as_str().unwrap_or_default().to_owned();
                let answer = answers(&method).map(|body| body.replace("THE_ID", &message["id"].to_string()));
                *seen.lock().unwrap().entry(method).or_default() += 1;
                Ok::<_, Infallible>(answer)
            });
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        }
    }

    fn seen(&self, method: &str) -> usize {
        self.seen.lock().unwrap().get(method).copied().unwrap_or_default()
    }
}

fn bare(status: u16) -> Response<String> {
    Response::builder().status(status).body(String::new()).unwrap()
}

fn challenging(status: u16, challenge: &str) -> Response<String> {
    Response::builder().status(status).header("www-authenticate", challenge).body(String::new()).unwrap()
}

fn result(result: &Value) -> Response<String> {
    let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":THE_ID,\"result\":{result}}}");
    Response::builder().header("content-type", "application/json").body(body).unwrap()
}

/// Lists may be kept for a minute, and every tool asks back.
fn eager(method: &str) -> Response<String> {
    match method {
        "server/discover" => result(&json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"],
            "capabilities": { "tools": {} }, "ttlMs": 0, "cacheScope": "private" })),
        "tools/list" => {
            result(&json!({ "resultType": "complete", "tools": [], "ttlMs": 60_000, "cacheScope": "private" }))
        }
        _ => result(&json!({ "resultType": "input_required", "requestState": "again" })),
    }
}

async fn not_connecting(url: &str) -> DemoError {
    Agent::connect("night-shift", url, "token").await.unwrap_err()
}

async fn connected(apps: &Apps, app: App) -> Agent {
    Agent::connect("night-shift", apps.url(app), apps.secret(app)).await.unwrap()
}

async fn connected_the_old_way(apps: &Apps, app: App) -> Agent {
    Agent::connect_by(ClientLifecycleMode::Initialize, "night-shift", apps.url(app), apps.secret(app)).await.unwrap()
}

#[tokio::test]
async fn prefers_the_protocol_without_a_handshake() {
    let apps = Apps::start().unwrap();
    let agent = connected(&apps, App::Crm).await;
    assert_eq!(agent.protocol_version(), "2026-07-28");
    agent.close().await;
    apps.stop().await;
}

#[tokio::test]
async fn speaks_to_apps_in_the_old_way_too() {
    let apps = Apps::start().unwrap();
    for app in App::ALL {
        let agent = connected_the_old_way(&apps, app).await;
        assert_eq!(agent.protocol_version(), "2025-11-25");
        assert!(!agent.tools().await.unwrap().is_empty());
        agent.close().await;
    }
    let agent = connected_the_old_way(&apps, App::Deploy).await;
    let said = agent.call("deploy_release", json!({ "environment": "staging", "release": "2.15.0" })).await.unwrap();
    assert_eq!(said.text, "staging runs 2.15.0 now (was 2.14.0)");
    apps.stop().await;
}

#[tokio::test]
async fn falls_back_to_a_handshake() {
    let server = Canned::start(|method| match method {
        "server/discover" => Response::builder().status(404).body("not here".to_owned()).unwrap(),
        "initialize" => result(&json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} },
            "serverInfo": { "name": "old", "version": "1" } })),
        "tools/list" => result(&json!({ "tools": [] })),
        _ => bare(202),
    })
    .await;
    let agent = Agent::connect("night-shift", &server.url, "token").await.unwrap();
    assert_eq!(agent.protocol_version(), "2025-06-18");
    assert!(agent.tools().await.unwrap().is_empty());
    agent.close().await;
}

#[tokio::test]
async fn a_challenge_is_told_in_the_servers_words() {
    let apps = Apps::start().unwrap();
    for token in ["not-the-secret", ""] {
        let error = Agent::connect("night-shift", apps.url(App::Mail), token).await.unwrap_err();
        assert_eq!(error.to_string(), "not authorized: the mail app takes its own credential only");
        assert!(matches!(error, DemoError::Unauthorized { .. }), "{error:?}");
    }
    apps.stop().await;
}

#[tokio::test]
async fn a_401_without_a_challenge_is_one_too() {
    let server = Canned::start(|_| bare(401)).await;
    let error = not_connecting(&server.url).await;
    assert!(matches!(error, DemoError::Unauthorized { .. }), "{error:?}");
    assert_eq!(server.seen("initialize"), 0);
}

#[tokio::test]
async fn a_403_is_not_a_401() {
    let server = Canned::start(|_| challenging(403, "Bearer error=\"insufficient_scope\", scope=\"a b\"")).await;
    let error = not_connecting(&server.url).await;
    let DemoError::Forbidden { description } = error else { panic!("{error:?}") };
    assert_eq!(description, "insufficient_scope");
}

#[tokio::test]
async fn a_token_withdrawn_between_two_calls() {
    let before = Apps::start().unwrap();
    let address = before.address(App::Repo);
    let agent = connected(&before, App::Repo).await;
    assert!(!agent.call("search_documents", json!({ "query": "" })).await.unwrap().is_error);
    before.stop().await;

    let after = Canned::at(address, |_| {
        challenging(401, "Bearer error=\"invalid_token\", error_description=\"the human left\"")
    })
    .await;
    for _ in 0..2 {
        let error = agent.call("search_documents", json!({ "query": "" })).await.unwrap_err();
        let DemoError::Unauthorized { description } = error else { panic!("{error:?}") };
        assert_eq!(description, "the human left");
        assert!(matches!(agent.tools().await.unwrap_err(), DemoError::Unauthorized { .. }));
    }
    assert_eq!(after.seen("tools/call"), 2);
    agent.close().await;
}

#[tokio::test]
async fn goes_nowhere_else() {
    let server =
        Canned::start(|_| Response::builder().status(307).header("location", "/").body("".into()).unwrap()).await;
    let error = not_connecting(&server.url).await;
    assert!(matches!(error, DemoError::Unreachable { .. }), "{error:?}");
    assert_eq!(server.seen("server/discover"), 1);
}

#[tokio::test]
async fn sends_a_call_once_and_keeps_no_list() {
    let server = Canned::start(eager).await;
    let agent = Agent::connect("night-shift", &server.url, "token").await.unwrap();
    assert!(agent.tools().await.unwrap().is_empty());
    assert!(agent.tools().await.unwrap().is_empty());
    assert_eq!(server.seen("tools/list"), 2);
    let error = agent.call("pay", json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), "the answer to `pay` is not a final result");
    assert_eq!(server.seen("tools/call"), 1);
    agent.close().await;
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let apps = Apps::start().unwrap();
    let url = apps.url(App::Crm).to_owned();
    apps.stop().await;
    assert_eq!(not_connecting(&url).await.to_string(), format!("`{url}` gave no answer"));
}

#[tokio::test]
async fn arguments_are_an_object_or_nothing() {
    let apps = Apps::start().unwrap();
    let agent = connected(&apps, App::Mail).await;
    assert!(!agent.call("list_messages", Value::Null).await.unwrap().is_error);
    let error = agent.call("list_messages", json!(["a"])).await.unwrap_err();
    assert_eq!(error.to_string(), "a tool's arguments are a JSON object, not `[\"a\"]`");
    assert_eq!(apps.calls(App::Mail), 1);
    apps.stop().await;
}

#[tokio::test]
async fn an_unknown_tool_is_a_refusal() {
    let apps = Apps::start().unwrap();
    let error = connected(&apps, App::Mail).await.call("shred", json!({})).await.unwrap_err();
    let DemoError::Refused { code, message, data: None } = error else { panic!("{error:?}") };
    assert_eq!((code, message.as_str()), (-32602, "there is no tool `shred`"));
    apps.stop().await;
}

#[tokio::test]
async fn several_calls_at_once() {
    let apps = Apps::start().unwrap();
    let agent = connected(&apps, App::Mail).await;
    let letter = json!({ "to": "ana@example.com", "subject": "s", "body": "b" });
    let (one, two, three) = tokio::join!(
        agent.call("send_message", letter.clone()),
        agent.call("send_message", letter.clone()),
        agent.call("send_message", letter.clone())
    );
    let texts = BTreeSet::from([one, two, three].map(|said| said.unwrap().text));
    assert_eq!(texts.len(), 3);
    assert_eq!(apps.calls(App::Mail), 3);
    apps.stop().await;
}

#[test]
fn challenges() {
    let check = |challenge: &str, expect: &str| assert_eq!(description(challenge), expect, "{challenge}");
    check(r#"Bearer error="invalid_token", error_description="expired, sorry""#, "expired, sorry");
    check(r#"Bearer error_description="say \"please\"",error="x""#, r#"say "please""#);
    check("Bearer error=invalid_token, realm=a", "invalid_token");
    check(r#"Bearer realm="error_description=no", error="yes""#, "yes");
    check(
        "Bearer resource_metadata=\"https://a.example.com/x\"",
        "Bearer resource_metadata=\"https://a.example.com/x\"",
    );
    check("Bearer error_description=\"unfinished", "unfinished");
    check("", "");
}
