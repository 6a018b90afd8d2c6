//! `testkit-everything`: a server on the official Rust SDK that offers all that the MCP conformance suite looks for.

#![expect(deprecated, reason = "2025-11-25 has logging and sampling, and the suite asks for them")]

mod content;
mod tools;

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::ErrorData;
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, GetPromptRequestParams,
    GetPromptResponse, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SetLevelRequestParams,
    SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionContext};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

/// An MCP server for the conformance suite. Prints `listening on http://127.0.0.1:PORT/mcp` on stdout.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

/// The server, one for all sessions.
#[derive(Clone)]
struct Everything {
    changes: broadcast::Sender<Change>,
    /// Part of each `requestState`, so that no client can make one up.
    word: Arc<str>,
}

/// What subscribers are told about.
#[derive(Clone, Copy)]
enum Change {
    Tools,
    Prompts,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(&arguments.listen).await;
        let listener = listener.with_context(|| format!("could not listen on `{}`", arguments.listen))?;
        announce(&listener.local_addr()?.to_string());
        serve(listener).await
    })
}

async fn serve(listener: TcpListener) -> Result<()> {
    let everything = Everything {
        changes: broadcast::channel(CHANGES_MAX).0,
        word: format!("{:016x}", RandomState::new().hash_one("word")).into(),
    };
    let config = StreamableHttpServerConfig::default()
        .with_allowed_origins(["http://127.0.0.1:*", "http://localhost:*"])
        .with_sse_retry(Some(Duration::from_millis(100)));
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(everything.clone()), sessions, config);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.context("could not accept a connection")?;
        let service = service.clone();
        connections.spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(service.handle(request).await) });
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _hung_up = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

// === impl Everything ===

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let changes = json!({"listChanged": true, "subscribe": true});
        let mut info = ServerConfig::default();
        info.capabilities = serde_json::from_value(json!({
            "tools": changes, "prompts": changes, "resources": changes, "completions": {}, "logging": {},
        }))
        .unwrap_or_default();
        info.server_info.name = "everything-rust".to_owned();
        info
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        whole(json!({ "tools": content::tools() }))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let tools: Vec<Tool> = typed(content::tools()).ok()?;
        tools.into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.call(request, context).await
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        whole(json!({ "resources": content::resources() }))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        whole(json!({ "resourceTemplates": content::templates() }))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        match content::read(&uri) {
            Some(contents) => Ok(ReadResourceResponse::Complete(whole(json!({ "contents": [contents] }))?)),
            None => Err(ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": uri })))),
        }
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            let change = tokio::select! {
                () = context.cancelled() => return Ok(()),
                change = changes.recv() => change,
            };
            // What the subscriber did not ask for, the sink refuses.
            let _refused = match change {
                Ok(Change::Tools) => context.sink().notify_tool_list_changed().await,
                Ok(Change::Prompts) => context.sink().notify_prompt_list_changed().await,
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            };
        }
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        whole(json!({ "prompts": content::prompts() }))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name == "test_input_required_result_prompt" {
            let said = request.input_responses.as_ref().and_then(|said| said.get("user_context")?.get("content"));
            let Some(said) = said else {
                return Ok(GetPromptResponse::InputRequired(typed(content::ask_for_context())?));
            };
            return Ok(GetPromptResponse::Complete(whole(content::messages(&[content::text(&said.to_string())]))?));
        }
        let given = Value::Object(request.arguments.unwrap_or_default());
        match content::prompt(&request.name, &given) {
            Some(said) => Ok(GetPromptResponse::Complete(whole(said)?)),
            None => Err(ErrorData::invalid_params("no such prompt, or an argument is missing", None)),
        }
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Ok(CompleteResult::default())
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }
}

/// A result that is the last word on a request. The SDK takes `resultType` away again where the revision has none.
fn whole<T: DeserializeOwned>(mut said: Value) -> Result<T, ErrorData> {
    if let Some(said) = said.as_object_mut() {
        said.insert("resultType".to_owned(), json!("complete"));
    }
    typed(said)
}

/// The SDK's type for what was written down as JSON.
fn typed<T: DeserializeOwned>(said: Value) -> Result<T, ErrorData> {
    serde_json::from_value(said).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

#[expect(clippy::print_stdout, reason = "the address is this program's data")]
fn announce(address: &str) {
    println!("listening on http://{address}/mcp");
}

const CHANGES_MAX: usize = 64;
