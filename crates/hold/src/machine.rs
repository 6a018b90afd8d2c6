//! The machine: what may follow what.
//!
//! ```text
//! pending ─▶ approved ─▶ claimed ─▶ ended
//!    │           │
//!    └───────────┴──▶ denied, expired, cancelled, ended
//! ```

use model::{Approver, CallId, DirectorySnapshot, UnixMicros};

use crate::record::{Approval, Disposition, Hold, State, WaitsFor};
use crate::refused::Refused;
use crate::who::{counting, may_approve, suffices};

/// What happens to a hold.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// A person says yes.
    Approve {
        /// The proof that it is this person.
        by: &'a Approver,
        /// Whether to such calls of the task, too, and not to this one alone.
        for_task: bool,
        /// Who there is, now.
        directory: &'a DirectorySnapshot,
    },
    /// A person says no.
    Deny {
        /// The proof that it is this person.
        by: &'a Approver,
        /// What the agent is told.
        reason: Option<String>,
        /// Who there is, now.
        directory: &'a DirectorySnapshot,
    },
    /// Somebody takes it back.
    Cancel {
        /// Who.
        by: String,
    },
    /// Nobody has said anything in time: others may, too.
    Escalate {
        /// Who, as rules name approvers.
        to: Vec<String>,
    },
    /// Its time is over.
    Expire,
    /// It was decided again, and does not run.
    Refuse {
        /// Why.
        why: String,
    },
    /// It was decided again, runs, and is taken up.
    Claim {
        /// By this call.
        call: CallId,
        /// Who there is, now.
        directory: &'a DirectorySnapshot,
    },
    /// Whoever took it up is through with it, or is gone.
    End {
        /// What came of it.
        disposition: Disposition,
    },
}

/// The hold after this event. Total: what cannot follow is refused, and says why. `now` is the time of the event.
pub fn step(hold: &Hold, event: Event<'_>, now: UnixMicros) -> Result<Hold, Refused> {
    let (mut approvals, mut also) = (hold.approvals.clone(), hold.also.clone());
    let state = match event {
        Event::Approve { by, for_task, directory } => {
            waits(hold, now)?;
            if hold.waits_for == WaitsFor::Fact {
                return Err(Refused::WaitsForFact);
            }
            if for_task && hold.asked.each_by_itself() {
                return Err(Refused::EachByItself);
            }
            // Others go on where somebody who approved may not any more.
            approvals = counting(hold, directory);
            approvals.push(Approval { for_task, ..approval(hold, &approvals, by, directory, now)? });
            match suffices(hold, &approvals, directory)? {
                true => State::Approved { at: now },
                false => State::Pending,
            }
        }
        Event::Deny { by, reason, directory } => {
            open(hold, now)?;
            may_approve(hold, by.human(), directory)?;
            State::Denied { by: by.human().clone(), reason, at: now }
        }
        Event::Cancel { by } => {
            open(hold, now)?;
            State::Cancelled { by, at: now }
        }
        Event::Escalate { to } => {
            waits(hold, now)?;
            if hold.waits_for == WaitsFor::Fact {
                return Err(Refused::WaitsForFact);
            }
            let before = also.len();
            also.extend(to.into_iter().filter(|one| !hold.also.contains(one)));
            if also.len() == before {
                return Err(Refused::Escalated);
            }
            State::Pending
        }
        Event::Expire => {
            match open(hold, now) {
                Err(Refused::Expired) if hold.is_open() => {}
                Err(other) => return Err(other),
                Ok(()) => return Err(Refused::NotExpired { at: hold.expires_at }),
            }
            State::Expired { at: now, approved: matches!(hold.state, State::Approved { .. }) }
        }
        Event::Refuse { why } => {
            open(hold, now)?;
            State::Ended { disposition: Disposition::DeniedNotExecuted, why: Some(why), at: now }
        }
        Event::Claim { call, directory } => {
            open(hold, now)?;
            match hold.waits_for {
                WaitsFor::Fact => {}
                WaitsFor::People if matches!(hold.state, State::Pending) => return Err(Refused::NotApproved),
                // Who approved must be somebody who may, still.
                WaitsFor::People if suffices(hold, &hold.approvals, directory)? => {}
                WaitsFor::People => return Err(Refused::NotApproved),
            }
            State::Claimed { call, at: now }
        }
        Event::End { disposition } => match &hold.state {
            State::Claimed { .. } => State::Ended { disposition, why: None, at: now },
            State::Ended { .. } => return Err(Refused::Ended),
            _ => return Err(Refused::NotClaimed),
        },
    };
    let generation = hold.generation.saturating_add(1);
    Ok(Hold { state, approvals, also, generation, ..hold.clone() })
}

fn approval(
    hold: &Hold,
    before: &[Approval],
    by: &Approver,
    directory: &DirectorySnapshot,
    now: UnixMicros,
) -> Result<Approval, Refused> {
    let who = by.human();
    may_approve(hold, who, directory)?;
    for before in before {
        if before.by == *who {
            return Err(Refused::ApprovedBefore { who: who.clone() });
        }
        if directory.same_person(&before.by, who) {
            return Err(Refused::SamePerson { who: who.clone(), other: before.by.clone() });
        }
    }
    Ok(Approval { by: who.clone(), how: by.how(), session: by.session().to_owned(), at: now, for_task: false })
}

/// Whether it still waits for approvals.
fn waits(hold: &Hold, now: UnixMicros) -> Result<(), Refused> {
    open(hold, now)?;
    match hold.state {
        State::Pending => Ok(()),
        _ => Err(Refused::Approved),
    }
}

/// Whether anything may still come of it.
fn open(hold: &Hold, now: UnixMicros) -> Result<(), Refused> {
    match &hold.state {
        State::Pending | State::Approved { .. } if now >= hold.expires_at => Err(Refused::Expired),
        State::Pending | State::Approved { .. } => Ok(()),
        State::Claimed { .. } => Err(Refused::Claimed),
        State::Denied { by, .. } => Err(Refused::Denied { by: by.clone() }),
        State::Expired { .. } => Err(Refused::Expired),
        State::Cancelled { .. } => Err(Refused::Cancelled),
        State::Ended { .. } => Err(Refused::Ended),
    }
}

#[cfg(test)]
mod tests;
