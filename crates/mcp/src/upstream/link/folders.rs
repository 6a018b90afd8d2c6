//! On which folders the client of a link works.
//!
//! An app with a session asks that once, and again when it is told that they have changed, and it asks apart from any call.
//! Nobody can be asked then. So it is told right before the next call of its client, which is the one that is asked, and the
//! call is sent when the app has the answer: it never runs on folders that the client has taken away.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use decide::SendFault;
use model::{Fault, Method};

use super::{Link, Transport};
use crate::upstream::conversation::Asks;
use crate::upstream::reply::{cancelled, to_question};
use crate::upstream::under_way::{Early, UnderWay};
use crate::upstream::{Ask, Asked};

/// What the app knows of them.
pub(super) struct Folders {
    /// How often they have changed, the beginning included.
    changes: AtomicU64,
    /// How many of these changes the app has had the time to ask about.
    known: AtomicU64,
    /// Whether it was waited for what the app asks when it is connected, where no rule lets it ask.
    waited: AtomicBool,
    /// Whether such a question was refused.
    refused: AtomicBool,
    /// Whoever has it sees to it that the app knows.
    telling: tokio::sync::Mutex<()>,
}

impl Default for Folders {
    fn default() -> Self {
        let (changes, known) = (AtomicU64::new(1), AtomicU64::new(0));
        let (waited, refused, telling) =
            (AtomicBool::new(false), AtomicBool::new(false), tokio::sync::Mutex::default());
        Self { changes, known, waited, refused, telling }
    }
}

impl Link {
    /// Its client works on other folders now: the app is told with the next call.
    pub(crate) fn roots_changed(&self) {
        self.folders.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Has the app ask, before a call that can be asked something, on which folders the client works, where it does not know
    /// yet. A call beside one that waits for that does not wait, too. Error: the call is cancelled meanwhile.
    pub(super) async fn folders_first(&self, asks: &Asks, asked: Asked, may_ask: bool) -> Result<(), SendFault> {
        if !self.manner.abilities.has_roots() || !asked.comes_back() {
            return Ok(());
        }
        let Ok(_telling) = self.folders.telling.try_lock() else { return Ok(()) };
        if !may_ask {
            self.turn_away().await;
            return Ok(());
        }
        let (changes, early) = (self.folders.changes.load(Ordering::Acquire), self.under_way().early());
        let known = self.folders.known.load(Ordering::Acquire);
        if known >= changes && early.is_empty() {
            return Ok(());
        }
        // What it asks from now on is about this call.
        let begun = self.under_way().begins_with_folders(self.next_id(), asks.clone());
        let told = tokio::select! {
            biased;
            () = asks.along.cancelled() => Err(SendFault::before(cancelled())),
            () = self.tell(asks, early, known, changes) => Ok(()),
        };
        // What could not be asked, for calls of another client are under way, is told once more with the next call.
        if self.under_way().ends_with_folders(begun) && told.is_ok() {
            self.folders.known.fetch_max(changes, Ordering::AcqRel);
        }
        told
    }

    /// Refuses what the app asks when it is connected: it is about no call, and ends none.
    async fn turn_away(&self) {
        if self.is_child() && !self.folders.waited.swap(true, Ordering::AcqRel) {
            self.wait_for_a_sign().await;
        }
        for question in self.under_way().early() {
            self.folders.refused.store(true, Ordering::Release);
            self.refuse(&question, "no rule lets it ask").await;
        }
    }

    async fn tell(&self, asks: &Asks, early: Vec<Early>, known: u64, changes: u64) {
        for question in early {
            let Early { id, params } = &question;
            if let Err(why_not) = asks.take(id.clone(), Method::Roots.as_str(), params.clone()) {
                self.refuse(&question, why_not).await;
            }
        }
        let changed = known < changes && (known > 0 || self.folders.refused.swap(false, Ordering::AcqRel));
        if changed {
            let told = self.say(ROOTS_CHANGED.to_vec()).await;
            tracing::debug!(?told, "an app is told that its client works on other folders");
        }
        if changed || (self.is_child() && known < changes) {
            self.wait_for_a_sign().await;
            if !self.is_child() {
                let _asks_nothing = tokio::time::timeout(ON_ANOTHER_STREAM_MAX, asks.open.asked()).await;
            }
        }
        asks.open.settled().await;
    }

    /// Waits until the app says that it is there: what it asks about what it was told comes before. Over HTTP it comes on
    /// another stream.
    async fn wait_for_a_sign(&self) {
        let header = self.own_header().ok().flatten();
        let sign = self.exchange(Ask::own("ping", b"{}".to_vec(), header));
        let answered = tokio::time::timeout(ANSWER_TIME_MAX, sign).await;
        tracing::debug!(ok = answered.is_ok(), "an app has had the time to ask for folders");
    }

    fn is_child(&self) -> bool {
        matches!(self.transport, Transport::Child(_))
    }

    async fn refuse(&self, Early { id, .. }: &Early, why_not: &str) {
        let sent = self.say(to_question(id, Method::Roots.as_str(), why_not)).await;
        tracing::debug!(why_not, ?sent, "an app asked for folders, and nobody could be asked");
    }

    /// Sends what nobody answers.
    pub(super) async fn say(&self, message: Vec<u8>) -> Result<(), Fault> {
        match &self.transport {
            Transport::Http(http) => {
                let header = self.own_header()?;
                http.notify(Bytes::from(message), header.as_ref(), &self.agreed).await
            }
            Transport::Child(child) => child.notify(&message).await,
        }
    }

    fn under_way(&self) -> &std::sync::Arc<UnderWay> {
        match &self.transport {
            Transport::Http(http) => &http.under_way,
            Transport::Child(child) => child.under_way(),
        }
    }

    fn next_id(&self) -> u64 {
        match &self.transport {
            Transport::Http(http) => http.spoken.next_id.fetch_add(1, Ordering::Relaxed),
            Transport::Child(child) => child.next_id(),
        }
    }
}

const ROOTS_CHANGED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
/// How long an app may take to say that it is there, before the call is sent all the same.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
const ON_ANOTHER_STREAM_MAX: Duration = Duration::from_millis(200);
