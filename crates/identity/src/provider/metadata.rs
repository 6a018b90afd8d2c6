//! What a provider says of itself (OpenID Connect Discovery 1.0).

use http::Uri;
use model::written::is_of_one_host;
use model::{Blame, Fault};
use serde::Deserialize;

/// Where things are at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: Uri,
    pub(super) token_endpoint: Uri,
    pub(super) jwks_uri: Uri,
    /// It says who it is when it sends somebody back (RFC 9207).
    pub(super) names_itself: bool,
    /// It can be asked for single claims.
    pub(super) takes_claims: bool,
}

#[derive(Deserialize)]
struct Written {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    claims_parameter_supported: bool,
}

// === impl Metadata ===

impl Metadata {
    /// Where it stands for this issuer.
    pub(super) fn address(issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Reads it. Error: it is none, of another issuer, or leads to where nothing may be sent (blame `Upstream`).
    pub(super) fn read(text: &[u8], issuer: &str) -> Result<Self, Fault> {
        let written: Written = serde_json::from_slice(text)
            .map_err(|error| wrong("what it says of itself cannot be read").because(error))?;
        // Discovery 1.0, section 4.3: exactly, so that nobody speaks for another.
        if written.issuer != issuer {
            return Err(wrong("it says that it is another issuer").hint(
                "`console: {oidc: {issuer: …}}` takes exactly what it calls itself, with or without a slash at the end",
            ));
        }
        let endpoint = |name: &str, text: &str| {
            let url = text.parse::<Uri>().ok().filter(|url| as_protected(url, issuer) && !text.contains('#'));
            url.ok_or_else(|| wrong_owned(format!("its `{name}` is not an address of https")))
        };
        Ok(Self {
            authorization_endpoint: endpoint("authorization_endpoint", &written.authorization_endpoint)?,
            token_endpoint: endpoint("token_endpoint", &written.token_endpoint)?,
            jwks_uri: endpoint("jwks_uri", &written.jwks_uri)?,
            names_itself: written.authorization_response_iss_parameter_supported,
            takes_claims: written.claims_parameter_supported,
        })
    }
}

/// Whether what is sent there is read by nobody on the way: https, or this machine.
pub fn is_protected(url: &Uri) -> bool {
    let plain = is_of_one_host(&url.to_string());
    let here = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    plain && (url.scheme_str() == Some("https") || (url.scheme_str() == Some("http") && here))
}

/// An issuer elsewhere sends us to no program of this machine without TLS.
fn as_protected(url: &Uri, issuer: &str) -> bool {
    is_protected(url) && (url.scheme_str() == Some("https") || issuer.starts_with("http://"))
}

fn wrong(said: &'static str) -> Fault {
    Fault::new(Blame::Upstream, "people.provider", said)
}

fn wrong_owned(said: String) -> Fault {
    Fault::new(Blame::Upstream, "people.provider", said)
}

#[cfg(test)]
mod tests;
