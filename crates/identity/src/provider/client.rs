//! Asking a provider: where it is, what it signs with, and whom a code is of.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Request, Response, StatusCode, Uri, header};
use model::limits::{PROVIDER_AGE_MAX, PROVIDER_ASKED_EVERY};
use model::{Blame, Clock, Fault, Secret, UnixMicros};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::id_token::{Expected, IdTokenError, verified};
use super::keys::KeySet;
use super::link::Link;
use super::metadata::Metadata;

/// An identity provider, and who we are there.
pub struct Provider {
    settings: Settings,
    link: Arc<dyn Link>,
    clock: Arc<dyn Clock>,
    known: Mutex<Memory>,
}

/// Which provider, and who we are there.
pub struct Settings {
    /// What people call it: `Acme SSO`.
    pub name: String,
    /// What it calls itself: exactly what stands in its tokens.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// What only it and we know; none where it knows us by PKCE alone.
    pub client_secret: Option<Secret<String>>,
    /// By which claim the directory knows people.
    pub claim: Claim,
    /// Where it sends people back to: our own address, as it was told there.
    pub redirect_uri: String,
}

/// Which claim of an ID token names the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// `sub`: never changes and never goes to somebody else.
    Subject,
    /// `email`, where the provider has verified it.
    Email,
    /// `preferred_username`.
    PreferredUsername,
}

/// With what a browser comes back from a provider.
#[derive(Debug, Clone, Default)]
pub struct Back {
    /// What we gave it along.
    pub state: String,
    /// What is exchanged for an ID token.
    pub code: String,
    /// Who the provider says that it is (RFC 9207).
    pub issuer: String,
    /// Why there is no code.
    pub error: String,
}

/// What a person is sent away with. All of it is known to nobody but us and, in part, the provider.
pub(crate) struct Asked {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: Secret<String>,
}

/// How a person was sent away, when they come back.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    /// When.
    pub(crate) at: UnixMicros,
    /// Whether to prove anew who they are.
    pub(crate) anew: bool,
}

/// What is known of the provider, and when it was asked last: when that ended, where it did.
#[derive(Default)]
struct Memory {
    known: Option<Arc<Known>>,
    asked: Option<UnixMicros>,
}

struct Known {
    metadata: Metadata,
    keys: KeySet,
    at: UnixMicros,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

// === impl Provider ===

impl Provider {
    /// A provider that is reached over this link. It is asked when it is needed for the first time.
    pub fn new(settings: Settings, link: Arc<dyn Link>, clock: Arc<dyn Clock>) -> Self {
        Self { settings, link, clock, known: Mutex::default() }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Where a browser is sent. `anew`: the person proves there who they are, whoever is signed in already.
    pub(crate) async fn address_for(&self, asked: &Asked, anew: bool) -> Result<String, Fault> {
        let known = self.known(false).await?;
        let settings = &self.settings;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, asked.verifier.expose().as_bytes()).as_ref());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", &settings.redirect_uri)
            .append_pair("scope", settings.claim.scope())
            .append_pair("state", &asked.state)
            .append_pair("nonce", &asked.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if anew {
            query.append_pair("prompt", "login").append_pair("max_age", "0");
        }
        if let Some(claims) = settings.claim.asked_for().filter(|_| known.metadata.takes_claims) {
            query.append_pair("claims", claims);
        }
        let endpoint = &known.metadata.authorization_endpoint;
        let join = if endpoint.query().is_some() { '&' } else { '?' };
        Ok(format!("{endpoint}{join}{}", query.finish()))
    }

    /// What the provider calls the person who came back. Error: nobody is shown to have come back from it.
    pub(crate) async fn who(&self, back: &Back, asked: &Asked, sent: Sent) -> Result<String, Fault> {
        let known = self.known(false).await?;
        // RFC 9207, section 2.4.
        let named = known.metadata.names_itself || !back.issuer.is_empty();
        if named && back.issuer != self.settings.issuer {
            return Err(refused("the answer comes from another provider than the one that was asked"));
        }
        if !back.error.is_empty() {
            return Err(self.said_no(&back.error));
        }
        if back.code.is_empty() {
            return Err(refused("the answer holds no code"));
        }
        let token = self.redeem(&known, &back.code, &asked.verifier).await?;
        match self.look(&token, &known, asked, sent) {
            // A provider may have begun to sign with another key since it was asked.
            Err(IdTokenError::Key) => {
                let known = self.known(true).await?;
                self.look(&token, &known, asked, sent).map_err(|error| self.no_good(error))
            }
            looked => looked.map_err(|error| self.no_good(error)),
        }
    }

