//! What the head of an app's answer says that MCP asks for.

use std::sync::Arc;

use http_client::Hears;

/// What its headers say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) kind: Kind,
    /// `Mcp-Session-Id`.
    pub(super) session: Option<Arc<str>>,
}

/// What a body is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// `application/json`.
    Json,
    /// `text/event-stream`.
    Events,
    /// Anything else.
    #[default]
    Other,
}

/// An answer of an app.
pub(super) type Response = http_client::Response<Said>;

impl Hears for Said {
    fn hear(&mut self, name: &str, value: &[u8]) {
        // Nearly all headers are none of these, and the length of the name says so.
        match name.len() {
            12 if name.eq_ignore_ascii_case("content-type") && self.kind == Kind::Other => {
                let value = value.trim_ascii_start();
                if starts(value, b"application/json") {
                    self.kind = Kind::Json;
                } else if starts(value, b"text/event-stream") {
                    self.kind = Kind::Events;
                }
            }
            14 if name.eq_ignore_ascii_case("mcp-session-id") && self.session.is_none() => {
                let visible = value.iter().all(|byte| (b' '..=b'~').contains(byte));
                self.session = std::str::from_utf8(value).ok().filter(|_| visible).map(Arc::from);
            }
            _ => {}
        }
    }
}

/// Passes over a short body, so that the connection is good for another exchange.
pub(super) async fn settled(response: Response) -> http::StatusCode {
    let status = response.head.status;
    if response.head.said.kind != Kind::Events {
        response.body.passed_over().await;
    }
    status
}

fn starts(value: &[u8], name: &[u8]) -> bool {
    value.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests;
