//! What carries one call to its app: it spends the permit on the link of the app, and on no other than the call was decided for.

use std::pin::pin;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use decide::{Answer, AnswerKind, Left, Outgoing, Permit, SendFault, Upstream, UpstreamFuture};
use model::limits::QUESTION_TIME_MAX;
use model::{Blame, Digest, Fault, Release, Released, ToolName, UnixMicros, in_place};

use super::in_force::moved;
use super::{AppLink, Pair};
use crate::foreign::ForeignAnswer;
use crate::hub::{Hub, Target};
use crate::redaction;
use crate::release;
use crate::upstream::{Asked, Client, GOODBYE_TIME_MAX, Sending, Went};

/// The outgoing half of one call: spends its permit on the link of its app.
pub(crate) struct Carried {
    /// The app as it was when the call was understood.
    pub(crate) to: Arc<AppLink>,
    /// The apps as they are now.
    pub(crate) hub: Arc<Hub>,
    /// Who acts.
    pub(crate) pair: Pair,
    /// What is sent.
    pub(crate) sending: Sending,
    /// Where an answer is kept as it came, where it is looked at here.
    pub(crate) looks: Option<Arc<Looks>>,
    /// The state in which the record was when it was looked at, as far as the app names states.
    pub(crate) unchanged: Option<String>,
    /// Whether it changes a record that may have changed since it was looked at.
    pub(crate) races: bool,
    /// What the mapping of the app says of its answer.
    pub(crate) answers: release::Said,
}

/// A record that is looked at before it is changed.
#[derive(Default)]
pub(crate) struct Looks {
    kept: std::sync::Mutex<(Bytes, Option<String>)>,
}

impl Looks {
    /// The answer as it came, and what names the state of its record.
    pub(crate) fn take(&self) -> (Bytes, Option<String>) {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, body: &Bytes, version: Option<String>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = (body.clone(), version);
    }
}

impl Upstream for Carried {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        if call.quiet {
            self.sending.along.hush();
        }
        in_place(|| self.carry(permit, call))
    }

    fn is_spread(&self) -> bool {
        self.sending.members
    }

    fn meaning(&self, tool: &ToolName) -> Option<Digest> {
        Some(self.to.spec.meaning(self.sending.asked, tool))
    }

    fn redact(&self, answer: Answer, paths: &str) -> Result<(Answer, usize), Fault> {
        match (self.sending.asked, self.sending.along.client()) {
            (Asked::TaskGet, Client::Modern { .. }) => redaction::redact_task(answer, paths),
            _ => redaction::redact(answer, paths),
        }
    }

    fn release(&self, answer: Answer, release: &dyn Release) -> Result<(Answer, Released), Fault> {
        release::release(answer, release, self.answers)
    }
}

impl Carried {
    async fn carry(&self, permit: Permit, call: Outgoing) -> Result<Answer, SendFault> {
        let time_max = call.time_max;
        let mut sent = pin!(self.send_and_keep(permit, call));
        match tokio::time::timeout(time_max, sent.as_mut()).await {
            Ok(sent) => sent,
            Err(_) => {
                // The app is told that nobody waits any more.
                self.sending.along.cancel();
                let late = tokio::time::timeout(GOODBYE_TIME_MAX, sent).await;
                let (fault, way_out) = (engine::too_slow("it", time_max), "raise `limits.call_seconds_max`");
                Err(match late {
                    Ok(Err(SendFault { left: Left::Nothing, .. })) => SendFault::before(fault.hint(way_out)),
                    _ => SendFault::after(fault),
                })
            }
        }
    }

    async fn send_and_keep(&self, permit: Permit, call: Outgoing) -> Result<Answer, SendFault> {
        if self.races && !call.accepts_race {
            let said = "the app gives the record no version, so it could be another's by the time it is changed";
            let fault = Fault::new(Blame::Rule, "rule.race", said);
            return Err(SendFault::before(fault.hint("the contract has to accept the race: `accept_race`")));
        }
        let to = self.as_configured(&permit.binding().tool)?;
        let Sending { along, in_session, onward, level, .. } = &self.sending;
        let state = onward.as_ref().and_then(|onward| onward.state.as_deref());
        let waits = state.and_then(|state| to.conversations.take(state));
        // What the app keeps open and what people have approved is not thrown away; how many there are of these is bounded. Any other
        // round is a call like the first.
        let _place = match waits.is_some() || call.approved {
            true => to.room.take_in_any_case(),
            false => to.room.take().ok_or_else(|| SendFault::before(to.busy()))?,
        };
        if let Target::Foreign(app) = &to.spec.target {
            let ForeignAnswer { answer, version } = app.send(permit, call, self.unchanged.clone()).await?;
            self.look(&answer, version);
            return Ok(answer);
        }
        let (link, waits) = match waits {
            Some((waits, link)) => (link, Some(waits)),
            None => (
                to.link_of_calls(&self.pair, along.manner(), *in_session, level.as_deref())
                    .await
                    .map_err(SendFault::before)?,
                None,
            ),
        };
        match link.call(permit, call, &self.sending, waits).await? {
            Went::Answered(mut answer) => {
                // The state of a task is all there is to say of it, whatever it calls itself.
                if self.sending.asked == Asked::TaskGet && answer.kind == AnswerKind::Unfinished {
                    answer.kind = AnswerKind::Result;
                }
                self.look(&answer, None);
                Ok(answer)
            }
            Went::Asks(conversation) => {
                // Somebody may answer at the very end of the time there is, and then the app is to hear it.
                let wait = QUESTION_TIME_MAX + to.engine.limits().call_time_max;
                let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
                let until = UnixMicros(to.engine.clock().now().0.saturating_add(wait));
                let kept = (link, to.listeners.tasks());
                to.conversations.keep(conversation, kept, &self.pair, until).await
            }
        }
    }

    /// The app as it is configured now. Error: a call would go somewhere else than it was decided to go, or mean something else.
    fn as_configured(&self, tool: &ToolName) -> Result<Arc<AppLink>, SendFault> {
        let now = self.hub.app(&self.to.spec.id);
        let meaning = |link: &AppLink| link.spec.meaning(self.sending.asked, tool);
        let same = now.filter(|now| Arc::ptr_eq(now, &self.to) || meaning(now) == meaning(&self.to));
        same.ok_or_else(|| SendFault::before(moved()))
    }

    fn look(&self, answer: &Answer, version: Option<String>) {
        if let Some(looks) = &self.looks {
            looks.keep(&answer.body, version);
        }
    }
}
