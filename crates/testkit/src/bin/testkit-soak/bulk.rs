//! Many plain calls on a few connections that stay open.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use testkit::{HttpRequest, McpClient};

use crate::parts::{Load, Part};
use crate::stage::Stage;

/// Calls one tool for as long as the load goes on, on so many connections, in a thread of its own.
pub(crate) fn run(load: &mut Load, stage: &Stage, name: &'static str, kind: &Bulk) -> Result<()> {
    let client = McpClient::modern(stage.world.mcp_url())?.with_token(stage.token(0));
    let message = client.message("tools/call", &json!({"name": kind.tool, "arguments": {"bytes": kind.bytes}}));
    let prepared = Arc::new(Prepared::new(stage.world.base_url(), &client.http_request(&message))?);
    let connections = kind.connections;
    load.part(name, move |part| {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let client = Client::builder(TokioExecutor::new()).build_http();
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..connections {
                tasks.spawn(keep_calling(client.clone(), Arc::clone(&prepared), Arc::clone(&part)));
            }
            while tasks.join_next().await.is_some() {}
        });
    });
    Ok(())
}

/// What is called, and how.
pub(crate) struct Bulk {
    pub(crate) tool: &'static str,
    pub(crate) bytes: usize,
    pub(crate) connections: usize,
}

struct Prepared {
    uri: http::Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Prepared {
    fn new(base: &str, request: &HttpRequest) -> Result<Self> {
        let uri = format!("{base}{}", request.path).parse().context("no address")?;
        let header = |(name, value): &(String, String)| {
            Ok((HeaderName::try_from(name.as_str())?, HeaderValue::try_from(value.as_str())?))
        };
        let headers = request.headers.iter().map(header).collect::<Result<_>>()?;
        Ok(Self { uri, headers, body: Bytes::from(request.body.clone()) })
    }
}

async fn keep_calling(client: Client<HttpConnector, Full<Bytes>>, prepared: Arc<Prepared>, part: Arc<Part>) {
    while part.goes_on() {
        match call(&client, &prepared).await {
            Ok(()) => drop(part.done.fetch_add(1, Ordering::Relaxed)),
            Err(error) => part.failed(&error),
        }
    }
}

async fn call(client: &Client<HttpConnector, Full<Bytes>>, prepared: &Prepared) -> Result<()> {
    let mut request = Request::post(prepared.uri.clone()).body(Full::new(prepared.body.clone()))?;
    request.headers_mut().extend(prepared.headers.iter().cloned().map(|(name, value)| (Some(name), value)));
    let response = client.request(request).await.context("no response")?;
    let status = response.status();
    let body = response.into_body().collect().await.context("the response broke off")?.to_bytes();
    let start = || String::from_utf8_lossy(&body).chars().take(300).collect::<String>();
    ensure!(status.is_success(), "HTTP {status}: {}", start());
    ensure!(memchr::memmem::find(&body, b"xxxx").is_some(), "not the payload: {}", start());
    Ok(())
}
