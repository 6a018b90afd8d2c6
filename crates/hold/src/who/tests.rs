use std::collections::HashMap;
use std::sync::Arc;

use model::{
    Access, Agent, AgentId, App, AppId, CallId, Class, DataClassification, Digest, Method, Risk, RuleId, SignedInBy,
    TaskId, ToolName, UnixMicros,
};
use proptest::prelude::*;

use super::*;
use crate::record::WaitsFor;

/// Ana asks, by `bot`, which Ben answers for, on `crm`, which Cleo and Dora answer for. Ana and Cleo have a second account
/// each, Eve is Ana's manager, Sam is in security.
pub(crate) struct Office;

impl Office {
    pub(crate) fn directory() -> DirectorySnapshot {
        let person = |id: &str, role: Option<&str>, manager: Option<&str>| {
            let human = Human {
                id: human(id),
                name: id.to_uppercase(),
                department: None,
                seniority: None,
                role: role.map(str::to_owned),
                manager: manager.map(self::human),
                active: true,
            };
            (human.id.clone(), Arc::new(human))
        };
        let people = [
            ("ana", None, Some("eve")),
            ("ana2", Some("security"), None),
            ("ben", None, None),
            ("cleo", None, None),
            ("cleo2", Some("security"), None),
            ("dora", None, None),
            ("eve", None, None),
            ("sam", Some("security"), None),
        ];
        let owners = ["ana2", "cleo", "cleo2", "dora"].map(human).to_vec();
        let crm = App {
            id: AppId::parse("crm").unwrap(),
            name: "CRM".into(),
            risk: Risk::High,
            data: DataClassification::Restricted,
            category: None,
            owners,
            access: Access::default(),
            stopped: false,
            observe: false,
        };
        let bot = Agent {
            id: AgentId::parse("bot").unwrap(),
            name: "Bot".into(),
            owner: human("ben"),
            model_tier: None,
            recommend_only: false,
            active: true,
        };
        DirectorySnapshot {
            humans: people.into_iter().map(|(id, role, manager)| person(id, role, manager)).collect(),
            agents: HashMap::from([(bot.id.clone(), Arc::new(bot))]),
            apps: HashMap::from([(crm.id.clone(), Arc::new(crm))]),
            persons: ["ana", "ana2"]
                .map(|id| (human(id), Arc::from("Ana Lima")))
                .into_iter()
                .chain(["cleo", "cleo2"].map(|id| (human(id), Arc::from("Cleo Roy"))))
                .collect(),
            ..DirectorySnapshot::default()
        }
    }

    pub(crate) fn asked(approvals: u8) -> Asked {
        Asked {
            call: CallId::new(1, [7; 10]),
            agent: AgentId::parse("bot").unwrap(),
            human: human("ana"),
            delegators: vec![human("ana")],
            task: TaskId::parse("t").unwrap(),
            task_named: true,
            app: AppId::parse("crm").unwrap(),
            method: Method::ToolsCall,
            tool: ToolName::parse("export").unwrap(),
            definition: None,
            meaning: None,
            class: Class::External,
            arguments: Digest::new([3; 32]),
            bundle: Digest::new([4; 32]),
            reasons: vec![reason(&["owner-of-app"], approvals)],
            spread: false,
            looked_at: None,
            governed: false,
            of_the_vendor: Vec::new(),
            said: None,
        }
    }

    pub(crate) fn leaves(directory: &mut DirectorySnapshot, id: &str) {
        let gone = Human { active: false, ..Human::clone(&directory.humans[&human(id)]) };
        directory.humans.insert(gone.id.clone(), Arc::new(gone));
    }
}

pub(crate) fn human(id: &str) -> HumanId {
    HumanId::parse(id).unwrap()
}

fn reason(approvers: &[&str], approvals: u8) -> Reason {
    Reason {
        rule: RuleId::parse("r").unwrap(),
        sentence: "it waits".into(),
        source: None,
        text: None,
        instead: None,
        redact: None,
        approvers: approvers.iter().map(|one| (*one).to_owned()).collect(),
        approvals,
        security_relevant: false,
        clause: None,
    }
}

fn held(asked: &Asked) -> Hold {
    Hold::open(asked.clone(), WaitsFor::People, UnixMicros(1), UnixMicros(2))
}

fn approval(id: &str) -> Approval {
    Approval { by: human(id), how: SignedInBy::Passkey, session: "s".into(), at: UnixMicros(1), for_task: false }
}

