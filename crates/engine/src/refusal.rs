//! What is said of a call that did not run: what happened, whether anything was executed, which rule, what to do now.
//!
//! One wording for every wire, terminal and page.

use hold::{Disposition, WaitsFor};
use model::{CallId, HoldId, Reason, UnixMicros, Verdict};
use serde::Serialize;
use trace::rfc3339;

/// A call that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The call; `countersign why` takes it.
    pub call: CallId,
    /// `deny`, `hold` or `defer`.
    pub verdict: Verdict,
    /// What would have happened, where the agent only recommends. The reasons are of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommended: Option<Verdict>,
    /// The app's name, for people.
    pub app: String,
    /// What was asked: `app__tool`, or the address of a resource and its app.
    pub tool: String,
    /// Why.
    pub reasons: Vec<Reason>,
    /// The people who could approve, where approval can lift it.
    pub approvers: Vec<String>,
    /// Where it stands, where it waits or has waited for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Why it does not wait, where people would have to approve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unheld: Option<String>,
    /// Whether one of the reasons is a limit that is used up.
    #[serde(skip)]
    pub spent: bool,
}

/// Where a call stands that waits or has waited for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The hold.
    pub id: HoldId,
    /// Where it stands.
    pub state: HeldState,
    /// What a person said, or why it did not run all the same.
    pub why: Option<String>,
    /// For whom or what it waits.
    #[serde(skip)]
    pub waits_for: WaitsFor,
    /// Until when it waits at most.
    pub expires_at: UnixMicros,
}

/// Where a hold stands, for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldState {
    /// It waits.
    Waits,
    /// It is approved, and runs when it is asked for again.
    Approved,
    /// It is being carried out.
    Runs,
    /// A person said no.
    Denied,
    /// Nobody said anything in time.
    Expired,
    /// It was approved, and nobody asked for it again in time.
    NotTakenUp,
    /// It was taken back.
    Cancelled,
    /// It was taken back, for such calls need no approval now, or for the same call was decided that waited for a fact.
    GivenBack,
    /// It has ended.
    Ended(Disposition),
}

impl Refusal {
    /// The sentence for an agent or a person. It always says whether anything was executed.
    pub fn sentence(&self) -> String {
        let what = match (self.verdict, &self.held) {
            (_, Some(held)) => held.sentence(),
            _ if self.recommended.is_some() => "Only a recommendation, nothing was executed",
            (Verdict::Hold, None) => "Needs approval, nothing was executed",
            (Verdict::Defer, None) => "Not decided, nothing was executed",
            (Verdict::Allow | Verdict::Redact | Verdict::Deny, None) => "Refused, nothing was executed",
        };
        let mut text = format!("{what}: {}.", self.tool);
        if let Some(would) = self.recommended {
            text.push_str(match would {
                Verdict::Allow => " It would have been allowed.",
                Verdict::Redact => " It would have been allowed, with something removed from the answer.",
                Verdict::Hold => " It would have waited for an approval.",
                Verdict::Defer => " It would not have been decided yet.",
                Verdict::Deny => " It would have been refused.",
            });
        }
        if let Some(why) = self.held.as_ref().and_then(|held| held.why.as_deref()) {
            text.push_str(&format!(" Why: {why}."));
        }
        for reason in &self.reasons {
            text.push_str(" Rule: ");
            text.push_str(&reason.sentence);
            text.push_str(&format!(" ({}).", reason.source.as_deref().unwrap_or(reason.rule.as_str())));
        }
        if let Some(why) = &self.unheld {
            text.push_str(&format!(" It does not wait: {why}."));
        } else if !self.may_approve().is_empty() {
            text.push_str(&format!(" Who may approve: {}.", self.may_approve().join(", ")));
        }
        if let Some(instead) = self.instead() {
            text.push_str(&format!(" Instead: {instead}."));
        }
        match self.held.as_ref().filter(|_| self.may_go_on()) {
            Some(held) => text.push_str(&format!(
                " Call again with exactly the same arguments to go on waiting; it waits until {} as {}.",
                second(held.expires_at),
                held.id
            )),
            None if self.given_back() => {
                text.push_str(" Call again: it runs without another approval.");
            }
            None => text.push_str(" Do not repeat it unchanged."),
        }
        text.push_str(&format!(" Decision: {}.", self.call));
        text
    }

    /// What to do instead. What a rule says of that is from before a person said no: it may say to wait for one.
    pub fn instead(&self) -> Option<&str> {
        let denied = self.held.as_ref().is_some_and(|held| held.state == HeldState::Denied);
        self.reasons.iter().find_map(|reason| reason.instead.as_deref()).filter(|_| !denied)
    }

    /// The people who may approve it, where a yes could help now.
    pub fn may_approve(&self) -> &[String] {
        if self.requestable() { &self.approvers } else { &[] }
    }

