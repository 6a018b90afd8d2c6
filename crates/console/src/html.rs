//! Markup. Whatever is put into it is escaped, unless it is markup itself.
//!
//! `html!("<td class=\"{}\">{}</td>", class, name)` takes a literal and values. Names inside the braces do not compile: they
//! would go past the escaping.

use std::fmt::{self, Write as _};

/// Markup made here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

/// What can stand in markup.
pub trait Shown {
    /// Writes it, escaped where it is text.
    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A value on its way into markup.
pub struct Piece<'a, T: Shown + ?Sized>(pub &'a T);

/// Makes markup out of a literal and values.
#[macro_export]
macro_rules! html {
    ($($literal:literal)+ $(, $value:expr)* $(,)?) => {
        // Through `concat`, so that no name can be captured out of the literal, past the escaping.
        $crate::html::Html::of(format_args!(concat!($($literal),+) $(, $crate::html::Piece(&$value))*))
    };
}
pub(crate) use html;

// === impl Html ===

impl Html {
    /// Only `html!` calls it.
    #[doc(hidden)]
    pub fn of(made: fmt::Arguments<'_>) -> Self {
        Self(made.to_string())
    }

    /// More of it.
    pub fn push(&mut self, more: &Html) {
        self.0.push_str(&more.0);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes to send.
    pub fn into_string(self) -> String {
        self.0
    }

    /// As it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(all: I) -> Self {
        let mut whole = Self::default();
        all.into_iter().for_each(|one| whole.push(&one));
        whole
    }
}

impl<T: Shown + ?Sized> fmt::Display for Piece<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

impl Shown for Html {
    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl Shown for str {
    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|c| match c {
            '&' => to.write_str("&amp;"),
            '<' => to.write_str("&lt;"),
            '>' => to.write_str("&gt;"),
            '"' => to.write_str("&quot;"),
            '\'' => to.write_str("&#39;"),
            c if hides(c) => write!(to, "\\u{{{:x}}}", u32::from(c)),
            c => to.write_char(c),
        })
    }
}

impl Shown for String {
    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().show(to)
    }
}

impl<T: Shown> Shown for Option<T> {
    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().map_or(Ok(()), |some| some.show(to))
    }
}

impl<T: Shown + ?Sized> Shown for &T {
    fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).show(to)
    }
}

macro_rules! shown_as_text {
    ($($kind:ty),+) => {$(
        impl Shown for $kind {
            fn show(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.to_string().as_str().show(to)
            }
        }
    )+};
}
shown_as_text!(u16, u32, u64, usize, i64, model::HumanId, model::CallId, model::Digest);

/// What is not seen where it stands: a reader must see that it is there. Line ends and tabs are plain.
fn hides(c: char) -> bool {
    model::is_hidden(c) && !matches!(c, '\n' | '\t')
}

#[cfg(test)]
mod tests;
