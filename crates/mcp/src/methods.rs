//! What each method that is not a call does. A new method is one arm here.

use std::sync::Arc;

use engine::{Engine, Held};
use front::Known;
use http::HeaderMap;
use json::{Document, Value};
use model::{AppId, Method};

use crate::answer::{KEPT_MS_MAX, without};
use crate::app_link::{AppLink, Pair, pair_of};
use crate::calls::Call;
use crate::catalog::Catalog;
use crate::envelope::{self, INVALID_PARAMS, METHOD_NOT_FOUND, Request, RpcError};
use crate::hub::Hub;
use crate::name::{joined, joined_uri};
use crate::revision::Revision;
use crate::rounds::Seals;
use crate::tasks;
use crate::upstream::{Asked, ListOf};

/// What a request is answered with.
pub enum Said {
    /// A response with HTTP 200.
    Response(Vec<u8>),
    /// A response with an app's own JSON-RPC error of this code.
    Passed(i64, Vec<u8>),
    /// The call waits for people. The response to a client that is kept waiting no longer.
    Waits(Box<Waits>, Vec<u8>),
    /// A JSON-RPC error, and the HTTP status it has in 2026-07-28.
    Error(RpcError),
    /// The person or agent may not act: 401, after the refusal was recorded.
    Unauthorized(String),
}

/// A call that waits for people.
pub struct Waits {
    /// It.
    pub call: Box<Call>,
    /// Where it stands.
    pub held: Held,
}

/// Where a request came in and who sent it.
pub struct Context<'a> {
    /// Every app.
    pub hub: &'a Arc<Hub>,
    /// The engine.
    pub engine: &'a Engine,
    /// For what apps want back.
    pub seals: &'a Seals,
    /// Who acts.
    pub known: &'a Known,
    /// The one app of `/mcp/{app}`.
    pub endpoint: Option<&'a AppId>,
    /// The revision spoken.
    pub revision: Revision,
    /// The headers that must agree with the arguments, for a revision that has such.
    pub headers: Option<&'a HeaderMap>,
}

impl Context<'_> {
    /// Answers one request that is neither `initialize` nor a call.
    pub async fn answer(&self, request: &Request<'_, '_>) -> Said {
        if let Some(inactive) = &self.known.inactive {
            return Said::Unauthorized(inactive.clone());
        }
        match request.method.as_ref() {
            "server/discover" if self.revision.modern() => {
                Said::Response(envelope::result(request.id, discover().as_bytes()))
            }
            "ping" if !self.revision.modern() => Said::Response(envelope::result(request.id, b"{}")),
            "tools/list" => self.list_tools(request).await,
            "resources/list" => self.list(request, ListOf::Resources).await,
            "resources/templates/list" => self.list(request, ListOf::Templates).await,
            "prompts/list" => self.list(request, ListOf::Prompts).await,
            other => Said::Error(RpcError::new(METHOD_NOT_FOUND, format!("`{other}` is not a method of this gateway"))),
        }
    }

    /// Who acts, as links belong to them.
    pub fn pair(&self) -> Pair {
        pair_of(&self.known.actor)
    }

    async fn list_tools(&self, request: &Request<'_, '_>) -> Said {
        let mut list = match List::start(request, ListOf::Tools, self.revision) {
            Ok(list) => list,
            Err(error) => return Said::Error(error),
        };
        for (id, catalog) in self.hub.catalogs_for(self.endpoint, Some(&self.pair())).await {
            let Some(link) = self.hub.app(&id) else { continue };
            match catalog {
                Ok(catalog) => self.visible_tools(&mut list, &id, &link, &catalog.what),
                Err(fault) => tracing::warn!(app = %id, ?fault, "an app is left out of a list"),
            }
        }
        Said::Response(list.end(request.id))
    }

    /// The tools that some arguments could reach.
    fn visible_tools(&self, list: &mut List, app: &AppId, link: &AppLink, catalog: &Catalog) {
        for listed in &catalog.tools {
            let assessed = self.hub.assess(app, link, listed, None);
            let mut facts = assessed.facts;
            facts.class = assessed.lowest;
            let hidden = match &self.known.vendor {
                None => self.engine.hides(&self.known.actor, app, Method::ToolsCall, facts),
                // Nothing but what its contract may permit.
                Some(vendor) => {
                    let mapped = link.spec.mapping.as_ref();
                    let known = mapped.and_then(|mapped| mapped.listed(facts.name.as_str(), vendor.unknown_call()));
                    known.is_none_or(|known| self.engine.hides_under(&self.known.actor, app, facts, &known))
                }
            };
            if hidden {
                continue;
            }
            let raw = if self.endpoint.is_some() { listed.definition.raw() } else { &listed.raw_joined };
            match Document::parse(raw).ok().filter(|_| listed.structure_unknown_before && !self.revision.modern()) {
                Some(document) => list.push(&without(document.root(), "outputSchema")),
                None => list.push(raw),
            }
        }
    }

    /// Resources, templates or prompts: those that may be asked for, under names that lead back to their app.
    async fn list(&self, request: &Request<'_, '_>, what: ListOf) -> Said {
        let mut list = match List::start(request, what, self.revision) {
            Ok(list) => list,
            Err(error) => return Said::Error(error),
        };
        let asked = match what {
            ListOf::Resources => Asked::Resource,
            ListOf::Templates => Asked::CompleteResource,
            ListOf::Tools | ListOf::Prompts => Asked::Prompt,
        };
        // A template is listed to be read from, whatever may be completed in it.
        let method = if asked == Asked::Prompt { Method::PromptsGet } else { Method::ResourcesRead };
        if self.known.vendor.is_some() {
            return Said::Response(list.end(request.id));
        }
        for (app, listed) in self.hub.lists(self.endpoint, what, &self.pair()).await {
            let Some(link) = self.hub.app(&app) else { continue };
            let resources = what == ListOf::Resources;
            let templates = link.last_listed(ListOf::Templates, Some(&self.pair())).filter(|_| resources);
            let waiting = if resources { self.hub.waiting(&app, templates.as_deref()) } else { Vec::new() };
            for one in &listed.what.items {
                let facts = if resources {
                    self.hub.facts_among(&waiting, one.name.clone())
                } else {
                    self.hub.facts_in(&app, asked, one.name.clone(), Some(&listed))
                };
                if self.engine.hides(&self.known.actor, &app, method, facts) {
                    continue;
                }
                if self.endpoint.is_some() {
                    list.push(&one.raw);
                    continue;
                }
                let joined =
                    if asked == Asked::Prompt { joined(&app, &one.name) } else { joined_uri(&app, one.name.as_str()) };
                let mut quoted = Vec::new();
                json::write_string(&mut quoted, &joined);
                list.push(&json::splice(&one.raw, &[(one.name_at.clone(), quoted.as_slice())]));
            }
        }
        Said::Response(list.end(request.id))
    }
}

