//! What one app offers, as it said last.

use std::collections::HashMap;

use bytes::Bytes;
use json::Document;
use model::limits::TOOLS_PER_APP_MAX;
use model::{AppId, ToolName};
use profile::ToolDefinition;

use crate::name::joined;
use crate::param::{Param, declared};

/// The tools of one app, in the app's own order.
#[derive(Default)]
pub struct Catalog {
    /// The tools.
    pub tools: Vec<Listed>,
    /// What it offers besides and is not listed, and why.
    pub left_out: Vec<String>,
    by_name: HashMap<ToolName, usize>,
    by_joined: HashMap<String, usize>,
}

/// One tool as it is listed.
pub struct Listed {
    /// What it is.
    pub definition: ToolDefinition,
    /// Its name at the endpoint of all apps.
    pub joined: String,
    /// The definition with that name in it; every other byte as the app sent it.
    pub raw_joined: Vec<u8>,
    /// Arguments that travel in headers, too.
    pub params: Vec<Param>,
    /// Whether its `outputSchema` is for structure that is no object, which is known from 2026-07-28 on only.
    pub structure_unknown_before: bool,
    /// Whether it declares an `outputSchema`, which a refusal's structure would not match.
    pub has_output_schema: bool,
}

impl Catalog {
    /// Reads what an app offers. What cannot be listed is left out, and said.
    pub fn read(app: &AppId, raw_tools: &[Bytes]) -> Self {
        let mut catalog = Self::default();
        if raw_tools.len() > TOOLS_PER_APP_MAX {
            let more = raw_tools.len() - TOOLS_PER_APP_MAX;
            catalog.left_out.push(format!("{more} tools: an app may offer {TOOLS_PER_APP_MAX} at most"));
        }
        for raw in raw_tools.iter().take(TOOLS_PER_APP_MAX) {
            match listed(app, raw) {
                Ok(tool) if catalog.by_name.contains_key(&tool.definition.name) => {
                    catalog.left_out.push(format!("`{}`: the app offers it twice", tool.definition.name));
                }
                Ok(tool) => {
                    let at = catalog.tools.len();
                    catalog.by_name.insert(tool.definition.name.clone(), at);
                    catalog.by_joined.insert(tool.joined.clone(), at);
                    catalog.tools.push(tool);
                }
                Err(error) => catalog.left_out.push(format!("a tool that cannot be read: {error}")),
            }
        }
        for left_out in &catalog.left_out {
            tracing::warn!(%app, left_out, "an app offers something that is not listed");
        }
        catalog
    }

    /// The tool of this name inside the app.
    pub fn tool(&self, name: &str) -> Option<&Listed> {
        self.by_name.get(name).and_then(|at| self.tools.get(*at))
    }

    /// The tool of this joined name.
    pub fn joined(&self, name: &str) -> Option<&Listed> {
        self.by_joined.get(name).and_then(|at| self.tools.get(*at))
    }
}

fn listed(app: &AppId, raw: &[u8]) -> Result<Listed, String> {
    let definition = ToolDefinition::parse(raw).map_err(|error| error.to_string())?;
    let joined = joined(app, &definition.name);
    let params = declared(&definition.input_schema).map_err(|said| format!("`{}`: {said}", definition.name))?;
    let document = Document::parse(raw).map_err(|error| error.to_string())?;
    let name = document.root().get("name").ok_or("it has no name")?;
    let mut quoted = Vec::new();
    json::write_string(&mut quoted, &joined);
    let raw_joined = json::splice(raw, &[(name.span(), quoted.as_slice())]);
    let output_schema = document.root().get("outputSchema");
    let object =
        |schema: json::Value<'_, '_>| schema.get("type").and_then(|kind| kind.as_str()).as_deref() == Some("object");
    let structure_unknown_before = output_schema.is_some_and(|schema| !object(schema));
    let has_output_schema = output_schema.is_some();
    Ok(Listed { definition, joined, raw_joined, params, structure_unknown_before, has_output_schema })
}

#[cfg(test)]
mod tests;
