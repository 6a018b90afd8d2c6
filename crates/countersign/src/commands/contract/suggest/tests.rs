use super::*;

#[test]
fn only_addresses_that_nobody_reads_along() {
    let taken = |base: &str| address(&base.parse().unwrap()).map(|(url, host)| format!("{url} {host}"));
    assert_eq!(taken("https://a.example/v1").unwrap(), "https://a.example/v1/chat/completions a.example");
    assert_eq!(taken("https://a.example").unwrap(), "https://a.example/chat/completions a.example");
    assert_eq!(taken("http://127.0.0.1:8080/v1/").unwrap(), "http://127.0.0.1:8080/v1/chat/completions 127.0.0.1:8080");
    assert!(taken("http://[::1]:8080/v1").is_ok() && taken("http://localhost/v1").is_ok());
    let refused = |base: &str| taken(base).unwrap_err().0;
    assert_eq!(refused("http://a.example/v1"), "the agreement would go to `a.example` for everybody to read");
    assert!(refused("http://localhost.a.example/v1").contains("for everybody"));
    assert!(refused("https://name:pass@a.example/v1").contains("a name or password"));
    for port in ["https://a.example:99999/v1", "https://a.example:/v1", "https://bob:hunt/er2x@a.example/v1"] {
        assert!(refused(port).contains("a port that there is not"), "{port}");
    }
    assert!(refused("https://a.example/v1?key=k").contains("has a query"));
    assert!(refused("/v1").contains("names no host"));
    assert!(refused("ftp://a.example/v1").contains("no address of a model"));
}

#[test]
fn a_completion_is_read_and_everything_else_is_told() {
    let said = |status: u16, body: &str| {
        let answered = Answered { status: StatusCode::from_u16(status).unwrap(), body: body.to_owned().into() };
        words(&answered).map_err(|fault| fault.to_string())
    };
    let good =
        r#"{"id":"x","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"{}"}}]}"#;
    assert_eq!(said(200, good).unwrap(), "{}");
    assert_eq!(said(500, good).unwrap_err(), "it answers with 500");
    assert!(said(307, good).unwrap_err().contains("sends us elsewhere (307)"));
    assert!(said(200, &good.replace("stop", "length")).unwrap_err().contains("cut off"));
    assert!(said(200, &good.replace("\"{}\"", "null")).unwrap_err().contains("says nothing"));
    assert!(said(200, r#"{"choices":[]}"#).unwrap_err().contains("no choice"));
    assert!(said(200, "<html>").unwrap_err().contains("something else than a chat completion"));
}
