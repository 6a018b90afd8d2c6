//! What leaves and bodies say that somebody may ask for.

use std::borrow::Cow;

use serde::Deserialize;

use crate::question::{Field, NO, YES};
use crate::record::RecordKind;

/// The words of a leaf. What else a leaf says is passed over: a question about it is not asked.
#[derive(Deserialize)]
struct LeafSaid<'l> {
    kind: RecordKind,
    #[serde(borrow, default)]
    bundle: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    code: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    effect: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    method: Option<Cow<'l, str>>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(borrow, default)]
    status: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    what: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    would: Option<Cow<'l, str>>,
}

/// What a body says of those fields that stand in no leaf.
#[derive(Default, Deserialize)]
pub(crate) struct BodySaid<'b> {
    #[serde(borrow, default)]
    pub(crate) task: Option<Cow<'b, str>>,
    #[serde(borrow, default)]
    pub(crate) by: Option<Cow<'b, str>>,
    #[serde(borrow, default)]
    pub(crate) subject: Option<Cow<'b, str>>,
}

/// What a leaf says that is neither in a column nor of its record alone. All leaves of one template say the same, so a store
/// may look at one of them; empty where a leaf cannot be read.
pub fn facets_of(leaf: &str) -> Vec<(Field, String)> {
    let Ok(said) = serde_json::from_str::<LeafSaid<'_>>(leaf) else { return Vec::new() };
    let observed =
        (said.kind == RecordKind::Intent).then(|| Cow::Borrowed(if said.would.is_some() { YES } else { NO }));
    let one = [
        (Field::Bundle, said.bundle),
        (Field::Code, said.code),
        (Field::Effect, said.effect),
        (Field::Method, said.method),
        (Field::Observed, observed),
        (Field::Status, said.status),
        (Field::What, said.what),
        (Field::Would, said.would),
    ];
    let one = one.into_iter().filter_map(|(field, value)| Some((field, value?.into_owned())));
    one.chain(said.rules.into_iter().map(|rule| (Field::Rule, rule))).collect()
}

// === impl BodySaid ===

impl<'b> BodySaid<'b> {
    /// Of an erased body nothing is left.
    pub(crate) fn of(body: Option<&'b str>) -> Self {
        body.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
