use std::collections::HashMap;
use std::sync::Arc;

use model::{
    Access, Agent, AgentId, App, AppId, Blame, DataClassification, Directory, DirectorySnapshot, Human, HumanId, Risk,
    UnixMicros,
};

use super::{LiveDirectory, Standing, StandingChange};

const NOW: UnixMicros = UnixMicros(1_790_000_000_000_000);

fn human(id: &str) -> HumanId {
    HumanId::parse(id).unwrap()
}

fn agent(id: &str) -> AgentId {
    AgentId::parse(id).unwrap()
}

fn app(id: &str) -> AppId {
    AppId::parse(id).unwrap()
}

/// Ana answers for `desk`, Ben for `bot`, nobody who is there for `orphan`; `old` is configured inactive.
fn configured() -> DirectorySnapshot {
    let mut snapshot = DirectorySnapshot::default();
    for (id, active) in [("ana", true), ("ben", true), ("old", false)] {
        let one = Human {
            id: human(id),
            name: id.to_owned(),
            department: None,
            seniority: None,
            role: None,
            manager: None,
            active,
        };
        snapshot.humans.insert(human(id), Arc::new(one));
    }
    for (id, owner) in [("desk", "ana"), ("bot", "ben"), ("orphan", "nobody"), ("relic", "old")] {
        let one = Agent {
            id: agent(id),
            name: id.to_owned(),
            owner: human(owner),
            model_tier: None,
            recommend_only: false,
            active: true,
        };
        snapshot.agents.insert(agent(id), Arc::new(one));
    }
    for id in ["crm", "mail"] {
        let one = App {
            id: app(id),
            name: id.to_owned(),
            risk: Risk::Low,
            data: DataClassification::Internal,
            category: None,
            owners: Vec::new(),
            access: Access::default(),
            stopped: false,
            observe: false,
        };
        snapshot.apps.insert(app(id), Arc::new(one));
    }
    snapshot
}

/// Everything that may not act, sorted.
fn still(snapshot: &DirectorySnapshot) -> String {
    let humans = snapshot.humans.values().filter(|one| !one.active).map(|one| one.id.to_string());
    let agents = snapshot.agents.values().filter(|one| !one.active).map(|one| one.id.to_string());
    let apps = snapshot.apps.values().filter(|one| one.stopped).map(|one| one.id.to_string());
    let mut all: Vec<String> = humans.chain(agents).chain(apps).collect();
    all.sort();
    if snapshot.all_stopped {
        all.push("ALL".to_owned());
    }
    all.join(" ")
}

/// Writes rows as a store does.
fn keep(kept: &mut HashMap<String, String>, rows: Vec<(String, String, Option<String>)>) {
    for (kind, key, value) in rows {
        assert_eq!(kind, "standing");
        match value {
            Some(value) => drop(kept.insert(key, value)),
            None => drop(kept.remove(&key)),
        }
    }
}

#[test]
fn what_each_change_does() {
    use StandingChange::{Offboard, Restore, Resume, Start, Stop, Suspend};
    let (ana, desk, bot, crm) = (human("ana"), agent("desk"), agent("bot"), app("crm"));
    let table: Vec<(Vec<StandingChange>, &str)> = vec![
        (vec![], "old orphan relic"),
        (vec![Offboard(ana.clone())], "ana desk old orphan relic"),
        (vec![Offboard(ana.clone()), Offboard(ana.clone()), Restore(ana.clone())], "old orphan relic"),
        (vec![Restore(human("old"))], "old orphan relic"),
        (vec![Suspend(bot.clone())], "bot old orphan relic"),
        (vec![Suspend(bot.clone()), Resume(bot.clone())], "old orphan relic"),
        (vec![Suspend(desk.clone()), Offboard(ana.clone()), Restore(ana.clone())], "desk old orphan relic"),
        (vec![Offboard(ana.clone()), Resume(desk)], "ana desk old orphan relic"),
        (vec![Resume(agent("relic"))], "old orphan relic"),
        (vec![Stop(Some(crm.clone()))], "crm old orphan relic"),
        (vec![Stop(Some(crm.clone())), Start(Some(crm.clone()))], "old orphan relic"),
        (vec![Stop(None)], "old orphan relic ALL"),
        (vec![Stop(None), Start(None)], "old orphan relic"),
        (vec![Stop(Some(crm.clone())), Stop(None), Start(None)], "crm old orphan relic"),
        (vec![Stop(None), Start(Some(crm))], "old orphan relic ALL"),
        (vec![Suspend(bot), Offboard(ana), Stop(None)], "ana bot desk old orphan relic ALL"),
    ];
    for (changes, expected) in table {
        let live = LiveDirectory::new(configured(), Standing::default());
        let mut rows: HashMap<String, String> = HashMap::new();
        for change in &changes {
            let kept = live.rows(change);
            live.apply(change, NOW);
            assert_eq!(kept.iter().map(|(_, key, _)| key).collect::<Vec<_>>(), [&change.subject()]);
            keep(&mut rows, kept);
        }
        assert_eq!(still(&live.snapshot()), expected, "{changes:?}");
        live.replace(configured());
        assert_eq!(still(&live.snapshot()), expected, "after a reload: {changes:?}");
        let kept = Standing::from_rows(rows);
        assert_eq!(kept, live.standing(), "{changes:?}");
        assert_eq!(still(&LiveDirectory::new(configured(), kept).snapshot()), expected, "after a restart: {changes:?}");
    }
}

