use engine::{HeldCall, WaitsFor};
use model::{AgentId, AppId, CallId, Class, Digest, HumanId, Method, TaskId, ToolName};

use super::*;

/// One that was taken back.
fn taken_back(waits_for: WaitsFor, by: &str) -> Hold {
    let asked = HeldCall {
        call: CallId::new(1, [1; 10]),
        agent: AgentId::parse("bot").unwrap(),
        human: HumanId::parse("ana").unwrap(),
        delegators: Vec::new(),
        task: TaskId::parse("t").unwrap(),
        task_named: false,
        app: AppId::parse("crm").unwrap(),
        method: Method::ToolsCall,
        tool: ToolName::parse("pay").unwrap(),
        definition: None,
        meaning: None,
        class: Class::External,
        arguments: Digest::new([1; 32]),
        spread: false,
        bundle: Digest::new([2; 32]),
        reasons: Vec::new(),
        looked_at: None,
        governed: false,
        of_the_vendor: Vec::new(),
        said: None,
    };
    let state = HoldState::Cancelled { by: by.to_owned(), at: UnixMicros(2) };
    Hold { state, ..Hold::open(asked, waits_for, UnixMicros(1), UnixMicros(3)) }
}

#[test]
fn whoever_comes_back_is_told_that_nothing_was_executed_only_where_that_is_known() {
    for (waits_for, by, disposition, says) in [
        (WaitsFor::Fact, "call:call_1", "outcome-unknown", "look before you try again"),
        (WaitsFor::Fact, "agent:bot", "denied-not-executed", "nothing was executed"),
        (WaitsFor::People, "emergency:1", "denied-not-executed", "nothing was executed"),
    ] {
        let told = forgotten(Some(&taken_back(waits_for, by)));
        assert_eq!(told["_meta"][DISPOSITION_KEY], disposition, "{by}");
        assert!(told.to_string().contains(says), "{told}");
    }
    assert_eq!(forgotten(None)["_meta"][DISPOSITION_KEY], "outcome-unknown");
}
