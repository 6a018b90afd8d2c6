//! Questions as people write them: `verdict:deny app:crm,mail -agent:helper since:7d`.
//!
//! Every term must hold. A minus turns a term round, commas separate alternatives, quotes keep spaces and commas together.

use std::fmt;

use model::limits::{QUESTION_BYTES_MAX, QUESTION_TERMS_MAX};
use model::{Blame, Fault, UnixMicros};

use crate::moment::{last_moment, moment};
use crate::question::{Field, Query, Term};

/// Why a question cannot be understood, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionError {
    said: Box<str>,
    hint: Option<Box<str>>,
    text: Box<str>,
    /// From which character on, counted from zero.
    start: usize,
    chars: usize,
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
    now: UnixMicros,
}

/// A piece of the question.
#[derive(Clone, Copy)]
struct Piece<'t> {
    text: &'t str,
    /// Where its first byte stands.
    start: usize,
}

impl Query {
    /// Reads a question; `since:7d` counts back from `now`. Nothing asks for everything.
    pub fn parse(text: &str, now: UnixMicros) -> Result<Self, QuestionError> {
        if text.len() > QUESTION_BYTES_MAX {
            let said = format!("the question is longer than {QUESTION_BYTES_MAX} bytes");
            return Err(QuestionError { said: said.into(), hint: None, text: Box::default(), start: 0, chars: 0 });
        }
        let mut reader = Reader { text, rest: text, now };
        // No record says it, and not every store can be asked for it.
        if let Some(start) = text.find('\0') {
            let piece = Piece { text: "\0", start };
            return Err(reader.wrong(piece, "the question holds the character U+0000".to_owned()));
        }
        let mut query = Self::default();
        let mut terms = 0;
        while reader.skip_space() {
            let start = reader.place();
            reader.term(&mut query)?;
            terms += 1;
            if terms > QUESTION_TERMS_MAX {
                let piece = Piece { text: reader.between(start), start };
                return Err(reader.wrong(piece, format!("there are more than {QUESTION_TERMS_MAX} terms")));
            }
        }
        Ok(query)
    }
}

impl<'t> Reader<'t> {
    fn term(&mut self, query: &mut Query) -> Result<(), QuestionError> {
        let begun = self.place();
        let negated = self.take('-');
        let key = self.until(|c| c == ':' || c == '"' || c.is_whitespace());
        if !self.take(':') {
            let word = Piece { text: self.between(begun), start: begun };
            let example = if key.text.is_empty() { "WORD" } else { key.text };
            return Err(self
                .wrong(word, format!("`{}` does not say of what it is the value", word.text))
                .hint(format!("a term is a key, a colon and a value, for example `app:{example}`")));
        }
        match key.text {
            SINCE | UNTIL => self.bound(query, key, negated),
            _ => {
                let field = Field::ALL.into_iter().find(|field| field.as_str() == key.text);
                let Some(field) = field else {
                    let known: Vec<&str> = Field::ALL.into_iter().map(Field::as_str).chain([SINCE, UNTIL]).collect();
                    let said = format!("there is no key `{}`", key.text);
                    return Err(self.wrong(key, said).unknown(key.text, &known));
                };
                let values = self.values(key)?;
                let values = values.into_iter().map(|value| self.checked(field, value)).collect::<Result<_, _>>()?;
                query.terms.push(Term { field, negated, values });
                Ok(())
            }
        }
    }

    fn bound(&mut self, query: &mut Query, key: Piece<'t>, negated: bool) -> Result<(), QuestionError> {
        let values = self.values(key)?;
        let (since, taken) = (key.text == SINCE, if key.text == SINCE { query.since } else { query.until });
        let [(piece, value)] = values.as_slice() else {
            return Err(self.wrong(key, format!("`{}` takes one moment", key.text)));
        };
        if negated {
            let other = if since { UNTIL } else { SINCE };
            return Err(self
                .wrong(key, format!("`{}` cannot be turned round", key.text))
                .hint(format!("write `{other}:`")));
        }
        if taken.is_some() {
            return Err(self.wrong(key, format!("`{}` is there twice", key.text)));
        }
        let at = if since { moment(value, self.now) } else { last_moment(value, self.now) };
        let at = Some(at.map_err(|said| self.wrong(*piece, said))?);
        *(if since { &mut query.since } else { &mut query.until }) = at;
        Ok(())
    }

