//! The map of the logs of a database: a round a second, made by the gateway whose turn it is.

use std::sync::Arc;
use std::time::Duration;

use model::{Blame, Clock, Fault};
use store::{Location, LogMap, Turn};
use tlog::{Frontier, SigningKey};
use trace::{Round, StoreFault, StoreFaultKind, map_origin};

use crate::again::{Again, Time};

/// Starts the thread, where the trace stands in a database. `origin` is what the log of this gateway is called, and these keys
/// sign it. Error: the system gives no thread.
pub fn map_on(trace: &Location, origin: String, keys: Vec<SigningKey>, clock: Arc<dyn Clock>) -> Result<Again, Fault> {
    let Location::Database(address) = trace else { return Ok(Again::never()) };
    let mut worker = Worker {
        map: LogMap::of(address, &format!("{origin} {}", std::process::id())),
        origin,
        keys,
        clock,
        well: true,
    };
    let work = move |time| {
        if time == Time::OneOfMany {
            worker.look();
        }
    };
    Again::start("trace-map", EVERY, work).map_err(|error| {
        Fault::new(Blame::Operator, "trace.no_thread", "the thread that maps the logs could not be started")
            .because(error)
    })
}

struct Worker {
    map: LogMap,
    origin: String,
    keys: Vec<SigningKey>,
    clock: Arc<dyn Clock>,
    /// Whether the last look went well.
    well: bool,
}

impl Worker {
    fn look(&mut self) {
        let Self { map, origin, keys, clock, .. } = self;
        let turn = map.turn(|standing| {
            let last = standing.last.as_ref();
            let round = Round::after(last.map(|last| &last.round), clock.now(), standing.heads.clone());
            let tree = last.map_or_else(Frontier::new, |last| last.tree.clone());
            let called = standing.origin.clone().unwrap_or_else(|| map_origin(origin));
            let unsigned =
                |error| StoreFault::new(StoreFaultKind::Broken, "a round of the map cannot be signed").because(error);
            round.map(|round| round.sign(&called, &tree, keys)).transpose().map_err(unsigned)
        });
        match turn {
            Ok(Turn::Added(added)) if !added.round.back.is_empty() => tracing::error!(
                logs = added.round.back.join(", "),
                round = added.round.number,
                "logs of this database are not what they were: they went back, or another one has their name"
            ),
            Ok(_) => {}
            Err(error) if self.well => {
                tracing::warn!(%error, hint = error.hint(), "the logs of this database could not be mapped; it is tried again");
                self.well = false;
                return;
            }
            Err(_) => return,
        }
        self.well = true;
    }
}

const EVERY: Duration = Duration::from_secs(1);
