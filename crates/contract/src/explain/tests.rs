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
