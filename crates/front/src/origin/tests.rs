use http::HeaderValue;

use super::*;

fn check(host: Option<&'static str>, origin: Option<&'static str>, code: Option<&str>) {
    let origins =
        Origins::new(&Uri::from_static("https://gate.example"), 4100, true, &["https://console.example/".to_owned()]);
    let mut headers = HeaderMap::new();
    if let Some(host) = host {
        headers.insert(header::HOST, HeaderValue::from_static(host));
    }
    if let Some(origin) = origin {
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
    }
    let refused = origins.check(&headers, &Uri::from_static("/mcp")).err();
    assert_eq!(refused.as_ref().map(Fault::code), code, "{host:?} {origin:?}");
}

#[test]
fn only_our_names_and_pages_pass() {
    check(Some("127.0.0.1:4100"), None, None);
    check(Some("LOCALHOST:4100"), Some("http://localhost:4100"), None);
    check(Some("gate.example"), Some("https://console.example"), None);
    check(None, None, Some("caller.host"));
    check(Some("evil.example:4100"), None, Some("caller.host"));
    check(Some("127.0.0.1:4101"), None, Some("caller.host"));
    check(Some("127.0.0.1:4100"), Some("http://evil.example"), Some("caller.origin"));
    check(Some("127.0.0.1:4100"), Some("null"), Some("caller.origin"));
}
