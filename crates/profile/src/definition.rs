//! What an app says of itself before any call: the definition of a tool, a prompt, a template of addresses, and its
//! instructions. The bytes, their canonical form, its digest, what the scan finds in it, and what classifying needs.

use std::sync::Arc;

use json::{Document, JsonError, Kind};
use model::{Digest, IdError, ToolName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::classify::{Hints, Parts, Proposal, propose};
use crate::digest::digest_of;
use crate::scan::{Finding, scan};

/// What a definition defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefinitionKind {
    /// A tool, by its name.
    Tool,
    /// A prompt, by its name.
    Prompt,
    /// A template of resources' addresses, by its `uriTemplate`.
    Template,
    /// What a server tells a model of itself; there is one of a server, and its name is `server`.
    Instructions,
}

/// One definition, of any kind. Digest and findings are worked out once, when it is read.
#[derive(Debug, Clone)]
pub struct Definition {
    /// What it defines.
    pub kind: DefinitionKind,
    /// The name inside the app.
    pub name: ToolName,
    raw: Arc<[u8]>,
    canonical: Arc<[u8]>,
    digest: Digest,
    findings: Arc<[Finding]>,
}

/// A tool's definition. Its proposal is worked out once, when it is parsed.
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
    said: Definition,
    proposal: Proposal,
}

/// Why bytes are not a definition. Blame: the server that gave them.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// Not the JSON we read.
    #[error("a definition does not parse: {0}")]
    Json(#[from] JsonError),
    /// A tool nobody can name in a rule.
    #[error("a name cannot be used: {0}")]
    Name(#[from] IdError),
    /// A member is missing or of the wrong kind.
    #[error("a definition has no usable `{member}`: {wanted} belongs there")]
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

// === impl DefinitionKind ===

impl DefinitionKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Template, Self::Instructions];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Template => "template",
            Self::Instructions => "instructions",
        }
    }

    /// The member that holds the name.
    const fn key(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt | Self::Instructions => "name",
            Self::Template => "uriTemplate",
        }
    }
}

// === impl Definition ===

impl Definition {
    /// Reads one entry of a list. Error: it is not JSON, or has no name.
    pub fn parse(kind: DefinitionKind, raw: &[u8]) -> Result<Self, DefinitionError> {
        let document = Document::parse(raw)?;
        let wanted = DefinitionError::Member { member: kind.key(), wanted: "a text" };
        let name = text(document.root(), kind.key())?.ok_or(wanted)?;
        Self::read(kind, ToolName::parse(&name)?, raw, document.root())
    }

    /// A server's instructions.
    pub fn of_instructions(text: &str) -> Result<Self, DefinitionError> {
        let mut raw = b"{\"instructions\":".to_vec();
        json::write_string(&mut raw, text);
        raw.push(b'}');
        Self::read(DefinitionKind::Instructions, ToolName::parse(SERVER)?, &raw, Document::parse(&raw)?.root())
    }

    fn read(
        kind: DefinitionKind,
        name: ToolName,
        raw: &[u8],
        root: json::Value<'_, '_>,
    ) -> Result<Self, DefinitionError> {
        let canonical = canonical_of(root)?;
        let (digest, findings) = (digest_of(&canonical), Arc::from(scan(&canonical)));
        Ok(Self { kind, name, raw: Arc::from(raw), canonical: Arc::from(canonical), digest, findings })
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

    /// What the scan found, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How a person names it: `get_item`, `prompt:greet`, `template:notes://{id}`, `instructions:server`.
    pub fn spoken(&self) -> String {
        spoken(self.kind, &self.name)
    }
}

/// How a person names a definition inside its app. No tool's name holds a colon.
pub fn spoken(kind: DefinitionKind, name: &ToolName) -> String {
    match kind {
        DefinitionKind::Tool => name.to_string(),
        kind => format!("{}:{name}", kind.as_str()),
    }
}

/// Which definition a person means: the reverse of [`spoken`].
pub fn meant(spoken: &str) -> Result<(DefinitionKind, ToolName), IdError> {
    for kind in DefinitionKind::ALL.into_iter().filter(|kind| *kind != DefinitionKind::Tool) {
        if let Some(name) = spoken.strip_prefix(kind.as_str()).and_then(|rest| rest.strip_prefix(':')) {
            return Ok((kind, ToolName::parse(name)?));
        }
    }
    Ok((DefinitionKind::Tool, ToolName::parse(spoken)?))
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
        let said = Definition::read(DefinitionKind::Tool, name.clone(), raw, root)?;
        let parts = Parts {
            name: name.as_str(),
            title: title.as_deref(),
            description: description.as_deref(),
            schema: &input_schema,
            hints,
        };
        let proposal = propose(&parts);
        Ok(Self { name, title, description, input_schema, hints, said, proposal })
    }

    /// As one definition among those of every kind.
    pub fn said(&self) -> &Definition {
        &self.said
    }

    /// The bytes as the server gave them.
    pub fn raw(&self) -> &[u8] {
        &self.said.raw
    }

    /// SHA-256 of the canonical form.
    pub fn digest(&self) -> Digest {
        self.said.digest
    }

    /// RFC 8785 of the definition without `_meta` and `icons`: what a review is about.
    pub fn canonical(&self) -> &[u8] {
        &self.said.canonical
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

/// The schema as a tree. serde_json's own reading refuses all of it for a number that fits no double, which is nothing here.
/// Recursion is bounded by the depth a document may have.
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

/// The name under which a server's instructions are known.
const SERVER: &str = "server";

#[cfg(test)]
mod tests;
