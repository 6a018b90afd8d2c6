use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use model::{AgentId, AppId, Clock, HumanId, TaskId, UnixMicros};
use serde_json::{Value, json};

use super::{Audiences, TokenError, TokenRequest, Tokens};
use crate::SigningKey;

const ISSUER: &str = "http://127.0.0.1:4100";
const RESOURCE: &str = "http://127.0.0.1:4100/mcp";
const START: i64 = 1_800_000_000;

struct Hands(AtomicI64);

impl Hands {
    fn at(seconds: i64) -> Self {
        Self(AtomicI64::new(seconds))
    }

    fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> UnixMicros {
        UnixMicros(self.0.load(Ordering::Relaxed) * 1_000_000 + 999_999)
    }
}

fn tokens() -> Tokens {
    Tokens::new(SigningKey::generate(), ISSUER.to_owned())
}

fn request() -> TokenRequest {
    TokenRequest {
        agent: AgentId::parse("desk").unwrap(),
        human: HumanId::parse("ana").unwrap(),
        audience: RESOURCE.to_owned(),
        life: Duration::from_secs(600),
        task: None,
    }
}

fn everything() -> Audiences {
    Audiences::new(RESOURCE.to_owned(), None)
}

fn one_app(app: &str) -> Audiences {
    Audiences::new(RESOURCE.to_owned(), Some(AppId::parse(app).unwrap()))
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ana", "client_id": "desk", "aud": RESOURCE,
        "iat": START, "exp": START + 600, "jti": "t_1",
    })
}

fn header(tokens: &Tokens) -> Header {
    Header { typ: Some("at+jwt".to_owned()), kid: Some(tokens.key.id().to_owned()), ..Header::new(Algorithm::EdDSA) }
}

/// Signs anything at all with the right key.
fn signed(tokens: &Tokens, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encode(&header.to_string()), encode(&claims.to_string()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), tokens.key.encoding(), Algorithm::EdDSA).unwrap();
    format!("{message}.{signature}")
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn check(tokens: &Tokens, token: &str) -> Result<(), TokenError> {
    tokens.verify(token, &everything(), &Hands::at(START + 1)).map(drop)
}

#[test]
fn a_token_says_who_acts_for_whom() {
    let (tokens, clock) = (tokens(), Hands::at(START));
    let token = tokens.issue(&request(), &clock).unwrap();
    let actor = tokens.verify(&token, &everything(), &clock).unwrap();
    assert_eq!((actor.agent.as_str(), actor.human.as_str(), actor.only_app), ("desk", "ana", None));
    assert_eq!(actor.task.as_str(), &*actor.token_id, "a token without a task is its own");
    assert!(actor.token_id.starts_with("t_") && actor.token_id.len() == 34);

    let task = Some(TaskId::parse("quarter-close").unwrap());
    let other = tokens.issue(&TokenRequest { task, ..request() }, &clock).unwrap();
    let other = tokens.verify(&other, &everything(), &clock).unwrap();
    assert_eq!(other.task.as_str(), "quarter-close");
    assert_ne!(other.token_id, actor.token_id);
}

#[test]
fn a_token_has_the_shape_of_rfc_9068() {
    let tokens = tokens();
    let token = tokens.issue(&request(), &Hands::at(START)).unwrap();
    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": tokens.key.id() }));
    let mut expected = claims();
    expected["jti"] = parts[1]["jti"].clone();
    assert_eq!(parts[1], expected);
}

#[test]
fn anyone_with_the_public_key_can_verify_it() {
    let tokens = tokens();
    let token = tokens.issue(&request(), &Hands::at(START)).unwrap();
    let keys: JwkSet = serde_json::from_value(tokens.jwks()).unwrap();
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[RESOURCE]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false;
    let decoded = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
    assert_eq!(decoded.claims["sub"], "ana");
    assert!(!tokens.jwks().to_string().contains("\"d\""), "no private half");
}

