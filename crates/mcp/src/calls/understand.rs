//! What a request asks of an app: which one, which of its tools, prompts, resources or tasks, with which arguments.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use json::{Document, Kind, Value};
use model::limits::HOLD_SAID_CHARS_MAX;
use model::{AppId, ContractFacts, Method, OfCall, ToolFacts, ToolName, ToolStatus, UnixMicros};

use super::{Call, Runs};
use crate::answer::{self, Shape};
use crate::app_link::AppLink;
use crate::catalog::{Catalog, Listed};
use crate::envelope::{INVALID_PARAMS, METHOD_NOT_FOUND, Request, RpcError};
use crate::hub::Hub;
use crate::kept::Said as SaidBy;
use crate::methods::Context;
use crate::name::{may_be_shortened, split, split_uri};
use crate::param;
use crate::revision::Revision;
use crate::tasks::{EVERYTHING, Task};
use crate::upstream::{Asked, ListOf};
use crate::waiting::Patience;

impl Context<'_> {
    /// Understands a call. Error: what to answer a request that names nothing anybody could decide on.
    pub async fn understand(
        &self,
        request: &Request<'_, '_>,
        asked: Asked,
        body: &Bytes,
    ) -> Result<Box<Call>, RpcError> {
        let method = request.method.as_ref();
        let Some(params) = request.params else {
            return Err(RpcError::new(INVALID_PARAMS, format!("`{method}` needs `params`")));
        };
        if asked.task() {
            return Box::pin(self.understand_task(request, asked, params)).await;
        }
        let name = named(params, asked)?;
        let arguments = match asked {
            Asked::Tool | Asked::Prompt => argument_object(params)?.map(|one| body.slice(one.span())),
            Asked::CompletePrompt | Asked::CompleteResource => Some(completion(params)?),
            _ => None,
        };
        let more = match asked {
            Asked::Tool | Asked::Prompt => members(params, OF_TOOLS),
            Asked::Resource => members(params, &["uri", "_meta", "inputResponses", "requestState"]),
            _ => Vec::new(),
        };
        let unknown = || RpcError::new(INVALID_PARAMS, format!("unknown {}: {name}", noun(asked)));
        let (app, in_app) = self.place(&name, asked).ok_or_else(unknown)?;
        let link = self.hub.app(&app).ok_or_else(unknown)?;
        let mut shape = Shape {
            modern: self.revision.modern(),
            links: self.revision > Revision::V20250326,
            output_schema: false,
            tool: asked == Asked::Tool,
            resource: asked == Asked::Resource,
            outside: self.known.vendor.is_some(),
            join: self.endpoint.is_none().then(|| app.clone()),
        };
        let mut headers = Vec::new();
        let mut reader = (asked == Asked::Prompt).then(profile::of_no_tool);
        let mut app_makes_tasks = true;
        let (tool, listed_at) = if asked == Asked::Tool {
            let known = self.tool(&app, &link, in_app, &name, params).await?;
            app_makes_tasks = known.makes_tasks;
            shape.output_schema = known.output_schema;
            headers = known.headers;
            reader = Some(link.reader(&known.facts.name));
            (known.facts, known.listed_at)
        } else {
            let name = match self.prompt(&link, &name, asked).await? {
                Some(prompt) => prompt,
                None => ToolName::parse(in_app).map_err(|_| unknown())?,
            };
            let facts = Box::pin(self.hub.facts_of(&link, asked, name, &self.pair())).await;
            (facts, Hub::listed_at(&link, asked, &self.pair()))
        };
        let id = request.id.to_vec();
        let task = asked == Asked::Tool && self.revision == Revision::V20251125 && params.get("task").is_some();
        // Where the app says nothing of tasks and people have to approve, the gateway makes one, and the app sees a plain call.
        let own_task =
            task && !app_makes_tasks && self.engine.holds_any(&self.known.actor, &app, Method::ToolsCall, tool.clone());
        let wants_a_task = task && !own_task;
        let more = if own_task { members(params, &[OF_TOOLS, &["task"]].concat()) } else { more };
        let contract = self.contract(&link, asked, &tool.name, arguments.as_ref(), &more)?;
        let mut call = Box::new(Call {
            id,
            app,
            tool,
            link,
            asked,
            arguments,
            reader,
            headers,
            shape,
            goes_on: None,
            more,
            wants_a_task,
            own_task,
            task: None,
            listed_at,
            disposition: None,
            said: said(params),
            was_told: false,
            turned_away: false,
            contract,
            looked: None,
        });
        if self.revision.modern() {
            call.come_back(params, body, &self.runs())?;
        }
        Ok(call)
    }

    /// Understands what is asked of a task. Error: it is unknown, or this revision does not ask that.
    async fn understand_task(
        &self,
        request: &Request<'_, '_>,
        asked: Asked,
        params: Value<'_, '_>,
    ) -> Result<Box<Call>, RpcError> {
        let in_this_revision = match asked {
            Asked::TaskResult => self.revision == Revision::V20251125,
            Asked::TaskUpdate => self.revision.modern(),
            _ => self.revision >= Revision::V20251125,
        };
        let method = asked.method();
        if !in_this_revision {
            let said = format!("`{}` is not a method of revision {}", method.as_str(), self.revision.as_str());
            return Err(RpcError::new(METHOD_NOT_FOUND, said));
        }
        let id = params.get("taskId").and_then(|id| id.as_str());
        let id = id.ok_or_else(|| RpcError::new(INVALID_PARAMS, "`params.taskId` must be the id of a task"))?;
        let task =
            self.seals.task(&self.known.actor, &id).filter(|task| self.endpoint.is_none_or(|app| *app == task.app));
        let unknown = || RpcError::new(INVALID_PARAMS, "unknown task");
        let task = task.ok_or_else(unknown)?;
        let link = self.hub.app(&task.app).ok_or_else(unknown)?;
        let (tool, listed_at) = self.task_facts(asked, &task, &link).await;
        let mut arguments = b"{\"taskId\":".to_vec();
        json::write_string(&mut arguments, &task.id);
        let mut more = members(params, &["taskId", "_meta", "inputResponses"]);
        if let Some(responses) = params.get("inputResponses") {
            let asked = responses.entries().filter(|(key, _)| self.seals.has_asked(&id, key));
            let answers: Vec<u8> = object(asked);
            if answers.len() == 2 {
                let said = "`params.inputResponses` answers nothing that this task has asked: see `tasks/get`";
                return Err(RpcError::new(INVALID_PARAMS, said));
            }
            let comma: &[u8] = if more.is_empty() { b"" } else { b"," };
            more = [&more, comma, b"\"inputResponses\":", &answers].concat();
        }
        if !more.is_empty() {
            arguments.push(b',');
            arguments.extend_from_slice(&more);
        }
        arguments.push(b'}');
        let shape = Shape {
            modern: self.revision.modern(),
            links: self.revision > Revision::V20250326,
            output_schema: false,
            tool: false,
            resource: false,
            outside: self.known.vendor.is_some(),
            join: self.endpoint.is_none().then(|| task.app.clone()),
        };
        Ok(Box::new(Call {
            id: request.id.to_vec(),
            app: task.app.clone(),
            tool,
            link,
            asked,
            arguments: Some(Bytes::from(arguments)),
            reader: None,
            headers: Vec::new(),
            shape,
            goes_on: None,
            more: Vec::new(),
            wants_a_task: false,
            own_task: false,
            task: Some((task, id.into_owned())),
            listed_at,
            disposition: None,
            said: None,
            was_told: false,
            turned_away: false,
            contract: None,
            looked: None,
        }))
    }

    /// What is known of a task: by its method, for to look at it is no call of its tool, and what the answer to the call must not
    /// show. When the app said what it offers, as far as it has.
    async fn task_facts(&self, asked: Asked, task: &Task, link: &Arc<AppLink>) -> (ToolFacts, Option<UnixMicros>) {
        let mut facts = ToolFacts::of_method(asked.method(), task.tool.clone());
        let mut of_call = OfCall { tool: None, argument_bytes: task.argument_bytes, hides: task.hides.clone() };
        let mut listed_at = None;
        // Its tool as the app lists it. A list that lacks it is not asked for again by each look at the task.
        if let Ok(catalog) = link.tools(Some(&self.pair())).await {
            let listed = catalog.what.tool(task.tool.as_str());
            let known = listed.map(|listed| self.hub.assess(&task.app, link, listed, None).facts);
            of_call.tool = known.map(|tool| ToolFacts { class: task.class, ..tool });
            listed_at = Some(catalog.at());
        }
        match (&of_call.tool, listed_at) {
            (Some(_), _) => {}
            // What has come of it is not shown until it is known what its tool is.
            (None, listed) if matches!(asked, Asked::TaskGet | Asked::TaskResult) => {
                facts.status = ToolStatus::Unknown;
                facts.finding = listed.map(|_| Arc::from(format!("`{}` does not offer it any more", task.app)));
            }
            (None, _) => of_call.hides = Some(Arc::from(EVERYTHING)),
        }
        facts.of_call = Some(Arc::new(of_call));
        (facts, listed_at)
    }

    /// What is known of a call under the contract of the vendor whose agent asks; none where it is nobody's. Error: it asks what
    /// the mapping of the app does not name.
    fn contract(
        &self,
        link: &AppLink,
        asked: Asked,
        tool: &ToolName,
        arguments: Option<&Bytes>,
        more: &[u8],
    ) -> Result<Option<Arc<ContractFacts>>, RpcError> {
        let Some(vendor) = &self.known.vendor else { return Ok(None) };
        if !more.is_empty() {
            return Err(RpcError::new(INVALID_PARAMS, "`params` has members that nobody here knows: leave them away"));
        }
        let unknown = vendor.unknown_call();
        let known = match &link.spec.mapping {
            Some(mapping) if asked == Asked::Tool => mapping.asks(tool.as_str(), arguments.map(|it| &**it), unknown),
            _ => Ok(unknown),
        };
        let known = known.map_err(|fault| {
            let hint = fault.way_out().map(|hint| format!(": {hint}")).unwrap_or_default();
            RpcError::new(INVALID_PARAMS, format!("{fault}{hint}"))
        })?;
        Ok(Some(Arc::new(known)))
    }

    /// What runs calls of this request.
    fn runs(&self) -> Runs<'_> {
        Runs { engine: self.engine, seals: self.seals, known: self.known, hub: self.hub, patience: Patience::none() }
    }

    /// The app a name leads to, and the name inside it.
    fn place<'n>(&self, name: &'n str, asked: Asked) -> Option<(AppId, &'n str)> {
        match (self.endpoint, asked) {
            (Some(app), _) => Some((app.clone(), name)),
            (None, Asked::Tool | Asked::Prompt | Asked::CompletePrompt) => split(name),
            (None, Asked::Resource | Asked::CompleteResource) => split_uri(name),
            (None, _) => None,
        }
    }

    /// What the tool is with these arguments. Error: the headers of a modern client say something else.
    async fn tool(
        &self,
        app: &AppId,
        link: &Arc<AppLink>,
        in_app: &str,
        name: &str,
        params: Value<'_, '_>,
    ) -> Result<KnownTool, RpcError> {
        let unknown = || RpcError::new(INVALID_PARAMS, format!("unknown tool: {name}"));
        let found = match self.find(link, in_app, name).await {
            Found::Tool(catalog) => Some(catalog),
            Found::NoSuchTool => return Err(unknown()),
            Found::CannotAsk => None,
        };
        let listed_at = found.as_ref().map(|catalog| catalog.at());
        match found.as_ref().and_then(|catalog| self.listed(&catalog.what, in_app, name)) {
            Some(listed) => {
                let arguments = params.get("arguments");
                if let Some(headers) = self.headers {
                    param::check(&listed.params, headers, arguments)?;
                }
                let makes_tasks = params.get("task").is_none() || makes_tasks(listed.definition.raw());
                Ok(KnownTool {
                    makes_tasks,
                    facts: self.hub.assess(app, link, listed, arguments).facts,
                    output_schema: listed.has_output_schema,
                    headers: param::headers(&listed.params, arguments),
                    listed_at,
                })
            }
            None => {
                let name = ToolName::of_list(in_app).map_err(|_| unknown())?;
                Ok(KnownTool {
                    makes_tasks: true,
                    facts: profile::unknown_tool(name),
                    output_schema: false,
                    headers: Vec::new(),
                    listed_at,
                })
            }
        }
    }

    /// The prompt that a shortened name stands for at the endpoint of all apps. None: it is not shortened. Error: the app lists none of
    /// that name, or cannot be asked; sent as it is, it would be none that anybody has reviewed, or has a rule about.
    async fn prompt(&self, link: &AppLink, name: &str, asked: Asked) -> Result<Option<ToolName>, RpcError> {
        let of_prompts = matches!(asked, Asked::Prompt | Asked::CompletePrompt);
        if !of_prompts || self.endpoint.is_some() || !may_be_shortened(name) {
            return Ok(None);
        }
        let pair = self.pair();
        let last = link.last_listed(ListOf::Prompts, Some(&pair));
        if let Some(found) = last.as_ref().and_then(|last| last.what.joined(name)) {
            return Ok(Some(found.clone()));
        }
        let listed = link.listed(ListOf::Prompts, Some(&pair)).await.map_err(|fault| {
            tracing::warn!(?fault, "a call names an app that cannot be asked what it offers");
            answer::not_executed(&fault, self.known.vendor.is_some())
        })?;
        let unknown = || RpcError::new(INVALID_PARAMS, format!("unknown {}: {name}", noun(asked)));
        listed.what.joined(name).cloned().map(Some).ok_or_else(unknown)
    }

    /// Whether the app offers this tool. One that is not in the list is asked for again before it is called unknown.
    async fn find(&self, link: &Arc<AppLink>, in_app: &str, joined: &str) -> Found {
        let pair = self.pair();
        match link.tools(Some(&pair)).await {
            Ok(catalog) if self.listed(&catalog.what, in_app, joined).is_some() => Found::Tool(catalog),
            Ok(catalog) => match Box::pin(link.tools_after(&catalog, Some(&pair))).await {
                Ok(newer) if self.listed(&newer.what, in_app, joined).is_some() => Found::Tool(newer),
                _ => Found::NoSuchTool,
            },
            Err(fault) => {
                tracing::warn!(?fault, "a call names an app that cannot be asked what it offers");
                Found::CannotAsk
            }
        }
    }

    fn listed<'c>(&self, catalog: &'c Catalog, in_app: &str, joined: &str) -> Option<&'c Listed> {
        match self.endpoint {
            Some(_) => catalog.tool(in_app),
            None => catalog.joined(joined),
        }
    }
}

