//! What is wrong in a file: where, what, and the way out.

use std::fmt::{self, Write as _};
use std::path::Path;

/// One thing that is wrong in a file. Lines and columns count from 1; 0 where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
    /// What is wrong.
    pub said: String,
    /// The way out.
    pub hint: Option<String>,
    /// The line's text.
    pub text: Option<String>,
}

/// Everything that is wrong, in the order of the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    /// A problem at a place in a file.
    pub fn at(file: &Path, source: &str, line: u64, column: u64, said: impl Into<String>) -> Self {
        let text =
            usize::try_from(line).ok().and_then(|line| source.lines().nth(line.checked_sub(1)?)).map(str::to_owned);
        Self { file: file.display().to_string(), line, column, said: said.into(), hint: None, text }
    }

    /// A problem with a file as a whole.
    pub fn of_file(file: &Path, said: impl Into<String>) -> Self {
        Self { file: file.display().to_string(), line: 0, column: 0, said: said.into(), hint: None, text: None }
    }

    /// The way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the parser found wrong.
    pub fn from_yaml(file: &Path, source: &str, error: &serde_saphyr::Error) -> Self {
        use serde_saphyr::Error;
        let error = error.without_snippet();
        let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
        let here = usize::try_from(line).ok().and_then(|line| source.lines().nth(line.checked_sub(1)?));
        let covered = speaks_of_credentials(source, line) || here.is_some_and(names_a_user);
        let place = |said: String| {
            let problem = Self::at(file, source, line, column, said);
            if covered { Self { text: None, ..problem } } else { problem }
        };
        match error {
            Error::SerdeUnknownField { field, expected, .. } => {
                let hint = nearest(field, expected.iter().copied());
                let mistyped = hint.starts_with(MEANT);
                place(if covered && !mistyped { "unknown key".to_owned() } else { format!("unknown key `{field}`") })
                    .hint(hint)
            }
            Error::SerdeUnknownVariant { variant, expected, .. } => {
                place(format!("unknown value `{variant}`")).hint(nearest(variant, expected.iter().copied()))
            }
            Error::SerdeMissingField { field, .. } => place(format!("the key `{field}` is missing")),
            Error::DuplicateMappingKey { key, .. } => {
                place(format!("the key `{}` occurs twice", key.as_deref().unwrap_or("?"))).hint("keep one of them")
            }
            Error::SerdeInvalidType { unexpected, expected, .. } => {
                place(format!("expected {expected}, found {unexpected}"))
            }
            Error::MultipleDocuments { .. } => place("a second document begins here".to_owned())
                .hint("one file holds one document: take the `---` out"),
            Error::NullIntoString { .. } => place("expected text, found nothing".to_owned()),
            Error::Budget { .. }
            | Error::AliasReplayLimitExceeded { .. }
            | Error::AliasExpansionLimitExceeded { .. } => {
                place("the file is too large or too deeply nested".to_owned())
            }
            other => {
                let said = other.to_string();
                place(in_words(said.split(" at line").next().unwrap_or(&said)))
            }
        }
    }
}

/// What the parser says of the form of a value, in the words of people who write such files.
fn in_words(said: &str) -> String {
    match said {
        "invalid u64" | "invalid usize" => "expected a number, zero or more",
        "expected mapping start" => "expected keys and values, as in `key: value`",
        "expected sequence start" => "expected a list, as in `[one, two]`",
        "expected string scalar" => "expected text",
        other => other,
    }
    .to_owned()
}

/// Whether an address stands in a line with something before its host: a password, perhaps, of which any character may be a part.
/// Of `https://host/@name/path` nothing is one.
pub(super) fn names_a_user(line: &str) -> bool {
    let Some((_, rest)) = line.split_once("://") else { return false };
    let colon = rest.find(':').unwrap_or(rest.len());
    rest.match_indices('@').any(|(at, _)| colon < at || !rest.get(..at).is_some_and(|before| before.ends_with('/')))
}

/// Whether a line, or one that it stands below, is about credentials: there the secret itself may stand by mistake.
fn speaks_of_credentials(source: &str, line: u64) -> bool {
    let lines = source.lines().take(usize::try_from(line).unwrap_or(usize::MAX)).collect::<Vec<_>>();
    let indent = |text: &str| text.len() - text.trim_start().len();
    let mut below: Option<&str> = None;
    for text in lines.into_iter().rev().filter(|text| !text.trim().is_empty()) {
        let above = below.is_none_or(|below| {
            let is_key = below.trim_start().starts_with(|letter: char| letter.is_alphanumeric());
            indent(text) < indent(below) || (!is_key && indent(text) == indent(below))
        });
        if !above {
            continue;
        }
        let text_small = text.to_ascii_lowercase();
        if text_small.contains("cred") || text_small.contains("secret") {
            return true;
        }
        below = Some(text);
    }
    false
}

/// `did you mean`, or what there is to choose from.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    match spelling::nearest(word, known.iter().copied()) {
        Some(candidate) => format!("{MEANT} `{candidate}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("there is {}", known.join(", ")),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => writeln!(f, "{}: {}", self.file, self.said)?,
            line => writeln!(f, "{}:{line}:{}: {}", self.file, self.column, self.said)?,
        }
        if let Some(text) = &self.text {
            let mut under = String::new();
            let before = usize::try_from(self.column).unwrap_or(1).saturating_sub(1);
            for character in text.chars().take(before) {
                under.push(if character == '\t' { '\t' } else { ' ' });
            }
            writeln!(f, "  | {text}")?;
            writeln!(f, "  | {under}^")?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "  hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = String::new();
        for problem in &self.0 {
            write!(all, "{problem}")?;
        }
        f.write_str(all.trim_end())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// How a hint begins that knows the right word.
const MEANT: &str = "did you mean";
