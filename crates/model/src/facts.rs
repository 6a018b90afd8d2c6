//! Everything a decision may look at.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::arguments::ArgumentFacts;
use crate::class::{Class, ClassSource, CostClass};
use crate::contract::ContractFacts;
use crate::digest::Digest;
use crate::directory::{Agent, App, Human};
use crate::id::{AgentId, AppId, CallId, HumanId, RuleId, TaskId, ToolName};
use crate::rules::RuleInfo;
use crate::time::UnixMicros;
use crate::verdict::Reason;

/// Who acts, as a verified token says: an agent, for a human, in a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The software that acts (`client_id`).
    pub agent: AgentId,
    /// The person it acts for (`sub`).
    pub human: HumanId,
    /// The token's `task` claim, else the session, else the token's `jti`.
    pub task: TaskId,
    /// The one app this token is good for, where its audience names one.
    pub only_app: Option<AppId>,
    /// Which token, never the token itself.
    pub token_id: Arc<str>,
}

/// What kind of thing is asked of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// Use a tool.
    #[serde(rename = "tools/call")]
    ToolsCall,
    /// Read a resource.
    #[serde(rename = "resources/read")]
    ResourcesRead,
    /// Get a prompt.
    #[serde(rename = "prompts/get")]
    PromptsGet,
    /// Complete an argument of a prompt or of a resource's address.
    #[serde(rename = "completion/complete")]
    Complete,
    /// The app asks the client for words of its model.
    #[serde(rename = "sampling/createMessage")]
    Sample,
    /// The app asks the client's user for something.
    #[serde(rename = "elicitation/create")]
    Elicit,
    /// The app asks the client which folders it works on.
    #[serde(rename = "roots/list")]
    Roots,
    /// Be told when a resource changes.
    #[serde(rename = "resources/subscribe")]
    Subscribe,
    /// Say from which level on the app shall send log messages.
    #[serde(rename = "logging/setLevel")]
    SetLevel,
    /// Ask how far a task is.
    #[serde(rename = "tasks/get")]
    TaskGet,
    /// Fetch what a task came to.
    #[serde(rename = "tasks/result")]
    TaskResult,
    /// Give a task what it waits for.
    #[serde(rename = "tasks/update")]
    TaskUpdate,
    /// Ask that a task be ended.
    #[serde(rename = "tasks/cancel")]
    TaskCancel,
}

/// What is asked for, as far as we know it: a tool; for other methods a resource, a prompt, or the method itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolFacts {
    /// The name inside the app.
    pub name: ToolName,
    /// The class in force for these arguments.
    pub class: Class,
    /// Who says so.
    pub class_source: ClassSource,
    /// The verb its profile gives it: `pr_open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<Arc<str>>,
    /// How much one use costs, where its profile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostClass>,
    /// What its profile says of the data it deals with: `customer-data`.
    #[serde(default = "unlabelled", skip_serializing_if = "no_labels")]
    pub labels: Arc<[Arc<str>]>,
    /// Whether its definition is the one a person saw.
    pub status: ToolStatus,
    /// Digest of the definition the server gives now; none when the server gave none.
    pub definition: Option<Digest>,
    /// Why its status is what it is, where there is more to say: what was found in a definition in quarantine, or why nobody knows
    /// what it is. Words of ours: an agent reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Arc<str>>,
    /// The call of the tool that this is about, where its answer is asked for by itself: a task is a call that takes longer. None
    /// for a call, and for what is about no tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_call: Option<Arc<OfCall>>,
}

/// A call whose answer is asked for by itself. What would have been hidden of it at once is hidden of it later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfCall {
    /// The tool as it is known now, with the class that the call had; none where nobody knows it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolFacts>,
    /// Bytes of the arguments that the call had.
    #[serde(default)]
    pub argument_bytes: u64,
    /// What rules hid of its answer when it was made: paths of RFC 9535, separated by commas. None: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hides: Option<Arc<str>>,
}

/// Whether a tool's definition is the one a person saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolStatus {
    /// Nobody has said yes to it.
    Unreviewed,
    /// As reviewed.
    Pinned,
    /// It changed after the review, or was never reviewed and looks like a known attack: refused until reviewed.
    Quarantined,
    /// The app could not be asked what it offers, so nobody knows what this is.
    Unknown,
}

/// Everything a decision may look at. Serialised whole into the record's body, so that it can be judged again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Facts {
    /// When the decision is taken.
    pub now: UnixMicros,
    /// What kind of thing is asked.
    pub method: Method,
    /// The software that acts.
    pub agent: Arc<Agent>,
    /// The person it acts for.
    pub human: Arc<Human>,
    /// The task it acts in.
    pub task: TaskId,
    /// The system it acts on.
    pub app: Arc<App>,
    /// The action.
    pub tool: ToolFacts,
    /// Whether the human has access to the app.
    pub access: bool,
    /// True while everything is stopped.
    pub all_stopped: bool,
    /// What rules read of the arguments.
    #[serde(default, skip_serializing_if = "unread")]
    pub arguments: Arc<ArgumentFacts>,
    /// Rules whose budgets are used up, in the order of their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<RuleId>,
    /// Rules that hold such a call and that people have lifted for this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved: Vec<Lifted>,
    /// What is known of it under the contract that governs it; none where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Arc<ContractFacts>>,
}

