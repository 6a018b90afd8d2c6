//! Requests of the gateway's own, to whoever the operator named: never with an app's credential.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::{Blame, Fault};
use rustls::ClientConfig;

/// Posts to one address, and follows no redirect.
pub struct Outbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
}

/// What came back.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The body, up to [`ANSWER_BYTES_MAX`].
    pub body: Bytes,
}

impl Outbound {
    /// For this address. Error: the machine's certificate authorities cannot be read.
    pub fn to(url: Uri) -> Result<Self, Fault> {
        let config = ClientConfig::builder().with_native_roots().map_err(|error| {
            let said = "the system's certificate authorities could not be read";
            Fault::new(Blame::Operator, "operator.no_roots", said)
                .hint("install the package `ca-certificates`")
                .because(error)
        })?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth());
        let client = Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        Ok(Self { client, url })
    }

    /// Where it posts to.
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// Sends a body and reads the answer, both within [`TIME_MAX`]. Error: there is none (blame `Upstream`).
    pub async fn post(&self, kind: &'static str, body: impl Into<Bytes>) -> Result<Answered, Fault> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header(header::CONTENT_TYPE, kind)
            .body(Full::new(body.into()))
            .map_err(|error| Fault::new(Blame::Bug, "bug.request", "a request could not be made").because(error))?;
        let exchange = async {
            let response =
                self.client.request(request).await.map_err(|error| self.silent("cannot be reached", error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| self.silent("broke off its answer", error))?.to_bytes();
            Ok(Answered { status, body })
        };
        match tokio::time::timeout(TIME_MAX, exchange).await {
            Ok(answered) => answered,
            Err(late) => Err(self.silent("did not answer in time", late)),
        }
    }

    fn silent(&self, what: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
        Fault::new(Blame::Upstream, "upstream.silent", format!("`{}` {what}", self.url)).because(cause)
    }
}

/// How long an exchange may take.
const TIME_MAX: Duration = Duration::from_secs(3);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
