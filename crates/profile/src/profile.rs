//! Profiles: what the tools of an app are, written by people. Some are shipped; an operator names one for an app.
//!
//! ```yaml
//! profile: github
//! roles:                       # of every tool: a role that is made of several arguments
//!   repo: { from: [owner, repo], join: "/", ignore_case: true }
//! tools:
//!   create_pull_request:
//!     class: write
//!     why: a pull request can be closed again
//!     verb: pr_open            # several tools may have the same
//!     cost: low                # low, medium, high
//!     labels: [source-code]    # what data it deals with
//!     arguments: { title: content, "files.path": path }
//!     when: [{ argument: draft, equals: true, class: read, cost: low, why: only an example }]
//! ```
//!
//! An argument is named as the server names it; a dot goes into an object, and a list gives all it holds. `roles` of a tool
//! wins over `roles` of the profile. A `command` that comes as a list is one command, word by word.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use model::limits::ARGUMENT_DEPTH_MAX;
use model::{Class, CostClass, Digest, ToolName};
use serde::Deserialize;

use crate::digest::digest_of;
use crate::role::{Composed, RawRole, Role, RoleForm, RoleKind};

mod when;

use when::{RawWhen, When};

/// What the tools of an app are.
#[derive(Debug, Clone)]
pub struct Profile {
    name: Arc<str>,
    digest: Digest,
    tools: BTreeMap<ToolName, Arc<ProfiledTool>>,
}

/// What a profile says of one tool.
#[derive(Debug, Clone)]
pub struct ProfiledTool {
    /// The profile that says it.
    by: Digest,
    class: Class,
    why: Arc<str>,
    verb: Option<Arc<str>>,
    cost: Option<CostClass>,
    labels: Arc<[Arc<str>]>,
    arguments: BTreeMap<String, Role>,
    composed: BTreeMap<Role, Composed>,
    ignore_case: BTreeSet<Role>,
    when: Vec<When>,
}

/// Why a file is not a profile. Blame: the operator.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Not the YAML a profile is written in.
    #[error("`{file}`{place}: {said}")]
    Yaml {
        /// The file as the operator named it.
        file: String,
        /// Line and column, if known: `:3:5`.
        place: String,
        /// What is wrong.
        said: String,
    },
    /// Something in it means nothing.
    #[error("`{file}`: {path}: {said}")]
    Meaning {
        /// The file as the operator named it.
        file: String,
        /// Where in the file: `tools.read_file`.
        path: String,
        /// What is wrong.
        said: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    profile: String,
    #[expect(dead_code, reason = "words for readers of the file")]
    about: Option<String>,
    #[serde(default)]
    roles: BTreeMap<String, RawRole>,
    tools: BTreeMap<String, RawTool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTool {
    class: Class,
    why: Option<String>,
    verb: Option<String>,
    cost: Option<CostClass>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    arguments: BTreeMap<String, String>,
    #[serde(default)]
    roles: BTreeMap<String, RawRole>,
    #[serde(default)]
    when: Vec<RawWhen>,
}

// === impl Profile ===

impl Profile {
    /// A profile that comes with the program.
    pub fn shipped(name: &str) -> Option<&'static Self> {
        SHIPPED.iter().find(|profile| profile.name() == name)
    }

    /// The names of all shipped profiles.
    pub fn names() -> Vec<&'static str> {
        FILES.iter().map(|(name, _)| *name).collect()
    }

    /// Reads a profile. `file` is what errors call it. Error: not YAML, an unknown key, or a tool that cannot be.
    pub fn parse(file: &str, yaml: &str) -> Result<Self, ProfileError> {
        let raw: RawProfile = yaml_tree::typed(yaml).map_err(|error| yaml_error(file, &error))?;
        let wrong = |path: String, said: String| ProfileError::Meaning { file: file.to_owned(), path, said };
        if !is_profile_name(&raw.profile) {
            let said = format!("`{}` is not a profile's name: it takes 1 to 64 characters of a-z 0-9 -", raw.profile);
            return Err(wrong("profile".to_owned(), said));
        }
        let digest = digest_of(yaml.as_bytes());
        let shared = checked_roles(&raw.roles).map_err(|said| wrong("roles".to_owned(), said))?;
        let mut tools = BTreeMap::new();
        for (tool, raw) in raw.tools {
            let path = format!("tools.{tool}");
            let name = ToolName::of_list(&tool).map_err(|error| wrong(path.clone(), error.to_string()))?;
            let profiled = ProfiledTool::check(raw, &shared, digest).map_err(|said| wrong(path, said))?;
            tools.insert(name, Arc::new(profiled));
        }
        Ok(Self { name: Arc::from(raw.profile), digest, tools })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Digest of the file it was read from.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What it says of a tool.
    pub fn tool(&self, tool: &str) -> Option<&Arc<ProfiledTool>> {
        self.tools.get(tool)
    }

    /// All tools it knows, in the order of their names.
    pub fn tools(&self) -> impl Iterator<Item = (&ToolName, &ProfiledTool)> {
        self.tools.iter().map(|(name, tool)| (name, tool.as_ref()))
    }

    /// Every role of its tools, and how its values are compared.
    pub fn roles(&self) -> BTreeMap<Role, RoleForm> {
        let mut roles: BTreeMap<Role, RoleForm> = BTreeMap::new();
        for tool in self.tools.values() {
            for role in tool.arguments.values().chain(tool.composed.keys()) {
                let kind = role.kind();
                let form = roles.entry(role.clone()).or_insert(RoleForm { kind, join: None, ignore_case: false });
                form.ignore_case |= kind.ignores_case() || tool.ignore_case.contains(role);
                if let Some(composed) = tool.composed.get(role).filter(|composed| composed.from.len() > 1) {
                    form.join = Some(Arc::clone(&composed.join));
                }
            }
        }
        roles
    }
}

