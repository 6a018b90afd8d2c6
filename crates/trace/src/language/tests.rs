use proptest::prelude::*;

use super::*;

/// 2026-11-21T10:00:03Z.
const NOW: UnixMicros = UnixMicros(1_795_255_203_000_000);

fn check(text: &str, expected: &str) {
    assert_eq!(Query::parse(text, NOW).unwrap().to_string(), expected, "{text}");
}

fn wrong(text: &str) -> String {
    let error = Query::parse(text, NOW).unwrap_err();
    let hint = error.way_out().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("{error}{hint}")
}

#[test]
fn questions_are_read() {
    check("", "");
    check("verdict:deny app:crm since:3s", "verdict:deny app:crm since:2026-11-21T10:00:00.000000Z");
    check("  app:crm,mail\t-agent:helper  ", "app:crm,mail -agent:helper");
    check("rule:crm.reads,guard:stopped", "rule:crm.reads,guard:stopped");
    check(r#"tool:"a b",c subject:"say \"x\" \\ y,z""#, r#"tool:"a b",c subject:"say \"x\" \\ y,z""#);
    check("method:tools/call", "method:tools/call");
    check("tool:file:///a/b?c=d", "tool:file:///a/b?c=d");
    check("until:2026-11-01", "until:2026-11-01T23:59:59.999999Z");
    check(&format!("bundle:{}", "ab".repeat(32)), &format!("bundle:sha256:{}", "ab".repeat(32)));
    check("-observed:yes -observed:no", "-observed:yes -observed:no");
}

#[test]
fn whatever_is_asked_calls_are_meant_unless_changes_are() {
    let kinds = |text| Query::parse(text, NOW).unwrap().of_calls_unless_said().to_string();
    assert_eq!(kinds("app:crm"), "app:crm kind:intent");
    assert_eq!(kinds("what:people.offboard"), "what:people.offboard kind:change");
    assert_eq!(kinds("kind:outcome,change"), "kind:outcome,change");
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    let questions = [
        "app:crm verdit:deny",
        "verdict:allow,denied app:crm",
        "deny",
        "app: crm",
        "app:crm,",
        "tool:\"send mail",
        "tool:\"send\"mail",
        "app:crm since:yesterday",
        "since:1d since:2d",
        "since:1d,2d",
        "-since:1d",
        "subject:børge who:\"ø\"",
        "-",
        ":x",
    ];
    let all: Vec<String> = questions.into_iter().map(wrong).collect();
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    there is no key `verdit`
      | app:crm verdit:deny
      |         ^^^^^^
    hint: did you mean `verdict`?

    `verdict` does not take `denied`
      | verdict:allow,denied app:crm
      |               ^^^^^^
    hint: there is allow, redact, hold, defer, deny

    `deny` does not say of what it is the value
      | deny
      | ^^^^
    hint: a term is a key, a colon and a value, for example `app:deny`

    a value of `app` is missing
      | app: crm
      | ^^^^
    hint: write it behind the colon, without a space: `app:VALUE`

    a value of `app` is missing
      | app:crm,
      | ^^^^^^^^
    hint: write it behind the colon, without a space: `app:VALUE`

    the quotes are not closed
      | tool:"send mail
      |      ^^^^^^^^^^

    something stands right behind the quotes
      | tool:"send"mail
      |      ^^^^^^
    hint: put a space between two terms

    `yesterday` is not a moment: it takes `2h`, `7d`, `2026-11-21` or `2026-11-21T10:00:00Z`
      | app:crm since:yesterday
      |               ^^^^^^^^^

    `since` is there twice
      | since:1d since:2d
      |          ^^^^^

    `since` takes one moment
      | since:1d,2d
      | ^^^^^

    `since` cannot be turned round
      | -since:1d
      |  ^^^^^
    hint: write `until:`

    there is no key `who`
      | subject:børge who:"ø"
      |               ^^^
    hint: there is agent, human, app, tool, class, method, verdict, rule, observed, would, bundle, effect, status, code, task, call, kind, what, by, subject, since, until

    `-` does not say of what it is the value
      | -
      | ^
    hint: a term is a key, a colon and a value, for example `app:WORD`

    there is no key ``
      | :x
      | ^
    hint: there is agent, human, app, tool, class, method, verdict, rule, observed, would, bundle, effect, status, code, task, call, kind, what, by, subject, since, until
    "#);
}

#[test]
fn questions_have_bounds() {
    let terms = "app:a ".repeat(QUESTION_TERMS_MAX);
    assert!(Query::parse(&terms, NOW).is_ok());
    assert!(wrong(&format!("{terms}app:b")).starts_with("there are more than 32 terms"));
    let values = ["a"; QUESTION_TERMS_MAX].join(",");
    assert!(Query::parse(&format!("app:{values}"), NOW).is_ok());
    assert!(wrong(&format!("app:{values},a")).starts_with("there are more than 32 alternatives"));
    assert!(wrong("agent:a app:c\0rm").starts_with("the question holds the character U+0000"));
    assert!(wrong(&"x".repeat(QUESTION_BYTES_MAX + 1)).starts_with("the question is longer than 4096 bytes"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        if let Err(error) = Query::parse(&text, NOW) {
            prop_assert!(error.column() <= text.chars().count() + 1);
            let _shown = error.to_string();
        }
    }

    #[test]
    fn what_is_written_is_read_again(values in prop::collection::vec("[ -~é\u{202e}]{1,12}", 1..4), negated: bool) {
        let query = Query {
            terms: vec![Term { field: Field::Tool, negated, values }],
            since: Some(NOW),
            ..Query::default()
        };
        prop_assert_eq!(Query::parse(&query.to_string(), NOW).unwrap(), query);
    }
}
