//! What an app's operations are, as a person confirmed it. Read by hand and written by `countersign apps import`.

use std::collections::BTreeMap;
use std::fmt;

use model::{Class, Operation};
use serde::Serialize;

use crate::reader;

/// The operations of one app and what they deal with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The version of this form: 1.
    pub api: u32,
    /// Where the app is: scheme, host and the path in front of every operation's.
    pub base: String,
    /// Kinds of records by name.
    pub entities: BTreeMap<String, Entity>,
    /// Operations by name.
    pub operations: BTreeMap<String, Mapped>,
    /// Tools by name, of an app that speaks MCP. Their parameters are names of arguments; method and path are empty.
    pub tools: BTreeMap<String, Mapped>,
}

/// A kind of record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// The field that names a record.
    pub id: Option<String>,
    /// The field that says whose it is.
    pub tenant: Option<String>,
    /// The field that says how it stands.
    pub state: Option<String>,
    /// Its fields, by dotted name.
    pub fields: Vec<String>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The method: `GET`.
    pub method: String,
    /// The path below the base: `/candidates/{id}`.
    pub path: String,
    /// What it can do at its worst.
    pub class: Class,
    /// What is done.
    pub does: Operation,
    /// With which kind of record; none: with none that the mapping knows, so no contract permits it.
    pub entity: Option<String>,
    /// The parameter that names the record: `path.id`. Of a record that is made, a field that is sent: `body.id`.
    pub id: Option<String>,
    /// Where the records stand in the answer: `$`, `$.data[*]`.
    pub rows: Option<String>,
    /// Where their number stands.
    pub total: Option<String>,
    /// Where the next page is named.
    pub cursor: Option<String>,
    /// The parameter that bounds a page.
    pub page: Option<String>,
    /// The largest page.
    pub page_max: Option<u64>,
    /// The parameter that names whose records are asked for: `query.client_id`; or the field that says it of a record that is sent:
    /// `body.client_id`.
    pub tenant: Option<String>,
    /// Parameters that select fields.
    pub selects: Vec<String>,
    /// Parameters that sort by fields.
    pub sorts: Vec<String>,
    /// Parameters that filter by a field.
    pub filters: BTreeMap<String, String>,
    /// Parameters that ask for more of a record.
    pub expands: Vec<String>,
    /// Parameters that are passed on as they are. One that is named nowhere is refused.
    pub passes: Vec<String>,
    /// Fields that a request's body may have; none: no body.
    pub body: Vec<String>,
    /// How the answer is written: `json`, `lines`, `csv`; none: `json`.
    pub form: Option<String>,
}

/// What is wrong in a mapping, and where. Blame: whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct MappingError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong, lower case, no full stop.
    pub said: String,
    /// The way out.
    pub hint: Option<String>,
}

// === impl Mapping ===

impl Mapping {
    /// Reads a mapping. Error: all that is wrong in it.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<MappingError>> {
        reader::read(file, text)
    }

    /// The operation or tool that looks up the record that this one changes: it reads one record by what names it and by nothing
    /// else, and both name it in the same way. Operations do where the path of the change is that of the look as far as it names the
    /// record (`/candidates/{id}` of `/candidates/{id}/close`), tools where their arguments have one name.
    pub fn looks_up(&self, change: &Mapped) -> Option<&str> {
        change.entity.as_ref().filter(|_| !change.does.only_reads())?;
        let to_record = change.to_record()?;
        let looks = |mapped: &Mapped| {
            mapped.does == Operation::Read
                && mapped.entity == change.entity
                && mapped.to_record().as_ref() == Some(&to_record)
                && mapped.names_nothing_else()
        };
        let all = self.operations.iter().chain(&self.tools).filter(|(_, mapped)| looks(mapped));
        // Of one that says where the record stands in its result nobody has to guess.
        all.min_by_key(|(_, mapped)| mapped.rows.is_none()).map(|(name, _)| name.as_str())
    }

    /// Operations and tools that change a record which nobody can look at before, so that no contract lets them out: nothing looks it
    /// up, or it does not say which one it is.
    pub fn unseen(&self) -> impl Iterator<Item = &str> {
        let names_itself = |mapped: &Mapped| {
            let entity = mapped.entity.as_ref().and_then(|entity| self.entities.get(entity));
            entity.is_some_and(|entity| entity.id.is_some())
        };
        let changes = |mapped: &Mapped| {
            !mapped.does.only_reads()
                && mapped.does != Operation::Create
                && mapped.entity.is_some()
                && mapped.id.is_some()
        };
        let all = self.operations.iter().chain(&self.tools).filter(move |(_, mapped)| changes(mapped));
        all.filter(move |(_, mapped)| self.looks_up(mapped).is_none() || !names_itself(mapped))
            .map(|(name, _)| name.as_str())
    }
}

// === impl Mapped ===

impl Mapped {
    /// What leads to the record that it names: the name of a tool's argument, the segments of an operation's path up to the one that
    /// names it, whatever parameters are called there.
    fn to_record(&self) -> Option<Vec<&str>> {
        let id = self.id.as_deref()?;
        if self.path.is_empty() {
            return Some(vec![id]);
        }
        let id = id.strip_prefix("path.")?;
        let segments: Vec<&str> = self.path.split('/').collect();
        let last = segments.iter().position(|segment| names(segment).any(|name| name == id))?;
        let to_it = segments.into_iter().take(last + 1);
        Some(to_it.map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect())
    }

    /// Whether its path ends with what names the record, and names nothing before it.
    fn names_nothing_else(&self) -> bool {
        self.path.is_empty() || (self.path.ends_with('}') && names(&self.path).count() == 1)
    }
}

// === impl MappingError ===

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.said)
    }
}

/// The parameters of a path.
pub(crate) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

#[cfg(test)]
mod tests;
