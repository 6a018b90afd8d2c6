//! What is known of poisoned definitions, looked for in everything an app says before it is called: hidden characters,
//! text that only a model reads, words that instruct the model against its user, and words about other apps' tools.
//!
//! A finding is a reason to look, not a verdict on the app. What hardly ever stands in an honest definition is
//! [`Severity::Quarantine`]; what honest ones contain now and then is [`Severity::Mark`]. The scan is deterministic and
//! reads each text a bounded number of times.

mod hidden;
mod opaque;
mod phrase;

use json::{Document, Kind, Value};
use model::limits::{FINDINGS_MAX, SCANNED_BYTES_MAX};
use serde::{Deserialize, Serialize};

use crate::compare::spell_out_hidden;

/// Something in a definition that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which pattern: a stable word.
    pub pattern: String,
    /// What follows.
    pub severity: Severity,
    /// Where: `inputSchema.properties.note.description`.
    pub at: String,
    /// The text there, hidden characters spelled out, 80 characters at most.
    pub excerpt: String,
}

/// What follows from a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is shown and recorded.
    Mark,
    /// The definition is not used until a person has reviewed it.
    Quarantine,
}

/// A match inside one text, before it has a place.
struct Hit {
    pattern: &'static str,
    severity: Severity,
    span: std::ops::Range<usize>,
}

/// Everything found in a definition, the worst first; at most [`FINDINGS_MAX`]. `definition` is one JSON value.
pub fn scan(definition: &[u8]) -> Vec<Finding> {
    let mut scan = Scan { found: Vec::new(), path: String::new() };
    if definition.len() > SCANNED_BYTES_MAX {
        let excerpt = format!("{} bytes", definition.len());
        scan.push("too-large", Severity::Quarantine, excerpt);
    }
    match Document::parse(definition.get(..SCANNED_BYTES_MAX).unwrap_or(definition)) {
        Ok(document) => scan.value(document.root()),
        // The front part of what is too large is still looked at, as one text.
        Err(_) => scan.text(&String::from_utf8_lossy(definition.get(..SCANNED_BYTES_MAX).unwrap_or(definition))),
    }
    scan.finish()
}

/// What a definition says of the tools of other apps. `others` gives, for a word, the app that offers a tool of that name;
/// `apps` are the ids of the other apps.
pub fn shadowing<'a>(
    definition: &[u8],
    name: &str,
    apps: &[&str],
    others: impl Fn(&str) -> Option<&'a str>,
) -> Vec<Finding> {
    let mut scan = Scan { found: Vec::new(), path: "name".to_owned() };
    let imitated = apps.iter().find(|app| name.strip_prefix(**app).is_some_and(|rest| rest.starts_with("__")));
    if imitated.is_some() {
        scan.push("imitates-app", Severity::Mark, excerpt(name, 0..name.len()));
    }
    if let Ok(document) = Document::parse(definition.get(..SCANNED_BYTES_MAX).unwrap_or(definition)) {
        scan.path.clear();
        scan.mentions(document.root(), &|word| word != name && distinctive(word) && others(word).is_some());
    }
    scan.finish()
}

/// The sentence for a refusal: the worst of these findings, where any puts the definition into quarantine.
pub fn worst(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().find(|finding| finding.severity == Severity::Quarantine)
}

struct Scan {
    found: Vec<Finding>,
    path: String,
}

// === impl Severity ===

impl Severity {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Quarantine => "quarantine",
        }
    }
}

// === impl Finding ===

