//! The text of a Word document (`.docx`: ECMA-376, WordprocessingML in a ZIP archive) as its reader sees it, automatic numbers
//! included.
//!
//! # In scope
//! Finding and unfolding the parts within bounds, paragraphs and tables in their order, numbers that Word counts, tracked changes
//! as if they were accepted, and a sentence about everything that a reader sees and this text does not have, or the other way.
//!
//! # Out of scope
//! Layout, headers and footers, pictures, comments, what a footnote says; what any sentence means.
//!
//! # Invariants
//! * Any bytes give a text or an error, within the bounds in [`model::limits`], and the same bytes always the same.
//! * Nothing outside the file is read: a document type or an entity of its own is an error, and no relationship leads out.
//! * What is hidden, deleted or embedded is never left out silently.

mod error;

mod archive;
mod xml;

mod formats;
mod numbering;
mod styles;

mod contents;
mod fields;
mod notes;
mod walk;

mod read;

pub use error::Unreadable;
pub use read::{Text, read};
