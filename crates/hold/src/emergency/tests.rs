use std::sync::Arc;

use model::{Agent, Clause, Human, SignedInBy};

use super::*;
use crate::who::tests::{Office as House, human};

const NOON: UnixMicros = UnixMicros(1_000_000);
const MINUTE: i64 = 60_000_000;

fn later(minutes: i64) -> UnixMicros {
    UnixMicros(NOON.0 + minutes * MINUTE)
}

fn approver(id: &str) -> Approver {
    Approver::danger_signed_in(human(id), SignedInBy::Password, "s".into())
}

/// Security, of whom Cleo and Ana have another account each, and Ben, who answers for the agent.
fn named() -> Vec<String> {
    ["role:security", "human:ben", "human:cleo"].map(str::to_owned).to_vec()
}

fn wanted() -> EmergencyWanted {
    let (agent, app) = (AgentId::parse("bot").unwrap(), Some(AppId::parse("crm").unwrap()));
    EmergencyWanted { agent, app, reason: "the shop is down".to_owned(), lasts: Duration::from_secs(20 * 60) }
}

fn asks(wanted: EmergencyWanted, by: &str) -> Result<Emergency, NoEmergency> {
    let (directory, approvers) = (House::directory(), named());
    let office = Office { directory: &directory, approvers: &approvers };
    let id = EmergencyId::parse("e_00000000000000000000000000").unwrap();
    Emergency::ask(id, wanted, &approver(by), office, NOON)
}

fn signs(emergency: &Emergency, by: &str, now: UnixMicros) -> Result<Emergency, NoEmergency> {
    let (directory, approvers) = (House::directory(), named());
    emergency.countersign(&approver(by), Office { directory: &directory, approvers: &approvers }, now)
}

fn open() -> Emergency {
    signs(&asks(wanted(), "sam").unwrap(), "cleo", later(5)).unwrap()
}

fn lifts(emergency: &Emergency, asked: &Asked, directory: &DirectorySnapshot, now: UnixMicros) -> bool {
    let approvers = named();
    emergency.lifts(asked, Office { directory, approvers: &approvers }, now)
}

#[test]
fn it_takes_two_people_who_may_and_ends_by_itself() {
    let directory = House::directory();
    let asked = asks(wanted(), "sam").unwrap();
    let call = House::asked(1);
    assert!(asked.is_asked(NOON) && !lifts(&asked, &call, &directory, NOON), "one person opens nothing");
    let open = signs(&asked, "cleo", later(5)).unwrap();
    assert!(lifts(&open, &call, &directory, later(5)) && lifts(&open, &call, &directory, UnixMicros(later(25).0 - 1)));
    assert!(!lifts(&open, &call, &directory, later(25)), "twenty minutes after it was countersigned");
    assert_eq!(open.end(later(24)), None);
    assert_eq!(open.end(later(25)).unwrap().state, EmergencyState::Over { at: later(25) });
    let closed = open.close("ops".to_owned(), later(6)).unwrap();
    assert!(!lifts(&closed, &call, &directory, later(6)) && closed.close("ops".to_owned(), later(6)).is_err());
    assert_eq!(signs(&asked, "cleo", later(30)), Err(NoEmergency::Over), "nobody countersigned in time");
    assert_eq!(signs(&open, "ben", later(6)), Err(NoEmergency::Open));
    let text = serde_json::to_string(&open).unwrap();
    assert_eq!(serde_json::from_str::<Emergency>(&text).unwrap(), open);
}

#[test]
fn nobody_opens_one_alone_or_for_their_own_agent() {
    let asked = asks(wanted(), "cleo").unwrap();
    for (by, why) in [
        ("cleo", NoEmergency::SamePerson { who: human("cleo") }),
        ("cleo2", NoEmergency::SamePerson { who: human("cleo2") }),
        ("ben", NoEmergency::AgentsOwner { who: human("ben"), agent: AgentId::parse("bot").unwrap() }),
        ("dora", NoEmergency::NotNamed { who: human("dora") }),
        ("zoe", NoEmergency::Unknown { who: human("zoe") }),
    ] {
        assert_eq!(signs(&asked, by, later(1)), Err(why.clone()));
        if !matches!(why, NoEmergency::SamePerson { .. }) {
            assert_eq!(asks(wanted(), by), Err(why));
        }
    }
    // Ben by another account.
    let mut directory = House::directory();
    directory.persons.insert(human("ben"), "Ben".into());
    directory.persons.insert(human("sam"), "Ben".into());
    let approvers = named();
    let office = Office { directory: &directory, approvers: &approvers };
    assert!(matches!(asked.countersign(&approver("sam"), office, later(1)), Err(NoEmergency::AgentsOwner { .. })));
    // Whoever asked has left before the second one came.
    let mut left = House::directory();
    House::leaves(&mut left, "cleo");
    let office = Office { directory: &left, approvers: &approvers };
    assert_eq!(asked.countersign(&approver("sam"), office, later(1)), Err(NoEmergency::Left { who: human("cleo") }));
}

