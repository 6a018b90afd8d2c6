//! The one home of the system's clock and environment.

use model::{Clock, UnixMicros};
use trace::{LogReader, Query, StoreFault};

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system for the time")]
    fn now(&self) -> UnixMicros {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        UnixMicros(since.ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or_default())
    }
}

/// The last record, and when it was made by the clock of then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRecord {
    /// Its number.
    pub sequence: u64,
    /// Its time.
    pub at: UnixMicros,
}

impl LastRecord {
    /// That of this log.
    pub fn of(reader: &dyn LogReader) -> Result<Option<Self>, StoreFault> {
        let last = reader.find(&Query { limit: 1, ..Query::default() })?;
        Ok(last.first().map(|entry| Self { sequence: entry.sequence, at: entry.at }))
    }

    /// How a clock stands before it, in words; none where it does not.
    pub fn is_ahead_of(self, now: UnixMicros) -> Option<String> {
        let behind = self.at.since(now) / 1_000_000;
        (behind > SKEW_SECONDS_MAX).then(|| {
            format!(
                "it stands {behind} s before record {}, the last one: it was set back, or was ahead when that was made",
                self.sequence
            )
        })
    }
}

/// The way out of it.
pub const SET_THE_CLOCK: &str = "set the clock if it is wrong now, for example with `timedatectl set-ntp true`; if it is right, start the \
     gateway, or let it make its next record: the trace goes on from there";

const SKEW_SECONDS_MAX: i64 = 5;

/// A variable of our own environment.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The operating-system user we run as, for records: `os-user:ana`.
pub fn operator() -> String {
    let uid = rustix::process::getuid().as_raw();
    let named = environment("USER").filter(|name| !name.is_empty() && uid != 0);
    match (named, uid) {
        (Some(name), _) => format!("os-user:{name}"),
        (None, 0) => "os-user:root".to_owned(),
        (None, uid) => format!("os-user:{uid}"),
    }
}