/// A rule that people have lifted for one call, as it was when they did: one that says something else now is another rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// The rule.
    pub rule: RuleId,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who may lift it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// How many different people have to.
    pub approvals: u8,
}

/// What a permit is good for: exactly one call with exactly these arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The call.
    pub call: CallId,
    /// The app it goes to.
    pub app: AppId,
    /// The tool it uses.
    pub tool: ToolName,
    /// SHA-256 of the argument bytes as they will be forwarded.
    pub arguments: Digest,
}

impl Lifted {
    /// Whether this rule is the one that was lifted.
    pub fn is(&self, rule: &RuleInfo) -> bool {
        self.rule == rule.id
            && self.text.as_deref() == Some(&*rule.source.text)
            && self.approvers == rule.approvers
            && self.approvals == rule.approvals
    }
}

impl From<&Reason> for Lifted {
    fn from(reason: &Reason) -> Self {
        let (rule, text, approvers) = (reason.rule.clone(), reason.text.clone(), reason.approvers.clone());
        Self { rule, text, approvers, approvals: reason.approvals }
    }
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::ToolsCall,
        Self::ResourcesRead,
        Self::PromptsGet,
        Self::Complete,
        Self::Sample,
        Self::Elicit,
        Self::Roots,
        Self::Subscribe,
        Self::SetLevel,
        Self::TaskGet,
        Self::TaskResult,
        Self::TaskUpdate,
        Self::TaskCancel,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToolsCall => "tools/call",
            Self::ResourcesRead => "resources/read",
            Self::PromptsGet => "prompts/get",
            Self::Complete => "completion/complete",
            Self::Sample => "sampling/createMessage",
            Self::Elicit => "elicitation/create",
            Self::Roots => "roots/list",
            Self::Subscribe => "resources/subscribe",
            Self::SetLevel => "logging/setLevel",
            Self::TaskGet => "tasks/get",
            Self::TaskResult => "tasks/result",
            Self::TaskUpdate => "tasks/update",
            Self::TaskCancel => "tasks/cancel",
        }
    }

    /// The class where no profile, pin or proposal can say more: what an app shows is read, what it asks of a client
    /// leaves the app.
    pub const fn class(self) -> Class {
        match self {
            Self::ToolsCall => Class::Destructive,
            Self::ResourcesRead
            | Self::PromptsGet
            | Self::Complete
            | Self::Subscribe
            | Self::SetLevel
            | Self::TaskGet
            | Self::TaskResult => Class::Read,
            Self::TaskUpdate | Self::TaskCancel => Class::Write,
            Self::Sample | Self::Elicit | Self::Roots => Class::External,
        }
    }
}

impl ToolStatus {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreviewed => "unreviewed",
            Self::Pinned => "pinned",
            Self::Quarantined => "quarantined",
            Self::Unknown => "unknown",
        }
    }
}

impl ToolFacts {
    /// What is known of anything that is not a tool: its method says what it does at its worst.
    pub fn of_method(method: Method, name: ToolName) -> Self {
        Self::new(name, method.class(), ClassSource::Method, ToolStatus::Unreviewed)
    }

    /// A tool of which no profile says more than its class.
    pub fn new(name: ToolName, class: Class, class_source: ClassSource, status: ToolStatus) -> Self {
        Self {
            name,
            class,
            class_source,
            verb: None,
            cost: None,
            labels: Arc::clone(&NO_LABELS),
            status,
            definition: None,
            finding: None,
            of_call: None,
        }
    }
}

impl OfCall {
    /// What is asked for by itself of a call, as a call: whatever its arguments were, but for their length.
    pub fn arguments(&self) -> Arc<ArgumentFacts> {
        // Where there were none their length is known all the same.
        Arc::new(ArgumentFacts { open: true, bytes: self.argument_bytes.max(1), ..ArgumentFacts::default() })
    }
}

fn unlabelled() -> Arc<[Arc<str>]> {
    Arc::clone(&NO_LABELS)
}

fn no_labels(labels: &Arc<[Arc<str>]>) -> bool {
    labels.is_empty()
}

fn unread(arguments: &Arc<ArgumentFacts>) -> bool {
    arguments.is_unread()
}

/// Shared, so that an unlabelled tool costs no allocation.
static NO_LABELS: LazyLock<Arc<[Arc<str>]>> = LazyLock::new(|| Arc::from([]));
