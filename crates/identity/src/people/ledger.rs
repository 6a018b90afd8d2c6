//! Where what happens is put on record.

use std::future::Future;
use std::pin::Pin;

use model::{Fault, HumanId};

/// Something that happened to an account or a session, with the state it makes true.
#[derive(Debug, Clone)]
pub struct Event {
    /// What: `people.signed_in`.
    pub what: &'static str,
    /// Who did it: `human:ana`, `os-user:root`.
    pub by: String,
    /// To whom: `human:ana`, or `unknown`.
    pub subject: String,
    /// The person it is about, where it is about one of the directory.
    pub human: Option<HumanId>,
    /// Everything else worth keeping. Never a secret.
    pub detail: serde_json::Value,
    /// What is true from now on.
    pub state: Vec<Row>,
}

/// One value of what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// One of [`super::STATE_KINDS`].
    pub kind: &'static str,
    /// Which one.
    pub key: String,
    /// The value; none deletes it.
    pub value: Option<String>,
}

/// Writes what happened.
pub trait Ledger: Send + Sync {
    /// Writes the event and its state, both or neither; on disk when it returns. Error: neither is.
    fn record(&self, event: Event) -> LedgerFuture<'_>;

    /// Writes state that no record speaks of: when a session was used last, and that it is over by itself.
    fn keep(&self, rows: Vec<Row>) -> LedgerFuture<'_>;
}

/// What a ledger gives back.
pub type LedgerFuture<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;
