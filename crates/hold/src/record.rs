//! What a hold is.

use model::{
    AgentId, AppId, ArgumentFacts, CallId, Class, Digest, HoldId, HumanId, Method, Reason, SignedInBy, TaskId,
    ToolName, UnixMicros,
};
use serde::{Deserialize, Serialize};

/// A call that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Its id, which is no secret and opens nothing.
    pub id: HoldId,
    /// Exactly what was asked. Never changes.
    pub asked: Asked,
    /// Since when it waits.
    pub opened_at: UnixMicros,
    /// From when on it can be neither approved nor run.
    pub expires_at: UnixMicros,
    /// For whom or what it waits.
    pub waits_for: WaitsFor,
    /// Where it stands.
    pub state: State,
    /// How many steps it has taken: of two that want the next one, one comes first.
    pub generation: u64,
    /// Who has approved it so far, each another person.
    pub approvals: Vec<Approval>,
    /// Who may approve it besides those whom the rules name, for nobody of them has in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

/// Exactly what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The call that was asked first.
    pub call: CallId,
    /// The software that asks.
    pub agent: AgentId,
    /// The person it asks for.
    pub human: HumanId,
    /// Everybody who delegated it, the person at the root first.
    pub delegators: Vec<HumanId>,
    /// The task it belongs to.
    pub task: TaskId,
    /// Whether somebody named that task; else it is that of one token, and goes with it.
    pub task_named: bool,
    /// On which app.
    pub app: AppId,
    /// What kind of thing.
    pub method: Method,
    /// Which tool.
    pub tool: ToolName,
    /// The definition of that tool.
    pub definition: Option<Digest>,
    /// Where it goes and what it is about there, as its app was configured; none where its definition says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Digest>,
    /// What it does at its worst, with these arguments.
    pub class: Class,
    /// SHA-256 of the arguments as they will leave.
    pub arguments: Digest,
    /// Whether they leave beside the name, as members of the request, and not as its arguments.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spread: bool,
    /// The rules that held it, all of them.
    pub bundle: Digest,
    /// Why it is held: each rule, and who may lift it.
    pub reasons: Vec<Reason>,
    /// What rules for the app looked at of the arguments; none where nothing is known of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<ArgumentFacts>,
    /// Whether a contract governs it: then people approve each call by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub governed: bool,
    /// Who is of the side of the vendor that asks: nobody of them approves it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_the_vendor: Vec<HumanId>,
    /// What the agent says of it. Nobody has verified it, and nothing is decided by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// For whom or what a call waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// For people to approve it.
    People,
    /// For a fact that is missing.
    Fact,
}

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who.
    pub by: HumanId,
    /// What that person signed in with.
    pub how: SignedInBy,
    /// The session in which it was given.
    pub session: String,
    /// When.
    pub at: UnixMicros,
    /// Whether it is given for such calls of the task, and not for this one alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_task: bool,
}

/// Where a hold stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum State {
    /// It waits.
    Pending,
    /// Enough people approved; nobody has taken it up yet.
    Approved {
        /// When the last of them did.
        at: UnixMicros,
    },
    /// It is being carried out, by this call.
    Claimed {
        /// The call.
        call: CallId,
        /// Since when.
        at: UnixMicros,
    },
    /// A person said no.
    Denied {
        /// Who.
        by: HumanId,
        /// What the agent is told.
        reason: Option<String>,
        /// When.
        at: UnixMicros,
    },
    /// Its time was over before anything came of it.
    Expired {
        /// When that was found.
        at: UnixMicros,
        /// Whether enough people had approved it, and nobody took it up.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        approved: bool,
    },
    /// It was taken back.
    Cancelled {
        /// By whom.
        by: String,
        /// When.
        at: UnixMicros,
    },
    /// Nothing more will come of it.
    Ended {
        /// What came of it.
        disposition: Disposition,
        /// Why, where it did not run.
        why: Option<String>,
        /// When.
        at: UnixMicros,
    },
}

/// What came of a call that waited, in the words of SEP-2848.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// It was approved and ran.
    ApprovedExecuted,
    /// It did not run.
    DeniedNotExecuted,
    /// It was approved, and failed.
    ExecutionError,
    /// It was approved and sent, and nobody knows what came of it. It is never sent again.
    OutcomeUnknown,
}

impl Hold {
    /// One that begins to wait.
    pub fn open(asked: Asked, waits_for: WaitsFor, opened_at: UnixMicros, expires_at: UnixMicros) -> Self {
        let (id, state) = (HoldId::of(&asked.call), State::Pending);
        let (approvals, also) = (Vec::new(), Vec::new());
        Self { id, asked, opened_at, expires_at, waits_for, state, generation: 0, approvals, also }
    }

    /// Whether it still waits, or could still be taken up.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Pending | State::Approved { .. })
    }
}

impl WaitsFor {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Fact => "fact",
        }
    }
}

impl State {
    /// The word used everywhere.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved { .. } => "approved",
            Self::Claimed { .. } => "claimed",
            Self::Denied { .. } => "denied",
            Self::Expired { .. } => "expired",
            Self::Cancelled { .. } => "cancelled",
            Self::Ended { .. } => "ended",
        }
    }
}

impl Disposition {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApprovedExecuted => "approved-executed",
            Self::DeniedNotExecuted => "denied-not-executed",
            Self::ExecutionError => "execution-error",
            Self::OutcomeUnknown => "outcome-unknown",
        }
    }
}