// === impl ProfiledTool ===

impl ProfiledTool {
    /// Digest of the profile that says it.
    pub(crate) fn by(&self) -> Digest {
        self.by
    }

    /// The class for arguments that no `when` speaks of.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Why that class.
    pub fn why(&self) -> &Arc<str> {
        &self.why
    }

    /// The verb that rules may use for it: `pr_open`.
    pub fn verb(&self) -> Option<&Arc<str>> {
        self.verb.as_ref()
    }

    /// How much one use costs, for arguments that no `when` speaks of.
    pub fn cost(&self) -> Option<CostClass> {
        self.cost
    }

    /// What data it deals with.
    pub fn labels(&self) -> &Arc<[Arc<str>]> {
        &self.labels
    }

    /// What an argument stands for.
    pub fn role(&self, argument: &str) -> Option<&Role> {
        self.arguments.get(argument)
    }

    /// All arguments with a role, in the order of their names; those of composed roles apart.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &Role)> {
        self.arguments.iter().map(|(argument, role)| (argument.as_str(), role))
    }

    /// Every role of its arguments, those made of several included.
    pub fn every_role(&self) -> BTreeSet<&Role> {
        self.arguments.values().chain(self.composed.keys()).collect()
    }

    /// Every role that is made of several arguments, with these.
    pub(crate) fn composed(&self) -> impl Iterator<Item = (&Role, &Composed)> {
        self.composed.iter()
    }

    /// Whether upper and lower case mean the same in values of this role.
    pub(crate) fn ignores_case(&self, role: &Role) -> bool {
        role.kind().ignores_case() || self.ignore_case.contains(role)
    }

    /// The class for these arguments, and why. Where several `when` match, the most dangerous decides.
    pub fn class_for(&self, arguments: Option<json::Value<'_, '_>>) -> (Class, &Arc<str>) {
        let (class, _, why) = self.said_of(arguments);
        (class, why)
    }

    /// As [`class_for`](Self::class_for), with the cost.
    pub(crate) fn said_of(&self, arguments: Option<json::Value<'_, '_>>) -> (Class, Option<CostClass>, &Arc<str>) {
        let matching = arguments.and_then(|arguments| {
            self.when.iter().filter(|when| when.matches(arguments)).max_by_key(|when| (when.class, when.cost))
        });
        match (matching, arguments) {
            (Some(when), _) => (when.class, when.cost.or(self.cost), &when.why),
            (None, Some(_)) => (self.class, self.cost, &self.why),
            (None, None) => (self.highest(), self.dearest(), &self.why),
        }
    }

    /// The lowest class any arguments could have.
    pub fn lowest(&self) -> Class {
        self.when.iter().map(|when| when.class).fold(self.class, Class::min)
    }

    /// The highest class any arguments could have.
    pub fn highest(&self) -> Class {
        self.when.iter().map(|when| when.class).fold(self.class, Class::max)
    }

    /// The highest cost any arguments could have; none where that of some is unknown.
    fn dearest(&self) -> Option<CostClass> {
        self.when.iter().filter_map(|when| when.cost).fold(self.cost, |most, cost| most.map(|most| most.max(cost)))
    }

    fn check(raw: RawTool, shared: &BTreeMap<Role, CheckedRole>, by: Digest) -> Result<Self, String> {
        if let Some(verb) = raw.verb.as_ref().filter(|verb| !is_verb(verb)) {
            return Err(format!("`{verb}` is not a verb: it takes a word of a-z, 0-9 and _, such as `pr_open`"));
        }
        if let Some(label) = raw.labels.iter().find(|label| !is_profile_name(label)) {
            return Err(format!("`{label}` is not a label: it takes 1 to 64 characters of a-z 0-9 -"));
        }
        let labels: BTreeSet<Arc<str>> = raw.labels.iter().map(|label| Arc::from(label.as_str())).collect();
        if labels.len() < raw.labels.len() {
            return Err("a label stands here twice".to_owned());
        }
        let arguments = checked_arguments(raw.arguments)?;
        let (mut composed, mut ignore_case) = (BTreeMap::new(), BTreeSet::new());
        let own = checked_roles(&raw.roles)?;
        // An argument that stands for something else here is no part of a role that all tools share.
        let meant = |checked: &CheckedRole| {
            let joined = checked.composed.iter().filter(|made| made.from.len() > 1);
            joined.flat_map(|made| &made.from).all(|from| !arguments.contains_key(from))
        };
        let shared = shared.iter().filter(|(role, checked)| !own.contains_key(*role) && meant(checked));
        for (role, checked) in shared.chain(&own) {
            if checked.ignore_case {
                ignore_case.insert(role.clone());
            }
            if let Some(made) = &checked.composed {
                if let Some(twice) = made.from.iter().find(|from| arguments.get(*from) == Some(role)) {
                    return Err(format!("`{twice}` is part of the role `{role}` and cannot be all of it, too"));
                }
                composed.insert(role.clone(), made.clone());
            }
        }
        let why: Arc<str> = raw.why.map_or_else(|| Arc::from("the profile says so"), Arc::from);
        let when = raw.when.into_iter().map(|when| When::check(when, &why)).collect::<Result<_, _>>()?;
        Ok(Self {
            by,
            class: raw.class,
            why,
            verb: raw.verb.map(Arc::from),
            cost: raw.cost,
            labels: labels.into_iter().collect(),
            arguments,
            composed,
            ignore_case,
            when,
        })
    }
}

