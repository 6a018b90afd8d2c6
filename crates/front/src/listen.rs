//! Listeners: one loop for TCP, one for Unix sockets; TCP with TLS where there is a certificate.
//!
//! HTTP/2 is spoken where TLS is and the client asks for it (ALPN), and nowhere else: who speaks in the clear is on this machine, or
//! a proxy, and a connection whose protocol is guessed from its first bytes is one more thing that two sides can read differently.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use model::{AppId, Blame, Fault, in_place};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::AbortHandle;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::body::{Body, holding, json_response, refusal};
use crate::guests::{Guest, Guests, Seat};
use crate::origin::Origins;
use crate::places::Places;
use crate::tls::{Accepted, Tls};
use crate::wire::{Exchange, LongLived, Peer, PeerCertificate, Place, Wire};
use unread::Unread;

mod http2;
mod unread;

/// Everything a listener needs to answer a request.
pub struct Front {
    /// Tokens; none where nobody needs one.
    pub access: Option<Arc<Access>>,
    /// Names and pages that are ours; none on a Unix socket, which no page can reach.
    pub origins: Option<Origins>,
    /// The wires, asked in order.
    pub wires: Vec<Arc<dyn Wire>>,
    /// How many requests may be in flight at once.
    pub in_flight: Arc<Places>,
}

impl Front {
    /// Answers one request. Total: every fault is an answer.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if let Some(origins) = &self.origins
            && let Err(fault) = origins.check(request.headers(), request.uri())
        {
            return refusal(&fault);
        }
        let path = request.uri().path();
        if let Some(rest) = path.strip_prefix("/.well-known/oauth-protected-resource") {
            return self.metadata(rest);
        }
        if path == "/healthz" {
            return json_response(http::StatusCode::OK, r#"{"status":"ok"}"#);
        }
        let Some(wire) = self.wires.iter().find(|wire| wire.owns(path)) else {
            let said = format!("there is nothing at `{path}`");
            return refusal(
                &Fault::new(Blame::Caller, "caller.unknown_path", said)
                    .hint("the MCP endpoints are `/mcp` and `/mcp/{app}`"),
            );
        };
        let place = match wire.places(request.method(), path) {
            Some(strangers) => Place::of(strangers),
            None => Place::take(&self.in_flight),
        };
        let Some(place) = place else {
            let fault = Fault::new(Blame::Operator, "gateway.busy", "too many requests are in flight").retryable();
            let mut response = refusal(&fault);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return response;
        };
        let exchange = Exchange { request, place: place.clone() };
        let response =
            if wire.outlives_clients() { to_the_end(wire, exchange).await } else { wire.answer(exchange).await };
        if response.extensions().get::<LongLived>().is_some() {
            return response;
        }
        response.map(|body| holding(body, place))
    }

    fn metadata(&self, rest: &str) -> Response<Body> {
        let app = rest.strip_prefix("/mcp/").map(AppId::parse);
        match (&self.access, rest, app) {
            (Some(access), "" | "/mcp", _) => access.resource_metadata(None),
            (Some(access), _, Some(Ok(app))) => access.resource_metadata(Some(&app)),
            _ => refusal(&Fault::new(Blame::Caller, "caller.unknown_path", "no such protected resource")),
        }
    }
}

/// An open address.
pub struct Port {
    /// Where clients come in.
    pub listener: TcpListener,
    /// How many connections are kept at once; a part of them of those who have shown nothing yet.
    pub connections_max: usize,
}

/// Serves TCP until `stop`, then lets open requests finish within `drain`.
pub async fn serve_tcp(port: Port, front: Arc<Front>, stop: CancellationToken, drain: Duration) {
    serve(port, None, front, stop, drain).await;
}

/// Serves TCP with TLS until `stop`, then lets open requests finish within `drain`.
pub async fn serve_tls(port: Port, tls: Tls, front: Arc<Front>, stop: CancellationToken, drain: Duration) {
    serve(port, Some(tls), front, stop, drain).await;
}

async fn serve(port: Port, tls: Option<Tls>, front: Arc<Front>, stop: CancellationToken, drain: Duration) {
    let Port { listener, connections_max } = port;
    let graceful = GracefulShutdown::new();
    let (guests, shaking) = (Guests::new(connections_max), Guests::of_strangers(HANDSHAKES_MAX));
    let mut said = Seldom::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(seat) = guests.take() else {
                    if said.is_time().await {
                        tracing::warn!(connections_max, "too many connections are open: one was closed");
                    }
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let from = From { peer: Some(Peer(peer)), certificate: None, guest: Some(seat.guest()) };
                let (front, watcher) = (Arc::clone(&front), graceful.watcher());
                match &tls {
                    None => drop(seated(seat, &guests, move || connection(stream, front, watcher, from))),
                    // Of those who do not go on with a handshake, the next one who begins closes the oldest.
                    Some(tls) => {
                        let Some(place) = shaking.take() else { continue };
                        let (id, tls, stop) = (place.id(), tls.clone(), stop.clone());
                        let shaken = move || after_handshake(stream, tls, (place, stop), front, watcher, from);
                        shaking.ends(id, seated(seat, &guests, shaken));
                    }
                }
            }
            Err(error) => out_of_descriptors(&error, &mut said).await,
        }
    }
    let _ = tokio::time::timeout(drain, graceful.shutdown()).await;
}

