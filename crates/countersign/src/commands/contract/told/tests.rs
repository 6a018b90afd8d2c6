use contract::{Cells, Change};
use model::Operation;
use serde_json::json;

use super::*;

#[test]
fn whoever_signs_sees_all_that_differs_from_what_was_signed() {
    let said = |before: Value| {
        let said = json!({
            "normal": "{\"most\":600}", "canonical": "{\"post_hoc\":{\"every_days\":365}}", "signed_before": before,
        });
        let lines = to_sign(&said);
        lines.into_iter().skip_while(|line| !line.starts_with("what")).collect::<Vec<_>>()
    };
    let before = json!({ "normal": "{\"most\":600}", "canonical": "{\"post_hoc\":{\"every_days\":1}}" });
    assert_eq!(
        said(before),
        [
            "what is written in it, against what was signed before:",
            "-     \"every_days\": 1",
            "+     \"every_days\": 365"
        ]
    );
    let lines = said(json!({ "normal": "{\"most\":60}" }));
    assert_eq!(
        lines,
        [
            "what the gateway does by it, against what was signed before:",
            "-   \"most\": 60",
            "+   \"most\": 600",
            "",
            "what is written in it: nobody kept what was signed before of it, so compare the files"
        ]
    );
    assert_eq!(said(Value::Null), [""; 0]);
}

#[test]
fn no_name_of_a_contract_moves_a_terminal() {
    let cells = Cells {
        change: Change::Permits,
        app: "ats".parse().unwrap(),
        entity: "note\u{1b}[2K\r".into(),
        operation: Operation::Read,
        state: None,
        fields: Vec::new(),
        when: None,
    };
    let others = vec!["permits the data of contoso and z\u{202e}".to_owned()];
    assert_eq!(
        different(&Difference { cells: vec![cells], others }),
        ["permits to read `note\\u{1b}[2K\\u{d}` in ats", "permits the data of contoso and z\\u{202e}"]
    );
    assert_eq!(
        pretty("{\"tenants\":[\"z\u{202e}\u{9b}2K\"]}"),
        "{\n  \"tenants\": [\n    \"z\\u{202e}\\u{9b}2K\"\n  ]\n}"
    );
}
