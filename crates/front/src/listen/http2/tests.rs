//! Frames made by hand, before a connection without TLS around it.

use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinSet;

use super::*;
use crate::body::text_response;
use crate::places::Places;
use crate::wire::{Exchange, Wire, WireFuture};

/// `/never` is not answered, `/breaks` breaks off, everything else is answered with its path.
struct Paths;

impl Wire for Paths {
    fn owns(&self, _: &str) -> bool {
        true
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        let path = exchange.request.uri().path().to_owned();
        Box::pin(async move {
            match path.as_str() {
                "/never" => {
                    let _kept = exchange;
                    std::future::pending().await
                }
                "/breaks" => Response::new(BreaksOff(0).boxed_unsync()),
                _ => text_response(StatusCode::OK, path),
            }
        })
    }
}

/// A piece, and then not the rest.
struct BreaksOff(u8);

impl hyper::body::Body for BreaksOff {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        self.0 += 1;
        Poll::Ready(Some(if self.0 == 1 { Ok(Frame::data(Bytes::from_static(b"half"))) } else { Err(BrokenOff) }))
    }
}

/// The other side.
struct Peer {
    stream: DuplexStream,
    in_flight: Arc<Places>,
    stop: CancellationToken,
    next: u32,
    serving: JoinSet<()>,
}

#[derive(Debug, PartialEq, Eq)]
struct Got {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Peer {
    async fn new(settings: &[u8]) -> Self {
        Self::looked_at(settings, Duration::from_secs(600)).await
    }

    async fn looked_at(settings: &[u8], pace: Duration) -> Self {
        let (ours, mut stream) = tokio::io::duplex(1 << 20);
        let in_flight = Arc::new(Places::new(IN_FLIGHT));
        let front =
            Arc::new(Front { access: None, origins: None, wires: vec![Arc::new(Paths)], in_flight: in_flight.clone() });
        let (from, stop) = (From { peer: None, certificate: None, guest: None }, CancellationToken::new());
        let mut serving = JoinSet::new();
        serving.spawn(connection(ours, front, from, stop.clone(), Pace(pace)));
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut peer = Self { stream, in_flight, stop, next: 1, serving };
        peer.sends(SETTINGS, 0, 0, settings).await;
        peer
    }

    async fn sends(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        // A connection that was closed is found out by who reads.
        let _closed = self.stream.write_all(&frame(kind, flags, stream, payload)).await;
    }

    /// Begins a request that ends with its head.
    async fn asks(&mut self, headers: &[(&str, &str)]) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.sends(HEADERS, END_STREAM | END_HEADERS, stream, &block(headers)).await;
        stream
    }

    async fn gets(&mut self, path: &str) -> u32 {
        self.asks(&usual(path)).await
    }

    /// The next frame that is about a request, or GOAWAY; none: the connection is closed.
    async fn next(&mut self) -> Option<Got> {
        loop {
            let mut head = [0; 9];
            tokio::time::timeout(Duration::from_secs(10), self.stream.read_exact(&mut head)).await.unwrap().ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await.ok()?;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let got = Got { kind: head[3], flags: head[4], stream, payload };
            match got.kind {
                PING if got.flags & ACK == 0 => self.sends(PING, ACK, 0, &got.payload).await,
                HEADERS | DATA | RST_STREAM | GOAWAY => return Some(got),
                _ => {}
            }
        }
    }

    /// What comes of one request: its body, or the code of a reset, or of a GOAWAY.
    async fn ends(&mut self, stream: u32) -> Result<String, u32> {
        let mut body = Vec::new();
        while let Some(got) = self.next().await {
            if got.kind == GOAWAY {
                return Err(number(&got.payload[4..]));
            }
            if got.stream != stream {
                continue;
            }
            match got.kind {
                RST_STREAM => return Err(number(&got.payload)),
                DATA => body.extend_from_slice(&got.payload),
                _ => {}
            }
            if got.flags & END_STREAM != 0 {
                return Ok(String::from_utf8(body).unwrap());
            }
        }
        panic!("the connection was closed: {}", String::from_utf8_lossy(&body));
    }

    /// Reads until the connection is closed; whether a GOAWAY was said before.
    async fn closes(mut self) -> bool {
        let mut told = false;
        while let Some(got) = self.next().await {
            told |= got.kind == GOAWAY;
        }
        self.serving.join_next().await.unwrap().unwrap();
        told
    }

