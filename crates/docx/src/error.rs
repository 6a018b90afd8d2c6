//! Why a document is not read.

/// Why a document is not read; [`hint`](Self::hint) says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// An OLE container: what Word wrote before 2007, and what it puts an encrypted document into.
    #[error("it is encrypted, or in the format that Word had before 2007")]
    Compound,
    /// No ZIP archive, or a broken one.
    #[error("it is no whole `.docx` file: {0}")]
    Archive(&'static str),
    /// An archive of something else.
    #[error("it is no document of Word: {0}")]
    Other(&'static str),
    /// A part that is no XML, or XML that may reach outside.
    #[error("`{part}` in it {said}")]
    Part {
        /// The part of the package.
        part: String,
        /// What is wrong with it.
        said: String,
    },
    /// A bound is reached.
    #[error("it is too large: {0}")]
    TooLarge(String),
}

// === impl Unreadable ===

impl Unreadable {
    /// What somebody can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Compound => "open it in a word processor, and save it as .docx without a password, or as PDF",
            Self::Archive(_) | Self::Other(_) | Self::Part { .. } => {
                "open it in a word processor, look whether it is whole, and save it as .docx or PDF anew"
            }
            Self::TooLarge(_) => "take pictures and embedded files out of it, or save it as PDF",
        }
    }

    pub(crate) fn part(part: &str, said: impl Into<String>) -> Self {
        Self::Part { part: part.to_owned(), said: said.into() }
    }
}
