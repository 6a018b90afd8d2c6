//! What kind of record an operation deals with, and where in its answer the records stand.

use model::Form;
use serde_json::Value;

use crate::document::Document;
use crate::schema::{Objects, items};
use crate::words::{CURSOR, PATH_BYTES_MAX, ROWS, TOTAL, is_one_of, singular, snake, step};

/// Where the records of an answer stand.
#[derive(Debug, Clone)]
pub(crate) struct Answer<'d> {
    /// As in `$.data[*]`.
    pub(crate) rows: String,
    /// Whether they are a list.
    pub(crate) listed: bool,
    /// The schema of a record.
    pub(crate) record: &'d Value,
    /// The name of its kind, as the document or the path has it.
    pub(crate) entity: String,
    /// Where their number stands.
    pub(crate) total: Option<String>,
    /// Where the next page is named.
    pub(crate) cursor: Option<String>,
    /// Whether several lists could be the records.
    pub(crate) unsure: bool,
    /// `json`, `lines` or `csv`.
    pub(crate) form: &'static str,
}

/// Reads the answer of an operation that goes well. None: it has none that we read.
pub(crate) fn answer<'d>(document: &'d Document, operation: &'d Value, path: &str, one: bool) -> Option<Answer<'d>> {
    let (form, schema) = content(document, operation)?;
    let outer = document.resolve(schema)?;
    let named = |reference: Option<&str>| reference.and_then(|reference| reference.rsplit('/').next()).map(snake);
    let of_path = || {
        singular(&snake(path.rsplit('/').find(|part| !part.is_empty() && !part.starts_with('{')).unwrap_or("record")))
    };
    let plain = |record: &'d Value, rows: &str, listed: bool| {
        let entity =
            document.resolve(record).and_then(|resolved| named(resolved.reference)).map(|name| entity_name(&name));
        let entity = entity.filter(|name| !name.is_empty()).unwrap_or_else(of_path);
        Answer { rows: rows.to_owned(), listed, record, entity, total: None, cursor: None, unsure: false, form }
    };
    if form != "json" {
        return Some(plain(schema, "$", true));
    }
    if let Some(record) = items(document, outer.value) {
        return Some(plain(record, "$[*]", true));
    }
    let (properties, objects) = (properties(document, outer.value), Objects::new(document));
    let lists: Vec<(&str, &Value)> = properties
        .iter()
        .filter_map(|(name, property)| Some((*name, items(document, property).filter(|items| objects.is(items))?)))
        .collect();
    let plural = path.rsplit('/').find(|part| !part.starts_with('{')).unwrap_or_default();
    let best = lists
        .iter()
        .find(|(name, _)| is_one_of(name, ROWS))
        .or_else(|| lists.iter().find(|(name, _)| snake(name) == snake(plural)))
        .or_else(|| lists.first().filter(|_| !one && lists.len() == 1));
    if let Some((name, record)) = best.filter(|(name, _)| !one || is_one_of(name, ROWS)) {
        let mut answer = plain(record, &format!("$.{}[*]", step(name)), true);
        answer.unsure = lists.len() > 1;
        let scalar = |words: &[&str]| {
            let found = properties.iter().find(|(name, property)| is_one_of(name, words) && !objects.is(property));
            found.map(|(name, _)| format!("$.{}", step(name)))
        };
        (answer.total, answer.cursor) = (scalar(TOTAL), scalar(CURSOR));
        return Some(answer);
    }
    let wrapped = properties.iter().find(|(name, property)| *name == "data" && objects.is(property));
    if let Some((name, record)) = wrapped {
        return Some(plain(record, &format!("$.{}", step(name)), false));
    }
    Some(plain(schema, "$", false))
}

/// The schema of the body of a request that is JSON.
pub(crate) fn request<'d>(document: &'d Document, operation: &'d Value) -> Option<&'d Value> {
    let body = document.resolve(operation.get("requestBody")?)?.value;
    let content = body.get("content")?.as_object()?;
    content.iter().find(|(kind, _)| form_of(kind) == Some(Form::Json))?.1.get("schema")
}

/// The form and schema of the first answer that goes well.
fn content<'d>(document: &'d Document, operation: &'d Value) -> Option<(&'static str, &'d Value)> {
    let responses = operation.get("responses")?.as_object()?;
    let good = ["200", "201", "202", "203", "2XX", "2xx", "default"];
    for response in good.iter().filter_map(|status| responses.get(*status)) {
        let Some(content) = document.resolve(response).and_then(|resolved| resolved.value.get("content")?.as_object())
        else {
            continue;
        };
        for form in [Form::Json, Form::Lines, Form::Csv] {
            let schema =
                content.iter().find(|(kind, _)| form_of(kind) == Some(form)).map(|(_, kind)| kind.get("schema"));
            if let Some(schema) = schema {
                return Some((form.as_str(), schema.unwrap_or(&Value::Null)));
            }
        }
    }
    None
}

/// The form that a media type stands for, in proposals as in answers. None: nothing is taken out of such a one.
pub fn form_of(kind: &str) -> Option<Form> {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/json" | "text/json" => Some(Form::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Some(Form::Lines)
        }
        "text/csv" | "application/csv" => Some(Form::Csv),
        other => other.ends_with("+json").then_some(Form::Json),
    }
}

/// The properties of an object, those of its parts among them. None with a name that is too long for a field.
fn properties<'d>(document: &'d Document, schema: &'d Value) -> Vec<(&'d str, &'d Value)> {
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    let parts = parts.filter_map(|part| document.resolve(part)).map(|resolved| resolved.value);
    let all = std::iter::once(schema).chain(parts).filter_map(|schema| schema.get("properties")?.as_object()).flatten();
    let short = all.filter(|(name, _)| name.len() <= PATH_BYTES_MAX);
    short.map(|(name, property)| (name.as_str(), property)).collect()
}

/// `CandidateResponseDto` → `candidate`.
fn entity_name(name: &str) -> String {
    let mut name = name;
    while let Some(shorter) =
        SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).filter(|shorter| !shorter.is_empty())
    {
        name = shorter;
    }
    name.to_owned()
}

const SUFFIXES: [&str; 7] = ["_response", "_dto", "_schema", "_resource", "_model", "_item", "_object"];
