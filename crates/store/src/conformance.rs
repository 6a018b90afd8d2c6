//! What every store must do, whatever it is made of.

use std::collections::BTreeMap;

use model::{CallId, UnixMicros, Verdict};
use tlog::{Algorithm, SigningKey};
use trace::{
    Due, ERASING_KEY, Entry, Field, Known, LogReader, LogStore, Notary, Query, RecordKind, Retention, SETTLED_KIND,
    StateWrite, StoreFaultKind, Use, UseOf, audit, audit_range, mark_unknown, verify_leaf,
};

use crate::samples::{
    asked_in, at, call, change, change_about, change_of, ended, erased, intent, observed, outcome, put, retained,
};

/// Runs the whole suite. `open` gives a new, empty store each time, and a reader of it.
pub(crate) fn trace_conformance<W: LogStore, R: LogReader>(open: impl Fn() -> (W, R)) {
    let cases: [fn(&mut W, &R); 15] = [
        sequences_are_consecutive::<W, R>,
        records_come_back_whole::<W, R>,
        questions_find_what_fits::<W, R>,
        what_was_observed_is_found::<W, R>,
        questions_mean_what_they_say::<W, R>,
        uses_are_counted::<W, R>,
        times_bound_even_when_the_clock_steps_back::<W, R>,
        pages_continue::<W, R>,
        ids_are_found_by_tail_and_number::<W, R>,
        open_calls_are_known::<W, R>,
        an_outcome_is_found_whenever_it_comes::<W, R>,
        many_records_are_found_by_name::<W, R>,
        changes_are_found_by_what_they_concern::<W, R>,
        state_goes_with_the_records::<W, R>,
        an_empty_store_answers::<W, R>,
    ];
    for case in cases {
        let (mut log, reader) = open();
        case(&mut log, &reader);
        assert_eq!(reader.lost(&mut |_| {}).unwrap(), None, "questions find all that was written");
    }
}

/// What an older version wrote: the ten records that `tests/filled-*.sql` holds, and that it goes on behind them.
pub(crate) fn a_filled_log_is_whole<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let entries = reader.find(&Query { newest_first: false, ..Query::default() }).unwrap();
    assert_eq!(sequences(&entries), (1..=10).collect::<Vec<u64>>());
    let mut tree = tlog::Frontier::new();
    for entry in &entries {
        assert_eq!(verify_leaf(entry), Ok(()));
        tree.append(&[tlog::Hash::new(*entry.leaf_hash.as_bytes())], |_, _| {}).unwrap();
    }
    assert_eq!(reader.tree().unwrap().tree(), tree.tree());
    assert_eq!(reader.lost(&mut |_| {}).unwrap(), None);
    for (text, expected) in [
        ("agent:bot", &[1, 5, 6, 7][..]),
        ("code:c.d kind:intent", &[5]),
        ("rule:other task:t-9", &[10]),
        ("kind:change", &[4]),
        ("subject:ada", &[4]),
        ("subject:human:ada", &[]),
        ("would:deny", &[6]),
    ] {
        check_query(reader, &Query::parse(text, at(0)).unwrap(), expected);
    }
    assert_eq!(reader.unfinished().unwrap(), [call(10)]);
    assert_eq!(reader.state("person").unwrap(), [("ada".to_owned(), "8".to_owned())]);
    assert_eq!(reader.uses(UseOf::Agent("bot")).unwrap().len(), 4);
    assert_eq!(log.append(&[outcome(10, 11)], &[]).unwrap(), 11);
    assert_eq!(reader.unfinished().unwrap(), []);
    check_query(reader, &Query::parse("task:t-9 status:answered", at(0)).unwrap(), &[10]);
}

fn sequences_are_consecutive<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    assert_eq!(log.append(&[], &[]).unwrap(), 1);
    assert_eq!(log.append(&[change(1), change(2)], &[]).unwrap(), 1);
    assert_eq!(log.append(&[change(3)], &[]).unwrap(), 3);
    assert_eq!(log.append(&[], &[put("ada", Some("1"))]).unwrap(), 4);
    assert_eq!(reader.last_sequence().unwrap(), 3);
}

