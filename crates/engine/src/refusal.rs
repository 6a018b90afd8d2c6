//! What is said of a call that did not run: what happened, whether anything was executed, which rule, what to do now.
//!
//! One wording for every wire, terminal and page.

use model::{CallId, Reason, Verdict};
use serde::Serialize;

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
}

impl Refusal {
    /// The sentence for an agent or a person. It always says that nothing was executed.
    pub fn sentence(&self) -> String {
        let what = match self.verdict {
            _ if self.recommended.is_some() => "Only a recommendation, nothing was executed",
            Verdict::Hold => "Needs approval, nothing was executed",
            Verdict::Defer => "Not decided, nothing was executed",
            Verdict::Allow | Verdict::Redact | Verdict::Deny => "Refused, nothing was executed",
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
        for reason in &self.reasons {
            text.push_str(" Rule: ");
            text.push_str(&reason.sentence);
            text.push_str(&format!(" ({}).", reason.source.as_deref().unwrap_or(reason.rule.as_str())));
        }
        if self.verdict == Verdict::Hold && !self.approvers.is_empty() {
            text.push_str(&format!(" Who may approve: {}.", self.approvers.join(", ")));
        }
        if let Some(instead) = self.reasons.iter().find_map(|reason| reason.instead.as_deref()) {
            text.push_str(&format!(" Instead: {instead}."));
        }
        text.push_str(&format!(" Do not repeat it unchanged. Decision: {}.", self.call));
        text
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
        self.verdict == Verdict::Hold
    }
}