    fn look(&self, token: &str, known: &Known, asked: &Asked, sent: Sent) -> Result<String, IdTokenError> {
        let Settings { issuer, client_id, claim, .. } = &self.settings;
        let expected =
            Expected { issuer, client_id, nonce: &asked.nonce, claim: *claim, since: sent.at, anew: sent.anew };
        verified(token, &known.keys, &expected, self.clock.now())
    }

    /// What exchanges a code for an ID token (Core, section 3.1.3).
    fn exchange(&self, known: &Known, code: &str, verifier: &Secret<String>) -> http::Result<Request<Vec<u8>>> {
        let settings = &self.settings;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &settings.redirect_uri)
            .append_pair("code_verifier", verifier.expose());
        let mut request = Request::post(&known.metadata.token_endpoint)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        match &settings.client_secret {
            Some(secret) => request = request.header(header::AUTHORIZATION, basic(&settings.client_id, secret)),
            None => drop(form.append_pair("client_id", &settings.client_id)),
        }
        request.body(form.finish().into_bytes())
    }

    async fn redeem(&self, known: &Known, code: &str, verifier: &Secret<String>) -> Result<String, Fault> {
        let answer = self.send(self.exchange(known, code, verifier)).await?;
        if answer.status() == StatusCode::OK {
            let tokens: Option<Tokens> = serde_json::from_slice(answer.body()).ok();
            return tokens
                .and_then(|tokens| tokens.id_token)
                .ok_or_else(|| self.unusable("gave no ID token for the code"));
        }
        let error: Option<Refused> = serde_json::from_slice(answer.body()).ok();
        match error.as_ref().map(|refused| refused.error.as_str()) {
            Some("invalid_grant") => Err(refused("the code is not good, or not any more")),
            Some(word @ ("invalid_client" | "unauthorized_client")) => {
                let said = format!("{} does not take our client id and secret", self.settings.name);
                Err(Fault::new(Blame::Operator, "people.provider", said)
                    .hint("look at `client_id` and `client_secret` of `console: {oidc: …}`")
                    .because(word.to_owned()))
            }
            // What it says is for the log: it may hold anything.
            said => {
                let cause = format!("{} {:?}", answer.status(), said.unwrap_or_default());
                Err(self.unusable("did not exchange the code").because(cause))
            }
        }
    }

    /// What is known of the provider; it is asked where that is too old, or where `anew` something is missing. While it does not
    /// answer, what was known is good.
    async fn known(&self, anew: bool) -> Result<Arc<Known>, Fault> {
        // One asks and the others wait, so that a provider that is down is not asked by everybody.
        let mut memory = self.known.lock().await;
        // INVARIANT: the time after the wait, and below the time at which it was silent: those who waited do not ask one after the other
        // (test `a_provider_that_hangs_is_asked_once_for_all_who_wait`).
        let now = self.clock.now();
        let old =
            |span: std::time::Duration, at: UnixMicros| u128::from(now.since(at).unsigned_abs()) >= span.as_micros();
        let fresh = memory.known.clone().filter(|known| !anew && !old(PROVIDER_AGE_MAX, known.at));
        if let Some(known) = fresh {
            return Ok(known);
        }
        let lately = memory.asked.is_some_and(|at| !old(PROVIDER_ASKED_EVERY, at));
        match (memory.known.clone(), lately) {
            (Some(known), true) => return Ok(known),
            (None, true) if memory.asked.is_some_and(|at| !old(AFTER_SILENCE, at)) => return Err(self.silent()),
            _ => {}
        }
        memory.asked = Some(now);
        let answer = self.ask(now).await;
        memory.asked = Some(self.clock.now());
        match (answer, memory.known.clone()) {
            (Ok(known), _) => {
                let known = Arc::new(known);
                memory.known = Some(Arc::clone(&known));
                Ok(known)
            }
            (Err(_), Some(known)) => Ok(known),
            (Err(fault), None) => Err(fault),
        }
    }

