//! `countersign.yaml`: raw → checked → built.
//!
//! `raw` mirrors the file, `check` turns it into what is valid, the wiring starts things from it. `${VAR}` is
//! substituted in string leaves after parsing, never in the text.

mod check;
mod form;
mod kept;
mod problem;
mod raw;

pub use check::DEFAULT_PORT;
pub use check::{Config, ConsoleConfig, DoorConfig, OidcConfig, ReadFile, checkpoint_beside, read_contract};
pub use form::read;
pub use kept::kept_secret;
pub use problem::{Problem, Problems, nearest};
