//! Each app: whether it can be started or reached, and whether its tools wait for a person.

use std::error::Error as _;
use std::sync::Arc;

use model::{Blame, Fault};
use serde_json::Value;

use super::Check;
use crate::ask::ask;
use crate::cli::Common;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::operations::Operation;

/// Asks the running gateway, or starts every app once.
pub(super) async fn look(common: &Common, config: Config, runs: bool) -> Vec<Check> {
    if config.apps.is_empty() {
        let mend = "`countersign init` finds those of your clients";
        return vec![Check::doubtful("apps", "none is configured", mend)];
    }
    let rows = if runs {
        match ask(&common.config, Operation::Tools { app: None, refresh: true }).await {
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
                gateway.hub.stop().await;
                gateway.engine.close();
                rows
            }
        }
    };
    rows.into_iter()
        .map(|(app, rows)| match rows {
            Ok(rows) => {
                offers(app.as_str(), rows.tools.iter().map(|row| status_of(&serde_json::json!(row.facts.status))))
            }
            Err(fault) => Check { said: with_cause(&fault), ..Check::of_fault(format!("app {app}"), &mended(fault)) },
        })
        .collect()
}

fn of_gateway(said: &Value) -> Vec<Check> {
    let text = |app: &Value, key: &str| app.get(key).and_then(Value::as_str).map(str::to_owned);
    said.get("apps")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|app| {
            let name = text(app, "app").unwrap_or_default();
            match text(app, "error") {
                None => {
                    let tools = app.get("tools").and_then(Value::as_array).into_iter().flatten();
                    offers(&name, tools.map(|tool| text(tool, "status").unwrap_or_default()))
                }
                Some(error) => {
                    let mend = text(app, "hint").unwrap_or_else(|| "the gateway's log has its last words".to_owned());
                    Check::bad(format!("app {name}"), error, mend)
                }
            }
        })
        .collect()
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

/// What went wrong with what the program said last: this is the operator's own terminal.
fn with_cause(fault: &Fault) -> String {
    match fault.source().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        Some(cause) => format!(
            "{fault}\n{}",
            cause.chars().map(|c| if c == '\n' || !c.is_control() { c } else { '?' }).collect::<String>()
        ),
        None => fault.to_string(),
    }
}

/// The usual hint leads here.
fn mended(fault: Fault) -> Fault {
    match fault.way_out() {
        Some(hint) if !hint.contains("countersign doctor") => fault,
        _ => Fault::new(Blame::Operator, "operator.app", "it does not answer")
            .hint("correct its `command:` or `url:`, `env:` and `credential:`"),
    }
}

fn status_of(status: &Value) -> String {
    status.as_str().unwrap_or_default().to_owned()
}
