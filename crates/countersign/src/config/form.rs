//! Files of a known form: all keys that nobody knows are told at once.
//!
//! The parser ends at the first of them. So it is asked again, each time of a text in which those that were told are mended: by the
//! word that was probably meant, or by taking the key out.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_saphyr::Error;
use yaml_tree::At;

use super::problem::{Problem, Problems};

/// Reads a text. Error: every key that is unknown, or what else keeps it from being read.
pub fn read<T: DeserializeOwned>(file: &Path, source: &str) -> Result<T, Problems> {
    let mut error = match yaml_tree::typed(source) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    let mut text = source.to_owned();
    let mut problems = Vec::new();
    // By how much a line of the text is longer than it is in the file.
    let mut longer = (0, 0);
    loop {
        let problem = Problem::from_yaml(file, source, &error);
        let Some(unknown) = Unknown::of(&error, &text) else {
            // What is wrong in a mended text may be wrong because of how it was mended.
            return Err(Problems(if problems.is_empty() { vec![problem] } else { problems }));
        };
        if longer.0 != problem.line {
            longer = (problem.line, 0);
        }
        problems.push(Problem { column: problem.column.saturating_add_signed(-longer.1), ..problem });
        let renamed = unknown.renamed(&text).map(|text| (yaml_tree::typed::<T>(&text).err(), text));
        let renamed = renamed.filter(|(next, _)| !matches!(next, Some(next) if is_twice(next)));
        let (next, mended) = renamed.unwrap_or_else(|| {
            let text = unknown.taken_out(&text);
            (yaml_tree::typed::<T>(&text).err(), text)
        });
        match next {
            Some(next) if problems.len() < UNKNOWN_KEYS_MAX => error = next,
            _ => return Err(Problems(problems)),
        }
        let width = |text: &str| {
            let line = usize::try_from(longer.0).ok().and_then(|line| text.lines().nth(line.checked_sub(1)?));
            i64::try_from(line.unwrap_or_default().chars().count()).unwrap_or_default()
        };
        longer.1 += width(&mended) - width(&text);
        text = mended;
    }
}

/// A key that nobody knows, in a text.
struct Unknown<'e> {
    at: At,
    key: &'e str,
    /// What was probably meant.
    meant: Option<&'static str>,
}

impl<'e> Unknown<'e> {
    fn of(error: &'e Error, text: &str) -> Option<Self> {
        let error = error.without_snippet();
        let Error::SerdeUnknownField { field, expected, .. } = error else { return None };
        let at = error.location()?;
        let (line, column) = (u32::try_from(at.line()).ok()?, u32::try_from(at.column()).ok()?);
        let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)? as usize).map(str::len).sum();
        let before = text.get(start..)?.chars().take(column.checked_sub(1)? as usize).map(char::len_utf8);
        let at = At { line, column, offset: start + before.sum::<usize>() };
        Some(Self { at, key: field, meant: spelling::nearest(field, expected.iter().copied()) })
    }

    /// The text with the word in its place that was probably meant.
    fn renamed(&self, text: &str) -> Option<String> {
        let (before, rest) = text.split_at_checked(self.at.offset)?;
        let quote = rest.get(..1).filter(|first| matches!(*first, "\"" | "'")).unwrap_or_default();
        let behind = rest.get(quote.len()..)?.strip_prefix(self.key)?;
        Some(format!("{before}{quote}{}{behind}", self.meant?))
    }

    /// The text with blanks in its place and that of what belongs to it.
    fn taken_out(&self, text: &str) -> String {
        let end = self.at.offset + yaml_tree::text_of(self.at, text).len();
        let (before, rest) = text.split_at_checked(self.at.offset).unwrap_or_default();
        let (taken, behind) = rest.split_at_checked(end - self.at.offset).unwrap_or_default();
        let blanks = taken.chars().map(|letter| if letter == '\n' { letter } else { ' ' });
        let blanks: String = blanks.collect();
        // Between braces the comma goes with it.
        match behind.trim_start().strip_prefix(',') {
            Some(others) => {
                let gap = behind.strip_suffix(others).and_then(|gap| gap.strip_suffix(',')).unwrap_or_default();
                format!("{before}{blanks}{gap} {others}")
            }
            None => format!("{before}{blanks}{behind}"),
        }
    }
}

fn is_twice(error: &Error) -> bool {
    matches!(error.without_snippet(), Error::DuplicateMappingKey { .. })
}

/// Most unknown keys that are told at once.
const UNKNOWN_KEYS_MAX: usize = 100;

#[cfg(test)]
mod tests;
