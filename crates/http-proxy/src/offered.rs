//! An API offered to agents: each of its operations is a tool, and a call of one is asked anew of the app as a vendor's request
//! is.
//!
//! `get_candidate` with `{"id":"c_17"}` becomes `GET /candidates/c_17`. The answer is kept until it is whole.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use decide::{Answer, AnswerBody, AnswerKind, Credentials, Opened, Outgoing, Permit, SendFault};
use json::{Document, Kind, write_string};
use model::{Blame, Class, Fault, Form, ReadArguments, ToolName};
use openapi::{Place, Tool, Tools, refused};

use crate::api::{Api, ApiSpec, BadMapping};
use crate::arguments::{Arguments, IF_MATCH};
use crate::ask::asking;
use crate::by_tool::{as_it_leaves, reads_tools};
use crate::outbound::{Outbound, State, holds_for, other_state};
use crate::target::{plain_parameter, plain_segment};

/// An API, as tools.
pub struct Offered {
    api: Arc<Api>,
    credentials: Arc<dyn Credentials>,
    answer_bytes_max: usize,
}

/// The answer to one call, as MCP has results.
#[derive(Debug)]
pub struct OfferedAnswer {
    /// The result.
    pub answer: Answer,
    /// What names the state of the record that was answered.
    pub version: Option<String>,
}

// === impl Offered ===

impl Offered {
    /// The API of a configuration. Answers that are longer than this are not taken. Error: the mapping cannot be meant.
    pub fn new(spec: &ApiSpec, credentials: Arc<dyn Credentials>, answer_bytes_max: usize) -> Result<Self, BadMapping> {
        Ok(Self { api: Arc::new(Api::new(spec)?), credentials, answer_bytes_max })
    }

    /// Whether a call of the other one goes to the same place as one of this, and asks the same there.
    pub fn is_as(&self, other: &Self) -> bool {
        self.api.is_as(&other.api) && self.answer_bytes_max == other.answer_bytes_max
    }

    /// Where it is.
    pub fn address(&self) -> String {
        self.api.base.to_string()
    }

    /// What its tools do with records.
    pub fn tools(&self) -> &Arc<Tools> {
        &self.api.tools
    }

    /// Its tools with what each can do at its worst.
    pub fn classes(&self) -> impl Iterator<Item = (&str, Class)> {
        self.api.tools.iter().map(|(name, tool)| (name, tool.class))
    }

    /// Its tools, each as `tools/list` of MCP has it.
    pub fn definitions(&self) -> Vec<Bytes> {
        self.api.tools.iter().map(|(name, tool)| Bytes::from(tool.definition(name).to_string())).collect()
    }

    /// Who reads the arguments of a tool for rules, with whoever reads arguments by their names.
    pub fn reader(&self, tool: &ToolName, by_name: Arc<dyn ReadArguments>) -> Arc<dyn ReadArguments> {
        reads_tools(&self.api.tools, tool, by_name)
    }

    /// Sends one call of the tool that the permit names. `unchanged`: only where the record is still in this state.
    pub async fn send(
        &self,
        permit: Permit,
        call: Outgoing,
        unchanged: Option<String>,
    ) -> Result<OfferedAnswer, SendFault> {
        let name = permit.binding().tool.clone();
        let unknown = || SendFault::before(refused(format!("there is no operation `{name}`")));
        let tool = self.api.tools.get(name.as_str()).ok_or_else(unknown)?;
        let operation = Arc::clone(self.api.operation(&name).ok_or_else(unknown)?);
        let arguments = arguments(tool, call.arguments.as_deref().unwrap_or(b"{}")).map_err(SendFault::before)?;
        let (mut arguments, _) = asking(&operation, arguments).map_err(SendFault::before)?;
        if let Some(unchanged) = unchanged {
            let before = arguments.headers.insert(IF_MATCH.to_owned(), unchanged.clone());
            if before.is_some_and(|before| !holds_for(&before, &unchanged)) {
                return Err(SendFault::before(other_state()));
            }
        }
        let outbound = Outbound {
            api: Arc::clone(&self.api),
            operation,
            credentials: Arc::clone(&self.credentials),
            said: OnceLock::new(),
            state: State::Seen,
            looks: None,
            room: None,
            _place: None,
        };
        let Opened { kind, form, mut body } = outbound.go_with(permit, call, arguments).await?;
        let said = outbound.said.get();
        if kind != AnswerKind::Result {
            let status = said.map_or(502, |said| said.status.as_u16());
            return Ok(OfferedAnswer { answer: failed(status), version: None });
        }
        let whole = self.whole(body.as_mut()).await.map_err(SendFault::after)?;
        let body = result(form, &whole).map_err(SendFault::after)?;
        let version = said.and_then(|said| said.version.clone());
        Ok(OfferedAnswer { answer: Answer { kind: AnswerKind::Result, body }, version })
    }

