//! Calls: a request that asks an app for something. It is understood here, decided in the engine, and worded in `answer`.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use engine::{CallRequest, Closed, Engine};
use front::Known;
use http::{HeaderName, HeaderValue};
use json::{Kind, Value};
use model::{AppId, Blame, ToolFacts, ToolName};

use crate::answer::{self, Shape};
use crate::app_link::{AppLink, Carried};
use crate::catalog::{Catalog, Listed};
use crate::envelope::{INTERNAL_ERROR, INVALID_PARAMS, Request, RpcError};
use crate::kept::Said as SaidBy;
use crate::methods::{Context, Said};
use crate::name::{split, split_uri};
use crate::param;
use crate::upstream::{Along, Asked};

/// A call that is understood and waits to be decided. It owns everything, so that it outlives its request.
pub struct Call {
    id: Vec<u8>,
    app: AppId,
    tool: ToolFacts,
    link: Arc<AppLink>,
    asked: Asked,
    arguments: Option<Bytes>,
    headers: Vec<(HeaderName, HeaderValue)>,
    shape: Shape,
}

impl Call {
    /// What this request asks of an app, if that is its method.
    pub fn asked(request: &Request<'_, '_>) -> Option<Asked> {
        Some(match request.method.as_ref() {
            "tools/call" => Asked::Tool,
            "resources/read" => Asked::Resource,
            "prompts/get" => Asked::Prompt,
            "completion/complete" => {
                let reference = request.params.and_then(|params| params.get("ref"));
                match reference.and_then(|reference| reference.get("type")).and_then(|kind| kind.as_str()).as_deref() {
                    Some("ref/resource") => Asked::CompleteResource,
                    _ => Asked::CompletePrompt,
                }
            }
            _ => return None,
        })
    }

    /// The app it goes to.
    pub fn app(&self) -> &AppId {
        &self.app
    }

    /// Takes it through the engine.
    pub async fn run(self, engine: &Engine, known: &Known, along: Along) -> Said {
        let pair = (known.actor.agent.clone(), known.actor.human.clone());
        let request = CallRequest {
            actor: known.actor.clone(),
            cause: None,
            app: self.app,
            method: self.asked.method(),
            tool: self.tool,
            arguments: self.arguments,
            upstream: Arc::new(Carried { to: self.link, pair, asked: self.asked, headers: self.headers, along }),
        };
        let closed = engine.call(request).await;
        if let (Closed::Refused(_), Some(inactive)) = (&closed, &known.inactive) {
            return Said::Unauthorized(inactive.clone());
        }
        if let Closed::Failed { call: None, fault, .. } = &closed
            && fault.blame() == Blame::Bug
        {
            return Said::Error(RpcError::new(INTERNAL_ERROR, fault.to_string()));
        }
        Said::Response(answer::of_call(&self.id, &closed, &self.shape))
    }
}

impl Context<'_> {
    /// Understands a call. Error: what to answer a request that names nothing anybody could decide on.
    pub async fn understand(&self, request: &Request<'_, '_>, asked: Asked, body: &Bytes) -> Result<Call, RpcError> {
        let method = request.method.as_ref();
        let Some(params) = request.params else {
            return Err(RpcError::new(INVALID_PARAMS, format!("`{method}` needs `params`")));
        };
        let name = named(params, asked)?;
        let arguments = match asked {
            Asked::Tool | Asked::Prompt => argument_object(params)?.map(|one| body.slice(one.span())),
            Asked::Resource => None,
            Asked::CompletePrompt | Asked::CompleteResource => Some(completion(params)?),
        };
        let unknown = || RpcError::new(INVALID_PARAMS, format!("unknown {}: {name}", noun(asked)));
        let (app, in_app) = self.place(&name, asked).ok_or_else(unknown)?;
        let link = self.hub.app(&app).ok_or_else(unknown)?;
        let mut shape = Shape {
            modern: self.revision.modern(),
            output_schema: false,
            tool: asked == Asked::Tool,
            join: self.endpoint.is_none().then(|| app.clone()),
        };
        let mut headers = Vec::new();
        let tool = if asked == Asked::Tool {
            let known = self.tool(&app, &link, in_app, &name, params).await?;
            shape.output_schema = known.output_schema;
            headers = known.headers;
            known.facts
        } else {
            let name = ToolName::parse(in_app).map_err(|_| unknown())?;
            ToolFacts::of_method(asked.method(), name)
        };
        Ok(Call { id: request.id.to_vec(), app, tool, link, asked, arguments, headers, shape })
    }

    /// The app a name leads to, and the name inside it.
    fn place<'n>(&self, name: &'n str, asked: Asked) -> Option<(AppId, &'n str)> {
        match (self.endpoint, asked) {
            (Some(app), _) => Some((app.clone(), name)),
            (None, Asked::Tool | Asked::Prompt | Asked::CompletePrompt) => split(name),
            (None, Asked::Resource | Asked::CompleteResource) => split_uri(name),
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
        match found.as_ref().and_then(|catalog| self.listed(&catalog.what, in_app, name)) {
            Some(listed) => {
                let arguments = params.get("arguments");
                if let Some(headers) = self.headers {
                    param::check(&listed.params, headers, arguments)?;
                }
                Ok(KnownTool {
                    facts: self.hub.assess(app, link, listed, arguments).facts,
                    output_schema: listed.has_output_schema,
                    headers: param::headers(&listed.params, arguments),
                })
            }
            None => {
                let name = ToolName::of_list(in_app).map_err(|_| unknown())?;
                Ok(KnownTool { facts: profile::unknown_tool(name), output_schema: false, headers: Vec::new() })
            }
        }
    }

    /// Whether the app offers this tool. One that is not in the list is asked for again before it is called unknown.
    async fn find(&self, link: &Arc<AppLink>, in_app: &str, joined: &str) -> Found {
        match link.tools().await {
            Ok(catalog) if self.listed(&catalog.what, in_app, joined).is_some() => Found::Tool(catalog),
            Ok(catalog) => match link.tools_after(&catalog).await {
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
    facts: ToolFacts,
    output_schema: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
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

/// What is to be completed, as one object: `argument`, and `context` where there is one, each as it came.
fn completion(params: Value<'_, '_>) -> Result<Bytes, RpcError> {
    let argument = params.get("argument").filter(|argument| argument.kind() == Kind::Object);
    let argument = argument.ok_or_else(|| RpcError::new(INVALID_PARAMS, "`params.argument` must be an object"))?;
    let mut out = b"{\"argument\":".to_vec();
    out.extend_from_slice(argument.raw());
    if let Some(context) = params.get("context") {
        out.extend_from_slice(b",\"context\":");
        out.extend_from_slice(context.raw());
    }
    out.push(b'}');
    Ok(Bytes::from(out))
}

fn noun(asked: Asked) -> &'static str {
    match asked {
        Asked::Tool => "tool",
        Asked::Prompt | Asked::CompletePrompt => "prompt",
        Asked::Resource | Asked::CompleteResource => "resource",
    }
}
