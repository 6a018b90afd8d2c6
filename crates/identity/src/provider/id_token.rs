//! The ID token: what the provider signs about somebody who is there (OpenID Connect Core 1.0, section 3.1.3.7).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use model::UnixMicros;
use model::limits::ID_TOKEN_BYTES_MAX;
use serde::Deserialize;
use serde_json::Value;

use super::client::Claim;
use super::keys::KeySet;
use crate::token::CLOCK_SKEW_SECONDS_MAX;

/// What a token must be for, to be good.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) claim: Claim,
    /// When the person was sent to the provider.
    pub(super) since: UnixMicros,
    /// Whether the person must have proved it after that, and not merely be signed in there.
    pub(super) anew: bool,
}

/// Why an ID token is no good. It never holds the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// It is no signed token.
    #[error("it is no ID token")]
    Malformed,
    /// More stands in it than is read.
    #[error("it is longer than {} KiB", ID_TOKEN_BYTES_MAX / 1024)]
    TooLong,
    /// It is signed in a way that is not taken.
    #[error("it is signed with an algorithm that is not taken")]
    Algorithm,
    /// The provider shows no key by that name.
    #[error("its key is none of the provider's")]
    Key,
    /// Its signature does not fit.
    #[error("its signature does not fit")]
    Signature,
    /// It is another provider's.
    #[error("`iss` is another provider")]
    Issuer,
    /// It is for somebody else.
    #[error("`aud` is not this gateway")]
    Audience,
    /// It was made for somebody else.
    #[error("`azp` is not this gateway")]
    Party,
    /// It has ended.
    #[error("it has expired")]
    Expired,
    /// It is from the future.
    #[error("it is not valid yet")]
    NotYet,
    /// It was there before it was asked for.
    #[error("it was issued before this sign-in began")]
    Old,
    /// It answers another question.
    #[error("`nonce` is that of another sign-in")]
    Nonce,
    /// The person did not prove it just now.
    #[error("`auth_time` does not say that the person proved it just now")]
    NotAnew,
    /// It does not say who it is.
    #[error("the claim that names the person is not in it")]
    Claim,
    /// Nobody knows whose address it is.
    #[error("`email` counts with `email_verified: true` only")]
    NotVerified,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    auth_time: Option<i64>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<Value>,
    #[serde(default)]
    preferred_username: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What the claim says that names the person, if all of the token is true here and now. `Key`: keys have to be had anew.
pub(super) fn verified(
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: UnixMicros,
) -> Result<String, IdTokenError> {
    let claims = opened(token, keys)?;
    if claims.iss != expected.issuer {
        return Err(IdTokenError::Issuer);
    }
    claims.for_client(expected.client_id)?;
    claims.for_now(expected, now.seconds())?;
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    verify_slices_are_equal(nonce.as_bytes(), expected.nonce.as_bytes()).map_err(|_| IdTokenError::Nonce)?;
    claims.name(expected.claim)
}

/// What stands in it, if one of these keys has signed it. The token has no say in which algorithms are taken.
fn opened(token: &str, keys: &KeySet) -> Result<Claims, IdTokenError> {
    if token.len() > ID_TOKEN_BYTES_MAX {
        return Err(IdTokenError::TooLong);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
        ErrorKind::Json(_) | ErrorKind::InvalidAlgorithmName => IdTokenError::Algorithm,
        _ => IdTokenError::Malformed,
    })?;
    let other_kind = header.typ.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT"));
    if other_kind || header.crit.is_some() || header.extras.inner().contains_key("b64") {
        return Err(IdTokenError::Malformed);
    }
    if !TAKEN.contains(&header.alg) {
        return Err(IdTokenError::Algorithm);
    }
    let key = keys.find(header.kid.as_deref(), header.alg).ok_or(IdTokenError::Key)?;
    let mut validation = Validation::new(header.alg);
    // These look at the machine's clock and know one audience; the claims are looked at here.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoding = key.decoding().map_err(|_| IdTokenError::Key)?;
    let opened = jsonwebtoken::decode::<Claims>(token, &decoding, &validation);
    opened.map(|opened| opened.claims).map_err(|error| match error.kind() {
        ErrorKind::InvalidSignature => IdTokenError::Signature,
        _ => IdTokenError::Malformed,
    })
}

// === impl Claims ===

impl Claims {
    fn for_client(&self, client_id: &str) -> Result<(), IdTokenError> {
        let alone = match &self.aud {
            Audience::One(one) if one == client_id => true,
            Audience::Many(many) if many.iter().any(|one| one == client_id) => many.len() == 1,
            _ => return Err(IdTokenError::Audience),
        };
        match self.azp.as_deref() {
            Some(party) if party == client_id => Ok(()),
            None if alone => Ok(()),
            // Made for somebody else, or for several of whom nobody says which.
            _ => Err(IdTokenError::Party),
        }
    }

    fn for_now(&self, expected: &Expected<'_>, now: i64) -> Result<(), IdTokenError> {
        let (soon, since) = (
            now.saturating_add(CLOCK_SKEW_SECONDS_MAX),
            expected.since.seconds().saturating_sub(CLOCK_SKEW_SECONDS_MAX),
        );
        if now >= self.exp.saturating_add(CLOCK_SKEW_SECONDS_MAX) {
            return Err(IdTokenError::Expired);
        }
        if self.iat > soon || self.nbf.is_some_and(|nbf| nbf > soon) {
            return Err(IdTokenError::NotYet);
        }
        if self.iat < since {
            return Err(IdTokenError::Old);
        }
        if expected.anew && !self.auth_time.is_some_and(|at| (since..=soon).contains(&at)) {
            return Err(IdTokenError::NotAnew);
        }
        Ok(())
    }

    fn name(self, claim: Claim) -> Result<String, IdTokenError> {
        let name = match claim {
            Claim::Subject => Some(self.sub),
            Claim::Email if self.email.is_some() && self.email_verified != Some(Value::Bool(true)) => {
                return Err(IdTokenError::NotVerified);
            }
            Claim::Email => self.email,
            Claim::PreferredUsername => self.preferred_username,
        };
        name.filter(|name| (1..=NAME_BYTES_MAX).contains(&name.len())).ok_or(IdTokenError::Claim)
    }
}

/// No `none`, no shared secret, nothing that rests on SHA-1.
const TAKEN: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
/// A subject has 255 ASCII characters at most (Core, section 2).
const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests;
