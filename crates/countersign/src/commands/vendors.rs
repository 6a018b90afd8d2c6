//! `countersign vendors`: keys of third parties under contract.

use std::process::ExitCode;

use model::{Blame, ContractId, Fault, VendorId};
use serde_json::Value;

use super::trace::readable::plain;
use crate::ask::ask;
use crate::cli::{Common, KeysAction, RegisterArgs, VendorsAction, VendorsArgs};
use crate::operations::Operation;
use crate::terminal::{out, say};

/// Issues, lists, rotates and revokes keys.
pub async fn run(common: &Common, args: &VendorsArgs) -> Result<ExitCode, Fault> {
    let VendorsAction::Keys { action } = &args.action;
    let operation = match action {
        None | Some(KeysAction::List) => Operation::VendorKeys,
        Some(KeysAction::Issue { vendor, contract, purpose, ttl }) => Operation::IssueVendorKey {
            vendor: vendor.clone(),
            contract: contract.clone(),
            purpose: purpose.clone(),
            seconds: ttl.map(|ttl| ttl.as_secs()),
        },
        Some(KeysAction::AddCertificate(args)) => {
            let (vendor, contract, purpose, seconds, pem) = registered(args)?;
            Operation::RegisterVendorCertificate { vendor, contract, purpose, seconds, pem }
        }
        Some(KeysAction::AddPublicKey(args)) => {
            let (vendor, contract, purpose, seconds, text) = registered(args)?;
            Operation::RegisterVendorPublicKey { vendor, contract, purpose, seconds, text }
        }
        Some(KeysAction::Rotate { key, overlap }) => {
            Operation::RotateVendorKey { key: key.clone(), seconds: overlap.as_secs() }
        }
        Some(KeysAction::Revoke { key }) => Operation::RevokeVendorKey { key: key.clone() },
    };
    let said = ask(&common.config, operation).await?;
    if common.json {
        out(said);
        return Ok(ExitCode::SUCCESS);
    }
    match said.get("keys").and_then(Value::as_array) {
        Some(keys) if keys.is_empty() => {
            out("no vendor has a key: `countersign vendors keys issue VENDOR --contract CONTRACT` makes one");
        }
        Some(keys) => keys.iter().for_each(|key| out(line(key))),
        None => told(&said),
    }
    Ok(ExitCode::SUCCESS)
}

type Read = (VendorId, ContractId, Option<String>, Option<u64>, String);

fn registered(args: &RegisterArgs) -> Result<Read, Fault> {
    let file = args.file.display();
    let about = std::fs::metadata(&args.file);
    let text = match about {
        Ok(about) if about.len() > REGISTERED_BYTES_MAX => Err(std::io::Error::other("it is too long")),
        Ok(_) => std::fs::read_to_string(&args.file),
        Err(error) => Err(error),
    };
    let text = text.map_err(|error| {
        Fault::new(Blame::Operator, "operator.file", format!("`{file}` cannot be read: {error}")).because(error)
    })?;
    let seconds = args.ttl.map(|ttl| ttl.as_secs());
    Ok((args.vendor.clone(), args.contract.clone(), args.purpose.clone(), seconds, text))
}

fn told(said: &Value) {
    if let Some(registered) = said.get("registered") {
        out(format_args!("registered {}", line(registered)));
        if registered.get("kind").and_then(Value::as_str) == Some("public key") {
            let endpoint = said.get("token_endpoint").and_then(Value::as_str).unwrap_or_default();
            let id = registered.get("id").and_then(Value::as_str).unwrap_or_default();
            say(format_args!("the vendor's `client_id` is `{id}`; it gets tokens at {}", plain(endpoint)));
        }
        return;
    }
    if let Some(revoked) = said.get("revoked") {
        out(format_args!("revoked {}", line(revoked)));
        return;
    }
    say(format_args!("issued {}", said.get("issued").map(line).unwrap_or_default()));
    if let Some(old) = said.get("old") {
        say(format_args!("instead of {}", line(old)));
    }
    say("it is shown this once; give it to the vendor, who sends it as `Authorization: Bearer KEY`");
    out(said.get("key").and_then(Value::as_str).unwrap_or_default());
}

fn line(key: &Value) -> String {
    let text = |name: &str| plain(key.get(name).and_then(Value::as_str).unwrap_or_default()).to_string();
    let stands = match (key.get("good").and_then(Value::as_bool), key.get("revoked_at").and_then(Value::as_str)) {
        (_, Some(at)) => format!("revoked {at}"),
        (Some(true), None) => match key.get("ends_at").and_then(Value::as_str) {
            Some(end) => format!("good until {end}"),
            None => "good until it is revoked".to_owned(),
        },
        _ => "ended".to_owned(),
    };
    let purpose = text("purpose");
    let purpose = if purpose.is_empty() { purpose } else { format!(" for {purpose}") };
    let kind = text("kind");
    format!("{}  {kind}  {}  under {}{purpose}  {stands}", text("id"), text("vendor"), text("contract"))
}

const REGISTERED_BYTES_MAX: u64 = 64 << 10;
