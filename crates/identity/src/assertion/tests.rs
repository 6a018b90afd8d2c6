use std::sync::atomic::{AtomicI64, Ordering};

use jsonwebtoken::{EncodingKey, Header};
use model::{ContractId, VendorId};
use serde_json::{Value, json};

use super::*;
use crate::SigningKey;
use crate::vendors::{KeyRequest, Registered};

const NOW: i64 = 1_790_000_000;
const GATEWAY: &str = "https://gateway.test";

struct At(AtomicI64);

impl Clock for At {
    fn now(&self) -> UnixMicros {
        UnixMicros(self.0.load(Ordering::Relaxed) * 1_000_000)
    }
}

struct World {
    tokens: VendorTokens,
    clock: At,
    key: VendorKey,
}

/// A vendor that signs with Ed25519.
fn world() -> World {
    world_with(include_str!("../vendors/public_key/ed25519.pem"), None)
}

fn world_with(public: &str, life: Option<std::time::Duration>) -> World {
    let (keys, clock) = (Arc::new(VendorKeys::default()), At(AtomicI64::new(NOW)));
    let (vendor, contract) = (VendorId::parse("acme").unwrap(), ContractId::parse("acme-2026").unwrap());
    let request = KeyRequest { vendor, contract, purpose: None, life };
    let public = Registered::PublicKey(PublicKey::read(public).unwrap());
    let key = keys.register(request, public, "test", clock.now()).unwrap();
    keys.put(key.clone());
    let tokens = Arc::new(Tokens::new(SigningKey::generate(), GATEWAY.to_owned()));
    World { tokens: VendorTokens::new(tokens, keys, &[GATEWAY], []), clock, key }
}

impl World {
    fn claims(&self) -> Value {
        let id = &*self.key.id;
        json!({ "iss": id, "sub": id, "aud": format!("{GATEWAY}/api"), "iat": NOW, "exp": NOW + 300, "jti": "one" })
    }

    fn with(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        signed(&claims)
    }

    fn exchange(&self, assertion: &str) -> Result<Granted, AssertionError> {
        self.tokens.exchange(assertion, None, None, &self.clock).unwrap()
    }

    /// For a resource below the gateway's address.
    fn granted(&self, jti: &str, resource: Option<&str>) -> Result<Granted, AssertionError> {
        let resource = resource.map(|below| format!("{GATEWAY}{below}"));
        let assertion = self.with("jti", json!(jti));
        self.tokens.exchange(&assertion, None, resource.as_deref(), &self.clock).unwrap()
    }

    fn refused(&self, assertion: &str) -> AssertionError {
        self.exchange(assertion).expect_err(assertion)
    }
}

fn signed(claims: &Value) -> String {
    signed_with(Algorithm::EdDSA, &EncodingKey::from_ed_pem(include_bytes!("ed25519.key")).unwrap(), claims)
}

fn signed_with(algorithm: Algorithm, key: &EncodingKey, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, key).unwrap()
}

#[test]
fn an_assertion_gives_a_token_that_stands_for_the_key() {
    let world = world();
    let granted = world.exchange(&signed(&world.claims())).unwrap();
    assert_eq!((granted.life_seconds, &granted.key.id), (600, &world.key.id));
    let known = |seconds: i64| world.tokens.recognise(&granted.token, UnixMicros((NOW + seconds) * 1_000_000));
    assert_eq!(*known(0).unwrap(), world.key);
    assert!(known(599).is_ok());
    assert_eq!(known(600), Err(KeyError::Token(TokenError::Expired)));
    // INVARIANT: revoking the entry ends its tokens at once.
    world.tokens.keys().put(VendorKey { revoked_at: Some(world.clock.now()), ..world.key.clone() });
    assert_eq!(known(1), Err(KeyError::Revoked(Arc::clone(&world.key.id))));
    assert_eq!(
        world.refused(&world.with("jti", json!("two"))),
        AssertionError::Key(KeyError::Revoked(world.key.id.clone()))
    );
}

