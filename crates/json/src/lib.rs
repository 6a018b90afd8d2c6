//! Untrusted JSON, read in one pass: what is decided on is byte for byte what is forwarded.
//!
//! # In scope
//! RFC 8259 with every check a gateway needs, exact spans, unescaped keys and strings, RFC 8785 (JCS), replacing spans in
//! place, field masks (paths of RFC 9535), what is let out of an answer while it streams ([`release`]), and the shape of a
//! document without its values.
//!
//! # Out of scope
//! Mapping JSON to types, numbers beyond their bytes (except in JCS), lenient dialects.
//!
//! # Invariants
//! * What is accepted is valid UTF-8, at most `JSON_DEPTH_MAX` deep, and no object has two keys that mean the same text,
//!   more than `JSON_KEYS_MAX` of them or one that `serde_json` takes for a mark: every other reader sees the same document.
//! * A document has at most `JSON_NODES_MAX` values and keys, which bounds the memory that reading it takes.
//! * Nothing here recurses without a bound; no input stops the process.
//! * Outside the spans that are edited, not a byte changes.
//! * A [`release`] lets out what it names and nothing else, in bounded memory, however an answer is long or cut to pieces.

pub mod canonical;
pub mod document;
pub mod edit;
pub mod error;
pub mod mask;
pub mod member;
mod parser;
pub mod release;
mod shape;
mod text;

pub use canonical::{canonical, write_string};
pub use document::{Document, Entries, Items, Kind, Value};
pub use edit::splice;
pub use error::{JsonError, Problem};
pub use mask::{Mask, MaskError};
pub use member::has_member;
pub use release::{Filter, Release, ReleasePlan};
pub use shape::shape;
