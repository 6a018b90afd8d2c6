//! `contract draft`: a contract file of a document, to be completed.

use std::path::Path;
use std::process::ExitCode;

use contract::draft::{Draft, Extracted, Suggested, draft, draft_extracted, in_yaml};
use contract::sha256;
use model::{Blame, Fault};
use serde_json::{Value, json};

use super::suggest::{self, Advice};
use crate::cli::{Common, DraftArgs};
use crate::commands::trace::readable::plain;
use crate::documents::{Format, bytes_of, format_of, text_of_pdf};
use crate::terminal::{out, say};

/// What the document alone says.
pub(super) fn run(common: &Common, args: &DraftArgs) -> Result<ExitCode, Fault> {
    let draft = of_file(&args.document)?;
    tell(common, &args.document, &draft, None);
    Ok(ExitCode::SUCCESS)
}

/// With what a model suggests beside it. Exit code 1: it could not be asked about all of it.
pub(super) async fn run_with_model(common: &Common, args: &DraftArgs, url: &http::Uri) -> Result<ExitCode, Fault> {
    let draft = of_file(&args.document)?;
    let advice = suggest::ask(&draft, args, url).await?;
    tell(common, &args.document, &draft, Some(&advice));
    Ok(ExitCode::from(u8::from(advice.failed.is_some())))
}

fn of_file(document: &Path) -> Result<Draft, Fault> {
    let wrong = |said: String| Fault::new(Blame::Operator, "operator.document", said);
    let bytes = bytes_of(document).map_err(|why| wrong(format!("`{}`: {why}", document.display())))?;
    let format = if bytes.starts_with(RICH_TEXT) { Format::Unknown } else { format_of(document) };
    match format {
        Format::Unknown => {
            let said = format!("`{}` is in a format whose clauses cannot be told apart", document.display());
            Err(wrong(said).hint("save it as a Word document (`.docx`), as text (`.md`, `.txt`) or as PDF"))
        }
        Format::Text => {
            let text = String::from_utf8(bytes).map_err(|error| {
                let hint = "name a Word document `.docx` and a PDF `.pdf`, or save it as text in UTF-8";
                wrong(format!("`{}` is not text", document.display())).hint(hint).because(error)
            })?;
            draft(&text).map_err(wrong)
        }
        Format::Word => {
            let read = docx::read(&bytes).map_err(|error| {
                let said = format!("`{}` cannot be read as a Word document: {error}", document.display());
                wrong(said).hint(error.hint())
            })?;
            let extracted = Extracted {
                text: &read.text,
                sha256: sha256(&bytes),
                title: read.title.as_deref(),
                numbered: Some(&read.numbered),
                doubts: read.notes.clone(),
                repeatable: true,
            };
            draft_extracted(extracted).map_err(wrong)
        }
        Format::Pdf => {
            let text = text_of_pdf(document)?;
            // Another version of `pdftotext` may lay it out in another way, so no place is written down.
            let extracted = Extracted {
                text: &text,
                sha256: sha256(&bytes),
                title: None,
                numbered: None,
                doubts: Vec::new(),
                repeatable: false,
            };
            draft_extracted(extracted).map_err(wrong)
        }
    }
}

fn tell(common: &Common, document: &Path, draft: &Draft, advice: Option<&Advice>) {
    if common.json {
        out(in_json(draft, advice));
    } else {
        let name = document.file_name().and_then(|name| name.to_str()).unwrap_or("document");
        let suggested: Option<&Suggested> = advice.map(|advice| &advice.suggested);
        out(in_yaml(draft, name, suggested).trim_end());
    }
    for doubt in &draft.doubts {
        say(format_args!("note: {}", plain(doubt)));
    }
    let doubtful = draft.clauses.iter().filter(|clause| !clause.proposal.doubts.is_empty()).count();
    say(format_args!("{} clauses, {doubtful} of them doubtful; nothing of it is in force", draft.clauses.len()));
    match format_of(document) {
        Format::Text | Format::Unknown => {}
        Format::Word => {
            say("offsets count in the text as it was taken out of the file; the digest is that of the file")
        }
        Format::Pdf => {
            say("quotations are what `pdftotext` gave, and are not compared again; the digest is that of the file")
        }
    }
}

fn in_json(draft: &Draft, advice: Option<&Advice>) -> Value {
    let clauses = draft.clauses.iter().map(|clause| {
        json!({
            "clause": clause.number, "at": draft.repeatable.then_some(clause.at), "text": clause.quotation,
            "proposed": clause.proposal.kind, "cue": clause.proposal.cue, "doubts": clause.proposal.doubts,
        })
    });
    let clauses: Vec<Value> = clauses.collect();
    let mut said = json!({ "title": draft.title, "sha256": draft.sha256, "doubts": draft.doubts, "clauses": clauses });
    // Apart from what was found without it: whoever reads only `clauses` reads nothing of a model.
    if let (Some(advice), Some(said)) = (advice, said.as_object_mut()) {
        said.insert("model".to_owned(), advice.to_json());
    }
    said
}

/// What a document in RTF begins with, whatever its name says.
const RICH_TEXT: &[u8] = b"{\\rtf";