    /// Until so many are in flight.
    async fn has_in_flight(&self, count: usize) {
        let so = async {
            while IN_FLIGHT - self.in_flight.free() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), so).await.unwrap();
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Headers as HPACK has them, as they stand.
fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in headers.iter().flat_map(|(name, value)| [*name, *value]).enumerate() {
        if text.0 % 2 == 0 {
            bytes.push(0);
        }
        let mut length = text.1.len();
        if length < 127 {
            bytes.push(u8::try_from(length).unwrap());
        } else {
            bytes.push(127);
            length -= 127;
            while length >= 128 {
                bytes.push(u8::try_from(length % 128).unwrap() | 128);
                length /= 128;
            }
            bytes.push(u8::try_from(length).unwrap());
        }
        bytes.extend_from_slice(text.1.as_bytes());
    }
    bytes
}

fn usual(path: &str) -> [(&str, &str); 4] {
    [(":method", "GET"), (":scheme", "https"), (":authority", "gateway.test"), (":path", path)]
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&usual("/x")[..], more].concat()
}

fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

#[tokio::test]
async fn what_says_something_in_two_ways_is_no_request() {
    let mut peer = Peer::new(&[]).await;
    let stream = peer.gets("/x").await;
    assert_eq!(peer.ends(stream).await.unwrap(), "/x");
    let stream = peer.asks(&with(&[("host", "Gateway.Test")])).await;
    assert_eq!(peer.ends(stream).await.unwrap(), "/x");
    let many: Vec<String> = (0..101).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
    let nobody = [(":method", "GET"), (":scheme", "https"), (":path", "/x")];
    let http = [(":method", "GET"), (":scheme", "http"), (":authority", "gateway.test"), (":path", "/x")];
    for (headers, code) in [
        (with(&[("host", "other.test")]), "caller.request"),
        (with(&[("host", "gateway.test"), ("host", "gateway.test")]), "caller.request"),
        (nobody.to_vec(), "caller.request"),
        (http.to_vec(), "caller.request"),
        (with(&many), "caller.too_many_headers"),
        (vec![(":method", "CONNECT"), (":authority", "gateway.test")], "caller.request"),
    ] {
        let stream = peer.asks(&headers).await;
        let said = peer.ends(stream).await.unwrap();
        assert!(said.contains(code), "{headers:?}: {said}");
    }
    // What RFC 9113 calls malformed goes no further than the frames.
    for headers in [
        with(&[("connection", "close")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("upgrade", "h2c")]),
        with(&[("te", "gzip")]),
        with(&[("X-Upper", "1")]),
        with(&[("x", "a\nb")]),
        with(&[(":protocol", "websocket")]),
        with(&[("content-length", "3")]),
        vec![(":method", "GET"), (":scheme", "https"), (":authority", "gateway.test")],
        usual("").to_vec(),
    ] {
        let mut peer = Peer::new(&[]).await;
        let stream = peer.asks(&headers).await;
        assert_eq!(peer.ends(stream).await, Err(PROTOCOL_ERROR), "{headers:?}");
        peer.has_in_flight(0).await;
    }
}

// INVARIANT: what breaks off is told as such, and nothing else on the connection suffers.
#[tokio::test]
async fn an_answer_that_breaks_off_resets_its_stream_and_no_other() {
    let mut peer = Peer::new(&[]).await;
    let (never, breaks) = (peer.gets("/never").await, peer.gets("/breaks").await);
    assert_eq!(peer.ends(breaks).await, Err(INTERNAL_ERROR));
    let stream = peer.gets("/x").await;
    assert_eq!(peer.ends(stream).await.unwrap(), "/x");
    peer.has_in_flight(1).await;
    peer.sends(RST_STREAM, 0, never, &CANCEL.to_be_bytes()).await;
    peer.has_in_flight(0).await;
}

// INVARIANT: rapid reset (CVE-2023-44487) costs its connection.
#[tokio::test]
async fn who_begins_requests_and_gives_them_up_is_closed() {
    let mut peer = Peer::new(&[]).await;
    let mut begun = 0;
    while begun < 100_000 && peer.serving.try_join_next().is_none() {
        let stream = peer.gets("/never").await;
        peer.sends(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()).await;
        begun += 1;
        tokio::task::yield_now().await;
    }
    assert!(begun < 10_000, "{begun}");
    peer.has_in_flight(0).await;
    // Whoever takes what they ask for may give up as often.
    let mut peer = Peer::new(&[]).await;
    for _ in 0..3 * HTTP2_ABANDONED_MAX {
        let (given_up, taken) = (peer.gets("/never").await, peer.gets("/x").await);
        assert_eq!(peer.ends(taken).await.unwrap(), "/x");
        peer.sends(RST_STREAM, 0, given_up, &CANCEL.to_be_bytes()).await;
    }
}

