//! Which credential goes on what leaves over a link.

use decide::{Permit, Placed, SendFault, Trail};
use http::HeaderName;
use model::{Fault, Secret};

use super::{Link, Transport};

impl Link {
    /// The credential for what the gateway asks in its own name.
    pub(super) fn own_header(&self) -> Result<Option<(HeaderName, Secret<String>)>, Fault> {
        match &self.transport {
            Transport::Http(_) => self.credentials.own_header(&self.permit),
            Transport::Child(_) => Ok(None),
        }
    }

    /// The credential to put on one call. Notes where it is kept, and what is spoken.
    pub(super) fn put_on(
        &self,
        permit: &Permit,
        trail: &Trail,
    ) -> Result<Option<(HeaderName, Secret<String>)>, SendFault> {
        let placed = match &self.transport {
            Transport::Http(_) => self.credentials.header(permit).map_err(SendFault::before)?,
            Transport::Child(_) => None,
        };
        let source = placed.as_ref().map(|placed| &placed.source).or(self.has.as_ref()).cloned();
        trail.note(|seen| (seen.wire, seen.credential) = (Some(self.agreed.revision.wire()), source));
        Ok(placed.map(|placed| (placed.name, placed.value)))
    }
}

/// Where these credentials are kept, in words.
pub(super) fn kept_at(placed: &[Placed<String>]) -> Option<String> {
    let sources: Vec<&str> = placed.iter().map(|placed| placed.source.as_str()).collect();
    (!sources.is_empty()).then(|| sources.join(", "))
}
