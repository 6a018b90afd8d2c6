//! A wire, seen from the listener.

use std::future::Future;
use std::pin::Pin;

use http::Response;
use hyper::body::Incoming;

use crate::body::Body;

/// One protocol's incoming half.
pub trait Wire: Send + Sync {
    /// Whether this path is this wire's.
    fn owns(&self, path: &str) -> bool;
    /// Answers one request. Faults are answers, too.
    fn answer(&self, exchange: Exchange) -> WireFuture<'_>;
}

/// What a wire gives back.
pub type WireFuture<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// One request with where it came in.
pub struct Exchange {
    /// The request.
    pub request: http::Request<Incoming>,
}

/// Marks a response (in its extensions) that goes on for as long as its client likes: it is no request in flight.
#[derive(Debug, Clone, Copy)]
pub struct LongLived;
