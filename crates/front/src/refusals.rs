//! Requests of vendors that were turned away before they were calls: counted, and put on record within bounds.
//!
//! Anybody can send a request that is refused, so a record for each would let anybody fill the disk. For each source and kind there
//! is one record a second at most, with how many there were since the one before; the longer they go on, the rarer it gets. How many
//! sources are told apart is bounded as well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::{Change, Engine};
use http::Extensions;
use model::UnixMicros;
use model::limits::{REFUSED_SOURCES_MAX, REFUSED_WAIT_MAX, REFUSED_WAIT_MIN};

use crate::wire::Peer;

/// What was turned away, and is not on record yet.
#[derive(Debug, Default)]
pub struct Refusals {
    counted: Mutex<HashMap<Of, Counted>>,
}

/// Whose requests, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Of {
    source: Arc<str>,
    status: u16,
}

#[derive(Debug)]
struct Counted {
    /// How many since the last record.
    count: u64,
    /// Why the last one was.
    code: &'static str,
    /// Which key it had, where it was one that is known.
    key: Option<Arc<str>>,
    /// Before then nothing more is on record of them.
    due: UnixMicros,
    wait_us: i64,
}

/// One line of the trace.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    source: Arc<str>,
    status: u16,
    code: &'static str,
    key: Option<Arc<str>>,
    count: u64,
}

// === impl Refusals ===

impl Refusals {
    /// A request of this source was answered with this status, for a reason with this code.
    pub fn note(&self, source: &str, status: u16, code: &'static str, key: Option<Arc<str>>, now: UnixMicros) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of = Of { source: Arc::from(source), status };
        if counted.len() >= REFUSED_SOURCES_MAX && !counted.contains_key(&of) {
            of.source = Arc::from(OTHERS);
        }
        let wait_us = i64::try_from(REFUSED_WAIT_MIN.as_micros()).unwrap_or(i64::MAX);
        let entry = counted.entry(of).or_insert(Counted { count: 0, code, key: None, due: now, wait_us });
        entry.count = entry.count.saturating_add(1);
        (entry.code, entry.key) = (code, key);
    }

    /// Puts on record what is due; all of it, where nothing comes after this. What cannot be written is told and let go: nothing
    /// happened that it would be the record of.
    pub async fn write(&self, engine: &Engine, all: bool) {
        for line in self.due(engine.clock().now(), all) {
            let change = Change {
                by: "gateway".to_owned(),
                what: "vendors.refused".to_owned(),
                subject: line.source.to_string(),
                human: None,
                detail: serde_json::json!({
                    "status": line.status, "code": line.code, "key": line.key, "requests": line.count,
                }),
                state: Vec::new(),
            };
            if let Err(fault) = engine.change(change).await {
                tracing::error!(?fault, ?line, "requests that were refused could not be recorded");
            }
        }
    }

    fn due(&self, now: UnixMicros, all: bool) -> Vec<Line> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        let most = i64::try_from(REFUSED_WAIT_MAX.as_micros()).unwrap_or(i64::MAX);
        counted.retain(|of, entry| {
            if !all && now < entry.due {
                return true;
            }
            if entry.count == 0 {
                return false;
            }
            let (source, status) = (Arc::clone(&of.source), of.status);
            lines.push(Line { source, status, code: entry.code, key: entry.key.take(), count: entry.count });
            entry.count = 0;
            entry.due = UnixMicros(now.0.saturating_add(entry.wait_us));
            entry.wait_us = entry.wait_us.saturating_mul(2).min(most);
            true
        });
        lines.sort();
        lines
    }
}

/// Where a request comes from whose vendor is not known: a proxy, where one stands in between.
pub(crate) fn source(of: &Extensions) -> String {
    match of.get::<Peer>() {
        Some(Peer(address)) => format!("address:{}", address.ip()),
        None => "address:local".to_owned(),
    }
}

/// All whom there is no room to tell apart.
const OTHERS: &str = "address:others";

#[cfg(test)]
mod tests;
