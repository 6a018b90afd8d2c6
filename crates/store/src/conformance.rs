//! What every store must do, whatever it is made of.

use model::{CallId, UnixMicros, Verdict};
use trace::{Entry, LogReader, LogStore, Query, RecordKind, StoreFaultKind, mark_unknown, verify_leaf};

use crate::samples::{at, call, change, change_of, intent, observed, outcome, put};

/// Runs the whole suite. `open` gives a new, empty store each time, and a reader of it.
pub(crate) fn trace_conformance<W: LogStore, R: LogReader>(open: impl Fn() -> (W, R)) {
    let cases: [fn(&mut W, &R); 12] = [
        sequences_are_consecutive::<W, R>,
        records_come_back_whole::<W, R>,
        questions_find_what_fits::<W, R>,
        what_was_observed_is_found::<W, R>,
        times_bound_even_when_the_clock_steps_back::<W, R>,
        pages_continue::<W, R>,
        ids_are_found_by_tail_and_number::<W, R>,
        open_calls_are_known::<W, R>,
        an_outcome_is_found_whenever_it_comes::<W, R>,
        many_records_are_found_by_name::<W, R>,
        state_goes_with_the_records::<W, R>,
        an_empty_store_answers::<W, R>,
    ];
    for case in cases {
        let (mut log, reader) = open();
        case(&mut log, &reader);
    }
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
    let check = |edit: fn(&mut Query), expected: &[u64]| {
        for newest_first in [true, false] {
            let mut query = Query { newest_first, ..Query::default() };
            edit(&mut query);
            let mut found = sequences(&reader.find(&query).unwrap());
            if newest_first {
                found.reverse();
            }
            assert_eq!(found, expected, "{query:?}");
        }
    };
    check(|_| {}, &[1, 2, 3, 4, 5, 6]);
    check(|query| query.agent = Some("bot".into()), &[1, 3, 6]);
    check(|query| query.human = Some("ada".into()), &[1, 4, 6]);
    check(|query| query.app = Some("mail".into()), &[3, 6]);
    check(|query| query.tool = Some("send".into()), &[3, 6]);
    check(|query| query.verdict = Some(Verdict::Allow), &[1]);
    check(|query| query.verdict = Some(Verdict::Deny), &[3]);
    check(|query| query.kind = Some(RecordKind::Intent), &[1, 3, 4, 6]);
    check(|query| query.kind = Some(RecordKind::Outcome), &[2]);
    check(|query| query.kind = Some(RecordKind::Change), &[5]);
    check(|query| (query.kind, query.agent) = (Some(RecordKind::Change), Some("bot".into())), &[]);
    check(|query| (query.agent, query.human) = (Some("bot".into()), Some("ada".into())), &[1, 6]);
    check(|query| (query.app, query.verdict) = (Some("mail".into()), Some(Verdict::Redact)), &[6]);
    check(|query| query.agent = Some("bot' OR 1=1 --".into()), &[]);
    check(|query| query.since = Some(at(4)), &[4, 5, 6]);
    check(|query| query.until = Some(at(3)), &[1, 2, 3]);
    check(|query| (query.since, query.until) = (Some(at(2)), Some(at(4))), &[2, 3, 4]);
    check(|query| (query.since, query.agent) = (Some(at(2)), Some("bot".into())), &[3, 6]);
    check(|query| query.since = Some(at(99)), &[]);
    check(|query| query.after_sequence = Some(4), &[5, 6]);
    check(|query| query.after_sequence = Some(u64::MAX), &[]);
    check(|query| query.limit = 0, &[]);
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
    let query = Query { observed: true, ..Query::default() };
    assert_eq!(sequences(&reader.find(&query).unwrap()), [3]);
    assert!(reader.find(&Query { verdict: Some(Verdict::Deny), ..query }).unwrap().is_empty());
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
    let rare = Query { agent: Some("rare".into()), newest_first: false, ..Query::default() };
    assert_eq!(sequences(&reader.find(&rare).unwrap()), [8, 308, 608, 908]);
    assert_eq!(sequences(&reader.find(&Query { newest_first: true, limit: 2, ..rare.clone() }).unwrap()), [908, 608]);
    assert_eq!(sequences(&reader.find(&Query { after_sequence: Some(308), ..rare.clone() }).unwrap()), [608, 908]);
    assert_eq!(sequences(&reader.find(&Query { since: Some(at(600)), ..rare.clone() }).unwrap()), [608, 908]);
    assert_eq!(sequences(&reader.find(&Query { until: Some(at(600)), ..rare.clone() }).unwrap()), [8, 308]);
    assert_eq!(sequences(&reader.find(&Query { human: Some("ada".into()), limit: 1, ..rare.clone() }).unwrap()), [8]);
    assert_eq!(reader.find(&Query { human: Some("bot".into()), ..rare }).unwrap(), []);
    let last = Query { human: Some("ada".into()), limit: 300, ..Query::default() };
    assert_eq!(sequences(&reader.find(&last).unwrap()), (901..=1_200).rev().collect::<Vec<u64>>());
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
