//! Who acts: bearer tokens (RFC 6750), and how a client without one learns where to get one (RFC 9728).

use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderValue, Response, StatusCode, header};
use identity::{API, Audiences, KeyError, TokenError, Tokens};
use model::{Actor, AppId, Clock, Directory};

use crate::body::{Body, json_response};
use crate::guests::is_known;
use crate::vendor::{KnownVendor, VendorAccess, told};

/// Checks tokens and answers for them.
pub struct Access {
    tokens: Arc<Tokens>,
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    public_url: String,
    /// What a token is for that is good for every app.
    all: Arc<str>,
    /// Who checks what vendors present; none: no vendor comes in here.
    vendors: Option<VendorAccess>,
    /// Nobody but vendors comes in here.
    only_vendors: bool,
}

/// A token that is good, and whether those it names may act right now.
#[derive(Debug, Clone)]
pub struct Known {
    /// Who acts.
    pub actor: Actor,
    /// Why not, where the person or the agent may not act: the call is refused and recorded, anything else gets 401.
    pub inactive: Option<String>,
    /// The vendor under whose contract every call is, where it is a vendor's agent.
    pub vendor: Option<Arc<KnownVendor>>,
}

impl Access {
    /// Tokens for the resource `{public_url}/mcp` and its apps.
    pub fn new(tokens: Arc<Tokens>, directory: Arc<dyn Directory>, clock: Arc<dyn Clock>, public_url: &str) -> Self {
        let public_url = public_url.trim_end_matches('/').to_owned();
        let all = Arc::from(format!("{public_url}/mcp"));
        Self { tokens, directory, clock, public_url, all, vendors: None, only_vendors: false }
    }

    /// Takes what vendors present in place of tokens, too.
    pub fn with_vendors(self, vendors: VendorAccess) -> Self {
        Self { vendors: Some(vendors), ..self }
    }

    /// Takes what vendors present, and nothing else.
    pub fn only_vendors(self, vendors: VendorAccess) -> Self {
        Self { vendors: Some(vendors), only_vendors: true, ..self }
    }

    /// Who acts, on every request anew; `link` are the request's extensions. Error: the 401 to send.
    pub fn authenticate(
        &self,
        headers: &HeaderMap,
        link: &Extensions,
        app: Option<&AppId>,
    ) -> Result<Known, Box<Response<Body>>> {
        let known = self.recognise(headers, link, app)?;
        if known.inactive.is_none() {
            is_known(link);
        }
        Ok(known)
    }

    fn recognise(
        &self,
        headers: &HeaderMap,
        link: &Extensions,
        app: Option<&AppId>,
    ) -> Result<Known, Box<Response<Body>>> {
        if let Some(vendors) =
            self.vendors.as_ref().filter(|vendors| self.only_vendors || vendors.is_key_meant(headers))
        {
            return self.vendor(vendors, headers, link, app);
        }
        let audiences = Audiences::new(Arc::clone(&self.all), app.cloned());
        let known = bearer(headers).and_then(|token| self.tokens.verify(token, &audiences, self.clock.as_ref()));
        let actor = match known {
            Ok(actor) => actor,
            Err(error) => match self.vendors.as_ref().filter(|vendors| vendors.is_token_meant(headers)) {
                Some(vendors) => return self.vendor(vendors, headers, link, app),
                None => {
                    let code = (error != TokenError::Missing).then(|| error.oauth_error());
                    return Err(Box::new(self.unauthorized(app, code, &error.to_string())));
                }
            },
        };
        if self.vendors.as_ref().is_some_and(|vendors| vendors.is_vendor(&actor.agent)) {
            let said = "the agent is a vendor's, which comes in with what stands for its contract";
            return Err(Box::new(self.unauthorized(app, Some("invalid_token"), said)));
        }
        self.known(app, actor, None)
    }

    fn vendor(
        &self,
        vendors: &VendorAccess,
        headers: &HeaderMap,
        link: &Extensions,
        app: Option<&AppId>,
    ) -> Result<Known, Box<Response<Body>>> {
        let vendor = vendors.authenticate_agent(headers, link, app).map_err(|error| {
            let code = (error != KeyError::Missing).then_some("invalid_token");
            Box::new(self.unauthorized(app, code, &told(&error)))
        })?;
        let actor = vendor.actor.clone();
        self.known(app, actor, Some(Arc::new(vendor)))
    }