fn records_come_back_whole<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let rows = [intent(1, "bot", "ada", "crm/read", Verdict::Allow), outcome(1, 2), change(3)];
    log.append(&rows, &[]).unwrap();
    let entries = reader.find(&Query { newest_first: false, ..Query::default() }).unwrap();
    assert_eq!(entries.len(), rows.len());
    for (entry, row) in entries.iter().zip(&rows) {
        assert_eq!(verify_leaf(entry), Ok(()));
        assert_eq!((entry.kind, &entry.call, entry.at), (row.kind, &row.call, row.at));
        assert_eq!((Some(&entry.leaf), entry.leaf_hash), (row.leaf_text().as_ref(), row.leaf_hash));
        assert_eq!(entry.body, row.body_text());
        assert_eq!((entry.class, entry.verdict), (row.class, row.verdict));
        assert_eq!(entry.human.as_deref(), row.human.as_ref().map(|human| human.as_str()));
    }
    assert_eq!(entries[0].outcome_leaf, rows[1].leaf_text());
    assert_eq!(entries[0].outcome().unwrap().took_us, 700);
    assert_eq!(entries[1].outcome_leaf, None);
    assert_eq!(entries[2].change().unwrap().what, "people.offboard");
}

fn questions_find_what_fits<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let rows = [
        intent(1, "bot", "ada", "crm/read", Verdict::Allow),
        outcome(1, 2),
        intent(3, "bot", "bob", "mail/send", Verdict::Deny),
        intent(4, "cat", "ada", "crm/write", Verdict::Hold),
        change(5),
        intent(6, "bot", "ada", "mail/send", Verdict::Redact),
    ];
    log.append(&rows, &[]).unwrap();
    let check = |text: &str, expected: &[u64]| {
        for newest_first in [true, false] {
            let query = Query { newest_first, ..Query::parse(text, at(0)).unwrap() };
            check_query(reader, &query, expected);
        }
    };
    check("", &[1, 2, 3, 4, 5, 6]);
    check("agent:bot", &[1, 3, 6]);
    check("human:ada", &[1, 4, 6]);
    check("app:mail", &[3, 6]);
    check("tool:send", &[3, 6]);
    check("verdict:allow", &[1]);
    check("verdict:deny", &[3]);
    check("verdict:allow,deny", &[1, 3]);
    check("-verdict:allow", &[2, 3, 4, 5, 6]);
    check("-verdict:allow kind:intent", &[3, 4, 6]);
    check("kind:intent", &[1, 3, 4, 6]);
    check("kind:outcome", &[2]);
    check("kind:change", &[5]);
    check("kind:change,outcome", &[2, 5]);
    check("kind:change agent:bot", &[]);
    check("agent:bot human:ada", &[1, 6]);
    check("agent:bot,cat -app:crm", &[3, 6]);
    check("app:mail verdict:redact", &[6]);
    check("agent:\"bot' OR 1=1 --\"", &[]);
    check("agent:nobody,bot verdict:deny,hold", &[3]);
    check("class:read", &[1, 3, 4, 6]);
    check("class:destructive", &[]);
    check("rule:crm.reads app:mail", &[3, 6]);
    check("rule:other", &[]);
    check("-rule:other -kind:outcome", &[1, 3, 4, 5, 6]);
    check("task:t-1 verdict:hold", &[4]);
    check("task:t-2", &[]);
    check("-task:t-1", &[2, 5]);
    check("method:tools/call -verdict:deny", &[1, 4, 6]);
    check("status:answered", &[1, 2]);
    check("effect:executed kind:intent", &[1]);
    check("-status:answered kind:intent", &[3, 4, 6]);
    check("status:failed", &[]);
    check("what:people.offboard", &[5]);
    check("subject:ada by:os-user:root", &[5]);
    check("subject:bob", &[]);
    check(&format!("call:{}", call(1)), &[1, 2]);
    check(&format!("call:{} kind:outcome", call(1)), &[2]);
    check(&format!("call:{},{}", call(4), call(5)), &[4, 5]);
    check(&format!("-call:{}", call(1)), &[3, 4, 5, 6]);
    check(&format!("call:{}", call(99)), &[]);
    let any = || Query { newest_first: false, ..Query::default() };
    check_query(reader, &Query { since: Some(at(4)), ..any() }, &[4, 5, 6]);
    check_query(reader, &Query { until: Some(at(3)), ..any() }, &[1, 2, 3]);
    check_query(reader, &Query { since: Some(at(2)), until: Some(at(4)), ..any() }, &[2, 3, 4]);
    check_query(reader, &Query { since: Some(at(2)), ..any() }.with(Field::Agent, "bot"), &[3, 6]);
    check_query(reader, &Query { since: Some(at(99)), ..any() }, &[]);
    check_query(reader, &Query { after_sequence: Some(4), ..any() }, &[5, 6]);
    check_query(reader, &Query { after_sequence: Some(u64::MAX), ..any() }, &[]);
    check_query(reader, &Query { before_sequence: Some(3), ..any() }, &[1, 2]);
    check_query(reader, &Query { before_sequence: Some(0), ..any() }, &[]);
    check_query(
        reader,
        &Query { after_sequence: Some(1), before_sequence: Some(5), ..any() }.with(Field::Human, "ada"),
        &[4],
    );
    check_query(reader, &Query { limit: 0, ..any() }, &[]);
    let unclear = Query::default().with(Field::Call, "abc");
    assert_eq!(reader.find(&unclear).unwrap_err().kind(), StoreFaultKind::Question);
}

