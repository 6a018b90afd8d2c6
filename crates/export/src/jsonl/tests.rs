use serde_json::Value;

use super::*;
use crate::samples::Log;

#[test]
fn a_line_says_what_a_question_shows_and_opens_what_the_leaf_commits_to() {
    let mut log = Log::with_calls(0..3);
    log.add(&[trace::Row::of_change(&crate::samples::change(9)).unwrap()]);
    for item in log.items() {
        let line = json_line(&item);
        assert!(!line.contains('\n'), "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        let shown = item.entry.to_json();
        for key in ["sequence", "kind", "call", "time", "agent", "human", "verdict", "leaf_hash", "body"] {
            assert_eq!(value.get(key), shown.get(key), "{key}");
        }
        assert_eq!(value["leaf"], Value::from(item.entry.leaf.clone()));
        assert_eq!(value["salt"].as_str().map(str::len), Some(64));
        assert_eq!(value.get("security_relevant"), item.security_relevant().then_some(&Value::Bool(true)));
    }
}
