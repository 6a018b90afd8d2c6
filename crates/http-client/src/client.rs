//! Connections to one address, and one exchange on one of them.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use front::Pieces;
use http::Uri;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::net::TcpStream;
use tower_service::Service as _;

use crate::connect::Connector;
use crate::framing::{Cut, Framing};
use crate::head::{self, Head, Hears, Request};
use crate::http2::{Many, Streamed, Unasked};

/// Connections to one address.
pub struct Client {
    connector: Connector,
    url: Uri,
    idle: Arc<Idle>,
    /// The one for all, where the other side speaks HTTP/2.
    many: Mutex<Option<Many>>,
}

/// An answer: its head has come, its body comes as it is read.
pub struct Response<H> {
    /// What is known of its head.
    pub head: Head<H>,
    /// Its body.
    pub body: Body,
}

/// The body of an answer. Dropped before its end, it takes the connection with it, or the stream of HTTP/2: that says that nobody waits.
pub struct Body {
    coming: Coming,
}

enum Coming {
    Alone(Alone),
    Streamed(Streamed),
}

/// A body that has its connection for itself.
struct Alone {
    connection: Option<Box<Connection>>,
    framing: Framing,
    /// Whether the connection is good for another exchange after this one.
    keeps: bool,
    idle: Arc<Idle>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Broke {
    /// There is no connection: nothing has left.
    Unreachable(Box<dyn std::error::Error + Send + Sync>),
    /// The other side says that it has not looked at it (HTTP/2: REFUSED_STREAM, or GOAWAY before it): nothing was done.
    Refused(io::Error),
    /// The connection is of no use any more: what was sent may have arrived.
    Off(io::Error),
}

/// Why a body is not read to its end.
#[derive(Debug)]
pub enum Unread {
    /// It is larger than it may be.
    TooLarge,
    /// It broke off.
    Broke(io::Error),
}

/// Connections that nobody uses, the one used last at the end.
#[derive(Default)]
struct Idle {
    resting: Mutex<Vec<Resting>>,
}

struct Resting {
    connection: Box<Connection>,
    /// How often it was found resting.
    found: u8,
}

/// What was connected.
enum Connected {
    /// For one exchange at a time.
    Alone(Box<Connection>),
    /// For all.
    Many(Many),
}

struct Connection {
    stream: TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>,
    /// What has come and was not taken yet.
    buffer: BytesMut,
}

/// Hears nothing of a head.
#[derive(Default)]
struct Nothing;

/// How a request left.
enum Went {
    /// All of it.
    Whole,
    /// Not all: the answer came before.
    Answered,
}

/// What becomes of a request that is answered before it has come whole.
enum Wants {
    /// It is read while it is answered.
    TheRest,
    /// It is refused, or the connection ends with the answer: nobody reads more of it.
    NoMore,
}

// === impl Client ===

impl Client {
    /// Connections are made when they are needed.
    pub fn new(connector: Connector, url: Uri) -> Self {
        Self { connector, url, idle: Arc::default(), many: Mutex::default() }
    }

    /// The address.
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// Sends one request and reads the head of its answer.
    pub async fn send<H: Hears>(&self, request: &Request) -> Result<Response<H>, Broke> {
        while let Some(mut connection) = self.idle.take() {
            if !poll_fn(|context| Poll::Ready(connection.quiet(context))).await {
                continue;
            }
            match connection.write(request).await {
                // It was closed while it rested: none of this has left.
                Err((0, _)) => {}
                Err((_, error)) => return Err(Broke::Off(error)),
                Ok(went) => return self.answer(connection, &went).await,
            }
        }
        if let Some(many) = self.many() {
            match Box::pin(many.send(request, &self.url)).await {
                Ok((head, streamed)) => {
                    return Ok(Response { head, body: Body { coming: Coming::Streamed(streamed) } });
                }
                Err(Unasked::Broke(broke)) => return Err(broke),
                Err(Unasked::Never(error)) => tracing::debug!(%error, "a connection was closed while it rested"),
            }
        }
        // Rare, and large: every call would carry the room for it.
        Box::pin(self.send_anew(request)).await
    }

