//! One app: its link, made when it is needed, and what it offers.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use decide::{Answer, Outgoing, Permit, SendFault, Upstream, UpstreamFuture};
use engine::Engine;
use model::limits::CHILD_STARTS_MAX;
use model::{Blame, Fault, UnixMicros};
use tokio::sync::Mutex;

use crate::catalog::Catalog;
use crate::hub::{AppSpec, Target};
use crate::kept::{Kept, Said};
use crate::upstream::{Along, Asked, Link, ListOf};

/// One app.
pub(crate) struct AppLink {
    pub(crate) spec: AppSpec,
    engine: Engine,
    link: ArcSwapOption<Link>,
    connecting: Mutex<Tries>,
    tools: Kept<Catalog>,
    resources: Kept<Vec<Bytes>>,
    templates: Kept<Vec<Bytes>>,
    prompts: Kept<Vec<Bytes>>,
}

/// The outgoing half of one call: spends its permit on the link of its app.
pub(crate) struct Carried {
    /// The app.
    pub(crate) to: Arc<AppLink>,
    /// What is asked of it.
    pub(crate) asked: Asked,
    /// Where what it says meanwhile goes.
    pub(crate) along: Along,
}

/// Failed tries, so that a dead app costs its callers little.
#[derive(Default)]
struct Tries {
    failed: u32,
    not_before: Option<UnixMicros>,
    said: Option<(Blame, &'static str, String, Option<String>)>,
}

impl AppLink {
    pub(crate) fn new(spec: AppSpec, engine: Engine) -> Arc<Self> {
        Arc::new(Self {
            spec,
            engine,
            link: ArcSwapOption::empty(),
            connecting: Mutex::default(),
            tools: Kept::default(),
            resources: Kept::default(),
            templates: Kept::default(),
            prompts: Kept::default(),
        })
    }

    /// The tools, if they were asked for not too long ago.
    pub(crate) fn fresh_tools(&self) -> Option<Arc<Said<Catalog>>> {
        self.tools.fresh(self.engine.clock().as_ref(), self.engine.limits().catalog_age_max)
    }

    /// The tools.
    pub(crate) async fn tools(&self) -> Result<Arc<Said<Catalog>>, Fault> {
        let ask = async { Ok(Catalog::read(&self.spec.id, &self.ask_list(ListOf::Tools).await?)) };
        self.tools.get(self.engine.clock().as_ref(), self.engine.limits().catalog_age_max, ask).await
    }

    /// The tools, asked again unless `seen` is very young: a name that is not in them may be new.
    pub(crate) async fn tools_after(&self, seen: &Arc<Said<Catalog>>) -> Result<Arc<Said<Catalog>>, Fault> {
        self.tools.outdate(seen, self.engine.clock().as_ref(), ASK_AGAIN_AFTER);
        self.tools().await
    }

    /// Resources, templates or prompts, exactly as the app sent them.
    pub(crate) async fn listed(&self, what: ListOf) -> Result<Arc<Said<Vec<Bytes>>>, Fault> {
        let kept = match what {
            ListOf::Resources => &self.resources,
            ListOf::Templates => &self.templates,
            ListOf::Tools | ListOf::Prompts => &self.prompts,
        };
        kept.get(self.engine.clock().as_ref(), self.engine.limits().catalog_age_max, self.ask_list(what)).await
    }

    /// Lets everything be asked for again.
    pub(crate) fn forget(&self) {
        self.tools.forget();
        self.resources.forget();
        self.templates.forget();
        self.prompts.forget();
    }

    async fn ask_list(&self, what: ListOf) -> Result<Vec<Bytes>, Fault> {
        let link = self.link().await?;
        let listing = tokio::time::timeout(self.engine.limits().connect_time_max, link.list(what));
        listing.await.map_err(|_| self.too_slow())?
    }

    /// The link, made anew if there is none. A try that just failed is not repeated at once.
    async fn link(&self) -> Result<Arc<Link>, Fault> {
        if let Some(link) = self.link.load_full().filter(|link| link.alive()) {
            return Ok(link);
        }
        let mut tries = self.connecting.lock().await;
        if let Some(link) = self.link.load_full().filter(|link| link.alive()) {
            return Ok(link);
        }
        let now = self.engine.clock().now();
        if let (Some(not_before), Some((blame, code, said, hint))) = (tries.not_before, &tries.said)
            && now < not_before
        {
            let fault = Fault::new(*blame, code, said.clone()).retryable();
            return Err(match hint {
                Some(hint) => fault.hint(hint.clone()),
                None => fault,
            });
        }
        let connecting = tokio::time::timeout(self.engine.limits().connect_time_max, self.connect());
        match connecting.await.unwrap_or_else(|_| Err(self.too_slow())) {
            Ok(link) => {
                *tries = Tries::default();
                let link = Arc::new(link);
                self.link.store(Some(Arc::clone(&link)));
                tracing::info!(app = %self.spec.id, revision = link.revision(), "an app is connected");
                Ok(link)
            }
            Err(fault) => {
                tries.failed = tries.failed.saturating_add(1);
                let pause = if tries.failed >= CHILD_STARTS_MAX { PAUSE_LONG } else { PAUSE_SHORT };
                let micros = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
                tries.not_before = Some(UnixMicros(self.engine.clock().now().0.saturating_add(micros)));
                tries.said = Some((fault.blame(), fault.code(), fault.to_string(), fault.way_out().map(str::to_owned)));
                tracing::warn!(app = %self.spec.id, ?fault, "an app could not be connected");
                Err(fault)
            }
        }
    }

    async fn connect(&self) -> Result<Link, Fault> {
        let credentials = Arc::clone(self.engine.credentials());
        let limits = self.engine.limits().clone();
        match &self.spec.target {
            Target::Http(url) => {
                let permit = self.engine.permit_link(&self.spec.id, &url.to_string()).await?;
                Link::over_http(url.clone(), permit, credentials, limits).await
            }
            Target::Child(child) => {
                let permit = self.engine.permit_link(&self.spec.id, &child.program.display().to_string()).await?;
                Link::to_child(child, permit, credentials, limits).await
            }
        }
    }

    fn too_slow(&self) -> Fault {
        let seconds = self.engine.limits().connect_time_max.as_secs();
        Fault::new(Blame::Upstream, "upstream.connect_timeout", format!("it did not say what it offers within {seconds} s"))
            .hint("`countersign doctor` tries it and shows what it says; raise `limits.connect_seconds_max` if it needs longer")
            .retryable()
    }

    pub(crate) async fn stop(&self) {
        if let Some(link) = self.link.swap(None) {
            link.stop().await;
        }
    }
}

impl Upstream for Carried {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        Box::pin(self.carry(permit, call))
    }
}

impl Carried {
    async fn carry(&self, permit: Permit, call: Outgoing) -> Result<Answer, SendFault> {
        let link = self.to.link().await.map_err(SendFault::before)?;
        link.call(permit, call, self.asked, &self.along).await
    }
}

const ASK_AGAIN_AFTER: Duration = Duration::from_secs(2);
const PAUSE_SHORT: Duration = Duration::from_secs(1);
const PAUSE_LONG: Duration = Duration::from_secs(30);
