//! What of a configuration takes a restart. It is compared with the one that the gateway was started with, and not with the file of
//! the last reload: that is what runs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use export::{SinkSpec, Target};
use model::limits::Limits;
use model::{DirectorySnapshot, HumanId};

use crate::config::Config;

/// The keys of the file that are not in force before the gateway is started anew.
pub(super) fn needed(started: &Config, now: &Config) -> Vec<&'static str> {
    let of_trace = |config: &Config| {
        let Config { database, checkpoint_copy, publish, witnesses, .. } = config;
        (database.clone(), checkpoint_copy.clone(), *publish, witnesses.clone())
    };
    let of_door = |config: &Config| config.door.as_ref().map(|door| (door.listen, door.url.clone()));
    // As they would be with the holds of before.
    let limits = Limits {
        hold_time_max: started.limits.hold_time_max,
        hold_wait_max: started.limits.hold_wait_max,
        hold_escalation: started.limits.hold_escalation.clone(),
        hold_per_approver: started.limits.hold_per_approver,
        hold_for_task_max: started.limits.hold_for_task_max,
        emergency_approvers: started.limits.emergency_approvers.clone(),
        ..now.limits.clone()
    };
    let differs = [
        ("listen", (now.listen, &now.public_url) != (started.listen, &started.public_url)),
        ("allowed_origins", now.allowed_origins != started.allowed_origins),
        ("data", now.data != started.data),
        ("trace", of_trace(now) != of_trace(started)),
        ("limits", limits != started.limits),
        ("holds", limits != now.limits),
        ("console", now.console != started.console),
        ("door", of_door(now) != of_door(started)),
        ("exports", sinks(now, false) != sinks(started, false)),
        ("notify", sinks(now, true) != sinks(started, true)),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

fn sinks(config: &Config, of_people: bool) -> Vec<&SinkSpec> {
    config.exports.iter().filter(|sink| matches!(sink.target, Target::People(_)) == of_people).collect()
}

/// What the identity provider that runs calls people. Names are those of one provider and one claim: where the file names another one,
/// those of before count until the restart, but for whoever has none any more.
///
/// INVARIANT: nobody is taken for a person whom another provider calls the same (test
/// `a_name_counts_with_the_provider_for_which_it_was_written`).
pub(super) fn known_elsewhere(
    started: &Config,
    running: &DirectorySnapshot,
    now: &Config,
) -> HashMap<Arc<str>, HumanId> {
    let whose = |config: &Config| {
        let oidc = config.console.as_ref()?.oidc.as_ref()?;
        Some((oidc.issuer.clone(), oidc.client_id.clone(), oidc.claim))
    };
    let written = &now.directory.known_elsewhere;
    if whose(started) == whose(now) {
        return written.clone();
    }
    let named: HashSet<&HumanId> = written.values().collect();
    let still = running.known_elsewhere.iter().filter(|(_, human)| named.contains(human));
    still.map(|(name, human)| (Arc::clone(name), human.clone())).collect()
}

#[cfg(test)]
mod tests;