    async fn send_anew<H: Hears>(&self, request: &Request) -> Result<Response<H>, Broke> {
        let mut connection = match self.connect().await? {
            Connected::Alone(connection) => connection,
            Connected::Many(many) => {
                *self.many.lock().unwrap_or_else(PoisonError::into_inner) = Some(many.clone());
                return match many.send(request, &self.url).await {
                    Ok((head, streamed)) => Ok(Response { head, body: Body { coming: Coming::Streamed(streamed) } }),
                    Err(Unasked::Broke(broke)) => Err(broke),
                    Err(Unasked::Never(error)) => Err(Broke::Unreachable(error.into())),
                };
            }
        };
        let went = connection.write(request).await.map_err(|(left, error)| match left {
            0 => Broke::Unreachable(error.into()),
            _ => Broke::Off(error),
        })?;
        self.answer(connection, &went).await
    }

    /// Lets go of connections that were closed, or that nobody has used for a while. Asked twice a minute.
    pub fn rest(&self) {
        let mut resting = self.idle.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain_mut(|one| {
            one.found = one.found.saturating_add(1);
            one.found <= FOUND_MAX && one.connection.quiet(&mut Context::from_waker(Waker::noop()))
        });
        drop(resting);
        let mut many = self.many.lock().unwrap_or_else(PoisonError::into_inner);
        many.take_if(|many| many.found() > FOUND_MAX);
    }

    /// The connection for all, where there is one that takes another request.
    fn many(&self) -> Option<Many> {
        self.many.lock().unwrap_or_else(PoisonError::into_inner).as_ref().filter(|many| many.has_room()).cloned()
    }

    async fn connect(&self) -> Result<Connected, Broke> {
        let stream = self.connector.clone().call(self.url.clone()).await.map_err(Broke::Unreachable)?;
        if stream.connected().is_negotiated_h2() {
            return Many::over(stream).await.map(Connected::Many).map_err(|error| Broke::Unreachable(error.into()));
        }
        Ok(Connected::Alone(Box::new(Connection { stream: TokioIo::new(stream), buffer: BytesMut::new() })))
    }

    async fn answer<H: Hears>(&self, mut connection: Box<Connection>, went: &Went) -> Result<Response<H>, Broke> {
        let read = connection.head().await.map_err(Broke::Off)?;
        let keeps = read.keeps && matches!(went, Went::Whole);
        let idle = Arc::clone(&self.idle);
        let alone = Alone { connection: Some(connection), framing: read.framing, keeps, idle };
        Ok(Response { head: read.head, body: Body { coming: Coming::Alone(alone) } })
    }
}

// === impl Body ===

impl Body {
    /// What comes next; none at the end.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.coming {
            Coming::Alone(alone) => alone.next(PIECE_BYTES).await,
            Coming::Streamed(streamed) => streamed.next().await,
        }
    }

    /// All of it, where that is not more than `bytes_max`.
    pub async fn whole(mut self, bytes_max: usize) -> Result<Bytes, Unread> {
        if let Coming::Alone(alone) = &mut self.coming
            && let Some(whole) = alone.at_once(bytes_max).await?
        {
            return Ok(whole);
        }
        let mut pieces = Pieces::default();
        while let Some(piece) = self.more().await.map_err(Unread::Broke)? {
            if pieces.bytes().saturating_add(piece.len()) > bytes_max {
                return Err(Unread::TooLarge);
            }
            pieces.push(piece, 0);
        }
        Ok(pieces.whole())
    }

    /// What comes next, in pieces as large as whoever wants all of it can use.
    async fn more(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.coming {
            Coming::Alone(alone) => alone.next(ROOM_BYTES_MAX).await,
            Coming::Streamed(streamed) => streamed.next().await,
        }
    }

    /// Passes over a short body, so that the connection is good for another exchange.
    pub async fn passed_over(self) {
        let _of_no_interest = self.whole(PASSED_OVER_BYTES_MAX).await;
    }

    /// Nobody wants it. Where all of it has come already, the connection is good for another exchange; nothing is waited for.
    pub fn unwanted(self) {
        if let Coming::Alone(alone) = self.coming {
            alone.unwanted();
        }
    }
}

