//! Tasks of 2025-11-25 that the gateway makes itself, where the client wants one and the app makes none: the call runs or waits
//! here, and the client fetches what came of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::rfc3339;
use front::{Body, Known};
use http::{Response, StatusCode};
use json::{Document, Kind};
use model::AppId;
use model::limits::FINISHED_TASK_AGE_MAX;
use serde_json::{Map, Value};

use super::finished::Done;
use super::{POLL_MS, Shared};
use crate::app_link::pair_of;
use crate::endpoint::carrying::For;
use crate::endpoint::{Arrived, Part, id_in_use, rpc_error};
use crate::envelope::{self, INTERNAL_ERROR, INVALID_PARAMS, Request, RpcError};
use crate::methods::Said;
use crate::revision::Revision;
use crate::session::Session;
use crate::stream;
use crate::tasks::HeldTask;
use crate::upstream::{Along, Asked, Client, Latest};

impl Shared {
    /// The handle of a call that was to be a task and has ended: its client asks for a task and gets one.
    pub(in crate::endpoint) fn as_done_task(&self, app: AppId, id: &[u8], response: Vec<u8>, known: &Known) -> Said {
        let Some(task) = self.seals.done_id(&known.actor) else {
            return Said::Error(RpcError::new(INTERNAL_ERROR, "the system gives no random bytes"));
        };
        let done = Done { app, at: self.engine.clock().now(), response: Bytes::from(response) };
        let mut described = self::done(&task, &done);
        described.insert("status".to_owned(), "working".into());
        self.held.done.keep(&pair_of(&known.actor), task, done);
        let result = Map::from_iter([("task".to_owned(), Value::Object(described))]);
        Said::Response(envelope::result(id, Value::Object(result).to_string().as_bytes()))
    }

    /// Answers what is asked about such a task. None: it is about something else.
    pub(super) async fn about_legacy_task(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        session: &Arc<Session>,
        request: &Request<'_, '_>,
        asked: Asked,
    ) -> Option<Said> {
        let task = request.params?.get("taskId").filter(|_| session.revision == Revision::V20251125)?.as_str()?;
        let actor = &arrived.known.actor;
        let told = |result: Map<String, Value>| {
            Some(Said::Response(envelope::result(request.id, Value::Object(result).to_string().as_bytes())))
        };
        let ended = || Some(Said::Error(RpcError::new(INVALID_PARAMS, "this task has ended, and cannot be cancelled")));
        let is_done = self.seals.is_done_id(actor, &task);
        let held = self.held_here(arrived, &task).filter(|_| !is_done);
        if let Some(inactive) = arrived.known.inactive.as_ref().filter(|_| is_done || held.is_some()) {
            return Some(Said::Unauthorized(inactive.clone()));
        }
        if is_done {
            let done = self.held.done.of(&task, self.engine.clock().now());
            let here = |done: &Done| arrived.endpoint.is_none_or(|app| *app == done.app);
            return match (done.filter(here), asked) {
                (None, _) => Some(Said::Error(RpcError::new(INVALID_PARAMS, "nothing is remembered of this task"))),
                (Some(done), Asked::TaskResult) => Some(Said::Response(related(&done.response, request.id, &task))),
                (Some(_), Asked::TaskCancel) => ended(),
                (Some(done), _) => told(self::done(&task, &done)),
            };
        }
        let held = held?;
        if asked == Asked::TaskCancel {
            let by = format!("agent:{}", actor.agent);
            let Ok(cancelled) = self.engine.cancel_hold(&held.hold, &by).await else { return ended() };
            let mut described = self::task(super::described(&cancelled.hold, &task));
            described.insert("status".to_owned(), "cancelled".into());
            return told(described);
        }
        let client = Client::Legacy(Arc::clone(session));
        let described = self::task(self.progress(arrived, &client, &held, &task).await);
        if !described.contains_key("createdAt") {
            return Some(Said::Error(RpcError::new(INVALID_PARAMS, "nothing is remembered of this task")));
        }
        told(described)
    }

    /// `tasks/result`: waits until there is one. None: it is about something else.
    pub(in crate::endpoint) async fn result_of_task(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        part: &Part,
        request: &Request<'_, '_>,
    ) -> Option<Response<Body>> {
        let Part::Of(session) = part else { return None };
        let of_ours = request.method == "tasks/result" && session.revision == Revision::V20251125;
        let task = request.params?.get("taskId").filter(|_| of_ours)?.as_str()?.into_owned();
        let held = self.held_here(arrived, &task)?;
        if arrived.known.inactive.is_some() {
            return None;
        }
        // Where nobody carries it any more, this makes it go on.
        self.progress(arrived, &Client::Legacy(Arc::clone(session)), &held, &task).await;
        Some(self.waits_for_result(arrived, session, request, held, task).await)
    }