fn check_query<R: LogReader>(reader: &R, query: &Query, expected: &[u64]) {
    let mut found = sequences(&reader.find(query).unwrap());
    if query.newest_first {
        found.reverse();
    }
    assert_eq!(found, expected, "{query}");
}

fn what_was_observed_is_found<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let named = "mail/,\"would\":\"deny\"";
    log.append(
        &[
            intent(1, "bot", "ada", "find", Verdict::Allow),
            change(2),
            observed(3),
            intent(4, "a", "b", named, Verdict::Deny),
        ],
        &[],
    )
    .unwrap();
    for (text, expected) in [
        ("observed:yes", &[3][..]),
        ("would:deny", &[3]),
        ("would:hold", &[]),
        ("observed:yes verdict:deny", &[]),
        ("observed:no", &[1, 4]),
        ("-observed:yes", &[1, 2, 4]),
    ] {
        check_query(reader, &Query::parse(text, at(0)).unwrap(), expected);
    }
}

/// Every question of many kinds, against what it means.
fn questions_mean_what_they_say<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let mut chance: u64 = 7;
    let mut below = move |bound: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % bound
    };
    for start in (1..300).step_by(60) {
        let mut rows = Vec::new();
        for number in start..start + 60 {
            rows.push(match below(8) {
                0 => change(number),
                1 => ended(number - 1 - below(20).min(u64::from(number) - 1) as u16, number, below(4)),
                2 => observed(number),
                _ => {
                    let (agent, human) = (["bot", "cat", "dog"][below(3) as usize], ["ada", "bob"][below(2) as usize]);
                    let tool = ["crm/read", "mail/send", "mail/draft"][below(3) as usize];
                    let verdict = Verdict::ALL[below(9).saturating_sub(4) as usize];
                    let rule = ["a", "b", "guard:stopped"][below(3) as usize];
                    asked_in(number, agent, human, tool, verdict, &format!("t-{}", below(40)), rule)
                }
            });
        }
        log.append(&rows, &[]).unwrap();
    }
    let everything = reader.find(&Query { limit: usize::MAX, newest_first: false, ..Query::default() }).unwrap();
    assert_eq!(everything.len(), 300);
    let terms = [
        "agent:bot",
        "agent:cat,dog",
        "human:bob",
        "app:mail",
        "tool:send,read",
        "class:read",
        "verdict:deny",
        "verdict:allow",
        "verdict:hold,defer",
        "would:deny",
        "observed:yes",
        "rule:a",
        "rule:guard:stopped,b",
        "task:t-3",
        "task:t-4,t-5,t-6",
        "effect:unknown",
        "effect:executed",
        "status:failed,unknown",
        "status:answered",
        "code:a.b",
        "kind:intent",
        "kind:outcome",
        "kind:change",
        "kind:intent,change",
        "what:people.offboard",
        "subject:ada",
        "method:tools/call",
        "bundle:none",
    ];
    for _ in 0..80 {
        let mut text = String::new();
        for _ in 0..=below(3) {
            let sign = if below(4) == 0 { "-" } else { "" };
            text.push_str(&format!(" {sign}{}", terms[below(terms.len() as u64) as usize]));
        }
        let moment = |number: u64| at(u16::try_from(number).unwrap());
        let query = Query {
            since: (below(4) == 0).then(|| moment(below(300))),
            until: (below(4) == 0).then(|| moment(below(300))),
            after_sequence: (below(6) == 0).then(|| below(300)),
            before_sequence: (below(6) == 0).then(|| below(300)),
            limit: if below(2) == 0 { 10 } else { usize::MAX },
            newest_first: below(2) == 0,
            ..Query::parse(&text, at(0)).unwrap()
        };
        let mut expected: Vec<u64> =
            everything.iter().filter(|entry| query.fits(entry)).map(|entry| entry.sequence).collect();
        if query.newest_first {
            expected.reverse();
        }
        expected.truncate(query.limit);
        assert_eq!(sequences(&reader.find(&query).unwrap()), expected, "{query:?}");
        let calls = Query { limit: usize::MAX, ..query.clone() }.of_kind(RecordKind::Intent);
        let calls = everything.iter().filter(|entry| calls.fits(entry)).cloned();
        let calls: Vec<Entry> = if query.newest_first {
            calls.rev().take(query.limit).collect()
        } else {
            calls.take(query.limit).collect()
        };
        assert_eq!(lines(reader.counted(&query).unwrap()), lines(Use::of_calls(calls)), "{query:?}");
    }
}

