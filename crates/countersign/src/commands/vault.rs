//! `vault`.

use std::process::ExitCode;

use model::limits::SECRET_BYTES_MAX;
use model::{Blame, Fault};
use serde_json::Value;

use crate::ask::ask;
use crate::cli::{Common, VaultAction, VaultArgs};
use crate::gateway::operator;
use crate::operations::Operation;
use crate::terminal::out;
use crate::typed::hidden;

/// Stores, lists and removes secrets. Values go in and never come out.
pub async fn run(common: &Common, args: &VaultArgs) -> Result<ExitCode, Fault> {
    let operation = match &args.action {
        VaultAction::List => Operation::VaultList,
        VaultAction::Rm { name } => Operation::VaultRemove { name: name.clone() },
        VaultAction::Set { name } => Operation::VaultSet { name: name.clone(), value: read_secret(name)? },
    };
    let said = ask(&common.config, operation).await?;
    if common.json {
        out(said);
        return Ok(ExitCode::SUCCESS);
    }
    match said.get("secrets").and_then(Value::as_array) {
        Some(secrets) if secrets.is_empty() => out("the vault is empty: `countersign vault set NAME` fills it"),
        Some(secrets) => {
            for secret in secrets {
                let name = secret.get("name").and_then(Value::as_str).unwrap_or_default();
                out(format_args!(
                    "{name:<32} version {}",
                    secret.get("version").and_then(Value::as_u64).unwrap_or_default()
                ));
            }
        }
        None => {
            let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
            let done = if text("done") == "vault.set" { "stored" } else { "removed" };
            out(format_args!("{done} `{}` (record {})", text("name"), text("record")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The secret from standard input.
fn read_secret(name: &str) -> Result<String, Fault> {
    let said = format!("type the secret `{name}` (it is not shown), then Enter");
    let value = hidden(&said, SECRET_BYTES_MAX)
        .map_err(|error| operator("operator.stdin", "the secret could not be read", error))?;
    if value.is_empty() || value.len() > SECRET_BYTES_MAX {
        let said = format!("a secret has 1 to {SECRET_BYTES_MAX} bytes");
        return Err(Fault::new(Blame::Operator, "operator.secret", said)
            .hint(format!("printf %s \"$SECRET\" | countersign vault set {name}")));
    }
    Ok(value)
}
