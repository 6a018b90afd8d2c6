//! Access tokens: signed statements that an agent acts for a person (JWT, RFC 9068), good for one audience (RFC 8707).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use model::limits::{TOKEN_BYTES_MAX, TOKEN_LIFE_MAX, TOKENS_REMEMBERED_MAX};
use model::{Actor, AgentId, AppId, Blame, Clock, Fault, HumanId, TaskId};
use quick_cache::sync::Cache;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::SigningKey;

/// Issues tokens and verifies its own.
pub struct Tokens {
    key: SigningKey,
    issuer: String,
    validation: Validation,
    /// By the SHA-256 of the exact bytes. Only what has a good signature gets in.
    verified: Cache<[u8; 32], Arc<Verified>>,
}

/// What a token is to say.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Who acts (`client_id`).
    pub agent: AgentId,
    /// For whom (`sub`).
    pub human: HumanId,
    /// Where it is good (`aud`): `…/mcp`, or `…/mcp/APP` for one app only.
    pub audience: String,
    /// For how long, in whole seconds.
    pub life: Duration,
    /// In which task; none: the token is its own task.
    pub task: Option<TaskId>,
}

/// Which audiences are good at one endpoint. A token for `…/mcp` is good at `…/mcp` and at `…/mcp/APP`; one for
/// `…/mcp/APP` only there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audiences {
    resource: Arc<str>,
    endpoint_app: Option<AppId>,
}

/// Why a token is no good. It never holds the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("no token was sent")]
    Missing,
    /// It is no token of the kind issued here.
    #[error("the token is not one that is issued here")]
    Malformed,
    /// It is longer than any token issued here.
    #[error("the token is longer than any that is issued here")]
    TooLong,
    /// It is not signed with the one algorithm there is.
    #[error("the token is not signed with EdDSA")]
    Algorithm,
    /// It names a key that is not ours.
    #[error("the token is signed with a key that is not in use here")]
    Key,
    /// Its signature does not fit.
    #[error("the token's signature does not fit")]
    Signature,
    /// It is somebody else's.
    #[error("the token was issued by somebody else")]
    Issuer,
    /// It is for another place.
    #[error("the token is for another audience")]
    Audience,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It has not begun.
    #[error("the token is not valid yet")]
    NotYet,
    /// It lives longer than any token may.
    #[error("the token lives longer than any token may")]
    Life,
}

/// The claims as they stand in the token. All of it must be there, and an audience is one text: nobody else issues them.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: HumanId,
    client_id: AgentId,
    aud: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    jti: TaskId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<TaskId>,
    /// What only tokens of vendors say, which are none of agents (test `tokens_of_agents_and_of_vendors_are_not_taken_for_each_other`).
    #[serde(default, skip_serializing)]
    vendor: Option<IgnoredAny>,
}

/// What stays true of a token however late it is.
#[derive(Debug)]
struct Verified {
    agent: AgentId,
    human: HumanId,
    task: TaskId,
    token_id: Arc<str>,
    audience: String,
    starts: i64,
    ends: i64,
}

// === impl Tokens ===