    /// The stable word for programs: the first reason's rule.
    pub fn reason_code(&self) -> &str {
        if self.recommended.is_some() {
            return "guard:recommend-only";
        }
        self.reasons.first().map_or("guard:nothing-permits", |reason| reason.rule.as_str())
    }

    /// Whether asking a person could help.
    pub fn requestable(&self) -> bool {
        self.verdict == Verdict::Hold && self.unheld.is_none() && self.waits()
    }

    /// Whether asking the same again goes on waiting.
    pub fn may_go_on(&self) -> bool {
        self.held.is_some() && self.unheld.is_none() && self.waits()
    }

    /// Whether it is not waited for any more, and asking the same again is all it takes now.
    pub fn given_back(&self) -> bool {
        let given_back = |held: &Held| held.state == HeldState::GivenBack && held.waits_for == WaitsFor::People;
        self.held.as_ref().is_some_and(given_back)
    }

    /// What came of a call that waited; none where nothing has come of it yet, or it did not wait.
    pub fn disposition(&self) -> Option<Disposition> {
        self.held.as_ref()?.disposition()
    }

    fn waits(&self) -> bool {
        self.held.is_none() || self.disposition().is_none()
    }
}

impl Held {
    /// What came of it; none where nothing has come of it yet.
    pub(crate) fn disposition(&self) -> Option<Disposition> {
        match (self.waits_for, self.state) {
            (_, HeldState::Waits | HeldState::Approved | HeldState::Runs) => None,
            // Another request of the same call was decided, and may have been carried out.
            (WaitsFor::Fact, HeldState::GivenBack) => Some(Disposition::OutcomeUnknown),
            (
                _,
                HeldState::Denied
                | HeldState::Expired
                | HeldState::NotTakenUp
                | HeldState::Cancelled
                | HeldState::GivenBack,
            ) => Some(Disposition::DeniedNotExecuted),
            (_, HeldState::Ended(disposition)) => Some(disposition),
        }
    }

    fn sentence(&self) -> &'static str {
        match (self.waits_for, self.state) {
            (WaitsFor::Fact, HeldState::Waits) => "Not decided yet, nothing was executed",
            (WaitsFor::Fact, HeldState::Runs) => "Decided by now, and being carried out",
            (WaitsFor::Fact, HeldState::Expired) => "Not decided in time, nothing was executed",
            (WaitsFor::Fact, HeldState::GivenBack) => {
                "Decided by now in another request of the same call: look for what came of it before you try again"
            }
            (WaitsFor::Fact, HeldState::Ended(Disposition::DeniedNotExecuted)) => {
                "Refused in another request of the same call, nothing was executed"
            }
            (WaitsFor::Fact, HeldState::Ended(Disposition::OutcomeUnknown)) => {
                "Decided and sent, and nobody knows what came of it: look before you try again"
            }
            (WaitsFor::Fact, HeldState::Ended(Disposition::ApprovedExecuted)) => {
                "Executed by another request of the same call"
            }
            (WaitsFor::Fact, HeldState::Ended(Disposition::ExecutionError)) => "Decided by now, and it failed",
            (_, state) => state.sentence(),
        }
    }
}

impl HeldState {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waits => "pending",
            Self::Approved => "approved",
            Self::Runs => "claimed",
            Self::Denied => "denied",
            Self::Expired | Self::NotTakenUp => "expired",
            Self::Cancelled | Self::GivenBack => "cancelled",
            Self::Ended(_) => "ended",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Waits => "Waits for approval, nothing was executed yet",
            Self::Approved => "Approved, nothing was executed yet",
            Self::Runs => "Approved, and being carried out",
            Self::Denied => "Denied by a person, nothing was executed",
            Self::Expired => "Not approved in time, nothing was executed",
            Self::NotTakenUp => "Approved, and not taken up in time, nothing was executed",
            Self::Cancelled => "Taken back before it was carried out, nothing was executed",
            Self::GivenBack => "Not waiting any more, nothing was executed; such calls need no approval now",
            Self::Ended(Disposition::DeniedNotExecuted) => "Approved, and refused all the same, nothing was executed",
            Self::Ended(Disposition::OutcomeUnknown) => {
                "Approved and sent, and nobody knows what came of it: look before you try again"
            }
            Self::Ended(Disposition::ApprovedExecuted) => "Approved and executed by another request of the same call",
            Self::Ended(Disposition::ExecutionError) => "Approved, and it failed",
        }
    }
}

/// To the second, as people read it.
fn second(at: UnixMicros) -> String {
    let whole = rfc3339(at);
    whole.split_once('.').map_or_else(|| whole.clone(), |(second, _)| format!("{second}Z"))
}
