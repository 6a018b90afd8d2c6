//! A small tree is planted in a temporary folder; each test breaks one thing and must be told.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::tree::Tree;
use super::{Options, Report, inspect, licence, scrub};

#[test]
fn a_tidy_tree_has_no_faults() {
    assert_eq!(faults(&plant()), "");
}

#[test]
fn an_edge_from_broker_to_policy_is_refused() {
    let tree = plant();
    depend(tree.path(), "broker", "policy");
    let found = faults(&tree);
    assert!(found.contains("[edges] crates/broker/Cargo.toml: `broker` uses `policy`"), "{found}");
    assert!(found.contains("`broker` reaches `policy`: broker → policy"), "{found}");
}

#[test]
fn a_long_way_from_policy_to_broker_is_refused_although_each_edge_is_drawn() {
    let tree = plant();
    depend(tree.path(), "policy", "profile");
    depend(tree.path(), "profile", "broker");
    replace(
        tree.path(),
        "ARCHITECTURE.md",
        "| `profile` | what a tool is | model |",
        "| `profile` | x | model, broker |",
    );
    replace(tree.path(), "ARCHITECTURE.md", "| `policy` | rules | model |", "| `policy` | rules | model, profile |");
    let found = faults(&tree);
    assert_eq!(found, "[edges] Cargo.toml: `policy` reaches `broker`: policy → profile → broker\n");
}

#[test]
fn an_edge_that_the_table_does_not_draw_is_refused() {
    let tree = plant();
    depend(tree.path(), "model", "profile");
    replace(tree.path(), "crates/profile/Cargo.toml", "model = { path = \"../model\" }\n", "");
    let found = faults(&tree);
    assert_eq!(
        found,
        "[edges] crates/model/Cargo.toml: `model` uses `profile`, which ARCHITECTURE.md does not allow\n"
    );
}

#[test]
fn the_table_and_the_workspace_have_the_same_crates() {
    let tree = plant();
    replace(
        tree.path(),
        "ARCHITECTURE.md",
        "| `profile` | what a tool is | model |",
        "| `prfile` | what a tool is | model |",
    );
    let found = faults(&tree);
    assert!(found.contains("the table names `prfile`"), "{found}");
    assert!(found.contains("`profile` is missing from the table"), "{found}");
}

#[test]
fn a_missing_table_is_a_fault() {
    let tree = plant();
    fs::remove_file(tree.path().join("ARCHITECTURE.md")).unwrap();
    assert!(faults(&tree).contains("[edges] ARCHITECTURE.md: could not be read"));
    fs::write(tree.path().join("ARCHITECTURE.md"), "no table\n").unwrap();
    assert!(faults(&tree).contains("there is no table"));
}

#[test]
fn a_test_that_answers_an_attack_is_there() {
    let tree = plant();
    append(
        tree.path(),
        "crates/model/src/lib.rs",
        "pub fn what_is_worse_is() {}\n#[cfg(test)]\nmod tests {\n    #[tokio::test(flavor = \"x\")]\n    #[expect(lint)]\n    \
         async fn what_is_bad_is_refused() {}\n    fn what_is_helpful_for_tests() {}\n}\n",
    );
    append(tree.path(), "SECURITY.md", "| **Bad** | `env_clear` | `model::Bad`, `what_is_bad_is_refused` (x.rs) |\n");
    assert_eq!(faults(&tree), "");
    append(tree.path(), "SECURITY.md", "| **Worse** | refused | `what_is_bad_is_refused`, `what_is_worse_is` |\n");
    assert_eq!(faults(&tree), "[attacks] SECURITY.md:4: there is no test `what_is_worse_is`\n");
    fs::remove_file(tree.path().join("SECURITY.md")).unwrap();
    assert_eq!(faults(&tree), "[attacks] SECURITY.md: names no test\n");
}

#[test]
fn a_test_that_holds_what_never_happens_is_there() {
    let tree = plant();
    append(tree.path(), "crates/model/src/lib.rs", "#[cfg(test)]\nmod tests {\n    fn it_lost_its_mark() {}\n}\n");
    let holds = |name: &str| format!("{NEVER}\n1. **No call.** `Permit::issue` makes none (`{name}`).\n");
    replace(tree.path(), "ARCHITECTURE.md", NEVER, &holds("it_lost_its_mark"));
    assert_eq!(faults(&tree), "[attacks] ARCHITECTURE.md:2: there is no test `it_lost_its_mark`\n");
    replace(tree.path(), "crates/model/src/lib.rs", "    fn it_lost", "    #[test]\n    fn it_lost");
    assert_eq!(faults(&tree), "");
    replace(tree.path(), "ARCHITECTURE.md", NEVER, "## What may happen");
    assert_eq!(faults(&tree), "[attacks] ARCHITECTURE.md: names no test\n");
}

#[test]
fn edges_for_tests_are_noted_only() {
    let tree = plant();
    append(tree.path(), "crates/profile/Cargo.toml", "[dev-dependencies]\nbroker = { path = \"../broker\" }\n");
    let report = report(&tree);
    assert_eq!(text_of(&report), "");
    assert!(report.notes.contains(&"edge for tests only: `profile` uses `broker`".to_owned()));
}

