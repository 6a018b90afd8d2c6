use super::super::tests::{parse, refused};
use super::*;

const PEOPLE: &str = "people: {ana: {oidc: '4711'}, bo: {oidc: 'Bo@acme.example'}, kim: {}}\n";
const SMALL: &str = "{issuer: 'https://idp.example', client_id: console}";

fn with(oidc: &str) -> String {
    format!("{PEOPLE}console: {{oidc: {oidc}}}\n")
}

#[test]
fn a_provider_is_named_with_what_it_calls_itself_and_us() {
    let config = parse(&with(SMALL)).unwrap();
    let oidc = config.console.unwrap().oidc.unwrap();
    assert_eq!((oidc.name.as_str(), oidc.claim, oidc.client_secret), ("single sign-on", Claim::Subject, None));
    assert_eq!((oidc.issuer.as_str(), oidc.client_id.as_str()), ("https://idp.example", "console"));
    let named = config.directory.known_elsewhere;
    assert_eq!((named["4711"].as_str(), named["Bo@acme.example"].as_str(), named.len()), ("ana", "bo", 2));

    let whole = "{name: Acme SSO, issuer: 'http://localhost:8080/realms/a/', client_id: '${HOST}', client_secret: 'vault:oidc', claim: preferred_username}";
    let oidc = parse(&with(whole)).unwrap().console.unwrap().oidc.unwrap();
    assert_eq!(oidc.client_secret, Some(Source::Vault("oidc".to_owned())));
    // To the last slash: it is compared with what stands in tokens.
    assert_eq!((oidc.issuer.as_str(), oidc.claim), ("http://localhost:8080/realms/a/", Claim::PreferredUsername));
    assert_eq!(oidc.client_id, "127.0.0.1:9000");
    assert!(parse("console: {}\n").unwrap().console.unwrap().oidc.is_none());
}

#[test]
fn what_is_wrong_with_it_is_told_where_it_stands() {
    for (oidc, said) in [
        ("{client_id: console}", "the key `issuer` is missing"),
        ("{issuer: 'https://idp.example'}", "the key `client_id` is missing"),
        ("{issuer: 'https://idp.example', clientid: x}", "did you mean `client_id`?"),
        ("{issuer: 'http://idp.example', client_id: x}", "`http://idp.example` is no issuer"),
        ("{issuer: 'https://a@idp.example', client_id: x}", "is no issuer"),
        ("{issuer: 'https://idp.example?a=b', client_id: x}", "is no issuer"),
        ("{issuer: idp.example, client_id: x}", "is no issuer"),
        ("{issuer: 'https://idp.example', client_id: ''}", "it is empty"),
        ("{issuer: 'https://idp.example', client_id: x, claim: mail}", "did you mean `email`?"),
        ("{issuer: 'https://idp.example', client_id: x, claim: upn}", "people are not known by the claim `upn`"),
        ("{issuer: 'https://idp.example', client_id: x, name: ' '}", "a name has 1 to 40 characters"),
    ] {
        let refused = refused(&with(oidc));
        assert!(refused.contains(said), "{oidc}: {refused}");
        assert!(refused.starts_with("c.yaml:2:"), "{oidc}: {refused}");
    }
}

#[test]
fn nobody_shares_a_name_and_none_is_of_no_provider() {
    let twice = format!("people: {{ana: {{oidc: x}}, bo: {{oidc: x}}}}\nconsole: {{oidc: {SMALL}}}\n");
    assert!(refused(&twice).contains("the identity provider calls `ana` `x` already"));
    let empty = format!("people: {{ana: {{oidc: ''}}}}\nconsole: {{oidc: {SMALL}}}\n");
    assert!(refused(&empty).contains("is empty"));
    let without = refused("people: {ana: {oidc: x}}\nconsole: {}\n");
    assert!(without.contains("and none is named") && without.contains("name it: `console: {oidc:"), "{without}");
}

#[test]
fn a_secret_in_the_place_of_its_name_is_never_shown() {
    for oidc in [
        "{issuer: 'https://idp.example', client_id: x, client_secret: hunter2hunter2}",
        "{issuer: 'https://idp.example', client_id: x, client_secrets: hunter2hunter2}",
    ] {
        let refused = refused(&with(oidc));
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
