use serde_json::json;

use super::super::staged::{ED25519, P256, RSA, jwk};
use super::*;

fn set(keys: &[Value]) -> KeySet {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

#[test]
fn the_key_of_a_name_signs_as_its_kind_does_and_no_other_way() {
    let keys = set(&[jwk(ED25519.0, "ed"), jwk(P256.0, "ec"), jwk(RSA.0, "rsa")]);
    let fits = |id: &str, algorithm| keys.find(Some(id), algorithm).is_some();
    assert!(fits("ed", Algorithm::EdDSA) && fits("ec", Algorithm::ES256));
    assert!(fits("rsa", Algorithm::RS256) && fits("rsa", Algorithm::PS256));
    assert!(!fits("rsa", Algorithm::ES256) && !fits("ed", Algorithm::ES256) && !fits("two", Algorithm::EdDSA));
    // Without a name it is clear which one is meant, or none is.
    assert!(keys.find(None, Algorithm::EdDSA).is_some());
    assert!(set(&[jwk(ED25519.0, "one"), jwk(ED25519.0, "two")]).find(None, Algorithm::EdDSA).is_none());
}

#[test]
fn keys_for_something_else_are_left_out_and_the_rest_is_read() {
    let mut encrypts = jwk(RSA.0, "one");
    encrypts["use"] = json!("enc");
    let mut only_ps = jwk(RSA.0, "two");
    only_ps["alg"] = json!("PS256");
    let mut unknown = jwk(P256.0, "three");
    unknown["alg"] = json!("XY999");
    let mut private = jwk(ED25519.0, "four");
    private["d"] = json!("c2VjcmV0");
    let mut rich = jwk(P256.0, "five");
    rich["use"] = json!("sig");
    rich["x5c"] = json!(["MIIB"]);
    rich["key_ops"] = json!(["of-a-kind-nobody-knows"]);
    let shared = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "six" });
    let keys = set(&[encrypts, only_ps, unknown, private, rich, shared]);
    let fits = |id: &str, algorithm| keys.find(Some(id), algorithm).is_some();
    assert!(!fits("one", Algorithm::RS256) && !fits("three", Algorithm::ES256) && !fits("four", Algorithm::EdDSA));
    assert!(fits("two", Algorithm::PS256) && !fits("two", Algorithm::RS256));
    assert!(fits("five", Algorithm::ES256));
    assert!(!fits("six", Algorithm::HS256));
}

#[test]
fn so_many_keys_are_looked_at_and_no_more() {
    let keys: Vec<Value> = (0..=PROVIDER_KEYS_MAX).map(|place| jwk(ED25519.0, &place.to_string())).collect();
    let keys = set(&keys);
    assert!(keys.find(Some(&(PROVIDER_KEYS_MAX - 1).to_string()), Algorithm::EdDSA).is_some());
    assert!(keys.find(Some(&PROVIDER_KEYS_MAX.to_string()), Algorithm::EdDSA).is_none());
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
        assert!(KeySet::read(text.as_bytes()).is_none(), "{text}");
    }
}
