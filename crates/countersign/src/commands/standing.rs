//! `people`, `agents`, `stop`, `start`: who may act. Every change is in force for the very next call.

use std::process::ExitCode;

use model::{AppId, Blame, Fault};
use serde_json::Value;

use super::trace::readable::plain;
use crate::ask::ask;
use crate::cli::{AgentsAction, AgentsArgs, Common, PeopleAction, PeopleArgs, SwitchArgs};
use crate::operations::Operation;
use crate::terminal::{Ink, Look, out};

/// People.
pub async fn people(common: &Common, args: &PeopleArgs) -> Result<ExitCode, Fault> {
    let operation = match &args.action {
        None | Some(PeopleAction::List) => return list(common, Operation::People, "people").await,
        Some(PeopleAction::Offboard { human }) => Operation::Offboard { human: human.clone() },
        Some(PeopleAction::Restore { human }) => Operation::Restore { human: human.clone() },
    };
    change(common, operation).await
}

/// Agents.
pub async fn agents(common: &Common, args: &AgentsArgs) -> Result<ExitCode, Fault> {
    let operation = match &args.action {
        None | Some(AgentsAction::List) => return list(common, Operation::Agents, "agents").await,
        Some(AgentsAction::Suspend { agent }) => Operation::Suspend { agent: agent.clone() },
        Some(AgentsAction::Resume { agent }) => Operation::Resume { agent: agent.clone() },
    };
    change(common, operation).await
}

/// The kill switch, pulled.
pub async fn stop(common: &Common, args: &SwitchArgs) -> Result<ExitCode, Fault> {
    change(common, Operation::Stop { app: app_or_all(&args.what)? }).await
}

/// The kill switch, released.
pub async fn start(common: &Common, args: &SwitchArgs) -> Result<ExitCode, Fault> {
    change(common, Operation::Start { app: app_or_all(&args.what)? }).await
}

fn app_or_all(what: &str) -> Result<Option<AppId>, Fault> {
    if what == "all" {
        return Ok(None);
    }
    AppId::parse(what).map(Some).map_err(|error| {
        Fault::new(Blame::Operator, "operator.no_app", error.to_string()).hint("name an app, or `all`")
    })
}

async fn change(common: &Common, operation: Operation) -> Result<ExitCode, Fault> {
    let said = ask(&common.config, operation).await?;
    if common.json {
        out(said);
        return Ok(ExitCode::SUCCESS);
    }
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
    let also: Vec<&str> =
        said.get("also").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let but = said.get("but").and_then(Value::as_str);
    out(format_args!("{} (record {})", done(text("done"), text("subject"), but), text("record")));
    if !also.is_empty() {
        out(format_args!(
            "so it is with {}, who {} the same person",
            also.join(", "),
            if also.len() == 1 { "is" } else { "are" }
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What holds now, for people. `but`: what keeps it from running all the same.
fn done(what: &str, subject: &str, but: Option<&str>) -> String {
    let id = subject.split_once(':').map_or(subject, |(_, id)| id);
    if let Some(but) = but {
        return match what {
            "people.restore" => format!("{id} has not left any more, but nothing runs for {id} yet: {but}"),
            "agents.resume" => format!("{id} is suspended no more, but it does nothing yet: {but}"),
            _ => format!("{id} is stopped no more, but no call of it runs yet: {but}"),
        };
    }
    match (what, id) {
        ("people.offboard", _) => format!("{id} has left: nothing runs for {id} from the next call on"),
        ("people.restore", _) => format!("{id} is back: work for {id} runs from the next call on"),
        ("agents.suspend", _) => format!("{id} is suspended: it does nothing from the next call on"),
        ("agents.resume", _) => format!("{id} acts again from the next call on"),
        ("apps.stop", "all") => "everything is stopped: no call runs from now on".to_owned(),
        ("apps.start", "all") => "everything runs again, but for apps that were stopped one by one".to_owned(),
        ("apps.stop", _) => format!("{id} is stopped: no call of it runs from now on"),
        ("apps.start", _) => format!("{id} runs again from the next call on"),
        _ => format!("{what} {subject}: in force from the next call on"),
    }
}

async fn list(common: &Common, operation: Operation, key: &str) -> Result<ExitCode, Fault> {
    let said = ask(&common.config, operation).await?;
    if common.json {
        out(said);
        return Ok(ExitCode::SUCCESS);
    }
    let look = Look::stdout();
    let all: Vec<&Value> = said.get(key).and_then(Value::as_array).into_iter().flatten().collect();
    if all.is_empty() {
        out(format_args!("no {key} yet: add them under `{key}:` in {}", common.config.display()));
    }
    for one in all {
        let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default();
        let active = one.get("active").and_then(Value::as_bool).unwrap_or_default();
        let standing = if active { look.paint(Ink::Green, "active  ") } else { look.paint(Ink::Red, "inactive") };
        let about: Vec<&str> = ["owner", "role", "department", "seniority"]
            .into_iter()
            .map(text)
            .filter(|word| !word.is_empty())
            .collect();
        let (name, about) = (plain(text("name")), plain(&about.join(", ")));
        out(format_args!("{:<24} {standing}  {name:<24} {about}", text("id")));
    }
    Ok(ExitCode::SUCCESS)
}
