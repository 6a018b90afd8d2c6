//! A mapping proposed for a document, with questions about what the document does not say.

use std::collections::{BTreeMap, BTreeSet};

use model::limits::FILE_BYTES_MAX;
use model::{Operation, spelled_out};
use serde_json::Value;

use crate::document::{Document, REFERENCE_BYTES_MAX};
use crate::mapping::{Entity, Mapped, Mapping};
use crate::operation::{Found, Parameter, operations};
use crate::schema::{Fields, Way, fields};
use crate::words::{EXPAND, ID, PAGE, PAGE_SIZE, SELECT, SORT, STATE, TENANT, is_one_of};
use crate::writer;

/// What is proposed for an app.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The mapping, as far as the document says it.
    pub mapping: Mapping,
    /// What a person has to look at, by where it stands: `operations.list_candidates`, `entities.candidate.tenant`.
    pub questions: BTreeMap<String, Vec<String>>,
    /// Paths of the document that are not understood, and have no operation.
    pub left_out: Vec<String>,
}

/// Proposes a mapping. Total: what is not understood is left out, and said.
pub fn propose(document: &Document) -> Proposal {
    let (found, mut left_out) = operations(document);
    if document.long_references() > 0 {
        let count = document.long_references();
        left_out.push(format!("what references of more than {REFERENCE_BYTES_MAX} bytes lead to ({count})"));
    }
    let base = base(document);
    let mut proposal = Proposal {
        mapping: Mapping {
            api: 1,
            base: base.clone().unwrap_or_else(|| NO_BASE.to_owned()),
            entities: BTreeMap::new(),
            operations: BTreeMap::new(),
            tools: BTreeMap::new(),
        },
        questions: BTreeMap::new(),
        left_out,
    };
    if base.is_none() {
        proposal.ask("base", "the document does not say where the app is");
    }
    let mut room = Room { bytes: FILE_BYTES_MAX };
    for operation in &found {
        proposal.entity(document, operation, &mut room);
    }
    for name in proposal.mapping.entities.keys().cloned().collect::<Vec<_>>() {
        proposal.fields_that_matter(&name);
    }
    let kinds = proposal.kinds(&found);
    let mut places = BTreeSet::new();
    for operation in &found {
        let parts = operation.path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        if places.insert((operation.method.clone(), parts.collect::<Vec<_>>().join("/"))) {
            proposal.operation(document, operation, &kinds, &mut room);
        } else {
            proposal.left_out.push(format!("{} {}", operation.method, operation.path));
        }
    }
    proposal
}

/// How many bytes of names of fields may still be written. Many operations may have the same fields, and a mapping that is larger
/// than a file may be is of no use.
struct Room {
    bytes: u64,
}

// === impl Proposal ===

impl Proposal {
    /// As a file: what a person should look at is marked `# ?`.
    pub fn to_yaml(&self) -> String {
        writer::write(self)
    }

    /// How many questions there are.
    pub fn open(&self) -> usize {
        self.questions.values().map(Vec::len).sum()
    }

    fn ask(&mut self, place: &str, question: impl Into<String>) {
        // It becomes a comment, and a comment ends with its line and reads from left to right, whatever the document named there.
        let question = spelled_out(&question.into()).into_owned();
        let asked = self.questions.entry(place.to_owned()).or_default();
        if !asked.contains(&question) {
            asked.push(question);
        }
    }

    /// Adds the kind of record of an operation, or what this operation shows of it beyond what others do.
    fn entity(&mut self, document: &Document, operation: &Found<'_>, room: &mut Room) {
        let Some(answer) = &operation.answer else { return };
        let laid_out = room.fields(document, answer.record, Way::Answered);
        if laid_out.names.is_empty() {
            return;
        }
        let place = format!("entities.{}.fields", answer.entity);
        let entity = self.mapping.entities.entry(answer.entity.clone()).or_default();
        let known: BTreeSet<String> = entity.fields.iter().cloned().collect();
        let new = laid_out.names.into_iter().filter(|name| !known.contains(name));
        let new: Vec<String> = new.take(FIELDS_MAX.saturating_sub(known.len())).collect();
        let (new, left) = room.take(new);
        entity.fields.extend(new);
        for open in laid_out.open {
            self.ask(&place, format!("`{open}` is left out: the document does not lay out what stands in it"));
        }
        if laid_out.cut || left {
            self.ask(&place, "there are more fields than are laid out here");
        }
    }

