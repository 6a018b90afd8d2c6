//! The desk: every call that waits for people, in memory as it is on disk.
//!
//! A hold takes one step at a time. Each step is a record, and what is true after it is written with the record or not at
//! all; only then does anybody see it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hold::{Asked, Disposition, Event, Hold, Refused, State, WaitsFor};
use model::limits::{
    HOLD_ARGUMENTS_BYTES_MAX, HOLD_REASON_CHARS_MAX, HOLDS_BYTES_MAX, HOLDS_OPEN_MAX, HOLDS_PER_AGENT_MAX,
    HOLDS_RATE_MAX, HOLDS_RATE_OVER,
};
use model::{AgentId, Approver, Blame, CallId, Fault, HoldId, HumanId, Secret, UnixMicros};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use trace::StateWrite;

use crate::emergencies::gives_back;
use crate::engine::{Change, Engine, Shared};
use crate::entry::{Attached, Entry, Key};
use crate::for_tasks;
use crate::hold_words::{detail, refusal, what};
use crate::over::{Over, Shelf};
use crate::sealed::Seal;

/// A hold, for those who look at it.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// What waits, and where it stands.
    pub hold: Arc<Hold>,
    /// The argument object, exactly as it came and as it will leave.
    pub arguments: Option<Bytes>,
    /// How many clients are kept waiting for it.
    pub attached: usize,
}

pub(crate) struct Desk {
    entries: Mutex<Entries>,
    /// How many of them wait for a fact: mostly none, and then no call has to look for its own among them.
    for_facts: AtomicUsize,
    pub(crate) seal: Seal,
    /// What came of those that are over.
    pub(crate) shelf: Shelf,
    /// Whoever is kept waiting is told to call again.
    pub(crate) closing: CancellationToken,
}

#[derive(Default)]
struct Entries {
    by_id: HashMap<HoldId, Arc<Entry>>,
    by_key: HashMap<Key, HoldId>,
    /// How many there are of each agent. What waits for facts takes nothing from what waits for people.
    per_agent: HashMap<(AgentId, WaitsFor), usize>,
    /// When calls of an agent began to wait, of late.
    opened: HashMap<(AgentId, WaitsFor), VecDeque<UnixMicros>>,
    bytes: usize,
}

/// Why a call does not begin to wait.
pub(crate) enum NotOpened {
    /// It is refused as one that cannot wait. Why.
    Unheld(String),
    /// Something broke.
    Fault(Fault),
}

/// Why a step was not taken.
#[derive(Debug)]
pub(crate) enum StepFault {
    /// It must not follow.
    Refused(Refused),
    /// It could not be written down.
    Fault(Fault),
}

/// A hold as the state keeps it, sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    hold: Hold,
    arguments: Option<String>,
}

// === impl Engine ===

impl Engine {
    /// Takes up what waited when the gateway last ended: rows `(key, value)` of the kind of state [`HOLD_STATE`]. What was
    /// being carried out then has an unknown outcome. Error: nothing can be written.
    pub async fn restore_holds(&self, rows: Vec<(String, String)>) -> Result<usize, Fault> {
        let restored = rows.len();
        for (key, value) in rows {
            let Some(kept) = self.shared.desk.opened(&key, &value) else {
                // Nothing of it can be approved or run.
                tracing::error!(hold = key, "a call that waits cannot be read; was the vault's key replaced?");
                continue;
            };
            let taken_up = matches!(kept.hold.state, State::Claimed { .. });
            let entry = self.shared.desk.take_in(kept);
            if taken_up {
                let event = Event::End { disposition: Disposition::OutcomeUnknown };
                self.shared.step(&entry, event, "gateway").await.map_err(Fault::from)?;
            }
        }
        self.sweep_holds().await;
        Ok(restored)
    }

