//! `policy show` and `check`.

use std::process::ExitCode;

use model::{Blame, Fault};
use serde_json::json;

use crate::cli::{Common, PolicyAction, PolicyArgs};
use crate::clock::environment;
use crate::config::{Config, nearest};
use crate::gateway::{bad_file, compile};
use crate::terminal::{out, say};

/// Prints rules as they are written.
pub fn show(common: &Common, args: &PolicyArgs) -> Result<ExitCode, Fault> {
    let PolicyAction::Show { which } = &args.action;
    let mut files =
        vec![("baseline".to_owned(), policy::baseline().text), ("schema".to_owned(), policy::schema().to_owned())];
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
        let hint = nearest(which.as_deref().unwrap_or_default(), files.iter().map(|(name, _)| name.as_str()));
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

/// Does everything a load does, and changes nothing.
pub fn check(common: &Common) -> Result<ExitCode, Fault> {
    let config = Config::load(&common.config, &environment).map_err(bad_file)?;
    let bundle = compile(&config)?;
    let digest = model::Rules::digest(&bundle);
    if common.json {
        out(json!({
            "ok": true,
            "bundle": digest.to_string(),
            "rules": bundle.rules().len(),
            "people": config.directory.humans.len(),
            "agents": config.directory.agents.len(),
            "apps": config.directory.apps.len(),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    out(format_args!("in order: {} rules, bundle {}", bundle.rules().len(), digest.short()));
    for app in config.directory.apps.values().filter(|app| app.owners.is_empty()) {
        say(format_args!("note: nobody owns app `{}`: its holds have nobody to approve them; add `owners:`", app.id));
    }
    for note in unknown_names(&config) {
        say(format_args!("note: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Names in rules that the configuration does not have: such a rule is right, and never fires.
fn unknown_names(config: &Config) -> Vec<String> {
    let directory = &config.directory;
    let agents: Vec<&str> = directory.agents.keys().map(|id| id.as_str()).collect();
    let people: Vec<&str> = directory.humans.keys().map(|id| id.as_str()).collect();
    let apps: Vec<&str> = directory.apps.keys().map(|id| id.as_str()).collect();
    let kinds =
        [("Agent", "agent", &agents), ("Human", "person", &people), ("App", "app", &apps), ("Tool", "app", &apps)];
    let mut notes = Vec::new();
    for rule in &config.rules {
        for (line, text) in (1..).zip(rule.text.lines()) {
            let code = text.split("//").next().unwrap_or_default();
            for (entity, word, known) in &kinds {
                for rest in code.split(&format!("{entity}::\"")).skip(1) {
                    let name = rest.split(['"', '/']).next().unwrap_or_default();
                    if !known.contains(&name) {
                        let file = &rule.name;
                        let hint = nearest(name, known.iter().copied());
                        notes.push(format!("{file}:{line}: there is no {word} `{name}`, so this never fits ({hint})"));
                    }
                }
            }
        }
    }
    notes
}