#[test]
fn what_is_asked_for_is_bounded_and_has_a_reason() {
    let lasts = |seconds: u64| EmergencyWanted { lasts: Duration::from_secs(seconds), ..wanted() };
    assert_eq!(asks(lasts(30 * 60 + 1), "sam"), Err(NoEmergency::Lasts));
    assert_eq!(asks(lasts(0), "sam"), Err(NoEmergency::Lasts));
    assert!(asks(lasts(30 * 60), "sam").is_ok());
    let silent = EmergencyWanted { reason: " \n ".to_owned(), ..wanted() };
    assert_eq!(asks(silent, "sam"), Err(NoEmergency::NoReason));
    let long = EmergencyWanted { reason: "a\n".repeat(1_000), ..wanted() };
    assert_eq!(asks(long, "sam").unwrap().reason, "a".repeat(EMERGENCY_REASON_CHARS_MAX));
    let nowhere = EmergencyWanted { app: Some(AppId::parse("x").unwrap()), ..wanted() };
    assert!(matches!(asks(nowhere, "sam"), Err(NoEmergency::NoApp(_))));
    let nobody = EmergencyWanted { agent: AgentId::parse("x").unwrap(), ..wanted() };
    assert!(matches!(asks(nobody, "sam"), Err(NoEmergency::NoAgent(_))));
    let directory = House::directory();
    let off = Office { directory: &directory, approvers: &[] };
    let id = EmergencyId::parse("e_00000000000000000000000000").unwrap();
    assert_eq!(Emergency::ask(id, wanted(), &approver("sam"), off, NOON), Err(NoEmergency::Off));
}

/// Each case changes one thing of a call that an emergency lifts.
#[test]
fn it_lifts_only_calls_of_its_agent_and_app_that_are_nobodys_own_and_that_two_could_approve() {
    let (emergency, directory, now) = (open(), House::directory(), later(6));
    let call = House::asked(1);
    assert!(lifts(&emergency, &call, &directory, now));
    assert!(lifts(&emergency, &House::asked(2), &directory, now));
    let every_app = Emergency { app: None, ..emergency.clone() };
    let elsewhere = Asked { app: AppId::parse("mail").unwrap(), ..call.clone() };
    assert!(lifts(&every_app, &elsewhere, &directory, now));
    let promised = Clause { contract: "acme".parse().unwrap(), number: "3.2".parse().unwrap() };
    let mut of_contract = call.clone();
    of_contract.reasons[0].clause = Some(promised);
    let cases = [
        ("another app", elsewhere),
        ("another agent", Asked { agent: AgentId::parse("other").unwrap(), ..call.clone() }),
        ("a rule that wants three people", House::asked(3)),
        ("a clause of a contract", of_contract),
        ("a contract governs it", Asked { governed: true, ..call.clone() }),
        ("nothing that holds it", Asked { reasons: Vec::new(), ..call.clone() }),
        ("it is done for one who opened it", Asked { human: human("sam"), ..call.clone() }),
        ("or for that person by another account", Asked { human: human("cleo2"), ..call.clone() }),
        ("one who opened it delegated it", Asked { delegators: vec![human("cleo")], ..call.clone() }),
    ];
    for (what, asked) in cases {
        assert!(!lifts(&emergency, &asked, &directory, now), "{what}");
    }
    for who in ["sam", "cleo"] {
        let mut left = House::directory();
        House::leaves(&mut left, who);
        assert!(!lifts(&emergency, &call, &left, now), "{who} has left");
    }
    let mut moved = House::directory();
    moved.humans.insert(human("sam"), Arc::new(Human { role: None, ..Human::clone(&moved.humans[&human("sam")]) }));
    assert!(!lifts(&emergency, &call, &moved, now), "Sam is not of security any more");
    let mut given = House::directory();
    let bot = AgentId::parse("bot").unwrap();
    given.agents.insert(bot.clone(), Arc::new(Agent { owner: human("cleo"), ..Agent::clone(&given.agents[&bot]) }));
    assert!(!lifts(&emergency, &call, &given, now), "the agent is Cleo's now");
    let mut one_person = House::directory();
    for account in ["sam", "cleo"] {
        one_person.persons.insert(human(account), "Sam".into());
    }
    assert!(!lifts(&emergency, &call, &one_person, now), "the two turned out to be one");
}
