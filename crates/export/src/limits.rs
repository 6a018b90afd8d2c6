//! Bounds of exports.

use std::time::Duration;

/// Records that are read at a time.
pub(crate) const PAGE_RECORDS: usize = 500;
/// Bytes of records that are given to a sink at a time, unless one of them has more by itself.
pub(crate) const PAGE_BYTES_MAX: usize = 4 << 20;
/// Records that are read before their bytes are counted.
pub(crate) const PIECE_RECORDS: usize = 50;
/// Bytes of decisions that are kept in memory.
pub(crate) const CALLS_BYTES_MAX: usize = 4 << 20;
/// Decisions that are kept in memory until the outcome of their call comes by; those of others are looked up.
pub(crate) const CALLS_KEPT_MAX: usize = 1_024;
/// Rows in one row group of a Parquet file.
pub(crate) const GROUP_ROWS_MAX: usize = 32_768;
/// Bytes of text and hashes in one row group.
pub(crate) const GROUP_BYTES_MAX: usize = 32 << 20;
/// Bytes of one line of an export that is checked.
pub(crate) const LINE_BYTES_MAX: u64 = 16 << 20;
/// Bytes of a sink's answer that are read.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long a sink may take for what it is given at a time.
pub(crate) const DELIVERY_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a mail server may take for a message: a while until it wants it, and ten minutes to look at it.
pub(crate) const MAIL_TIME_MAX: Duration = Duration::from_mins(15);
/// Messages that wait because some of those who get them were put off.
pub(crate) const LATE_MAX: usize = 64;
/// How often those are tried again.
pub(crate) const LATE_TRIES_MAX: u32 = 10;
/// How long after the first time; it doubles.
pub(crate) const LATE_REST_MIN_US: i64 = 60_000_000;
/// The longest between two times.
pub(crate) const LATE_REST_MAX_US: i64 = 15 * 60_000_000;
/// How often a sink that has everything looks for more.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a sink that failed is left alone at first; it doubles.
pub(crate) const REST_MIN: Duration = Duration::from_millis(250);
/// The longest that a sink that failed is left alone.
pub(crate) const REST_MAX: Duration = Duration::from_secs(30);
/// The longest that a receiver is left alone because it asks for it.
pub(crate) const AGAIN_AFTER_MAX: Duration = Duration::from_mins(5);
/// How often people's chat or mailbox may refuse a message before it is passed over.
pub(crate) const REFUSALS_MAX: u32 = 5;
/// How often the place of a sink is written while it catches up.
pub(crate) const PLACE_KEPT_EACH_US: i64 = 1_000_000;
/// How long a gateway that stops waits for its sinks.
pub(crate) const LAST_WORD_TIME_MAX: Duration = Duration::from_secs(2);
/// How often an export looks whether its last record is signed.
pub(crate) const SIGNED_LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many times it looks: a gateway that runs signs twice a second.
pub(crate) const SIGNED_LOOKS_MAX: u32 = 30;
