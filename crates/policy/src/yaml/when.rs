//! `when:` and `unless:`: conditions on people, agents, apps, tools, arguments and the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AgentId, Class, CostClass, DataClassification, HumanId, Risk, ToolStatus};
use yaml_tree::{At, Entry, Node, Values as _};

use super::condition::{Condition, Towards, quoted, set};
use super::reader::Reader;
use crate::glob::Glob;
use crate::known::KnownRole;
use crate::named_test::{Is, NamedTest, On, Wanted};
use crate::window::{Window, Written};

/// What the words of a rule can be about.
pub(super) struct About<'a> {
    /// The roles that the tools in question have; none: whatever the apps have.
    pub(super) roles: BTreeMap<&'a str, &'a KnownRole>,
    pub(super) labels: BTreeSet<&'a str>,
    /// The block, as messages call it.
    pub(super) name: &'a str,
}

impl About<'_> {
    /// With words in small letters where values come in small letters.
    pub(super) fn folded(&self, condition: Condition) -> Condition {
        let folds = |role: &str| {
            matches!(role, "recipient" | "url") || self.roles.get(role).is_some_and(|known| known.ignore_case)
        };
        condition.with_tests(&|test| match &test.on {
            On::Role(role) if folds(role) => NamedTest { on: test.on.clone(), is: test.is.in_small_letters() },
            _ => test.clone(),
        })
    }

    /// Values of roles made of several parts that name one part only, where a rule would trust them. There they mean
    /// nothing: `sandbox` could be anybody's.
    pub(super) fn parts(&self, condition: &Condition, towards: Towards) -> Vec<(String, String)> {
        let mut parts = Vec::new();
        condition.each_test(towards, &mut |test, towards| {
            let (On::Role(role), Is::OneOf(wanted)) = (&test.on, &test.is) else { return };
            let Some(join) = self.roles.get(role.as_ref()).and_then(|known| known.join.as_deref()) else { return };
            if towards == Towards::Permit {
                let words = wanted.iter().map(Wanted::to_string).filter(|word| !word.contains(join));
                parts.extend(words.map(|word| (word, join.to_owned())));
            }
        });
        parts
    }
}

