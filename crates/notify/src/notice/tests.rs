use model::{CallId, UnixMicros};

use super::*;

fn change(what: &str, detail: Value) -> ChangeView {
    ChangeView {
        id: CallId::new(1, [1; 10]),
        at: UnixMicros(1),
        what: what.to_owned(),
        by: Some("agent:bot".to_owned()),
        subject: None,
        detail: Some(detail),
    }
}

fn opened(hold: &str, agent: &str, tool: &str) -> ChangeView {
    let rules = ["external-hold"];
    let detail = json!({
        "hold": hold, "agent": agent, "app": "mail", "tool": tool, "rules": rules, "expires_at": "2026-11-22T10:00:00Z",
    });
    change("hold.opened", detail)
}

fn told(changes: Vec<ChangeView>) -> Vec<Notice> {
    notices((1..).zip(changes), "https://console.example", at("2026-11-22T09:59:59Z"))
}

fn at(moment: &str) -> UnixMicros {
    UnixMicros(moment.parse::<Timestamp>().unwrap().as_microsecond())
}

#[test]
fn whoever_is_far_behind_hears_nothing_of_what_nobody_can_decide_any_more() {
    let escalated = |hold: &str| ChangeView { what: "hold.escalated".to_owned(), ..opened(hold, "bot", "send") };
    let changes = || {
        let longer =
            json!({ "hold": "h_3", "agent": "bot", "app": "mail", "expires_at": "2026-11-22T10:00:00.000001Z" });
        let emergency = change("emergency.opened", json!({ "said": "no approval", "until": "2026-11-22T09:00:00Z" }));
        let all = vec![opened("h_1", "bot", "send"), escalated("h_2"), change("hold.opened", longer), emergency];
        (1..).zip(all)
    };
    let records = |now: &str| -> Vec<Vec<u64>> {
        notices(changes(), "", at(now)).into_iter().map(|notice| notice.records).collect()
    };
    assert_eq!(records("2026-11-22T09:59:59Z"), [vec![1, 3], vec![2], vec![4]]);
    assert_eq!(records("2026-11-22T10:00:00Z"), [vec![3], vec![4]], "an emergency is told, however late");
}

#[test]
fn what_was_decided_before_anybody_was_told_is_not_told() {
    let step = |what: &str, state: &str, hold: &str| {
        let mut step = opened(hold, "bot", "send");
        step.what = what.to_owned();
        step.detail.as_mut().unwrap()["state"] = state.into();
        step
    };
    let ways = [
        ("hold.approved", "approved"),
        ("hold.denied", "denied"),
        ("hold.cancelled", "cancelled"),
        ("hold.expired", "expired"),
        ("hold.claimed", "claimed"),
        ("hold.ended", "ended"),
    ];
    for (what, state) in ways {
        let all = told(vec![
            step("hold.opened", "pending", "h_1"),
            step("hold.opened", "pending", "h_2"),
            step("hold.escalated", "pending", "h_1"),
            step(what, state, "h_1"),
        ]);
        let [notice] = all.as_slice() else { panic!("{what}: {all:?}") };
        assert_eq!(notice.holds, ["h_2"], "{what}");
    }
    // One of two approvals decides nothing, nor does the end of what was approved for a task.
    let first = step("hold.approved", "pending", "h_1");
    let task = change("hold.task_over", json!({ "hold": "h_1" }));
    assert_eq!(told(vec![step("hold.opened", "pending", "h_1"), first, task]).len(), 1);
}

#[test]
fn a_message_carries_a_link_and_nothing_that_decides() {
    let all = told(vec![opened("h_1", "bot", "send")]);
    let [notice] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(notice.title, "Waits for approval: bot asks to use send of mail");
    assert_eq!(notice.link, "https://console.example/holds/h_1");
    assert_eq!(notice.lines, ["Held by external-hold.", "Refused at 2026-11-22T10:00:00Z if nobody says anything."]);
    for form in [notice.to_json().to_string(), notice.to_slack().to_string(), notice.to_text()] {
        assert!(form.contains("https://console.example/holds/h_1"), "{form}");
        assert!(!form.contains("approve?") && !form.contains("token") && !form.contains("code="), "{form}");
    }
}

#[test]
fn calls_of_one_agent_at_once_are_one_message() {
    let all = told(vec![
        opened("h_1", "bot", "send"),
        opened("h_2", "bot", "delete"),
        opened("h_3", "other", "send"),
        opened("h_4", "bot", "send"),
    ]);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].title, "3 calls of bot wait for approval in mail");
    assert_eq!((all[0].holds.len(), all[0].link.as_str()), (3, "https://console.example/holds"));
    assert_eq!(all[0].lines, ["Tools: delete, send."]);
    assert_eq!(all[1].holds, ["h_3"]);
    assert_eq!((all[0].records.as_slice(), all[1].records.as_slice()), ([1, 2, 4].as_slice(), [3].as_slice()));
}

