//! Calls on their way through the engine, and back to their clients: at once, as a stream, or when a client comes back for the
//! stream of a call that waits, also after the gateway was started anew.

use std::sync::Arc;

use bytes::Bytes;
use engine::{HoldState, Over};
use front::{Body, Known, trace_parent};
use http::{Response, StatusCode};
use json::{Document, Value};
use model::{AppId, HoldId, in_place};

use super::{Arrived, Part, Shared, id_in_use, rpc_error};
use crate::calls::{Call, Runs};
use crate::envelope::{self, Request};
use crate::methods::Said;
use crate::revision::Revision;
use crate::session::{InFlight, Session};
use crate::stream::{self, Answering, Resumable};
use crate::tasks::{HeldResponse, HeldTask};
use crate::upstream::{Along, Client, Latest};
use crate::waiting::{Patience, Yielding};

/// Whom an answer is for, and how.
pub(super) struct For {
    known: Known,
    endpoint: Option<AppId>,
    revision: Revision,
    id: Vec<u8>,
}

impl For {
    pub(super) fn of(arrived: &Arrived<'_>, revision: Revision, id: &[u8]) -> Self {
        Self { known: arrived.known.clone(), endpoint: arrived.endpoint.cloned(), revision, id: id.to_vec() }
    }
}

impl Shared {
    /// Takes a call through the engine. What its app says meanwhile goes before the answer, on the same response.
    pub(super) async fn carry(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        part: Part,
        request: &Request<'_, '_>,
        call: Box<Call>,
    ) -> Response<Body> {
        let meta = request.params.and_then(|params| params.get("_meta"));
        let client = match part.client(meta, arrived.body, arrived.known) {
            Ok(client) => client,
            Err(error) => return self.worded(arrived.endpoint, part.revision(), request.id, Said::Error(error)),
        };
        let meta = passed_on(request, arrived.known);
        let (along, told) = Along::of(meta, client, Latest::of(self.engine.credentials(), call.app()));
        let along = along.in_trace(trace_parent(arrived.headers));
        let patience = self.patience(arrived, request, &call, along.client());
        let whom = For::of(arrived, part.revision(), request.id);
        let (resumable, in_flight) = match part {
            Part::Itself => (None, None),
            Part::Of(session) => match session.begins(request.id, along.clone()) {
                Some(in_flight) => (Some(self.resumable(session, &whom)), Some(in_flight)),
                None => return rpc_error(StatusCode::BAD_REQUEST, Some(request.id), &id_in_use()),
            },
        };
        let answering = self.answering(call, whom, patience, &along, in_flight);
        stream::respond(answering, told, along, resumable, &self.tasks).await
    }

    /// A client comes back for the response to a call that waits, or has waited, and nothing is remembered of its stream. None:
    /// it is none of theirs.
    pub(super) async fn come_back(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        session: &Arc<Session>,
        name: &str,
    ) -> Option<Response<Body>> {
        let HeldResponse { held, id } = self.seals.response(&arrived.known.actor, name)?;
        if !self.is_here(arrived, &held.hold) {
            return None;
        }
        let whom =
            For { known: arrived.known.clone(), endpoint: arrived.endpoint.cloned(), revision: session.revision, id };
        let client = Client::Legacy(Arc::clone(session));
        if let Some(over) = self.engine.hold_over(&held.hold) {
            let answer = answered(&whom.id, &over);
            let answering: Answering = Box::pin(async move { super::json_response(StatusCode::OK, answer.to_vec()) });
            let scrub = Latest::of(self.engine.credentials(), &over.hold.asked.app);
            let (along, told) = Along::of(None, client, scrub);
            let resumable = self.resumable(Arc::clone(session), &whom);
            return Some(stream::resume(answering, told, along, resumable, &self.tasks));
        }
        let waiting = self.engine.hold(&held.hold).ok().filter(|_| held.plain)?;
        let call = self.made_again(arrived, &waiting, &whom.id, whom.revision).await.ok()?;
        let (along, told) = Along::of(None, client, Latest::of(self.engine.credentials(), call.app()));
        let in_flight = session.begins(&whom.id, along.clone())?;
        along.held(held);
        let resumable = self.resumable(Arc::clone(session), &whom);
        let patience = Patience::of_stream(self.yielding(arrived));
        let answering = self.answering(call, whom, patience, &along, Some(in_flight));
        Some(stream::resume(answering, told, along, resumable, &self.tasks))
    }