// === impl Alone ===

impl Alone {
    async fn next(&mut self, room: usize) -> io::Result<Option<Bytes>> {
        loop {
            let Some(connection) = &mut self.connection else { return Ok(None) };
            match self.framing.cut(&mut connection.buffer)? {
                Cut::Data(data) => return Ok(Some(data)),
                Cut::End => {
                    self.give_back();
                    return Ok(None);
                }
                Cut::More => {}
            }
            if connection.fill(self.framing.expects().min(room)).await? == 0 {
                self.connection = None;
                return if self.framing.ends_with_the_connection() { Ok(None) } else { Err(early()) };
            }
        }
    }

    /// All of it, where its length is known.
    async fn at_once(&mut self, bytes_max: usize) -> Result<Option<Bytes>, Unread> {
        let (Framing::Length(length), Some(connection)) = (&self.framing, &mut self.connection) else {
            return Ok(None);
        };
        let length = usize::try_from(*length).ok().filter(|length| *length <= bytes_max).ok_or(Unread::TooLarge)?;
        let whole = connection.exactly(length).await.map_err(Unread::Broke)?;
        self.framing = Framing::Over;
        self.give_back();
        Ok(Some(whole))
    }

    fn unwanted(mut self) {
        while let Some(connection) = &mut self.connection {
            match self.framing.cut(&mut connection.buffer) {
                Ok(Cut::Data(_)) => {}
                Ok(Cut::End) => self.give_back(),
                Ok(Cut::More) | Err(_) => return,
            }
        }
    }

    fn give_back(&mut self) {
        // What came without being asked for belongs to no answer of ours.
        if let Some(connection) = self.connection.take_if(|connection| self.keeps && connection.buffer.is_empty()) {
            self.idle.put(connection);
        }
        self.connection = None;
    }
}

// === impl Idle ===

impl Idle {
    fn take(&self) -> Option<Box<Connection>> {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.pop().map(|one| one.connection)
    }

    fn put(&self, connection: Box<Connection>) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        if resting.len() < IDLE_MAX {
            resting.push(Resting { connection, found: 0 });
        }
    }
}

// === impl Connection ===

impl Connection {
    /// Whether nothing has come that nobody asked for, nor the end.
    fn quiet(&mut self, context: &mut Context<'_>) -> bool {
        self.poll_fill(context, 0).is_pending()
    }

