//! What comes with a request.

use bytes::Bytes;
use front::Place;
use hyper::body::Incoming;
use model::Fault;
use model::limits::FORM_BYTES_MAX;

/// A body that is on its way, with the place of its request.
pub(crate) struct Sent {
    body: Incoming,
    place: Place,
}

// === impl Sent ===

impl Sent {
    pub(crate) fn new(body: Incoming, place: Place) -> Self {
        Self { body, place }
    }

    /// All of it. Error: it is too large, or too slow.
    pub(crate) async fn read(self) -> Result<Bytes, Fault> {
        self.place.read(self.body, FORM_BYTES_MAX).await
    }
}
