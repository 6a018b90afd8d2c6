//! Pages for people: what happens now, what happened and why, what waits for them, and who they are here.
//!
//! # In scope
//! Signing in and out in a browser, the pages and their looks, who may see what, the stream of new records; records and requests for
//! approval as JSON.
//!
//! # Out of scope
//! Passwords, passkeys, sessions and the word of an identity provider (`identity`), what records say (`trace`), deciding about a held call and opening an emergency (its
//! ports, [`Holds`] and [`Emergencies`]).
//!
//! # Invariants
//! * Nothing but the sign-in page, an invitation, the style and where a call stands (under an address that nobody can guess) is
//!   shown to whoever is not signed in; an agent's token opens nothing here.
//! * A GET changes nothing but when a session was used last, and the one with which the identity provider sends somebody back, in the
//!   browser that was sent there. A POST comes from a page of the same session, or does nothing.
//! * The JSON interfaces look at no cookie: a request shows a person's token.
//! * Text from outside stands in a page escaped: only [`html`] makes markup, and only out of our own literals.
//! * A page loads nothing from elsewhere, runs no inline script, and cannot be framed.
//! * Whoever is no reader sees what was done for them, by their agents and on their apps.

mod account;
mod arap;
mod assets;
mod bearer;
mod contracts;
mod cookie;
mod edit;
mod emergency;
mod guard;
mod holds;
pub mod html;
mod live;
mod page;
mod passkey;
mod port;
mod proof;
mod provider;
mod reading;
mod records;
mod sent;
mod sight;
mod sign_in;
mod story;
mod streams;
mod table;
mod trail;
mod wire;
mod words;

pub use contracts::{AuditView, ClauseView, ContractView, Contracts, LimitView};
pub use emergency::{Emergencies, EmergencyAct, EmergencyView};
pub use holds::for_task::ForTaskView;
pub use holds::{
    ApproversView, Decision, DeniedView, HoldIds, HoldPlace, HoldStatus, HoldView, Holds, HoldsFuture, Inbox,
};
pub use port::{MetricsFuture, Parts, Pulse, Readers};
pub use provider::PROVIDER_BACK;
pub use wire::ConsoleWire;
