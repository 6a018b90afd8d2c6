//! What a request asks of its operation: the arguments that will leave, and what is known of the call under a contract.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use front::KnownVendor;
use http::{HeaderMap, header};
use json::{Document, Kind, Value};
use model::{Blame, ContractFacts, Fault, Operation as Does, Scalar, Shown, Standing};

use crate::arguments::Arguments;
use crate::operation::{Operation, Stands};
use crate::target::Target;
use openapi::Entity;

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
        let mut arguments = Arguments { path: in_path, query: target.query, headers, body };
        let mut reading = Reading::default();
        for (name, value) in &arguments.query {
            let stands = operation.query.get(name).ok_or_else(|| {
                refused(format!("`{}` has no parameter `{name}`", operation.name))
                    .hint("leave it away, or have the app's mapping name it")
            })?;
            stands.iter().try_for_each(|stands| reading.parameter(operation, name, stands, value))?;
        }
        for (name, value) in &arguments.path {
            let stands = operation.in_path.get(name).into_iter().flatten();
            stands.into_iter().try_for_each(|stands| reading.parameter(operation, name, stands, value))?;
        }
        if let Some(body) = &arguments.body {
            reading.body(operation, body)?;
        }
        // A page is bounded by what is asked, not by what the app would give unasked.
        if let (None, Some(most)) = (reading.records, operation.page_max)
            && let Some((name, _)) = operation.query.iter().find(|(_, stands)| stands.contains(&Stands::Page))
        {
            arguments.query.insert(name.clone(), most.to_string());
            reading.records = Some(most);
        }
        if operation.does != Does::List {
            reading.records = Some(1);
        }
        Ok(Self { arguments, facts: reading.facts(operation, who) })
    }
}

/// What is found of a request that rules look at.
#[derive(Default)]
struct Reading {
    tenant: Option<Arc<str>>,
    asks: BTreeSet<Arc<str>>,
    sends: BTreeSet<Arc<str>>,
    records: Option<u64>,
}

impl Reading {
    fn parameter(&mut self, operation: &Operation, name: &str, stands: &Stands, value: &str) -> Result<(), Fault> {
        match stands {
            Stands::Passes | Stands::Id => {}
            Stands::Tenant => self.whose(value)?,
            Stands::Page => {
                let digits = value.len() <= 9 && value.bytes().all(|byte| byte.is_ascii_digit());
                let asked: u64 = value
                    .parse()
                    .ok()
                    .filter(|_| digits)
                    .ok_or_else(|| refused(format!("the parameter `{name}` is no number of records")))?;
                let most = operation.page_max.unwrap_or(u64::MAX);
                if asked > most {
                    let said = format!("`{name}` asks for {asked} records, and {most} is the most at a time");
                    return Err(refused(said).hint("ask for less, and page by page"));
                }
                self.records = Some(asked);
            }
            Stands::Selects | Stands::Expands | Stands::Sorts => {
                for one in value.split(',') {
                    self.asks.insert(field(name, one, stands)?);
                }
            }
            Stands::Filters(field) => drop(self.asks.insert(Arc::clone(field))),
        }
        Ok(())
    }

    /// Two words on whose records are asked for must be one.
    fn whose(&mut self, value: &str) -> Result<(), Fault> {
        match &self.tenant {
            Some(known) if **known != *value => Err(refused("it asks for the records of two tenants at once")),
            _ => {
                self.tenant = Some(Arc::from(value));
                Ok(())
            }
        }
    }

    fn body(&mut self, operation: &Operation, body: &[u8]) -> Result<(), Fault> {
        let document = Document::parse(body)
            .map_err(|error| Fault::new(Blame::Caller, "caller.body", format!("the body cannot be read: {error}")))?;
        let root = document.root();
        if root.kind() != Kind::Object {
            return Err(refused("the body is not an object"));
        }
        leaves(root, "", &mut self.sends)?;
        let named = |path: &Arc<str>| {
            operation.body.iter().any(|allowed| match path.strip_prefix(&**allowed) {
                Some(rest) => rest.is_empty() || rest.starts_with('.') || rest.starts_with('['),
                None => false,
            })
        };
        if let Some(other) = self.sends.iter().find(|path| !named(path)) {
            return Err(refused(format!("`{}` takes no field `{other}`", operation.name))
                .hint("leave it away, or have the app's mapping name it"));
        }
        if let Some(tenant) = operation.tenant_in_body.as_deref().and_then(|field| root.get(field)) {
            let tenant =
                tenant.as_str().ok_or_else(|| refused("the body does not say in a text whose record it is"))?;
            self.whose(&tenant)?;
        }
        Ok(())
    }

