use model::CallId;

use super::*;

fn step(at: i64, what: &str, hold: &str, state: &str, by: &str) -> ChangeView {
    ChangeView {
        id: CallId::new(1, [1; 10]),
        at: UnixMicros(at * 1_000_000),
        what: what.to_owned(),
        by: Some(by.to_owned()),
        subject: Some(format!("hold:{hold}")),
        detail: Some(json!({ "hold": hold, "state": state, "rules": ["ask-first"] })),
    }
}

#[test]
fn it_says_who_answers_how_fast_and_which_rule_asks_for_nothing() {
    let mut steps = Vec::new();
    for number in 0..10 {
        let hold = format!("h{number}");
        steps.push(step(number, "hold.opened", &hold, "pending", "agent:bot"));
        steps.push(step(number + 5, "hold.approved", &hold, "pending", "human:cleo"));
        steps.push(step(number + 30, "hold.approved", &hold, "approved", "human:bo"));
    }
    steps.push(step(50, "hold.opened", "late", "pending", "agent:bot"));
    steps.push(step(90, "hold.expired", "late", "expired", "gateway"));
    let stats = Stats::of(&steps);
    assert_eq!(
        stats.lines(),
        [
            "half of 10 answers came within 30 s",
            "ask-first: held 11, approved 10, denied 0, expired 1; always approved: consider to permit it",
            "bo answered 10",
            "cleo answered 10",
        ]
    );
    assert_eq!(Stats::of(&[]).lines(), ["nothing has waited for a person yet"]);
    assert_eq!(Stats::of(&[]).median_us(), None);
    let denies = Fate { denied: 10, ..Fate::default() };
    assert_eq!(denies.advice(), Some("always denied: consider to refuse it"));
    assert_eq!(Fate { approved: 1, ..denies }.advice(), None);
}

#[test]
fn a_call_that_waited_for_a_fact_is_nobodys_to_answer() {
    let mut steps = Vec::new();
    for number in 0..10 {
        for (at, what, state) in [(number, "hold.opened", "pending"), (number + 60, "hold.expired", "expired")] {
            let mut step = step(at, what, &format!("h{number}"), state, "gateway");
            step.detail.as_mut().unwrap()["waits_for"] = "fact".into();
            steps.push(step);
        }
    }
    assert_eq!(Stats::of(&steps), Stats::default());
}
