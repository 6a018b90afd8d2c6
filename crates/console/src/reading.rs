//! Asking the trace, away from the threads that carry calls.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Blame, Fault, HoldId, UnixMicros};
use trace::{Entry, Field, IntentView, LogReader, Query, RecordKind};

use crate::port::Parts;
use crate::sight::Sight;

/// Asks the trace. Error: blame `Caller` where the question is too wide.
pub(crate) async fn ask<T: Send + 'static>(
    parts: &Arc<Parts>,
    question: impl FnOnce(&dyn LogReader) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let parts = Arc::clone(parts);
    let asked = tokio::task::spawn_blocking(move || question((parts.open)()?.as_ref()));
    asked.await.unwrap_or_else(|error| {
        Err(Fault::new(Blame::Bug, "bug.reading", "the trace could not be read").because(error))
    })
}

/// All records of one call or change, if this person may see them.
pub(crate) fn story(reader: &dyn LogReader, id: &str, sight: &Sight) -> Result<Vec<Entry>, Fault> {
    let entries = reader.by_id(id).map_err(Fault::from)?;
    let seen = entries.iter().any(|entry| sight.sees(entry));
    Ok(if seen { entries } else { Vec::new() })
}

/// What was done in the same task before, newest first.
pub(crate) fn before_in_task(
    reader: &dyn LogReader,
    task: &str,
    before: UnixMicros,
    sight: &Sight,
) -> Result<Vec<Entry>, Fault> {
    let query =
        Query { until: Some(UnixMicros(before.0 - 1)), limit: BEFORE_MAX, newest_first: true, ..Query::default() }
            .of_kind(RecordKind::Intent)
            .with(Field::Task, task);
    Ok(find(reader, &query)?.into_iter().filter(|entry| sight.sees(entry)).collect())
}

/// What happened to the call while it waited for people, in order, or how the emergency began in which it needed not. Whoever sees
/// the call sees that.
pub(crate) fn of_hold(reader: &dyn LogReader, intent: &IntentView) -> Result<Vec<Entry>, Fault> {
    let first = intent.cause.as_ref().unwrap_or(&intent.call);
    let emergencies = intent.approvals.iter().filter_map(|approval| approval.emergency.as_ref());
    let subjects: BTreeSet<String> =
        emergencies.map(|id| format!("emergency:{id}")).chain([format!("hold:{}", HoldId::of(first))]).collect();
    let query = Query { newest_first: false, ..Query::default() }
        .of_kind(RecordKind::Change)
        .with_any(Field::Subject, subjects);
    find(reader, &query)
}

pub(crate) fn find(reader: &dyn LogReader, query: &Query) -> Result<Vec<Entry>, Fault> {
    reader.find(query).map_err(Fault::from)
}

/// Calls of a task that are shown beside one of them.
const BEFORE_MAX: usize = 8;
