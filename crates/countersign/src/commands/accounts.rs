//! `accounts`: who may sign in.

use std::process::ExitCode;

use model::Fault;
use serde_json::Value;

use super::trace::readable::plain;
use crate::ask::ask;
use crate::cli::{AccountsAction, AccountsArgs, Common};
use crate::operations::Operation;
use crate::terminal::{Ink, Look, out, say};

/// Lists accounts, invites people, closes accounts.
pub async fn run(common: &Common, args: &AccountsArgs) -> Result<ExitCode, Fault> {
    let operation = match &args.action {
        None | Some(AccountsAction::List) => Operation::Accounts,
        Some(AccountsAction::Invite { human }) => Operation::Invite { human: human.clone() },
        Some(AccountsAction::Close { human }) => Operation::CloseAccount { human: human.clone() },
    };
    let said = ask(&common.config, operation).await?;
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
    if common.json {
        out(&said);
    } else if text("done") == "accounts.close" {
        out(format_args!("the account of {} is closed, with all its sessions", text("human")));
    } else if text("code").is_empty() {
        list(&said);
    } else {
        invited(&said);
    }
    Ok(ExitCode::SUCCESS)
}

/// The code to standard output, alone, as a link where there are pages; what to do with it beside it.
fn invited(said: &Value) {
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
    let (human, code) = (text("human"), text("code"));
    if said.get("resets").and_then(Value::as_bool).unwrap_or_default() {
        let warning = Look::stderr().paint(Ink::Yellow, "warning:");
        say(format_args!("{warning} {human} has an account: who has this code takes it over, and the trace says so"));
    }
    match said.get("url").and_then(Value::as_str) {
        Some(url) => {
            out(url);
            say(format_args!("good once, for an hour: {human} chooses a password there"));
        }
        None => {
            out(code);
            say(format_args!(
                "good once, for an hour: {human} chooses a password with `countersign login --code CODE`"
            ));
        }
    }
}

fn list(said: &Value) {
    let accounts: Vec<&Value> = said.get("accounts").and_then(Value::as_array).into_iter().flatten().collect();
    if accounts.is_empty() {
        out("nobody has an account yet: `countersign accounts invite PERSON` makes one");
    }
    for account in accounts {
        let text = |key: &str| plain(account.get(key).and_then(Value::as_str).unwrap_or_default());
        let sessions = account.get("sessions").and_then(Value::as_u64).unwrap_or_default();
        let open = match sessions {
            0 => "signed out".to_owned(),
            1 => "1 session".to_owned(),
            more => format!("{more} sessions"),
        };
        let since = text("since");
        let day = since.split_once('T').map_or(since.as_ref(), |(day, _)| day);
        out(format_args!("{:<24} {open:<12}  password of {day}, invited by {}", text("human"), text("invited_by")));
    }
}
