//! What a decision may look at of a call that an agreement governs.
//!
//! A vendor acts under one contract. Who it is and which contract that is say the credential it came with, never a header;
//! what it asks for says the app's mapping. What nobody knows before the app answers (the status of a record that is asked by
//! id) is [`Shown::Open`]: neither true nor false until the data shows it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::arguments::Scalar;
use crate::digest::Digest;
use crate::id::{ClauseNumber, ContractId, IdError, RuleId, VendorId};

/// What is known of a call under a contract.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContractFacts {
    /// The agreement that the credential is bound to.
    pub contract: ContractId,
    /// The third party.
    pub vendor: VendorId,
    /// Whether the agreement is in force at all. Its term is judged by the time of the decision.
    pub standing: Standing,
    /// What was signed: the digest of the document, the contract and its rules; none where nobody signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What the credential is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Arc<str>>,
    /// Whose data is asked for.
    pub tenant: Shown<Vec<Arc<str>>>,
    /// The kind of record: `candidate`. None: what is asked for is of no kind that the app's mapping names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<Arc<str>>,
    /// What is done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What is known of the state of the records, by dotted name of the field. A field that is not here is open.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state: BTreeMap<Arc<str>, Shown<Scalar>>,
    /// Fields by which it filters and sorts, or that it selects or expands, by dotted name (`employment.salary`, `jobs[].salary`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Arc<str>>,
    /// Fields of the record that the request sends, by dotted name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sends: Vec<Arc<str>>,
    /// How many records the request can bring back at most; none where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Clauses whose limits on records or bytes are used up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<ClauseNumber>,
}

/// Something the data says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown<T> {
    /// It is known before the app is asked.
    Known(T),
    /// Only the data shows it.
    Open,
}

/// What is done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// One record is read.
    Read,
    /// Records are listed or searched.
    List,
    /// A record is made.
    Create,
    /// A record is changed.
    Update,
    /// A record is removed.
    Delete,
    /// Something else is done with it: it is sent, approved, closed.
    Act,
}

/// Whether an agreement is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Two people signed exactly this.
    Active,
    /// It is not signed by enough people.
    Unsigned,
    /// It is not what was signed any more.
    Changed,
    /// Its term has not begun.
    NotYet,
    /// Its term is over.
    Expired,
    /// Somebody suspended it.
    Suspended,
    /// Somebody ended it for good.
    Terminated,
    /// There is no such contract.
    Unknown,
}

/// One numbered term of one contract, written `acme-screening/3.2`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Clause {
    /// The contract.
    pub contract: ContractId,
    /// Its number in the document.
    pub number: ClauseNumber,
}

// === impl ContractFacts ===

impl ContractFacts {
    /// A call of which nothing is known but whose it is, under which agreement and for what. No contract permits it.
    pub fn unknown(contract: ContractId, vendor: VendorId, purpose: Option<Arc<str>>) -> Self {
        Self {
            contract,
            vendor,
            standing: Standing::Unknown,
            digest: None,
            purpose,
            tenant: Shown::Open,
            entity: None,
            operation: None,
            state: BTreeMap::new(),
            asks: Vec::new(),
            sends: Vec::new(),
            records: None,
            spent: Vec::new(),
        }
    }
}

// === impl Operation ===

impl Operation {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Read, Self::List, Self::Create, Self::Update, Self::Delete, Self::Act];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Act => "act",
        }
    }

    /// Whether it leaves the data as it is.
    pub const fn only_reads(self) -> bool {
        matches!(self, Self::Read | Self::List)
    }
}

// === impl Standing ===

impl Standing {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unsigned => "unsigned",
            Self::Changed => "changed",
            Self::NotYet => "not_yet",
            Self::Expired => "expired",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Clause ===

impl Clause {
    /// The id of the rule that a clause is.
    pub fn rule(&self) -> Result<RuleId, IdError> {
        RuleId::parse(&format!("{RULE_PREFIX}{self}"))
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.contract, self.number)
    }
}

impl FromStr for Clause {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (contract, number) = text.split_once('/').unwrap_or((text, ""));
        Ok(Self { contract: ContractId::parse(contract)?, number: ClauseNumber::parse(number)? })
    }
}

impl Serialize for Clause {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Clause {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How the id of every rule begins that a clause is. No rule file may use it.
pub const RULE_PREFIX: &str = "contract:";

#[cfg(test)]
mod tests;
