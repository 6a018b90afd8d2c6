//! A small and fast MCP server of our own, in both eras, that keeps a list of the calls it has received.

mod http;
mod protocol;
mod stdio;
mod tools;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use protocol::Server;
pub(crate) use protocol::{CAPABILITIES_KEY, MODERN, VERSION_KEY, decoded};
pub use stdio::serve_stdio;

/// Which revisions a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Era {
    /// 2026-07-28: no handshake, no session.
    Modern,
    /// 2025-03-26 to 2025-11-25: `initialize` and a session.
    Legacy,
    /// Whatever the client speaks.
    #[default]
    Both,
}

/// What the server is like.
#[derive(Debug, Clone, Default)]
pub struct UpstreamOptions {
    /// The revisions it speaks.
    pub era: Era,
    /// The bearer token it asks for; none if absent.
    pub token: Option<String>,
    /// Each call's tag is appended here, one a line, before the call is answered.
    pub log: Option<PathBuf>,
    /// While this file exists, the description of `echo` is another one.
    pub definition_change_file: Option<PathBuf>,
    /// Tool calls are answered as an event stream.
    pub stream: bool,
    /// A tool `environment` shows the process's environment.
    pub print_env: bool,
    /// Every HTTP request is kept, with headers and body, for [`Upstream::requests`].
    pub record: bool,
    /// What it does wrong.
    pub misbehaviour: Misbehaviour,
}

/// What a server may do wrong.
#[derive(Debug, Clone, Default)]
pub struct Misbehaviour {
    /// After so many tool calls the process ends at the next one, which is not answered.
    pub crash_after: Option<u64>,
    /// On stdio, a line that is not JSON before each answer.
    pub garbage: bool,
    /// Writes to stderr without end.
    pub flood_stderr: bool,
    /// Never answers a tool call.
    pub hang: bool,
    /// Every tool call is answered with a text of so many bytes.
    pub huge: Option<usize>,
}

/// A server on a port of its own, in a thread of this process. It stops when dropped.
pub struct Upstream {
    server: Arc<Server>,
    address: SocketAddr,
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

// === impl Upstream ===

impl Upstream {
    /// Starts it on a free port of the loopback interface.
    pub fn start(options: UpstreamOptions) -> Result<Self> {
        let server = Arc::new(Server::new(options));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
        listener.set_nonblocking(true).context("could not prepare the listener")?;
        let address = listener.local_addr().context("the listener has no address")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&server);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = http::serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
        });
        let url = format!("http://{address}/mcp");
        Ok(Self { server, address, url, stop: Some(stop), thread: Some(thread) })
    }

    /// The MCP endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The tags of the tool calls it has received, in order; `null` where a call had none.
    pub fn tags(&self) -> Vec<Value> {
        self.server.calls().into_iter().map(|call| call.tag).collect()
    }

    /// How many tool calls it has received.
    pub fn call_count(&self) -> usize {
        self.server.calls().len()
    }

    /// The HTTP requests it has received, if it records: `{method, path, headers, body}`.
    pub fn requests(&self) -> Vec<Value> {
        self.server.requests()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Serves HTTP on a listener until the process ends.
pub async fn serve_http(listener: TcpListener, server: Arc<Server>) {
    http::serve(listener, server).await;
}
