//! What the console is given.

use std::pin::Pin;
use std::sync::Arc;

use front::Body;
use http::Response;
use identity::people::{People, Site};
use identity::provider::Provider;
use jiff::tz::TimeZone;
use model::{Clock, Directory, Fault, Human, HumanId, Verdict};
use tlog::Trust;
use trace::LogReader;

use crate::contracts::Contracts;
use crate::emergency::Emergencies;
use crate::holds::Holds;

/// What the console is made of.
pub struct Parts {
    /// Who signs in.
    pub people: Arc<People>,
    /// Who there is.
    pub directory: Arc<dyn Directory>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The zone in which pages show it.
    pub zone: TimeZone,
    /// Opens the trace for reading; questions are bounded.
    pub open: Box<dyn Fn() -> Result<Box<dyn LogReader>, Fault> + Send + Sync>,
    /// The place of the newest record in the trace, as far as it was written since the gateway started.
    pub newest: Box<dyn Fn() -> u64 + Send + Sync>,
    /// What signs the trace; none where nobody has signed it yet.
    pub trust: Box<dyn Fn() -> Option<Trust> + Send + Sync>,
    /// The counts, in the text format that Prometheus reads.
    pub metrics: Box<dyn Fn() -> MetricsFuture + Send + Sync>,
    /// How much goes on.
    pub pulse: Box<dyn Fn() -> Pulse + Send + Sync>,
    /// What waits for people; none where nothing can be held.
    pub holds: Option<Arc<dyn Holds>>,
    /// Times in which calls need no approval; none where nothing can be held.
    pub emergencies: Option<Arc<dyn Emergencies>>,
    /// Contracts with vendors; none where there is no such page.
    pub contracts: Option<Arc<dyn Contracts>>,
    /// Who sees everything.
    pub readers: Readers,
    /// The organisation's identity provider, where people sign in with it.
    pub provider: Option<Arc<Provider>>,
    /// Where people's passkeys are good.
    pub site: Site,
    /// Whether browsers reach it over https: then the cookie is bound to that.
    pub secure: bool,
    /// The port it listens on, which a cookie's name carries: cookies do not know ports.
    pub port: u16,
}

/// The counts on their way.
pub type MetricsFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, Fault>> + Send>>;

/// Who sees everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readers {
    /// By role.
    pub roles: Vec<String>,
    /// By person.
    pub people: Vec<HumanId>,
}

/// How much goes on.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    /// Calls under way.
    pub under_way: u64,
    /// Calls decided since the gateway started, by verdict.
    pub decided: Vec<(Verdict, u64)>,
}

// === impl Readers ===

impl Default for Readers {
    fn default() -> Self {
        Self { roles: ["auditor", "security"].map(str::to_owned).to_vec(), people: Vec::new() }
    }
}

impl Readers {
    /// Whether this person is one.
    pub fn admit(&self, human: &Human) -> bool {
        self.people.contains(&human.id) || human.role.as_ref().is_some_and(|role| self.roles.contains(role))
    }
}