#[test]
fn every_claim_wrong_one_by_one() {
    use TokenError::{Audience, Expired, Issuer, Life, Malformed, NotYet};
    let tokens = tokens();
    let header = serde_json::to_value(header(&tokens)).unwrap();
    assert_eq!(check(&tokens, &signed(&tokens, &header, &claims())), Ok(()));
    let table = [
        ("iss", json!("http://elsewhere"), Issuer),
        ("iss", json!("http://127.0.0.1:4100/"), Issuer),
        ("iss", json!([ISSUER]), Malformed),
        ("sub", json!("ana smith"), Malformed),
        ("sub", json!(7), Malformed),
        ("sub", json!(""), Malformed),
        ("client_id", json!("a\nb"), Malformed),
        ("client_id", json!(null), Malformed),
        ("aud", json!("http://127.0.0.1:4100"), Audience),
        ("aud", json!("http://127.0.0.1:4100/mcp/"), Audience),
        ("aud", json!("http://127.0.0.1:4100/mcp/crm"), Audience),
        ("aud", json!("http://127.0.0.1:4100/mcpx"), Audience),
        ("aud", json!(""), Audience),
        ("aud", json!([RESOURCE]), Malformed),
        ("iat", json!(START + 40), NotYet),
        ("iat", json!("1800000000"), Malformed),
        ("iat", json!(1.5e9), Malformed),
        ("iat", json!(i64::MIN), Malformed),
        ("iat", json!(START - 86_400), Life),
        ("exp", json!(START + 1), Expired),
        ("exp", json!(START), Malformed),
        ("exp", json!(i64::MAX), Life),
        ("exp", json!(u64::MAX), Malformed),
        ("exp", json!(null), Malformed),
        ("nbf", json!(START + 40), NotYet),
        ("nbf", json!("now"), Malformed),
        ("jti", json!(""), Malformed),
        ("jti", json!("a b"), Malformed),
        ("task", json!("a b"), Malformed),
        ("task", json!(3), Malformed),
    ];
    for (claim, value, error) in table {
        let mut wrong = claims();
        wrong[claim] = value.clone();
        assert_eq!(check(&tokens, &signed(&tokens, &header, &wrong)), Err(error), "{claim} = {value}");
    }
    for claim in ["iss", "sub", "client_id", "aud", "iat", "exp", "jti"] {
        let mut missing = claims();
        missing.as_object_mut().unwrap().remove(claim);
        assert_eq!(check(&tokens, &signed(&tokens, &header, &missing)), Err(Malformed), "no {claim}");
    }
    for body in [json!([]), json!(null), json!("x")] {
        assert_eq!(check(&tokens, &signed(&tokens, &header, &body)), Err(Malformed), "{body}");
    }
}

#[test]
fn the_token_has_no_say_in_algorithm_and_key() {
    use TokenError::{Algorithm as Method, Key, Malformed};
    let tokens = tokens();
    let good = serde_json::to_value(header(&tokens)).unwrap();
    let table = [
        ("alg", json!("none"), Malformed),
        ("alg", json!("None"), Malformed),
        ("alg", json!(null), Malformed),
        ("alg", json!("HS256"), Method),
        ("alg", json!("ES256"), Method),
        ("alg", json!("RS256"), Method),
        ("kid", json!("other"), Key),
        ("kid", json!(null), Key),
        ("kid", json!(""), Key),
        ("typ", json!("JWT"), Malformed),
        ("typ", json!(null), Malformed),
        ("crit", json!(["exp"]), Malformed),
        ("b64", json!(false), Malformed),
    ];
    for (name, value, error) in table {
        let mut wrong = good.clone();
        wrong[name] = value.clone();
        assert_eq!(check(&tokens, &signed(&tokens, &wrong, &claims())), Err(error), "{name} = {value}");
    }
}

#[test]
fn the_public_key_as_a_shared_secret_is_refused() {
    let tokens = tokens();
    let public = tokens.jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
    for secret in [public.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(&public).unwrap()] {
        let header = Header { alg: Algorithm::HS256, ..header(&tokens) };
        let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap();
        assert_eq!(check(&tokens, &token), Err(TokenError::Algorithm));
    }
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"none","typ":"at+jwt"}"#), encode(&claims().to_string()));
    assert_eq!(check(&tokens, &unsigned), Err(TokenError::Malformed));
}

#[test]
fn the_key_of_somebody_else_is_refused() {
    let (ours, theirs) = (tokens(), tokens());
    let token = theirs.issue(&request(), &Hands::at(START)).unwrap();
    assert_eq!(check(&ours, &token), Err(TokenError::Key));
    let forged = signed(&theirs, &serde_json::to_value(header(&ours)).unwrap(), &claims());
    assert_eq!(check(&ours, &forged), Err(TokenError::Signature));
}

#[test]
fn a_token_with_anything_changed_is_refused() {
    let tokens = tokens();
    let token = tokens.issue(&request(), &Hands::at(START)).unwrap();
    assert_eq!(check(&tokens, &token), Ok(()));
    for place in 0..token.len() {
        for with in [b'A', b'.', b'-', b'=', b' '] {
            let mut changed = token.clone().into_bytes();
            if changed[place] == with {
                continue;
            }
            changed[place] = with;
            let changed = String::from_utf8(changed).unwrap();
            assert!(check(&tokens, &changed).is_err(), "byte {place} to {}", with as char);
        }
    }
    let parts: Vec<&str> = token.split('.').collect();
    let more = claims().to_string().replace("\"ana\"", "\"cfo\"");
    assert_eq!(check(&tokens, &format!("{}.{}.{}", parts[0], encode(&more), parts[2])), Err(TokenError::Signature));
    for changed in [format!("{token}="), format!("{token}."), format!(" {token}"), format!("{}.{}", parts[0], parts[1])]
    {
        assert!(check(&tokens, &changed).is_err());
    }
    assert_eq!(tokens.verified.len(), 1, "only what is good is remembered");
}

