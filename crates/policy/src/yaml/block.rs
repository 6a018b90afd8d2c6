//! `policies:`: what one app, or all apps of a profile, may be used for.

use std::sync::Arc;
use std::time::Duration;

use model::{AppId, BudgetOf, BudgetPer, CostClass, Scalar, written};
use yaml_tree::{Entry, Kind, Node, Values as _};

use super::condition::{Condition, Towards, set};
use super::draft::{Does, Draft, Marks};
use super::reader::{Place, Reader, Said};
use super::values::is_of_numbers;
use super::when::About;
use crate::annotations::{APPROVALS_MAX, APPROVERS, RUNTIME_SECONDS_MAX, names_approver};
use crate::glob::Glob;
use crate::known::Apps;
use crate::named_test::{Is, NamedTest, On, Wanted};
use spelling::did_you_mean;

/// A block and what its words can be.
pub(super) struct Block<'a> {
    pub(super) name: &'a str,
    pub(super) apps: Apps<'a>,
    pub(super) marks: Marks,
}

impl Block<'_> {
    pub(super) fn ids(&self) -> Option<Vec<AppId>> {
        (self.name != EVERY_APP).then(|| self.apps.ids.clone())
    }

    pub(super) fn about(&self) -> About<'_> {
        About { roles: self.apps.roles(), labels: self.apps.labels(), name: self.name }
    }

    pub(super) fn called(&self) -> &str {
        if self.name == EVERY_APP { "any app" } else { self.name }
    }
}

