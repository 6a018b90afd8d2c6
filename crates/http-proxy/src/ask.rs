//! What a request asks of its operation: the arguments that will leave, and what is known of the call under a contract.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use front::KnownVendor;
use http::{HeaderMap, header};
use json::{Document, Kind};
use model::{Blame, ContractFacts, Fault};
use openapi::{Asking, Stands, Unclear, refused, sent_state};

use crate::arguments::{Arguments, IF_MATCH};
use crate::operation::{Operation, PASSABLE};
use crate::target::Target;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) arguments: Arguments,
    pub(crate) facts: ContractFacts,
}

impl Ask {
    /// Reads a request. Error: it asks what the operation does not name (blame `Caller`).
    pub(crate) fn read(
        operation: &Operation,
        in_path: BTreeMap<String, String>,
        target: Target,
        headers: &HeaderMap,
        body: Bytes,
        who: &KnownVendor,
    ) -> Result<Self, Fault> {
        let body = json_body(operation, headers, body)?;
        let headers = passed_on(operation, headers)?;
        let arguments = Arguments { path: in_path, query: target.query, headers, body };
        Self::of(operation, arguments, who.unknown_call())
    }

    /// Takes what the body says of these fields of the record that is made of it among the facts. Where the path names a record, that
    /// one is looked at, and says how it stands. Gives which of them the body does not say clearly.
    pub(crate) fn takes_sent_state(&mut self, operation: &Operation, fields: &[Arc<str>]) -> Unclear {
        if operation.does != model::Operation::Create || operation.names_a_record() {
            return Unclear::default();
        }
        let Some(Ok(document)) = self.arguments.body.as_deref().map(Document::parse) else { return Unclear::default() };
        let (state, unclear) = sent_state(&[("", document.root())], fields);
        self.facts.state.extend(state);
        unclear
    }

    fn of(operation: &Operation, arguments: Arguments, unknown: ContractFacts) -> Result<Self, Fault> {
        let (arguments, asking) = asking(operation, arguments)?;
        arguments.read_back().map_err(unreadable)?;
        let (does, entity) = (operation.does, operation.entity.clone());
        Ok(Self { arguments, facts: asking.facts(does, entity, operation.word_counts(), unknown)? })
    }
}

/// Reads arguments, however they came, and bounds a page that they do not bound. Error: they ask what the operation does not name
/// (blame `Caller`).
pub(crate) fn asking(operation: &Operation, mut arguments: Arguments) -> Result<(Arguments, Asking), Fault> {
    let mut asking = Asking::default();
    let page_max = operation.page_max;
    for (name, value) in &arguments.query {
        let stands = operation.query.get(name).ok_or_else(|| {
            refused(format!("`{}` has no parameter `{name}`", operation.name))
                .hint("leave it away, or have the app's mapping name it")
        })?;
        stands.iter().try_for_each(|stands| asking.parameter(name, stands, value, page_max))?;
    }
    for (name, value) in &arguments.path {
        let stands = operation.in_path.get(name).into_iter().flatten();
        stands.into_iter().try_for_each(|stands| asking.parameter(name, stands, value, page_max))?;
    }
    if let Some(body) = &arguments.body {
        in_body(operation, body, &mut asking)?;
    }
    // A page is bounded by what is asked, not by what the app would give unasked.
    if let (None, Some(most)) = (asking.records(), page_max)
        && let Some((name, _)) = operation.query.iter().find(|(_, stands)| stands.contains(&Stands::Page))
    {
        arguments.query.insert(name.clone(), most.to_string());
        asking.bounded(most);
    }
    Ok((arguments, asking))
}

/// What a body sends, and whose record it says that this is.
fn in_body(operation: &Operation, body: &[u8], asking: &mut Asking) -> Result<(), Fault> {
    let document = Document::parse(body).map_err(unreadable)?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(refused("the body is not an object"));
    }
    asking.sends(root, "")?;
    asking.sends_only(&operation.body, operation.name.as_str())?;
    operation.whose_in_body.iter().try_for_each(|tenant| asking.becomes(root, "", tenant))
}

fn unreadable(error: json::JsonError) -> Fault {
    Fault::new(Blame::Caller, "caller.body", format!("the body cannot be read: {error}"))
}

/// The body, where the operation takes one.
fn json_body(operation: &Operation, headers: &HeaderMap, body: Bytes) -> Result<Option<Bytes>, Fault> {
    if body.is_empty() {
        return Ok(None);
    }
    if operation.body.is_empty() {
        return Err(refused(format!("`{}` takes no body", operation.name)));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let parameters = parameters.trim();
    let utf8 = parameters.is_empty() || parameters.eq_ignore_ascii_case("charset=utf-8");
    if !kind.trim().eq_ignore_ascii_case("application/json") || !utf8 || headers.contains_key(header::CONTENT_ENCODING)
    {
        let fault = Fault::new(Blame::Caller, "caller.content_type", "the body is not plain `application/json`");
        return Err(fault.hint("send JSON in UTF-8, not compressed"));
    }
    Ok(Some(body))
}

/// The headers that go on. One that would change what is asked is refused rather than dropped, and so is what a change depends on.
fn passed_on(operation: &Operation, headers: &HeaderMap) -> Result<BTreeMap<String, String>, Fault> {
    for name in OVERRIDES {
        if headers.contains_key(name) {
            return Err(refused(format!("the header `{name}` would make another request of this one")));
        }
    }
    let changes = !operation.does.only_reads();
    // What a change is good for is compared with what is looked at, whether or not the mapping passes it on.
    let compared = (changes && operation.names_a_record()).then_some(IF_MATCH);
    let named = || operation.headers.iter().map(String::as_str).chain(compared);
    if let Some(name) = CONDITIONS.iter().find(|name| headers.contains_key(**name) && !named().any(|one| one == **name))
        && changes
    {
        return Err(refused(format!(
            "`{}` does not pass on the header `{name}`, on which this depends",
            operation.name
        ))
        .hint(if PASSABLE.contains(name) {
            "leave it away, or have the app's mapping name it"
        } else {
            "leave it away: no mapping can pass it on"
        }));
    }
    let mut passed = BTreeMap::new();
    for name in named() {
        let mut all = headers.get_all(name).iter();
        let Some(value) = all.next() else { continue };
        let text = value.to_str().ok().filter(|_| all.next().is_none());
        let text = text.ok_or_else(|| refused(format!("the header `{name}` occurs twice or is no plain text")))?;
        passed.insert(name.to_owned(), text.to_owned());
    }
    Ok(passed)
}

/// Headers by which a change is done only where they hold, or once.
const CONDITIONS: [&str; 4] = [IF_MATCH, "if-none-match", "if-unmodified-since", "idempotency-key"];

/// Headers by which some servers take another method or path than those of the request line.
const OVERRIDES: [&str; 9] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-override-url",
];

#[cfg(test)]
mod tests;
