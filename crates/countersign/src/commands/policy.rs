//! `policy show` and `policy export`.

use std::path::Path;
use std::process::ExitCode;

use model::{Blame, Fault, Layer};
use serde_json::json;

use crate::cli::{Common, PolicyAction, PolicyArgs};
use crate::clock::environment;
use crate::config::{Config, nearest};
use crate::gateway::{bad_file, compile};
use crate::packs::Pack;
use crate::terminal::{out, say};
use crate::words::counted;

/// Prints rules as they are written.
pub fn show(common: &Common, args: &PolicyArgs) -> Result<ExitCode, Fault> {
    let which = match &args.action {
        PolicyAction::Show { which } => which,
        PolicyAction::Export { cedar } => return export(common, cedar),
    };
    let mut files =
        vec![("baseline".to_owned(), policy::baseline().text), ("schema".to_owned(), policy::schema().to_owned())];
    if let Some(pack) = which.as_deref().and_then(Pack::named) {
        files.push((pack.name.to_owned(), pack.rules().text));
    }
    let shipped = which.as_deref().is_some_and(|which| files.iter().any(|(name, _)| name == which));
    if !shipped && (which.is_some() || common.config.exists()) {
        let config = Config::load(&common.config, &environment).map_err(bad_file)?;
        files.extend(config.rules.into_iter().map(|rule| (rule.name, rule.text)));
    }
    let chosen: Vec<_> = match which {
        None => files.iter().filter(|(name, _)| name != "schema").collect(),
        Some(which) => files.iter().filter(|(name, _)| name == which).collect(),
    };
    if chosen.is_empty() {
        let mut known: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        for pack in Pack::names() {
            known.push(pack);
        }
        let hint = nearest(which.as_deref().unwrap_or_default(), known.into_iter());
        let said = format!("there are no rules `{}`", which.as_deref().unwrap_or_default());
        return Err(Fault::new(Blame::Operator, "operator.no_rules", said).hint(hint));
    }
    for (name, text) in chosen {
        if common.json {
            out(json!({ "name": name, "text": text }));
        } else {
            out(text.trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the rules as plain Cedar, and the schema they are valid under. The baseline stands apart: it is asked only where
/// no rule of the organisation permits, which one set of policies cannot say.
fn export(common: &Common, folder: &Path) -> Result<ExitCode, Fault> {
    let config = Config::load(&common.config, &environment).map_err(bad_file)?;
    let bundle = compile(&config)?;
    let unwritten = |error: std::io::Error| {
        Fault::new(Blame::Operator, "operator.unwritable", format!("could not write to `{}`", folder.display()))
            .because(error)
    };
    std::fs::create_dir_all(folder).map_err(unwritten)?;
    let files = [
        ("policies.cedar", bundle.cedar(Layer::Organisation)),
        ("baseline.cedar", bundle.cedar(Layer::Baseline)),
        ("schema.cedarschema", policy::schema().to_owned()),
    ];
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::write(&file, text).map_err(unwritten)?;
        if common.json {
            out(json!({ "file": file.display().to_string() }));
        } else {
            out(file.display());
        }
    }
    let in_rego = bundle.in_rego().count();
    if in_rego > 0 {
        say(format_args!("{} in Rego left out: they are no Cedar, and refuse more", counted(in_rego, "rule")));
    }
    Ok(ExitCode::SUCCESS)
}
