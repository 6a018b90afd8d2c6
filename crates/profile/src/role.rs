//! Roles: what an argument stands for, whatever a server calls it.
//!
//! A role is any word of `a-z` and `_`; rules speak of it (`require_human_review_for_repos`). A few are read in a way of
//! their own ([`RoleKind`]); every other is the name of some resource.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

/// What an argument stands for: `path`, `repo`, `account`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role(Arc<str>);

/// How the values of a role are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoleKind {
    /// A place in a file system.
    Path,
    /// An address that is fetched or opened. Its value is the host.
    Url,
    /// Who receives something.
    Recipient,
    /// A command line, script or statement that is carried out.
    Command,
    /// How much of something: money, machines.
    Amount,
    /// What is written or sent.
    Content,
    /// How long something may take, in the app's unit.
    Timeout,
    /// Some resource, by its name.
    Name,
}

/// How values of a role are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleForm {
    /// How its values are read.
    pub kind: RoleKind,
    /// What stands between the parts of a composed value: `/` in `acme/production`. A rule may name the last part alone.
    pub join: Option<Arc<str>>,
    /// True: upper and lower case mean the same, and the values are in lower case.
    pub ignore_case: bool,
}

/// A role whose value is made of several arguments, or of a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Composed {
    pub(crate) from: Vec<String>,
    pub(crate) join: Arc<str>,
    /// The option of a command whose value it is: `--profile`.
    pub(crate) option: Option<Arc<str>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRole {
    #[serde(default)]
    from: Vec<String>,
    join: Option<String>,
    option: Option<String>,
    #[serde(default)]
    pub(crate) ignore_case: bool,
}

// === impl Role ===

impl Role {
    /// Reads a role. Error: not a word of `a-z` and `_`, or a slip of a known one.
    pub fn parse(word: &str) -> Result<Self, String> {
        let letters = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let well_formed = (1..=32).contains(&word.len()) && letters(word) && !word.starts_with('_');
        if !well_formed || word.ends_with('_') {
            return Err(format!("`{word}` is not a role: it takes a word of a-z and _, such as `path` or `repo`"));
        }
        let slip_of = |kind: &str| lacks_one_letter(word, kind) || two_letters_swapped(word, kind);
        let meant = KINDS.iter().map(|(kind, _)| *kind).find(|kind| slip_of(kind));
        let meant = meant.or_else(|| SYNONYMS.iter().find(|(other, _)| *other == word).map(|(_, kind)| *kind));
        match meant {
            Some(kind) => Err(format!("`{word}` would be read as the name of a resource; did you mean `{kind}`?")),
            None => Ok(Self(Arc::from(word))),
        }
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The word, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// How its values are read.
    pub fn kind(&self) -> RoleKind {
        RoleKind::of(&self.0)
    }
}

impl std::borrow::Borrow<str> for Role {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

// === impl RoleKind ===

impl RoleKind {
    /// How the values of a role of this name are read.
    pub fn of(role: &str) -> Self {
        KINDS.iter().find(|(word, _)| *word == role).map_or(Self::Name, |(_, kind)| *kind)
    }

    /// Whether upper and lower case mean the same for every role of this kind.
    pub const fn ignores_case(self) -> bool {
        matches!(self, Self::Url | Self::Recipient)
    }
}

// === impl Composed ===

impl RawRole {
    /// Error: what is wrong with it, in words.
    pub(crate) fn composed(&self, role: &Role) -> Result<Option<Composed>, String> {
        if let Some(option) = &self.option {
            return self.of_option(role, option).map(Some);
        }
        let command = role.kind() == RoleKind::Command;
        let join = match (self.from.as_slice(), &self.join) {
            ([], None) if self.ignore_case => return Ok(None),
            ([], _) => return Err(format!("the role `{role}` takes `from` and the arguments it is made of")),
            ([_], Some(_)) => return Err(format!("`join` needs several arguments in `from` of the role `{role}`")),
            ([_], None) => "",
            (_, None) if command => " ",
            (_, Some(join)) if command && join == " " => " ",
            (_, Some(_)) if command => {
                return Err("the words of a command are joined by spaces: leave `join` out".to_owned());
            }
            (_, None) => return Err(format!("the role `{role}` takes `join`: what stands between its parts")),
            (_, Some(join)) if join.is_empty() || join.len() > 3 || join.bytes().any(|b| !b.is_ascii_punctuation()) => {
                return Err(format!("`{join}` cannot join the parts of the role `{role}`: take `/`, `:` or the like"));
            }
            (_, Some(join)) => join.as_str(),
        };
        let kind = role.kind();
        if self.from.len() > 1 && !matches!(kind, RoleKind::Name | RoleKind::Command) {
            return Err(format!("a `{role}` is not made of several arguments"));
        }
        if let Some(twice) =
            self.from.iter().enumerate().find(|(at, one)| self.from.iter().take(*at).any(|o| o == *one))
        {
            return Err(format!("`{}` stands twice in `from` of the role `{role}`", twice.1));
        }
        Ok(Some(Composed { from: self.from.clone(), join: Arc::from(join), option: None }))
    }

    fn of_option(&self, role: &Role, option: &str) -> Result<Composed, String> {
        let name = option.strip_prefix("--").unwrap_or_default();
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(word) {
            return Err(format!("`{option}` is not an option: it takes `--` and a word, such as `--profile`"));
        }
        if self.from.len() != 1 || self.join.is_some() || role.kind() != RoleKind::Name {
            return Err(format!(
                "`option` is for the name of a resource in one command: `{role}` takes one argument in `from`"
            ));
        }
        Ok(Composed { from: self.from.clone(), join: Arc::from(""), option: Some(Arc::from(option)) })
    }
}

/// Whether adding one letter to `word` gives `whole`.
fn lacks_one_letter(word: &str, whole: &str) -> bool {
    word.len() + 1 == whole.len()
        && (0..whole.len()).any(|at| {
            let mut letters = whole.bytes().enumerate().filter(|(place, _)| *place != at).map(|(_, letter)| letter);
            word.bytes().all(|letter| letters.next() == Some(letter))
        })
}

fn two_letters_swapped(word: &str, whole: &str) -> bool {
    let differing: Vec<(u8, u8)> = word.bytes().zip(whole.bytes()).filter(|(one, other)| one != other).collect();
    word.len() == whole.len() && matches!(differing.as_slice(), [(a, b), (c, d)] if a == d && b == c)
}

const KINDS: &[(&str, RoleKind)] = &[
    ("path", RoleKind::Path),
    ("url", RoleKind::Url),
    ("recipient", RoleKind::Recipient),
    ("command", RoleKind::Command),
    ("amount", RoleKind::Amount),
    ("content", RoleKind::Content),
    ("explanation", RoleKind::Content),
    ("timeout", RoleKind::Timeout),
];

/// What people write when they mean a role that is read in a way of its own.
const SYNONYMS: &[(&str, &str)] = &[
    ("amounts", "amount"),
    ("cmd", "command"),
    ("commands", "command"),
    ("contents", "content"),
    ("directory", "path"),
    ("email", "recipient"),
    ("emails", "recipient"),
    ("file_path", "path"),
    ("filepath", "path"),
    ("paths", "path"),
    ("recipients", "recipient"),
    ("timeouts", "timeout"),
    ("uri", "url"),
    ("urls", "url"),
];

#[cfg(test)]
mod tests;
