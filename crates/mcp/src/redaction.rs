//! Answers without what a rule hides. A path of the rule begins at the data of a result: at its `structuredContent`, and at the
//! JSON that its texts hold. What is in a form where nothing can be hidden (plain words, pictures, fields this gateway does
//! not know) is withheld whole.

use std::borrow::Cow;

use bytes::Bytes;
use decide::{Answer, AnswerKind, unredactable};
use json::{Document, Kind, Mask, Value, write_string};
use model::Fault;

/// The answer without what the paths hide, and how many places that were. Error: it is no JSON object (blame `Rule`).
pub fn redact(answer: Answer, paths: &str) -> Result<(Answer, usize), Fault> {
    without(answer, paths, false)
}

/// The same of a task's state. What the task asks of its client stays, for each question is decided by itself.
pub fn redact_task(answer: Answer, paths: &str) -> Result<(Answer, usize), Fault> {
    without(answer, paths, true)
}

fn without(answer: Answer, paths: &str, asks: bool) -> Result<(Answer, usize), Fault> {
    let mask = Mask::parse(paths).map_err(|error| unredactable("its paths cannot be read").because(error))?;
    let document = Document::parse(&answer.body).map_err(|error| unredactable("it is not JSON").because(error))?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(unredactable("it is not an object"));
    }
    let mut hiding = Hiding { mask, places: 0, asks };
    let body = match answer.kind {
        AnswerKind::ProtocolError => hiding.error(root),
        AnswerKind::Result | AnswerKind::ToolError | AnswerKind::Unfinished => hiding.result(root),
    };
    Ok((Answer { kind: answer.kind, body: Bytes::from(body) }, hiding.places))
}

struct Hiding {
    mask: Mask,
    places: usize,
    /// Whether what comes next may ask something.
    asks: bool,
}

impl Hiding {
    /// A result of any method; also a task, which may hold the result it came to.
    fn result(&mut self, result: Value<'_, '_>) -> Vec<u8> {
        let mut out = Written::object();
        let asks = std::mem::take(&mut self.asks);
        for (key, value) in result.entries() {
            match (key.as_ref(), value.kind()) {
                (known, _) if KEPT.contains(&known) => out.member(&key, value.raw()),
                ("structuredContent", _) => out.member(&key, &self.data(value)),
                ("content", Kind::Array) => out.member(&key, &self.each(value, Self::block)),
                ("contents", Kind::Array) => out.member(&key, &self.each(value, Self::contents)),
                ("messages", Kind::Array) => out.member(&key, &self.each(value, Self::message)),
                ("task" | "result", Kind::Object) => out.member(&key, &self.result(value)),
                ("error", Kind::Object) => out.member(&key, &self.error(value)),
                ("_meta", Kind::Object) => out.member(&key, &self.meta(value)),
                ("inputRequests", Kind::Object) if asks => out.member(&key, value.raw()),
                _ => self.places += 1,
            }
        }
        out.end()
    }

    /// An error says what went wrong in words, and words may hold anything.
    fn error(&mut self, error: Value<'_, '_>) -> Vec<u8> {
        self.places += 1;
        let mut out = Written::object();
        if let Some(code) = error.get("code") {
            out.member("code", code.raw());
        }
        out.text("message", WITHHELD);
        out.end()
    }

    /// What the protocol itself put there.
    fn meta(&mut self, meta: Value<'_, '_>) -> Vec<u8> {
        let mut out = Written::object();
        for (key, value) in meta.entries() {
            if key.starts_with("io.modelcontextprotocol/") {
                out.member(&key, value.raw());
            } else {
                self.places += 1;
            }
        }
        out.end()
    }

    /// The data itself.
    fn data(&mut self, data: Value<'_, '_>) -> Vec<u8> {
        // A value of a document that parsed parses.
        match self.mask.apply(data.raw(), REPLACEMENT) {
            Ok((shown, places)) => {
                self.places += places;
                shown
            }
            Err(_) => self.withheld(),
        }
    }

