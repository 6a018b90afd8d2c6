//! `countersign vendors`: keys of third parties under contract.

use std::process::ExitCode;

use model::Fault;
use serde_json::Value;

use super::trace::readable::plain;
use crate::ask::ask;
use crate::cli::{Common, KeysAction, VendorsAction, VendorsArgs};
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

fn told(said: &Value) {
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
    format!("{}  {}  under {}{purpose}  {stands}", text("id"), text("vendor"), text("contract"))
}
