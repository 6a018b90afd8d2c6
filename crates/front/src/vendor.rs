//! Which vendor asks: the key it presents says so, and under which contract and for what. No header has a say in that.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use identity::{KeyError, VendorKeys};
use model::{Actor, AgentId, Clock, ContractFacts, ContractId, Directory, TaskId, VendorId};

use crate::body::{Body, json_response};

/// Checks keys of vendors and answers for them.
pub struct VendorAccess {
    keys: Arc<VendorKeys>,
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
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
    /// Keys of the vendors of a directory: each is an agent there, whose owner answers for it.
    pub fn new(keys: Arc<VendorKeys>, directory: Arc<dyn Directory>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, directory, clock }
    }

    /// Whether what is presented as a bearer token is meant for this, whatever else is sent.
    pub fn is_meant(&self, headers: &HeaderMap) -> bool {
        let bearers = headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
        bearers.filter_map(|text| text.split_once(' ')).any(|(_, key)| VendorKeys::are_like(key.trim()))
    }

    /// Whether an agent is a vendor's, which comes in with a key of its contract and with nothing else.
    pub fn is_vendor(&self, agent: &AgentId) -> bool {
        self.keys.has_vendor(agent.as_str())
    }

    /// Who asks, on every request anew. Error: the 401 to send.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<KnownVendor, Box<Response<Body>>> {
        let presented = presented(headers).map_err(|error| Box::new(unauthorized(&error)))?;
        let key = self.keys.recognise(presented, self.clock.now()).map_err(|error| {
            tracing::info!(%error, "a vendor's key was refused");
            Box::new(unauthorized(&error))
        })?;
        let agent = AgentId::parse(key.vendor.as_str());
        let task = TaskId::parse(key.contract.as_str());
        let (Ok(agent), Ok(task)) = (agent, task) else { return Err(Box::new(unauthorized(&KeyError::Unknown))) };
        let directory = self.directory.snapshot();
        let Some(human) = directory.agents.get(&agent).map(|agent| agent.owner.clone()) else {
            tracing::warn!(vendor = %key.vendor, "a key is good whose vendor is not in the configuration");
            return Err(Box::new(unauthorized(&KeyError::Unknown)));
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

fn unauthorized(error: &KeyError) -> Response<Body> {
    // Whoever has no good key learns nothing of which keys there are.
    let said = match error {
        KeyError::Missing | KeyError::Malformed => error.to_string(),
        KeyError::Unknown | KeyError::Revoked(_) | KeyError::Ended(_) => "the key is not good".to_owned(),
    };
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
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

const API_KEY: &str = "x-api-key";

#[cfg(test)]
mod tests;
