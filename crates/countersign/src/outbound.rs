//! Requests of the gateway's own, to whoever the operator named: never with an app's credential.

use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::{Blame, Fault};
use rustls::ClientConfig;

/// Sends requests, and follows no redirect.
#[derive(Clone)]
pub struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// How long an exchange may take.
    time_max: Duration,
    /// How much of an answer is read.
    bytes_max: usize,
}

/// Posts to one address.
pub struct Outbound {
    sender: Sender,
    url: Uri,
    authorization: Option<HeaderValue>,
}

/// What came back.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The body, whole.
    pub body: Bytes,
}

// === impl Sender ===

impl Sender {
    /// Within these bounds. Error: the machine's certificate authorities cannot be read.
    pub fn new(time_max: Duration, bytes_max: usize) -> Result<Self, Fault> {
        let config = ClientConfig::builder().with_native_roots().map_err(|error| {
            let said = "the system's certificate authorities could not be read";
            Fault::new(Blame::Operator, "operator.no_roots", said)
                .hint("install the package `ca-certificates`")
                .because(error)
        })?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth());
        let client = Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        Ok(Self { client, time_max, bytes_max })
    }

    /// Sends it and reads the answer. Error: there is none, or not all of it (blame `Upstream`).
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Fault> {
        let url = request.uri().clone();
        let exchange = async {
            let response = self.client.request(request).await;
            let (head, body) = response.map_err(|error| silent(&url, "cannot be reached", error))?.into_parts();
            let body = Limited::new(body, self.bytes_max).collect().await;
            let body = body.map_err(|error| {
                let long = error.is::<LengthLimitError>();
                silent(&url, if long { "answers with more than is read" } else { "broke off its answer" }, error)
            })?;
            let body = body.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        match tokio::time::timeout(self.time_max, exchange).await {
            Ok(answered) => answered,
            Err(late) => Err(silent(&url, "did not answer in time", late)),
        }
    }
}

// === impl Outbound ===

impl Outbound {
    /// For this address. Error: the machine's certificate authorities cannot be read.
    pub fn to(url: Uri) -> Result<Self, Fault> {
        Ok(Self { sender: Sender::new(TIME_MAX, ANSWER_BYTES_MAX)?, url, authorization: None })
    }

    /// The same with other bounds for one exchange.
    pub fn within(mut self, time_max: Duration, bytes_max: usize) -> Self {
        (self.sender.time_max, self.sender.bytes_max) = (time_max, bytes_max);
        self
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
        let (head, body) = self.sender.send(request).await?.into_parts();
        Ok(Answered { status: head.status, body })
    }
}

fn silent(url: &Uri, what: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::new(Blame::Upstream, "upstream.silent", format!("`{url}` {what}")).because(cause)
}

/// How long an exchange may take unless it is said otherwise.
const TIME_MAX: Duration = Duration::from_secs(3);
/// How much of an answer is read unless it is said otherwise.
const ANSWER_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