    fn facts(self, operation: &Operation, who: &KnownVendor) -> ContractFacts {
        let tenant = match (self.tenant, operation.does) {
            (Some(tenant), _) => Shown::Known(vec![tenant]),
            // Of what is made, nothing else will say whose it is.
            (None, Does::Create) => Shown::Known(Vec::new()),
            (None, _) => Shown::Open,
        };
        ContractFacts {
            contract: who.contract.clone(),
            vendor: who.vendor.clone(),
            standing: Standing::Unknown,
            digest: None,
            purpose: who.purpose.clone(),
            tenant,
            entity: operation.entity.clone(),
            operation: Some(operation.does),
            state: BTreeMap::new(),
            asks: self.asks.into_iter().collect(),
            sends: self.sends.into_iter().collect(),
            records: self.records,
            spent: Vec::new(),
        }
    }
}

/// What a record says of itself, as far as a contract may ask.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SaysOfItself {
    /// Whose it is.
    pub(crate) tenant: Vec<Arc<str>>,
    /// How it stands, by the field that says so.
    pub(crate) state: Option<(Arc<str>, Scalar)>,
}

/// What a record that was looked up says of itself. None: not whose it is.
pub(crate) fn shown_by(record: &[u8], rows: Option<&str>, entity: &Entity) -> Option<SaysOfItself> {
    let document = Document::parse(record).ok()?;
    let mut value = document.root();
    for name in rows.unwrap_or("$").strip_prefix('$')?.split('.').filter(|name| !name.is_empty()) {
        value = value.get(name)?;
    }
    let at = |path: &str| path.split('.').try_fold(value, |value, name| value.get(name));
    let tenant = match &entity.tenant {
        Some(path) => vec![text_of(at(path)?)?],
        None => Vec::new(),
    };
    let state = entity.state.as_deref().and_then(|path| Some((Arc::from(path), scalar_of(at(path)?)?)));
    Some(SaysOfItself { tenant, state })
}

fn text_of(value: Value<'_, '_>) -> Option<Arc<str>> {
    match value.kind() {
        Kind::String => value.as_str().map(|text| Arc::from(&*text)),
        Kind::Number => std::str::from_utf8(value.raw()).ok().map(Arc::from),
        _ => None,
    }
}

fn scalar_of(value: Value<'_, '_>) -> Option<Scalar> {
    match value.kind() {
        Kind::String => value.as_str().map(|text| Scalar::Text(Arc::from(&*text))),
        Kind::Bool => value.as_bool().map(Scalar::Bool),
        Kind::Number => match value.as_i64() {
            Some(whole) => Some(Scalar::Whole(whole)),
            None => std::str::from_utf8(value.raw()).ok().map(|text| Scalar::Decimal(text.to_owned())),
        },
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

/// The dotted names of all values in which nothing else is. Recursion is bounded by the depth a document may have.
fn leaves(value: Value<'_, '_>, at: &str, found: &mut BTreeSet<Arc<str>>) -> Result<(), Fault> {
    match value.kind() {
        Kind::Object if !value.is_empty() => {
            for (key, member) in value.entries() {
                if key.is_empty() || key.contains(['.', '[', ']']) || key.chars().any(char::is_control) {
                    return Err(refused("the body has a field whose name is no plain name"));
                }
                let path = if at.is_empty() { key.to_string() } else { format!("{at}.{key}") };
                leaves(member, &path, found)?;
            }
        }
        Kind::Array if !value.is_empty() => {
            let path = format!("{at}[]");
            value.items().try_for_each(|item| leaves(item, &path, found))?;
        }
        _ if at.is_empty() => {}
        _ => drop(found.insert(Arc::from(at))),
    }
    if found.len() > FIELDS_MAX {
        return Err(refused("the body has too many fields"));
    }
    Ok(())
}

/// A field by its name, as a parameter may write it: `-salary`, `salary:desc`, `employment.salary`.
fn field(parameter: &str, written: &str, stands: &Stands) -> Result<Arc<str>, Fault> {
    let mut name = written.trim();
    if *stands == Stands::Sorts {
        name = name.trim_start_matches(['-', '+']);
        name = [":asc", ":desc", " asc", " desc"].iter().find_map(|tail| name.strip_suffix(tail)).unwrap_or(name);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(refused(format!("the parameter `{parameter}` does not hold plain names of fields")));
    }
    Ok(Arc::from(name))
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

/// The headers that go on. One that would change what is asked is refused rather than dropped.
fn passed_on(operation: &Operation, headers: &HeaderMap) -> Result<BTreeMap<String, String>, Fault> {
    for name in OVERRIDES {
        if headers.contains_key(name) {
            return Err(refused(format!("the header `{name}` would make another request of this one")));
        }
    }
    let mut passed = BTreeMap::new();
    for name in &operation.headers {
        let mut all = headers.get_all(name.as_str()).iter();
        let Some(value) = all.next() else { continue };
        let text = value.to_str().ok().filter(|_| all.next().is_none());
        let text = text.ok_or_else(|| refused(format!("the header `{name}` occurs twice or is no plain text")))?;
        passed.insert(name.clone(), text.to_owned());
    }
    Ok(passed)
}

pub(crate) fn refused(said: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Blame::Caller, "caller.request", said)
}

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
const FIELDS_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
