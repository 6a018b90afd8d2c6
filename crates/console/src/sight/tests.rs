use std::sync::Arc;

use model::{Access, Agent, App, CallId, DataClassification, Digest, Risk, UnixMicros};

use super::*;

fn human(id: &str, role: &str) -> Human {
    Human {
        id: HumanId::parse(id).unwrap(),
        name: id.to_owned(),
        department: None,
        seniority: None,
        role: Some(role.to_owned()),
        manager: None,
        active: true,
    }
}

fn directory() -> DirectorySnapshot {
    let mut directory = DirectorySnapshot::default();
    let (agent, app) = (AgentId::parse("desk").unwrap(), AppId::parse("crm").unwrap());
    let owner = HumanId::parse("ana").unwrap();
    let desk = Agent {
        id: agent.clone(),
        name: "Desk".to_owned(),
        owner: owner.clone(),
        model_tier: None,
        recommend_only: false,
        active: true,
    };
    let crm = App {
        id: app.clone(),
        name: "CRM".to_owned(),
        risk: Risk::High,
        data: DataClassification::Restricted,
        category: None,
        owners: vec![owner],
        access: Access::default(),
        stopped: false,
        observe: false,
    };
    directory.agents.insert(agent, Arc::new(desk));
    directory.apps.insert(app, Arc::new(crm));
    directory
}

fn call(agent: &str, human: &str, app: &str) -> Entry {
    Entry {
        lost_key: None,
        sequence: 1,
        kind: RecordKind::Intent,
        call: CallId::from_bits(1),
        at: UnixMicros(0),
        agent: Some(agent.to_owned()),
        human: Some(human.to_owned()),
        app: Some(app.to_owned()),
        tool: None,
        class: None,
        verdict: None,
        leaf: String::new(),
        leaf_hash: Digest::new([0; 32]),
        body: None,
        outcome_leaf: None,
    }
}

#[test]
fn everybody_sees_what_concerns_them_and_readers_everything() {
    let directory = directory();
    let readers = Readers { roles: vec!["auditor".to_owned()], people: vec![HumanId::parse("eve").unwrap()] };
    let sees = |who: &Human, entry: &Entry| Sight::of(who, &directory, &readers).sees(entry);
    let all = [("desk", "sam", "mail"), ("other", "ana", "mail"), ("other", "sam", "crm"), ("other", "sam", "mail")];
    for (place, (agent, person, app)) in all.into_iter().enumerate() {
        let entry = call(agent, person, app);
        assert_eq!(sees(&human("ana", "cfo"), &entry), place < 3, "{agent} for {person} on {app}");
        assert!(sees(&human("kim", "auditor"), &entry) && sees(&human("eve", "cfo"), &entry));
        assert!(!sees(&human("zoe", "cfo"), &entry), "whom nothing concerns sees nothing");
        let change = Entry { kind: RecordKind::Change, ..entry };
        assert!(!sees(&human("ana", "cfo"), &change), "changes are for readers");
    }
}

#[test]
fn what_is_asked_is_narrowed_to_what_may_be_seen() {
    let directory = directory();
    let readers = Readers::default();
    let asked = Query::parse("verdict:deny", UnixMicros(0)).unwrap();
    let narrowed = |who: &Human| -> Vec<String> {
        Sight::of(who, &directory, &readers).narrowed(&asked).iter().map(ToString::to_string).collect()
    };
    assert_eq!(narrowed(&human("kim", "auditor")), ["verdict:deny"]);
    assert_eq!(
        narrowed(&human("ana", "cfo")),
        [
            "verdict:deny kind:intent human:ana",
            "verdict:deny kind:intent agent:desk",
            "verdict:deny kind:intent app:crm"
        ]
    );
    assert_eq!(narrowed(&human("zoe", "cfo")), ["verdict:deny kind:intent human:zoe"]);
}
