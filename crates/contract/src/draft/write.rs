//! A draft as a contract file to be completed. Every `# ?` is a question to whoever completes it, and every value that nobody has
//! decided is `"?"`, which no contract loads with.

use std::fmt::Write as _;

use crate::agreement::Head;
use crate::draft::suggest::unbroken;
use crate::draft::{Clause, Draft, Suggested};

/// The draft as YAML. `file`: the document's name, as the contract shall find it. What a model suggested stands beside each clause
/// as a comment, and changes no value.
pub fn in_yaml(draft: &Draft, file: &str, suggested: Option<&Suggested>) -> String {
    let mut out = String::new();
    let title = draft.title.as_deref().unwrap_or("?");
    let numbers: Vec<String> = draft.clauses.iter().map(|clause| format!("\"{}\"", clause.number)).collect();
    let _ = write!(
        out,
        "# Proposed by `countersign contract draft`. Nothing of it is in force before it is complete and two people have signed it.\n\
         # Each `# ?` asks something. Until all of it is decided, this file lies outside of what `contracts:` in the configuration names.\n"
    );
    for doubt in &draft.doubts {
        let _ = writeln!(out, "# ? {}", unbroken(doubt));
    }
    let _ = write!(
        out,
        "contract: {}  # ? its id\nvendor: \"?\"  # ? the third party, as in the configuration\ndocument:\n  name: {}\n  file: {}  # ? where it lies, as seen from this file\n  sha256: {}\n  dated: \"?\"  # ? the day it is dated\n  clauses: [{}]\n",
        slug(title),
        quoted(title),
        quoted(file),
        draft.sha256.to_string().trim_start_matches("sha256:"),
        numbers.join(", "),
    );
    out.push_str(
        "parties:\n  ours: {name: \"?\"}  # ? and who stands for what\n  theirs: {name: \"?\"}  # ?\n  responsible: \"?\"  # ? the person of ours who answers for what the vendor does\napps: [\"?\"]  # ? the systems it is about\ntenants: [\"?\"]  # ? whose data it is about\n",
    );
    if draft.clauses.iter().any(|clause| clause.proposal.head == Some(Head::Purposes)) {
        out.push_str("purposes: [\"?\"]  # ? what the data may be used for\n");
    }
    out.push_str("term: {from: \"?\", until: \"?\"}  # ? the first and the last day\nclauses:\n");
    for clause in &draft.clauses {
        write_clause(&mut out, clause, draft.repeatable);
        if let Some(comment) = suggested.and_then(|suggested| suggested.comment(&clause.number)) {
            let _ = writeln!(out, "    {comment}");
        }
    }
    out
}

fn write_clause(out: &mut String, clause: &Clause, repeatable: bool) {
    let proposal = &clause.proposal;
    let place = format!("    at: {{offset: {}, bytes: {}}}\n", clause.at.offset, clause.at.bytes);
    let at = if repeatable { place } else { String::new() };
    let _ = write!(out, "  - clause: \"{}\"\n{at}    text: {}\n", clause.number, quoted(&clause.quotation),);
    for doubt in &proposal.doubts {
        let _ = writeln!(out, "    # ? {}", unbroken(doubt));
    }
    let because = proposal.cue.map(|cue| format!("  # “{cue}”")).unwrap_or_default();
    let value = match (proposal.kind, proposal.head) {
        ("limits", Some(head)) => head.as_str().to_owned(),
        ("limits", _) => "{requests: \"?\"}  # ? as in 600/hour".to_owned(),
        ("permits", _) => "{do: [read], entities: [\"?\"]}  # ?".to_owned(),
        ("excludes", _) => "{fields: {record: [\"?\"]}}  # ? the kind of record, and which fields of it".to_owned(),
        ("post_hoc", _) => "{every: month, look_at: \"?\"}  # ?".to_owned(),
        _ => "\"?\"  # ? who looks after it".to_owned(),
    };
    let _ = writeln!(out, "    {}: {value}{because}", proposal.kind);
}

/// A text of YAML on one line: JSON's texts are that.
fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    json::write_string(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

fn slug(title: &str) -> String {
    let words = title.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), " ");
    let slug: String = words.split_whitespace().collect::<Vec<_>>().join("-").chars().take(64).collect();
    if slug.is_empty() { "contract".to_owned() } else { slug }
}