/// Who used what how often and when, each once.
fn lines(uses: Vec<Use>) -> Vec<String> {
    let mut sums: BTreeMap<String, (u64, UnixMicros, UnixMicros)> = BTreeMap::new();
    for used in uses {
        let tool = used.tool.unwrap_or_else(|| "*".to_owned());
        let line = format!("{} {} {}/{tool} {}", used.agent, used.human, used.app, used.verdict);
        let sum = sums.entry(line).or_insert((0, used.first, used.last));
        *sum = (sum.0 + used.calls, sum.1.min(used.first), sum.2.max(used.last));
    }
    let line = |(line, (calls, first, last)): (String, (u64, UnixMicros, UnixMicros))| {
        format!("{line} {calls} {}-{}", first.since(at(0)) / 1_000, last.since(at(0)) / 1_000)
    };
    sums.into_iter().map(line).collect()
}

fn uses_are_counted<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let rows = [
        intent(1, "bot", "ada", "crm/read", Verdict::Allow),
        intent(2, "bot", "bob", "crm/read", Verdict::Allow),
        outcome(1, 3),
        intent(4, "bot", "ada", "crm/file:///a", Verdict::Allow),
    ];
    log.append(&rows, &[]).unwrap();
    let rows = [
        intent(5, "bot", "ada", "crm/read", Verdict::Deny),
        intent(6, "bot", "ada", "crm/read", Verdict::Allow),
        intent(7, "bot", "ada", "crm/file:///b", Verdict::Allow),
        intent(8, "cat", "ada", "mail/send", Verdict::Allow),
    ];
    log.append(&rows, &[]).unwrap();
    let used = |of| lines(reader.uses(of).unwrap());
    let of_bot = [
        "bot ada crm/* allow 2 4-7",
        "bot ada crm/read allow 2 1-6",
        "bot ada crm/read deny 1 5-5",
        "bot bob crm/read allow 1 2-2",
    ];
    assert_eq!(used(UseOf::Agent("bot")), of_bot);
    assert_eq!(used(UseOf::Human("bob")), ["bot bob crm/read allow 1 2-2"]);
    assert_eq!(used(UseOf::Human("ada")).len(), 4);
    assert_eq!(used(UseOf::Agent("nobody")), [""; 0]);
    let counted =
        |text: &str, limit| lines(reader.counted(&Query { limit, ..Query::parse(text, at(0)).unwrap() }).unwrap());
    for text in ["agent:bot", "agent:bot task:t-1", "kind:intent agent:bot rule:crm.reads -tool:none"] {
        assert_eq!(counted(text, 100), of_bot, "{text}");
    }
    assert_eq!(counted("agent:bot", 2), ["bot ada crm/* allow 1 7-7", "bot ada crm/read allow 1 6-6"]);
    assert_eq!(counted("status:answered", 100), ["bot ada crm/read allow 1 1-1"]);
    for text in ["kind:outcome", "agent:nobody", "what:people.offboard", "rule:none"] {
        assert_eq!(counted(text, 100), [""; 0], "{text}");
    }
    assert_eq!(counted("agent:bot", 0), [""; 0]);
}

fn times_bound_even_when_the_clock_steps_back<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    log.append(&[change(10), change(20), change(5), change(30)], &[]).unwrap();
    let check = |since: Option<u16>, until: Option<u16>, expected: &[u64]| {
        let query = Query { since: since.map(at), until: until.map(at), newest_first: false, ..Query::default() };
        assert_eq!(sequences(&reader.find(&query).unwrap()), expected);
    };
    check(Some(10), None, &[1, 2, 4]);
    check(None, Some(10), &[1, 3]);
    check(Some(5), Some(10), &[1, 3]);
    check(Some(6), Some(20), &[1, 2]);
}

