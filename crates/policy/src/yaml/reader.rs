//! Reading values of the kinds that keys take, and telling what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AgentId, AppId};
use yaml_tree::{At, Entry, Values, text_of};

use super::draft::{Draft, Written};
use super::example::Example;
use crate::error::PolicyError;
use crate::known::Known;
use crate::source::RuleFile;

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

impl Values for Reader<'_> {
    fn wrong(&mut self, at: At, said: String, hint: Option<String>) {
        self.complain(at, said, hint);
    }
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

/// Longest sentence that an agent is told.
const SENTENCE_BYTES_MAX: usize = 1_000;
