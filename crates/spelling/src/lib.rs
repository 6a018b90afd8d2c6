//! The nearest right word for one that is not known: what a message offers as the way out.
//!
//! # In scope
//! Slips of the hand (Damerau–Levenshtein: a letter too many, too few, another, or two in the wrong order) and words that were
//! not written to their end, whatever the case; how a message lists words.
//!
//! # Out of scope
//! Taking the near word for the one that was written.
//!
//! # Invariants
//! * The same words give the same answer in whatever order they come.
//! * The work is bounded, whoever wrote the word.

/// The nearest of the words, if one is near: two letters may differ, or a third of them, and never more than half. None so near:
/// one that begins with the word.
pub fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LETTERS_MAX {
        return None;
    }
    let edits_max = (length / 3).max(2).min(length / 2);
    let small = word.to_lowercase();
    let far = |right: &str| match strsim::damerau_levenshtein(&small, right) {
        edits if edits <= edits_max => Some(edits),
        _ if length >= BEGINNING_MIN && right.starts_with(&small) => Some(usize::MAX),
        _ => None,
    };
    words
        .filter(|right| right.len() <= 4 * LETTERS_MAX)
        .filter_map(|right| Some((far(&right.to_lowercase())?, right)))
        .min()
        .map(|(_, right)| right)
}

/// `did you mean …?` with the nearest of the words, if one is near.
pub fn did_you_mean<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(word, words).map(|right| format!("did you mean `{right}`?"))
}

/// `` `a`, `b` or `c` ``.
pub fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Fewest letters that can be the beginning of a longer word.
const BEGINNING_MIN: usize = 4;
/// Most letters of a word that a near one is looked for: the work grows with the square.
const LETTERS_MAX: usize = 128;

#[cfg(test)]
mod tests;
