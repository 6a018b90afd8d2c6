//! JSON for people and programs, with every number as it is written.
//!
//! Most readers of JSON turn numbers into doubles: `1000000000000000000001` becomes another number and `1e999` none at all. What is sent on
//! has the digits that were written, so those are what people see.

use json::{Document, Kind, write_string};
use serde_json::Value;

/// A value in an object, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spelled {
    /// The text of a string.
    Text(String),
    /// An object or an array, a line for each value.
    Nested(String),
    /// Anything else, as it is written.
    Plain(String),
}

/// The value, or its text where some reader would see another number than the one that is written, or none.
pub fn value_or_text(text: &str) -> Value {
    let exact = Document::parse(text.as_bytes()).is_ok_and(|document| is_exact(document.root()));
    let value = if exact { serde_json::from_str(text).ok() } else { None };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The members of an object in the order they are written. None: it is no object.
pub fn members(text: &str) -> Option<Vec<(String, Spelled)>> {
    let document = Document::parse(text.as_bytes()).ok()?;
    let root = document.root();
    (root.kind() == Kind::Object)
        .then(|| root.entries().map(|(name, value)| (name.into_owned(), spelled(value))).collect())
}

fn spelled(value: json::Value<'_, '_>) -> Spelled {
    if let Some(text) = value.as_str() {
        return Spelled::Text(text.into_owned());
    }
    let mut out = Vec::new();
    write(&mut out, value, 0);
    let text = String::from_utf8_lossy(&out).into_owned();
    match value.kind() {
        Kind::Object | Kind::Array => Spelled::Nested(text),
        _ => Spelled::Plain(text),
    }
}

/// One value a line, members and items two spaces further in. No document is deeper than `JSON_DEPTH_MAX`.
fn write(out: &mut Vec<u8>, value: json::Value<'_, '_>, depth: usize) {
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', depth * 2));
    };
    let (open, close) = if value.kind() == Kind::Array { (b'[', b']') } else { (b'{', b'}') };
    match (value.kind(), value.as_str()) {
        (_, Some(text)) => write_string(out, &text),
        (Kind::Object | Kind::Array, _) if !value.is_empty() => {
            out.push(open);
            let members = value.entries().map(|(name, member)| (Some(name), member));
            for (at, (name, inner)) in members.chain(value.items().map(|item| (None, item))).enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                line(out, depth + 1);
                if let Some(name) = name {
                    write_string(out, &name);
                    out.extend_from_slice(b": ");
                }
                write(out, inner, depth + 1);
            }
            line(out, depth);
            out.push(close);
        }
        _ => out.extend_from_slice(value.raw()),
    }
}

/// Whether every number in it is the same to all readers.
fn is_exact(value: json::Value<'_, '_>) -> bool {
    match value.kind() {
        Kind::Number => is_exact_number(value.raw()),
        _ => value.entries().map(|(_, member)| member).chain(value.items()).all(is_exact),
    }
}

/// A double keeps whole numbers up to a bound, and fifteen digits of any number that is neither too large for it nor too small.
fn is_exact_number(written: &[u8]) -> bool {
    let Ok(written) = std::str::from_utf8(written) else { return false };
    if let Ok(whole) = written.parse::<i64>() {
        return whole.unsigned_abs() <= EXACT_WHOLE_MAX;
    }
    let Ok(double) = written.parse::<f64>() else { return false };
    let digits = written.split(['e', 'E']).next().unwrap_or_default();
    let digits = digits.trim_matches(|c: char| !c.is_ascii_digit() || c == '0');
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    count == 0 || (count <= EXACT_DIGITS && double.is_normal())
}

const EXACT_DIGITS: usize = 15;
const EXACT_WHOLE_MAX: u64 = 1 << 53;

#[cfg(test)]
mod tests;
