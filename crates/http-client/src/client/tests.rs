use std::time::Duration;

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::connect::{Connecting, connector};
use crate::framing;

/// What a caller hears who listens to everything.
#[derive(Debug, Default, PartialEq, Eq)]
struct All(Vec<(String, Vec<u8>)>);

impl Hears for All {
    fn hear(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), value.to_vec()));
    }
}

fn read(bytes: &[u8]) -> io::Result<Option<head::Read<All>>> {
    head::read(bytes)
}

fn parsed(head: &str) -> head::Read<All> {
    for end in 0..head.len() {
        assert!(read(&head.as_bytes()[..end]).unwrap().is_none(), "{end} bytes of {head:?}");
    }
    let read = read(head.as_bytes()).unwrap().unwrap();
    assert_eq!(read.bytes, head.len());
    read
}

fn check_head(head: &str, framing: &Framing, keeps: bool) {
    let head = parsed(&format!("HTTP/1.1 {head}\r\n\r\n"));
    assert_eq!((&head.framing, head.keeps), (framing, keeps));
}

/// Takes bodies apart whatever the pieces in which they come. What is behind them stays.
fn check_body(framing: fn() -> Framing, bytes: &str, expect: Result<&str, &str>) {
    for size in [1, 2, 3, 7, bytes.len().max(1)] {
        let mut framing = framing();
        let (mut buffer, mut body, mut end) = (BytesMut::new(), Vec::new(), None);
        for piece in bytes.as_bytes().chunks(size) {
            buffer.extend_from_slice(piece);
            while end.is_none() {
                match framing.cut(&mut buffer) {
                    Ok(Cut::Data(data)) => body.extend_from_slice(&data),
                    Ok(Cut::More) => break,
                    Ok(Cut::End) => end = Some(Ok(String::from_utf8(body.clone()).unwrap())),
                    Err(error) => end = Some(Err(error.to_string())),
                }
            }
        }
        let end = end.unwrap_or_else(|| Err("more".to_owned()));
        assert_eq!(end.as_deref().map_err(String::as_str), expect, "in pieces of {size}");
        if expect.is_ok() {
            let behind = bytes.split_once('|').map_or(String::new(), |(_, behind)| format!("|{behind}"));
            assert_eq!(buffer, behind.as_bytes());
        }
    }
}

#[test]
fn heads_say_how_the_body_ends() {
    check_head("200 OK\r\nContent-Length: 12", &Framing::Length(12), true);
    check_head("200 OK\r\ncontent-length: 12\r\ncontent-length: 12", &Framing::Length(12), true);
    check_head("200 OK\r\ncontent-length: 12\r\nconnection: Keep-Alive, Close", &Framing::Length(12), false);
    check_head("200 OK\r\nTransfer-Encoding: chunked", &Framing::Chunked(framing::Chunk::Size), true);
    check_head("200 OK\r\ntransfer-encoding: gzip, Chunked", &Framing::Chunked(framing::Chunk::Size), true);
    check_head("200 OK\r\ntransfer-encoding: chunked, gzip", &Framing::UntilClosed, false);
    check_head("200 OK", &Framing::UntilClosed, false);
    check_head("202 Accepted\r\ncontent-length: 0", &Framing::Length(0), true);
    check_head("204 No Content", &Framing::Length(0), true);
    check_head("304 Not Modified\r\ncontent-length: 7", &Framing::Length(0), true);
    let both = "200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked";
    check_head(both, &Framing::Chunked(framing::Chunk::Size), false);
    let old = parsed("HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\n");
    assert_eq!((old.framing, old.keeps), (Framing::Length(3), false));
}

#[test]
fn whoever_asks_hears_the_headers_that_are_none_of_ours() {
    let head = parsed("HTTP/1.1 200 OK\r\nETag: \"7\"\r\nContent-Length: 3\r\nConnection: close\r\nx: \t a b\r\n\r\n");
    let heard = [("ETag", "\"7\""), ("x", "a b")].map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    assert_eq!(head.head.said, All(heard.into()));
    assert_eq!(head.head.version, http::Version::HTTP_11);
}

#[test]
fn what_is_no_head_is_refused() {
    for head in [
        "SPDY/3 200 OK\r\n\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: a\r\n folded: b\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        assert!(read(head.as_bytes()).is_err(), "{head:?}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    assert!(read(many.as_bytes()).is_err());
    let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(65 << 10));
    assert!(read(long.as_bytes()).is_err());
}

