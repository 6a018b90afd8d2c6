//! Changes as people see them: line by line, secrets covered.

use similar::{ChangeTag, TextDiff};

use super::trace::readable::plain;
use crate::terminal::{Ink, Look};

/// The lines that change, with three around them. Every text in `covered` is hidden.
pub fn diff(look: Look, before: &[u8], after: &[u8], covered: &[&str]) -> Vec<String> {
    let (before, after) = (cover(before, covered), cover(after, covered));
    let diff = TextDiff::from_lines(&before, &after);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(3).iter().enumerate() {
        if number > 0 {
            lines.push(look.paint(Ink::Dim, "  …"));
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            // What a client wrote is somebody else's: nothing in it moves the cursor or turns a line around.
            let parts: Vec<String> = change.value().trim_end().split('\t').map(plain).collect();
            let text = parts.join("\t");
            lines.push(match change.tag() {
                ChangeTag::Delete => look.paint(Ink::Red, format_args!("- {text}")),
                ChangeTag::Insert => look.paint(Ink::Green, format_args!("+ {text}")),
                ChangeTag::Equal => look.paint(Ink::Dim, format_args!("  {text}")),
            });
        }
    }
    lines
}

fn cover(bytes: &[u8], covered: &[&str]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    let mut covered: Vec<&str> = covered.iter().copied().filter(|secret| !secret.is_empty()).collect();
    // One secret may be a part of another: the rest of the longer would stay.
    covered.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in covered {
        // As it stands in JSON, where some characters are escaped.
        let written = serde_json::Value::from(secret).to_string();
        text = if secret.chars().count() < SHORT {
            text.replace(&written, &format!("\"{COVER}\""))
        } else {
            text.replace(written.trim_matches('"'), COVER).replace(secret, COVER)
        };
    }
    text
}

const COVER: &str = "••••••";
/// Shorter than this, a secret would cover half of every word.
const SHORT: usize = 4;

#[cfg(test)]
mod tests;
