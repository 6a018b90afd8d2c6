//! Against an app by others: Node's HTTP/2 server.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use http::StatusCode;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::*;
use crate::client::{Client, Response};

struct App {
    process: Child,
    url: Uri,
}

/// What a test hears.
#[derive(Debug, Default)]
struct Kind(Option<String>);

impl Hears for Kind {
    fn hear(&mut self, name: &str, value: &[u8]) {
        assert!(!name.starts_with(':'), "{name}");
        if name == "content-type" {
            self.0 = Some(String::from_utf8(value.to_vec()).unwrap());
        }
    }
}

impl App {
    fn start() -> Self {
        let script = root().join("tests/node/http2-app.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .args(["gateway.pem", "gateway.key"].map(tls))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = format!("https://localhost:{}/v1", line.trim()).parse().unwrap();
        Self { process, url }
    }

    /// A client that trusts it, and speaks HTTP/2 or does not.
    fn client(&self, http2: bool) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(tls("gateway.pem")).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1();
        let connector = if http2 { builder.enable_http2().wrap_connector(tcp) } else { builder.wrap_connector(tcp) };
        Client::new(connector, self.url.clone())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tls(name: &str) -> PathBuf {
    root().join("crates/front/src/tls").join(name)
}

async fn asks(client: &Client, id: &str) -> Result<Response<Kind>, Broke> {
    let mut request = Request::to(&Method::GET, client.url(), &format!("/v1/candidates/{id}"));
    request.header("authorization", b"Bearer x").unwrap();
    request.header("accept", b"application/json").unwrap();
    client.send(&request.without_body()).await
}

async fn read(client: &Client, id: &str) -> String {
    let response = asks(client, id).await.unwrap();
    assert_eq!(response.head.status, StatusCode::OK, "{id}");
    assert_eq!(response.head.said.0.as_deref(), Some("application/json"));
    String::from_utf8(response.body.whole(1 << 20).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn one_connection_is_for_all_and_nothing_is_said_that_was_not_asked() {
    let app = App::start();
    let client = Arc::new(app.client(true));
    let said = read(&client, "c_1").await;
    let host = app.url.authority().unwrap();
    assert!(said.contains(r#""version":"2.0""#) && said.contains(&format!(r#""authority":"{host}""#)), "{said}");
    assert!(said.contains(r#""headers":["accept","authorization"]"#), "{said}");
    let mut reading = tokio::task::JoinSet::new();
    for number in 0..300 {
        let client = Arc::clone(&client);
        reading.spawn(async move { read(&client, &format!("c_{number}")).await });
    }
    let all = reading.join_all().await;
    assert!(all.iter().all(|said| said.contains(r#""version":"2.0""#)));
    // More at once than one connection takes go over others.
    let sessions =
        |said: &String| said.split(r#""sessions":"#).nth(1).unwrap().split(',').next().unwrap().parse::<u32>().unwrap();
    assert!(all.iter().map(sessions).max().unwrap() < 250);
    let said = read(&client, "c_trailers").await;
    assert!(!said.contains("r3al"), "{said}");
    let body = Bytes::from(format!("{{\"name\":\"{}\"}}", "x".repeat(300_000)));
    let request = Request::to(&Method::PATCH, client.url(), "/v1/candidates/c_2").with_body(body);
    let response: Response<Kind> = client.send(&request).await.unwrap();
    assert_eq!(response.head.version, Version::HTTP_2);
    assert!(response.body.whole(1 << 20).await.unwrap().len() > 300_000);
}

#[tokio::test]
async fn whoever_does_not_ask_for_it_speaks_http_1() {
    let app = App::start();
    let client = app.client(false);
    assert!(read(&client, "c_1").await.contains(r#""version":"1.1""#));
}

// INVARIANT: what is reported as refused was not looked at, by the app's own word; everything else may have been.
#[tokio::test]
async fn what_the_app_did_not_look_at_is_told_from_what_broke() {
    let app = App::start();
    let client = app.client(true);
    assert!(matches!(asks(&client, "c_refused").await, Err(Broke::Refused(_))));
    assert!(matches!(asks(&client, "c_reset").await, Err(Broke::Off(_))));
    assert!(read(&client, "c_1").await.contains(r#""sessions":1,"#), "the connection is as good as before");
    assert!(matches!(asks(&client, "c_goaway").await, Err(Broke::Refused(_))));
    assert!(read(&client, "c_1").await.contains(r#""version":"2.0""#), "over another connection");
    assert!(matches!(asks(&client, "c_gone").await, Err(Broke::Off(_))));
    let mut cut = asks(&client, "c_cut").await.unwrap().body;
    while let Ok(piece) = cut.next().await {
        assert!(piece.is_some(), "it was taken for whole");
    }
    drop(app);
    let gone = loop {
        if let Err(gone) = asks(&client, "c_1").await {
            break gone;
        }
    };
    assert!(matches!(gone, Broke::Unreachable(_) | Broke::Off(_)), "{gone:?}");
}

#[tokio::test]
async fn a_connection_that_was_closed_is_made_again_and_one_that_nobody_uses_is_let_go() {
    let app = App::start();
    let client = app.client(true);
    assert!(read(&client, "c_once").await.contains(r#""sessions":1,"#));
    // Whoever asks while the app closes it is told that nobody looked at it.
    while let Err(broke) = asks(&client, "c_1").await {
        assert!(matches!(broke, Broke::Refused(_)), "{broke:?}");
    }
    let mut said = read(&client, "c_1").await;
    while said.contains(r#""sessions":1,"#) {
        said = read(&client, "c_1").await;
    }
    assert!(said.contains(r#""sessions":2,"#), "{said}");
    for _ in 0..10 {
        client.rest();
    }
    assert!(read(&client, "c_1").await.contains(r#""sessions":3,"#));
}
