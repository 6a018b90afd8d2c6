//! What an app's operations are, as its mapping says.

use std::collections::BTreeMap;

use model::{Class, Operation};
use serde::Deserialize;

/// The operations of one app and what they deal with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The version of this form.
    pub api: u32,
    /// Where the app is.
    pub base: String,
    /// Kinds of records by name.
    #[serde(default)]
    pub entities: BTreeMap<String, Entity>,
    /// Operations by name.
    pub operations: BTreeMap<String, Mapped>,
}

/// A kind of record.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// The field that names a record.
    pub id: Option<String>,
    /// The field that says whose it is.
    pub tenant: Option<String>,
    /// The field that says how it stands.
    pub state: Option<String>,
    /// Its fields.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// One operation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapped {
    /// The method: `GET`.
    pub method: String,
    /// The path below the base: `/candidates/{id}`.
    pub path: String,
    /// Its class.
    pub class: Class,
    /// What is done.
    pub does: Operation,
    /// With which kind of record.
    pub entity: Option<String>,
    /// The parameter that names the record: `path.id`.
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
    /// The parameter that names whose records are asked for.
    pub tenant: Option<String>,
    /// Parameters that select fields.
    #[serde(default)]
    pub selects: Vec<String>,
    /// Parameters that sort by fields.
    #[serde(default)]
    pub sorts: Vec<String>,
    /// Parameters that filter by a field.
    #[serde(default)]
    pub filters: BTreeMap<String, String>,
    /// Parameters that ask for more of a record.
    #[serde(default)]
    pub expands: Vec<String>,
    /// Parameters that are passed on as they are.
    #[serde(default)]
    pub passes: Vec<String>,
    /// Fields that a request's body may have; none: no body.
    #[serde(default)]
    pub body: Vec<String>,
    /// How the answer is written: `json`, `lines`, `csv`.
    pub form: Option<String>,
}
