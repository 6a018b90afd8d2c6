//! Operations as tools for agents, and the tools of an app that speaks MCP itself: which argument stands for what, so that one
//! contract governs a vendor's software and its agents alike.
//!
//! `GET /candidates/{id}?include=…` is the tool `get_candidate` with the arguments `id` and `include`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use json::{Document, Kind, Value};
use model::{Class, ContractFacts, Fault, Form, Operation, Scalar, Shown};
use serde::Serialize;
use serde_json::json;

use crate::asking::{Asking, Stands, Unclear, refused, sent_state, shown};
use crate::mapping::{Entity, Mapped, Mapping, names};

/// The tools of one app, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tools {
    by_name: BTreeMap<String, Tool>,
    entities: BTreeMap<String, Entity>,
}

/// One tool.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// What it can do at its worst.
    pub class: Class,
    /// What is done.
    pub does: Operation,
    /// With which kind of record.
    pub entity: Option<Arc<str>>,
    /// Where the records stand in its result.
    pub rows: Option<String>,
    /// How its result is written.
    pub form: Form,
    /// The largest page.
    pub page_max: Option<u64>,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    fields: Vec<Arc<str>>,
    /// Where in what is sent it may say whose record it becomes.
    whose: Vec<String>,
    only_whose: bool,
    /// The tool that looks up the record that it changes.
    looked_up_by: Option<String>,
    said: String,
}

/// One argument of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Where it goes.
    pub place: Place,
    /// What it is called there.
    pub inner: String,
    /// What it stands for.
    pub stands: Vec<Stands>,
}

/// Where an argument of a tool goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Place {
    /// Into the path of a request.
    Path,
    /// Into its query.
    Query,
    /// Into its headers.
    Header,
    /// Into its body, or the record that a tool is given.
    Field,
    /// To the tool as it is.
    Tool,
}

// === impl Tools ===

impl Tools {
    /// The tools that a mapping names: those of an app that speaks MCP, and operations of one that does not.
    pub fn of(mapping: &Mapping) -> Self {
        let entities = &mapping.entities;
        let operations = mapping.operations.iter().map(|named| (named, Tool::of_operation(named.1, entities)));
        let tools = mapping.tools.iter().map(|named| (named, Tool::of_tool(named.1, entities)));
        let by_name = operations.chain(tools).map(|((name, mapped), tool)| {
            let looked_up_by = mapping.looks_up(mapped).map(str::to_owned);
            (name.clone(), Tool { looked_up_by, ..tool })
        });
        Self { by_name: by_name.collect(), entities: entities.clone() }
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&Tool> {
        self.by_name.get(name)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tool)> {
        self.by_name.iter().map(|(name, tool)| (name.as_str(), tool))
    }

    /// What is known of a kind of record.
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.get(name)
    }

    /// The tool that looks up the record that this one changes ([`Mapping::looks_up`]).
    pub fn resolver(&self, change: &str) -> Option<(&str, &Tool)> {
        let name = self.get(change)?.looked_up_by.as_deref()?;
        Some((name, self.get(name)?))
    }

    /// All that a call of this tool goes by, to be compared: the tool, its kind of record, and the tool that looks such a record up
    /// before it is changed. Of one that is not mapped there is nothing.
    pub fn goes_by(&self, name: &str) -> serde_json::Value {
        let tool = self.get(name);
        let entity = tool.and_then(|tool| tool.entity.as_deref());
        json!([tool, entity.and_then(|entity| self.entity(entity)), self.resolver(name)])
    }

    /// What is known of any call of this tool, whatever its arguments. None: it is not mapped.
    pub fn listed(&self, name: &str, unknown: ContractFacts) -> Option<ContractFacts> {
        let tool = self.get(name)?;
        Some(ContractFacts { entity: tool.entity.clone(), operation: Some(tool.does), records: Some(1), ..unknown })
    }

    /// What is known of a call before it is made; none of a tool that is not mapped. Error: it asks what the tool does not
    /// name (blame `Caller`).
    pub fn asks(&self, name: &str, arguments: Option<&[u8]>, unknown: ContractFacts) -> Result<ContractFacts, Fault> {
        match self.get(name) {
            Some(tool) => tool.asks(name, arguments.unwrap_or(b"{}"), unknown),
            None => Ok(unknown),
        }
    }
}

// === impl Tool ===

impl Tool {
    fn of_tool(mapped: &Mapped, entities: &BTreeMap<String, Entity>) -> Self {
        let mut tool = Self::blank(mapped, String::new());
        tool.whose = mapped.of_entity(entities).and_then(|entity| entity.tenant.clone()).into_iter().collect();
        for (written, stands) in mapped.parameters() {
            tool.stands(Place::Tool, &written, Some(stands));
        }
        tool.takes_fields(mapped);
        tool
    }

