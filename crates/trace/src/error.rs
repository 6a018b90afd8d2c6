//! What can go wrong with the record, and whom to blame.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use model::{Blame, Fault};
use tlog::limits::ENTRY_BYTES_MAX;

/// Why a record is not in the log.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The store did not take it. Many callers can share one failed commit. Blame: operator.
    #[error("the record could not be written")]
    NotRecorded {
        /// What the store said.
        #[source]
        fault: Arc<StoreFault>,
    },
    /// The journal is closed, or its thread is gone. Blame: operator.
    #[error("the trace is closed")]
    Closed,
    /// `RECORDS_WAITING_MAX` records wait for the disk, and this caller cannot wait. Blame: operator.
    #[error("too many records wait for the disk")]
    Full,
    /// The record contradicts itself or holds something that is not JSON. Blame: us.
    #[error("a record is malformed: {what}")]
    Malformed {
        /// What is wrong, in words.
        what: &'static str,
    },
    /// It does not fit into a tile of the log: so many rules decided it that their names alone fill one. Blame: rule.
    #[error("what is hashed of the record takes {bytes} bytes, and {ENTRY_BYTES_MAX} is the most")]
    TooLong {
        /// How many bytes.
        bytes: usize,
    },
    /// The system gives no random bytes. Blame: operator.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The thread that writes could not be started. Blame: operator.
    #[error("the thread that writes the trace could not be started")]
    NoThread(#[source] std::io::Error),
    /// The record of an erasure is written, and what it is of could not be destroyed yet. Blame: operator.
    #[error("the erasure is on record and not finished")]
    NotErased(#[source] StoreFault),
    /// Texts that are on record as let go are still there, or some of them. Blame: operator.
    #[error("that texts are let go is on record, and it is not finished")]
    NotLetGo(#[source] StoreFault),
    /// The log could not be read. Blame: as the store says.
    #[error("the trace could not be read")]
    NotRead(#[source] StoreFault),
}

/// What a store says when it could not do as asked.
#[derive(Debug)]
pub struct StoreFault {
    kind: StoreFaultKind,
    said: String,
    hint: Option<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// What is the matter with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFaultKind {
    /// No room left.
    Full,
    /// It may be read only.
    ReadOnly,
    /// Somebody else holds it.
    Locked,
    /// What it holds makes no sense.
    Corrupt,
    /// A newer version of this program wrote it.
    Newer,
    /// A version that is no longer understood wrote it.
    Older,
    /// It is not there.
    Missing,
    /// The question is wrong: too short, or it fits several records. Blame: caller.
    Question,
    /// The file with the key that opens its bodies cannot be used.
    Key,
    /// Anything else: the disk, the system.
    Broken,
}

// === impl TraceError ===

impl TraceError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotRecorded { .. } => "trace.not_recorded",
            Self::Closed => "trace.closed",
            Self::Full => "trace.full",
            Self::Malformed { .. } => "trace.malformed",
            Self::TooLong { .. } => "trace.too_long",
            Self::NoRandomness => "trace.no_randomness",
            Self::NoThread(_) => "trace.no_thread",
            Self::NotErased(_) => "trace.not_erased",
            Self::NotLetGo(_) => "trace.not_let_go",
            Self::NotRead(_) => "trace.not_read",
        }
    }

    /// Who has to do something about it.
    pub fn blame(&self) -> Blame {
        match self {
            Self::NotRecorded { .. }
            | Self::Closed
            | Self::Full
            | Self::NoRandomness
            | Self::NoThread(_)
            | Self::NotErased(_)
            | Self::NotLetGo(_) => Blame::Operator,
            Self::Malformed { .. } => Blame::Bug,
            Self::TooLong { .. } => Blame::Rule,
            Self::NotRead(fault) => fault.blame(),
        }
    }

    /// The way out, if there is one.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NotRecorded { fault } => fault.hint(),
            Self::NotRead(fault) => fault.hint(),
            Self::NotErased(fault) | Self::NotLetGo(fault) if fault.kind() == StoreFaultKind::Broken => fault.hint(),
            Self::NotErased(_) | Self::NotLetGo(_) => Some(
                "let what reads the trace or its database at length (a backup, another program, a replica) or keeps others from \
                 writing to it come to its end: the gateway tries again every ten minutes, and when it starts",
            ),
            Self::Closed => Some("the gateway is stopping; try again once it has started"),
            Self::Full => Some("the disk is slower than the calls; see `countersign doctor`"),
            Self::TooLong { .. } => {
                Some("a thousand rules or so decide one call together: write fewer that say the same")
            }
            Self::Malformed { .. } | Self::NoRandomness | Self::NoThread(_) => None,
        }
    }

    fn retryable(&self) -> bool {
        match self {
            Self::NotRecorded { .. } | Self::Closed | Self::Full | Self::NoRandomness | Self::NoThread(_) => true,
            Self::Malformed { .. }
            | Self::TooLong { .. }
            | Self::NotErased(_)
            | Self::NotLetGo(_)
            | Self::NotRead(_) => false,
        }
    }
}

impl From<TraceError> for Fault {
    fn from(error: TraceError) -> Self {
        let mut fault = Self::new(error.blame(), error.code(), error.to_string());
        if let Some(hint) = error.hint() {
            fault = fault.hint(hint.to_owned());
        }
        if error.retryable() {
            fault = fault.retryable();
        }
        match error {
            TraceError::NotRecorded { fault: cause } => fault.because(cause),
            TraceError::NotRead(cause) | TraceError::NotErased(cause) | TraceError::NotLetGo(cause) => {
                fault.because(cause)
            }
            TraceError::NoThread(cause) => fault.because(cause),
            TraceError::Closed
            | TraceError::Full
            | TraceError::Malformed { .. }
            | TraceError::TooLong { .. }
            | TraceError::NoRandomness => fault,
        }
    }
}

// === impl StoreFault ===

impl StoreFault {
    /// A fault of this kind, with the sentence that is shown (lower case, no full stop).
    pub fn new(kind: StoreFaultKind, said: impl Into<String>) -> Self {
        Self { kind, said: said.into(), hint: None, cause: None }
    }

    /// The way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The cause: for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What is the matter.
    pub fn kind(&self) -> StoreFaultKind {
        self.kind
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self.kind {
            StoreFaultKind::Full => "store.full",
            StoreFaultKind::ReadOnly => "store.read_only",
            StoreFaultKind::Locked => "store.locked",
            StoreFaultKind::Corrupt => "store.corrupt",
            StoreFaultKind::Newer => "store.newer",
            StoreFaultKind::Older => "store.older",
            StoreFaultKind::Missing => "store.missing",
            StoreFaultKind::Question => "store.question",
            StoreFaultKind::Key => "store.key",
            StoreFaultKind::Broken => "store.broken",
        }
    }

    /// Who has to do something about it.
    pub fn blame(&self) -> Blame {
        if self.kind == StoreFaultKind::Question { Blame::Caller } else { Blame::Operator }
    }

    /// The way out, if there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl Error for StoreFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl From<StoreFault> for Fault {
    fn from(fault: StoreFault) -> Self {
        let mut out = Self::new(fault.blame(), fault.code(), fault.said);
        if let Some(hint) = fault.hint {
            out = out.hint(hint);
        }
        match fault.cause {
            Some(cause) => out.because(cause),
            None => out,
        }
    }
}