    /// Every call that waits, or was decided and not yet told, the oldest first.
    pub fn holds(&self) -> Vec<Waiting> {
        let mut all: Vec<Waiting> =
            self.shared.desk.lock().by_id.values().filter(|entry| entry.is_kept()).map(|entry| entry.view()).collect();
        all.sort_by(|one, other| (one.hold.opened_at, &one.hold.id).cmp(&(other.hold.opened_at, &other.hold.id)));
        all
    }

    /// One of them. Error: there is none. Blame: the caller.
    pub fn hold(&self, id: &HoldId) -> Result<Waiting, Fault> {
        self.shared.desk.get(id).map(|entry| entry.view())
    }

    /// A person says yes. Error: not this person, not now, or not any more; nothing changed.
    pub async fn approve(&self, id: &HoldId, by: &Approver) -> Result<Waiting, Fault> {
        self.say_yes(id, by, false).await
    }

    pub(crate) async fn say_yes(&self, id: &HoldId, by: &Approver, for_task: bool) -> Result<Waiting, Fault> {
        let (entry, directory) = (self.shared.desk.get(id)?, self.directory());
        let event = Event::Approve { by, for_task, directory: &directory };
        self.shared.step(&entry, event, &format!("human:{}", by.human())).await.map_err(Fault::from)?;
        Ok(entry.view())
    }

    /// A person says no. The agent is told the reason. Error: as [`Engine::approve`].
    pub async fn deny(&self, id: &HoldId, by: &Approver, reason: Option<&str>) -> Result<Waiting, Fault> {
        let (entry, directory) = (self.shared.desk.get(id)?, self.directory());
        let plain = |reason: &str| -> String {
            reason.chars().filter(|char| !char.is_control()).take(HOLD_REASON_CHARS_MAX).collect()
        };
        let event = Event::Deny { by, reason: reason.map(plain), directory: &directory };
        self.shared.step(&entry, event, &format!("human:{}", by.human())).await.map_err(Fault::from)?;
        Ok(entry.view())
    }

    /// Somebody who runs the gateway takes it back: it will not run. Error: it runs, or is over.
    pub async fn cancel_hold(&self, id: &HoldId, by: &str) -> Result<Waiting, Fault> {
        let entry = self.shared.desk.get(id)?;
        self.shared.step(&entry, Event::Cancel { by: by.to_owned() }, by).await.map_err(Fault::from)?;
        Ok(entry.view())
    }

    /// Ends what waits for this person, before what is kept of them is erased. Error: a call that people approved for them runs right
    /// now, and what comes of it would be kept.
    pub async fn cancel_holds_of(&self, human: &HumanId, by: &str) -> Result<usize, Fault> {
        let all = self.shared.desk.all();
        let theirs: Vec<_> = all.into_iter().filter(|entry| entry.key.human == *human).collect();
        let runs = |entry: &Arc<Entry>| matches!(entry.now().state, State::Claimed { .. });
        let runs_now = || {
            let said = "a call that people approved for this person runs right now";
            Fault::new(Blame::Caller, "caller.runs_now", said)
                .hint("try again once it has ended: `countersign holds list` shows it until then")
                .retryable()
        };
        if theirs.iter().any(runs) {
            return Err(runs_now());
        }
        for entry in &theirs {
            match self.shared.step(entry, Event::Cancel { by: by.to_owned() }, by).await {
                // It was taken up this moment.
                Err(StepFault::Refused(_)) if runs(entry) => return Err(runs_now()),
                Ok(_) | Err(StepFault::Refused(_)) => self.shared.told(entry).await?,
                Err(StepFault::Fault(fault)) => return Err(fault),
            }
        }
        self.revoke_for_tasks_of(human, by).await?;
        self.forget_over(|over| over.hold.asked.human == *human).await?;
        Ok(theirs.len())
    }

