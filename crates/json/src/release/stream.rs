//! JSON as it comes: one token at a time, from wherever the last bytes ended. No recursion: open containers are frames.
//!
//! What is let out is copied in runs: a run begins where something is let out behind something that is not, and ends where
//! the next such thing begins, so an answer of which nothing is taken out is copied as it came.

mod members;
mod records;
mod showing;

use std::sync::Arc;

use model::limits::{JSON_DEPTH_MAX, RELEASE_TOKEN_BYTES_MAX};

use super::automaton::{Action, Out};
use super::condition::{Token, Wanted};
use super::filter::Stop;
use super::shapes::{NO_SHAPE, ROOT_SHAPE, ShapeId, Shapes};
use super::sink::Sink;
use super::token::{self, Reach};
use super::{Compiled, FilterProblem, Form, Summary};
use crate::error::Problem;

/// The machine.
#[derive(Debug)]
pub(super) struct Stream {
    release: Arc<Compiled>,
    lines: bool,
    frames: Vec<Frame>,
    step: Step,
    /// Whether bytes are being copied.
    copies: bool,
    shapes: Shapes,
    /// Digests of the keys of all open objects that are looked up, innermost last.
    keys: Vec<u64>,
    sink: Sink,
    record: Option<Record>,
    rows: RowsSeen,
    whole: Met,
    summary: Summary,
    /// Bytes of the answer before those at hand.
    before: u64,
}

/// A container whose end has not been seen.
#[derive(Debug)]
struct Frame {
    is_object: bool,
    /// Whether it is let out.
    shows: bool,
    /// Whether something of what is in it was let out.
    filled: bool,
    /// Whether its items are the records.
    is_rows: bool,
    /// Whether its keys are looked up and digested.
    is_map: bool,
    /// What becomes of its items.
    action: Action,
    shape: ShapeId,
    /// The key of the shape that comes next, most likely.
    next: u32,
    /// Keys so far.
    count: u32,
    /// Which keys of the shape were there.
    seen: u128,
    /// Where its digests begin.
    keys_from: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Before the document.
    Root,
    /// Behind the opening of a container.
    First,
    /// Behind a value in a container.
    Next,
    /// In a string.
    Text,
    /// Behind the document.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowsSeen {
    NotYet,
    Open,
    All,
}

/// The record that the walk is in.
#[derive(Debug)]
struct Record {
    /// Containers around it.
    depth: usize,
    /// Where it begins in the answer.
    from: u64,
    met: Met,
    /// Whether something was let out before it of what it stands in.
    filled: bool,
}

/// Which conditions were looked at, and which did not hold.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    seen: u64,
    failed: u64,
}

/// The bytes at hand.
struct Hand<'b, 'o> {
    bytes: &'b [u8],
    /// Whether nothing follows them.
    last: bool,
    at: usize,
    /// Where what is being copied begins.
    from: usize,
    out: &'o mut Vec<u8>,
}

/// How a step ended.
enum Went {
    On,
    /// More bytes are wanted; nothing happened.
    Short,
    /// All bytes were looked at.
    Through,
}

/// A key that was read.
#[derive(Clone, Copy)]
struct Key {
    /// Behind its closing quote.
    behind: usize,
    action: u32,
    is: KeyIs,
}

#[derive(Clone, Copy)]
enum KeyIs {
    /// Of the frame's shape.
    Known(u32),
    /// Looked up.
    Digest(u64),
}

/// A value of which the beginning is at hand.
#[derive(Clone, Copy)]
struct Value {
    /// Where what goes with it begins, and may have to be cut off: behind the value before.
    lead: usize,
    /// Where what is let out with it begins: its key.
    from: usize,
    at: usize,
    action: Action,
    key: Option<KeyIs>,
}

/// What a value is, as far as it is at hand.
enum Begun<'b> {
    Whole(usize, Token<'b>),
    Text(usize),
    Object,
    Array,
}

// === impl Stream ===

impl Stream {
    pub(super) fn new(release: Arc<Compiled>, form: Form) -> Self {
        let lines = form == Form::Lines;
        let alone = !release.listed && !lines && !release.each.is_empty();
        let sink = Sink::new(!release.whole.is_empty(), alone, release.beyond);
        let state = release.automaton.action(release.automaton.root()).state;
        let shapes = release.learned.take().unwrap_or_else(|| Shapes::new(state));
        let summary = Summary { removed: vec![0; release.replacements.len()], ..Summary::default() };
        Self {
            release,
            lines,
            frames: Vec::with_capacity(16),
            step: Step::Root,
            copies: false,
            shapes,
            keys: Vec::new(),
            sink,
            record: None,
            rows: RowsSeen::NotYet,
            whole: Met::default(),
            summary,
            before: 0,
        }
    }

