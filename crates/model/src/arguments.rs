//! What rules may look at of a call's arguments, and which of it they do look at.
//!
//! A profile says what an argument stands for: `{ path: path }`. Rules speak of the role, whatever a server calls the
//! argument; of one that has no role they speak by its name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What rules may look at of a call's arguments: only what some rule for the app reads stands here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ArgumentFacts {
    /// Values by role (`repo`, `account`, `path`, `recipient`, `command`), normalised, in the order they came. A role that
    /// is given but has no value here is [unclear](Self::unclear).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Scalars by dotted name (`to`, `options.force`). A list gives all of its scalars.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<Arc<str>, Vec<Scalar>>,
    /// Bytes of the arguments as they came.
    #[serde(default)]
    pub bytes: u64,
    /// True where nothing is asked yet, but whether to list a tool, or where only the answer to a call is asked for: the arguments
    /// could be anything. What a rule tests of them then neither keeps a permit from matching nor makes a refusal match. Of how many
    /// bytes they are is known where there are any.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// Where something was there that could not be read: a role (a command that is not plain words, a path with `~` or
    /// variables), or `argument` and a dotted name (`argument options`, where an object or too much stands).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unclear: BTreeSet<Arc<str>>,
}

/// One value of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A number without a fraction.
    Whole(i64),
    /// Any other number, written without exponent and without zeros that say nothing: `-0.25`.
    Decimal(String),
    /// A text.
    Text(Arc<str>),
}

/// What the rules for one app look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgumentReads {
    /// Roles.
    #[serde(default)]
    pub roles: BTreeSet<Arc<str>>,
    /// Arguments by dotted name.
    #[serde(default)]
    pub values: BTreeSet<Arc<str>>,
}

/// How much of a call's arguments its record keeps, for people to see. What rules looked at is kept in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArgumentLevel {
    /// Nothing is shown.
    None,
    /// Their digest.
    Digest,
    /// Their shape: keys, types and lengths, and the values of what names a resource.
    #[default]
    Redacted,
    /// Every byte.
    Full,
}

/// The port through which arguments are read once it is known what the rules look at.
pub trait ReadArguments: Send + Sync {
    /// What these rules look at. Total: what cannot be read is unclear. `arguments` is the argument object as it came.
    fn read(&self, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts;

    /// The description of the app by which they are read; none where there is none. Rules that know the app by another one look for
    /// what this does not read.
    fn described_by(&self) -> Option<Digest> {
        None
    }

    /// The arguments as [`ArgumentLevel::Redacted`] shows them, as JSON. None: they cannot be read.
    fn redacted(&self, arguments: &[u8]) -> Option<String> {
        let _nothing = arguments;
        None
    }
}

impl ArgumentReads {
    /// Whether this looks at all that the other one looks at.
    pub fn covers(&self, other: &Self) -> bool {
        other.roles.is_subset(&self.roles) && other.values.is_subset(&self.values)
    }
}

impl ArgumentLevel {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Digest => "digest",
            Self::Redacted => "redacted",
            Self::Full => "full",
        }
    }
}

impl ArgumentFacts {
    /// Of a call whose arguments no rule looks at. Nothing is allocated.
    pub fn unread() -> Arc<Self> {
        Arc::clone(&UNREAD)
    }

    /// Of arguments so long that nobody can read: whatever rules look at of them is in doubt.
    pub fn all_unclear(bytes: u64, reads: &ArgumentReads) -> Self {
        let values = reads.values.iter().map(|name| Self::unclear_argument(name));
        Self { bytes, unclear: reads.roles.iter().cloned().chain(values).collect(), ..Self::default() }
    }

    /// Of what is listed, and not asked yet.
    pub fn open() -> Arc<Self> {
        Arc::clone(&OPEN)
    }

    /// Whether nothing stands here.
    pub fn is_unread(&self) -> bool {
        !self.open && self.bytes == 0 && self.roles.is_empty() && self.values.is_empty() && self.unclear.is_empty()
    }

    /// The word of [`unclear`](Self::unclear) for an argument by name.
    pub fn unclear_argument(name: &str) -> Arc<str> {
        Arc::from(format!("argument {name}"))
    }
}

static UNREAD: LazyLock<Arc<ArgumentFacts>> = LazyLock::new(Arc::default);
static OPEN: LazyLock<Arc<ArgumentFacts>> =
    LazyLock::new(|| Arc::new(ArgumentFacts { open: true, ..ArgumentFacts::default() }));
