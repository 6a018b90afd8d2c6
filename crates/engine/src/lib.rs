//! The order of effects: gather, decide, record, permit, send, observe, close.
//!
//! # In scope
//! One governed call from parsed request to closed record; calls that wait for people; what is listed to whom; the record of
//! a child's start.
//!
//! # Out of scope
//! Wires and their bytes, rule languages, where secrets come from, how records are stored.
//!
//! # Invariants
//! * Nothing leaves before its intent is durable. A record that cannot be written means nothing leaves.
//! * A call that was sent gets an outcome even when the caller has gone away.
//! * Only this crate asks for permits.
//! * A call that waits is on disk before whoever asked learns of it, and is taken up once.

mod asking;
mod budget;
mod call;
mod emergencies;
mod engine;
mod entry;
mod flow;
mod for_tasks;
mod gate;
mod held;
mod hold_words;
mod holds;
mod over;
mod refusal;
mod sealed;
mod tally;
mod under_way;

pub use call::{CallRequest, Closed, too_slow};
pub use emergencies::EMERGENCY_STATE;
pub use engine::{Change, Engine, Parts};
pub use flow::{Taker, TakerFuture, shows_no_record};
pub use for_tasks::FOR_TASK_STATE;
pub use gate::{Asked, Gate, Gated, Readable};
pub use held::{Looked, Waiter, WaiterFuture, came_of, could_be_approved};
pub use hold::{
    Approval, Asked as HeldCall, Disposition, Emergency, EmergencyWanted, ForTask, Hold, State as HoldState, WaitsFor,
    counting, eligible, may_approve, needed,
};
pub use holds::{HOLD_STATE, Waiting};
pub use over::{HOLD_OVER_STATE, Over};
pub use refusal::{Held, HeldState, Refusal};
pub use tally::Figures;
/// What a [`Change`] makes true, for those who may not name the trace.
pub use trace::StateWrite;
/// How moments are written.
pub use trace::rfc3339;
