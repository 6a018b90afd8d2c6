//! A tool's definition as its server gives it: the bytes, their canonical form, its digest, and what classifying needs.

use std::sync::Arc;

use json::{Document, JsonError, Kind};
use model::{Digest, IdError, ToolName};
use serde_json::Value;

use crate::classify::{Hints, Parts, Proposal, propose};

/// A tool's definition. Digest and proposal are worked out once, when it is parsed.
#[derive(Debug, Clone)]
pub struct ToolDefinition {
    /// The name inside the app.
    pub name: ToolName,
    /// A name for people.
    pub title: Option<String>,
    /// What the server says it does.
    pub description: Option<String>,
    /// JSON schema of its arguments.
    pub input_schema: Value,
    /// What the server says of its risk.
    pub hints: Hints,
    raw: Arc<[u8]>,
    canonical: Arc<[u8]>,
    digest: Digest,
    proposal: Proposal,
}

/// Why bytes are not a tool's definition. Blame: the server that gave them.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// Not the JSON we read.
    #[error("a tool's definition does not parse: {0}")]
    Json(#[from] JsonError),
    /// A tool nobody can name in a rule.
    #[error("a tool has a name that cannot be used: {0}")]
    Name(#[from] IdError),
    /// A member is missing or of the wrong kind.
    #[error("a tool's definition has no usable `{member}`: {wanted} belongs there")]
    Member {
        /// Which.
        member: &'static str,
        /// What belongs there.
        wanted: &'static str,
    },
}

/// The class proposed for a tool: deterministic, and erring to the dangerous side.
pub fn classify(definition: &ToolDefinition) -> Proposal {
    definition.proposal.clone()
}

// === impl ToolDefinition ===

impl ToolDefinition {
    /// Reads one entry of `tools/list`. Error: it is not JSON, or lacks a name or a schema.
    pub fn parse(raw: &[u8]) -> Result<Self, DefinitionError> {
        let document = Document::parse(raw)?;
        let root = document.root();
        if root.kind() != Kind::Object {
            return Err(DefinitionError::Member { member: "name", wanted: "a text" });
        }
        let name = text(root, "name")?.ok_or(DefinitionError::Member { member: "name", wanted: "a text" })?;
        let name = ToolName::of_list(&name)?;
        let title = text(root, "title")?;
        let description = text(root, "description")?;
        let schema = root.get("inputSchema").filter(|schema| schema.kind() == Kind::Object);
        let schema = schema.ok_or(DefinitionError::Member { member: "inputSchema", wanted: "an object" })?;
        let input_schema = tree(schema);
        let hints = hints(root)?;
        let canonical = canonical_of(root)?;
        let digest = digest_of(&canonical);
        let parts = Parts {
            name: name.as_str(),
            title: title.as_deref(),
            description: description.as_deref(),
            schema: &input_schema,
            hints,
        };
        let proposal = propose(&parts);
        let (raw, canonical) = (Arc::from(raw), Arc::from(canonical));
        Ok(Self { name, title, description, input_schema, hints, raw, canonical, digest, proposal })
    }

    /// The bytes as the server gave them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// SHA-256 of the canonical form.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// RFC 8785 of the definition without `_meta` and `icons`: what a review is about.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    pub(crate) fn proposal(&self) -> &Proposal {
        &self.proposal
    }
}

/// Leaves out what no model reads and servers change freely.
fn canonical_of(root: json::Value<'_, '_>) -> Result<Vec<u8>, JsonError> {
    let mut kept = Vec::with_capacity(root.raw().len());
    kept.push(b'{');
    for (key, member) in root.entries().filter(|(key, _)| !matches!(key.as_ref(), "_meta" | "icons")) {
        if kept.len() > 1 {
            kept.push(b',');
        }
        json::write_string(&mut kept, &key);
        kept.push(b':');
        kept.extend_from_slice(member.raw());
    }
    kept.push(b'}');
    json::canonical(&kept)
}

fn digest_of(bytes: &[u8]) -> Digest {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut digest = [0; 32];
    for (place, byte) in digest.iter_mut().zip(hash.as_ref()) {
        *place = *byte;
    }
    Digest::new(digest)
}

fn text(root: json::Value<'_, '_>, member: &'static str) -> Result<Option<String>, DefinitionError> {
    match root.get(member) {
        None => Ok(None),
        Some(value) if value.is_null() => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(DefinitionError::Member { member, wanted: "a text" }),
        },
    }
}

/// A hint of the wrong kind is refused rather than skipped: a skipped `destructiveHint` would calm.
fn hints(root: json::Value<'_, '_>) -> Result<Hints, DefinitionError> {
    let Some(annotations) = root.get("annotations").filter(|annotations| !annotations.is_null()) else {
        return Ok(Hints::default());
    };
    if annotations.kind() != Kind::Object {
        return Err(DefinitionError::Member { member: "annotations", wanted: "an object" });
    }
    let hint = |member: &'static str| match annotations.get(member).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(value) => value.as_bool().map(Some).ok_or(DefinitionError::Member { member, wanted: "`true` or `false`" }),
    };
    Ok(Hints {
        read_only: hint("readOnlyHint")?,
        destructive: hint("destructiveHint")?,
        idempotent: hint("idempotentHint")?,
        open_world: hint("openWorldHint")?,
    })
}

/// Our own reading of the schema: serde_json's would give a meaning to one magic key, and so see another schema than the
/// one that is shown and forwarded. Recursion is bounded by the depth a document may have.
fn tree(value: json::Value<'_, '_>) -> Value {
    match value.kind() {
        Kind::Null => Value::Null,
        Kind::Bool => Value::Bool(value.as_bool().unwrap_or_default()),
        Kind::Number => {
            value.as_i64().map_or_else(|| serde_json::from_slice(value.raw()).unwrap_or_default(), Value::from)
        }
        Kind::String => Value::String(value.as_str().unwrap_or_default().into_owned()),
        Kind::Array => Value::Array(value.items().map(tree).collect()),
        Kind::Object => Value::Object(value.entries().map(|(key, member)| (key.into_owned(), tree(member))).collect()),
    }
}

#[cfg(test)]
mod tests;
