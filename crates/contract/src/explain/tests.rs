use super::*;
use crate::ContractFile;

const CASE: &str = include_str!("../../../../examples/contracts/acme-screening.yaml");

#[test]
fn the_case_in_plain_sentences() {
    let file = ContractFile { name: "acme.yaml".into(), text: CASE.into() };
    let contract = Compiled::load(&file).unwrap().contract;
    let told = |standing, at: &str| {
        let now = UnixMicros(at.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        explain(&contract, standing, now)
    };
    insta::assert_snapshot!(told(Standing::Active, "2026-11-20T12:00:00Z").join("\n"));
    let first = |standing, at: &str| told(standing, at).remove(0);
    let name = "“Background Screening Agreement” with Acme Screening Ltd";
    assert_eq!(first(Standing::Active, "2027-06-30T12:00:00Z"), format!("{name} is in force, and ends today."));
    assert_eq!(first(Standing::Active, "2027-06-01T12:00:00Z"), format!("{name} is in force, and ends in 29 days."));
    assert_eq!(
        first(Standing::Expired, "2027-07-01T12:00:00Z"),
        format!("{name} ended on 2027-06-30: it admits nothing.")
    );
}

#[test]
fn what_becomes_of_totals_is_said_as_it_is_done() {
    let said = |totals: &str| {
        let text = CASE.replace("totals: recount", &format!("totals: {totals}"));
        let contract = Compiled::load(&ContractFile { name: "acme.yaml".into(), text }).unwrap().contract;
        let about = |line: &String| line.contains("otals count") || line.contains("how many");
        explain(&contract, Standing::Active, UnixMicros(0)).into_iter().filter(about).collect::<Vec<_>>()
    };
    assert_eq!(said("remove"), [""; 0]);
    assert_eq!(said("recount"), ["Totals count what is left in a list."]);
    // Whatever it counts: also where there is nothing but records of the contract.
    assert_eq!(said("refuse"), ["A list that says how many records there are is refused whole."]);
}

#[test]
fn what_an_amendment_will_change_is_said_before_it_does() {
    let amended = format!(
        "{CASE}amendments:\n  - document: {{name: A, sha256: {:064}, dated: 2026-09-01, clauses: [A1, A2]}}\n    from: 2026-12-01\n    clauses:\n      - {{clause: A1, says: faster, supersedes: [\"5.1\"], limits: {{requests: 900/hour}}}}\n      - {{clause: A2, says: a note, needs_human: legal}}\n",
        0
    );
    let file = ContractFile { name: "acme.yaml".into(), text: amended };
    let contract = Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract;
    let said = |at: &str| {
        let at = UnixMicros(at.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        explain(&contract, Standing::Unsigned, at)
    };
    let before = said("2026-11-20T12:00:00Z");
    let from = before.iter().position(|line| line == "From 2026-12-01 on:").unwrap();
    let changes =
        ["  At most 900 requests in an hour (clause A1).", "  No more: At most 600 requests in an hour (clause 5.1)."];
    assert_eq!(before[from + 1..from + 3], changes);
    assert_eq!(before.len(), from + 4, "and how clauses are honoured");
    assert!(said("2026-12-02T12:00:00Z").iter().all(|line| !line.contains("No more: ") && !line.starts_with("From ")));
}
