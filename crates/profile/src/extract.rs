//! What rules look at of a call's arguments: values by role, as the profile reads them, and scalars by name.
//!
//! `{"owner": "acme", "repo": "Site"}` is `repo: ["acme/site"]` under `repo: { from: [owner, repo], join: "/", ignore_case:
//! true }`. Total and bounded: what cannot be read for certain is unclear.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use json::{Document, Kind, Value};
use model::limits::{ARGUMENT_FACTS_BYTES_MAX, ARGUMENT_VALUE_BYTES_MAX, ARGUMENT_VALUES_MAX};
use model::{ArgumentFacts, ArgumentReads, Digest, ReadArguments, Scalar, written};

use crate::command::{self, Commands};
use crate::profile::{Profile, ProfiledTool};
use crate::role::{Composed, Role, RoleForm, RoleKind};
use crate::value;

/// Reads the arguments of the tools of an app without a profile: by name only, and what they stand for nobody knows.
pub fn unprofiled() -> Arc<dyn ReadArguments> {
    Arc::<Unprofiled>::clone(&UNPROFILED)
}

/// Reads the arguments of what is no tool, and has no roles: by name only.
pub fn of_no_tool() -> Arc<dyn ReadArguments> {
    Arc::<Unprofiled>::clone(&OF_NO_TOOL)
}

/// A value of a rule as the facts write it, so that both can be compared. None: no value of this role looks like that.
pub fn normal(form: &RoleForm, text: &str) -> Option<String> {
    match form.kind {
        RoleKind::Path => written::place(text),
        RoleKind::Url => written::host_name(text),
        RoleKind::Recipient => value::recipient(text),
        RoleKind::Command => command::normal(text),
        RoleKind::Amount | RoleKind::Timeout => written::number(text).map(|number| value::spelled(&number)),
        RoleKind::Content => Some(text.to_owned()),
        RoleKind::Name => value::name(text, form.ignore_case),
    }
}

/// Reads the arguments of what no profile speaks of.
struct Unprofiled {
    /// The profile of its app.
    by: Option<Digest>,
    /// Whether it is a tool, so that any of its arguments may have any role.
    of_tool: bool,
}

/// The facts of one call while they are gathered.
struct Gathering<'r> {
    reads: &'r ArgumentReads,
    facts: ArgumentFacts,
    bytes_left: usize,
}

impl Profile {
    /// Who reads the arguments of a tool for rules.
    pub fn reader(&self, tool: &str) -> Arc<dyn ReadArguments> {
        match self.tool(tool) {
            Some(tool) => Arc::clone(tool) as Arc<dyn ReadArguments>,
            None => Arc::new(Unprofiled { by: Some(self.digest()), of_tool: true }),
        }
    }
}

impl ReadArguments for ProfiledTool {
    fn read(&self, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
        read(Some(self), arguments, reads)
    }

    fn described_by(&self) -> Option<Digest> {
        Some(self.by())
    }

    fn redacted(&self, arguments: &[u8]) -> Option<String> {
        json::shape(arguments, |argument| is_resource(self, argument))
    }
}

impl ReadArguments for Unprofiled {
    fn read(&self, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
        let mut facts = read(None, arguments, reads);
        if self.of_tool && !arguments.is_empty() {
            facts.unclear.extend(reads.roles.iter().cloned());
        }
        facts
    }

    fn described_by(&self) -> Option<Digest> {
        self.by
    }

    fn redacted(&self, arguments: &[u8]) -> Option<String> {
        json::shape(arguments, |_| false)
    }
}

/// Whether what stands there names a resource, or says how much of something: `repo`, `account`, `path`, `limit`. Who receives
/// something, what is written, commands and addresses may hold anything.
fn is_resource(tool: &ProfiledTool, argument: &str) -> bool {
    let safe =
        |role: &Role| matches!(role.kind(), RoleKind::Name | RoleKind::Path | RoleKind::Amount | RoleKind::Timeout);
    match tool.role(argument) {
        Some(role) => safe(role),
        None => tool.composed().any(|(role, composed)| {
            safe(role) && composed.option.is_none() && composed.from.iter().any(|from| from == argument)
        }),
    }
}

