//! A proposal for the class of a tool nobody has reviewed: same definition, same answer, erring to the dangerous side.
//!
//! Words of the name decide first; the description, the arguments and the server's hints may only raise what they said.
//! `search_orders` that takes a `sql` argument is proposed as `destructive`.

use std::sync::Arc;

use model::Class;
use serde_json::Value;

use crate::words::{self, Weight, among};

mod arguments;

pub(crate) use arguments::Argument;

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

/// The proposal for a definition.
pub(crate) fn propose(parts: &Parts<'_>) -> Proposal {
    let description = parts.description.unwrap_or_default().to_lowercase();
    let title = parts.title.unwrap_or_default().to_lowercase();
    let arguments = arguments::arguments(parts.schema);
    let by_name = name_says(parts.name).map(|finding| fetched(finding, parts.name, &description, &arguments));
    let base = by_name.or_else(|| text_says(&title, "title", 4)).or_else(|| text_says(&description, "description", 8));
    let Some(mut finding) = base else {
        let why = "nothing in its name or description says what it does";
        return Proposal { class: Class::Destructive, why: Arc::from(why) };
    };
    let words = words::cut(parts.name);
    if !words.iter().any(|word| words::meaning(word).is_some())
        && let Some(hidden) = words::hidden_danger(&parts.name.to_lowercase())
    {
        finding.raise(Class::Destructive, || format!("name contains `{hidden}`"));
    }
    let reads = finding.class == Class::Read;
    texts_say(&mut finding, parts.name, &title, &description, &arguments);
    let language = arguments::speaks_a_language(&description);
    for argument in &arguments {
        arguments::one_says(&mut finding, argument, reads, language);
    }
    if reads {
        secrets_say(&mut finding, &words, &description);
    } else {
        arguments::together_say(&mut finding, &arguments, &words);
        if arguments::undescribed(parts.schema) {
            finding.raise(Class::Destructive, || "its schema does not say what its arguments are".to_owned());
        }
    }
    hints_say(&mut finding, parts.hints);
    Proposal { class: finding.class, why: Arc::from(finding.why) }
}

/// `fetch_order` only reads: `fetch` reaches outside where an address could be given.
fn fetched(finding: Finding, name: &str, description: &str, arguments: &[Argument<'_>]) -> Finding {
    let words = words::cut(name);
    let others: Vec<_> = words.iter().filter(|word| *word != "fetch").collect();
    let another_verb =
        others.iter().any(|word| words::meaning(word).is_some_and(|(_, weight)| weight != Weight::Either));
    let plain = others.len() < words.len() && !others.is_empty() && !another_verb && finding.class == Class::External;
    if plain && !from_the_web(name, description, arguments) {
        return Finding {
            class: Class::Read,
            why: "name says `fetch`, and no argument could be an address".to_owned(),
        };
    }
    finding
}

/// Whether what is fetched may come from anywhere.
fn from_the_web(name: &str, description: &str, arguments: &[Argument<'_>]) -> bool {
    let said = description.split(|letter: char| !letter.is_alphanumeric()).any(|word| among(WEB, word));
    said || words::cut(name).iter().any(|word| among(WEB, word)) || arguments::may_be_an_address(arguments)
}

/// What title and description begin with, and phrases anywhere.
fn texts_say(finding: &mut Finding, name: &str, title: &str, description: &str, arguments: &[Argument<'_>]) {
    for (text, source) in [(title, "title"), (description, "description")] {
        let Some((verb, class)) = first_verb(text, 1) else { continue };
        let repeats = verb.starts_with("execut") && text.contains(&format!("`{}`", name.to_lowercase()));
        let only_shows = verb.starts_with("fetch") && !from_the_web(name, description, arguments);
        if !repeats && !only_shows {
            finding.raise(class, || format!("{source} says `{verb}`"));
        }
    }
    phrases_say(finding, description);
    let stopped = description.split(|letter: char| !letter.is_alphanumeric()).find(|word| among(STOPPED, word));
    if let Some(word) = stopped.filter(|_| finding.class != Class::Read) {
        finding.raise(Class::Destructive, || format!("description says `{word}`"));
    }
}

/// What a reading tool shows may be good outside the app.
fn secrets_say(finding: &mut Finding, name: &[String], description: &str) {
    let listed = name.iter().any(|word| word == "list");
    if let Some(word) = name.iter().find(|word| among(SECRETS, word)).filter(|_| !listed) {
        finding.raise(Class::External, || format!("name says that it shows `{word}`: good outside the app"));
    }
    if description.contains("all environment variables") {
        finding.raise(Class::External, || "description says that it shows environment variables".to_owned());
    }
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
        let changed = among(CHANGING, verb) && (among(words::WHOLE, thing) || among(words::SETTINGS, thing));
        if changed || (verb == "push" && among(words::SOURCE, thing)) {
            finding.raise(Class::Destructive, || {
                format!("name says that `{verb}` is done to `{thing}`: what was there is lost")
            });
        }
        if among(words::OUTGOING, thing) && among(MAKING, verb) {
            finding.raise(Class::External, || format!("name says that `{verb}` is done to `{thing}`: it goes outside"));
        }
    }
}

fn text_says(text: &str, source: &str, reach: usize) -> Option<Finding> {
    first_verb(text, reach).map(|(verb, class)| Finding { class, why: format!("{source} says `{verb}`") })
}

/// The first known verb among the first `reach` words of lower-case text, fillers not counted.
fn first_verb(text: &str, reach: usize) -> Option<(&str, Class)> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.filter(|word| !among(FILLERS, word)).take(reach).find_map(|word| {
        let (class, weight) = words::meaning_of_form(word)?;
        (weight != Weight::Either).then_some((word, class))
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

/// Whether one of the last words before it denies it. What stands far off does not count, nor is it read: a long text may say the same
/// very often.
fn negated(before: &str) -> bool {
    let before = before.get(before.floor_char_boundary(before.len().saturating_sub(NEGATION_BYTES_MAX))..);
    let before = before.unwrap_or_default();
    let nearest = before.rsplit(['.', ',', ';', ':', '\n']).next().unwrap_or_default();
    let words: Vec<_> = nearest.split_whitespace().rev().take(4).collect();
    words.iter().any(|word| among(NEGATIONS, word) || word.ends_with("n't"))
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

// === impl Finding ===

impl Finding {
    fn raise(&mut self, class: Class, why: impl FnOnce() -> String) {
        if class > self.class {
            self.class = class;
            self.why = why();
        }
    }
}

/// Verbs that make something go out; `draft`, `label` or `archive` of the same thing do not.
const MAKING: &str = "create add make start schedule generate post put write insert enqueue trigger set update edit \
     enable";
/// Verbs that put something in the place of what was there.
const CHANGING: &str = "update modify change edit alter patch set put configure";
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
/// How far before a phrase a negation may stand.
const NEGATION_BYTES_MAX: usize = 160;
const NEGATIONS: &str =
    "not never no without cannot nothing neither nor non isn’t don’t avoid avoids avoiding prevent prevents preventing";
/// Things that open doors elsewhere.
const SECRETS: &str = "env secret secrets password passwords credential credentials";
/// Words that make a fetch one from the web.
const WEB: &str = "url urls web webpage website page pages site sites http https internet html uri link content";
/// Said of a tool that changes something: what ran may run no more.
const STOPPED: &str = "paused stopped terminated suspended halted";

#[cfg(test)]
mod tests;