fn pages_continue<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let rows: Vec<_> = (0..25).map(change).collect();
    log.append(&rows, &[]).unwrap();
    let mut query = Query { limit: 10, newest_first: false, ..Query::default() };
    let mut seen = Vec::new();
    loop {
        let page = sequences(&reader.find(&query).unwrap());
        let Some(last) = page.last() else { break };
        query.after_sequence = Some(*last);
        seen.extend(page);
    }
    assert_eq!(seen, (1..=25).collect::<Vec<u64>>());
}

fn ids_are_found_by_tail_and_number<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let rows = [intent(1, "bot", "ada", "crm/read", Verdict::Allow), change(2), outcome(1, 3)];
    log.append(&rows, &[]).unwrap();
    let first = call(1);
    let (id, other) = (first.as_str(), call(2));
    let tail = id.get(20..).unwrap();
    for question in [id, tail, "1", "3", &id.to_uppercase(), &format!(" {id}\n")] {
        assert_eq!(sequences(&reader.by_id(question).unwrap()), [1, 3], "{question}");
    }
    assert_eq!(sequences(&reader.by_id(other.as_str()).unwrap()), [2]);
    assert_eq!(reader.by_id(call(9).as_str()).unwrap(), []);
    assert_eq!(reader.by_id("zzzz").unwrap(), []);
    assert_eq!(reader.by_id("99").unwrap(), []);
    for question in ["", "abc", "c_12", "%%%%", "no such thing", "ünïcödé"] {
        let error = reader.by_id(question).unwrap_err();
        assert_eq!(error.kind(), StoreFaultKind::Question, "{question}");
        assert!(error.hint().is_some());
    }
    // The last 16 characters are chance, and here the same chance.
    let alike = [CallId::new(1, [200; 10]), CallId::new(2, [200; 10])];
    log.append(&[change_of(&alike[0]), change_of(&alike[1])], &[]).unwrap();
    let error = reader.by_id(alike[0].as_str().get(12..).unwrap()).unwrap_err();
    assert_eq!(error.kind(), StoreFaultKind::Question);
    for id in &alike {
        assert!(error.hint().unwrap().contains(id.as_str()));
        assert_eq!(
            reader.by_id(id.as_str().get(11..).unwrap()).unwrap().len(),
            1,
            "one character more tells them apart"
        );
    }
}

fn open_calls_are_known<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let rows = [
        intent(1, "bot", "ada", "crm/read", Verdict::Allow),
        intent(2, "bot", "ada", "crm/read", Verdict::Redact),
        intent(3, "bot", "ada", "crm/read", Verdict::Allow),
        intent(4, "bot", "ada", "crm/read", Verdict::Deny),
        intent(5, "bot", "ada", "crm/read", Verdict::Hold),
        outcome(3, 6),
        change(7),
    ];
    log.append(&rows, &[]).unwrap();
    assert_eq!(reader.unfinished().unwrap(), [call(1), call(2)]);
    assert_eq!(mark_unknown(log, reader, UnixMicros(at(8).0)).unwrap(), 2);
    assert_eq!(reader.unfinished().unwrap(), []);
    assert_eq!(reader.last_sequence().unwrap(), 9);
    log.append(&[intent(9, "bot", "ada", "crm/read", Verdict::Allow)], &[]).unwrap();
    assert_eq!(reader.unfinished().unwrap(), [call(9)]);
    let history = reader.by_id(call(1).as_str()).unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].outcome().unwrap().code.as_deref(), Some("trace.no_outcome"));
}

fn an_outcome_is_found_whenever_it_comes<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let asked = |number| intent(number, "bot", "ada", "crm/read", Verdict::Allow);
    let (first, second, late) = (outcome(1, 3), outcome(1, 4), outcome(2, 5));
    log.append(&[asked(1), asked(2), first.clone(), second], &[]).unwrap();
    log.append(std::slice::from_ref(&late), &[]).unwrap();
    for (number, expected, leaf) in [(1, &[1, 3, 4][..], first.leaf_text()), (2, &[2, 5], late.leaf_text())] {
        for question in expected {
            let found = reader.by_id(&question.to_string()).unwrap();
            assert_eq!(sequences(&found), expected, "{number}");
            assert_eq!(found[0].outcome_leaf, leaf);
            assert!(found.iter().all(|entry| verify_leaf(entry).is_ok()));
        }
    }
    assert_eq!(reader.unfinished().unwrap(), []);
}