fn read(tool: Option<&ProfiledTool>, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
    let facts = ArgumentFacts { bytes: arguments.len() as u64, ..ArgumentFacts::default() };
    let mut gathering = Gathering { reads, facts, bytes_left: ARGUMENT_FACTS_BYTES_MAX };
    // Where no rule looks at more than their length, they are not read.
    if arguments.is_empty() || *reads == ArgumentReads::default() {
        return gathering.facts;
    }
    match Document::parse(arguments) {
        Ok(document) if document.root().kind() == Kind::Object => gathering.document(tool, document.root()),
        _ => gathering.unreadable(),
    }
    gathering.facts
}

impl Gathering<'_> {
    fn document(&mut self, tool: Option<&ProfiledTool>, root: Value<'_, '_>) {
        for (argument, role) in tool.into_iter().flat_map(ProfiledTool::roles) {
            self.role(tool, role, argument, root);
        }
        for (role, composed) in tool.into_iter().flat_map(ProfiledTool::composed) {
            match composed.from.as_slice() {
                [argument] if composed.option.is_some() => self.option(tool, role, (argument, composed), root),
                [argument] => self.role(tool, role, argument, root),
                _ if role.kind() == RoleKind::Command => self.composed_command(composed, root),
                _ if self.looked_at(role) => {
                    let ignore_case = tool.is_some_and(|tool| tool.ignores_case(role));
                    self.composed(role, composed, ignore_case, root);
                }
                _ => {}
            }
        }
        let names: Vec<Arc<str>> = self.reads.values.iter().map(Arc::clone).collect();
        for name in names {
            self.argument(&name, root);
        }
    }

    /// What is no JSON object has no arguments anybody could be sure of.
    fn unreadable(&mut self) {
        self.facts = ArgumentFacts::all_unclear(self.facts.bytes, self.reads);
    }

    fn looked_at(&self, role: &Role) -> bool {
        let reads = |role: &str| self.reads.roles.contains(role);
        reads(role.as_str()) || (role.kind() == RoleKind::Command && (reads("path") || reads("url")))
    }

    fn role(&mut self, tool: Option<&ProfiledTool>, role: &Role, argument: &str, root: Value<'_, '_>) {
        if !self.looked_at(role) {
            return;
        }
        let (found, all) = found(root, argument);
        if !all && role.kind() == RoleKind::Command {
            return self.no_command_clear();
        }
        if !all {
            self.unclear(role.as_str());
        }
        for value in found {
            if role.kind() == RoleKind::Command {
                self.command(value);
                continue;
            }
            let mut leaves = Vec::new();
            if !scalars(value, &mut leaves) || leaves.len() > ARGUMENT_VALUES_MAX {
                self.unclear(role.as_str());
            }
            let ignore_case = tool.is_some_and(|tool| tool.ignores_case(role));
            for leaf in leaves.into_iter().take(ARGUMENT_VALUES_MAX) {
                match normalised(role.kind(), leaf, ignore_case) {
                    Some(values) => values.into_iter().for_each(|value| self.push(role.as_str(), &value)),
                    None => self.unclear(role.as_str()),
                }
            }
        }
    }

    /// A text is a line; a list is one command, word by word, and a list of one a line.
    fn command(&mut self, value: Value<'_, '_>) {
        let mut commands = Commands::default();
        let mut leaves = Vec::new();
        let plain = scalars(value, &mut leaves) && leaves.len() <= ARGUMENT_VALUES_MAX;
        let words: Option<Vec<String>> =
            leaves.iter().map(|leaf| leaf.as_str().map(std::borrow::Cow::into_owned)).collect();
        match words.filter(|_| plain).as_deref() {
            Some([]) => {}
            Some([line]) => commands.line(line),
            Some(words) => commands.words(words),
            None => commands.nothing_clear(),
        }
        self.take(commands);
    }

    fn composed_command(&mut self, composed: &Composed, root: Value<'_, '_>) {
        if !["command", "path", "url"].iter().any(|role| self.reads.roles.contains(*role)) {
            return;
        }
        let (mut words, mut plain, mut without_program) = (Vec::new(), true, false);
        for argument in &composed.from {
            let (leaves, all) = leaves(root, argument);
            plain &= all;
            for leaf in leaves {
                match leaf.as_str() {
                    Some(word) => words.push(word.into_owned()),
                    None => plain = false,
                }
            }
            without_program |= words.is_empty();
        }
        if !plain || (!words.is_empty() && without_program) || words.len() > ARGUMENT_VALUES_MAX {
            return self.no_command_clear();
        }
        let mut commands = Commands::default();
        commands.words(&words);
        self.take(commands);
    }

    fn no_command_clear(&mut self) {
        let mut commands = Commands::default();
        commands.nothing_clear();
        self.take(commands);
    }

    fn take(&mut self, commands: Commands) {
        let found = [
            ("command", commands.commands, commands.commands_unclear),
            ("path", commands.paths, commands.paths_unclear),
            ("url", commands.hosts, commands.hosts_unclear),
        ];
        for (role, values, unclear) in found {
            if self.reads.roles.contains(role) {
                values.iter().for_each(|value| self.push(role, value));
                if unclear {
                    self.unclear(role);
                }
            }
        }
    }

    /// The value of an option in a command, or in each of several.
    fn option(
        &mut self,
        tool: Option<&ProfiledTool>,
        role: &Role,
        (argument, composed): (&str, &Composed),
        root: Value<'_, '_>,
    ) {
        let Some(option) = composed.option.as_deref().filter(|_| self.looked_at(role)) else { return };
        let ignore_case = tool.is_some_and(|tool| tool.ignores_case(role));
        let (leaves, all) = leaves(root, argument);
        if !all {
            self.unclear(role.as_str());
        }
        for leaf in leaves {
            let values = leaf.as_str().and_then(|line| command::option(&line, option));
            let names: Option<Vec<String>> =
                values.and_then(|values| values.iter().map(|one| value::name(one, ignore_case)).collect());
            match names {
                Some(names) => names.iter().for_each(|name| self.push(role.as_str(), name)),
                None => self.unclear(role.as_str()),
            }
        }
    }

    fn composed(&mut self, role: &Role, composed: &Composed, ignore_case: bool, root: Value<'_, '_>) {
        let (mut parts, mut missing, mut unclear) = (Vec::new(), false, false);
        for argument in &composed.from {
            let (leaves, all) = leaves(root, argument);
            match leaves.as_slice() {
                [] if all => missing = true,
                [leaf] if all => match normalised(RoleKind::Name, *leaf, ignore_case).as_deref() {
                    Some([part]) if value::part(part, &composed.join) => parts.push(part.clone()),
                    _ => unclear = true,
                },
                _ => unclear = true,
            }
        }
        if unclear || (missing && !parts.is_empty()) {
            self.unclear(role.as_str());
        } else if !missing {
            self.push(role.as_str(), &parts.join(&composed.join));
        }
    }

    /// An argument by its name, whatever it stands for.
    fn argument(&mut self, name: &Arc<str>, root: Value<'_, '_>) {
        let (leaves, all) = leaves(root, name);
        let (mut values, mut unclear) = (Vec::new(), !all);
        for leaf in leaves {
            let bytes = leaf.raw().len();
            match scalar(leaf).filter(|_| bytes <= ARGUMENT_VALUE_BYTES_MAX && bytes <= self.bytes_left) {
                Some(scalar) => {
                    self.bytes_left -= bytes;
                    values.push(scalar);
                }
                None => unclear = true,
            }
        }
        if unclear {
            self.facts.unclear.insert(ArgumentFacts::unclear_argument(name));
        }
        if !values.is_empty() {
            self.facts.values.insert(Arc::clone(name), values);
        }
    }

    fn push(&mut self, role: &str, value: &str) {
        let values = self.facts.roles.get(role).map_or(0, Vec::len);
        if value.len() > ARGUMENT_VALUE_BYTES_MAX || value.len() > self.bytes_left || values >= ARGUMENT_VALUES_MAX {
            return self.unclear(role);
        }
        self.bytes_left -= value.len();
        push(&mut self.facts.roles, role, value);
    }

    fn unclear(&mut self, role: &str) {
        if self.reads.roles.contains(role) && !self.facts.unclear.contains(role) {
            self.facts.unclear.insert(Arc::from(role));
        }
    }
}