impl Reader<'_> {
    pub(super) fn policies(&mut self, node: &Node) {
        let known = self.known;
        for entry in self.entries(node) {
            let apps = if entry.key == EVERY_APP { Some(known.every_app()) } else { known.apps_named(&entry.key) };
            let Some(apps) = apps else {
                let names: Vec<&str> = known.names_of_apps().into_iter().collect();
                self.unknown("there is no app and no app with the profile", entry.at, &entry.key, &names);
                continue;
            };
            let mut block = Block { name: &entry.key, apps, marks: Marks::default() };
            let place = Place { file: Arc::clone(&self.name), at: entry.at, apps: block.ids() };
            self.reading.blocks.entry(entry.key.clone()).or_insert(place);
            let entries = self.entries(&entry.value);
            for entry in entries {
                self.mark(entry, &mut block.marks);
            }
            for entry in entries.iter().filter(|entry| !MARKS.contains(&entry.key.as_str())) {
                let (complaints, drafts) = (self.complaints(), self.reading.drafts.len());
                self.once(&block, entry);
                self.key(&block, entry);
                if self.complaints() > complaints && entry.key != "rules" {
                    self.reading.drafts.truncate(drafts);
                }
            }
        }
    }

    /// Reads what a rule, or a block, says of itself.
    pub(super) fn mark(&mut self, entry: &Entry, marks: &mut Marks) {
        match entry.key.as_str() {
            "observe" => marks.observe = self.truth(&entry.value).unwrap_or_default(),
            "security_relevant" => marks.security_relevant = self.truth(&entry.value).unwrap_or_default(),
            "approvers" => marks.approvers = self.approvers(&entry.value),
            "approvals" => {
                marks.approvals =
                    self.whole(&entry.value, 1, u64::from(APPROVALS_MAX)).and_then(|number| u8::try_from(number).ok());
            }
            _ => {}
        }
    }

    fn approvers(&mut self, node: &Node) -> Vec<String> {
        let mut approvers = Vec::new();
        for (at, word) in self.words(node) {
            if !names_approver(word) {
                let hint = did_you_mean(word, APPROVERS.iter().copied()).unwrap_or_else(|| {
                    "it takes `role:` and a role, `human:` and a person, `owner-of-app` or `manager-of`".to_owned()
                });
                self.complain(at, format!("unknown approver `{word}`"), Some(hint));
                continue;
            }
            if word.strip_prefix("human:").is_none_or(|id| self.person_known(at, id)) {
                approvers.push(word.to_owned());
            }
        }
        approvers
    }

    /// The same of the same app twice: one of them would be forgotten by whoever reads only the other.
    fn once(&mut self, block: &Block<'_>, entry: &Entry) {
        if entry.key == "rules" {
            return;
        }
        let apps = match block.ids() {
            Some(ids) => ids.into_iter().map(Some).collect(),
            None => vec![None],
        };
        let value = entry.value.described();
        for app in apps {
            let said = Said {
                block: block.name.to_owned(),
                value: value.clone(),
                place: format!("{}:{}", self.name, entry.at.line),
            };
            let Some(first) = self.reading.said.get(&(app.clone(), entry.key.clone())).cloned() else {
                self.reading.said.insert((app, entry.key.clone()), said);
                continue;
            };
            let contradicts = matches!(entry.value.kind, Kind::Bool(_)) && first.value != value;
            if contradicts {
                let message = format!(
                    "`{}.{}: {}` contradicts `{}.{}: {}` at {}",
                    block.name,
                    entry.key,
                    value.replace('`', ""),
                    first.block,
                    entry.key,
                    first.value.replace('`', ""),
                    first.place
                );
                self.complain(entry.at, message, Some("keep one of them".to_owned()));
            } else if first.block == block.name {
                let message = format!("`{}.{}` is given at {} already", block.name, entry.key, first.place);
                self.complain(entry.at, message, Some("put both together, or keep one of them".to_owned()));
            }
            return;
        }
    }

    fn key(&mut self, block: &Block<'_>, entry: &Entry) {
        let key = entry.key.as_str();
        match key {
            "read_only_by_default" => self.read_only(block, entry),
            "require_approval_above_cost_class" => self.cost(block, entry),
            "writable_paths" => self.writable_paths(block, entry),
            "deny_commands" => self.deny_commands(block, entry),
            "max_runtime_seconds" => self.runtime(block, entry),
            "max_calls" | "max_retries" | "max_concurrency" => self.budget(block, entry),
            "rules" => self.rules(block, &entry.value),
            _ => {
                if let Some(role) = key.strip_prefix("require_human_review_for_").and_then(|role| singular(block, role))
                {
                    self.review(block, entry, &role);
                } else if let Some(role) =
                    key.strip_prefix("allow_mutations_in_").and_then(|role| singular(block, role))
                {
                    self.mutations(block, entry, &role);
                } else if let Some(verb) = key.strip_prefix("allow_").filter(|verb| block.apps.verbs().contains(verb)) {
                    self.verb(block, entry, verb);
                } else {
                    self.unknown_block_key(block, entry);
                }
            }
        }
    }

    fn unknown_block_key(&mut self, block: &Block<'_>, entry: &Entry) {
        let by_profile = ["allow_", "require_human_review_for_"].iter().any(|start| entry.key.starts_with(start));
        if by_profile && !block.apps.have_profile() {
            let said =
                format!("`{}` needs a profile that says what it means, and `{}` has none", entry.key, block.name);
            self.complain(entry.at, said, Some("name one with `profile:` in the configuration of the app".to_owned()));
            return;
        }
        let words = keys_of(block);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.unknown_key(entry, &words);
    }

    /// A rule of a key, under the key's name.
    fn draft(&self, block: &Block<'_>, entry: &Entry, does: Does, says: String) -> Draft {
        let id = format!("{}.{}", block.name, entry.key);
        let mut draft = Draft::new(id, self.written(entry.at), does, block.ids(), says);
        draft.marks = block.marks.clone();
        draft
    }

    fn verb(&mut self, block: &Block<'_>, entry: &Entry, verb: &str) {
        let Some(allow) = self.truth(&entry.value) else { return };
        let (does, says) = match allow {
            true => (Does::Permit, format!("`{verb}` is allowed on {}", block.called())),
            false => (Does::Deny, format!("`{verb}` is not allowed on {}", block.called())),
        };
        let mut draft = self.draft(block, entry, does, says);
        draft.when = Condition::Fact(of_verb(&[verb]));
        self.reading.drafts.push(draft);
    }

    fn review(&mut self, block: &Block<'_>, entry: &Entry, role: &str) {
        let Some(condition) = self.names(block, role, &entry.value) else { return };
        let says = format!("on {}, a human reviews every call where {}", block.called(), named(&condition));
        let mut draft = self.draft(block, entry, Does::Hold, says);
        draft.when = condition;
        draft.instead = Some(format!("use another {role}, or wait for a human to approve"));
        self.reading.drafts.push(draft);
    }

    fn mutations(&mut self, block: &Block<'_>, entry: &Entry, role: &str) {
        let Some(condition) = self.names(block, role, &entry.value) else { return };
        self.trusts_whole_names(entry.value.at, &block.about(), &condition, Towards::Permit);
        let says = format!("changes are allowed on {} where {}", block.called(), named(&condition));
        let mut draft = self.draft(block, entry, Does::Permit, says);
        draft.when = Condition::All(vec![changes(), condition]);
        self.reading.drafts.push(draft);
    }

    fn read_only(&mut self, block: &Block<'_>, entry: &Entry) {
        if self.truth(&entry.value) != Some(true) {
            return;
        }
        let says = format!("what only reads is allowed on {}", block.called());
        let mut reads = self.draft(block, entry, Does::Permit, says);
        reads.id.push_str(".reads");
        reads.when = Condition::Fact(READS.to_owned());
        reads.tools_only = false;
        let says = format!("{} is read-only unless a rule permits more", block.called());
        let mut rest = self.draft(block, entry, Does::Deny, says);
        rest.when = changes();
        rest.tools_only = false;
        rest.unless_permitted = true;
        rest.instead = Some("read instead, or ask for a rule that permits this change".to_owned());
        self.reading.drafts.extend([reads, rest]);
    }

    fn cost(&mut self, block: &Block<'_>, entry: &Entry) {
        let choices = CostClass::ALL.map(|cost| (cost.as_str(), cost));
        let Some(most) = self.choice(&entry.value, "cost class", &choices) else { return };
        if most == CostClass::High {
            let hint = "name the dearest class that needs no approval: `low` or `medium`".to_owned();
            self.complain(entry.value.at, "nothing is above `high`, so this rule can never match", Some(hint));
            return;
        }
        let dear = CostClass::ALL.into_iter().filter(|cost| *cost > most).map(CostClass::as_str);
        let says =
            format!("on {}, what costs more than {most}, or nobody knows how much, waits for a human", block.called());
        let mut draft = self.draft(block, entry, Does::Hold, says);
        draft.when = Condition::of_cost(format!("{}.contains(resource.cost)", set(dear)));
        self.reading.drafts.push(draft);
    }

    fn writable_paths(&mut self, block: &Block<'_>, entry: &Entry) {
        if !self.has_role(block, entry, &["path", "command"]) {
            return;
        }
        let folders = self.folders(&entry.value);
        if folders.is_empty() {
            return;
        }
        let says = format!("on {}, changes stay under {}", block.called(), folders.join(", "));
        let mut draft = self.draft(block, entry, Does::Deny, says);
        let under = NamedTest::of_role("path", Is::Under(folders));
        let readable = NamedTest::of_role("command", Is::Readable);
        draft.when = changes();
        draft.unless = Some(Condition::All(
            [under, readable].into_iter().map(|test| Condition::Test { test, or_none: true }).collect(),
        ));
        draft.instead = Some("name a path under one of these, in plain words without `~` and variables".to_owned());
        self.reading.drafts.push(draft);
    }

    fn deny_commands(&mut self, block: &Block<'_>, entry: &Entry) {
        if !self.has_role(block, entry, &["command"]) {
            return;
        }
        let patterns = self.commands(&entry.value);
        if patterns.is_empty() {
            return;
        }
        let named: Vec<String> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
        let says =
            format!("on {}, {} is denied, and so is a command that cannot be read", block.called(), named.join(", "));
        let mut draft = self.draft(block, entry, Does::Deny, says);
        draft.when = Condition::test(NamedTest::of_role("command", Is::Command(patterns)));
        draft.instead = Some("use another command, in plain words".to_owned());
        self.reading.drafts.push(draft);
    }

    fn runtime(&mut self, block: &Block<'_>, entry: &Entry) {
        let Some(seconds) = self.whole(&entry.value, 1, RUNTIME_SECONDS_MAX) else { return };
        let says = format!("a call on {} may take {seconds} seconds", block.called());
        let mut draft = self.draft(block, entry, Does::Limit, says);
        draft.runtime_seconds = Some(seconds);
        self.reading.drafts.push(draft);
    }

    fn budget(&mut self, block: &Block<'_>, entry: &Entry) {
        let Some((of, per)) = self.budget_value(entry) else { return };
        let whose = match per {
            BudgetPer::Pair => "one agent",
            BudgetPer::Human => "one person",
            BudgetPer::Agent => "one agent, on all apps together,",
            BudgetPer::Task => "one task",
            BudgetPer::App | BudgetPer::Contract => "everybody together",
        };
        let what = match of {
            BudgetOf::Calls { most, within } => format!("{most} calls within {}", in_words(within)),
            BudgetOf::Retries { most } => format!("{most} retries of a call that failed"),
            BudgetOf::Concurrency { most } => format!("{most} calls at the same time"),
            // No rule file says these.
            BudgetOf::Records { most, within } => format!("{most} records within {}", in_words(within)),
            BudgetOf::Bytes { most, within } => format!("{most} bytes within {}", in_words(within)),
        };
        let says = format!("on {}, {whose} has {what}, and they are used up", block.called());
        let mut draft = self.draft(block, entry, Does::Deny, says);
        draft.when = Condition::Fact(format!("context.spent.contains({})", super::condition::quoted(&draft.id)));
        draft.budget = Some((of, per));
        draft.instead = Some("wait, and do less at a time".to_owned());
        self.reading.drafts.push(draft);
    }

    /// `200/hour`, `3`, or `{most: 200, within: hour, per: human}`.
    fn budget_value(&mut self, entry: &Entry) -> Option<(BudgetOf, BudgetPer)> {
        let (mut most, mut within, mut per) = (None, None, BudgetPer::default());
        let (entry_key, calls) = (entry.key.as_str(), entry.key == "max_calls");
        match &entry.value.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    match entry.key.as_str() {
                        "most" => most = self.whole(&entry.value, 1, u64::from(u32::MAX)),
                        "within" if calls => within = self.choice(&entry.value, "stretch of time", UNITS),
                        "per" if entry_key == "max_retries" => {
                            let hint = "leave it out; `max_calls` can count for a person, an agent, a task or an app";
                            let said = "retries are counted for one agent, in one task, of the same call";
                            self.complain(entry.at, said, Some(hint.to_owned()));
                        }
                        "per" => per = self.choice(&entry.value, "sharer", PER)?,
                        _ => self.unknown_key(entry, if calls { BUDGET_KEYS } else { &["most", "per"] }),
                    }
                }
            }
            Kind::Text(text) if calls => {
                let (number, unit) = text.split_once('/').unwrap_or((text, ""));
                most = number.trim().parse().ok().filter(|most| (1..=u64::from(u32::MAX)).contains(most));
                within = UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, unit)| *unit);
            }
            Kind::Number(_) if !calls => most = self.whole(&entry.value, 1, u64::from(u32::MAX)),
            _ => {}
        }
        let most = most.and_then(|most| u32::try_from(most).ok());
        let of = match (entry.key.as_str(), most, within) {
            ("max_calls", Some(most), Some(within)) => Some(BudgetOf::Calls { most, within }),
            ("max_retries", Some(most), _) => Some(BudgetOf::Retries { most }),
            ("max_concurrency", Some(most), _) => Some(BudgetOf::Concurrency { most }),
            _ => None,
        };
        if of.is_none() {
            let example = if calls { "`200/hour` (or `second`, `minute`, `day`)" } else { "a number from 1" };
            self.expected(&entry.value, &format!("{example}, or `most:` and `per:` below each other"));
        }
        of.map(|of| (of, per))
    }

    /// The question whether a role names one of these.
    fn names(&mut self, block: &Block<'_>, role: &str, node: &Node) -> Option<Condition> {
        let mut wanted = Vec::new();
        for member in self.members(node) {
            wanted.extend(self.named(&On::Role(Arc::from(role)), role, member));
        }
        let condition = Condition::test(NamedTest::of_role(role, Is::OneOf(wanted.clone())));
        (!wanted.is_empty()).then(|| block.about().folded(condition))
    }

    fn named(&mut self, on: &On, role: &str, member: &Node) -> Option<Wanted> {
        let (at, word) = (member.at, self.word(member)?);
        if word.chars().all(|letter| letter == '*') {
            let hint = "name them, or write a rule under `rules:`".to_owned();
            self.complain(at, format!("`{word}` is every {role}"), Some(hint));
            None
        } else if word.contains('*') && Glob::looks_like_a_regular_expression(word) {
            self.regular_expression(at, word);
            None
        } else if word.contains('*') {
            self.part_of(on, at, word, "like");
            Some(Wanted::Like(Glob::new(word)))
        } else {
            let number = match &member.kind {
                Kind::Number(spelling) if !is_of_numbers(on) => written::number(spelling),
                _ => None,
            };
            let word = self.as_facts(on, at, word)?;
            Some(match number {
                Some(number) => Wanted::number(number, &word),
                None => Wanted::Exactly(Scalar::Text(word.into())),
            })
        }
    }

    fn has_role(&mut self, block: &Block<'_>, entry: &Entry, roles: &[&str]) -> bool {
        let has = block.apps.roles().keys().any(|role| roles.contains(role));
        if !has {
            let said =
                format!("no tool of `{}` takes a {}, so this rule can never match", block.name, roles.join(" or a "));
            self.complain(
                entry.at,
                said,
                Some("only a profile says which arguments are paths and commands".to_owned()),
            );
        }
        has
    }
}