    fn of_operation(mapped: &Mapped, entities: &BTreeMap<String, Entity>) -> Self {
        let mut tool = Self::blank(mapped, format!("{} {}", mapped.method, mapped.path));
        tool.whose = mapped.whose_in_body(entities);
        for name in names(&mapped.path) {
            tool.stands(Place::Path, name, None);
        }
        let mut parameters = mapped.parameters();
        parameters.sort_by_key(|(written, _)| place(written).map(|(place, _)| place));
        for (written, stands) in parameters {
            if let Some((place, inner)) = place(&written) {
                tool.stands(place, inner, Some(stands));
            }
        }
        tool.takes_fields(mapped);
        tool
    }

    fn blank(mapped: &Mapped, said: String) -> Self {
        let form = match mapped.form.as_deref() {
            Some("lines") => Form::Lines,
            Some("csv") => Form::Csv,
            _ => Form::Json,
        };
        Self {
            class: mapped.class,
            does: mapped.does,
            entity: mapped.entity.as_deref().map(Arc::from),
            rows: mapped.rows.clone(),
            form,
            page_max: mapped.page_max,
            arguments: Vec::new(),
            fields: mapped.body.iter().map(|field| Arc::from(field.as_str())).collect(),
            whose: Vec::new(),
            only_whose: mapped.names_only_whose(),
            looked_up_by: None,
            said,
        }
    }

    /// An argument at this place stands for something more.
    fn stands(&mut self, place: Place, inner: &str, stands: Option<Stands>) {
        if let Some(known) = self.arguments.iter_mut().find(|one| one.place == place && one.inner == inner) {
            known.stands.extend(stands);
            return;
        }
        let taken = self.arguments.iter().any(|one| one.name == inner);
        let name = if taken { format!("{}.{inner}", place.word()) } else { inner.to_owned() };
        self.arguments.push(Argument { name, place, inner: inner.to_owned(), stands: stands.into_iter().collect() });
    }

    /// Each field that is sent is an argument, by the first part of its name.
    fn takes_fields(&mut self, mapped: &Mapped) {
        let mut known = BTreeSet::new();
        for field in &mapped.body {
            let first = field.split(['.', '[']).next().unwrap_or(field);
            if known.insert(first) {
                self.stands(Place::Field, first, None);
            }
        }
    }

