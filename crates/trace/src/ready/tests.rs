use model::{AgentId, CallId, Class, Digest, HumanId};
use serde_json::json;

use super::*;
use crate::log::{LogStore as _, SETTLED_KIND};
use crate::record::{Change, Intent, StateWrite};
use crate::retain::{RETAIN_TO_KEY, RETAINED_TO_KEY};
use crate::row::Row;
use crate::samples::{Memory, change, intent, outcome};

const PAGE: Window = Window { since: None, until: None, before_sequence: None, limit: 2 };

struct Told(Memory);

impl Told {
    fn new() -> Self {
        Self(Memory::default())
    }

    fn call(self, number: u16, agent: &str, human: &str, verdict: Verdict) -> Self {
        let intent = Intent {
            agent: AgentId::parse(agent).unwrap(),
            human: HumanId::parse(human).unwrap(),
            verdict,
            ..intent(number)
        };
        self.append(Row::of_intent(&intent).unwrap())
    }

    fn change(self, number: u16, what: &str, subject: &str) -> Self {
        let change = Change { what: what.to_owned(), subject: subject.to_owned(), ..change(number) };
        self.append(Row::of_change(&change).unwrap())
    }

    fn append(mut self, row: Row) -> Self {
        self.0.append(&[row], &[]).unwrap();
        self
    }
}

fn sequences(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}

fn line(line: &Line) -> String {
    let human = line.human.as_deref().unwrap_or("*");
    format!("{} for {human}: {} ran, {} waited, {} refused", line.agent, line.ran, line.waited, line.refused)
}

#[test]
fn what_an_agent_touched_is_counted_and_the_latest_shown() {
    let log = Told::new()
        .call(1, "bot", "ada", Verdict::Allow)
        .call(2, "bot", "ada", Verdict::Deny)
        .call(3, "cat", "ada", Verdict::Allow)
        .call(4, "bot", "bob", Verdict::Hold)
        .call(5, "bot", "ada", Verdict::Redact);
    let report = touched(&log.0, "bot", &PAGE).unwrap();
    let lines: Vec<String> = report.summary.lines.iter().map(line).collect();
    assert_eq!(lines, ["bot for ada: 2 ran, 0 waited, 1 refused", "bot for bob: 0 ran, 1 waited, 0 refused"]);
    assert_eq!((report.summary.calls, report.summary.complete), (4, true));
    assert_eq!((sequences(&report.latest), report.next), (vec![5, 4], Some(4)));
    let next = touched(&log.0, "bot", &Window { before_sequence: report.next, ..PAGE }).unwrap();
    assert_eq!((sequences(&next.latest), next.next), (vec![2, 1], Some(1)));
    let none = touched(&log.0, "bot", &Window { before_sequence: next.next, ..PAGE }).unwrap();
    assert_eq!((sequences(&none.latest), none.next), (Vec::new(), None));
    let together = report.summary.without(&[Field::Human]);
    assert_eq!(together.lines.iter().map(line).collect::<Vec<_>>(), ["bot for *: 2 ran, 1 waited, 1 refused"]);

    let since = Window { since: Some(intent(4).at), ..PAGE };
    let report = on_behalf_of(&log.0, "ada", &since).unwrap();
    assert_eq!(report.summary.lines.iter().map(line).collect::<Vec<_>>(), ["bot for ada: 1 ran, 0 waited, 0 refused"]);
    assert_eq!(sequences(&rule_fired(&log.0, "crm.reads", &PAGE).unwrap().latest), [5, 4]);
    assert_eq!(rule_fired(&log.0, "other", &PAGE).unwrap().summary, Summary { complete: true, ..Summary::default() });
}

#[test]
fn the_end_of_access_is_the_first_that_was_not_taken_back() {
    let ada = |log: &Told| access_ended(&log.0, Whose::Human("ada"), &PAGE).unwrap();
    let log = Told::new()
        .call(1, "bot", "ada", Verdict::Allow)
        .change(2, "people.offboard", "human:ada")
        .call(3, "bot", "ada", Verdict::Deny)
        .change(4, "people.restore", "human:ada");
    let told = ada(&log);
    assert_eq!((told.ended, sequences(&told.changes)), (None, vec![4, 2]));
    assert!(told.ran.is_empty() && told.since.latest.is_empty());

    let log = log
        .call(5, "bot", "ada", Verdict::Allow)
        .change(6, "people.offboard", "human:ada")
        .change(7, "people.offboard", "human:bob")
        .call(8, "bot", "ada", Verdict::Deny)
        .change(9, "people.offboard", "human:ada")
        .call(10, "bot", "ada", Verdict::Allow);
    let told = ada(&log);
    assert_eq!(told.ended.map(|end| end.sequence), Some(6));
    assert_eq!((sequences(&told.since.latest), sequences(&told.ran)), (vec![10, 8], vec![10]));
    assert_eq!(told.since.summary.calls, 2);
    let agent = |owner| access_ended(&log.0, Whose::Agent("bot", owner), &PAGE).unwrap().ended;
    assert_eq!(agent(Some("bob")).map(|end| end.sequence), Some(7), "an agent ends with who answers for it");
    assert_eq!(agent(None), None);
}

