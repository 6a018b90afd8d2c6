//! How many files and connections this process may have open, and how many connections that leaves for each listener.
//!
//! Accepting fails for every listener and socket of a process that has no descriptors left: whoever takes them all over TCP would take the
//! operator's socket away, and with it the kill switch.

use model::limits::{CONNECTIONS_MAX, DESCRIPTORS_KEPT};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises how many there may be, as far as this process may itself: a shell gives a thousand, and each call in flight takes two.
pub fn have() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(DESCRIPTORS_WANTED, |most| most.min(DESCRIPTORS_WANTED));
    if limit.current.is_some_and(|now| now < wanted) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
        tracing::debug!(?limit, wanted, ?raised, "how many descriptors there may be");
    }
}

/// How many connections each of so many TCP listeners keeps.
pub fn connections_for_each(listeners: usize, calls_in_flight_max: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(DESCRIPTORS_WANTED);
    each(usize::try_from(descriptors).unwrap_or(usize::MAX), listeners, calls_in_flight_max)
}

/// What files, sockets, apps and calls do not need. Where descriptors are few, calls go on while a part of them is left.
fn each(descriptors: usize, listeners: usize, calls_in_flight_max: usize) -> usize {
    let kept = calls_in_flight_max.saturating_mul(2).saturating_add(DESCRIPTORS_KEPT);
    let free = descriptors.saturating_sub(kept).max(descriptors / 4);
    (free / listeners.max(1)).clamp(1, CONNECTIONS_MAX)
}

const DESCRIPTORS_WANTED: u64 = 65_536;

#[cfg(test)]
mod tests;
