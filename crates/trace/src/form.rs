//! A text in two parts: what it has in common with the texts of other records, and what is its own.
//!
//! `{"salt":"5f…","human":"ada"}` is the template `{"salt":"␁","human":"ada"}` and the 32 bytes of the salt. A store keeps
//! a template once. A mark begins with a control character, which JSON has only as an escape.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use model::{CallId, Digest, UnixMicros};

use crate::commitment::first_32;
use crate::facts::Places;
use crate::scratch::Scratch;
use crate::text::{write_digest, write_number};

/// One text of a record, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    template: Arc<str>,
    /// Of the template.
    hash: u64,
    values: Vec<u8>,
}

/// Writes one JSON object. The caller gives the keys in the order they shall have.
pub(crate) struct FormWriter {
    template: Scratch,
    values: Vec<u8>,
    /// Where the first text among the values stands.
    first_text: Option<Range<usize>>,
}

struct Values<'v>(&'v [u8]);

/// Templates of late, so that a record like one before shares its template with it: each where its hash says.
struct Lately {
    templates: Vec<Option<Arc<str>>>,
}

// === impl Form ===

impl Form {
    /// What others have, too, with a mark for each value. Records of one thread that are alike share one text.
    pub fn template(&self) -> &Arc<str> {
        &self.template
    }

    /// Tells templates apart, but for some that somebody may have made alike: the text has the last word.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// What is its own.
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// Writes the text. None: the two do not belong together.
    pub(crate) fn write(&self, out: &mut Vec<u8>, call: &CallId, at: UnixMicros) -> Option<()> {
        write_text(out, (&self.template, &self.values), call, at)
    }

    /// The text. None: the two do not belong together.
    pub fn text(&self, call: &CallId, at: UnixMicros) -> Option<String> {
        text_of(&self.template, &self.values, call, at)
    }
}

/// The text of a template and its values in the record of this call and time. None: they do not belong together.
pub fn text_of(template: &str, values: &[u8], call: &CallId, at: UnixMicros) -> Option<String> {
    let mut out = Vec::with_capacity(template.len() + values.len() + 512);
    write_text(&mut out, (template, values), call, at)?;
    String::from_utf8(out).ok()
}

fn write_text(
    out: &mut Vec<u8>,
    (template, values): (&str, &[u8]),
    call: &CallId,
    UnixMicros(at): UnixMicros,
) -> Option<()> {
    let mut values = Values(values);
    let mut first_text = None;
    let mut rest = template.as_bytes();
    while let Some(place) = memchr::memchr(MARK, rest) {
        let (before, behind) = rest.split_at_checked(place)?;
        let (kind, behind) = behind.split_at_checked(2)?;
        out.extend_from_slice(before);
        rest = behind;
        match *kind.last()? {
            DIGEST => out.extend_from_slice(&model::hex(&first_32(values.take(32)?))),
            TEXT => {
                let text = values.text()?;
                first_text = first_text.or(Some(text));
                out.extend_from_slice(text);
            }
            FIRST_TEXT => out.extend_from_slice(first_text?),
            NUMBER => write_number(out, values.number()?),
            CALL => out.extend_from_slice(call.as_str().as_bytes()),
            TIME => write_number(out, at),
            _ => return None,
        }
    }
    out.extend_from_slice(rest);
    values.0.is_empty().then_some(())
}

// === impl FormWriter ===

impl FormWriter {
    /// For values of about so many bytes.
    pub(crate) fn with_capacity(values: usize) -> Self {
        let mut template = Scratch::new();
        template.push(b'{');
        Self { template, values: Vec::with_capacity(values), first_text: None }
    }

