//! `apps import`: an app's OpenAPI document → a mapping, with questions to whoever knows the app.

use std::path::Path;
use std::process::ExitCode;

use model::limits::OPENAPI_BYTES_MAX;
use model::{AppId, Blame, Fault};
use openapi::{Document, Proposal, propose};
use serde_json::json;

use super::files::Changes;
use super::trace::readable::plain;
use crate::cli::{AppsAction, AppsArgs, Common};
use crate::terminal::{out, say};
use crate::words::counted;

/// Runs the command.
pub fn run(common: &Common, args: &AppsArgs) -> Result<ExitCode, Fault> {
    let AppsAction::Import { document, app } = &args.action;
    let proposal = propose(&read(document)?);
    let file = match app {
        Some(app) => Some(write(common, app, &proposal)?),
        None => None,
    };
    if common.json {
        out(json!({
            "file": file,
            "operations": proposal.mapping.operations.len(),
            "entities": proposal.mapping.entities.len(),
            "questions": proposal.questions,
            "left_out": proposal.left_out,
            "mapping": proposal.to_yaml(),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    match &file {
        Some(file) => out(file),
        None => out(proposal.to_yaml().trim_end()),
    }
    summary(&proposal, app.as_ref().zip(file.as_deref()));
    Ok(ExitCode::SUCCESS)
}

fn read(document: &Path) -> Result<Document, Fault> {
    let unreadable = |error: std::io::Error| {
        Fault::new(Blame::Operator, "operator.unreadable", format!("could not read `{}`", document.display()))
            .because(error)
    };
    // A file that says it is too long is not read first.
    if std::fs::metadata(document).map_err(unreadable)?.len() > OPENAPI_BYTES_MAX {
        let said = format!("`{}` is larger than {OPENAPI_BYTES_MAX} bytes", document.display());
        return Err(
            Fault::new(Blame::Operator, "operator.too_large", said).hint("take the one that is not dereferenced")
        );
    }
    let bytes = std::fs::read(document).map_err(unreadable)?;
    Document::read(&bytes).map_err(|error| {
        let fault = Fault::new(Blame::Operator, "operator.openapi", format!("{}:{error}", document.display()));
        match error.hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    })
}

/// Makes the file. One that is there was looked at by somebody, and stays.
fn write(common: &Common, app: &AppId, proposal: &Proposal) -> Result<String, Fault> {
    let folder = common.config.parent().unwrap_or(Path::new("")).join("apps");
    std::fs::create_dir_all(&folder).map_err(|error| {
        Fault::new(Blame::Operator, "operator.unwritable", format!("could not make `{}`", folder.display()))
            .because(error)
    })?;
    let file = folder.join(format!("{app}.api.yaml"));
    if file.exists() {
        let said = format!("`{}` is there already", file.display());
        let hint = "print the proposal without `--app`, and compare; or move the file away";
        return Err(Fault::new(Blame::Operator, "operator.file_exists", said).hint(hint));
    }
    Changes::default().create(&file, proposal.to_yaml().as_bytes(), 0o644)?;
    Ok(file.display().to_string())
}

/// What was found, and what a person is asked first.
fn summary(proposal: &Proposal, written: Option<(&AppId, &str)>) {
    let mapping = &proposal.mapping;
    let operations = counted(mapping.operations.len(), "operation");
    let entities = counted(mapping.entities.len(), "kind");
    let questions = counted(proposal.open(), "question");
    say(format_args!("{operations} on {entities} of records; {questions}, marked `# ?`"));
    let mut shown = 0;
    for (place, asked) in proposal.questions.iter().filter(|(place, _)| place.ends_with(".tenant")).take(SHOWN_MAX) {
        say(format_args!("  {}", plain(&format!("{place}: {}", asked.join("; ")))));
        shown += 1;
    }
    if !proposal.left_out.is_empty() {
        let left_out = counted(proposal.left_out.len(), "path");
        let first: Vec<String> = proposal.left_out.iter().map(|path| plain(path)).take(SHOWN_MAX).collect();
        say(format_args!("  {left_out} not understood, and left out: {}", first.join(", ")));
    }
    let others = proposal.questions.len().saturating_sub(shown);
    if others > 0 {
        say(format_args!("  and more about {}, beside what they are about", counted(others, "place")));
    }
    if let Some((app, file)) = written {
        say(format_args!("answer them in the file; then, in the configuration: `apps: {{{app}: {{api: {file}, …}}}}`"));
    }
}

/// Questions and paths that are shown.
const SHOWN_MAX: usize = 10;
