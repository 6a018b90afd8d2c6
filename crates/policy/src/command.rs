//! `rm -rf /` in a rule and `/bin/rm -fr //` in a call are the same command.
//!
//! A pattern is a program, flags and words. A command is one of it if its program is the same, it has all the flags in
//! whatever order and form, and the words among its own in the same order. That denies more than the first words alone would;
//! it is no containment, for a program has many names.

use std::collections::BTreeSet;
use std::fmt;

use model::written;

/// A command as a rule writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandPattern {
    written: String,
    parsed: Parsed,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Parsed {
    program: String,
    flags: BTreeSet<String>,
    words: Vec<String>,
}

/// Whether a command is one of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matches {
    /// It is, as it is written.
    Surely,
    /// It may be: it cannot be split into words, a flag is cut short, as in `--recurs`, or it is spelled in other letters, as
    /// `RM`, which is the same program where the file system makes no difference.
    Perhaps,
    /// It is not.
    No,
}

impl CommandPattern {
    /// None: it names no program, sets a variable before it, or a quotation does not end.
    pub(crate) fn parse(written: &str) -> Option<Self> {
        let words = split(written).filter(|words| !sets_a_variable(words))?;
        let parsed = Parsed::of(&words)?;
        Some(Self { written: quoted(&words), parsed })
    }

    pub(crate) fn matches(&self, command: &str) -> Matches {
        let Some(Parsed { program, flags, words }) = split(command).and_then(|words| Parsed::of(&words)) else {
            return Matches::Perhaps;
        };
        let has_all = |same: fn(&str, &str) -> bool| {
            let mut ours = self.parsed.words.iter().peekable();
            for word in &words {
                ours.next_if(|wanted| same(wanted, word));
            }
            ours.peek().is_none() && same(&self.parsed.program, &program)
        };
        let exactly = has_all(|one, other| one == other);
        if !exactly && !has_all(|one, other| one.to_lowercase() == other.to_lowercase()) {
            return Matches::No;
        }
        let mut missing = self.parsed.flags.difference(&flags).peekable();
        if missing.peek().is_none() {
            if exactly { Matches::Surely } else { Matches::Perhaps }
        } else if missing.all(|wanted| flags.iter().any(|flag| is_cut_short(flag, wanted))) {
            Matches::Perhaps
        } else {
            Matches::No
        }
    }

    /// The command as the facts of a call write it.
    pub(crate) fn as_facts(written: &str) -> Option<String> {
        let mut words = split(written).filter(|words| !sets_a_variable(words))?;
        let (program, rest) = words.split_first_mut()?;
        *program = program.rsplit('/').next().filter(|program| !program.is_empty())?.to_owned();
        for word in rest {
            *word = written::place(word).unwrap_or_else(|| std::mem::take(word));
        }
        Some(quoted(&words))
    }
}

/// Whether a variable stands before the program, as in `X=1 git push`.
pub(crate) fn begins_with_a_variable(written: &str) -> bool {
    split(written).is_some_and(|words| sets_a_variable(&words))
}

fn sets_a_variable(words: &[String]) -> bool {
    let name = words.first().and_then(|first| first.split_once('=')).map(|(name, _)| name);
    name.is_some_and(|name| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    })
}

/// Whether a program could take `flag` for `wanted`: GNU's take any beginning of a long flag that fits only one.
fn is_cut_short(flag: &str, wanted: &str) -> bool {
    let long = SHORT.iter().find(|(_, short)| *short == wanted).map_or(wanted, |(long, _)| long);
    flag.starts_with("--") && long.starts_with(flag)
}

impl fmt::Display for CommandPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Parsed {
    fn of(words: &[String]) -> Option<Self> {
        let (program, rest) = words.split_first()?;
        let program = program.rsplit('/').next().filter(|program| !program.is_empty())?.to_owned();
        let mut parsed = Self { program, ..Self::default() };
        let mut flags_end = false;
        for word in rest {
            match word.strip_prefix('-') {
                Some("-") if !flags_end => flags_end = true,
                Some(long) if !flags_end && long.starts_with('-') => {
                    let name = word.split('=').next().unwrap_or(word);
                    // What a flag means in one letter, so that `--recursive` is `-r` for the commands that most people deny.
                    let short = SHORT.iter().find(|(long, _)| *long == name).map_or(name, |(_, short)| short);
                    parsed.flags.insert(short.to_owned());
                }
                Some(letters) if !flags_end && !letters.is_empty() => {
                    parsed.flags.extend(letters.chars().map(|letter| {
                        let letter = if letter == 'R' { 'r' } else { letter };
                        format!("-{letter}")
                    }));
                }
                _ => parsed.words.push(normal(word)),
            }
        }
        Some(parsed)
    }
}

/// A path without doubled slashes, `/.` and a slash at its end.
fn normal(word: &str) -> String {
    if !word.contains('/') {
        return word.to_owned();
    }
    let parts: Vec<&str> = word.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let start = if word.starts_with('/') { "/" } else { "" };
    format!("{start}{}", parts.join("/"))
}

/// The words as one line that is split into the same words again.
fn quoted(words: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && !word.starts_with('=')
            && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "_@%+=:,./-".contains(letter))
    };
    let quoted = |word: &String| match plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Splits as a shell does with words that hold nothing to be expanded.
fn split(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().push(letters.next()?),
            (_, Some(_)) => word.get_or_insert_default().push(letter),
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, None) if letter.is_whitespace() => words.extend(word.take()),
            (_, None) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

const SHORT: &[(&str, &str)] = &[("--recursive", "-r"), ("--force", "-f")];

#[cfg(test)]
mod tests;
