//! A client that is kept waiting while people decide about its call: to it the tool is slow.
//!
//! Its response becomes a stream of events, so that a connection that carries nothing is not taken for dead, and progress
//! goes to a client that asked for it. What waits takes no place among the requests in flight, so many of each agent.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use engine::{Disposition, Held, Looked, Waiter, WaiterFuture, WaitsFor};
use front::Place;
use http::{HeaderMap, header};
use json::Document;
use model::limits::HOLDS_PER_AGENT_MAX;
use model::{AgentId, ArgumentLevel, Fault, HoldId, Method, ReadArguments, ToolName};
use tokio::time::{Interval, MissedTickBehavior};

use crate::app_link::{AppLink, Pair};
use crate::hub::Hub;
use crate::session::Question;
use crate::shares::{self, Places};
use crate::tasks::HeldTask;
use crate::upstream::{Along, Asked, Client};

/// How a request waits.
#[derive(Clone)]
pub struct Patience {
    /// Its place among the requests in flight, until it waits.
    pub place: Option<Yielding>,
    /// Whether its response can be a stream of events.
    pub streams: bool,
    /// How long it can wait, where that is not as long as the gateway lets its clients wait.
    pub time_max: Option<Duration>,
    /// Whether it becomes a task where it has to wait.
    pub task: bool,
    /// Whether its client has not been shown yet where the call stands, and can be.
    pub shows: bool,
}

/// Requests that wait without a place among those in flight, so many of each agent. Any other is not kept waiting: however many wait for
/// the same call, each of them takes memory.
pub type Away = Places<AgentId>;

/// A request that waits without a place in flight, until this is dropped.
pub type Yielded = shares::Place<AgentId>;

/// Nobody waits yet.
pub fn away() -> Arc<Away> {
    Away::for_each(AWAY_PER_AGENT_MAX)
}

/// A place that is given back where its request waits.
#[derive(Clone)]
pub struct Yielding {
    place: Place,
    agent: AgentId,
    away: Arc<Away>,
}

/// One call that may have to wait.
pub(crate) struct Queue {
    pub(crate) patience: Patience,
    /// Its place was given back; none where it has none or could not give it back, and nobody is kept waiting.
    pub(crate) yielded: OnceLock<Option<Yielded>>,
    pub(crate) along: Along,
    pub(crate) hub: Arc<Hub>,
    pub(crate) link: Arc<AppLink>,
    pub(crate) pair: Pair,
    pub(crate) asked: Asked,
    pub(crate) name: ToolName,
    pub(crate) arguments: Option<Bytes>,
    pub(crate) disposition: OnceLock<Disposition>,
    pub(crate) waits_for: OnceLock<WaitsFor>,
    /// Whether it can be made again of what is kept of it.
    pub(crate) plain: bool,
    /// What the agent says of it, until somebody asks.
    pub(crate) said: Mutex<Option<String>>,
    /// Where everybody sees how a call stands.
    pub(crate) page: Page,
    /// What the client was asked to open.
    pub(crate) question: OnceLock<Question>,
    /// When the client is told again that it waits.
    pub(crate) says: OnceLock<tokio::sync::Mutex<Interval>>,
}

/// The address of the page that says how a call stands; none where there are no pages.
pub(crate) type Page = Box<dyn Fn(&HoldId) -> Option<String> + Send + Sync>;

impl Patience {
    /// For a request that cannot wait.
    pub fn none() -> Self {
        Self { place: None, streams: false, time_max: Some(Duration::ZERO), task: false, shows: false }
    }

    /// For a request of 2026-07-28 whose client opens addresses: it is shown one at once, and waits when it comes back.
    pub fn shown(self) -> Self {
        Self { time_max: Some(Duration::ZERO), shows: true, ..self }
    }

    /// For a request that becomes a task where it has to wait: its client is told so at once.
    pub fn or_task(self) -> Self {
        Self { time_max: Some(Duration::ZERO), task: true, ..self }
    }

    /// For a task, which waits as long as there is anything to wait for.
    pub fn of_task() -> Self {
        Self { time_max: Some(WITHOUT_END), ..Self::none().or_task() }
    }

    /// For a request with this place.
    pub fn of(place: Yielding, headers: &HeaderMap) -> Self {
        Self { place: Some(place), streams: takes_events(headers), time_max: None, task: false, shows: false }
    }

    /// For a request with this place, whose client comes back for the stream of its response, and was shown everything before.
    pub fn of_stream(place: Yielding) -> Self {
        Self { place: Some(place), streams: true, time_max: None, ..Self::none() }
    }
}

impl Yielding {
    /// The place of a request of this agent.
    pub fn new(place: Place, agent: AgentId, away: Arc<Away>) -> Self {
        Self { place, agent, away }
    }

    /// Gives it back. None: so many of its agent wait without one that no other may.
    pub fn yields(&self) -> Option<Yielded> {
        self.away.take(&self.agent).ok().inspect(|_| self.place.give_back())
    }
}

/// Says so at once, and then every ten seconds.
fn says() -> tokio::sync::Mutex<Interval> {
    let mut says = tokio::time::interval(SAY_EVERY);
    says.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::sync::Mutex::new(says)
}

