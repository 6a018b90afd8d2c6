//! What is known of an app's secrets at the moment of looking: while a call waits or is under way, its credential may be renewed.

use std::sync::Arc;

use decide::{Credentials, Scrub};
use model::AppId;

/// Takes out whatever is a secret of the app by now.
pub struct Latest {
    credentials: Arc<dyn Credentials>,
    app: AppId,
}

// === impl Latest ===

impl Latest {
    /// Of this app.
    pub fn of(credentials: &Arc<dyn Credentials>, app: &AppId) -> Arc<dyn Scrub> {
        Arc::new(Self { credentials: Arc::clone(credentials), app: app.clone() })
    }
}

impl Scrub for Latest {
    fn scrub(&self, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        self.credentials.scrubber(&self.app).scrub(bytes)
    }

    fn reach(&self) -> usize {
        self.credentials.scrubber(&self.app).reach()
    }
}
