//! Answers to a vendor's agent: what its contract lets out of them, and nothing else.
//!
//! The contract speaks of records. They stand in `structuredContent` or, where an app sends none, in the JSON that its texts
//! hold. Each goes through the contract's filter, which judges every record before a byte of it is seen. Where there is
//! structure, the text is written anew of what is left of it. What is in a form in which nobody can tell whose it is (plain
//! words, pictures, resources, links) is withheld, and so are an app's words about what went wrong.

use bytes::Bytes;
use decide::{Answer, AnswerKind};
use json::{Document, Kind, Value, write_string};
use model::{Blame, Fault, Form, Release, Released};

/// What the mapping of an app says of the answers of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// How the records are written.
    pub form: Form,
    /// Whether it is one record, by what names it.
    pub one: bool,
}

/// What of an answer is let out, and how much that was. Error: nothing of it may be shown.
pub fn release(answer: Answer, release: &dyn Release, said: Said) -> Result<(Answer, Released), Fault> {
    let garbage = |said: &'static str| Fault::new(Blame::Upstream, "upstream.garbage", said);
    let document = Document::parse(&answer.body).map_err(|error| garbage("its answer is not JSON").because(error))?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(garbage("its answer is not an object"));
    }
    let mut letting = Letting { release, said, released: Released::default() };
    let body = match answer.kind {
        AnswerKind::Result => match letting.result(root) {
            Ok(body) if !said.one || letting.released.rows > 0 => body,
            // However an app says that it has no such record: it must not look otherwise than one that is somebody else's.
            Err(fault) if !said.one || fault.code() != "upstream.garbage" => return Err(fault),
            Ok(_) | Err(_) => {
                let said = "there is no record in the answer that this contract reaches";
                return Err(Fault::new(Blame::Rule, OUTSIDE, said));
            }
        },
        AnswerKind::ToolError => letting.tool_error(root),
        AnswerKind::ProtocolError => letting.error(root),
        AnswerKind::Unfinished => {
            let said = "it asks for something before it answers, and under a contract nothing is asked back";
            return Err(Fault::new(Blame::Rule, "rule.unfinished", said));
        }
    };
    Ok((Answer { kind: answer.kind, body: Bytes::from(body) }, letting.released))
}

/// The data of a result: its structure or, where it has none, what its first text holds.
pub fn data(body: &[u8]) -> Option<Vec<u8>> {
    let document = Document::parse(body).ok()?;
    let root = document.root();
    if let Some(structure) = root.get("structuredContent") {
        return Some(structure.raw().to_vec());
    }
    let text = root.get("content")?.items().next()?.get("text")?.as_str()?;
    Some(text.into_owned().into_bytes())
}

struct Letting<'r> {
    release: &'r dyn Release,
    said: Said,
    released: Released,
}

impl Letting<'_> {
    fn result(&mut self, root: Value<'_, '_>) -> Result<Vec<u8>, Fault> {
        let structure = root.get("structuredContent").filter(|structure| structure.kind() != Kind::Null);
        let mut blocks = Vec::new();
        let mut shown = None;
        if let Some(structure) = structure {
            let data = self.data(structure.raw(), Form::Json)?;
            blocks.push(block(&String::from_utf8_lossy(&data)));
            shown = Some(data);
        }
        for one in root.get("content").into_iter().flat_map(|content| content.items()) {
            let text = one
                .get("text")
                .filter(|_| one.get("type").is_some_and(|kind| kind.as_str().as_deref() == Some("text")));
            match text.and_then(|text| text.as_str()) {
                // The same once more.
                Some(_) if shown.is_some() => {}
                Some(text) if self.holds_records(&text) => {
                    let data = self.data(text.as_bytes(), self.said.form)?;
                    blocks.push(block(&String::from_utf8_lossy(&data)));
                }
                _ => {
                    self.released.removed += 1;
                    blocks.push(block(WITHHELD));
                }
            }
        }
        self.withheld_beside(root, &["content", "structuredContent", "isError", "resultType"]);
        let mut out = b"{\"content\":[".to_vec();
        out.extend_from_slice(&blocks.join(&b","[..]));
        out.push(b']');
        if let Some(shown) = shown {
            out.extend_from_slice(b",\"structuredContent\":");
            out.extend_from_slice(&shown);
        }
        out.push(b'}');
        Ok(out)
    }

    /// Whether a text is of the form in which records come.
    fn holds_records(&self, text: &str) -> bool {
        match self.said.form {
            Form::Json => {
                let data = Document::parse(text.as_bytes());
                data.is_ok_and(|data| matches!(data.root().kind(), Kind::Object | Kind::Array))
            }
            Form::Lines | Form::Csv => true,
        }
    }

    /// Data on its way through the contract's filter.
    fn data(&mut self, data: &[u8], form: Form) -> Result<Vec<u8>, Fault> {
        let mut filter = self.release.filter(form)?;
        let mut out = Vec::with_capacity(data.len());
        filter.push(data, &mut out)?;
        let Released { rows, dropped, removed } = filter.finish(&mut out)?;
        self.released.rows += rows;
        self.released.dropped += dropped;
        self.released.removed += removed;
        match self.release.records_max() {
            Some(most) if self.released.rows > most => {
                Err(Fault::new(Blame::Rule, "rule.limit", format!("there are more than {most} records")))
            }
            _ => Ok(out),
        }
    }

    fn tool_error(&mut self, root: Value<'_, '_>) -> Vec<u8> {
        self.withheld_beside(root, &["isError", "resultType"]);
        [b"{\"content\":[", block(WENT_WRONG).as_slice(), b"],\"isError\":true}"].concat()
    }

    fn error(&mut self, error: Value<'_, '_>) -> Vec<u8> {
        self.withheld_beside(error, &["code"]);
        let code = error.get("code").filter(|code| code.as_i64().is_some());
        let mut out = b"{\"code\":".to_vec();
        out.extend_from_slice(code.map_or(&b"-32603"[..], |code| code.raw()));
        out.extend_from_slice(b",\"message\":");
        write_string(&mut out, WENT_WRONG);
        out.push(b'}');
        out
    }

    /// Whatever else there is stays here.
    fn withheld_beside(&mut self, object: Value<'_, '_>, known: &[&str]) {
        self.released.removed += object.entries().filter(|(key, _)| !known.contains(&key.as_ref())).count() as u64;
    }
}

fn block(text: &str) -> Vec<u8> {
    let mut out = br#"{"type":"text","text":"#.to_vec();
    write_string(&mut out, text);
    out.push(b'}');
    out
}

/// What stands in place of something of which nobody can tell whose it is.
const WITHHELD: &str =
    "[withheld by countersign: a contract says which records may be seen, and this part of the answer is not JSON]";
/// What stands in place of an app's words about what went wrong.
pub const WENT_WRONG: &str = "Nothing of this may be seen: the app answered with an error or in words, or there is no such record that this contract reaches.";
/// The code of a record that the contract does not reach.
pub const OUTSIDE: &str = "rule.outside";

#[cfg(test)]
mod tests;
