//! The legacy session with the gateway, which outlives the gateway's restarts.

use bytes::Bytes;
use http::HeaderMap;
use json::Document;
use model::{Blame, Fault};
use tokio::sync::Mutex;

use super::link::{Broken, Link, whole};

/// What was agreed on, and how to agree on it again.
#[derive(Default)]
pub(super) struct Session {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    initialize: Option<Bytes>,
    id: Option<String>,
    revision: Option<String>,
}

impl Session {
    /// The headers of a message in the session; none before there is one.
    pub(super) async fn headers(&self) -> Vec<(&'static str, String)> {
        let state = self.state.lock().await;
        let id = state.id.clone().map(|id| (SESSION, id));
        let revision = state.revision.clone().map(|revision| ("mcp-protocol-version", revision));
        id.into_iter().chain(revision).collect()
    }

    /// Remembers what was agreed on, if it was.
    pub(super) async fn opened(&self, initialize: &Bytes, headers: &HeaderMap, answer: &[u8]) {
        if let Some((id, revision)) = agreed(headers, answer) {
            *self.state.lock().await = State { initialize: Some(initialize.clone()), id, revision: Some(revision) };
        }
    }

    /// Agrees again, unless somebody has done it since the message with these headers left.
    pub(super) async fn renew(&self, link: &Link, stale: &[(&'static str, String)]) -> Result<(), Fault> {
        let mut state = self.state.lock().await;
        if state.id.as_deref() != session_of(stale) {
            return Ok(());
        }
        let lost =
            || Fault::new(Blame::Operator, "operator.session", "the session with the gateway could not be renewed");
        let Some(initialize) = state.initialize.clone() else { return Err(lost()) };
        let arriving = link.post(&[], initialize).await.map_err(Broken::into_fault)?;
        let headers = arriving.response.headers().clone();
        let (id, revision) = agreed(&headers, &whole(arriving).await?).ok_or_else(lost)?;
        state.id = id;
        state.revision = Some(revision);
        let again: Vec<_> = state.id.clone().map(|id| (SESSION, id)).into_iter().collect();
        let _ = link.post(&again, Bytes::from_static(INITIALIZED)).await;
        Ok(())
    }

    /// The session is over.
    pub(super) async fn end(&self, link: &Link) {
        let headers = self.headers().await;
        if session_of(&headers).is_some() {
            let _ = link.delete(&headers).await;
        }
    }
}

impl Broken {
    pub(super) fn into_fault(self) -> Fault {
        match self {
            Self::Before(fault) | Self::After(fault) => fault,
        }
    }
}

/// The id of the session these headers name.
pub(super) fn session_of<'h>(headers: &'h [(&'static str, String)]) -> Option<&'h str> {
    headers.iter().find(|(name, _)| *name == SESSION).map(|(_, id)| id.as_str())
}

/// The session's id and its revision, where the answer is one to `initialize`.
fn agreed(headers: &HeaderMap, answer: &[u8]) -> Option<(Option<String>, String)> {
    let document = Document::parse(answer).ok()?;
    let revision = document.root().get("result")?.get("protocolVersion")?.as_str()?.into_owned();
    let id = headers.get(SESSION).and_then(|id| id.to_str().ok()).map(str::to_owned);
    Some((id, revision))
}

const SESSION: &str = "mcp-session-id";
const INITIALIZED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