/// Over many blocks of an index that knows blocks only.
fn many_records_are_found_by_name<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let agent = |number: u16| if number % 300 == 7 { "rare" } else { "bot" };
    for start in (0..1_200).step_by(100) {
        let rows: Vec<_> = (start..start + 100)
            .map(|number| intent(number, agent(number), "ada", "crm/read", Verdict::Allow))
            .collect();
        log.append(&rows, &[]).unwrap();
    }
    let rare = Query { newest_first: false, ..Query::default() }.with(Field::Agent, "rare");
    assert_eq!(sequences(&reader.find(&rare).unwrap()), [8, 308, 608, 908]);
    assert_eq!(sequences(&reader.find(&Query { newest_first: true, limit: 2, ..rare.clone() }).unwrap()), [908, 608]);
    assert_eq!(sequences(&reader.find(&Query { after_sequence: Some(308), ..rare.clone() }).unwrap()), [608, 908]);
    assert_eq!(sequences(&reader.find(&Query { since: Some(at(600)), ..rare.clone() }).unwrap()), [608, 908]);
    assert_eq!(sequences(&reader.find(&Query { until: Some(at(600)), ..rare.clone() }).unwrap()), [8, 308]);
    assert_eq!(sequences(&reader.find(&Query { limit: 1, ..rare.clone() }.with(Field::Human, "ada")).unwrap()), [8]);
    assert_eq!(reader.find(&rare.with(Field::Human, "bot")).unwrap(), []);
    let last = Query { limit: 300, ..Query::default() }.with(Field::Human, "ada");
    assert_eq!(sequences(&reader.find(&last).unwrap()), (901..=1_200).rev().collect::<Vec<u64>>());
}

fn changes_are_found_by_what_they_concern<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let left = |number, human: &str| change_about(number, "people.offboard", &format!("human:{human}"), Some(human));
    let rows = [
        left(1, "ada"),
        change_about(2, "agents.suspend", "agent:ada", None),
        change_about(3, "hold.approved", "hold:h_1", Some("ada")),
        intent(4, "bot", "ada", "crm/read", Verdict::Allow),
        // Nothing beside the body may tell of these.
        change_about(5, "people.offboard", "human:bob", None),
        change_about(6, "accounts.reset", "an account of ada", Some("ada")),
    ];
    log.append(&rows, &[]).unwrap();
    log.append(&[left(7, "bob"), change_about(8, "people.restore", "human:ada", Some("ada"))], &[]).unwrap();
    for (text, expected) in [
        ("subject:human:ada", &[1, 8][..]),
        ("subject:human:bob", &[5, 7]),
        ("subject:human:bob,human:ada what:people.offboard", &[1, 5, 7]),
        ("subject:agent:ada", &[2]),
        ("subject:hold:h_1 kind:change", &[3]),
        ("subject:\"an account of ada\"", &[6]),
        ("subject:ada", &[]),
        ("subject:gateway", &[]),
        ("subject:human:nobody", &[]),
        ("-subject:human:ada kind:change", &[2, 3, 5, 6, 7]),
        ("human:ada", &[4]),
    ] {
        for newest_first in [true, false] {
            check_query(reader, &Query { newest_first, ..Query::parse(text, at(0)).unwrap() }, expected);
        }
    }
}