/// Ana has three accounts, for one of which `second` is answered; `Ben` is written like `ben`.
fn of_one_person() -> DirectorySnapshot {
    let mut snapshot = configured();
    for id in ["ana2", "ana3", "Ben"] {
        let one = Human { id: human(id), ..Human::clone(snapshot.humans.get("ana").unwrap()) };
        snapshot.humans.insert(human(id), Arc::new(one));
    }
    let second = Agent { id: agent("second"), owner: human("ana2"), ..Agent::clone(&snapshot.agents["desk"]) };
    snapshot.agents.insert(agent("second"), Arc::new(second));
    for id in ["ana", "ana2", "ana3"] {
        snapshot.persons.insert(human(id), Arc::from("Ana Lima"));
    }
    snapshot.persons.insert(human("old"), Arc::from("Old Lima"));
    snapshot
}

#[test]
fn whoever_leaves_does_so_with_every_account() {
    use StandingChange::{Offboard, Restore};
    let table: Vec<(Vec<StandingChange>, &str)> = vec![
        (vec![Offboard(human("ana"))], "ana ana2 ana3 desk old orphan relic second"),
        (vec![Offboard(human("ana3"))], "ana ana2 ana3 desk old orphan relic second"),
        (vec![Offboard(human("ana")), Restore(human("ana2"))], "old orphan relic"),
        (vec![Offboard(human("ana2")), Offboard(human("ana")), Restore(human("ana"))], "old orphan relic"),
        (vec![Offboard(human("ben"))], "Ben ben bot old orphan relic"),
        (vec![Offboard(human("ben")), Restore(human("Ben"))], "old orphan relic"),
        (vec![Offboard(human("old"))], "old orphan relic"),
    ];
    for (changes, expected) in table {
        let live = LiveDirectory::new(of_one_person(), Standing::default());
        let mut rows = HashMap::new();
        for change in &changes {
            keep(&mut rows, live.rows(change));
            live.apply(change, NOW);
        }
        assert_eq!(still(&live.snapshot()), expected, "{changes:?}");
        let kept = Standing::from_rows(rows);
        assert_eq!(kept, live.standing(), "{changes:?}");
        assert_eq!(still(&LiveDirectory::new(of_one_person(), kept).snapshot()), expected, "restarted: {changes:?}");
    }
    // Rows of before name one account, and an account may come later.
    let before = Standing::from_rows([("human:ana".to_owned(), "offboarded".to_owned())]);
    let live = LiveDirectory::new(of_one_person(), before);
    assert_eq!(still(&live.snapshot()), "ana ana2 ana3 desk old orphan relic second");
    // One that is taken out of the configuration takes no other along.
    live.apply(&Offboard(human("ana")), NOW);
    let mut without = of_one_person();
    without.humans.remove("ana");
    without.persons.remove("ana");
    live.replace(without);
    assert_eq!(still(&live.snapshot()), "ana2 ana3 desk old orphan relic second");
    // It is known to be hers still: whoever restores one restores all.
    assert_eq!(live.accounts_of(&human("ana3")), [human("ana3"), human("ana"), human("ana2")]);
    live.apply(&Restore(human("ana3")), NOW);
    assert_eq!(live.standing(), Standing::default());
}

#[test]
fn whoever_has_left_does_not_come_back_under_another_id() {
    use StandingChange::{Offboard, Restore};
    let alone = |id: &str, word: Option<&str>| {
        let mut snapshot = configured();
        let human_ = Human { id: human(id), ..Human::clone(&snapshot.humans["ana"]) };
        snapshot.humans.remove("ana");
        snapshot.humans.insert(human(id), Arc::new(human_));
        snapshot.persons.extend(word.map(|word| (human(id), Arc::from(word))));
        snapshot
    };
    let live = LiveDirectory::new(alone("ana", Some("Ana Lima")), Standing::default());
    let mut rows = HashMap::new();
    keep(&mut rows, live.rows(&Offboard(human("ana"))));
    live.apply(&Offboard(human("ana")), NOW);
    let kept = Standing::from_rows(rows.clone());
    assert_eq!(kept, live.standing());
    for (id, word, left) in [
        ("ana-b", Some("Ana Lima"), true),
        ("ANA", None, true),
        ("ana", None, true),
        ("ana-b", None, false),
        ("ana-b", Some("Ana Lopez"), false),
    ] {
        for live in [&live, &LiveDirectory::new(DirectorySnapshot::default(), kept.clone())] {
            live.replace(alone(id, word));
            assert_eq!(!live.snapshot().humans[id].active, left, "{id} {word:?}");
            assert_eq!(live.knows(&human("ana")), left, "{id} {word:?}");
        }
    }
    // And is restored by it.
    live.replace(alone("ana-b", Some("Ana Lima")));
    keep(&mut rows, live.rows(&Restore(human("ana-b"))));
    live.apply(&Restore(human("ana-b")), NOW);
    assert!(live.snapshot().humans["ana-b"].active && rows.is_empty(), "{rows:?}");
    assert_eq!(live.standing(), Standing::default());
}

