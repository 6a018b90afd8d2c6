//! Requests of the gateway's own, to whoever the operator named: never with an app's credential.

use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
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
    authorization: Option<HeaderValue>,
    time_max: Duration,
    answer_bytes_max: usize,
}

/// What came back.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The body, whole.
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
        Ok(Self { client, url, authorization: None, time_max: TIME_MAX, answer_bytes_max: ANSWER_BYTES_MAX })
    }

    /// The same with other bounds for one exchange.
    pub fn within(self, time_max: Duration, answer_bytes_max: usize) -> Self {
        Self { time_max, answer_bytes_max, ..self }
    }

    /// The same with this `Authorization` in each request.
    pub fn authorized(self, authorization: HeaderValue) -> Self {
        Self { authorization: Some(authorization), ..self }
    }

    /// Where it posts to.
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// Sends a body and reads the answer, both within its bounds: three seconds and 64 KiB unless [`Self::within`] says others.
    /// Error: there is no whole answer (blame `Upstream`).
    pub async fn post(&self, kind: &'static str, body: impl Into<Bytes>) -> Result<Answered, Fault> {
        let mut request =
            Request::builder().method(Method::POST).uri(self.url.clone()).header(header::CONTENT_TYPE, kind);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization.clone());
        }
        let request = request
            .body(Full::new(body.into()))
            .map_err(|error| Fault::new(Blame::Bug, "bug.request", "a request could not be made").because(error))?;
        let exchange = async {
            let response =
                self.client.request(request).await.map_err(|error| self.silent("cannot be reached", error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), self.answer_bytes_max).collect().await;
            let body = body.map_err(|error| {
                let long = error.is::<LengthLimitError>();
                self.silent(if long { "answers with more than is read" } else { "broke off its answer" }, error)
            })?;
            let body = body.to_bytes();
            Ok(Answered { status, body })
        };
        match tokio::time::timeout(self.time_max, exchange).await {
            Ok(answered) => answered,
            Err(late) => Err(self.silent("did not answer in time", late)),
        }
    }

    fn silent(&self, what: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
        Fault::new(Blame::Upstream, "upstream.silent", format!("`{}` {what}", self.url)).because(cause)
    }
}

/// How long an exchange may take unless it is said otherwise.
const TIME_MAX: Duration = Duration::from_secs(3);
/// How much of an answer is read unless it is said otherwise.
const ANSWER_BYTES_MAX: usize = 64 << 10;
