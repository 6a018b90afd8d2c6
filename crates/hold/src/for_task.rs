//! What people approved for a task: calls of the same people in the same task, of the same tool with the same value, are not asked
//! for again, until its time is over.
//!
//! The value is what rules for the app looked at of the arguments, whole. Where they looked at nothing, or could not read it, it is
//! exactly the arguments that people saw.

use std::time::Duration;

use model::{ArgumentFacts, DirectorySnapshot, Lifted, UnixMicros};
use serde::{Deserialize, Serialize};

use crate::record::{Asked, Hold, State, WaitsFor};
use crate::who::suffices;

/// An approval of such calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForTask {
    /// The call that people saw, as they approved it.
    pub hold: Hold,
    /// Since when.
    pub from: UnixMicros,
    /// From when on it approves nothing any more.
    pub until: UnixMicros,
}

// === impl ForTask ===

impl ForTask {
    /// What a hold leaves behind that was just approved. None: somebody approved it for once, or not enough people did.
    pub fn of(hold: &Hold, lasts: Duration, now: UnixMicros) -> Option<Self> {
        let approved = matches!(hold.state, State::Approved { .. }) && hold.waits_for == WaitsFor::People;
        let all = !hold.approvals.is_empty() && hold.approvals.iter().all(|approval| approval.for_task);
        let until = UnixMicros(now.0.saturating_add(i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX)));
        let good = approved && all && !hold.asked.each_by_itself() && now < until;
        good.then(|| Self { hold: hold.clone(), from: now, until })
    }

    /// Whether it lifts everything that holds this call, now: it is of the same people, task and tool, with the same value, every
    /// rule is one that people saw, as it was, and those who approved may, still.
    pub fn lifts(&self, asked: &Asked, directory: &DirectorySnapshot, now: UnixMicros) -> bool {
        let seen = &self.hold.asked;
        let known: Vec<Lifted> = seen.reasons.iter().map(Lifted::from).collect();
        let same = seen.agent == asked.agent
            && seen.human == asked.human
            && seen.delegators == asked.delegators
            && (&seen.task, seen.task_named) == (&asked.task, asked.task_named)
            && seen.app == asked.app
            && (seen.method, &seen.tool, seen.definition) == (asked.method, &asked.tool, asked.definition)
            && seen.meaning == asked.meaning
            && asked.class <= seen.class;
        same && now < self.until
            && !asked.each_by_itself()
            && seen.has_value_of(asked)
            && !asked.reasons.is_empty()
            && asked.reasons.iter().all(|reason| known.contains(&Lifted::from(reason)))
            && suffices(&self.hold, &self.hold.approvals, directory) == Ok(true)
    }
}

// === impl Asked ===

impl Asked {
    /// What rules looked at of the arguments. None: nothing, or something that could not be read.
    pub fn value(&self) -> Option<&ArgumentFacts> {
        let read = |facts: &&ArgumentFacts| {
            !facts.open && facts.unclear.is_empty() && !(facts.roles.is_empty() && facts.values.is_empty())
        };
        self.looked_at.as_ref().filter(read)
    }

    /// Whether people approve each such call by itself: it, or what holds it, was promised to others.
    pub fn each_by_itself(&self) -> bool {
        self.governed || self.reasons.iter().any(|reason| reason.clause.is_some())
    }

    fn has_value_of(&self, other: &Self) -> bool {
        match (self.value(), other.value()) {
            (Some(seen), Some(now)) => seen.roles == now.roles && seen.values == now.values,
            (None, None) => (self.arguments, self.spread) == (other.arguments, other.spread),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests;
