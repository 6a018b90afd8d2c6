//! What people approved for tasks: such calls are not asked for again. Each of these is written with the record of the approval
//! that made it, and is gone with the record that says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hold::{Asked, ForTask, Hold, State};
use model::limits::HOLDS_FOR_TASK_MAX;
use model::{Approver, Blame, Fault, HoldId, HumanId, UnixMicros};
use serde_json::{Value, json};
use trace::{Approved, StateWrite, rfc3339};

use crate::engine::{Change, Engine, Shared};
use crate::held::approvals;
use crate::hold_words::refusal;
use crate::sealed::Seal;

/// All of them, in memory as they are on disk.
#[derive(Default)]
pub(crate) struct ForTasks(Mutex<BTreeMap<HoldId, Arc<ForTask>>>);

// === impl Engine ===

impl Engine {
    /// Takes up what was approved for tasks before the gateway last ended: rows of the kind of state [`FOR_TASK_STATE`].
    pub fn restore_for_tasks(&self, rows: Vec<(String, String)>) {
        for (key, value) in rows {
            let opened = self.shared.desk.seal.open(&about(&key), &value);
            let for_task = opened.and_then(|text| serde_json::from_slice::<ForTask>(&text).ok());
            match for_task.filter(|for_task| for_task.hold.id.as_str() == key) {
                Some(for_task) => self.shared.for_tasks.put(Arc::new(for_task)),
                // It approves nothing.
                None => {
                    tracing::error!(hold = key, "an approval for a task cannot be read; was the vault's key replaced?")
                }
            }
        }
    }

    /// What is approved for tasks now, the latest last.
    pub fn for_tasks(&self) -> Vec<Arc<ForTask>> {
        let now = self.clock().now();
        let mut alive: Vec<Arc<ForTask>> =
            self.shared.for_tasks.all().values().filter(|one| now < one.until).cloned().collect();
        alive.sort_by(|one, other| (one.from, &one.hold.id).cmp(&(other.from, &other.hold.id)));
        alive
    }

    /// A person says yes to a call, and to calls of the same people in the same task, of the same tool with the same value. Where
    /// several people have to approve, all of them have to say so, else it is approved once. Error: as [`Engine::approve`], or
    /// nothing is approved for tasks here.
    pub async fn approve_for_task(&self, id: &HoldId, by: &Approver) -> Result<crate::Waiting, Fault> {
        if self.limits().hold_for_task_max.is_zero() {
            return Err(Fault::new(Blame::Caller, "hold.for_task_off", "nothing is approved for whole tasks here")
                .hint("approve this call alone; `holds: {for_task: 8h}` in the configuration allows it"));
        }
        if self.shared.for_tasks.all().len() >= HOLDS_FOR_TASK_MAX {
            let said = format!("{HOLDS_FOR_TASK_MAX} things are approved for tasks already");
            return Err(Fault::new(Blame::Caller, "hold.for_task_many", said)
                .hint("approve this call alone, or take back what is not needed: `countersign holds revoke`"));
        }
        let waiting = self.say_yes(id, by, true).await?;
        let made = self.shared.for_tasks.all().get(id).cloned();
        if let Some(made) = made {
            let (directory, now) = (self.directory(), self.clock().now());
            self.give_back(&format!("{GIVEN_BY_TASK}{id}"), |asked| made.lifts(asked, &directory, now)).await;
        }
        Ok(waiting)
    }

    /// Somebody who runs the gateway takes it back: such calls are held again. Error: there is none, or it could not be written.
    pub async fn revoke_for_task(&self, id: &HoldId, by: &str) -> Result<Arc<ForTask>, Fault> {
        self.end_for_task(id, "hold.task_revoked", by).await
    }

    /// One of those who may approve such calls takes it back. Error: as [`Engine::revoke_for_task`], or not this person.
    pub async fn revoke_for_task_as(&self, id: &HoldId, by: &Approver) -> Result<Arc<ForTask>, Fault> {
        let for_task = self.for_task(id)?;
        hold::may_approve(&for_task.hold, by.human(), &self.directory()).map_err(|why| refusal(&why))?;
        self.revoke_for_task(id, &format!("human:{}", by.human())).await
    }

    /// Takes back what is approved for tasks of this person, before what is kept of them is erased.
    pub(crate) async fn revoke_for_tasks_of(&self, human: &HumanId, by: &str) -> Result<(), Fault> {
        let theirs: Vec<HoldId> = {
            let all = self.shared.for_tasks.all();
            all.values().filter(|one| one.hold.asked.human == *human).map(|one| one.hold.id.clone()).collect()
        };
        for id in theirs {
            self.end_for_task(&id, "hold.task_revoked", by).await?;
        }
        Ok(())
    }

