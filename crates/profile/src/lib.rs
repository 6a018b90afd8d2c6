//! What a tool is: from the definition its server gives to a class, verbs and argument roles; and what there is to say of
//! the other definitions a server gives, of prompts, templates of addresses and itself.
//!
//! # In scope
//! Reading definitions, their digests, a deterministic proposal of a class and of a whole profile, shipped and written
//! profiles, pins, what is in force for one call, what rules look at of its arguments, the difference between a reviewed
//! definition and a changed one, and the search for known attacks
//! in what definitions say.
//!
//! # Out of scope
//! Where pins are stored, who may review, what follows from a class.
//!
//! # Invariants
//! * A server's hints raise a class, never lower it.
//! * Any change of text, schema or annotation changes the digest; order of keys and white space do not.
//! * Without a profile or a pin a tool counts as at least `external`; what nothing is known of is `destructive`.
//! * Words of a definition that look like a known attack keep it from use until a person has reviewed it; they lower nothing.
//! * Of arguments nothing is guessed: what cannot be read for certain is unclear, and never a value.
//! * Which profile applies is the operator's word, never the server's.

pub mod assess;

pub mod extract;

pub mod classify;
pub mod compare;
pub mod definition;
pub mod draft;
pub mod pin;
pub mod profile;
pub mod scan;
mod statement;
mod words;

pub mod role;

mod command;
mod digest;
mod value;

pub use assess::{Assessment, assess, assess_other, standing, unknown_tool};
pub use classify::{Hints, Proposal};
pub use compare::diff;
pub use definition::{Definition, DefinitionError, DefinitionKind, ToolDefinition, classify, meant, spoken};
pub use extract::{normal, of_no_tool, unprofiled};
pub use pin::Pin;
pub use profile::{Profile, ProfileError, ProfiledTool};
pub use role::{Role, RoleForm, RoleKind};
pub use scan::{Finding, Severity, scan, shadowing};
