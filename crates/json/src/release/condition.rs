//! Whether a value is one of those that are wanted.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Scalar;

use super::Condition;
use crate::text::unescape;

/// A condition, ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Texts, and numbers as texts.
    spelled: BTreeSet<Box<str>>,
    /// Whether true is wanted, and whether false.
    truths: [bool; 2],
    pub(super) clause: Arc<str>,
}

/// A value that is neither a list nor an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token<'b> {
    /// What stands between the quotes, and whether there are escapes in it.
    Text(&'b [u8], bool),
    /// As it is written.
    Number(&'b [u8]),
    Bool(bool),
    Null,
    /// A text too long to be any that is wanted.
    Long,
}

// === impl Wanted ===

impl Wanted {
    pub(super) fn new(condition: &Condition) -> Self {
        let mut wanted = Self { spelled: BTreeSet::new(), truths: [false; 2], clause: Arc::clone(&condition.clause) };
        for scalar in &condition.one_of {
            match scalar {
                Scalar::Bool(false) => wanted.truths[0] = true,
                Scalar::Bool(true) => wanted.truths[1] = true,
                Scalar::Whole(whole) => drop(wanted.spelled.insert(whole.to_string().into())),
                Scalar::Decimal(text) => drop(wanted.spelled.insert(text.as_str().into())),
                Scalar::Text(text) => drop(wanted.spelled.insert(text.as_ref().into())),
            }
        }
        wanted
    }

    pub(super) fn admits(&self, token: Token<'_>) -> bool {
        match token {
            Token::Text(inner, escaped) => {
                str::from_utf8(inner).is_ok_and(|inner| self.spelled.contains(unescape(inner, escaped).as_ref()))
            }
            Token::Number(digits) => str::from_utf8(digits).is_ok_and(|digits| self.spelled.contains(plain(digits))),
            Token::Bool(truth) => self.truths.get(usize::from(truth)).copied().unwrap_or(false),
            Token::Null | Token::Long => false,
        }
    }

    /// Of a table, in which everything is a text.
    pub(super) fn admits_cell(&self, cell: &str) -> bool {
        let truth = match cell {
            "false" => self.truths.first(),
            "true" => self.truths.last(),
            _ => None,
        };
        self.spelled.contains(cell) || truth.copied().unwrap_or(false)
    }
}

/// A number without a fraction that says nothing. One with an exponent stays, and is like none that is wanted.
fn plain(digits: &str) -> &str {
    if digits == "-0" {
        return "0";
    }
    match digits.split_once('.') {
        Some((_, fraction)) if fraction.bytes().all(|digit| digit.is_ascii_digit()) => {
            digits.trim_end_matches('0').trim_end_matches('.')
        }
        _ => digits,
    }
}
