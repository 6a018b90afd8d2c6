//! The wire of an app: HTTP on a loopback port, its credential at the door, MCP behind it.
//!
//! Everything is stateless and answered as plain JSON, so that clients of both eras are served: those that start with
//! `server/discover` and say everything in each request, and those that start with `initialize`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::App;
use super::toolbox::{Mistake, Toolbox};

/// One app as an MCP server.
#[derive(Clone)]
pub(super) struct Server {
    app: App,
    toolbox: Arc<dyn Toolbox>,
    calls: Arc<AtomicU64>,
}

/// What answers requests.
pub(super) trait Answers: Clone + Send + Sync + 'static {
    /// The answer to one.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Where the credential is asked for.
#[derive(Clone)]
pub(super) struct Door {
    app: App,
    path_wanted: &'static str,
    authorization_wanted: Option<Arc<str>>,
    service: StreamableHttpService<Server, NeverSessionManager>,
}

pub(super) type Body = BoxBody<Bytes, Infallible>;

// === impl Server ===

impl Server {
    pub(super) fn new(app: App, toolbox: Arc<dyn Toolbox>, calls: Arc<AtomicU64>) -> Self {
        Self { app, toolbox, calls }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(self.app.as_str(), env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.toolbox.tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let arguments = request.arguments.unwrap_or_default();
        match self.toolbox.use_tool(&request.name, &arguments) {
            Ok(answer) => {
                let mut result = CallToolResult::success(vec![ContentBlock::text(answer.text)]);
                result.structured_content = answer.structured;
                Ok(result.into())
            }
            Err(Mistake::Said(why)) => Ok(CallToolResult::error(vec![ContentBlock::text(why)]).into()),
            Err(Mistake::UnknownTool) => {
                Err(ErrorData::invalid_params(format!("there is no tool `{}`", request.name), None))
            }
        }
    }
}

// === impl Door ===

impl Door {
    pub(super) fn new(app: App, secret: Option<&str>, server: Server) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .enforce_origin_validation();
        Self {
            app,
            path_wanted: "/mcp",
            authorization_wanted: secret.map(|secret| format!("Bearer {secret}").into()),
            service: StreamableHttpService::new(
                move || Ok(server.clone()),
                Arc::new(NeverSessionManager::default()),
                config,
            ),
        }
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        self.authorization_wanted.as_deref().is_none_or(|wanted| is_given(headers, wanted))
    }
}

impl Answers for Door {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if request.uri().path() != self.path_wanted {
            return short(StatusCode::NOT_FOUND, "the app is at /mcp");
        }
        if !self.admits(request.headers()) {
            let mut response = short(StatusCode::UNAUTHORIZED, "this app takes its own credential only");
            if let Ok(challenge) = HeaderValue::try_from(format!(
                "Bearer realm=\"{}\", error=\"invalid_token\", error_description=\"the {0} app takes its own credential only\"",
                self.app
            )) {
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            return response;
        }
        self.service.handle(request).await
    }
}

/// Whether this and nothing else is given as the credential.
pub(super) fn is_given(headers: &HeaderMap, wanted: &str) -> bool {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    given.next().is_some_and(|given| given.as_bytes() == wanted.as_bytes()) && given.next().is_none()
}

/// Serves connections until it is dropped, and they with it.
pub(super) async fn listen(listener: TcpListener, door: impl Answers) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        let door = door.clone();
        connections.spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(door.answer(request).await) });
            // A client that hangs up is no event in the story.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

pub(super) fn short(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()).boxed());
    *response.status_mut() = status;
    response
}

/// Connections an app keeps open at once; more wait for one to end.
const CONNECTIONS_MAX: usize = 256;
/// How long to wait when the system has no socket to give.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);
