use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::*;
use crate::samples::{Log, about, noon};
use crate::sink::{Target, TextFormat, Transport};

fn started(log: &Log, target: Target, only: Option<Query>) -> Exports {
    let spec = SinkSpec { name: "out".to_owned(), target, only };
    let open = || Ok(Box::new(log.reader()) as Box<dyn LogReader>);
    Exports::start(vec![spec], open, &log.folder.path().join("exports"), &about(), &noon()).unwrap()
}

fn place(log: &Log) -> Place {
    Place::load(&Place::file(&log.folder.path().join("exports"), "out")).unwrap()
}

fn to_file(log: &Log) -> Target {
    Target::File { path: log.folder.path().join("out.jsonl"), format: TextFormat::Jsonl, bytes_max: u64::MAX, kept: 1 }
}

fn sequences(log: &Log) -> Vec<u64> {
    let text = std::fs::read_to_string(log.folder.path().join("out.jsonl")).unwrap_or_default();
    let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"].as_u64().unwrap();
    text.lines().map(number).collect()
}

#[test]
fn a_sink_gets_everything_goes_on_where_it_was_and_gets_what_came_meanwhile() {
    let mut log = Log::with_calls(0..600);
    let exports = started(&log, to_file(&log), None);
    exports.close();
    let last = log.last();
    assert_eq!(sequences(&log), (1..=last.sequence).collect::<Vec<_>>());
    assert_eq!((place(&log).sequence, place(&log).failing), (last.sequence, false));
    log.add_calls(700..703);
    started(&log, to_file(&log), None).close();
    assert_eq!(sequences(&log), (1..=last.sequence + 5).collect::<Vec<_>>());
}

#[test]
fn another_log_is_exported_from_its_beginning() {
    let log = Log::with_calls(0..3);
    started(&log, to_file(&log), None).close();
    let other = Log::with_calls(0..3);
    let folder = other.folder.path().join("exports");
    std::fs::create_dir(&folder).unwrap();
    place(&log).keep(&Place::file(&folder, "out")).unwrap();
    started(&other, to_file(&other), None).close();
    assert_eq!(sequences(&other), [1, 2, 3, 4, 5]);
}

#[test]
fn a_question_chooses_and_outcomes_go_with_their_decisions() {
    let log = Log::with_calls(0..3);
    let only = Query::default().with(trace::Field::Verdict, "allow");
    started(&log, to_file(&log), Some(only)).close();
    assert_eq!(sequences(&log), [1, 2, 3, 4]);
    assert_eq!(place(&log).sequence, 5, "what it does not want is behind it, too");
}

/// A receiver that breaks off the first two connections, and reads the third.
#[test]
fn a_record_is_delivered_at_least_once_and_in_order() {
    let log = Log::with_calls(0..3);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let receiver = std::thread::spawn(move || {
        for _ in 0..2 {
            // Closed with bytes unread: the sender is told so.
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 10]).unwrap();
        }
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let target = Target::Syslog { address, transport: Transport::Tcp };
    let exports = started(&log, target, None);
    let text = receiver.join().unwrap();
    exports.close();
    let mut rest = text.as_str();
    let mut found = Vec::new();
    while let Some((length, more)) = rest.split_once(' ') {
        let (message, more) = more.split_at(length.parse().unwrap());
        found.push(message.split("sequence=\"").nth(1).unwrap().split('"').next().unwrap().to_owned());
        rest = more;
    }
    assert_eq!((found.join(" ").as_str(), rest), ("1 2 3 4 5", ""));
    let place = place(&log);
    assert_eq!((place.sequence, place.failing, place.failures), (5, false, 2), "{place:?}");
    assert!(place.last_error.is_some());
}

#[test]
fn a_sink_that_never_answers_does_not_keep_a_gateway_from_stopping() {
    let log = Log::with_calls(0..3);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let exports = started(&log, Target::Ocsf { url, headers: crate::sink::Headers::default() }, None);
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    exports.close();
    assert_eq!(place(&log).sequence, 0, "nothing was taken");
    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
}

#[test]
fn a_collector_that_refuses_is_quoted() {
    let log = Log::with_calls(0..1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let exports = started(&log, Target::Ocsf { url, headers: crate::sink::Headers::default() }, None);
    let (mut stream, _) = listener.accept().unwrap();
    let _read = stream.read(&mut [0; 65_536]).unwrap();
    stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nlater").unwrap();
    let told = || place(&log).last_error.is_some_and(|said| said.contains("503") && said.contains("later"));
    let look = |_| {
        std::thread::sleep(Duration::from_millis(10));
        told()
    };
    assert!((0..1_000).any(look), "{:?}", place(&log));
    drop(listener);
    exports.close();
}
