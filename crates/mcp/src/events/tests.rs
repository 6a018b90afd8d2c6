use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use model::UnixMicros;
use model::limits::{STREAM_AGE_MAX, STREAMS_PER_SESSION_MAX};

use super::*;

const NOW: UnixMicros = UnixMicros(1_000_000);

/// What can be read right now, and whether that was the end.
fn read(reader: &mut Reader) -> (String, bool) {
    let mut context = Context::from_waker(Waker::noop());
    let mut text = String::new();
    loop {
        match Pin::new(&mut *reader).poll_frame(&mut context) {
            Poll::Ready(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                text.push_str(&String::from_utf8_lossy(&data));
            }
            Poll::Ready(None) => return (text, true),
            Poll::Ready(Some(Err(error))) => panic!("{error}"),
            Poll::Pending => return (text, false),
        }
    }
}

fn reader(stream: &Arc<Stream>, place: u64) -> Reader {
    Reader::new(Arc::clone(stream), place, Opening::default())
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[tokio::test]
async fn a_client_that_comes_back_gets_the_rest() {
    let streams = Streams::new(Remembered::default(), 0);
    let stream = streams.respond(NOW);
    stream.say(bytes("{\"a\":\r\n1}"));
    let mut first = Reader::new(Arc::clone(&stream), 0, Opening { primes: true, ..Opening::default() });
    let (said, ended) = read(&mut first);
    assert_eq!(said, "id: r1-0\nretry: 500\ndata: \n\nevent: message\nid: r1-1\ndata: {\"a\":  1}\n\n");
    assert!(!ended);
    drop(first);
    stream.say(bytes("b"));
    stream.end(Some(bytes("answer")), NOW);
    let (again, place) = streams.resume("r1-1", NOW).expect("remembered");
    let rest = "event: message\nid: r1-2\ndata: b\n\nevent: message\nid: r1-3\ndata: answer\n\n";
    assert_eq!(read(&mut reader(&again, place)), (rest.to_owned(), true));
    assert_eq!(read(&mut reader(&again, 2)).0, "event: message\nid: r1-3\ndata: answer\n\n", "and again");
    for unknown in ["", "r", "r1", "r2-0", "x1-0", "r1-x", "é1-0"] {
        assert!(streams.resume(unknown, NOW).is_err(), "{unknown}");
    }
}

#[tokio::test]
async fn a_client_learns_once_what_the_response_is_of() {
    let streams = Streams::new(Remembered::default(), 0);
    let stream = streams.respond(NOW);
    let mut first = Reader::new(Arc::clone(&stream), 0, Opening { primes: true, ..Opening::default() });
    assert_eq!(read(&mut first).0, "id: r1-0\nretry: 500\ndata: \n\n");
    stream.named("of".to_owned());
    assert_eq!(read(&mut first).0, "id: r1-0.of\nretry: 4000\ndata: \n\n");
    stream.say(bytes("a"));
    assert_eq!(read(&mut first).0, "event: message\nid: r1-1.of\ndata: a\n\n");
    let (again, place) = streams.resume("r1-1.of", NOW).expect("remembered");
    assert_eq!((again.number, place), (1, 1));
    let mut second = Reader::new(stream, place, Opening { primes: true, ..Opening::default() });
    assert_eq!(read(&mut second).0, "id: r1-1.of\nretry: 4000\ndata: \n\n");
}

#[tokio::test]
async fn one_reader_at_a_time() {
    let stream = Stream::new(Kind::Response, 1, Remembered::default());
    let mut one = reader(&stream, 0);
    assert_eq!(read(&mut one), (String::new(), false));
    let mut other = reader(&stream, 0);
    stream.say(bytes("x"));
    assert_eq!(read(&mut one), (String::new(), true));
    drop(one);
    assert!(stream.is_read(), "the one that was replaced has no say any more");
    assert_eq!(read(&mut other).0, "event: message\nid: r1-1\ndata: x\n\n");
    stream.pause();
    assert_eq!(read(&mut other), (String::new(), true));
}

#[tokio::test]
async fn what_is_remembered_has_bounds() {
    let remembered = Remembered::default();
    let streams = Streams::new(remembered.clone(), 0);
    let stream = streams.respond(NOW);
    for number in 0..2 * STREAM_EVENTS_MAX {
        stream.say(bytes(&number.to_string()));
    }
    assert_eq!(stream.state().events.len(), STREAM_EVENTS_MAX);
    let large = Bytes::from(vec![b'x'; 2 * STREAM_BYTES_MAX]);
    stream.end(Some(large.clone()), NOW);
    assert_eq!(stream.state().bytes, large.len(), "an answer nobody has read stays, alone");
    let (said, ended) = read(&mut reader(&stream, 0));
    assert!(ended && said.len() > large.len());
    assert_eq!(stream.state().bytes, 0, "one that is too large goes once it was read");
    assert!(streams.resume("r1-0", NOW).is_err(), "and that is said");

    let whole = Bytes::from(vec![b'x'; EVENT_BYTES_MAX]);
    let other = streams.respond(NOW);
    other.end(Some(whole), NOW);
    let third = streams.respond(NOW);
    third.end(Some(bytes("y")), NOW);
    assert!(streams.resume("r3-0", NOW).is_err(), "there was no place for it");
    drop((stream, other, third));
    let later = UnixMicros(NOW.0 + 1_000 + i64::try_from(STREAM_AGE_MAX.as_micros()).expect("fits"));
    assert!(streams.resume("r2-0", later).is_err(), "nobody came back in time");
    assert_eq!(remembered.all.bytes.load(Ordering::Relaxed), 0);
    for _ in 0..2 * STREAMS_PER_SESSION_MAX {
        streams.respond(later);
    }
    assert!(streams.resume("r4-0", later).is_err());
}

#[tokio::test]
async fn each_message_goes_to_one_of_the_streams_that_are_listened_on() {
    let streams = Streams::new(Remembered::default(), 0);
    streams.tell(&bytes("early"));
    streams.tell(&bytes("early"));
    let (first, place) = streams.listen();
    let mut one = reader(&first, place);
    assert_eq!(read(&mut one).0, "event: message\nid: s1-1\ndata: early\n\n", "it waited, once");
    let (second, place) = streams.listen();
    let mut other = reader(&second, place);
    streams.tell(&bytes("late"));
    assert_eq!(read(&mut one), (String::new(), false));
    assert_eq!(read(&mut other).0, "event: message\nid: s2-1\ndata: late\n\n");
    let (again, place) = streams.resume("s1-0", NOW).expect("remembered");
    let mut again = reader(&again, place);
    assert_eq!(read(&mut one), (String::new(), true), "whoever comes back takes its place");
    assert_eq!(read(&mut again).0, "event: message\nid: s1-1\ndata: early\n\n");
    let (unknown, place) = streams.resume("s9-7", NOW).expect("listening goes on");
    assert_eq!((unknown.number, place), (3, 0));
    streams.end(NOW);
    assert!(read(&mut again).1 && read(&mut other).1 && read(&mut reader(&unknown, 0)).1);
}

#[tokio::test]
async fn what_was_read_is_read_again_only_by_who_asks_for_it() {
    let streams = Streams::new(Remembered::default(), 0);
    let (stream, place) = streams.listen();
    let mut one = reader(&stream, place);
    streams.tell(&bytes("read"));
    assert_eq!(read(&mut one).0, "event: message\nid: s1-1\ndata: read\n\n");
    drop(one);
    streams.tell(&bytes("unread"));
    let (same, place) = streams.listen();
    assert_eq!(read(&mut reader(&same, place)).0, "event: message\nid: s1-2\ndata: unread\n\n");
    let (same, place) = streams.resume("s1-0", NOW).expect("remembered");
    assert!(read(&mut reader(&same, place)).0.contains("data: read\n"));
}

#[tokio::test]
async fn a_listener_that_reads_nothing_holds_nothing() {
    let stream = Stream::new(Kind::Listen, 0, Remembered::default());
    let mut slow = reader(&stream, 0);
    for _ in 0..10_000 {
        stream.say_once(&bytes("tools"));
        stream.say_once(&bytes("prompts"));
    }
    assert_eq!(stream.state().events.len(), 2);
    assert_eq!(read(&mut slow).0, "event: message\ndata: tools\n\nevent: message\ndata: prompts\n\n");
    assert_eq!(stream.state().events.len(), 0);
}

#[tokio::test]
async fn a_stream_ends_when_it_may_not_be_read_any_more() {
    let stream = Stream::new(Kind::Listen, 0, Remembered::default());
    let may: Box<dyn Fn() -> bool + Send> = Box::new(|| false);
    let opening = Opening { may: Some(may), last_words: Some(bytes("end")), ..Opening::default() };
    let body = Reader::new(Arc::clone(&stream), 0, opening).collect().await.expect("infallible");
    assert_eq!(body.to_bytes(), "event: message\ndata: end\n\n");
    assert!(!stream.is_read());
}

// INVARIANT: what was read is never in the way of what was not, and all of it together keeps to the bound.
#[tokio::test]
async fn what_was_read_goes_before_what_nobody_has_read_yet() {
    let remembered = Remembered::default();
    let streams: Vec<_> = (0..4).map(|_| Streams::new(remembered.clone(), 0)).collect();
    let answer = Bytes::from(vec![b'x'; STREAM_BYTES_MAX]);
    let most = EVENT_BYTES_MAX / STREAM_BYTES_MAX;
    let mut kept = Vec::new();
    for number in 0..2 * most {
        let stream = streams[number % 4].respond(NOW);
        let mut reader = reader(&stream, 0);
        stream.end(Some(answer.clone()), NOW);
        assert!(read(&mut reader).0.len() > answer.len());
        assert!(remembered.all.bytes.load(Ordering::Relaxed) <= EVENT_BYTES_MAX, "{number}");
        kept.push(stream);
    }
    assert!(streams[0].resume("r1-0", NOW).is_err(), "the first that was read is gone, and that is said");
    let last = streams[3].resume(&format!("r{}-0", most / 2), NOW).expect("the last that was read is not");
    assert_eq!(last.0.state().bytes, answer.len());

    let of_nobody = Streams::new(remembered.clone(), 0);
    for number in 1..=STREAMS_PER_SESSION_MAX {
        let stream = of_nobody.respond(NOW);
        stream.end(Some(answer.clone()), NOW);
        let (found, place) = of_nobody.resume(&format!("r{number}-0"), NOW).expect("nobody has read it");
        assert_eq!(found.state().bytes, answer.len(), "{number} {place}");
    }
    assert!(remembered.all.bytes.load(Ordering::Relaxed) <= EVENT_BYTES_MAX);
    drop((kept, last, streams, of_nobody));
    assert_eq!((remembered.all.bytes.load(Ordering::Relaxed), remembered.read().streams.len()), (0, 0));
}

// INVARIANT: nobody who comes back misses a question or an answer without being told.
#[tokio::test]
async fn who_comes_back_for_a_question_that_is_forgotten_is_told_so() {
    let question = r#"{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{}}"#;
    let news = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"id":7}}"#;
    let fills = |remembered: &Remembered| {
        let others = Streams::new(remembered.clone(), 0).respond(NOW);
        others.end(Some(Bytes::from(vec![b'x'; EVENT_BYTES_MAX])), NOW);
        others
    };
    // As if the connection had broken before the last of it came.
    let remembered = Remembered::default();
    let streams = Streams::new(remembered.clone(), 0);
    let stream = streams.respond(NOW);
    for message in [news, question, news] {
        stream.say(bytes(message));
    }
    let mut first = reader(&stream, 0);
    assert!(read(&mut first).0.contains("r1-3"));
    let mut slow = reader(&stream, 1);
    drop(fills(&remembered));
    assert!(stream.state().events.is_empty());
    assert_eq!(read(&mut slow), (String::new(), true), "it comes back, and is told");
    stream.end(Some(bytes("answer")), NOW);
    assert!(streams.resume("r1-0", NOW).is_err() && streams.resume("r1-1", NOW).is_err());
    let (again, place) = streams.resume("r1-2", NOW).expect("it has the question");
    assert_eq!(read(&mut reader(&again, place)).0, "event: message\nid: r1-4\ndata: answer\n\n", "news may be missed");
    // While nobody reads, there is no room.
    let stream = streams.respond(NOW);
    let full = fills(&remembered);
    stream.say(bytes(news));
    assert!(streams.resume("r2-0", NOW).is_ok());
    stream.say(bytes(question));
    drop(full);
    assert!(streams.resume("r2-0", NOW).is_err(), "the question found no place");
    // What one stream may keep is not enough.
    let stream = streams.respond(NOW);
    stream.say(bytes(question));
    for _ in 0..STREAM_EVENTS_MAX {
        stream.say(bytes(news));
    }
    assert!(streams.resume("r3-0", NOW).is_err());
    assert!(streams.resume("r3-1", NOW).is_ok());
}
