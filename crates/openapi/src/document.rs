//! An OpenAPI document as a tree, with references that stay in it.

use std::fmt;

use model::limits::OPENAPI_BYTES_MAX;
use serde_json::Value;

/// An OpenAPI 3.0 or 3.1 document.
#[derive(Debug, Clone)]
pub struct Document {
    root: Value,
    /// References that are too long to be followed.
    long_references: usize,
}

/// Why a file is no document that can be imported. Blame: whoever chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong, lower case, no full stop.
    pub said: String,
    /// The way out.
    pub hint: Option<&'static str>,
}

/// What a reference leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolved<'d> {
    pub(crate) value: &'d Value,
    /// The last reference on the way.
    pub(crate) reference: Option<&'d str>,
}

// === impl Document ===

impl Document {
    /// Reads a document in JSON or YAML. Error: it is neither, is too large, or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() as u64 > OPENAPI_BYTES_MAX {
            let said = format!("the document is larger than {OPENAPI_BYTES_MAX} bytes");
            return Err(DocumentError::new(said, "take the one that is not dereferenced"));
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let root = if bytes.trim_ascii_start().starts_with(b"{") { from_json(bytes)? } else { from_yaml(bytes)? };
        let version = root.get("openapi").and_then(Value::as_str).unwrap_or_default();
        if !version.starts_with("3.0") && !version.starts_with("3.1") {
            let found = if root.get("swagger").is_some() { "Swagger 2.0" } else { "no OpenAPI 3.0 or 3.1" };
            return Err(DocumentError::new(format!("the document is {found}"), "convert it to OpenAPI 3 first"));
        }
        let long_references = long_references(&root);
        Ok(Self { root, long_references })
    }

    pub(crate) fn root(&self) -> &Value {
        &self.root
    }

    pub(crate) fn long_references(&self) -> usize {
        self.long_references
    }

    /// Follows references within the document, a bounded number of them. None: it leads out of it, nowhere or in a circle, or one
    /// of them is too long: each is decoded as often as somebody comes by it.
    pub(crate) fn resolve<'d>(&'d self, value: &'d Value) -> Option<Resolved<'d>> {
        let mut resolved = Resolved { value, reference: None };
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = resolved.value.get("$ref").and_then(Value::as_str) else { return Some(resolved) };
            let pointer = reference.strip_prefix('#').filter(|_| reference.len() <= REFERENCE_BYTES_MAX)?;
            resolved = Resolved { value: self.root.pointer(&percent_decoded(pointer))?, reference: Some(reference) };
        }
        None
    }
}

impl DocumentError {
    fn new(said: String, hint: &'static str) -> Self {
        Self { line: 1, column: 1, said, hint: Some(hint) }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.said)
    }
}

impl std::error::Error for DocumentError {}

/// Recursion is bounded by the depth that a document may have.
fn long_references(value: &Value) -> usize {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).is_some_and(|own| own.len() > REFERENCE_BYTES_MAX);
            usize::from(own) + members.values().map(long_references).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(long_references).sum(),
        _ => 0,
    }
}

fn from_json(bytes: &[u8]) -> Result<Value, DocumentError> {
    // Our own reader first: it refuses keys that occur twice, and knows where.
    if let Err(error) = json::Document::parse(bytes) {
        let (line, column) = (error.line() as u64, error.column() as u64);
        return Err(DocumentError { line, column, said: error.problem().to_string(), hint: None });
    }
    serde_json::from_slice(bytes).map_err(|error| DocumentError {
        line: error.line() as u64,
        column: error.column() as u64,
        said: error.to_string(),
        hint: None,
    })
}

fn from_yaml(bytes: &[u8]) -> Result<Value, DocumentError> {
    let text = str::from_utf8(bytes)
        .map_err(|_| DocumentError::new("the document is not UTF-8".to_owned(), "save it as UTF-8"))?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: YAML_DEPTH_MAX,
            flow_nesting_limit: YAML_DEPTH_MAX,
            max_nodes: YAML_NODES_MAX,
            max_events: 4 * YAML_NODES_MAX,
            max_total_scalar_bytes: 64 << 20,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: YAML_ALIASED_MAX,
            max_replay_stack_depth: 16,
        },
        // Nobody reads them, and only so many in a row are kept.
        emit_comments: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let said = error.to_string();
        let said = said.lines().next().unwrap_or_default();
        let said = said.split(" at line").next().unwrap_or(said).trim_end_matches('.').to_owned();
        DocumentError { line: line.max(1), column: column.max(1), said, hint: None }
    })
}

fn percent_decoded(pointer: &str) -> String {
    if !pointer.contains('%') {
        return pointer.to_owned();
    }
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits =
            behind.first_chunk::<2>().filter(|_| *first == b'%').and_then(|digits| str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// References one behind the other.
const REFERENCES_MAX: usize = 32;
/// Of one reference.
pub(crate) const REFERENCE_BYTES_MAX: usize = 1 << 10;
const YAML_DEPTH_MAX: usize = 64;
const YAML_NODES_MAX: usize = 2_000_000;
const YAML_ALIASED_MAX: usize = 200_000;

#[cfg(test)]
mod tests;
