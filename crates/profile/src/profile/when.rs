//! What some arguments say about a call: a class of its own, and what it costs.

use std::fmt;
use std::sync::Arc;

use model::{Class, CostClass};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::statement::Statement;

/// A class for some arguments only.
#[derive(Debug, Clone)]
pub(super) struct When {
    pub(super) argument: String,
    is: Is,
    pub(super) class: Class,
    pub(super) cost: Option<CostClass>,
    pub(super) why: Arc<str>,
}

/// What an argument has to be.
#[derive(Debug, Clone)]
enum Is {
    OneOf(Vec<Scalar>),
    Statement(Statement),
}

/// A value an argument is compared with: exactly, kind included.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scalar {
    Bool(bool),
    Whole(i64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWhen {
    argument: String,
    equals: Option<Scalar>,
    one_of: Option<Vec<Scalar>>,
    statement: Option<Statement>,
    cost: Option<CostClass>,
    class: Class,
    why: Option<String>,
}

// === impl When ===

impl When {
    pub(super) fn check(raw: RawWhen, why: &Arc<str>) -> Result<Self, String> {
        let is = match (raw.equals, raw.one_of, raw.statement) {
            (Some(one), None, None) => Is::OneOf(vec![one]),
            (None, Some(several), None) if !several.is_empty() => Is::OneOf(several),
            (None, None, Some(statement)) => Is::Statement(statement),
            _ => {
                let argument = raw.argument;
                return Err(format!("`when` for `{argument}` takes either `equals`, a filled `one_of` or `statement`"));
            }
        };
        let why = raw.why.map_or_else(|| Arc::clone(why), Arc::from);
        Ok(Self { argument: raw.argument, is, class: raw.class, cost: raw.cost, why })
    }

    pub(super) fn matches(&self, arguments: json::Value<'_, '_>) -> bool {
        arguments.get(&self.argument).is_some_and(|value| match &self.is {
            Is::OneOf(values) => values.iter().any(|scalar| scalar.equals(value)),
            Is::Statement(statement) => value.as_str().is_some_and(|text| statement.is(&text)),
        })
    }
}

// === impl Scalar ===

impl Scalar {
    fn equals(&self, value: json::Value<'_, '_>) -> bool {
        match self {
            Self::Bool(wanted) => value.as_bool() == Some(*wanted),
            Self::Whole(wanted) => value.as_i64() == Some(*wanted),
            Self::Text(wanted) => value.as_str().is_some_and(|text| text == *wanted),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyScalar;
        impl Visitor<'_> for AnyScalar {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, an integer or a text")
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Bool(value))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar::Whole(value))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
                i64::try_from(value).map(Scalar::Whole).map_err(|_| E::custom("this integer is too large"))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(value.to_owned()))
            }
        }
        from.deserialize_any(AnyScalar)
    }
}
