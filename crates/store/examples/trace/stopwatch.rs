//! Time, as the clock has it and as the kernel counts the processor's.

use std::time::{Duration, Instant};

use crate::Failure;

#[expect(clippy::disallowed_methods, reason = "a stopwatch is what this program is")]
pub fn now() -> Instant {
    Instant::now()
}

/// Processor time of this thread.
pub fn own_time() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let busy = text.split_whitespace().next().ok_or("no such number")?;
    Ok(Duration::from_nanos(busy.parse()?))
}

/// Processor time of this process.
pub fn busy_time() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, behind) = text.rsplit_once(") ").ok_or("no name")?;
    let ticks: u64 = behind.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap_or_default()).sum();
    // The kernel counts hundredths of a second here, on every machine.
    Ok(Duration::from_millis(ticks * 10))
}

/// Processor time of the threads of this process with this name.
pub fn busy_time_of(name: &str) -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ours = threads
        .filter(|thread| std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|found| found.trim() == name));
    let busy = ours.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(busy.sum())
}

/// So many of a hundred took this long or less.
pub fn part_of(sorted: &[Duration], part: usize) -> Duration {
    sorted.get(sorted.len().saturating_sub(1) * part / 100).copied().unwrap_or_default()
}

pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
