//! What can go wrong with durable state: the table from SQLite's words to ours.

use std::path::{Path, PathBuf};

use model::{Blame, Fault};
use rusqlite::ErrorCode;
use trace::{StoreFault, StoreFaultKind};

/// Why a data directory or a database cannot be used. Blame: operator.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process works with it.
    #[error("the data directory `{}` is in use{}", path.display(), by(*pid))]
    Held {
        /// The data directory.
        path: PathBuf,
        /// The process, where it has said so.
        pid: Option<u32>,
    },
    /// Others can write to it.
    #[error("the data directory `{}` can be written to by others (mode {mode:o})", path.display())]
    Shared {
        /// The data directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The directory or the lock in it cannot be made or opened.
    #[error("`{}` cannot be used", path.display())]
    Directory {
        /// What was to be made or opened.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be opened.
    #[error("`{}` cannot be opened", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is the matter with it.
        #[source]
        fault: StoreFault,
    },
    /// The log in a database of a server cannot be opened.
    #[error("the trace in `{address}` cannot be opened: {fault}")]
    Server {
        /// Which database.
        address: String,
        /// What is the matter with it.
        #[source]
        fault: StoreFault,
    },
}

impl StoreError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Held { .. } => "store.held",
            Self::Shared { .. } => "store.shared",
            Self::Directory { .. } => "store.directory",
            Self::Database { fault, .. } | Self::Server { fault, .. } => fault.code(),
        }
    }

    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Held { pid: Some(pid), .. } => {
                Some(format!("stop process {pid} first, or name another data directory"))
            }
            Self::Held { pid: None, .. } => Some("stop the other process first, or name another data directory".into()),
            Self::Shared { .. } => {
                Some("name a directory of its own, or take the permission of others away: `chmod 700`".into())
            }
            Self::Directory { .. } => Some("name a directory that this user may write to".into()),
            Self::Database { fault, .. } | Self::Server { fault, .. } => fault.hint().map(str::to_owned),
        }
    }

    /// Whether a server answers and has no trace of this name.
    pub(crate) fn is_empty_server(&self) -> bool {
        use std::error::Error as _;
        matches!(self, Self::Server { fault, .. } if fault.kind() == StoreFaultKind::Missing && fault.source().is_none())
    }

    pub(crate) fn database(path: &Path, fault: StoreFault) -> Self {
        Self::Database { path: path.to_owned(), fault }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let fault = Self::new(Blame::Operator, error.code(), error.to_string());
        let fault = match error.hint() {
            Some(hint) => fault.hint(hint),
            None => fault,
        };
        match error {
            StoreError::Held { .. } => fault.retryable(),
            StoreError::Shared { .. } => fault,
            StoreError::Directory { source, .. } => fault.because(source),
            StoreError::Database { fault: cause, .. } | StoreError::Server { fault: cause, .. } => fault.because(cause),
        }
    }
}

/// SQLite's error in our words.
pub(crate) fn fault(error: rusqlite::Error) -> StoreFault {
    use StoreFaultKind as Kind;
    if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) {
        return StoreFault::new(Kind::Question, "the question would look through too many records")
            .with_hint("say from when on (`since:`), or of which agent, person, app, rule or task");
    }
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Kind::Full,
        Some(ErrorCode::ReadOnly) => Kind::ReadOnly,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Locked,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Kind::Corrupt,
        Some(_) => Kind::Broken,
        None if is_unreadable_value(&error) => Kind::Corrupt,
        None => Kind::Broken,
    };
    let (said, hint) = words(kind);
    StoreFault::new(kind, said).with_hint(hint).because(error)
}

/// The system's error about the redo log in our words.
pub(crate) fn fault_of_io(error: std::io::Error) -> StoreFault {
    use std::io::ErrorKind;
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreFaultKind::Full,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => StoreFaultKind::ReadOnly,
        _ => StoreFaultKind::Broken,
    };
    fault_of_kind(kind).because(error)
}

fn is_unreadable_value(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// Hints name no path: they may reach a caller.
fn words(kind: StoreFaultKind) -> (&'static str, &'static str) {
    match kind {
        StoreFaultKind::Full => ("there is no room left for the trace", "free space on the disk of the data directory"),
        StoreFaultKind::ReadOnly => {
            ("the trace is read only", "make the data directory and the files in it writable for this user")
        }
        StoreFaultKind::Locked => {
            ("another process is writing to the trace", "let it finish, or stop it, and try again")
        }
        StoreFaultKind::Corrupt => (
            "the trace file is damaged",
            "keep a copy of it, and restore the last backup or start a new data directory",
        ),
        StoreFaultKind::Newer => {
            ("a newer version of countersign wrote this file", "use that version, or another data directory")
        }
        StoreFaultKind::Older => (
            "a version of countersign from before the first release wrote this file",
            "keep it to be read with that version, and name another data directory",
        ),
        StoreFaultKind::Missing => ("there is no trace here", "name the data directory of a gateway that has run"),
        StoreFaultKind::Question => ("this question has no answer", "see `countersign trace --help`"),
        StoreFaultKind::Key => (
            "the key that opens the trace's bodies cannot be used",
            "make the file `trace-keys/bodies.key` readable for this user and for nobody else",
        ),
        StoreFaultKind::Broken => {
            ("the trace cannot be reached", "look at the disk of the data directory and at the log of this program")
        }
    }
}

/// A fault that SQLite has no word for.
pub(crate) fn fault_of_kind(kind: StoreFaultKind) -> StoreFault {
    let (said, hint) = words(kind);
    StoreFault::new(kind, said).with_hint(hint)
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
