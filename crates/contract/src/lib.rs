//! A vendor's agreement, compiled: clauses that decide what a vendor's call may touch, what of an answer may be shown, and a
//! register of every clause with how it is honoured.
//!
//! # In scope
//! The contract file and everything that can be wrong with it, the forms that people sign and their digests, signatures,
//! judging a call behind [`model::Rules`], plain sentences, what differs between two versions, and drafts from a document.
//!
//! # Out of scope
//! Reading files, who a caller is, sending anything, applying what is to be kept back to an answer's bytes.
//!
//! # Invariants
//! * A contract loads only if every clause of its documents is accounted for, once.
//! * What two people have not signed exactly as it is admits nothing, and neither does what is suspended, ended or out of its term.
//! * A contract permits by name: an unknown kind of record, operation or tenant is refused, and no rule of the organisation
//!   widens a contract.
//! * The same contracts and the same facts give the same hits, bit for bit.

mod error;
mod path;
mod reader;

pub mod agreement;
mod rate;
mod when;
mod words;

mod hours;
mod period;

mod reading;

mod check;
mod compiled;

mod normal;
mod register;

mod in_force;
mod signature;

mod judge;
mod release;

mod governed;

mod diff;
pub mod draft;
mod explain;

pub use agreement::Agreement;
pub use check::DocumentFile;
pub use compiled::{Volume, VolumeOf};
pub use diff::{Cells, Change, Difference, difference};
pub use error::ContractError;
pub use explain::explain;
pub use governed::Governed;
pub use in_force::{Compiled, InForce, Loaded};
pub use normal::{Forms, NORMAL_FORM, sha256};
pub use path::FieldPath;
pub use period::Period;
pub use reading::ContractFile;
pub use register::{Coverage, Honoured, Row};
pub use release::{Shape, Shapes, check_shapes};
pub use signature::{Act, Refused, SIGNATURES_NEEDED, Signature, Signatures, Signed};
