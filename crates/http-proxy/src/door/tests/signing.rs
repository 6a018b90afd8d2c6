//! A vendor that signs who it is.

use identity::{KeyRequest, PublicKey, Registered, VendorKey};
use model::{ContractId, UnixMicros, VendorId};
use serde_json::{Value, json};

use super::candidates;
use super::world::{NOON, Response, World};

/// Registers a public key for the vendor; the entry, and its private half as a signature over a text.
fn signs(world: &World) -> (VendorKey, impl Fn(&Value) -> String) {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pair = Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8v1(&random).unwrap().as_ref()).unwrap();
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key().as_ref()) });
    let request = KeyRequest {
        vendor: VendorId::parse("acme-screening").unwrap(),
        contract: ContractId::parse("acme-2026").unwrap(),
        purpose: None,
        life: None,
    };
    let public = Registered::PublicKey(PublicKey::read(&jwk.to_string()).unwrap());
    let key = world.keys.register(request, public, "test", UnixMicros(NOON)).unwrap();
    world.keys.put(key.clone());
    let sign = move |claims: &Value| {
        let signed = format!("{}.{}", base64(br#"{"alg":"EdDSA"}"#), base64(claims.to_string().as_bytes()));
        format!("{signed}.{}", base64(pair.sign(signed.as_bytes()).as_ref()))
    };
    (key, sign)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn claims(key: &VendorKey, jti: &str) -> Value {
    let now = NOON / 1_000_000;
    json!({
        "iss": &*key.id, "sub": &*key.id, "aud": "http://gateway.test/api", "iat": now, "exp": now + 60, "jti": jti,
    })
}

async fn posts(world: &World, form: &str) -> Response {
    let head = "POST /oauth2/token HTTP/1.1\r\nhost: gateway.test\r\nconnection: close\r\n";
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    world.sends(format!("{head}{kind}content-length: {}\r\n\r\n{form}", form.len()).into_bytes()).await
}

fn form(assertion: &str) -> String {
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_signs_gets_a_token_and_reads_with_it() {
    let world = World::new(candidates).await;
    let (key, sign) = signs(&world);
    let assertion = sign(&claims(&key, "one"));
    let response = posts(&world, &form(&assertion)).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(response.head.contains("cache-control: no-store"), "{}", response.head);
    let said: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!((&said["token_type"], &said["expires_in"]), (&"Bearer".into(), &600.into()));
    let token = said["access_token"].as_str().unwrap();
    let ask = || {
        format!(
            "GET /api/ats/candidates/c_17 HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        )
    };
    let read = world.sends(ask().into_bytes()).await;
    assert_eq!((read.status, read.body.contains("salary")), (200, false), "{read:?}");
    let leaves = world.leaves().await;
    assert_eq!(leaves[0]["what"], "vendors.token_issued", "before anything else");
    let secrets = [&assertion, token].map(|text| text.rsplit('.').next().unwrap().to_owned());
    assert!(secrets.iter().all(|secret| !format!("{leaves:?}").contains(secret)));

    let again = posts(&world, &form(&assertion)).await;
    assert_eq!((again.status, again.body.contains("used before")), (401, true), "{again:?}");
    world.keys.put(VendorKey { revoked_at: Some(UnixMicros(NOON)), ..key });
    assert_eq!(world.sends(ask().into_bytes()).await.status, 401, "the token ends with its key");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_for_a_token_gets_none() {
    let world = World::new(candidates).await;
    let (key, sign) = signs(&world);
    let good = form(&sign(&claims(&key, "one")));
    for (form, status, error) in [
        (good.replace("client_credentials", "authorization_code"), 400, "unsupported_grant_type"),
        (good.replace("jwt-bearer", "saml2-bearer"), 400, "invalid_request"),
        (format!("{good}&client_secret=x"), 400, "invalid_request"),
        (format!("{good}&grant_type=client_credentials"), 400, "invalid_request"),
        (format!("{good}x"), 401, "invalid_client"),
        (self::form("a.b.c"), 401, "invalid_client"),
        (format!("{good}&client_id=other"), 401, "invalid_client"),
        (format!("{good}&x={}", "y".repeat(40_000)), 413, "invalid_request"),
        (String::new(), 400, "unsupported_grant_type"),
    ] {
        let response = posts(&world, &form).await;
        let said: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!((response.status, &said["error"]), (status, &error.into()), "{form:.80}: {response:?}");
    }
    let metadata = "GET /.well-known/oauth-authorization-server/api HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let said: Value = serde_json::from_str(&world.sends(metadata.into()).await.body).unwrap();
    assert_eq!(said["issuer"], "http://gateway.test/api");
    assert_eq!(said["token_endpoint"], "http://gateway.test/oauth2/token");
    assert!(world.leaves().await.is_empty(), "nothing was issued");
    assert_eq!(posts(&world, &good).await.status, 200, "none of that has used it up");
}