    /// One of its arguments.
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// The argument that names the record.
    pub fn id(&self) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.place != Place::Field && argument.stands.contains(&Stands::Id))
    }

    /// Whether the record has to be looked at before this is done: nothing says whose it is, or the caller's word is not enough
    /// for it.
    pub fn looks_first(&self, facts: &ContractFacts) -> bool {
        !self.does.only_reads() && (facts.tenant == Shown::Open || self.names_a_record())
    }

    /// What arguments say of these fields of the record that is made of them, and which of them they do not say clearly: nothing
    /// where they name a record, which is looked at and says how it stands itself.
    pub fn sent_state(&self, arguments: &[u8], fields: &[Arc<str>]) -> (BTreeMap<Arc<str>, Shown<Scalar>>, Unclear) {
        let nothing = (BTreeMap::new(), Unclear::default());
        if self.does != Operation::Create || self.names_a_record() {
            return nothing;
        }
        let Ok(document) = Document::parse(arguments) else { return nothing };
        let entries: Vec<(_, Value<'_, '_>)> = document.root().entries().collect();
        let sent = entries.iter().filter_map(|(name, value)| {
            let argument = self.argument(name).filter(|argument| argument.place == Place::Field)?;
            Some((argument.inner.as_str(), *value))
        });
        sent_state(&sent.collect::<Vec<_>>(), fields)
    }

    fn names_a_record(&self) -> bool {
        let of_record = |one: &Argument| one.place == Place::Path && !one.stands.contains(&Stands::Tenant);
        self.id().is_some() || self.arguments.iter().any(of_record)
    }

    fn asks(&self, tool: &str, arguments: &[u8], unknown: ContractFacts) -> Result<ContractFacts, Fault> {
        let document = Document::parse(arguments)
            .map_err(|error| refused(format!("the arguments of `{tool}` cannot be read: {error}")))?;
        let root = document.root();
        if root.kind() != Kind::Object {
            return Err(refused(format!("the arguments of `{tool}` are not an object")));
        }
        let mut asking = Asking::default();
        for (name, value) in root.entries() {
            let argument = self.argument(&name).ok_or_else(|| {
                refused(format!("`{tool}` has no argument `{}` that its mapping names", shown(&name)))
                    .hint("leave it away, or have the app's mapping name it")
            })?;
            if argument.place == Place::Field {
                asking.sends(value, &argument.inner)?;
                continue;
            }
            if value.kind() == Kind::Null {
                continue;
            }
            for stands in argument.stands.iter().filter(|stands| **stands != Stands::Passes) {
                for text in texts(&name, value, stands)? {
                    asking.parameter(&name, stands, &text, self.page_max)?;
                }
            }
        }
        asking.sends_only(&self.fields, tool)?;
        for (name, value) in root.entries() {
            let field = self.argument(&name).filter(|argument| argument.place == Place::Field);
            for whose in field.iter().flat_map(|_| &self.whose) {
                asking.becomes(value, field.map_or("", |field| &field.inner), whose)?;
            }
        }
        if let (None, Some(most)) = (asking.records(), self.page_max) {
            asking.bounded(most);
        }
        let word_counts = self.names_a_record() || self.only_whose;
        asking.facts(self.does, self.entity.clone(), word_counts, unknown)
    }

    /// How it is listed for agents.
    pub fn definition(&self, name: &str) -> serde_json::Value {
        let mut properties = serde_json::Map::new();
        let mut required = Vec::new();
        for argument in &self.arguments {
            properties.insert(argument.name.clone(), self.property(argument));
            if argument.place == Place::Path {
                required.push(argument.name.as_str());
            }
        }
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
            schema.insert("required".to_owned(), json!(required));
        }
        let what = self.entity.as_deref().map_or_else(String::new, |entity| format!(" `{entity}`"));
        let done = match self.does {
            Operation::Read => format!("Reads one record{what}"),
            Operation::List => format!("Lists records{what}"),
            Operation::Create => format!("Makes a record{what}"),
            Operation::Update => format!("Changes a record{what}"),
            Operation::Delete => format!("Removes a record{what}"),
            Operation::Act => format!("Does something with a record{what}"),
        };
        json!({
            "name": name,
            "description": format!("{done} ({}).", self.said),
            "inputSchema": schema,
            "annotations": {
                "readOnlyHint": self.class == Class::Read,
                "destructiveHint": self.class == Class::Destructive,
                "openWorldHint": self.class == Class::External,
            },
        })
    }

    fn property(&self, argument: &Argument) -> serde_json::Value {
        if argument.place == Place::Field {
            return self.field(&argument.inner);
        }
        let mut said = Vec::new();
        for stands in &argument.stands {
            said.push(match stands {
                Stands::Id => "names the record".to_owned(),
                Stands::Tenant => "whose records".to_owned(),
                Stands::Page => {
                    let most = self.page_max.unwrap_or(u64::MAX);
                    return json!({ "type": "integer", "minimum": 0, "maximum": most, "description": "how many records at most" });
                }
                Stands::Selects => "the fields that are wanted, separated by commas".to_owned(),
                Stands::Sorts => "the fields to sort by, separated by commas".to_owned(),
                Stands::Filters(field) => format!("the value that `{field}` shall have"),
                Stands::Expands => "what else is wanted of a record, separated by commas".to_owned(),
                Stands::Passes => continue,
            });
        }
        if said.is_empty() {
            json!({ "type": "string" })
        } else {
            json!({ "type": "string", "description": said.join("; ") })
        }
    }

    /// A field that is sent: an object of those fields in it that may be sent, or anything.
    fn field(&self, first: &str) -> serde_json::Value {
        let inner = self.fields.iter().filter_map(|field| field.strip_prefix(first)?.strip_prefix('.'));
        let inner: BTreeSet<&str> = inner.filter_map(|rest| rest.split(['.', '[']).next()).collect();
        if inner.is_empty() || self.fields.iter().any(|field| **field == *first) {
            return json!({});
        }
        let properties: serde_json::Map<_, _> = inner.into_iter().map(|name| (name.to_owned(), json!({}))).collect();
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

// === impl Place ===

impl Place {
    const fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Field => "body",
            Self::Tool => "argument",
        }
    }
}

/// `query.limit` taken apart.
fn place(written: &str) -> Option<(Place, &str)> {
    let (word, inner) = written.split_once('.')?;
    let place = [Place::Path, Place::Query, Place::Header].into_iter().find(|place| place.word() == word)?;
    Some((place, inner))
}

/// A value as parameters are written. Only names of fields come in lists.
fn texts(name: &str, value: Value<'_, '_>, stands: &Stands) -> Result<Vec<String>, Fault> {
    let several = matches!(stands, Stands::Selects | Stands::Sorts | Stands::Expands);
    let all = match value.kind() {
        Kind::Array if several => value.items().map(text).collect(),
        _ => text(value).map(|text| vec![text]),
    };
    all.ok_or_else(|| refused(format!("the argument `{}` is no single value", shown(name))))
}

/// A text, number or truth value as it is written in a request.
pub fn text(value: Value<'_, '_>) -> Option<String> {
    match value.kind() {
        Kind::String => value.as_str().map(std::borrow::Cow::into_owned),
        Kind::Number | Kind::Bool => std::str::from_utf8(value.raw()).ok().map(str::to_owned),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

#[cfg(test)]
mod tests;
