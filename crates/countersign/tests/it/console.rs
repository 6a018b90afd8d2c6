//! The pages: who is let in and what they see, and a real Chromium that walks through them.

pub(crate) mod browser;
mod contracts;
mod doors;
mod emergency;
mod stage;
mod walk;
