//! Four MCP apps in this process, each on its own loopback port and behind its own credential.
//!
//! ```ignore
//! let apps = demo::Apps::start()?;
//! let upstream = apps.url(demo::App::Crm); // http://127.0.0.1:PORT/mcp
//! ```

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::error::DemoError;

mod ats;
mod crm;
mod deploy;
mod mail;
mod repo;
mod server;
#[cfg(test)]
mod tests;
mod toolbox;

pub use ats::Ats;
use server::{Door, Server};
use toolbox::Toolbox;

/// One of the four apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum App {
    /// Customers.
    Crm,
    /// A mailbox that can reach the outside.
    Mail,
    /// Environments and what runs in them.
    Deploy,
    /// Documents and pull requests.
    Repo,
}

/// The four apps, running until they are stopped or dropped.
#[derive(Debug)]
pub struct Apps {
    crm: Running,
    mail: Running,
    deploy: Running,
    repo: Running,
    morning: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    url: String,
    secret: Option<String>,
    calls: Arc<AtomicU64>,
}

// === impl App ===

impl App {
    /// All four, in the order of the story.
    pub const ALL: [Self; 4] = [Self::Crm, Self::Mail, Self::Deploy, Self::Repo];

    /// The app's id.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Mail => "mail",
            Self::Deploy => "deploy",
            Self::Repo => "repo",
        }
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Apps ===

impl Apps {
    /// Starts all four on ports the system picks, each with a secret of its own. Call it inside a tokio runtime.
    pub fn start() -> Result<Self, DemoError> {
        Self::start_with(|app| Some(format!("{app}-app-secret-that-no-agent-holds")))
    }

    /// Starts all four with the secrets given; an app without one lets everybody on this machine in.
    pub fn start_with(secret_of: impl Fn(App) -> Option<String>) -> Result<Self, DemoError> {
        let runtime = Handle::try_current().map_err(|_| DemoError::NoRuntime)?;
        let _entered = runtime.enter();
        let mut tasks = JoinSet::new();
        let morning = Arc::new(AtomicBool::new(false));
        let mut open = |app, toolbox| Running::open(app, secret_of(app), toolbox, &mut tasks);
        Ok(Self {
            crm: open(App::Crm, Arc::new(crm::Crm::new()))?,
            mail: open(App::Mail, Arc::new(mail::Mail::new()))?,
            deploy: open(App::Deploy, Arc::new(deploy::Deploy::new()))?,
            repo: open(App::Repo, Arc::new(repo::Repo::new(Arc::clone(&morning))))?,
            morning,
            tasks,
        })
    }

    /// Where an app listens.
    pub fn address(&self, app: App) -> SocketAddr {
        self.running(app).address
    }

    /// An app's MCP endpoint, `http://127.0.0.1:PORT/mcp`.
    pub fn url(&self, app: App) -> &str {
        &self.running(app).url
    }

    /// How many tool calls an app received, failed ones included. Listings and requests without its secret do not count.
    pub fn calls(&self, app: App) -> u64 {
        self.running(app).calls.load(Ordering::SeqCst)
    }

    /// The bearer token an app wants; empty if it wants none.
    pub fn secret(&self, app: App) -> &str {
        self.running(app).secret.as_deref().unwrap_or_default()
    }

    /// From now on `repo` describes `search_documents` in words meant to make an agent misbehave.
    pub fn change_definition_overnight(&self) {
        self.morning.store(true, Ordering::SeqCst);
    }

    /// Closes the ports and every open connection.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    fn running(&self, app: App) -> &Running {
        match app {
            App::Crm => &self.crm,
            App::Mail => &self.mail,
            App::Deploy => &self.deploy,
            App::Repo => &self.repo,
        }
    }
}

// === impl Running ===

impl Running {
    fn open(
        app: App,
        secret: Option<String>,
        toolbox: Arc<dyn Toolbox>,
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, DemoError> {
        let failed = |source| DemoError::Listen { app, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let calls = Arc::new(AtomicU64::new(0));
        let server = Server::new(app, toolbox, Arc::clone(&calls));
        tasks.spawn(server::listen(listener, Door::new(app, secret.as_deref(), server)));
        Ok(Self { address, url: format!("http://{address}/mcp"), secret, calls })
    }
}
