use trace::ready::{Window, access_ended, touched, who_approved};

use super::*;
use crate::commands::trace::tests::Log;

const PIPE: Look = Look { colour: false, signs: true, width: None };

#[test]
fn a_summary_is_a_table() {
    let log = Log::told();
    let report = touched(&log.reader, "invoice-bot", &Window { limit: 2, ..Window::default() }).unwrap();
    let lines = summary_lines(PIPE, &TimeZone::UTC, report.summary.clone().without(&[Field::Agent]));
    insta::assert_snapshot!(lines.join("\n"), @"
    used               by                   ran  waited  refused  first             last
    crm/find_contact   for ana@example.org    3       -        1  2026-11-21 10:00  2026-11-21 10:00
    mail/send_message  for ana@example.org    -       1        -  2026-11-21 10:00  2026-11-21 10:00
    5 calls
    ");
    let narrow = summary_lines(Look { width: Some(40), ..PIPE }, &TimeZone::UTC, report.summary);
    assert!(narrow.iter().all(|line| line.chars().count() <= 40), "{narrow:?}");
}

#[test]
fn a_call_says_on_whose_word_it_ran() {
    let log = Log::told();
    let told = who_approved(&log.reader, "2").unwrap().unwrap();
    let intent = told.call.intent().unwrap();
    let lines = approval_lines(PIPE, &TimeZone::UTC, &told, &intent);
    insta::assert_snapshot!(lines.join("\n"), @"
    ✓ allow  CRM/find_contact by Invoice bot for Ana Silva, 2026-11-21 10:00:00 (#2)
    approved   by nobody: no rule asked for an approval of this call
    rule       baseline-some: the baseline permits reads (baseline.cedar:12)
    rules      sha256:0909090909090909090909090909090909090909090909090909090909090909; the trace does not say who put them in force
    delegated  by Ana Silva in the task t_1
    outcome    answered
    ");
}

#[test]
fn a_call_that_people_approved_says_so_when_who_it_was_is_gone() {
    let log = Log::told();
    let told = who_approved(&log.reader, "2").unwrap().unwrap();
    let intent = IntentView { approved: true, ..told.call.intent().unwrap() };
    let lines = approval_lines(PIPE, &TimeZone::UTC, &told, &intent);
    assert_eq!(lines.get(1).map(String::as_str), Some("approved   by people; who is (erased)"));
}

#[test]
fn somebody_nobody_knows_is_told_so() {
    let log = Log::told();
    let known = Known { directory: Default::default(), configured: false };
    let fault = whose(&log.reader, &known, "carl").unwrap_err();
    assert_eq!(fault.to_string(), "neither the directory nor the trace knows a person or an agent `carl`");
    assert!(matches!(whose(&log.reader, &known, "ana@example.org"), Ok(Whose::Human(_))));
    let agent = whose(&log.reader, &known, "invoice-bot").unwrap();
    assert!(matches!(agent, Whose::Agent("invoice-bot", None)));
    let told = access_ended(&log.reader, agent, &Window::default()).unwrap();
    assert!(told.ended.is_none() && told.ran.is_empty());
}

#[test]
fn a_name_that_nobody_knows_is_not_one_that_did_nothing() {
    let log = Log::told();
    let known = Known { directory: Default::default(), configured: false };
    known_agent(&log.reader, &known, "invoice-bot").unwrap();
    known_human(&log.reader, &known, "ana@example.org").unwrap();
    known_rule(&log.reader, &[], "baseline-some").unwrap();
    known_rule(&log.reader, &["new".to_owned()], "new").unwrap();
    known_rule(&log.reader, &[], "guard:app-stopped").unwrap();
    known_rule(&log.reader, &[], "contract:acme/3.1").unwrap();
    for (fault, code, said) in [
        (known_agent(&log.reader, &known, "invoice-bt"), "operator.no_agent", "knows an agent `invoice-bt`"),
        (known_human(&log.reader, &known, "ana"), "operator.nobody", "knows a person `ana`"),
        (known_rule(&log.reader, &["new".to_owned()], "nw"), "operator.no_rule", "know a rule `nw`"),
    ] {
        let fault = fault.unwrap_err();
        assert!(fault.code() == code && fault.to_string().contains(said), "{fault}");
    }
    let fault = known_rule(&log.reader, &["new".to_owned()], "nw").unwrap_err();
    assert!(fault.way_out().is_some_and(|hint| hint.contains("`new`")), "{fault:?}");
}

#[test]
fn programs_get_everything() {
    let log = Log::told();
    let report = touched(&log.reader, "invoice-bot", &Window { limit: 2, ..Window::default() }).unwrap();
    let said = report_json(&report);
    assert_eq!((&said["calls"], &said["complete"], &said["next"]), (&json!(5), &json!(true), &json!(6)));
    assert_eq!(said["used"][0]["human"], "ana@example.org");
    assert_eq!(said["latest"].as_array().unwrap().len(), 2);
}
