//! The nearest right word for a wrong one.

/// `did you mean …?` with the nearest word, if one is near.
pub fn did_you_mean<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<String> {
    let far = word.chars().count() / 3 + 1;
    words
        .map(|right| (strsim::damerau_levenshtein(&word.to_lowercase(), &right.to_lowercase()), right))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, right)| format!("did you mean `{right}`?"))
}

/// `` `a`, `b` or `c` ``.
pub fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
