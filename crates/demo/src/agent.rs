//! The agent of the story: the official Rust client with a token and nothing else.
//!
//! ```ignore
//! let agent = demo::Agent::connect("support-agent", "http://127.0.0.1:8080/mcp", token).await?;
//! let said = agent.call("crm__search_customers", serde_json::json!({ "query": "acme" })).await?;
//! ```

use std::error::Error;
use std::fmt;

use reqwest::redirect::Policy;
use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion,
};
use rmcp::service::{
    ClientCacheConfig, ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService, ServiceError,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, InsufficientScopeError, StreamableHttpClientTransportConfig, StreamableHttpError,
};
use serde_json::Value;

use crate::error::DemoError;

#[cfg(test)]
mod tests;

/// An agent connected to one MCP server.
pub struct Agent {
    url: String,
    client: RunningService<RoleClient, ClientConfig>,
}

/// What a tool said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The text blocks of the answer, one below the other.
    pub text: String,
    /// Whether the tool calls its answer an error.
    pub is_error: bool,
    /// The structured answer, if there is one.
    pub structured: Option<Value>,
}

// === impl Agent ===

impl Agent {
    /// Connects as `name`: without a handshake where the server speaks 2026-07-28, with one where it is older.
    pub async fn connect(name: &str, url: &str, token: &str) -> Result<Self, DemoError> {
        let lifecycle = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28, ProtocolVersion::V_2025_11_25],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        };
        Self::connect_by(lifecycle, name, url, token).await
    }

    async fn connect_by(lifecycle: ClientLifecycleMode, name: &str, url: &str, token: &str) -> Result<Self, DemoError> {
        // Connections are not kept: an answer the client did not read to its end would delay the next request.
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| DemoError::Unreachable { url: url.to_owned(), source: error.into() })?;
        let mut config = StreamableHttpClientTransportConfig::with_uri(url).reinit_on_expired_session(false);
        if !token.is_empty() {
            config = config.auth_header(token);
        }
        let transport = StreamableHttpClientTransport::with_client(http, config);
        let client =
            ClientConfig::new(ClientCapabilities::default(), Implementation::new(name, env!("CARGO_PKG_VERSION")))
                .serve_with_lifecycle(transport, lifecycle)
                .await
                .map_err(|error| not_connected(url, error))?;
        client.peer().set_response_cache_config(ClientCacheConfig::disabled()).await;
        Ok(Self { url: url.to_owned(), client })
    }

    /// The protocol revision agreed on.
    pub fn protocol_version(&self) -> String {
        self.client.peer().peer_info().map(|info| info.protocol_version.to_string()).unwrap_or_default()
    }

    /// The names of the tools on offer right now.
    pub async fn tools(&self) -> Result<Vec<String>, DemoError> {
        let tools = self.client.peer().list_all_tools().await.map_err(|error| self.no_answer(error))?;
        Ok(tools.into_iter().map(|tool| tool.name.into_owned()).collect())
    }

    /// Calls a tool once and waits for as long as the answer takes. `null` stands for no arguments.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Said, DemoError> {
        let mut request = CallToolRequestParams::new(tool.to_owned());
        match arguments {
            Value::Object(arguments) => request = request.with_arguments(arguments),
            Value::Null => {}
            found => return Err(DemoError::Arguments { found }),
        }
        match self.client.peer().call_tool_once(request).await.map_err(|error| self.no_answer(error))? {
            CallToolResponse::Complete(result) => {
                let texts: Vec<&str> =
                    result.content.iter().filter_map(|block| Some(block.as_text()?.text.as_str())).collect();
                Ok(Said {
                    text: texts.join("\n"),
                    is_error: result.is_error.unwrap_or(false),
                    structured: result.structured_content,
                })
            }
            _ => Err(DemoError::NotFinal { tool: tool.to_owned() }),
        }
    }

    /// Hangs up.
    pub async fn close(self) {
        // How the client's task ended is of no interest once nobody uses it.
        drop(self.client.cancel().await);
    }

    fn no_answer(&self, error: ServiceError) -> DemoError {
        match error {
            ServiceError::McpError(error) => {
                DemoError::Refused { code: error.code.0, message: error.message.into_owned(), data: error.data }
            }
            ServiceError::TransportSend(error) => turned_away(error.error.as_ref())
                .unwrap_or_else(|| DemoError::Unreachable { url: self.url.clone(), source: error.error }),
            error => DemoError::Unreachable { url: self.url.clone(), source: error.into() },
        }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("url", &self.url).finish_non_exhaustive()
    }
}

fn not_connected(url: &str, error: ClientInitializeError) -> DemoError {
    match error {
        ClientInitializeError::JsonRpcError(error) => {
            DemoError::Refused { code: error.code.0, message: error.message.into_owned(), data: error.data }
        }
        ClientInitializeError::TransportError { error, .. } => turned_away(error.error.as_ref())
            .unwrap_or_else(|| DemoError::Unreachable { url: url.to_owned(), source: error.error }),
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => not_connected(url, *fallback),
        error => DemoError::Unreachable { url: url.to_owned(), source: error.into() },
    }
}

/// The 401 or 403 somewhere below an error, if that is what it is about.
fn turned_away(error: &(dyn Error + 'static)) -> Option<DemoError> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| {
        if let Some(required) = error.downcast_ref::<AuthRequiredError>() {
            return Some(DemoError::Unauthorized { description: description(&required.www_authenticate_header) });
        }
        if let Some(scope) = error.downcast_ref::<InsufficientScopeError>() {
            return Some(DemoError::Forbidden { description: description(&scope.www_authenticate_header) });
        }
        // The client has no name for a 401 without a challenge, only this sentence.
        match error.downcast_ref::<StreamableHttpError<reqwest::Error>>()? {
            StreamableHttpError::UnexpectedServerResponse(said) if said.starts_with("HTTP 401") => {
                Some(DemoError::Unauthorized { description: said.clone().into_owned() })
            }
            _ => None,
        }
    })
}

/// The `error_description` of a challenge, else its `error`, else all of it.
fn description(challenge: &str) -> String {
    parameter(challenge, "error_description")
        .or_else(|| parameter(challenge, "error"))
        .unwrap_or_else(|| challenge.to_owned())
}

/// One `name="value"` of a challenge, outside of other quoted values.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let mut characters = challenge.chars();
    let mut key = String::new();
    while let Some(character) = characters.next() {
        match character {
            '=' => {
                let value = value(&mut characters);
                if key.eq_ignore_ascii_case(name) {
                    return Some(value);
                }
                key.clear();
            }
            ' ' | '\t' | ',' => key.clear(),
            other => key.push(other),
        }
    }
    None
}

/// What follows `=`: a quoted string without its quotes and escapes, or a bare word.
fn value(characters: &mut std::str::Chars<'_>) -> String {
    let mut value = String::new();
    let Some(first) = characters.next() else { return value };
    if first != '"' {
        value.push(first);
        value.extend(characters.by_ref().take_while(|character| !matches!(character, ',' | ' ' | '\t')));
        return value;
    }
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    value
}
