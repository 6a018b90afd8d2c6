//! What comes next when a round of a call is over.

use std::sync::Arc;

use bytes::Bytes;
use decide::{Answer, AnswerKind};
use engine::Closed;
use model::{Blame, CallId, Fault};

use crate::rounds;
use crate::upstream::Asked;

/// What comes next.
#[derive(Debug)]
pub(super) enum Turn {
    /// It says how far a task is.
    Progress(CallId, Answer),
    /// The app wants something of the client before it answers, or has made a task of it; and what rules hide of the answer then.
    Asks(CallId, Answer, Option<Arc<str>>),
    /// An error that says which addresses must be opened first, and the same as questions.
    Addresses(CallId, Answer, Bytes),
    /// Nothing: the call has ended so.
    Over(Closed),
}

impl Turn {
    /// What comes next, for a client of 2026-07-28 or an older one.
    pub(super) fn after(closed: Closed, asked: Asked, modern: bool) -> Self {
        let Closed::Answered { call, answer, hides } = closed else { return Self::Over(closed) };
        match answer.kind {
            AnswerKind::ProtocolError => match rounds::as_questions(&answer.body) {
                Some(body) if modern && asked.comes_back() => {
                    Self::Asks(call, Answer { kind: AnswerKind::ProtocolError, body }, hides)
                }
                Some(_) if modern => Self::Over(nowhere_to_ask(call)),
                Some(body) => Self::Addresses(call, answer, body),
                None => Self::Over(Closed::Answered { call, answer, hides }),
            },
            _ if asked == Asked::TaskGet => Self::Progress(call, answer),
            AnswerKind::Unfinished => Self::Asks(call, answer, hides),
            _ => Self::Over(Closed::Answered { call, answer, hides }),
        }
    }
}

/// The end of a call whose app wants addresses opened first, where no client could be asked to and come back.
pub fn nowhere_to_ask(call: CallId) -> Closed {
    let said = "it wants addresses opened first, which nobody can be asked in answer to this method";
    let fault = Fault::new(Blame::Upstream, "upstream.asks_too_much", said);
    Closed::Failed { call: Some(call), fault, perhaps_executed: true }
}

#[cfg(test)]
mod tests;