    /// Which field names a record, says whose it is, and how it stands.
    fn fields_that_matter(&mut self, name: &str) {
        let Some(entity) = self.mapping.entities.get(name) else { return };
        let own = [format!("{name}_id"), format!("{name}Id")];
        let find = |words: &[&str]| {
            entity.fields.iter().find(|field| !field.contains(['.', '*']) && is_one_of(field, words)).cloned()
        };
        let id = find(ID).or_else(|| entity.fields.iter().find(|field| own.contains(field)).cloned());
        let (tenant, state) = (find(TENANT), find(STATE));
        let place = |key: &str| format!("entities.{name}.{key}");
        let questions = [
            (id.is_none(), "id", "which field names a record?"),
            (
                tenant.is_none(),
                "tenant",
                "which field says whose record it is? without one, no contract about a tenant can be kept",
            ),
            (tenant.is_some(), "tenant", "is this whose record it is?"),
            (state.is_some(), "state", "is this the state that contracts speak of?"),
        ];
        if let Some(entity) = self.mapping.entities.get_mut(name) {
            (entity.id, entity.tenant, entity.state) = (id, tenant, state);
        }
        for (_, key, question) in questions.into_iter().filter(|(asks, ..)| *asks) {
            self.ask(&place(key), question);
        }
    }

    /// Which kind of record each path is about, as far as an answer shows it.
    fn kinds<'d>(&self, found: &[Found<'d>]) -> BTreeMap<&'d str, String> {
        let known = |operation: &Found<'d>| {
            let entity = operation.answer.as_ref().map(|answer| answer.entity.clone())?;
            self.mapping.entities.contains_key(&entity).then_some((operation.path, entity))
        };
        // What is read tells more than what answers to a change.
        found
            .iter()
            .filter(|operation| operation.method != "GET")
            .chain(found.iter().filter(|operation| operation.method == "GET"))
            .filter_map(known)
            .collect()
    }

    fn operation(
        &mut self,
        document: &Document,
        operation: &Found<'_>,
        kinds: &BTreeMap<&str, String>,
        room: &mut Room,
    ) {
        let mut name = operation.name.clone();
        let mut number = 1;
        while self.mapping.operations.contains_key(&name) {
            number += 1;
            name = format!("{}_{number}", operation.name);
        }
        let place = format!("operations.{name}");
        let answer = operation.answer.as_ref();
        let entity =
            answer.map(|answer| answer.entity.clone()).filter(|entity| self.mapping.entities.contains_key(entity));
        let mut mapped = Mapped {
            method: operation.method.clone(),
            path: operation.path.to_owned(),
            class: operation.class,
            does: operation.does,
            rows: entity.as_ref().and(answer).map(|answer| answer.rows.clone()),
            total: answer.and_then(|answer| answer.total.clone()),
            cursor: answer.and_then(|answer| answer.cursor.clone()),
            form: answer.map(|answer| answer.form.to_owned()).filter(|form| form != "json"),
            entity,
            id: None,
            page: None,
            page_max: None,
            tenant: None,
            selects: Vec::new(),
            sorts: Vec::new(),
            filters: BTreeMap::new(),
            expands: Vec::new(),
            passes: Vec::new(),
            body: Vec::new(),
        };
        if let Some(guess) = operation.guess {
            self.ask(&place, guess);
        }
        if mapped.entity.is_none() {
            // `/orders/{id}/cancel` is about what `/orders/{id}` is.
            let around =
                operation.path.rsplit_once('/').map(|(around, _)| around).filter(|_| mapped.does == Operation::Act);
            mapped.entity = kinds.get(operation.path).or_else(|| kinds.get(around?)).cloned();
            if let Some(entity) = &mapped.entity {
                self.ask(&place, format!("is this about a record of `{entity}`?"));
            }
        }
        if mapped.entity.is_none() {
            self.ask(&place, "what kind of record is this about? the document does not say what is answered");
        }
        if answer.is_some_and(|answer| answer.unsure) {
            self.ask(&place, "there are several lists in the answer: are these the records?");
        }
        if let Some(request) = operation.request {
            let sent = room.fields(document, request, Way::Sent);
            let (names, left) = room.take(sent.names);
            mapped.body = names;
            if sent.cut || left {
                self.ask(&place, "the body has more fields than are laid out here");
            }
            for open in sent.open {
                self.ask(
                    &place,
                    format!("`{open}` of the body is left out: the document does not lay out what stands in it"),
                );
            }
        }
        self.parameters(&mut mapped, operation, &place);
        self.mapping.operations.insert(name, mapped);
    }

    fn parameters(&mut self, mapped: &mut Mapped, operation: &Found<'_>, place: &str) {
        let entity =
            mapped.entity.as_ref().and_then(|entity| self.mapping.entities.get(entity)).cloned().unwrap_or_default();
        let mut parts = operation.path.rsplit('/');
        let last = inner(parts.next()).or_else(|| inner(parts.next()).filter(|_| mapped.does == Operation::Act));
        let in_path: Vec<&str> =
            operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for name in &in_path {
            let parameter = Parameter { name, place: "path", maximum: None };
            if Some(*name) == last {
                mapped.id = Some(parameter.named());
            } else if mapped.tenant.is_none() && is_one_of(name, TENANT) {
                mapped.tenant = Some(parameter.named());
            } else {
                mapped.passes.push(parameter.named());
            }
        }
        for parameter in operation.parameters.iter().filter(|parameter| parameter.place == "query") {
            self.in_query(mapped, parameter, &entity, place);
        }
        if mapped.takes_a_word_for_whose() {
            mapped.passes.extend(mapped.tenant.take());
            self.ask(place, "what names the record that this changes? (`id`)");
        }
        if let (Some(at), None) = (&mapped.page, mapped.page_max) {
            let question = format!("how many records does `{at}` give at most? say it in `page_max`");
            self.ask(place, question);
        }
    }

    fn in_query(&mut self, mapped: &mut Mapped, parameter: &Parameter<'_>, entity: &Entity, place: &str) {
        let (name, named) = (parameter.name, parameter.named());
        if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return;
        }
        let inner = name.rsplit_once('[').map_or(name, |(_, inner)| inner.trim_end_matches(']'));
        if mapped.page.is_none() && is_one_of(name, PAGE_SIZE) {
            (mapped.page, mapped.page_max) = (Some(named), parameter.maximum);
        } else if mapped.tenant.is_none() && (Some(name) == entity.tenant.as_deref() || is_one_of(name, TENANT)) {
            mapped.tenant = Some(named);
        } else if is_one_of(name, SORT) {
            mapped.sorts.push(named);
        } else if is_one_of(name, SELECT) {
            mapped.selects.push(named);
        } else if is_one_of(name, EXPAND) {
            mapped.expands.push(named);
        } else if is_one_of(name, PAGE) {
            mapped.passes.push(named);
        } else if let Some(field) = entity.fields.iter().find(|field| *field == inner) {
            mapped.filters.insert(named, field.clone());
        } else {
            self.ask(
                place,
                format!("`{named}` is refused: which field does it look at? (`filters`, or `passes` if none)"),
            );
        }
    }
}

