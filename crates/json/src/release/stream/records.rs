//! The records: where they begin and end, and whether they are let out.

use std::sync::Arc;

use model::limits::RELEASE_RECORD_BYTES_MAX;

use super::{Begun, Hand, Met, Record, RowsSeen, Stream, Value, Went, unmet};
use crate::release::automaton::Action;
use crate::release::condition::{Token, Wanted};
use crate::release::filter::Stop;
use crate::release::{FilterProblem, Outside};

// === impl Stream ===

impl Stream {
    /// Asks the conditions that look at this value. Those on a list look at its items.
    pub(super) fn look(&mut self, action: Action, begun: &Begun<'_>) {
        let token = match begun {
            Begun::Whole(_, token) => Some(*token),
            Begun::Text(_) => Some(Token::Long),
            Begun::Object => None,
            Begun::Array => return,
        };
        let ask = |wanted: &[Wanted], bits: u64, met: &mut Met| {
            met.seen |= bits;
            for (bit, wanted) in wanted.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1) {
                if !token.is_some_and(|token| wanted.admits(token)) {
                    met.failed |= 1 << bit;
                }
            }
        };
        if let Some(record) = &mut self.record {
            ask(&self.release.each, action.each, &mut record.met);
        }
        ask(&self.release.whole, action.whole, &mut self.whole);
    }

    /// The value where the records are.
    pub(super) fn rows(&mut self, hand: &mut Hand<'_, '_>, value: &Value, begun: Begun<'_>) -> Result<Went, Stop> {
        let wrong = |said: &'static str| Err(Stop::at(value.at, FilterProblem::Shape(said)));
        let listed = self.release.listed && !self.lines;
        match (&begun, listed) {
            _ if self.rows != RowsSeen::NotYet && !self.lines => {
                return wrong("the records stand in more than one place");
            }
            (Begun::Array, true) => {
                self.rows = RowsSeen::Open;
                self.copy(hand, value.from)?;
                let action = Action { out: self.release.automaton.record(), each: 0, whole: 0, ..value.action };
                return self.go_in(hand, &Value { action, ..*value }, begun, true);
            }
            (Begun::Whole(_, Token::Null), true) => {
                self.rows = RowsSeen::All;
                self.copy(hand, value.from)?;
            }
            (_, true) => return wrong("where a list of records should be, there is none"),
            (Begun::Array, false) => return wrong("where one record should be, there is a list"),
            _ => {
                self.rows = RowsSeen::Open;
                self.record_begins(hand, value)?;
                let action = Action { out: self.release.automaton.record(), each: 0, whole: 0, ..value.action };
                let value = Value { action, ..*value };
                self.let_out(hand, &value, &begun)?;
                return self.go_in(hand, &value, begun, false);
            }
        }
        self.go_in(hand, value, begun, false)
    }

    /// Whether records wait for their conditions by themselves; one that stands alone waits with the whole answer.
    pub(super) fn judges_each(&self) -> bool {
        !self.release.each.is_empty() && (self.release.listed || self.lines)
    }

    pub(super) fn record_begins(&mut self, hand: &mut Hand<'_, '_>, value: &Value) -> Result<(), Stop> {
        let from = self.before + value.at as u64;
        let filled = self.frames.last().is_some_and(|frame| frame.filled);
        self.record = Some(Record { depth: self.frames.len(), from, met: Met::default(), filled });
        if self.judges_each() {
            self.cut(hand, value.lead)?;
            self.sink.record_begins();
        }
        Ok(())
    }

    pub(super) fn record_ended(&mut self, hand: &mut Hand<'_, '_>) -> Result<(), Stop> {
        let Some(record) = self.record.take() else { return Ok(()) };
        let shows = self.copies;
        let at = hand.at;
        let let_out = self.judge(hand, &record).map_err(|problem| Stop::at(at, problem))?;
        if let_out && shows {
            self.summary.records += 1;
            if self.summary.records > self.release.records_max {
                return Err(Stop::at(at, FilterProblem::TooManyRecords(self.release.records_max)));
            }
        }
        if !self.release.listed && !self.lines {
            self.rows = RowsSeen::All;
            self.pause(hand)?;
            self.sink.until_record = false;
            self.sink.rows_end(self.summary.records, hand.out).map_err(|problem| Stop::at(at, problem))?;
        } else if self.lines && let_out && shows {
            self.pause(hand)?;
            self.copies = false;
            self.write(hand, b"\n")?;
        }
        Ok(())
    }

    /// Whether the record is let out.
    pub(super) fn judge(&mut self, hand: &mut Hand<'_, '_>, record: &Record) -> Result<bool, FilterProblem> {
        if self.release.each.is_empty() {
            return Ok(true);
        }
        self.bounded(self.before + hand.at as u64 - record.from)?;
        let outside = unmet(&self.release.each, record.met);
        let alone = !self.judges_each();
        if let Some(wanted) = outside.filter(|_| alone || self.release.outside == Outside::Refuse) {
            return Err(FilterProblem::Outside(Arc::clone(&wanted.clause)));
        }
        let let_out = outside.is_none();
        if alone {
            return Ok(let_out);
        }
        if self.copies {
            self.copies = false;
            self.sink.write(hand.bytes.get(hand.from..hand.at).unwrap_or_default(), hand.out)?;
        }
        if let_out {
            self.sink.record_is_let_out(hand.out)?;
            return Ok(true);
        }
        self.sink.record_is_left_out();
        self.summary.dropped += 1;
        if let Some(frame) = self.frames.last_mut() {
            frame.filled = record.filled;
        }
        Ok(false)
    }

    pub(super) fn bounded(&self, bytes: u64) -> Result<(), FilterProblem> {
        if bytes > RELEASE_RECORD_BYTES_MAX as u64 {
            return Err(FilterProblem::RecordTooLarge(RELEASE_RECORD_BYTES_MAX));
        }
        Ok(())
    }
}
