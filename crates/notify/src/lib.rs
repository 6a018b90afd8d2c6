//! Telling people that a call waits for them: a message to a chat, a webhook or a mailbox, with a link to the page where they
//! decide.
//!
//! # In scope
//! Which records are worth a message, how it is worded, and handing it over: Slack's format, JSON for programs, SMTP.
//!
//! # Out of scope
//! Reading the trace, how far it was told, and trying again (`export`); who may decide, and deciding.
//!
//! # Invariants
//! * A link names a hold and carries no authority: whoever follows it signs in, and says yes or no there
//!   (`a_message_carries_a_link_and_nothing_that_decides`).
//! * No message holds arguments, or says for whom a call is made.
//! * Many calls of one agent that begin to wait at once are one message.

mod channel;
mod mail;
mod notice;
mod post;

pub use channel::{Channel, Hidden, Mailbox, Teller, To, Told, Untold};
pub use notice::{Notice, notices};
pub use post::again_after;
