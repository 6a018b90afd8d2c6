//! Rule files in, written in YAML, in Cedar or in Rego; a checked and hashed bundle out, behind [`model::Rules`]. This crate
//! alone names Cedar and the interpreter of Rego.
//!
//! # In scope
//! The schema, the baseline, platform policy in YAML, annotations, validation with positions and hints, tests of arguments
//! and time, evaluation of one layer.
//!
//! # Out of scope
//! Which hit wins (`decide`), reading files, secrets, anything that has an effect.
//!
//! # Invariants
//! * A rule that cannot be evaluated is a fault of the evaluation, never silence: Cedar alone would skip it.
//! * A rule that can never match does not load.
//! * A rule in Rego permits nothing. Without one, no interpreter is made.
//! * A rule's id is its own: it never depends on other rules or on the order of files.
//! * The same bundle and the same facts give the same evaluation, bit for bit.

mod bundle;

mod asked;
mod rego;
mod yaml;

mod export;
mod index;
mod memory;

mod request;

mod compile;

mod annotations;
mod tools;

mod lint;

mod tree;

mod named_test;
mod texts;

mod command;
mod glob;
mod window;

mod known;
mod source;
mod vocabulary;

mod error;

pub use bundle::Bundle;
pub use compile::baseline;
pub use error::PolicyError;
pub use known::{Known, KnownApp, KnownRole, KnownTool};
pub use source::RuleFile;
pub use vocabulary::schema;
pub use yaml::{Example, platform_as_cedar};
