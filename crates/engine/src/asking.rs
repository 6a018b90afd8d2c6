//! How often people are asked, and who is asked next: of what nobody has decided in time, and of what would come to people who are
//! asked too often already. Nothing is approved by it, and nobody is kept from approving.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hold::{Event, Hold, State, WaitsFor};
use model::limits::Pace;
use model::{DirectorySnapshot, HumanId, UnixMicros};

use crate::engine::{Engine, Shared};
use crate::entry::Entry;
use crate::holds::StepFault;

/// When people were asked, of late: since the gateway started.
#[derive(Default)]
pub(crate) struct Askings(Mutex<HashMap<HumanId, VecDeque<UnixMicros>>>);

// === impl Engine ===

impl Engine {
    /// Of those who may approve this call, those who are asked more often than is good.
    pub fn overloaded(&self, hold: &Hold) -> Vec<HumanId> {
        let Some(pace) = &self.limits().hold_per_approver else { return Vec::new() };
        let (directory, now) = (self.directory(), self.clock().now());
        let mut askings = self.shared.askings.lock();
        let over = |who: &HumanId| askings.get_mut(who).is_some_and(|times| lately(times, pace, now) >= pace.most);
        hold::eligible(hold, &directory).into_iter().filter(over).collect()
    }

    /// Lets others approve, too, where nobody has in the time that was set for it.
    pub(crate) async fn escalate(&self, entry: &Arc<Entry>, hold: &Hold, now: UnixMicros) {
        if hold.waits_for == WaitsFor::Fact || !matches!(hold.state, State::Pending) {
            return;
        }
        let waited = u128::try_from(now.since(hold.opened_at)).unwrap_or_default();
        let due = self.limits().hold_escalation.iter().filter(|step| waited >= step.after.as_micros());
        let to: Vec<String> = due.flat_map(|step| &step.to).filter(|one| !hold.also.contains(one)).cloned().collect();
        if to.is_empty() {
            return;
        }
        // Somebody may have said something meanwhile.
        if let Err(StepFault::Fault(fault)) = self.shared.step(entry, Event::Escalate { to }, "gateway").await {
            tracing::warn!(?fault, hold = %hold.id, "a hold that nobody decides could not be given to others");
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Who is asked about a call that begins to wait, besides those whom its rules name: the next ones, where all of those are asked
    /// too often already. Nobody: those are enough, or there are no next ones.
    pub(crate) fn asked_at_once(&self, hold: &Hold, directory: &DirectorySnapshot, now: UnixMicros) -> Vec<String> {
        let limits = &self.parts.limits;
        let Some(pace) = limits.hold_per_approver.as_ref().filter(|_| hold.waits_for == WaitsFor::People) else {
            return Vec::new();
        };
        let (mut hold, mut steps) = (hold.clone(), limits.hold_escalation.iter());
        loop {
            if self.askings.ask(&hold::eligible(&hold, directory), pace, now) {
                break;
            }
            let Some(step) = steps.next() else { break };
            let more: Vec<String> = step.to.iter().filter(|one| !hold.also.contains(one)).cloned().collect();
            hold.also.extend(more);
        }
        hold.also
    }
}

// === impl Askings ===

impl Askings {
    /// Takes note that these people are asked, but for those who are asked too often already. Whether anybody is left.
    fn ask(&self, people: &[HumanId], pace: &Pace, now: UnixMicros) -> bool {
        let mut askings = self.lock();
        let mut any = false;
        for who in people {
            let times = askings.entry(who.clone()).or_default();
            if lately(times, pace, now) < pace.most {
                times.push_back(now);
                any = true;
            }
        }
        any
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HumanId, VecDeque<UnixMicros>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often somebody was asked within the time that counts. What is older is forgotten.
fn lately(times: &mut VecDeque<UnixMicros>, pace: &Pace, now: UnixMicros) -> usize {
    let within = i64::try_from(pace.within.as_micros()).unwrap_or(i64::MAX);
    while times.front().is_some_and(|at| now.since(*at) >= within) {
        times.pop_front();
    }
    times.len()
}
