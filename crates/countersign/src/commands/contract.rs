//! `contract`: agreements with vendors, from the document to the signature.

mod draft;
mod evidence;
mod files;
mod simulate;
mod suggest;
mod told;

use std::process::ExitCode;

use model::{Blame, ClauseNumber, ContractId, Digest, Fault};
use serde_json::Value;

use super::init::agreed;
use super::login::session;
use crate::ask::ask;
use crate::cli::{Common, ContractAction, ContractArgs};
use crate::operations::Operation;
use crate::terminal::{out, say};

/// What needs no gateway.
pub fn without_gateway(common: &Common, args: &ContractArgs) -> Option<Result<ExitCode, Fault>> {
    match args.action.as_ref()? {
        ContractAction::Check { files } => Some(files::check(common, files)),
        ContractAction::Diff { old, new } => Some(files::diff(common, old, new)),
        ContractAction::Draft(args) if args.model.is_none() => Some(draft::run(common, args)),
        ContractAction::Evidence { contract, period, out, receipts } => {
            let places = evidence::Places { out: out.as_deref(), receipts: receipts.as_deref() };
            Some(evidence::run(common, contract, period, &places))
        }
        ContractAction::Simulate { new, since, limit } => Some(simulate::run(common, new, since, *limit)),
        ContractAction::Show { contract, normal } if is_file(contract) => Some(files::show(common, contract, *normal)),
        ContractAction::Register { contract } if is_file(contract) => Some(files::register(common, contract)),
        ContractAction::Explain { contract } if is_file(contract) => Some(files::explained(common, contract)),
        _ => None,
    }
}

/// Runs the rest.
pub async fn run(common: &Common, args: &ContractArgs) -> Result<ExitCode, Fault> {
    let show = |contract: &str| -> Result<Operation, Fault> { Ok(Operation::Contract { contract: id(contract)? }) };
    let (operation, tell): (Operation, fn(&Value) -> Vec<String>) = match &args.action {
        None | Some(ContractAction::Status) => (Operation::Contracts, told::status),
        Some(ContractAction::Show { contract, normal: false }) => (show(contract)?, told::contract),
        Some(ContractAction::Show { contract, normal: true }) => (show(contract)?, told::normal),
        Some(ContractAction::Register { contract }) => (show(contract)?, told::register),
        Some(ContractAction::Explain { contract }) => (show(contract)?, told::explained),
        Some(ContractAction::Draft(args)) => {
            return match &args.model {
                Some(url) => draft::run_with_model(common, args, url).await,
                None => draft::run(common, args),
            };
        }
        Some(ContractAction::Audit { contract: Some(contract), done: Some(clause), not_kept, note }) => {
            return looked_at(common, contract, clause, !not_kept, note.clone()).await;
        }
        Some(ContractAction::Audit { contract, .. }) => return audit(common, contract.clone()).await,
        Some(ContractAction::Sign { contract, digest }) => return sign(common, contract, *digest).await,
        Some(ContractAction::Suspend { contract, reason }) => {
            (Operation::SuspendContract { contract: contract.clone(), reason: reason.clone() }, told::done)
        }
        Some(ContractAction::Resume { contract }) => {
            (Operation::ResumeContract { contract: contract.clone() }, told::done)
        }
        Some(ContractAction::Terminate { contract, reason, yes }) => {
            if !agreed(*yes, &format!("End `{contract}` for good? It cannot begin again."))? {
                say("nothing was changed");
                return Ok(ExitCode::from(1));
            }
            (Operation::TerminateContract { contract: contract.clone(), reason: reason.clone() }, told::done)
        }
        // Those were answered without a gateway.
        Some(
            ContractAction::Check { .. }
            | ContractAction::Diff { .. }
            | ContractAction::Evidence { .. }
            | ContractAction::Simulate { .. },
        ) => return Ok(ExitCode::SUCCESS),
    };
    let said = ask(&common.config, operation).await?;
    if common.json {
        out(said);
    } else {
        tell(&said).into_iter().for_each(out);
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks now what is checked afterwards. Exit code 1: something speaks against a clause.
async fn audit(common: &Common, contract: Option<ContractId>) -> Result<ExitCode, Fault> {
    let said = ask(&common.config, Operation::AuditContracts { contract }).await?;
    if common.json {
        out(&said);
    } else {
        told::audited(&said).into_iter().for_each(out);
    }
    let all = said.get("audited").and_then(Value::as_array).into_iter().flatten();
    let broken = all.filter_map(|one| one.get("held")).any(|held| held.as_bool() == Some(false));
    Ok(ExitCode::from(u8::from(broken)))
}

/// Says as the person who is signed in how a clause was kept. Exit code 1: it was not.
async fn looked_at(
    common: &Common,
    contract: &ContractId,
    clause: &ClauseNumber,
    kept: bool,
    note: Option<String>,
) -> Result<ExitCode, Fault> {
    let session = session(common)?.expose().clone();
    let operation =
        Operation::LookedAtClause { contract: contract.clone(), clause: clause.clone(), kept, note, session };
    let said = ask(&common.config, operation).await?;
    if common.json {
        out(&said);
    } else {
        told::looked_at(&said).into_iter().for_each(out);
    }
    Ok(ExitCode::from(u8::from(!kept)))
}

/// Shows what would be signed; signs it where its digest was given.
async fn sign(common: &Common, contract: &ContractId, digest: Option<Digest>) -> Result<ExitCode, Fault> {
    let Some(digest) = digest else {
        let said = ask(&common.config, Operation::Contract { contract: contract.clone() }).await?;
        if common.json {
            out(&said);
        } else {
            told::to_sign(&said).into_iter().for_each(out);
        }
        let digest = said.get("digest").and_then(Value::as_str).unwrap_or_default();
        say(format_args!("nothing is signed yet: `countersign contract sign {contract} --digest {digest}` signs this"));
        return Ok(ExitCode::from(1));
    };
    let session = session(common)?.expose().clone();
    let said = ask(&common.config, Operation::SignContract { contract: contract.clone(), digest, session }).await?;
    if common.json {
        out(said);
    } else {
        told::done(&said).into_iter().for_each(out);
    }
    Ok(ExitCode::SUCCESS)
}

fn id(text: &str) -> Result<ContractId, Fault> {
    ContractId::parse(text).map_err(|error| {
        let fault = Fault::new(Blame::Operator, "operator.no_contract", error.to_string());
        fault.hint("name a contract, or a file that ends in `.yaml`")
    })
}

fn is_file(text: &str) -> bool {
    text.ends_with(".yaml") || text.ends_with(".yml")
}
