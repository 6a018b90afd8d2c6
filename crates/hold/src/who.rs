//! Who may approve: a function of what was asked and of the directory as it is now.

use model::{DirectorySnapshot, Human, HumanId, Reason};

use crate::record::{Approval, Asked, Hold, State};
use crate::refused::Refused;

/// Whether this person may approve what was asked, now. Error: why not.
pub fn may_approve(hold: &Hold, who: &HumanId, directory: &DirectorySnapshot) -> Result<(), Refused> {
    let human = directory.humans.get(who).ok_or_else(|| Refused::Unknown { who: who.clone() })?;
    if !human.active {
        return Err(Refused::Left { who: who.clone() });
    }
    separate(&hold.asked, who, directory)?;
    if hold.asked.reasons.iter().any(|reason| names(reason, hold, human, directory)) {
        Ok(())
    } else {
        Err(Refused::NotEligible { who: who.clone() })
    }
}

/// Everybody who may approve, now, in the order of their ids.
pub fn eligible(hold: &Hold, directory: &DirectorySnapshot) -> Vec<HumanId> {
    let mut may: Vec<HumanId> =
        directory.humans.keys().filter(|who| may_approve(hold, who, directory).is_ok()).cloned().collect();
    may.sort();
    may
}

/// Whether there are enough people, now, for every rule that holds it.
pub fn possible(hold: &Hold, directory: &DirectorySnapshot) -> bool {
    let reasons = &hold.asked.reasons;
    let may: Vec<&Human> =
        eligible(hold, directory).iter().filter_map(|who| directory.humans.get(who)).map(AsRef::as_ref).collect();
    let enough = |reason: &Reason| {
        let (most, mut people) = (usize::from(reason.approvals.max(1)), Vec::<&Human>::new());
        for human in may.iter().filter(|human| names(reason, hold, human, directory)) {
            // There may be thousands whom it names.
            if people.len() == most {
                break;
            }
            if !people.iter().any(|other| directory.same_person(&other.id, &human.id)) {
                people.push(human);
            }
        }
        people.len() == most
    };
    !reasons.is_empty() && reasons.iter().all(enough)
}

/// Whether these people are enough for every rule that holds the call: for each of them as many different people as it wants,
/// all of whom may approve now. Error: one of them may not any more.
pub fn suffices(hold: &Hold, approvals: &[Approval], directory: &DirectorySnapshot) -> Result<bool, Refused> {
    let mut people: Vec<&HumanId> = Vec::with_capacity(approvals.len());
    for approval in approvals {
        may_approve(hold, &approval.by, directory)
            .map_err(|why| Refused::ApprovalGone { who: approval.by.clone(), why: Box::new(why) })?;
        if let Some(other) = people.iter().find(|other| directory.same_person(other, &approval.by)) {
            return Err(Refused::SamePerson { who: approval.by.clone(), other: HumanId::clone(other) });
        }
        people.push(&approval.by);
    }
    Ok(!hold.asked.reasons.is_empty() && lacking(hold, approvals, directory) == 0)
}

/// The approvals that count: while it waits for more, those by people who may approve now, one of each person.
pub fn counting(hold: &Hold, directory: &DirectorySnapshot) -> Vec<Approval> {
    if !matches!(hold.state, State::Pending) {
        return hold.approvals.clone();
    }
    let mut count: Vec<Approval> = Vec::with_capacity(hold.approvals.len());
    for approval in &hold.approvals {
        let again = count.iter().any(|other| directory.same_person(&other.by, &approval.by));
        if !again && may_approve(hold, &approval.by, directory).is_ok() {
            count.push(approval.clone());
        }
    }
    count
}

/// How many people have to approve, with those whose approvals count, at the least: one person may be enough for several rules.
pub fn needed(hold: &Hold, directory: &DirectorySnapshot) -> usize {
    let given = counting(hold, directory);
    match hold.state {
        State::Approved { .. } | State::Claimed { .. } | State::Ended { .. } => given.len(),
        _ => given.len() + lacking(hold, &given, directory),
    }
}

/// How many more people have to approve besides these, at the least.
fn lacking(hold: &Hold, approvals: &[Approval], directory: &DirectorySnapshot) -> usize {
    let people = || approvals.iter().filter_map(|approval| directory.humans.get(&approval.by));
    let lacks = |reason: &Reason| {
        let named = people().filter(|human| names(reason, hold, human, directory)).count();
        usize::from(reason.approvals.max(1)).saturating_sub(named)
    };
    hold.asked.reasons.iter().map(lacks).max().unwrap_or_default()
}

/// Whether this is somebody other than those whose own matter it is.
pub(crate) fn separate(asked: &Asked, who: &HumanId, directory: &DirectorySnapshot) -> Result<(), Refused> {
    if *who == asked.human {
        return Err(Refused::Requester { who: who.clone() });
    }
    if asked.delegators.contains(who) {
        return Err(Refused::Delegator { who: who.clone() });
    }
    let owner = directory.agents.get(&asked.agent).map(|agent| &agent.owner);
    if owner == Some(who) && directory.same_person(who, &asked.human) {
        return Err(Refused::AgentsOwner { who: who.clone() });
    }
    if asked.of_the_vendor.iter().any(|theirs| directory.same_person(theirs, who)) {
        return Err(Refused::OfTheVendor { who: who.clone() });
    }
    let own = std::iter::once(&asked.human).chain(&asked.delegators);
    match own.into_iter().find(|own| directory.same_person(own, who)) {
        Some(own) => Err(Refused::SamePerson { who: who.clone(), other: own.clone() }),
        None => Ok(()),
    }
}

/// Whether `role:…` or `human:…` names this person.
pub(crate) fn is_named(word: &str, human: &Human) -> bool {
    match word.split_once(':') {
        Some(("role", role)) => human.role.as_deref() == Some(role),
        Some(("human", id)) => human.id.as_str() == id,
        _ => false,
    }
}

/// Whether a rule lets this person approve, or it was escalated to them. A rule that says nothing leaves it to those who answer
/// for the app.
fn names(reason: &Reason, hold: &Hold, human: &Human, directory: &DirectorySnapshot) -> bool {
    let asked = &hold.asked;
    let by = |approver: &str| match approver.split_once(':') {
        Some(_) => is_named(approver, human),
        None => match approver {
            "owner-of-app" => directory.apps.get(&asked.app).is_some_and(|app| app.owners.contains(&human.id)),
            "manager-of" | "manager-of-human" => {
                let requester = directory.humans.get(&asked.human);
                requester.is_some_and(|requester| requester.manager.as_ref() == Some(&human.id))
            }
            _ => false,
        },
    };
    let named = match reason.approvers.as_slice() {
        [] => by("owner-of-app"),
        approvers => approvers.iter().any(|approver| by(approver)),
    };
    named || hold.also.iter().any(|approver| by(approver))
}

#[cfg(test)]
pub(crate) mod tests;
