//! Rules of the terminal: data to standard output, the rest to standard error; colour only helps and only on a terminal;
//! the sign and the word carry the meaning.

use std::fmt::{Debug, Display};
use std::io::{IsTerminal as _, Write as _};

use model::{Fault, Verdict, spelled_out};
use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use crate::clock::environment;

/// What a stream can show.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Whether colours are shown.
    pub colour: bool,
    /// Whether signs outside ASCII are shown.
    pub signs: bool,
    /// Columns, where it is a terminal.
    pub width: Option<usize>,
}

/// A colour of the palette.
#[derive(Debug, Clone, Copy)]
pub enum Ink {
    /// Allowed, in order.
    Green,
    /// Waiting.
    Yellow,
    /// Refused, wrong.
    Red,
    /// Changed on the way.
    Cyan,
    /// Not decided.
    Magenta,
    /// Less important.
    Dim,
    /// More important.
    Bold,
}

impl Look {
    /// What standard output can show.
    pub fn stdout() -> Self {
        let stdout = std::io::stdout();
        Self::of(stdout.is_terminal(), rustix::termios::tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col)))
    }

    /// What standard error can show.
    pub fn stderr() -> Self {
        let stderr = std::io::stderr();
        Self::of(stderr.is_terminal(), rustix::termios::tcgetwinsize(&stderr).ok().map(|size| usize::from(size.ws_col)))
    }

    fn of(terminal: bool, width: Option<usize>) -> Self {
        let dumb = environment("TERM").is_some_and(|term| term == "dumb");
        let colour = terminal && !dumb && environment("NO_COLOR").is_none_or(|value| value.is_empty());
        let locale = environment("LC_ALL").or_else(|| environment("LC_CTYPE")).or_else(|| environment("LANG"));
        let ascii = dumb || locale.is_some_and(|locale| locale == "C" || locale == "POSIX");
        Self { colour, signs: !ascii, width: width.filter(|width| terminal && *width > 20) }
    }

    /// The text in this colour.
    pub fn paint(self, ink: Ink, text: impl Display) -> String {
        let code = match ink {
            Ink::Green => "32",
            Ink::Yellow => "33",
            Ink::Red => "31",
            Ink::Cyan => "36",
            Ink::Magenta => "35",
            Ink::Dim => "2",
            Ink::Bold => "1",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    /// The sign and the word of a verdict.
    pub fn verdict(self, verdict: Verdict) -> String {
        let (sign, plain, ink) = match verdict {
            Verdict::Allow => ("✓", "+", Ink::Green),
            Verdict::Redact => ("✂", "~", Ink::Cyan),
            Verdict::Hold => ("⏸", "=", Ink::Yellow),
            Verdict::Defer => ("…", "?", Ink::Magenta),
            Verdict::Deny => ("✗", "x", Ink::Red),
        };
        self.paint(ink, format_args!("{} {:<6}", if self.signs { sign } else { plain }, verdict.as_str()))
    }

    /// The text cut to so many columns.
    pub fn cut(self, text: &str, columns: usize) -> String {
        if text.chars().count() <= columns {
            return text.to_owned();
        }
        let mark = if self.signs { "…" } else { "..." };
        let kept = columns.saturating_sub(mark.chars().count());
        text.chars().take(kept).chain(mark.chars()).collect()
    }
}

/// Writes a line of data. A reader that has gone away is success; a full disk ends the program with 2.
pub fn out(line: impl Display) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = writeln!(stdout, "{line}").and_then(|()| stdout.flush())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        say(format_args!("error: the output could not be written: {error}"));
        std::process::exit(2);
    }
}

/// Writes a line for people.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Shows how far something is, in place of what was shown before; none takes it away. Only on a terminal.
pub fn progress(line: Option<&str>) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r{}\x1b[K", line.unwrap_or_default());
        let _ = stderr.flush();
    }
}

/// Tells what went wrong, and the way out.
pub fn complain(fault: &Fault) {
    let look = Look::stderr();
    say(format_args!("{} {fault}", look.paint(Ink::Red, "error:")));
    if let Some(hint) = fault.way_out() {
        say(format_args!("{} {hint}", look.paint(Ink::Cyan, "hint:")));
    }
}

/// How a line of the log shows what it is about: whatever that quotes, it moves no cursor and begins no line.
pub fn log_fields() -> impl for<'w> FormatFields<'w> + 'static {
    let field = |writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        let value = format!("{value:?}");
        match field.name() {
            "message" => write!(writer, "{}", spelled_out(&value)),
            name if writer.has_ansi_escapes() => write!(writer, "\x1b[2m{name}=\x1b[0m{}", spelled_out(&value)),
            name => write!(writer, "{name}={}", spelled_out(&value)),
        }
    };
    debug_fn(field).delimited(" ")
}

/// Asks yes or no on the terminal. Without one, the answer is no.
pub fn confirm(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
