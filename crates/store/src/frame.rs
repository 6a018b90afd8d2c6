//! How a commit stands in the redo log: one frame with its rows and its state, and a sum that says whether all of it is
//! there.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::str::from_utf8;

use model::{AgentId, AppId, Class, ToolName, Verdict};
use trace::{Concern, Form, RecordKind, Row, StateWrite};

use crate::direct::BLOCK_BYTES;
use crate::generations::Same;
use crate::seal::{SealedBody, SubjectKey};
use crate::sum::sum;

/// A record as the tables take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns<'a> {
    pub(crate) kind: RecordKind,
    /// The bits of its id.
    pub(crate) call: u128,
    pub(crate) at: i64,
    pub(crate) agent: Option<&'a str>,
    /// The number of the key of the person.
    pub(crate) human: Option<u32>,
    /// 32 bits that tell most tasks apart.
    pub(crate) task: Option<u32>,
    /// Whom or what a change concerns.
    pub(crate) about: Option<About>,
    pub(crate) app: Option<&'a str>,
    pub(crate) tool: Option<&'a str>,
    pub(crate) class: Option<&'a str>,
    pub(crate) verdict: Option<&'a str>,
    pub(crate) leaf: Piece<'a>,
    pub(crate) leaf_hash: &'a [u8],
    pub(crate) body: SealedPiece<'a>,
}

/// Whom or what a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A person, by the number of the key.
    Person(u32),
    /// Something else, by 32 bits that tell most things apart.
    Thing(u32),
    /// The body alone says it, or an older version wrote this.
    Sealed,
}

/// A text, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) template: &'a str,
    pub(crate) values: &'a [u8],
}

/// A body, sealed in its two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SealedPiece<'a> {
    pub(crate) key: u32,
    pub(crate) template: &'a [u8],
    pub(crate) values: &'a [u8],
}

/// The key of a subject that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyColumns<'a> {
    pub(crate) number: u32,
    pub(crate) subject: &'a str,
    pub(crate) wrapped: &'a [u8],
}

/// One value of the state; none deletes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StateColumns<'a> {
    pub(crate) kind: &'a str,
    pub(crate) key: &'a str,
    pub(crate) value: Option<&'a str>,
}

/// Which commit a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Which filling of a file it belongs to.
    pub(crate) generation: u64,
    /// Counts the frames since the log was opened, without a gap.
    pub(crate) number: u64,
    /// The sequence number of its first row, or of the next one when it has none.
    pub(crate) first: u64,
    /// How many rows.
    pub(crate) rows: u64,
}

/// One commit as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) head: Head,
    pub(crate) rows: Vec<Columns<'a>>,
    pub(crate) keys: Vec<KeyColumns<'a>>,
    pub(crate) state: Vec<StateColumns<'a>>,
    /// How many bytes of the file it takes: whole blocks.
    pub(crate) room: usize,
}

struct Cursor<'a>(&'a [u8]);

/// The templates of a frame that is read.
struct Templates<T>(Vec<T>);

/// The templates of a frame that is written, each where it is met first: which one it is, by where it lies in memory. One that
/// lies there twice is written twice.
#[derive(Default)]
struct Places(HashMap<(i64, i64), u32, BuildHasherDefault<Same>>);

// === impl Columns, About, Piece, SealedPiece, KeyColumns, StateColumns ===

impl<'a> Columns<'a> {
    /// A record with its body sealed.
    pub(crate) fn of(row: &'a Row, body: &'a SealedBody) -> Self {
        Self {
            kind: row.kind,
            call: row.call.bits(),
            at: row.at.0,
            agent: row.agent.as_ref().map(AgentId::as_str),
            // A record names no other person than the one it is about.
            human: row.human.as_ref().map(|_| body.key),
            task: row.task.as_ref().map(|task| short_sum(task.as_str())),
            about: row.concern.as_ref().map(|concern| About::of(concern, body.key)),
            app: row.app.as_ref().map(AppId::as_str),
            tool: row.tool.as_ref().map(ToolName::as_str),
            class: row.class.map(Class::as_str),
            verdict: row.verdict.map(Verdict::as_str),
            leaf: Piece::from(&row.leaf),
            leaf_hash: row.leaf_hash.as_bytes(),
            body: SealedPiece::from(body),
        }
    }
}

impl About {
    fn of(concern: &Concern, key: u32) -> Self {
        match concern {
            Concern::Person => Self::Person(key),
            Concern::Thing(thing) => Self::Thing(short_sum(thing)),
            Concern::Sealed => Self::Sealed,
        }
    }
}

impl<'a> From<&'a Form> for Piece<'a> {
    fn from(form: &'a Form) -> Self {
        Self { template: form.template(), values: form.values() }
    }
}

impl<'a> From<&'a SealedBody> for SealedPiece<'a> {
    fn from(body: &'a SealedBody) -> Self {
        Self { key: body.key, template: &body.template, values: &body.values }
    }
}

