//! `login`, `logout`, `whoami`: a person at a terminal.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use model::limits::{PASSWORD_BYTES_MAX, SESSION_TOKEN_BYTES_MAX};
use model::{Blame, Fault, Secret};
use private_file::{Draft, Openness};
use serde_json::Value;

use super::place::Place;
use super::trace::readable::plain;
use crate::ask::ask;
use crate::cli::{Common, LoginArgs};
use crate::gateway::{files, operator};
use crate::operations::Operation;
use crate::terminal::{out, say};
use crate::typed::hidden;

/// Signs a person in, and keeps the session where only the operating-system user can read it.
pub async fn login(common: &Common, args: &LoginArgs) -> Result<ExitCode, Fault> {
    let operation = match (&args.human, &args.code, &args.from_page) {
        (_, _, Some(code)) => Operation::SignInWithCode { code: code.clone() },
        (_, Some(code), _) => Operation::ChoosePassword { code: code.clone(), password: chosen(args)? },
        (Some(human), ..) => {
            let said = format!("type the password of {human} (it is not shown), then Enter");
            Operation::SignIn { name: human.clone(), password: typed(&said)? }
        }
        (None, ..) => {
            return Err(Fault::new(Blame::Caller, "people.who", "nobody is named")
                .hint("`countersign login PERSON`, with the id that `countersign people` shows"));
        }
    };
    let mut said = ask(&common.config, operation).await?;
    let session = said.as_object_mut().and_then(|said| said.remove("session"));
    let session = Secret::new(session.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned());
    let file = session_file(common);
    Draft::new(&file)?.replace(session.expose().as_bytes())?;
    if common.json {
        out(said);
    } else {
        say(format_args!("signed in: {}; `countersign logout` ends it", who(&said)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends the session.
pub async fn logout(common: &Common) -> Result<ExitCode, Fault> {
    let file = session_file(common);
    if let Some(session) = session_there(common)? {
        ask(&common.config, Operation::SignOut { session: session.expose().clone() }).await?;
        std::fs::remove_file(&file)
            .map_err(|error| operator("operator.session", "the session's file could not be removed", error))?;
    }
    say("nobody is signed in here any more");
    Ok(ExitCode::SUCCESS)
}

/// Says who is signed in. Exit code 1: nobody.
pub async fn whoami(common: &Common) -> Result<ExitCode, Fault> {
    let Some(session) = session_there(common)? else {
        say("nobody is signed in here: `countersign login PERSON`");
        return Ok(ExitCode::from(1));
    };
    let said = match ask(&common.config, Operation::WhoAmI { session: session.expose().clone() }).await {
        Ok(said) => said,
        Err(fault) => {
            crate::terminal::complain(&fault);
            return Ok(ExitCode::from(1));
        }
    };
    if common.json {
        out(said)
    } else {
        out(who(&said))
    }
    Ok(ExitCode::SUCCESS)
}

/// The session of who is signed in here, for operations that take one. Error: nobody is.
pub fn session(common: &Common) -> Result<Secret<String>, Fault> {
    session_there(common)?.ok_or_else(|| {
        Fault::new(Blame::Caller, "people.signed_out", "nobody is signed in here").hint("`countersign login PERSON`")
    })
}

fn session_there(common: &Common) -> Result<Option<Secret<String>>, Fault> {
    let file = session_file(common);
    let Some((open, about)) = private_file::open(&file, Openness::Owner, SESSION_TOKEN_BYTES_MAX as u64)? else {
        return Ok(None);
    };
    let content = private_file::content(&file, open, &about)?;
    Ok(std::str::from_utf8(content.expose()).ok().map(|text| Secret::new(text.to_owned())))
}

fn session_file(common: &Common) -> PathBuf {
    Place::of(&common.config, &Place::here()).data.join(files::LOGIN)
}

fn typed(said: &str) -> Result<String, Fault> {
    hidden(said, PASSWORD_BYTES_MAX)
        .map_err(|error| operator("operator.stdin", "the password could not be read", error))
}

/// A new password: typed twice, as nobody sees it; piped once.
fn chosen(args: &LoginArgs) -> Result<String, Fault> {
    let first = typed("type the password you choose, 12 characters or more (it is not shown), then Enter")?;
    let twice = !args.password_stdin && std::io::stdin().is_terminal();
    if twice && first != typed("type it again, then Enter")? {
        return Err(Fault::new(Blame::Caller, "people.password", "the two are not the same").hint("try again"));
    }
    Ok(first)
}

fn who(said: &Value) -> String {
    let text = |key: &str| plain(said.get(key).and_then(Value::as_str).unwrap_or_default());
    let role = text("role");
    let role = if role.is_empty() { role } else { format!(", {role}") };
    let how = match text("how").as_ref() {
        "oidc" => "the identity provider".to_owned(),
        other => format!("a {other}"),
    };
    format!("{} ({}{role}), with {how} since {}", text("name"), text("human"), text("since"))
}
