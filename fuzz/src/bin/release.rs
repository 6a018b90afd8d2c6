//! Any plan over any answer, cut anywhere: what gets out is the same however it is cut, is JSON, and holds nothing excluded.
//!
//! An input is how to cut (one byte), a plan (a line each: `$` rows, `+` field, `-` removed, `~` replaced, `?` condition
//! `path=value`, `@` around), an empty line, and the answer.

#![no_main]

use std::sync::Arc;

use json::release::{Condition, Fields, Form, How, Outside, Removal, Tell, Total};
use json::{Document, Filter, Release, ReleasePlan};
use libfuzzer_sys::fuzz_target;
use model::Scalar;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, rest)) = bytes.split_first() else { return };
    let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") else { return };
    let Ok(text) = std::str::from_utf8(&rest[..end]) else { return };
    let answer = &rest[end + 2..];
    let plan = plan(text);
    let Ok(release) = Release::compile(&plan) else { return };
    let form = [Form::Json, Form::Lines, Form::Csv][usize::from(cut % 3)];
    let whole = applied(&release, form, answer, answer.len().max(1));
    let pieces = applied(&release, form, answer, usize::from(cut / 3 % 40) + 1);
    assert_eq!(whole.is_some(), pieces.is_some(), "how it is cut decides whether it is let out");
    let (Some(whole), Some(pieces)) = (whole, pieces) else { return };
    assert_eq!(whole.escape_ascii().to_string(), pieces.escape_ascii().to_string());
    if form != Form::Json {
        return;
    }
    assert!(Document::parse(answer).is_ok(), "what is no document is let out");
    let out = Document::parse(&whole).expect("what is let out is a document");
    drop(out);
    let Ok(shown) = serde_json::from_slice::<Value>(&whole) else { return };
    for removal in plan
        .removed
        .iter()
        .filter(|removal| removal.path.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.'))
    {
        if let ("$", false) = (plan.rows.as_str(), removal.path.contains("..")) {
            let names: Vec<&str> = removal.path.split('.').collect();
            assert!(!holds(&shown, &names), "{removal:?} is in {shown}");
        }
    }
    if plan.each.is_empty() && plan.totals.is_empty() {
        let twice = applied(&release, form, &whole, 7).expect("what was let out is let out again");
        assert_eq!(twice.escape_ascii().to_string(), whole.escape_ascii().to_string());
    }
});

fn applied(release: &Release, form: Form, answer: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut filter = Filter::new(release, form);
    let mut out = Vec::new();
    for chunk in answer.chunks(size) {
        let before = out.len();
        if filter.push(chunk, &mut out).is_err() {
            assert_eq!(out.len(), before);
            return None;
        }
    }
    filter.finish(&mut out).ok()?;
    Some(out)
}

fn plan(text: &str) -> ReleasePlan {
    let mut plan = ReleasePlan::every("$");
    let mut fields = Vec::new();
    for line in text.lines() {
        let mut letters = line.chars();
        let (kind, path) = (letters.next(), letters.as_str().to_owned());
        let clause: Arc<str> = "1".into();
        match kind {
            Some('$') => plan.rows = line.to_owned(),
            Some('+') => fields.push(path),
            Some('-') => plan.removed.push(Removal { path, how: How::Remove, clause }),
            Some('~') => plan.removed.push(Removal { path, how: How::Replace("gone".to_owned()), clause }),
            Some('@') => plan.around.push(path),
            Some('#') => plan.totals.push(Total { path, tell: Tell::Count }),
            Some('?') => {
                let (path, value) = path.split_once('=').unwrap_or((&path, "x"));
                let one_of = vec![Scalar::Text(value.into())];
                plan.each.push(Condition { path: path.to_owned(), one_of, clause });
                plan.outside = Outside::Drop;
            }
            _ => {}
        }
    }
    if !fields.is_empty() {
        plan.fields = Fields::Only(fields);
    }
    plan
}

/// Whether something stands at these names that is not what replaces it.
fn holds(value: &Value, names: &[&str]) -> bool {
    match (value, names) {
        (Value::Array(items), _) => items.iter().any(|item| holds(item, names)),
        (value, []) => value != "gone",
        (Value::Object(members), [name, rest @ ..]) => members.get(*name).is_some_and(|member| match member {
            Value::Array(items) if rest.is_empty() && items.is_empty() => true,
            member => holds(member, rest),
        }),
        _ => false,
    }
}