#[test]
fn no_names_make_a_message_too_long_for_a_chat() {
    let said = |notice: &Notice| {
        let slack = notice.to_slack();
        let text = slack["blocks"][0]["text"]["text"].as_str().unwrap().to_owned();
        assert!(text.encode_utf16().count() <= 3_000 && slack["text"].as_str().unwrap().len() <= 3_000, "{text}");
        text
    };
    for sign in ["a", "_", "&", "𝄞"] {
        let tool = |number: u16| format!("{number:03}{}", sign.repeat(197));
        let all = told((0..100).map(|number| opened(&format!("h_{number}"), "bot", &tool(number))).collect());
        let [notice] = all.as_slice() else { panic!("{all:?}") };
        assert!(notice.lines[0].ends_with(", and 98 more."), "{notice:?}");
        assert_eq!(notice.holds.len(), 100);
        let text = said(notice);
        assert!(text.contains("Tools: 000"), "{text}");
        let ends = text.rsplit_once('&').is_none_or(|(_, end)| end.contains(';'));
        assert!(ends, "no sign is cut in two: {text}");
    }
    let many: Vec<String> = (0..500).map(|number| format!("role:r{number}")).collect();
    let detail = json!({ "hold": "h_1", "agent": "&".repeat(200), "app": "&".repeat(200), "tool": "t", "to": many });
    let all = told(vec![change("hold.escalated", detail)]);
    assert!(all[0].lines[0].starts_with("Now also: role:r0, role:r1, ") && all[0].lines[0].ends_with(" more."));
    said(&all[0]);
}

#[test]
fn what_becomes_of_contracts_is_told() {
    let about = |more: Value| {
        let mut detail = json!({ "contract": "acme", "clause": "6.2", "name": "Screening", "party": "Acme" });
        detail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        detail
    };
    let audit = |more: Value| change("contract.audit", about(more));
    let told = told(vec![
        audit(json!({ "held": true, "against": 0 })),
        audit(json!({ "held": false, "against": 3, "calls": ["c_1"], "asked": "none of calls that fit `tool:x`" })),
        audit(json!({ "held": false, "against": 3, "calls": [], "asked": "none of calls that fit `tool:x`" })),
        audit(json!({ "look_at": "reads without an order" })),
        change("contract.notice", about(json!({ "days_left": 7, "until": "2027-06-30", "responsible": "ana" }))),
    ]);
    let titles: Vec<&str> = told.iter().map(|notice| notice.title.as_str()).collect();
    let expected = [
        "Clause 6.2 of “Screening” with Acme was not kept",
        "Clause 6.2 of “Screening” with Acme is to be looked at",
        "“Screening” with Acme ends in 7 days",
    ];
    assert_eq!(titles, expected);
    assert!(told.iter().all(|notice| notice.link.ends_with("/contracts/acme")));
}

#[test]
fn what_asks_nobody_for_anything_is_not_told() {
    let for_a_fact = change("hold.opened", json!({ "hold": "h_1", "waits_for": "fact" }));
    let erased = ChangeView { detail: None, ..opened("h_2", "bot", "send") };
    let others = ["hold.approved", "hold.claimed", "hold.ended", "people.offboard"];
    let others = others.map(|what| change(what, json!({ "hold": "h_3" })));
    assert_eq!(told([vec![for_a_fact, erased], others.into()].concat()), []);
    let later = change(
        "hold.escalated",
        json!({ "hold": "h_4", "to": ["role:security"], "agent": "bot", "tool": "t", "app": "a" }),
    );
    let all = told(vec![later]);
    assert_eq!(all[0].title, "Still waits for approval: bot asks to use t of a");
    assert_eq!(all[0].lines, ["Now also: role:security."]);
}

#[test]
fn no_name_means_anything_in_a_chat() {
    let said = told(vec![opened("h_1", "<!channel> *bot*", "a\nb")])[0].to_slack().to_string();
    assert!(!said.contains("<!channel>") && !said.contains("*bot*") && !said.contains("a\\nb"), "{said}");
}

#[test]
fn no_name_ends_a_line_or_turns_one_around() {
    let detail =
        json!({ "hold": "h_1", "agent": "bot\u{202e}", "app": "a\nb", "tool": "t\u{200b}", "to": ["role:\u{2066}x"] });
    let all = told(vec![change("hold.escalated", detail)]);
    assert_eq!(all[0].title, "Still waits for approval: bot\\u{202e} asks to use t\\u{200b} of a\\u{a}b");
    assert_eq!(all[0].lines, ["Now also: role:\\u{2066}x."]);
}

#[test]
fn an_emergency_is_told_step_by_step() {
    let detail = json!({ "said": "calls of bot on every app need no approval", "more": "Why: the shop is down." });
    let all = told(vec![change("emergency.opened", detail)]);
    assert_eq!((all.len(), all[0].event.as_str()), (1, "emergency.opened"));
    assert_eq!(all[0].title, "Emergency: calls of bot on every app need no approval");
    assert_eq!(
        (all[0].lines[0].as_str(), all[0].link.as_str()),
        ("Why: the shop is down.", "https://console.example/emergency")
    );
}