#[tokio::test]
async fn one_request_more_than_may_be_open_is_refused() {
    let mut peer = Peer::new(&[]).await;
    for _ in 0..HTTP2_STREAMS_MAX {
        peer.gets("/never").await;
    }
    let stream = peer.gets("/x").await;
    assert_eq!(peer.ends(stream).await, Err(REFUSED_STREAM));
    peer.has_in_flight(HTTP2_STREAMS_MAX as usize).await;
}

#[tokio::test]
async fn who_breaks_the_rules_again_and_again_is_closed() {
    let mut peer = Peer::new(&[]).await;
    let malformed = with(&[("connection", "close")]);
    for broken in 0..=HTTP2_FAULTS_MAX {
        let stream = peer.asks(&malformed).await;
        let code = if broken < HTTP2_FAULTS_MAX { PROTOCOL_ERROR } else { ENHANCE_YOUR_CALM };
        assert_eq!(peer.ends(stream).await, Err(code), "{broken}");
    }
    peer.closes().await;
}

// INVARIANT: nobody makes the gateway keep more of a body than the windows, whoever reads it or does not.
#[tokio::test]
async fn a_body_is_sent_no_further_ahead_than_agreed() {
    let mut peer = Peer::new(&[]).await;
    peer.sends(HEADERS, END_HEADERS, 1, &block(&usual("/never"))).await;
    let piece = vec![b'x'; 16 << 10];
    peer.has_in_flight(1).await;
    for _ in 0..2 * HTTP2_STREAM_BYTES_MAX as usize / piece.len() {
        peer.sends(DATA, 0, 1, &piece).await;
    }
    assert_eq!(peer.ends(1).await, Err(FLOW_CONTROL_ERROR));
}

#[tokio::test]
async fn headers_without_end_reach_nobody() {
    let large = "x".repeat(10_000);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let bomb = block(&with(&names.map(|name| (name, large.as_str()))));
    assert!(bomb.len() > HEADER_BYTES_MAX);
    let mut peer = Peer::new(&[]).await;
    let mut pieces = bomb.chunks(16 << 10).peekable();
    peer.sends(HEADERS, END_STREAM, 1, pieces.next().unwrap()).await;
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        peer.sends(CONTINUATION, flags, 1, piece).await;
    }
    let refused = peer.next().await.unwrap();
    assert!(refused.kind == HEADERS && refused.flags & END_STREAM != 0, "431, and nothing behind it: {refused:?}");
    peer.has_in_flight(0).await;
    // CONTINUATION without end (CVE-2024-27316).
    let mut peer = Peer::new(&[]).await;
    peer.sends(HEADERS, END_STREAM, 1, &block(&usual("/x"))).await;
    for _ in 0..20 {
        peer.sends(CONTINUATION, 0, 1, &block(&[("x", "1")])).await;
    }
    assert!(peer.closes().await, "with a GOAWAY");
}

#[tokio::test]
async fn a_connection_on_which_nothing_happens_is_let_go() {
    let mut peer = Peer::looked_at(&[], Duration::from_millis(20)).await;
    let never = peer.gets("/never").await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stream = peer.gets("/x").await;
    assert_eq!(peer.ends(stream).await.unwrap(), "/x", "it has a request");
    peer.sends(RST_STREAM, 0, never, &CANCEL.to_be_bytes()).await;
    assert!(peer.closes().await, "with a GOAWAY");
}

// INVARIANT: who asks and does not read holds no place, and not the connection either.
#[tokio::test]
async fn an_answer_that_nobody_takes_holds_nothing() {
    let no_window = [0, 4, 0, 0, 0, 0];
    let mut peer = Peer::looked_at(&no_window, Duration::from_millis(20)).await;
    for _ in 0..50 {
        peer.gets("/x").await;
    }
    peer.has_in_flight(0).await;
    peer.closes().await;
}

#[tokio::test]
async fn a_gateway_that_stops_takes_no_more_and_ends_what_is_open() {
    let mut peer = Peer::new(&[]).await;
    let never = peer.gets("/never").await;
    let stream = peer.gets("/x").await;
    assert_eq!(peer.ends(stream).await.unwrap(), "/x");
    peer.stop.cancel();
    assert_eq!(peer.next().await.unwrap().kind, GOAWAY);
    peer.sends(RST_STREAM, 0, never, &CANCEL.to_be_bytes()).await;
    peer.closes().await;
}

const IN_FLIGHT: usize = 1_000;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PROTOCOL_ERROR: u32 = 1;
const INTERNAL_ERROR: u32 = 2;
const FLOW_CONTROL_ERROR: u32 = 3;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;
