use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A server that says this to everybody, and counts them.
fn server(said: String) -> (Uri, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap()).parse().unwrap();
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            count.fetch_add(1, Ordering::SeqCst);
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let _gone = (&stream).write_all(said.as_bytes());
            if said.is_empty() {
                // Held open and silent until whoever waits has gone.
                let _ended = lines.next();
            }
        }
    });
    (url, heard)
}

async fn get(url: &Uri) -> Result<Response<Bytes>, Fault> {
    let sender = Sender::new(Duration::from_millis(500), 1_000).unwrap();
    sender.send(Request::get(url).body(Full::default()).unwrap()).await
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn an_answer_is_bounded_and_no_redirect_is_followed() {
    let (fits, _) = server(answer(&"x".repeat(1_000)));
    assert_eq!(get(&fits).await.unwrap().body().len(), 1_000);
    let (large, _) = server(answer(&"x".repeat(1_001)));
    assert_eq!(get(&large).await.unwrap_err().to_string(), format!("`{large}` answers with more than is read"));
    let (silent, _) = server(String::new());
    assert_eq!(get(&silent).await.unwrap_err().to_string(), format!("`{silent}` did not answer in time"));

    let (elsewhere, heard) = server(answer("secret"));
    let (leads, _) = server(format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n"));
    assert_eq!(get(&leads).await.unwrap().status(), StatusCode::FOUND);
    assert_eq!(heard.load(Ordering::SeqCst), 0);
}
