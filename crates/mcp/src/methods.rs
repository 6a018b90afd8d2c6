//! What each method does. A new method is one arm here.

use std::sync::Arc;

use bytes::Bytes;
use engine::{CallRequest, Closed, Engine};
use front::Known;
use json::{Kind, Value};
use model::{AppId, ToolFacts, ToolName};

use crate::answer::{self, Shape};
use crate::catalog::{Catalog, Listed};
use crate::envelope::{self, INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, Request, RpcError};
use crate::hub::{AppLink, Hub};
use crate::name::split;
use crate::revision::Revision;

/// What a request is answered with.
pub enum Said {
    /// A response with HTTP 200.
    Response(Vec<u8>),
    /// A JSON-RPC error, and the HTTP status it has in 2026-07-28.
    Error(RpcError),
    /// The person or agent may not act: 401, after the refusal was recorded.
    Unauthorized(String),
}

/// Where a request came in and who sent it.
pub struct Context<'a> {
    /// Every app.
    pub hub: &'a Hub,
    /// The engine.
    pub engine: &'a Engine,
    /// Who acts.
    pub known: &'a Known,
    /// The one app of `/mcp/{app}`.
    pub endpoint: Option<&'a AppId>,
    /// The revision spoken.
    pub revision: Revision,
}

impl Context<'_> {
    /// Answers one request that is neither `initialize` nor a notification.
    pub async fn answer(&self, request: &Request<'_, '_>, body: &Bytes) -> Said {
        let method = request.method.as_ref();
        if let Some(inactive) = self.known.inactive.as_ref().filter(|_| method != "tools/call") {
            return Said::Unauthorized(inactive.clone());
        }
        match method {
            "server/discover" if self.revision.modern() => {
                Said::Response(envelope::result(request.id, discover().as_bytes()))
            }
            "ping" if !self.revision.modern() => Said::Response(envelope::result(request.id, b"{}")),
            "tools/list" => self.list(request).await,
            "tools/call" => self.call(request, body).await,
            other => Said::Error(RpcError::new(METHOD_NOT_FOUND, format!("`{other}` is not a method of this gateway"))),
        }
    }

    async fn list(&self, request: &Request<'_, '_>) -> Said {
        if request.params.and_then(|params| params.get("cursor")).is_some() {
            return Said::Error(RpcError::new(INVALID_PARAMS, "no list of this gateway has a second page"));
        }
        let mut out = Vec::from(&b"{"[..]);
        if self.revision.modern() {
            out.extend_from_slice(LIST_HINTS.as_bytes());
        }
        out.extend_from_slice(b"\"tools\":[");
        let start = out.len();
        for (id, catalog) in self.hub.catalogs(self.endpoint).await {
            let Some(link) = self.hub.app(&id) else { continue };
            match catalog {
                Ok(catalog) => self.write_visible(&mut out, start, &id, &link, &catalog),
                Err(fault) => tracing::warn!(app = %id, ?fault, "an app is left out of a list"),
            }
        }
        out.extend_from_slice(b"]}");
        Said::Response(envelope::result(request.id, &out))
    }

    /// Writes the tools that some arguments could reach.
    fn write_visible(&self, out: &mut Vec<u8>, start: usize, app: &AppId, link: &AppLink, catalog: &Catalog) {
        for listed in &catalog.tools {
            let assessed = self.hub.assess(app, link, listed, None);
            let mut facts = assessed.facts;
            facts.class = assessed.lowest;
            if self.engine.hides(&self.known.actor, app, facts) {
                continue;
            }
            if out.len() > start {
                out.push(b',');
            }
            out.extend_from_slice(if self.endpoint.is_some() { listed.definition.raw() } else { &listed.raw_joined });
        }
    }

    async fn call(&self, request: &Request<'_, '_>, body: &Bytes) -> Said {
        let Some(params) = request.params else {
            return Said::Error(RpcError::new(INVALID_PARAMS, "`tools/call` needs `params`"));
        };
        let Some(name) = params.get("name").and_then(|name| name.as_str()) else {
            return Said::Error(RpcError::new(INVALID_PARAMS, "`params.name` must be the name of a tool"));
        };
        let arguments = params.get("arguments");
        if arguments.is_some_and(|arguments| arguments.kind() != Kind::Object) {
            return Said::Error(RpcError::new(INVALID_PARAMS, "`params.arguments` must be an object"));
        }
        let unknown = || Said::Error(RpcError::new(INVALID_PARAMS, format!("unknown tool: {name}")));
        let (app, in_app) = match self.endpoint {
            Some(app) => (app.clone(), name.as_ref()),
            None => match split(&name) {
                Some((app, rest)) => (app, rest),
                None => return unknown(),
            },
        };
        let Some(link) = self.hub.app(&app) else { return unknown() };
        let found = match self.find(&link, in_app, &name).await {
            Found::Tool(catalog) => Some(catalog),
            Found::NoSuchTool => return unknown(),
            Found::CannotAsk => None,
        };
        let listed = found.as_ref().and_then(|catalog| self.of(catalog, in_app, &name));
        let tool = match listed {
            Some(listed) => self.hub.assess(&app, &link, listed, arguments).facts,
            None => match ToolName::parse(in_app) {
                Ok(tool) => profile::unknown_tool(tool),
                Err(_) => return unknown(),
            },
        };
        let shape = Shape {
            modern: self.revision.modern(),
            output_schema: listed.is_some_and(|listed| listed.has_output_schema),
        };
        let closed = self.govern(app, tool, link, params, arguments, body).await;
        if let (Closed::Refused(_), Some(inactive)) = (&closed, &self.known.inactive) {
            return Said::Unauthorized(inactive.clone());
        }
        if let Closed::Failed { call: None, fault, .. } = &closed
            && fault.blame() == model::Blame::Bug
        {
            return Said::Error(RpcError::new(INTERNAL_ERROR, fault.to_string()));
        }
        Said::Response(answer::of_call(request.id, &closed, shape))
    }

    async fn govern(
        &self,
        app: AppId,
        tool: ToolFacts,
        link: Arc<AppLink>,
        params: Value<'_, '_>,
        arguments: Option<Value<'_, '_>>,
        body: &Bytes,
    ) -> Closed {
        let trace_parent =
            params.get("_meta").and_then(|meta| meta.get("traceparent")).and_then(|parent| parent.as_str());
        let request = CallRequest {
            actor: self.known.actor.clone(),
            app,
            tool,
            arguments: arguments.map(|arguments| body.slice(arguments.span())),
            traceparent: trace_parent.map(|parent| parent.into_owned()),
            upstream: link,
        };
        self.engine.call(request).await
    }

    /// Whether the app offers this tool. One that is not in the list is asked for again before it is called unknown.
    async fn find(&self, link: &Arc<AppLink>, in_app: &str, joined: &str) -> Found {
        match link.catalog().await {
            Ok(catalog) if self.of(&catalog, in_app, joined).is_some() => Found::Tool(catalog),
            Ok(catalog) => match link.catalog_after(&catalog).await {
                Ok(newer) if self.of(&newer, in_app, joined).is_some() => Found::Tool(newer),
                _ => Found::NoSuchTool,
            },
            Err(fault) => {
                tracing::warn!(?fault, "a call names an app that cannot be asked what it offers");
                Found::CannotAsk
            }
        }
    }

    fn of<'c>(&self, catalog: &'c Catalog, in_app: &str, joined: &str) -> Option<&'c Listed> {
        match self.endpoint {
            Some(_) => catalog.tool(in_app),
            None => catalog.joined(joined),
        }
    }
}