    /// Ends what nobody approved in time, and what was carried out and could not be written down as ended. To be called every second or
    /// so; nothing depends on it, for whatever is too old is refused all the same, and what was taken up runs no other time.
    pub async fn sweep_holds(&self) {
        let now = self.clock().now();
        for entry in self.shared.desk.all() {
            let hold = entry.now();
            let done = match hold.state {
                State::Claimed { .. } => match entry.came_to.get() {
                    Some(disposition) => self.shared.end_again(&entry, *disposition).await,
                    None => Ok(()),
                },
                _ if now < hold.expires_at => {
                    self.escalate(&entry, &hold, now).await;
                    Ok(())
                }
                State::Pending | State::Approved { .. } => {
                    self.shared.step(&entry, Event::Expire, "gateway").await.map(drop).map_err(Fault::from)
                }
                // Nobody came to be told.
                State::Denied { .. } | State::Cancelled { .. } => self.shared.told(&entry).await,
                State::Expired { .. } | State::Ended { .. } => Ok(()),
            };
            if let Err(fault) = done {
                tracing::warn!(?fault, hold = %hold.id, "a hold that is over could not be ended");
            }
        }
        self.end_emergencies(now).await;
        self.end_for_tasks(now).await;
        if let Err(fault) = self.forget_over(|over| over.until < now).await {
            tracing::warn!(?fault, "what came of holds long ago could not be forgotten");
        }
    }
}

// === impl Shared ===

impl Shared {
    /// The hold of an identical call, or a new one, on disk when this returns.
    pub(crate) async fn open_hold(
        &self,
        asked: Asked,
        waits_for: WaitsFor,
        arguments: Option<Bytes>,
    ) -> Result<Attached, NotOpened> {
        let key = Key::of(&asked, waits_for);
        loop {
            let known = self.desk.find(&key);
            let Some(attached) = known else { break };
            // Whoever opened it may still be waiting for the disk.
            drop(attached.entry().turn.lock().await);
            if !attached.entry().is_void() {
                return Ok(attached);
            }
        }
        let directory = self.parts.directory.snapshot();
        let now = self.parts.clock.now();
        let expires = i64::try_from(self.parts.limits.hold_time_max.as_micros()).unwrap_or(i64::MAX);
        let hold = Hold::open(asked, waits_for, now, UnixMicros(now.0.saturating_add(expires)));
        if waits_for == WaitsFor::People && !hold::possible(&hold, &directory) {
            return Err(NotOpened::Unheld("nobody could approve it as things stand".to_owned()));
        }
        let entry = Arc::new(Entry::new(key, hold, arguments));
        let turn = entry.turn.lock().await;
        let attached = match self.desk.insert(&entry, now) {
            Ok(None) => Attached::to(&entry),
            // Another one was quicker.
            Ok(Some(other)) => {
                drop(turn);
                drop(other.entry().turn.lock().await);
                let said = || NotOpened::Unheld("an identical call could not be written down".to_owned());
                return if other.entry().is_void() { Err(said()) } else { Ok(other) };
            }
            Err(why) => return Err(NotOpened::Unheld(why)),
        };
        let hold = entry.now();
        let by = format!("agent:{}", hold.asked.agent);
        let written = self.write(&entry, &hold, "hold.opened", &by, true).await;
        let _once = entry.kept.set(written.is_ok());
        if let Err(fault) = written {
            self.desk.remove(&entry);
            return Err(NotOpened::Fault(fault));
        }
        let to = self.asked_at_once(&hold, &directory, now);
        if !to.is_empty()
            && let Err(StepFault::Fault(fault)) = self.step_in_turn(&entry, Event::Escalate { to }, "gateway").await
        {
            tracing::warn!(?fault, hold = %hold.id, "a hold could not be given to others at once");
        }
        drop(turn);
        Ok(attached)
    }

    /// Takes the next step, on disk when this returns.
    pub(crate) async fn step(&self, entry: &Arc<Entry>, event: Event<'_>, by: &str) -> Result<Arc<Hold>, StepFault> {
        let _turn = entry.turn.lock().await;
        self.step_in_turn(entry, event, by).await
    }

