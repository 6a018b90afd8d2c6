//! What must not be read over somebody's shoulder where a client's configuration is shown: the secrets of servers that stay as they
//! are, too, and what else the client keeps in the file.

use json::{Document, Kind, Value};

use super::jsonc::blank;
use super::secrets::{known_form, looks_secret, secret_arguments, secret_in_address};

/// Every text in a client's file that looks like a secret, as it means and as it is written.
pub fn secrets_in(file: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let strict = blank(file);
    if let Ok(document) = Document::parse(&strict) {
        within(document.root(), "", &mut found);
    }
    // In comments, and in files that cannot be read, by their form alone.
    let text = String::from_utf8_lossy(file);
    let pieces = text.split(|letter: char| letter.is_whitespace() || "\"'`,=()[]{}<>".contains(letter));
    found.extend(pieces.filter(|piece| known_form(piece)).map(str::to_owned));
    found.sort_unstable();
    found.dedup();
    found
}

/// `name`: under which key the value stands. Recursion is bounded by the depth a document may have.
fn within(value: Value<'_, '_>, name: &str, found: &mut Vec<String>) {
    match value.kind() {
        Kind::Object => value.entries().for_each(|(key, member)| within(member, &key, found)),
        Kind::Array => {
            let items: Vec<Value<'_, '_>> = value.items().collect();
            let words: Vec<String> = items.iter().map(|item| item.as_str().unwrap_or_default().into_owned()).collect();
            for (place, secret) in secret_arguments(&words).map(|found| (found.place, found.secret)) {
                found.push(secret.to_owned());
                if let Some(item) = items.get(place) {
                    found.extend(written(*item).filter(|_| words.get(place).is_some_and(|word| word == secret)));
                }
            }
            items.into_iter().for_each(|item| within(item, name, found));
        }
        Kind::String => {
            let text = value.as_str().unwrap_or_default();
            let credential = name.eq_ignore_ascii_case("authorization") && !text.trim().is_empty();
            if credential || looks_secret(name, &text) || secret_in_address(&text).is_some() {
                found.extend(written(value));
                found.push(text.into_owned());
            }
        }
        _ => {}
    }
}

/// A text as it is written, without its quotes: a letter may be written as `\u002d`.
fn written(value: Value<'_, '_>) -> Option<String> {
    let raw = std::str::from_utf8(value.raw()).ok()?;
    Some(raw.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests;
