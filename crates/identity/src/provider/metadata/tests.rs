use serde_json::{Value, json};

use super::*;

fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth?realm=a"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "authorization_response_iss_parameter_supported": true,
    })
}

fn read(written: &Value, issuer: &str) -> Result<Metadata, Fault> {
    Metadata::read(written.to_string().as_bytes(), issuer)
}

#[test]
fn it_stands_below_the_issuer_and_says_where_things_are() {
    assert_eq!(Metadata::address("https://idp.example/a/"), "https://idp.example/a/.well-known/openid-configuration");
    let read = read(&metadata("https://idp.example/a"), "https://idp.example/a").unwrap();
    assert_eq!(read.token_endpoint, "https://idp.example/a/token");
    assert_eq!(read.authorization_endpoint, "https://idp.example/a/auth?realm=a");
    assert!(read.names_itself && !read.takes_claims);
}

#[test]
fn another_issuers_is_refused() {
    let written = metadata("https://idp.example");
    for issuer in ["https://idp.example/", "https://IDP.example", "https://evil.example"] {
        assert!(read(&written, issuer).is_err(), "{issuer}");
    }
    for text in ["", "{}", "<html>", r#"{"issuer":"https://idp.example","issuer":"https://idp.example"}"#] {
        assert!(Metadata::read(text.as_bytes(), "https://idp.example").is_err(), "{text}");
    }
}

#[test]
fn it_leads_nowhere_that_is_not_protected() {
    for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        for elsewhere in [
            "http://idp.example/x",
            // A program of this machine, which an issuer elsewhere has no say in.
            "http://127.0.0.1:8500/x",
            "http://localhost/x",
            "ftp://idp.example/x",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://user@idp.example/x",
            "https://idp.example/x#y",
            "/x",
            "",
        ] {
            let mut written = metadata("https://idp.example");
            written[endpoint] = json!(elsewhere);
            assert!(read(&written, "https://idp.example").is_err(), "{endpoint} {elsewhere}");
        }
    }
    // An issuer of this machine may say so of itself.
    assert!(read(&metadata("http://127.0.0.1:8080"), "http://127.0.0.1:8080").is_ok());
}

#[test]
fn https_is_protected_and_so_is_this_machine() {
    let protected = |url: &str| url.parse::<Uri>().is_ok_and(|url| is_protected(&url));
    for url in ["https://idp.example", "http://localhost:1/a", "http://127.0.0.1", "http://[::1]:80/"] {
        assert!(protected(url), "{url}");
    }
    for url in [
        "http://idp.example",
        "http://127.0.0.1.evil.example",
        "http://a@localhost",
        "localhost",
        "ws://localhost",
        "https://idp.example:99999",
        "https://idp.example:/keys",
    ] {
        assert!(!protected(url), "{url}");
    }
}
