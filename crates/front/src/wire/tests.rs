use bytes::Bytes;

use super::*;

#[test]
fn headers_off_the_connection_say_the_same_and_hold_nothing_of_its_buffer() {
    let buffer = Bytes::from(b"Bearer abc\x80text/html".to_vec());
    let value = |range: std::ops::Range<usize>| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
    let mut headers = HeaderMap::new();
    headers.append("authorization", value(0..11));
    headers.append("accept", value(11..20));
    headers.append("accept", value(11..15));
    headers.append("x-empty", value(0..0));
    let mut expected = headers.clone();
    headers.append("user-agent", value(0..6));
    let kept = off_the_connection(&headers, |name| name != "user-agent");
    assert_eq!(kept, expected);
    drop(headers);
    expected.clear();
    assert!(buffer.is_unique(), "the connection has its buffer back");
}
