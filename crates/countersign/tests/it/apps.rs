//! `apps import`: from an OpenAPI document to a mapping that the gateway takes.

use anyhow::{Result, ensure};

use crate::kit::world;

const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: Applicants, version: "1"}
servers: [{url: "https://ats.example.com/v1"}]
paths:
  /candidates/{id}:
    get: {operationId: getCandidate, responses: {200: {description: one, content: {application/json: {schema: {$ref: "#/components/schemas/Candidate"}}}}}}
components: {schemas: {Candidate: {type: object, properties: {id: {type: string}, client_id: {type: string}, name: {type: string}}}}}
"##;

#[test]
fn a_proposal_can_be_put_in_force_as_it_is() -> Result<()> {
    let world = world()
        .file("openapi.yaml", DOCUMENT)
        .file("broken.json", "{\"openapi\":\"3.0.0\",\"a\":1,\"a\":2}")
        .prepare()?;
    let printed = world.run(&["apps", "import", "openapi.yaml"])?;
    ensure!(printed.code == 0 && printed.stdout.contains("  get_candidate:\n    method: GET\n"), "{printed:?}");
    ensure!(
        printed.stderr.contains("1 operation on 1 kind of records; 1 question, marked `# ?`"),
        "{}",
        printed.stderr
    );
    ensure!(printed.stderr.contains("entities.candidate.tenant: is this whose record it is?"), "{}", printed.stderr);

    let written = world.run(&["apps", "import", "openapi.yaml", "--app", "ats"])?;
    ensure!(written.code == 0 && written.stdout.trim_end().ends_with("apps/ats.api.yaml"), "{written:?}");
    let mapping = std::fs::read_to_string(world.folder().join("apps/ats.api.yaml"))?;
    ensure!(mapping.trim_end() == printed.stdout.trim_end(), "another proposal: {mapping}");
    // What somebody may have answered already is not written over.
    let again = world.run(&["apps", "import", "openapi.yaml", "--app", "ats"])?;
    ensure!(again.code == 2 && again.stderr.contains("is there already"), "{again:?}");

    let broken = world.run(&["apps", "import", "broken.json"])?;
    ensure!(broken.code == 2 && broken.stderr.contains("broken.json:1:26: the key `a` occurs twice"), "{broken:?}");
    Ok(())
}

#[test]
fn no_path_of_a_document_moves_the_cursor_of_who_imports_it() -> Result<()> {
    let document = r#"{"openapi":"3.0.0","paths":{"/a\u001b[2A\u001b[J\u202e\nforged":{"get":{}}}}"#;
    let world = world().file("openapi.json", document).prepare()?;
    let printed = world.run(&["apps", "import", "openapi.json"])?;
    let (shown, asked) = (&printed.stdout, &printed.stderr);
    for text in [shown, asked] {
        ensure!(!text.contains(|letter| letter != '\n' && model::is_hidden(letter)), "{text:?}");
        ensure!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
    }
    ensure!(printed.code == 0 && asked.contains(r"left out: /a\u{1b}[2A\u{1b}[J\u{202e}\u{a}forged"), "{asked}");
    Ok(())
}
