//! Which vendor asks: the key, token or client certificate it presents says so, and under which contract and for what. No header
//! has a say in that.

use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Response, StatusCode, header};
use identity::{KeyError, Presented, TokenError, VendorKey, VendorKeys, VendorTokens};
use model::{Actor, AgentId, AppId, Clock, ContractFacts, ContractId, Directory, Fault, TaskId, UnixMicros, VendorId};

use crate::body::{Body, json_response};
use crate::guests::is_known;
use crate::refusals::{Refusals, source};
use crate::status::status_of;
use crate::wire::PeerCertificate;

/// Checks keys of vendors and answers for them.
pub struct VendorAccess {
    tokens: Arc<VendorTokens>,
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    refusals: Arc<Refusals>,
}

/// A vendor whose key is good.
#[derive(Debug, Clone)]
pub struct KnownVendor {
    /// The vendor's integration, for the person who answers for it here, in the work that the contract is.
    pub actor: Actor,
    /// The third party.
    pub vendor: VendorId,
    /// The agreement under which it acts.
    pub contract: ContractId,
    /// What the key is for.
    pub purpose: Option<Arc<str>>,
}

impl VendorAccess {
    /// Keys and tokens of the vendors of a directory: each is an agent there, whose owner answers for it. Who is turned away is noted.
    pub fn new(
        tokens: Arc<VendorTokens>,
        directory: Arc<dyn Directory>,
        clock: Arc<dyn Clock>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self { tokens, directory, clock, refusals }
    }

    /// Whether a vendor's key is presented as a bearer token, whatever else is sent.
    pub(crate) fn is_key_meant(&self, headers: &HeaderMap) -> bool {
        let bearers = headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
        bearers.filter_map(|text| text.split_once(' ')).any(|(_, key)| VendorKeys::are_like(key.trim()))
    }

    /// Whether a token is presented that a vendor got here, good or not.
    pub(crate) fn is_token_meant(&self, headers: &HeaderMap) -> bool {
        presented(headers).is_ok_and(|token| self.tokens.is_a_vendors(token))
    }

    /// Whether some vendor gets tokens for what it signs.
    pub(crate) fn gives_tokens(&self) -> bool {
        self.tokens.keys().list().iter().any(|key| matches!(key.presented, Presented::Signature(_)))
    }

    /// Whether an agent is a vendor's, which comes in with what stands for its contract and with nothing else.
    pub fn is_vendor(&self, agent: &AgentId) -> bool {
        self.directory.snapshot().vendors.contains(agent) || self.tokens.keys().has_vendor(agent.as_str())
    }

    /// Who asks at the API, on every request anew. Error: the 401 to send.
    pub fn authenticate(&self, head: &Parts) -> Result<KnownVendor, Box<Response<Body>>> {
        let recognised =
            self.recognise(&head.headers, &head.extensions, |token, now| self.tokens.recognise(token, now));
        let known = self.noted(&head.extensions, recognised).map_err(|error| Box::new(unauthorized(&error)))?;
        is_known(&head.extensions);
        Ok(known)
    }

    /// Whose agent asks at this app's endpoint, or at that of all.
    pub(crate) fn authenticate_agent(
        &self,
        headers: &HeaderMap,
        link: &Extensions,
        app: Option<&AppId>,
    ) -> Result<KnownVendor, KeyError> {
        let for_agents = |token: &str, now: UnixMicros| self.tokens.recognise_for_agents(token, app, now);
        self.noted(link, self.recognise(headers, link, for_agents))
    }

    /// A request of this vendor means nothing, or several things: it is noted, too.
    pub fn not_understood(&self, who: &KnownVendor, fault: &Fault) {
        let key = Arc::clone(&who.actor.token_id);
        let source = format!("vendor:{}", who.vendor);
        self.refusals.note(&source, status_of(fault).as_u16(), fault.code(), Some(key), self.clock.now());
    }

    /// Whose the key is. What is refused is noted.
    fn noted(&self, link: &Extensions, recognised: Result<Arc<VendorKey>, KeyError>) -> Result<KnownVendor, KeyError> {
        recognised.and_then(|key| self.known(&key)).inspect_err(|error| {
            tracing::info!(%error, "a vendor's credential was refused");
            let (code, key) = code_of(error);
            self.refusals.note(&source(link), StatusCode::UNAUTHORIZED.as_u16(), code, key, self.clock.now());
        })
    }