    /// A text that others have, too.
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        json::write_string(&mut self.template, text);
    }

    pub(crate) fn text_or_null(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(key, text),
            None => self.raw(key, "null"),
        }
    }

    pub(crate) fn texts<'t>(&mut self, key: &str, texts: impl Iterator<Item = &'t str>) {
        self.key(key);
        self.template.push(b'[');
        for (place, text) in texts.enumerate() {
            if place > 0 {
                self.template.push(b',');
            }
            json::write_string(&mut self.template, text);
        }
        self.template.push(b']');
    }

    /// JSON that others have, too.
    pub(crate) fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.template.extend_from_slice(value.as_bytes());
    }

    /// A digest that others have, too.
    pub(crate) fn digest(&mut self, key: &str, digest: &Digest) {
        self.key(key);
        self.template.push(b'"');
        write_digest(&mut self.template, digest);
        self.template.push(b'"');
    }

    /// A text of its own.
    pub(crate) fn own_text(&mut self, key: &str, text: &str) {
        self.key(key);
        let start = self.values.len();
        self.values.push(0);
        json::write_string(&mut self.values, text);
        let length = self.values.len() - start - 1;
        match self.values.get_mut(start) {
            Some(first) if length < 0x80 => *first = low_byte(length as u64),
            _ => {
                let written = self.values.split_off(start + 1);
                self.values.truncate(start);
                self.length(length as u64);
                self.values.extend_from_slice(&written);
            }
        }
        self.mark_text(start, length);
    }

    /// JSON of its own.
    pub(crate) fn own_raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.own(value);
    }

    /// A digest or a salt of its own, in hexadecimal digits behind a prefix.
    pub(crate) fn own_digest(&mut self, key: &str, prefix: &str, bytes: &[u8; 32]) {
        self.key(key);
        self.template.push(b'"');
        self.template.extend_from_slice(prefix.as_bytes());
        self.template.extend_from_slice(&[MARK, DIGEST, b'"']);
        self.values.extend_from_slice(bytes);
    }

    pub(crate) fn own_number(&mut self, key: &str, number: i64) {
        self.key(key);
        self.number(number);
    }

    pub(crate) fn own_number_or_null(&mut self, key: &str, number: Option<i64>) {
        match number {
            Some(number) => self.own_number(key, number),
            None => self.raw(key, "null"),
        }
    }

    /// The call that the record is of.
    pub(crate) fn call(&mut self, key: &str) {
        self.key(key);
        self.template.extend_from_slice(&[b'"', MARK, CALL, b'"']);
    }

    /// The time of the record.
    pub(crate) fn time(&mut self, key: &str) {
        self.key(key);
        self.template.extend_from_slice(&[MARK, TIME]);
    }

    /// The facts of a decision, behind its task. Their time, their task, the address of a resource and what they say of the
    /// arguments are of this call, the rest is much the same for every use of a tool. Where they are of another shape they are
    /// kept all the same.
    pub(crate) fn facts(&mut self, key: &str, facts: &str, places: Option<&Places>) {
        self.key(key);
        let found;
        let places = match places {
            Some(places) => places,
            None => {
                let task = self.first_text.clone().and_then(|place| self.values.get(place)).unwrap_or_default();
                found = Places::found(facts, task);
                &found
            }
        };
        let mut done = 0;
        if let Some((place, now)) = &places.now {
            done = self.copy_until(facts, done, place);
            self.number(*now);
        }
        if let Some(place) = &places.task
            && facts.as_bytes().get(place.clone()) == self.first_text.clone().and_then(|place| self.values.get(place))
        {
            done = self.copy_until(facts, done, place);
            self.template.extend_from_slice(&[MARK, FIRST_TEXT]);
        }
        for place in [&places.tool, &places.arguments].into_iter().flatten() {
            done = self.copy_until(facts, done, place);
            self.own(facts.get(place.clone()).unwrap_or_default());
        }
        self.template.extend_from_slice(facts.as_bytes().get(done..).unwrap_or_default());
    }

    /// What others have, too, up to this place. Returns the end of the place.
    fn copy_until(&mut self, facts: &str, done: usize, place: &Range<usize>) -> usize {
        self.template.extend_from_slice(facts.as_bytes().get(done..place.start).unwrap_or_default());
        place.end
    }

    pub(crate) fn finish(mut self) -> Option<Form> {
        self.template.push(b'}');
        let hash = hash_of(&self.template);
        let template = LATELY.try_with(|lately| lately.try_borrow_mut().ok()?.shared(hash, &self.template));
        let template = match template {
            Ok(Some(template)) => template,
            _ => Arc::from(std::str::from_utf8(&self.template).ok()?),
        };
        Some(Form { template, hash, values: self.values })
    }

    fn number(&mut self, number: i64) {
        self.template.extend_from_slice(&[MARK, NUMBER]);
        self.length(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn own(&mut self, text: &str) {
        let start = self.values.len();
        self.length(text.len() as u64);
        self.values.extend_from_slice(text.as_bytes());
        self.mark_text(start, text.len());
    }

    /// Marks the text of this length that stands at the end of the values. What stood there before stands there once.
    fn mark_text(&mut self, start: usize, length: usize) {
        let place = self.values.len() - length..self.values.len();
        let Some(first) = self.first_text.clone() else {
            self.first_text = Some(place);
            self.template.extend_from_slice(&[MARK, TEXT]);
            return;
        };
        if self.values.get(first) == self.values.get(place) {
            self.values.truncate(start);
            self.template.extend_from_slice(&[MARK, FIRST_TEXT]);
        } else {
            self.template.extend_from_slice(&[MARK, TEXT]);
        }
    }

    /// Seven bits a byte, the lowest first.
    fn length(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.values.push(low_byte(number) | 0x80);
            number >>= 7;
        }
        self.values.push(low_byte(number));
    }

    fn key(&mut self, key: &str) {
        if self.template.len() > 1 {
            self.template.push(b',');
        }
        // Keys are words of ours without anything to escape.
        self.template.push(b'"');
        self.template.extend_from_slice(key.as_bytes());
        self.template.extend_from_slice(b"\":");
    }
}

