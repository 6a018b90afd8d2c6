use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{
    AgentId, AppId, CallId, Class, ClassSource, Digest, HumanId, Method, Reason, RuleId, TaskId, ToolName, Verdict,
};
use serde_json::json;
use store::{Durability, SqliteLog, SqliteReader};
use tempfile::TempDir;
use tlog::{Frontier, Tile};
use trace::{Change, Delegation, Effect, Intent, LogStore as _, Outcome, OutcomeStatus, Row, StoreFault, Use, UseOf};

use super::readable::plain;
use super::*;

/// 2026-11-21T10:00:03Z.
const NOW: UnixMicros = UnixMicros(1_795_255_203_000_000);
const PIPE: Look = Look { colour: false, signs: true, width: None };

#[test]
fn the_table_says_who_did_what_and_why() {
    let log = Log::told();
    let mut table = Table::new(PIPE, TimeZone::UTC);
    insta::assert_snapshot!(table.lines(&log.newest(all(), 50), NOW).join("\n"), @r#"
    #1  2026-11-20 10:00:03  • change  os-user:ana                people.offboard   bo@example.org
    #2  10:00:00             ✓ allow   Invoice bot for Ana Silva  CRM/find_contact  the baseline permits reads                                                       41 ms
    #4  10:00:01             ✗ deny    Invoice bot for Ana Silva  CRM/find_contact  destructive actions are refused unless a rule of this organisation permits them
    #5  10:00:01             ⏸ hold    Invoice bot for Ana Silva  CRM/send_message  actions that reach outside the organisation wait for a human
    #6  10:00:02             ✓ allow   Invoice bot for Ana Silva  CRM/find_contact  failed, not executed (upstream.unreachable); the baseline permits reads          <1 ms
    #8  10:00:03             ✓ allow   Invoice bot for Ana Silva  CRM/find_contact  no outcome yet; the baseline permits reads
    "#);
}

#[test]
fn a_terminal_gets_lines_that_fit() {
    let log = Log::told();
    for width in [24, 60, 80, 100, 132] {
        let look = Look { colour: false, signs: false, width: Some(width) };
        for line in Table::new(look, TimeZone::UTC).lines(&log.newest(all(), 50), NOW) {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
    let look = Look { width: Some(100), ..PIPE };
    let lines = Table::new(look, TimeZone::UTC).lines(&log.newest(all(), 50), NOW);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    #1  2026-11-20 10:00:03  • change  os-user:ana         people.offboard   bo@example.org
    #2  10:00:00             ✓ allow   Invoice bot for A…  CRM/find_contact  the baseline permit…  41 ms
    #4  10:00:01             ✗ deny    Invoice bot for A…  CRM/find_contact  destructive actions…
    #5  10:00:01             ⏸ hold    Invoice bot for A…  CRM/send_message  actions that reach …
    #6  10:00:02             ✓ allow   Invoice bot for A…  CRM/find_contact  failed, not execute…  <1 ms
    #8  10:00:03             ✓ allow   Invoice bot for A…  CRM/find_contact  no outcome yet; the…
    "#);
}

#[test]
fn filters_find_calls_only_and_changes_come_where_they_are_wanted() {
    let log = Log::told();
    let sequences =
        |args: TraceArgs, limit| -> Vec<u64> { log.newest(args, limit).iter().map(|entry| entry.sequence).collect() };
    assert_eq!(sequences(all(), 50), [1, 2, 4, 5, 6, 8]);
    assert_eq!(sequences(all(), 2), [6, 8]);
    assert_eq!(sequences(TraceArgs { changes: false, ..all() }, 50), [2, 4, 5, 6, 8]);
    assert_eq!(sequences(TraceArgs { verdict: Some(Verdict::Deny), changes: false, ..all() }, 50), [4]);
    assert_eq!(sequences(TraceArgs { app: Some("mail".to_owned()), changes: false, ..all() }, 50), [5]);
    assert_eq!(sequences(TraceArgs { since: Some("1s".to_owned()), ..all() }, 50), [6, 8]);
}

#[test]
fn a_bad_moment_says_what_is_right() {
    let args = TraceArgs { since: Some("yesterday".to_owned()), ..all() };
    let Err(fault) = Questions::of(&args, NOW) else { panic!("it was taken") };
    insta::assert_snapshot!(format!("{fault}\nhint: {}", fault.way_out().unwrap()), @r#"
    `yesterday` is not a moment: it takes `2h`, `7d`, `2026-11-21` or `2026-11-21T10:00:00Z`
    hint: `--since 2h` is the last two hours; a date and time needs its zone, as in `2026-11-21T10:00:00Z`
    "#);
}

#[test]
fn whoever_follows_sees_a_call_with_its_outcome_or_after_a_moment_without() {
    let mut log = Log::told();
    let questions = Questions::of(&all(), NOW).unwrap();
    let mut follower = Follower::new(&log.newest(all(), 50), log.reader.last_sequence().unwrap());
    let mut look = |log: &Log, after: i64| -> Vec<(u64, bool)> {
        let entries = follower.look(&log.reader, &questions, UnixMicros(NOW.0 + after)).unwrap();
        entries.iter().map(|entry| (entry.sequence, entry.outcome_leaf.is_some())).collect()
    };
    assert_eq!(look(&log, 0), []);
    log.append(&[Row::of_intent(&intent(20, Verdict::Allow)), Row::of_intent(&intent(21, Verdict::Deny))]);
    assert_eq!(look(&log, 200_000), [(10, false)]);
    assert_eq!(look(&log, 400_000), []);
    log.append(&[Row::of_outcome(&answered(20))]);
    assert_eq!(look(&log, 600_000), [(9, true)]);
    log.append(&[Row::of_intent(&intent(22, Verdict::Allow))]);
    assert_eq!(look(&log, 1_000_000), []);
    assert_eq!(look(&log, 2_000_000), [(12, false)]);
    assert_eq!(look(&log, 3_000_000), []);
    log.append(&[Row::of_outcome(&answered(22)), Row::of_outcome(&answered(8))]);
    assert_eq!(look(&log, 4_000_000), [(8, true), (12, true)]);
    assert_eq!(look(&log, 5_000_000), []);
}

#[test]
fn nothing_in_a_record_moves_the_cursor() {
    assert_eq!(plain("Ana Silva — søster"), "Ana Silva — søster");
    assert_eq!(plain("a\u{1b}[2J\u{202e}b\nc"), "a\\u{1b}[2J\\u{202e}b\\u{a}c");
    for unseen in "\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\u{34f}\u{115f}\u{3164}\u{fe0f}\u{206a}\u{e0041}".chars() {
        assert_eq!(plain(&format!("a{unseen}b")), format!("a\\u{{{:x}}}b", u32::from(unseen)));
    }
}

#[test]
fn empty_says_what_will_appear() {
    let questions = |args| Questions::of(&args, NOW).unwrap();
    insta::assert_snapshot!(nothing_found(0, &questions(all())), @"nothing was decided yet: every call an agent makes through `countersign serve` appears here, with its verdict and its outcome (`countersign demo` makes some)");
    let narrow = questions(TraceArgs { agent: Some("nobody".to_owned()), ..all() });
    insta::assert_snapshot!(nothing_found(8, &narrow), @"none of the 8 records fits; without filters, `countersign trace` shows the newest");
}

/// A log on disk, and a reader beside it.
pub(in crate::commands) struct Log {
    log: SqliteLog,
    pub(in crate::commands) reader: SqliteReader,
    _directory: TempDir,
}

impl Log {
    /// A change, then five calls: answered, denied, held, failed, and one still under way.
    pub(in crate::commands) fn told() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.db");
        let log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
        let reader = SqliteReader::open(&path).unwrap();
        let mut log = Self { log, reader, _directory: directory };
        let mail = |call: Intent<'static>| Intent {
            app: AppId::parse("mail").unwrap(),
            tool: ToolName::parse("send_message").unwrap(),
            ..call
        };
        let failed = Outcome {
            status: OutcomeStatus::Failed,
            effect: Effect::NotExecuted,
            code: Some("upstream.unreachable".to_owned()),
            answer_digest: None,
            answer_bytes: 0,
            scrubbed: 0,
            took_us: 700,
            ..answered(6)
        };
        log.append(&[
            Row::of_change(&change()),
            Row::of_intent(&intent(2, Verdict::Allow)),
            Row::of_outcome(&answered(2)),
            Row::of_intent(&intent(4, Verdict::Deny)),
            Row::of_intent(&mail(intent(5, Verdict::Hold))),
            Row::of_intent(&intent(6, Verdict::Allow)),
            Row::of_outcome(&failed),
            Row::of_intent(&intent(8, Verdict::Allow)),
        ]);
        log
    }

    /// What Bo said to the call of this record, which waited.
    pub(in crate::commands) fn said_of(&mut self, record: &str, what: &str, detail: serde_json::Value) {
        let waited = self.reader.by_id(record).unwrap().remove(0).call;
        let said = Change {
            id: call(30),
            at: NOW,
            by: "human:bo@example.org".to_owned(),
            what: what.to_owned(),
            subject: format!("hold:{}", model::HoldId::of(&waited)),
            detail,
            ..change()
        };
        self.append(&[Row::of_change(&said)]);
    }

    /// One more call.
    pub(in crate::commands) fn ask(&mut self, number: u8, verdict: Verdict) {
        self.append(&[Row::of_intent(&intent(number, verdict))]);
    }

    fn append(&mut self, rows: &[Result<Row, trace::TraceError>]) {
        let rows: Vec<Row> = rows.iter().map(|row| row.as_ref().unwrap().clone()).collect();
        self.log.append(&rows, &[]).unwrap();
    }

    fn newest(&self, args: TraceArgs, limit: usize) -> Vec<Entry> {
        let upto = self.reader.last_sequence().unwrap();
        Questions::of(&args, NOW).unwrap().newest(&self.reader, upto, limit).unwrap()
    }
}

fn all() -> TraceArgs {
    TraceArgs {
        action: None,
        agent: None,
        human: None,
        app: None,
        tool: None,
        verdict: None,
        observed: false,
        since: None,
        until: None,
        limit: 50,
        changes: true,
        follow: false,
        wide: false,
    }
}

fn call(number: u8) -> CallId {
    CallId::new(u64::from(number), [number; 10])
}

/// Half a second a number, up to now.
fn at(number: u8) -> UnixMicros {
    UnixMicros(NOW.0 - 4_000_000 + i64::from(number) * 500_000)
}

fn change() -> Change {
    Change {
        id: call(1),
        at: UnixMicros(NOW.0 - 86_400_000_000),
        by: "os-user:ana".to_owned(),
        what: "people.offboard".to_owned(),
        subject: "bo@example.org".to_owned(),
        human: None,
        detail: json!({ "reason": "left", "tickets": [1, 2] }),
        state: Vec::new(),
    }
}

fn intent(number: u8, verdict: Verdict) -> Intent<'static> {
    let arguments = Bytes::from_static(
        br#"{"query":"acme \u001b[31m","limit":10.0,"filter":{"tags":["a","b"],"none":{}},"big":12345678901234567890123}"#,
    );
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &arguments);
    let facts = json!({
        "agent": { "id": "invoice-bot", "name": "Invoice bot", "owner": "ana@example.org", "active": true },
        "human": { "id": "ana@example.org", "name": "Ana Silva", "department": "finance", "seniority": null,
            "role": "controller", "manager": "bo@example.org", "active": true },
        "app": { "id": "crm", "name": "CRM", "risk": "high", "data": "restricted", "category": "crm",
            "owners": ["bo@example.org"], "access": {}, "stopped": false },
        "tool": { "name": "find_contact", "class": "read", "class_source": "pin", "status": "pinned" },
        "access": true,
        "all_stopped": false,
    });
    Intent {
        call: call(number),
        cause: None,
        at: at(number),
        method: Method::ToolsCall,
        agent: AgentId::parse("invoice-bot").unwrap(),
        human: HumanId::parse("ana@example.org").unwrap(),
        task: TaskId::parse("t_1").unwrap(),
        token_id: Arc::from("t_1"),
        approvals: Vec::new(),
        delegation_chain: vec![Delegation {
            delegator: "human:ana@example.org".to_owned(),
            delegatee: "agent:invoice-bot".to_owned(),
            scope: None,
        }],
        wire: "mcp/2025-11-25".into(),
        trace_parent: None,
        app: AppId::parse("crm").unwrap(),
        tool: ToolName::parse("find_contact").unwrap(),
        class: Class::Read,
        class_source: ClassSource::Pin,
        definition: Some(Digest::new([7; 32])),
        verdict,
        reasons: vec![reason(verdict)].into(),
        observed: None,
        bundle: Digest::new([9; 32]),
        directory_age_us: Some(7_200_000_000),
        catalog_age_us: Some(12_345_678),
        decide_us: 9,
        arguments_digest: Digest::new(digest.as_ref().try_into().unwrap()),
        kept: model::ArgumentLevel::Full,
        redacted: None,
        read: None,
        arguments: Some(arguments),
        facts: serde_json::value::to_raw_value(&facts).unwrap().into(),
    }
}

