//! `prod-*`: a star stands for any run of characters, everything else for itself. Linear in the text for each star.

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob(String);

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole text is like this. Each piece between stars is looked for once, the earliest place being as good
    /// as any, so no text takes long.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let mut last = None;
        for piece in pieces {
            if let Some(before) = last.replace(piece) {
                match rest.split_once(before) {
                    Some((_, after)) => rest = after,
                    None => return false,
                }
            }
        }
        match last {
            None => rest.is_empty(),
            Some(last) => rest.ends_with(last),
        }
    }

    /// Whether somebody seems to have meant a regular expression.
    pub(crate) fn looks_like_a_regular_expression(pattern: &str) -> bool {
        pattern.starts_with('^')
            || pattern.ends_with('$')
            || pattern.contains(".*")
            || pattern.contains(".+")
            || pattern.contains("(?")
            || pattern.contains('\\')
            || pattern.contains('|')
            || (pattern.contains('[') && pattern.contains(']'))
    }
}

#[cfg(test)]
mod tests;
