//! `contract evidence`: what an auditor is given, read from the trace beside a running gateway.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use contract::{Compiled, InForce, Period};
use model::{Blame, Clock as _, ContractId, Fault};
use store::Reader;
use trace::LogReader as _;

use crate::cli::Common;
use crate::clock::{SystemClock, environment};
use crate::commands::files::result_into;
use crate::commands::trace::trace_of;
use crate::config::{Config, nearest};
use crate::contracts::{CONTRACT_STATE, in_force};
use crate::evidence::{About, Evidence, gather, page};
use crate::gateway::bad_file;
use crate::notary::{origin_of, trust_of};
use crate::terminal::{out, say};
use crate::words::counted;

/// Where it goes.
pub(super) struct Places<'a> {
    /// The page; none: the standard output.
    pub(super) out: Option<&'a Path>,
    /// The receipts, a file each.
    pub(super) receipts: Option<&'a Path>,
}

/// Gathers and writes it.
pub(super) fn run(common: &Common, id: &ContractId, period: &str, places: &Places<'_>) -> Result<ExitCode, Fault> {
    let config = Config::load(&common.config, &environment).map_err(bad_file)?;
    let trace = trace_of(common)?;
    let reader = trace.reader()?;
    let contracts = of_trace(&config, &reader)?;
    let contract = known(&contracts, id)?;
    let period = Period::parse(period, &contract.agreement().term.zone)
        .map_err(|said| Fault::new(Blame::Caller, "caller.period", said))?;
    let now = SystemClock.now();
    let trust = origin_of(&reader)?.map(|origin| trust_of(&trace.keys, &origin)).transpose()?;
    let about = About {
        contract,
        signatures: contracts.signatures(id),
        standing: contracts.standing(id, now).0,
        keys: trust.iter().flat_map(|trust| &trust.log).map(ToString::to_string).collect(),
        now,
    };
    let evidence = gather(&reader, about, period)?;
    write(common, &evidence, places)?;
    Ok(ExitCode::SUCCESS)
}

/// The contracts of a configuration, with what people signed of them by the trace.
pub(super) fn of_trace(config: &Config, reader: &Reader) -> Result<InForce, Fault> {
    in_force(&config.contracts, &reader.state(CONTRACT_STATE).map_err(Fault::from)?)
}

/// A contract that is among them.
pub(super) fn known<'c>(contracts: &'c InForce, id: &ContractId) -> Result<&'c Arc<Compiled>, Fault> {
    contracts.get(id).ok_or_else(|| {
        let hint = nearest(id.as_str(), contracts.all().map(|contract| contract.id().as_str()));
        Fault::new(Blame::Caller, "caller.unknown_contract", format!("there is no contract `{id}`")).hint(hint)
    })
}

fn write(common: &Common, evidence: &Evidence, places: &Places<'_>) -> Result<(), Fault> {
    if let Some(folder) = places.receipts {
        std::fs::create_dir_all(folder).map_err(|error| private_file::unwritable(folder, error))?;
        for proof in &evidence.receipts {
            let file = folder.join(format!("record-{}.receipt", proof.sequence));
            std::fs::write(&file, &proof.text).map_err(|error| private_file::unwritable(&file, error))?;
        }
    }
    let text = if common.json { format!("{}\n", evidence.to_json()) } else { page(evidence) };
    match places.out {
        None => out(text.trim_end()),
        Some(file) => {
            result_into(file, |to| {
                to.write_all(text.as_bytes()).map_err(|error| private_file::unwritable(file, error))
            })?;
            let requests = counted(usize::try_from(evidence.calls).unwrap_or(usize::MAX), "request");
            let receipts = counted(evidence.receipts.len(), "receipt");
            let file = file.display();
            match evidence.receipts.is_empty() {
                true => say(format_args!("{file}: {requests}; no receipt is in it that could be checked")),
                false => {
                    say(format_args!("{file}: {requests}, {receipts}; `countersign trace verify {file}` checks them"))
                }
            }
        }
    }
    if evidence.checkpoint.is_none() {
        say("nobody has signed the trace yet, so nothing in it can be checked: start the gateway once");
    }
    Ok(())
}
