//! A wire, seen from the listener.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use hyper::body::Incoming;
use model::Digest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::Body;

/// One protocol's incoming half.
pub trait Wire: Send + Sync {
    /// Whether this path is this wire's.
    fn owns(&self, path: &str) -> bool;
    /// Answers one request. Faults are answers, too.
    fn answer(&self, exchange: Exchange) -> WireFuture<'_>;

    /// Whether it answers to the end though the client goes away meanwhile. A change is on record before it is in force: broken off in
    /// between, it would be on record only.
    fn outlives_clients(&self) -> bool {
        false
    }

    /// Places for requests to this path, where somebody who has shown nothing yet may send a body: who sends it slowly takes none of
    /// the listener's.
    fn places(&self, path: &str) -> Option<&Arc<Semaphore>> {
        let _all_of_the_listener = path;
        None
    }
}

/// What a wire gives back.
pub type WireFuture<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// One request with where it came in.
pub struct Exchange {
    /// The request.
    pub request: http::Request<Incoming>,
    /// Its place among the requests in flight. What goes on without its client keeps a clone.
    pub place: Place,
}

/// A place among the requests in flight, free again when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Place {
    _taken: Arc<OwnedSemaphorePermit>,
}

/// Who is at the other end of a TCP connection, in the extensions of a request: a proxy, where one stands in between.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Which client certificate the other end of a TLS connection has, in the extensions of a request: it has proved to hold its private
/// half, and nothing else of the certificate was looked at.
#[derive(Debug, Clone, Copy)]
pub struct PeerCertificate(pub Digest);

/// Marks a response (in its extensions) that goes on for as long as its client likes: it is no request in flight.
#[derive(Debug, Clone, Copy)]
pub struct LongLived;

impl Place {
    /// Shares a place that was taken.
    pub fn new(taken: OwnedSemaphorePermit) -> Self {
        Self { _taken: Arc::new(taken) }
    }
}

/// Those headers that are needed, in memory of their own, for whoever keeps them while an answer is made. As they come they are parts
/// of the connection's buffer, which could not be used again while a call goes on, and one that waits for people goes on for hours.
pub fn off_the_connection(headers: &HeaderMap, needed: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let kept = || headers.iter().filter(|(name, _)| needed(name));
    let (count, bytes) = kept().fold((0, 0), |(count, bytes), (_, value)| (count + 1, bytes + value.len()));
    let mut block = BytesMut::with_capacity(bytes);
    kept().for_each(|(_, value)| block.extend_from_slice(value.as_bytes()));
    let mut block = block.freeze();
    let mut all = HeaderMap::with_capacity(count);
    for (name, value) in kept() {
        // What was a value is one.
        if let Ok(same) = HeaderValue::from_maybe_shared(block.split_to(value.len())) {
            all.append(name.clone(), same);
        }
    }
    all
}

#[cfg(test)]
mod tests;
