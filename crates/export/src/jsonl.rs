//! JSON Lines: a record a line, with the leaf byte for byte and all that opens its commitments.

use serde_json::Value;

use crate::item::Item;

/// One record as one line, without the line's end. `body` is what `trace query --json` shows, spelt as it was committed to;
/// with `salt` it opens the commitments of the leaf.
pub fn json_line(item: &Item) -> String {
    let mut value = item.entry.to_json();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("body");
        // It has a line of its own, which can be checked.
        fields.remove("outcome");
        fields.insert("leaf".to_owned(), item.entry.leaf.clone().into());
        if item.security_relevant() {
            fields.insert("security_relevant".to_owned(), Value::Bool(true));
        }
    }
    let mut line = value.to_string();
    if let Some(shown) = item.entry.shown() {
        line.pop();
        line.push_str(&format!(",\"salt\":{},\"body\":{}}}", Value::from(shown.salt), shown.text));
    }
    line
}

#[cfg(test)]
mod tests;
