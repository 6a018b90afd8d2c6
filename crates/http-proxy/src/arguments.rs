//! What is asked of an operation, as one JSON object: what is decided on, recorded, and all of which a request is made.
//!
//! `{"path":{"id":"c_17"},"query":{"include":"jobs"},"headers":{"if-match":"\"7\""},"body":{"name":"Ana"}}`. What is empty is
//! left out, names are in the order of their bytes, and the body is as it came.

use std::collections::BTreeMap;

use bytes::Bytes;
use json::{Document, write_string};

/// What is asked of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) path: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<Bytes>,
}

impl Arguments {
    /// As one JSON object. The body must be JSON.
    pub(crate) fn write(&self) -> Bytes {
        let mut out = vec![b'{'];
        for (name, members) in [("path", &self.path), ("query", &self.query), ("headers", &self.headers)] {
            if !members.is_empty() {
                key(&mut out, name);
                out.push(b'{');
                for (name, value) in members {
                    key(&mut out, name);
                    write_string(&mut out, value);
                }
                out.push(b'}');
            }
        }
        if let Some(body) = &self.body {
            key(&mut out, "body");
            out.extend_from_slice(body);
        }
        out.push(b'}');
        Bytes::from(out)
    }

    /// That they can be read back, with the condition that may come to them. Error: what is around the body makes too much of it.
    pub(crate) fn read_back(&self) -> Result<(), json::JsonError> {
        if self.body.is_none() {
            return Ok(());
        }
        let mut conditional = self.clone();
        conditional.headers.entry(IF_MATCH.to_owned()).or_default();
        Document::parse(&conditional.write()).map(drop)
    }

    /// Reads them back. None: they are not what [`Arguments::write`] writes.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let document = Document::parse(bytes).ok()?;
        let mut arguments = Self::default();
        for (name, value) in document.root().entries() {
            let members = match name.as_ref() {
                "path" => &mut arguments.path,
                "query" => &mut arguments.query,
                "headers" => &mut arguments.headers,
                "body" => {
                    arguments.body = Some(Bytes::copy_from_slice(value.raw()));
                    continue;
                }
                _ => return None,
            };
            for (name, value) in value.entries() {
                members.insert(name.into_owned(), value.as_str()?.into_owned());
            }
        }
        Some(arguments)
    }
}

fn key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(out, name);
    out.push(b':');
}

/// The header that makes a change good for one state of its record.
pub(crate) const IF_MATCH: &str = "if-match";

#[cfg(test)]
mod tests;
