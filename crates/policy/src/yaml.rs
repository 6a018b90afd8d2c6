//! Platform policy: what platform teams write.
//!
//! ```yaml
//! policies:
//!   github:
//!     allow_pr_open: true
//!     require_human_review_for_repos: [production-infra]
//! ```
//!
//! A file is read as a tree whose every key knows its place (`yaml_tree`), understood with the words of the apps' profiles
//! (`block`, `custom`, `when`, `values`, `others`) into drafts (`draft`), and each draft is written as one Cedar rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use yaml_tree::{Kind, Node, Values as _};

use crate::error::PolicyError;
use crate::known::Known;
use crate::source::RuleFile;

mod condition;
mod draft;

mod example;
mod reader;

mod values;
mod when;

mod block;
mod custom;
mod others;

use block::READS;
use condition::Condition;
pub(crate) use condition::Tests;
use draft::Does;
pub(crate) use draft::{Draft, Written};
pub use example::Example;
pub(crate) use reader::Reading;
use reader::{Place, Reader};

/// Reads all files, in whatever order they come.
pub(crate) fn read<'a>(known: &Known, files: impl Iterator<Item = &'a RuleFile>) -> Reading {
    let mut reading = Reading::default();
    let mut files: Vec<&RuleFile> = files.collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    for file in files {
        let name: Arc<str> = Arc::from(file.name.as_str());
        if file.text.len() > YAML_BYTES_MAX {
            let said = format!("this file is larger than {YAML_BYTES_MAX} bytes");
            let hint = Some("put the rules into several files".to_owned());
            reading.errors.push(PolicyError::new(&name, (1, 1), said, hint));
            continue;
        }
        match yaml_tree::read(&file.text) {
            Ok(node) => Reader { known, file, name, reading: &mut reading }.document(&node),
            Err(error) => {
                let place = (error.line, error.column);
                reading.errors.push(PolicyError::new(&name, place, error.said, error.hint));
            }
        }
    }
    if reading.drafts.len() > RULES_MAX {
        let name: Arc<str> = Arc::from("rules");
        let said = format!("these are {} rules, and {RULES_MAX} is the most", reading.drafts.len());
        reading.errors.push(PolicyError::new(&name, (1, 1), said, None));
        reading.drafts.clear();
    }
    note_limits_alone(&mut reading);
    note_permits_unseen(&mut reading);
    let unique: BTreeSet<PolicyError> = reading.notes.drain(..).collect();
    reading.notes.extend(unique);
    reading
}

/// The rules of one file of platform policy as Cedar, each with its annotations. Error: everything that is wrong with it,
/// but for what only Cedar's own check finds.
pub fn platform_as_cedar(known: &Known, file: &RuleFile) -> Result<Vec<String>, Vec<PolicyError>> {
    let reading = read(known, std::iter::once(file));
    if !reading.errors.is_empty() {
        return Err(reading.errors);
    }
    let drafts = &reading.drafts;
    Ok(drafts.iter().map(|draft| draft.cedar(drafts, &mut Tests::default())).collect())
}

impl Reader<'_> {
    fn document(&mut self, node: &Node) {
        if matches!(node.kind, Kind::Nothing) {
            self.note(node.at, "this file holds no rules", None);
            return;
        }
        for entry in self.entries(node) {
            match entry.key.as_str() {
                "policies" => self.policies(&entry.value),
                "freezes" => self.freezes(&entry.value),
                "agents" => self.agents_of(&entry.value),
                "examples" => self.examples(&entry.value),
                _ => self.unknown_key(entry, FILE_KEYS),
            }
        }
    }
}

/// A block of nothing but limits reads as if it allowed what keeps to them.
fn note_limits_alone(reading: &mut Reading) {
    let mut notes = Vec::new();
    for (block, Place { file, at, apps }) in &reading.blocks {
        let of_block = |draft: &&Draft| draft.meets(apps.as_deref());
        let permits = reading.drafts.iter().filter(of_block).any(|draft| draft.does == Does::Permit);
        if !permits {
            let said = format!("the block `{block}` permits nothing by itself");
            let hint = "limits only take away: what they leave is decided by your other rules and the baseline";
            notes.push(PolicyError::new(file, (at.line, at.column), said, Some(hint.to_owned())));
        }
    }
    reading.notes.extend(notes);
}

/// What a rule would permit that is only observed shows nowhere, where one that is enforced would yield to it.
fn note_permits_unseen(reading: &mut Reading) {
    let mut notes = Vec::new();
    let reads = |draft: &Draft| matches!(&draft.when, Condition::Fact(fact) if fact == READS);
    for draft in reading.drafts.iter().filter(|draft| draft.marks.observe && !reads(draft)) {
        let denies = |other: &&Draft| other.unless_permitted && draft.permits_for(other) && !draft.lifts(other);
        if let Some(other) = reading.drafts.iter().find(denies) {
            let at = draft.written.at;
            let said = format!("what `{}` would permit is refused by `{}`, and not seen", draft.id, other.id);
            let hint = "what is enforced yields only to what is enforced: observe both, or neither";
            notes.push(PolicyError::new(&draft.written.file, (at.line, at.column), said, Some(hint.to_owned())));
        }
    }
    reading.notes.extend(notes);
}

pub(crate) const FILE_KEYS: &[&str] = &["policies", "freezes", "agents", "examples"];
/// Largest policy file in YAML. More goes into several files.
pub(crate) const YAML_BYTES_MAX: usize = 2 << 20;
/// Most rules that all policy files together may hold.
pub(crate) const RULES_MAX: usize = 20_000;

#[cfg(test)]
mod tests;
