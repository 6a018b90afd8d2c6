//! `holds`: what waits for people, and what a person says to it.

mod emergency;
mod stats;

use std::process::ExitCode;

use model::Fault;
use serde_json::Value;
use trace::{Spelled, members};

pub(super) use self::emergency::sentence as sentence_of_emergency;
use super::login::session;
use super::trace::readable::plain;
use crate::ask::ask;
use crate::cli::{Common, HoldsAction, HoldsArgs};
use crate::operations::Operation;
use crate::terminal::{Ink, Look, out};

/// Runs it.
pub async fn run(common: &Common, args: &HoldsArgs) -> Result<ExitCode, Fault> {
    let operation = match &args.action {
        None | Some(HoldsAction::List) => Operation::Holds,
        Some(HoldsAction::Show { hold }) => Operation::Hold { hold: hold.clone() },
        Some(HoldsAction::Approve { hold, for_task }) => {
            let session = session(common)?.expose().clone();
            Operation::Approve { hold: hold.clone(), session, for_task: *for_task }
        }
        Some(HoldsAction::Revoke { hold }) => Operation::RevokeForTask { hold: hold.clone() },
        Some(HoldsAction::Deny { hold, reason }) => {
            let session = session(common)?.expose().clone();
            Operation::Deny { hold: hold.clone(), session, reason: reason.clone() }
        }
        Some(HoldsAction::Emergency { action }) => return emergency::run(common, action.as_ref()).await,
        Some(HoldsAction::Stats) => return stats::run(common),
        Some(HoldsAction::Cancel { hold }) => Operation::CancelHold { hold: hold.clone() },
    };
    let said = ask(&common.config, operation).await?;
    if common.json {
        out(said);
        return Ok(ExitCode::SUCCESS);
    }
    match (said.get("holds").and_then(Value::as_array), said.get("done").and_then(Value::as_str)) {
        (Some(holds), _) => {
            emergency::alarm(&said);
            list(holds);
            for one in said.get("for_tasks").and_then(Value::as_array).into_iter().flatten() {
                out(format_args!("{}  approved for its task: {}", tail(&text(one, "/hold")), of_task(one)));
            }
        }
        (None, Some(done)) => out(sentence(done, &said)),
        (None, None) => show(&said).into_iter().for_each(out),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(holds: &[Value]) {
    if holds.is_empty() {
        out("nothing waits for a person");
    }
    let look = Look::stdout();
    for hold in holds {
        let tail = tail(&text(hold, "/hold"));
        let state = match text(hold, "/state").as_str() {
            "pending" if text(hold, "/waits_for") == "fact" => look.paint(Ink::Dim, "no fact "),
            "pending" => look.paint(Ink::Yellow, "waits   "),
            other => look.paint(Ink::Green, format!("{other:<8}")),
        };
        out(format_args!(
            "{tail}  {state} {:>7}  {} for {}  {}/{}  {}",
            left(hold),
            name(hold, "agent"),
            name(hold, "human"),
            text(hold, "/app/id"),
            text(hold, "/tool"),
            does_not_run(hold).unwrap_or_else(|| text(hold, "/reasons/0/sentence")),
        ));
    }
}

/// One hold, so that a person can decide: what would happen, for whom, why it waits, with what, who may say yes.
fn show(hold: &Value) -> Vec<String> {
    let mut lines = vec![format!(
        "{} asks for {} to use {} of {} ({})",
        name(hold, "agent"),
        name(hold, "human"),
        text(hold, "/tool"),
        name(hold, "app"),
        text(hold, "/class"),
    )];
    let mut say = |label: &str, what: String| lines.push(format!("  {label:<10} {what}"));
    if let Some(why) = does_not_run(hold) {
        say("but", why);
    }
    for reason in hold.pointer("/reasons").and_then(Value::as_array).into_iter().flatten() {
        let source = text(reason, "/source");
        let source = if source.is_empty() { text(reason, "/rule") } else { source };
        say("because", format!("{} ({source})", text(reason, "/sentence")));
    }
    // A gateway of an older version sends no text, and its arguments all the same: nobody is told that there are none.
    let older = || hold.get("arguments").filter(|arguments| !arguments.is_null()).map(Value::to_string);
    match hold.get("arguments_text").and_then(Value::as_str).map(str::to_owned).or_else(older) {
        Some(arguments) => written(&arguments).iter().for_each(|line| say("with", plain(line))),
        None => say("with", "no arguments".to_owned()),
    }
    if let Some(said) = hold.get("said").and_then(Value::as_str) {
        for line in said.lines() {
            say("it says", format!("“{}” (nobody has verified it)", plain(line)));
        }
    }
    say("task", text(hold, "/task"));
    if hold.get("each_by_itself").and_then(Value::as_bool) == Some(false) {
        say("for-task", format!("{}: what `--for-task` approves for the rest of its task", with(hold)));
    }
    let names = |key: &str| -> Vec<String> {
        let people = hold.get(key).and_then(Value::as_array).into_iter().flatten();
        people.map(|one| text(one.get("by").unwrap_or(one), "/name")).collect()
    };
    let (approved, may) = (names("approvals"), names("eligible"));
    if !approved.is_empty() {
        let needed = hold.get("approvals_needed").and_then(Value::as_u64);
        let of = needed.map(|needed| format!(", {} of {needed}", approved.len())).unwrap_or_default();
        say("approved", format!("by {}{of}", approved.join(", ")));
    }
    say("may", if may.is_empty() { "nobody can approve it as things stand".to_owned() } else { may.join(", ") });
    let overloaded = names("overloaded");
    if !overloaded.is_empty() {
        say("busy", format!("asked too often of late: {}", overloaded.join(", ")));
    }
    say("state", format!("{}, {} left", text(hold, "/state"), left(hold)));
    say("hold", text(hold, "/hold"));
    say("call", text(hold, "/call"));
    lines
}

/// The arguments as they are sent, a member a line; what is nested takes more.
fn written(arguments: &str) -> Vec<String> {
    let Some(members) = members(arguments) else { return vec![arguments.to_owned()] };
    let line = |(name, value): (String, Spelled)| match value {
        Spelled::Text(text) => vec![format!("{name} = \"{text}\"")],
        Spelled::Plain(text) => vec![format!("{name} = {text}")],
        Spelled::Nested(text) => format!("{} = {text}", plain(&name)).lines().map(str::to_owned).collect(),
    };
    members.into_iter().flat_map(line).collect()
}

/// What was done to a hold, in words.
pub(super) fn sentence(done: &str, hold: &Value) -> String {
    let (id, state) = (text(hold, "/hold"), text(hold, "/state"));
    if let Some(made) = hold.get("for_task").filter(|made| made.is_object()) {
        return match done {
            "hold.task_revoked" => format!(
                "taken back, such calls are held again: {}; what was approved by itself stays so (`countersign holds`, \
                 `countersign holds cancel ID`)",
                such_calls(made)
            ),
            _ => format!("{id} is approved, and so are such calls of its task: {}", of_task(made)),
        };
    }
    if let ("hold.approved", Some(why)) = (done, does_not_run(hold)) {
        return format!("{id}: your approval counts; {why}");
    }
    match (done, state.as_str()) {
        ("hold.approved", "pending") => format!("{id}: your approval counts; another person has to approve, too"),
        ("hold.approved", _) if hold.get("clients_waiting").and_then(Value::as_u64) == Some(0) => {
            format!("{id} is approved: it runs when its client asks again, within {}", left(hold))
        }
        ("hold.approved", _) => format!("{id} is approved: it is decided again, and runs once"),
        ("hold.denied", _) => format!("{id} is denied: nothing is executed"),
        ("hold.cancelled", _) => format!("{id} is taken back: nothing is executed"),
        _ => format!("{id}: {done}"),
    }
}

/// Why it does not run whoever says yes, where somebody has left or is suspended.
fn does_not_run(hold: &Value) -> Option<String> {
    Some(format!("it does not run as things stand: {}", hold.get("does_not_run")?.as_str()?))
}

/// What is approved for a task, in words.
fn of_task(made: &Value) -> String {
    format!("{}, for {} more", such_calls(made), left(made))
}

fn such_calls(made: &Value) -> String {
    format!(
        "{} for {} in {}, {}/{} with {}",
        name(made, "agent"),
        name(made, "human"),
        text(made, "/task"),
        text(made, "/app/id"),
        text(made, "/tool"),
        with(made),
    )
}

/// What rules looked at of the arguments, by name.
fn with(of: &Value) -> String {
    let all = of.get("value").and_then(Value::as_array).into_iter().flatten();
    let values: Vec<String> = all.map(|pair| format!("{} = {}", text(pair, "/0"), text(pair, "/1"))).collect();
    if values.is_empty() { "exactly these arguments".to_owned() } else { values.join(", ") }
}

fn tail(id: &str) -> String {
    id.chars().skip(id.chars().count().saturating_sub(TAIL_CHARS)).collect()
}

pub(super) fn name(hold: &Value, of: &str) -> String {
    let name = text(hold, &format!("/{of}/name"));
    if name.is_empty() { text(hold, &format!("/{of}/id")) } else { name }
}

pub(super) fn text(value: &Value, pointer: &str) -> String {
    plain(value.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
}

/// How long is left, in the largest unit that says something.
pub(super) fn left(hold: &Value) -> String {
    let seconds = hold.get("seconds_left").and_then(Value::as_i64).unwrap_or_default();
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

const TAIL_CHARS: usize = 6;

#[cfg(test)]
mod tests;
