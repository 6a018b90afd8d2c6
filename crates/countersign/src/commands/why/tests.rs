use super::*;
use crate::commands::trace::tests::Log;

const PIPE: Look = Look { colour: false, signs: true, width: None };

fn story(id: &str) -> String {
    story_of(&Log::told(), id)
}

fn story_of(log: &Log, id: &str) -> String {
    let entries = find(&log.reader, id).unwrap();
    Story::new(PIPE, TimeZone::UTC).tell(&entries, &said(&log.reader, &entries).unwrap())
}

#[test]
fn an_answered_call_is_told_from_question_to_record() {
    insta::assert_snapshot!(story("2"), @r#"
    ✓ allow  CRM/find_contact: executed

    asked    Invoice bot for Ana Silva, 2026-11-21 10:00:00 UTC
             CRM/find_contact (tools/call over mcp/2025-11-25)
             in the task t_1
             with
               query: "acme \u001b[31m"
               limit: 10.0
               filter:
                 tags:
                   - "a"
                   - "b"
                 none: {}
               big: 12345678901234567890123

    facts    tool    find_contact: read (said a person, its definition is the one that was reviewed)
             app     CRM (crm): high risk, restricted data, category crm, owned by bo@example.org
             person  Ana Silva (ana@example.org): controller, finance, reports to bo@example.org, active, has access to the app
             agent   Invoice bot (invoice-bot): answered for by ana@example.org, active
             known   the directory as of 2 h before, what the app offers as of 12 s before

    decided  allow under the rules sha256:0909090909090909090909090909090909090909090909090909090909090909, in 9 µs
             the baseline permits reads
               baseline-some (baseline.cedar:12)
               | @id("baseline-some")
               | forbid (principal, action, resource);

    sent     yes, once, to CRM

    outcome  answered; the tool ran, 2026-11-21 10:00:00 UTC
             41 ms, 1204 bytes, 1 echo of a secret taken out
             over mcp/2025-06-18, HTTP 200, with the credential vault:crm
             the answer as it was passed on: sha256:0303030303030303030303030303030303030303030303030303030303030303

    record   c_0000000002081040g2081040g2
             tool definition sha256:0707070707070707070707070707070707070707070707070707070707070707
             #2 intent 2026-11-21T10:00:00.000000Z: as it was written
             #3 outcome 2026-11-21T10:00:00.041500Z: as it was written
    "#);
}

#[test]
fn a_held_call_says_who_may_approve() {
    insta::assert_snapshot!(story("#5"), @r#"
    ⏸ hold   CRM/send_message: needs approval, nothing was executed

    asked    Invoice bot for Ana Silva, 2026-11-21 10:00:01 UTC
             CRM/send_message (tools/call over mcp/2025-11-25)
             in the task t_1
             with
               query: "acme \u001b[31m"
               limit: 10.0
               filter:
                 tags:
                   - "a"
                   - "b"
                 none: {}
               big: 12345678901234567890123

    facts    tool    find_contact: read (said a person, its definition is the one that was reviewed)
             app     CRM (crm): high risk, restricted data, category crm, owned by bo@example.org
             person  Ana Silva (ana@example.org): controller, finance, reports to bo@example.org, active, has access to the app
             agent   Invoice bot (invoice-bot): answered for by ana@example.org, active
             known   the directory as of 2 h before, what the app offers as of 12 s before

    decided  hold under the rules sha256:0909090909090909090909090909090909090909090909090909090909090909, in 9 µs
             actions that reach outside the organisation wait for a human
               baseline-some (baseline.cedar:12)
               | @id("baseline-some")
               | forbid (principal, action, resource);
               who may approve: an owner of the app (bo@example.org)
               instead: prepare a draft inside the app

    sent     no: nothing left the gateway

    record   c_00000000050m2ga1850m2ga185
             tool definition sha256:0707070707070707070707070707070707070707070707070707070707070707
             #5 intent 2026-11-21T10:00:01.500000Z: as it was written
    "#);
}

#[test]
fn a_call_that_somebody_denied_says_who_and_why() {
    let mut log = Log::told();
    log.said_of("5", "hold.denied", json!({ "reason": "not to this\u{1b} bank" }));
    let told = story_of(&log, "#5");
    assert!(told.starts_with("⏸ hold   CRM/send_message: denied by a person, nothing was executed"), "{told}");
    let people = told.split("people   ").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    assert_eq!(
        people,
        "denied by human:bo@example.org, 2026-11-21 10:00:03 UTC\n           why: not to this\\u{1b} bank"
    );
    // Nor is a word about one call said of another.
    assert!(!story_of(&log, "2").contains("people   "));
}

#[test]
fn a_call_whose_time_was_over_says_whom_it_waited_for() {
    // Of two people who have to approve it, one alone is not enough.
    for (said, wanted) in [
        (&[][..], "not approved in time, nothing was executed"),
        (&["pending"], "not approved in time, nothing was executed"),
        (&["pending", "approved"], "approved, and not taken up in time, nothing was executed"),
    ] {
        let mut log = Log::told();
        said.iter().for_each(|state| log.said_of("5", "hold.approved", json!({ "state": state })));
        log.said_of("5", "hold.expired", json!({ "state": "expired" }));
        let told = story_of(&log, "#5");
        assert!(told.starts_with(&format!("⏸ hold   CRM/send_message: {wanted}\n")), "{told}");
    }
}

#[test]
fn a_failed_call_says_what_left() {
    let told = story("6");
    assert!(told.contains("allowed, but nothing was executed"), "{told}");
    assert!(told.contains("failed, not executed (upstream.unreachable); the tool did not run"), "{told}");
    let told = story("8");
    assert!(told.contains("there is no outcome yet"), "{told}");
}

#[test]
fn a_change_is_told_as_well() {
    insta::assert_snapshot!(story("1"), @r#"
    change   people.offboard: bo@example.org

    by       os-user:ana, 2026-11-20 10:00:03 UTC

    detail   reason: "left"
             tickets:
               - 1
               - 2

    record   c_0000000001040g2081040g2081
             #1 change 2026-11-20T10:00:03.000000Z: as it was written
    "#);
}

#[test]
fn any_way_to_name_a_call_finds_it() {
    let log = Log::told();
    let whole = log.reader.by_id("2").unwrap()[0].call.to_string();
    let tail: String = whole.chars().skip(18).collect();
    for id in [whole.as_str(), &tail, "2", "#2", "3"] {
        assert_eq!(find(&log.reader, id).unwrap().len(), 2, "{id}");
    }
}

#[test]
fn what_names_no_call_says_so() {
    let log = Log::told();
    let said = |id: &str| {
        let fault = find(&log.reader, id).unwrap_err();
        format!("{fault}\nhint: {}", fault.way_out().unwrap())
    };
    insta::assert_snapshot!([said("99"), said("c_00000000000000000000000000"), said("?!")].join("\n"), @r#"
    the trace has no call or change `99`
    hint: `countersign trace --changes` lists them; the number at the start of a line is enough
    the trace has no call or change `c_00000000000000000000000000`
    hint: `countersign trace --changes` lists them; the number at the start of a line is enough
    `?!` is not the id of a call or change
    hint: give the whole id, at least its last 4 characters, or a sequence number
    "#);
}

#[test]
fn programs_get_everything_but_the_salt() {
    let log = Log::told();
    let said = everything(&find(&log.reader, "2").unwrap());
    assert_eq!(said["records"].as_array().unwrap().len(), 2);
    assert_eq!(said["records"][0]["verified"], true);
    assert_eq!(said["records"][0]["body"]["arguments"]["query"], "acme \u{1b}[31m");
    assert!(!said.to_string().contains("\"salt\""));
}

#[test]
fn a_record_that_was_edited_is_pointed_out() {
    let log = Log::told();
    let mut entries = find(&log.reader, "4").unwrap();
    entries[0].agent = Some("somebody-else".to_owned());
    let told = Story::new(PIPE, TimeZone::UTC).tell(&entries, &[]);
    assert!(told.contains("record 4 is not what was written"), "{told}");
    assert_eq!(everything(&entries)["records"][0]["verified"], false);
}
