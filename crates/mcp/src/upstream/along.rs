//! What passes between a client and an app while a call is under way: progress and log messages to the client whose call
//! caused them and to nobody else, its `_meta` and its change of mind to the app.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use decide::Scrub;
use json::{Document, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The way along one call. Cheap to clone.
#[derive(Clone)]
pub struct Along {
    shared: Arc<Shared>,
}

struct Shared {
    to_client: mpsc::Sender<Bytes>,
    /// The client's own token, exactly as it came, and the one that stands for it at the app.
    progress: Option<(Bytes, u64)>,
    /// Members of `_meta` that are passed on, each as it came.
    meta: Vec<u8>,
    scrub: Arc<dyn Scrub>,
    cancelled: CancellationToken,
}

impl Along {
    /// The way along a call with this `_meta`. What the app says arrives at the receiver.
    pub fn of(meta: Option<Value<'_, '_>>, scrub: Arc<dyn Scrub>) -> (Self, mpsc::Receiver<Bytes>) {
        let (to_client, told) = mpsc::channel(MESSAGES_WAITING_MAX);
        let token = meta.and_then(|meta| meta.get("progressToken"));
        let token = token.filter(|token| token.as_str().is_some() || token.as_i64().is_some());
        let progress =
            token.map(|token| (Bytes::copy_from_slice(token.raw()), NEXT_TOKEN.fetch_add(1, Ordering::Relaxed)));
        let meta = passed_on(meta);
        let cancelled = CancellationToken::new();
        (Self { shared: Arc::new(Shared { to_client, progress, meta, scrub, cancelled }) }, told)
    }

    /// What stands in the `_meta` of the request to the app, besides what its revision wants: members, without braces.
    pub fn meta(&self) -> Vec<u8> {
        let mut meta = self.shared.meta.clone();
        if let Some((_, token)) = &self.shared.progress {
            if !meta.is_empty() {
                meta.push(b',');
            }
            meta.extend_from_slice(format!("\"progressToken\":{token}").as_bytes());
        }
        meta
    }

    /// Ends when the client has changed its mind.
    pub async fn cancelled(&self) {
        self.shared.cancelled.cancelled().await;
    }

    /// The client has changed its mind.
    pub fn cancel(&self) {
        self.shared.cancelled.cancel();
    }

    /// Whether a notification is progress of this call.
    pub fn is_progress(&self, notification: &[u8]) -> bool {
        let Some((_, token)) = &self.shared.progress else { return false };
        let Ok(document) = Document::parse(notification) else { return false };
        let said = document.root().get("params").and_then(|params| params.get("progressToken"));
        said.and_then(|said| said.as_i64()).is_some_and(|said| u64::try_from(said) == Ok(*token))
    }

    /// Passes a notification of the app on: progress under the client's own token, log messages as they are. Anything
    /// else is not about this call. A client that does not read for a long time misses some.
    pub fn tell(&self, notification: &Bytes, method: &str) {
        let message = match method {
            "notifications/progress" => match self.under_own_token(notification) {
                Some(message) => message,
                None => return,
            },
            "notifications/message" => notification.clone(),
            other => {
                tracing::debug!(method = other, "a notification of an app is not about a call");
                return;
            }
        };
        let message = self.shared.scrub.scrub(&message).map_or(message, |(clean, _)| Bytes::from(clean));
        if self.shared.to_client.try_send(message).is_err() {
            tracing::debug!(method, "a client reads too slowly, or not any more, and misses a notification");
        }
    }

    fn under_own_token(&self, notification: &Bytes) -> Option<Bytes> {
        let (own, _) = self.shared.progress.as_ref().filter(|_| self.is_progress(notification))?;
        let document = Document::parse(notification).ok()?;
        let span = document.root().get("params")?.get("progressToken")?.span();
        Some(Bytes::from(json::splice(notification, &[(span, own)])))
    }
}

/// Members of a client's `_meta` that are for the app: all but those of the protocol between client and gateway.
fn passed_on(meta: Option<Value<'_, '_>>) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in meta.into_iter().flat_map(|meta| meta.entries()) {
        if key == "progressToken" || key.starts_with("io.modelcontextprotocol/") {
            continue;
        }
        if !out.is_empty() {
            out.push(b',');
        }
        json::write_string(&mut out, &key);
        out.push(b':');
        out.extend_from_slice(value.raw());
    }
    out
}

/// Messages of an app that a client has not read yet.
const MESSAGES_WAITING_MAX: usize = 256;
static NEXT_TOKEN: AtomicU64 = AtomicU64::new(1);
