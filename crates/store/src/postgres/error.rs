//! From PostgreSQL's words to ours.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use trace::{StoreFault, StoreFaultKind};

/// Why something was not done, and whether another link could do it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) fault: StoreFault,
    /// The link is gone, and with it the session.
    pub(super) lost: bool,
}

impl Failure {
    /// Nothing was heard for too long.
    pub(super) fn silent() -> Self {
        let (said, hint) = words(StoreFaultKind::Broken);
        let fault = StoreFault::new(StoreFaultKind::Broken, said).with_hint(hint);
        Self { fault: fault.because("the database server has not answered in time"), lost: true }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = error.code().cloned();
        let lost =
            error.is_closed() || code.as_ref().is_none_or(|code| LOST.iter().any(|it| code.code().starts_with(it)));
        let kind = code.as_ref().map_or(StoreFaultKind::Broken, kind_of);
        let (said, hint) = code.as_ref().and_then(better_words).unwrap_or_else(|| words(kind));
        Self { fault: StoreFault::new(kind, said).with_hint(hint).because(error), lost }
    }
}

impl From<StoreFault> for Failure {
    fn from(fault: StoreFault) -> Self {
        Self { fault, lost: false }
    }
}

impl From<Failure> for StoreFault {
    fn from(failure: Failure) -> Self {
        failure.fault
    }
}

/// A fault of the log that the server has no word for.
pub(super) fn fault_of_kind(kind: StoreFaultKind) -> StoreFault {
    let (said, hint) = words(kind);
    StoreFault::new(kind, said).with_hint(hint)
}

/// A value that cannot be what was written.
pub(super) fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreFault {
    fault_of_kind(StoreFaultKind::Corrupt).because(error)
}

fn kind_of(code: &SqlState) -> StoreFaultKind {
    if FULL.iter().any(|it| code == it) {
        StoreFaultKind::Full
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        StoreFaultKind::ReadOnly
    } else if LOCKED.iter().any(|it| code == it) {
        StoreFaultKind::Locked
    } else if DAMAGED.iter().any(|it| code == it) {
        StoreFaultKind::Corrupt
    } else if MISSING.iter().any(|it| code == it) {
        StoreFaultKind::Missing
    } else {
        StoreFaultKind::Broken
    }
}

/// Where the server's word says more than the kind of fault.
fn better_words(code: &SqlState) -> Option<(&'static str, &'static str)> {
    if ENTRY.iter().any(|it| code == it) {
        return Some((
            "the database server does not let this user in",
            "check the user and the password, and `pg_hba.conf`",
        ));
    }
    if *code == SqlState::INVALID_CATALOG_NAME {
        return Some(("there is no such database on this server", "create it, for example with `createdb`"));
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return Some((
            "this user may not work with the tables of the trace",
            "let the user that first started a gateway own them, or grant it the right to create in the database",
        ));
    }
    None
}

/// Hints name no server: they may reach a caller.
fn words(kind: StoreFaultKind) -> (&'static str, &'static str) {
    match kind {
        StoreFaultKind::Full => {
            ("there is no room left for the trace", "free space on the disk of the database server")
        }
        StoreFaultKind::ReadOnly => {
            ("the database of the trace takes no writes", "name the primary server, or make the database writable")
        }
        StoreFaultKind::Locked => {
            ("somebody else holds a lock on the trace", "let them finish, or stop them, and try again")
        }
        StoreFaultKind::Corrupt => {
            ("the trace is damaged", "keep a copy of the database, and restore the last backup or start another log")
        }
        StoreFaultKind::Newer => {
            ("a newer version of countersign wrote this database", "use that version, or another database")
        }
        StoreFaultKind::Older => {
            ("an older version of countersign wrote this database", "start a gateway once to bring it forward")
        }
        StoreFaultKind::Missing => {
            ("there is no trace here", "name the database and the log of a gateway that has run")
        }
        StoreFaultKind::Question => (
            "the question would look through too many records",
            "say from when on (`since:`), or of which agent, person, app, rule or task",
        ),
        StoreFaultKind::Key => (
            "the key that opens the trace's bodies cannot be used",
            "make the file `trace-keys/bodies.key` readable for this user and for nobody else",
        ),
        StoreFaultKind::Broken => (
            "the database of the trace cannot be reached",
            "look at the database server and at the log of this program",
        ),
    }
}

/// Classes of words after which the session is over: the connection, the operator who stops the server.
const LOST: [&str; 3] = ["08", "57P", "58"];
const FULL: [SqlState; 2] = [SqlState::DISK_FULL, SqlState::INSUFFICIENT_RESOURCES];
const LOCKED: [SqlState; 3] = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::OBJECT_IN_USE];
const DAMAGED: [SqlState; 2] = [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED];
const MISSING: [SqlState; 3] =
    [SqlState::INVALID_CATALOG_NAME, SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
const ENTRY: [SqlState; 2] = [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION];
