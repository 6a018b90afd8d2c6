//! What a call asks of records, as far as rules look at it: whose, by which fields, how many, and what it sends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use json::{Document, Kind, Value};
use model::{Blame, ContractFacts, Fault, Operation, Scalar, Shown};
use serde::Serialize;

use crate::mapping::{Entity, Mapped, names};
use crate::words::PATH_BYTES_MAX;

/// What a parameter stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Stands {
    /// The record.
    Id,
    /// Whose records.
    Tenant,
    /// How many records at most.
    Page,
    /// Fields that the answer shall have.
    Selects,
    /// Fields by which it is sorted.
    Sorts,
    /// A value that this field shall have.
    Filters(Arc<str>),
    /// More of the record.
    Expands,
    /// Nothing that anybody looks at.
    Passes,
}

/// What is found of a call, parameter by parameter.
#[derive(Debug, Default)]
pub struct Asking {
    tenant: Option<Arc<str>>,
    /// Whose record it becomes.
    becomes: Option<Arc<str>>,
    /// Whether that stands where the app is sure to look for it.
    becomes_for_sure: bool,
    /// The field that says so, where it is written in other letters.
    in_other_letters: Option<Arc<str>>,
    asks: BTreeSet<Arc<str>>,
    sends: BTreeSet<Arc<str>>,
    records: Option<u64>,
}

/// What a record says of itself, as far as a contract may ask.
#[derive(Debug, PartialEq, Eq)]
pub struct SaysOfItself {
    /// Whose it is.
    pub tenant: Vec<Arc<str>>,
    /// How it stands, by the fields that say so.
    pub state: BTreeMap<Arc<str>, Shown<Scalar>>,
    /// What names it, where it says so.
    pub id: Option<Arc<str>>,
}

/// Fields of what is sent that are said twice, in other letters or in no plain value, so that nobody knows what the app would take.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unclear(BTreeSet<Arc<str>>);

// === impl Mapped ===

impl Mapped {
    /// Every parameter that it names, as it names it, with what it stands for.
    pub fn parameters(&self) -> Vec<(String, Stands)> {
        let one = |written: &Option<String>, stands: Stands| written.clone().map(|written| (written, stands));
        let each = |written: &[String], stands: &Stands| -> Vec<(String, Stands)> {
            written.iter().map(|written| (written.clone(), stands.clone())).collect()
        };
        let mut all: Vec<(String, Stands)> = Vec::new();
        all.extend(one(&self.id, Stands::Id));
        all.extend(one(&self.page, Stands::Page));
        all.extend(one(&self.tenant, Stands::Tenant));
        all.extend(each(&self.selects, &Stands::Selects));
        all.extend(each(&self.sorts, &Stands::Sorts));
        all.extend(each(&self.expands, &Stands::Expands));
        all.extend(each(&self.passes, &Stands::Passes));
        let filters = self.filters.iter();
        all.extend(filters.map(|(written, field)| (written.clone(), Stands::Filters(Arc::from(field.as_str())))));
        all
    }

    /// Whether nothing of a request can name a record but whose it is: `POST /clients/{client_id}/reminders`. Whose it is may be
    /// the record itself, whose fields are sent then.
    pub fn names_only_whose(&self) -> bool {
        let tenant = self.tenant.as_deref();
        let of_tenant = |name: &str| tenant.and_then(|tenant| tenant.strip_prefix("path.")) == Some(name);
        let is_itself = tenant.is_some() && self.id.as_deref() == tenant;
        // Headers that are passed on name nothing; a tool has none.
        let in_header = |passed: &String| !self.path.is_empty() && passed.starts_with("header.");
        let names_more =
            !self.passes.iter().all(in_header) || !self.filters.is_empty() || !names(&self.path).all(of_tenant);
        !names_more && (is_itself || (self.id.is_none() && self.body.is_empty()))
    }

    /// Whether whose record is changed is the caller's word alone: it says whose, and names the record by something that nobody
    /// looks up.
    pub(crate) fn takes_a_word_for_whose(&self) -> bool {
        let changes = !self.does.only_reads() && self.does != Operation::Create;
        changes && self.tenant.is_some() && self.id.is_none() && !self.names_only_whose()
    }

