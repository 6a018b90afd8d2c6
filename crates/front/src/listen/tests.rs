use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;

use super::*;
use crate::body::text_response;
use crate::guests::is_known;
use crate::strangers::Strangers;
use crate::wire::WireFuture;

/// Waits for a word before it changes something.
#[derive(Default)]
struct Changes {
    begun: Notify,
    go_on: Notify,
    changed: Notify,
}

/// Reads what is sent; at `/strangers` whoever has shown nothing sends it.
struct Reads(Arc<Strangers>);

/// At `/known`, somebody has shown who they are.
struct Knows;

impl Wire for Changes {
    fn owns(&self, _: &str) -> bool {
        true
    }

    fn answer(&self, _: Exchange) -> WireFuture<'_> {
        Box::pin(async {
            self.begun.notify_one();
            self.go_on.notified().await;
            self.changed.notify_one();
            text_response(StatusCode::OK, "changed")
        })
    }

    fn outlives_clients(&self) -> bool {
        true
    }
}

impl Wire for Reads {
    fn owns(&self, _: &str) -> bool {
        true
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        Box::pin(async {
            let Exchange { request, place } = exchange;
            match place.read(request.into_body(), 100).await {
                Ok(_) => text_response(StatusCode::OK, "read"),
                Err(fault) => refusal(&fault),
            }
        })
    }

    fn places(&self, method: &http::Method, path: &str) -> Option<&Arc<Strangers>> {
        (method == http::Method::POST && path == "/strangers").then_some(&self.0)
    }
}

impl Wire for Knows {
    fn owns(&self, _: &str) -> bool {
        true
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        Box::pin(async move {
            if exchange.request.uri().path() == "/known" {
                is_known(exchange.request.extensions());
            }
            text_response(StatusCode::OK, "")
        })
    }
}

/// The other side of a connection to this wire.
fn connected(wire: &Arc<dyn Wire>, in_flight: &Arc<Places>, listener: &GracefulShutdown) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let front = Front { access: None, origins: None, wires: vec![Arc::clone(wire)], in_flight: Arc::clone(in_flight) };
    let from = From { peer: None, certificate: None, guest: None };
    drop(in_its_own_task(connection(ours, Arc::new(front), listener.watcher(), from)));
    theirs
}

async fn status(client: &mut DuplexStream) -> String {
    let mut said = [0; 12];
    client.read_exact(&mut said).await.unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn what_a_wire_has_begun_it_ends_though_its_client_goes_away() {
    let (changes, in_flight) = (Arc::new(Changes::default()), Arc::new(Places::new(1)));
    let listener = GracefulShutdown::new();
    let mut client = connected(&(Arc::clone(&changes) as Arc<dyn Wire>), &in_flight, &listener);
    client.write_all(b"POST /control HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    changes.begun.notified().await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(in_flight.free(), 0, "it keeps its place");
    changes.go_on.notify_one();
    tokio::time::timeout(Duration::from_secs(5), changes.changed.notified()).await.expect("changed");
}

#[tokio::test]
async fn strangers_who_send_slowly_take_no_place_of_the_listener_and_keep_none_from_others() {
    const PLACES: usize = 4;
    let (strangers, in_flight) = (Arc::new(Strangers::new(PLACES)), Arc::new(Places::new(1)));
    let wire: Arc<dyn Wire> = Arc::new(Reads(Arc::clone(&strangers)));
    let listener = GracefulShutdown::new();
    let mut slow = Vec::new();
    for number in 0..PLACES + 2 {
        let mut one = connected(&wire, &in_flight, &listener);
        one.write_all(b"POST /strangers HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n").await.unwrap();
        while strangers.begun() <= number {
            tokio::task::yield_now().await;
        }
        slow.push(one);
    }
    let [mut other, mut looks, mut known] = [(); 3].map(|()| connected(&wire, &in_flight, &listener));
    other.write_all(b"POST /strangers HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nword").await.unwrap();
    assert_eq!(status(&mut other).await, "HTTP/1.1 200");
    looks.write_all(b"GET /strangers HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut looks).await, "HTTP/1.1 200", "what brings no body");
    known.write_all(b"POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut known).await, "HTTP/1.1 200");
    // Those that had been on their way longest made room, and the others are heard to their end.
    for (number, mut one) in slow.into_iter().enumerate() {
        if number >= 3 {
            one.write_all(b"nine more").await.unwrap();
        }
        let expected = if number < 3 { "HTTP/1.1 408" } else { "HTTP/1.1 200" };
        assert_eq!(status(&mut one).await, expected, "{number}");
    }
}

/// A listener over TCP with so many places.
async fn listening(connections_max: usize) -> (std::net::SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let in_flight = Arc::new(Places::new(64));
    let front = Arc::new(Front { access: None, origins: None, wires: vec![Arc::new(Knows)], in_flight });
    let port = Port { listener, connections_max };
    drop(in_its_own_task(serve_tcp(port, front, stop.clone(), Duration::from_secs(1))));
    (address, stop)
}

async fn asked(stream: &mut TcpStream, path: &str) -> std::io::Result<String> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await?;
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n\r\n") {
        said.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&said[..12]).into_owned())
}

#[tokio::test]
async fn strangers_who_keep_connections_take_none_from_those_who_are_known() {
    const STRANGERS: usize = 4;
    let (address, stop) = listening(4 * STRANGERS).await;
    let mut known = TcpStream::connect(address).await.unwrap();
    assert_eq!(asked(&mut known, "/known").await.unwrap(), "HTTP/1.1 200");
    let mut idle = Vec::new();
    for number in 0..3 * STRANGERS {
        let mut one = TcpStream::connect(address).await.unwrap();
        // Some say nothing at all; others ask what everybody may, again and again.
        if number % 2 == 0 {
            assert_eq!(asked(&mut one, "/healthz").await.unwrap(), "HTTP/1.1 200", "{number}");
        }
        idle.push(one);
    }
    let mut closed = 0;
    for one in &mut idle {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_millis(50), one.read_to_end(&mut rest)).await;
        closed += usize::from(ended.is_ok());
    }
    assert_eq!(closed, 2 * STRANGERS, "the oldest are closed");
    assert_eq!(asked(&mut known, "/").await.unwrap(), "HTTP/1.1 200");
    stop.cancel();
}

#[tokio::test]
async fn with_all_places_taken_by_the_known_the_next_is_closed_and_places_come_back() {
    const PLACES: usize = 4;
    let (address, stop) = listening(PLACES).await;
    let mut all = Vec::new();
    for _ in 0..PLACES {
        let mut one = TcpStream::connect(address).await.unwrap();
        assert_eq!(asked(&mut one, "/known").await.unwrap(), "HTTP/1.1 200");
        all.push(one);
    }
    let mut next = TcpStream::connect(address).await.unwrap();
    assert!(asked(&mut next, "/known").await.is_err(), "closed");
    all.pop();
    let came_back = async {
        loop {
            let mut next = TcpStream::connect(address).await.unwrap();
            if let Ok(said) = asked(&mut next, "/known").await {
                return said;
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), came_back).await.unwrap(), "HTTP/1.1 200");
    stop.cancel();
}
