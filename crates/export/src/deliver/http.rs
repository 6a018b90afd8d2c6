//! Collectors over HTTP.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::{Untaken, Why};
use crate::limits::ANSWER_BYTES_MAX;
use crate::sink::Headers;

/// One address that takes requests.
pub(crate) struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    headers: HeaderMap,
    unsaid: Unsaid,
}

/// What stands in an address and in headers, of which anything may be a token. A server that repeats any of it is not quoted.
struct Unsaid(Vec<String>);

impl Collector {
    pub(super) fn new(url: &Uri, headers: &Headers, kind: &'static str) -> Result<Self, String> {
        let builder = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|error| format!("the system's certificate authorities could not be read: {error}"))?;
        let connector = builder.https_or_http().enable_http1().build();
        let mut all = headers.0.clone();
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let (client, unsaid) = (Client::builder(TokioExecutor::new()).build(connector), Unsaid::of(url, headers));
        Ok(Self { client, url: url.clone(), headers: all, unsaid })
    }

    /// Sends a body; gives back the answer to it.
    pub(super) async fn post(&self, body: Vec<u8>) -> Result<Bytes, Untaken> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let answer = self.client.request(request).await.map_err(|error| chain(&error))?;
        let (status, again_after) = (answer.status(), notify::again_after(answer.headers()));
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let said = match self.quote(&String::from_utf8_lossy(&body)) {
            Some(said) if !said.is_empty() => format!("it answered {status}: {said}"),
            _ => format!("it answered {status}"),
        };
        let why = if status == StatusCode::PAYLOAD_TOO_LARGE { Why::TooLarge } else { Why::NotNow };
        Err(Untaken { said, again_after, why })
    }

    /// What the server says, in a line. None: it repeats something that is not to be said.
    pub(super) fn quote(&self, said: &str) -> Option<String> {
        let quoted = || said.chars().filter(|c| !c.is_control()).take(QUOTED_CHARS_MAX).collect();
        (!self.unsaid.stands_in(said)).then(quoted)
    }
}

// === impl Unsaid ===

impl Unsaid {
    /// Pieces without signs, so that they are found however a server escapes what it repeats.
    fn of(url: &Uri, headers: &Headers) -> Self {
        let address = url.path_and_query().map_or("", http::uri::PathAndQuery::as_str).as_bytes();
        let texts = std::iter::once(address).chain(headers.0.values().map(HeaderValue::as_bytes));
        let pieces = texts.flat_map(|text| text.split(|byte| !byte.is_ascii_alphanumeric()));
        let long = pieces.filter(|piece| piece.len() >= UNSAID_BYTES_MIN);
        Self(long.map(|piece| String::from_utf8_lossy(piece).to_ascii_lowercase()).collect())
    }

    fn stands_in(&self, said: &str) -> bool {
        let said = said.to_ascii_lowercase();
        self.0.iter().any(|piece| said.contains(piece.as_str()))
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

const QUOTED_CHARS_MAX: usize = 200;
/// What is shorter is no token, and stands in many words.
const UNSAID_BYTES_MIN: usize = 4;
pub(super) const JSON: &str = "application/json";
pub(super) const PROTOBUF: &str = "application/x-protobuf";

#[cfg(test)]
mod tests;