#[test]
fn a_hidden_library_is_refused_outside_its_home() {
    let tree = plant();
    append(tree.path(), "crates/profile/Cargo.toml", "rusqlite = \"0.41\"\n");
    let mut report = Report::default();
    super::edges::check(&Tree::load(tree.path()).unwrap(), &mut report);
    assert_eq!(
        text_of(&report),
        "[edges] crates/profile/Cargo.toml: `profile` names `rusqlite`, whose home is store\n"
    );
}

#[test]
fn a_crate_without_the_lints_or_the_headings_is_refused() {
    let tree = plant();
    replace(tree.path(), "crates/model/Cargo.toml", "[lints]\nworkspace = true\n", "");
    replace(tree.path(), "crates/policy/src/lib.rs", "//! # Out of scope\n", "");
    let found = faults(&tree);
    assert!(found.contains("[lints] crates/model/Cargo.toml"), "{found}");
    assert!(
        found.contains("[headings] crates/policy/src/lib.rs: the crate's documentation lacks `# Out of scope`"),
        "{found}"
    );
}

#[test]
fn the_crate_with_unsafe_code_has_all_other_lints() {
    let found = |unsafe_code: &str, unwrap: &str| {
        let tree = plant();
        append(
            tree.path(),
            "Cargo.toml",
            "unsafe_code = \"forbid\"\n[workspace.lints.clippy]\nunwrap_used = \"warn\"\n",
        );
        append(tree.path(), "ARCHITECTURE.md", "| `resident` | memory | – |\n");
        library(tree.path(), "crates/resident", "resident", "");
        let own =
            format!("[lints.rust]\nunsafe_code = \"{unsafe_code}\"\n[lints.clippy]\nunwrap_used = \"{unwrap}\"\n");
        replace(tree.path(), "crates/resident/Cargo.toml", "[lints]\nworkspace = true\n", &own);
        faults(&tree)
    };
    assert_eq!(found("deny", "warn"), "");
    assert!(found("allow", "warn").contains("the lint `unsafe_code` is not as it is everywhere"));
    assert!(found("deny", "allow").contains("the lint `unwrap_used` is not as it is everywhere"));
}

#[test]
fn a_forged_proof_or_permit_is_refused_outside_tests() {
    let tree = plant();
    let forged = "fn f() { let proof = Durable::danger_confirmed_by_disk(call, 1); Permit::issue(a, b, proof); }\n";
    append(tree.path(), "crates/broker/src/lib.rs", forged);
    let found = faults(&tree);
    assert!(found.contains("`danger_confirmed_by_disk` is called outside crates/trace"), "{found}");
    assert!(found.contains("`Permit::issue` is called outside crates/engine"), "{found}");

    let tree = plant();
    append(tree.path(), "crates/broker/src/lib.rs", &format!("#[cfg(test)]\nmod tests {{\n    {forged}}}\n"));
    append(tree.path(), "crates/broker/src/lib.rs", "// Permit::issue\n");
    assert_eq!(faults(&tree), "");
}

#[test]
fn uses_of_secrets_are_listed() {
    let tree = plant();
    append(tree.path(), "crates/broker/src/lib.rs", "fn f() { secret.expose(); }\n");
    let report = report(&tree);
    assert!(report.notes.contains(&"listed: crates/broker/src/lib.rs:6: fn f() { secret.expose(); }".to_owned()));
}

#[test]
fn notes_to_self_and_registry_hosts_are_refused() {
    let tree = plant();
    append(tree.path(), "crates/model/src/lib.rs", &format!("// {}: later\n#[{}]\n", ["TO", "DO"].concat(), "ignore"));
    fs::write(tree.path().join("notes.txt"), ["see https://py", "pi.org"].concat()).unwrap();
    fs::write(tree.path().join("package-lock.json"), "{\"resolved\": \"x\"}").unwrap();
    let found = faults(&tree);
    for wanted in
        ["a note to self", "a test is switched off", "notes.txt:1: names the registry host", "records download"]
    {
        assert!(found.contains(wanted), "{wanted}: {found}");
    }
}

#[test]
fn generated_text_is_compared_and_can_be_written() {
    let tree = plant();
    let stale = "a\n<!-- generated by: countersign one two -->\n```text\nold\n```\n<!-- end -->\nb\n";
    fs::write(tree.path().join("README.md"), stale).unwrap();
    let found = faults(&tree);
    assert!(found.contains("[generated] README.md: `countersign one two` cannot be run"), "{found}");

    let binary = tree.path().join("target/debug/countersign");
    fs::create_dir_all(binary.parent().unwrap()).unwrap();
    fs::write(&binary, "#!/bin/sh\necho \"said $*\"\n").unwrap();
    make_executable(&binary);
    assert!(faults(&tree).contains("`countersign one two` is out of date"));

    let write = Options { root: tree.path().to_owned(), binary: None, write: true };
    inspect(&write).unwrap();
    let written = fs::read_to_string(tree.path().join("README.md")).unwrap();
    assert_eq!(written, stale.replace("old", "said one two"));
    assert_eq!(faults(&tree), "");

    append(tree.path(), "README.md", "<!-- generated by: countersign three -->\nnever closed\n");
    assert!(faults(&tree).contains("has no `<!-- end -->`"));
}

