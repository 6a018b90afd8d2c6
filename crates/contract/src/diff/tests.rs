use super::*;
use crate::ContractFile;

const CASE: &str = include_str!("../../../../examples/contracts/acme-screening.yaml");

fn told(changes: &[(&str, &str)]) -> String {
    let load = |text: &str| {
        let file = ContractFile { name: "acme.yaml".into(), text: text.into() };
        Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract
    };
    let mut text = CASE.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let difference = difference(&load(CASE), &load(&text));
    let cells = difference.cells.iter().map(ToString::to_string);
    cells.chain(difference.others).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_cell_that_changes_is_told() {
    assert_eq!(told(&[]), "");
    assert_eq!(told(&[("whether the particulars", "if the particulars")]), "", "words change no cell");
    let told: Vec<String> = [
        ("[medical_notes]", "[medical_notes, phone]"),
        ("[compensation]", "[compensation.base]"),
        ("status: [active]", "status: [active, offered]"),
        ("do: [read, list]", "do: [read]"),
        (
            "entities: [candidate, screening_order]}",
            "entities: [candidate, screening_order], fields: {candidate: [id, name]}}",
        ),
        ("tenants: [northwind]", "tenants: [contoso]"),
        ("600/hour", "60/hour"),
        ("until: 2027-06-30", "until: 2027-12-31"),
    ]
    .into_iter()
    .map(|change| format!("{change:?}\n{}", told(&[change])))
    .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}
