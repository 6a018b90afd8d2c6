//! Tokens for vendors that sign who they are (`private_key_jwt`: RFC 7523, client credentials).
//!
//! A vendor signs a statement that lives some minutes and is good once, and gets a token of ours for it, for the API or for its
//! agents (`resource`: RFC 8707). The token names the entry of the public key: contract and purpose are looked up there on every
//! request, so that revoking the entry ends all tokens that were got with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use model::limits::{
    ASSERTION_LIFE_MAX, ASSERTIONS_REMEMBERED_MAX, TOKEN_BYTES_MAX, VENDOR_TOKEN_LIFE, VENDOR_TOKENS_REMEMBERED_MAX,
};
use model::{AppId, Clock, Digest, Fault, TaskId, UnixMicros, VendorId};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::token::{Audiences, CLOCK_SKEW_SECONDS_MAX, TokenError, Tokens, new_token_id};
use crate::vendors::{KeyError, Presented, PublicKey, VendorKey, VendorKeys};

/// Exchanges what vendors sign for tokens, and knows these again.
pub struct VendorTokens {
    tokens: Arc<Tokens>,
    keys: Arc<VendorKeys>,
    /// The gateway's addresses.
    addresses: Vec<String>,
    /// What a token is for that is good at the API.
    api: Audiences,
    /// By the SHA-256 of the exact bytes. Only what has a good signature gets in.
    verified: Cache<[u8; 32], Arc<Claims>>,
    used: Mutex<HashMap<Arc<str>, HashMap<Digest, i64>>>,
}

/// What an assertion was exchanged for.
#[derive(Debug)]
pub struct Granted {
    /// The token. It is good once the rows are kept.
    pub token: String,
    /// How long it lives, in seconds.
    pub life_seconds: i64,
    /// With whose key the assertion was signed.
    pub key: Arc<VendorKey>,
    /// Rows of kind [`USED_ASSERTION_STATE`], as `(key, value)`; no value deletes one.
    pub rows: Vec<(String, Option<String>)>,
}

/// Why an assertion is no good. It never holds the assertion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// It is no signed statement of a vendor.
    #[error("it is no assertion as RFC 7523 describes it")]
    Malformed,
    /// No public key that is good is registered under its name, or it is signed otherwise.
    #[error("its key is not one that is good here")]
    Key(KeyError),
    /// It is signed with an algorithm that its key does not sign with.
    #[error("it is not signed with an algorithm of its key")]
    Algorithm,
    /// Its signature does not fit.
    #[error("its signature does not fit")]
    Signature,
    /// `iss`, `sub` and `client_id` are not one and the same.
    #[error("`iss` and `sub` are not both the id of the key")]
    Issuer,
    /// It is for somebody else.
    #[error("`aud` is not this gateway")]
    Audience,
    /// It has ended.
    #[error("it has expired")]
    Expired,
    /// It has not begun.
    #[error("it is not valid yet")]
    NotYet,
    /// It lives longer than any may.
    #[error("it lives longer than ten minutes")]
    Life,
    /// It was used before.
    #[error("it was used before")]
    Used,
    /// The token is asked for another place than the gateway's.
    #[error("`resource` is not one of this gateway: `…{API}`, `…{MCP}` or `…{MCP}/APP`")]
    Target,
    /// So many were used that no more can be remembered.
    #[error("too many were used in a short time: use a token until it ends")]
    TooMany,
}

/// What an assertion says. Its issue is asked for although RFC 7523 leaves that open: without it, its life has no bound.
#[derive(Debug, Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    jti: String,
}

/// Whose name stands in it, before anything is known to be true.
#[derive(Deserialize)]
struct Claimed {
    sub: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What a token of ours says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    client_id: String,
    /// No token of an agent says this, and every token of a vendor does.
    vendor: VendorId,
    aud: String,
    iat: i64,
    exp: i64,
    jti: TaskId,
}

// === impl VendorTokens ===

impl VendorTokens {
    /// Tokens for the API below the issuer's address. Assertions may be for any of these addresses of the gateway; the rows
    /// `(key, value)` of kind [`USED_ASSERTION_STATE`] are what was used before.
    pub fn new(
        tokens: Arc<Tokens>,
        keys: Arc<VendorKeys>,
        addresses: &[&str],
        rows: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let addresses = addresses.iter().map(|address| address.trim_end_matches('/').to_owned()).collect();
        let api = Audiences::new(format!("{}{API}", tokens.issuer()), None);
        let mut used: HashMap<Arc<str>, HashMap<Digest, i64>> = HashMap::new();
        for (id, value) in rows {
            let Some((ends, key)) = value.split_once(' ') else { continue };
            if let (Ok(id), Ok(ends)) = (id.parse(), ends.parse()) {
                used.entry(Arc::from(key)).or_default().insert(id, ends);
            }
        }
        let verified = Cache::new(VENDOR_TOKENS_REMEMBERED_MAX);
        Self { tokens, keys, addresses, api, verified, used: Mutex::new(used) }
    }

