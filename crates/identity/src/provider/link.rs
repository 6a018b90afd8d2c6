//! The way to the provider.

use std::future::Future;
use std::pin::Pin;

use http::{Request, Response};
use model::Fault;

/// Carries one request to the identity provider and brings the answer.
///
/// It goes to the address in the request and nowhere else: no redirect is followed. Of the answer
/// [`model::limits::PROVIDER_ANSWER_BYTES_MAX`] are read at most, and [`model::limits::PROVIDER_TIME_MAX`] is waited for all of it.
pub trait Link: Send + Sync {
    /// Sends it. Error: there is no whole answer (blame `Upstream`).
    fn send(&self, request: Request<Vec<u8>>) -> LinkFuture<'_>;
}

/// What a link gives back.
pub type LinkFuture<'a> = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, Fault>> + Send + 'a>>;
