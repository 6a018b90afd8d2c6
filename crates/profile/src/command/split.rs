//! A command line as the plain words a POSIX shell would make of it, or nothing where it is not plain.

use std::iter::Peekable;
use std::str::Chars;

use model::limits::{COMMAND_BYTES_MAX, COMMAND_WORDS_MAX};

/// One command of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Simple {
    /// Program and arguments.
    pub(crate) words: Vec<String>,
    /// Each `NAME=value` before the program.
    pub(crate) assigned: Vec<String>,
    /// The files it is redirected to or from.
    pub(crate) files: Vec<String>,
}

/// The commands of a line, joined by `;`, `&`, `&&`, `||`, `|` or a new line. None: something in it is expanded, substituted
/// or decided while it runs, it has no end, or it is too long.
pub(crate) fn split(line: &str) -> Option<Vec<Simple>> {
    if line.len() > COMMAND_BYTES_MAX || line.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return None;
    }
    let mut splitter = Splitter { rest: line.chars().peekable(), ..Splitter::default() };
    while let Some(next) = splitter.rest.next() {
        splitter.take(next)?;
        if splitter.count > COMMAND_WORDS_MAX {
            return None;
        }
    }
    splitter.end_command(true)?;
    Some(splitter.commands)
}

/// Words as a line that is split into the same words again.
pub(crate) fn quoted(words: &[impl AsRef<str>]) -> String {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        let word = word.as_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
        if !word.is_empty() && !word.starts_with('=') && word.chars().all(plain) {
            line.push_str(word);
        } else {
            line.push('\'');
            line.push_str(&word.replace('\'', r"'\''"));
            line.push('\'');
        }
    }
    line
}

struct Splitter<'a> {
    rest: Peekable<Chars<'a>>,
    word: Option<Word>,
    redirect: Option<Redirect>,
    command: Simple,
    commands: Vec<Simple>,
    count: usize,
}

/// A word that is being read.
#[derive(Default)]
struct Word {
    text: String,
    /// Where the first quoted character stands, in bytes.
    quoted_from: Option<usize>,
}

/// What the next word is a file of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Redirect {
    File,
    /// After `>&` and `<&`: a number or `-` is no file.
    Descriptor,
}

impl Default for Splitter<'_> {
    fn default() -> Self {
        Self {
            rest: "".chars().peekable(),
            word: None,
            redirect: None,
            command: Simple::default(),
            commands: Vec::new(),
            count: 0,
        }
    }
}

impl Splitter<'_> {
    fn take(&mut self, next: char) -> Option<()> {
        match next {
            ' ' | '\t' => self.end_word(),
            '\n' => self.end_command(true),
            ';' => self.end_command(false),
            '&' if self.next_is('>') => {
                self.end_word()?;
                self.rest.next();
                self.redirected()
            }
            '&' => {
                self.skip('&');
                self.end_command(false)
            }
            '|' => {
                if !self.skip('|') {
                    self.skip('&');
                }
                self.end_command(false)
            }
            '<' | '>' => {
                self.end_descriptor()?;
                if next == '<' && (self.next_is('<') || self.next_is('>')) {
                    // Here documents; `<>` opens for both.
                    (!self.skip('<')).then_some(())?;
                    self.rest.next();
                }
                self.redirected()
            }
            '\'' => self.single_quoted(),
            '"' => self.double_quoted(),
            '\\' => self.escaped(),
            '$' | '`' | '(' | ')' | '{' | '}' | '*' | '?' | '[' => None,
            '#' | '!' | '=' | '^' if self.word.is_none() => None,
            '~' if self.word.as_ref().is_none_or(|word| word.text.ends_with(['=', ':'])) => None,
            plain => {
                self.push(plain);
                Some(())
            }
        }
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().text.push(c);
    }

    /// From here on the word holds quoted characters.
    fn quote(&mut self) -> &mut Word {
        let word = self.word.get_or_insert_default();
        word.quoted_from.get_or_insert(word.text.len());
        word
    }

    fn single_quoted(&mut self) -> Option<()> {
        self.quote();
        loop {
            match self.rest.next()? {
                '\'' => return Some(()),
                c => self.push(c),
            }
        }
    }

    fn double_quoted(&mut self) -> Option<()> {
        self.quote();
        loop {
            match self.rest.next()? {
                '"' => return Some(()),
                '$' | '`' => return None,
                '\\' => match self.rest.next()? {
                    '\n' => {}
                    c @ ('$' | '`' | '"' | '\\') => self.push(c),
                    c => {
                        self.push('\\');
                        self.push(c);
                    }
                },
                c => self.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Option<()> {
        match self.rest.next()? {
            '\n' => {}
            c => self.quote().text.push(c),
        }
        Some(())
    }

    /// After `<` or `>` and what belongs to it.
    fn redirected(&mut self) -> Option<()> {
        if self.redirect.is_some() {
            return None;
        }
        if !self.skip('>') {
            self.skip('|');
        }
        self.redirect = Some(if self.skip('&') { Redirect::Descriptor } else { Redirect::File });
        Some(())
    }

    /// The word before `<` or `>`: a number that touches it is the descriptor.
    fn end_descriptor(&mut self) -> Option<()> {
        let number = |word: &Word| word.quoted_from.is_none() && word.text.bytes().all(|byte| byte.is_ascii_digit());
        if self.redirect.is_none() && self.word.as_ref().is_some_and(number) {
            self.word = None;
        }
        self.end_word()
    }

    fn end_word(&mut self) -> Option<()> {
        let Some(word) = self.word.take() else { return Some(()) };
        self.count += 1;
        match self.redirect.take() {
            Some(Redirect::Descriptor)
                if word.text == "-" || word.text.bytes().all(|byte| byte.is_ascii_digit()) && !word.text.is_empty() => {
            }
            Some(_) => self.command.files.push(word.text),
            None if self.command.words.is_empty() => match assigned(&word) {
                Assigned::Surely => self.command.assigned.push(word.text),
                Assigned::Unclear => return None,
                Assigned::Not if is_reserved(&word.text) => return None,
                Assigned::Not => self.command.words.push(word.text),
            },
            None => self.command.words.push(word.text),
        }
        Some(())
    }

    /// `may_be_empty`: nothing may stand before a new line or the end.
    fn end_command(&mut self, may_be_empty: bool) -> Option<()> {
        self.end_word()?;
        let command = std::mem::take(&mut self.command);
        if self.redirect.is_some() || (!may_be_empty && command == Simple::default()) {
            return None;
        }
        if command != Simple::default() {
            self.commands.push(command);
        }
        Some(())
    }

    fn next_is(&mut self, c: char) -> bool {
        self.rest.peek() == Some(&c)
    }

    fn skip(&mut self, c: char) -> bool {
        self.rest.next_if_eq(&c).is_some()
    }
}

enum Assigned {
    Surely,
    Not,
    /// The name is quoted, so that shells differ in what it is.
    Unclear,
}

fn assigned(word: &Word) -> Assigned {
    let Some((name, _)) = word.text.split_once('=') else { return Assigned::Not };
    let name = name.strip_suffix('+').unwrap_or(name);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match word.quoted_from {
        _ if !is_name => Assigned::Not,
        Some(at) if at <= name.len() => Assigned::Unclear,
        _ => Assigned::Surely,
    }
}

/// Whether this word, as a program, makes something else of a line than a list of commands.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Words that make something else of a line than a list of commands.
const RESERVED: &[&str] = &[
    "", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "select", "then",
    "until", "while",
];