#[test]
fn no_token_and_too_much_token() {
    let tokens = tokens();
    assert_eq!(check(&tokens, ""), Err(TokenError::Missing));
    assert_eq!(check(&tokens, "hello"), Err(TokenError::Malformed));
    assert_eq!(check(&tokens, "..."), Err(TokenError::Malformed));
    assert_eq!(check(&tokens, &"a".repeat(model::limits::TOKEN_BYTES_MAX)), Err(TokenError::Malformed));
    assert_eq!(check(&tokens, &"a".repeat(model::limits::TOKEN_BYTES_MAX + 1)), Err(TokenError::TooLong));
}

#[test]
fn a_remembered_token_ends_on_time() {
    let (tokens, clock) = (tokens(), Hands::at(START));
    let token = tokens.issue(&request(), &clock).unwrap();
    let verify = |seconds: i64| {
        clock.set(seconds);
        tokens.verify(&token, &everything(), &clock).map(drop)
    };
    assert_eq!(verify(START - 31), Err(TokenError::NotYet));
    assert_eq!(verify(START - 30), Ok(()));
    assert_eq!(verify(START + 599), Ok(()));
    assert_eq!(verify(START + 600), Err(TokenError::Expired));
    assert_eq!(verify(START), Ok(()));
    assert_eq!(tokens.verified.len(), 1);
    assert_eq!(tokens.verify(&token, &one_app("crm"), &Hands::at(START + 601)), Err(TokenError::Expired));
    let elsewhere = Audiences::new("http://other/mcp".to_owned(), None);
    assert_eq!(tokens.verify(&token, &elsewhere, &Hands::at(START)), Err(TokenError::Audience));
}

#[test]
fn memory_is_bounded() {
    let (tokens, clock) = (tokens(), Hands::at(START));
    for _ in 0..model::limits::TOKENS_REMEMBERED_MAX + 200 {
        let token = tokens.issue(&request(), &clock).unwrap();
        tokens.verify(&token, &everything(), &clock).unwrap();
    }
    assert!(tokens.verified.len() <= model::limits::TOKENS_REMEMBERED_MAX);
}

#[test]
fn which_audience_is_good_where() {
    let (tokens, clock) = (tokens(), Hands::at(START));
    let everywhere = tokens.issue(&request(), &clock).unwrap();
    let crm = tokens.issue(&TokenRequest { audience: format!("{RESOURCE}/crm"), ..request() }, &clock).unwrap();
    let at = |token: &str, audiences: &Audiences| {
        tokens.verify(token, audiences, &clock).map(|actor| actor.only_app.map(|app| app.to_string()))
    };
    assert_eq!(at(&everywhere, &everything()), Ok(None));
    assert_eq!(at(&everywhere, &one_app("crm")), Ok(None));
    assert_eq!(at(&crm, &one_app("crm")), Ok(Some("crm".to_owned())));
    assert_eq!(at(&crm, &one_app("crm2")), Err(TokenError::Audience));
    assert_eq!(at(&crm, &one_app("cr")), Err(TokenError::Audience));
    assert_eq!(at(&crm, &everything()), Err(TokenError::Audience));
}

#[test]
fn how_long_a_token_may_live() {
    let (tokens, clock) = (tokens(), Hands::at(START));
    let issue = |life: Duration| tokens.issue(&TokenRequest { life, ..request() }, &clock);
    for life in [Duration::from_secs(1), model::limits::TOKEN_LIFE_MAX] {
        let token = issue(life).unwrap();
        assert!(tokens.verify(&token, &everything(), &clock).is_ok());
    }
    for life in [Duration::ZERO, Duration::from_millis(999), model::limits::TOKEN_LIFE_MAX + Duration::from_nanos(1)] {
        let fault = issue(life).unwrap_err();
        assert_eq!((fault.code(), fault.way_out()), ("token.life", Some("it takes one second to 24 hours")));
    }
    let fault = tokens.issue(&TokenRequest { audience: "x".repeat(9_000), ..request() }, &clock).unwrap_err();
    assert_eq!(fault.code(), "token.too_long");
}

#[test]
fn errors_say_one_sentence_and_an_oauth_code() {
    use TokenError::{Algorithm, Audience, Expired, Issuer, Key, Life, Malformed, Missing, NotYet, Signature, TooLong};
    assert_eq!(Missing.oauth_error(), "missing_token");
    for error in [Malformed, TooLong, Algorithm, Key, Signature, Issuer, Audience, Expired, NotYet, Life] {
        assert_eq!(error.oauth_error(), "invalid_token");
        let said = error.to_string();
        assert!(said.starts_with("the token") && !said.ends_with('.') && !said.contains(['"', '\\']), "{said}");
    }
}