    /// What was done so far.
    pub(super) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What was learned of the keys is there for the next answer.
    pub(super) fn teach(&mut self) {
        let shapes = std::mem::replace(&mut self.shapes, Shapes::nothing());
        if shapes.are_whole() {
            self.release.learned.put(shapes);
        }
    }

    /// Reads on. Gives how many bytes are done with; the others come again, with more.
    pub(super) fn run(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> Result<usize, Stop> {
        let mut hand = Hand { bytes, last, at: 0, from: 0, out };
        loop {
            match self.step(&mut hand)? {
                Went::On => {}
                Went::Through => break,
                Went::Short => {
                    let begun = hand.at;
                    if last {
                        return Err(Stop::at(bytes.len(), Problem::End("the rest of the document")));
                    }
                    // What waits for more is one value with its key; so it is too long, however the bytes are cut.
                    if bytes.len() - begun > 2 * RELEASE_TOKEN_BYTES_MAX {
                        return Err(too_long(begun));
                    }
                    break;
                }
            }
        }
        let done = hand.at;
        self.pause(&mut hand)?;
        self.before += done as u64;
        if let Some(record) = self.record.as_ref().filter(|_| !self.release.each.is_empty()) {
            self.bounded(self.before - record.from).map_err(|problem| Stop::at(done, problem))?;
        }
        if last {
            self.end(hand.out).map_err(|problem| Stop::at(done, problem))?;
        }
        Ok(done)
    }

    /// The document is over.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), FilterProblem> {
        if self.step != Step::End && !(self.lines && self.step == Step::Root) {
            return Err(Problem::End("a value").into());
        }
        if self.sink.until_end {
            let unmet = unmet(&self.release.whole, self.whole);
            if let Some(wanted) = unmet {
                return Err(FilterProblem::Whole(Arc::clone(&wanted.clause)));
            }
            self.sink.until_end = false;
        }
        // The only record never came.
        self.sink.until_record = false;
        self.sink.rows_end(self.summary.records, out)
    }

    #[inline]
    fn step(&mut self, hand: &mut Hand<'_, '_>) -> Result<Went, Stop> {
        match self.step {
            Step::First => self.inside(hand, true),
            Step::Next => self.inside(hand, false),
            Step::Text => self.text(hand),
            Step::Root => self.root(hand),
            Step::End => self.behind(hand),
        }
    }

    fn root(&mut self, hand: &mut Hand<'_, '_>) -> Result<Went, Stop> {
        let at = token::space(hand.bytes, hand.at);
        hand.at = at;
        if at >= hand.bytes.len() {
            return Ok(Went::Through);
        }
        let action = self.release.automaton.action(self.release.automaton.root());
        if self.lines && !self.release.is_of_rows_alone() {
            return Err(Stop::at(at, FilterProblem::Shape("each line is a record, so the records are at `$`")));
        }
        self.value(hand, Value { lead: at, from: at, at, action, key: None })
    }

    /// Behind the document: nothing, or the next line.
    fn behind(&mut self, hand: &mut Hand<'_, '_>) -> Result<Went, Stop> {
        let at = token::space(hand.bytes, hand.at);
        let spaces = hand.bytes.get(hand.at..at).unwrap_or_default();
        let line = spaces.iter().position(|byte| *byte == b'\n');
        if self.lines && line.unwrap_or(spaces.len()) > RELEASE_TOKEN_BYTES_MAX {
            return Err(too_long(hand.at));
        }
        if self.lines && line.is_some() {
            self.step = Step::Root;
        } else if at < hand.bytes.len() {
            return Err(Stop::at(at, Problem::Trailing));
        } else if self.lines && !hand.last {
            // The end of the line may come with white space before it.
            return if spaces.is_empty() { Ok(Went::Through) } else { Ok(Went::Short) };
        }
        hand.at = at;
        Ok(if at < hand.bytes.len() { Went::On } else { Went::Through })
    }

    fn text(&mut self, hand: &mut Hand<'_, '_>) -> Result<Went, Stop> {
        match token::string(hand.bytes, hand.at, hand.last)? {
            Reach::To(end, _) => {
                hand.at = end;
                self.value_ended(hand)?;
                Ok(Went::On)
            }
            Reach::Past(at) if hand.last => Err(Stop::at(at, Problem::End("the end of a string"))),
            Reach::Past(at) => {
                hand.at = at;
                Ok(Went::Through)
            }
        }
    }

