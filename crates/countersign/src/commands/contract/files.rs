//! What can be said of contract files and documents without a gateway.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use contract::{Compiled, Coverage, Loaded, difference, explain};
use model::{Clock as _, Fault, Standing};
use serde_json::{Value, json};

use super::told;
use crate::cli::Common;
use crate::clock::{SystemClock, environment};
use crate::commands::trace::readable::plain;
use crate::config::{Config, Problem, Problems, read_contract};
use crate::gateway::bad_file;
use crate::terminal::{out, say};

/// Checks files, or the contracts of the configuration. Exit code 2: one of them is refused.
pub(super) fn check(common: &Common, files: &[PathBuf]) -> Result<ExitCode, Fault> {
    if files.is_empty() {
        // Once they are known to fit the rest, they are read again for what is worth knowing of each.
        let config = Config::load(&common.config, &environment).map_err(bad_file)?;
        let beside = common.config.parent().unwrap_or(Path::new(""));
        let of_config = config.contracts.iter().map(|contract| beside.join(&*contract.agreement().file));
        return told_of(common, &of_config.collect::<Vec<_>>());
    }
    told_of(common, files)
}

fn told_of(common: &Common, files: &[PathBuf]) -> Result<ExitCode, Fault> {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match read_contract(file, &file.display().to_string()) {
            Ok(Loaded { contract, notes }) => {
                rows.push(checked(&contract));
                for note in notes {
                    say(format_args!("note: {}", plain(&note.to_string())));
                }
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    tell(common, &rows);
    if problems.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(bad_file(Problems(problems))) }
}

fn tell(common: &Common, rows: &[Value]) {
    if common.json {
        out(json!({ "contracts": rows }));
        return;
    }
    for row in rows {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        out(format_args!("in order: {}, {}, digest {}", text("contract"), text("coverage_in_words"), text("digest")));
    }
}

fn checked(contract: &Compiled) -> Value {
    let coverage = Coverage::of(&contract.register());
    json!({
        "contract": contract.id(),
        "digest": contract.forms().digest,
        "document": contract.agreement().document.sha256,
        "coverage": coverage,
        "coverage_in_words": coverage.to_string(),
    })
}

/// What a version newly permits or forbids. Exit code 1: something.
pub(super) fn diff(common: &Common, old: &Path, new: &Path) -> Result<ExitCode, Fault> {
    let (old, new) = (load(old)?, load(new)?);
    let found = difference(&old.contract, &new.contract);
    let same = found.cells.is_empty() && found.others.is_empty();
    if common.json {
        out(json!(found));
    } else if same {
        out("nothing that the gateway does differs");
    } else {
        told::different(&found).into_iter().for_each(out);
    }
    Ok(ExitCode::from(u8::from(!same)))
}

pub(super) fn show(common: &Common, file: &str, normal: bool) -> Result<ExitCode, Fault> {
    let loaded = load(Path::new(file))?;
    if normal {
        out(told::pretty(&loaded.contract.forms().normal));
        return Ok(ExitCode::SUCCESS);
    }
    let said = of_file(&loaded.contract);
    if common.json {
        out(said);
    } else {
        told::contract(&said).into_iter().for_each(out);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn register(common: &Common, file: &str) -> Result<ExitCode, Fault> {
    let said = of_file(&load(Path::new(file))?.contract);
    if common.json {
        out(said);
    } else {
        told::register(&said).into_iter().for_each(out);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the vendor could do if the file were signed.
pub(super) fn explained(common: &Common, file: &str) -> Result<ExitCode, Fault> {
    let said = of_file(&load(Path::new(file))?.contract);
    if common.json {
        out(said);
    } else {
        told::explained(&said).into_iter().for_each(out);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn load(file: &Path) -> Result<Loaded, Fault> {
    let problems = |wrong: Vec<Problem>| bad_file(Problems(wrong));
    read_contract(file, &file.display().to_string()).map_err(problems)
}

/// A contract file as the gateway would tell of it, unsigned.
fn of_file(contract: &Compiled) -> Value {
    let (agreement, now) = (contract.agreement(), SystemClock.now());
    let coverage = Coverage::of(&contract.register());
    json!({
        "contract": contract.id(),
        "vendor": contract.vendor(),
        "name": agreement.document.name,
        "party": agreement.parties.theirs.name,
        "responsible": agreement.parties.responsible,
        "standing": Standing::Unsigned,
        "signatures_missing": contract::SIGNATURES_NEEDED,
        "from": agreement.term.from,
        "until": agreement.term.until,
        "document": agreement.document.sha256,
        "digest": contract.forms().digest,
        "coverage": coverage,
        "coverage_in_words": coverage.to_string(),
        "register": contract.register(),
        "explained": explain(contract, Standing::Unsigned, now),
        "normal": contract.forms().normal,
    })
}
