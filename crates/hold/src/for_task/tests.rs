use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AgentId, AppId, Approver, CallId, Clause, Digest, Scalar, SignedInBy, TaskId, ToolName};

use super::*;
use crate::machine::{Event, step};
use crate::refused::Refused;
use crate::who::tests::{Office, human};

const NOW: UnixMicros = UnixMicros(1_500);
const LASTS: Duration = Duration::from_secs(60);

fn approver(id: &str) -> Approver {
    Approver::danger_signed_in(human(id), SignedInBy::Password, "s".into())
}

fn to(recipient: &str) -> ArgumentFacts {
    let roles = BTreeMap::from([(Arc::from("recipient"), vec![Arc::from(recipient)])]);
    ArgumentFacts { roles, bytes: recipient.len() as u64, ..ArgumentFacts::default() }
}

/// Mail to the bank, with a text that nothing looks at.
fn asked(recipient: &str, text: u8) -> Asked {
    let call = CallId::new(u64::from(text), [text; 10]);
    Asked { call, arguments: Digest::new([text; 32]), looked_at: Some(to(recipient)), ..Office::asked(1) }
}

fn approved(asked: &Asked, yes: &[(&str, bool)]) -> Hold {
    let directory = Office::directory();
    let hold = Hold::open(asked.clone(), WaitsFor::People, UnixMicros(1_000), UnixMicros(2_000));
    yes.iter().fold(hold, |hold, (by, for_task)| {
        let by = approver(by);
        step(&hold, Event::Approve { by: &by, for_task: *for_task, directory: &directory }, NOW).unwrap()
    })
}

fn for_task() -> ForTask {
    ForTask::of(&approved(&asked("bank", 1), &[("cleo", true)]), LASTS, NOW).unwrap()
}

#[test]
fn the_same_value_is_not_asked_for_again_and_another_one_is() {
    let (made, directory) = (for_task(), Office::directory());
    let lifts = |asked: &Asked| made.lifts(asked, &directory, NOW);
    assert!(lifts(&asked("bank", 1)) && lifts(&asked("bank", 2)), "whatever else the call says");
    assert!(!lifts(&asked("casino", 1)));
    let unclear = ArgumentFacts { unclear: BTreeSet::from([Arc::from("recipient")]), ..to("bank") };
    assert!(!lifts(&Asked { looked_at: Some(unclear), ..asked("bank", 1) }), "nobody can read it");
    assert!(!lifts(&Asked { looked_at: None, ..asked("bank", 1) }));
    let more = BTreeMap::from([(Arc::from("to"), vec![Scalar::Text("bank".into())])]);
    assert!(!lifts(&Asked { looked_at: Some(ArgumentFacts { values: more, ..to("bank") }), ..asked("bank", 1) }));
    assert!(!made.lifts(&asked("bank", 1), &directory, made.until), "its time is over");
    let text = serde_json::to_string(&made).unwrap();
    assert_eq!(serde_json::from_str::<ForTask>(&text).unwrap(), made);
}

#[test]
fn where_rules_look_at_nothing_it_is_exactly_these_arguments() {
    let bare = |text: u8, looked_at| Asked { looked_at, ..asked("bank", text) };
    let nothing = Some(ArgumentFacts { bytes: 7, ..ArgumentFacts::default() });
    let unclear = Some(ArgumentFacts { unclear: BTreeSet::from([Arc::from("recipient")]), ..to("bank") });
    for looked_at in [None, nothing, unclear] {
        let made = ForTask::of(&approved(&bare(1, looked_at.clone()), &[("cleo", true)]), LASTS, NOW).unwrap();
        assert!(made.lifts(&bare(1, looked_at.clone()), &Office::directory(), NOW));
        assert!(!made.lifts(&bare(2, looked_at), &Office::directory(), NOW));
    }
}

/// Each case changes one thing of a call that is approved.
#[test]
fn it_is_of_one_task_one_tool_one_pair_and_of_the_rules_that_people_saw() {
    let (made, directory) = (for_task(), Office::directory());
    let call = asked("bank", 2);
    let with = |change: fn(&mut Asked)| {
        let mut other = call.clone();
        change(&mut other);
        other
    };
    let others = [
        with(|asked| asked.agent = AgentId::parse("other").unwrap()),
        with(|asked| asked.human = human("eve")),
        with(|asked| asked.delegators.push(human("eve"))),
        with(|asked| asked.task = TaskId::parse("t2").unwrap()),
        with(|asked| asked.task_named = false),
        with(|asked| asked.app = AppId::parse("mail").unwrap()),
        with(|asked| asked.tool = ToolName::parse("delete").unwrap()),
        with(|asked| asked.definition = Some(Digest::new([9; 32]))),
        with(|asked| asked.meaning = Some(Digest::new([9; 32]))),
        with(|asked| asked.class = model::Class::Destructive),
        with(|asked| asked.governed = true),
        with(|asked| asked.reasons.clear()),
        with(|asked| asked.reasons[0].text = Some("it says something else now".to_owned())),
        with(|asked| asked.reasons[0].approvals = 2),
        with(|asked| asked.reasons[0].approvers = vec!["role:security".to_owned()]),
        with(|asked| {
            let rule = "another".parse().unwrap();
            asked.reasons.push(model::Reason { rule, ..asked.reasons[0].clone() });
        }),
    ];
    for (place, other) in others.iter().enumerate() {
        assert!(!made.lifts(other, &directory, NOW), "{place}: {other:?}");
    }
    let milder = with(|asked| asked.class = model::Class::Read);
    assert!(made.lifts(&call, &directory, NOW) && made.lifts(&milder, &directory, NOW));
    let mut left = Office::directory();
    Office::leaves(&mut left, "cleo");
    assert!(!made.lifts(&call, &left, NOW), "who approved has left");
}

#[test]
fn all_who_approve_have_to_say_so_and_a_contract_is_asked_for_each_time() {
    let two = Asked { reasons: Office::asked(2).reasons, ..asked("bank", 1) };
    assert_eq!(ForTask::of(&approved(&two, &[("cleo", true)]), LASTS, NOW), None, "one of two");
    assert_eq!(ForTask::of(&approved(&two, &[("cleo", true), ("dora", false)]), LASTS, NOW), None);
    assert!(ForTask::of(&approved(&two, &[("cleo", true), ("dora", true)]), LASTS, NOW).is_some());
    assert_eq!(ForTask::of(&approved(&two, &[("cleo", true), ("dora", true)]), Duration::ZERO, NOW), None);
    let governed = Asked { governed: true, ..asked("bank", 1) };
    let mut of_clause = asked("bank", 1);
    of_clause.reasons[0].clause = Some(Clause { contract: "acme".parse().unwrap(), number: "3.2".parse().unwrap() });
    for asked in [governed, of_clause] {
        let hold = Hold::open(asked, WaitsFor::People, UnixMicros(1_000), UnixMicros(2_000));
        let (by, directory) = (approver("cleo"), Office::directory());
        let says = |for_task| step(&hold, Event::Approve { by: &by, for_task, directory: &directory }, NOW);
        assert_eq!(says(true), Err(Refused::EachByItself));
        assert!(says(false).is_ok());
    }
}