    /// Sends nothing from now on.
    pub fn leave(&self) {
        self.api.leave();
    }

    /// Lets go of connections to the app that nobody uses. Asked twice a minute.
    pub fn rest(&self) {
        self.api.client.rest();
    }

    async fn whole(&self, body: &mut dyn AnswerBody) -> Result<Vec<u8>, Fault> {
        let mut whole = Vec::new();
        while let Some(piece) = body.next().await? {
            if whole.len() + piece.len() > self.answer_bytes_max {
                let said = "its answer is longer than an answer may be";
                return Err(Fault::new(Blame::Upstream, "upstream.too_large", said).hint("ask for less at a time"));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

/// What is asked of the operation by these arguments of its tool. Error: they are not what the tool takes (blame `Caller`).
fn arguments(tool: &Tool, given: &[u8]) -> Result<Arguments, Fault> {
    let document = Document::parse(given)
        .map_err(|error| Fault::new(Blame::Caller, "caller.request", "the arguments cannot be read").because(error))?;
    if document.root().kind() != Kind::Object {
        return Err(refused("the arguments are not an object"));
    }
    let mut arguments = Arguments::default();
    let mut body: Vec<u8> = Vec::new();
    for (name, value) in document.root().entries() {
        let Some(argument) = tool.argument(&name) else {
            return Err(refused("it has an argument that the operation does not name").hint("`tools/list` names them"));
        };
        if argument.place == Place::Field {
            body.push(if body.is_empty() { b'{' } else { b',' });
            write_string(&mut body, &argument.inner);
            body.push(b':');
            body.extend_from_slice(value.raw());
            continue;
        }
        if value.kind() == Kind::Null {
            continue;
        }
        let inner = argument.inner.clone();
        let written = as_it_leaves(value)
            .ok_or_else(|| refused(format!("the argument `{}` is no plain value", argument.name)))?;
        let before = match argument.place {
            Place::Path => arguments.path.insert(inner, plain_segment(written)?),
            Place::Query => arguments.query.insert(inner, plain_parameter(written)?),
            Place::Header => arguments.headers.insert(inner.to_ascii_lowercase(), plain_parameter(written)?),
            Place::Field | Place::Tool => None,
        };
        if before.is_some() {
            return Err(refused(format!("the argument `{}` is there twice", argument.name)));
        }
    }
    if let Some(missing) = tool
        .arguments
        .iter()
        .find(|argument| argument.place == Place::Path && !arguments.path.contains_key(&argument.inner))
    {
        return Err(refused(format!("the argument `{}` is missing", missing.name)));
    }
    if !body.is_empty() {
        body.push(b'}');
        arguments.body = Some(Bytes::from(body));
    }
    Ok(arguments)
}

/// A body as the result of a tool: as text and, where it is JSON, as structure.
fn result(form: Option<Form>, body: &[u8]) -> Result<Bytes, Fault> {
    let garbage = || Fault::new(Blame::Upstream, "upstream.garbage", "its answer is not of the form that it names");
    let mut out = br#"{"content":["#.to_vec();
    if form.is_none() {
        out.extend_from_slice(b"]}");
        return Ok(Bytes::from(out));
    }
    let text = std::str::from_utf8(body).map_err(|error| garbage().because(error))?;
    out.extend_from_slice(br#"{"type":"text","text":"#);
    write_string(&mut out, text);
    out.extend_from_slice(b"}]");
    if form == Some(Form::Json) {
        Document::parse(body).map_err(|error| garbage().because(error))?;
        out.extend_from_slice(br#","structuredContent":"#);
        out.extend_from_slice(body);
    }
    out.push(b'}');
    Ok(Bytes::from(out))
}

/// The app says that it failed, and nobody knows what it did. Its words stay here.
fn failed(status: u16) -> Answer {
    let said = match status {
        404 => "the app has no such record".to_owned(),
        409 | 412 => "the record is in another state than was expected".to_owned(),
        status => format!("the app answered with the status {status}"),
    };
    let body = format!(r#"{{"code":-32000,"message":"{said}","data":{{"status":{status}}}}}"#);
    Answer { kind: AnswerKind::ProtocolError, body: Bytes::from(body) }
}

#[cfg(test)]
mod tests;
