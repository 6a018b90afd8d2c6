//! What went wrong, by whom to blame.
//!
//! A fault has two halves: the sentence that may be shown, and the cause that may only be logged. `Display` prints the
//! first; nothing prints the second by accident. Both may quote what an app, an agent or a file says: whatever is hidden in
//! that is spelled out, so that no fault moves the cursor of the terminal that shows it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::hidden::{lines_spelled_out, spelled_out};

/// Who has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The client sent something wrong.
    Caller,
    /// The app answered wrongly, late or not at all.
    Upstream,
    /// A rule is wrong.
    Rule,
    /// The configuration or the machine is wrong.
    Operator,
    /// We are wrong.
    Bug,
}

/// Something went wrong. `code` is stable and dotted, for example `upstream.timeout`.
pub struct Fault {
    blame: Blame,
    code: &'static str,
    said: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    retryable: bool,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault with its blame, stable code and the sentence that may be shown (lower case, no full stop).
    pub fn new(blame: Blame, code: &'static str, said: impl Into<Cow<'static, str>>) -> Self {
        Self { blame, code, said: nothing_hidden(said.into()), hint: None, retryable: false, cause: None }
    }

    /// The way out.
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(nothing_hidden(hint.into()));
        self
    }

    /// The cause: for the log, never for a response.
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Trying the same again later may work.
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Who has to do something about it.
    pub fn blame(&self) -> Blame {
        self.blame
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The way out, if there is one.
    pub fn way_out(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The way out for somebody outside of the organisation: what only people inside can do is not told.
    pub fn way_out_outside(&self) -> Option<&str> {
        match self.blame {
            Blame::Operator | Blame::Bug if self.retryable => Some("ask again in a moment"),
            Blame::Operator | Blame::Bug => None,
            Blame::Caller | Blame::Upstream | Blame::Rule => self.way_out(),
        }
    }

    /// Whether trying the same again later may work.
    pub fn may_retry(&self) -> bool {
        self.retryable
    }
}

impl Blame {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Upstream => "upstream",
            Self::Rule => "rule",
            Self::Operator => "operator",
            Self::Bug => "bug",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} {}] {}", self.blame.as_str(), self.code, spelled_out(&self.said))?;
        if let Some(cause) = &self.cause {
            write!(f, ": {}", spelled_out(&cause.to_string()))?;
        }
        Ok(())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

/// What is written here hides nothing; what was put together may quote anything.
fn nothing_hidden(text: Cow<'static, str>) -> Cow<'static, str> {
    match text {
        Cow::Borrowed(_) => text,
        Cow::Owned(text) => Cow::Owned(lines_spelled_out(&text).into_owned()),
    }
}

#[cfg(test)]
mod tests;
