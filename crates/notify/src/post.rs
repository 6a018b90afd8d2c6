//! Messages over HTTP.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// One address that takes messages. Redirects are not followed.
pub struct Hook {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    headers: HeaderMap,
}

impl Hook {
    /// For this address. Error: the machine's certificate authorities cannot be read.
    pub(crate) fn new(url: &Uri, headers: &HeaderMap) -> Result<Self, String> {
        let connector = connector()?;
        let mut headers = headers.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), url: url.clone(), headers })
    }

    /// Hands one over.
    pub(crate) async fn post(&self, body: String) -> Result<(), String> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        // The address may be a secret: what is said of it names no part of it.
        let answer = self.client.request(request).await.map_err(|_| "it cannot be reached".to_owned())?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let said: String = String::from_utf8_lossy(&body).chars().filter(|c| !c.is_control()).take(200).collect();
        Err(format!("it answered {status}: {said}"))
    }
}

/// Connections, with the machine's certificate authorities. Error: they cannot be read.
pub(crate) fn connector() -> Result<HttpsConnector<HttpConnector>, String> {
    let builder = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| format!("the system's certificate authorities could not be read: {error}"))?;
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    Ok(builder.https_or_http().enable_http1().wrap_connector(http))
}

const ANSWER_BYTES_MAX: usize = 64 << 10;
