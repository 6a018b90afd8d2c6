//! Each app: whether it can be started or reached, and whether its tools wait for a person.

use std::error::Error as _;
use std::sync::Arc;

use model::{Blame, Fault};
use serde_json::Value;

use super::super::trace::readable::plain;
use super::Check;
use crate::ask::ask;
use crate::cli::Common;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::operations::{Operation, offered};
use crate::words::counted;

/// Asks the running gateway, or starts every app once.
pub(super) async fn look(common: &Common, config: Config, runs: bool) -> Vec<Check> {
    if config.apps.is_empty() && !config.apis.is_empty() {
        return vec![Check::good(
            "apps",
            format!("{} with an HTTP API, asked when called", counted(config.apis.len(), "app")),
        )];
    }
    if config.apps.is_empty() {
        let mend = "`countersign init` finds those of your clients";
        return vec![Check::doubtful("apps", "none is configured", mend)];
    }
    let rows = if runs {
        match ask(&common.config, Operation::Tools { app: None, refresh: true, class: None }).await {
            Ok(said) => return of_gateway(&said),
            Err(fault) => return vec![Check::of_fault("apps", &fault)],
        }
    } else {
        let listen = config.listen;
        match Gateway::open(config, listen).await {
            Err(fault) => return vec![Check::of_fault("apps", &fault)],
            Ok(gateway) => {
                let gateway = Arc::new(gateway);
                let rows = gateway.hub.rows(None).await;
                gateway.finish().await;
                rows
            }
        }
    };
    let mut checks = Vec::new();
    for (app, rows) in rows {
        match rows {
            Ok(rows) => checks.extend(of_app(app.as_str(), &offered(&app, &rows, None))),
            Err(fault) => {
                checks
                    .push(Check { said: with_cause(&fault), ..Check::of_fault(format!("app {app}"), &mended(fault)) });
            }
        }
    }
    checks
}

fn of_gateway(said: &Value) -> Vec<Check> {
    let mut checks = Vec::new();
    for app in said.get("apps").and_then(Value::as_array).into_iter().flatten() {
        let name = text(app, "app");
        match app.get("error").and_then(Value::as_str) {
            None => checks.extend(of_app(name, app)),
            Some(error) => {
                let mend = app.get("hint").and_then(Value::as_str);
                let mend = mend.unwrap_or("the gateway's log has its last words");
                checks.push(Check::bad(format!("app {name}"), error.to_owned(), mend.to_owned()));
            }
        }
    }
    checks
}

fn of_app(name: &str, said: &Value) -> Vec<Check> {
    let list = |key: &str| said.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // What is quarantined for what it says has not changed: it waits for a first yes.
    let status = |tool: &Value| match (text(tool, "status"), tool.get("diff").is_some_and(Value::is_string)) {
        ("quarantined", false) => "unreviewed".to_owned(),
        (status, _) => status.to_owned(),
    };
    let mut checks = vec![offers(name, list("tools").iter().map(status))];
    checks.extend(says(name, list("tools"), list("definitions")));
    checks
}

/// Prompts, templates and instructions that have changed, and everything that looks like a known attack. What was reviewed
/// in spite of a finding is in order.
fn says(app: &str, tools: &[Value], definitions: &[Value]) -> Option<Check> {
    let changed = definitions.iter().filter(|one| one.get("diff").is_some_and(Value::is_string));
    let mut said: Vec<String> = changed.map(|one| format!("{} has changed", plain(text(one, "name")))).collect();
    for one in tools.iter().chain(definitions).filter(|one| text(one, "status") != "pinned") {
        let name = one.get("tool").or_else(|| one.get("name")).and_then(Value::as_str).unwrap_or_default();
        let findings = one.get("findings").and_then(Value::as_array).into_iter().flatten();
        said.extend(findings.map(|finding| format!("{}: {}", plain(name), text(finding, "pattern"))));
    }
    if said.is_empty() {
        return None;
    }
    let more = said.len().saturating_sub(SAID_MAX);
    said.truncate(SAID_MAX);
    if more > 0 {
        said.push(format!("and {more} more"));
    }
    let mend =
        format!("`countersign tools {app}` shows what changed or was found, `countersign tools pin {app}` says yes");
    Some(Check::doubtful(format!("app {app}"), said.join("; "), mend))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// How many tools there are, and how many of them wait for a person's yes.
pub(super) fn offers(app: &str, statuses: impl Iterator<Item = String>) -> Check {
    let (mut count, mut changed, mut fresh) = (0u32, 0u32, 0u32);
    for status in statuses {
        count += 1;
        match status.as_str() {
            "pinned" => {}
            "quarantined" => changed += 1,
            _ => fresh += 1,
        }
    }
    let what = format!("app {app}");
    let mend = format!("`countersign tools {app}` shows them, `countersign tools pin {app}` says yes");
    match (count, changed, fresh) {
        (0, _, _) => Check::doubtful(what, "answers, and offers no tool", "ask whoever runs it"),
        (1, 0, 0) => Check::good(what, "answers; 1 tool, pinned"),
        (_, 0, 0) => Check::good(what, format!("answers; {count} tools, all pinned")),
        (_, 0, 1) => Check::doubtful(what, format!("answers; 1 of {count} tools waits for your yes"), mend),
        (_, 0, fresh) => Check::doubtful(what, format!("answers; {fresh} of {count} tools wait for your yes"), mend),
        (_, 1, _) => Check::doubtful(what, format!("answers; 1 of {count} tools has changed"), mend),
        (_, changed, _) => Check::doubtful(what, format!("answers; {changed} of {count} tools have changed"), mend),
    }
}

/// What went wrong with what the program said last: this is the operator's own terminal. Its lines are marked as what it
/// said, so that none passes for a row of ours.
fn with_cause(fault: &Fault) -> String {
    let cause = fault.source().map(ToString::to_string).unwrap_or_default();
    let quoted = cause.lines().map(|line| format!("\n| {}", plain(line)));
    std::iter::once(fault.to_string()).chain(quoted).collect()
}

/// The usual hint leads here.
fn mended(fault: Fault) -> Fault {
    match fault.way_out() {
        Some(hint) if !hint.contains("countersign doctor") => fault,
        _ => Fault::new(Blame::Operator, "operator.app", "it does not answer")
            .hint("correct its `command:` or `url:`, `env:` and `credential:`"),
    }
}

/// Most words about what an app says.
const SAID_MAX: usize = 5;
