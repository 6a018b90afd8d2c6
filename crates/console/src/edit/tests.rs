use super::*;

fn shown(arguments: &Value) -> String {
    edits(&arguments.to_string()).map(Html::into_string).unwrap_or_default()
}

#[test]
fn what_goes_and_what_comes_stand_between_what_stays() {
    let old = "one\ntwo\nthree\nfour\nfive\nsix";
    let new = "one\ntwo\nthree\nfour\nFIVE <b>\nand more\nsix";
    let shown = shown(&serde_json::json!({"path": "/a", "edits": [{"oldText": old, "newText": new}]}));
    let order =
        ["<span>  two", "<span>  four", "<del>− five", "<ins>+ FIVE &lt;b&gt;", "<ins>+ and more", "<span>  six"];
    let places: Vec<usize> =
        order.iter().map(|part| shown.find(part).unwrap_or_else(|| panic!("{part}: {shown}"))).collect();
    assert!(places.is_sorted(), "{shown}");
    assert!(!shown.contains("  one\n"), "further away than what is shown around it: {shown}");
}

#[test]
fn every_way_to_say_it_is_known_and_nothing_else_is_an_edit() {
    for (old, new) in PAIRS {
        assert!(shown(&serde_json::json!({old: "a", new: "b"})).contains("<del>− a"));
        assert_eq!(shown(&serde_json::json!({old: "a"})), "");
        assert_eq!(shown(&serde_json::json!({old: 1, new: 2})), "");
    }
    assert_eq!(shown(&serde_json::json!({"text": "a"})), "");
    assert!(edits("no JSON").is_none());
}

#[test]
fn what_is_long_says_how_much_is_left_out() {
    let long = "x\n".repeat(LINES_MAX + 5);
    let said = shown(&serde_json::json!({"old_str": "", "new_str": long}));
    assert!(said.contains("… 5 more lines"));
    let many = vec![serde_json::json!({"old_str": "a", "new_str": "b"}); EDITS_MAX + 1];
    assert!(shown(&Value::Array(many)).contains("1 more edits stand below"));
}
