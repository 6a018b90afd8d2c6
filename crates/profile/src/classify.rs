//! A proposal for the class of a tool nobody has reviewed: same definition, same answer, erring to the dangerous side.
//!
//! Words of the name decide first; the description, the arguments and the server's hints may only raise what they said.
//! `search_orders` that takes a `sql` argument is proposed as `destructive`.

use std::sync::Arc;

use model::Class;
use serde_json::Value;

use crate::words::{self, Weight, among};

/// The class proposed for a tool. It comes into force when a person says yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The class.
    pub class: Class,
    /// A short reason for people: ``name starts with `delete` ``.
    pub why: Arc<str>,
}

/// What the server says of its own tool. Never believed when it calms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hints {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may lose something.
    pub destructive: Option<bool>,
    /// Doing it twice is doing it once.
    pub idempotent: Option<bool>,
    /// It deals with the world outside.
    pub open_world: Option<bool>,
}

/// The parts of a definition that say what a tool is for.
pub(crate) struct Parts<'a> {
    pub(crate) name: &'a str,
    pub(crate) title: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) schema: &'a Value,
    pub(crate) hints: Hints,
}

/// What was found so far. It only rises.
struct Finding {
    class: Class,
    why: String,
}

/// One argument as the schema describes it.
struct Argument<'a> {
    name: &'a str,
    schema: &'a Value,
}

/// The proposal for a definition.
pub(crate) fn propose(parts: &Parts<'_>) -> Proposal {
    let description = parts.description.unwrap_or_default().to_lowercase();
    let title = parts.title.unwrap_or_default().to_lowercase();
    let by_name = name_says(parts.name);
    let base = by_name.or_else(|| text_says(&title, "title", 4)).or_else(|| text_says(&description, "description", 8));
    let Some(mut finding) = base else {
        let why = "nothing in its name or description says what it does";
        return Proposal { class: Class::Destructive, why: Arc::from(why) };
    };
    if !words::cut(parts.name).iter().any(|word| words::meaning(word).is_some())
        && let Some(hidden) = words::hidden_danger(&parts.name.to_lowercase())
    {
        finding.raise(Class::Destructive, || format!("name contains `{hidden}`"));
    }
    let reads = finding.class == Class::Read;
    for text in [text_says(&title, "title", 1), text_says(&description, "description", 1)].into_iter().flatten() {
        finding.raise(text.class, || text.why);
    }
    phrases_say(&mut finding, &description);
    for argument in arguments(parts.schema) {
        argument_says(&mut finding, &argument, reads, &description);
    }
    hints_say(&mut finding, parts.hints);
    Proposal { class: finding.class, why: Arc::from(finding.why) }
}

/// The first verb decides; what follows it may raise, because `get_and_delete` deletes.
fn name_says(name: &str) -> Option<Finding> {
    let words = words::cut(name);
    let known: Vec<_> = words
        .iter()
        .enumerate()
        .filter_map(|(at, word)| words::meaning(word).map(|(class, weight)| (at, word.as_str(), class, weight)))
        .collect();
    let verb = known.iter().find(|(.., weight)| *weight != Weight::Either).or_else(|| known.first());
    let (first, verb, class, _) = *verb?;
    let place = if first == 0 { "starts with" } else { "contains" };
    let mut finding = Finding { class, why: format!("name {place} `{verb}`") };
    for (at, word, class, weight) in &known {
        let joined =
            at.checked_sub(1).and_then(|at| words.get(at)).is_some_and(|before| among(words::JOINING, before.as_str()));
        let another_deed = *at > first && *weight == Weight::Verb && finding.class != Class::Read;
        if *weight == Weight::Hard || (joined && *weight == Weight::Verb) || another_deed {
            finding.raise(*class, || format!("name contains `{word}`"));
        }
    }
    if matches!(finding.class, Class::Write | Class::External) {
        things_say(&mut finding, words.get(first + 1..).unwrap_or_default(), verb);
    }
    Some(finding)
}

