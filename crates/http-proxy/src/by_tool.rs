//! The arguments of an operation, by the names that its tool has for agents, so that a rule by an argument's name is about a
//! vendor's software and about agents alike.
//!
//! Of a request, `{"path":{"id":"c_17"},"body":{"status":"closed"}}` is `{"id":"c_17","status":"closed"}`. What a tool is given leaves
//! as such a request, so that its texts and lists count as those of one do.

use std::sync::Arc;

use json::{Document, Kind, Value, write_string};
use model::{ArgumentFacts, ArgumentReads, Digest, ReadArguments, ToolName};
use openapi::{Place, Tool, Tools, text};

use crate::arguments::Arguments;

/// Whoever reads what requests ask of this operation, with whoever reads arguments by their names.
pub fn reads_requests(
    tools: &Arc<Tools>,
    operation: &ToolName,
    by_name: Arc<dyn ReadArguments>,
) -> Arc<dyn ReadArguments> {
    Arc::new(OfRequests { tools: Arc::clone(tools), operation: operation.clone(), by_name })
}

/// Whoever reads what agents give to this tool, with whoever reads arguments by their names.
pub fn reads_tools(tools: &Arc<Tools>, tool: &ToolName, by_name: Arc<dyn ReadArguments>) -> Arc<dyn ReadArguments> {
    Arc::new(OfTools { tools: Arc::clone(tools), tool: tool.clone(), by_name })
}

/// A plain value as it leaves in a path, a query or a header; of a list, all of it with commas.
pub(crate) fn as_it_leaves(value: Value<'_, '_>) -> Option<String> {
    text(value).or_else(|| {
        let all: Option<Vec<String>> = value.items().map(text).collect();
        all.filter(|_| value.kind() == Kind::Array).map(|all| all.join(","))
    })
}

struct OfRequests {
    tools: Arc<Tools>,
    operation: ToolName,
    by_name: Arc<dyn ReadArguments>,
}

struct OfTools {
    tools: Arc<Tools>,
    tool: ToolName,
    by_name: Arc<dyn ReadArguments>,
}

impl ReadArguments for OfRequests {
    fn read(&self, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
        let bytes = arguments.len() as u64;
        if *reads == ArgumentReads::default() {
            return ArgumentFacts { bytes, ..ArgumentFacts::default() };
        }
        let tool = self.tools.get(self.operation.as_str());
        match tool.and_then(|tool| as_of_tool(tool, arguments)) {
            Some(arguments) => ArgumentFacts { bytes, ..self.by_name.read(&arguments, reads) },
            None => ArgumentFacts::all_unclear(bytes, reads),
        }
    }
}

impl ReadArguments for OfTools {
    fn read(&self, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
        let bytes = arguments.len() as u64;
        let tool = self.tools.get(self.tool.as_str());
        match tool.and_then(|tool| as_they_leave(tool, arguments)) {
            Some(arguments) => ArgumentFacts { bytes, ..self.by_name.read(&arguments, reads) },
            None => self.by_name.read(arguments, reads),
        }
    }

    fn described_by(&self) -> Option<Digest> {
        self.by_name.described_by()
    }

    fn redacted(&self, arguments: &[u8]) -> Option<String> {
        self.by_name.redacted(arguments)
    }
}

/// None: they are no object that can be read, and no request is made of them.
fn as_they_leave(tool: &Tool, arguments: &[u8]) -> Option<Vec<u8>> {
    let document = Document::parse(arguments).ok()?;
    if document.root().kind() != Kind::Object {
        return None;
    }
    let mut out = vec![b'{'];
    for (name, value) in document.root().entries() {
        key(&mut out, &name);
        let place = tool.argument(&name).map(|argument| argument.place);
        let one_text = matches!(place, Some(Place::Path | Place::Query | Place::Header));
        match as_it_leaves(value).filter(|text| one_text && text.contains(',')) {
            Some(list) => texts(&mut out, &list),
            None => out.extend_from_slice(value.raw()),
        }
    }
    out.push(b'}');
    Some(out)
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
    // Names of headers are the same in any case of their letters.
    let is = |known: &str| known == inner || (place == Place::Header && known.eq_ignore_ascii_case(inner));
    let known = tool.arguments.iter().find(|argument| argument.place == place && is(&argument.inner));
    key(out, known.map_or(inner, |argument| &argument.name));
}

fn key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(out, name);
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
