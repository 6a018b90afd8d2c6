//! Messages over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::channel::Untold;

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

    /// Hands one over. The address is a secret, and so may headers be: what is said of a failure quotes neither the address nor what
    /// came back, in which a server may repeat them.
    pub(crate) async fn post(&self, body: String) -> Result<(), Untold> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let answer = self.client.request(request).await.map_err(|_| "it cannot be reached".to_owned())?;
        let (status, again_after) = (answer.status(), again_after(answer.headers()));
        if status.is_success() {
            return Ok(());
        }
        // Read to its end, the connection is good for another message.
        let _of_no_interest = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Err(Untold { said: format!("it answered {status}"), again_after, refused: is_of_the_message(status) })
    }
}

/// Whether this is said of what was sent, and not of who sends it or of when.
fn is_of_the_message(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY)
}

/// What `Retry-After` says, where it says it in seconds.
pub fn again_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
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

#[cfg(test)]
mod tests;