/// A tool with the arguments of one call.
struct KnownTool {
    /// Whether its app makes tasks of its calls; looked at where the client wants one.
    makes_tasks: bool,
    facts: ToolFacts,
    output_schema: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    listed_at: Option<UnixMicros>,
}

enum Found {
    Tool(Arc<SaidBy<Catalog>>),
    NoSuchTool,
    CannotAsk,
}

fn named<'a>(params: Value<'_, 'a>, asked: Asked) -> Result<Cow<'a, str>, RpcError> {
    let (holder, key, path) = match asked {
        Asked::Tool | Asked::Prompt => (Some(params), "name", "params.name"),
        Asked::Resource => (Some(params), "uri", "params.uri"),
        Asked::CompletePrompt => (params.get("ref"), "name", "params.ref.name"),
        Asked::CompleteResource => (params.get("ref"), "uri", "params.ref.uri"),
        _ => (None, "", "params"),
    };
    let name = holder.and_then(|holder| holder.get(key)).and_then(|name| name.as_str());
    name.ok_or_else(|| RpcError::new(INVALID_PARAMS, format!("`{path}` must be the name of a {}", noun(asked))))
}

fn argument_object<'d, 'a>(params: Value<'d, 'a>) -> Result<Option<Value<'d, 'a>>, RpcError> {
    match params.get("arguments") {
        Some(arguments) if arguments.kind() != Kind::Object => {
            Err(RpcError::new(INVALID_PARAMS, "`params.arguments` must be an object"))
        }
        arguments => Ok(arguments),
    }
}

