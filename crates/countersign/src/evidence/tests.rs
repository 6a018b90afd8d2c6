use std::sync::Arc;

use model::{AgentId, AppId, CallId, Class, ClassSource, HumanId, Method, Reason, RuleId, TaskId, ToolName, Verdict};
use serde_json::json;
use store::{Durability, SqliteLog, SqliteReader};
use tempfile::TempDir;
use trace::{Change, Intent, LogStore as _, Row, StateWrite};

use super::tally::busiest;
use super::*;
use crate::auditing::tests::amended;

/// A log of the calls of a vendor, and of what was done about its contract.
pub(crate) struct Calls {
    log: SqliteLog,
    pub(crate) reader: SqliteReader,
    next: u64,
    _directory: TempDir,
}

impl Calls {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.db");
        let log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
        let reader = SqliteReader::open(&path).unwrap();
        Self { log, reader, next: 1, _directory: directory }
    }

    fn id(&mut self) -> CallId {
        self.next += 1;
        CallId::new(self.next, [0; 10])
    }

    /// The vendor asks for something, and it is refused by these rules.
    pub(crate) fn ask(&mut self, at: UnixMicros, rules: &[&str]) {
        let call = self.id();
        self.log.append(&[Row::of_intent(&asked(call, at, rules)).unwrap()], &[]).unwrap();
    }

    pub(crate) fn put(&mut self, kind: &str, key: &str, value: String) {
        let write = StateWrite { kind: kind.to_owned(), key: key.to_owned(), value: Some(value) };
        self.log.append(&[], &[write]).unwrap();
    }

    /// The texts of all calls so far are no more.
    pub(crate) fn erase(&mut self) {
        let kept = self.reader.kept_of("ana").unwrap().unwrap();
        self.log.erase(&kept.subjects).unwrap();
    }
}

fn asked(call: CallId, at: UnixMicros, rules: &[&str]) -> Intent<'static> {
    let reason = |rule: &&str| Reason {
        rule: RuleId::parse(rule).unwrap(),
        sentence: "no".to_owned(),
        source: None,
        text: None,
        instead: None,
        redact: None,
        approvers: Vec::new(),
        approvals: 1,
        security_relevant: false,
        clause: None,
    };
    let facts = json!({ "contract": {
        "contract": "acme", "vendor": "acme", "standing": "active", "tenant": "open", "entity": "candidate", "operation": "read",
    } });
    let nothing = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"");
    Intent {
        call,
        cause: None,
        at,
        method: Method::ToolsCall,
        agent: AgentId::parse("acme").unwrap(),
        human: HumanId::parse("ana").unwrap(),
        task: TaskId::parse("t_1").unwrap(),
        token_id: Arc::from("t_1"),
        approvals: Vec::new(),
        delegation_chain: Vec::new(),
        wire: "http".into(),
        trace_parent: None,
        app: AppId::parse("ats").unwrap(),
        tool: ToolName::parse("get_candidate").unwrap(),
        class: Class::Read,
        class_source: ClassSource::Pin,
        definition: None,
        verdict: Verdict::Deny,
        reasons: rules.iter().map(reason).collect::<Vec<_>>().into(),
        observed: None,
        bundle: Digest::new([9; 32]),
        directory_age_us: None,
        catalog_age_us: None,
        decide_us: 9,
        arguments_digest: Digest::new(nothing.as_ref().try_into().unwrap()),
        kept: model::ArgumentLevel::Full,
        redacted: None,
        read: None,
        arguments: None,
        facts: serde_json::value::to_raw_value(&facts).unwrap().into(),
    }
}

#[test]
fn calls_whose_text_is_gone_are_counted_by_their_leaves_whatever_refused_them() {
    let contract = amended();
    let at = UnixMicros(Period::parse("2026-11", "UTC").unwrap().begins.0 + 1);
    let mut log = Calls::new();
    for rules in [&["contract:acme/1"][..], &["guard:app-stopped"], &["house-rule"], &["contract:other/1"]] {
        log.ask(at, rules);
    }
    let seen = |log: &Calls| {
        let mut tally = Tally::of(&contract);
        each(&log.reader, &contract, Span::default(), |asked| tally.take(&asked)).unwrap();
        let unknown = tally.unjudged().into_iter().find(|one| one.why.starts_with("its text is erased"));
        (tally.counts.refused, unknown.map_or(0, |one| one.calls))
    };
    // As long as there is a text, it says of which contract a call was.
    assert_eq!(seen(&log), (4, 0));
    log.erase();
    assert_eq!(seen(&log), (3, 3), "not the one that another contract answered");
    log.ask(at, &["guard:app-stopped"]);
    assert_eq!(seen(&log), (4, 3));
}