    /// Ends those whose time is over. Nothing depends on it, for what is over lifts nothing.
    pub(crate) async fn end_for_tasks(&self, now: UnixMicros) {
        let due: Vec<HoldId> = {
            let all = self.shared.for_tasks.all();
            all.values().filter(|one| now >= one.until).map(|one| one.hold.id.clone()).collect()
        };
        for id in due {
            if let Err(fault) = self.end_for_task(&id, "hold.task_over", "gateway").await {
                tracing::warn!(?fault, hold = %id, "that an approval for a task is over could not be recorded");
            }
        }
    }

    fn for_task(&self, id: &HoldId) -> Result<Arc<ForTask>, Fault> {
        self.shared.for_tasks.all().get(id).cloned().ok_or_else(|| {
            let said = format!("nothing is approved for a task as `{id}`, or not any more");
            Fault::new(Blame::Caller, "caller.unknown_hold", said).hint("`countersign holds` lists what is")
        })
    }

    async fn end_for_task(&self, id: &HoldId, what: &str, by: &str) -> Result<Arc<ForTask>, Fault> {
        let for_task = self.for_task(id)?;
        let asked = &for_task.hold.asked;
        let change = Change {
            by: by.to_owned(),
            what: what.to_owned(),
            subject: format!("hold:{id}"),
            human: Some(asked.human.clone()),
            detail: json!({
                "hold": id, "agent": asked.agent, "app": asked.app, "tool": asked.tool, "for_task": detail(&for_task),
            }),
            state: vec![no_row(id)],
        };
        self.change(change).await?;
        self.shared.for_tasks.remove(id);
        Ok(for_task)
    }
}

// === impl Shared ===

impl Shared {
    /// What was approved for a task and lifts what holds this call, as approvals of it; none where nothing was.
    pub(crate) fn approved_for_task(&self, asked: &Asked) -> Option<Vec<Approved>> {
        let mut of_task = {
            let all = self.for_tasks.all();
            let same = all.values().filter(|one| {
                let seen = &one.hold.asked;
                (&seen.task, &seen.agent, &seen.tool) == (&asked.task, &asked.agent, &asked.tool)
            });
            same.cloned().collect::<Vec<_>>().into_iter()
        };
        let (directory, now) = (self.parts.directory.snapshot(), self.parts.clock.now());
        let found = of_task.find(|one| one.lifts(asked, &directory, now))?;
        Some(approvals(&found.hold))
    }

    /// What this step does to what is approved for the task on this hold, with the row that keeps it; one without a value takes it
    /// away. None: nothing.
    pub(crate) fn for_task_of(&self, hold: &Hold, what: &str) -> Result<Option<(Arc<ForTask>, StateWrite)>, Fault> {
        // INVARIANT: nothing goes on running on a call that was denied or cancelled (test
        // `a_no_takes_back_what_was_approved_for_the_task_on_the_same_call`).
        if matches!(hold.state, State::Denied { .. } | State::Cancelled { .. }) {
            let gone = self.for_tasks.all().get(&hold.id).cloned();
            return Ok(gone.map(|gone| (gone, no_row(&hold.id))));
        }
        if what != "hold.approved" {
            return Ok(None);
        }
        let made = ForTask::of(hold, self.parts.limits.hold_for_task_max, self.parts.clock.now());
        made.map(|made| row(&made, &self.desk.seal).map(|row| (Arc::new(made), row))).transpose()
    }
}

// === impl ForTasks ===

impl ForTasks {
    pub(crate) fn are_none(&self) -> bool {
        self.all().is_empty()
    }

    pub(crate) fn put(&self, for_task: Arc<ForTask>) {
        self.all().insert(for_task.hold.id.clone(), for_task);
    }

    pub(crate) fn remove(&self, id: &HoldId) {
        self.all().remove(id);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<HoldId, Arc<ForTask>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the record says of it.
pub(crate) fn detail(for_task: &ForTask) -> Value {
    let asked = &for_task.hold.asked;
    let value = match asked.value() {
        Some(value) => json!({ "roles": value.roles, "values": value.values }),
        None => json!({ "arguments": asked.arguments }),
    };
    json!({ "task": asked.task, "value": value, "until": rfc3339(for_task.until) })
}

fn row(for_task: &ForTask, seal: &Seal) -> Result<StateWrite, Fault> {
    let key = for_task.hold.id.to_string();
    let text = serde_json::to_vec(for_task).map_err(|error| {
        Fault::new(Blame::Bug, "bug.hold", "an approval for a task could not be written").because(error)
    })?;
    let value = Some(seal.seal(&about(&key), text)?);
    Ok(StateWrite { kind: FOR_TASK_STATE.to_owned(), key, value })
}

fn no_row(id: &HoldId) -> StateWrite {
    StateWrite { kind: FOR_TASK_STATE.to_owned(), key: id.to_string(), value: None }
}

/// What the seal is bound to: calls that wait are sealed under the same key.
fn about(key: &str) -> String {
    format!("task\0{key}")
}

/// The kind of state under which is kept what people approved for tasks.
pub const FOR_TASK_STATE: &str = "hold_for_task";
/// Who takes back what waits and needs no approval now.
pub(crate) const GIVEN_BY_TASK: &str = "task:";
