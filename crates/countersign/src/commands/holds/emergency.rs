//! `holds emergency`: a time in which calls of one agent need no approval.

use std::process::ExitCode;

use model::Fault;
use serde_json::Value;

use super::{left, name, session, text};
use crate::ask::ask;
use crate::cli::{Common, EmergencyAction};
use crate::operations::Operation;
use crate::terminal::{Ink, Look, out};

/// Runs it.
pub(super) async fn run(common: &Common, action: Option<&EmergencyAction>) -> Result<ExitCode, Fault> {
    let operation = match action {
        None => Operation::Emergencies,
        Some(EmergencyAction::Open { agent, app, reason, lasts }) => Operation::AskEmergency {
            agent: agent.clone(),
            app: app.clone(),
            reason: reason.clone(),
            seconds: lasts.as_secs(),
            session: session(common)?.expose().clone(),
        },
        Some(EmergencyAction::Countersign { emergency }) => {
            Operation::CountersignEmergency { emergency: emergency.clone(), session: session(common)?.expose().clone() }
        }
        Some(EmergencyAction::Close { emergency }) => Operation::CloseEmergency { emergency: emergency.clone() },
    };
    let said = ask(&common.config, operation).await?;
    if common.json {
        out(said);
        return Ok(ExitCode::SUCCESS);
    }
    match (said.get("emergencies").and_then(Value::as_array), text(&said, "/done").as_str()) {
        (Some(all), _) if all.is_empty() => out("there is no emergency"),
        (Some(all), _) => all.iter().flat_map(lines).for_each(out),
        (None, "emergency.asked") => {
            let id = text(&said, "/emergency");
            out(format_args!("{id} is asked for, and lets nothing through yet: {}", about(&said)));
            out(format_args!("another person countersigns it: countersign holds emergency countersign {id}"));
        }
        (None, "emergency.opened") => out(format_args!(
            "{} is open for {}: {} need no approval",
            text(&said, "/emergency"),
            left(&said),
            about(&said)
        )),
        (None, _) => out(format_args!("{} is closed: calls are held again", text(&said, "/emergency"))),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is said before what waits.
pub(super) fn alarm(said: &Value) {
    let all = said.get("emergencies").and_then(Value::as_array).into_iter().flatten();
    all.flat_map(lines).for_each(out);
}

/// One of them, in words.
pub(in crate::commands) fn sentence(emergency: &Value) -> String {
    let people = match emergency.get("countersigned").filter(|signed| !signed.is_null()) {
        Some(_) => format!("{} and {}", name(emergency, "asked"), name(emergency, "countersigned")),
        None => name(emergency, "asked"),
    };
    match text(emergency, "/state").as_str() {
        "open" => format!("{} need no approval, for {} more, say {people}", about(emergency), left(emergency)),
        _ => format!("{people} wants that {} need no approval; another person has to countersign it", about(emergency)),
    }
}

fn lines(emergency: &Value) -> [String; 2] {
    let look = Look::stdout();
    let state = match text(emergency, "/state").as_str() {
        "open" => look.paint(Ink::Red, "open "),
        _ => look.paint(Ink::Yellow, "asked"),
    };
    let id = text(emergency, "/emergency");
    [format!("{id}  {state}  {}", sentence(emergency)), format!("    why: {}", text(emergency, "/reason"))]
}

fn about(emergency: &Value) -> String {
    let app = match emergency.get("app").filter(|app| !app.is_null()) {
        Some(_) => name(emergency, "app"),
        None => "every app".to_owned(),
    };
    format!("calls of {} on {app}", name(emergency, "agent"))
}
