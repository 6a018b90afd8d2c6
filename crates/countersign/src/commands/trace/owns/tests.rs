use super::*;
use crate::commands::trace::tests::Log;

const PIPE: Look = Look { colour: false, signs: true, width: None };

#[test]
fn an_agent_that_is_gone_is_known_from_its_last_call() {
    let log = Log::told();
    let known = Known { directory: Arc::default(), configured: false };
    let owned = owned(Some(&log.reader), &known, "invoice-bot").unwrap();
    insta::assert_snapshot!(lines(PIPE, &TimeZone::UTC, &owned).join("\n"), @"
    invoice-bot (Invoice bot): not in the directory any more
    owner      ana@example.org
    employed   no: not in the directory
    used       5 calls, from 2026-11-21T10:00:00.000000Z to 2026-11-21T10:00:03.000000Z
    known from its last call (#8)
    ");
    assert_eq!(as_json(&owned)["employed"], false);
}

#[test]
fn an_agent_nobody_knows_is_told_so() {
    let known = Known { directory: Arc::default(), configured: false };
    let fault = owned(None, &known, "nobody").map(drop).unwrap_err();
    assert_eq!(fault.to_string(), "neither the directory nor the trace knows an agent `nobody`");
}