impl Reader<'_> {
    /// Refuses names that could be anybody's where a rule trusts them.
    pub(super) fn trusts_whole_names(&mut self, at: At, about: &About<'_>, condition: &Condition, towards: Towards) {
        for (word, join) in about.parts(condition, towards) {
            let said = format!("`{word}` could be anybody's, and this rule would trust it");
            let hint = format!("write the whole name, as in `owner{join}{word}`; `*{join}{word}` if any will do");
            self.complain(at, said, Some(hint));
        }
    }

    /// All of these must hold.
    pub(super) fn conditions(&mut self, node: &Node, about: &About<'_>) -> Condition {
        let (mut all, before) = (Vec::new(), self.complaints());
        for entry in self.entries(node) {
            let condition = match entry.key.as_str() {
                "human" => self.human(&entry.value),
                "agent" => self.agent(&entry.value),
                "app" => self.app(&entry.value),
                "tool" => self.tool(&entry.value, about),
                "roles" => self.roles(&entry.value, about),
                "arguments" => self.arguments(&entry.value),
                "size" => self.size(&entry.value),
                "time" => self.time(&entry.value),
                "access" => self.truth(&entry.value).map(|truth| flag("context.access", truth)),
                "not" => Some(self.conditions(&entry.value, about).not()),
                "any" => {
                    let before = self.complaints();
                    let any: Vec<Condition> =
                        self.list(&entry.value).iter().map(|one| self.conditions(one, about)).collect();
                    self.says_something(&entry.value, &any, before);
                    Some(Condition::Any(any))
                }
                _ => {
                    self.unknown_key(entry, WHEN_KEYS);
                    None
                }
            };
            all.extend(condition);
        }
        self.says_something(node, &all, before);
        Condition::All(all)
    }

    /// Refuses what is true of everything because nothing stands in it.
    pub(super) fn says_something(&mut self, node: &Node, all: &[Condition], complaints_before: usize) {
        if all.is_empty() && self.complaints() == complaints_before {
            self.complain(node.at, "this says nothing", Some("name a condition, or take the key out".to_owned()));
        }
    }

    fn human(&mut self, node: &Node) -> Option<Condition> {
        self.attributes(node, HUMAN_KEYS, |reader, entry| match entry.key.as_str() {
            "department" => reader.text(&entry.value, "context.human.department"),
            "role" => reader.text(&entry.value, "context.human.role"),
            "seniority" => reader.text(&entry.value, "context.human.seniority"),
            "id" => reader.person(&entry.value, "context.human"),
            "manager" => reader.person(&entry.value, "context.human.manager"),
            "not" => reader.human(&entry.value).map(Condition::not),
            _ => None,
        })
    }

    fn agent(&mut self, node: &Node) -> Option<Condition> {
        self.attributes(node, AGENT_KEYS, |reader, entry| match entry.key.as_str() {
            "id" => reader.agents(&entry.value),
            "owner" => reader.person(&entry.value, "principal.owner"),
            "model_tier" => reader.text(&entry.value, "principal.model_tier"),
            "recommend_only" => reader.truth(&entry.value).map(|truth| flag("principal.recommend_only", truth)),
            "not" => reader.agent(&entry.value).map(Condition::not),
            _ => None,
        })
    }

    fn app(&mut self, node: &Node) -> Option<Condition> {
        self.attributes(node, APP_KEYS, |reader, entry| match entry.key.as_str() {
            "risk" => reader.one_of(
                &entry.value,
                "risk",
                "resource.app.risk",
                &[Risk::Low, Risk::Medium, Risk::High].map(Risk::as_str),
            ),
            "data" => reader.one_of(
                &entry.value,
                "classification",
                "resource.app.data",
                &DATA.map(DataClassification::as_str),
            ),
            "category" => reader.text(&entry.value, "resource.app.category"),
            "owner" => {
                let people = reader.people(&entry.value)?;
                let any = people.iter().map(|one| Condition::Fact(format!("resource.app.owners.contains({one})")));
                Some(Condition::Any(any.collect()))
            }
            "not" => reader.app(&entry.value).map(Condition::not),
            _ => None,
        })
    }

    fn tool(&mut self, node: &Node, about: &About<'_>) -> Option<Condition> {
        self.attributes(node, TOOL_KEYS, |reader, entry| match entry.key.as_str() {
            "class" => reader.one_of(&entry.value, "class", "context.class", &Class::ALL.map(Class::as_str)),
            "cost" => {
                let choices = CostClass::ALL.map(CostClass::as_str);
                match reader.one_of(&entry.value, "cost class", "resource.cost", &choices)? {
                    Condition::Fact(fact) => Some(Condition::of_cost(fact)),
                    other => Some(other),
                }
            }
            "status" => reader.one_of(&entry.value, "status", "resource.status", &STATUS.map(ToolStatus::as_str)),
            "label" => reader.labels(&entry.value, about),
            "not" => reader.tool(&entry.value, about).map(Condition::not),
            _ => None,
        })
    }

    fn labels(&mut self, node: &Node, about: &About<'_>) -> Option<Condition> {
        let known: Vec<&str> = about.labels.iter().copied().collect();
        let mut any = Vec::new();
        for (at, label) in self.words(node) {
            if !known.contains(&label) {
                self.unknown(&format!("no tool of `{}` has the label", about.name), at, label, &known);
            }
            any.push(Condition::Fact(format!("resource.labels.contains({})", quoted(label))));
        }
        Some(Condition::Any(any))
    }

    fn roles(&mut self, node: &Node, about: &About<'_>) -> Option<Condition> {
        let known: Vec<&str> = about.roles.keys().copied().collect();
        let (mut all, before) = (Vec::new(), self.complaints());
        for entry in self.entries(node) {
            if entry.key == "not" {
                all.extend(self.roles(&entry.value, about).map(Condition::not));
                continue;
            }
            if !known.contains(&entry.key.as_str()) {
                let what = format!("no tool that this is about on `{}` takes the role", about.name);
                self.unknown(&what, entry.at, &entry.key, &known);
                continue;
            }
            let condition = self.values(&On::Role(Arc::from(entry.key.as_str())), &entry.value);
            all.extend(condition.map(|condition| about.folded(condition)));
        }
        self.says_something(node, &all, before);
        Some(Condition::All(all))
    }

    fn arguments(&mut self, node: &Node) -> Option<Condition> {
        let (mut all, before) = (Vec::new(), self.complaints());
        for entry in self.entries(node) {
            if entry.key == "not" {
                all.extend(self.arguments(&entry.value).map(Condition::not));
                continue;
            }
            all.extend(self.values(&On::Argument(Arc::from(entry.key.as_str())), &entry.value));
        }
        self.says_something(node, &all, before);
        Some(Condition::All(all))
    }

    fn size(&mut self, node: &Node) -> Option<Condition> {
        self.attributes(node, SIZE_KEYS, |reader, entry| {
            let operator = match entry.key.as_str() {
                "above" => ">",
                "at_least" => ">=",
                "below" => "<",
                _ => "<=",
            };
            let bytes = reader.whole(&entry.value, 1, 1 << 40)?;
            Some(Condition::Fact(format!("context.argument_bytes {operator} {bytes}")))
        })
    }

    /// A window of time.
    pub(super) fn time(&mut self, node: &Node) -> Option<Condition> {
        let (mut written, before) = (Written::default(), self.complaints());
        for entry in self.entries(node) {
            match entry.key.as_str() {
                "days" => written.days = self.words(&entry.value).into_iter().map(|(_, word)| word).collect(),
                "hours" => written.hours = self.word(&entry.value),
                "zone" => written.zone = self.word(&entry.value),
                "from" => written.from = self.word(&entry.value),
                "until" => written.until = self.word(&entry.value),
                _ => self.unknown_key(entry, TIME_KEYS),
            }
        }
        let says_nothing =
            written.days.is_empty() && [written.hours, written.from, written.until].iter().all(Option::is_none);
        if self.complaints() > before {
            return None;
        }
        if says_nothing {
            self.expected(node, "`days`, `hours`, `from` or `until`");
            return None;
        }
        match Window::parse(&written) {
            Ok(window) => Some(Condition::test(NamedTest { on: On::Time, is: Is::In(window) })),
            Err(error) => {
                self.complain(node.at, error.said, Some(error.hint));
                None
            }
        }
    }

    fn attributes(
        &mut self,
        node: &Node,
        keys: &[&str],
        mut read: impl FnMut(&mut Self, &Entry) -> Option<Condition>,
    ) -> Option<Condition> {
        let (mut all, before) = (Vec::new(), self.complaints());
        for entry in self.entries(node) {
            if keys.contains(&entry.key.as_str()) {
                all.extend(read(self, entry));
            } else {
                self.unknown_key(entry, keys);
            }
        }
        self.says_something(node, &all, before);
        (!all.is_empty()).then_some(Condition::All(all))
    }

    /// An attribute that is a text: a word, a list of words, or `{like: "prod-*"}`.
    fn text(&mut self, node: &Node, path: &str) -> Option<Condition> {
        if let yaml_tree::Kind::Map(entries) = &node.kind {
            let (mut all, before) = (Vec::new(), self.complaints());
            for entry in entries {
                if entry.key != "like" {
                    self.unknown_key(entry, &["like"]);
                    continue;
                }
                let globs = self.globs(&entry.value);
                let any = globs.iter().map(|glob| Condition::Fact(format!("{path} like {}", like(glob))));
                all.push(Condition::Any(any.collect()));
            }
            self.says_something(node, &all, before);
            return Some(Condition::All(all));
        }
        let words = self.plain_words(node);
        match words.as_slice() {
            [] => None,
            [one] => Some(Condition::Fact(format!("{path} == {}", quoted(one)))),
            some => Some(Condition::Fact(format!("{}.contains({path})", set(some.iter().copied())))),
        }
    }

    /// Words that are compared as they stand.
    pub(super) fn plain_words<'n>(&mut self, node: &'n Node) -> Vec<&'n str> {
        let mut plain = Vec::new();
        for (at, word) in self.words(node) {
            if word.contains('*') {
                let hint = format!("a pattern is written `{{like: \"{word}\"}}`");
                self.complain(at, format!("`{word}` would be compared as it stands"), Some(hint));
            }
            plain.push(word);
        }
        plain
    }

    /// Patterns with stars.
    pub(super) fn globs(&mut self, node: &Node) -> Vec<Glob> {
        let mut globs = Vec::new();
        for (at, word) in self.words(node) {
            if Glob::looks_like_a_regular_expression(word) {
                self.regular_expression(at, word);
            } else if word.chars().all(|letter| letter == '*') {
                self.complain(
                    at,
                    format!("`{word}` is like everything"),
                    Some("`given: true` asks whether there is a value".to_owned()),
                );
            } else {
                globs.push(Glob::new(word));
            }
        }
        globs
    }

    pub(super) fn regular_expression(&mut self, at: At, word: &str) {
        let said = format!("`{word}` looks like a regular expression, and rules take none");
        let hint = "in `like`, a `*` stands for any run of characters, and everything else for itself";
        self.complain(at, said, Some(hint.to_owned()));
    }

    fn one_of(&mut self, node: &Node, what: &str, path: &str, choices: &[&str]) -> Option<Condition> {
        let mut words = Vec::new();
        for (at, word) in self.words(node) {
            if !choices.contains(&word) {
                self.unknown(&format!("unknown {what}"), at, word, choices);
            }
            words.push(word);
        }
        match words.as_slice() {
            [] => None,
            [one] => Some(Condition::Fact(format!("{path} == {}", quoted(one)))),
            some => Some(Condition::Fact(format!("{}.contains({path})", set(some.iter().copied())))),
        }
    }

    fn person(&mut self, node: &Node, path: &str) -> Option<Condition> {
        let people = self.people(node)?;
        Some(Condition::Any(people.iter().map(|one| Condition::Fact(format!("{path} == {one}"))).collect()))
    }

    /// Whether there is this person. Complains if not.
    pub(super) fn person_known(&mut self, at: At, id: &str) -> bool {
        let there_is = self.known.people.contains(id);
        if !there_is {
            let known: Vec<&str> = self.known.people.iter().map(HumanId::as_str).collect();
            self.unknown("there is no person", at, id, &known);
        }
        there_is
    }

    fn people(&mut self, node: &Node) -> Option<Vec<String>> {
        let mut people = Vec::new();
        for (at, word) in self.words(node) {
            self.person_known(at, word);
            people.push(format!("Human::{}", quoted(word)));
        }
        (!people.is_empty()).then_some(people)
    }

    fn agents(&mut self, node: &Node) -> Option<Condition> {
        let mut any = Vec::new();
        for (at, word) in self.words(node) {
            if !self.known.agents.contains(word) {
                let known: Vec<&str> = self.known.agents.iter().map(AgentId::as_str).collect();
                self.unknown("there is no agent", at, word, &known);
            }
            any.push(Condition::Fact(format!("principal == Agent::{}", quoted(word))));
        }
        (!any.is_empty()).then_some(Condition::Any(any))
    }
}

