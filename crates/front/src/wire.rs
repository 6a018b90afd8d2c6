//! A wire, seen from the listener.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use hyper::body::Incoming;
use model::{Digest, Fault, TraceParent, VendorId};
use tokio::sync::OwnedSemaphorePermit;

use crate::body::{Body, read_body, too_slow};
use crate::places::Places;
use crate::strangers::Strangers;

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

    /// Places for requests in which somebody who has shown nothing yet may send a body: who sends it slowly takes none of the
    /// listener's. Such a body is read with [`Place::read`].
    fn places(&self, method: &Method, path: &str) -> Option<&Arc<Strangers>> {
        let _all_of_the_listener = (method, path);
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

/// A place among the requests in flight, free again when the last clone is dropped or it is given back.
#[derive(Debug, Clone)]
pub struct Place {
    taken: Arc<Taken>,
}

#[derive(Debug)]
struct Taken {
    /// None while a stranger's body is read, and where the place was given to somebody else meanwhile.
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    of: Of,
    /// One of a vendor's share, where the request is a vendor's.
    share: Mutex<Option<OwnedSemaphorePermit>>,
}

/// Whose places these are.
#[derive(Debug)]
enum Of {
    All(Arc<Places>),
    Strangers(Arc<Strangers>),
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
    /// One of all.
    pub(crate) fn take(places: &Arc<Places>) -> Option<Self> {
        Some(Self::new(places.take()?, Of::All(Arc::clone(places))))
    }

    /// One of those for strangers.
    pub(crate) fn of(strangers: &Arc<Strangers>) -> Option<Self> {
        Some(Self::new(strangers.take()?, Of::Strangers(Arc::clone(strangers))))
    }

    fn new(permit: OwnedSemaphorePermit, of: Of) -> Self {
        Self { taken: Arc::new(Taken { permit: Mutex::new(Some(permit)), of, share: Mutex::default() }) }
    }

    /// The request is this vendor's, and counts among its share to its end. Said as soon as that is known, and before its body is read.
    /// Error: the vendor has as many in flight as it may (blame `Caller`).
    pub fn of_vendor(&self, vendor: &VendorId) -> Result<(), Fault> {
        if let Of::All(places) = &self.taken.of {
            let mut share = self.share();
            if share.is_none() {
                *share = Some(places.take_share(vendor)?);
            }
        }
        Ok(())
    }

    /// Makes it free, whoever keeps a clone: the request goes on, and is none of those in flight from now on.
    pub fn give_back(&self) {
        drop(self.permit().take());
        drop(self.share().take());
    }

    /// Reads the body of the request that has this place, as [`read_body`] does. Error: also `caller.too_slow` (408), where the place
    /// is one of strangers and somebody else had to have it.
    pub async fn read(&self, body: Incoming, bytes_max: usize) -> Result<Bytes, Fault> {
        let Of::Strangers(strangers) = &self.taken.of else { return read_body(body, bytes_max).await };
        let permit = self.permit().take().ok_or_else(too_slow)?;
        let (read, permit) = strangers.read(permit, body, bytes_max).await?;
        *self.permit() = Some(permit);
        Ok(read)
    }

    fn permit(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.taken.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn share(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.taken.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client's span that a request is part of, as its `traceparent` says. None: it says nothing, several things, or nothing that the
/// standard has one take for such.
pub fn trace_parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all(TRACE_PARENT).iter();
    let (one, None) = (all.next()?, all.next()) else { return None };
    TraceParent::parse(one.to_str().ok()?)
}

/// The header of [`trace_parent`].
pub const TRACE_PARENT: &str = "traceparent";

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
