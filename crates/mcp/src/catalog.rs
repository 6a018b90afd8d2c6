//! What one app offers, as it said last.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use json::Document;
use model::limits::{PROMPTS_PER_APP_MAX, RESOURCES_PER_APP_MAX, TEMPLATES_PER_APP_MAX, TOOLS_PER_APP_MAX};
use model::{AppId, ToolName, spelled_out};
use profile::{Definition, DefinitionKind, ToolDefinition};

use crate::name::joined;
use crate::param::{Param, declared};
use crate::upstream::ListOf;

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

/// Prompts, templates or resources of one app, in the app's own order.
#[derive(Default)]
pub struct Others {
    /// What it lists.
    pub items: Vec<Other>,
    /// What it lists besides and is left out, and why.
    pub left_out: Vec<String>,
    /// Whether anything in them looks like a known attack that waits for a person.
    pub suspicious: bool,
    by_name: HashMap<ToolName, usize>,
    /// Prompts by their names at the endpoint of all apps.
    by_joined: HashMap<String, usize>,
}

/// One prompt, template or resource as the app sent it.
pub struct Other {
    /// Its name, or its address.
    pub name: ToolName,
    /// The bytes.
    pub raw: Bytes,
    /// Where the name stands in them.
    pub name_at: Range<usize>,
    /// What a person can review; a resource has none, for it is data.
    pub definition: Option<Definition>,
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
        say_left_out(app, &mut catalog.left_out);
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

impl Others {
    /// Reads what an app lists of a kind. What cannot be listed is left out, and said.
    pub(crate) fn read(app: &AppId, what: ListOf, raw: &[Bytes]) -> Self {
        let mut others = Self::default();
        let most = match what {
            ListOf::Tools => TOOLS_PER_APP_MAX,
            ListOf::Resources => RESOURCES_PER_APP_MAX,
            ListOf::Templates => TEMPLATES_PER_APP_MAX,
            ListOf::Prompts => PROMPTS_PER_APP_MAX,
        };
        if raw.len() > most {
            others.left_out.push(format!("{} {}: an app may offer {most} at most", raw.len() - most, what.noun()));
        }
        for raw in raw.iter().take(most) {
            match other(what, raw) {
                // Of a resource there is nothing to review, so nothing could hide behind a second one.
                Ok(one) if one.definition.is_some() && others.by_name.contains_key(&one.name) => {
                    others.left_out.push(format!("`{}`: the app lists it twice among its {}", one.name, what.noun()));
                }
                Ok(one) => {
                    let found = one.definition.as_ref().and_then(|one| profile::scan::worst(one.findings()));
                    others.suspicious |= found.is_some();
                    others.by_name.entry(one.name.clone()).or_insert(others.items.len());
                    if what == ListOf::Prompts {
                        others.by_joined.entry(joined(app, &one.name)).or_insert(others.items.len());
                    }
                    others.items.push(one);
                }
                Err(said) => others.left_out.push(format!("one of its {} that cannot be read: {said}", what.noun())),
            }
        }
        say_left_out(app, &mut others.left_out);
        others
    }

    /// The definition of this name.
    pub fn definition(&self, name: &ToolName) -> Option<&Definition> {
        self.by_name.get(name).and_then(|at| self.items.get(*at))?.definition.as_ref()
    }

    /// The prompt of this joined name.
    pub fn joined(&self, name: &str) -> Option<&ToolName> {
        self.by_joined.get(name).and_then(|at| self.items.get(*at)).map(|one| &one.name)
    }

    /// Every definition.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.items.iter().filter_map(|one| one.definition.as_ref())
    }
}

/// People read it beside what they say yes to, and it quotes the app: nothing in it is hidden, and each stays one line.
fn say_left_out(app: &AppId, all: &mut [String]) {
    for left_out in all {
        *left_out = spelled_out(left_out).into_owned();
        tracing::warn!(%app, left_out, "an app offers something that is not listed");
    }
}

fn other(what: ListOf, raw: &Bytes) -> Result<Other, String> {
    let document = Document::parse(raw).map_err(|error| error.to_string())?;
    let named = document.root().get(what.key()).ok_or_else(|| format!("it has no `{}`", what.key()))?;
    let name = named.as_str().ok_or_else(|| format!("its `{}` is not a text", what.key()))?;
    let name = ToolName::parse(&name).map_err(|error| error.to_string())?;
    let kind = match what {
        ListOf::Prompts => Some(DefinitionKind::Prompt),
        ListOf::Templates => Some(DefinitionKind::Template),
        ListOf::Tools | ListOf::Resources => None,
    };
    let definition = kind.map(|kind| Definition::parse(kind, raw)).transpose().map_err(|error| error.to_string())?;
    Ok(Other { name, raw: raw.clone(), name_at: named.span(), definition })
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
