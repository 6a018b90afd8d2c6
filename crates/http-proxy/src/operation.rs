//! Operations of an app, compiled: which request is which of them, and what each of its parameters stands for.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use model::{Class, Form, Operation as Does, ToolName};

use crate::api::BadMapping;
use crate::target::{encode, write_segment};
use openapi::{Entity, Mapped, Stands};

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: ToolName,
    pub(crate) method: Method,
    path: Vec<Part>,
    pub(crate) class: Class,
    pub(crate) does: Does,
    pub(crate) entity: Option<Arc<str>>,
    /// What the parameters of its query stand for, by name.
    pub(crate) query: BTreeMap<String, Vec<Stands>>,
    /// What the parameters of its path stand for, by name.
    pub(crate) in_path: BTreeMap<String, Vec<Stands>>,
    /// Headers that are passed on, in lower case.
    pub(crate) headers: Vec<String>,
    /// Fields of the body that say whose record it is or becomes.
    pub(crate) whose_in_body: Vec<String>,
    only_whose: bool,
    /// Fields that the body may have.
    pub(crate) body: Vec<Arc<str>>,
    pub(crate) page_max: Option<u64>,
    pub(crate) form: Form,
}

/// A segment of a path.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Parameter(String),
}

// === impl Operation ===

impl Operation {
    /// Error: what of the mapping cannot be meant.
    pub(crate) fn compile(
        name: &str,
        mapped: &Mapped,
        entities: &BTreeMap<String, Entity>,
    ) -> Result<Self, BadMapping> {
        let wrong = |said: String| BadMapping { operation: name.to_owned(), said };
        let method = match mapped.method.as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            other => return Err(wrong(format!("`{other}` is not one of GET, POST, PUT, PATCH and DELETE"))),
        };
        if let Some(entity) = mapped.entity.as_ref().filter(|entity| !entities.contains_key(*entity)) {
            return Err(wrong(format!("there is no entity `{entity}`")));
        }
        let form = match mapped.form.as_deref() {
            None | Some("json") => Form::Json,
            Some("lines") => Form::Lines,
            Some("csv") => Form::Csv,
            Some(other) => return Err(wrong(format!("`{other}` is not one of json, lines and csv"))),
        };
        let mut operation = Self {
            name: ToolName::of_list(name).map_err(|error| wrong(error.to_string()))?,
            method,
            path: parts(&mapped.path).map_err(wrong)?,
            class: mapped.class,
            does: mapped.does,
            entity: mapped.entity.as_deref().map(Arc::from),
            query: BTreeMap::new(),
            in_path: BTreeMap::new(),
            headers: Vec::new(),
            whose_in_body: mapped.whose_in_body(entities),
            only_whose: mapped.names_only_whose(),
            body: mapped.body.iter().map(|field| Arc::from(field.as_str())).collect(),
            page_max: mapped.page_max,
            form,
        };
        for part in &operation.path {
            if let Part::Parameter(name) = part
                && operation.in_path.insert(name.clone(), Vec::new()).is_some()
            {
                return Err(wrong(format!("the path has `{{{name}}}` twice")));
            }
        }
        operation.parameters(mapped).map_err(wrong)?;
        if mapped.page.is_some() != mapped.page_max.is_some() {
            return Err(wrong("`page` and `page_max` need each other".to_owned()));
        }
        Ok(operation)
    }

    fn parameters(&mut self, mapped: &Mapped) -> Result<(), String> {
        for (written, stands) in mapped.parameters() {
            let unknown = || format!("`{written}` is not one of path.NAME, query.NAME, header.NAME and body.NAME");
            let (place, name) = written.split_once('.').ok_or_else(unknown)?;
            match (place, stands) {
                ("query", stands) => self.query.entry(name.to_owned()).or_default().push(stands),
                ("path", stands) => {
                    let known = self.in_path.get_mut(name).ok_or_else(|| format!("the path has no `{{{name}}}`"))?;
                    known.push(stands);
                }
                ("header", Stands::Passes) if PASSABLE.contains(&name.to_ascii_lowercase().as_str()) => {
                    self.headers.push(name.to_ascii_lowercase());
                }
                ("header", _) => return Err(format!("`{written}` cannot be passed on: {} can", PASSABLE.join(", "))),
                // The record that is made names itself; nothing is looked up by it. Whose it is stands in `whose_in_body`.
                ("body", Stands::Id | Stands::Tenant) => {}
                _ => return Err(unknown()),
            }
        }
        Ok(())
    }

    /// The parameters of the path, where it is this operation's.
    pub(crate) fn matches(&self, segments: &[String]) -> Option<BTreeMap<String, String>> {
        if self.path.len() != segments.len() {
            return None;
        }
        let mut parameters = BTreeMap::new();
        for (part, segment) in self.path.iter().zip(segments) {
            match part {
                Part::Literal(text) if text == segment => {}
                Part::Literal(_) => return None,
                Part::Parameter(name) => drop(parameters.insert(name.clone(), segment.clone())),
            }
        }
        Some(parameters)
    }

    /// Whether an app could take a path for this operation's, also one that does not tell capital letters from small ones.
    pub(crate) fn could_be(&self, segments: &[&str]) -> bool {
        let alike = |(part, segment): (&Part, &&str)| match part {
            Part::Literal(text) => text.eq_ignore_ascii_case(segment),
            Part::Parameter(_) => true,
        };
        self.path.len() == segments.len() && self.path.iter().zip(segments).all(alike)
    }

    /// Its path with these parameters, in segments.
    pub(crate) fn segments<'s>(&'s self, parameters: &'s BTreeMap<String, String>) -> Option<Vec<&'s str>> {
        let segment = |part: &'s Part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Parameter(name) => parameters.get(name).map(String::as_str),
        };
        self.path.iter().map(segment).collect()
    }

    /// How many segments it names: of two that match, the one that names more is meant.
    pub(crate) fn literals(&self) -> usize {
        self.path.iter().filter(|part| matches!(part, Part::Literal(_))).count()
    }

    /// The path with these parameters, encoded.
    pub(crate) fn write_path(&self, parameters: &BTreeMap<String, String>) -> Option<String> {
        let mut path = String::new();
        for part in &self.path {
            path.push('/');
            match part {
                Part::Literal(text) => write_segment(text, &mut path),
                Part::Parameter(name) => encode(parameters.get(name)?, &mut path),
            }
        }
        Some(path)
    }

    /// The parameter of its path that names the record.
    pub(crate) fn id_in_path(&self) -> Option<&str> {
        let named = self.in_path.iter().find(|(_, stands)| stands.contains(&Stands::Id));
        named.map(|(name, _)| name.as_str())
    }

    /// Whether it names something, and not only whose it is.
    pub(crate) fn names_a_record(&self) -> bool {
        self.in_path.values().any(|stands| !stands.contains(&Stands::Tenant))
            || self.query.values().any(|stands| stands.contains(&Stands::Id))
    }

    /// Whether it may say itself whose record it changes: the record is looked at before, or is named by whose it is alone.
    pub(crate) fn word_counts(&self) -> bool {
        self.names_a_record() || self.only_whose
    }

    /// Whether this and the other one answer to the same requests.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.method == other.method && self.same_path_as(other)
    }

    /// Whether this and the other one have the same paths.
    pub(crate) fn same_path_as(&self, other: &Self) -> bool {
        let alike = |one: &Part, other: &Part| match (one, other) {
            (Part::Parameter(_), Part::Parameter(_)) => true,
            (one, other) => one == other,
        };
        self.path.len() == other.path.len() && self.path.iter().zip(&other.path).all(|(one, other)| alike(one, other))
    }
}

fn parts(path: &str) -> Result<Vec<Part>, String> {
    let Some(rest) = path.strip_prefix('/') else { return Err(format!("the path `{path}` does not begin with `/`")) };
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    rest.split('/')
        .map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if !name.is_empty() && !name.contains(['{', '}']) => Ok(Part::Parameter(name.to_owned())),
            None if !segment.is_empty() && !segment.contains(['{', '}', '%']) => Ok(Part::Literal(segment.to_owned())),
            _ => Err(format!("`{segment}` in the path `{path}` is neither a text nor one parameter")),
        })
        .collect()
}

/// Headers of a vendor that may be passed on. None of them says who asks, what is done, or where.
pub(crate) const PASSABLE: [&str; 4] = ["accept-language", "idempotency-key", "if-match", "prefer"];

#[cfg(test)]
mod tests;
