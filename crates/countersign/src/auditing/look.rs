//! Asking the trace whether a clause was kept.

use contract::Compiled;
use contract::agreement::{Kind, PostHoc, Provision};
use model::UnixMicros;
use serde::Serialize;
use trace::{Field, LogReader, Query, StoreFault};

use crate::evidence::{Asked, Example, Span, each};

/// A clause that the trace can answer.
pub struct Check<'c> {
    contract: &'c Compiled,
    asks: &'c PostHoc,
    query: Query,
    /// The first moment that the clause holds.
    begins: UnixMicros,
}

/// Which calls are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Those that were decided then or later. Where it is said behind which record, that says it.
    pub since: UnixMicros,
    /// And before then.
    pub until: UnixMicros,
    /// Those behind this record, the last that was there when somebody looked before: a call is decided before its record is there,
    /// and a clock may be set back.
    pub behind: Option<u64>,
    /// None behind this record, the last that is there now; whoever looks next begins with them.
    pub up_to: Option<u64>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Calls that were looked at.
    pub looked_at: u64,
    /// Calls that speak against it.
    pub against: u64,
    /// Some of them.
    pub some: Vec<Example>,
    /// Calls whose text is erased or was let go, so that they may have spoken against it as well.
    pub unknown: u64,
}

impl<'c> Check<'c> {
    /// What the trace is asked of this clause; none where a person looks. Error: why nobody understands it.
    pub fn of(contract: &'c Compiled, provision: &'c Provision) -> Result<Option<Self>, String> {
        let Kind::PostHoc(asks) = &provision.kind else { return Ok(None) };
        if !asks.is_of_the_trace() {
            return Ok(None);
        }
        let text = asks.question.as_deref().unwrap_or_default();
        let query = Query::parse(text, UnixMicros(0)).map_err(|error| match error.way_out() {
            Some(hint) => format!("{error}: {hint}"),
            None => error.to_string(),
        })?;
        if query.since.is_some() || query.until.is_some() {
            return Err(format!("`{text}` says when, and `every` says that already"));
        }
        let strange = query.terms.iter().find(|term| term.field.is_of_changes() || term.field == Field::Kind);
        if let Some(term) = strange {
            return Err(format!("`{term}` is no question about calls, and this is asked of the vendor's calls only"));
        }
        let agreement = contract.agreement();
        let begins = agreement.stretch_of(&provision.clause).map_or(agreement.term.begins, |(begins, _)| begins);
        Ok(Some(Self { contract, asks, query, begins }))
    }

    /// What speaks against it in a part of the log.
    pub fn look(&self, log: &dyn LogReader, part: Part) -> Result<Found, StoreFault> {
        let stretch = self.asks.at_most.map(|rate| i64::try_from(rate.seconds).unwrap_or(i64::MAX) * 1_000_000);
        let mut found = Found::default();
        let mut calls: Vec<(i64, bool, Example)> = Vec::new();
        let mut first = part.since;
        let last = Some(UnixMicros(part.until.0 - 1));
        let since = if part.behind.is_some() { self.begins } else { part.since };
        let span = Span { since: Some(since), until: last, after: part.behind };
        each(log, self.contract, span, |asked| {
            if part.up_to.is_some_and(|up_to| asked.entry.sequence > up_to) {
                return;
            }
            found.looked_at += 1;
            found.unknown += u64::from(asked.entry.body.is_none());
            first = first.min(asked.entry.at);
            if self.speaks_of(&asked) {
                calls.push((asked.entry.at.0, true, Example::of(&asked)));
            }
        })?;
        if let Some(stretch) = stretch {
            // How full a stretch is at the beginning is known from what came before, as far as the clause held then.
            let from = UnixMicros(first.0.saturating_sub(stretch)).max(self.begins);
            each(log, self.contract, Span { since: Some(from), until: last, after: None }, |asked| {
                let before = match part.behind {
                    Some(behind) => asked.entry.sequence <= behind,
                    None => asked.entry.at < part.since,
                };
                if before && self.speaks_of(&asked) {
                    calls.push((asked.entry.at.0, false, Example::of(&asked)));
                }
            })?;
        }
        calls.sort_by_key(|(at, _, call)| (*at, call.sequence));
        let times: Vec<i64> = calls.iter().map(|(at, ..)| *at).collect();
        let known: Vec<i64> = calls.iter().filter(|(_, of_part, _)| !of_part).map(|(at, ..)| *at).collect();
        // Whether one call of these, by its place among them, is more than may be.
        let is_too_many = |times: &[i64], place: usize| match (self.asks.at_most, stretch, times.get(place)) {
            (Some(rate), Some(stretch), Some(at)) => {
                let first = times.partition_point(|time| *time <= at.saturating_sub(stretch));
                (place + 1 - first) as u64 > rate.most
            }
            _ => true,
        };
        let mut known_before = 0;
        for (place, (_, of_part, call)) in calls.into_iter().enumerate() {
            // One that was in order may be one too many with those that came on record later.
            let was_too_many = !of_part && is_too_many(&known, known_before);
            known_before += usize::from(!of_part);
            if is_too_many(&times, place) && !was_too_many {
                found.against += 1;
                if found.some.len() < SOME {
                    found.some.push(call);
                }
            }
        }
        Ok(found)
    }

    /// What is asked, in words.
    pub fn in_words(&self) -> String {
        let asked = match self.asks.question.as_deref() {
            Some(question) if !question.is_empty() => format!("calls that fit `{question}`"),
            _ => "any call".to_owned(),
        };
        let outside = self.asks.outside.as_ref().map(|hours| format!(" outside {hours}")).unwrap_or_default();
        match self.asks.at_most {
            Some(rate) => format!("at most {} of {asked}{outside} in {}", rate.most, rate.stretch()),
            None => format!("none of {asked}{outside}"),
        }
    }

    fn speaks_of(&self, asked: &Asked) -> bool {
        let zone = &self.contract.agreement().term.zone;
        // What may have been asked under another contract says nothing against this one.
        !asked.is_of_an_unknown_contract()
            && self.query.fits(&asked.entry)
            && self.asks.outside.as_ref().is_none_or(|hours| !hours.holds(asked.entry.at, zone))
    }
}

/// What is wrong with the questions of a contract: the place in its file, and a sentence.
pub fn misunderstood(contract: &Compiled) -> Vec<((u32, u32), String)> {
    let provisions = contract.agreement().provisions();
    provisions.filter_map(|(one, _)| Check::of(contract, one).err().map(|said| (one.place, said))).collect()
}

const SOME: usize = 20;
