//! Where vendors get tokens for what they sign (`private_key_jwt`: RFC 6749, RFC 7523), and what tells their clients so (RFC 8414).

use std::sync::Arc;

use engine::{Change, Engine, StateWrite};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use identity::{API, AssertionError, Granted, TOKEN_ENDPOINT, USED_ASSERTION_STATE, VendorTokens};
use model::Fault;
use model::limits::{FORM_BYTES_MAX, STRANGERS_IN_FLIGHT_MAX};
use serde_json::json;

use crate::body::{Body, json_response};
use crate::refusals::{Refusals, source};
use crate::status::status_of;
use crate::strangers::Strangers;
use crate::wire::{Exchange, Wire, WireFuture};

/// The token endpoint, and its metadata.
pub struct VendorTokenEndpoint {
    tokens: Arc<VendorTokens>,
    engine: Engine,
    refusals: Arc<Refusals>,
    /// The base of the addresses that clients use.
    url: String,
    /// Nobody has shown anything when a request comes.
    places: Arc<Strangers>,
}

/// An error of RFC 6749.
struct Refused {
    status: StatusCode,
    error: &'static str,
    said: String,
    code: &'static str,
}

/// What a request for a token holds, each once.
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    assertion_type: Option<String>,
    assertion: Option<String>,
    client_id: Option<String>,
    resource: Option<String>,
}

// === impl VendorTokenEndpoint ===

impl VendorTokenEndpoint {
    /// Tokens for vendors at the gateway with this address.
    pub fn new(tokens: Arc<VendorTokens>, engine: Engine, refusals: Arc<Refusals>, url: &str) -> Self {
        let places = Arc::new(Strangers::new(STRANGERS_IN_FLIGHT_MAX));
        Self { tokens, engine, refusals, url: url.trim_end_matches('/').to_owned(), places }
    }

    async fn respond(&self, exchange: Exchange) -> Response<Body> {
        let Exchange { request, place } = exchange;
        let (head, body) = request.into_parts();
        if head.uri.path() == METADATA {
            return json_response(StatusCode::OK, self.metadata());
        }
        if head.uri.path() == AUTHORIZATION_ENDPOINT {
            let said = "nobody signs in here: an agent's token comes from `countersign token`, a vendor's from the token endpoint";
            return answer(
                StatusCode::BAD_REQUEST,
                &json!({ "error": "unauthorized_client", "error_description": said }),
            );
        }
        if head.method != Method::POST {
            let said = Refused::request("a token is asked for with POST");
            return self.refuse(&head, Refused { status: StatusCode::METHOD_NOT_ALLOWED, ..said });
        }
        let body = match place.read(body, FORM_BYTES_MAX).await {
            Ok(body) => body,
            Err(fault) => return self.refuse(&head, Refused::by(&fault)),
        };
        match self.grant(&head, &body).await {
            Ok(granted) => answer(StatusCode::OK, &granted),
            Err(refused) => self.refuse(&head, refused),
        }
    }

    fn refuse(&self, head: &Parts, refused: Refused) -> Response<Body> {
        let Refused { status, error, said, code } = refused;
        tracing::info!(error, said, "a vendor got no token");
        let now = self.engine.clock().now();
        if status.is_client_error() {
            self.refusals.note(&source(&head.extensions), status.as_u16(), code, None, now);
        }
        answer(status, &json!({ "error": error, "error_description": said }))
    }