fn push(roles: &mut BTreeMap<Arc<str>, Vec<Arc<str>>>, role: &str, value: &str) {
    match roles.get_mut(role) {
        Some(values) => values.push(Arc::from(value)),
        None => drop(roles.insert(Arc::from(role), vec![Arc::from(value)])),
    }
}

/// Every scalar under a dotted name, up to the bound. False: something else stands there, too, or more than that.
fn leaves<'d, 'a>(root: Value<'d, 'a>, name: &str) -> (Vec<Value<'d, 'a>>, bool) {
    let ((found, mut all), mut leaves) = (found(root, name), Vec::new());
    // Every one of them is read, also behind one that is not plain.
    for value in found {
        all &= scalars(value, &mut leaves);
    }
    all &= leaves.len() <= ARGUMENT_VALUES_MAX;
    leaves.truncate(ARGUMENT_VALUES_MAX);
    (leaves, all)
}

/// Every value under a dotted name, up to the bound. False: there are more. One that is `null` counts as well: behind it there
/// may be others.
fn found<'d, 'a>(root: Value<'d, 'a>, name: &str) -> (Vec<Value<'d, 'a>>, bool) {
    let mut found = Vec::new();
    find(root, name, &mut found);
    let all = found.len() <= ARGUMENT_VALUES_MAX;
    found.truncate(ARGUMENT_VALUES_MAX);
    (found, all)
}

