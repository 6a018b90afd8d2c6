//! `trace verify`: whether the trace, or a receipt of it, is what was signed.

use std::path::Path;
use std::process::ExitCode;

use model::{Blame, Fault};
use store::SqliteReader;
use tlog::{Hash, Receipt, Trust, VerifierKey};
use trace::{Audit, Known, LogReader, audit, audit_range};

use super::file_of;
use crate::cli::{Common, VerifyArgs};
use crate::clock::environment;
use crate::config::Config;
use crate::gateway::files;
use crate::notary::{kept_elsewhere, origin_of, trust_of};
use crate::terminal::{out, progress, say};

/// Checks the trace, or one receipt. The exit code is 1 where something is wrong.
pub fn run(common: &Common, args: &VerifyArgs) -> Result<ExitCode, Fault> {
    match &args.receipt {
        Some(file) => of_receipt(common, args, file),
        None => of_trace(common, args),
    }
}

fn of_trace(common: &Common, args: &VerifyArgs) -> Result<ExitCode, Fault> {
    let file = file_of(common)?;
    let reader = SqliteReader::open(&file).map_err(Fault::from)?;
    let Some(origin) = origin_of(&reader)? else {
        return Err(Fault::new(Blame::Operator, "trace.unsigned", "nobody has signed this trace yet")
            .hint("start the gateway once: it signs what is there"));
    };
    let trust = trust(args, &origin, &file.with_file_name(files::TRACE_KEYS))?;
    let copy = Config::load(&common.config, &environment).ok().map(|config| config.checkpoint_copy);
    let elsewhere = copy.map(|copy| kept_elsewhere(&copy, &trust)).transpose()?.flatten();
    let known = Known { trust, elsewhere: elsewhere.into_iter().collect() };
    let last = reader.last_sequence().map_err(Fault::from)?;
    let audited = if args.from.is_some() || args.to.is_some() {
        let (from, to) = (args.from.unwrap_or(1).max(1), args.to.unwrap_or(last));
        if from > to || to > last {
            let said = format!("there are records 1 to {last}, and {from} to {to} was asked for");
            return Err(Fault::new(Blame::Caller, "caller.range", said));
        }
        audit_range(&reader, &known, from..=to)
    } else {
        let audited = audit(&reader, &known, |records| progress(Some(&format!("{records} of {last} records"))));
        progress(None);
        audited
    };
    let audited = audited.map_err(Fault::from)?;
    report(common, &origin, &audited);
    Ok(if audited.bad.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(common: &Common, origin: &str, audit: &Audit) {
    let signed = audit.signed.map(|tree| serde_json::json!({ "size": tree.size, "root": tree.root.to_string() }));
    if common.json {
        out(serde_json::json!({
            "origin": origin,
            "right": audit.bad.is_none(),
            "records": audit.records,
            "erased": audit.erased,
            "unsigned": audit.unsigned,
            "checkpoints": audit.checkpoints,
            "signed": signed,
            "bad": audit.bad.as_ref().map(|bad| serde_json::json!({ "sequence": bad.sequence, "what": bad.what })),
        }));
        return;
    }
    match &audit.bad {
        Some(bad) => out(format!("record {}: {}", bad.sequence, bad.what)),
        None => out(format!("{} records are what was written", audit.records)),
    }
    if let Some(tree) = audit.signed {
        out(format!("signed up to record {} by {origin}, root {}", tree.size, tree.root));
    }
    if audit.erased > 0 {
        out(format!("{} of them are without their text, which was erased", audit.erased));
    }
    if audit.unsigned > 0 {
        out(format!("{} at the end are not signed yet", audit.unsigned));
    }
}

fn of_receipt(common: &Common, args: &VerifyArgs, file: &Path) -> Result<ExitCode, Fault> {
    let text = std::fs::read_to_string(file).map_err(|error| private_file::unreadable(file, error))?;
    let wrong = |what: String| {
        Fault::new(Blame::Caller, "trace.receipt", format!("`{}` proves nothing: {what}", file.display()))
            .hint("a receipt is right as it was written or not at all: ask for it again")
    };
    let receipt: Receipt = text.parse().map_err(|error: tlog::ReceiptError| wrong(error.to_string()))?;
    let Some(leaf) = receipt.extra() else { return Err(wrong("the record itself is not in it".to_owned())) };
    let origin = receipt.checkpoint().danger_unverified().origin().to_owned();
    let trust = match args.key.is_empty() {
        false => trust(args, &origin, Path::new(""))?,
        true => {
            let folder = file_of(common)?.with_file_name(files::TRACE_KEYS);
            let trust = trust_of(&folder, &origin)?;
            if trust.log.is_empty() {
                return Err(Fault::new(Blame::Caller, "caller.no_key", "there is no key to check it with")
                    .hint("name the one that the owner of the gateway gave you: `--key origin+id+key`"));
            }
            trust
        }
    };
    let checked = receipt.verify(Hash::of_leaf(leaf), &trust);
    let (checkpoint, _) = checked.map_err(|error| wrong(error.to_string()))?;
    let leaf: serde_json::Value = serde_json::from_slice(leaf).map_err(|error| wrong(error.to_string()))?;
    let (sequence, tree) = (receipt.index() + 1, checkpoint.tree());
    if common.json {
        out(serde_json::json!({
            "right": true, "origin": origin, "sequence": sequence, "size": tree.size, "record": leaf,
        }));
    } else {
        say(format_args!("record {sequence} of {origin}, signed with {} others:", tree.size - 1));
        out(serde_json::to_string_pretty(&leaf).unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}

fn trust(args: &VerifyArgs, origin: &str, folder: &Path) -> Result<Trust, Fault> {
    if args.key.is_empty() {
        say(
            "checked with the keys beside the trace: whoever could change both would not be noticed; `--key` takes yours",
        );
        return trust_of(folder, origin);
    }
    let mut log: Vec<VerifierKey> = Vec::new();
    for given in &args.key {
        let lines = match given.parse::<VerifierKey>() {
            Ok(key) => {
                log.push(key);
                continue;
            }
            Err(error) => std::fs::read_to_string(given).map_err(|_| {
                Fault::new(
                    Blame::Caller,
                    "caller.key",
                    format!("`{given}` is neither a public key nor a file of them: {error}"),
                )
                .hint("`countersign trace keys` of the gateway shows them")
            })?,
        };
        for line in lines.lines().filter(|line| !line.is_empty()) {
            log.push(line.parse().map_err(|error| {
                Fault::new(
                    Blame::Caller,
                    "caller.key",
                    format!("`{given}` holds a line that is no public key: {error}"),
                )
            })?);
        }
    }
    Ok(Trust { origin: origin.to_owned(), log, witnesses: Vec::new() })
}
