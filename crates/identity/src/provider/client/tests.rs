use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use model::limits::PROVIDER_TIME_MAX;
use serde_json::{Value, json};

use super::super::staged::{CLIENT, ISSUER, P256, PAGES, Staged, jwk, settings, signed};
use super::*;

const START: i64 = 1_790_000_000;

#[derive(Default)]
struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> UnixMicros {
        UnixMicros((START + self.0.load(Ordering::Relaxed)) * 1_000_000)
    }
}

impl Turned {
    fn on(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_secs()).unwrap(), Ordering::Relaxed);
    }
}

struct World {
    provider: Provider,
    staged: Staged,
    clock: Arc<Turned>,
}

impl World {
    fn new(settings: Settings) -> Self {
        let (staged, clock) = (Staged::new(), Arc::new(Turned::default()));
        let provider = Provider::new(settings, Arc::new(staged.clone()), clock.clone());
        Self { provider, staged, clock }
    }

    /// A token that is good right now.
    fn token(&self, algorithm: Algorithm, key: &str) -> Value {
        let now = self.clock.now().seconds();
        let claims = json!({ "iss": ISSUER, "sub": "u-1", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": "n" });
        json!({ "id_token": signed(algorithm, key, &claims), "access_token": "not looked at", "token_type": "Bearer" })
    }

    async fn who(&self, back: Back) -> Result<String, Fault> {
        self.provider.who(&back, &asked(), Sent { at: self.clock.now(), anew: false }).await
    }
}

fn asked() -> Asked {
    Asked { state: "s".to_owned(), nonce: "n".to_owned(), verifier: Secret::new("v".to_owned()) }
}

fn back() -> Back {
    Back { state: "s".to_owned(), code: "c-1".to_owned(), ..Back::default() }
}

#[tokio::test]
async fn one_is_sent_with_what_belongs_to_this_sign_in() {
    let world = World::new(settings());
    let url = world.provider.address_for(&asked(), false).await.unwrap();
    let (place, query) = url.split_once('?').unwrap();
    assert_eq!(place, "https://idp.example/auth");
    let said: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let of = |name: &str| said.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!((of("response_type"), of("client_id"), of("redirect_uri")), (Some("code"), Some(CLIENT), Some(PAGES)));
    assert_eq!((of("scope"), of("state"), of("nonce")), (Some("openid"), Some("s"), Some("n")));
    // RFC 7636: BASE64URL(SHA256("v")), and never the verifier itself.
    assert_eq!(of("code_challenge"), Some("TJRIXgwhrmxBzh3-e2v6zupato5AokdvUCCOUm9QYIA"));
    assert_eq!(of("code_challenge_method"), Some("S256"));
    assert_eq!((of("prompt"), of("max_age"), of("code_verifier")), (None, None, None));
    let anew = world.provider.address_for(&asked(), true).await.unwrap();
    assert!(anew.contains("prompt=login") && anew.contains("max_age=0"), "{anew}");
}

#[tokio::test]
async fn single_claims_are_asked_for_where_that_can_be_done() {
    for (claim, scope) in [(Claim::Email, "openid+email"), (Claim::PreferredUsername, "openid+profile")] {
        let world = World::new(Settings { claim, ..settings() });
        let without = world.provider.address_for(&asked(), false).await.unwrap();
        assert!(without.contains(&format!("scope={scope}&")) && !without.contains("claims="), "{without}");
        let world = World::new(Settings { claim, ..settings() });
        world.staged.says().metadata["claims_parameter_supported"] = json!(true);
        let with = world.provider.address_for(&asked(), false).await.unwrap();
        assert!(with.contains("claims=") && with.contains(claim.as_str()), "{with}");
    }
}

#[tokio::test]
async fn a_code_is_exchanged_by_whoever_has_the_verifier_and_the_secret() {
    let world = World::new(settings());
    world.staged.says().token = (200, world.token(Algorithm::EdDSA, "one"));
    assert_eq!(world.who(back()).await.unwrap(), "u-1");
    let (method, url, authorization, body) = world.staged.says().asked.pop().unwrap();
    assert_eq!((method.as_str(), url.as_str()), ("POST", "https://idp.example/token"));
    // `console:s3cret%2Fof+us`
    assert_eq!(authorization.as_deref(), Some("Basic Y29uc29sZTpzM2NyZXQlMkZvZit1cw=="));
    assert!(
        body.contains("code=c-1&")
            && body.contains("code_verifier=v")
            && body.contains("grant_type=authorization_code")
    );
    assert!(!body.contains("s3cret"), "{body}");

    let public = World::new(Settings { client_secret: None, ..settings() });
    public.staged.says().token = (200, public.token(Algorithm::EdDSA, "one"));
    public.who(back()).await.unwrap();
    let (.., authorization, body) = public.staged.says().asked.pop().unwrap();
    assert_eq!(authorization, None);
    assert!(body.contains("client_id=console") && body.contains("code_verifier=v"), "{body}");
}

#[tokio::test]
async fn what_comes_back_wrong_is_refused_before_or_after_the_exchange() {
    let world = World::new(settings());
    for (wrong, said) in [
        (Back { issuer: "https://evil.example".to_owned(), ..back() }, "another provider"),
        (Back { code: String::new(), ..back() }, "no code"),
        (Back { error: "access_denied".to_owned(), ..back() }, "Acme SSO says no: `access_denied`"),
        (Back { error: "<b>call 555-0100</b>".to_owned(), ..back() }, "says no: `something else`"),
    ] {
        let fault = world.who(wrong).await.unwrap_err();
        assert!(fault.blame() == Blame::Caller && fault.to_string().contains(said), "{fault}");
    }
    assert_eq!(world.staged.asked_for("/token"), 0, "no code leaves");
    for (status, body, blame) in [
        (400, json!({ "error": "invalid_grant" }), Blame::Caller),
        (401, json!({ "error": "invalid_client" }), Blame::Operator),
        (400, json!({ "error": "invalid_request" }), Blame::Upstream),
        (500, json!("sorry"), Blame::Upstream),
        (200, json!({ "access_token": "x" }), Blame::Upstream),
        (200, json!({ "id_token": "x.y.z" }), Blame::Caller),
        (302, world.token(Algorithm::EdDSA, "one"), Blame::Upstream),
    ] {
        world.staged.says().token = (status, body.clone());
        let fault = world.who(back()).await.unwrap_err();
        assert_eq!(fault.blame(), blame, "{status} {body}: {fault}");
    }
}

#[tokio::test]
async fn a_provider_that_names_itself_must_do_so() {
    let world = World::new(settings());
    {
        let token = world.token(Algorithm::EdDSA, "one");
        let mut says = world.staged.says();
        says.metadata["authorization_response_iss_parameter_supported"] = json!(true);
        says.token = (200, token);
    }
    assert!(world.who(back()).await.is_err());
    assert!(world.who(Back { error: "access_denied".to_owned(), ..back() }).await.is_err());
    assert!(world.who(Back { issuer: ISSUER.to_owned(), ..back() }).await.is_ok());
}

#[tokio::test]
async fn it_is_asked_now_and_then_and_its_old_word_is_good_while_it_is_down() {
    let world = World::new(settings());
    world.staged.says().down = true;
    let fault = world.provider.address_for(&asked(), false).await.unwrap_err();
    assert!(fault.blame() == Blame::Upstream && fault.to_string() == "Acme SSO cannot be reached" && fault.may_retry());
    let asked_once = world.staged.says().asked.len();
    assert!(world.provider.address_for(&asked(), false).await.is_err());
    assert_eq!(world.staged.says().asked.len(), asked_once, "nobody waits for it again at once");
    world.clock.on(AFTER_SILENCE);
    world.staged.says().down = false;
    for _ in 0..3 {
        assert!(world.provider.address_for(&asked(), false).await.is_ok());
    }
    assert_eq!((world.staged.asked_for("configuration"), world.staged.asked_for("/keys")), (2, 1));
    world.clock.on(PROVIDER_AGE_MAX);
    world.staged.says().down = true;
    assert!(world.provider.address_for(&asked(), false).await.is_ok());
    assert_eq!(world.staged.asked_for("configuration"), 3);
    // A code is exchanged there and then.
    assert_eq!(world.who(back()).await.unwrap_err().to_string(), "Acme SSO cannot be reached");
}

/// A provider that says nothing until it is let go, and then that it cannot.
struct Hangs {
    asked: std::sync::atomic::AtomicUsize,
    let_go: tokio::sync::Semaphore,
}

impl Link for Hangs {
    fn send(&self, _request: Request<Vec<u8>>) -> super::super::LinkFuture<'_> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            self.let_go.acquire().await.unwrap().forget();
            Err(Fault::new(Blame::Upstream, "upstream.silent", "nobody answers"))
        })
    }
}