#[test]
fn all_algorithms_of_the_list_are_taken_and_no_other() {
    let rsa = EncodingKey::from_rsa_pem(include_bytes!("rsa2048.key")).unwrap();
    let p256 = EncodingKey::from_ec_pem(include_bytes!("p256.key")).unwrap();
    let public_rsa = include_str!("../vendors/public_key/rsa2048.pem");
    for (public, key, algorithm) in [
        (public_rsa, &rsa, Algorithm::RS256),
        (public_rsa, &rsa, Algorithm::PS256),
        (include_str!("../vendors/public_key/p256.pem"), &p256, Algorithm::ES256),
    ] {
        let world = world_with(public, None);
        assert!(world.exchange(&signed_with(algorithm, key, &world.claims())).is_ok(), "{algorithm:?}");
    }
    let world = world_with(public_rsa, None);
    assert_eq!(world.refused(&signed_with(Algorithm::RS512, &rsa, &world.claims())), AssertionError::Algorithm);
    // The public key as the secret of an HMAC, and nothing at all.
    let confused = EncodingKey::from_secret(public_rsa.as_bytes());
    assert_eq!(world.refused(&signed_with(Algorithm::HS256, &confused, &world.claims())), AssertionError::Algorithm);
    let parts: Vec<String> = signed(&world.claims()).split('.').map(str::to_owned).collect();
    assert_eq!(world.refused(&format!("eyJhbGciOiJub25lIn0.{}.", parts[1])), AssertionError::Malformed);
    assert_eq!(world.refused(&signed(&world.claims())), AssertionError::Algorithm, "of another kind");
    let ed = self::world();
    let other = jsonwebtoken::EncodingKey::from_ed_der(&pkcs8());
    assert_eq!(ed.refused(&signed_with(Algorithm::EdDSA, &other, &ed.claims())), AssertionError::Signature);
}

fn pkcs8() -> Vec<u8> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8v1(&random).unwrap().as_ref().to_vec()
}

// INVARIANT: an assertion is good once, also after a restart.
#[test]
fn an_assertion_is_good_once() {
    let world = world();
    let assertion = signed(&world.claims());
    let rows = world.exchange(&assertion).unwrap().rows;
    assert_eq!(world.refused(&assertion), AssertionError::Used);
    assert_eq!(world.refused(&world.with("exp", json!(NOW + 301))), AssertionError::Used, "the id is what counts");
    let kept = rows.into_iter().map(|(key, value)| (key, value.unwrap()));
    let again = VendorTokens::new(Arc::clone(&world.tokens.tokens), Arc::clone(world.tokens.keys()), &[GATEWAY], kept);
    assert_eq!(again.exchange(&assertion, None, None, &world.clock).unwrap().unwrap_err(), AssertionError::Used);
    // It is forgotten when it has ended by itself, in the row as well.
    world.clock.0.store(NOW + 300, Ordering::Relaxed);
    let mut claims = world.claims();
    (claims["iat"], claims["exp"]) = (json!(NOW + 300), json!(NOW + 400));
    let rows = again.exchange(&signed(&claims), None, None, &world.clock).unwrap().unwrap().rows;
    assert_eq!(rows.iter().filter(|(_, value)| value.is_none()).count(), 1);
}

#[test]
fn whom_it_is_for_when_and_by_whom_must_all_be_so() {
    let world = world();
    let both = json!([format!("{GATEWAY}/api"), "https://other.test"]);
    for (name, value, expect) in [
        ("aud", json!("https://other.test/api"), AssertionError::Audience),
        ("aud", json!(GATEWAY), AssertionError::Audience),
        ("aud", both, AssertionError::Audience),
        ("aud", json!([]), AssertionError::Audience),
        ("iss", json!("other"), AssertionError::Issuer),
        ("sub", json!("other"), AssertionError::Key(KeyError::Unknown)),
        ("exp", json!(NOW), AssertionError::Expired),
        ("exp", json!(NOW + 601), AssertionError::Life),
        ("exp", json!(i64::MAX), AssertionError::Life),
        ("iat", json!(NOW + 31), AssertionError::NotYet),
        ("nbf", json!(NOW + 31), AssertionError::NotYet),
        ("jti", json!(""), AssertionError::Malformed),
        ("jti", json!("x".repeat(257)), AssertionError::Malformed),
        ("exp", json!("soon"), AssertionError::Malformed),
        ("jti", Value::Null, AssertionError::Malformed),
    ] {
        assert_eq!(world.refused(&world.with(name, value.clone())), expect, "{name} {value}");
    }
    let other_client = world.tokens.exchange(&signed(&world.claims()), Some("other"), None, &world.clock).unwrap();
    assert_eq!(other_client.unwrap_err(), AssertionError::Issuer);
    for aud in [json!([format!("{GATEWAY}/api")]), json!(format!("{GATEWAY}/oauth2/token"))] {
        let mut claims = world.claims();
        (claims["jti"], claims["aud"]) = (aud.clone(), aud);
        claims["jti"] = json!(claims["jti"].to_string());
        assert!(world.exchange(&signed(&claims)).is_ok());
    }
}

#[test]
fn what_is_used_is_remembered_within_a_bound() {
    let world = world();
    for number in 0..ASSERTIONS_REMEMBERED_MAX {
        world.exchange(&world.with("jti", json!(number.to_string()))).unwrap();
    }
    assert_eq!(world.refused(&world.with("jti", json!("more"))), AssertionError::TooMany);
}

