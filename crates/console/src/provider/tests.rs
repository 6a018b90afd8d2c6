use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, StatusCode};
use identity::people::{Event, Known, Ledger, LedgerFuture, People, Row, Site};
use identity::provider::{Claim, Link, LinkFuture, Settings};
use identity::{LiveDirectory, Standing};
use jiff::tz::TimeZone;
use model::{Blame, Clock, DirectorySnapshot, Human, HumanId, UnixMicros};
use serde_json::{Value, json};

use super::*;
use crate::port::{Pulse, Readers};

const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);
const ISSUER: &str = "https://idp.example";

/// The console, and a provider that knows Ana and can be silent.
struct Street {
    parts: Parts,
    assets: Assets,
    cookies: Cookies,
    provider: Arc<Staged>,
}

/// A provider whose tokens are for the nonce that it is told.
struct Staged {
    pair: Ed25519KeyPair,
    says: Mutex<Says>,
}

#[derive(Default)]
struct Says {
    silent: bool,
    nonce: String,
    exchanged: usize,
}

/// Somebody who has gone to the provider: the cookie that the browser got along, and with what it comes back.
struct Away {
    cookie: String,
    answer: String,
    nonce: String,
}

struct Stands;

impl Clock for Stands {
    fn now(&self) -> UnixMicros {
        NOW
    }
}

struct Writes;

impl Ledger for Writes {
    fn record(&self, _event: Event) -> LedgerFuture<'_> {
        Box::pin(async { Ok(()) })
    }

    fn keep(&self, _rows: Vec<Row>) -> LedgerFuture<'_> {
        Box::pin(async { Ok(()) })
    }
}

impl Staged {
    fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap()
    }

    fn token(&self, nonce: &str) -> String {
        let now = NOW.seconds();
        let claims =
            json!({ "iss": ISSUER, "sub": "u-ana", "aud": "console", "exp": now + 300, "iat": now, "nonce": nonce });
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encoded(&json!({ "alg": "EdDSA", "kid": "one" })), encoded(&claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()).as_ref()))
    }
}

impl Link for Staged {
    fn send(&self, request: Request<Vec<u8>>) -> LinkFuture<'_> {
        let body = match request.uri().path() {
            "/.well-known/openid-configuration" => json!({
                "issuer": ISSUER, "authorization_endpoint": "https://idp.example/auth",
                "token_endpoint": "https://idp.example/token", "jwks_uri": "https://idp.example/keys",
            }),
            "/keys" => {
                let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
                json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one" }] })
            }
            _ => {
                let mut says = self.says();
                says.exchanged += 1;
                if says.silent {
                    return Box::pin(async { Err(Fault::new(Blame::Upstream, "upstream.silent", "nobody answers")) });
                }
                json!({ "id_token": self.token(&says.nonce) })
            }
        };
        Box::pin(async move { Ok(Response::new(body.to_string().into_bytes())) })
    }
}

impl Street {
    fn new() -> Self {
        let ana = HumanId::parse("ana").unwrap();
        let person = Human {
            id: ana.clone(),
            name: "Ana Diaz".to_owned(),
            department: None,
            seniority: None,
            role: None,
            manager: None,
            active: true,
        };
        let mut configured = DirectorySnapshot::default();
        configured.known_elsewhere.insert(Arc::from("u-ana"), ana.clone());
        configured.humans.insert(ana, Arc::new(person));
        let directory = Arc::new(LiveDirectory::new(configured, Standing::default()));
        let people = identity::people::Parts {
            directory: directory.clone(),
            clock: Arc::new(Stands),
            ledger: Arc::new(Writes),
            browsers: Secret::new([7; 32]),
        };
        let settings = Settings {
            name: "Acme SSO".to_owned(),
            issuer: ISSUER.to_owned(),
            client_id: "console".to_owned(),
            client_secret: None,
            claim: Claim::Subject,
            redirect_uri: "https://countersign.example/sign-in/oidc".to_owned(),
        };
        let provider =
            Arc::new(Staged { pair: Ed25519KeyPair::generate().unwrap(), says: Mutex::new(Says::default()) });
        let parts = Parts {
            people: Arc::new(People::new(people, Known::default()).unwrap()),
            directory,
            clock: Arc::new(Stands),
            zone: TimeZone::UTC,
            open: Box::new(|| Err(Fault::new(Blame::Operator, "test.none", "no trace"))),
            newest: Box::new(|| 0),
            trust: Box::new(|| None),
            metrics: Box::new(|| Box::pin(async { Err(Fault::new(Blame::Operator, "test.none", "no counts")) })),
            pulse: Box::new(Pulse::default),
            holds: None,
            emergencies: None,
            contracts: None,
            readers: Readers::default(),
            provider: Some(Arc::new(Provider::new(settings, provider.clone(), Arc::new(Stands)))),
            site: Site { host: "localhost".to_owned(), origins: vec!["http://localhost:4120".to_owned()] },
            secure: false,
            port: 4120,
        };
        Self { parts, assets: Assets::new(), cookies: Cookies::new(false, 4120), provider }
    }