/// A list result that is being written. All of it is one page.
struct List {
    out: Vec<u8>,
    empty: bool,
}

impl List {
    fn start(request: &Request<'_, '_>, what: ListOf, revision: Revision) -> Result<Self, RpcError> {
        if request.params.and_then(|params| params.get("cursor")).is_some() {
            return Err(RpcError::new(INVALID_PARAMS, "no list of this gateway has a second page"));
        }
        let mut out = vec![b'{'];
        if revision.modern() {
            out.extend_from_slice(LIST_HINTS.as_bytes());
        }
        json::write_string(&mut out, what.member());
        out.extend_from_slice(b":[");
        Ok(Self { out, empty: true })
    }

    fn push(&mut self, one: &[u8]) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.extend_from_slice(one);
    }

    fn end(mut self, id: &[u8]) -> Vec<u8> {
        self.out.extend_from_slice(b"]}");
        envelope::result(id, &self.out)
    }
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
        "capabilities": capabilities(revision),
        "serverInfo": { "name": "countersign", "title": "Countersign", "version": env!("CARGO_PKG_VERSION") },
        "instructions": INSTRUCTIONS,
    });
    Ok((revision, result.to_string()))
}

fn discover() -> String {
    serde_json::json!({
        "resultType": "complete",
        "supportedVersions": Revision::ALL.map(Revision::as_str),
        "capabilities": capabilities(Revision::V20260728),
        "instructions": INSTRUCTIONS,
        "ttlMs": KEPT_MS_MAX,
        "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "countersign", "title": "Countersign", "version": env!("CARGO_PKG_VERSION") } },
    })
    .to_string()
}

fn capabilities(revision: Revision) -> serde_json::Value {
    let mut capabilities = serde_json::Map::new();
    let mut offer = |name: &str, what: serde_json::Value| capabilities.insert(name.to_owned(), what);
    offer("tools", serde_json::json!({ "listChanged": true }));
    offer("resources", serde_json::json!({ "subscribe": true, "listChanged": true }));
    offer("prompts", serde_json::json!({ "listChanged": true }));
    offer("completions", serde_json::json!({}));
    offer("logging", serde_json::json!({}));
    // Tasks have another form in each of the two revisions that have them.
    match revision {
        Revision::V20260728 => offer("extensions", serde_json::json!({ tasks::EXTENSION: {} })),
        Revision::V20251125 => {
            offer("tasks", serde_json::json!({ "cancel": {}, "requests": { "tools": { "call": {} } } }))
        }
        Revision::V20250326 | Revision::V20250618 => None,
    };
    capabilities.into()
}

const INSTRUCTIONS: &str = "Every call is decided before it runs. A refused call says that nothing was executed, by which rule, and what to do instead: do not repeat it unchanged.";
/// How long is [`KEPT_MS_MAX`].
const LIST_HINTS: &str = r#""resultType":"complete","ttlMs":5000,"cacheScope":"private","#;
