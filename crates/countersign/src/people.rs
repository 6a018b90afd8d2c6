//! What happens to people's accounts and sessions, in the trace.

use std::sync::Arc;

use engine::{Change, Engine};
use identity::people::{Event, Known, Ledger, LedgerFuture, Parts, People, Row, STATE_KINDS};
use model::{Blame, Directory, Fault, Secret};
use trace::{LogReader, StateWrite};

/// People with the accounts and sessions that the trace's state holds.
pub fn people(
    engine: &Engine,
    directory: Arc<dyn Directory>,
    browsers: Secret<[u8; 32]>,
    reader: &dyn LogReader,
) -> Result<Arc<People>, Fault> {
    let mut known = Known::default();
    for kind in STATE_KINDS {
        for (key, value) in reader.state(kind).map_err(Fault::from)? {
            known.take(kind, &key, &value);
        }
    }
    let ledger = Arc::new(InTrace { engine: engine.clone() });
    let clock = Arc::clone(engine.clock());
    Ok(Arc::new(People::new(Parts { directory, clock, ledger, browsers }, known)?))
}

/// Rows of people as the trace takes them.
pub fn state(rows: Vec<Row>) -> Vec<StateWrite> {
    let write = |row: Row| StateWrite { kind: row.kind.to_owned(), key: row.key, value: row.value };
    rows.into_iter().map(write).collect()
}

struct InTrace {
    engine: Engine,
}

impl Ledger for InTrace {
    fn record(&self, event: Event) -> LedgerFuture<'_> {
        if event.what == "accounts.reset" {
            tracing::warn!(
                subject = event.subject,
                by = event.by,
                "somebody may choose another password for an account"
            );
        }
        let change = Change {
            by: event.by,
            what: event.what.to_owned(),
            subject: event.subject,
            human: event.human,
            detail: event.detail,
            state: state(event.state),
        };
        Box::pin(async { self.engine.change(change).await.map(drop) })
    }

    fn keep(&self, rows: Vec<Row>) -> LedgerFuture<'_> {
        let engine = self.engine.clone();
        let kept = tokio::task::spawn_blocking(move || engine.keep_blocking(state(rows)));
        Box::pin(async {
            kept.await.unwrap_or_else(|error| {
                Err(Fault::new(Blame::Bug, "bug.keeping", "the state could not be written").because(error))
            })
        })
    }
}