#[test]
fn what_is_forgotten_of_one_account_brings_no_other_back() {
    let live = LiveDirectory::new(of_one_person(), Standing::default());
    live.apply(&StandingChange::Offboard(human("ben")), NOW);
    let mut without = of_one_person();
    without.humans.remove("ben");
    live.replace(without);
    assert!(live.knows(&human("ben")) && live.knows(&human("BEN")) && !live.knows(&human("zoe")));
    live.forget(&human("ben"));
    assert!(!live.snapshot().humans["Ben"].active, "it left by itself");
}

#[test]
fn a_reload_takes_new_people_and_keeps_the_switches_of_the_configuration() {
    let live = LiveDirectory::new(DirectorySnapshot::default(), Standing::default());
    live.apply(&StandingChange::Offboard(human("ana")), NOW);
    assert_eq!(still(&live.snapshot()), "");
    live.replace(DirectorySnapshot { all_stopped: true, ..configured() });
    assert_eq!(still(&live.snapshot()), "ana desk old orphan relic ALL");
    live.apply(&StandingChange::Start(None), NOW);
    assert!(live.snapshot().all_stopped, "what the configuration stops, a switch does not start");
}

#[test]
fn rows_that_name_nobody_have_no_effect() {
    let rows = ["human:a b", "ghost:x", "human", "", "app:CRM!", "agent:"].map(|key| (key.to_owned(), String::new()));
    assert_eq!(Standing::from_rows(rows), Standing::default());
}

#[test]
fn a_snapshot_taken_before_does_not_change() {
    let live = LiveDirectory::new(configured(), Standing::default());
    let before = live.snapshot();
    live.apply(&StandingChange::Stop(None), NOW);
    assert!(!before.all_stopped && live.snapshot().all_stopped);
    assert!(Arc::ptr_eq(before.humans.get("ana").unwrap(), live.snapshot().humans.get("ana").unwrap()));
}

#[test]
fn changes_from_many_threads_are_all_there() {
    let live = LiveDirectory::new(configured(), Standing::default());
    std::thread::scope(|scope| {
        for part in 0..4 {
            let live = &live;
            scope.spawn(move || {
                for number in 0..50 {
                    live.apply(&StandingChange::Suspend(agent(&format!("a{part}.{number}"))), NOW);
                    live.replace(configured());
                }
            });
        }
    });
    assert_eq!(live.standing().suspended.len(), 200);
}

#[test]
fn names() {
    let table = [
        (StandingChange::Offboard(human("ana")), "people.offboard", "human:ana", Some("offboarded")),
        (StandingChange::Restore(human("ana")), "people.restore", "human:ana", None),
        (StandingChange::Suspend(agent("desk")), "agents.suspend", "agent:desk", Some("suspended")),
        (StandingChange::Resume(agent("desk")), "agents.resume", "agent:desk", None),
        (StandingChange::Stop(Some(app("crm"))), "apps.stop", "app:crm", Some("stopped")),
        (StandingChange::Start(Some(app("crm"))), "apps.start", "app:crm", None),
        (StandingChange::Stop(None), "apps.stop", "all", Some("stopped")),
        (StandingChange::Start(None), "apps.start", "all", None),
    ];
    for (change, what, subject, value) in table {
        assert_eq!((change.what(), change.subject().as_str()), (what, subject));
        assert_eq!(change.state_key().2.as_deref(), value);
        assert!(change.check(&configured()).is_ok(), "{change:?}");
    }
}

#[test]
fn unknown_names_and_the_nearest_known_one() {
    let table = [
        (StandingChange::Offboard(human("anna")), "people.unknown", "a person", Some("did you mean `ana`?")),
        (StandingChange::Suspend(agent("dexk")), "agents.unknown", "an agent", Some("did you mean `desk`?")),
        (StandingChange::Stop(Some(app("mial"))), "apps.unknown", "an app", Some("did you mean `mail`?")),
        (StandingChange::Restore(human("zoe")), "people.unknown", "a person", None),
    ];
    for (change, code, kind, hint) in table {
        let fault = change.check(&configured()).unwrap_err();
        assert_eq!((fault.blame(), fault.code(), fault.way_out()), (Blame::Caller, code, hint));
        assert!(fault.to_string().ends_with(&format!("is not {kind} of the configuration")), "{fault}");
    }
}
