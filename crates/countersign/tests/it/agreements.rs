//! Agreements as Word documents, which python-docx writes, become drafts and contracts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::World;

use crate::kit::world;

/// A document as python-docx makes it.
fn written(words: &[&str], file: &Path) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(root.join("target/test-venv/bin/python"));
    let ran = command.arg(root.join("tests/python/agreement.py")).args(words).arg(file).output()?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(file.to_owned())
}

fn drafted(world: &World, document: &Path) -> Result<Value> {
    let said = world.run_well(&["contract", "draft", "--json", &document.display().to_string()])?;
    Ok(serde_json::from_str(&said)?)
}

/// Of each clause this member, or two of them.
fn column(draft: &Value, members: &[&str]) -> Vec<String> {
    let clauses = draft.get("clauses").and_then(Value::as_array).into_iter().flatten();
    let text =
        |clause: &Value, member: &&str| clause.get(*member).and_then(Value::as_str).unwrap_or_default().to_owned();
    clauses.map(|clause| members.iter().map(|member| text(clause, member)).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_word_document_is_drafted_with_the_numbers_that_its_reader_sees() -> Result<()> {
    let world = world().prepare()?;
    let file = written(&["made"], &world.folder().join("made.docx"))?;
    let done = world.run(&["contract", "draft", "--json", &file.display().to_string()])?;
    let draft: Value = serde_json::from_str(&done.stdout).with_context(|| done.stderr.clone())?;
    ensure!(draft.get("title").and_then(Value::as_str) == Some("Screening Agreement"), "{draft:#}");
    let expect = [
        "1.1 Acme may read and list candidates.",
        "1.2 Acme may not\tsee these fields of a candidate:",
        "1.2(a) compensation;",
        "1.2(b) medical notes.",
        "2.1 No more than 600 requests in any hour.\n\n• Also on the list:",
        "3.1 Acme deletes what it read after ninety days.",
        "3.2 This runs until 2027-06-30.",
    ];
    let found = column(&draft, &["clause", "text"]);
    ensure!(found == expect, "{found:#?}");
    for note in [
        "tracked changes, so it is not what anybody signed: inserted “600”; deleted “60”",
        "hidden text, which is left out: “But as many as Acme likes on Sundays.”",
        "the digest is that of the file",
    ] {
        ensure!(done.stderr.contains(note), "{note} is not in {}", done.stderr);
    }
    let yaml = world.run_well(&["contract", "draft", &file.display().to_string()])?;
    ensure!(yaml.contains("# ? it has tracked changes") && yaml.contains("file: \"made.docx\""), "{yaml}");
    ensure!(!yaml.contains("Sundays\"") && !yaml.contains("99.9"), "what nobody sees on the page is no clause: {yaml}");
    Ok(())
}

#[test]
fn a_contract_quotes_a_word_document_by_the_text_in_it() -> Result<()> {
    let world = world().prepare()?;
    let folder = world.folder();
    let file = written(&["made"], &folder.join("made.docx"))?;
    let draft = drafted(&world, &file)?;
    let text =
        |pointer: &str| draft.pointer(pointer).and_then(Value::as_str).map(str::to_owned).context(pointer.to_owned());
    let numbers = column(&draft, &["clause"]).join("\", \"");
    let mut yaml = format!(
        "contract: made\nvendor: acme\ndocument: {{name: Made, file: made.docx, sha256: {}, dated: 2026-01-01, clauses: [\"{numbers}\"]}}\n\
         parties: {{ours: {{name: We}}, theirs: {{name: Acme}}, responsible: ana}}\napps: [ats]\ntenants: [northwind]\n\
         term: {{from: 2026-01-01, until: 2099-01-01}}\nclauses:\n",
        text("/sha256")?.trim_start_matches("sha256:")
    );
    for clause in draft.get("clauses").and_then(Value::as_array).context("no clauses")? {
        let member = |name: &str| clause.get(name).cloned().unwrap_or_default();
        yaml += &format!(
            "  - {{clause: {}, at: {}, text: {}, needs_human: nobody}}\n",
            member("clause"),
            member("at"),
            member("text")
        );
    }
    let contract = folder.join("made.yaml");
    std::fs::write(&contract, &yaml)?;
    let check = || world.run(&["contract", "check", &contract.display().to_string()]);
    let checked = check()?;
    ensure!(checked.code == 0 && checked.stdout.starts_with("in order: made, 7 clauses"), "{checked:?}");
    std::fs::write(&contract, yaml.replace("No more than 600", "No more than 900"))?;
    let misquoted = check()?;
    ensure!(
        misquoted.code == 2 && misquoted.stderr.contains("clause 2.1 is not quoted as `made.docx` has it there"),
        "{misquoted:?}"
    );
    // Another file of the same text is another document, and a broken one is none.
    std::fs::write(&contract, &yaml)?;
    let bytes = std::fs::read(&file)?;
    let (end, broken) = (bytes.len() - 22, [bytes.as_slice(), b"\0"].concat());
    let signed_later = [
        bytes.get(..end).unwrap_or_default(),
        b"PK\x05\x06",
        bytes.get(end + 4..end + 20).unwrap_or_default(),
        b"\x01\0!",
    ];
    std::fs::write(&file, signed_later.concat())?;
    let changed = check()?;
    ensure!(
        changed.code == 2 && changed.stderr.contains("is not the document that this contract stands for"),
        "{changed:?}"
    );
    std::fs::write(&file, broken)?;
    let broken = check()?;
    ensure!(broken.code == 2 && broken.stderr.contains("it is no whole `.docx` file"), "{broken:?}");
    Ok(())
}

#[test]
fn agreements_of_others_have_the_same_clauses_as_word_documents() -> Result<()> {
    let others = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/agreements");
    if !others.is_dir() {
        ensure!(!is_ci(), "third-party data must be there");
        eprintln!("skipped: third-party data not here");
        return Ok(());
    }
    let world = world().prepare()?;
    for name in ["common-paper-dpa", "common-paper-csa", "common-paper-ai-addendum"] {
        let source = others.join(format!("{name}.md"));
        let markdown = drafted(&world, &source)?;
        let expect = column(&markdown, &["clause", "proposed"]);
        ensure!(expect.len() > 10, "{name}: {expect:?}");
        for way in ["of", "of-whole"] {
            let file = written(&[way, &source.display().to_string()], &world.folder().join(format!("{name}.docx")))?;
            let word = drafted(&world, &file)?;
            ensure!(column(&word, &["clause", "proposed"]) == expect, "{name}, {way}: {word:#}");
            ensure!(word.get("title") == markdown.get("title"), "{name}: {}", word["title"]);
        }
    }
    Ok(())
}

#[test]
fn what_is_no_word_document_is_refused_with_the_way_out() -> Result<()> {
    let world = world().file("plain.docx", "1. We agree.\n").prepare()?;
    let refused = |name: &str, bytes: &[u8]| -> Result<String> {
        let file = world.folder().join(name);
        std::fs::write(&file, bytes)?;
        let done = world.run(&["contract", "draft", &file.display().to_string()])?;
        ensure!(done.code == 2 && done.stdout.is_empty(), "{done:?}");
        Ok(done.stderr)
    };
    let old = refused("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and so on")?;
    ensure!(old.contains("encrypted, or in the format that Word had before 2007"), "{old}");
    ensure!(old.contains("save it as .docx without a password, or as PDF"), "{old}");
    ensure!(refused("text.docx", b"1. We agree.\n")?.contains("does not begin as one"));
    ensure!(refused("word.md", b"PK\x03\x04\xff\xfe")?.contains("name a Word document `.docx`"));
    // What is text by its bytes and markup by its form has lost clauses without a word.
    let rich: &[u8] = b"{\\rtf1\\ansi 1.1 Acme may read.\\par\n1.2 Acme shall not see prices.\\par\n}";
    let page = b"<p>1.1 Acme may read.</p>\n1.2 Acme shall not see prices.\n";
    for (name, bytes) in [("rich.rtf", rich), ("rich.txt", rich), ("rich.docx", rich), ("page.html", page)] {
        let said = refused(name, bytes)?;
        ensure!(
            said.contains("is in a format whose clauses cannot be told apart") && said.contains("`.docx`"),
            "{said}"
        );
    }
    ensure!(refused("nothing.docx", b"")?.contains("no whole `.docx` file"));
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a test looks whether it may skip")]
fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}
