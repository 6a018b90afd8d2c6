//! What can go wrong in the story.

use std::error::Error;
use std::io;

use serde_json::Value;
use thiserror::Error as ThisError;

use crate::apps::App;

/// Why a demo app did not start or the agent got no answer.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum DemoError {
    /// The apps were started outside of a tokio runtime.
    #[error("the demo apps need a running tokio runtime")]
    NoRuntime,
    /// No loopback port for an app.
    #[error("the `{app}` app got no port on 127.0.0.1")]
    Listen {
        /// The app that was starting.
        app: App,
        /// What the system said.
        source: io::Error,
    },
    /// No loopback port for the system that vendors read.
    #[error("the applicant tracking system got no port on 127.0.0.1")]
    ListenForVendors {
        /// What the system said.
        source: io::Error,
    },
    /// HTTP 401: the token is missing, unknown, expired or withdrawn.
    #[error("not authorized: {description}")]
    Unauthorized {
        /// The challenge's `error_description`, or the best there is.
        description: String,
    },
    /// HTTP 403 with a challenge: the token is good, but not for this.
    #[error("forbidden: {description}")]
    Forbidden {
        /// The challenge's `error_description`, or the best there is.
        description: String,
    },
    /// The server answered with a JSON-RPC error.
    #[error("{message}")]
    Refused {
        /// The JSON-RPC error code.
        code: i32,
        /// The sentence that came with it.
        message: String,
        /// The structured part, if any.
        data: Option<Value>,
    },
    /// The arguments are not a JSON object.
    #[error("a tool's arguments are a JSON object, not `{found}`")]
    Arguments {
        /// What was given instead.
        found: Value,
    },
    /// The server answered, but not with the final result of the call.
    #[error("the answer to `{tool}` is not a final result")]
    NotFinal {
        /// The tool that was called.
        tool: String,
    },
    /// There is no HTTP client, no connection, or no sensible answer.
    #[error("`{url}` gave no answer")]
    Unreachable {
        /// The address that was asked.
        url: String,
        /// What the client said.
        source: Box<dyn Error + Send + Sync>,
    },
}
