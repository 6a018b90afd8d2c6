use serde_json::json;

use super::super::staged::{CLIENT, ED25519, ISSUER, P256, RSA, jwk, signed};
use super::*;

const NOW: UnixMicros = UnixMicros(1_790_000_000_000_000);
const SECONDS: i64 = 1_790_000_000;

fn keys() -> KeySet {
    let keys = json!({ "keys": [jwk(ED25519.0, "ed"), jwk(P256.0, "ec"), jwk(RSA.0, "rsa")] });
    KeySet::read(keys.to_string().as_bytes()).unwrap()
}

fn expected() -> Expected<'static> {
    Expected { issuer: ISSUER, client_id: CLIENT, nonce: "n-1", claim: Claim::Subject, since: NOW, anew: false }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": "u-1", "aud": CLIENT, "exp": SECONDS + 300, "iat": SECONDS, "nonce": "n-1" })
}

/// The claims of a good token with some of them changed; null takes one away.
fn with(changes: Value) -> String {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    signed(Algorithm::EdDSA, "ed", &claims)
}

fn look(token: &str) -> Result<String, IdTokenError> {
    verified(token, &keys(), &expected(), NOW)
}

#[test]
fn a_good_token_says_who_it_is_in_each_algorithm_of_the_list() {
    for (algorithm, id) in
        [(Algorithm::EdDSA, "ed"), (Algorithm::ES256, "ec"), (Algorithm::RS256, "rsa"), (Algorithm::PS256, "rsa")]
    {
        assert_eq!(look(&signed(algorithm, id, &claims())).as_deref(), Ok("u-1"), "{algorithm:?}");
    }
    assert_eq!(look(&with(json!({ "aud": [CLIENT] }))).as_deref(), Ok("u-1"));
    assert_eq!(look(&with(json!({ "aud": [CLIENT, "other"], "azp": CLIENT }))).as_deref(), Ok("u-1"));
    assert_eq!(look(&with(json!({ "azp": CLIENT, "nbf": SECONDS, "more": {"a": 1} }))).as_deref(), Ok("u-1"));
}

#[test]
fn each_claim_that_is_not_right_is_named() {
    for (changes, error) in [
        (json!({ "iss": "https://idp.example/" }), IdTokenError::Issuer),
        (json!({ "iss": "https://evil.example" }), IdTokenError::Issuer),
        (json!({ "aud": "other" }), IdTokenError::Audience),
        (json!({ "aud": [] }), IdTokenError::Audience),
        (json!({ "aud": ["other", "console2"] }), IdTokenError::Audience),
        (json!({ "aud": [CLIENT, "other"] }), IdTokenError::Party),
        (json!({ "azp": "other" }), IdTokenError::Party),
        (json!({ "aud": [CLIENT, "other"], "azp": "other" }), IdTokenError::Party),
        (json!({ "exp": SECONDS - 30 }), IdTokenError::Expired),
        (json!({ "iat": SECONDS + 31 }), IdTokenError::NotYet),
        (json!({ "nbf": SECONDS + 31 }), IdTokenError::NotYet),
        (json!({ "iat": SECONDS - 31 }), IdTokenError::Old),
        (json!({ "nonce": "n-2" }), IdTokenError::Nonce),
        (json!({ "nonce": null }), IdTokenError::Nonce),
        (json!({ "nonce": "" }), IdTokenError::Nonce),
        (json!({ "sub": "" }), IdTokenError::Claim),
        (json!({ "sub": "x".repeat(256) }), IdTokenError::Claim),
        (json!({ "sub": null }), IdTokenError::Malformed),
        (json!({ "iss": null }), IdTokenError::Malformed),
        (json!({ "aud": null }), IdTokenError::Malformed),
        (json!({ "exp": null }), IdTokenError::Malformed),
        (json!({ "iat": null }), IdTokenError::Malformed),
        (json!({ "exp": "soon" }), IdTokenError::Malformed),
    ] {
        assert_eq!(look(&with(changes.clone())), Err(error), "{changes}");
    }
    for edge in [json!({ "exp": SECONDS - 29 }), json!({ "iat": SECONDS + 30 }), json!({ "iat": SECONDS - 30 })] {
        assert!(look(&with(edge.clone())).is_ok(), "clocks differ by so much: {edge}");
    }
}

#[test]
fn a_token_may_list_all_groups_of_a_person_up_to_a_bound() {
    let groups = |count: usize| with(json!({ "groups": vec!["8c3b7d2e-0f1a-4e5b-9c6d-7a8b9c0d1e2f"; count] }));
    assert!(look(&groups(200)).is_ok(), "as many as Entra ID puts into one");
    let most = groups(1_240);
    assert!(most.len() <= ID_TOKEN_BYTES_MAX && look(&most).is_ok(), "{}", most.len());
    let longer = groups(1_300);
    assert!(longer.len() > ID_TOKEN_BYTES_MAX);
    assert_eq!(look(&longer), Err(IdTokenError::TooLong));
}

