//! Tasks: calls that an app finishes later (2025-11-25: asked for by the client; 2026-07-28: an extension the app decides on).
//!
//! The client never sees an app's own id: the one it gets names the app, the tool and the call, and is good for the same
//! agent and human only. Nothing has to be kept for that, and it survives a restart.

use std::sync::Arc;

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use json::{Document, Value};
use model::{Actor, AppId, CallId, Class, HoldId, ToolName};

use crate::answer::without;
use crate::rounds::Seals;

/// A task of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The app.
    pub app: AppId,
    /// The tool that was called.
    pub tool: ToolName,
    /// The app's own id.
    pub id: String,
    /// The call that made it.
    pub cause: CallId,
    /// The class that the call had.
    pub class: Class,
    /// Bytes of its arguments.
    pub argument_bytes: u64,
    /// What rules hide of its answer, whenever that is asked for: paths of RFC 9535, separated by commas.
    pub hides: Option<Arc<str>>,
}

/// Paths of RFC 9535 that hide everything.
pub const EVERYTHING: &str = "$..*";

/// The extension of 2026-07-28.
pub const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// What a result says of a task that was made instead of an answer: its id, where there is one.
pub fn made(body: &[u8]) -> Option<String> {
    let document = Document::parse(body).ok()?;
    let root = document.root();
    let holder = match root.get("resultType").and_then(|kind| kind.as_str()).as_deref() {
        Some("task") => root,
        Some(_) => return None,
        None => root.get("task")?,
    };
    Some(holder.get("taskId")?.as_str()?.into_owned())
}

/// The result with the client's id of the task in place of the app's. Every other byte stays.
pub fn renamed(body: &[u8], own: &str, sealed: &str) -> Vec<u8> {
    let Ok(document) = Document::parse(body) else { return body.to_vec() };
    let root = document.root();
    let related = root.get("_meta").and_then(|meta| meta.get(RELATED_KEY));
    let result = root.get("result");
    let related_in_result = result.and_then(|result| result.get("_meta")).and_then(|meta| meta.get(RELATED_KEY));
    let mut quoted = Vec::new();
    json::write_string(&mut quoted, sealed);
    let holders = [Some(root), root.get("task"), related, related_in_result];
    let ids = holders.into_iter().flatten().filter_map(|holder| holder.get("taskId"));
    let mut spans: Vec<_> = ids.filter(|id| id.as_str().as_deref() == Some(own)).map(|id| id.span()).collect();
    spans.sort_by_key(|span| span.start);
    let edits: Vec<_> = spans.into_iter().map(|span| (span, quoted.as_slice())).collect();
    json::splice(body, &edits)
}

/// The params of a question to a client with the client's id of the task they say they belong to. Of a task that is not this one
/// nothing is said: the client knows no id of the app's own.
pub fn of_question(params: &Bytes, task: Option<(&str, &str)>) -> Bytes {
    let related = || related(params, Document::parse(params).ok()?.root(), task);
    if may_relate(params) { related().unwrap_or_else(|| params.clone()) } else { params.clone() }
}

/// The same of a notification.
pub fn of_notification(message: &Bytes, task: Option<(&str, &str)>) -> Bytes {
    let related = || related(message, Document::parse(message).ok()?.root().get("params")?, task);
    if may_relate(message) { related().unwrap_or_else(|| message.clone()) } else { message.clone() }
}

/// None: it says nothing of a task.
fn related(text: &[u8], params: Value<'_, '_>, task: Option<(&str, &str)>) -> Option<Bytes> {
    let meta = params.get("_meta")?;
    let id = meta.get(RELATED_KEY)?.get("taskId");
    let (span, instead) = match (id, task) {
        (Some(id), Some((own, sealed))) if id.as_str().as_deref() == Some(own) => {
            let mut quoted = Vec::new();
            json::write_string(&mut quoted, sealed);
            (id.span(), quoted)
        }
        _ => (meta.span(), without(meta, RELATED_KEY)),
    };
    Some(Bytes::from(json::splice(text, &[(span, instead.as_slice())])))
}

/// False: nothing in this JSON says which task it belongs to, in whatever spelling.
fn may_relate(text: &[u8]) -> bool {
    [RELATED_KEY, "\\u"].into_iter().any(|part| memchr::memmem::find(text, part.as_bytes()).is_some())
}

/// A call that waits for people, as its client knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTask {
    /// The hold.
    pub hold: HoldId,
    /// Whether what it sends is its arguments and nothing else, so that it can be made again of them.
    pub plain: bool,
}

/// The response to a call that waits for people, as its client comes back for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldResponse {
    /// The call.
    pub held: HeldTask,
    /// The id of its request, as JSON.
    pub id: Vec<u8>,
}

impl HeldTask {
    /// This one.
    pub fn of(hold: &HoldId, plain: bool) -> Self {
        Self { hold: hold.clone(), plain }
    }
}

