//! HTTP/1.1 to one address, as far as MCP uses it: a request goes out in one piece, its answer comes back in the task that
//! waits for it.
//!
//! A client for everything puts a task and two channels between a call and its connection, and the headers into maps that
//! nobody asks: for a call of a kilobyte that is as much work as deciding it. Here a connection belongs to one exchange at
//! a time, and rests in a list between two.

mod framing;
mod head;

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use front::Pieces;
use http::{StatusCode, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::net::TcpStream;
use tower_service::Service as _;

use framing::{Cut, Framing};
pub(crate) use head::{Head, Kind, Request, Unsendable};

/// What connects.
pub(crate) type Connector = HttpsConnector<HttpConnector>;

/// Connections to one address.
pub(crate) struct Client {
    connector: Connector,
    url: Uri,
    idle: Arc<Idle>,
}

/// An answer: its head has come, its body comes as it is read.
pub(crate) struct Response {
    pub(crate) head: Head,
    pub(crate) body: Body,
}

/// The body of an answer. Dropped before its end, it takes the connection with it: that says that nobody waits.
pub(crate) struct Body {
    connection: Option<Box<Connection>>,
    framing: Framing,
    /// Whether the connection is good for another exchange after this one.
    keeps: bool,
    idle: Arc<Idle>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Broke {
    /// There is no connection: nothing has left.
    Unreachable(Box<dyn std::error::Error + Send + Sync>),
    /// The connection is of no use any more: what was sent may have arrived.
    Off(io::Error),
}

/// Why a body is not read to its end.
#[derive(Debug)]
pub(crate) enum Unread {
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

struct Connection {
    stream: TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>,
    /// What has come and was not taken yet.
    buffer: BytesMut,
}

/// How a request left.
enum Went {
    /// All of it.
    Whole,
    /// Not all: the answer came before.
    Answered,
}

// === impl Client ===

impl Client {
    pub(crate) fn new(connector: Connector, url: Uri) -> Self {
        Self { connector, url, idle: Arc::default() }
    }

    /// Sends one request and reads the head of its answer.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response, Broke> {
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
        // Rare, and large: every call would carry the room for it.
        let mut connection = Box::pin(self.connect()).await?;
        let went = connection.write(request).await.map_err(|(left, error)| match left {
            0 => Broke::Unreachable(error.into()),
            _ => Broke::Off(error),
        })?;
        self.answer(connection, &went).await
    }

    /// Lets go of connections that were closed, or that nobody has used for a while. Asked twice a minute.
    pub(crate) fn rest(&self) {
        let mut resting = self.idle.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain_mut(|one| {
            one.found = one.found.saturating_add(1);
            one.found <= FOUND_MAX && one.connection.quiet(&mut Context::from_waker(Waker::noop()))
        });
    }

    async fn connect(&self) -> Result<Box<Connection>, Broke> {
        let stream = self.connector.clone().call(self.url.clone()).await.map_err(Broke::Unreachable)?;
        Ok(Box::new(Connection { stream: TokioIo::new(stream), buffer: BytesMut::new() }))
    }

    async fn answer(&self, mut connection: Box<Connection>, went: &Went) -> Result<Response, Broke> {
        let read = connection.head().await.map_err(Broke::Off)?;
        let keeps = read.keeps && matches!(went, Went::Whole);
        let body = Body { connection: Some(connection), framing: read.framing, keeps, idle: Arc::clone(&self.idle) };
        Ok(Response { head: read.head, body })
    }
}

// === impl Response ===

impl Response {
    /// Passes over a short body, so that the connection is good for another exchange.
    pub(crate) async fn settled(self) -> StatusCode {
        if self.head.kind != Kind::Events {
            let _of_no_interest = self.body.whole(PASSED_OVER_BYTES_MAX).await;
        }
        self.head.status
    }
}

// === impl Body ===

impl Body {
    /// What comes next; none at the end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
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
            if connection.fill(self.framing.expects()).await? == 0 {
                self.connection = None;
                return if self.framing.ends_with_the_connection() { Ok(None) } else { Err(early()) };
            }
        }
    }

    /// All of it, where that is not more than `bytes_max`.
    pub(crate) async fn whole(mut self, bytes_max: usize) -> Result<Bytes, Unread> {
        if let (Framing::Length(length), Some(connection)) = (&self.framing, &mut self.connection) {
            let length = usize::try_from(*length).ok().filter(|length| *length <= bytes_max).ok_or(Unread::TooLarge)?;
            let whole = connection.exactly(length).await.map_err(Unread::Broke)?;
            self.framing = Framing::Over;
            self.give_back();
            return Ok(whole);
        }
        let mut pieces = Pieces::default();
        while let Some(piece) = self.next().await.map_err(Unread::Broke)? {
            if pieces.bytes().saturating_add(piece.len()) > bytes_max {
                return Err(Unread::TooLarge);
            }
            pieces.push(piece, 0);
        }
        Ok(pieces.whole())
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
        let mut written = 0;
        poll_fn(|context| {
            loop {
                let rest = request.from(written);
                if rest.is_empty() {
                    let flushed = Pin::new(&mut self.stream).poll_flush(context);
                    return flushed.map_ok(|()| Went::Whole).map_err(|error| (written, error));
                }
                match Pin::new(&mut self.stream).poll_write(context, rest) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err((written, io::ErrorKind::WriteZero.into()))),
                    Poll::Ready(Ok(more)) => written += more,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err((written, error))),
                    Poll::Pending => break,
                }
            }
            // Who refuses a long request may say so before it has come whole, and read no more of it.
            match self.poll_fill(context, 0) {
                Poll::Ready(Ok(0)) => Poll::Ready(Err((written, early()))),
                Poll::Ready(Ok(_)) => Poll::Ready(Ok(Went::Answered)),
                Poll::Ready(Err(error)) => Poll::Ready(Err((written, error))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    async fn head(&mut self) -> io::Result<head::Read> {
        loop {
            while let Some(read) = head::read(&self.buffer)? {
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

#[cfg(test)]
mod tests;
