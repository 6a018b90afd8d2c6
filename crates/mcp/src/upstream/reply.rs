//! What an upstream said, checked.

use bytes::Bytes;
use decide::{Answer, AnswerKind, Scrub};
use json::{Document, Kind, Value};
use model::limits::BATCH_ENTRIES_MAX;
use model::{Blame, Fault};

use crate::envelope::{self, METHOD_NOT_FOUND, RpcError};

/// One message of an upstream.
pub enum Heard {
    /// The answer to the request of this id.
    Reply(u64, Reply),
    /// It asks something: the id and the params, exactly as they came, and the method.
    Asks {
        /// The id.
        id: Bytes,
        /// The method.
        method: String,
        /// The params.
        params: Option<Bytes>,
    },
    /// It tells us something.
    Tells(String),
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// True for a JSON-RPC error.
    pub error: bool,
    /// The value of `result` or `error`, exactly as it came.
    pub body: Bytes,
    /// What a result says of itself.
    pub says: Says,
}

/// What a result says of itself, read with the message so that a long one is parsed once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Says {
    object: bool,
    result_type: Option<String>,
    failed: bool,
    task: bool,
}

/// The messages of a batch, each as it came; none where it is a message by itself. Error: it is longer than it may be.
pub fn apart(message: &Bytes) -> Result<Option<Vec<Bytes>>, Fault> {
    if message.trim_ascii_start().first() != Some(&b'[') {
        return Ok(None);
    }
    let document =
        Document::parse(message).map_err(|error| garbage("it sent something that is not JSON").because(error))?;
    let root = document.root();
    if root.is_empty() || root.len() > BATCH_ENTRIES_MAX {
        return Err(garbage(format!("it sent a batch that has not 1 to {BATCH_ENTRIES_MAX} messages")));
    }
    Ok(Some(root.items().map(|one| message.slice(one.span())).collect()))
}

/// Reads one message. Error: it is not what the protocol allows (blame `Upstream`).
pub fn hear(message: &Bytes) -> Result<Heard, Fault> {
    let document =
        Document::parse(message).map_err(|error| garbage("it sent something that is not JSON").because(error))?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(garbage("it sent a message that is not an object"));
    }
    let id = root.get("id");
    if let Some(method) = root.get("method").and_then(|method| method.as_str()) {
        return Ok(match id {
            Some(id) => Heard::Asks {
                id: message.slice(id.span()),
                method: method.into_owned(),
                params: root.get("params").map(|params| message.slice(params.span())),
            },
            None => Heard::Tells(method.into_owned()),
        });
    }
    let number = id.and_then(|id| id.as_i64()).and_then(|id| u64::try_from(id).ok());
    let reply = match (root.get("result"), root.get("error")) {
        (Some(result), None) => Reply { error: false, body: message.slice(result.span()), says: Says::of(result) },
        (None, Some(error)) if !is_error(error) => {
            return Err(garbage("it sent an error without a code and a message"));
        }
        (None, Some(error)) => Reply { error: true, body: message.slice(error.span()), says: Says::default() },
        _ => return Err(garbage("it sent a message with neither method, result nor error")),
    };
    match number {
        Some(number) => Ok(Heard::Reply(number, reply)),
        // An error whose request could not be read has no id: it can only be the one in flight.
        None if reply.error => Ok(Heard::Reply(0, reply)),
        None => Err(garbage("it answered a request that nobody made")),
    }
}

fn is_error(error: Value<'_, '_>) -> bool {
    error.get("code").and_then(|code| code.as_i64()).is_some()
        && error.get("message").and_then(|message| message.as_str()).is_some()
}

impl Says {
    fn of(result: Value<'_, '_>) -> Self {
        let text = |kind: Value<'_, '_>| kind.as_str().unwrap_or_default().into_owned();
        Self {
            object: result.kind() == Kind::Object,
            result_type: result.get("resultType").map(text),
            task: result.get("task").is_some() && result.get("content").is_none(),
            failed: result.get("isError").and_then(|flag| flag.as_bool()).unwrap_or(false),
        }
    }
}

impl Reply {
    /// Without secrets. For what is not a call's answer: the engine cleans those, and counts.
    pub fn cleaned(self, scrub: &dyn Scrub) -> Self {
        match scrub.scrub(&self.body) {
            Some((clean, _)) => Self { body: Bytes::from(clean), ..self },
            None => self,
        }
    }

    /// As an answer to a call. Error: a kind of result nobody knows (blame `Upstream`).
    pub fn into_answer(self) -> Result<Answer, Fault> {
        if self.error {
            return Ok(Answer { kind: AnswerKind::ProtocolError, body: self.body });
        }
        if !self.says.object {
            return Err(garbage("its result is not an object"));
        }
        match self.says.result_type.as_deref() {
            None | Some("complete") => {}
            Some("input_required" | "task") => {
                return Ok(Answer { kind: AnswerKind::Unfinished, body: self.body });
            }
            Some(other) => {
                let other: String = other.chars().take(32).collect();
                let said = format!("it answered with a result of type `{other}`, which this gateway does not know");
                return Err(Fault::new(Blame::Upstream, "upstream.result_type", said));
            }
        }
        // A task in place of an answer, as 2025-11-25 says it.
        if self.says.result_type.is_none() && self.says.task {
            return Ok(Answer { kind: AnswerKind::Unfinished, body: self.body });
        }
        let kind = if self.says.failed { AnswerKind::ToolError } else { AnswerKind::Result };
        Ok(Answer { kind, body: self.body })
    }

    /// The error's code and message, where it is an error.
    pub fn rpc_error(&self) -> Option<(i64, String)> {
        if !self.error {
            return None;
        }
        let document = Document::parse(&self.body).ok()?;
        let code = document.root().get("code")?.as_i64()?;
        let message =
            document.root().get("message").and_then(|message| message.as_str()).unwrap_or_default().into_owned();
        Some((code, message))
    }
}

/// An upstream broke the protocol.
pub fn garbage(said: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Blame::Upstream, "upstream.garbage", said)
}
/// The answer is larger than we read.
pub fn too_large(bytes_max: usize) -> Fault {
    Fault::new(Blame::Upstream, "upstream.too_large", format!("its answer is larger than {bytes_max} bytes"))
        .hint("ask for less, or have the operator raise `limits.answer_bytes_max`")
}

/// The client has changed its mind while the app was at work.
pub fn cancelled() -> Fault {
    Fault::new(Blame::Caller, "caller.cancelled", "the client cancelled the call while the app was at work")
}

/// Tells a legacy app that nobody waits for the answer to this request any more.
pub fn cancelled_notice(id: u64) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the client cancelled"}}}}"#
    )
}

/// What we answer an upstream ourselves that asks something: a sign of life, or why nobody is asked.
pub fn to_question(id: &[u8], method: &str, why_not: &str) -> Vec<u8> {
    if method == "ping" {
        return envelope::result(id, b"{}");
    }
    RpcError::new(METHOD_NOT_FOUND, format!("`{method}`: {why_not}")).response(Some(id))
}

#[cfg(test)]
mod tests;
