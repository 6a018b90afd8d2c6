//! What changed in a definition since a person saw it, for that person's eyes.
//!
//! Texts of several lines are shown line by line, and characters that a terminal would hide or obey are spelled out: a
//! definition must not be able to hide its own change.

use json::{Document, Kind, Value};
use similar::TextDiff;

/// A line diff of the two definitions, pretty-printed. Empty when they say the same.
pub fn diff(reviewed: &str, now: &[u8]) -> String {
    let (before, after) = (readable(reviewed.as_bytes()), readable(now));
    let diff = TextDiff::from_lines(&before, &after);
    diff.unified_diff().context_radius(3).missing_newline_hint(false).header("as reviewed", "as it is now").to_string()
}

/// Pretty-prints the canonical form, so that order of keys and white space make no difference.
fn readable(bytes: &[u8]) -> String {
    let canonical = json::canonical(bytes).unwrap_or_else(|_| bytes.to_vec());
    let mut out = String::with_capacity(canonical.len() * 2);
    match Document::parse(&canonical) {
        Ok(document) => print(&mut out, document.root(), 0),
        Err(_) => spell_out(&mut out, &String::from_utf8_lossy(bytes), 0),
    }
    out.push('\n');
    out
}

/// Recursion is bounded by the depth a document may have.
fn print(out: &mut String, value: Value<'_, '_>, depth: usize) {
    match value.kind() {
        Kind::Object if !value.is_empty() => {
            out.push('{');
            for (place, (key, member)) in value.entries().enumerate() {
                next_line(out, place > 0, depth + 1);
                spell_out(out, &key, depth + 1);
                out.push_str(": ");
                print(out, member, depth + 1);
            }
            next_line(out, false, depth);
            out.push('}');
        }
        Kind::Array if !value.is_empty() => {
            out.push('[');
            for (place, item) in value.items().enumerate() {
                next_line(out, place > 0, depth + 1);
                print(out, item, depth + 1);
            }
            next_line(out, false, depth);
            out.push(']');
        }
        Kind::String => {
            out.push('"');
            spell_out(out, &value.as_str().unwrap_or_default(), depth + 1);
            out.push('"');
        }
        _ => out.push_str(&String::from_utf8_lossy(value.raw())),
    }
}

fn next_line(out: &mut String, comma: bool, depth: usize) {
    out.push_str(if comma { ",\n" } else { "\n" });
    out.extend(std::iter::repeat_n("  ", depth));
}

fn spell_out(out: &mut String, text: &str, depth: usize) {
    for letter in text.chars() {
        match letter {
            '\n' => {
                out.push_str("\\n");
                next_line(out, false, depth);
            }
            '"' | '\\' => out.extend(['\\', letter]),
            _ if is_hidden(letter) => out.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
}

/// Writes a text on one line, with the characters spelled out that are not seen where they stand.
pub(crate) fn spell_out_hidden(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '\n' | '\t' => out.push(' '),
            _ if is_hidden(letter) => out.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
}

/// In a definition no white space but the space stands where it is not spelled out.
fn is_hidden(letter: char) -> bool {
    model::is_hidden(letter) || (letter.is_whitespace() && letter != ' ')
}

#[cfg(test)]
mod tests;