impl Tokens {
    /// Tokens of this issuer (its address, for example `http://127.0.0.1:4100`), signed with this key.
    pub fn new(key: SigningKey, issuer: String) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        // These look at the machine's clock and at one fixed audience; `Verified::actor` looks at the right ones.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self { key, issuer, validation, verified: Cache::new(TOKENS_REMEMBERED_MAX) }
    }

    /// Issues a token. Error: blame `Caller` (a life that no token may have).
    pub fn issue(&self, request: &TokenRequest, clock: &dyn Clock) -> Result<String, Fault> {
        if request.life < Duration::from_secs(1) || request.life > TOKEN_LIFE_MAX {
            let most = TOKEN_LIFE_MAX.as_secs() / 3600;
            return Err(Fault::new(Blame::Caller, "token.life", "a token cannot live that long, or that short")
                .hint(format!("it takes one second to {most} hours")));
        }
        let life = i64::try_from(request.life.as_secs()).unwrap_or_default();
        let now = clock.now().seconds();
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: request.human.clone(),
            client_id: request.agent.clone(),
            aud: request.audience.clone(),
            iat: now,
            exp: now.saturating_add(life),
            nbf: None,
            jti: new_token_id()?,
            task: request.task.clone(),
            vendor: None,
        };
        self.sign(&claims)
    }

    /// Signs claims. Error: they would make a token that is longer than any that is read.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, Fault> {
        let header =
            Header { typ: Some(TYPE.to_owned()), kid: Some(self.key.id().to_owned()), ..Header::new(Algorithm::EdDSA) };
        let token = jsonwebtoken::encode(&header, claims, self.key.encoding())
            .map_err(|error| Fault::new(Blame::Bug, "token.sign", "the token could not be signed").because(error))?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Fault::new(Blame::Caller, "token.too_long", "the token would be longer than any that is read")
                .hint("name a shorter audience"));
        }
        Ok(token)
    }

    /// Who issues these tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who acts, as the token says, if it is good here and now. Whether that person and that agent are still there is
    /// for the caller to ask of the directory.
    pub fn verify(&self, token: &str, audiences: &Audiences, clock: &dyn Clock) -> Result<Actor, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let mut fingerprint = [0u8; 32];
        fingerprint.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        let verified = match self.verified.get(&fingerprint) {
            Some(verified) => verified,
            None => {
                let verified = Arc::new(self.open(token)?);
                self.verified.insert(fingerprint, Arc::clone(&verified));
                verified
            }
        };
        verified.actor(audiences, clock.now().seconds())
    }

    /// The public key, as a JWK set.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.key.jwk()] })
    }

    /// Claims that are signed with the key in use, whatever they say.
    pub(crate) fn claims<C: DeserializeOwned>(&self, token: &str) -> Result<C, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.alg != Algorithm::EdDSA {
            return Err(TokenError::Algorithm);
        }
        let unencoded = header.extras.inner().contains_key("b64");
        if header.typ.as_deref() != Some(TYPE) || header.crit.is_some() || unencoded {
            return Err(TokenError::Malformed);
        }
        if header.kid.as_deref() != Some(self.key.id()) {
            return Err(TokenError::Key);
        }
        let opened = jsonwebtoken::decode::<C>(token, self.key.decoding(), &self.validation);
        opened.map(|opened| opened.claims).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => TokenError::Signature,
            ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
            _ => TokenError::Malformed,
        })
    }

    /// Everything about a token that time and place do not change.
    fn open(&self, token: &str) -> Result<Verified, TokenError> {
        let claims: Claims = self.claims(token)?;
        if claims.vendor.is_some() {
            return Err(TokenError::Malformed);
        }
        if claims.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        let life = claims.exp.checked_sub(claims.iat).filter(|life| *life > 0).ok_or(TokenError::Malformed)?;
        if life.unsigned_abs() > TOKEN_LIFE_MAX.as_secs() {
            return Err(TokenError::Life);
        }
        Ok(Verified {
            agent: claims.client_id,
            human: claims.sub,
            token_id: Arc::from(claims.jti.as_str()),
            task: claims.task.unwrap_or(claims.jti),
            audience: claims.aud,
            starts: claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat)),
            ends: claims.exp,
        })
    }
}

// === impl Verified ===

impl Verified {
    // INVARIANT: asked on every call, remembered or not (test `a_remembered_token_ends_on_time`).
    fn actor(&self, audiences: &Audiences, now: i64) -> Result<Actor, TokenError> {
        let only_app = audiences.admit(&self.audience)?;
        if now >= self.ends {
            return Err(TokenError::Expired);
        }
        if self.starts > now.saturating_add(CLOCK_SKEW_SECONDS_MAX) {
            return Err(TokenError::NotYet);
        }
        Ok(Actor {
            agent: self.agent.clone(),
            human: self.human.clone(),
            task: self.task.clone(),
            only_app,
            token_id: Arc::clone(&self.token_id),
        })
    }
}

// === impl Audiences ===

impl Audiences {
    /// What is good at the endpoint of everything (`resource`, `…/mcp`), or at that of one app below it.
    pub fn new(resource: impl Into<Arc<str>>, endpoint_app: Option<AppId>) -> Self {
        Self { resource: resource.into(), endpoint_app }
    }

    /// The one app the token is for, if it names one.
    pub(crate) fn admit(&self, audience: &str) -> Result<Option<AppId>, TokenError> {
        let below = audience.strip_prefix(self.resource.as_ref()).ok_or(TokenError::Audience)?;
        if below.is_empty() {
            return Ok(None);
        }
        let endpoint = self.endpoint_app.as_ref().ok_or(TokenError::Audience)?;
        if below.strip_prefix('/') == Some(endpoint.as_str()) {
            Ok(Some(endpoint.clone()))
        } else {
            Err(TokenError::Audience)
        }
    }
}

// === impl TokenError ===

impl TokenError {
    /// The `error` of `WWW-Authenticate` (RFC 6750). Where no token was sent the standard wants none to be sent back.
    pub const fn oauth_error(self) -> &'static str {
        match self {
            Self::Missing => "missing_token",
            Self::Malformed
            | Self::TooLong
            | Self::Algorithm
            | Self::Key
            | Self::Signature
            | Self::Issuer
            | Self::Audience
            | Self::Expired
            | Self::NotYet
            | Self::Life => "invalid_token",
        }
    }
}

pub(crate) fn new_token_id() -> Result<TaskId, Fault> {
    let mut chance = [0u8; 16];
    aws_lc_rs::rand::fill(&mut chance)
        .map_err(|_| Fault::new(Blame::Operator, "token.random", "the machine has no randomness for a token's id"))?;
    TaskId::parse(&format!("t_{:032x}", u128::from_be_bytes(chance)))
        .map_err(|error| Fault::new(Blame::Bug, "token.id", "a token's id came out wrong").because(error))
}

/// RFC 9068.
const TYPE: &str = "at+jwt";
/// How far ahead the clock of another gateway may be.
pub(crate) const CLOCK_SKEW_SECONDS_MAX: i64 = 30;

#[cfg(test)]
mod tests;