#[test]
fn a_strange_licence_a_ban_and_a_missing_deny_file_are_refused() {
    let tree = plant();
    replace(tree.path(), "crates/model/Cargo.toml", "Apache-2.0", "GPL-3.0-only");
    library(tree.path(), "crates/ring", "ring", "");
    append(tree.path(), "ARCHITECTURE.md", "| `ring` | none | – |\n");
    let found = faults(&tree);
    assert!(found.contains("[licences] model 0.1.0: its licence is `GPL-3.0-only`"), "{found}");
    assert!(found.contains("[bans] ring 0.1.0: is banned"), "{found}");
    fs::remove_file(tree.path().join("deny.toml")).unwrap();
    assert!(faults(&tree).contains("[supply] deny.toml: could not be read"));
}

#[test]
fn licence_expressions() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"].map(str::to_owned).into();
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("MIT OR GPL-3.0 AND GPL-2.0", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT WITH LLVM-exception", false),
    ] {
        assert_eq!(licence::is_met(expression, &allowed), Ok(met), "{expression}");
    }
    for broken in ["", "(MIT", "MIT MIT", "AND"] {
        assert!(licence::is_met(broken, &allowed).is_err(), "{broken}");
    }
}

#[test]
fn literals_and_comments_are_blanked() {
    for (source, code) in [
        ("a(\"x.y\") // z", "a(\"    ) "),
        ("'\"' b", "\"   b"),
        ("&'a str", "&'a str"),
        ("'\\n' c", "\"    c"),
        ("r#\"a\"b\"# d", "\"        d"),
        ("/* a /* b */ c */ e", "                  e"),
        ("r#type f", "r#type f"),
        ("\"a\\\"b\" g", "\"      g"),
    ] {
        assert_eq!(scrub::scrub(source).trim_end(), code.trim_end(), "{source}");
    }
}

fn plant() -> TempDir {
    let tree = TempDir::new().unwrap();
    let root = tree.path();
    fs::write(
        root.join("Cargo.toml"),
        "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n[workspace.lints.rust]\n",
    )
    .unwrap();
    fs::copy(crate::run::workspace_root().join("deny.toml"), root.join("deny.toml")).unwrap();
    let mut table = format!("{NEVER}\n\n# Map\n\n| crate | promise | may use |\n|---|---|---|\n");
    for (name, promise, uses) in [
        ("model", "words", "–"),
        ("profile", "what a tool is", "model"),
        ("policy", "rules", "model"),
        ("broker", "credentials", "model"),
    ] {
        table.push_str(&format!("| `{name}` | {promise} | {uses} |\n"));
        library(root, &format!("crates/{name}"), name, if uses == "model" { "model" } else { "" });
    }
    fs::write(root.join("ARCHITECTURE.md"), table).unwrap();
    fs::write(root.join("SECURITY.md"), "| attack | answer | held by |\n|---|---|---|\n").unwrap();
    tree
}

const NEVER: &str = "## What never happens";

fn library(root: &Path, folder: &str, name: &str, uses: &str) {
    fs::create_dir_all(root.join(folder).join("src")).unwrap();
    let uses = if uses.is_empty() { String::new() } else { format!("{uses} = {{ path = \"../{uses}\" }}\n") };
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\nlicense = \"Apache-2.0\"\n\
         [lints]\nworkspace = true\n[dependencies]\n{uses}"
    );
    fs::write(root.join(folder).join("Cargo.toml"), manifest).unwrap();
    let docs = "//! A crate.\n//!\n//! # In scope\n//! # Out of scope\n//! # Invariants\n";
    fs::write(root.join(folder).join("src/lib.rs"), docs).unwrap();
}

fn depend(root: &Path, from: &str, to: &str) {
    append(root, &format!("crates/{from}/Cargo.toml"), &format!("{to} = {{ path = \"../{to}\" }}\n"));
}

fn append(root: &Path, file: &str, text: &str) {
    let before = fs::read_to_string(root.join(file)).unwrap();
    fs::write(root.join(file), before + text).unwrap();
}

fn replace(root: &Path, file: &str, from: &str, to: &str) {
    let before = fs::read_to_string(root.join(file)).unwrap();
    assert!(before.contains(from), "{file} lacks {from}");
    fs::write(root.join(file), before.replace(from, to)).unwrap();
}

fn make_executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn report(tree: &TempDir) -> Report {
    inspect(&Options { root: tree.path().to_owned(), binary: None, write: false }).unwrap()
}

fn faults(tree: &TempDir) -> String {
    text_of(&report(tree))
}

fn text_of(report: &Report) -> String {
    let line = |fault: &super::Fault| format!("[{}] {}: {}\n", fault.check, fault.place, fault.sentence);
    report.faults.iter().map(line).collect()
}