    /// How a request waits where people have to approve first.
    fn patience(&self, arrived: &Arrived<'_>, request: &Request<'_, '_>, call: &Call, client: &Client) -> Patience {
        let patience = Patience::of(self.yielding(arrived), arrived.headers);
        if request.method == "tools/call" && (client.takes_tasks() || call.is_own_task()) {
            return patience.or_task();
        }
        match client {
            Client::Modern { abilities, .. } if abilities.opens_urls() && !call.was_told() && self.has_pages() => {
                patience.shown()
            }
            Client::Legacy(session) => Patience { shows: session.abilities.opens_urls(), ..patience },
            Client::Modern { .. } => patience,
        }
    }

    /// The place of a request, which is given back where it waits.
    pub(super) fn yielding(&self, arrived: &Arrived<'_>) -> Yielding {
        Yielding::new(arrived.place.clone(), arrived.known.actor.agent.clone(), Arc::clone(&self.away))
    }

    /// Whether there is a page that says how a call stands.
    fn has_pages(&self) -> bool {
        self.engine.has_status_pages()
    }

    pub(super) fn resumable(self: &Arc<Self>, session: Arc<Session>, whom: &For) -> Resumable {
        let (shared, actor, id) = (Arc::clone(self), whom.known.actor.clone(), whom.id.clone());
        let name = Box::new(move |held: &HeldTask| shared.seals.response_id(&actor, held, &id));
        Resumable { session, clock: Arc::clone(self.engine.clock()), name }
    }

    /// The answer to a call, worked out as far as somebody waits for it.
    fn answering(
        self: &Arc<Self>,
        call: Box<Call>,
        whom: For,
        patience: Patience,
        along: &Along,
        in_flight: Option<InFlight>,
    ) -> Answering {
        let (shared, along) = (Arc::clone(self), along.clone());
        let (streams, own_task) = (patience.streams, call.is_own_task().then(|| call.app().clone()));
        // What is handed on here is kept once while somebody waits; the parameters of an `async fn` are kept twice.
        in_place(move || async move {
            let For { known, endpoint, revision, id } = &whom;
            let runs = Runs { engine: &shared.engine, seals: &shared.seals, known, hub: &shared.hub, patience };
            let said = call.run(&runs, along.clone()).await;
            drop(in_flight);
            if let Some(held) = along.held_as().filter(|held| revision.comes_back() && held.plain && own_task.is_none())
            {
                if streams {
                    shared.lets_go(&held.hold, &along).await;
                }
                in_place(|| shared.keeps(&held.hold, &said)).await;
            }
            let said = match said {
                Said::Waits(waits, _) => shared.as_task(id, *waits, known, along.client()),
                Said::Response(response) => match own_task {
                    Some(app) => shared.as_done_task(app, id, response, known),
                    None => Said::Response(response),
                },
                said => said,
            };
            shared.worded(endpoint.as_ref(), *revision, id, said)
        })
    }

    /// Where the gateway stops, a client that comes back for its response is told nothing: it goes on waiting with the next one.
    pub(super) async fn lets_go(&self, hold: &HoldId, along: &Along) {
        let waits = |state: &HoldState| matches!(state, HoldState::Pending | HoldState::Approved { .. });
        if self.engine.keeps_nobody_waiting() && self.engine.hold(hold).is_ok_and(|held| waits(&held.hold.state)) {
            along.pause();
            std::future::pending::<()>().await;
        }
    }

    /// Keeps what came of it, so that a client that comes back for it gets it also after a restart.
    pub(super) async fn keeps(&self, hold: &HoldId, said: &Said) {
        let answer = match said {
            Said::Response(response) | Said::Passed(_, response) => Bytes::copy_from_slice(response),
            Said::Error(error) => Bytes::from(error.response(None)),
            // Nothing has come of it yet, or nobody may know.
            Said::Waits(..) | Said::Unauthorized(_) => return,
        };
        if let Err(fault) = self.engine.keep_answer(hold, answer).await {
            tracing::warn!(?fault, %hold, "the answer to a call that waited is not kept over a restart");
        }
    }
}

/// What came of a call that is over, as the response to this request.
pub(super) fn answered(id: &[u8], over: &Over) -> Bytes {
    let under_id = |answer: &Bytes| {
        let document = Document::parse(answer).ok()?;
        let at = document.root().get("id")?.span();
        Some(Bytes::from(json::splice(answer, &[(at, id)])))
    };
    let kept = over.answer.as_ref().and_then(under_id);
    kept.unwrap_or_else(|| {
        Bytes::from(envelope::result(id, super::held::forgotten(Some(&over.hold)).to_string().as_bytes()))
    })
}

/// What a request says beside its arguments, as far as an app may hear it. Of a vendor's agent it hears what was decided on.
pub(super) fn passed_on<'d, 'a>(request: &Request<'d, 'a>, known: &Known) -> Option<Value<'d, 'a>> {
    let params = request.params.filter(|_| known.vendor.is_none());
    params.and_then(|params| params.get("_meta"))
}
