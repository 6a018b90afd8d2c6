use super::*;

fn check(stream: &str, expect: &[&str]) {
    for size in [1, 2, 3, 7, stream.len().max(1)] {
        let mut events = Events::default();
        let heard: Vec<Bytes> = stream.as_bytes().chunks(size).flat_map(|piece| events.push(piece)).collect();
        assert_eq!(heard, expect, "in pieces of {size}");
    }
}

#[test]
fn events_come_out_whatever_the_pieces() {
    check("data: {\"a\":1}\n\n", &["{\"a\":1}"]);
    check("event: message\r\nid: 7\r\ndata: x\r\n\r\ndata:y\r\n\r\n", &["x", "y"]);
    check(": keep-alive\n\ndata: one\ndata: two\n\n", &["one\ntwo"]);
    check("data\n\n", &[""]);
    check("retry: 10\n\ndatax: no\n\ndata: unfinished", &[]);
    check("data: a\r\rdata: b\r\r", &["a", "b"]);
    check(
        "event: ping\ndata: {}\n\ndata: {}\nevent:ping\n\nevent\ndata: a\n\nevent: message\ndata: b\n\n",
        &["a", "b"],
    );
    check("event: ping\nevent: message\ndata: a\n\nevent: ping\n\ndata: b\n\n", &["a", "b"]);
}

#[test]
fn a_stream_says_where_and_when_it_goes_on() {
    let mut events = Events::default();
    assert_eq!(events.push(b"id: 1-0\nretry: 500\ndata:\n\n"), [""]);
    assert_eq!((events.last_id(), events.retry()), (Some("1-0"), Some(Duration::from_millis(500))));
    events.push(b"id: 1-1\ndata: half");
    assert_eq!(events.last_id(), Some("1-0"), "an event that is not complete was not received");
    assert_eq!(events.held(), "data: half".len());
    events.broken();
    assert_eq!(events.push(b"id: 1-1\ndata: whole\n\nretry: soon\n\n"), ["whole"]);
    assert_eq!((events.last_id(), events.retry()), (Some("1-1"), Some(Duration::from_millis(500))));
    events.push(b"event: ping\nid: 1-2\nretry: 700\ndata: {}\n\n");
    assert_eq!((events.last_id(), events.retry()), (Some("1-2"), Some(Duration::from_millis(700))));
    events.push(b"event: ping\ndata: half");
    events.broken();
    assert_eq!(events.push(b"data: whole\n\n"), ["whole"]);
    events.push(b"id\n\n");
    assert_eq!(events.last_id(), None, "an empty id takes it back");
}