    /// The kind of record that it deals with.
    pub(crate) fn of_entity<'e>(&self, entities: &'e BTreeMap<String, Entity>) -> Option<&'e Entity> {
        entities.get(self.entity.as_deref()?)
    }

    /// Where in a body it may say whose record it is or becomes: what `tenant` names of it, and the field of the record that says
    /// so, whether or not it is named.
    pub fn whose_in_body(&self, entities: &BTreeMap<String, Entity>) -> Vec<String> {
        let named = self.tenant.as_deref().and_then(|tenant| tenant.strip_prefix("body."));
        let of_record = self.of_entity(entities).and_then(|entity| entity.tenant.as_deref());
        let all: BTreeSet<&str> = named.into_iter().chain(of_record).collect();
        all.into_iter().map(str::to_owned).collect()
    }
}

// === impl Asking ===

impl Asking {
    /// Takes a parameter. `page_max`: the largest page. Error: it does not mean what it stands for (blame `Caller`).
    pub fn parameter(&mut self, name: &str, stands: &Stands, value: &str, page_max: Option<u64>) -> Result<(), Fault> {
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
                let most = page_max.unwrap_or(u64::MAX);
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

    /// Takes the fields that a value sends, which is `at` in the record.
    pub fn sends(&mut self, value: Value<'_, '_>, at: &str) -> Result<(), Fault> {
        leaves(value, at, &mut self.sends)
    }

    /// That nothing is sent but these, which `of` takes. Error: what it does not take (blame `Caller`).
    pub fn sends_only(&self, allowed: &[Arc<str>], of: &str) -> Result<(), Fault> {
        let named = |path: &Arc<str>| {
            allowed.iter().any(|allowed| match path.strip_prefix(&**allowed) {
                Some(rest) => rest.is_empty() || rest.starts_with('.') || rest.starts_with('['),
                None => false,
            })
        };
        let other = self.sends.iter().find(|path| !named(path));
        other.map_or(Ok(()), |other| {
            Err(refused(format!("`{of}` takes no field `{}`", shown(other)))
                .hint("leave it away, or have the app's mapping name it"))
        })
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

    /// Takes whose record it becomes, where what is sent says so: `value`, which is `at` in the record, may be or hold its field
    /// `tenant`. Asked once all else is taken. Error: it does not say so in one plain value, or says two things (blame `Caller`).
    pub fn becomes(&mut self, value: Value<'_, '_>, at: &str, tenant: &str) -> Result<(), Fault> {
        let Some((below, as_spelt)) = names_below(tenant, at) else { return Ok(()) };
        let mut found = Vec::new();
        said_at(value, &below, as_spelt, &mut found)?;
        for (whose, as_spelt) in found {
            let others = [&self.tenant, &self.becomes];
            if others.into_iter().flatten().any(|other| *other != whose) {
                return Err(refused("it says of two tenants whose record it is"));
            }
            self.becomes = Some(whose);
            self.becomes_for_sure |= as_spelt;
            if !as_spelt {
                self.in_other_letters = Some(Arc::from(tenant));
            }
        }
        Ok(())
    }

    /// How many records it asks for, where it says so.
    pub fn records(&self) -> Option<u64> {
        self.records
    }

    /// So many records are asked for.
    pub fn bounded(&mut self, records: u64) {
        self.records = Some(records);
    }

    /// What is known of the call by now. `word_counts`: of what is changed it may say itself whose it is, because the record is
    /// looked at before, or because whose it is names it ([`Mapped::names_only_whose`]). Error: whose it is stands there in other
    /// letters alone, and nothing else will say it (blame `Caller`).
    pub fn facts(
        self,
        does: Operation,
        entity: Option<Arc<str>>,
        word_counts: bool,
        unknown: ContractFacts,
    ) -> Result<ContractFacts, Fault> {
        let word_is_all = does.only_reads() || does == Operation::Create;
        let word_counts = word_is_all || word_counts;
        // INVARIANT: a name in another case of its letters may refuse and never permits: an app may pass over it (test
        // `a_field_that_is_sent_says_whose_the_record_becomes`).
        let for_sure = self.tenant.is_some() || self.becomes_for_sure;
        if let Some(field) = self.in_other_letters.filter(|_| word_is_all && !for_sure) {
            let said = format!("whose record it is stands there in other letters than `{}`", shown(&field));
            return Err(refused(said).hint("spell it as the app's mapping does: an app may pass over anything else"));
        }
        let tenant = match (self.tenant.or(self.becomes).filter(|_| word_counts), does) {
            (Some(tenant), _) => Shown::Known(vec![tenant]),
            // Of what is made, nothing else will say whose it is.
            (None, Operation::Create) => Shown::Known(Vec::new()),
            (None, _) => Shown::Open,
        };
        Ok(ContractFacts {
            tenant,
            entity,
            operation: Some(does),
            asks: self.asks.into_iter().collect(),
            sends: self.sends.into_iter().collect(),
            records: if does == Operation::List { self.records } else { self.records.or(Some(1)) },
            ..unknown
        })
    }
}

// === impl SaysOfItself ===

impl SaysOfItself {
    /// What a record that was looked up says of itself: whose it is, its state, and these fields of it. None: not whose it is.
    pub fn read(record: &[u8], rows: Option<&str>, entity: &Entity, fields: &[Arc<str>]) -> Option<Self> {
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
        let fields = entity.state.as_deref().map(Arc::from).into_iter().chain(fields.iter().cloned());
        let state = fields.filter_map(|path: Arc<str>| {
            let value = scalar_of(at(&path)?)?;
            Some((path, Shown::Known(value)))
        });
        let id = entity.id.as_deref().and_then(|path| text_of(at(path)?));
        Some(Self { tenant, state: state.collect(), id })
    }

    /// That it is the record which was asked for by this name. Error: it does not say so, and may be another one (blame `Rule`).
    pub fn is_named(&self, name: &str) -> Result<(), Fault> {
        if self.id.as_deref() == Some(name) {
            return Ok(());
        }
        let said = "the record that was looked up does not say that it is the one that this would change";
        Err(Fault::new(Blame::Rule, UNRESOLVED, said).hint(
            "have the app's mapping name the field that names a record (`id`), and every record by what stands there",
        ))
    }

    /// Takes it among what is known of a call. What the call itself says counts as well: a record may be about to become
    /// another's.
    pub fn into_facts(self, facts: &mut ContractFacts) {
        let mut tenants = self.tenant;
        if let Shown::Known(said) = &facts.tenant {
            tenants.extend(said.iter().filter(|tenant| !tenants.contains(tenant)).cloned().collect::<Vec<_>>());
        }
        facts.tenant = Shown::Known(tenants);
        facts.state.extend(self.state);
    }
}

// === impl Unclear ===

impl Unclear {
    /// What is told where one of these fields is among them (blame `Caller`).
    pub fn any_of(&self, fields: &[Arc<str>]) -> Option<Fault> {
        let field = fields.iter().find(|field| self.0.contains(*field))?;
        let said = format!("`{}` is not said once, in these letters and as one plain value", shown(field));
        Some(refused(said).hint("the contract looks at it before anything is made: say it so"))
    }
}

/// What is sent says of these fields of the record that is made of it, and which of them it does not say clearly: values, each with
/// where it stands in the record. What is said of the items of a list is not among it.
pub fn sent_state(sent: &[(&str, Value<'_, '_>)], fields: &[Arc<str>]) -> (BTreeMap<Arc<str>, Shown<Scalar>>, Unclear) {
    let (mut state, mut unclear) = (BTreeMap::new(), Unclear::default());
    for field in fields.iter().filter(|field| !field.contains('[')) {
        let mut found = Vec::new();
        for (at, value) in sent {
            if let Some((below, as_spelt)) = names_below(field, at) {
                all_at(*value, &below, as_spelt, &mut found);
            }
        }
        let said = match found.as_slice() {
            [] => continue,
            [(value, true)] => scalar_of(*value),
            _ => None,
        };
        match said {
            Some(said) => drop(state.insert(Arc::clone(field), Shown::Known(said))),
            None => drop(unclear.0.insert(Arc::clone(field))),
        }
    }
    (state, unclear)
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

/// The names of a path.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix("$.").unwrap_or(path);
    path.split(['.', '[', ']']).map(|name| name.trim_matches('\'')).filter(|name| !name.is_empty())
}

/// The names of a path below what is `at` in the record, and whether that is spelt as it is in the path. None: it does not lie there.
fn names_below<'p>(path: &'p str, at: &str) -> Option<(Vec<&'p str>, bool)> {
    let mut names = names_in(path);
    let mut as_spelt = true;
    for at in names_in(at) {
        let name = names.next().filter(|name| name.to_lowercase() == at.to_lowercase())?;
        as_spelt &= name == at;
    }
    Some((names.collect(), as_spelt))
}

/// What bears this name in whatever case of its letters, each with whether it is spelt so.
fn named<'v, 'd>(value: Value<'v, 'd>, name: &str) -> impl Iterator<Item = (Value<'v, 'd>, bool)> {
    let small = name.to_lowercase();
    value
        .entries()
        .filter(move |(key, _)| key.to_lowercase() == small)
        .map(move |(key, member)| (member, *key == *name))
}

/// All that stands at these names, in whatever case of their letters, each with whether they are spelt so.
fn all_at<'v, 'd>(value: Value<'v, 'd>, names: &[&str], as_spelt: bool, found: &mut Vec<(Value<'v, 'd>, bool)>) {
    match names.split_first() {
        None => found.push((value, as_spelt)),
        Some((name, below)) if value.kind() == Kind::Object => {
            named(value, name).for_each(|(member, so)| all_at(member, below, as_spelt && so, found));
        }
        // It is there, and nobody knows which of its members counts.
        Some(_) => found.push((value, false)),
    }
}

/// What stands at these names, in whatever case of their letters, each with whether they are spelt so: an app may take `Client_Id`
/// for `client_id`.
fn said_at(
    value: Value<'_, '_>,
    names: &[&str],
    as_spelt: bool,
    found: &mut Vec<(Arc<str>, bool)>,
) -> Result<(), Fault> {
    let unsaid = || refused("it does not say in a text whose record it is");
    let Some((name, below)) = names.split_first() else {
        found.push((text_of(value).ok_or_else(unsaid)?, as_spelt));
        return Ok(());
    };
    if value.kind() != Kind::Object {
        return Err(unsaid());
    }
    if *name == "*" {
        return value.entries().try_for_each(|(_, member)| said_at(member, below, as_spelt, found));
    }
    named(value, name).try_for_each(|(member, so)| said_at(member, below, as_spelt && so, found))
}

/// The dotted names of all values in which nothing else is. What is in a list in a list is named as what is in a list. Recursion is
/// bounded by the depth a document may have, and what it takes by the length of a name.
fn leaves(value: Value<'_, '_>, at: &str, found: &mut BTreeSet<Arc<str>>) -> Result<(), Fault> {
    match value.kind() {
        Kind::Object if !value.is_empty() => {
            for (key, member) in value.entries() {
                if key.is_empty() || key.contains(['.', '[', ']']) || key.chars().any(char::is_control) {
                    return Err(refused("the body has a field whose name is no plain name"));
                }
                if at.len() + ".".len() + key.len() > PATH_BYTES_MAX {
                    let said = format!("the body has a field `{}…` whose name is longer than one may be", shown(&key));
                    return Err(refused(said));
                }
                let path = if at.is_empty() { key.to_string() } else { format!("{at}.{key}") };
                leaves(member, &path, found)?;
            }
        }
        Kind::Array if !value.is_empty() => {
            let path = if at.ends_with("[]") { at.to_owned() } else { format!("{at}[]") };
            value.items().try_for_each(|item| leaves(item, &path, found))?;
        }
        _ if at.is_empty() || found.contains(at) => {}
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

/// The fault of a request that asks what its operation does not name.
pub fn refused(said: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Blame::Caller, "caller.request", said)
}

/// What a caller wrote, not longer than somebody reads.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(48).map(|letter| if letter.is_control() || letter == '`' { '·' } else { letter }).collect()
}

/// The code of a change of which nobody can tell which record it is of.
pub const UNRESOLVED: &str = "rule.unresolved";
const FIELDS_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
