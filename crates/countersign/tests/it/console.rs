//! The pages: who is let in and what they see, and a real Chromium that walks through them.

mod arap;
pub(crate) mod browser;
mod contracts;
mod doors;
mod emergency;
mod fact;
mod for_task;
mod provider;
mod records;
mod stage;
mod walk;
