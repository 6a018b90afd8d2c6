//! `testkit-bearer`: a loopback proxy that adds a bearer token, for clients that cannot send one.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Uri};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A proxy to one URL. Prints `listening on http://127.0.0.1:PORT/mcp` on stdout. Requests and responses pass as they are,
/// streams included; only the token is added, and a `Host` that names the proxy becomes the target's.
#[derive(Parser)]
struct Arguments {
    /// Where requests go: `http://HOST:PORT/PATH`.
    #[arg(long)]
    to: Uri,
    /// What to add.
    #[arg(long)]
    token: String,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

/// What every request meets.
struct Proxy {
    own: String,
    authority: Authority,
    path: PathAndQuery,
    token: HeaderValue,
    client: Client<HttpConnector, Incoming>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(&arguments.listen).await;
        let listener = listener.with_context(|| format!("could not listen on `{}`", arguments.listen))?;
        let own = listener.local_addr()?;
        let proxy = Arc::new(Proxy::new(own, &arguments)?);
        announce(own);
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.context("could not accept a connection")?;
            stream.set_nodelay(true)?;
            let proxy = Arc::clone(&proxy);
            connections.spawn(async move {
                let service = service_fn(|request| proxy.pass(request));
                // Whichever side hangs up first, the other one is told by its connection.
                let _closed = hyper::server::conn::http1::Builder::new()
                    .preserve_header_case(true)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
            while connections.try_join_next().is_some() {}
        }
    })
}

// === impl Proxy ===

impl Proxy {
    fn new(own: SocketAddr, arguments: &Arguments) -> Result<Self> {
        ensure!(arguments.to.scheme_str() == Some("http"), "`--to` takes an `http` URL");
        let mut token = HeaderValue::try_from(format!("Bearer {}", arguments.token)).context("not a token")?;
        token.set_sensitive(true);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            own: own.to_string(),
            authority: arguments.to.authority().cloned().context("`--to` has no host")?,
            path: arguments.to.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
            token,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    async fn pass(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<BoxBody<Bytes, hyper::Error>>, http::Error> {
        let host = request.headers().get(http::header::HOST);
        // A host that is not ours is what some checks are about; it stays.
        if host.is_none_or(|host| host.as_bytes() == self.own.as_bytes()) {
            request.headers_mut().insert(http::header::HOST, HeaderValue::try_from(self.authority.as_str())?);
        }
        let origin = request.headers().get(http::header::ORIGIN).and_then(|origin| origin.to_str().ok());
        if origin.and_then(|origin| origin.strip_prefix("http://")) == Some(self.own.as_str()) {
            let origin = HeaderValue::try_from(format!("http://{}", self.authority))?;
            request.headers_mut().insert(http::header::ORIGIN, origin);
        }
        for name in HOP_BY_HOP {
            request.headers_mut().remove(name);
        }
        request.headers_mut().insert(AUTHORIZATION, self.token.clone());
        let uri = Uri::builder().scheme("http").authority(self.authority.clone()).path_and_query(self.path.clone());
        *request.uri_mut() = uri.build()?;
        match self.client.request(request).await {
            Ok(response) => Ok(response.map(BodyExt::boxed)),
            Err(_) => {
                let body = Empty::new().map_err(|never| match never {}).boxed();
                Response::builder().status(StatusCode::BAD_GATEWAY).body(body)
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "the address is this program's data")]
fn announce(address: SocketAddr) {
    println!("listening on http://{address}/mcp");
}

const HOP_BY_HOP: &[HeaderName] = &[http::header::CONNECTION, http::header::TRANSFER_ENCODING];