    async fn ask(&self, at: UnixMicros) -> Result<Known, Fault> {
        let metadata =
            Metadata::read(&self.get(&Metadata::address(&self.settings.issuer)).await?, &self.settings.issuer)
                .map_err(|fault| self.in_name(&fault))?;
        let keys = KeySet::read(&self.get(&metadata.jwks_uri.to_string()).await?)
            .ok_or_else(|| self.unusable("shows no keys that can be read"))?;
        Ok(Known { metadata, keys, at })
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, Fault> {
        let url: Uri = url.parse().map_err(|error: http::uri::InvalidUri| self.silent().because(error))?;
        let answer = self.send(Request::get(url).header(header::ACCEPT, "application/json").body(Vec::new())).await?;
        if answer.status() != StatusCode::OK {
            return Err(self.unusable("did not answer as a provider does").because(answer.status().to_string()));
        }
        Ok(answer.into_body())
    }

    async fn send(&self, request: http::Result<Request<Vec<u8>>>) -> Result<Response<Vec<u8>>, Fault> {
        let request = request.map_err(|error| self.silent().because(error))?;
        self.link.send(request).await.map_err(|fault| self.silent().because(fault))
    }

    fn silent(&self) -> Fault {
        self.unusable("cannot be reached").retryable()
    }

    fn unusable(&self, what: &str) -> Fault {
        Fault::new(Blame::Upstream, "people.provider", format!("{} {what}", self.settings.name))
            .hint("try again later, or tell the operator: the gateway's log says more")
    }

    /// What is wrong with the provider, with its name in it.
    fn in_name(&self, fault: &Fault) -> Fault {
        let said = format!("{} cannot be used: {fault}", self.settings.name);
        let named = Fault::new(fault.blame(), fault.code(), said);
        match fault.way_out() {
            Some(hint) => named.hint(hint.to_owned()),
            None => named,
        }
    }

    /// Only words of RFC 6749 and of OpenID Connect are repeated.
    fn said_no(&self, error: &str) -> Fault {
        let word = error.len() <= WORD_BYTES_MAX && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let error = if word { error } else { "something else" };
        refused(format!("{} says no: `{error}`", self.settings.name))
    }

    fn no_good(&self, error: IdTokenError) -> Fault {
        let fault = refused(format!("what {} says of you cannot be taken: {error}", self.settings.name));
        match error {
            IdTokenError::NotAnew => fault.hint(
                "this has to be proved just now: where the provider cannot say when that was, use a password or a passkey",
            ),
            IdTokenError::Claim | IdTokenError::NotVerified => {
                fault.hint("the operator chooses the claim: `console: {oidc: {claim: …}}`")
            }
            IdTokenError::TooLong => {
                fault.hint("the operator has the provider leave out of it what nobody asks for, such as all your groups")
            }
            _ => fault.hint("begin again on the page where you sign in"),
        }
    }
}

// === impl Claim ===

impl Claim {
    /// The words for them.
    pub const ALL: [Self; 3] = [Self::Subject, Self::Email, Self::PreferredUsername];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "sub",
            Self::Email => "email",
            Self::PreferredUsername => "preferred_username",
        }
    }

    const fn scope(self) -> &'static str {
        match self {
            Self::Subject => "openid",
            Self::Email => "openid email",
            Self::PreferredUsername => "openid profile",
        }
    }

    /// Where a provider keeps claims out of ID tokens unless they are asked for one by one (Core, section 5.5).
    const fn asked_for(self) -> Option<&'static str> {
        match self {
            Self::Subject => None,
            Self::Email => Some(r#"{"id_token":{"email":{"essential":true},"email_verified":{"essential":true}}}"#),
            Self::PreferredUsername => Some(r#"{"id_token":{"preferred_username":{"essential":true}}}"#),
        }
    }
}

/// RFC 6749, section 2.3.1: each half is encoded as in a form first.
fn basic(client_id: &str, secret: &Secret<String>) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", encoded(client_id), encoded(secret.expose())));
    format!("Basic {}", STANDARD.encode(pair.expose()))
}

fn refused(said: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Blame::Caller, "people.refused", said)
}

/// For how long a provider that did not answer at all is not asked again.
const AFTER_SILENCE: std::time::Duration = std::time::Duration::from_secs(5);
const WORD_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests;
