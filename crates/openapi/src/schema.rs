//! A schema laid out as the fields that it has, by dotted name.

use std::cell::Cell;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::Document;
use crate::words::{PATH_BYTES_MAX, step};

/// The fields of a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    /// Those that are laid out, in their order.
    pub(crate) names: Vec<String>,
    /// Those in which something stands that the schema does not lay out: anything, a circle, or too deep.
    pub(crate) open: Vec<String>,
    /// Whether there are more: too many, or with names that are too long.
    pub(crate) cut: bool,
}

/// Which way what has a schema goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The app answers it: what may only be written is not there.
    Answered,
    /// It is sent to the app: what may only be read is not taken.
    Sent,
}

struct Walk<'d> {
    document: &'d Document,
    way: Way,
    objects: Objects<'d>,
    fields: Fields,
    known: BTreeSet<String>,
    /// References that are being laid out.
    within: Vec<&'d str>,
    steps: usize,
}

/// Tells objects from what is none, for one entity: so many parts are looked at for all its questions together.
pub(crate) struct Objects<'d> {
    document: &'d Document,
    left: Cell<usize>,
}

/// What was looked at to answer whether objects are meant.
#[derive(Default)]
struct Seen<'d> {
    references: BTreeSet<&'d str>,
    steps: usize,
}

/// Lays a schema out.
pub(crate) fn fields(document: &Document, schema: &Value, way: Way) -> Fields {
    let (objects, fields) = (Objects::new(document), Fields::default());
    let mut walk = Walk { document, way, objects, fields, known: BTreeSet::new(), within: Vec::new(), steps: 0 };
    walk.schema(schema, "", 0);
    // What was not looked at to its end may be laid out as something else.
    walk.fields.cut |= walk.objects.left.get() == 0;
    walk.fields
}

/// The schema of the items, where a list is meant.
pub(crate) fn items<'d>(document: &'d Document, schema: &'d Value) -> Option<&'d Value> {
    let schema = document.resolve(schema)?.value;
    if schema.get("properties").is_some() { None } else { schema.get("items").filter(|items| items.is_object()) }
}

// === impl Objects ===

impl<'d> Objects<'d> {
    pub(crate) fn new(document: &'d Document) -> Self {
        Self { document, left: Cell::new(OBJECTS_STEPS_MAX) }
    }

    /// Whether objects are meant, or one of several kinds of them.
    pub(crate) fn is(&self, schema: &'d Value) -> bool {
        self.within(schema, 0, &mut Seen::default())
    }

    /// Each reference is followed once and so many parts are looked at, so that no circle is gone around.
    fn within(&self, schema: &'d Value, depth: usize, seen: &mut Seen<'d>) -> bool {
        let Some(left) = self.left.get().checked_sub(1) else { return false };
        self.left.set(left);
        seen.steps += 1;
        let Some(resolved) = self.document.resolve(schema).filter(|_| seen.steps <= PARTS_MAX) else { return false };
        if resolved.reference.is_some_and(|reference| !seen.references.insert(reference)) {
            return false;
        }
        let schema = resolved.value;
        let mut any_of = PARTS.iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
        schema.get("properties").is_some()
            || schema.get("additionalProperties").is_some_and(Value::is_object)
            || has_type(schema, "object")
            || (depth < DEPTH_MAX && any_of.any(|part| self.within(part, depth + 1, seen)))
    }
}

// === impl Walk ===

impl<'d> Walk<'d> {
    /// Recursion is bounded: a path by its depth, parts of one schema by the steps, and a circle ends where it begins.
    fn schema(&mut self, schema: &'d Value, path: &str, depth: usize) {
        self.steps += 1;
        if self.steps > STEPS_MAX || self.fields.names.len() >= FIELDS_MAX {
            self.fields.cut = true;
            return;
        }
        let Some(resolved) = self.document.resolve(schema) else { return self.open(path) };
        if depth > DEPTH_MAX || resolved.reference.is_some_and(|reference| self.within.contains(&reference)) {
            return self.open(path);
        }
        self.within.extend(resolved.reference);
        self.parts(resolved.value, path, depth);
        if resolved.reference.is_some() {
            self.within.pop();
        }
    }

    fn parts(&mut self, schema: &'d Value, path: &str, depth: usize) {
        let mut any = false;
        for part in PARTS.iter().filter_map(|key| schema.get(key)?.as_array()).flatten() {
            // `oneOf: [{type: null}, …]` says that it may be missing.
            if !has_type(part, "null") {
                any = true;
                self.schema(part, path, depth + 1);
            }
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            any = true;
            for (name, property) in properties {
                if self.is_absent(property) {
                    continue;
                }
                let Some(below) = below(path, name) else {
                    self.fields.cut = true;
                    continue;
                };
                self.schema(property, &below, depth + 1);
            }
        }
        match schema.get("additionalProperties") {
            Some(any_key) if any_key.as_object().is_some_and(|schema| !schema.is_empty()) => {
                any = true;
                let below = if path.is_empty() { "*".to_owned() } else { format!("{path}.*") };
                self.schema(any_key, &below, depth + 1);
            }
            Some(Value::Bool(true) | Value::Object(_)) if !any => return self.open(path),
            _ => {}
        }
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            let below = if self.objects.is(items) && !path.is_empty() { format!("{path}[]") } else { path.to_owned() };
            return self.schema(items, &below, depth + 1);
        }
        if !any {
            let scalar = ["string", "number", "integer", "boolean"].iter().any(|kind| has_type(schema, kind));
            let is_leaf = scalar || schema.get("enum").is_some() || schema.get("const").is_some();
            if is_leaf { self.leaf(path) } else { self.open(path) }
        }
    }

    /// Whether it never goes this way, by itself or by what it refers to.
    fn is_absent(&self, property: &'d Value) -> bool {
        let only = match self.way {
            Way::Answered => "writeOnly",
            Way::Sent => "readOnly",
        };
        let says = |schema: &Value| schema.get(only).and_then(Value::as_bool) == Some(true);
        says(property) || self.document.resolve(property).is_some_and(|resolved| says(resolved.value))
    }

    fn leaf(&mut self, path: &str) {
        if !path.is_empty() && self.known.insert(path.to_owned()) {
            self.fields.names.push(path.to_owned());
        }
    }

    fn open(&mut self, path: &str) {
        if !path.is_empty() && self.fields.open.len() < OPEN_MAX && !self.fields.open.iter().any(|open| open == path) {
            self.fields.open.push(path.to_owned());
        }
    }
}

/// What leads to a field of this name. None: it is too long, for it is written once for each field that stands below.
fn below(path: &str, name: &str) -> Option<String> {
    let step = (name.len() <= PATH_BYTES_MAX).then(|| step(name))?;
    let below = if path.is_empty() { step } else { format!("{path}.{step}") };
    (below.len() <= PATH_BYTES_MAX).then_some(below)
}

/// In 3.1 a type may be several.
fn has_type(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == wanted,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    }
}

const PARTS: [&str; 3] = ["allOf", "oneOf", "anyOf"];
/// How deep a field may stand.
const DEPTH_MAX: usize = 8;
/// Most fields of one entity.
const FIELDS_MAX: usize = 1_000;
/// Most open fields that are named.
const OPEN_MAX: usize = 50;
/// Most parts of schemas that one entity is made of.
const STEPS_MAX: usize = 20_000;
/// Most parts that are looked at to see whether objects are meant.
const PARTS_MAX: usize = 1_000;
/// Most parts that are looked at for that, for one entity or one answer.
const OBJECTS_STEPS_MAX: usize = 20_000;

#[cfg(test)]
mod tests;