// === impl Lately ===

impl Lately {
    /// None: it is not UTF-8.
    fn shared(&mut self, hash: u64, template: &[u8]) -> Option<Arc<str>> {
        if self.templates.is_empty() {
            self.templates.resize_with(LATELY_MAX, || None);
        }
        let place = self.templates.get_mut((hash % LATELY_MAX as u64) as usize);
        if let Some(Some(known)) = &place
            && known.as_bytes() == template
        {
            return Some(Arc::clone(known));
        }
        let template: Arc<str> = Arc::from(std::str::from_utf8(template).ok()?);
        if let Some(place) = place
            && template.len() <= LATELY_BYTES_MAX
        {
            *place = Some(Arc::clone(&template));
        }
        Some(template)
    }
}

/// Four lanes of eight bytes, for each step waits for the one before.
fn hash_of(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, word: [u8; 8]| (hash.rotate_left(29) ^ u64::from_le_bytes(word)).wrapping_mul(SPREAD);
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut lanes = [bytes.len() as u64, 1, 2, 3];
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        lanes.iter_mut().zip(words).for_each(|(lane, word)| *lane = mix(*lane, *word));
    }
    let (words, rest) = rest.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let all = lanes.into_iter().map(u64::to_le_bytes).chain(words.iter().copied()).chain([last]).fold(0, mix);
    all ^ all >> 32
}

// === impl Values ===

impl<'v> Values<'v> {
    fn take(&mut self, count: usize) -> Option<&'v [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn length(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if *byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'v [u8]> {
        let length = usize::try_from(self.length()?).ok()?;
        self.take(length)
    }

    fn number(&mut self) -> Option<i64> {
        let number = self.length()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }
}

fn low_byte(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

const MARK: u8 = 1;
const DIGEST: u8 = b'd';
const TEXT: u8 = b't';
const NUMBER: u8 = b'n';
const CALL: u8 = b'c';
const TIME: u8 = b'@';
const FIRST_TEXT: u8 = b'f';

thread_local! {
    static LATELY: RefCell<Lately> = const { RefCell::new(Lately { templates: Vec::new() }) };
}

const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
const LATELY_MAX: usize = 1 << 10;
const LATELY_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests;
