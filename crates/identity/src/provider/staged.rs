//! A provider for tests: it says what it is told to say, and keeps what it was asked.

use std::sync::{Arc, Mutex, MutexGuard};

use http::{Request, Response};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use model::{Blame, Fault, Secret};
use serde_json::{Value, json};

use super::{Claim, Link, LinkFuture, Settings};
use crate::vendors::PublicKey;

pub(crate) const ISSUER: &str = "https://idp.example";
pub(crate) const CLIENT: &str = "console";
pub(crate) const PAGES: &str = "https://countersign.example/sign-in/oidc";

/// What it says, and what it was asked: method, address, `Authorization`, body.
pub(crate) struct Says {
    pub(crate) down: bool,
    pub(crate) metadata: Value,
    pub(crate) keys: Value,
    pub(crate) token: (u16, Value),
    pub(crate) asked: Vec<(String, String, Option<String>, String)>,
}

#[derive(Clone)]
pub(crate) struct Staged(Arc<Mutex<Says>>);

impl Staged {
    pub(crate) fn new() -> Self {
        let metadata = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://idp.example/auth",
            "token_endpoint": "https://idp.example/token",
            "jwks_uri": "https://idp.example/keys",
        });
        let keys = json!({ "keys": [jwk(ED25519.0, "one")] });
        Self(Arc::new(Mutex::new(Says { down: false, metadata, keys, token: (200, json!({})), asked: Vec::new() })))
    }

    pub(crate) fn says(&self) -> MutexGuard<'_, Says> {
        self.0.lock().unwrap()
    }

    /// How often an address was asked for.
    pub(crate) fn asked_for(&self, path: &str) -> usize {
        self.says().asked.iter().filter(|(_, url, ..)| url.ends_with(path)).count()
    }
}

impl Link for Staged {
    fn send(&self, request: Request<Vec<u8>>) -> LinkFuture<'_> {
        let mut says = self.says();
        let authorization = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let (method, url) = (request.method().to_string(), request.uri().to_string());
        says.asked.push((method, url.clone(), authorization, String::from_utf8(request.into_body()).unwrap()));
        let (status, body) = match url.as_str() {
            _ if says.down => {
                return Box::pin(async { Err(Fault::new(Blame::Upstream, "upstream.silent", "nobody answers")) });
            }
            "https://idp.example/.well-known/openid-configuration" => (200, says.metadata.clone()),
            "https://idp.example/keys" => (200, says.keys.clone()),
            "https://idp.example/token" => says.token.clone(),
            other => panic!("{other}"),
        };
        let answer = Response::builder().status(status).body(body.to_string().into_bytes()).unwrap();
        Box::pin(async { Ok(answer) })
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        name: "Acme SSO".to_owned(),
        issuer: ISSUER.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(Secret::new("s3cret/of us".to_owned())),
        claim: Claim::Subject,
        redirect_uri: PAGES.to_owned(),
    }
}

/// A public key as a provider shows it.
pub(crate) fn jwk(pem: &str, id: &str) -> Value {
    let mut jwk = serde_json::to_value(PublicKey::read(pem).unwrap()).unwrap();
    match jwk["kty"].as_str() {
        Some("EC") => jwk["crv"] = json!("P-256"),
        Some("OKP") => jwk["crv"] = json!("Ed25519"),
        _ => {}
    }
    jwk["kid"] = json!(id);
    jwk
}

/// What a provider signs with its key of this name.
pub(crate) fn signed(algorithm: Algorithm, id: &str, claims: &Value) -> String {
    let key = match algorithm {
        Algorithm::EdDSA => EncodingKey::from_ed_pem(ED25519.1.as_bytes()),
        Algorithm::ES256 => EncodingKey::from_ec_pem(P256.1.as_bytes()),
        _ => EncodingKey::from_rsa_pem(RSA.1.as_bytes()),
    };
    let header = Header { kid: Some(id.to_owned()), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, &key.unwrap()).unwrap()
}

/// The public half in PEM, and the private one.
pub(crate) const ED25519: (&str, &str) =
    (include_str!("../vendors/public_key/ed25519.pem"), include_str!("../assertion/ed25519.key"));
pub(crate) const P256: (&str, &str) =
    (include_str!("../vendors/public_key/p256.pem"), include_str!("../assertion/p256.key"));
pub(crate) const RSA: (&str, &str) =
    (include_str!("../vendors/public_key/rsa2048.pem"), include_str!("../assertion/rsa2048.key"));
