//! One decision: `(rules, facts) -> verdict`, pure and total, and the permit that follows from it.
//!
//! # In scope
//! Guards, the precedence deny > defer > hold > redact > allow, the permit, the ports that take one, and what single change of a
//! fact would alter a decision.
//!
//! # Out of scope
//! Input and output, clocks, randomness, rule languages, recording (a permit only asks for the proof of it).
//!
//! # Invariants
//! * Nothing permits ⇒ deny. An error never allows.
//! * Only `permit.rs` makes a [`Permit`]; it takes a decision that runs *and* the proof that its intent is durable.
//! * A permit is not `Clone`: `send` consumes it.

mod decide;
mod permit;
mod port;
mod what_if;

pub use decide::{Decision, decide};
pub use permit::{LinkPermit, Permit, PermitRefused};
pub use port::{
    Answer, AnswerBody, AnswerKind, BodyFuture, Credentials, Left, OpenFuture, Opened, Outgoing, Placed, Scrub, Seen,
    SendFault, Trail, Upstream, UpstreamFuture, unredactable, unreleased,
};
pub use what_if::{Alters, Otherwise, TRIED_MAX, WhatIf, at_other_times, at_other_values, others, what_if};
