//! The two sockets of the data directory: one for the operator, one for `countersign connect`.

use std::sync::Arc;
use std::time::Duration;

use front::{Body, Exchange, Wire, WireFuture, json_response, read_body, refusal};
use http::{Method, Response, StatusCode, header};
use identity::TokenRequest;
use model::{AppId, Blame, Fault};

use crate::clock::operator;
use crate::gateway::Gateway;
use crate::operations::{Operation, perform};
use crate::reading;

/// The operator's socket: `POST /control` with an [`Operation`], `GET /v1/trace` with a question, `GET /metrics`.
pub struct ControlWire {
    gateway: Arc<Gateway>,
}

/// The socket of `countersign connect`: `POST /token[/app]` gives a five-minute token for the one person and the one
/// agent named in the configuration. It can do nothing else.
pub struct ConnectWire {
    gateway: Arc<Gateway>,
}

impl ControlWire {
    /// For this gateway.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }

    async fn respond(&self, exchange: Exchange) -> Response<Body> {
        let request = &exchange.request;
        match request.uri().path() {
            TRACE | METRICS if request.headers().contains_key(header::AUTHORIZATION) => reply(Err(for_operators())),
            TRACE | METRICS if request.method() != Method::GET => reply(Err(only_get())),
            TRACE => {
                let asked = request.uri().query().unwrap_or_default().to_owned();
                match reading::page(self.gateway.trace().clone(), &asked, self.gateway.engine.clock().now()).await {
                    Ok(page) => json_response(StatusCode::OK, page),
                    Err(fault) => reply(Err(fault)),
                }
            }
            METRICS => match reading::metrics(&self.gateway).await {
                Ok(text) => reading::exposition(text),
                Err(fault) => reply(Err(fault)),
            },
            _ => self.operate(exchange).await,
        }
    }

    async fn operate(&self, exchange: Exchange) -> Response<Body> {
        let done = async {
            let body = read_body(exchange.request.into_body(), CONTROL_BYTES_MAX).await?;
            let operation: Operation = serde_json::from_slice(&body).map_err(|error| {
                Fault::new(Blame::Caller, "caller.operation", "the operation cannot be read").because(error)
            })?;
            perform(&self.gateway, operation, &operator()).await
        };
        reply(done.await)
    }
}

/// Where agents come in, what only operators read is refused rather than not there.
pub struct OperatorsOnly;

impl Wire for OperatorsOnly {
    fn owns(&self, path: &str) -> bool {
        path == METRICS || path == TRACE || path.starts_with(BELOW_TRACE)
    }

    fn answer(&self, _: Exchange) -> WireFuture<'_> {
        Box::pin(async { reply(Err(for_operators())) })
    }
}

fn for_operators() -> Fault {
    let said = "the trace and the metrics are not for agents: people read them at the console, operators over `control.sock` in the data directory";
    Fault::new(Blame::Caller, "caller.operators_only", said).hint(
        "`countersign trace`, or `curl --unix-socket DATA/control.sock http://countersign/v1/trace`, without a token",
    )
}

fn only_get() -> Fault {
    Fault::new(Blame::Caller, "caller.method", "this is only read: use GET")
}

impl ConnectWire {
    /// For this gateway.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }

    fn mint(&self, path: &str) -> Result<serde_json::Value, Fault> {
        let config = self.gateway.config.load();
        let Some(who) = &config.connect else {
            let fault = Fault::new(
                Blame::Operator,
                "operator.no_connect",
                "the configuration does not say who `connect` acts as",
            );
            return Err(fault.hint("add `connect: {human: PERSON, agent: AGENT}`"));
        };
        let audience = match path.strip_prefix("/token/") {
            None => format!("{}/mcp", self.gateway.public_url),
            Some(app) => {
                let app =
                    AppId::parse(app).map_err(|error| Fault::new(Blame::Caller, "caller.app", error.to_string()))?;
                if !self.gateway.hub.has(&app) {
                    return Err(Fault::new(Blame::Caller, "caller.app", format!("there is no app `{app}`")));
                }
                format!("{}/mcp/{app}", self.gateway.public_url)
            }
        };
        let request = TokenRequest {
            agent: who.agent.clone(),
            human: who.human.clone(),
            audience,
            life: CONNECT_LIFE,
            task: None,
        };
        let token = self.gateway.tokens.issue(&request, self.gateway.engine.clock().as_ref())?;
        Ok(serde_json::json!({ "token": token, "expires_in": CONNECT_LIFE.as_secs() }))
    }
}

impl Wire for ControlWire {
    fn owns(&self, path: &str) -> bool {
        matches!(path, "/control" | TRACE | METRICS)
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        Box::pin(self.respond(exchange))
    }

    fn outlives_clients(&self) -> bool {
        true
    }
}

impl Wire for ConnectWire {
    fn owns(&self, path: &str) -> bool {
        path == "/token" || path.starts_with("/token/")
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        let minted = self.mint(exchange.request.uri().path());
        Box::pin(async move { reply(minted) })
    }
}

fn reply(done: Result<serde_json::Value, Fault>) -> Response<Body> {
    match done {
        Ok(value) => json_response(StatusCode::OK, value.to_string()),
        Err(fault) => {
            tracing::info!(?fault, "an operation was refused");
            refusal(&fault)
        }
    }
}

/// How long a token of `countersign connect` lives.
pub const CONNECT_LIFE: Duration = Duration::from_secs(5 * 60);
const CONTROL_BYTES_MAX: usize = 1 << 20;
const TRACE: &str = "/v1/trace";
const BELOW_TRACE: &str = "/v1/trace/";
const METRICS: &str = "/metrics";