/// The condition that a tool has one of these verbs.
pub(super) fn of_verb(verbs: &[&str]) -> String {
    format!("(resource has verb && {}.contains(resource.verb))", set(verbs.iter().copied()))
}

/// What a test asks, in words.
fn named(condition: &Condition) -> String {
    match condition {
        Condition::Test { test, .. } => test.name(),
        _ => String::new(),
    }
}

fn changes() -> Condition {
    Condition::Fact("context.class != \"read\"".to_owned())
}

/// The role that a word is the plural of.
fn singular(block: &Block<'_>, plural: &str) -> Option<String> {
    block.apps.roles().into_keys().find(|role| format!("{role}s") == plural).map(str::to_owned)
}

fn keys_of(block: &Block<'_>) -> Vec<String> {
    let (verbs, roles) = (block.apps.verbs(), block.apps.roles());
    let roles = roles
        .keys()
        .flat_map(|role| [format!("require_human_review_for_{role}s"), format!("allow_mutations_in_{role}s")]);
    let verbs = verbs.iter().map(|verb| format!("allow_{verb}"));
    BLOCK_KEYS.iter().chain(MARKS).map(|key| (*key).to_owned()).chain(verbs).chain(roles).collect()
}

fn in_words(within: Duration) -> String {
    let name = UNITS.iter().find(|(_, unit)| *unit == within).map_or("a while", |(name, _)| name);
    if name == "hour" { "an hour".to_owned() } else { format!("a {name}") }
}

/// The name of the block that is about every app.
pub(super) const EVERY_APP: &str = "*";
/// The condition that a call only reads.
pub(super) const READS: &str = "context.class == \"read\"";
pub(crate) const BLOCK_KEYS: &[&str] = &[
    "read_only_by_default",
    "require_approval_above_cost_class",
    "writable_paths",
    "deny_commands",
    "max_runtime_seconds",
    "max_calls",
    "max_retries",
    "max_concurrency",
    "rules",
];
pub(crate) const MARKS: &[&str] = &["approvers", "approvals", "observe", "security_relevant"];
pub(crate) const BUDGET_KEYS: &[&str] = &["most", "within", "per"];
const UNITS: &[(&str, Duration)] = &[
    ("second", Duration::from_secs(1)),
    ("minute", Duration::from_secs(60)),
    ("hour", Duration::from_secs(60 * 60)),
    ("day", Duration::from_secs(24 * 60 * 60)),
];
const PER: &[(&str, BudgetPer)] = &[
    ("pair", BudgetPer::Pair),
    ("human", BudgetPer::Human),
    ("agent", BudgetPer::Agent),
    ("task", BudgetPer::Task),
    ("app", BudgetPer::App),
];
