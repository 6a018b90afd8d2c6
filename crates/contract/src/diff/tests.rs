use super::*;
use crate::ContractFile;

const CASE: &str = include_str!("../../../../examples/contracts/acme-screening.yaml");

fn told(changes: &[(&str, &str)]) -> String {
    told_of(CASE, changes)
}

fn told_of(before: &str, changes: &[(&str, &str)]) -> String {
    let load = |text: &str| {
        let file = ContractFile { name: "acme.yaml".into(), text: text.into() };
        Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract
    };
    let mut text = before.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let difference = difference(&load(before), &load(&text));
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

#[test]
fn nothing_that_the_gateway_does_changes_untold() {
    let before = "role:compliance\"]";
    for (change, wanted) in [
        (
            ("sends: {screening_order: [status, findings]}", "sends: {screening_order: [status, findings, price]}"),
            "permits to update `screening_order` in ats, sending price",
        ),
        (
            ("sends: {screening_order: [status, findings]}", "sends: {screening_order: [status]}"),
            "forbids to update `screening_order` in ats, sending findings",
        ),
        (
            ("do: [update], entities: [screening_order], approvers", "do: [update], entities: [candidate], approvers"),
            "limits now: to update `candidate` waits for role:compliance\n\
             no more: to update `screening_order` waits for role:compliance",
        ),
        (
            (before, "role:compliance\"], approvals: 2"),
            "limits now: to update `screening_order` waits for 2 of role:compliance\n\
             no more: to update `screening_order` waits for role:compliance",
        ),
        (("responsible: ana", "responsible: bo"), "acts under bo, before under ana"),
        (
            ("zone: Europe/London", "zone: Pacific/Honolulu"),
            "runs from 2026-07-01 until 2027-06-30 (Pacific/Honolulu), \
             before from 2026-07-01 until 2027-06-30 (Europe/London)",
        ),
    ] {
        assert_eq!(told(&[change]), wanted, "{change:?}");
    }
}

#[test]
fn every_stretch_between_amendments_is_compared() {
    let last = "The law of England and Wales applies.\n    needs_human: nobody\n";
    let first = "{clause: \"A1\", says: base, supersedes: [\"3.2\"], excludes: {fields: {candidate: [compensation]}}}";
    let second =
        "{clause: \"B1\", says: as before, supersedes: [\"A1\"], excludes: {fields: {candidate: [compensation]}}}";
    let amendment = |name: &str, from: &str, clause: &str| {
        format!(
            "  - document: {{name: {name}, sha256: {:064}, dated: 2026-09-01, clauses: [{name}]}}\n    from: {from}\n    clauses:\n      - {clause}\n",
            0
        )
    };
    let (first, second) = (amendment("A1", "2026-10-01", first), amendment("B1", "2027-01-01", second));
    let amended = format!("{last}amendments:\n{first}{second}");
    assert_eq!(told(&[(last, &amended)]), "", "what is said again changes nothing");
    // In the middle alone; and from a day on.
    let narrower = first.replace("[compensation]", "[compensation.base]");
    let read = "permits to read `candidate` in ats: compensation, where status is active";
    let list = read.replace("read", "list");
    assert_eq!(
        told_of(&CASE.replace(last, &amended), &[(&first, &narrower)]),
        format!("{read}, from 2026-10-01 until 2026-12-31\n{list}, from 2026-10-01 until 2026-12-31")
    );
    assert_eq!(
        told(&[(last, &format!("{last}amendments:\n{narrower}"))]),
        format!("{read}, from 2026-10-01 until 2027-06-30\n{list}, from 2026-10-01 until 2027-06-30")
    );
    let faster = "{clause: \"A1\", says: faster, supersedes: [\"5.1\"], limits: {requests: 900/hour}}";
    assert_eq!(
        told(&[(last, &format!("{last}amendments:\n{}", amendment("A1", "2026-10-01", faster)))]),
        "limits now: At most 900 requests in an hour, from 2026-10-01 until 2027-06-30\n\
         no more: At most 600 requests in an hour, from 2026-10-01 until 2027-06-30"
    );
}
