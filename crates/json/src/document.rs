//! A parsed document: one tape of nodes over the bytes, which stay as they are.
//!
//! `Document::parse(br#"{"a":[1]}"#)?.root().get("a")` is the array, and its `raw()` is exactly `[1]`.

use std::borrow::Cow;
use std::ops::Range;

use crate::error::JsonError;
use crate::parser;
use crate::text::unescape;

/// A document that passed every check.
pub struct Document<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

/// One value in a document. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Value<'d, 'a> {
    document: &'d Document<'a>,
    index: usize,
    node: Node,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// The members of an object in the order they are written: see [`Value::entries`].
pub struct Entries<'d, 'a> {
    document: &'d Document<'a>,
    next: usize,
    left: u32,
}

/// The values of an array in the order they are written: see [`Value::items`].
pub struct Items<'d, 'a> {
    document: &'d Document<'a>,
    next: usize,
    left: u32,
}

/// Where a value stands. A member of an object is two nodes: its key, then its value.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The node behind this value and everything in it.
    pub(crate) next: u32,
    /// Members or items.
    pub(crate) len: u32,
    pub(crate) kind: Kind,
    /// A string with an escape in it.
    pub(crate) escaped: bool,
}

// === impl Document ===

impl<'a> Document<'a> {
    /// Reads a whole document. Error: the first thing that is wrong, and where.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let (text, nodes) = parser::parse(bytes)?;
        Ok(Self { text, nodes })
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_, 'a> {
        self.value(0)
    }

    /// The bytes that were parsed.
    pub fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn value(&self, index: usize) -> Value<'_, 'a> {
        // INVARIANT: every index comes from the tape itself; `null` is never seen (tests::values_are_equal_to_serde_json).
        let node = self.nodes.get(index).copied().unwrap_or(Node::new(Kind::Null, 0));
        Value { document: self, index, node }
    }

    fn inner(&self, node: Node) -> &'a str {
        self.text.get(node.start as usize + 1..(node.end as usize).saturating_sub(1)).unwrap_or_default()
    }

    fn string(&self, node: Node) -> Cow<'a, str> {
        unescape(self.inner(node), node.escaped)
    }
}

impl std::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("bytes", &self.text.len()).field("nodes", &self.nodes.len()).finish()
    }
}

// === impl Value ===

impl<'d, 'a> Value<'d, 'a> {
    /// What it is.
    pub fn kind(&self) -> Kind {
        self.node.kind
    }

    /// The exact bytes of this value, without white space around them.
    pub fn raw(&self) -> &'a [u8] {
        self.document.text.as_bytes().get(self.span()).unwrap_or_default()
    }

    /// Where those bytes stand in the document.
    pub fn span(&self) -> Range<usize> {
        self.node.start as usize..self.node.end as usize
    }

    /// The member of an object with this (unescaped) key.
    pub fn get(&self, key: &str) -> Option<Value<'d, 'a>> {
        if self.node.kind != Kind::Object {
            return None;
        }
        let mut at = self.index + 1;
        for _ in 0..self.node.len {
            let found = *self.document.nodes.get(at)?;
            let same =
                if found.escaped { self.document.string(found) == key } else { self.document.inner(found) == key };
            if same {
                return Some(self.document.value(at + 1));
            }
            at = self.document.nodes.get(at + 1)?.next as usize;
        }
        None
    }

    /// The members of an object, keys unescaped. Nothing for any other kind.
    pub fn entries(&self) -> Entries<'d, 'a> {
        let left = if self.node.kind == Kind::Object { self.node.len } else { 0 };
        Entries { document: self.document, next: self.index + 1, left }
    }

    /// The values of an array. Nothing for any other kind.
    pub fn items(&self) -> Items<'d, 'a> {
        let left = if self.node.kind == Kind::Array { self.node.len } else { 0 };
        Items { document: self.document, next: self.index + 1, left }
    }

    /// The text of a string, unescaped.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        (self.node.kind == Kind::String).then(|| self.document.string(self.node))
    }

    /// The truth value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        (self.node.kind == Kind::Bool).then(|| self.raw() == b"true")
    }

    /// A number written as an integer that fits. `1.0` and `1e3` are none.
    pub fn as_i64(&self) -> Option<i64> {
        if self.node.kind != Kind::Number {
            return None;
        }
        self.document.text.get(self.span())?.parse().ok()
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.node.kind == Kind::Null
    }

    /// How many members or items it has; zero for any other kind.
    pub fn len(&self) -> usize {
        self.node.len as usize
    }

    /// Whether it has no members and no items.
    pub fn is_empty(&self) -> bool {
        self.node.len == 0
    }

    /// The whole text of this value, for readers inside the crate.
    pub(crate) fn raw_text(&self) -> &'a str {
        self.document.text.get(self.span()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Value<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {:?}", self.kind(), self.span())
    }
}

// === impl Entries, Items ===

impl<'d, 'a> Iterator for Entries<'d, 'a> {
    type Item = (Cow<'a, str>, Value<'d, 'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = self.document.value(self.next);
        let value = self.document.value(self.next + 1);
        self.next = value.node.next as usize;
        Some((self.document.string(key.node), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl<'d, 'a> Iterator for Items<'d, 'a> {
    type Item = Value<'d, 'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let value = self.document.value(self.next);
        self.next = value.node.next as usize;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl Node {
    pub(crate) const fn new(kind: Kind, start: u32) -> Self {
        Self { start, end: start, next: 0, len: 0, kind, escaped: false }
    }
}

#[cfg(test)]
mod tests;
