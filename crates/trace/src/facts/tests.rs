use model::{Class, ClassSource, Digest, Method, RuleId, TaskId, ToolFacts, ToolName, ToolStatus, UnixMicros};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn facts(task: &str, tool: &str, human: &str) -> Facts {
    let facts = json!({
        "now": 7, "method": "tools/call",
        "agent": {"id": "bot", "name": "Bot \"one\"", "owner": "ana", "active": true},
        "human": {"id": "ada", "name": human, "department": "sales", "seniority": null, "role": null, "manager": "ana", "active": true},
        "task": "x",
        "app": {"id": "crm", "name": "CRM", "risk": "high", "data": "public", "category": null, "owners": ["ana"],
                "access": {"people": [], "roles": ["sales"], "departments": []}, "stopped": false},
        "tool": {"name": "x", "class": "read", "class_source": "profile", "status": "pinned", "definition": null},
        "access": true, "all_stopped": false,
    });
    let mut facts: Facts = serde_json::from_value(facts).unwrap();
    facts.task = TaskId::parse(task).unwrap();
    facts.tool =
        ToolFacts::new(ToolName::parse(tool).unwrap(), Class::Write, ClassSource::Profile, ToolStatus::Unreviewed);
    facts
}

fn check(facts: &Facts) {
    let expected = serde_json::to_string(facts).unwrap();
    // Once written, and once copied.
    for _ in 0..2 {
        let written = FactsText::of(facts).unwrap();
        assert_eq!(written.as_str(), expected);
        let mut task = Vec::new();
        json::write_string(&mut task, facts.task.as_str());
        assert_eq!(written.places(), Some(&Places::found(&expected, &task)));
    }
}

proptest! {
    #[test]
    fn facts_are_written_as_serde_writes_them(
        now: i64, task in "[!-~]{1,20}", tool in "[!-~]{1,20}", human in ".{0,20}", method in 0..3usize,
        flags: [bool; 5], value in ".{0,20}",
    ) {
        let mut facts = facts(&task, &tool, &human);
        facts.now = UnixMicros(now.unsigned_abs().cast_signed().max(0));
        facts.method = [Method::ToolsCall, Method::ResourcesRead, Method::Complete][method];
        let [address, access, arguments, spent, contract] = flags;
        if address {
            facts.tool.name = ToolName::parse(&format!("file://{tool}")).unwrap();
            facts.tool.definition = Some(Digest::new([3; 32]));
        }
        (facts.access, facts.all_stopped) = (access, !access);
        if arguments {
            let read = json!({"values": {"to": [{"text": value}]}, "bytes": 9});
            facts.arguments = Arc::new(serde_json::from_value(read).unwrap());
        }
        if spent {
            facts.spent = vec![RuleId::parse("a.b").unwrap()];
        }
        if contract {
            let known = json!({"contract": "c-1", "vendor": "v", "standing": "not_yet", "tenant": {"known": [value]},
                "operation": "list", "state": {"status": "open", "team": {"known": {"text": value}}}, "asks": ["a.b"]});
            facts.contract = Some(serde_json::from_value(known).unwrap());
        }
        check(&facts);
    }
}

#[test]
fn who_changes_is_written_anew() {
    let mut facts = facts("t", "read", "Ada");
    check(&facts);
    for name in ["Ada Byron", "Ada King", "Ada"] {
        let mut human = Human::clone(&facts.human);
        human.name = name.to_owned();
        facts.human = Arc::new(human);
        check(&facts);
    }
}
