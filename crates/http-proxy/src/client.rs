//! Pooled HTTP/1.1 connections to one app.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use decide::SendFault;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use model::{Blame, Fault};
use rustls::{ClientConfig, RootCertStore};

/// Connections to one app. It follows no redirect.
pub(crate) struct Client {
    pooled: Pooled<HttpsConnector<HttpConnector>, Full<Bytes>>,
    host: String,
}

impl Client {
    /// Error: the system's certificate authorities cannot be read (blame `Operator`).
    pub(crate) fn new(base: &Uri) -> Result<Self, Fault> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIME_MAX));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust(base)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let pooled = Pooled::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME_MAX)
            .pool_max_idle_per_host(IDLE_MAX)
            .http1_max_headers(HEADERS_MAX)
            .http1_max_buf_size(BUFFER_BYTES_MAX)
            .build(connector);
        Ok(Self { pooled, host: base.authority().map(ToString::to_string).unwrap_or_default() })
    }

    /// Sends one request and gives the head of its answer. After a fault `before`, nothing has left.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, SendFault> {
        self.pooled.request(request).await.map_err(|error| {
            let host = &self.host;
            if error.is_connect() {
                let fault = Fault::new(Blame::Upstream, "upstream.unreachable", format!("nothing answers at {host}"));
                return SendFault::before(
                    fault.hint("start the app, or correct its address").because(error).retryable(),
                );
            }
            let said = format!("{host} did not answer in HTTP, or closed the connection before it answered");
            SendFault::after(Fault::new(Blame::Upstream, "upstream.broke_off", said).because(error))
        })
    }
}

/// The system's certificate authorities are read once, when the first app that needs them is reached.
fn trust(base: &Uri) -> Result<ClientConfig, Fault> {
    static TRUSTING: OnceLock<ClientConfig> = OnceLock::new();
    if base.scheme() == Some(&Scheme::HTTP) {
        return Ok(ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    if let Some(config) = TRUSTING.get() {
        return Ok(config.clone());
    }
    let native = ClientConfig::builder().with_native_roots().map_err(|error| {
        let said = "the system's certificate authorities could not be read";
        Fault::new(Blame::Operator, "operator.no_roots", said)
            .hint("install the package `ca-certificates`")
            .because(error)
    })?;
    Ok(TRUSTING.get_or_init(|| native.with_no_client_auth()).clone())
}

const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
const IDLE_MAX: usize = 64;
const HEADERS_MAX: usize = 128;
const BUFFER_BYTES_MAX: usize = 64 << 10;