    /// The keys of all vendors.
    pub fn keys(&self) -> &Arc<VendorKeys> {
        &self.keys
    }

    /// With whose key this token for the API was got, if token and key are good right now.
    pub fn recognise(&self, token: &str, now: UnixMicros) -> Result<Arc<VendorKey>, KeyError> {
        self.recognised(token, &self.api, now)
    }

    /// With whose key this token for agents was got, if token and key are good right now at this app's endpoint, or at that of all.
    pub fn recognise_for_agents(
        &self,
        token: &str,
        app: Option<&AppId>,
        now: UnixMicros,
    ) -> Result<Arc<VendorKey>, KeyError> {
        let audiences = Audiences::new(format!("{}{MCP}", self.tokens.issuer()), app.cloned());
        self.recognised(token, &audiences, now)
    }

    /// Whether this is a token that some vendor got here, good or not.
    pub fn is_a_vendors(&self, token: &str) -> bool {
        self.opened_token(token).is_ok()
    }

    fn recognised(&self, token: &str, audiences: &Audiences, now: UnixMicros) -> Result<Arc<VendorKey>, KeyError> {
        let claims = self.opened_token(token).map_err(KeyError::Token)?;
        if claims.iss != self.tokens.issuer() {
            return Err(KeyError::Token(TokenError::Issuer));
        }
        audiences.admit(&claims.aud).map_err(KeyError::Token)?;
        if now.seconds() >= claims.exp {
            return Err(KeyError::Token(TokenError::Expired));
        }
        let key = self.keys.good_of_id(&claims.sub, now)?;
        if matches!(key.presented, Presented::Signature(_)) { Ok(key) } else { Err(KeyError::Unknown) }
    }

    /// What a token says that is signed here. Remembered, for looking at a signature takes longer than all the rest.
    fn opened_token(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let mut fingerprint = [0u8; 32];
        fingerprint.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(claims) = self.verified.get(&fingerprint) {
            return Ok(claims);
        }
        let claims: Arc<Claims> = Arc::new(self.tokens.claims(token)?);
        self.verified.insert(fingerprint, Arc::clone(&claims));
        Ok(claims)
    }

