use super::{draft, listed, profile_name, summary};

const TOOL: &str = r#"{"name": "get_item", "inputSchema": {"type": "object"}}"#;

#[test]
fn a_list_is_found_however_it_is_wrapped() {
    for text in [
        format!("[{TOOL}]"),
        format!(r#"{{"tools": [{TOOL}]}}"#),
        format!(r#"{{"jsonrpc": "2.0", "id": 1, "result": {{"tools": [{TOOL}]}}}}"#),
    ] {
        let (definitions, left_out) = listed("tools.json", text.as_bytes()).expect("a list");
        assert_eq!((definitions.len(), left_out.len()), (1, 0), "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_stays() {
    let text = format!(r#"{{"tools": [{TOOL}, {{"name": "odd"}}, 3], "nextCursor": "2"}}"#);
    let (definitions, left_out) = listed("tools.json", text.as_bytes()).expect("a list");
    assert_eq!(definitions.len(), 1);
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert!(left_out[0].starts_with("number 2 of the list: "), "{left_out:?}");
}

#[test]
fn what_is_no_list_is_refused() {
    for (text, said) in [
        ("{}", "`tools.json` holds no list of tools"),
        (r#"{"tools": {}}"#, "`tools.json` holds no list of tools"),
        (r#"{"error": {"code": -32601, "message": "no"}}"#, "`tools.json` holds no list of tools"),
        ("tools:", "`tools.json` does not parse: "),
    ] {
        let Err(fault) = listed("tools.json", text.as_bytes()) else { panic!("`{text}` was read") };
        assert!(fault.to_string().starts_with(said), "{fault}");
        assert!(fault.way_out().is_some(), "{text}");
    }
}

#[test]
fn a_summary_counts_classes() {
    let (definitions, _) = listed("tools.json", format!("[{TOOL}]").as_bytes()).expect("a list");
    assert_eq!(summary(&draft(&definitions)), "1 tool: 1 read; read every line before you use it");
    assert_eq!(summary(&[]), "0 tools");
}

#[test]
fn an_apps_name_becomes_a_profiles() {
    assert_eq!(profile_name("My_App.2"), "my-app-2");
}