// === impl Room ===

impl Room {
    /// Lays a schema out, while there is room for fields.
    fn fields(&self, document: &Document, schema: &Value, way: Way) -> Fields {
        if self.bytes > 0 { fields(document, schema, way) } else { Fields { cut: true, ..Fields::default() } }
    }

    /// The names that there is room for, and whether some were left.
    fn take(&mut self, names: Vec<String>) -> (Vec<String>, bool) {
        let count = names.len();
        let fits = |name: &String| match self.bytes.checked_sub(name.len() as u64) {
            Some(left) => {
                self.bytes = left;
                true
            }
            None => {
                self.bytes = 0;
                false
            }
        };
        let kept: Vec<String> = names.into_iter().take_while(fits).collect();
        let left = kept.len() < count;
        (kept, left)
    }
}

/// The parameter that a part of a path is.
fn inner(part: Option<&str>) -> Option<&str> {
    part?.strip_prefix('{')?.strip_suffix('}')
}

/// The first server, with what its variables are by default.
fn base(document: &Document) -> Option<String> {
    let server = document.root().get("servers")?.as_array()?.first()?;
    let mut url = server.get("url")?.as_str()?.to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let value = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        // The value of one variable may name others, each more than once.
        if url.len() > BASE_BYTES_MAX || value.len() > BASE_BYTES_MAX {
            return None;
        }
        url = url.replace(&format!("{{{name}}}"), value);
    }
    let host = url.strip_prefix("https://").or(url.strip_prefix("http://"))?;
    let odd =
        |letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '?' | '#' | '@' | '\\' | '{');
    (!host.starts_with('/') && !host.is_empty() && !url.contains(odd)).then(|| url.trim_end_matches('/').to_owned())
}

/// Of an app's address, and of each value in it.
const BASE_BYTES_MAX: usize = 1 << 10;
const NO_BASE: &str = "https://app.invalid";
/// Most fields of one entity, over all operations that show some.
const FIELDS_MAX: usize = 2_000;

#[cfg(test)]
mod tests;