    /// Error: what broke, and how many bytes had left by then.
    async fn write(&mut self, request: &Request) -> Result<Went, (usize, io::Error)> {
        let (mut written, mut answers) = (0, false);
        poll_fn(|context| {
            loop {
                let rest = request.from(written);
                let wrote = match rest.is_empty() {
                    true => Pin::new(&mut self.stream).poll_flush(context).map_ok(|()| None),
                    false => Pin::new(&mut self.stream).poll_write(context, rest).map_ok(Some),
                };
                match wrote {
                    Poll::Ready(Ok(None)) => return Poll::Ready(Ok(Went::Whole)),
                    Poll::Ready(Ok(Some(more))) if more > 0 => written += more,
                    // Who answers need not take all of it, and may have answered in the moment before.
                    Poll::Ready(_) if answers || written > 0 && self.has_answered(context) => {
                        return Poll::Ready(Ok(Went::Answered));
                    }
                    Poll::Ready(Ok(_)) => return Poll::Ready(Err((written, io::ErrorKind::WriteZero.into()))),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err((written, error))),
                    Poll::Pending if rest.is_empty() || self.buffer.len() >= EARLY_BYTES_MAX => return Poll::Pending,
                    Poll::Pending => match (std::task::ready!(self.poll_fill(context, 0)), answers) {
                        (Ok(0) | Err(_), true) => return Poll::Ready(Ok(Went::Answered)),
                        (Ok(0), false) => return Poll::Ready(Err((written, early()))),
                        (Err(error), false) => return Poll::Ready(Err((written, error))),
                        (Ok(_), true) => {}
                        (Ok(_), false) => match self.answers() {
                            Ok(None) => {}
                            // Some answer while they read.
                            Ok(Some(Wants::TheRest)) => answers = true,
                            Ok(Some(Wants::NoMore)) => return Poll::Ready(Ok(Went::Answered)),
                            Err(error) => return Poll::Ready(Err((written, error))),
                        },
                    },
                }
            }
        })
        .await
    }

    /// What the head of an answer that has come says of the rest of its request; none has come yet. An interim one (`100 Continue`) is no
    /// answer, and is passed over.
    fn answers(&mut self) -> io::Result<Option<Wants>> {
        while let Some(read) = head::read::<Nothing>(&self.buffer)? {
            let status = read.head.status;
            if !status.is_informational() {
                return Ok(Some(if status.is_success() && read.keeps { Wants::TheRest } else { Wants::NoMore }));
            }
            self.buffer.advance(read.bytes);
        }
        Ok(None)
    }

    /// Whether an answer has come before it broke.
    fn has_answered(&mut self, context: &mut Context<'_>) -> bool {
        while !matches!(self.answers(), Ok(Some(_))) {
            if !matches!(self.poll_fill(context, 0), Poll::Ready(Ok(1..))) {
                return false;
            }
        }
        true
    }

    async fn head<H: Hears>(&mut self) -> io::Result<head::Read<H>> {
        loop {
            while let Some(read) = head::read::<H>(&self.buffer)? {
                self.buffer.advance(read.bytes);
                if !read.head.status.is_informational() {
                    return Ok(read);
                }
            }
            if self.fill(0).await? == 0 {
                return Err(early());
            }
        }
    }

    /// So many bytes of what comes, and not one more.
    async fn exactly(&mut self, length: usize) -> io::Result<Bytes> {
        if self.buffer.len() >= length {
            let whole = Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or_default());
            self.buffer.advance(length);
            return Ok(whole);
        }
        // What somebody says they will send is no reason to make room for all of it at once.
        let mut whole = BytesMut::with_capacity(length.min(ROOM_BYTES_MAX));
        whole.put(self.buffer.split());
        while whole.len() < length {
            let left = length - whole.len();
            whole.reserve(left.min(ROOM_BYTES_MAX.max(whole.len())));
            let read = self.stream.read_buf(&mut (&mut whole).limit(left)).await?;
            if read == 0 {
                return Err(early());
            }
        }
        Ok(whole.freeze())
    }

    /// Reads what comes; so much is expected. Zero at the end.
    async fn fill(&mut self, expected: usize) -> io::Result<usize> {
        poll_fn(|context| self.poll_fill(context, expected)).await
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, expected: usize) -> Poll<io::Result<usize>> {
        if self.buffer.is_empty() || self.buffer.capacity() - self.buffer.len() < READ_BYTES_MIN {
            self.buffer.reserve(expected.clamp(READ_BYTES, ROOM_BYTES_MAX));
        }
        pin!(self.stream.read_buf(&mut self.buffer)).poll(context)
    }
}

impl Hears for Nothing {
    fn hear(&mut self, _name: &str, _value: &[u8]) {}
}

fn early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed before the end of the answer")
}

/// Connections that rest at a time.
const IDLE_MAX: usize = 256;
/// How often a connection may be found resting: for a minute and a half.
const FOUND_MAX: u8 = 3;
/// Bytes of a body that nobody asks for that are read.
const PASSED_OVER_BYTES_MAX: usize = 64 << 10;
const READ_BYTES: usize = 8 << 10;
const READ_BYTES_MIN: usize = 1 << 10;
const ROOM_BYTES_MAX: usize = 1 << 20;
/// So much of an answer is taken before its request has left whole; the rest waits where it is.
const EARLY_BYTES_MAX: usize = 1 << 20;
/// A piece of a body that is passed on as it comes: several wait at a time for whoever reads slowly.
const PIECE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