    /// Whether those may act right now. Error: they are not there at all.
    fn known(
        &self,
        app: Option<&AppId>,
        actor: Actor,
        vendor: Option<Arc<KnownVendor>>,
    ) -> Result<Known, Box<Response<Body>>> {
        let directory = self.directory.snapshot();
        let nobody = |who| {
            let said = format!("the token names {who} is not in the directory");
            Err(Box::new(self.unauthorized(app, Some("invalid_token"), &said)))
        };
        if !directory.humans.contains_key(&actor.human) {
            return nobody("a person who");
        }
        if !directory.agents.contains_key(&actor.agent) {
            return nobody("an agent that");
        }
        let inactive = directory.standstill(&actor.human, &actor.agent);
        Ok(Known { actor, inactive, vendor })
    }

    /// The 401 that says where to get a token and, where there was one, what is wrong with it.
    pub fn unauthorized(&self, app: Option<&AppId>, error: Option<&str>, said: &str) -> Response<Body> {
        let mut challenge = format!("Bearer resource_metadata=\"{}\"", self.metadata_url(app));
        if let Some(error) = error {
            challenge.push_str(&format!(", error=\"{error}\", error_description=\"{}\"", quotable(said)));
        }
        let hint = match self.only_vendors {
            true => "come in with the client certificate, the key or a token of a contract",
            false => "get a token with `countersign token --agent AGENT --human PERSON`",
        };
        Self::challenged(&challenge, error, said, hint)
    }

    /// The 401 for an actor who is known and does nothing any more, which another token does not change.
    pub fn inactive(&self, app: Option<&AppId>, said: &str) -> Response<Body> {
        let challenge = format!(
            "Bearer resource_metadata=\"{}\", error=\"invalid_token\", error_description=\"{}\"",
            self.metadata_url(app),
            quotable(said)
        );
        let hint = "no token changes that: an operator has to (`countersign agents`, `countersign people`)";
        Self::challenged(&challenge, Some("invalid_token"), said, hint)
    }

    fn challenged(challenge: &str, error: Option<&str>, said: &str, hint: &str) -> Response<Body> {
        let body =
            serde_json::json!({ "error": error.unwrap_or("missing_token"), "error_description": said, "hint": hint });
        let mut response = json_response(StatusCode::UNAUTHORIZED, body.to_string());
        if let Ok(challenge) = HeaderValue::from_str(challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// Protected-resource metadata for `/.well-known/oauth-protected-resource/mcp[/app]`.
    pub fn resource_metadata(&self, app: Option<&AppId>) -> Response<Body> {
        let mut body = serde_json::json!({
            "resource": self.resource(app),
            "resource_name": "Countersign",
            "bearer_methods_supported": ["header"],
        });
        // Agents get their tokens by hand, and vendors that sign who they are by themselves.
        if self.vendors.as_ref().is_some_and(VendorAccess::gives_tokens) {
            let servers = serde_json::json!([format!("{}{API}", self.public_url)]);
            body.as_object_mut().and_then(|body| body.insert("authorization_servers".to_owned(), servers));
        }
        json_response(StatusCode::OK, body.to_string())
    }

    fn resource(&self, app: Option<&AppId>) -> String {
        match app {
            Some(app) => format!("{}/mcp/{app}", self.public_url),
            None => self.all.to_string(),
        }
    }

    fn metadata_url(&self, app: Option<&AppId>) -> String {
        match app {
            Some(app) => format!("{}/.well-known/oauth-protected-resource/mcp/{app}", self.public_url),
            None => format!("{}/.well-known/oauth-protected-resource/mcp", self.public_url),
        }
    }
}

/// The token of `Authorization: Bearer …`; two headers are refused rather than guessed at.
fn bearer(headers: &HeaderMap) -> Result<&str, TokenError> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let value = all.next().ok_or(TokenError::Missing)?;
    if all.next().is_some() {
        return Err(TokenError::Malformed);
    }
    let text = value.to_str().map_err(|_| TokenError::Malformed)?;
    let (scheme, token) = text.split_once(' ').ok_or(TokenError::Malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(TokenError::Malformed) }
}

fn quotable(text: &str) -> String {
    text.chars().map(|c| if c == '"' || c == '\\' || !(' '..='~').contains(&c) { '\'' } else { c }).collect()
}

#[cfg(test)]
mod tests;
