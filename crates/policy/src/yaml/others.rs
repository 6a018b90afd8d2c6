//! `freezes:` and `agents:`.

use std::collections::BTreeSet;

use model::{AgentId, AppId, Class};
use yaml_tree::{Entry, Node, Values as _};

use super::condition::{Condition, set};
use super::draft::{Does, Draft};
use super::reader::Reader;
use crate::named_test::{Is, NamedTest, On};
use crate::window::{Window, Written};

impl Reader<'_> {
    pub(super) fn freezes(&mut self, node: &Node) {
        for freeze in self.list(node) {
            let entries = self.entries(freeze);
            for entry in entries {
                if !FREEZE_KEYS.contains(&entry.key.as_str()) {
                    self.unknown_key(entry, FREEZE_KEYS);
                }
            }
            self.freeze(freeze, entries);
        }
    }

    fn freeze(&mut self, node: &Node, entries: &[Entry]) -> Option<()> {
        let at = entries.first().map_or(node.at, |entry| entry.at);
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        let Some((id, from, until)) = find("id").zip(find("from")).zip(find("until")).map(|((a, b), c)| (a, b, c))
        else {
            let hint = "write `{id: code-freeze, from: 2026-12-20T00:00:00Z, until: 2027-01-04T00:00:00Z}`".to_owned();
            self.complain(at, "a freeze has an `id`, a `from` and an `until`", Some(hint));
            return None;
        };
        let id = self.word(&id.value)?.to_owned();
        let written = Written { from: self.word(&from.value), until: self.word(&until.value), ..Written::default() };
        let window = match Window::parse(&written) {
            Ok(window) => window,
            Err(error) => {
                self.complain(from.at, error.said, Some(error.hint));
                return None;
            }
        };
        let apps = match find("apps") {
            Some(entry) => Some(self.frozen_apps(entry)?),
            None => None,
        };
        let classes = match find("classes") {
            Some(entry) => self.classes(entry),
            None => Class::ALL.into_iter().filter(|class| *class > Class::Read).map(Class::as_str).collect(),
        };
        let says = find("says").and_then(|entry| self.sentence(entry));
        let says = says.unwrap_or_else(|| format!("changes are frozen: `{id}` {window}"));
        let mut draft = Draft::new(id, self.written(at), Does::Deny, apps, says);
        draft.tools_only = false;
        draft.when = Condition::All(vec![
            Condition::Fact(format!("{}.contains(context.class)", set(classes.into_iter()))),
            Condition::test(NamedTest { on: On::Time, is: Is::In(window) }),
        ]);
        draft.instead = find("instead").and_then(|entry| self.sentence(entry));
        for entry in entries {
            self.mark(entry, &mut draft.marks);
        }
        self.reading.drafts.push(draft);
        Some(())
    }

    fn frozen_apps(&mut self, entry: &Entry) -> Option<Vec<AppId>> {
        let known = self.known;
        let mut apps = BTreeSet::new();
        for (at, word) in self.words(&entry.value) {
            match known.apps_named(word) {
                Some(named) => apps.extend(named.ids),
                None => {
                    let names: Vec<&str> = known.names_of_apps().into_iter().collect();
                    self.unknown("there is no app and no app with the profile", at, word, &names);
                }
            }
        }
        (!apps.is_empty()).then(|| apps.into_iter().collect())
    }

    fn classes<'n>(&mut self, entry: &'n Entry) -> Vec<&'n str> {
        let known = Class::ALL.map(Class::as_str);
        let mut classes = Vec::new();
        for (at, word) in self.words(&entry.value) {
            if !known.contains(&word) {
                self.unknown("unknown class", at, word, &known);
            }
            classes.push(word);
        }
        classes
    }

    /// `helper: {recommend_only: true}`.
    pub(super) fn agents_of(&mut self, node: &Node) {
        for entry in self.entries(node) {
            let Some(agent) = self.known.agents.get(entry.key.as_str()).cloned() else {
                let known: Vec<&str> = self.known.agents.iter().map(AgentId::as_str).collect();
                self.unknown("there is no agent", entry.at, &entry.key, &known);
                continue;
            };
            for inner in self.entries(&entry.value) {
                if inner.key != "recommend_only" {
                    self.unknown_key(inner, AGENT_BLOCK_KEYS);
                    continue;
                }
                if self.truth(&inner.value) == Some(true) {
                    self.reading.recommend_only.insert(agent.clone());
                }
            }
        }
    }
}

pub(crate) const FREEZE_KEYS: &[&str] =
    &["id", "from", "until", "apps", "classes", "says", "instead", "observe", "security_relevant"];
pub(crate) const AGENT_BLOCK_KEYS: &[&str] = &["recommend_only"];