fn who(approvers: &[&str]) -> Vec<String> {
    let asked = Asked { reasons: vec![reason(approvers, 1)], ..Office::asked(1) };
    eligible(&held(&asked), &Office::directory()).iter().map(ToString::to_string).collect()
}

#[test]
fn each_word_names_whom_it_says_and_never_the_requester() {
    assert_eq!(who(&["owner-of-app"]), ["cleo", "cleo2", "dora"], "Ana's second account owns the app, too");
    assert_eq!(who(&[]), ["cleo", "cleo2", "dora"], "a rule that names nobody leaves it to the app's owners");
    assert_eq!(who(&["role:security"]), ["cleo2", "sam"]);
    assert_eq!(who(&["manager-of"]), ["eve"]);
    assert_eq!(who(&["manager-of-human", "human:sam"]), ["eve", "sam"]);
    assert_eq!(who(&["human:ana", "human:ana2", "human:ANA"]), Vec::<String>::new());
    assert_eq!(who(&["everybody", "team:all"]), Vec::<String>::new(), "a word nobody knows names nobody");
}

#[test]
fn whoever_it_was_escalated_to_may_approve_and_never_in_their_own_matter() {
    let directory = Office::directory();
    let asked = Asked { reasons: vec![reason(&["owner-of-app"], 2), reason(&["human:dora"], 1)], ..Office::asked(1) };
    let also = vec!["role:security".to_owned(), "human:ana".to_owned()];
    let escalated = Hold { also, ..held(&asked) };
    let may: Vec<String> = eligible(&escalated, &directory).iter().map(ToString::to_string).collect();
    assert_eq!(may, ["cleo", "cleo2", "dora", "sam"], "Ana and her second account ask");
    let enough = |hold: &Hold, people: &[&str]| {
        suffices(hold, &people.iter().map(|id| approval(id)).collect::<Vec<_>>(), &directory)
    };
    assert_eq!(enough(&escalated, &["sam"]), Ok(false), "as many people as before");
    assert_eq!(enough(&escalated, &["sam", "cleo"]), Ok(true));
    assert!(matches!(enough(&held(&asked), &["sam", "cleo"]), Err(Refused::ApprovalGone { .. })));
}

#[test]
fn who_delegates_or_answers_for_the_asking_agent_does_not_approve() {
    let directory = Office::directory();
    let all = |asked: Asked| Asked { reasons: vec![reason(&["human:ben", "human:sam"], 1)], ..asked };
    let asked = all(Asked { delegators: vec![human("sam"), human("ana")], ..Office::asked(1) });
    assert_eq!(may_approve(&held(&asked), &human("sam"), &directory), Err(Refused::Delegator { who: human("sam") }));
    assert_eq!(
        may_approve(&held(&asked), &human("ben"), &directory),
        Ok(()),
        "Ben answers for the agent, and asks nothing"
    );
    let own = all(Asked { human: human("ben"), delegators: vec![], ..Office::asked(1) });
    assert_eq!(may_approve(&held(&own), &human("ben"), &directory), Err(Refused::Requester { who: human("ben") }));
}

#[test]
fn nobody_of_the_vendor_approves_what_the_vendor_asks() {
    let directory = Office::directory();
    let asked = Asked { governed: true, of_the_vendor: vec![human("cleo")], ..Office::asked(1) };
    let asked = Asked { reasons: vec![reason(&["human:cleo", "human:cleo2", "human:ben"], 1)], ..asked };
    for theirs in ["cleo", "cleo2"] {
        let refused = Err(Refused::OfTheVendor { who: human(theirs) });
        assert_eq!(may_approve(&held(&asked), &human(theirs), &directory), refused, "by whichever account");
    }
    assert_eq!(eligible(&held(&asked), &directory), [human("ben")]);
    let escalated = Hold { also: vec!["human:cleo".to_owned()], ..held(&asked) };
    assert!(may_approve(&escalated, &human("cleo"), &directory).is_err(), "nor where it was escalated");
    let only = Asked { reasons: vec![reason(&["human:cleo"], 1)], ..asked };
    assert!(!possible(&held(&only), &directory));
}

#[test]
fn several_rules_want_their_own_people_each() {
    let directory = Office::directory();
    let reasons = vec![reason(&["owner-of-app"], 2), reason(&["role:security"], 1)];
    let asked = Asked { reasons, ..Office::asked(1) };
    let enough = |people: &[&str]| {
        let approvals: Vec<Approval> = people.iter().map(|id| approval(id)).collect();
        suffices(&held(&asked), &approvals, &directory)
    };
    assert_eq!(enough(&["cleo", "dora"]), Ok(false));
    assert_eq!(enough(&["cleo", "dora", "sam"]), Ok(true));
    assert_eq!(enough(&["dora", "cleo2"]), Ok(true), "one person may count for two rules");
    assert!(matches!(enough(&["cleo", "cleo2", "dora"]), Err(Refused::SamePerson { .. })));
    assert!(matches!(enough(&["cleo", "ana2"]), Err(Refused::ApprovalGone { .. })));
}