    /// As [`Shared::step`], for whoever has the turn.
    pub(crate) async fn step_in_turn(
        &self,
        entry: &Arc<Entry>,
        event: Event<'_>,
        by: &str,
    ) -> Result<Arc<Hold>, StepFault> {
        let (before, now) = (entry.now(), self.parts.clock.now());
        let told = match event {
            Event::Approve { .. } => Some("hold.approved"),
            Event::Escalate { .. } => Some("hold.escalated"),
            _ => None,
        };
        let stepped = hold::step(&before, event, now);
        if stepped == Err(Refused::Expired)
            && let Ok(expired) = hold::step(&before, Event::Expire, now)
        {
            self.take(entry, expired, "hold.expired", "gateway").await.map_err(StepFault::Fault)?;
        }
        let next = stepped.map_err(StepFault::Refused)?;
        let what = told.unwrap_or_else(|| what(&next.state));
        self.take(entry, next, what, by).await.map_err(StepFault::Fault)
    }

    /// Writes down how it ended that nobody carries out any more. Whoever did may have done so this moment.
    async fn end_again(&self, entry: &Arc<Entry>, disposition: Disposition) -> Result<(), Fault> {
        match self.step(entry, Event::End { disposition }, "gateway").await {
            Ok(_) | Err(StepFault::Refused(_)) => Ok(()),
            Err(StepFault::Fault(fault)) => Err(fault),
        }
    }

    async fn take(&self, entry: &Arc<Entry>, next: Hold, what: &str, by: &str) -> Result<Arc<Hold>, Fault> {
        let keeps = match next.state {
            State::Pending | State::Approved { .. } | State::Claimed { .. } => true,
            // Whoever asks again needs no approval, and once that is over it is a call as any other.
            State::Cancelled { ref by, .. } if gives_back(by) => false,
            // Whoever asked is told when they come again.
            State::Denied { .. } | State::Cancelled { .. } => entry.attached() == 0,
            State::Expired { .. } | State::Ended { .. } => false,
        };
        self.write(entry, &next, what, by, keeps).await?;
        let next = Arc::new(next);
        if !keeps {
            self.desk.remove(entry);
        }
        entry.hold.send_replace(Arc::clone(&next));
        Ok(next)
    }

    /// Whoever asked knows how it ended: nothing of it need be kept.
    pub(crate) async fn told(&self, entry: &Arc<Entry>) -> Result<(), Fault> {
        let _turn = entry.turn.lock().await;
        if !self.desk.has(entry) {
            return Ok(());
        }
        let hold = entry.now();
        self.write(entry, &hold, "hold.told", "gateway", false).await?;
        self.desk.remove(entry);
        Ok(())
    }

    async fn write(&self, entry: &Entry, hold: &Hold, what: &str, by: &str, keeps: bool) -> Result<(), Fault> {
        let value = if keeps { Some(self.desk.sealed(hold, entry.arguments.as_ref())?) } else { None };
        let mut state = vec![StateWrite { kind: HOLD_STATE.to_owned(), key: hold.id.to_string(), value }];
        let over = (!keeps).then(|| Over::of(hold, self.parts.clock.now()));
        if let Some(over) = &over {
            state.push(over.row(&self.desk.seal)?);
        }
        let mut detail = detail(hold);
        let for_task = self.for_task_of(hold, what)?.map(|(for_task, row)| {
            if let Some(fields) = detail.as_object_mut() {
                fields.insert("for_task".to_owned(), for_tasks::detail(&for_task));
            }
            let kept = row.value.is_some();
            state.push(row);
            (for_task, kept)
        });
        let change = Change {
            by: by.to_owned(),
            what: what.to_owned(),
            subject: format!("hold:{}", hold.id),
            human: Some(hold.asked.human.clone()),
            detail,
            state,
        };
        self.change(change).await?;
        match for_task {
            Some((for_task, true)) => self.for_tasks.put(for_task),
            Some((_, false)) => self.for_tasks.remove(&hold.id),
            None => {}
        }
        if let Some(over) = over {
            self.desk.shelf.put(over);
        }
        Ok(())
    }
}

