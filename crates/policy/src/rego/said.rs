//! What a rule said: messages, and for a hold who may lift it.

use std::collections::BTreeMap;

use model::{RuleInfo, RuleOutcome};
use regorus::Value;

use crate::annotations::{APPROVALS_MAX, names_approver};

/// One rule for each thing that was said, in the order of what was said. Error: it has another shape, in words.
pub(super) fn hits(rule: &RuleInfo, said: &Value) -> Result<Vec<RuleInfo>, String> {
    if *said == Value::Undefined {
        return Ok(Vec::new());
    }
    let Ok(set) = said.as_set() else { return Err("it comes to something else than a set".to_owned()) };
    if set.len() > SAID_MAX {
        return Err(format!("it says more than {SAID_MAX} things, and could say one of them all"));
    }
    set.iter_sorted().map(|element| hit(rule, element)).collect()
}

fn hit(rule: &RuleInfo, element: &Value) -> Result<RuleInfo, String> {
    let mut rule = rule.clone();
    if let Ok(message) = element.as_string() {
        rule.sentence = sentence(message)?;
        return Ok(rule);
    }
    let Ok(object) = element.as_object() else {
        return Err("what it says is neither a message nor an object with one".to_owned());
    };
    let fields: BTreeMap<String, &Value> = object
        .iter()
        .map(|(key, value)| (key.as_string().map(|key| key.to_string()).unwrap_or_default(), value))
        .collect();
    let mut has_message = false;
    for (key, value) in fields {
        match (key.as_str(), rule.outcome) {
            ("msg", _) => {
                rule.sentence =
                    value.as_string().map_err(|_| "its `msg` is no text".to_owned()).and_then(|text| sentence(text))?;
                has_message = true;
            }
            ("instead", _) => {
                let text = value.as_string().map_err(|_| "its `instead` is no text".to_owned())?;
                rule.instead = Some(sentence(text)?);
            }
            // Other readers of the same rules have it.
            ("details", _) => {}
            ("approvers", RuleOutcome::Hold) => rule.approvers = approvers(value)?,
            ("approvals", RuleOutcome::Hold) => {
                rule.approvals = value
                    .as_u8()
                    .ok()
                    .filter(|number| (1..=APPROVALS_MAX).contains(number))
                    .ok_or_else(|| format!("its `approvals` is no number from 1 to {APPROVALS_MAX}"))?;
            }
            (key, _) => return Err(format!("what it says has a field `{}`, which nobody reads", plain(key))),
        }
    }
    if has_message { Ok(rule) } else { Err("what it says has no `msg`".to_owned()) }
}

fn approvers(value: &Value) -> Result<Vec<String>, String> {
    let names: Vec<&Value> = match (value.as_array(), value.as_set()) {
        (Ok(list), _) => list.iter().collect(),
        (_, Ok(set)) => set.iter_sorted().collect(),
        _ => return Err("its `approvers` is no list".to_owned()),
    };
    let name = |name: &Value| {
        let name = name.as_string().map_err(|_| "one of its `approvers` is no text".to_owned())?;
        match names_approver(name) && !name.chars().any(char::is_control) {
            true => Ok(name.to_string()),
            false => Err(format!("nobody can be the approver `{}`", plain(name))),
        }
    };
    match names.len() {
        0 => Err("it names no approvers in `approvers`".to_owned()),
        1..=APPROVERS_MAX => names.into_iter().map(name).collect(),
        _ => Err(format!("it names more than {APPROVERS_MAX} approvers")),
    }
}

/// A message as one line of bounded length, without the full stop.
pub(super) fn sentence(message: &str) -> Result<String, String> {
    let line = plain(message);
    let line = line.trim().trim_end_matches('.');
    if line.is_empty() { Err("its message is empty".to_owned()) } else { Ok(line.to_owned()) }
}

fn plain(text: &str) -> String {
    let mut line: String = text.chars().take(CHARACTERS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        line.push('…');
    }
    line
}

/// Things that one rule can say of one call.
const SAID_MAX: usize = 16;
/// Approvers that one hold names.
const APPROVERS_MAX: usize = 16;
/// Characters of a message. The rest is cut off.
const CHARACTERS_MAX: usize = 300;