#[test]
fn bodies_end_where_they_say() {
    check_body(|| Framing::Length(5), "hello", Ok("hello"));
    check_body(|| Framing::Length(5), "hello|more", Ok("hello"));
    check_body(|| Framing::Length(0), "|", Ok(""));
    check_body(|| Framing::Length(6), "hello", Err("more"));
    check_body(|| Framing::UntilClosed, "hello", Err("more"));
    let chunked = || Framing::Chunked(framing::Chunk::Size);
    check_body(chunked, "5\r\nhello\r\n0\r\n\r\n", Ok("hello"));
    check_body(chunked, "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n|more", Ok("hello!"));
    check_body(chunked, "5\r\nhello\r\n0\r\nexpires: never\r\na: b\r\n\r\n|", Ok("hello"));
    check_body(chunked, "A\r\nhellohello\r\n", Err("more"));
    check_body(chunked, "5\r\nhello!\r\n0\r\n\r\n", Err("a chunk is longer than it says"));
    check_body(chunked, "5\r\nhello\r\n\r\n5\r\nworld\r\n0\r\n\r\n", Err("the size of a chunk is no size"));
    check_body(chunked, "\r\n\r\n", Err("the size of a chunk is no size"));
    check_body(chunked, ";a=b\r\n\r\n", Err("the size of a chunk is no size"));
    check_body(chunked, "x\r\nhello\r\n", Err("the size of a chunk is no size"));
    check_body(chunked, "-5\r\nhello\r\n", Err("the size of a chunk is no size"));
    check_body(chunked, "11112222333344445\r\nhello\r\n", Err("the size of a chunk is no size"));
}

#[test]
fn requests_are_written_in_one_piece() {
    let mut request = Request::new(&Method::POST, &"https://app.example:443/mcp?a=b".parse().unwrap());
    request.header("accept", b"a\tb").unwrap();
    for value in ["a\r\nevil: b", "a\0", "\x7f"] {
        assert!(request.header("mcp-name", value.as_bytes()).is_err(), "{value:?}");
    }
    let request = request.with_body(Bytes::from_static(b"{}"));
    let text = "POST /mcp?a=b HTTP/1.1\r\nhost: app.example\r\naccept: a\tb\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(request.from(0), text.as_bytes());
    assert_eq!(request.from(text.len()), b"");
    let long =
        Request::new(&Method::GET, &"http://[::1]:99".parse().unwrap()).with_body(Bytes::from(vec![b'x'; 1 << 20]));
    let head = "GET / HTTP/1.1\r\nhost: [::1]:99\r\ncontent-length: 1048576\r\n\r\n";
    assert_eq!(long.from(0), head.as_bytes());
    assert_eq!(long.from(head.len() + 1).len(), (1 << 20) - 1);
}

