//! Calls that wait for people as tasks (2026-07-28): the client gets a handle at once, the call runs when it is approved,
//! whoever is connected, and the client fetches what came of it.
//!
//! A handle is no authority: it is good for the same agent and person only, and the call is decided again when it is approved.
//! After a restart the first who asks about it makes it go on; what came of it is kept over one.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use engine::{Disposition, Hold, HoldState, Waiting, came_of, rfc3339};
use front::Known;
use json::Document;
use model::{HoldId, UnixMicros};
use serde_json::{Map, Value, json};

use super::{Arrived, Part, Shared};
use crate::answer::DISPOSITION_KEY;
use crate::calls::{Call, Runs};
use crate::client::Abilities;
use crate::envelope::{self, INTERNAL_ERROR, INVALID_PARAMS, Message, Request, RpcError};
use crate::methods::{Context, Said, Waits};
use crate::revision::Revision;
use crate::tasks::HeldTask;
use crate::upstream::{Along, Asked, Client, Latest};
use crate::waiting::Patience;
use finished::Finished;

mod finished;
mod legacy;

/// Calls that wait as tasks.
pub(super) struct HeldTasks {
    /// Those that somebody carries already.
    carried: Mutex<HashSet<HoldId>>,
    /// Responses to calls that were to be tasks and did not wait (2025-11-25), by the ids of their tasks.
    done: Finished,
}

impl HeldTasks {
    pub(super) fn new() -> Self {
        Self { carried: Mutex::default(), done: Finished::new() }
    }

    /// Forgets what nobody came back for in time.
    pub(super) fn rest(&self, now: UnixMicros) {
        self.done.rest(now);
    }

    /// Whether nobody else carries it.
    fn begin(&self, hold: &HoldId) -> bool {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).insert(hold.clone())
    }

    fn carries(&self, hold: &HoldId) -> bool {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).contains(hold)
    }

    fn end(&self, hold: &HoldId) {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).remove(hold);
    }
}

impl Shared {
    /// The handle of a call that waits. From now on it is carried here.
    pub(super) fn as_task(self: &Arc<Self>, id: &[u8], waits: Waits, known: &Known, client: &Client) -> Said {
        let Waits { call, held } = waits;
        let task = self.seals.hold_id(&known.actor, &call.held_task(&held));
        let waiting = self.engine.hold(&held.id);
        let (Some(task), Ok(waiting)) = (task, waiting) else {
            return Said::Error(RpcError::new(INTERNAL_ERROR, "the handle of a call that waits could not be made"));
        };
        let mut result = described(&waiting.hold, &task);
        if client.revision().modern() {
            result.insert("resultType".to_owned(), "task".into());
        } else {
            result = Map::from_iter([("task".to_owned(), Value::Object(legacy::task(result)))]);
        }
        self.carry_on(call, known, held.id, client);
        Said::Response(envelope::result(id, Value::Object(result).to_string().as_bytes()))
    }

    /// Answers what is asked about a call that waits. None: it is about something else.
    pub(super) async fn about_held(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        part: &Part,
        request: &Request<'_, '_>,
    ) -> Option<Said> {
        let asked = Call::asked(request).filter(|asked| asked.task())?;
        if let Part::Of(session) = part {
            return Box::pin(self.about_legacy_task(arrived, session, request, asked)).await;
        }
        let task = request.params?.get("taskId")?.as_str()?;
        let held = self.held_here(arrived, &task)?;
        if let Some(inactive) = &arrived.known.inactive {
            return Some(Said::Unauthorized(inactive.clone()));
        }
        let result = match asked {
            Asked::TaskGet => {
                let meta = request.params.and_then(|params| params.get("_meta"));
                match part.client(meta, arrived.body, arrived.known) {
                    Ok(client) => self.progress(arrived, &client, &held, &task).await,
                    Err(error) => return Some(Said::Error(error)),
                }
            }
            Asked::TaskCancel => {
                let (engine, by) = (self.engine.clone(), format!("agent:{}", arrived.known.actor.agent));
                let hold = held.hold.clone();
                // What is over, or runs, is not stopped by it. Whoever goes away meanwhile breaks nothing off: on record is in force.
                let cooperative = self.tasks.spawn(async move { engine.cancel_hold(&hold, &by).await.map(drop) });
                let _told = cooperative.await;
                Map::new()
            }
            _ => {
                let said =
                    "`params.inputResponses` answers nothing that this task has asked: it waits for another person";
                return Some(Said::Error(RpcError::new(INVALID_PARAMS, said)));
            }
        };
        let mut whole = Map::from_iter([("resultType".to_owned(), Value::from("complete"))]);
        whole.extend(result);
        Some(Said::Response(envelope::result(request.id, Value::Object(whole).to_string().as_bytes())))
    }

