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
        let query =
            Query::parse(text, UnixMicros(0)).map_err(|error| match (error.way_out(), error.unknown_word()) {
                (Some(hint), _) => format!("{error}: {hint}"),
                (None, Some((_, known))) => format!("{error}: it takes {}", known.join(", ")),
                (None, None) => error.to_string(),
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

    /// What speaks against it from one moment until another, the first included.
    pub fn look(&self, log: &dyn LogReader, since: UnixMicros, until: UnixMicros) -> Result<Found, StoreFault> {
        let stretch = self.asks.at_most.map(|rate| i64::try_from(rate.seconds).unwrap_or(i64::MAX) * 1_000_000);
        // How full a stretch is at the beginning is known from what came before, as far as the clause held then.
        let from = UnixMicros(since.0.saturating_sub(stretch.unwrap_or_default())).max(self.begins).min(since);
        let span = Span { since: Some(from), until: Some(UnixMicros(until.0 - 1)), after: None };
        let mut found = Found::default();
        let mut calls: Vec<(i64, Example)> = Vec::new();
        each(log, self.contract, span, |asked| {
            let of_period = asked.entry.at >= since;
            found.looked_at += u64::from(of_period);
            found.unknown += u64::from(of_period && asked.entry.body.is_none());
            if self.speaks_of(&asked) {
                calls.push((asked.entry.at.0, Example::of(&asked)));
            }
        })?;
        calls.sort_by_key(|(at, call)| (*at, call.sequence));
        let times: Vec<i64> = calls.iter().map(|(at, _)| *at).collect();
        for (place, (at, call)) in calls.into_iter().enumerate() {
            let too_many = match (self.asks.at_most, stretch) {
                (Some(rate), Some(stretch)) => {
                    let first = times.partition_point(|time| *time <= at.saturating_sub(stretch));
                    (place + 1 - first) as u64 > rate.most
                }
                _ => true,
            };
            if too_many && at >= since.0 {
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
        self.query.fits(&asked.entry)
            && self.asks.outside.as_ref().is_none_or(|hours| !hours.holds(asked.entry.at, zone))
    }
}

/// What is wrong with the questions of a contract: the place in its file, and a sentence.
pub fn misunderstood(contract: &Compiled) -> Vec<((u32, u32), String)> {
    let provisions = contract.agreement().provisions();
    provisions.filter_map(|(one, _)| Check::of(contract, one).err().map(|said| (one.place, said))).collect()
}

const SOME: usize = 20;
