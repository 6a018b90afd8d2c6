//! What was decided, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::Clause;
use crate::id::RuleId;

/// What happens to a call, from mild to strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It runs.
    Allow,
    /// It runs with something removed.
    Redact,
    /// A different human must countersign first.
    Hold,
    /// A fact is missing, or rules conflict.
    Defer,
    /// It does not run.
    Deny,
}

/// One reason of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule, or the guard (`guard:…`) that is built in.
    pub rule: RuleId,
    /// A sentence a person can read, lower case, no full stop.
    pub sentence: String,
    /// `file:line` of the rule; none for a guard.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
    /// The text of the rule; none for a guard.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
    /// What the agent may do instead.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instead: Option<String>,
    /// What the answer must not show: paths of RFC 9535, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub redact: Option<String>,
    /// Who could approve, where approval can lift it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub approvers: Vec<String>,
    /// How many different people have to approve.
    #[serde(skip_serializing_if = "is_one", default = "one")]
    pub approvals: u8,
    /// Whether the rule marks what it decides for those who watch over security.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub security_relevant: bool,
    /// The clause of a contract that it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clause: Option<Clause>,
}

/// What would have been decided if everything were enforced, where some of it is only observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// What would have happened to the call.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// All verdicts, mild first.
    pub const ALL: [Self; 5] = [Self::Allow, Self::Redact, Self::Hold, Self::Defer, Self::Deny];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Redact => "redact",
            Self::Hold => "hold",
            Self::Defer => "defer",
            Self::Deny => "deny",
        }
    }

    /// Whether something may leave.
    pub const fn runs(self) -> bool {
        matches!(self, Self::Allow | Self::Redact)
    }
}

fn one() -> u8 {
    1
}

fn is_one(approvals: &u8) -> bool {
    *approvals == 1
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Verdict {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a verdict: it takes allow, redact, hold, defer or deny"))
    }
}
