use std::path::{Path, PathBuf};

use contract::{Compiled, ContractFile, Coverage, draft};

const EXAMPLES: [(&str, &str); 3] = [
    ("acme-screening", "acme-screening.md"),
    ("common-paper-dpa", "common-paper-dpa.md"),
    ("common-paper-ai-addendum", "common-paper-ai-addendum.md"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/contracts")
}

fn load(name: &str) -> Result<contract::Loaded, String> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.yaml"))).map_err(|error| error.to_string())?;
    let file = ContractFile { name: format!("examples/contracts/{name}.yaml"), text };
    Compiled::load(&file).map_err(|errors| format!("{errors:#?}"))
}

#[test]
fn every_example_compiles_and_accounts_for_every_clause() {
    let told: Vec<String> = EXAMPLES
        .iter()
        .map(|(name, _)| {
            let loaded = load(name).unwrap();
            assert!(loaded.notes.is_empty(), "{:?}", loaded.notes);
            format!("{name}: {}", Coverage::of(&loaded.contract.register()))
        })
        .collect();
    assert_eq!(
        told,
        [
            "acme-screening: 21 clauses: 10 enforced at each request, 1 checked afterwards, 8 looked after by a person, 2 ask nothing of anybody",
            "common-paper-dpa: 62 clauses: 5 enforced at each request, 4 checked afterwards, 21 looked after by a person, 32 ask nothing of anybody",
            "common-paper-ai-addendum: 16 clauses: 3 enforced at each request, 0 checked afterwards, 6 looked after by a person, 7 ask nothing of anybody",
        ]
    );
}

#[test]
fn each_clause_of_a_document_with_parts_is_accounted_for_by_itself() {
    let whole = std::fs::read_to_string(folder().join("common-paper-dpa.yaml")).unwrap();
    let numbers = load("common-paper-dpa").unwrap().contract.agreement().document.clauses.clone();
    assert!(["3.2", "3.2(c)", "3.3"].iter().all(|stem| numbers.iter().any(|number| number.as_str() == *stem)));
    for number in numbers {
        let entry = format!("  - {{clause: \"{number}\",");
        let lines = whole.lines().filter(|line| !line.starts_with(&entry));
        let text = lines.collect::<Vec<_>>().join("\n");
        let errors = Compiled::load(&ContractFile { name: "dpa.yaml".into(), text }).unwrap_err();
        let said = format!("clause {number} of “Data Processing Agreement” is not accounted for");
        assert!(errors.iter().any(|error| error.said() == said), "{number}: {errors:#?}");
    }
}

/// What a contract cites is in its document, where it says: the draft of the document has the same clauses at the same places.
#[test]
fn what_the_examples_cite_stands_in_their_documents() {
    let others = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/agreements");
    let others = Some(others).filter(|folder| folder.is_dir());
    for (name, document) in EXAMPLES {
        let own = folder().join(document);
        let path = match &others {
            _ if own.is_file() => own,
            Some(folder) => folder.join(document),
            None => {
                assert!(!is_ci(), "third-party data must be there");
                eprintln!("skipped: third-party data not here");
                continue;
            }
        };
        let text = std::fs::read_to_string(path).unwrap();
        let contract = load(name).unwrap().contract;
        let agreement = contract.agreement();
        let drafted = draft::draft(&text).unwrap();
        assert_eq!(drafted.sha256, agreement.document.sha256, "{name}");
        let found: Vec<_> = drafted.clauses.iter().map(|clause| (clause.number.clone(), Some(clause.at))).collect();
        let cited: Vec<_> = agreement.clauses.iter().map(|clause| (clause.clause.clone(), clause.at)).collect();
        assert_eq!(cited, found, "{name}");
        for clause in &agreement.clauses {
            let quoted = clause.text.as_deref();
            let own_words = clause.says.as_deref();
            assert!(quoted.is_some() || own_words.is_some_and(|says| !text.contains(says)), "{name} {}", clause.clause);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test looks whether it may skip")]
fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}
