//! What is let out of a value, and the runs of bytes that are copied.

use std::sync::Arc;

use super::{Begun, Hand, RowsSeen, Stream, Value};
use crate::release::automaton::Out;
use crate::release::condition::Token;
use crate::release::filter::Stop;
use crate::release::sink::told;
use crate::release::{FilterProblem, Tell};

// === impl Stream ===

impl Stream {
    /// Begins to copy the value, or to leave it out.
    #[inline]
    pub(super) fn let_out(&mut self, hand: &mut Hand<'_, '_>, value: &Value, begun: &Begun<'_>) -> Result<(), Stop> {
        match value.action.out {
            Out::Keep => self.copy(hand, value.from),
            Out::Walk if matches!(begun, Begun::Object | Begun::Array | Begun::Whole(_, Token::Null)) => {
                self.copy(hand, value.from)
            }
            Out::Inside => self.cut(hand, value.lead),
            Out::Unnamed | Out::Walk | Out::Rows => {
                if self.frames.is_empty() && !self.lines {
                    return Err(Stop::at(value.at, FilterProblem::Shape("the answer is neither an object nor a list")));
                }
                self.summary.unnamed += 1;
                self.cut(hand, value.lead)
            }
            Out::Remove(which) => {
                if let Some(removed) = self.summary.removed.get_mut(usize::from(which)) {
                    *removed += 1;
                }
                match self.release.replacements.get(usize::from(which)) {
                    Some(Some(_)) => self.replace(hand, value, which),
                    _ => self.cut(hand, value.lead),
                }
            }
            Out::Total(which) => self.total(hand, value, begun, which),
        }
    }

    /// Writes the key, and this in the place of the value.
    pub(super) fn put(&mut self, hand: &mut Hand<'_, '_>, value: &Value, instead: &[u8]) -> Result<(), Stop> {
        self.copy(hand, value.from)?;
        self.cut(hand, value.at)?;
        self.write(hand, instead)
    }

    pub(super) fn replace(&mut self, hand: &mut Hand<'_, '_>, value: &Value, which: u16) -> Result<(), Stop> {
        let release = Arc::clone(&self.release);
        let replacement = release.replacements.get(usize::from(which)).and_then(Option::as_ref);
        self.put(hand, value, replacement.map_or(b"null", |replacement| &replacement.quoted))
    }

    pub(super) fn total(
        &mut self,
        hand: &mut Hand<'_, '_>,
        value: &Value,
        begun: &Begun<'_>,
        which: u16,
    ) -> Result<(), Stop> {
        let said = match begun {
            Begun::Whole(_, Token::Long) => b"null",
            Begun::Whole(end, _) => hand.bytes.get(value.at..*end).unwrap_or_default(),
            Begun::Text(_) | Begun::Object | Begun::Array => b"null",
        };
        let Some(tell) = self.release.totals.get(usize::from(which)).copied() else {
            return self.cut(hand, value.lead);
        };
        if self.rows == RowsSeen::All || tell == Tell::Refuse {
            let text = told(tell, said, self.summary.records).map_err(|problem| Stop::at(value.at, problem))?;
            return self.put(hand, value, &text);
        }
        self.put(hand, value, b"")?;
        self.sink.count(tell, said);
        Ok(())
    }

    /// What begins here is let out.
    #[inline]
    pub(super) fn copy(&mut self, hand: &mut Hand<'_, '_>, from: usize) -> Result<(), Stop> {
        if !self.copies {
            if self.frames.last().is_some_and(|frame| frame.filled) {
                self.write(hand, b",")?;
            }
            hand.from = from;
            self.copies = true;
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.filled = true;
        }
        Ok(())
    }

    /// What begins here is not.
    #[inline]
    pub(super) fn cut(&mut self, hand: &mut Hand<'_, '_>, to: usize) -> Result<(), Stop> {
        if self.copies {
            self.copies = false;
            let run = hand.bytes.get(hand.from..to).unwrap_or_default();
            self.write(hand, run)?;
        }
        Ok(())
    }

    /// Hands on what was copied so far.
    pub(super) fn pause(&mut self, hand: &mut Hand<'_, '_>) -> Result<(), Stop> {
        if self.copies {
            let run = hand.bytes.get(hand.from..hand.at).unwrap_or_default();
            hand.from = hand.at;
            self.write(hand, run)?;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn write(&mut self, hand: &mut Hand<'_, '_>, bytes: &[u8]) -> Result<(), Stop> {
        self.sink.write(bytes, hand.out).map_err(|problem| Stop::at(hand.at, problem))
    }
}
