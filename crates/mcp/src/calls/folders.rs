//! On which folders a client works, asked beside a call before anything of it leaves: it costs the call no round, no second decision
//! and nothing of what people have approved.

use std::sync::Arc;

use decide::{Answer, AnswerKind};
use engine::{CallRequest, Closed, Engine};
use model::{Actor, AppId, ArgumentLevel, Blame, CallId, Fault, Method, ToolFacts, ToolName};

use super::{Call, Runs};
use crate::rounds::{Put, TAKEN_BACK};
use crate::session::Session;
use crate::upstream::{Along, AskFirst, AsksBeside, BesideFuture, Client, Question};

/// Whoever is asked on the stream of a call.
struct Beside {
    engine: Engine,
    actor: Actor,
    app: AppId,
    kept: ArgumentLevel,
    session: Arc<Session>,
    along: Along,
}

impl Call {
    /// Whom the app may ask first on which folders the client works.
    pub(super) fn ask_first(&self, runs: &Runs<'_>, along: &Along) -> AskFirst {
        if !along.client().abilities().has_roots() || !self.permitted(runs, Method::Roots) {
            return AskFirst::Nobody;
        }
        match along.client() {
            _ if !along.is_read() => AskFirst::NotNow,
            Client::Modern { .. } => AskFirst::InResult,
            Client::Legacy(session) => AskFirst::Beside(Arc::new(Beside {
                engine: runs.engine.clone(),
                actor: runs.known.actor.clone(),
                app: self.app.clone(),
                kept: self.link.kept(),
                session: Arc::clone(session),
                along: along.clone(),
            })),
        }
    }
}

impl AsksBeside for Beside {
    fn ask<'a>(&'a self, question: &'a Question, cause: &'a CallId) -> BesideFuture<'a> {
        Box::pin(self.put(question, cause))
    }
}

impl Beside {
    async fn put(&self, question: &Question, cause: &CallId) -> Result<Option<Answer>, Fault> {
        let method = question.method;
        let name = ToolName::parse(method.as_str())
            .map_err(|error| Fault::new(Blame::Bug, "bug.question", error.to_string()))?;
        let (session, along, over) = (Arc::clone(&self.session), self.along.clone(), Some(question.over.clone()));
        let request = CallRequest {
            actor: self.actor.clone(),
            cause: Some(cause.clone()),
            app: self.app.clone(),
            method,
            tool: ToolFacts::of_method(method, name),
            arguments: question.params.clone(),
            readable: None,
            wire: self.session.revision.wire(),
            trace_parent: self.along.trace_parent(),
            listed_at: None,
            kept: self.kept,
            upstream: Arc::new(Put { session, along, method, over }),
            waiter: None,
            contract: None,
            taker: None,
        };
        match self.engine.call(request).await {
            Closed::Answered { answer, .. } if answer.kind == AnswerKind::Unfinished => Ok(None),
            Closed::Answered { answer, .. } => Ok(Some(answer)),
            Closed::Failed { fault, .. } if fault.code() == TAKEN_BACK => Ok(None),
            Closed::Failed { fault, .. } => Err(fault),
            Closed::Refused(_) => Ok(None),
        }
    }
}
