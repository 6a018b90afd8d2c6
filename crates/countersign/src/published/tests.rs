use std::sync::mpsc::channel;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use front::{Front, Places, Port, serve_tcp};
use store::{Durability, SqliteLog, SqliteReader};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;

/// Stands for what agents ask: it needs a place among all requests.
struct Asked;

impl Wire for Asked {
    fn owns(&self, path: &str) -> bool {
        path == "/mcp"
    }

    fn answer(&self, _: Exchange) -> WireFuture<'_> {
        Box::pin(async { text_response(StatusCode::OK, "asked\n") })
    }
}

// INVARIANT: whoever reads the log takes no place of a call, and no more threads than there are places for readers.
#[tokio::test(flavor = "multi_thread")]
async fn readers_of_the_log_take_no_place_of_a_call_and_are_so_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.db");
    let _log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
    let (go_on, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    // The first one waits for the disk, and the others for the first one.
    let open: Opening = Box::new(move || {
        let _told = wait.lock().unwrap().recv();
        Ok(Box::new(SqliteReader::open(&path).unwrap()))
    });
    let published = LogWire::new(Arc::new(ArcSwapOption::empty()), open, Entries::Withheld);
    let wires: Vec<Arc<dyn Wire>> = vec![Arc::new(published), Arc::new(Asked)];
    let front = Arc::new(Front { access: None, origins: None, wires, in_flight: Arc::new(Places::new(1)) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    let port = Port { listener, connections_max: 1_024 };
    serving.spawn(serve_tcp(port, front, CancellationToken::new(), Duration::from_secs(1)));
    let get = move |path: &'static str| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
        let mut status = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut status)).await;
        read.expect("an answer").unwrap();
        String::from_utf8_lossy(&status).into_owned()
    };
    let mut readers = JoinSet::new();
    for _ in 0..=LOG_READERS_IN_FLIGHT_MAX {
        readers.spawn(get("/log/tile/0/000"));
    }
    let first = readers.join_next().await.unwrap().unwrap();
    assert_eq!(first, "HTTP/1.1 503", "the one that finds no place is the only one with an answer");
    assert_eq!(get("/mcp").await, "HTTP/1.1 200");
    go_on.send(()).unwrap();
    while let Some(status) = readers.join_next().await {
        assert_eq!(status.unwrap(), "HTTP/1.1 404", "the log is not that large");
    }
}
