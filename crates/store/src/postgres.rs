//! The log in PostgreSQL: the logs of many gateways in one database, each written by one gateway at a time.
//!
//! A commit is one round trip with every row of it, and one that confirms it. Whoever writes a log holds a lock of the
//! server's on it, and counts its commits: after the link was cut it knows whether the last one is there.

mod address;
mod append;
mod copy;
mod count;
mod error;
mod find;
mod keys;
mod known;
mod link;
mod log;
mod lost;
mod map;
mod questions;
mod reader;
mod retain;
mod rows;
mod schema;
mod session;
mod tls;

pub use address::{Address, AddressError};
pub(crate) use copy::{copy_to, fill_from};
pub use log::PostgresLog;
pub use map::{LogMap, Standing, Turn};
pub use reader::PostgresReader;

#[cfg(test)]
mod tests;