#[test]
fn as_many_are_needed_as_the_rules_want_together_and_not_as_one_of_them_does() {
    let mut directory = Office::directory();
    let asked = Asked { reasons: vec![reason(&["role:security"], 1), reason(&["manager-of"], 1)], ..Office::asked(1) };
    let of = |people: &[&str], directory: &DirectorySnapshot| {
        let hold = Hold { approvals: people.iter().map(|id| approval(id)).collect(), ..held(&asked) };
        (counting(&hold, directory).len(), needed(&hold, directory))
    };
    assert_eq!(of(&[], &directory), (0, 1), "one person could be of security and the manager");
    assert_eq!([of(&["sam"], &directory), of(&["sam", "cleo2"], &directory)], [(1, 2), (2, 3)]);
    assert_eq!(of(&["sam", "eve"], &directory), (2, 2));
    Office::leaves(&mut directory, "sam");
    assert_eq!(of(&["sam"], &directory), (0, 1), "who has left does not count");
    let ended = Hold { state: State::Approved { at: UnixMicros(1) }, approvals: vec![approval("sam")], ..held(&asked) };
    assert_eq!(needed(&ended, &directory), 1, "it was enough");
}

#[test]
fn it_is_known_ahead_when_nobody_could_ever_approve() {
    let possible = |words: &[&str], approvals| {
        let asked = Asked { reasons: vec![reason(words, approvals)], ..Office::asked(1) };
        super::possible(&held(&asked), &Office::directory())
    };
    assert!(possible(&["owner-of-app"], 2), "Cleo and Dora");
    assert!(!possible(&["owner-of-app"], 3), "the second account of Cleo is no third person");
    assert!(possible(&["role:security"], 2), "Sam, and Cleo by her second account");
    assert!(!possible(&["human:ana2"], 1));
    assert!(!possible(&["role:nobody-has-it"], 1));
}

const PEOPLE: [&str; 8] = ["ana", "ana2", "ben", "cleo", "cleo2", "dora", "eve", "sam"];

proptest! {
    /// Whatever the rules say, whoever delegated, whoever has left.
    #[test]
    fn nobody_approves_what_is_their_own(
        requester in 0usize..8, delegators in proptest::collection::vec(0usize..8, 0..3),
        left in proptest::collection::vec(0usize..8, 0..4), approvals in 1u8..4,
        people in proptest::collection::vec(0usize..8, 0..6),
        words in proptest::collection::vec(0usize..5, 0..4),
    ) {
        let mut directory = Office::directory();
        left.iter().for_each(|at| Office::leaves(&mut directory, PEOPLE[*at]));
        let words: Vec<&str> = words.iter()
            .map(|at| ["owner-of-app", "role:security", "manager-of", "human:ana", "human:ben"][*at])
            .collect();
        let asked = Asked {
            human: human(PEOPLE[requester]),
            delegators: delegators.iter().map(|at| human(PEOPLE[*at])).collect(),
            reasons: vec![reason(&words, approvals)],
            ..Office::asked(1)
        };
        for id in PEOPLE.map(human) {
            if may_approve(&held(&asked), &id, &directory).is_ok() {
                prop_assert!(directory.humans[&id].active);
                for own in std::iter::once(&asked.human).chain(&asked.delegators) {
                    prop_assert!(id != *own && !directory.same_person(&id, own));
                }
            }
        }
        let given: Vec<Approval> = people.iter().map(|at| approval(PEOPLE[*at])).collect();
        if suffices(&held(&asked), &given, &directory) == Ok(true) {
            prop_assert!(given.len() >= usize::from(approvals));
            for (at, one) in given.iter().enumerate() {
                prop_assert!(may_approve(&held(&asked), &one.by, &directory).is_ok());
                prop_assert!(given.iter().skip(at + 1).all(|other| !directory.same_person(&one.by, &other.by)));
            }
            // One more good approval never takes away that it is enough.
            for id in PEOPLE.map(human) {
                let more: Vec<Approval> = given.iter().cloned().chain([approval(id.as_str())]).collect();
                prop_assert!(suffices(&held(&asked), &more, &directory) != Ok(false));
            }
        }
    }
}