impl<'a> From<&'a SubjectKey> for KeyColumns<'a> {
    fn from(key: &'a SubjectKey) -> Self {
        Self { number: key.number, subject: &key.subject, wrapped: &key.wrapped }
    }
}

impl<'a> From<&'a StateWrite> for StateColumns<'a> {
    fn from(write: &'a StateWrite) -> Self {
        Self { kind: &write.kind, key: &write.key, value: write.value.as_deref() }
    }
}

// === impl Head ===

impl Head {
    /// The sequence number behind its last row.
    pub(crate) fn next(&self) -> u64 {
        self.first.saturating_add(self.rows)
    }
}

// === impl Frame ===

impl<'a> Frame<'a> {
    /// The frame at the start of these bytes, if all of it is there and it is of this generation.
    pub(crate) fn read(bytes: &'a [u8], generation: u64) -> Option<Self> {
        let (length, wanted) = lengths(bytes)?;
        let whole = bytes.get(..length)?;
        let content = whole.get(SUM_END..)?;
        if sum(content) != wanted {
            return None;
        }
        let mut cursor = Cursor(content);
        let head = Head {
            generation: cursor.number()?,
            number: cursor.number()?,
            first: cursor.number()?,
            rows: cursor.number()?,
        };
        let (keys, states) = (cursor.number()?, cursor.number()?);
        if head.generation != generation {
            return None;
        }
        let keys = (0..keys).map(|_| cursor.key()).collect::<Option<Vec<_>>>()?;
        let (mut leaves, mut bodies) = (Templates(Vec::new()), Templates(Vec::new()));
        let rows = (0..head.rows).map(|_| cursor.row(&mut leaves, &mut bodies)).collect::<Option<Vec<_>>>()?;
        let state = (0..states).map(|_| cursor.state()).collect::<Option<Vec<_>>>()?;
        cursor.0.is_empty().then_some(Self { head, rows, keys, state, room: length.next_multiple_of(BLOCK_BYTES) })
    }

    /// How long the frame that begins with these bytes says it is; none where no frame begins.
    pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
        lengths(bytes).map(|(length, _)| length)
    }
}

