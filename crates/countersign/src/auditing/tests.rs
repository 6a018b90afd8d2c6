use contract::ContractFile;

use super::notices::due;
use super::*;
use crate::evidence::tests::Calls;

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
    let looked = |until: UnixMicros| Looked {
        until_us: until.0,
        at_us: until.0,
        held: None,
        up_to: None,
        against: 0,
        said: String::new(),
    };
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

/// At most one reading a day.
const COUNTED: &str = r#"contract: acme
vendor: acme
document: {name: Agreement, sha256: "0000000000000000000000000000000000000000000000000000000000000000", dated: 2026-06-01, clauses: ["1"]}
parties: {ours: {name: We}, theirs: {name: Acme}, responsible: ana}
apps: [ats]
tenants: [northwind]
term: {from: 2026-07-01, until: 2027-06-30}
clauses:
  - {clause: "1", says: one a day, post_hoc: {every: day, question: "app:ats", at_most: 1/day}}
"#;

/// INVARIANT: a boundary between two looks hides nothing.
#[test]
fn a_call_whose_record_came_after_a_look_is_looked_at_by_the_next_one_and_once() {
    let file = ContractFile { name: "acme.yaml".into(), text: COUNTED.into() };
    let contract = Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract;
    let begins = contract::Period::parse("2026-08-01", "UTC").unwrap().begins;
    let at = |seconds: i64| UnixMicros(begins.0 + seconds * 1_000_000);
    let mut log = Calls::new();
    let look = |log: &mut Calls, now: UnixMicros| {
        let all = look_at(&contract, &log.reader, Which::All, now).unwrap();
        let [one] = all.as_slice() else { panic!("{all:?}") };
        let value = serde_json::to_string(&Looked::of(one, now)).unwrap();
        log.put(AUDIT_STATE, "acme/1", value);
        (one["looked_at"].as_u64().unwrap(), one["calls"].as_array().unwrap().len())
    };
    log.ask(at(10), &["contract:acme/1"]);
    assert_eq!(look(&mut log, at(20)), (1, 0));
    // Decided before the look and on record after it; and a clock that was set back.
    log.ask(at(19), &["contract:acme/1"]);
    log.ask(at(5), &["contract:acme/1"]);
    assert_eq!(look(&mut log, at(30)), (2, 2), "each is one too many, beside the first or the other");
    assert_eq!(look(&mut log, at(40)), (0, 0));
    // Decided in the moment of the look, and on record before it.
    log.ask(at(50), &["contract:acme/1"]);
    assert_eq!(look(&mut log, at(50)), (1, 1));
    assert_eq!(look(&mut log, at(60)), (0, 0));
}

/// INVARIANT: nor does the end of a clause.
#[test]
fn a_call_whose_record_came_after_the_end_of_a_clause_is_looked_at() {
    let file = ContractFile { name: "acme.yaml".into(), text: COUNTED.into() };
    let contract = Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract;
    let ends = contract::Period::parse("2026-07-01..2027-06-30", "UTC").unwrap().ends;
    let at = |seconds: i64| UnixMicros(ends.0 + seconds * 1_000_000);
    let look = |log: &mut Calls, which: Which, now: UnixMicros| {
        let all = look_at(&contract, &log.reader, which, now).unwrap();
        let one = all.first()?;
        log.put(AUDIT_STATE, "acme/1", serde_json::to_string(&Looked::of(one, now)).unwrap());
        let count = |name: &str| one[name].as_u64().unwrap();
        Some((count("looked_at"), count("against")))
    };
    for by_hand in [false, true] {
        let mut log = Calls::new();
        assert_eq!(look(&mut log, Which::Due, at(-30)), Some((0, 0)));
        log.ask(at(-20), &["contract:acme/1"]);
        assert_eq!(look(&mut log, Which::Due, at(10)), None, "its last records may come yet");
        if by_hand {
            assert_eq!(look(&mut log, Which::All, at(10)), Some((1, 0)));
            assert_eq!(look(&mut log, Which::All, at(20)), None);
        }
        log.ask(at(-10), &["contract:acme/1"]);
        log.ask(at(10), &["contract:acme/1"]);
        let found = if by_hand { (1, 1) } else { (2, 1) };
        assert_eq!(look(&mut log, Which::Due, at(3_600)), Some(found), "none after its end");
        assert_eq!(look(&mut log, Which::Due, at(7_200)), None);
        assert_eq!(look(&mut log, Which::All, at(9_000)), None);
    }
}

