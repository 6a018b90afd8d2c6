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
}
