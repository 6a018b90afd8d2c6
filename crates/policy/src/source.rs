//! Rule files as text: where each rule stands.
//!
//! Cedar numbers the rules of a file by position and keeps no text. So a file is cut into rules first, and each rule is
//! parsed by itself: one wrong rule does not hide the next one, and every rule knows its own place.

use std::ops::Range;
use std::path::Path;

/// A file of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// The file as the operator named it, for messages.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What a file of rules is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Platform policy: `.yaml`, `.yml`.
    Yaml,
    /// Refusals and holds only: `.rego`.
    Rego,
    /// Everything else.
    Cedar,
}

/// Where the rules of a text stand, each up to and with its `;`, and what is left after the last one.
pub(crate) struct Pieces {
    pub(crate) rules: Vec<Range<usize>>,
    pub(crate) rest: Option<Range<usize>>,
}

/// Cuts the text after each `;` that stands neither in a string nor in a comment. White space and comments before a
/// rule are left out. Every piece goes to Cedar, the rest included, so a wrong cut is a syntax error and never a lost
/// rule.
pub(crate) fn split(text: &str) -> Pieces {
    let mut rules = Vec::new();
    let mut start = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '/' if characters.peek().is_some_and(|(_, next)| *next == '/') => {
                while characters.next_if(|(_, next)| !matches!(next, '\n' | '\r')).is_some() {}
            }
            '"' => {
                start.get_or_insert(at);
                while let Some((_, inside)) = characters.next() {
                    match inside {
                        '"' => break,
                        '\\' => drop(characters.next()),
                        _ => {}
                    }
                }
            }
            ';' => rules.push(start.take().unwrap_or(at)..at + 1),
            _ if character.is_whitespace() => {}
            _ => drop(start.get_or_insert(at)),
        }
    }
    Pieces { rules, rest: start.map(|start| start..text.len()) }
}

/// Line and column of an offset, both counted from 1, columns in characters.
pub(crate) fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

impl RuleFile {
    /// The language it is written in, by the ending of its name.
    pub(crate) fn language(&self) -> Language {
        match Path::new(&self.name).extension() {
            Some(ending) if ending.eq_ignore_ascii_case("yaml") || ending.eq_ignore_ascii_case("yml") => Language::Yaml,
            Some(ending) if ending.eq_ignore_ascii_case("rego") => Language::Rego,
            _ => Language::Cedar,
        }
    }

    /// The name without folders: what the digest sees, so that a bundle is the same wherever it lies.
    pub(crate) fn base_name(&self) -> &str {
        Path::new(&self.name).file_name().and_then(|name| name.to_str()).unwrap_or(&self.name)
    }

    /// The beginning of derived rule ids: the name without folders and ending, as visible ASCII.
    pub(crate) fn stem(&self) -> String {
        let name = self.base_name();
        let stem = name.strip_suffix(".cedar").or_else(|| name.strip_suffix(".rego")).unwrap_or(name);
        stem.chars().take(100).map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect()
    }
}

#[cfg(test)]
mod tests;
