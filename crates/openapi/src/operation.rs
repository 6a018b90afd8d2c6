//! One operation of a document, and what it probably does.

use model::{Class, Operation};
use serde_json::Value;

use crate::document::Document;
use crate::entity::{Answer, answer, request};
use crate::reader::METHODS;
use crate::words::{PATH_BYTES_MAX, SEARCH, is_one_of, snake};

/// An operation as the document has it.
#[derive(Debug)]
pub(crate) struct Found<'d> {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: &'d str,
    pub(crate) parameters: Vec<Parameter<'d>>,
    pub(crate) answer: Option<Answer<'d>>,
    /// The schema of what is sent.
    pub(crate) request: Option<&'d Value>,
    pub(crate) does: Operation,
    pub(crate) class: Class,
    /// Why the two before are a guess.
    pub(crate) guess: Option<&'static str>,
}

/// A parameter of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter<'d> {
    pub(crate) name: &'d str,
    /// `path`, `query`, `header` or `cookie`.
    pub(crate) place: &'d str,
    pub(crate) maximum: Option<u64>,
}

/// All operations, and how many paths could not be understood.
pub(crate) fn operations(document: &Document) -> (Vec<Found<'_>>, Vec<String>) {
    let mut found = Vec::new();
    let mut odd = Vec::new();
    let paths = document.root().get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        let Some(item) = document.resolve(item).map(|resolved| resolved.value) else {
            odd.push(path.clone());
            continue;
        };
        if !is_plain(path) {
            odd.push(path.clone());
            continue;
        }
        if item.get("head").is_some() {
            odd.push(format!("HEAD {path}"));
        }
        for method in METHODS {
            if let Some(operation) = item.get(method.to_ascii_lowercase()) {
                // The app's credential is for the app's own address.
                if is_elsewhere(document, item, operation) {
                    odd.push(format!("{method} {path} (at another address than the others)"));
                    continue;
                }
                found.push(one(document, path, method, item, operation));
            }
        }
        if found.len() >= OPERATIONS_MAX {
            odd.push(format!("all behind {path}"));
            break;
        }
    }
    (found, odd)
}

impl Parameter<'_> {
    /// As a mapping names it.
    pub(crate) fn named(&self) -> String {
        format!("{}.{}", self.place, self.name)
    }
}

fn one<'d>(document: &'d Document, path: &'d str, method: &str, item: &'d Value, operation: &'d Value) -> Found<'d> {
    let mut parameters: Vec<Parameter<'d>> = Vec::new();
    for parameter in [operation, item].into_iter().filter_map(|holder| holder.get("parameters")?.as_array()).flatten() {
        let Some(parameter) = document.resolve(parameter).map(|resolved| resolved.value) else { continue };
        let text = |key: &str| parameter.get(key).and_then(Value::as_str);
        let name = text("name").filter(|name| name.len() <= PATH_BYTES_MAX);
        let (Some(name), Some(place)) = (name, text("in")) else { continue };
        let maximum =
            parameter.get("schema").and_then(|schema| document.resolve(schema)?.value.get("maximum")?.as_u64());
        // What the operation says of a parameter goes before what its path says.
        if !parameters.iter().any(|known| (known.name, known.place) == (name, place)) {
            parameters.push(Parameter { name, place, maximum });
        }
    }
    let one = path.ends_with('}');
    let answer = answer(document, operation, path, one);
    let (does, class, guess) = meaning(method, path, answer.as_ref().is_some_and(|answer| answer.listed));
    let id = operation.get("operationId").and_then(Value::as_str).map(snake).filter(|name| !name.is_empty());
    let name = id.unwrap_or_else(|| snake(&format!("{method} {path}")));
    let request = request(document, operation);
    Found { name, method: method.to_owned(), path, parameters, answer, request, does, class, guess }
}

/// Whether it has servers of its own, or its path has, and these are not the document's.
fn is_elsewhere(document: &Document, item: &Value, operation: &Value) -> bool {
    let own = operation.get("servers").or_else(|| item.get("servers"));
    own.is_some_and(|own| document.root().get("servers") != Some(own))
}

fn meaning(method: &str, path: &str, listed: bool) -> (Operation, Class, Option<&'static str>) {
    let last = path.rsplit('/').next().unwrap_or_default();
    let verb = path.split('/').rev().find(|part| !part.is_empty()).unwrap_or_default();
    match method {
        "GET" if listed => (Operation::List, Class::Read, None),
        "GET" => (Operation::Read, Class::Read, None),
        "POST" if is_one_of(verb, SEARCH) => (Operation::List, Class::Read, Some("a POST that seems to search")),
        "POST" if last.starts_with('{') => (Operation::Act, Class::Destructive, Some("what does this POST do?")),
        "POST" if acts(verb) => (Operation::Act, Class::External, Some("whom does this reach?")),
        "POST" => (Operation::Create, Class::Write, Some("does it only create, inside the app?")),
        "DELETE" => (Operation::Delete, Class::Destructive, None),
        _ => (Operation::Update, Class::Write, None),
    }
}

/// Whether the last part of a path is no collection: `/orders/{id}/cancel`.
fn acts(last: &str) -> bool {
    !last.ends_with('s') || last.ends_with("ss")
}

/// Whether a parameter is a whole part of the path, and the rest is ordinary.
fn is_plain(path: &str) -> bool {
    let odd = |letter: char| !letter.is_ascii_graphic() || matches!(letter, '?' | '#' | '\\' | '%' | ';');
    let fits = |part: &str| {
        let braces = part.matches(['{', '}']).count();
        part != "."
            && part != ".."
            && (braces == 0 || (braces == 2 && part.starts_with('{') && part.ends_with('}') && part.len() > 2))
    };
    let mut names: Vec<&str> = path.split('/').filter(|part| part.starts_with('{')).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    names.len() == all
        && path.starts_with('/')
        && (path.len() == 1 || !path.ends_with('/'))
        && !path.contains(odd)
        && !path.contains("//")
        && path.split('/').all(fits)
}

/// Most operations of one document.
const OPERATIONS_MAX: usize = 5_000;