impl Finding {
    /// Without a word of the definition: a model reads it.
    pub fn in_our_words(&self) -> String {
        let top = self.at.split('.').next().unwrap_or_default();
        match MEMBERS.iter().find(|member| **member == top) {
            Some(member) => format!("{} in its `{member}`", self.pattern),
            None => self.pattern.clone(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in `{}`: `{}`", self.pattern, self.at, self.excerpt)
    }
}

// === impl Scan ===

impl Scan {
    /// Every text of a value, keys included. Recursion is bounded by the depth a document may have.
    fn value(&mut self, value: Value<'_, '_>) {
        match value.kind() {
            Kind::String => self.text(&value.as_str().unwrap_or_default()),
            Kind::Array => {
                for (place, item) in value.items().enumerate() {
                    let before = self.enter(&place.to_string());
                    self.value(item);
                    self.path.truncate(before);
                }
            }
            Kind::Object => {
                for (key, member) in value.entries() {
                    let before = self.enter(&key);
                    self.key(&key);
                    self.value(member);
                    self.path.truncate(before);
                }
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    /// A step further in. Gives where to come back to.
    fn enter(&mut self, step: &str) -> usize {
        let before = self.path.len();
        if before < PATH_BYTES_MAX {
            if before > 0 {
                self.path.push('.');
            }
            let step: String = step.chars().take(PATH_STEP_CHARS_MAX).collect();
            spell_out_hidden(&mut self.path, &step);
        }
        before
    }

    fn key(&mut self, key: &str) {
        let mut hits = hidden::look(key);
        hits.extend(phrase::look_at_key(key));
        self.take(key, hits);
    }

    fn text(&mut self, text: &str) {
        let mut hits = hidden::look(text);
        hits.extend(phrase::look(text));
        hits.extend(opaque::look(text));
        self.take(text, hits);
    }

    /// Takes the hits of one text. What is only a mark alone becomes more in company: a block that shouts, or a comment
    /// nobody sees, around or beside words that instruct.
    fn take(&mut self, text: &str, mut hits: Vec<Hit>) {
        let loud = hits.iter().any(|hit| LOUD.contains(&hit.pattern));
        let instructs = hits.iter().any(|hit| INSTRUCTS.contains(&hit.pattern));
        for hit in &mut hits {
            if loud && instructs && (LOUD.contains(&hit.pattern) || INSTRUCTS.contains(&hit.pattern)) {
                hit.severity = Severity::Quarantine;
            }
        }
        // One pattern tells once of a text, at its worst.
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.severity));
        let mut told: Vec<&str> = Vec::new();
        for hit in hits {
            if told.contains(&hit.pattern) {
                continue;
            }
            told.push(hit.pattern);
            self.push(hit.pattern, hit.severity, excerpt(text, hit.span));
        }
    }

    fn push(&mut self, pattern: &'static str, severity: Severity, excerpt: String) {
        let same = self.found.iter_mut().filter(|found| found.pattern == pattern && found.severity == severity);
        // The same thing at a third place tells a reviewer nothing new, and must not push out what is worse.
        if same.count() < PLACES_PER_PATTERN_MAX {
            let pattern = pattern.to_owned();
            self.found.push(Finding { pattern, severity, at: self.path.clone(), excerpt });
        }
    }

    fn mentions(&mut self, value: Value<'_, '_>, foreign: &dyn Fn(&str) -> bool) {
        match value.kind() {
            Kind::String => {
                let text = value.as_str().unwrap_or_default();
                for (start, word) in phrase::identifiers(&text) {
                    if foreign(word) {
                        self.push("names-other-tool", Severity::Mark, excerpt(&text, start..start + word.len()));
                    }
                }
            }
            Kind::Array => value.items().for_each(|item| self.mentions(item, foreign)),
            Kind::Object => {
                for (key, member) in value.entries() {
                    let before = self.enter(&key);
                    self.mentions(member, foreign);
                    self.path.truncate(before);
                }
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.found.truncate(FINDINGS_MAX);
        self.found
    }
}

/// A name that nobody would write by chance: `send_email`, not `search`.
fn distinctive(name: &str) -> bool {
    name.len() >= 8 && (name.contains(['_', '-']) || name.chars().skip(1).any(|letter| letter.is_ascii_uppercase()))
}

/// The match with a little before it, hidden characters spelled out.
fn excerpt(text: &str, span: std::ops::Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or_default();
    let from = before.char_indices().rev().nth(EXCERPT_BEFORE_CHARS - 1).map_or(0, |(at, _)| at);
    let mut out = String::new();
    for letter in text.get(from..).unwrap_or_default().chars() {
        let mut spelled = String::new();
        spell_out_hidden(&mut spelled, letter.encode_utf8(&mut [0; 4]));
        if out.chars().count() + spelled.chars().count() > EXCERPT_CHARS_MAX - 1 {
            out.push('…');
            break;
        }
        out.push_str(&spelled);
    }
    out
}

/// Members of definitions that a refusal may name.
const MEMBERS: [&str; 8] =
    ["name", "title", "description", "inputSchema", "outputSchema", "annotations", "arguments", "uriTemplate"];
/// Forms that make words weigh more, or hide them from whoever reviews.
const LOUD: [&str; 3] = ["important-block", "hidden-comment", "before-use"];
/// Words against the user.
const INSTRUCTS: [&str; 5] =
    ["keeps-from-user", "reads-secrets", "asks-for-context", "asks-for-credentials", "sends-to-address"];
const EXCERPT_CHARS_MAX: usize = 80;
const EXCERPT_BEFORE_CHARS: usize = 12;
const PATH_BYTES_MAX: usize = 160;
const PATH_STEP_CHARS_MAX: usize = 48;
const PLACES_PER_PATTERN_MAX: usize = 2;

#[cfg(test)]
mod tests;