/// Serves a Unix socket until `stop`. Peers of another user are turned away (`allowed_uid`).
pub async fn serve_unix(
    listener: UnixListener,
    front: Arc<Front>,
    allowed_uid: u32,
    stop: CancellationToken,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let mut said = Seldom::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => match stream.peer_cred() {
                Ok(peer) if peer.uid() == allowed_uid => {
                    let from = From { peer: None, certificate: None, guest: None };
                    drop(in_its_own_task(connection(stream, Arc::clone(&front), graceful.watcher(), from)));
                }
                Ok(peer) => tracing::warn!(uid = peer.uid(), "a process of another user was turned away from a socket"),
                Err(error) => tracing::warn!(%error, "the peer of a socket could not be told"),
            },
            Err(error) => out_of_descriptors(&error, &mut said).await,
        }
    }
    let _ = tokio::time::timeout(drain, graceful.shutdown()).await;
}

/// What is known of the other end of a connection.
#[derive(Clone)]
struct From {
    peer: Option<Peer>,
    certificate: Option<PeerCertificate>,
    guest: Option<Guest>,
}

/// What is said once in a second, however often it happens.
struct Seldom(Interval);

impl Seldom {
    fn new() -> Self {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(ticks)
    }

    async fn is_time(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = self.0.tick() => true,
            () = std::future::ready(()) => false,
        }
    }
}

impl From {
    /// Has a request know it.
    fn say(&self, extensions: &mut Extensions) {
        if let Some(peer) = self.peer {
            extensions.insert(peer);
        }
        if let Some(certificate) = self.certificate {
            extensions.insert(certificate);
        }
        if let Some(guest) = self.guest.as_ref().filter(|guest| guest.is_stranger()) {
            extensions.insert(guest.clone());
        }
    }
}

async fn after_handshake(
    stream: TcpStream,
    tls: Tls,
    (place, stop): (Seat, CancellationToken),
    front: Arc<Front>,
    watcher: Watcher,
    from: From,
) {
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(HANDSHAKE_TIME_MAX, tls.accept(stream)) => accepted,
        () = stop.cancelled() => return,
    };
    drop(place);
    match accepted {
        Ok(Ok(Accepted { stream, certificate, http2 })) => {
            let from = From { certificate, ..from };
            if http2 {
                // Until it has ended the listener waits for it.
                let _counted = watcher;
                http2::connection(stream, front, from, stop, http2::Pace::default()).await;
            } else {
                connection(stream, front, watcher, from).await;
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
        Err(_) => tracing::debug!("a handshake took too long"),
    }
}

async fn connection<S>(stream: S, front: Arc<Front>, watcher: Watcher, from: From)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        let front = Arc::clone(&front);
        from.say(request.extensions_mut());
        // The connection keeps room for what is answered as long as it is open: that is a pointer.
        in_place(move || async move { Ok::<_, Infallible>(front.answer(request).await) })
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(Unread::new(stream, UNREAD_TIME_MAX)), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "one task for each connection; the graceful handle of its listener waits for it"
)]
fn in_its_own_task(connection: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(connection).abort_handle()
}

/// A connection that has its place to its end, and ends where others get that. What ends it.
///
/// The connection is made in its task: one that came made would be kept there twice, once as what the task was given.
fn seated<C>(seat: Seat, guests: &Guests, connection: impl FnOnce() -> C + Send + 'static) -> AbortHandle
where
    C: Future<Output = ()> + Send,
{
    let id = seat.id();
    let end = in_its_own_task(async move {
        let _seat = seat;
        connection().await;
    });
    guests.ends(id, end.clone());
    end
}

/// An answer that is made whoever goes away meanwhile.
///
/// INVARIANT: dropping this does not break off what the wire does (`what_a_wire_has_begun_it_ends_though_its_client_goes_away`).
#[expect(
    clippy::disallowed_methods,
    reason = "a short one for a request that changes something; a stop leaves what is on record"
)]
async fn to_the_end(wire: &Arc<dyn Wire>, exchange: Exchange) -> Response<Body> {
    let (wire, place) = (Arc::clone(wire), exchange.place.clone());
    let answering = tokio::spawn(async move {
        let _kept = place;
        wire.answer(exchange).await
    });
    answering.await.unwrap_or_else(|_| {
        let said = "the answer broke off; whether something was changed, the trace says";
        refusal(&Fault::new(Blame::Bug, "bug.answer", said))
    })
}

/// Accepting fails for a while when the process has no descriptors left; a short pause keeps the loop from spinning.
async fn out_of_descriptors(error: &std::io::Error, said: &mut Seldom) {
    if said.is_time().await {
        tracing::error!(%error, "a connection could not be accepted");
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Connections that are in the middle of their handshake.
pub(crate) const HANDSHAKES_MAX: usize = 256;
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
const HEADER_TIME_MAX: Duration = Duration::from_secs(30);
/// As long as an answer of an app may pause.
const UNREAD_TIME_MAX: Duration = model::limits::FLOW_PAUSE_MAX;
/// What `hyper` allows over HTTP/1 by itself: to say it there costs it two lists of so many for each request.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests;
