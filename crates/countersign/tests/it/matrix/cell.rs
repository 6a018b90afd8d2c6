//! One cell of the matrix: a client of one revision on one transport, before a stage.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testkit::{Participant, Revision};

use super::features::Feature;
use super::stage::Stage;
use crate::kit::at;

/// How messages travel on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Http,
    Stdio,
}

/// A client before a stage. It is the same for all features, until one fails.
pub(super) struct Cell<'s> {
    pub(super) stage: &'s Stage,
    pub(super) revision: Revision,
    pub(super) front: Transport,
    client: Option<Participant>,
    /// Whether forms are declined.
    declines: Arc<AtomicBool>,
    /// How many lines of the upstream's record are older than this look.
    seen: usize,
    /// How long it waits for what should come.
    patience: Duration,
}

// === impl Transport ===

impl Transport {
    pub(super) const ALL: [Self; 2] = [Self::Http, Self::Stdio];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Stdio => "stdio",
        }
    }
}

// === impl Cell ===

impl<'s> Cell<'s> {
    pub(super) fn new(stage: &'s Stage, revision: Revision, front: Transport) -> Self {
        Self { stage, revision, front, client: None, declines: Arc::default(), seen: 0, patience: PATIENCE }
    }

    /// Whether a feature works, and if not, what was said. For what is known not to work it does not wait long.
    pub(super) fn look(&mut self, feature: &Feature, hopeful: bool) -> Result<()> {
        self.patience = if hopeful { PATIENCE } else { IMPATIENCE };
        let looked = self.prepare().and_then(|()| (feature.check)(self));
        let violations = self.client.as_ref().map(Participant::violations).unwrap_or_default();
        self.declines.store(false, Ordering::Relaxed);
        let looked = match violations.as_slice() {
            [] => looked,
            some => Err(anyhow::anyhow!("{VIOLATED}: {}", some.join("; "))),
        };
        if looked.is_err() {
            self.client = None;
        }
        looked
    }

    fn prepare(&mut self) -> Result<()> {
        self.seen = self.stage.heard()?.len();
        match &self.client {
            Some(client) => client.forget(),
            None => self.client = Some(self.fresh(everything(self.revision))?),
        }
        self.client()?.be_patient_for(self.patience);
        Ok(())
    }

    /// The client of this cell: it has declared and answers everything.
    pub(super) fn client(&self) -> Result<&Participant> {
        self.client.as_ref().context("there is no client")
    }

    /// Another client of the same person that declares this.
    pub(super) fn fresh(&self, capabilities: Value) -> Result<Participant> {
        let client = self.stage.client(self.revision, self.front)?;
        self.prepared(client, capabilities)
    }

    /// A client of somebody else; none where there is nobody else.
    pub(super) fn stranger(&self) -> Result<Option<Participant>> {
        let stranger = self.stage.stranger(self.revision, self.front)?;
        stranger.map(|client| self.prepared(client, everything(self.revision))).transpose()
    }

    fn prepared(&self, client: Participant, capabilities: Value) -> Result<Participant> {
        let declines = Arc::clone(&self.declines);
        let client = client
            .declaring(capabilities)
            .answering("elicitation/create", move |params| match at(params, "/mode") {
                _ if declines.load(Ordering::Relaxed) => json!({"action": "decline"}),
                "url" => json!({"action": "accept"}),
                _ => json!({"action": "accept", "content": {"name": "Ada"}}),
            })
            .answering("sampling/createMessage", |_| {
                let content = json!({"type": "text", "text": "indeed"});
                json!({"role": "assistant", "model": "small-1", "stopReason": "endTurn", "content": content})
            })
            .answering("roots/list", |_| json!({"roots": [{"uri": "file:///work", "name": "work"}]}));
        client.be_patient_for(self.patience);
        client.start().context("the client does not start")?;
        Ok(client)
    }

    /// From now on until the end of this look, forms are declined.
    pub(super) fn decline(&self) {
        self.declines.store(true, Ordering::Relaxed);
    }

    /// What the upstream has written down since this look began.
    pub(super) fn upstream_heard(&self) -> Result<Vec<Value>> {
        Ok(self.stage.heard()?.split_off(self.seen))
    }

    /// The revision of the server.
    pub(super) fn upstream(&self) -> Revision {
        self.stage.upstream
    }

    /// Looks again and again until it is so, a third of its patience long.
    pub(super) fn until(&self, what: &str, mut so: impl FnMut() -> Result<bool>) -> Result<()> {
        for _look in 0..self.patience.as_millis() / 3 / LOOK.as_millis() {
            if so()? {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        bail!("it never came to pass: {what}")
    }

    /// A word that was not used before.
    pub(super) fn tag(&self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        format!("tag-{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (client, front) = (self.revision, self.front.as_str());
        write!(f, "{client} {front} -> {} {}", self.stage.upstream, self.stage.back.as_str())
    }
}

/// All that a client of this revision can declare.
pub(super) fn everything(revision: Revision) -> Value {
    let mut all = json!({"sampling": {}, "roots": {"listChanged": true}});
    let Some(members) = all.as_object_mut() else { return all };
    match revision {
        Revision::March2025 => {}
        Revision::June2025 => {
            members.insert("elicitation".to_owned(), json!({}));
        }
        Revision::November2025 | Revision::July2026 => {
            members.insert("elicitation".to_owned(), json!({"form": {}, "url": {}}));
        }
    }
    if revision.modern() {
        members.insert("roots".to_owned(), json!({}));
        members.insert("extensions".to_owned(), json!({"io.modelcontextprotocol/tasks": {}}));
    }
    all
}

/// Fails unless two things are the same.
pub(super) fn same(what: &str, found: &Value, wanted: &Value) -> Result<()> {
    if found != wanted {
        bail!("{what}: {found} and not {wanted}");
    }
    Ok(())
}

/// Fails, with what was found, unless it is so.
pub(super) fn ensure(so: bool, what: &str, found: &impl fmt::Debug) -> Result<()> {
    if !so {
        bail!("{what}: {found:?}");
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(30);
const IMPATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);
/// How a broken rule of a revision is told.
pub(super) const VIOLATED: &str = "the server did what the revision forbids";
