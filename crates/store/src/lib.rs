//! Durable state behind the ports of `trace`: SQLite in the data directory, or PostgreSQL.
//!
//! # In scope
//! The data directory and its lock, the sealing of bodies under keys of those whom they are about, the schema and its
//! migrations, the redo log, writing records and state, answering
//! questions, copies that stand by themselves.
//!
//! # Out of scope
//! What a record says and how it is encoded; when something is written; caches.
//!
//! # Invariants
//! * What `append` has confirmed survives the loss of power: its frame is flushed to the redo log, or its transaction to
//!   the WAL (`synchronous=FULL`); a server has flushed its own WAL (`fsync` and `synchronous_commit` are on).
//! * No body is on disk in plain text, and once the key of a subject is destroyed, none of its bodies can be read again.
//! * What the tables do not hold yet is found by every question all the same.
//! * Every record is found by a question for what it says, and [`trace::LogReader::lost`] tells where one is not.
//! * One process at a time holds a data directory, and one session a log of a server; anyone may read it meanwhile.
//! * A file of a newer version is refused, not guessed at.
//! * Every store passes the same suite (`conformance`).

mod ahead;
mod blocks;
#[cfg(test)]
mod conformance;
mod copy;
mod count;
mod data_dir;
mod direct;
mod erase;
mod error;
mod find;
mod forward;
mod frame;
mod generations;
mod keys;
mod known;
mod location;
mod lost;
mod postgres;
mod questions;
mod reader;
mod records;
mod redo;
mod retain;
#[cfg(test)]
mod samples;
mod schema;
mod seal;
mod sqlite;
mod sum;
mod tail;
mod tree;

pub use ahead::AheadLog;
pub use copy::{Copied, Unit, leave_in_copy};
pub use data_dir::DataDir;
pub use error::StoreError;
pub use location::{Location, Reader};
pub use postgres::{Address, AddressError, LogMap, PostgresLog, PostgresReader, Standing, Turn};
pub use reader::SqliteReader;
pub use sqlite::{Durability, SqliteLog};