    /// The call that waits as this task, where it is one of whoever asks and of the app at whose endpoint they ask.
    fn held_here(&self, arrived: &Arrived<'_>, task: &str) -> Option<HeldTask> {
        self.seals.hold(&arrived.known.actor, task).filter(|held| self.is_here(arrived, &held.hold))
    }

    /// Whether it waits, or waited, for an app that this endpoint leads to. A token for one app is worth nothing for another's calls.
    pub(super) fn is_here(&self, arrived: &Arrived<'_>, hold: &HoldId) -> bool {
        let Some(endpoint) = arrived.endpoint else { return true };
        let asked = self.engine.hold(hold).ok().map(|waiting| waiting.hold);
        let asked = asked.or_else(|| self.engine.hold_over(hold).map(|over| over.hold));
        asked.is_none_or(|hold| hold.asked.app == *endpoint)
    }

    pub(super) async fn progress(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        client: &Client,
        held: &HeldTask,
        task: &str,
    ) -> Map<String, Value> {
        // Whoever carries it keeps its answer before it stops, so that one that is over and not carried has its answer.
        let carried = self.held.carries(&held.hold);
        let waiting = match (self.engine.hold(&held.hold), self.engine.hold_over(&held.hold)) {
            (Ok(waiting), _) => waiting,
            (Err(_), Some(done)) if carried => return described(&done.hold, task),
            (Err(_), Some(done)) => return over(task, done.answer.as_deref().unwrap_or_default(), Some(&done.hold)),
            (Err(_), None) => return over(task, b"", None),
        };
        if !carried && held.plain {
            match self.made_again(arrived, &waiting, b"1", Revision::V20260728).await {
                Ok(call) => self.carry_on(call, arrived.known, held.hold.clone(), client),
                Err(error) => {
                    tracing::warn!(hold = %held.hold, error = error.message, "a call that waits is not there any more")
                }
            }
        }
        described(&waiting.hold, task)
    }

    /// Carries a call that waits to its end, in a task of its own, over the link of its client, who is asked nothing meanwhile.
    fn carry_on(self: &Arc<Self>, call: Box<Call>, known: &Known, hold: HoldId, client: &Client) {
        if !self.held.begin(&hold) {
            return;
        }
        let (shared, known) = (Arc::clone(self), known.clone());
        let nobody = Client::Modern { abilities: Abilities::default(), level: None };
        let (along, _nobody_reads) = Along::of(None, nobody, Latest::of(self.engine.credentials(), call.app()));
        let along = along.over_link_of(client);
        self.tasks.spawn(async move {
            let (engine, seals, known, hub) = (&shared.engine, &shared.seals, &known, &shared.hub);
            let runs = Runs { engine, seals, known, hub, patience: Patience::of_task() };
            let said = call.run(&runs, along).await;
            shared.keeps(&hold, &said).await;
            shared.held.end(&hold);
        });
    }

