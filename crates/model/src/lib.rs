//! The words of Countersign as types.
//!
//! # In scope
//! Ids, people, agents, apps, tools, facts, verdicts, reasons, limits, faults by blame, `Secret<T>`, and the passive
//! ports (`Rules`, `ReadArguments`, `Directory`, `Clock`) that lower crates implement and higher crates call.
//!
//! # Out of scope
//! Input and output, clocks, randomness, any decision.
//!
//! # Invariants
//! * An id that exists is well formed: it can only be parsed.
//! * A secret has no `Debug`, `Display`, `Serialize` or `Clone`.
//! * Classes and verdicts are ordered from harmless to dangerous, from mild to strict.

pub mod approver;
pub mod arguments;
pub mod budget;
pub mod class;
pub mod contract;
pub mod digest;
pub mod directory;
pub mod durable;
pub mod facts;
pub mod fault;
pub mod hidden;
pub mod id;
mod in_place;
pub mod limits;
pub mod release;
pub mod rules;
pub mod secret;
pub mod time;
mod trace_parent;
pub mod verdict;
pub mod written;

pub use approver::{Approver, SignedInBy};
pub use arguments::{ArgumentFacts, ArgumentLevel, ArgumentReads, ReadArguments, Scalar};
pub use budget::{Budget, BudgetOf, BudgetPer};
pub use class::{Class, ClassSource, CostClass};
pub use contract::{Clause, ContractFacts, Operation, Shown, Standing};
pub use digest::{Digest, hex};
pub use directory::{Access, Agent, App, DataClassification, Directory, DirectorySnapshot, Human, Risk};
pub use durable::Durable;
pub use facts::{Actor, Binding, Facts, Lifted, Method, OfCall, ToolFacts, ToolStatus};
pub use fault::{Blame, Fault};
pub use hidden::{is_hidden, lines_spelled_out, spelled_out};
pub use id::{
    AgentId, AppId, CallId, ClauseNumber, ContractId, EmergencyId, HoldId, HumanId, IdError, RuleId, TaskId, ToolName,
    VendorId, crockford_bits,
};
pub use in_place::in_place;
pub use limits::Limits;
pub use release::{Filter, Form, Release, Released};
pub use rules::{
    CallLimits, Effect, Evaluation, Hit, Layer, RuleFault, RuleFaultKind, RuleInfo, RuleOutcome, RuleRef, RuleSource,
    Rules,
};
pub use secret::Secret;
pub use time::{Clock, UnixMicros};
pub use trace_parent::TraceParent;
pub use verdict::{Observed, Reason, Verdict};