/// For a store whose tables take what is written.
pub(crate) fn texts_are_let_go_and_the_rest_stays<W: LogStore, R: LogReader>((mut log, reader): (W, R)) {
    let (log, reader) = (&mut log, &reader);
    let asked = |number: u16, human: &str| intent(number, "bot", human, "crm/read", Verdict::Allow);
    for start in (1..3_001).step_by(600) {
        let rows: Vec<_> = (start..start + 600)
            .map(|number| match number % 3 {
                0 => outcome(number - 1, number),
                1 if number == 31 => change_about(number, "people.offboard", "human:ada", Some("ada")),
                1 => asked(number, "ada"),
                _ => asked(number, "bob"),
            })
            .collect();
        log.append(&rows, &[]).unwrap();
    }
    assert_eq!(Retention::of(reader).unwrap(), None);
    assert_eq!(Due::of(reader, at(900), &[]).unwrap(), None, "the first partition is not old as a whole");
    let open = Due::of(reader, at(2_100), &[call(1_100)]).unwrap().unwrap();
    assert_eq!((open.to, open.held_back), (1_024, true), "a call that waits needs what it was decided on");
    let none = Due::of(reader, at(2_100), &[call(1_100), call(4)]).unwrap().unwrap();
    assert_eq!((none.records(), none.held_back), (0, true), "one that waits in the first partition keeps all of them");
    assert_eq!(Due::of(reader, at(900), &[call(4)]).unwrap(), None, "nothing is held back that would not go");
    let due = Due::of(reader, at(2_100), &[]).unwrap().unwrap();
    assert_eq!((due.from, due.to, due.times, due.held_back), (1, 2_048, (at(1), at(2_047)), false));
    let everything = Due::of(reader, at(9_000), &[]).unwrap().unwrap();
    assert_eq!((everything.from, everything.to), (1, 3_001));
    let whole = reader.find(&Query { limit: usize::MAX, newest_first: false, ..Query::default() }).unwrap();
    let (tree, uses) = (reader.tree().unwrap().tree(), lines(reader.uses(UseOf::Agent("bot")).unwrap()));

    assert_eq!(log.append(&[change(3_001)], &[due.state(at(2_100))]).unwrap(), 3_001);
    let all = let_all_go(log, reader);
    assert_eq!((all.to, all.done_to, all.before), (2_048, 2_048, at(2_100)));
    let left = reader.find(&Query { limit: usize::MAX, newest_first: false, ..Query::default() }).unwrap();
    assert_eq!(left.len(), 3_001);
    for (entry, before) in left.iter().zip(&whole) {
        let gone = entry.sequence < 2_048 && entry.kind != RecordKind::Change;
        assert_eq!((entry.body.is_none(), all.has_let_go(entry)), (gone, gone), "{}", entry.sequence);
        assert_eq!(verify_leaf(entry), Ok(()));
        let human = before.human.clone().filter(|_| !gone);
        let body = before.body.clone().filter(|_| !gone);
        assert_eq!(*entry, Entry { human, body, ..before.clone() });
    }
    let grown = reader.tree().unwrap();
    assert_eq!((grown.size(), tree.size), (3_001, 3_000));
    assert_eq!(lines(reader.uses(UseOf::Agent("bot")).unwrap()), uses, "what was counted stays");
    check_query(reader, &Query { limit: 3, ..Query::default() }.with(Field::Human, "ada"), &[2_992, 2_995, 2_998]);
    check_query(reader, &Query { until: Some(at(2_047)), ..Query::default() }.with(Field::Human, "ada"), &[]);
    check_query(reader, &Query::parse("subject:human:ada", at(0)).unwrap(), &[31]);
    check_query(reader, &Query::parse("-agent:bot kind:intent", at(0)).unwrap(), &[]);
    assert_eq!(sequences(&reader.by_id(call(2).as_str()).unwrap()), [2, 3]);
    assert_eq!(reader.kept_of("bob").unwrap().unwrap().sequences.0, 2_048, "what is gone cannot be erased");
    assert_eq!(reader.unfinished().unwrap().len(), 999);

    // What is written later stands beside it, also under templates that were in use before.
    log.append(&[asked(3_002, "bob"), asked(3_003, "eve")], &[]).unwrap();
    let again = Due::of(reader, at(2_100), &[]).unwrap();
    assert_eq!(again, None, "what has gone does not go twice");
    let rest = Due::of(reader, at(9_000), &[]).unwrap().unwrap();
    assert_eq!((rest.from, rest.to), (2_048, 3_004));
    log.append(&[change(3_004)], &[rest.state(at(9_000))]).unwrap();
    let_all_go(log, reader);
    let eve = reader.kept_of("eve").unwrap().expect("no text is left, and the name still is");
    assert_eq!((eve.records, eve.sequences, eve.subjects.len()), (0, (0, 0), 1));
    assert_eq!(reader.kept_of("nobody").unwrap(), None);
    log.append(&[asked(3_005, "bob")], &[]).unwrap();
    let kept = reader.find(&Query { limit: 2, ..Query::default() }.of_kind(RecordKind::Intent)).unwrap();
    assert_eq!(
        kept.iter().map(|entry| (entry.sequence, entry.body.is_some())).collect::<Vec<_>>(),
        [(3_005, true), (3_003, false)]
    );
}

/// Takes the steps that are to be taken, and waits for those that the store takes by itself.
fn let_all_go<W: LogStore, R: LogReader>(log: &mut W, reader: &R) -> Retention {
    let looks = std::iter::repeat_with(|| {
        while log.let_go().unwrap() {}
        std::thread::sleep(std::time::Duration::from_millis(5));
        Retention::of(reader).unwrap().filter(|retention| retention.finished)
    });
    looks.take(4_000).flatten().next().unwrap()
}

