use super::*;

#[test]
fn a_notification_names_its_subscription() {
    let said = |members: &[u8], tag| String::from_utf8_lossy(&notification("m", members, tag)).into_owned();
    assert_eq!(said(b"", None), r#"{"jsonrpc":"2.0","method":"m"}"#);
    let tag = r#""_meta":{"io.modelcontextprotocol/subscriptionId":"a"}"#;
    assert_eq!(said(b"", Some(br#""a""#)), format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{{tag}}}}}"#));
    let both = format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"uri":"x",{tag}}}}}"#);
    assert_eq!(said(br#""uri":"x""#, Some(br#""a""#)), both);
}

#[test]
fn what_is_inside_an_address_is_part_of_it() {
    for (uri, subscribed, part) in [
        ("file:///a", "file:///a", true),
        ("file:///a/b", "file:///a", true),
        ("file:///a/b", "file:///a/", true),
        ("file:///a#b", "file:///a", true),
        ("file:///ab", "file:///a", false),
        ("file:///", "file:///a", false),
    ] {
        assert_eq!(is_part_of(uri, subscribed), part, "{uri} of {subscribed}");
    }
}
