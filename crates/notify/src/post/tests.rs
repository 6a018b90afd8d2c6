use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::*;

#[tokio::test]
async fn a_server_that_repeats_the_address_is_not_quoted() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/hooks/T0K3N?key=s3cret", listener.local_addr().unwrap()).parse().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = [0; 4096];
        let read = stream.read(&mut heard).unwrap();
        let said = format!("Cannot {}", String::from_utf8_lossy(&heard[..read]));
        let head = format!("HTTP/1.1 404 Not Found\r\nRetry-After: 7\r\nContent-Length: {}\r\n\r\n", said.len());
        stream.write_all((head + &said).as_bytes()).unwrap();
    });
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer tok_abc"))]);
    let untold = Hook::new(&url, &headers).unwrap().post("{}".to_owned()).await.unwrap_err();
    server.join().unwrap();
    let again_after = Some(Duration::from_secs(7));
    assert_eq!(untold, Untold { said: "it answered 404 Not Found".to_owned(), again_after, refused: false });
}