    async fn grant(&self, head: &Parts, body: &[u8]) -> Result<serde_json::Value, Refused> {
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(Refused::request("the body is not `application/x-www-form-urlencoded`"));
        }
        let form = Form::read(body)?;
        if form.grant_type.as_deref() != Some("client_credentials") {
            let said = "`grant_type` is not `client_credentials`";
            return Err(Refused { error: "unsupported_grant_type", ..Refused::request(said) });
        }
        let (Some(ASSERTION_TYPE), Some(assertion)) = (form.assertion_type.as_deref(), form.assertion.as_deref())
        else {
            return Err(Refused::request("there is no `client_assertion` that is a JWT"));
        };
        if head.headers.contains_key(header::AUTHORIZATION) {
            return Err(Refused::request("a client shows who it is in one way, and here by its assertion"));
        }
        let clock = self.engine.clock();
        let (client, resource) = (form.client_id.as_deref(), form.resource.as_deref());
        let exchanged = self.tokens.exchange(assertion, client, resource, clock.as_ref());
        let granted = exchanged.map_err(|fault| Refused::by(&fault))?.map_err(|error| Refused::assertion(&error))?;
        self.record(&granted).await.map_err(|fault| Refused::by(&fault))?;
        Ok(json!({ "access_token": granted.token, "token_type": "Bearer", "expires_in": granted.life_seconds }))
    }

    /// On disk before the token is given away, together with that its assertion is used.
    async fn record(&self, granted: &Granted) -> Result<(), Fault> {
        let kind = || USED_ASSERTION_STATE.to_owned();
        let state =
            granted.rows.iter().map(|(key, value)| StateWrite { kind: kind(), key: key.clone(), value: value.clone() });
        let key = &granted.key;
        let change = Change {
            by: format!("vendor:{}", key.vendor),
            what: "vendors.token_issued".to_owned(),
            subject: key.vendor.to_string(),
            human: None,
            detail: json!({
                "key": key.id, "contract": key.contract, "purpose": key.purpose, "seconds": granted.life_seconds,
            }),
            state: state.collect(),
        };
        self.engine.change(change).await.map(drop)
    }

    fn metadata(&self) -> String {
        let said = json!({
            "issuer": format!("{}{API}", self.url),
            // Clients take metadata without it for none, though nobody is asked there (RFC 8414 wants it for other grants only).
            "authorization_endpoint": format!("{}{AUTHORIZATION_ENDPOINT}", self.url),
            "token_endpoint": format!("{}{TOKEN_ENDPOINT}", self.url),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256", "EdDSA", "RS256", "PS256"],
        });
        said.to_string()
    }
}

impl Wire for VendorTokenEndpoint {
    fn owns(&self, path: &str) -> bool {
        [TOKEN_ENDPOINT, METADATA, AUTHORIZATION_ENDPOINT].contains(&path)
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        Box::pin(self.respond(exchange))
    }

    fn outlives_clients(&self) -> bool {
        true
    }

    fn places(&self, method: &Method, path: &str) -> Option<&Arc<Strangers>> {
        // Whatever else is asked here is answered before any of its body is read.
        (method == Method::POST && path == TOKEN_ENDPOINT).then_some(&self.places)
    }
}

// === impl Form ===

impl Form {
    fn read(body: &[u8]) -> Result<Self, Refused> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let place = match &*name {
                "grant_type" => &mut form.grant_type,
                "client_assertion_type" => &mut form.assertion_type,
                "client_assertion" => &mut form.assertion,
                "client_id" => &mut form.client_id,
                "resource" => &mut form.resource,
                "client_secret" => {
                    return Err(Refused::request("a client shows who it is in one way, and here by its assertion"));
                }
                // What a vendor may do stands in its contract, so a scope asks for nothing; unknown ones are ignored (RFC 6749).
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(Refused::request("a parameter occurs twice"));
            }
        }
        Ok(form)
    }
}

// === impl Refused ===

impl Refused {
    fn request(said: &str) -> Self {
        let (status, error) = (StatusCode::BAD_REQUEST, "invalid_request");
        Self { status, error, said: said.to_owned(), code: "vendor.token_request" }
    }

    fn by(fault: &Fault) -> Self {
        let status = status_of(fault);
        let error = if status.is_client_error() { "invalid_request" } else { "temporarily_unavailable" };
        Self { status, error, said: fault.to_string(), code: fault.code() }
    }

    fn assertion(error: &AssertionError) -> Self {
        // Whoever has not shown to be a vendor learns nothing of which vendors there are.
        let said = if error.is_of_the_vendor() { error.to_string() } else { "the assertion is not good".to_owned() };
        let (status, error, code) = match error {
            AssertionError::Used => (StatusCode::UNAUTHORIZED, "invalid_client", "vendor.used_assertion"),
            AssertionError::TooMany => (StatusCode::TOO_MANY_REQUESTS, "invalid_client", "vendor.too_many_assertions"),
            // RFC 8707.
            AssertionError::Target => (StatusCode::BAD_REQUEST, "invalid_target", "vendor.token_request"),
            _ => (StatusCode::UNAUTHORIZED, "invalid_client", "vendor.bad_assertion"),
        };
        Self { status, error, said, code }
    }
}

fn answer(status: StatusCode, said: &serde_json::Value) -> Response<Body> {
    let mut response = json_response(status, said.to_string());
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

const AUTHORIZATION_ENDPOINT: &str = "/oauth2/authorize";
const METADATA: &str = "/.well-known/oauth-authorization-server/api";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[cfg(test)]
mod tests;
