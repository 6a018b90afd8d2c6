//! A YAML document as a tree in which every key and value knows its place.
//!
//! Languages have keys that something else decides (`allow_merge`), so a document is read as a tree first and understood
//! afterwards: then the nearest right word can be named for every key. The parser refuses duplicate keys, unknown tags and
//! everything past the bounds below.

use std::fmt;

use serde::de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Location, Spanned};

/// Where something stands. Line and column count from 1, the column in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
    /// Bytes from the start of the text.
    pub offset: usize,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its place.
    pub at: At,
    /// What it is.
    pub kind: Kind,
}

/// What a value is. A number keeps its spelling: an account `007` is not 7.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Nothing.
    Nothing,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it is spelt.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order they stand.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The place of the key.
    pub at: At,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Node,
}

/// Why a text is no document.
#[derive(Debug)]
pub struct Unreadable {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// What is wrong.
    pub said: String,
    /// The way out.
    pub hint: Option<String>,
}

/// Reads a text of which the reader knows the form. Error: it is not YAML, or not of that form.
pub fn typed<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_saphyr::from_str_with_options(text, serde_saphyr::options! { emit_comments: EMIT_COMMENTS })
}

/// Reads the text of a file. Error: it is not YAML, has a key twice, or is past a bound.
pub fn read(text: &str) -> Result<Node, Unreadable> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 4 * NODES_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: ALIASED_MAX,
            max_replay_stack_depth: 8,
        },
        emit_comments: EMIT_COMMENTS,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(convert(raw, text)),
        Err(error) => Err(unreadable(&error)),
    }
}

/// The text of a key with everything that belongs to it, as it was written.
pub fn text_of(entry: At, text: &str) -> &str {
    let before = text.get(..entry.offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let ahead = text.get(line_start..entry.offset).unwrap_or_default();
    let rest = text.get(entry.offset..).unwrap_or_default();
    let flow = ahead.contains(['{', '[']);
    if flow {
        return rest.get(..end_of_flow(rest)).unwrap_or(rest).trim_end();
    }
    let indent = entry.column.saturating_sub(1) as usize;
    let mut end = 0;
    for (place, line) in rest.split_inclusive('\n').enumerate() {
        let inner = line.len() - line.trim_start().len();
        // A list may stand as far left as the key it belongs to.
        // The first key of an item stands for the whole item.
        let belongs = inner > indent || (inner == indent && (is_item(ahead) || line.trim_start().starts_with("- ")));
        if place > 0 && !line.trim().is_empty() && !belongs {
            break;
        }
        end += line.len();
    }
    rest.get(..end).unwrap_or(rest).trim_end()
}

fn is_item(ahead: &str) -> bool {
    ahead.trim_start().starts_with("- ")
}

fn end_of_flow(rest: &str) -> usize {
    let (mut depth, mut quote) = (0_i32, None);
    for (at, letter) in rest.char_indices() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(letter),
            ('{' | '[', None) => depth += 1,
            ('}' | ']', None) => depth -= 1,
            _ => {}
        }
        if quote.is_none() && (depth < 0 || (depth == 0 && letter == ',')) {
            return at;
        }
    }
    rest.len()
}

// === impl At ===

impl At {
    fn of(location: Location) -> Self {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let offset = location.span().byte_offset().and_then(|offset| usize::try_from(offset).ok()).unwrap_or_default();
        Self { line: narrow(location.line()), column: narrow(location.column()), offset }
    }
}

// === impl Node ===

impl Node {
    /// What it is, in the words of people who write such files.
    pub fn described(&self) -> String {
        match &self.kind {
            Kind::Nothing => "nothing".to_owned(),
            Kind::Bool(truth) => format!("`{truth}`"),
            Kind::Number(text) | Kind::Text(text) => format!("`{}`", shortened(text)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "keys and values".to_owned(),
        }
    }
}

/// The value before the spelling of numbers is looked up.
enum Raw {
    Nothing,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Raw, D::Error> {
        Raw::deserialize(from)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Raw, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = from.next_element()? {
            members.push(member);
        }
        Ok(Raw::List(members))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = from.next_key()? {
            entries.push((key, from.next_value()?));
        }
        Ok(Raw::Map(entries))
    }
}

fn convert(raw: Spanned<Raw>, text: &str) -> Node {
    let kind = match raw.value {
        Raw::Nothing => Kind::Nothing,
        Raw::Bool(truth) => Kind::Bool(truth),
        Raw::Number => Kind::Number(spelling(raw.defined, text)),
        Raw::Text(said) => Kind::Text(said),
        Raw::List(members) => Kind::List(members.into_iter().map(|member| convert(member, text)).collect()),
        Raw::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry { at: At::of(key.referenced), key: key.value, value: convert(value, text) })
                .collect(),
        ),
    };
    Node { at: At::of(raw.referenced), kind }
}

fn spelling(location: Location, text: &str) -> String {
    let span = location.span();
    let (start, length) = (span.byte_offset(), span.byte_len());
    let range = start.zip(length).and_then(|(start, length)| {
        let start = usize::try_from(start).ok()?;
        Some(start..start.checked_add(usize::try_from(length).ok()?)?)
    });
    range.and_then(|range| text.get(range)).unwrap_or_default().trim().to_owned()
}

fn unreadable(error: &Error) -> Unreadable {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((1, 1), |at| {
        let at = At::of(at);
        (at.line.max(1), at.column.max(1))
    });
    let (said, hint) = match error {
        Error::DuplicateMappingKey { key, .. } => {
            (format!("the key `{}` occurs twice", key.as_deref().unwrap_or("?")), Some("keep one of them"))
        }
        Error::MultipleDocuments { .. } => {
            ("a second document begins here".to_owned(), Some("one file holds one document: take the `---` out"))
        }
        Error::Budget { .. } => (TOO_MUCH.to_owned(), Some(WRITE_OUT)),
        other if other.to_string().starts_with("alias ") => (TOO_MUCH.to_owned(), Some(WRITE_OUT)),
        other => {
            let said = other.to_string();
            let first = said.lines().next().unwrap_or(&said);
            (first.split(" at line").next().unwrap_or(first).trim_end_matches('.').to_owned(), None)
        }
    };
    Unreadable { line, column, said, hint: hint.map(str::to_owned) }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(59).chain(['…']).collect() }
}

const TOO_MUCH: &str =
    "this file is nested deeper than 24, holds more than 200,000 values, or its aliases unfold to more than 10,000";
const WRITE_OUT: &str = "write the rules out, in several files if they are many";
/// Deepest nesting.
const DEPTH_MAX: usize = 24;
/// Most values, aliases counted once.
const NODES_MAX: usize = 200_000;
/// Most values that aliases unfold to.
const ALIASED_MAX: usize = 10_000;
/// Nobody reads them, and only so many in a row would be kept.
const EMIT_COMMENTS: bool = false;

#[cfg(test)]
mod tests;
