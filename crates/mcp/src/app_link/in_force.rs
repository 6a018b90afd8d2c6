//! Credentials of an app, for as long as it is in the configuration as its links were made for it.

use std::sync::Arc;

use decide::{Credentials, LinkPermit, Permit, Placed, Scrub};
use http::HeaderName;
use model::{AppId, Blame, Fault, Secret};
use tokio_util::sync::CancellationToken;

/// Credentials are kept by app, wherever it is: what the configuration names for an address of now must not go to one of before.
pub(super) struct InForce {
    pub(super) all: Arc<dyn Credentials>,
    pub(super) gone: CancellationToken,
}

/// The fault of a call that would go where its app is no more.
pub(super) fn moved() -> Fault {
    let said = "the app is configured in another way by now than when this was asked";
    Fault::new(Blame::Operator, "operator.app_replaced", said).hint("call again from the start").retryable()
}

impl InForce {
    // INVARIANT: it is looked at behind the credential: an app goes before those credentials come that are not for it
    // (`after_a_reload_nothing_goes_where_an_app_was`).
    fn still<T>(&self, placed: T) -> Result<T, Fault> {
        if self.gone.is_cancelled() { Err(moved()) } else { Ok(placed) }
    }
}

impl Credentials for InForce {
    fn header(&self, permit: &Permit) -> Result<Option<Placed<HeaderName>>, Fault> {
        self.still(self.all.header(permit)?)
    }

    fn own_header(&self, permit: &LinkPermit) -> Result<Option<(HeaderName, Secret<String>)>, Fault> {
        self.still(self.all.own_header(permit)?)
    }

    fn environment(&self, permit: &LinkPermit) -> Result<Vec<Placed<String>>, Fault> {
        self.still(self.all.environment(permit)?)
    }

    fn named(&self, app: &AppId) -> Option<String> {
        self.all.named(app)
    }

    fn scrubber(&self, app: &AppId) -> Arc<dyn Scrub> {
        self.all.scrubber(app)
    }
}
