use http::HeaderValue;

use super::*;

fn check(host: Option<&'static str>, origin: Option<&'static str>, code: Option<&str>) {
    let (url, listens) = (Uri::from_static("https://gate.example"), SocketAddr::from(([127, 0, 0, 1], 4100)));
    let origins = Origins::new("public_url", &url, listens, Some(&["https://console.example/".to_owned()]));
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

#[test]
fn the_way_out_is_one_of_this_listener() {
    let (url, listens) = (Uri::from_static("https://gate.example"), SocketAddr::from(([10, 0, 0, 9], 4100)));
    let refused = |origins: &Origins, host: &'static str| {
        let headers = [(header::HOST, host), (header::ORIGIN, "http://evil.example")];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value))).into_iter().collect();
        origins.check(&headers, &Uri::from_static("/mcp")).unwrap_err().way_out().unwrap_or_default().to_owned()
    };
    for (named_by, others) in [("public_url", Some(&[][..])), ("door: {url: …}", None), ("console: {url: …}", None)]
    {
        let origins = Origins::new(named_by, &url, listens, others);
        let named = refused(&origins, "gate.internal");
        assert!(named.contains(&format!("name this one in `{named_by}` and start it again")), "{named}");
        let page = refused(&origins, "gate.example");
        assert_eq!(page.contains("`allowed_origins`"), others.is_some(), "{named_by}: {page}");
    }
}