#[test]
fn whoever_must_prove_it_anew_did_so_after_they_were_sent() {
    let anew = Expected { anew: true, ..expected() };
    let look = |changes| verified(&with(changes), &keys(), &anew, NOW);
    assert!(look(json!({ "auth_time": SECONDS })).is_ok());
    for changes in [
        json!({}),
        json!({ "auth_time": SECONDS - 31 }),
        json!({ "auth_time": SECONDS + 31 }),
        json!({ "auth_time": 0 }),
    ] {
        assert_eq!(look(changes.clone()), Err(IdTokenError::NotAnew), "{changes}");
    }
}

#[test]
fn an_address_counts_only_where_the_provider_has_verified_it() {
    let by = |claim, changes| verified(&with(changes), &keys(), &Expected { claim, ..expected() }, NOW);
    let ana = "ana@acme.example";
    let email = |changes| by(Claim::Email, changes);
    assert_eq!(email(json!({ "email": ana, "email_verified": true })).as_deref(), Ok(ana));
    for verified in [json!(false), json!("true"), json!(1), Value::Null] {
        let changes = json!({ "email": ana, "email_verified": verified });
        assert_eq!(email(changes.clone()), Err(IdTokenError::NotVerified), "{changes}");
    }
    assert_eq!(email(json!({ "email_verified": true })), Err(IdTokenError::Claim));
    let name = |changes| by(Claim::PreferredUsername, changes);
    assert_eq!(name(json!({ "preferred_username": "ana" })).as_deref(), Ok("ana"));
    assert_eq!(name(json!({ "email": ana, "email_verified": true })), Err(IdTokenError::Claim));
}

#[test]
fn only_what_the_providers_own_keys_have_signed_is_taken() {
    let good = with(json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    // Somebody else's key under a name of the provider's, a name nobody knows, and a key of another kind.
    assert_eq!(look(&signed(Algorithm::RS256, "ed", &claims())), Err(IdTokenError::Key));
    assert_eq!(look(&signed(Algorithm::EdDSA, "two", &claims())), Err(IdTokenError::Key));
    let others = KeySet::read(json!({ "keys": [jwk(OTHER_ED25519, "ed")] }).to_string().as_bytes()).unwrap();
    assert_eq!(verified(&good, &others, &expected(), NOW), Err(IdTokenError::Signature));
    assert_eq!(verified(&good, &KeySet::default(), &expected(), NOW), Err(IdTokenError::Key));
    let other_claims = with(json!({ "sub": "u-2" }));
    let swapped = format!("{}.{}.{}", parts[0], other_claims.split('.').nth(1).unwrap(), parts[2]);
    assert_eq!(look(&swapped), Err(IdTokenError::Signature));
    assert_eq!(look(&format!("{}.{}.", parts[0], parts[1])), Err(IdTokenError::Signature));
    // An algorithm that is not on the list, the public key as a shared secret, and none at all.
    assert_eq!(look(&signed(Algorithm::RS512, "rsa", &claims())), Err(IdTokenError::Algorithm));
    let confused = jsonwebtoken::EncodingKey::from_secret(RSA.0.as_bytes());
    let header = jsonwebtoken::Header { kid: Some("rsa".to_owned()), ..jsonwebtoken::Header::new(Algorithm::HS256) };
    assert_eq!(look(&jsonwebtoken::encode(&header, &claims(), &confused).unwrap()), Err(IdTokenError::Algorithm));
    assert!(look(&format!("eyJhbGciOiJub25lIn0.{}.", parts[1])).is_err());
    assert!(look("").is_err() && look("a.b").is_err() && look("a.b.c").is_err());
}

#[test]
fn a_token_of_another_kind_is_none_of_identity() {
    let key = jsonwebtoken::EncodingKey::from_ed_pem(ED25519.1.as_bytes()).unwrap();
    let of = |kind: &str| {
        let header = jsonwebtoken::Header {
            kid: Some("ed".to_owned()),
            typ: Some(kind.to_owned()),
            ..jsonwebtoken::Header::new(Algorithm::EdDSA)
        };
        look(&jsonwebtoken::encode(&header, &claims(), &key).unwrap())
    };
    assert!(of("JWT").is_ok());
    for kind in ["at+jwt", "logout+jwt", "client-authentication+jwt"] {
        assert_eq!(of(kind), Err(IdTokenError::Malformed), "{kind}");
    }
}

/// The public half of a key of nobody here.
const OTHER_ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
