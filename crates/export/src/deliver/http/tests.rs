use http::HeaderName;

use super::*;

fn quoted(said: &str) -> Option<String> {
    let url = "https://collector.example/in/T0K3N?key=s3cr%2Fet".parse().unwrap();
    let headers = [(header::AUTHORIZATION, "Bearer tok_abc+1/x=="), (HeaderName::from_static("x-key"), "k3y-0f-ours")];
    let headers = headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    Collector::new(&url, &Headers(headers), JSON).unwrap().quote(said)
}

#[test]
fn a_collector_that_repeats_a_token_is_not_quoted() {
    for said in [
        "Cannot POST /in/T0K3N",
        "nothing at \\/in\\/t0k3n",
        "no such key: s3cr/et",
        "no such key: s3cr%2Fet",
        "unknown: Bearer tok_abc+1/x==",
        "x-key: k3y-0f-ours",
        &format!("{} T0K3N", "x".repeat(300)),
    ] {
        assert_eq!(quoted(said), None, "{said}");
    }
}

#[test]
fn what_else_a_collector_says_is_quoted_in_a_line() {
    assert_eq!(quoted("later,\r\nthe key is over its quota").as_deref(), Some("later,the key is over its quota"));
    assert_eq!(quoted(&"x".repeat(300)).map(|said| said.len()), Some(200));
}
