//! The trace in the formats that others read: into a file when somebody asks, and into sinks as records arrive.
//!
//! # In scope
//! JSON Lines that can be verified again, Parquet, OCSF, CEF in syslog, OTLP; the sinks, how far each has come, and trying
//! again.
//!
//! # Out of scope
//! What a record says and what is shown of it (`trace` decides both); where records are kept; what a configuration looks
//! like.
//!
//! # Invariants
//! * Nothing waits here for a call, and no call waits for a sink: each has a thread of its own that reads from the store.
//! * A sink gets every record at least once, in the order of the log: its place moves on only after it took what stands
//!   before (`a_record_is_delivered_at_least_once_and_in_order`).
//! * People hear of everything behind a message that their chat or mailbox refuses every time: it is passed over, aloud
//!   (`a_message_that_is_refused_keeps_nobody_from_hearing_the_others`).
//! * Memory is bounded however far a sink is behind: it is read by pages, which are bounded in records and in bytes
//!   (`little_is_held_in_memory_however_long_records_are`).
//! * What rules mark as `security_relevant` carries the mark in every format (`every_format_carries_the_mark`).

mod item;
mod limits;

mod cef;
mod jsonl;
mod ocsf;
mod otlp;
mod parquet_file;
mod syslog;

mod proof;

mod check;
mod whole;

mod deliver;
mod place;
mod sink;

mod exports;
#[cfg(test)]
mod samples;

pub use cef::cef;
pub use check::{CheckError, Checked, Wrong, check};
pub use exports::Exports;
pub use item::{About, Calls, Decision, Item};
pub use jsonl::json_line;
pub use ocsf::event;
pub use place::Place;
pub use proof::signed_up_to;
pub use sink::{Headers, SinkSpec, Target, TextFormat, Transport};
pub use whole::{ExportError, Exported, Format, Wanted, export};