    fn values(&mut self, key: Piece<'t>) -> Result<Vec<(Piece<'t>, String)>, QuestionError> {
        let mut values = Vec::new();
        loop {
            let value = self.value()?;
            if value.1.is_empty() {
                let colon = Piece { text: self.between(key.start), start: key.start };
                return Err(self
                    .wrong(colon, format!("a value of `{}` is missing", key.text))
                    .hint(format!("write it behind the colon, without a space: `{}:VALUE`", key.text)));
            }
            values.push(value);
            if values.len() > QUESTION_TERMS_MAX {
                return Err(self.wrong(key, format!("there are more than {QUESTION_TERMS_MAX} alternatives")));
            }
            if !self.take(',') {
                return Ok(values);
            }
        }
    }

    fn value(&mut self) -> Result<(Piece<'t>, String), QuestionError> {
        let start = self.place();
        if !self.take('"') {
            let piece = self.until(|c| c == ',' || c.is_whitespace());
            return Ok((piece, piece.text.to_owned()));
        }
        let mut value = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((place, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = self.rest.get(place + 1..).unwrap_or_default();
                    let piece = Piece { text: self.between(start), start };
                    if self.rest.starts_with(|c: char| c != ',' && !c.is_whitespace()) {
                        return Err(self
                            .wrong(piece, "something stands right behind the quotes".to_owned())
                            .hint("put a space between two terms".to_owned()));
                    }
                    return Ok((piece, value));
                }
                '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
                _ => value.push(letter),
            }
        }
        let piece = Piece { text: self.text.get(start..).unwrap_or_default(), start };
        Err(self.wrong(piece, "the quotes are not closed".to_owned()))
    }

    /// A value as records have it. Error: the field takes only certain words, and this is none of them.
    fn checked(&self, field: Field, (piece, value): (Piece<'t>, String)) -> Result<String, QuestionError> {
        if let Some(words) = field.words() {
            return match words.contains(&value.as_str()) {
                true => Ok(value),
                false => {
                    let said = format!("`{}` does not take `{value}`", field.as_str());
                    Err(self.wrong(piece, said).unknown(&value, &words))
                }
            };
        }
        let bare = field == Field::Bundle && value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(if bare { format!("sha256:{value}") } else { value })
    }

    /// Whether there is more.
    fn skip_space(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        !self.rest.is_empty()
    }

    fn take(&mut self, letter: char) -> bool {
        let behind = self.rest.strip_prefix(letter);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> Piece<'t> {
        let start = self.place();
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        Piece { text, start }
    }

    fn place(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn between(&self, start: usize) -> &'t str {
        self.text.get(start..self.place()).unwrap_or_default()
    }

    fn wrong(&self, piece: Piece<'_>, said: String) -> QuestionError {
        let before = self.text.get(..piece.start).unwrap_or_default();
        QuestionError {
            said: said.into(),
            hint: None,
            text: self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            start: before.chars().count(),
            chars: piece.text.chars().count().max(1),
        }
    }
}

// === impl QuestionError ===

impl QuestionError {
    fn hint(mut self, hint: String) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the nearest of the words that could stand there, or all of them.
    fn unknown(self, word: &str, known: &[&str]) -> Self {
        let near = spelling::did_you_mean(word, known.iter().copied());
        self.hint(near.unwrap_or_else(|| format!("there is {}", known.join(", "))))
    }

    /// The way out, where there is one to tell.
    pub fn way_out(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// As a fault of whoever wrote the question.
    pub fn fault(&self, blame: Blame) -> Fault {
        let code = if blame == Blame::Operator { "operator.question" } else { "caller.question" };
        let fault = Fault::new(blame, code, self.to_string());
        match self.way_out() {
            Some(hint) => fault.hint(hint.to_owned()),
            None => fault,
        }
    }

    /// Where it stands, in characters, counted from one.
    pub fn column(&self) -> usize {
        self.start + 1
    }
}

/// What is wrong, and below it the question with a mark under the place.
impl fmt::Display for QuestionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)?;
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, "\n  | {}\n  | {}{}", self.text, " ".repeat(self.start), "^".repeat(self.chars))
    }
}

impl std::error::Error for QuestionError {}

const SINCE: &str = "since";
const UNTIL: &str = "until";

#[cfg(test)]
mod tests;