/// Every value under a dotted name. A list gives what each of its items gives; a key may hold dots itself. One more than
/// the bound at most.
fn find<'d, 'a>(value: Value<'d, 'a>, name: &str, found: &mut Vec<Value<'d, 'a>>) {
    if found.len() > ARGUMENT_VALUES_MAX {
        return;
    }
    if value.kind() == Kind::Array {
        return value.items().for_each(|item| find(item, name, found));
    }
    found.extend(value.get(name));
    for (at, _) in name.match_indices('.') {
        let (key, rest) = (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default());
        if let Some(inner) = value.get(key) {
            find(inner, rest, found);
        }
    }
}

/// Every scalar of a value, lists opened; `null` is nothing. False: something else stands there, too.
fn scalars<'d, 'a>(value: Value<'d, 'a>, leaves: &mut Vec<Value<'d, 'a>>) -> bool {
    match value.kind() {
        Kind::Null => true,
        Kind::Object => false,
        Kind::Array => value
            .items()
            .fold(true, |plain, item| plain && leaves.len() <= ARGUMENT_VALUES_MAX && scalars(item, leaves)),
        Kind::Bool | Kind::Number | Kind::String => {
            leaves.push(value);
            true
        }
    }
}

fn scalar(leaf: Value<'_, '_>) -> Option<Scalar> {
    match leaf.kind() {
        Kind::Bool => leaf.as_bool().map(Scalar::Bool),
        Kind::Number => std::str::from_utf8(leaf.raw()).ok().and_then(written::number),
        Kind::String => leaf.as_str().map(|text| Scalar::Text(Arc::from(text))),
        _ => None,
    }
}

fn normalised(kind: RoleKind, leaf: Value<'_, '_>, ignore_case: bool) -> Option<Vec<String>> {
    let scalar = scalar(leaf)?;
    let one = match (kind, &scalar) {
        (RoleKind::Path, Scalar::Text(text)) => written::place(text),
        (RoleKind::Url, Scalar::Text(text)) => value::host(text),
        (RoleKind::Recipient, Scalar::Text(text)) => return value::recipients(text),
        (RoleKind::Amount | RoleKind::Timeout, Scalar::Text(text)) => {
            written::number(text).map(|number| value::spelled(&number))
        }
        (RoleKind::Amount | RoleKind::Timeout, Scalar::Whole(_) | Scalar::Decimal(_)) => Some(value::spelled(&scalar)),
        (RoleKind::Content, scalar) => Some(value::spelled(scalar)),
        (RoleKind::Name, scalar) => value::name(&value::spelled(scalar), ignore_case),
        _ => None,
    };
    one.map(|one| vec![one])
}

static UNPROFILED: LazyLock<Arc<Unprofiled>> = LazyLock::new(|| Arc::new(Unprofiled { by: None, of_tool: true }));
static OF_NO_TOOL: LazyLock<Arc<Unprofiled>> = LazyLock::new(|| Arc::new(Unprofiled { by: None, of_tool: false }));

#[cfg(test)]
mod tests;