    /// A key with its value, an item, or the end of the innermost container.
    #[inline]
    fn inside(&mut self, hand: &mut Hand<'_, '_>, first: bool) -> Result<Went, Stop> {
        let first = self.plain_members(hand, first)?;
        let bytes = hand.bytes;
        let lead = hand.at;
        let mut at = self.space(bytes, lead)?;
        let Some(frame) = self.frames.last() else { return Err(Stop::at(at, FilterProblem::Stopped)) };
        let is_object = frame.is_object;
        match bytes.get(at) {
            None => return Ok(Went::Short),
            Some(b'}') if is_object => return self.close(hand, at),
            Some(b']') if !is_object => return self.close(hand, at),
            Some(b',') if !first => at = self.space(bytes, at + 1)?,
            Some(_) if first => {}
            Some(_) => {
                return Err(token::unexpected(bytes, at, if is_object { "`,` or `}`" } else { "`,` or `]`" }));
            }
        }
        let from = at;
        if !is_object {
            let action = frame.action;
            return self.value(hand, Value { lead, from, at, action, key: None });
        }
        let Some(key) = self.key(bytes, at, hand.last)? else { return Ok(Went::Short) };
        at = self.space(bytes, key.behind)?;
        match bytes.get(at) {
            Some(b':') => at = self.space(bytes, at + 1)?,
            Some(_) => return Err(token::unexpected(bytes, at, "`:`")),
            None => return Ok(Went::Short),
        }
        let action = self.release.automaton.action(key.action);
        self.value(hand, Value { lead, from, at, action, key: Some(key.is) })
    }

    /// A value. Until it is clear that enough of it is there, nothing happens.
    #[inline]
    fn value(&mut self, hand: &mut Hand<'_, '_>, value: Value) -> Result<Went, Stop> {
        let Some(begun) = self.begin(hand, &value)? else { return Ok(Went::Short) };
        if value.at - value.lead > RELEASE_TOKEN_BYTES_MAX {
            return Err(too_long(value.lead));
        }
        self.take_key(value.key);
        let action = value.action;
        if action.each | action.whole != 0 {
            self.look(action, &begun);
        }
        if action.out == Out::Rows {
            return self.rows(hand, &value, begun);
        }
        let is_item_of_rows = value.key.is_none() && self.frames.last().is_some_and(|frame| frame.is_rows);
        if is_item_of_rows {
            self.record_begins(hand, &value)?;
        }
        self.let_out(hand, &value, &begun)?;
        self.go_in(hand, &value, begun, false)
    }

    fn begin<'b>(&self, hand: &Hand<'b, '_>, value: &Value) -> Result<Option<Begun<'b>>, Stop> {
        let (bytes, at, last) = (hand.bytes, value.at, hand.last);
        let (reach, token) = match bytes.get(at) {
            Some(b'"') => return Self::begin_text(hand, value),
            Some(b'{') => return Ok(Some(Begun::Object)),
            Some(b'[') => return Ok(Some(Begun::Array)),
            Some(b'-' | b'0'..=b'9') => {
                let reach = token::number(bytes, at, last)?;
                let digits = if let Reach::To(end, _) = reach { bytes.get(at..end) } else { None };
                (reach, Token::Number(digits.unwrap_or_default()))
            }
            Some(b't') => (token::word(bytes, at, b"true", last)?, Token::Bool(true)),
            Some(b'f') => (token::word(bytes, at, b"false", last)?, Token::Bool(false)),
            Some(b'n') => (token::word(bytes, at, b"null", last)?, Token::Null),
            Some(_) => return Err(token::unexpected(bytes, at, "a value")),
            None => return Ok(None),
        };
        match reach {
            Reach::To(end, _) if end - at > RELEASE_TOKEN_BYTES_MAX => Err(too_long(at)),
            Reach::To(end, _) => Ok(Some(Begun::Whole(end, token))),
            Reach::Past(_) => Ok(None),
        }
    }

    /// A text on which something depends is looked at as a whole, if it is not too long to be what is wanted.
    #[inline]
    fn begin_text<'b>(hand: &Hand<'b, '_>, value: &Value) -> Result<Option<Begun<'b>>, Stop> {
        let (bytes, at) = (hand.bytes, value.at);
        let action = value.action;
        let matters = action.each | action.whole != 0 || matches!(action.out, Out::Total(_));
        match token::string(bytes, at + 1, hand.last)? {
            Reach::To(end, _) if matters && end - at > LOOKED_AT_BYTES_MAX => Ok(Some(Begun::Whole(end, Token::Long))),
            Reach::To(end, escaped) => {
                let inner = bytes.get(at + 1..end - 1).unwrap_or_default();
                Ok(Some(Begun::Whole(end, Token::Text(inner, escaped))))
            }
            Reach::Past(end) if hand.last => Err(Stop::at(end, Problem::End("the end of a string"))),
            Reach::Past(_) if matters && bytes.len() - at <= LOOKED_AT_BYTES_MAX => Ok(None),
            Reach::Past(to) => Ok(Some(Begun::Text(to))),
        }
    }