/// What a changing verb is done to: `add_member` changes who has access, `create_email` reaches people.
fn things_say(finding: &mut Finding, things: &[String], verb: &str) {
    for thing in things {
        let thing = thing.as_str();
        if among(words::ACCESS, thing) {
            finding
                .raise(Class::Destructive, || format!("name says that `{verb}` is done to `{thing}`: who has access"));
        }
        if among(words::RUNNING, thing) {
            finding.raise(Class::Destructive, || format!("name says that `{verb}` is done to `{thing}`: what runs"));
        }
        if among(words::OUTGOING, thing) && among(MAKING, verb) {
            finding.raise(Class::External, || format!("name says that `{verb}` is done to `{thing}`: it goes outside"));
        }
    }
}

/// The first known verb among the first `reach` words of lower-case text, fillers not counted.
fn text_says(text: &str, source: &str, reach: usize) -> Option<Finding> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.filter(|word| !among(FILLERS, word)).take(reach).find_map(|word| {
        let (class, weight) = words::meaning_of_form(word)?;
        (weight != Weight::Either).then(|| Finding { class, why: format!("{source} says `{word}`") })
    })
}

fn phrases_say(finding: &mut Finding, description: &str) {
    for (class, phrases) in PHRASES {
        for phrase in *phrases {
            let said =
                description.match_indices(phrase).any(|(at, _)| !negated(description.get(..at).unwrap_or_default()));
            if said {
                finding.raise(*class, || format!("description says `{}`", phrase.trim()));
            }
        }
    }
}

fn negated(before: &str) -> bool {
    let nearest = before.rsplit(['.', ',', ';', ':', '\n']).next().unwrap_or_default();
    let words: Vec<_> = nearest.split_whitespace().rev().take(4).collect();
    words.iter().any(|word| among(NEGATIONS, word) || word.ends_with("n't"))
}

fn argument_says(finding: &mut Finding, argument: &Argument<'_>, reads: bool, description: &str) {
    let name = argument.name;
    let words = words::cut(name);
    let any = |wanted: &str| words.iter().any(|word| among(wanted, word));
    let whole = words.join("_");
    if argument.is("boolean") {
        if !reads && any(FORCING) {
            finding.raise(Class::Destructive, || format!("argument `{name}` overrides a safeguard"));
        }
        return;
    }
    if argument.is("integer") || argument.is("number") {
        return;
    }
    let last = words.last().map(String::as_str).unwrap_or_default();
    let carries_code = any(CODE) && !among(ABOUT_CODE, last);
    if carries_code || (!reads && among(CODE_UNLESS_READING, &whole)) {
        finding.raise(Class::Destructive, || format!("argument `{name}` is a command or code that the caller writes"));
    }
    if among(QUERY, &whole) && (speaks_a_language(description) || speaks_a_language(&argument.description())) {
        finding.raise(Class::Destructive, || format!("argument `{name}` is a statement that the caller writes"));
    }
    if among(ADDRESS, &whole) || (["url", "urls"].contains(&last) && any(ADDRESS_OF)) {
        finding.raise(Class::External, || format!("argument `{name}` is an address that the caller chooses"));
    }
    if !reads && any(RECIPIENT) {
        finding.raise(Class::External, || format!("argument `{name}` names who receives it"));
    }
    if among(ACTION, &whole) {
        for choice in argument.choices() {
            let worst = words::cut(choice).iter().filter_map(|word| words::meaning(word)).map(|(class, _)| class).max();
            if let Some(class) = worst {
                finding.raise(class, || format!("argument `{name}` may be `{choice}`"));
            }
        }
    }
}

fn speaks_a_language(text: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric()).any(|word| among(LANGUAGES, word))
}

/// INVARIANT: hints only raise (`tests::hints_never_lower`).
fn hints_say(finding: &mut Finding, hints: Hints) {
    if hints.destructive == Some(true) {
        finding.raise(Class::Destructive, || "the server itself calls it destructive".to_owned());
    }
    if hints.open_world == Some(true) && finding.class == Class::Write {
        finding.raise(Class::External, || "the server itself says that it deals with the world outside".to_owned());
    }
    if hints.read_only == Some(false) {
        let class = if hints.open_world == Some(true) { Class::External } else { Class::Write };
        finding.raise(class, || "the server itself says that it changes something".to_owned());
    }
}

