//! People who sign in: accounts of people of the directory, and the sessions they open.
//!
//! An operator invites Ana; she chooses a password with the code she was given; from then on a sign-in opens a session,
//! and [`People::recognise`] turns the session's token into a [`SignedIn`], the only proof there is that a person is there.
//!
//! Everything that happens is handed to the [`Ledger`] first and is true only once that has it on record.

mod account;
mod attempt;
mod browser;
mod errand;
mod hashing;
mod invitation;
mod keys;
mod known;
mod ledger;
mod passkey;
mod password;
mod provided;
mod session;
mod throttle;

pub use account::{Account, How, SignedIn};
pub use attempt::{Alone, Client, Opened, Parts, People};
pub use invitation::Invitation;
pub use known::{Known, STATE_KINDS};
pub use ledger::{Event, Ledger, LedgerFuture, Row};
pub use passkey::{Answer, Site};
pub use provided::{CameBack, SentAway};
pub use session::{form_token, same_form_token};

#[cfg(test)]
mod tests;
