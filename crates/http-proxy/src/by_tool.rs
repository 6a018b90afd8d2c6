//! The arguments of a request as those of the tool that its operation is for agents, so that a rule by an argument's name is about
//! a vendor's software and about agents alike.
//!
//! `{"path":{"id":"c_17"},"body":{"status":"closed"}}` is `{"id":"c_17","status":"closed"}`.

use std::sync::Arc;

use json::{Document, Kind, write_string};
use model::{ArgumentFacts, ArgumentReads, ReadArguments, ToolName};
use openapi::{Place, Tool};

use crate::api::Api;
use crate::arguments::Arguments;

/// Reads what is asked of an operation by the names that its tool has for it.
pub(crate) struct ByTool {
    pub(crate) api: Arc<Api>,
    pub(crate) operation: ToolName,
    /// Reads arguments by their names.
    pub(crate) by_name: Arc<dyn ReadArguments>,
}

impl ReadArguments for ByTool {
    fn read(&self, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
        let bytes = arguments.len() as u64;
        if *reads == ArgumentReads::default() {
            return ArgumentFacts { bytes, ..ArgumentFacts::default() };
        }
        let tool = self.api.tools.get(self.operation.as_str());
        match tool.and_then(|tool| as_of_tool(tool, arguments)) {
            Some(arguments) => ArgumentFacts { bytes, ..self.by_name.read(&arguments, reads) },
            None => ArgumentFacts::all_unclear(bytes, reads),
        }
    }
}

/// None: they cannot be read, or two of them have one name.
fn as_of_tool(tool: &Tool, arguments: &[u8]) -> Option<Vec<u8>> {
    let Arguments { path, query, headers, body } = Arguments::read(arguments)?;
    let mut out = vec![b'{'];
    for (place, members) in [(Place::Path, path), (Place::Query, query), (Place::Header, headers)] {
        for (inner, value) in members {
            name(&mut out, tool, place, &inner);
            texts(&mut out, &value);
        }
    }
    let body = body.as_deref().map(Document::parse).transpose().ok()?;
    if let Some(fields) = body.as_ref().map(Document::root) {
        if fields.kind() != Kind::Object {
            return None;
        }
        for (field, value) in fields.entries() {
            name(&mut out, tool, Place::Field, &field);
            out.extend_from_slice(value.raw());
        }
    }
    out.push(b'}');
    Document::parse(&out).is_ok().then_some(out)
}

fn name(out: &mut Vec<u8>, tool: &Tool, place: Place, inner: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    // Names of headers are the same in any case of their letters.
    let is = |known: &str| known == inner || (place == Place::Header && known.eq_ignore_ascii_case(inner));
    let known = tool.arguments.iter().find(|argument| argument.place == place && is(&argument.inner));
    write_string(out, known.map_or(inner, |argument| &argument.name));
    out.push(b':');
}

/// A list comes as one text with commas: nobody knows whether the app takes it apart, so that all of it and each part counts.
fn texts(out: &mut Vec<u8>, value: &str) {
    if !value.contains(',') {
        return write_string(out, value);
    }
    out.push(b'[');
    write_string(out, value);
    for part in value.split(',') {
        out.push(b',');
        write_string(out, part.trim());
    }
    out.push(b']');
}

#[cfg(test)]
mod tests;
