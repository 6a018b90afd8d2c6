//! A call that waits until another person countersigns it.
//!
//! # In scope
//! What a hold is, which step may follow which, and who may approve; the same of an emergency, in which calls need no approval.
//!
//! # Out of scope
//! Time, disks and networks: `step` is told the time and gives the next state. Whether a call that was approved may run is
//! decided anew by whoever runs it.
//!
//! # Invariants
//! * What was asked never changes; only the state of it does, and each change has the next number.
//! * Whoever asks, delegates, or is the same person by another account approves nothing of it.
//! * A call that waited is taken up once, by whoever is first, and only while its approvals are good.
//! * Every step that is refused says why.
//! * What is approved for a task is approved for its people, its tool and its values, and for nothing else.
//! * An emergency takes two different people, neither of whom answers for the agent, and ends by itself.

mod emergency;
mod for_task;
mod machine;
mod record;
mod refused;
mod who;

pub use emergency::{Emergency, EmergencyState, EmergencyWanted, NoEmergency, Office};
pub use for_task::ForTask;
pub use machine::{Event, step};
pub use record::{Approval, Asked, Disposition, Hold, State, WaitsFor};
pub use refused::Refused;
pub use who::{counting, eligible, may_approve, needed, possible, suffices};