/// One side of a conversation: each entry is what is awaited and what is said to it, `close` ends the connection.
struct Script(Vec<Vec<(&'static str, String)>>);

impl Script {
    /// Plays one connection after the other; gives the address and what goes on.
    async fn play(self) -> (Client, JoinSet<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
        let mut playing = JoinSet::new();
        playing.spawn(async move {
            let mut connections = 0;
            for script in self.0 {
                let (mut stream, _) = listener.accept().await.unwrap();
                connections += 1;
                for (awaited, said) in script {
                    let mut heard = Vec::new();
                    while !awaited.is_empty() && memchr::memmem::find(&heard, awaited.as_bytes()).is_none() {
                        assert!(stream.read_buf(&mut heard).await.unwrap() > 0, "{}", String::from_utf8_lossy(&heard));
                    }
                    stream.write_all(said.as_bytes()).await.unwrap();
                }
            }
            connections
        });
        (Client::new(connector(&url, Connecting::default()).unwrap(), url), playing)
    }
}

fn asking(client: &Client, body: &'static str) -> Request {
    Request::new(&Method::POST, &client.url).with_body(Bytes::from_static(body.as_bytes()))
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

async fn ask(client: &Client, body: &'static str) -> Result<Bytes, Unread> {
    client.send::<All>(&asking(client, body)).await.unwrap().body.whole(4 << 20).await
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let long = "x".repeat(3 << 20);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned();
    let early = format!("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{}", answer("late"));
    let script = vec![("one", answer("1")), ("two", answer(&long)), ("three", chunked), ("four", early)];
    let (client, mut playing) = Script(vec![script]).play().await;
    assert_eq!(ask(&client, "one").await.unwrap(), "1");
    assert_eq!(ask(&client, "two").await.unwrap(), long);
    assert_eq!(ask(&client, "three").await.unwrap(), "abc");
    assert_eq!(ask(&client, "four").await.unwrap(), "late");
    assert_eq!(playing.join_next().await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_or_spoke_unasked_is_not_used_again() {
    let (spoke, kept) = (answer("1") + "HTTP/1.1 500 What\r\n\r\n", answer("3"));
    let closes = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end".to_owned();
    let scripts = vec![vec![("one", spoke)], vec![("two", closes)], vec![("three", kept)], vec![("four", answer("4"))]];
    let (client, mut playing) = Script(scripts).play().await;
    assert_eq!(ask(&client, "one").await.unwrap(), "1");
    assert_eq!(ask(&client, "two").await.unwrap(), "until the end");
    assert_eq!(ask(&client, "three").await.unwrap(), "3");
    // The other side has closed what rests; its next connection says when that is known here.
    assert_eq!(client.idle.resting.lock().unwrap().len(), 1);
    while !client.idle.resting.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
        client.idle.resting.lock().unwrap().iter_mut().for_each(|one| one.found = 0);
        client.rest();
    }
    assert_eq!(ask(&client, "four").await.unwrap(), "4");
    assert_eq!(playing.join_next().await.unwrap().unwrap(), 4);
}

#[tokio::test]
async fn what_nobody_uses_is_let_go() {
    let (client, _playing) = Script(vec![vec![("one", answer("1")), ("never", String::new())]]).play().await;
    assert_eq!(ask(&client, "one").await.unwrap(), "1");
    for _ in 0..FOUND_MAX {
        client.rest();
        assert_eq!(client.idle.resting.lock().unwrap().len(), 1);
    }
    client.rest();
    assert_eq!(client.idle.resting.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned();
    let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel".to_owned();
    let head = "HTTP/1.1 200 OK\r\ncontent-le".to_owned();
    let scripts =
        vec![vec![("one", short)], vec![("two", chunk)], vec![("three", head)], vec![("four", String::new())]];
    let (client, _playing) = Script(scripts).play().await;
    assert!(matches!(ask(&client, "one").await, Err(Unread::Broke(_))));
    assert!(matches!(ask(&client, "two").await, Err(Unread::Broke(_))));
    assert!(matches!(client.send::<All>(&asking(&client, "three")).await, Err(Broke::Off(_))));
    assert!(matches!(client.send::<All>(&asking(&client, "four")).await, Err(Broke::Off(_))));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned();
    let (client, _playing) = Script(vec![vec![("one", answer("hello"))], vec![("two", chunked)]]).play().await;
    for body in ["one", "two"] {
        let response = client.send::<All>(&asking(&client, body)).await.unwrap();
        assert!(matches!(response.body.whole(4).await, Err(Unread::TooLarge)), "{body}");
    }
}

#[tokio::test]
async fn who_refuses_a_long_request_is_heard() {
    let refused = "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!".to_owned();
    let (client, _playing) = Script(vec![vec![("content-length", refused), ("never", String::new())]]).play().await;
    let body = Bytes::from(vec![b'x'; 64 << 20]);
    let response = client.send::<All>(&Request::new(&Method::POST, &client.url).with_body(body)).await.unwrap();
    assert_eq!(response.head.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(response.body.whole(10).await.unwrap(), "no!");
    assert_eq!(client.idle.resting.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn who_answers_a_long_request_and_goes_is_heard() {
    let (client, _playing) = Script(vec![vec![("content-length", answer("enough"))]]).play().await;
    let body = Bytes::from(vec![b'x'; 64 << 20]);
    let response = client.send::<All>(&Request::new(&Method::POST, &client.url).with_body(body)).await.unwrap();
    assert_eq!(response.body.whole(10).await.unwrap(), "enough");
    assert_eq!(client.idle.resting.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn an_interim_answer_does_not_stop_a_long_request() {
    // In pieces, as it may come.
    long_request_whose_reader_says(
        &["HTTP/1.1 100 Cont", "inue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"],
        &answer("all of it"),
    )
    .await;
}

#[tokio::test]
async fn an_answer_that_begins_before_a_long_request_has_come_does_not_stop_it() {
    long_request_whose_reader_says(&["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"], "all of it").await;
    long_request_whose_reader_says(
        &["HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 20", "0 OK\r\ncontent-length: 9\r\n\r\nall"],
        " of it",
    )
    .await;
}

#[tokio::test]
async fn of_an_answer_that_comes_while_its_request_leaves_no_more_is_taken_than_there_is_room_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Uri = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
    let client = Client::new(connector(&url, Connecting::default()).unwrap(), url);
    let mut playing = JoinSet::new();
    playing.spawn(async move {
        let (mut comes, mut goes) = listener.accept().await.unwrap().0.into_split();
        comes.read_exact(&mut [0; 1024]).await.unwrap();
        let answers = async {
            goes.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n").await.unwrap();
            goes.write_all(&vec![b'y'; 64 << 20]).await.unwrap();
        };
        let mut nowhere = tokio::io::sink();
        let (_, rest) = tokio::join!(answers, tokio::io::copy(&mut comes, &mut nowhere));
        assert!(rest.unwrap() > (64 << 20) - 1024, "all of it has come");
    });
    let mut connection = match client.connect().await.unwrap() {
        Connected::Alone(connection) => connection,
        Connected::Many(_) => unreachable!("it speaks HTTP/1.1"),
    };
    let request = Request::new(&Method::POST, &client.url).with_body(Bytes::from(vec![b'x'; 64 << 20]));
    let went = tokio::time::timeout(Duration::from_secs(20), connection.write(&request)).await.expect("both wait");
    assert!(matches!(went, Ok(Went::Whole)));
    let (early, most) = (connection.buffer.len(), EARLY_BYTES_MAX + ROOM_BYTES_MAX);
    assert!((EARLY_BYTES_MAX..most).contains(&early), "{early} bytes of the answer");
    let response = client.answer::<All>(connection, &Went::Whole).await.unwrap();
    assert_eq!(response.body.whole(64 << 20).await.unwrap().len(), 64 << 20);
    drop(client);
    while let Some(played) = playing.join_next().await {
        played.unwrap();
    }
}

/// Some of it before, and some after the request has come whole: it is answered by `all of it`.
async fn long_request_whose_reader_says(before: &'static [&'static str], after: &str) {
    let after = after.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Uri = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
    let client = Client::new(connector(&url, Connecting::default()).unwrap(), url);
    let mut playing = JoinSet::new();
    playing.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut left, mut heard) = (usize::MAX, Vec::with_capacity(64 << 10));
        stream.read_exact(&mut [0; 1024]).await.unwrap();
        for piece in before {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        let all = "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:\r\ncontent-length: 67108864\r\n\r\n".len() + 5 + (64 << 20);
        while left > 0 {
            heard.clear();
            let read = stream.read_buf(&mut heard).await.unwrap();
            assert!(read > 0, "{left} bytes are missing");
            left = left.min(all - 1024) - read;
        }
        stream.write_all(after.as_bytes()).await.unwrap();
        stream
    });
    let request = Request::new(&Method::POST, &client.url).with_body(Bytes::from(vec![b'x'; 64 << 20]));
    let asked = async {
        let response = client.send::<All>(&request).await.unwrap();
        (response.head.status, response.body.whole(10).await.unwrap())
    };
    let answered = tokio::time::timeout(Duration::from_secs(20), asked).await.expect("both wait");
    assert_eq!(answered, (StatusCode::OK, Bytes::from_static(b"all of it")));
    assert_eq!(client.idle.resting.lock().unwrap().len(), 1, "all of it has left: the connection is good for more");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let client = Client::new(connector(&url, Connecting::default()).unwrap(), url);
    assert!(matches!(client.send::<All>(&asking(&client, "")).await, Err(Broke::Unreachable(_))));
}

#[tokio::test]
async fn whoever_stops_waiting_closes_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
    let client = Client::new(connector(&url, Connecting::default()).unwrap(), url);
    let asked = asking(&client, "long work");
    let (mut stream, _) = tokio::select! {
        accepted = listener.accept() => accepted.unwrap(),
        _ = client.send::<All>(&asked) => unreachable!("nobody answers"),
    };
    let mut heard = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut heard)).await;
    assert!(ended.is_ok(), "the connection is still open");
}