impl Seals {
    /// The client's id of a task: always the same for the same task of the same people.
    pub fn task_id(&self, actor: &Actor, task: &Task) -> Option<String> {
        // Paths that are too long for an id hide more than they say.
        let hides = task.hides.as_deref().map(|paths| if paths.len() > PATHS_BYTES_MAX { EVERYTHING } else { paths });
        let text = serde_json::json!({
            "app": task.app.as_str(),
            "tool": task.tool.as_str(),
            "id": task.id,
            "cause": task.cause.as_str(),
            "class": task.class.as_str(),
            "bytes": task.argument_bytes,
            "hides": hides,
        });
        self.sealed(&about(actor), &text)
    }

    /// The task of this id. None: it is no id of a task of these people.
    pub fn task(&self, actor: &Actor, id: &str) -> Option<Task> {
        let plain = self.unsealed(&about(actor), id)?;
        let text = |key: &str| plain.get(key)?.as_str();
        Some(Task {
            app: AppId::parse(text("app")?).ok()?,
            tool: ToolName::parse(text("tool")?).ok()?,
            id: text("id")?.to_owned(),
            cause: CallId::parse(text("cause")?).ok()?,
            class: Class::ALL.into_iter().find(|class| text("class") == Some(class.as_str()))?,
            argument_bytes: plain.get("bytes")?.as_u64()?,
            hides: plain.get("hides")?.as_str().map(Arc::from),
        })
    }

    /// The client's id of a call that waits for people. It opens nothing: whoever asks is asked who they are.
    pub fn hold_id(&self, actor: &Actor, held: &HeldTask) -> Option<String> {
        let text = serde_json::json!({ "hold": held.hold.as_str(), "plain": held.plain });
        self.sealed(&[b"hold\0", about(actor).as_slice()].concat(), &text)
    }

    /// The call of this id. None: it is no id of a call of these people that waits.
    pub fn hold(&self, actor: &Actor, id: &str) -> Option<HeldTask> {
        let plain = self.unsealed(&[b"hold\0", about(actor).as_slice()].concat(), id)?;
        let hold = HoldId::parse(plain.get("hold")?.as_str()?).ok()?;
        Some(HeldTask { hold, plain: plain.get("plain")?.as_bool()? })
    }

    /// An id of a task that has ended before its client learnt of it, good for these people. None: the system gives no random
    /// bytes.
    pub fn done_id(&self, actor: &Actor) -> Option<String> {
        let mut chance = [0u8; 16];
        aws_lc_rs::rand::fill(&mut chance).ok()?;
        self.sealed(&[b"done\0", about(actor).as_slice()].concat(), &serde_json::json!({ "chance": chance }))
    }

    /// Whether this is such an id of these people.
    pub fn is_done_id(&self, actor: &Actor, id: &str) -> bool {
        self.unsealed(&[b"done\0", about(actor).as_slice()].concat(), id).is_some()
    }

    /// What a client comes back with for the response to a call that waits. It opens nothing, as the id of a task.
    pub fn response_id(&self, actor: &Actor, held: &HeldTask, id: &[u8]) -> Option<String> {
        let id = std::str::from_utf8(id).ok().filter(|id| id.len() <= REQUEST_ID_BYTES_MAX)?;
        let text = serde_json::json!({ "hold": held.hold.as_str(), "plain": held.plain, "id": id });
        self.sealed(&[b"response\0", about(actor).as_slice()].concat(), &text)
    }

    /// The response that this is of. None: it is of none of these people.
    pub fn response(&self, actor: &Actor, sealed: &str) -> Option<HeldResponse> {
        let plain = self.unsealed(&[b"response\0", about(actor).as_slice()].concat(), sealed)?;
        let hold = HoldId::parse(plain.get("hold")?.as_str()?).ok()?;
        let held = HeldTask { hold, plain: plain.get("plain")?.as_bool()? };
        Some(HeldResponse { held, id: plain.get("id")?.as_str()?.as_bytes().to_vec() })
    }

    fn sealed(&self, about: &[u8], text: &serde_json::Value) -> Option<String> {
        let mut text = text.to_string().into_bytes();
        let mut tag = hmac::Context::with_key(self.nonces());
        tag.update(about);
        tag.update(&text);
        let tag = tag.sign();
        let nonce: [u8; NONCE_LEN] = tag.as_ref().get(..NONCE_LEN)?.try_into().ok()?;
        // The nonce depends on all that is sealed: it comes twice only for the very same text.
        self.key().seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut text).ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat()))
    }

    fn unsealed(&self, about: &[u8], id: &str) -> Option<serde_json::Value> {
        let mut bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key().open_in_place(nonce, Aad::from(about), text).ok()?;
        serde_json::from_slice(plain).ok()
    }
}

/// Whom an id is good for.
fn about(actor: &Actor) -> Vec<u8> {
    let (agent, human) = (actor.agent.as_str(), actor.human.as_str());
    format!("task\0{}\0{agent}\0{human}", agent.len()).into_bytes()
}

/// An id goes along in a header.
const PATHS_BYTES_MAX: usize = 2 << 10;
/// The id of a longer request is none to come back with.
const REQUEST_ID_BYTES_MAX: usize = 256;
/// Where a result or notification says which task it belongs to.
const RELATED_KEY: &str = "io.modelcontextprotocol/related-task";

#[cfg(test)]
mod tests;
