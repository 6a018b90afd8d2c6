//! What is said of holds: in the trace, and to whoever tries what must not be.

use hold::{Approval, Hold, NoEmergency, Refused, State, WaitsFor};
use model::{Blame, Fault};
use serde_json::json;
use trace::rfc3339;

/// A step that is refused, for whoever tried it.
pub(crate) fn refusal(refused: &Refused) -> Fault {
    let code = match refused {
        Refused::Expired | Refused::NotExpired { .. } => "hold.expired",
        Refused::Denied { .. } => "hold.denied",
        Refused::Cancelled => "hold.cancelled",
        Refused::Approved => "hold.approved",
        Refused::Claimed => "hold.claimed",
        Refused::Ended => "hold.ended",
        Refused::NotApproved => "hold.not_approved",
        Refused::NotClaimed => "hold.not_claimed",
        Refused::WaitsForFact => "hold.waits_for_fact",
        Refused::Escalated => "hold.escalated",
        Refused::EachByItself => "hold.each_by_itself",
        Refused::Requester { .. } => "hold.requester",
        Refused::Delegator { .. } => "hold.delegator",
        Refused::AgentsOwner { .. } => "hold.agents_owner",
        Refused::OfTheVendor { .. } => "hold.of_the_vendor",
        Refused::SamePerson { .. } => "hold.same_person",
        Refused::Unknown { .. } => "hold.unknown_person",
        Refused::Left { .. } => "hold.left",
        Refused::NotEligible { .. } => "hold.not_eligible",
        Refused::ApprovedBefore { .. } => "hold.approved_before",
        Refused::ApprovalGone { .. } => "hold.approval_gone",
    };
    Fault::new(Blame::Caller, code, refused.to_string())
}

/// Why there is no emergency, for whoever tried.
pub(crate) fn no_emergency(no: &NoEmergency) -> Fault {
    let code = match no {
        NoEmergency::Off => "emergency.off",
        NoEmergency::NoReason => "emergency.no_reason",
        NoEmergency::Lasts => "emergency.lasts",
        NoEmergency::NoAgent(_) => "emergency.no_agent",
        NoEmergency::NoApp(_) => "emergency.no_app",
        NoEmergency::Unknown { .. } => "emergency.unknown_person",
        NoEmergency::Left { .. } => "emergency.left",
        NoEmergency::NotNamed { .. } => "emergency.not_named",
        NoEmergency::AgentsOwner { .. } => "emergency.agents_owner",
        NoEmergency::SamePerson { .. } => "emergency.same_person",
        NoEmergency::Open => "emergency.open",
        NoEmergency::Over => "emergency.is_over",
    };
    let fault = Fault::new(Blame::Caller, code, no.to_string());
    match no {
        NoEmergency::Off => fault.hint("`holds: {emergency: {approvers: [\"role:security\"]}}` in the configuration"),
        _ => fault,
    }
}

/// What a step is called in the trace.
pub(crate) fn what(state: &State) -> &'static str {
    match state {
        State::Pending => "hold.opened",
        State::Approved { .. } => "hold.approved",
        State::Claimed { .. } => "hold.claimed",
        State::Denied { .. } => "hold.denied",
        State::Expired { .. } => "hold.expired",
        State::Cancelled { .. } => "hold.cancelled",
        State::Ended { .. } => "hold.ended",
    }
}

/// What the record of a step says: enough to know exactly what was approved, by whom and how.
pub(crate) fn detail(hold: &Hold) -> serde_json::Value {
    let asked = &hold.asked;
    let approvals: Vec<_> = hold.approvals.iter().map(approval).collect();
    let rules: Vec<&str> = asked.reasons.iter().map(|reason| reason.rule.as_str()).collect();
    let mut detail = json!({
        "hold": hold.id,
        "call": asked.call,
        "generation": hold.generation,
        "state": hold.state.as_str(),
        "agent": asked.agent,
        "app": asked.app,
        "tool": asked.tool,
        "definition": asked.definition,
        "arguments": asked.arguments,
        "bundle": asked.bundle,
        "rules": rules,
        "expires_at": rfc3339(hold.expires_at),
        "approvals": approvals,
    });
    let mut more = match &hold.state {
        State::Claimed { call, .. } => vec![("carried_out_by", json!(call))],
        State::Denied { reason: Some(reason), .. } => vec![("reason", json!(reason))],
        State::Ended { disposition, why, .. } => vec![("disposition", json!(disposition)), ("why", json!(why))],
        _ => Vec::new(),
    };
    if hold.waits_for == WaitsFor::Fact {
        more.push(("waits_for", json!(hold.waits_for.as_str())));
    }
    if !hold.also.is_empty() {
        more.push(("to", json!(hold.also)));
    }
    if let Some(fields) = detail.as_object_mut() {
        fields.extend(more.into_iter().map(|(key, value)| (key.to_owned(), value)));
    }
    detail
}

fn approval(approval: &Approval) -> serde_json::Value {
    json!({
        "by": approval.by,
        "how": approval.how,
        "session": approval.session,
        "at": rfc3339(approval.at),
        "for_task": approval.for_task,
    })
}