/// Writes a frame into an empty buffer.
pub(crate) fn write(out: &mut Vec<u8>, head: Head, rows: &[Columns<'_>], keys: &[SubjectKey], state: &[StateWrite]) {
    out.clear();
    out.extend_from_slice(&[0; SUM_END]);
    for number in [head.generation, head.number, head.first, head.rows, keys.len() as u64, state.len() as u64] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for key in keys {
        out.extend_from_slice(&key.number.to_le_bytes());
        put(out, Some(key.subject.as_bytes()));
        put(out, Some(&key.wrapped));
    }
    let (mut leaves, mut bodies) = (Places::default(), Places::default());
    for row in rows {
        out.extend_from_slice(&row.at.to_le_bytes());
        out.extend_from_slice(&row.call.to_le_bytes());
        out.extend_from_slice(row.leaf_hash);
        put(out, Some(row.kind.as_str().as_bytes()));
        leaves.put(out, row.leaf.template.as_bytes());
        put(out, Some(row.leaf.values));
        out.extend_from_slice(&row.body.key.to_le_bytes());
        bodies.put(out, row.body.template);
        put(out, Some(row.body.values));
        for text in [row.agent, row.app, row.tool, row.class, row.verdict] {
            put(out, text.map(str::as_bytes));
        }
        // A change has neither person nor task, and says there what it concerns.
        let numbers = match row.about {
            Some(About::Person(person)) => [Some(person), None],
            Some(About::Thing(thing)) => [None, Some(thing)],
            Some(About::Sealed) | None => [row.human, row.task],
        };
        for number in numbers {
            put(out, number.map(u32::to_le_bytes).as_ref().map(<[u8; 4]>::as_slice));
        }
    }
    for write in state {
        put(out, Some(write.kind.as_bytes()));
        put(out, Some(write.key.as_bytes()));
        put(out, write.value.as_deref().map(str::as_bytes));
    }
    let length = out.len() as u64;
    let sum = sum(out.get(SUM_END..).unwrap_or_default());
    let start = MAGIC.to_le_bytes().into_iter().chain(length.to_le_bytes()).chain(sum.to_le_bytes());
    for (to, from) in out.iter_mut().zip(start) {
        *to = from;
    }
}

/// Whether these bytes begin a frame of this place in the format from before bodies were sealed.
pub(crate) fn is_older(bytes: &[u8], generation: u64, number: u64) -> bool {
    let mut cursor = Cursor(bytes);
    let start = [(); 5].map(|()| cursor.number());
    matches!(start, [Some(OLDER_MAGIC), _, _, Some(of), Some(which)] if of == generation && which == number)
}

/// What stands in the tables for a task, or for what a change concerns.
pub(crate) fn short_sum(text: &str) -> u32 {
    let sum = sum(text.as_bytes());
    (sum ^ sum >> 32) as u32
}

fn put(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    // Nothing that is recorded comes near 4 GB: every text in a record has a bound.
    let length = bytes.map_or(NONE, |bytes| u32::try_from(bytes.len()).unwrap_or(NONE));
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn lengths(bytes: &[u8]) -> Option<(usize, u64)> {
    let mut cursor = Cursor(bytes);
    if cursor.number()? != MAGIC {
        return None;
    }
    let length = usize::try_from(cursor.number()?).ok().filter(|length| *length >= SUM_END)?;
    Some((length, cursor.number()?))
}

// === impl Places, Templates, Cursor ===

impl Places {
    fn put(&mut self, out: &mut Vec<u8>, template: &[u8]) {
        let next = u32::try_from(self.0.len()).unwrap_or(NONE);
        let lies = (template.as_ptr().addr() as i64, template.len() as i64);
        let place = *self.0.entry(lies).or_insert(next);
        if place < next {
            out.extend_from_slice(&place.to_le_bytes());
        } else {
            out.extend_from_slice(&NONE.to_le_bytes());
            put(out, Some(template));
        }
    }
}

impl<T: Copy> Templates<T> {
    /// The template at this place, or the new one that is read.
    fn at(&mut self, place: u32, read: impl FnOnce() -> Option<T>) -> Option<T> {
        if place == NONE {
            self.0.push(read()?);
            return self.0.last().copied();
        }
        self.0.get(usize::try_from(place).ok()?).copied()
    }
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        let length = self.take(4)?.try_into().ok().map(u32::from_le_bytes)?;
        if length == NONE {
            return Some(None);
        }
        self.take(usize::try_from(length).ok()?).map(Some)
    }

    fn text(&mut self) -> Option<Option<&'a str>> {
        self.bytes()?.map(|bytes| from_utf8(bytes).ok()).map_or(Some(None), |text| text.map(Some))
    }

    fn short(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn short_or_none(&mut self) -> Option<Option<u32>> {
        match self.bytes()? {
            Some(bytes) => bytes.try_into().ok().map(u32::from_le_bytes).map(Some),
            None => Some(None),
        }
    }

    fn piece(&mut self, templates: &mut Templates<&'a str>) -> Option<Piece<'a>> {
        let place = self.short()?;
        let template = templates.at(place, || self.text()?)?;
        Some(Piece { template, values: self.bytes()?? })
    }

    fn sealed_piece(&mut self, templates: &mut Templates<&'a [u8]>) -> Option<SealedPiece<'a>> {
        let (key, place) = (self.short()?, self.short()?);
        let template = templates.at(place, || self.bytes()?)?;
        Some(SealedPiece { key, template, values: self.bytes()?? })
    }

    fn key(&mut self) -> Option<KeyColumns<'a>> {
        Some(KeyColumns { number: self.short()?, subject: self.text()??, wrapped: self.bytes()?? })
    }

    fn row(&mut self, leaves: &mut Templates<&'a str>, bodies: &mut Templates<&'a [u8]>) -> Option<Columns<'a>> {
        let at = self.take(8)?.try_into().ok().map(i64::from_le_bytes)?;
        let call = self.take(16)?.try_into().ok().map(u128::from_le_bytes)?;
        let leaf_hash = self.take(32)?;
        let kind = self.text()??.parse().ok()?;
        let (leaf, body) = (self.piece(leaves)?, self.sealed_piece(bodies)?);
        let texts = [self.text()?, self.text()?, self.text()?, self.text()?, self.text()?];
        let [agent, app, tool, class, verdict] = texts;
        let (human, task, about) = self.people_and_things(kind)?;
        Some(Columns { kind, call, at, agent, human, task, about, app, tool, class, verdict, leaf, leaf_hash, body })
    }

    fn people_and_things(&mut self, kind: RecordKind) -> Option<(Option<u32>, Option<u32>, Option<About>)> {
        let (first, second) = (self.short_or_none()?, self.short_or_none()?);
        if kind != RecordKind::Change {
            return Some((first, second, None));
        }
        let about = match (first, second) {
            (Some(person), _) => About::Person(person),
            (None, Some(thing)) => About::Thing(thing),
            (None, None) => About::Sealed,
        };
        Some((None, None, Some(about)))
    }

    fn state(&mut self) -> Option<StateColumns<'a>> {
        Some(StateColumns { kind: self.text()??, key: self.text()??, value: self.text()? })
    }
}

/// How many bytes say whether a frame begins, its length and its sum.
pub(crate) const SUM_END: usize = 24;
const MAGIC: u64 = u64::from_le_bytes(*b"csredo 4");
const OLDER_MAGIC: u64 = u64::from_le_bytes(*b"csredo 3");
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests;