#[test]
fn a_look_that_adds_nothing_makes_no_clause_kept() {
    let file = ContractFile { name: "acme.yaml".into(), text: COUNTED.into() };
    let contract = Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract;
    let ends = contract::Period::parse("2026-07-01..2027-06-30", "UTC").unwrap().ends;
    let at = |seconds: i64| UnixMicros(ends.0 + seconds * 1_000_000);
    let look = |log: &mut Calls, which: Which, now: UnixMicros| {
        let all = look_at(&contract, &log.reader, which, now).unwrap();
        let one = all.first()?;
        assert!(one["against"].as_u64() <= one["looked_at"].as_u64(), "{one:#}");
        let looked = Looked::of(one, now);
        log.put(AUDIT_STATE, "acme/1", serde_json::to_string(&looked).unwrap());
        Some((looked.held?, looked.against))
    };
    let three_too_many = |log: &mut Calls, from: i64| {
        (0..4).for_each(|place| log.ask(at(from + place), &["contract:acme/1"]));
    };
    // Somebody looks as soon as it is over: what comes later completes that.
    for (late, found) in [(0, (false, 3)), (1, (false, 4))] {
        let mut log = Calls::new();
        three_too_many(&mut log, -20);
        assert_eq!(look(&mut log, Which::All, at(10)), Some((false, 3)));
        (0..late).for_each(|_| log.ask(at(-10), &["contract:acme/1"]));
        assert_eq!(look(&mut log, Which::Due, at(3_600)), Some(found), "{late}");
        assert_eq!(look(&mut log, Which::Due, at(7_200)), None);
    }
    // What came late and is in order does not make good what was not.
    let mut log = Calls::new();
    three_too_many(&mut log, -20 - 2 * 86_400);
    assert_eq!(look(&mut log, Which::All, at(10)), Some((false, 3)));
    log.ask(at(-10), &["contract:acme/1"]);
    assert_eq!(look(&mut log, Which::Due, at(3_600)), Some((false, 3)));
    // Nor does asking twice, nor an end before which nothing else was asked; a day of its own without a call does.
    for (then, found) in [(3_600, (false, 3)), (-86_400, (true, 0))] {
        let mut log = Calls::new();
        three_too_many(&mut log, -4 * 86_400);
        assert_eq!(look(&mut log, Which::Due, at(-3 * 86_400)), Some((false, 3)));
        assert_eq!(look(&mut log, Which::All, at(-3 * 86_400 + 60)), Some((false, 3)));
        assert_eq!(look(&mut log, Which::Due, at(then)), Some(found));
    }
}

#[test]
fn what_may_have_been_asked_under_another_contract_speaks_against_no_clause() {
    for clause in [r#"question: "verdict:deny""#, "at_most: 1/day"] {
        let text = COUNTED.replace(r#"question: "app:ats", at_most: 1/day"#, clause);
        let file = ContractFile { name: "acme.yaml".into(), text };
        let contract = Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract;
        let begins = contract::Period::parse("2026-08-01", "UTC").unwrap().begins;
        let at = |seconds: i64| UnixMicros(begins.0 + seconds * 1_000_000);
        let mut log = Calls::new();
        log.ask(at(1), &["guard:app-stopped"]);
        log.ask(at(2), &["guard:app-stopped"]);
        log.erase();
        let look = |log: &Calls, now: UnixMicros| {
            let all = look_at(&contract, &log.reader, Which::All, now).unwrap();
            let [one] = all.as_slice() else { panic!("{all:?}") };
            let count = |name: &str| one[name].as_u64().unwrap();
            (count("looked_at"), count("unknown"), count("against"), one["held"] == true)
        };
        assert_eq!(look(&log, at(10)), (2, 2, 0, true), "{clause}");
        // Nor do they fill a stretch for one that is known.
        log.ask(at(3), &["contract:acme/1"]);
        let against = u64::from(clause.starts_with("question"));
        assert_eq!(look(&log, at(10)), (3, 2, against, against == 0), "{clause}");
    }
}
