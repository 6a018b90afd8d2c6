//! The file as it is written. Unknown and duplicate keys are refused by the parser.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use model::{ArgumentLevel, DataClassification, Risk};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub listen: Option<Spanned<String>>,
    pub public_url: Option<Spanned<String>>,
    pub allowed_origins: Option<Vec<String>>,
    pub data: Option<String>,
    pub trace: Option<RawTrace>,
    #[serde(default)]
    pub exports: Named<RawExport>,
    #[serde(default)]
    pub notify: Named<RawChannel>,
    pub connect: Option<RawConnect>,
    pub console: Option<RawConsole>,
    pub door: Option<RawDoor>,
    pub limits: Option<RawLimits>,
    pub holds: Option<RawHolds>,
    pub packs: Option<Vec<Spanned<String>>>,
    pub rules: Option<Vec<Spanned<String>>>,
    pub contracts: Option<Vec<Spanned<String>>>,
    pub contract_notices: Option<Vec<Spanned<String>>>,
    pub observe: Option<bool>,
    #[serde(default)]
    pub people: Named<RawHuman>,
    #[serde(default)]
    pub agents: Named<RawAgent>,
    #[serde(default)]
    pub vendors: Named<RawVendor>,
    #[serde(default)]
    pub apps: Named<RawApp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrace {
    pub store: Option<Spanned<String>>,
    pub log: Option<Spanned<String>>,
    pub password: Option<Spanned<String>>,
    pub checkpoint_copy: Option<String>,
    pub keep_bodies: Option<Spanned<String>>,
    #[serde(default)]
    pub publish: bool,
    #[serde(default)]
    pub witnesses: Vec<RawWitness>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWitness {
    pub url: Spanned<String>,
    pub key: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExport {
    pub kind: Spanned<String>,
    pub file: Option<Spanned<String>>,
    pub url: Option<Spanned<String>>,
    pub address: Option<Spanned<String>>,
    pub headers: Option<BTreeMap<String, Spanned<String>>>,
    pub metrics: Option<Spanned<bool>>,
    pub bytes_max: Option<Spanned<u64>>,
    pub kept: Option<Spanned<u32>>,
    pub only: Option<Spanned<String>>,
}

/// Where people are told that a call waits for them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChannel {
    pub kind: Spanned<String>,
    pub url: Spanned<String>,
    pub headers: Option<BTreeMap<String, Spanned<String>>>,
    pub from: Option<Spanned<String>>,
    #[serde(default)]
    pub to: Vec<Spanned<String>>,
    pub user: Option<Spanned<String>>,
    pub password: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConnect {
    pub human: Spanned<String>,
    pub agent: Spanned<String>,
}

/// The pages for people.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConsole {
    pub listen: Option<Spanned<String>>,
    pub url: Option<Spanned<String>>,
    pub readers: Option<RawReaders>,
    pub oidc: Option<RawOidc>,
}

/// The organisation's identity provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOidc {
    pub name: Option<Spanned<String>>,
    pub issuer: Spanned<String>,
    pub client_id: Spanned<String>,
    pub client_secret: Option<Spanned<String>>,
    pub claim: Option<Spanned<String>>,
}

/// A listener with TLS for vendors.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDoor {
    pub listen: Spanned<String>,
    pub url: Option<Spanned<String>>,
    pub certificate: Spanned<String>,
    pub key: Spanned<String>,
}

/// Who sees everything there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReaders {
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub people: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub body_bytes_max: Option<Spanned<u64>>,
    pub answer_bytes_max: Option<Spanned<u64>>,
    pub call_seconds_max: Option<Spanned<u64>>,
    pub connect_seconds_max: Option<Spanned<u64>>,
    pub catalog_seconds_max: Option<Spanned<u64>>,
    pub calls_in_flight_max: Option<Spanned<u64>>,
}

/// How calls wait for people.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHolds {
    pub expire_after: Option<Spanned<String>>,
    pub wait: Option<Spanned<String>>,
    #[serde(default)]
    pub escalate: Vec<Spanned<RawEscalation>>,
    pub for_task: Option<Spanned<String>>,
    pub per_approver: Option<Spanned<String>>,
    pub emergency: Option<RawEmergency>,
}

/// Who may open an emergency, two of them together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEmergency {
    pub approvers: Vec<Spanned<String>>,
}

/// Who may approve, too, what nobody has decided in time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEscalation {
    pub after: Spanned<String>,
    pub to: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHuman {
    pub person: Option<Spanned<String>>,
    pub name: Option<String>,
    pub department: Option<String>,
    pub seniority: Option<String>,
    pub role: Option<String>,
    pub manager: Option<Spanned<String>>,
    pub oidc: Option<Spanned<String>>,
    pub active: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAgent {
    pub name: Option<String>,
    pub owner: Spanned<String>,
    pub model_tier: Option<String>,
    #[serde(default)]
    pub recommend_only: bool,
    pub active: Option<bool>,
}

/// A third party, and who answers for it here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVendor {
    pub name: Option<String>,
    pub responsible: Spanned<String>,
    pub active: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApp {
    pub name: Option<String>,
    pub api: Option<Spanned<String>>,
    pub tools: Option<Spanned<String>>,
    pub command: Option<Spanned<Vec<String>>>,
    pub env: Option<BTreeMap<String, Spanned<String>>>,
    pub directory: Option<String>,
    pub url: Option<Spanned<String>>,
    pub credential: Option<Spanned<String>>,
    pub credential_header: Option<Spanned<String>>,
    pub credential_prefix: Option<Spanned<String>>,
    pub credential_variable: Option<Spanned<String>>,
    pub credentials: Option<Spanned<Vec<RawCredential>>>,
    pub profile: Option<Spanned<String>>,
    pub stateless: Option<bool>,
    pub calls_in_flight_max: Option<Spanned<u64>>,
    pub risk: Option<Risk>,
    pub data: Option<DataClassification>,
    pub category: Option<String>,
    pub observe: Option<bool>,
    #[serde(default)]
    pub trace: RawAppTrace,
    #[serde(default)]
    pub owners: Vec<Spanned<String>>,
    #[serde(default)]
    pub access: RawAccess,
}

/// What the trace keeps of calls to an app.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAppTrace {
    #[serde(default)]
    pub arguments: ArgumentLevel,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCredential {
    pub from: Spanned<String>,
    pub variable: Option<Spanned<String>>,
    pub header: Option<Spanned<String>>,
    pub prefix: Option<Spanned<String>>,
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

/// A mapping by name, in the order of the file, each name with its place. The parser refuses a name that occurs twice.
#[derive(Debug)]
pub(super) struct Named<T>(pub Vec<(Spanned<String>, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping from names to entries")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key()? {
                    entries.push((name, map.next_value()?));
                }
                Ok(Named(entries))
            }

            fn visit_none<E>(self) -> Result<Named<T>, E> {
                Ok(Named::default())
            }

            fn visit_unit<E>(self) -> Result<Named<T>, E> {
                Ok(Named::default())
            }

            fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Named<T>, D::Error> {
                from.deserialize_map(self)
            }
        }

        from.deserialize_option(Entries(PhantomData))
    }
}
