//! Subscriptions of a child that speaks 2026-07-28: it tells of all of them on the one channel there is.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use json::Document;
use tokio::sync::mpsc;

use super::pipe::Pipe;
use super::{ChildLink, lock};
use crate::upstream::reply::cancelled_notice;
use crate::upstream::watch::{Ended, Overheard, Watch};
use crate::upstream::{Ask, request};

/// Who listens to which subscription.
pub(super) struct Subscriptions {
    told: Mutex<HashMap<u64, mpsc::Sender<Bytes>>>,
    over: mpsc::UnboundedSender<u64>,
}

/// One subscription; over when it is dropped.
struct Until {
    shared: Arc<super::Shared>,
    id: u64,
}

impl ChildLink {
    /// Sends a `subscriptions/listen`; what the child says about it arrives at what is given.
    pub(crate) async fn listen(&self, ask: &Ask<'_>) -> Result<Watch, Ended> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = mpsc::channel(TOLD_WAITING_MAX);
        lock(&self.shared.subscriptions.told).insert(id, tell);
        let until = Until { shared: Arc::clone(&self.shared), id };
        self.notify(&request(id, ask)).await.map_err(Ended::Broken)?;
        Ok(Watch::of_child(Overheard { told, _until: Box::new(until) }, id))
    }
}

impl Subscriptions {
    /// Nobody listens yet. What is over arrives at the receiver.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<u64>) {
        let (over, overs) = mpsc::unbounded_channel();
        (Self { told: Mutex::default(), over }, overs)
    }

    /// Takes a notification that says which subscription it is about.
    pub(super) fn take(&self, message: &Bytes) -> bool {
        let told = lock(&self.told);
        if told.is_empty() {
            return false;
        }
        let Ok(document) = Document::parse(message) else { return false };
        let meta = document.root().get("params").and_then(|params| params.get("_meta"));
        let id = meta.and_then(|meta| meta.get(SUBSCRIPTION_KEY)).and_then(|id| id.as_i64());
        let listener = id.and_then(|id| u64::try_from(id).ok()).and_then(|id| told.get(&id));
        if let Some(listener) = listener
            && listener.try_send(message.clone()).is_err()
        {
            tracing::debug!("a child tells more than anybody can hear");
        }
        listener.is_some()
    }

    /// Takes the answer to the request that opened a subscription: it is over.
    pub(super) fn end(&self, id: u64, message: &Bytes) -> bool {
        let listener = lock(&self.told).remove(&id);
        listener.is_some_and(|listener| listener.try_send(message.clone()).is_ok())
    }

    /// The child is gone.
    pub(super) fn end_all(&self) {
        lock(&self.told).clear();
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        if lock(&self.shared.subscriptions.told).remove(&self.id).is_some() {
            let _ = self.shared.subscriptions.over.send(self.id);
        }
    }
}

/// Tells the child what nobody listens to any more.
pub(super) async fn tell_what_is_over(stdin: Pipe, mut overs: mpsc::UnboundedReceiver<u64>) {
    while let Some(id) = overs.recv().await {
        if stdin.write(cancelled_notice(id).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// In the `_meta` of what is told to a subscriber.
const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";
const TOLD_WAITING_MAX: usize = 64;
