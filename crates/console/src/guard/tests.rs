use super::*;

fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in all {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn what_changes_something_says_that_it_comes_from_here() {
    let check = |method: Method, all: &[(&'static str, &'static str)]| same_origin(&method, &headers(all)).is_ok();
    assert!(check(Method::GET, &[("sec-fetch-site", "cross-site")]));
    assert!(check(Method::POST, &[("sec-fetch-site", "same-origin")]));
    assert!(check(Method::POST, &[("origin", "http://127.0.0.1:4120")]), "front has compared it");
    for site in ["cross-site", "same-site", "none"] {
        assert!(!check(Method::POST, &[("sec-fetch-site", site), ("origin", "http://127.0.0.1:4120")]), "{site}");
    }
    assert!(!check(Method::POST, &[]));
}

#[test]
fn nobody_is_sent_elsewhere() {
    assert_eq!(place_of_ours("/trace?q=verdict%3Adeny"), "/trace?q=verdict%3Adeny");
    for elsewhere in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/a b", "/a\r\nx: y", "trace"] {
        assert_eq!(place_of_ours(elsewhere), "/", "{elsewhere}");
    }
}

#[test]
fn every_response_keeps_to_itself() {
    let mut response = Response::new(front::empty());
    harden(&mut response);
    let policy = response.headers().get("content-security-policy").unwrap().to_str().unwrap();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(part), "{part}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
}
