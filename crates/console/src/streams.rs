//! Pages that are open and told of new records: how many there may be, and the one reader with which all of them look. In a database a
//! reader is a session of the server, and the server has few.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::limits::{CONSOLE_STREAMS_MAX, CONSOLE_STREAMS_PER_PERSON_MAX};
use model::{Blame, Fault, HumanId};
use tokio::sync::OwnedMutexGuard;
use trace::LogReader;

/// All of them.
#[derive(Default)]
pub(crate) struct Streams {
    open: Mutex<HashMap<HumanId, usize>>,
    reader: Arc<tokio::sync::Mutex<Option<Box<dyn LogReader>>>>,
}

/// The place of one of them, given back when it goes.
pub(crate) struct StreamPlace {
    streams: Arc<Streams>,
    human: HumanId,
}

/// The reader, for whoever looks; none where nobody has, or it failed.
pub(crate) type Turn = OwnedMutexGuard<Option<Box<dyn LogReader>>>;

// === impl Streams, StreamPlace ===

impl Streams {
    /// A place for a page of this person. Error: there are too many, of this person or of all.
    pub(crate) fn place(self: &Arc<Self>, human: &HumanId) -> Result<StreamPlace, Fault> {
        let mut open = self.lock();
        if open.values().sum::<usize>() >= CONSOLE_STREAMS_MAX {
            return Err(Fault::new(Blame::Operator, "gateway.busy", "too many pages are open").retryable());
        }
        let theirs = open.entry(human.clone()).or_default();
        if *theirs >= CONSOLE_STREAMS_PER_PERSON_MAX {
            let said =
                format!("{CONSOLE_STREAMS_PER_PERSON_MAX} pages of yours are open and told of new calls already");
            return Err(
                Fault::new(Blame::Caller, "caller.too_many", said).hint("close one of them, and load this one again")
            );
        }
        *theirs += 1;
        Ok(StreamPlace { streams: Arc::clone(self), human: human.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HumanId, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamPlace {
    /// Waits for the turn to look.
    pub(crate) async fn turn(&self) -> Turn {
        Arc::clone(&self.streams.reader).lock_owned().await
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        let left = open.get(&self.human).map_or(0, |theirs| theirs.saturating_sub(1));
        match left {
            0 => open.remove(&self.human),
            left => open.insert(self.human.clone(), left),
        };
    }
}

#[cfg(test)]
mod tests;
