//! Reading values of the kinds that keys take, and telling what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AgentId, AppId};

use super::document::{At, Entry, Kind, Node, text_of};
use super::draft::{Draft, Written};
use super::example::Example;
use crate::error::PolicyError;
use crate::known::Known;
use crate::source::RuleFile;
use crate::vocabulary::{did_you_mean, listed};

/// What was read from all files.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) drafts: Vec<Draft>,
    /// Agents of which nothing runs.
    pub(crate) recommend_only: BTreeSet<AgentId>,
    pub(crate) examples: Vec<Example>,
    pub(crate) notes: Vec<PolicyError>,
    pub(crate) errors: Vec<PolicyError>,
    /// What was said of each app, by key, so that nothing is said twice.
    pub(super) said: BTreeMap<(Option<AppId>, String), Said>,
    /// The blocks there are, with their apps.
    pub(super) blocks: BTreeMap<String, Place>,
}

/// Where a block begins, and the apps it is about; none: all.
pub(super) struct Place {
    pub(super) file: Arc<str>,
    pub(super) at: At,
    pub(super) apps: Option<Vec<AppId>>,
}

/// A key and where it stands.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) block: String,
    pub(super) value: String,
    pub(super) place: String,
}

/// Reads one file.
pub(super) struct Reader<'a> {
    pub(super) known: &'a Known,
    pub(super) file: &'a RuleFile,
    pub(super) name: Arc<str>,
    pub(super) reading: &'a mut Reading,
}

impl Reader<'_> {
    pub(super) fn complain(&mut self, at: At, said: impl Into<String>, hint: Option<String>) {
        self.reading.errors.push(PolicyError::new(&self.name, (at.line, at.column), said.into(), hint));
    }

    /// How many complaints there are. Where there is a new one, what follows from it need not be told.
    pub(super) fn complaints(&self) -> usize {
        self.reading.errors.len()
    }

    pub(super) fn note(&mut self, at: At, said: impl Into<String>, hint: Option<String>) {
        self.reading.notes.push(PolicyError::new(&self.name, (at.line, at.column), said.into(), hint));
    }

    pub(super) fn written(&self, at: At) -> Written {
        // Its first line begins at the key; the others are moved as far to the left.
        let margin = " ".repeat(at.column.saturating_sub(1) as usize);
        let lines = text_of(at, &self.file.text).lines().map(|line| line.strip_prefix(&margin).unwrap_or(line));
        Written { file: Arc::clone(&self.name), at, text: Arc::from(lines.collect::<Vec<_>>().join("\n")) }
    }

    /// No such key here: names the nearest one.
    pub(super) fn unknown_key(&mut self, entry: &Entry, keys: &[&str]) {
        self.unknown("unknown key", entry.at, &entry.key, keys);
    }

    /// No such word here: names the nearest one.
    pub(super) fn unknown(&mut self, what: &str, at: At, word: &str, words: &[&str]) {
        let begun = words.iter().filter(|known| word.len() >= BEGINNING_MIN && known.starts_with(word)).min();
        let hint = did_you_mean(word, words.iter().copied()).or_else(|| match (words, begun) {
            ([], _) => None,
            (_, Some(known)) => Some(format!("did you mean `{known}`?")),
            (some, _) if some.len() > LISTED_MAX => None,
            (some, _) if what.starts_with("there is no") => Some(format!("there is {}", listed(some))),
            (some, _) => Some(format!("it takes {}", listed(some))),
        });
        self.complain(at, format!("{what} `{word}`"), hint);
    }

    pub(super) fn expected(&mut self, node: &Node, what: &str) {
        self.complain(node.at, format!("expected {what}, found {}", node.described()), None);
    }

    pub(super) fn map<'n>(&mut self, node: &'n Node) -> &'n [Entry] {
        match &node.kind {
            Kind::Map(entries) => entries,
            _ => {
                self.expected(node, "keys and values, as in `key: value`");
                &[]
            }
        }
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        match &node.kind {
            Kind::List(members) => members,
            _ => {
                self.expected(node, "a list, as in `[one, two]`");
                &[]
            }
        }
    }

    pub(super) fn truth(&mut self, node: &Node) -> Option<bool> {
        match node.kind {
            Kind::Bool(truth) => Some(truth),
            _ => {
                self.expected(node, "`true` or `false`");
                None
            }
        }
    }

    /// A text, or a number as it is spelt.
    pub(super) fn word<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.kind {
            Kind::Text(word) | Kind::Number(word) if !word.trim().is_empty() => Some(word),
            _ => {
                self.expected(node, "a text");
                None
            }
        }
    }

    /// One text, or a list of at least one.
    pub(super) fn words<'n>(&mut self, node: &'n Node) -> Vec<(At, &'n str)> {
        match &node.kind {
            Kind::List(members) if members.is_empty() => {
                self.complain(
                    node.at,
                    "an empty list matches nothing",
                    Some("name at least one value, or take the key out".to_owned()),
                );
                Vec::new()
            }
            Kind::List(members) => members.iter().filter_map(|member| Some((member.at, self.word(member)?))).collect(),
            _ => self.word(node).map(|word| (node.at, word)).into_iter().collect(),
        }
    }

    /// A whole number in a range.
    pub(super) fn whole(&mut self, node: &Node, least: u64, most: u64) -> Option<u64> {
        let number = match &node.kind {
            Kind::Number(spelling) => spelling.parse::<u64>().ok(),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.expected(node, &format!("a whole number from {least} to {most}"));
        }
        number
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.word(node)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.unknown(&format!("unknown {what}"), node.at, word, &names);
        None
    }

    /// One sentence on one line.
    pub(super) fn sentence(&mut self, entry: &Entry) -> Option<String> {
        let sentence = self.word(&entry.value)?.trim().trim_end_matches('.').to_owned();
        if sentence.is_empty() || sentence.chars().any(char::is_control) || sentence.len() > SENTENCE_BYTES_MAX {
            let said = format!("`{}` takes one sentence on one line, {SENTENCE_BYTES_MAX} bytes at most", entry.key);
            self.complain(entry.value.at, said, None);
            return None;
        }
        Some(sentence)
    }
}

/// Fewest letters that can be the beginning of a longer word.
const BEGINNING_MIN: usize = 4;
/// Most words that a hint lists.
const LISTED_MAX: usize = 24;
/// Longest sentence that an agent is told.
const SENTENCE_BYTES_MAX: usize = 1_000;
