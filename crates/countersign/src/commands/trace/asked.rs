//! What is asked of the log, from flags and in the language.

use model::{Blame, Fault, UnixMicros};
use trace::{Entry, Field, LogReader, Query, RecordKind, Term, last_moment, moment};

use crate::cli::{TraceArgs, WindowArgs};
use crate::notary::HEARTBEAT;

/// A question in the language, of calls unless it says otherwise.
pub(super) fn question(terms: &[String], now: UnixMicros) -> Result<Query, Fault> {
    parsed(terms, now).map(Query::of_calls_unless_said)
}

/// A question as it is written.
pub(super) fn parsed(terms: &[String], now: UnixMicros) -> Result<Query, Fault> {
    Query::parse(&terms.join(" "), now).map_err(|error| error.fault(Blame::Operator))
}

/// Which part of the log is meant.
pub(super) fn window(args: &WindowArgs, now: UnixMicros) -> Result<trace::ready::Window, Fault> {
    let (since, until) = bounds(args.since.as_deref(), args.until.as_deref(), now)?;
    Ok(trace::ready::Window { since, until, before_sequence: args.cursor, limit: args.limit })
}

/// What is asked of the log: calls, and changes where they are wanted.
pub(super) struct Questions {
    calls: Query,
    changes: Option<Query>,
    /// What else must hold of a call once it has ended.
    ended: Option<Query>,
}

impl Questions {
    pub(super) fn of(args: &TraceArgs, now: UnixMicros) -> Result<Self, Fault> {
        let (since, until) = bounds(args.since.as_deref(), args.until.as_deref(), now)?;
        let mut calls = Query { since, until, ..Query::default() };
        let named = [
            (Field::Agent, &args.agent),
            (Field::Human, &args.human),
            (Field::App, &args.app),
            (Field::Tool, &args.tool),
            (Field::Verdict, &args.verdict.map(|verdict| verdict.as_str().to_owned())),
            (Field::Observed, &args.observed.then(|| "yes".to_owned())),
        ];
        for (field, value) in named {
            if let Some(value) = value {
                calls = calls.with(field, value);
            }
        }
        let calls = calls.of_kind(RecordKind::Intent);
        let changes =
            || Query { since: calls.since, until: calls.until, ..Query::default() }.of_kind(RecordKind::Change);
        // That the gateway lives changes nothing.
        let changes = args.changes.then(|| changes().without(Field::What, HEARTBEAT));
        Ok(Self { calls, changes, ended: None })
    }

    /// One question. Where it asks how calls end, calls are met before that is known.
    pub(super) fn just(query: Query) -> Self {
        let of_outcomes = |term: &Term| term.field.is_of_outcomes();
        let mut calls = query.clone();
        calls.terms.retain(|term| !of_outcomes(term));
        let ended = query.terms.iter().any(of_outcomes).then_some(query);
        Self { calls, changes: None, ended }
    }

    /// What is asked of calls.
    #[cfg(test)]
    pub(super) fn calls(&self) -> &Query {
        &self.calls
    }

    /// Whether a record is met at all.
    pub(super) fn met(&self, entry: &Entry) -> bool {
        self.each().any(|query| query.fits(entry))
    }

    /// Whether a record that was met is wanted as it is now.
    pub(super) fn want(&self, entry: &Entry) -> bool {
        self.ended.as_ref().is_none_or(|ended| ended.fits(entry))
    }

    fn each(&self) -> impl Iterator<Item = &Query> {
        std::iter::once(&self.calls).chain(&self.changes)
    }

    pub(super) fn narrow(&self) -> bool {
        self.calls.terms.len() > 1 || self.calls.since.is_some() || self.calls.until.is_some()
    }

    /// The newest records up to a place in the log, oldest first.
    pub(super) fn newest(&self, reader: &dyn LogReader, upto: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let mut found = Vec::new();
        let calls = self.ended.as_ref().unwrap_or(&self.calls);
        for query in std::iter::once(calls).chain(&self.changes) {
            found.extend(reader.find(&Query { limit, newest_first: true, ..query.clone() }).map_err(Fault::from)?);
        }
        found.retain(|entry| entry.sequence <= upto);
        found.sort_by_key(|entry| entry.sequence);
        found.drain(..found.len().saturating_sub(limit));
        Ok(found)
    }

    /// Everything behind one place in the log, oldest first, and up to which place that is. A long answer comes in
    /// pieces: the next question goes on where this one ended.
    pub(super) fn after(&self, reader: &dyn LogReader, after: u64) -> Result<(Vec<Entry>, u64), Fault> {
        let mut upto = reader.last_sequence().map_err(Fault::from)?;
        let mut found = Vec::new();
        if upto == after {
            return Ok((found, upto));
        }
        for query in self.each() {
            let page = Query { after_sequence: Some(after), limit: PAGE, newest_first: false, ..query.clone() };
            let page = reader.find(&page).map_err(Fault::from)?;
            if let (PAGE, Some(last)) = (page.len(), page.last()) {
                upto = upto.min(last.sequence);
            }
            found.extend(page);
        }
        found.retain(|entry| entry.sequence <= upto);
        found.sort_by_key(|entry| entry.sequence);
        Ok((found, upto))
    }
}

/// From when to when: a date is the whole day, at either end.
fn bounds(
    since: Option<&str>,
    until: Option<&str>,
    now: UnixMicros,
) -> Result<(Option<UnixMicros>, Option<UnixMicros>), Fault> {
    let no_moment = |said: String| {
        Fault::new(Blame::Operator, "operator.moment", said)
            .hint("`--since 2h` is the last two hours; a date and time needs its zone, as in `2026-11-21T10:00:00Z`")
    };
    let since = since.map(|text| moment(text, now)).transpose().map_err(no_moment)?;
    let until = until.map(|text| last_moment(text, now)).transpose().map_err(no_moment)?;
    Ok((since, until))
}

const PAGE: usize = 1_000;
