//! What was used up before the gateway started, counted anew from the trace: nothing else remembers it, so nothing can say
//! otherwise.

use std::collections::HashSet;

use engine::Engine;
use model::limits::BUDGET_CALLS_COUNTED_MAX;
use model::{Facts, UnixMicros, Verdict};
use trace::{Entry, Field, LogReader, OutcomeStatus, Query, RecordKind, StoreFault};

/// Counts the latest calls that ran against the budgets of the rules in force; returns how many. Bounded by the longest
/// stretch of a budget and by a number of calls; of more the latest count. Error: the trace cannot be asked.
pub(crate) fn count_from(reader: &dyn LogReader, engine: &Engine) -> Result<usize, StoreFault> {
    let Some(stretch) = engine.look_back() else { return Ok(0) };
    let now = engine.clock().now();
    let micros = i64::try_from(stretch.as_micros()).unwrap_or(i64::MAX);
    let since = Some(UnixMicros(now.0.saturating_sub(micros)));
    let mut ran: Vec<Entry> = Vec::new();
    for verdict in [Verdict::Allow, Verdict::Redact] {
        let (mut until, mut seen, mut found) = (None, HashSet::new(), 0);
        while found < BUDGET_CALLS_COUNTED_MAX {
            let query = Query { since, until, limit: PAGE, newest_first: true, ..Query::default() };
            let query = query.of_kind(RecordKind::Intent).with(Field::Verdict, verdict.as_str());
            let page = reader.find(&query)?;
            let next = page.last().map(|entry| entry.at);
            let before = found;
            for entry in page {
                if seen.insert(entry.sequence) {
                    found += 1;
                    ran.push(entry);
                }
            }
            if before == found {
                break;
            }
            until = next;
        }
        if found >= BUDGET_CALLS_COUNTED_MAX {
            tracing::warn!(
                calls = found,
                "budgets reach back further than calls are counted at a start: what was used before the latest ones is free again"
            );
        }
    }
    // A success after a failure ends the row of retries, so the order matters.
    ran.sort_unstable_by_key(|entry| entry.sequence);
    let counted = ran.len();
    for entry in &ran {
        count(entry, engine);
    }
    Ok(counted)
}

fn count(entry: &Entry, engine: &Engine) {
    let Some(intent) = entry.intent() else { return };
    // Erased records have neither; they count for nobody any more.
    let facts = intent.facts.as_deref().and_then(|facts| serde_json::from_str::<Facts>(facts.get()).ok());
    let (Some(facts), Some(digest)) = (facts, intent.arguments_digest) else { return };
    let outcome = entry.outcome();
    let status = outcome.as_ref().map(|outcome| outcome.status);
    let failed = !matches!(status, Some(OutcomeStatus::Answered | OutcomeStatus::Unfinished));
    engine.remember(&facts, digest, failed, outcome.map_or(0, |outcome| outcome.answer_bytes));
}

const PAGE: usize = 1_000;

#[cfg(test)]
mod tests;