    /// Exchanges an assertion for a token that is good at the resource, or at the API. From here on it is used, whether or not
    /// the rows are kept.
    pub fn exchange(
        &self,
        assertion: &str,
        client_id: Option<&str>,
        resource: Option<&str>,
        clock: &dyn Clock,
    ) -> Result<Result<Granted, AssertionError>, Fault> {
        let now = clock.now();
        let (key, said) = match self.opened(assertion, client_id, now) {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        let Some(aud) = self.audience(resource) else { return Ok(Err(AssertionError::Target)) };
        let rows = match self.used_now(&key, &said, now.seconds()) {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error)),
        };
        let life = i64::try_from(VENDOR_TOKEN_LIFE.as_secs()).unwrap_or_default();
        let left = key.ends_at.map_or(life, |end| (end.seconds() - now.seconds()).min(life));
        let claims = Claims {
            iss: self.tokens.issuer().to_owned(),
            sub: key.id.to_string(),
            client_id: key.id.to_string(),
            vendor: key.vendor.clone(),
            aud,
            iat: now.seconds(),
            exp: now.seconds().saturating_add(left),
            jti: new_token_id()?,
        };
        let token = self.tokens.sign(&claims)?;
        Ok(Ok(Granted { token, life_seconds: left, key, rows }))
    }

    /// What a token for this resource says whom it is for, under whichever of the gateway's addresses it was named.
    fn audience(&self, resource: Option<&str>) -> Option<String> {
        let below = match resource {
            None => API,
            // One address of ours may begin as another one does: `https://gw.example` and `https://gw.example:4443`.
            Some(resource) => {
                let mut below = self.addresses.iter().filter_map(|address| resource.strip_prefix(address.as_str()));
                below.find(|below| is_resource(below))?
            }
        };
        Some(format!("{}{below}", self.tokens.issuer()))
    }

    /// Whether an assertion may name this as whom it is for.
    fn is_here(&self, aud: &str) -> bool {
        let mut below = self.addresses.iter().filter_map(|address| aud.strip_prefix(address.as_str()));
        below.any(|below| below == API || below == TOKEN_ENDPOINT)
    }

    /// What an assertion says, if all of it is true here and now.
    fn opened(
        &self,
        assertion: &str,
        client_id: Option<&str>,
        now: UnixMicros,
    ) -> Result<(Arc<VendorKey>, Assertion), AssertionError> {
        if assertion.len() > TOKEN_BYTES_MAX {
            return Err(AssertionError::Malformed);
        }
        let header = jsonwebtoken::decode_header(assertion).map_err(|_| AssertionError::Malformed)?;
        let kind = header.typ.as_deref().unwrap_or("JWT");
        let known = ["JWT", "client-authentication+jwt"].iter().any(|known| known.eq_ignore_ascii_case(kind));
        if !known || header.crit.is_some() || header.extras.inner().contains_key("b64") {
            return Err(AssertionError::Malformed);
        }
        let claimed: Claimed =
            jsonwebtoken::dangerous::insecure_decode(assertion).map_err(|_| AssertionError::Malformed)?.claims;
        let key = self.keys.good_of_id(&claimed.sub, now).map_err(AssertionError::Key)?;
        let Presented::Signature(public) = &key.presented else { return Err(AssertionError::Key(KeyError::Unknown)) };
        let said = verified(assertion, header.alg, public)?;
        if said.sub != *key.id || said.iss != said.sub || client_id.is_some_and(|client| client != said.sub) {
            return Err(AssertionError::Issuer);
        }
        self.for_us_and_now(&said, now.seconds()).map(|()| (key, said))
    }

    fn for_us_and_now(&self, said: &Assertion, now: i64) -> Result<(), AssertionError> {
        let aud = match &said.aud {
            Audience::One(one) => one,
            // Somebody else whom it is for could use it here.
            Audience::Many(many) => match many.as_slice() {
                [one] => one,
                _ => return Err(AssertionError::Audience),
            },
        };
        if !self.is_here(aud) {
            return Err(AssertionError::Audience);
        }
        if said.jti.is_empty() || said.jti.len() > JTI_BYTES_MAX {
            return Err(AssertionError::Malformed);
        }
        if now >= said.exp {
            return Err(AssertionError::Expired);
        }
        let soon = now.saturating_add(CLOCK_SKEW_SECONDS_MAX);
        if said.iat > soon || said.nbf.is_some_and(|nbf| nbf > soon) {
            return Err(AssertionError::NotYet);
        }
        let life = i64::try_from(ASSERTION_LIFE_MAX.as_secs()).unwrap_or_default();
        if said.exp.saturating_sub(said.iat) > life {
            return Err(AssertionError::Life);
        }
        Ok(())
    }

    /// The rows by which it is known as used. Error: it was.
    fn used_now(
        &self,
        key: &VendorKey,
        said: &Assertion,
        now: i64,
    ) -> Result<Vec<(String, Option<String>)>, AssertionError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let of_key = used.entry(Arc::clone(&key.id)).or_default();
        let mut rows = Vec::new();
        of_key.retain(|id, ends| {
            if *ends <= now {
                rows.push((id.to_string(), None));
            }
            *ends > now
        });
        let id = crate::vendors::certificate_digest(format!("{} {}", key.id, said.jti).as_bytes());
        if of_key.contains_key(&id) {
            return Err(AssertionError::Used);
        }
        if of_key.len() >= ASSERTIONS_REMEMBERED_MAX {
            return Err(AssertionError::TooMany);
        }
        of_key.insert(id, said.exp);
        rows.push((id.to_string(), Some(format!("{} {}", said.exp, key.id))));
        Ok(rows)
    }
}

/// Whether there is something at this path that a token can be for: the API, all apps, or one of them.
fn is_resource(below: &str) -> bool {
    let app = below.strip_prefix(MCP).and_then(|below| below.strip_prefix('/'));
    below == API || below == MCP || app.is_some_and(|app| AppId::parse(app).is_ok())
}

fn verified(assertion: &str, algorithm: Algorithm, public: &PublicKey) -> Result<Assertion, AssertionError> {
    if !public.signs_with(algorithm) {
        return Err(AssertionError::Algorithm);
    }
    let mut validation = Validation::new(algorithm);
    // These look at the machine's clock and know one audience; `for_us_and_now` looks at the right ones.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoding = public.decoding().map_err(|_| AssertionError::Key(KeyError::Unknown))?;
    let opened = jsonwebtoken::decode::<Assertion>(assertion, &decoding, &validation);
    opened.map(|opened| opened.claims).map_err(|error| match error.kind() {
        ErrorKind::InvalidSignature => AssertionError::Signature,
        ErrorKind::InvalidAlgorithm => AssertionError::Algorithm,
        _ => AssertionError::Malformed,
    })
}

// === impl AssertionError ===

impl AssertionError {
    /// Whether whoever sent it has shown that it holds the key: then it may learn what else is wrong.
    pub fn is_of_the_vendor(&self) -> bool {
        match self {
            Self::Malformed | Self::Key(_) | Self::Algorithm | Self::Signature => false,
            Self::Issuer
            | Self::Audience
            | Self::Expired
            | Self::NotYet
            | Self::Life
            | Self::Used
            | Self::Target
            | Self::TooMany => true,
        }
    }
}

/// The kind of state that a used assertion is.
pub const USED_ASSERTION_STATE: &str = "used_assertion";
/// Below the gateway's address: what vendors' tokens are for, and who issues them.
pub const API: &str = "/api";
/// Below the gateway's address: what tokens of agents are for.
const MCP: &str = "/mcp";
/// Below the gateway's address: where assertions are exchanged.
pub const TOKEN_ENDPOINT: &str = "/oauth2/token";
const JTI_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests;
