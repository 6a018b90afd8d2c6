//! `rules:`: one rule, with its own id and conditions.

use std::collections::BTreeSet;

use model::{AppId, Class, ToolName};
use yaml_tree::{At, Entry, Kind, Node, Values as _};

use super::block::{Block, MARKS, of_verb};
use super::condition::{Condition, Towards, quoted};
use super::draft::{Does, Draft};
use super::reader::Reader;
use super::when::About;

/// What a rule is about.
struct Target {
    condition: Condition,
    tools_only: bool,
    /// The tools it names, where it names tools.
    tools: Option<BTreeSet<ToolName>>,
}

impl Reader<'_> {
    pub(super) fn rules(&mut self, block: &Block<'_>, node: &Node) {
        for rule in self.list(node) {
            self.rule(block, rule);
        }
    }

    fn rule(&mut self, block: &Block<'_>, node: &Node) {
        let entries = self.entries(node);
        let Some(first) = entries.first() else { return };
        let before = self.complaints();
        for entry in entries {
            let known = RULE_KEYS.contains(&entry.key.as_str()) || MARKS.contains(&entry.key.as_str());
            if !known {
                let keys: Vec<&str> = RULE_KEYS.iter().chain(MARKS).copied().collect();
                self.unknown_key(entry, &keys);
            }
        }
        let id = self.rule_id(first.at, entries);
        let Some((does, target)) = self.does(block, first.at, entries) else { return };
        let Some(id) = id else { return };
        let about = self.about(block, &target);
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        let when = find("when").map(|entry| self.conditions(&entry.value, &about));
        let unless = find("unless").map(|entry| self.conditions(&entry.value, &about));
        if when.is_some() && when == unless {
            let hint = Some("change one of them".to_owned());
            self.complain(first.at, "`when` and `unless` are the same, so this rule can never match", hint);
        }
        let towards = if does == Does::Permit { Towards::Permit } else { Towards::Restrict };
        for (condition, towards) in [(&when, towards), (&unless, towards.turned())] {
            if let Some(condition) = condition {
                self.trusts_whole_names(first.at, &about, condition, towards);
            }
        }
        let says = find("says").and_then(|entry| self.sentence(entry));
        let says = says.unwrap_or_else(|| unsaid(does, &id, block.called()));
        let mut draft = Draft::new(id, self.written(first.at), does, block.ids(), says);
        draft.instead = find("instead").and_then(|entry| self.sentence(entry));
        draft.tools_only = target.tools_only;
        draft.when = Condition::All([Some(target.condition), when].into_iter().flatten().collect());
        draft.unless = unless;
        draft.marks = block.marks.clone();
        for entry in entries {
            self.mark(entry, &mut draft.marks);
        }
        let approves = find("approvers").or_else(|| find("approvals"));
        if let Some(entry) = approves.filter(|_| does != Does::Hold) {
            let hint = Some("write `hold:`, or leave them out".to_owned());
            self.complain(entry.at, "only a hold has approvers", hint);
        }
        draft.redact = self.fields(does, first.at, find("fields"));
        if self.complaints() == before {
            self.reading.drafts.push(draft);
        }
    }

    /// What a rule that redacts hides.
    fn fields(&mut self, does: Does, at: At, entry: Option<&Entry>) -> Option<String> {
        match (does, entry) {
            (Does::Redact, Some(entry)) => {
                let paths: Vec<&str> = self.words(&entry.value).into_iter().map(|(_, path)| path).collect();
                let paths = paths.join(", ");
                if let Err(error) = json::Mask::parse(&paths) {
                    let hint = Some("for example `[$.customers[*].email, $..iban]`".to_owned());
                    self.complain(
                        entry.value.at,
                        format!("`fields` takes paths of JSONPath (RFC 9535): {error}"),
                        hint,
                    );
                }
                Some(paths)
            }
            (Does::Redact, None) => {
                let hint = Some("add the paths of the fields: `fields: [$.customers[*].email]`".to_owned());
                self.complain(at, "a rule that redacts says what it hides", hint);
                None
            }
            (_, Some(entry)) => {
                self.complain(entry.at, "only a rule that redacts has `fields`", Some("write `redact:`".to_owned()));
                None
            }
            (_, None) => None,
        }
    }

    fn rule_id(&mut self, at: At, entries: &[Entry]) -> Option<String> {
        let Some(entry) = entries.iter().find(|entry| entry.key == "id") else {
            let hint = "give it a name of its own, as in `id: finance-exports`; records and cases name it".to_owned();
            self.complain(at, "this rule has no `id`", Some(hint));
            return None;
        };
        self.word(&entry.value).map(str::to_owned)
    }

    /// What it does, and with what.
    fn does(&mut self, block: &Block<'_>, at: At, entries: &[Entry]) -> Option<(Does, Target)> {
        let verbs: Vec<&Entry> =
            entries.iter().filter(|entry| OUTCOMES.iter().any(|(key, _)| *key == entry.key)).collect();
        let (entry, does) = match verbs.as_slice() {
            [one] => (*one, OUTCOMES.iter().find(|(key, _)| *key == one.key)?.1),
            [] => {
                let hint = "add `allow:`, `hold:`, `redact:`, `defer:` or `deny:` with the tools it is about, or `all`"
                    .to_owned();
                self.complain(at, "this rule does nothing", Some(hint));
                return None;
            }
            [first, second, ..] => {
                let said = format!("`{}` and `{}` contradict each other", first.key, second.key);
                self.complain(second.at, said, Some("write two rules".to_owned()));
                return None;
            }
        };
        let target = self.target(block, &entry.value)?;
        Some((does, target))
    }

    /// `all`, or tools, verbs and classes.
    fn target(&mut self, block: &Block<'_>, node: &Node) -> Option<Target> {
        if let Kind::Bool(_) | Kind::Map(_) | Kind::Nothing = node.kind {
            self.expected(
                node,
                "`all`, or a list of tools, verbs and classes, as in `[merge_pull_request, class:write]`",
            );
            return None;
        }
        let mut target = Target { condition: Condition::Always, tools_only: true, tools: Some(BTreeSet::new()) };
        let mut any = Vec::new();
        let words = self.words(node);
        if words.is_empty() {
            return None;
        }
        for (at, word) in words {
            if word == "all" {
                return Some(Target { condition: Condition::Always, tools_only: false, tools: None });
            }
            match word.split_once(':') {
                Some(("class", class)) => {
                    let known = Class::ALL.map(Class::as_str);
                    if !known.contains(&class) {
                        self.unknown("unknown class", at, class, &known);
                    }
                    any.push(Condition::Fact(format!("context.class == {}", quoted(class))));
                    (target.tools_only, target.tools) = (false, None);
                }
                Some(("verb", verb)) => any.extend(self.verb_or_tool(block, at, verb, &mut target, (true, false))),
                Some(("tool", tool)) => any.extend(self.verb_or_tool(block, at, tool, &mut target, (false, true))),
                _ => any.extend(self.verb_or_tool(block, at, word, &mut target, (true, true))),
            }
        }
        target.condition = Condition::Any(any);
        Some(target)
    }

    fn verb_or_tool(
        &mut self,
        block: &Block<'_>,
        at: At,
        word: &str,
        target: &mut Target,
        (as_verb, as_tool): (bool, bool),
    ) -> Option<Condition> {
        let verbs = block.apps.verbs();
        let tools: BTreeSet<&str> = block.apps.tools().map(|(name, _)| name.as_str()).collect();
        if as_verb && verbs.contains(word) {
            let with_verb = block.apps.tools().filter(|(_, tool)| tool.verb.as_deref() == Some(word));
            let names: BTreeSet<ToolName> = with_verb.map(|(name, _)| name.clone()).collect();
            if as_tool && tools.contains(word) && names.iter().any(|name| name.as_str() != word) {
                let hint = format!("write `verb:{word}` or `tool:{word}`");
                self.complain(at, format!("`{word}` is a verb and another tool, too"), Some(hint));
            }
            if let Some(tools) = target.tools.as_mut() {
                tools.extend(names);
            }
            return Some(Condition::Fact(of_verb(&[word])));
        }
        let profiled = block.apps.have_profile();
        if as_tool && (tools.contains(word) || !profiled) && block.ids().is_some() {
            match ToolName::parse(word) {
                Ok(name) => {
                    if let Some(tools) = target.tools.as_mut() {
                        tools.insert(name);
                    }
                    return Some(Condition::Any(block.apps.ids.iter().map(|app| is_tool(app, word)).collect()));
                }
                Err(error) => self.complain(at, error.to_string(), None),
            }
            return None;
        }
        let mut words: Vec<&str> = vec!["all", "class:read", "class:write", "class:external", "class:destructive"];
        words.extend(verbs.iter().filter(|_| as_verb));
        words.extend(tools.iter().filter(|_| as_tool));
        self.unknown(&format!("`{}` has no tool and no verb", block.name), at, word, &words);
        None
    }

    fn about<'b>(&self, block: &'b Block<'_>, target: &Target) -> About<'b> {
        let about = block.about();
        let Some(tools) = target.tools.as_ref().filter(|tools| !tools.is_empty()) else { return about };
        let roles = block
            .apps
            .tools()
            .filter(|(name, _)| tools.contains(*name))
            .flat_map(|(_, tool)| tool.roles.iter().map(|(name, role)| (name.as_str(), role)))
            .collect();
        About { roles, ..about }
    }
}

fn is_tool(app: &AppId, tool: &str) -> Condition {
    Condition::Fact(format!("resource == Tool::{}", quoted(&format!("{app}/{tool}"))))
}

fn unsaid(does: Does, id: &str, block: &str) -> String {
    let what = match does {
        Does::Permit => "permits this",
        Does::Redact => "hides fields of the answer",
        Does::Hold => "wants a human to approve this",
        Does::Defer => "leaves this open",
        Does::Deny | Does::Limit => "forbids this",
    };
    format!("the rule `{id}` for {block} {what}")
}

pub(crate) const RULE_KEYS: &[&str] =
    &["id", "allow", "hold", "redact", "defer", "deny", "fields", "when", "unless", "says", "instead"];
const OUTCOMES: &[(&str, Does)] = &[
    ("allow", Does::Permit),
    ("hold", Does::Hold),
    ("redact", Does::Redact),
    ("defer", Does::Defer),
    ("deny", Does::Deny),
];
