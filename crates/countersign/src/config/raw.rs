//! The file as it is written. Unknown and duplicate keys are refused by the parser.

use std::collections::BTreeMap;

use model::{DataClassification, Risk};
use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub listen: Option<Spanned<String>>,
    pub public_url: Option<Spanned<String>>,
    pub allowed_origins: Option<Vec<String>>,
    pub data: Option<String>,
    pub connect: Option<RawConnect>,
    pub limits: Option<RawLimits>,
    pub rules: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub people: BTreeMap<Spanned<String>, RawHuman>,
    #[serde(default)]
    pub agents: BTreeMap<Spanned<String>, RawAgent>,
    #[serde(default)]
    pub apps: BTreeMap<Spanned<String>, RawApp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConnect {
    pub human: Spanned<String>,
    pub agent: Spanned<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub body_bytes_max: Option<usize>,
    pub answer_bytes_max: Option<usize>,
    pub call_seconds_max: Option<u64>,
    pub connect_seconds_max: Option<u64>,
    pub catalog_seconds_max: Option<u64>,
    pub calls_in_flight_max: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHuman {
    pub name: Option<String>,
    pub department: Option<String>,
    pub seniority: Option<String>,
    pub role: Option<String>,
    pub manager: Option<Spanned<String>>,
    pub active: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAgent {
    pub name: Option<String>,
    pub owner: Spanned<String>,
    pub active: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApp {
    pub name: Option<String>,
    pub command: Option<Spanned<Vec<String>>>,
    pub env: Option<BTreeMap<String, Spanned<String>>>,
    pub directory: Option<String>,
    pub url: Option<Spanned<String>>,
    pub credential: Option<Spanned<String>>,
    pub credential_header: Option<Spanned<String>>,
    pub credential_prefix: Option<String>,
    pub credential_variable: Option<Spanned<String>>,
    pub profile: Option<Spanned<String>>,
    pub risk: Option<Risk>,
    pub data: Option<DataClassification>,
    pub category: Option<String>,
    #[serde(default)]
    pub owners: Vec<Spanned<String>>,
    #[serde(default)]
    pub access: RawAccess,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAccess {
    #[serde(default)]
    pub people: Vec<Spanned<String>>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub departments: Vec<String>,
}