impl Queue {
    /// Whether it is not kept waiting, for so many of its agent wait already.
    pub(crate) fn is_turned_away(&self) -> bool {
        matches!(self.yielded.get(), Some(None))
    }

    /// Shows the client of a session where its call stands, if it opens addresses. Its answer changes nothing.
    fn show(&self, held: &Held) {
        let Client::Legacy(session) = self.along.client() else { return };
        let wanted = self.patience.shows && held.waits_for == WaitsFor::People;
        let Some(url) = (self.page)(&held.id).filter(|_| wanted) else { return };
        let params = Bytes::from(status_question(&url, Some(&held.id)).to_string());
        let question = session.question(Method::Elicit, Some(&params));
        self.along.say(question.message());
        let _first = self.question.set(question);
    }

    /// The app as it is configured now: another profile reads and ranks the same tool in another way. None: it is there no more.
    fn link(&self) -> Option<Arc<AppLink>> {
        self.hub.app(&self.link.spec.id)
    }

    async fn look(&self) -> Result<Option<Looked>, Fault> {
        let Some(link) = self.link() else { return Ok(None) };
        let meaning = Some(link.spec.meaning(self.asked, &self.name));
        if self.asked != Asked::Tool {
            let tool = self.hub.facts_of(&link, self.asked, self.name.clone(), &self.pair).await;
            return Ok(Some(Looked { tool, listed_at: Hub::listed_at(&link, self.asked, &self.pair), meaning }));
        }
        let catalog = link.tools(Some(&self.pair)).await?;
        let Some(listed) = catalog.what.tool(self.name.as_str()) else { return Ok(None) };
        let Ok(document) = self.arguments.as_deref().map(Document::parse).transpose() else { return Ok(None) };
        let arguments = document.as_ref().map(Document::root);
        let tool = self.hub.assess(&link.spec.id, &link, listed, arguments).facts;
        Ok(Some(Looked { tool, listed_at: Some(catalog.at()), meaning }))
    }
}

impl Waiter for Queue {
    fn said(&self) -> Option<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn waits(&self, held: &Held) {
        let _once = self.waits_for.set(held.waits_for);
        self.along.held(HeldTask::of(&held.id, self.plain));
        if self.patience.time_max.is_none() {
            let _once = self.yielded.set(self.patience.place.as_ref().and_then(Yielding::yields));
        }
        if self.patience.streams && self.time_max().is_none() {
            self.along.waits();
            self.show(held);
        }
    }

    fn gone(&self) -> WaiterFuture<'_, ()> {
        Box::pin(async {
            let mut says = self.says.get_or_init(says).lock().await;
            loop {
                tokio::select! {
                    biased;
                    () = self.along.cancelled() => return,
                    _ = says.tick() => self.along.still_waits(match self.waits_for.get() {
                        Some(WaitsFor::Fact) => "waits for a fact that is missing",
                        _ => "waits for approval by a person",
                    }),
                }
            }
        })
    }

    fn look_again(&self) -> WaiterFuture<'_, Result<Option<Looked>, Fault>> {
        Box::pin(self.look())
    }

    fn reader(&self) -> Option<Arc<dyn ReadArguments>> {
        self.link().filter(|_| self.asked == Asked::Tool).map(|link| link.reader(&self.name))
    }

    fn kept(&self) -> Option<ArgumentLevel> {
        self.link().map(|link| link.kept())
    }

    fn ended(&self, disposition: Disposition) {
        let _once = self.disposition.set(disposition);
    }

    fn time_max(&self) -> Option<Duration> {
        if self.is_turned_away() { Some(Duration::ZERO) } else { self.patience.time_max }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Whoever opened the page knows that there is nothing more to see.
        let Some(held) = self.along.held_as().filter(|_| self.question.get().is_some()) else { return };
        let done = serde_json::json!({
            "jsonrpc": "2.0",
            "method": "notifications/elicitation/complete",
            "params": { "elicitationId": held.hold },
        });
        self.along.say(Bytes::from(done.to_string()));
    }
}

/// The question to open the page that says how a call stands. 2025-11-25 wants an id in it.
pub fn status_question(url: &str, id: Option<&HoldId>) -> serde_json::Value {
    let mut params = serde_json::json!({
        "mode": "url",
        "url": url,
        "message": "This call waits until another person has approved it. The page says how it stands, and asks nothing.",
    });
    if let (Some(id), Some(params)) = (id, params.as_object_mut()) {
        params.insert("elicitationId".to_owned(), id.as_str().into());
    }
    params
}

/// Whether the response may be a stream of events.
fn takes_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT);
    let takes = |kind: &str| kind.contains("text/event-stream") || kind.contains("text/*") || kind.contains("*/*");
    accepted.iter().next().is_none() || accepted.iter().filter_map(|value| value.to_str().ok()).any(takes)
}

/// Longer than anything waits for people.
const WITHOUT_END: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const SAY_EVERY: Duration = Duration::from_secs(10);
/// Requests of one agent that wait without a place: several for each call of it that may wait for people.
const AWAY_PER_AGENT_MAX: usize = 4 * HOLDS_PER_AGENT_MAX;

#[cfg(test)]
mod tests;