// === impl Desk ===

impl Desk {
    /// An empty one; what waits is sealed under this key.
    pub(crate) fn new(key: &Secret<[u8; 32]>) -> Result<Self, Fault> {
        let (seal, shelf) = (Seal::new(key)?, Shelf::new(key));
        let (entries, for_facts) = (Mutex::default(), AtomicUsize::new(0));
        Ok(Self { entries, for_facts, seal, shelf, closing: CancellationToken::new() })
    }

    /// Whether an identical call waits, could be taken up, or was denied or cancelled and nobody who asks was told.
    pub(crate) fn keeps(&self, key: &Key) -> bool {
        self.lock().by_key.contains_key(key)
    }

    /// The call that an identical one belongs to.
    pub(crate) fn first_call(&self, key: &Key) -> Option<CallId> {
        let entries = self.lock();
        let entry = entries.by_key.get(key).and_then(|id| entries.by_id.get(id))?;
        Some(entry.now().asked.call.clone())
    }

    /// Whether any call waits for a fact. Takes no lock: every call asks.
    pub(crate) fn waits_for_facts(&self) -> bool {
        self.for_facts.load(Ordering::Acquire) > 0
    }

    /// The identical call that waits, and nobody is kept waiting for.
    pub(crate) fn left_alone(&self, key: &Key) -> Option<Arc<Entry>> {
        let entries = self.lock();
        let entry = entries.by_key.get(key).and_then(|id| entries.by_id.get(id))?;
        (entry.is_kept() && entry.attached() == 0).then(|| Arc::clone(entry))
    }

    fn find(&self, key: &Key) -> Option<Attached> {
        let entries = self.lock();
        let id = entries.by_key.get(key)?;
        entries.by_id.get(id).map(Attached::to)
    }

    fn get(&self, id: &HoldId) -> Result<Arc<Entry>, Fault> {
        let found = self.lock().by_id.get(id).filter(|entry| entry.is_kept()).cloned();
        found.ok_or_else(|| {
            Fault::new(Blame::Caller, "caller.unknown_hold", format!("nothing waits as `{id}`, or not any more"))
                .hint("`countersign holds list` shows what waits; `countersign trace` what became of the rest")
        })
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().by_id.values().cloned().collect()
    }

    fn has(&self, entry: &Entry) -> bool {
        self.lock().by_id.contains_key(&entry.now().id)
    }

    /// Puts it there, unless there is one for identical calls. Error: there is no room.
    fn insert(&self, entry: &Arc<Entry>, now: UnixMicros) -> Result<Option<Attached>, String> {
        let mut entries = self.lock();
        if let Some(other) = entries.by_key.get(&entry.key).and_then(|id| entries.by_id.get(id)) {
            return Ok(Some(Attached::to(other)));
        }
        entries.room_for(entry, now)?;
        self.put(&mut entries, entry);
        entries.opened.entry(entry.key.line()).or_default().push_back(now);
        Ok(None)
    }

    fn take_in(&self, kept: Kept) -> Arc<Entry> {
        let arguments = kept.arguments.map(Bytes::from);
        let entry = Arc::new(Entry::new(Key::of(&kept.hold.asked, kept.hold.waits_for), kept.hold, arguments));
        let _once = entry.kept.set(true);
        self.put(&mut self.lock(), &entry);
        entry
    }

