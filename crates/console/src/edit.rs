//! What a call would change in a text: what is there and what would be there instead, line by line.
//!
//! Tools that edit say both (`oldText` and `newText`, `old_str` and `new_str`, `old_string` and `new_string`, at the top or in a list of edits).
//! It is what the arguments say: whether the old text is really there, the tool finds out.

use serde_json::Value;

use crate::html::{Html, html};

/// Every edit in these arguments, JSON; none where nothing is edited.
pub(crate) fn edits(raw: &str) -> Option<Html> {
    let value: Value = serde_json::from_str(raw).ok()?;
    let mut found = Vec::new();
    collect(&value, 0, &mut found);
    if found.is_empty() {
        return None;
    }
    let rest = found.len().saturating_sub(EDITS_MAX);
    let shown: Html = found.iter().take(EDITS_MAX).map(|(old, new)| one(old, new)).collect();
    let more = (rest > 0).then(|| html!("<p class=\"quiet\">{} more edits stand below.</p>", rest));
    Some(html!("{}{}", shown, more))
}

fn collect<'v>(value: &'v Value, depth: usize, found: &mut Vec<(&'v str, &'v str)>) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(members) => {
            for (old, new) in PAIRS {
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                found.extend(text(old).zip(text(new)));
            }
            members.values().for_each(|member| collect(member, depth + 1, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, depth + 1, found)),
        _ => {}
    }
}

/// Lines that both have at the beginning and at the end stay, those between them go and come.
fn one(old: &str, new: &str) -> Html {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let before = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let rest = old.len().min(new.len()) - before;
    let after = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
    let kept = |lines: &[&str]| -> Html { lines.iter().map(|line| html!("<span>  {}\n</span>", *line)).collect() };
    let gone = old.get(before..old.len() - after).unwrap_or_default();
    let come = new.get(before..new.len() - after).unwrap_or_default();
    let shown_before = old.get(before.saturating_sub(AROUND)..before).unwrap_or_default();
    let tail = old.len() - after;
    let shown_after = old.get(tail..(tail + AROUND).min(old.len())).unwrap_or_default();
    let some = |lines: &[&str], mark: &dyn Fn(&str) -> Html| -> Html {
        let left_out = lines.len().saturating_sub(LINES_MAX);
        let shown: Html = lines.iter().take(LINES_MAX).map(|line| mark(line)).collect();
        let more = (left_out > 0).then(|| html!("<span>… {} more lines\n</span>", left_out));
        html!("{}{}", shown, more)
    };
    html!(
        "<pre class=\"edit\" tabindex=\"0\" aria-label=\"What would change\">{}{}{}{}</pre>",
        kept(shown_before),
        some(gone, &|line| html!("<del>− {}\n</del>", line)),
        some(come, &|line| html!("<ins>+ {}\n</ins>", line)),
        kept(shown_after)
    )
}

/// How tools that edit call what is there and what would be there instead.
const PAIRS: [(&str, &str); 6] = [
    ("oldText", "newText"),
    ("old_text", "new_text"),
    ("old_str", "new_str"),
    ("old_string", "new_string"),
    ("oldString", "newString"),
    ("old_content", "new_content"),
];
const EDITS_MAX: usize = 20;
const LINES_MAX: usize = 200;
/// Lines shown on either side of what changes.
const AROUND: usize = 3;
const DEPTH_MAX: usize = 8;

#[cfg(test)]
mod tests;
