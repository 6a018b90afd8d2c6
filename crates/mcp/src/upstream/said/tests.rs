use super::*;

fn said(name: &str, value: &[u8]) -> Said {
    let mut said = Said::default();
    said.hear("x-other", b"application/json");
    said.hear(name, value);
    said
}

#[test]
fn heads_say_what_the_body_is() {
    let kind = |value: &str| said("Content-Type", value.as_bytes()).kind;
    assert_eq!(kind(" Application/JSON; charset=utf-8"), Kind::Json);
    assert_eq!(kind("text/event-stream"), Kind::Events);
    assert_eq!(kind(" text/html"), Kind::Other);
    assert_eq!(kind(""), Kind::Other);
    let session = |value: &str| said("Mcp-Session-Id", value.as_bytes()).session;
    assert_eq!(session("s-1").as_deref(), Some("s-1"));
    assert_eq!(session("sé"), None, "it could not be sent back");
}