#[test]
fn a_call_whose_text_is_gone_is_no_call_of_a_contract_about_other_apps_or_another_time() {
    let contract = amended();
    let (period, ats) = (Period::parse("2026-11", "UTC").unwrap(), AppId::parse("ats").unwrap());
    let last = Period::parse("2026-07-01..2027-06-30", "UTC").unwrap().ends;
    let mut log = Calls::new();
    let places = [
        (ats.clone(), period.begins),
        (AppId::parse("crm").unwrap(), period.begins),
        (ats.clone(), UnixMicros(last.0 - 1)),
        (ats, last),
    ];
    for (app, at) in places {
        let asked = Intent { app, ..asked(log.id(), at, &["guard:app-stopped"]) };
        log.log.append(&[Row::of_intent(&asked).unwrap()], &[]).unwrap();
    }
    let seen = |log: &Calls| {
        let mut seen = Vec::new();
        each(&log.reader, &contract, Span::default(), |asked| seen.push(asked.entry.sequence)).unwrap();
        seen
    };
    assert_eq!(seen(&log), [1, 2, 3, 4], "its text says of which contract it is");
    log.erase();
    assert_eq!(seen(&log), [1, 3]);
}

#[test]
fn everything_that_was_done_and_checked_is_there_however_much_that_is() {
    let contract = amended();
    let period = Period::parse("2026", "UTC").unwrap();
    let mut log = Calls::new();
    let rows: Vec<Row> = (0..PAGE as i64 * 2 + 3)
        .map(|number| {
            let what = if number % 2 == 0 { AUDITED } else { "contract.suspend" };
            Row::of_change(&Change {
                id: log.id(),
                at: UnixMicros(period.begins.0 + number),
                by: "human:bo".to_owned(),
                what: what.to_owned(),
                subject: "contract:acme".to_owned(),
                human: None,
                detail: json!({ "clause": "A1", "number": number }),
                state: Vec::new(),
            })
            .unwrap()
        })
        .collect();
    log.log.append(&rows, &[]).unwrap();
    let (done, runs) = changes(&log.reader, &contract, (period.begins, UnixMicros(period.ends.0 - 1))).unwrap();
    assert_eq!((done.len(), runs.len()), (PAGE + 1, PAGE + 2));
    let sequences: Vec<u64> = runs.iter().map(|run| run.sequence).collect();
    assert!(sequences.is_sorted() && sequences.first() == Some(&1), "{sequences:?}");
}

/// As slowly as it is meant: every stretch that ends with a use.
fn slow(used: &[(i64, u64)], micros: i64) -> Option<u64> {
    let in_stretch = |end: i64| used.iter().filter(move |(at, _)| *at <= end && *at > end - micros);
    used.iter().map(|(end, _)| in_stretch(*end).map(|(_, amount)| amount).sum()).max()
}

#[track_caller]
fn check(used: &[(i64, u64)], micros: i64, most: u64, from: i64, until: i64) {
    assert_eq!(busiest(used, micros), Some((most, from, until)), "{used:?} in {micros}");
    assert_eq!(slow(used, micros), Some(most));
}

#[test]
fn the_busiest_stretch_is_any_stretch_and_none_of_a_calendar() {
    assert_eq!(busiest(&[], 10), None);
    check(&[(5, 3)], 10, 3, 5, 5);
    // Both hours of a clock have three; the stretch across them has four.
    check(&[(0, 1), (50, 1), (55, 1), (61, 1), (65, 1), (110, 1)], 60, 4, 50, 65);
    // What is as old as the stretch is long counts no more.
    check(&[(0, 5), (60, 5)], 60, 5, 0, 0);
}

#[test]
fn stretches_agree_with_counting_slowly() {
    let mut seed = 7_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..200 {
        let mut used: Vec<(i64, u64)> = (0..next(40)).map(|_| (next(100) as i64, next(9))).collect();
        used.sort_unstable();
        for micros in [1, 7, 60, 1_000] {
            assert_eq!(busiest(&used, micros).map(|(most, ..)| most), slow(&used, micros), "{used:?} in {micros}");
        }
    }
}

#[test]
fn a_clause_is_asked_about_for_the_time_in_which_it_holds() {
    let contract = amended();
    let period = |text: &str| Period::parse(text, "UTC").unwrap();
    let cases = [
        ("2", "2026-08", Some("2026-08")),
        ("2", "2026", Some("2026-07-01..2026-09-30")),
        ("2", "2026-11", None),
        ("A1", "2026-08", None),
        ("A1", "2026", Some("2026-10-01..2026-12-31")),
        ("A1", "2027", Some("2027-01-01..2027-06-30")),
    ];
    for (clause, of, wanted) in cases {
        let wanted = wanted.map(|text| (period(text).begins, period(text).ends));
        assert_eq!(held_in(&contract, &clause.parse().unwrap(), &period(of)), wanted, "{clause} {of}");
    }
}