#[tokio::test]
async fn a_provider_that_hangs_is_asked_once_for_all_who_wait() {
    let clock = Arc::new(Turned::default());
    let link = Arc::new(Hangs { asked: 0.into(), let_go: tokio::sync::Semaphore::new(0) });
    let provider = Arc::new(Provider::new(settings(), link.clone(), clock.clone()));
    let mut waiting = tokio::task::JoinSet::new();
    // Some come while it is asked already, and it takes its time.
    for _moment in 0..10 {
        for _person in 0..3 {
            let provider = provider.clone();
            waiting.spawn(async move { provider.address_for(&asked(), false).await.is_err() });
        }
        for _turn in 0..20 {
            tokio::task::yield_now().await;
        }
        clock.on(PROVIDER_TIME_MAX / 10);
    }
    link.let_go.add_permits(1);
    let all = tokio::time::timeout(Duration::from_secs(20), waiting.join_all()).await.expect("all end when that does");
    assert!(all.into_iter().all(|refused| refused));
    assert_eq!(link.asked.load(Ordering::Relaxed), 1);
    clock.on(AFTER_SILENCE);
    link.let_go.add_permits(1);
    assert!(provider.address_for(&asked(), false).await.is_err());
    assert_eq!(link.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_looked_for_once_a_minute() {
    let world = World::new(settings());
    world.staged.says().token = (200, world.token(Algorithm::ES256, "two"));
    assert!(world.who(back()).await.is_err());
    assert!(world.who(back()).await.is_err());
    assert_eq!(world.staged.asked_for("/keys"), 1, "it was asked just now");
    world.staged.says().keys = json!({ "keys": [jwk(P256.0, "two")] });
    world.clock.on(PROVIDER_ASKED_EVERY);
    world.staged.says().token = (200, world.token(Algorithm::ES256, "two"));
    assert!(world.who(back()).await.is_ok());
    assert_eq!(world.staged.asked_for("/keys"), 2);
}

#[tokio::test]
async fn metadata_and_keys_that_are_none_are_the_providers_fault() {
    let good = Staged::new().says().metadata.clone();
    for (metadata, keys) in
        [(json!({ "issuer": "https://evil.example" }), json!({ "keys": [] })), (good, json!("none"))]
    {
        let world = World::new(settings());
        {
            let mut says = world.staged.says();
            (says.metadata, says.keys) = (metadata, keys);
        }
        let fault = world.provider.address_for(&asked(), false).await.unwrap_err();
        assert!(fault.blame() == Blame::Upstream && fault.to_string().starts_with("Acme SSO "), "{fault}");
    }
}