    /// The call as its client made it, of what is kept of it.
    pub(super) async fn made_again(
        &self,
        arrived: &Arrived<'_>,
        waiting: &Waiting,
        id: &[u8],
        revision: Revision,
    ) -> Result<Box<Call>, RpcError> {
        let asked = &waiting.hold.asked;
        let mut text = br#"{"jsonrpc":"2.0","id":"#.to_vec();
        text.extend_from_slice(id);
        text.extend_from_slice(br#","method":"tools/call","params":{"name":"#);
        json::write_string(&mut text, asked.tool.as_str());
        if let Some(arguments) = &waiting.arguments {
            text.extend_from_slice(b",\"arguments\":");
            text.extend_from_slice(arguments);
        }
        text.extend_from_slice(b"}}");
        let text = Bytes::from(text);
        let broken = || RpcError::new(INTERNAL_ERROR, "a call that waits could not be made again");
        let document = Document::parse(&text).map_err(|_| broken())?;
        let Ok(Message::Request(request)) = envelope::read(document.root()) else { return Err(broken()) };
        let context = Context {
            hub: &self.hub,
            engine: &self.engine,
            seals: &self.seals,
            known: arrived.known,
            endpoint: Some(&asked.app),
            revision,
            headers: None,
        };
        Ok(context.understand(&request, Asked::Tool, &text).await?.at(arrived.endpoint))
    }
}

/// A call that still waits, or runs.
fn described(hold: &Hold, task: &str) -> Map<String, Value> {
    let (said, changed) = match hold.state {
        HoldState::Pending => ("waits for approval by a person", hold.opened_at),
        HoldState::Approved { at } => ("approved, and about to be carried out", at),
        HoldState::Claimed { at, .. } => ("approved, and being carried out", at),
        _ => ("about to end", hold.opened_at),
    };
    let mut described = handle(task, "working");
    described.insert("statusMessage".to_owned(), said.into());
    described.extend(times(hold, changed));
    described
}

/// A call that is over: what its response was.
fn over(task: &str, response: &[u8], hold: Option<&Hold>) -> Map<String, Value> {
    let said: Value = serde_json::from_slice(response).unwrap_or_default();
    let (status, key, what) = match (said.get("result"), said.get("error")) {
        (Some(result), _) => ("completed", "result", result.clone()),
        (None, Some(error)) => ("failed", "error", error.clone()),
        (None, None) => ("completed", "result", forgotten(hold)),
    };
    let mut told = handle(task, status);
    told.extend(hold.map(|hold| times(hold, ended_at(hold))).into_iter().flatten());
    told.insert(key.to_owned(), what);
    told
}

/// When a call began to wait, when something last happened to it, and how long it may take.
fn times(hold: &Hold, changed: UnixMicros) -> Map<String, Value> {
    Map::from_iter([
        ("createdAt".to_owned(), rfc3339(hold.opened_at).into()),
        ("lastUpdatedAt".to_owned(), rfc3339(changed).into()),
        ("ttlMs".to_owned(), (hold.expires_at.since(hold.opened_at) / 1_000).into()),
        ("pollIntervalMs".to_owned(), POLL_MS.into()),
    ])
}

fn ended_at(hold: &Hold) -> UnixMicros {
    match hold.state {
        HoldState::Denied { at, .. }
        | HoldState::Expired { at, .. }
        | HoldState::Cancelled { at, .. }
        | HoldState::Ended { at, .. } => at,
        _ => hold.opened_at,
    }
}

fn handle(task: &str, status: &str) -> Map<String, Value> {
    Map::from_iter([("taskId".to_owned(), task.into()), ("status".to_owned(), status.into())])
}

/// What is told of a call whose answer nobody has any more.
pub(super) fn forgotten(hold: Option<&Hold>) -> Value {
    let disposition = hold.and_then(came_of).unwrap_or(Disposition::OutcomeUnknown);
    let said = match disposition {
        Disposition::DeniedNotExecuted => "This call did not run, and nothing was executed.",
        Disposition::ApprovedExecuted => {
            "This call was executed once, and its answer is not kept any more: look before you try again."
        }
        Disposition::ExecutionError => {
            "This call was carried out, and it failed. It may have acted: look before you try again."
        }
        Disposition::OutcomeUnknown => {
            "This call is over, and its answer is not kept any more. It is unknown here whether it was executed: look \
             before you try again."
        }
    };
    json!({
        "resultType": "complete",
        "isError": true,
        "content": [{ "type": "text", "text": said }],
        "_meta": { DISPOSITION_KEY: disposition.as_str() },
    })
}

/// How long a client waits before it asks again, in milliseconds: people take longer, and a restart takes less.
const POLL_MS: u64 = 4_000;

#[cfg(test)]
mod tests;
