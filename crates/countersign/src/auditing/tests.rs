use contract::ContractFile;

use super::notices::due;
use super::*;

/// Clause 2 holds until the amendment, clause A1 from then on.
const AMENDED: &str = r#"contract: acme
vendor: acme
document: {name: Agreement, sha256: "0000000000000000000000000000000000000000000000000000000000000000", dated: 2026-06-01, clauses: ["1", "2"]}
parties: {ours: {name: We}, theirs: {name: Acme}, responsible: ana}
apps: [ats]
tenants: [northwind]
term: {from: 2026-07-01, until: 2027-06-30}
clauses:
  - {clause: "1", says: may read, permits: {do: [read], entities: [candidate]}}
  - {clause: "2", says: looked at later, post_hoc: {every: month, look_at: reports}}
amendments:
  - document: {name: Amendment, sha256: "1111111111111111111111111111111111111111111111111111111111111111", dated: 2026-09-01, clauses: ["A1"]}
    from: 2026-10-01
    clauses:
      - {clause: "A1", says: none at night, supersedes: ["2"], post_hoc: {every: month, outside: "mon-fri 07:00-19:00"}}
"#;

pub(crate) fn amended() -> Arc<Compiled> {
    let file = ContractFile { name: "acme.yaml".into(), text: AMENDED.into() };
    Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract
}

#[test]
fn a_notice_is_given_once_for_each_of_its_days_and_only_the_last_where_some_were_missed() {
    let days = [60, 30, 7, 1];
    assert_eq!(due(&days, 61, None), None);
    assert_eq!(due(&days, 60, None), Some(60));
    assert_eq!(due(&days, 59, Some(60)), None);
    assert_eq!(due(&days, 30, Some(60)), Some(30));
    // The gateway stood still for weeks.
    assert_eq!(due(&days, 5, Some(60)), Some(7));
    assert_eq!(due(&days, 5, None), Some(7));
    assert_eq!(due(&days, 1, Some(7)), Some(1));
    assert_eq!(due(&days, 0, Some(1)), None);
    assert_eq!(due(&[], 1, None), None);
}

#[test]
fn a_clause_is_looked_at_for_the_time_in_which_it_holds() {
    let contract = amended();
    let at = |day: &str| contract::Period::parse(day, "UTC").unwrap().begins;
    let (begins, amended, ends) = (at("2026-07-01"), at("2026-10-01"), at("2027-07-01"));
    let (early, late, over) = (at("2026-08-01"), at("2026-11-01"), at("2028-01-01"));
    let looked =
        |until: UnixMicros| Looked { until_us: until.0, at_us: until.0, held: None, against: 0, said: String::new() };
    let cases = [
        ("2", None, early, Some((begins, early))),
        ("2", None, late, Some((begins, amended))),
        ("2", Some(looked(early)), late, Some((early, amended))),
        // Neither for ever, nor where somebody looked beyond its end.
        ("2", Some(looked(amended)), late, None),
        ("2", Some(looked(late)), over, None),
        ("A1", None, early, None),
        ("A1", None, late, Some((amended, late))),
        ("A1", Some(looked(early)), late, Some((amended, late))),
        ("A1", Some(looked(late)), over, Some((late, ends))),
        ("A1", Some(looked(ends)), over, None),
    ];
    for (clause, before, now, wanted) in cases {
        let found = not_looked_at(&contract, &clause.parse().unwrap(), before.as_ref(), now);
        assert_eq!(found, wanted, "{clause} {before:?} {now:?}");
    }
}
