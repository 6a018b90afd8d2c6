//! Witnesses (c2sp.org/tlog-witness): somebody else who has seen how far a trace had grown, and signs that nothing before it
//! was changed.

mod asking;
mod desk;
mod seen;

pub use asking::{Witness, ask_on, compare, seen_by};
pub use desk::{Desk, DeskWire};
pub use seen::Beginning;