/// What `roles` says of one role.
struct CheckedRole {
    composed: Option<Composed>,
    ignore_case: bool,
}

fn checked_roles(raw: &BTreeMap<String, RawRole>) -> Result<BTreeMap<Role, CheckedRole>, String> {
    let mut roles = BTreeMap::new();
    for (word, raw) in raw {
        let role = Role::parse(word)?;
        let foldable = role.kind() == RoleKind::Name;
        if raw.ignore_case && !foldable {
            return Err(format!("`ignore_case` is for names of resources, and `{role}` is none"));
        }
        let composed = raw.composed(&role)?;
        roles.insert(role, CheckedRole { composed, ignore_case: raw.ignore_case });
    }
    Ok(roles)
}

fn checked_arguments(raw: BTreeMap<String, String>) -> Result<BTreeMap<String, Role>, String> {
    let mut arguments = BTreeMap::new();
    for (argument, word) in raw {
        if argument.is_empty() || argument.split('.').count() > ARGUMENT_DEPTH_MAX {
            return Err(format!("`{argument}` is not an argument's name: it takes 1 to {ARGUMENT_DEPTH_MAX} parts"));
        }
        let role = Role::parse(&word).map_err(|said| format!("`{argument}`: {said}"))?;
        arguments.insert(argument, role);
    }
    Ok(arguments)
}

fn yaml_error(file: &str, error: &serde_saphyr::Error) -> ProfileError {
    let place = error.location().map(|place| format!(":{}:{}", place.line(), place.column())).unwrap_or_default();
    let said = error.without_snippet().to_string();
    let said = said.lines().next().unwrap_or_default().to_owned();
    ProfileError::Yaml { file: file.to_owned(), place, said }
}

fn is_profile_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A key of a policy is `allow_` and a verb.
fn is_verb(verb: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=48).contains(&verb.len())
        && verb.bytes().all(word)
        && verb.starts_with(|first: char| first.is_ascii_lowercase())
        && !verb.starts_with("mutations_in_")
}

/// INVARIANT: every shipped file parses under its name (`tests::every_shipped_profile_parses`).
static SHIPPED: LazyLock<Vec<Profile>> =
    LazyLock::new(|| FILES.iter().filter_map(|(name, yaml)| Profile::parse(name, yaml).ok()).collect());

const FILES: &[(&str, &str)] = &[
    ("aws", include_str!("../profiles/aws.yaml")),
    ("calendar", include_str!("../profiles/calendar.yaml")),
    ("demo-crm", include_str!("../profiles/demo-crm.yaml")),
    ("demo-deploy", include_str!("../profiles/demo-deploy.yaml")),
    ("demo-mail", include_str!("../profiles/demo-mail.yaml")),
    ("demo-repo", include_str!("../profiles/demo-repo.yaml")),
    ("email", include_str!("../profiles/email.yaml")),
    ("everything", include_str!("../profiles/everything.yaml")),
    ("fetch", include_str!("../profiles/fetch.yaml")),
    ("filesystem", include_str!("../profiles/filesystem.yaml")),
    ("git", include_str!("../profiles/git.yaml")),
    ("github", include_str!("../profiles/github.yaml")),
    ("kubernetes", include_str!("../profiles/kubernetes.yaml")),
    ("memory", include_str!("../profiles/memory.yaml")),
    ("postgres", include_str!("../profiles/postgres.yaml")),
    ("shell", include_str!("../profiles/shell.yaml")),
    ("slack", include_str!("../profiles/slack.yaml")),
    ("sqlite", include_str!("../profiles/sqlite.yaml")),
    ("time", include_str!("../profiles/time.yaml")),
    ("web", include_str!("../profiles/web.yaml")),
];

#[cfg(test)]
mod tests;
