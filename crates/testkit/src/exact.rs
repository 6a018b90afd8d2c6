//! An MCP server that speaks exactly one revision, offers all that the revision has, and refuses what it forbids.
//!
//! Its tools do one thing each: `ask_user` asks for a form, `log` writes log messages, `change_tools` adds a tool and says
//! so. What it was told is written down, one JSON object a line: whole requests (`body`, over HTTP with `headers`) and what
//! became of them (`noted`).

mod answers;
mod http;
mod legacy;
mod modern;
mod offers;
mod server;
mod session;
mod stdio;
mod strict;
mod tasks;
mod tools;
mod turn;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Revision;

pub use server::ExactServer;

/// What the server is like.
#[derive(Debug, Clone)]
pub struct ExactOptions {
    /// The one revision it speaks.
    pub revision: Revision,
    /// Where what it was told is written down.
    pub record: Option<PathBuf>,
}

/// A server on a port of its own, in threads of this process. It stops when dropped.
pub struct ExactUpstream {
    url: String,
    listener: std::net::TcpListener,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

// === impl ExactUpstream ===

impl ExactUpstream {
    /// Starts it on a free port of the loopback interface.
    pub fn start(options: ExactOptions) -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
        listener.set_nonblocking(true).context("could not prepare the listener")?;
        Self::on(listener, options)
    }

    /// Another server at the same address; of what was said to this one it knows nothing.
    pub fn replaced(self, options: ExactOptions) -> Result<Self> {
        let listener = self.listener.try_clone().context("the listener cannot be kept")?;
        drop(self);
        Self::on(listener, options)
    }

    fn on(listener: std::net::TcpListener, options: ExactOptions) -> Result<Self> {
        let url = format!("http://{}/mcp", listener.local_addr().context("the listener has no address")?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
        let (stop, stopped) = oneshot::channel();
        let served = listener.try_clone().context("the listener cannot be shared")?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(served) else { return };
                tokio::select! {
                    () = http::serve(listener, Arc::new(ExactServer::new(options))) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { url, listener, stop: Some(stop), thread: Some(thread) })
    }

    /// The MCP endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for ExactUpstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Serves HTTP on a listener until the process ends.
pub async fn serve_exact_http(listener: TcpListener, options: ExactOptions) {
    http::serve(listener, Arc::new(ExactServer::new(options))).await;
}

/// Serves stdin and stdout until stdin ends.
pub async fn serve_exact_stdio(options: ExactOptions) -> Result<()> {
    stdio::serve(Arc::new(ExactServer::new(options))).await
}