    async fn waits_for_result(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        session: &Arc<Session>,
        request: &Request<'_, '_>,
        held: HeldTask,
        task: String,
    ) -> Response<Body> {
        let client = Client::Legacy(Arc::clone(session));
        let scrub = self.engine.hold(&held.hold).map(|waiting| waiting.hold.asked.app.clone());
        let scrub =
            scrub.or_else(|_| self.engine.hold_over(&held.hold).map(|over| over.hold.asked.app.clone()).ok_or(()));
        let Ok(app) = scrub else {
            let error = RpcError::new(INVALID_PARAMS, "nothing is remembered of this task");
            return rpc_error(StatusCode::OK, Some(request.id), &error);
        };
        let (along, told) = Along::of(None, client, Latest::of(self.engine.credentials(), &app));
        let Some(in_flight) = session.begins(request.id, along.clone()) else {
            return rpc_error(StatusCode::BAD_REQUEST, Some(request.id), &id_in_use());
        };
        // As far as it is come back for, this is the response to the call itself.
        along.held(held.clone());
        let whom = For::of(arrived, session.revision, request.id);
        let (shared, id, gone) = (Arc::clone(self), request.id.to_vec(), along.clone());
        let (place, mut yielded) = (self.yielding(arrived), None);
        let answering = Box::pin(async move {
            let _in_flight = in_flight;
            let response = loop {
                if !shared.held.carries(&held.hold)
                    && let Some(over) = shared.engine.hold_over(&held.hold)
                {
                    break crate::endpoint::carrying::answered(&id, &over);
                }
                shared.lets_go(&held.hold, &gone).await;
                if gone.is_cancelled() {
                    break Bytes::from(RpcError::new(INVALID_PARAMS, "it was cancelled").response(Some(&id)));
                }
                yielded = yielded.or_else(|| place.yields());
                if yielded.is_none() {
                    let said =
                        "so many requests of this agent wait that no other is kept waiting: ask with `tasks/get`";
                    break Bytes::from(RpcError::new(INTERNAL_ERROR, said).response(Some(&id)));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            };
            front::json_response(StatusCode::OK, related(&response, &id, &task))
        });
        let resumable = Some(self.resumable(Arc::clone(session), &whom));
        stream::respond(answering, told, along, resumable, &self.tasks).await
    }
}

/// A task as 2025-11-25 has it: without what came of it.
pub(super) fn task(mut described: Map<String, Value>) -> Map<String, Value> {
    for (modern, legacy) in [("ttlMs", "ttl"), ("pollIntervalMs", "pollInterval")] {
        if let Some(value) = described.remove(modern) {
            described.insert(legacy.to_owned(), value);
        }
    }
    let failed = described.remove("error").is_some()
        || described.remove("result").is_some_and(|result| result.get("isError") == Some(&Value::Bool(true)));
    if failed {
        described.insert("status".to_owned(), "failed".into());
    }
    described.entry("ttl").or_insert(Value::Null);
    described
}

fn done(id: &str, done: &Done) -> Map<String, Value> {
    let mut described = super::over(id, &done.response, None);
    let at = Value::from(rfc3339(done.at));
    described.extend([
        ("createdAt".to_owned(), at.clone()),
        ("lastUpdatedAt".to_owned(), at),
        ("ttlMs".to_owned(), u64::try_from(FINISHED_TASK_AGE_MAX.as_millis()).unwrap_or(u64::MAX).into()),
        ("pollIntervalMs".to_owned(), POLL_MS.into()),
    ]);
    task(described)
}

/// The response under this id, with what it belongs to in the `_meta` of its result.
fn related(response: &[u8], id: &[u8], task: &str) -> Vec<u8> {
    let Ok(document) = Document::parse(response) else { return response.to_vec() };
    let Some(at) = document.root().get("id").map(|id| id.span()) else { return response.to_vec() };
    let key = r#""io.modelcontextprotocol/related-task":{"taskId":"#;
    let mut member = key.as_bytes().to_vec();
    json::write_string(&mut member, task);
    member.push(b'}');
    let mut edits = vec![(at, id.to_vec())];
    if let Some(result) = document.root().get("result").filter(|result| result.kind() == Kind::Object) {
        let before = |object: json::Value<'_, '_>, text: &[u8]| {
            let comma: &[u8] = if object.is_empty() { b"" } else { b"," };
            let start = object.span().start + 1;
            (start..start, [text, comma].concat())
        };
        edits.push(match result.get("_meta") {
            Some(meta) if meta.kind() == Kind::Object => before(meta, &member),
            // Lawful is nothing else.
            Some(other) => (other.span(), [b"{".as_slice(), &member, b"}"].concat()),
            None => before(result, &[b"\"_meta\":{".as_slice(), &member, b"}"].concat()),
        });
    }
    edits.sort_by_key(|(span, _)| span.start);
    let edits: Vec<_> = edits.iter().map(|(span, text)| (span.clone(), text.as_slice())).collect();
    json::splice(response, &edits)
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