    fn put(&self, entries: &mut Entries, entry: &Arc<Entry>) {
        entries.put(entry);
        if entry.key.waits_for == WaitsFor::Fact {
            self.for_facts.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn remove(&self, entry: &Entry) {
        let mut entries = self.lock();
        let Some(gone) = entries.by_id.remove(&entry.now().id) else { return };
        if entries.by_key.get(&gone.key) == Some(&gone.now().id) {
            entries.by_key.remove(&gone.key);
        }
        if gone.key.waits_for == WaitsFor::Fact {
            self.for_facts.fetch_sub(1, Ordering::AcqRel);
        }
        entries.bytes = entries.bytes.saturating_sub(gone.bytes());
        let line = gone.key.line();
        if let Some(count) = entries.per_agent.get_mut(&line) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                entries.per_agent.remove(&line);
            }
        }
    }

    fn sealed(&self, hold: &Hold, arguments: Option<&Bytes>) -> Result<String, Fault> {
        let wrong = || Fault::new(Blame::Bug, "bug.hold", "a call that waits could not be written");
        let arguments = arguments.map(|bytes| String::from_utf8(bytes.to_vec())).transpose().map_err(|_| wrong())?;
        let kept = Kept { hold: hold.clone(), arguments };
        self.seal.seal(hold.id.as_str(), serde_json::to_vec(&kept).map_err(|error| wrong().because(error))?)
    }

    fn opened(&self, key: &str, value: &str) -> Option<Kept> {
        let kept: Kept = serde_json::from_slice(&self.seal.open(key, value)?).ok()?;
        (kept.hold.id.as_str() == key).then_some(kept)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn room_for(&mut self, entry: &Entry, now: UnixMicros) -> Result<(), String> {
        let line = entry.key.line();
        // Half of it all is there for what waits for people, however much waits for facts.
        let (part, what) = match entry.key.waits_for {
            WaitsFor::People => (1, "people"),
            WaitsFor::Fact => (2, "facts"),
        };
        if entry.arguments.as_ref().map_or(0, Bytes::len) > HOLD_ARGUMENTS_BYTES_MAX {
            return Err(format!("its arguments are longer than {} KB", HOLD_ARGUMENTS_BYTES_MAX / 1024));
        }
        let bytes = self.bytes.saturating_add(entry.bytes());
        if self.by_id.len() >= HOLDS_OPEN_MAX / part || bytes > HOLDS_BYTES_MAX / part {
            return Err("too many calls wait in this gateway".to_owned());
        }
        if self.per_agent.get(&line).is_some_and(|count| *count >= HOLDS_PER_AGENT_MAX) {
            return Err(format!("{HOLDS_PER_AGENT_MAX} calls of this agent wait for {what} already"));
        }
        let over = i64::try_from(HOLDS_RATE_OVER.as_micros()).unwrap_or(i64::MAX);
        self.opened.retain(|_, times| {
            // What lies so far ahead was counted while the clock was: nobody knows when.
            times.iter_mut().filter(|at| at.since(now) > over).for_each(|at| *at = now);
            while times.front().is_some_and(|at| now.since(*at) > over) {
                times.pop_front();
            }
            !times.is_empty()
        });
        if self.opened.get(&line).is_some_and(|times| times.len() >= HOLDS_RATE_MAX) {
            let minutes = HOLDS_RATE_OVER.as_secs() / 60;
            let said =
                format!("{HOLDS_RATE_MAX} calls of this agent began to wait for {what} within {minutes} minutes");
            return Err(said);
        }
        Ok(())
    }

    fn put(&mut self, entry: &Arc<Entry>) {
        let id = entry.now().id.clone();
        self.bytes = self.bytes.saturating_add(entry.bytes());
        *self.per_agent.entry(entry.key.line()).or_default() += 1;
        self.by_key.insert(entry.key.clone(), id.clone());
        self.by_id.insert(id, Arc::clone(entry));
    }
}

impl From<StepFault> for Fault {
    fn from(fault: StepFault) -> Self {
        match fault {
            StepFault::Fault(fault) => fault,
            StepFault::Refused(refused) => refusal(&refused),
        }
    }
}

/// The kind of state under which holds are kept.
pub const HOLD_STATE: &str = "hold";