fn reason(verdict: Verdict) -> Reason {
    let says: BTreeMap<_, _> = [
        (Verdict::Allow, "the baseline permits reads"),
        (Verdict::Hold, "actions that reach outside the organisation wait for a human"),
        (Verdict::Deny, "destructive actions are refused unless a rule of this organisation permits them"),
    ]
    .into();
    Reason {
        rule: RuleId::parse("baseline-some").unwrap(),
        sentence: says[&verdict].to_owned(),
        source: Some("baseline.cedar:12".to_owned()),
        text: Some("@id(\"baseline-some\")\nforbid (principal, action, resource);".to_owned()),
        instead: (verdict != Verdict::Allow).then(|| "prepare a draft inside the app".to_owned()),
        redact: None,
        approvers: if verdict == Verdict::Hold { vec!["owner-of-app".to_owned()] } else { Vec::new() },
        approvals: 1,
        security_relevant: false,
        clause: None,
    }
}

fn answered(number: u8) -> Outcome {
    Outcome {
        call: call(number),
        human: None,
        at: UnixMicros(at(number).0 + 41_500),
        effect: Effect::Executed,
        status: OutcomeStatus::Answered,
        code: None,
        agrees: Some(true),
        answer_digest: Some(Digest::new([3; 32])),
        answer_bytes: 1_204,
        came: None,
        hidden: None,
        scrubbed: 1,
        wire: Some("mcp/2025-06-18".into()),
        http_status: Some(200),
        rpc_code: None,
        credential: Some("vault:crm".to_owned()),
        durable_us: Some(412),
        took_us: 41_200,
    }
}