#[test]
fn whoever_has_several_accounts_is_found_under_each() {
    let both = |number, what: &str| {
        let detail = json!({ "also": ["ada2", "ada3"] });
        let change = Change { what: what.to_owned(), subject: "human:ada".to_owned(), detail, ..change(number) };
        Row::of_change(&change).unwrap()
    };
    let log = Told::new()
        .append(both(1, "people.offboard"))
        .append(both(2, "people.restore"))
        .append(both(3, "people.offboard"))
        .call(4, "bot", "ada2", Verdict::Allow)
        .change(5, "people.offboard", "human:bob");
    let ended = |whose| {
        let told = access_ended(&log.0, whose, &PAGE).unwrap();
        (told.ended.map(|end| end.sequence), sequences(&told.changes), told.ran_counted.calls)
    };
    assert_eq!(ended(Whose::Human("ada")), (Some(3), vec![3, 2, 1], 0));
    assert_eq!(ended(Whose::Human("ada2")), (Some(3), vec![3, 2, 1], 1));
    assert_eq!(ended(Whose::Agent("bot", Some("ada3"))), (Some(3), vec![3, 2, 1], 1));
    assert_eq!(ended(Whose::Human("ada4")), (None, vec![], 0));
}

#[test]
fn a_call_ran_on_the_word_of_whoever_pinned_its_tool() {
    let pin = |number, class: &str, definition: u8| {
        let definition = Digest::new([definition; 32]);
        let pin = json!({ "app": "crm", "tool": "customers.export", "class": class, "definition": definition });
        let detail = json!({ "pins": [{ "app": "crm", "tool": "other" }, pin] });
        Row::of_change(&Change { what: "tools.pin".to_owned(), detail, ..change(number) }).unwrap()
    };
    let rules = |number, bundle: u8| {
        let detail = json!({ "bundle": Digest::new([bundle; 32]) });
        Row::of_change(&Change { what: "config.reload".to_owned(), detail, ..change(number) }).unwrap()
    };
    let pinned = |number| Row::of_intent(&Intent { class_source: ClassSource::Pin, ..intent(number) }).unwrap();
    let told = Told::new()
        .append(pin(1, "read", 7))
        .append(rules(2, 9))
        .append(pin(3, "write", 8))
        .append(rules(4, 8))
        .append(pinned(5))
        .append(Row::of_outcome(&outcome(5)).unwrap())
        .append(pin(7, "external", 7))
        .append(Row::of_intent(&intent(8)).unwrap());
    let of = |id: CallId| who_approved(&told.0, id.as_str()).unwrap();
    let call = of(intent(5).call).unwrap();
    assert_eq!(call.pin.map(|(pin, class)| (pin.sequence, class)), Some((1, Class::Read)));
    assert_eq!((call.call.sequence, call.rules.map(|rules| rules.sequence)), (5, Some(2)));
    assert!(call.call.outcome_leaf.is_some() && call.approvals.is_empty());
    assert_eq!(of(intent(8).call).unwrap().pin, None, "its class is not from a pin");
    assert!(of(intent(99).call).is_none());
    assert!(of(change(1).id).is_none());
}

#[test]
fn whoever_signs_suspends_resumes_or_ends_a_contract_puts_rules_in_force() {
    for what in ["contract.sign", "contract.suspend", "contract.resume", "contract.terminate"] {
        let puts = |number, what: &str, bundle: u8| {
            let detail = json!({ "bundle": Digest::new([bundle; 32]) });
            Row::of_change(&Change { what: what.to_owned(), detail, ..change(number) }).unwrap()
        };
        let told = Told::new()
            .append(puts(1, "gateway.start", 8))
            .append(puts(2, what, 9))
            .append(Row::of_intent(&intent(3)).unwrap());
        let call = who_approved(&told.0, intent(3).call.as_str()).unwrap().unwrap();
        assert_eq!(call.rules.map(|rules| rules.sequence), Some(2), "{what}");
    }
}

#[test]
fn calls_that_ran_after_the_end_are_counted_and_not_only_those_that_are_shown() {
    let mut log = Told::new().change(1, "people.offboard", "human:ada");
    for number in 2..32 {
        log = log.call(number, "bot", "ada", Verdict::Allow);
    }
    for limit in [0, 1, 10] {
        let told = access_ended(&log.0, Whose::Human("ada"), &Window { limit, ..PAGE }).unwrap();
        assert_eq!((told.ran.len(), told.ran_counted.calls, told.ran_counted.complete), (limit, 30, true));
    }
}

#[test]
fn a_question_about_a_person_says_that_it_reaches_back_to_where_nobody_is_named() {
    let mut log = Told::new();
    for number in 1..6 {
        log = log.call(number, "bot", "ada", Verdict::Allow);
    }
    let settled = |key: &str, value: String| StateWrite {
        kind: SETTLED_KIND.to_owned(),
        key: key.to_owned(),
        value: Some(value),
    };
    let (before, to) = (intent(3).at, format!("3 {}", intent(3).at.0));
    log.0.append(&[], &[settled(RETAIN_TO_KEY, to), settled(RETAINED_TO_KEY, "3".to_owned())]).unwrap();
    let asked = |since, until| {
        let window = Window { since, until, ..PAGE };
        let summary = on_behalf_of(&log.0, "ada", &window).unwrap().summary;
        (summary.complete, summary.clone().without(&[Field::Human]).unnamed_before, summary.unnamed_before)
    };
    for (since, until) in [(Some(intent(1).at), None), (None, Some(intent(4).at))] {
        assert_eq!(asked(since, until), (false, Some(before), Some(before)), "{since:?} {until:?}");
    }
    assert_eq!(asked(Some(before), None), (true, None, None));
    assert_eq!(asked(None, None), (true, None, None), "what was counted when it was made stays");
    let of_agent = touched(&log.0, "bot", &Window { since: Some(intent(1).at), ..PAGE }).unwrap();
    assert!(of_agent.summary.complete, "agents stay named");
}