    /// Somebody goes to the provider.
    async fn away(&self) -> Away {
        let response = begin(&self.parts, &self.assets, &self.cookies.errand, None, "/holds").await;
        let cookie = set(&response).remove(0).split(';').next().unwrap().to_owned();
        let to = response.headers()[header::LOCATION].to_str().unwrap();
        let asked: Vec<(String, String)> =
            form_urlencoded::parse(to.split_once('?').unwrap().1.as_bytes()).into_owned().collect();
        let of = |name: &str| asked.iter().find(|(known, _)| known == name).unwrap().1.clone();
        Away { cookie, answer: format!("?code=c&state={}", of("state")), nonce: of("nonce") }
    }

    /// What a browser with this cookie is answered at our address, and which cookies change.
    async fn came(&self, cookie: &str, query: &str) -> (StatusCode, Vec<String>) {
        let request = Request::get(format!("{PROVIDER_BACK}{query}")).header(header::COOKIE, cookie);
        let (head, ()) = request.body(()).unwrap().into_parts();
        let response = back(&self.parts, &self.assets, &self.cookies, &head, None).await;
        (response.status(), set(&response))
    }
}

fn set(response: &Response<Body>) -> Vec<String> {
    response.headers().get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

fn begun<'a>(lines: &'a [String], what: &str) -> Option<&'a str> {
    lines.iter().find(|line| line.starts_with(what)).map(String::as_str)
}

#[tokio::test]
async fn whoever_finds_the_provider_silent_loads_the_page_again_and_is_in() {
    let street = Street::new();
    let away = street.away().await;
    street.provider.says().nonce.clone_from(&away.nonce);
    street.provider.says().silent = true;
    assert_eq!(street.came(&away.cookie, &away.answer).await, (StatusCode::BAD_GATEWAY, Vec::new()));
    street.provider.says().silent = false;
    let (status, lines) = street.came(&away.cookie, &away.answer).await;
    assert_eq!(status, StatusCode::OK);
    assert!(begun(&lines, "countersign-4120=").is_some(), "{lines:?}");
    assert!(begun(&lines, "countersign-oidc-4120=;").is_some_and(|line| line.contains("Max-Age=0")), "{lines:?}");
    // It has ended, for a browser that keeps the cookie, too.
    assert_eq!(street.came(&away.cookie, &away.answer).await, (StatusCode::UNAUTHORIZED, Vec::new()));
}

#[tokio::test]
async fn whoever_came_from_the_provider_is_known_in_that_browser_where_others_could_guess_a_password() {
    let street = Street::new();
    let mark = async || {
        let away = street.away().await;
        street.provider.says().nonce.clone_from(&away.nonce);
        let (_, lines) = street.came(&away.cookie, &away.answer).await;
        begun(&lines, "countersign-known-4120=").map(str::to_owned)
    };
    assert_eq!(mark().await, None, "who has no password needs none");
    let people = &street.parts.people;
    let ana = HumanId::parse("ana").unwrap();
    let code = people.invite(&ana, "os-user:root").await.unwrap().code;
    let password = Secret::new("correct horse battery".to_owned());
    people.accept(code.expose(), password, identity::people::Client::Page, None).await.unwrap();
    assert!(mark().await.is_some_and(|line| line.contains("SameSite=Strict")));
}

#[tokio::test]
async fn no_page_ends_the_errand_of_somebody_who_is_at_the_provider() {
    let street = Street::new();
    let (mine, other) = (street.away().await, street.away().await);
    for query in ["", "?code=c&state=x", "?error=access_denied", other.answer.as_str()] {
        assert_eq!(street.came(&mine.cookie, query).await, (StatusCode::UNAUTHORIZED, Vec::new()), "{query}");
    }
    assert_eq!(street.provider.says().exchanged, 0);
    street.provider.says().nonce.clone_from(&mine.nonce);
    assert_eq!(street.came(&mine.cookie, &mine.answer).await.0, StatusCode::OK);
}