    fn recognise(
        &self,
        headers: &HeaderMap,
        link: &Extensions,
        token: impl Fn(&str, UnixMicros) -> Result<Arc<VendorKey>, KeyError>,
    ) -> Result<Arc<VendorKey>, KeyError> {
        let now = self.clock.now();
        let certificate = link.get::<PeerCertificate>();
        let keys = self.tokens.keys();
        let by_certificate = certificate.map(|PeerCertificate(digest)| keys.recognise_certificate(digest, now));
        let by_header = presented(headers).and_then(|text| match text.contains('.') {
            // No key has a dot, and every token has two.
            true => token(text, now),
            false => keys.recognise(text, now),
        });
        match (by_header, by_certificate) {
            (Err(KeyError::Missing), Some(known)) => known,
            // Two that say different things say nothing. One that is known to nobody says nothing either.
            (Ok(key), Some(Ok(other))) if !same(&key, &other) => Err(KeyError::Malformed),
            (by_header, _) => by_header,
        }
    }

    fn known(&self, key: &VendorKey) -> Result<KnownVendor, KeyError> {
        let (agent, task) = (AgentId::parse(key.vendor.as_str()), TaskId::parse(key.contract.as_str()));
        let (Ok(agent), Ok(task)) = (agent, task) else { return Err(KeyError::Unknown) };
        let directory = self.directory.snapshot();
        let Some(human) = directory.agents.get(&agent).map(|agent| agent.owner.clone()) else {
            tracing::warn!(vendor = %key.vendor, "a key is good whose vendor is not in the configuration");
            return Err(KeyError::Unknown);
        };
        Ok(KnownVendor {
            actor: Actor { agent, human, task, only_app: None, token_id: Arc::clone(&key.id) },
            vendor: key.vendor.clone(),
            contract: key.contract.clone(),
            purpose: key.purpose.clone(),
        })
    }
}

impl KnownVendor {
    /// A call of it of which nothing else is known.
    pub fn unknown_call(&self) -> ContractFacts {
        ContractFacts::unknown(self.contract.clone(), self.vendor.clone(), self.purpose.clone())
    }
}

fn same(one: &VendorKey, other: &VendorKey) -> bool {
    (&one.vendor, &one.contract, &one.purpose) == (&other.vendor, &other.contract, &other.purpose)
}

/// What the record says of a credential that was refused.
fn code_of(error: &KeyError) -> (&'static str, Option<Arc<str>>) {
    match error {
        KeyError::Missing => ("vendor.no_key", None),
        KeyError::Malformed => ("vendor.not_one_key", None),
        KeyError::Unknown => ("vendor.unknown_key", None),
        KeyError::Revoked(key) => ("vendor.revoked_key", Some(Arc::clone(key))),
        KeyError::Ended(key) => ("vendor.ended_key", Some(Arc::clone(key))),
        KeyError::Token(_) => ("vendor.bad_token", None),
    }
}

/// The one key of `Authorization: Bearer …` or `X-Api-Key`. Two are refused rather than guessed at.
fn presented(headers: &HeaderMap) -> Result<&str, KeyError> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter();
    let mut all = bearer.chain(headers.get_all(API_KEY).iter());
    let value = all.next().ok_or(KeyError::Missing)?;
    if all.next().is_some() {
        return Err(KeyError::Malformed);
    }
    let text = value.to_str().map_err(|_| KeyError::Malformed)?;
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Ok(key.trim()),
        None if headers.contains_key(API_KEY) => Ok(text),
        _ => Err(KeyError::Malformed),
    }
}

/// Whoever has no good key learns nothing of which keys there are.
pub(crate) fn told(error: &KeyError) -> String {
    match error {
        KeyError::Missing | KeyError::Malformed => error.to_string(),
        // A client asks for another token then.
        KeyError::Token(TokenError::Expired) => "the token has expired".to_owned(),
        KeyError::Unknown | KeyError::Revoked(_) | KeyError::Ended(_) | KeyError::Token(_) => {
            "the key is not good".to_owned()
        }
    }
}

fn unauthorized(error: &KeyError) -> Response<Body> {
    let said = told(error);
    let body = serde_json::json!({
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": said,
        "code": "vendor.unauthorized",
    });
    let mut response = json_response(StatusCode::UNAUTHORIZED, body.to_string());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let challenge = match error {
        KeyError::Token(_) => "Bearer error=\"invalid_token\"",
        _ => "Bearer",
    };
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

const API_KEY: &str = "x-api-key";

#[cfg(test)]
mod tests;
