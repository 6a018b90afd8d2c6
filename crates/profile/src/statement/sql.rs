//! Is this text one SQL query that only reads?
//!
//! Not a parser: a reader of tokens with closed lists. It says yes where every word, sign and function in the text is known
//! to change nothing, in PostgreSQL, SQLite and MySQL alike, and no whatever it does not know. What a view, an operator or
//! a default that the database's owner made may do is the owner's, not the caller's; so is how long a query takes.

use crate::words::among;

/// One piece of a statement.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A word without quotes, in small letters.
    Word(String),
    /// A name in double quotes, in small letters.
    Quoted(String),
    /// A text in single quotes, or a number: a value.
    Value,
    /// A sign or an operator.
    Sign(&'static str),
}

/// Whether the text is surely one query that only reads.
pub(super) fn only_reads(text: &str) -> bool {
    let Some(mut tokens) = tokens(text) else { return false };
    if tokens.last() == Some(&Token::Sign(";")) {
        tokens.pop();
    }
    let begins = match tokens.first() {
        Some(Token::Word(word)) => word == "select" || (word == "with" && tokens.iter().any(is_select)),
        _ => false,
    };
    begins && balanced(&tokens) && (0..tokens.len()).all(|at| harmless(&tokens, at))
}

fn is_select(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word == "select")
}

/// Whether the token at this place, after what precedes it and before what follows, is known to change nothing.
fn harmless(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let opens = tokens.get(at + 1) == Some(&Token::Sign("("));
    match tokens.get(at) {
        Some(Token::Word(word)) if opens => {
            let qualified = before == Some(&Token::Sign("."));
            among(KEYWORDS_BEFORE_PARENTHESIS, word) || (!qualified && among(FUNCTIONS, word))
        }
        Some(Token::Word(word)) if before == Some(&Token::Sign("::")) => among(TYPES, word),
        Some(Token::Word(word)) => !among(FORBIDDEN, word) && !of_the_system(word),
        Some(Token::Quoted(name)) => !opens && before != Some(&Token::Sign("::")) && !of_the_system(name),
        Some(Token::Sign(sign)) => *sign != ";",
        Some(Token::Value) => true,
        None => false,
    }
}

/// Tables of the database system itself may hold what opens it, such as hashes of passwords.
fn of_the_system(name: &str) -> bool {
    name.starts_with("pg_") || ["mysql", "performance_schema", "sys"].contains(&name)
}

fn balanced(tokens: &[Token]) -> bool {
    let mut open = 0_u32;
    for token in tokens {
        match token {
            Token::Sign("(") => open += 1,
            Token::Sign(")") => match open.checked_sub(1) {
                Some(left) => open = left,
                None => return false,
            },
            _ => {}
        }
    }
    open == 0
}

/// The tokens, or nothing where something stands that this reader does not know: a comment, a backslash, a parameter.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut touches = false;
    loop {
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        touches &= trimmed.len() == rest.len();
        rest = trimmed;
        let Some(first) = rest.chars().next() else { return Some(tokens) };
        let (token, left) = match first {
            'a'..='z' | 'A'..='Z' | '_' => word(rest)?,
            '0'..='9' => number(rest)?,
            '\'' => (Token::Value, quoted(rest, '\'')?.1),
            '"' => {
                let (name, left) = quoted(rest, '"')?;
                (Token::Quoted(name.to_ascii_lowercase()), left)
            }
            _ => sign(rest)?,
        };
        let joins = !matches!(token, Token::Sign(_));
        // `E'…'`, `U&"…"` and `1x` mean something else than their parts.
        if joins && touches {
            return None;
        }
        touches = joins;
        tokens.push(token);
        rest = left;
    }
}

fn word(text: &str) -> Option<(Token, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (word, left) = text.split_at_checked(end)?;
    Some((Token::Word(word.to_ascii_lowercase()), left))
}

fn number(text: &str) -> Option<(Token, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    Some((Token::Value, text.split_at_checked(end)?.1))
}

/// What stands between two quotes, and what follows. A backslash means different things in different databases: refused.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut content = String::new();
    let mut rest = text.strip_prefix(quote)?;
    loop {
        let end = rest.find([quote, '\\', '\0'])?;
        let (inside, from) = rest.split_at_checked(end)?;
        content.push_str(inside);
        rest = from.strip_prefix(quote)?;
        match rest.strip_prefix(quote) {
            Some(left) => {
                content.push(quote);
                rest = left;
            }
            None => return Some((content, rest)),
        }
    }
}

fn sign(text: &str) -> Option<(Token, &str)> {
    let end = text.find(|c: char| !OPERATOR_CHARACTERS.contains(c)).unwrap_or(text.len());
    let (run, left) = text.split_at_checked(end)?;
    if run.is_empty() {
        let sign = PUNCTUATION.iter().find(|sign| text.starts_with(**sign))?;
        return Some((Token::Sign(sign), text.strip_prefix(sign)?));
    }
    // A run of operator characters is one operator, as databases read it, so that none hides a comment.
    let sign = OPERATORS.iter().find(|sign| **sign == run)?;
    Some((Token::Sign(sign), left))
}

const OPERATOR_CHARACTERS: &str = "+-*/<>=~!@#%^&|`?";

const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "%", "=", "<", ">", "<=", ">=", "<>", "!=", "||", "~", "~*", "!~", "!~*", "->", "->>"];

const PUNCTUATION: &[&str] = &["::", "(", ")", ",", ".", ";"];

/// Words that may stand before a parenthesis and are no function.
const KEYWORDS_BEFORE_PARENTHESIS: &str = "\
    all and any as between by case distinct else except exists filter from having in intersect join like limit \
    materialized not offset on or over select some then union using values when where";

/// Functions that give back something and do nothing else. They are the database's own unless its owner made others of the
/// same name; a function with its schema before it is somebody's own, so it is not looked up here.
const FUNCTIONS: &str = "\
    abs avg ceil ceiling char_length coalesce concat count date date_part date_trunc dense_rank extract first_value \
    floor greatest lag last_value lead least length lower ltrim max min mod now ntile nullif percentile_cont \
    percentile_disc rank replace round row_number rtrim sign split_part stddev strpos substr substring sum to_char \
    trim trunc upper variance";

/// Types a value may be read as.
const TYPES: &str = "\
    bigint boolean date decimal float int integer interval json jsonb numeric real smallint text time timestamp \
    timestamptz uuid varchar";

/// Words that begin or make up something that changes, locks or writes, in any of the databases.
const FORBIDDEN: &str = "\
    alter analyze attach backup begin bulk call checkpoint close cluster comment commit copy create deallocate \
    declare delete detach discard do drop dump dumpfile exec execute explain export fetch flush for function go \
    grant handler import insert install into kill listen load lock merge move nextval notify openquery openrowset \
    optimize outfile pragma prepare procedure purge reassign refresh reindex release rename repair replace reset \
    restore revoke rollback savepoint security set share shutdown start tablesample truncate unlisten unlock update \
    upsert use vacuum xmltable";
