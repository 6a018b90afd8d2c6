use serde::Deserialize;

use super::{STATEMENT_BYTES_MAX, Statement};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    text: String,
    is: Vec<Statement>,
    #[serde(default)]
    why: String,
}

#[test]
fn what_is_recognised_and_what_is_not() {
    let cases: Vec<Case> = serde_saphyr::from_str(include_str!("../../cases/statements.yaml")).unwrap();
    let (recognised, kept): (Vec<_>, Vec<_>) = cases.iter().partition(|case| !case.is.is_empty());
    assert!(recognised.len() > 40 && kept.len() > 120, "{} {}", recognised.len(), kept.len());
    for case in &cases {
        for statement in [Statement::SqlRead, Statement::AwsRead, Statement::AwsEnd] {
            assert_eq!(
                statement.is(&case.text),
                case.is.contains(&statement),
                "{statement:?}: {} {}",
                case.text,
                case.why
            );
        }
    }
}

#[test]
fn what_is_too_long_is_not_recognised() {
    let text = |columns: usize| format!("select a{} from t", ", b".repeat(columns));
    assert!(Statement::SqlRead.is(&text(5_000)));
    assert!(!Statement::SqlRead.is(&text(STATEMENT_BYTES_MAX / 3)));
}

#[test]
fn nothing_that_changes_hides_anywhere_in_a_query() {
    let query = "select a, count(*) from t where b = 'x' group by a";
    assert!(Statement::SqlRead.is(query));
    let hidden = [
        ";drop table t",
        "; drop table t",
        "/*x*/",
        "/*!50000 into outfile 'f'*/",
        "--\n",
        " into u",
        " for update",
        "pg_sleep(9)",
        ", f(a)",
        "\\",
        "$1",
        "$$",
        "\0",
        "`",
        "@x",
        "#",
        "{",
        "\u{a0}",
        " union select pg_read_file('x')",
    ];
    for text in hidden {
        for at in 0..=query.len() {
            let mut whole = query.to_owned();
            whole.insert_str(at, text);
            // Inside the quotes it is a value, unless it is a backslash or a NUL.
            let (open, close) = (query.find('\'').unwrap(), query.rfind('\'').unwrap());
            let value = at > open && at <= close && !text.contains(['\\', '\0', '\'']);
            assert_eq!(Statement::SqlRead.is(&whole), value, "{whole:?}");
        }
    }
}