#[test]
fn flags_and_the_language_ask_the_same() {
    let args = TraceArgs {
        agent: Some("bot".to_owned()),
        verdict: Some(Verdict::Deny),
        observed: true,
        since: Some("1h".to_owned()),
        changes: false,
        ..all()
    };
    let asked = asked::question(&["verdict:deny observed:yes".to_owned(), "agent:bot since:1h".to_owned()], NOW);
    let sorted = |query: &Query| {
        let mut terms: Vec<String> = query.to_string().split(' ').map(str::to_owned).collect();
        terms.sort_unstable();
        terms
    };
    assert_eq!(sorted(Questions::of(&args, NOW).unwrap().calls()), sorted(&asked.unwrap()));
}

#[test]
fn a_question_that_is_wrong_gets_the_nearest_word() {
    let wrong = |text: &str| {
        let fault = asked::question(&[text.to_owned()], NOW).unwrap_err();
        format!("{fault}\nhint: {}", fault.way_out().unwrap())
    };
    insta::assert_snapshot!(wrong("app:crm verdit:deny"), @"
    there is no key `verdit`
      | app:crm verdit:deny
      |         ^^^^^^
    hint: did you mean `verdict`?
    ");
    insta::assert_snapshot!(wrong("verdict:alow"), @"
    `verdict` does not take `alow`
      | verdict:alow
      |         ^^^^
    hint: did you mean `allow`?
    ");
}

#[test]
fn an_end_that_nobody_signed_for_long_is_not_restored() {
    let audit = |unsigned, unsigned_us| {
        let (erased, let_go, checkpoints, signed, bad) = (0, 0, 1, None, None);
        trace::Audit { records: 900, erased, let_go, unsigned, unsigned_us, checkpoints, signed, bad }
    };
    for (unsigned, took_us) in [(0, 0), (1, 0), (800, 500_000), (20, 60_000_000)] {
        assert!(backup::refuse_unsigned(&audit(unsigned, took_us)).is_ok(), "{unsigned} {took_us}");
    }
    let refused = backup::refuse_unsigned(&audit(800, 90_000_000)).unwrap_err();
    insta::assert_snapshot!(refused, @"the backup is not what was backed up: nobody has signed record 101 and those behind it, which were made in 90 seconds; a gateway signs several times a second");
}

#[test]
fn an_end_that_nobody_signed_is_right_for_a_minute_and_where_nobody_asks_for_more() {
    let root = tlog::Hash::of_leaf(b"x");
    let audit = |unsigned, unsigned_us| trace::Audit {
        records: 900,
        erased: 0,
        let_go: 0,
        unsigned,
        unsigned_us,
        checkpoints: 1,
        signed: Some(tlog::Tree { size: 100, root }),
        bad: None,
    };
    let found = |unsigned, took_us, from, to_the_last| {
        verify::unsigned(&audit(unsigned, took_us), from, to_the_last).map(|bad| (bad.sequence, bad.what))
    };
    for (unsigned, took_us) in [(0, 0), (1, 0), (800, 60_000_000)] {
        assert_eq!(found(unsigned, took_us, 1, false), None, "{unsigned} {took_us}");
    }
    let (sequence, what) = found(800, 291_000_000, 1, false).unwrap();
    assert_eq!(sequence, 101);
    assert!(what.contains("in 291 seconds"), "{what}");
    assert_eq!(found(1, 0, 300, true), Some((300, "no checkpoint covers it".to_owned())));
    assert_eq!(found(0, 0, 50, true), None);
}

#[test]
fn a_day_ends_at_its_end_wherever_it_is_written() {
    let day = "2026-11-20";
    let said = asked::question(&[format!("since:{day}"), format!("until:{day}")], NOW).unwrap();
    let words = || Some(day.to_owned());
    let flags = Questions::of(&TraceArgs { since: words(), until: words(), ..all() }, NOW).unwrap();
    let window = crate::cli::WindowArgs { since: words(), until: words(), ..crate::cli::WindowArgs::default() };
    let window = asked::window(&window, NOW).unwrap();
    for bounds in [(flags.calls().since, flags.calls().until), (window.since, window.until)] {
        assert_eq!(bounds, (said.since, said.until));
    }
    assert_eq!(trace::rfc3339(said.until.unwrap()), "2026-11-20T23:59:59.999999Z");
}

#[test]
fn no_call_is_forgotten_before_it_was_shown() {
    let mut log = Log::told();
    let questions = Questions::of(&all(), NOW).unwrap();
    let upto = log.reader.last_sequence().unwrap();
    let mut follower = Follower::new(&[], upto);
    let mut shown = std::collections::BTreeSet::new();
    for start in [100_u128, 700] {
        let open = |number| Intent { call: CallId::from_bits(number), ..intent(8, Verdict::Allow) };
        log.append(&(start..start + 600).map(|number| Row::of_intent(&open(number))).collect::<Vec<_>>());
        let fresh = follower.look(&log.reader, &questions, NOW).unwrap();
        shown.extend(fresh.into_iter().map(|entry| entry.sequence));
    }
    let late = follower.look(&log.reader, &questions, UnixMicros(NOW.0 + 2_000_000)).unwrap();
    shown.extend(late.into_iter().map(|entry| entry.sequence));
    assert_eq!(shown.len(), 1_200);
}

#[test]
fn whoever_goes_on_behind_a_record_gets_the_calls_that_were_under_way_there() {
    let mut log = Log::told();
    let questions = Questions::just(asked::question(&[], NOW).unwrap());
    log.append(&[Row::of_intent(&intent(20, Verdict::Allow)), Row::of_intent(&intent(21, Verdict::Allow))]);
    log.append(&[Row::of_outcome(&answered(21))]);
    // The second was shown, and whoever reads stops. Then the first ends, after one that was made later.
    log.append(&[Row::of_intent(&intent(22, Verdict::Allow)), Row::of_outcome(&answered(22))]);
    log.append(&[Row::of_outcome(&answered(20))]);
    let look = |place| -> Vec<u64> {
        let mut follower = Follower::behind(&log.reader, &questions, place).unwrap();
        let entries = follower.look(&log.reader, &questions, UnixMicros(NOW.0 + 2_000_000)).unwrap();
        entries.iter().map(|entry| entry.sequence).collect()
    };
    assert_eq!(look(11), [8, 9, 12], "what never ended comes as well");
    assert_eq!(look(14), [8]);
    assert_eq!(look(0), [2, 4, 5, 6, 9, 10, 12]);
}

#[test]
fn whoever_goes_on_behind_a_record_of_a_busy_gateway_goes_on_at_once() {
    let mut log = Log::told();
    let questions = Questions::just(asked::question(&[], NOW).unwrap());
    log.append(&[Row::of_intent(&intent(20, Verdict::Allow))]);
    let place = log.reader.last_sequence().unwrap();
    let made = 1_000_u128..4_000;
    log.append(
        &made
            .clone()
            .flat_map(|number| {
                let call = CallId::from_bits(number);
                let outcome = Outcome { call: call.clone(), ..answered(8) };
                [Row::of_intent(&Intent { call, ..intent(8, Verdict::Allow) }), Row::of_outcome(&outcome)]
            })
            .collect::<Vec<_>>(),
    );
    log.append(&[Row::of_outcome(&answered(20)), Row::of_outcome(&answered(8))]);
    let reader = Counting { reader: log.reader, read: Cell::default(), asked_for: Cell::default() };
    let mut follower = Follower::behind(&reader, &questions, place).unwrap();
    assert_eq!(reader.read.take(), 1, "the record itself, however much stands behind it");
    let mut look = || -> Vec<u64> {
        let entries = follower.look(&reader, &questions, UnixMicros(NOW.0 + 2_000_000)).unwrap();
        entries.iter().map(|entry| entry.sequence).collect()
    };
    assert_eq!(look(), (0..1_000).map(|number| place + 1 + 2 * number).collect::<Vec<_>>());
    assert!(reader.read.take() < 2_500, "no more than what is shown, with its outcomes");
    let rest: Vec<u64> = std::iter::repeat_with(look).take(4).flatten().collect();
    assert_eq!(rest.len(), 2_002);
    assert!([8, place].iter().all(|under_way| rest.contains(under_way)), "{rest:?}");
    assert_eq!(reader.asked_for.get(), 0, "no call is asked for by itself");
}

#[test]
fn a_call_that_ends_while_somebody_catches_up_is_shown_once() {
    let mut log = Log::told();
    let questions = Questions::just(asked::question(&[], NOW).unwrap());
    log.append(&[Row::of_intent(&intent(20, Verdict::Allow))]);
    let place = log.reader.last_sequence().unwrap();
    let others = (1_000_u128..2_500).flat_map(|number| {
        let call = CallId::from_bits(number);
        let outcome = Outcome { call: call.clone(), ..answered(8) };
        [Row::of_intent(&Intent { call, ..intent(8, Verdict::Allow) }), Row::of_outcome(&outcome)]
    });
    log.append(&others.collect::<Vec<_>>());
    let mut follower = Follower::behind(&log.reader, &questions, place).unwrap();
    log.append(&[Row::of_outcome(&answered(20))]);
    let look = || follower.look(&log.reader, &questions, NOW).unwrap();
    let shown: Vec<Entry> = std::iter::repeat_with(look).take(5).flatten().collect();
    let ended: Vec<bool> =
        shown.iter().filter(|entry| entry.sequence == place).map(|entry| entry.outcome_leaf.is_some()).collect();
    assert_eq!(ended, [true]);
}

/// A reader that counts what is read.
struct Counting {
    reader: SqliteReader,
    /// Records that were found.
    read: Cell<usize>,
    /// Calls that were asked for, one by one.
    asked_for: Cell<usize>,
}

impl LogReader for Counting {
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        let found = self.reader.find(query)?;
        self.read.set(self.read.get() + found.len());
        Ok(found)
    }

    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        self.asked_for.set(self.asked_for.get() + 1);
        self.reader.by_id(id)
    }

    fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, StoreFault> {
        self.reader.uses(of)
    }

    fn counted(&self, query: &Query) -> Result<Vec<Use>, StoreFault> {
        self.reader.counted(query)
    }

    fn unfinished(&self) -> Result<Vec<CallId>, StoreFault> {
        self.reader.unfinished()
    }

    fn last_sequence(&self) -> Result<u64, StoreFault> {
        self.reader.last_sequence()
    }

    fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault> {
        self.reader.state(kind)
    }

    fn tree(&self) -> Result<Frontier, StoreFault> {
        self.reader.tree()
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreFault> {
        self.reader.tile(tile)
    }
}

#[test]
fn an_outcome_by_itself_is_told() {
    let mut log = Log::told();
    log.append(&[Row::of_intent(&intent(20, Verdict::Allow)), Row::of_outcome(&answered(20))]);
    let questions = Questions::just(asked::question(&["kind:outcome".to_owned()], NOW).unwrap());
    let upto = log.reader.last_sequence().unwrap();
    let newest = questions.newest(&log.reader, upto, 1).unwrap();
    let line = Table::new(PIPE, TimeZone::UTC).lines(&newest, NOW).remove(0);
    assert!(line.starts_with("#10  10:00") && line.contains("• ended ") && line.contains("answered"), "{line}");
    assert!(line.contains(call(20).as_str()) && line.ends_with("ms"), "{line}");
}

#[test]
fn whoever_follows_what_failed_sees_it_once_it_has() {
    let mut log = Log::told();
    let questions = Questions::just(asked::question(&["status:answered".to_owned()], NOW).unwrap());
    let upto = log.reader.last_sequence().unwrap();
    let mut follower = Follower::new(&questions.newest(&log.reader, upto, 50).unwrap(), upto);
    let mut look = |log: &Log, after: i64| -> Vec<u64> {
        let entries = follower.look(&log.reader, &questions, UnixMicros(NOW.0 + after)).unwrap();
        entries.iter().map(|entry| entry.sequence).collect()
    };
    log.append(&[Row::of_intent(&intent(20, Verdict::Allow)), Row::of_intent(&intent(21, Verdict::Deny))]);
    assert_eq!(look(&log, 0), [0_u64; 0]);
    log.append(&[Row::of_outcome(&answered(20))]);
    assert_eq!(look(&log, 200_000), [9]);
    assert_eq!(look(&log, 400_000), [0_u64; 0]);
}