fn flag(path: &str, truth: bool) -> Condition {
    Condition::Fact(if truth { path.to_owned() } else { format!("!{path}") })
}

/// A pattern as Cedar writes it: the star is its, too.
fn like(glob: &Glob) -> String {
    quoted(glob.as_str())
}

pub(crate) const WHEN_KEYS: &[&str] =
    &["human", "agent", "app", "tool", "roles", "arguments", "size", "time", "access", "not", "any"];
pub(crate) const HUMAN_KEYS: &[&str] = &["department", "role", "seniority", "id", "manager", "not"];
pub(crate) const AGENT_KEYS: &[&str] = &["id", "owner", "model_tier", "recommend_only", "not"];
pub(crate) const APP_KEYS: &[&str] = &["risk", "data", "category", "owner", "not"];
pub(crate) const TOOL_KEYS: &[&str] = &["class", "cost", "status", "label", "not"];
pub(crate) const SIZE_KEYS: &[&str] = &["above", "at_least", "below", "at_most"];
pub(crate) const TIME_KEYS: &[&str] = &["days", "hours", "zone", "from", "until"];
const DATA: [DataClassification; 4] = [
    DataClassification::Public,
    DataClassification::Internal,
    DataClassification::Confidential,
    DataClassification::Restricted,
];
const STATUS: [ToolStatus; 4] =
    [ToolStatus::Unreviewed, ToolStatus::Pinned, ToolStatus::Quarantined, ToolStatus::Unknown];