fn state_goes_with_the_records<W: LogStore, R: LogReader>(log: &mut W, reader: &R) {
    let state = [put("ada", Some("1")), put("bob", Some("2")), put("ada", Some("3"))];
    log.append(&[change(1)], &state).unwrap();
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    assert_eq!(reader.state("person").unwrap(), pairs(&[("ada", "3"), ("bob", "2")]));
    log.append(&[change(2)], &[put("ada", None), put("nobody", None)]).unwrap();
    assert_eq!(reader.state("person").unwrap(), pairs(&[("bob", "2")]));
    assert_eq!(reader.state("app").unwrap(), []);
}

/// What went lawfully is right, and how it went is known.
pub(crate) fn a_text_may_be_missing_where_a_record_says_so<W: LogStore, R: LogReader>((mut log, reader): (W, R)) {
    let (log, reader) = (&mut log, &reader);
    let asked = |number, human| intent(number, "bot", human, "crm/read", Verdict::Allow);
    let left = change_about(3, "people.offboard", "human:ada", Some("ada"));
    log.append(&[asked(1, "ada"), asked(2, "bob"), left, asked(4, "ada"), asked(5, "bob")], &[]).unwrap();
    let kept = reader.kept_of("ada").unwrap().unwrap();
    let (earlier, later) = (reader.kept_among("ada", 1..=3).unwrap(), reader.kept_among("ada", 4..=9).unwrap());
    assert_eq!((earlier.clone().map(|kept| kept.records), later.clone().map(|kept| kept.records)), (Some(2), Some(1)));
    assert_eq!(earlier.unwrap().and(later.unwrap()), kept);
    let none = reader.kept_among("ada", 5..=u64::MAX).unwrap().expect("the name stands there");
    assert_eq!((none.records, &none.subjects), (0, &kept.subjects));
    let numbers = kept.subjects.clone();
    let said = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let erasing = StateWrite { kind: SETTLED_KIND.to_owned(), key: ERASING_KEY.to_owned(), value: Some(said) };
    log.append(&[erased(6, &kept, 5)], &[erasing]).unwrap();
    log.erase(&numbers).unwrap();
    check_missing(log, reader, (3, 0));
    let due = Due::of(reader, at(9_000), &[]).unwrap().unwrap();
    assert_eq!(due.to, 7);
    log.append(&[retained(7, due.to - 1), asked(8, "ada")], &[due.state(at(9_000))]).unwrap();
    let_all_go(log, reader);
    check_missing(log, reader, (1, 4));
}

/// Of how many records the text was erased, and of how many it was let go, with nothing wrong.
fn check_missing<W: LogStore, R: LogReader>(log: &mut W, reader: &R, expected: (u64, u64)) {
    let key = SigningKey::from_seed("log.example".parse().unwrap(), Algorithm::Ed25519, &[7; 32]).unwrap();
    let mut notary = Notary::new("log.example".to_owned(), vec![key]);
    // What is written is in the tree a moment later.
    log.append(&[], &[put("eve", Some("1"))]).unwrap();
    let grown = || reader.tree().unwrap().size() == reader.last_sequence().unwrap();
    assert!((0..2_000).any(|_| grown() || {
        std::thread::sleep(std::time::Duration::from_millis(2));
        false
    }));
    let (checkpoint, state) = notary.sign(reader.tree().unwrap().tree()).unwrap().unwrap();
    log.append(&[], &state).unwrap();
    notary.kept(&checkpoint, at(0));
    let known = Known { trust: notary.trust(), named: true, elsewhere: Vec::new() };
    let all = audit(reader, &known, |_| {}).unwrap();
    assert_eq!((all.bad, all.erased, all.let_go), (None, expected.0, expected.1));
    assert_eq!(reader.lost(&mut |_| {}).unwrap(), None);
    let some = audit_range(reader, &known, 1..=5).unwrap();
    assert_eq!((some.bad, some.erased + some.let_go), (None, expected.0 + expected.1));
}

fn an_empty_store_answers<W: LogStore, R: LogReader>(_: &mut W, reader: &R) {
    assert_eq!(reader.last_sequence().unwrap(), 0);
    assert_eq!(reader.find(&Query::default()).unwrap(), []);
    assert_eq!(reader.unfinished().unwrap(), []);
    assert_eq!(reader.by_id("1").unwrap(), []);
    assert_eq!(reader.state("person").unwrap(), []);
}

fn sequences(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}