/// All arguments, nested ones too. A schema is at most as deep as the document it came in.
fn arguments(schema: &Value) -> Vec<Argument<'_>> {
    let mut found = Vec::new();
    let mut waiting = vec![schema];
    while let Some(schema) = waiting.pop() {
        match schema {
            Value::Object(members) => {
                if let Some(Value::Object(properties)) = members.get("properties") {
                    found.extend(properties.iter().map(|(name, schema)| Argument { name, schema }));
                }
                waiting.extend(members.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    found
}

// === impl Finding ===

impl Finding {
    fn raise(&mut self, class: Class, why: impl FnOnce() -> String) {
        if class > self.class {
            self.class = class;
            self.why = why();
        }
    }
}

// === impl Argument ===

impl<'a> Argument<'a> {
    fn is(&self, kind: &str) -> bool {
        self.schema.get("type").and_then(Value::as_str) == Some(kind)
    }

    fn description(&self) -> String {
        self.schema.get("description").and_then(Value::as_str).unwrap_or_default().to_lowercase()
    }

    fn choices(&self) -> impl Iterator<Item = &'a str> {
        let listed = self.schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        let variants = ["oneOf", "anyOf"].into_iter().filter_map(|word| self.schema.get(word)?.as_array()).flatten();
        let constants = variants.flat_map(|variant| {
            let nested = variant.get("enum").and_then(Value::as_array).into_iter().flatten();
            variant.get("const").into_iter().chain(nested)
        });
        listed.chain(constants).filter_map(Value::as_str).collect::<Vec<_>>().into_iter()
    }
}

/// Verbs that make something go out; `draft`, `label` or `archive` of the same thing do not.
const MAKING: &str = "create add make start schedule generate post put write insert enqueue trigger set update edit \
     enable";
/// Words that stand before the verb of a description.
const FILLERS: &str = "a an the this that tool tools use used to for it can will you allows allow lets let helps api \
     endpoint function easily quickly safely simply";
/// Phrases anywhere in a description, unless something denies them.
const PHRASES: &[(Class, &[&str])] = &[
    (
        Class::Destructive,
        &[
            "permanently",
            "irreversibl",
            "cannot be undone",
            "can't be undone",
            "can not be undone",
            "data loss",
            "overwrite ",
            "overwrites",
            "overwriting",
            "arbitrary code",
            "arbitrary command",
            "arbitrary javascript",
            "arbitrary sql",
            "arbitrary shell",
            "shell command",
            "execute javascript",
            "executes javascript",
            "javascript expression",
            "runs code",
            "run code",
            "execute code",
            "executes code",
            "and delete",
            "or delete",
            "and remove",
            "or remove",
            "will delete",
            "will be deleted",
            "will remove",
            "drop table",
            "grants access",
            "revokes",
        ],
    ),
    (
        Class::External,
        &[
            "sends an email",
            "send an email",
            "sends a message",
            "send a message",
            "sends email",
            "send email",
            "sends a notification",
            "from the internet",
            "makes a payment",
            "charges the",
            "publicly",
            "posts to",
            "via email",
            "http request",
        ],
    ),
];
const NEGATIONS: &str = "not never no without cannot nothing neither nor non isn’t don’t";
const CODE: &str = "command commands cmd script scripts sql shell bash javascript js python cypher eval cli";
/// `script_name` names code, it does not carry it.
const ABOUT_CODE: &str = "name names id ids type language title description timeout";
const CODE_UNLESS_READING: &str = "code source_code args argv program function expression statement statements lambda";
const QUERY: &str = "query queries q statement query_string query_text body";
const LANGUAGES: &str = "sql sqlite postgresql mysql cypher mutation mutations partiql insert";
const ADDRESS: &str = "url urls uri uris href website webpage link links webhook endpoint host hostname";
const ADDRESS_OF: &str = "webhook callback target source destination redirect image file page site web website media download \
     remote feed link base start document video audio notification";
const RECIPIENT: &str = "to recipient recipients cc bcc phone mailto attendees invitees";
const FORCING: &str = "force overwrite purge prune hard cascade delete remove destroy replace";
const ACTION: &str = "action operation op method mode verb http_method command actions operations operation_type \
     action_type";

#[cfg(test)]
mod tests;
