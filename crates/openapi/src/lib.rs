//! An HTTP app by its OpenAPI document: operations, the entities they deal with, and their fields.
//!
//! # In scope
//! Reading OpenAPI 3.0 and 3.1, in YAML and JSON, with references that go round in circles; proposing a [`Mapping`] with
//! questions about what the document does not say; reading the mapping that a person made of it, of operations and of tools;
//! what a call asks of records by that mapping.
//!
//! # Out of scope
//! Speaking HTTP, deciding anything, references to other files and hosts: they are never followed, and named.
//!
//! # Invariants
//! * Whatever the document, reading it ends within bounds of time and memory, and nothing but the document is read.
//! * What is not laid out is not named: a field in a circle, or deeper than [`limits`](model::limits) say, is in no proposal,
//!   so it is let out of no answer until a person adds it.
//! * What was proposed can be read as it is.

mod asking;
mod document;
mod entity;
mod mapping;
mod operation;
mod propose;
mod reader;
mod schema;
mod tools;
mod words;
mod writer;

pub use asking::{Asking, SaysOfItself, Stands, UNRESOLVED, Unclear, refused, sent_state};
pub use document::{Document, DocumentError};
pub use entity::form_of;
pub use mapping::{Entity, Mapped, Mapping, MappingError};
pub use propose::{Proposal, propose};
pub use tools::{Argument, Place, Tool, Tools, text};
