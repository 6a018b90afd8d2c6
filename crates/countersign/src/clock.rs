//! The one home of the system's clock and environment.

use model::{Clock, UnixMicros};

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system for the time")]
    fn now(&self) -> UnixMicros {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        UnixMicros(since.ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or_default())
    }
}

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
