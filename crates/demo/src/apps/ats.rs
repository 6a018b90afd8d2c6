//! An applicant tracking system with an HTTP API: what a vendor under contract reads.
//!
//! ```text
//! GET /v1/candidates?client_id=CLIENT&status=STATUS&sort=FIELD&limit=N    {"data": […], "total": n}
//! GET /v1/candidates/ID                                                   one candidate
//! ```

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::server::{Answers, Body, is_given, listen, short};
use crate::error::DemoError;

/// The system, running until it is dropped.
#[derive(Debug)]
pub struct Ats {
    base: String,
    requests: Arc<AtomicU64>,
    _serving: JoinSet<()>,
}

#[derive(Clone)]
struct Api {
    authorization_wanted: Arc<str>,
    requests: Arc<AtomicU64>,
}

// === impl Ats ===

impl Ats {
    /// The bearer token it wants, which no vendor holds.
    pub const SECRET: &str = "ats-secret-that-no-vendor-holds";

    /// Starts it on a port the system picks. Call it inside a tokio runtime.
    pub fn start() -> Result<Self, DemoError> {
        let failed = |source| DemoError::ListenForVendors { source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address: SocketAddr = listener.local_addr().map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let requests = Arc::new(AtomicU64::new(0));
        let authorization_wanted = Arc::from(format!("Bearer {}", Self::SECRET));
        let mut serving = JoinSet::new();
        serving.spawn(listen(listener, Api { authorization_wanted, requests: Arc::clone(&requests) }));
        Ok(Self { base: format!("http://{address}/v1"), requests, _serving: serving })
    }

    /// Where its API begins.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// How many requests with its own credential it received.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

// === impl Api ===

impl Answers for Api {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if !is_given(request.headers(), &self.authorization_wanted) {
            return short(StatusCode::UNAUTHORIZED, "this system takes its own credential only");
        }
        self.requests.fetch_add(1, Ordering::SeqCst);
        let uri = request.uri();
        let found = match (request.method(), uri.path().strip_prefix("/v1/candidates")) {
            (&Method::GET, Some("")) => Some(listed(uri.query().unwrap_or_default())),
            (&Method::GET, Some(rest)) => rest.strip_prefix('/').and_then(one),
            _ => None,
        };
        let Some(found) = found else { return short(StatusCode::NOT_FOUND, "there is no such thing here") };
        let mut response = short(StatusCode::OK, found.to_string());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

fn one(id: &str) -> Option<Value> {
    candidates().into_iter().find(|candidate| candidate.get("id").and_then(Value::as_str) == Some(id))
}

fn listed(query: &str) -> Value {
    let asked = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let is = |candidate: &Value, field: &str| {
        asked(field).is_none_or(|wanted| candidate.get(field).and_then(Value::as_str) == Some(wanted))
    };
    let most = asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100);
    let mut found: Vec<Value> = candidates();
    found.retain(|candidate| is(candidate, "client_id") && is(candidate, "status"));
    let total = found.len();
    found.truncate(most);
    json!({ "data": found, "total": total })
}

/// Two clients' people. What a background check needs of them is little of what is known.
fn candidates() -> Vec<Value> {
    vec![
        json!({
            "id": "cand-1", "client_id": "northwind", "status": "active", "name": "Mia Wolf",
            "employment": [{ "title": "Accountant", "employer": "Lindt & Sons", "from": 2019 }],
            "compensation": { "salary": 61_000, "bonus": 4_000, "currency": "GBP" },
            "medical_notes": "asthma; carries an inhaler",
        }),
        json!({
            "id": "cand-2", "client_id": "northwind", "status": "withdrawn", "name": "Noah Berg",
            "employment": [{ "title": "Driver", "employer": "Fleet Ltd", "from": 2021 }],
            "compensation": { "salary": 32_000, "bonus": 0, "currency": "GBP" },
            "medical_notes": "none",
        }),
        json!({
            "id": "cand-3", "client_id": "northwind", "status": "active", "name": "Lea Ortiz",
            "employment": [{ "title": "Nurse", "employer": "St Mary's", "from": 2016 }],
            "compensation": { "salary": 41_500, "bonus": 0, "currency": "GBP" },
            "medical_notes": "back injury in 2020",
        }),
        json!({
            "id": "cand-9", "client_id": "globex", "status": "active", "name": "Ola Strand",
            "employment": [{ "title": "Engineer", "employer": "Globex", "from": 2015 }],
            "compensation": { "salary": 88_000, "bonus": 12_000, "currency": "GBP" },
            "medical_notes": "none",
        }),
    ]
}