#[test]
fn a_token_lives_no_longer_than_its_key() {
    let world = world_with(include_str!("../vendors/public_key/ed25519.pem"), Some(std::time::Duration::from_secs(60)));
    assert_eq!(world.exchange(&signed(&world.claims())).unwrap().life_seconds, 60);
}

// INVARIANT: a token of an agent is none of a vendor's, and a vendor's is none of an agent's.
#[test]
fn tokens_of_agents_and_of_vendors_are_not_taken_for_each_other() {
    let world = world();
    let agents = &world.tokens.tokens;
    let request = crate::TokenRequest {
        agent: model::AgentId::parse(&world.key.id).unwrap(),
        human: model::HumanId::parse(&world.key.id).unwrap(),
        audience: format!("{GATEWAY}/mcp"),
        life: std::time::Duration::from_secs(60),
        task: None,
    };
    let agent = agents.issue(&request, &world.clock).unwrap();
    let now = world.clock.now();
    assert_eq!(world.tokens.recognise_for_agents(&agent, None, now), Err(KeyError::Token(TokenError::Malformed)));
    assert!(!world.tokens.is_a_vendors(&agent));
    let vendor = world.granted("one", Some("/mcp")).unwrap().token;
    assert!(world.tokens.is_a_vendors(&vendor));
    let audiences = Audiences::new(format!("{GATEWAY}/mcp"), None);
    assert_eq!(agents.verify(&vendor, &audiences, &world.clock).unwrap_err(), TokenError::Malformed);
    let elsewhere = Arc::new(Tokens::new(SigningKey::generate(), GATEWAY.to_owned()));
    let elsewhere = VendorTokens::new(elsewhere, Arc::clone(world.tokens.keys()), &[GATEWAY], []);
    assert_eq!(elsewhere.recognise_for_agents(&vendor, None, now), Err(KeyError::Token(TokenError::Key)));
    let mut broken = vendor.clone();
    broken.replace_range(vendor.len() - 4.., "AAAA");
    assert_eq!(world.tokens.recognise_for_agents(&broken, None, now), Err(KeyError::Token(TokenError::Signature)));
}

#[test]
fn a_token_is_good_only_at_the_resource_it_was_asked_for() {
    let world = world();
    let now = world.clock.now();
    let (ats, crm) = (AppId::parse("ats").unwrap(), AppId::parse("crm").unwrap());
    // Where a token for each is good: at the API, at the endpoint of all apps, at those of two.
    for (number, (resource, good)) in [
        (None, [true, false, false, false]),
        (Some("/api"), [true, false, false, false]),
        (Some("/mcp"), [false, true, true, true]),
        (Some("/mcp/ats"), [false, false, true, false]),
    ]
    .into_iter()
    .enumerate()
    {
        let token = world.granted(&number.to_string(), resource).unwrap().token;
        let agents = |app: Option<&AppId>| world.tokens.recognise_for_agents(&token, app, now).is_ok();
        let is = [world.tokens.recognise(&token, now).is_ok(), agents(None), agents(Some(&ats)), agents(Some(&crm))];
        assert_eq!(is, good, "{resource:?}");
    }
    for wrong in ["", "/", "/console", "/mcp/", "/mcp/ats/more", "/mcps", "/api/ats", ".evil.test/mcp"] {
        assert_eq!(world.granted("wrong", Some(wrong)).unwrap_err(), AssertionError::Target, "{wrong}");
    }
    assert!(world.granted("wrong", None).is_ok(), "none of that has used it up");
}

#[test]
fn a_resource_is_known_under_an_address_that_begins_as_another_one_does() {
    let door = "https://gateway.test:4443";
    for addresses in [[GATEWAY, door], [door, GATEWAY]] {
        let world = world();
        let (tokens, keys) = (Arc::clone(&world.tokens.tokens), Arc::clone(&world.tokens.keys));
        let tokens = VendorTokens::new(tokens, keys, &addresses, []);
        for (jti, resource, good) in [
            ("one", format!("{door}/mcp"), true),
            ("two", format!("{door}/mcp/crm"), true),
            ("three", format!("{GATEWAY}/api"), true),
            ("four", format!("{GATEWAY}:444/mcp"), false),
            ("five", format!("{door}/mcpx"), false),
        ] {
            let assertion = world.with("jti", json!(jti));
            let granted = tokens.exchange(&assertion, None, Some(&resource), &world.clock).unwrap();
            assert_eq!(granted.map(drop), if good { Ok(()) } else { Err(AssertionError::Target) }, "{resource}");
        }
    }
}