/// What is to be completed, as one object: all members but the reference, each as it came.
fn completion(params: Value<'_, '_>) -> Result<Bytes, RpcError> {
    if params.get("argument").is_none_or(|argument| argument.kind() != Kind::Object) {
        return Err(RpcError::new(INVALID_PARAMS, "`params.argument` must be an object"));
    }
    let mut out = vec![b'{'];
    out.extend_from_slice(&members(params, &["ref", "_meta"]));
    out.push(b'}');
    Ok(Bytes::from(out))
}

/// All members but these, each as it came, without braces.
fn members(params: Value<'_, '_>, but: &[&str]) -> Vec<u8> {
    joined(params.entries().filter(|(key, _)| !but.contains(&key.as_ref())))
}

fn object<'d, 'a>(members: impl Iterator<Item = (Cow<'a, str>, Value<'d, 'a>)>) -> Vec<u8>
where
    'a: 'd,
{
    [b"{", joined(members).as_slice(), b"}"].concat()
}

fn joined<'d, 'a>(members: impl Iterator<Item = (Cow<'a, str>, Value<'d, 'a>)>) -> Vec<u8>
where
    'a: 'd,
{
    let mut out = Vec::new();
    for (key, value) in members {
        if !out.is_empty() {
            out.push(b',');
        }
        json::write_string(&mut out, &key);
        out.push(b':');
        out.extend_from_slice(value.raw());
    }
    out
}

/// Whether a tool says of itself that its calls can be tasks (2025-11-25).
fn makes_tasks(definition: &[u8]) -> bool {
    let document = Document::parse(definition).ok();
    let execution = document.as_ref().and_then(|document| document.root().get("execution"));
    let support = execution.and_then(|execution| execution.get("taskSupport")).and_then(|support| support.as_str());
    matches!(support.as_deref(), Some("optional" | "required"))
}

fn noun(asked: Asked) -> &'static str {
    match asked {
        Asked::Tool => "tool",
        Asked::Prompt | Asked::CompletePrompt => "prompt",
        Asked::Resource | Asked::CompleteResource => "resource",
        _ => "task",
    }
}

/// Members of the `params` of a tool's call that are read here.
/// What the agent says of its call, for those who approve it. As much of it as they are shown.
fn said(params: Value<'_, '_>) -> Option<String> {
    let text = params.get("_meta")?.get(SAID_KEY)?.as_str()?;
    Some(text.chars().take(HOLD_SAID_CHARS_MAX.saturating_add(1)).collect())
}

/// Our own key in `_meta` of a request: why the agent asks.
const SAID_KEY: &str = "countersign/reason";
const OF_TOOLS: &[&str] = &["name", "arguments", "_meta", "inputResponses", "requestState"];
