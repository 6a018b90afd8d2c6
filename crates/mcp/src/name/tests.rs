use super::*;

fn name(app: &str, tool: &str) -> String {
    joined(&AppId::parse(app).unwrap(), &ToolName::parse(tool).unwrap())
}

#[test]
fn names_split_where_they_were_joined() {
    for (app, tool) in [("crm", "search"), ("crm", "__search"), ("a-b", "x__y__z"), ("crm", "_x")] {
        let whole = name(app, tool);
        let (back, rest) = split(&whole).unwrap();
        assert_eq!((back.as_str(), rest), (app, tool));
    }
    for bad in ["search", "CRM__x", "_x", "__x", "crm_x"] {
        assert!(split(bad).is_none(), "{bad}");
    }
}

#[test]
fn long_names_are_cut_stably_and_stay_apart() {
    let (one, two) = (name("crm", &format!("{}1", "x".repeat(100))), name("crm", &format!("{}2", "x".repeat(100))));
    assert_eq!((one.len(), two.len()), (JOINED_NAME_CHARS_MAX, JOINED_NAME_CHARS_MAX));
    assert_ne!(one, two);
    assert_eq!(one, name("crm", &format!("{}1", "x".repeat(100))));
    assert_eq!(name("crm", &"x".repeat(59)).len(), 64);
    assert_eq!(split(&one).unwrap().0.as_str(), "crm");
    assert!(may_be_shortened(&one) && may_be_shortened(&two));
    for whole in [name("crm", &"x".repeat(59)), name("crm", "search_0123456789ab"), format!("{one}0")] {
        assert!(!may_be_shortened(&whole), "{whole}");
    }
}

#[test]
fn addresses_split_where_they_were_joined() {
    let app = AppId::parse("crm").unwrap();
    for uri in ["notes://today", "git+ssh://host/x", "a+b", "file:///{path}"] {
        let whole = joined_uri(&app, uri);
        assert_eq!(split_uri(&whole), Some((app.clone(), uri)));
    }
    assert_eq!(split_uri("notes://today"), None);
    assert_eq!(split_uri("Notes+x://today"), None);
}
