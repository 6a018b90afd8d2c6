//! Reading values of the kinds that keys take, and telling what is wrong with them.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use model::IdError;
use yaml_tree::{At, Entry, Kind, Node, Values};

use crate::error::ContractError;

/// Reads one file, and gathers everything that is wrong with it.
pub(crate) struct Reader {
    pub(crate) file: Arc<str>,
    pub(crate) errors: Vec<ContractError>,
    pub(crate) notes: Vec<ContractError>,
}

impl Values for Reader {
    fn wrong(&mut self, at: At, said: String, hint: Option<String>) {
        self.complain_at((at.line, at.column), said, hint);
    }
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

    /// Keys that the contract chooses, with their values: at least one.
    pub(crate) fn some_named<'n>(&mut self, node: &'n Node) -> &'n [Entry] {
        if matches!(&node.kind, Kind::Map(entries) if entries.is_empty()) {
            self.complain(node.at, "nothing is named here", Some("name at least one, or take the key out"));
        }
        self.entries(node)
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
}
