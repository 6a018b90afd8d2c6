use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;

use super::*;
use crate::body::{read_body, text_response};
use crate::wire::WireFuture;

/// Waits for a word before it changes something.
#[derive(Default)]
struct Changes {
    begun: Notify,
    go_on: Notify,
    changed: Notify,
}

/// Reads what is sent; at `/strangers` whoever has shown nothing sends it.
struct Reads(Arc<Semaphore>);

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
            let _read = read_body(exchange.request.into_body(), 100).await;
            text_response(StatusCode::OK, "read")
        })
    }

    fn places(&self, path: &str) -> Option<&Arc<Semaphore>> {
        (path == "/strangers").then_some(&self.0)
    }
}

/// The other side of a connection to this wire.
fn connected(wire: &Arc<dyn Wire>, in_flight: &Arc<Semaphore>, listener: &GracefulShutdown) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let front = Front { access: None, origins: None, wires: vec![Arc::clone(wire)], in_flight: Arc::clone(in_flight) };
    let from = From { peer: None, certificate: None };
    in_its_own_task(connection(ours, Arc::new(front), listener.watcher(), from));
    theirs
}

async fn status(client: &mut DuplexStream) -> String {
    let mut said = [0; 12];
    client.read_exact(&mut said).await.unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn what_a_wire_has_begun_it_ends_though_its_client_goes_away() {
    let (changes, in_flight) = (Arc::new(Changes::default()), Arc::new(Semaphore::new(1)));
    let listener = GracefulShutdown::new();
    let mut client = connected(&(Arc::clone(&changes) as Arc<dyn Wire>), &in_flight, &listener);
    client.write_all(b"POST /control HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    changes.begun.notified().await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(in_flight.available_permits(), 0, "it keeps its place");
    changes.go_on.notify_one();
    tokio::time::timeout(Duration::from_secs(5), changes.changed.notified()).await.expect("changed");
}

#[tokio::test]
async fn strangers_who_send_slowly_take_no_place_of_the_listener() {
    let (strangers, in_flight) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    let wire: Arc<dyn Wire> = Arc::new(Reads(Arc::clone(&strangers)));
    let listener = GracefulShutdown::new();
    let [mut slow, mut other, mut known] = [(); 3].map(|()| connected(&wire, &in_flight, &listener));
    slow.write_all(b"POST /strangers HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n").await.unwrap();
    while strangers.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    other.write_all(b"POST /strangers HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut other).await, "HTTP/1.1 503");
    known.write_all(b"POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut known).await, "HTTP/1.1 200");
}