enum Found {
    Tool(Arc<Catalog>),
    NoSuchTool,
    CannotAsk,
}

/// The answer to `initialize`: the client's revision where we speak it, else our newest legacy one.
pub fn initialize(params: Option<Value<'_, '_>>) -> Result<(Revision, String), RpcError> {
    let wanted = params.and_then(|params| params.get("protocolVersion")).and_then(|version| version.as_str());
    let Some(wanted) = wanted else {
        return Err(RpcError::new(
            INVALID_PARAMS,
            "`params.protocolVersion` must be a revision, for example `2025-11-25`",
        ));
    };
    let revision = Revision::parse(&wanted).filter(|revision| !revision.modern()).unwrap_or(Revision::NEWEST_LEGACY);
    let result = serde_json::json!({
        "protocolVersion": revision.as_str(),
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "countersign", "title": "Countersign", "version": env!("CARGO_PKG_VERSION") },
        "instructions": INSTRUCTIONS,
    });
    Ok((revision, result.to_string()))
}

fn discover() -> String {
    serde_json::json!({
        "resultType": "complete",
        "supportedVersions": Revision::ALL.map(Revision::as_str),
        "capabilities": { "tools": {} },
        "instructions": INSTRUCTIONS,
        "ttlMs": LIST_TTL_MS,
        "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "countersign", "title": "Countersign", "version": env!("CARGO_PKG_VERSION") } },
    })
    .to_string()
}

const INSTRUCTIONS: &str = "Every call is decided before it runs. A refused call says that nothing was executed, by which rule, and what to do instead: do not repeat it unchanged.";
const LIST_TTL_MS: u64 = 5_000;
const LIST_HINTS: &str = r#""resultType":"complete","ttlMs":5000,"cacheScope":"private","#;
