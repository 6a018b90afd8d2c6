//! Reading values of the kinds that keys take, and telling what is wrong with them.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use model::IdError;
use yaml_tree::{At, Entry, Kind, Node, did_you_mean, listed};

use crate::error::ContractError;

/// Reads one file, and gathers everything that is wrong with it.
pub(crate) struct Reader {
    pub(crate) file: Arc<str>,
    pub(crate) errors: Vec<ContractError>,
    pub(crate) notes: Vec<ContractError>,
}

impl Reader {
    pub(crate) fn new(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), errors: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn complain(&mut self, at: At, said: impl Into<String>, hint: Option<&str>) {
        self.complain_at((at.line, at.column), said, hint.map(str::to_owned));
    }

    pub(crate) fn complain_at(&mut self, place: (u32, u32), said: impl Into<String>, hint: Option<String>) {
        self.errors.push(ContractError::new(&self.file, place, said.into(), hint));
    }

    pub(crate) fn note_at(&mut self, place: (u32, u32), said: impl Into<String>, hint: Option<String>) {
        self.notes.push(ContractError::new(&self.file, place, said.into(), hint));
    }

    /// No such word here: names the nearest one.
    pub(crate) fn unknown(&mut self, what: &str, at: At, word: &str, words: &[&str]) {
        let hint = did_you_mean(word, words.iter().copied())
            .or_else(|| (words.len() <= LISTED_MAX).then(|| format!("it takes {}", listed(words))));
        self.complain_at((at.line, at.column), format!("{what} `{word}`"), hint);
    }

    pub(crate) fn expected(&mut self, node: &Node, what: &str) {
        self.complain(node.at, format!("expected {what}, found {}", node.described()), None);
    }

    /// Keys and values, of which these keys are known; says which of `needed` are missing.
    pub(crate) fn map<'n>(&mut self, node: &'n Node, keys: &[&str], needed: &[&str]) -> Vec<&'n Entry> {
        let Kind::Map(entries) = &node.kind else {
            self.expected(node, "keys and values, as in `key: value`");
            return Vec::new();
        };
        for missing in needed.iter().filter(|key| entries.iter().all(|entry| entry.key != **key)) {
            self.complain(node.at, format!("`{missing}` is missing"), None);
        }
        let (known, unknown): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| keys.contains(&entry.key.as_str()));
        for entry in unknown {
            self.unknown("unknown key", entry.at, &entry.key, keys);
        }
        known
    }

    /// Keys that the contract chooses, with their values.
    pub(crate) fn named<'n>(&mut self, node: &'n Node) -> &'n [Entry] {
        match &node.kind {
            Kind::Map(entries) => entries,
            _ => {
                self.expected(node, "keys and values, as in `key: value`");
                &[]
            }
        }
    }

    /// As [`Self::named`], and at least one.
    pub(crate) fn some_named<'n>(&mut self, node: &'n Node) -> &'n [Entry] {
        if matches!(&node.kind, Kind::Map(entries) if entries.is_empty()) {
            self.complain(node.at, "nothing is named here", Some("name at least one, or take the key out"));
        }
        self.named(node)
    }

    pub(crate) fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        match &node.kind {
            Kind::List(members) => members,
            _ => {
                self.expected(node, "a list, as in `[one, two]`");
                &[]
            }
        }
    }

    pub(crate) fn truth(&mut self, node: &Node) -> Option<bool> {
        match node.kind {
            Kind::Bool(truth) => Some(truth),
            _ => {
                self.expected(node, "`true` or `false`");
                None
            }
        }
    }

    /// A text, or a number as it is spelt.
    pub(crate) fn word<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.kind {
            Kind::Text(word) | Kind::Number(word) if !word.trim().is_empty() => Some(word),
            _ => {
                self.expected(node, "a text");
                None
            }
        }
    }

    /// One text, or a list of at least one.
    pub(crate) fn words<'n>(&mut self, node: &'n Node) -> Vec<(At, &'n str)> {
        match &node.kind {
            Kind::List(members) if members.is_empty() => {
                let hint = "name at least one, or take the key out";
                self.complain(node.at, "an empty list matches nothing", Some(hint));
                Vec::new()
            }
            Kind::List(members) => members.iter().filter_map(|member| Some((member.at, self.word(member)?))).collect(),
            _ => self.word(node).map(|word| (node.at, word)).into_iter().collect(),
        }
    }

    /// Words, each once.
    pub(crate) fn set(&mut self, node: &Node) -> BTreeSet<Arc<str>> {
        let words = self.words(node);
        words.into_iter().map(|(_, word)| Arc::from(word)).collect()
    }

    /// Ids, each once.
    pub(crate) fn ids<T: FromStr<Err = IdError> + Ord>(&mut self, node: &Node) -> BTreeSet<T> {
        let words = self.words(node);
        words.into_iter().filter_map(|(at, word)| self.parsed(at, word)).collect()
    }

    pub(crate) fn id<T: FromStr<Err = IdError>>(&mut self, node: &Node) -> Option<T> {
        let word = self.word(node)?;
        self.parsed(node.at, word)
    }

    pub(crate) fn parsed<T: FromStr<Err: ToString>>(&mut self, at: At, word: &str) -> Option<T> {
        word.parse().map_err(|error: T::Err| self.complain(at, error.to_string(), None)).ok()
    }

    /// A whole number in a range.
    pub(crate) fn whole(&mut self, node: &Node, least: u64, most: u64) -> Option<u64> {
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
    pub(crate) fn choice<T: Copy>(&mut self, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.word(node)?;
        self.chosen(node.at, word, what, choices)
    }

    pub(crate) fn chosen<T: Copy>(&mut self, at: At, word: &str, what: &str, choices: &[(&str, T)]) -> Option<T> {
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.unknown(&format!("unknown {what}"), at, word, &names);
        None
    }
}

/// Most words that a hint lists.
const LISTED_MAX: usize = 24;