    /// Steps into a container, or behind anything else.
    #[inline]
    fn go_in(&mut self, hand: &mut Hand<'_, '_>, value: &Value, begun: Begun<'_>, is_rows: bool) -> Result<Went, Stop> {
        match begun {
            Begun::Whole(end, _) => {
                hand.at = end;
                self.value_ended(hand)?;
            }
            Begun::Text(to) => {
                hand.at = to;
                self.step = Step::Text;
            }
            Begun::Object | Begun::Array => {
                hand.at = value.at + 1;
                self.open(value, matches!(begun, Begun::Object), is_rows)?;
            }
        }
        Ok(Went::On)
    }

    fn open(&mut self, value: &Value, is_object: bool, is_rows: bool) -> Result<(), Stop> {
        if self.frames.len() >= JSON_DEPTH_MAX {
            return Err(Stop::at(value.at, Problem::TooDeep(JSON_DEPTH_MAX)));
        }
        let state = value.action.state;
        let shape = match (self.frames.last().map(|frame| frame.shape), value.key) {
            (None, _) => ROOT_SHAPE,
            (Some(shape), None) => shape,
            (Some(shape), Some(KeyIs::Known(index))) => self.shapes.below(shape, Some(index), state),
            (Some(shape), Some(KeyIs::Digest(_))) => self.shapes.below(shape, None, state),
        };
        // A shape that was laid out for another state says nothing here.
        let shape = if self.shapes.is_of(shape, state) { shape } else { NO_SHAPE };
        self.frames.push(Frame {
            is_object,
            shows: self.copies,
            filled: false,
            is_rows,
            is_map: !self.shapes.remembers(shape),
            action: if is_rows { value.action } else { value.action.within() },
            shape,
            next: 0,
            count: 0,
            seen: 0,
            keys_from: self.keys.len(),
        });
        self.step = Step::First;
        Ok(())
    }

    #[inline]
    fn close(&mut self, hand: &mut Hand<'_, '_>, at: usize) -> Result<Went, Stop> {
        if at - hand.at > RELEASE_TOKEN_BYTES_MAX {
            return Err(too_long(hand.at));
        }
        let Some(frame) = self.frames.pop() else { return Err(Stop::at(at, FilterProblem::Stopped)) };
        if frame.is_map {
            self.no_key_twice(frame.keys_from).map_err(|problem| Stop::at(at, problem))?;
        }
        if frame.shows && !self.copies {
            self.copies = true;
            hand.from = at;
        }
        hand.at = at + 1;
        if frame.is_rows {
            self.rows = RowsSeen::All;
            self.pause(hand)?;
            self.sink.rows_end(self.summary.records, hand.out).map_err(|problem| Stop::at(at, problem))?;
        }
        self.value_ended(hand)?;
        Ok(Went::On)
    }

    #[inline]
    fn value_ended(&mut self, hand: &mut Hand<'_, '_>) -> Result<(), Stop> {
        if self.record.as_ref().is_some_and(|record| record.depth == self.frames.len()) {
            self.record_ended(hand)?;
        }
        if self.frames.is_empty() {
            self.pause(hand)?;
            self.copies = false;
            self.step = Step::End;
        } else {
            self.step = Step::Next;
        }
        Ok(())
    }

    /// Behind white space; on a line it may not end the line.
    #[inline]
    fn space(&self, bytes: &[u8], from: usize) -> Result<usize, Stop> {
        let at = token::space(bytes, from);
        if self.lines && bytes.get(from..at).unwrap_or_default().iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            return Err(Stop::at(from, Problem::End("the rest of the record")));
        }
        Ok(at)
    }
}

/// The first condition that does not hold.
fn unmet(wanted: &[Wanted], met: Met) -> Option<&Wanted> {
    wanted
        .iter()
        .enumerate()
        .find(|(bit, _)| met.seen >> bit & 1 == 0 || met.failed >> bit & 1 == 1)
        .map(|(_, wanted)| wanted)
}

#[cold]
fn too_long(at: usize) -> Stop {
    Stop::at(at, FilterProblem::TokenTooLong(RELEASE_TOKEN_BYTES_MAX))
}

/// Bytes of a text that conditions look at; a longer one is none that anybody wants.
const LOOKED_AT_BYTES_MAX: usize = 4 * 1024;