    fn each(&mut self, list: Value<'_, '_>, one: impl Fn(&mut Self, Value<'_, '_>) -> Vec<u8>) -> Vec<u8> {
        let shown: Vec<Vec<u8>> = list.items().map(|item| one(self, item)).collect();
        let mut out = vec![b'['];
        out.extend_from_slice(&shown.join(&b','));
        out.push(b']');
        out
    }

    /// A content block of a tool's result or of a prompt's message.
    fn block(&mut self, block: Value<'_, '_>) -> Vec<u8> {
        let kind = block.get("type").and_then(|kind| kind.as_str());
        let mut out = Written::object();
        match (kind.as_deref(), block.get("resource")) {
            (Some("resource"), Some(resource)) => {
                out.text("type", "resource");
                out.member("resource", &self.contents(resource));
            }
            (kind, _) => {
                let text = block.get("text").filter(|_| kind == Some("text"));
                out.text("type", "text");
                out.text("text", &self.text(text));
            }
        }
        out.end()
    }

    /// The contents of a resource.
    fn contents(&mut self, contents: Value<'_, '_>) -> Vec<u8> {
        let mut out = Written::object();
        for key in ["uri", "mimeType"] {
            if let Some(value) = contents.get(key) {
                out.member(key, value.raw());
            }
        }
        out.text("text", &self.text(contents.get("text")));
        out.end()
    }

    fn message(&mut self, message: Value<'_, '_>) -> Vec<u8> {
        let mut out = Written::object();
        if let Some(role) = message.get("role") {
            out.member("role", role.raw());
        }
        if let Some(content) = message.get("content") {
            out.member("content", &self.block(content));
        }
        out.end()
    }

    /// A text is shown as the JSON it holds, or not at all.
    fn text(&mut self, text: Option<Value<'_, '_>>) -> Cow<'static, str> {
        let text = text.and_then(|text| text.as_str()).unwrap_or_default();
        let data = Document::parse(text.as_bytes());
        if !data.is_ok_and(|data| matches!(data.root().kind(), Kind::Object | Kind::Array)) {
            self.places += 1;
            return Cow::Borrowed(WITHHELD);
        }
        let shown = self.mask.apply(text.as_bytes(), REPLACEMENT).ok();
        match shown.and_then(|(shown, places)| Some((String::from_utf8(shown).ok()?, places))) {
            Some((shown, places)) => {
                self.places += places;
                Cow::Owned(shown)
            }
            None => Cow::Borrowed(WITHHELD),
        }
    }

    fn withheld(&mut self) -> Vec<u8> {
        self.places += 1;
        let mut out = Vec::new();
        write_string(&mut out, WITHHELD);
        out
    }
}

/// A JSON object on its way out.
struct Written(Vec<u8>);

impl Written {
    fn object() -> Self {
        Self(vec![b'{'])
    }

    fn member(&mut self, key: &str, raw: &[u8]) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        write_string(&mut self.0, key);
        self.0.push(b':');
        self.0.extend_from_slice(raw);
    }

    fn text(&mut self, key: &str, text: &str) {
        let mut quoted = Vec::new();
        write_string(&mut quoted, text);
        self.member(key, &quoted);
    }

    fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// What stands in place of a hidden value.
const REPLACEMENT: &str = "[redacted by countersign]";
/// What stands in place of something in which nothing can be hidden.
const WITHHELD: &str = "[withheld by countersign: a rule hides fields of this answer, and this part of it is not JSON]";
/// Members that hold no data of the app's.
const KEPT: &[&str] = &[
    "cacheScope",
    "createdAt",
    "isError",
    "lastUpdatedAt",
    "pollInterval",
    "pollIntervalMs",
    "resultType",
    "status",
    "taskId",
    "ttl",
    "ttlMs",
];

#[cfg(test)]
mod tests;
