use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use notify::{Channel, Hidden, To};
use serde_json::{Value, json};

use super::*;
use crate::limits::{CALLS_BYTES_MAX, REFUSALS_MAX};
use crate::samples::{Log, about, change, intent, noon, outcome};
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

#[test]
fn what_a_question_excludes_is_excluded_with_its_outcome() {
    use trace::Field::{App, Human, Kind, Status, Tool, Verdict};
    let all = Query::default;
    let questions = [
        (all().without(Verdict, "allow"), vec![5, 6]),
        (all().without(Verdict, "deny"), vec![1, 2, 3, 4, 6]),
        (all().without(App, "crm"), vec![6]),
        (all().without(Human, "ada"), vec![6]),
        (all().without(Tool, "customers.find").without(Kind, "change"), vec![]),
        (all().without(Status, "answered"), vec![3, 4, 5, 6]),
        (all().with(Kind, "outcome").with(App, "crm"), vec![2, 4]),
        (all().without(Kind, "outcome"), vec![1, 3, 5, 6]),
    ];
    for (only, expected) in questions {
        let mut log = Log::with_calls(0..3);
        log.add(&[trace::Row::of_change(&change(9)).unwrap()]);
        let said = only.to_string();
        started(&log, to_file(&log), Some(only)).close();
        assert_eq!(sequences(&log), expected, "{said}");
    }
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

/// Escalated holds of these numbers.
fn escalate(log: &mut Log, numbers: std::ops::Range<u16>) {
    let row = |number: u16| {
        let detail = json!({ "hold": format!("h_{number}"), "agent": "bot", "app": "mail", "tool": "send" });
        trace::Row::of_change(&trace::Change { what: "hold.escalated".to_owned(), detail, ..change(number) }).unwrap()
    };
    log.add(&numbers.map(row).collect::<Vec<_>>());
}

/// A receiver over HTTP that says of each body how it is answered.
fn receiver(mut answer: impl FnMut(&Value) -> &'static str + Send + 'static) -> http::Uri {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let body = body_of(&stream);
            let said = format!("HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", answer(&body));
            (&stream).write_all(said.as_bytes()).unwrap();
        }
    });
    url
}

fn body_of(stream: &TcpStream) -> Value {
    let mut heard = Vec::new();
    loop {
        let mut piece = [0; 65_536];
        let read = { stream }.read(&mut piece).unwrap();
        heard.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&heard);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return serde_json::from_str(body).unwrap();
        }
    }
}

fn people(url: http::Uri) -> Target {
    let to = To::Webhook { url: Hidden(url), headers: Hidden(http::HeaderMap::new()) };
    Target::People(Channel { to, pages: "https://console.example".to_owned() })
}

/// A sink came so far before.
fn put_place(log: &Log, sequence: u64, leaf_hash: &str) {
    let folder = log.folder.path().join("exports");
    std::fs::create_dir_all(&folder).unwrap();
    let place = Place { sequence, leaf_hash: Some(leaf_hash.to_owned()), ..Place::default() };
    place.keep(&Place::file(&folder, "out")).unwrap();
}

fn until(log: &Log, fits: impl Fn(&Place) -> bool) {
    let look = |_| {
        std::thread::sleep(Duration::from_millis(10));
        fits(&place(log))
    };
    assert!((0..2_000).any(look), "{:?}", place(log));
}

type Heard = Arc<Mutex<Vec<String>>>;

fn heard_hold(heard: &Heard, body: &Value) {
    heard.lock().unwrap().push(body["holds"][0].as_str().unwrap().to_owned());
}

#[test]
fn people_whose_chat_takes_three_messages_at_a_time_get_each_once() {
    let mut log = Log::with_calls(0..1);
    let begin = log.last();
    put_place(&log, begin.sequence, &begin.leaf_hash.to_string());
    escalate(&mut log, 10..20);
    let heard = Heard::default();
    let (mut taken, told) = (0, Arc::clone(&heard));
    let url = receiver(move |body| {
        taken += 1;
        if taken % 4 == 0 {
            return "429 Too Many Requests";
        }
        heard_hold(&told, body);
        "200 OK"
    });
    let exports = started(&log, people(url), None);
    until(&log, |place| place.sequence == begin.sequence + 10);
    exports.close();
    let expected: Vec<String> = (10..20).map(|number| format!("h_{number}")).collect();
    assert_eq!(*heard.lock().unwrap(), expected);
    assert_eq!((place(&log).failing, place(&log).failures), (false, 3));
}

#[test]
fn a_message_that_is_refused_keeps_nobody_from_hearing_the_others() {
    let mut log = Log::with_calls(0..1);
    let begin = log.last();
    put_place(&log, begin.sequence, &begin.leaf_hash.to_string());
    escalate(&mut log, 10..15);
    let (heard, refused) = (Heard::default(), Heard::default());
    let (told, no) = (Arc::clone(&heard), Arc::clone(&refused));
    let url = receiver(move |body| {
        if body["holds"][0] == "h_12" {
            heard_hold(&no, body);
            return "400 Bad Request";
        }
        heard_hold(&told, body);
        "200 OK"
    });
    let exports = started(&log, people(url), None);
    until(&log, |place| place.sequence == begin.sequence + 5);
    exports.close();
    assert_eq!(*heard.lock().unwrap(), ["h_10", "h_11", "h_13", "h_14"]);
    assert_eq!(*refused.lock().unwrap(), ["h_12"; REFUSALS_MAX as usize], "not given up at the first refusal");
    let place = place(&log);
    assert_eq!((place.failing, place.failures), (false, u64::from(REFUSALS_MAX)), "{place:?}");
    assert_eq!(place.last_error.unwrap(), "a message was passed over: it answered 400 Bad Request");
}

#[test]
fn people_are_told_nothing_old_of_a_log_that_was_restored() {
    let mut log = Log::with_calls(0..1);
    escalate(&mut log, 10..13);
    put_place(&log, 100, "another");
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    let url = receiver(move |body| {
        heard_hold(&told, body);
        "200 OK"
    });
    let exports = started(&log, people(url), None);
    let last = log.last().sequence;
    until(&log, |place| place.sequence == last && place.leaf_hash.is_some());
    escalate(&mut log, 13..14);
    until(&log, |place| place.sequence == last + 1);
    exports.close();
    assert_eq!(*heard.lock().unwrap(), ["h_13"]);
}

#[test]
fn people_of_a_sink_that_is_far_behind_hear_of_what_still_waits_only() {
    let mut log = Log::with_calls(0..1);
    let held = |number: u16, expires_at: &str| {
        let detail = json!({ "hold": format!("h_{number}"), "agent": "bot", "app": "mail", "expires_at": expires_at });
        trace::Row::of_change(&trace::Change { what: "hold.opened".to_owned(), detail, ..change(number) }).unwrap()
    };
    let first = log.last();
    put_place(&log, first.sequence, &first.leaf_hash.to_string());
    let (past, to_come) = ("1969-12-31T23:00:00.000000Z", "2999-01-01T00:00:00.000000Z");
    log.add(&[held(10, past), held(11, past), held(12, to_come)]);
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    let url = receiver(move |body| {
        heard_hold(&told, body);
        "200 OK"
    });
    let exports = started(&log, people(url), None);
    let last = log.last().sequence;
    until(&log, |place| place.sequence == last);
    exports.close();
    assert_eq!(*heard.lock().unwrap(), ["h_12"]);
}

/// A reader that cannot answer its first question.
struct Late {
    reader: store::SqliteReader,
    asked: AtomicBool,
}

impl LogReader for Late {
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        if !self.asked.swap(true, Ordering::Relaxed) {
            return Err(StoreFault::new(trace::StoreFaultKind::Locked, "not yet"));
        }
        self.reader.find(query)
    }
    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        self.reader.by_id(id)
    }
    fn uses(&self, of: trace::UseOf<'_>) -> Result<Vec<trace::Use>, StoreFault> {
        self.reader.uses(of)
    }
    fn counted(&self, query: &Query) -> Result<Vec<trace::Use>, StoreFault> {
        self.reader.counted(query)
    }
    fn unfinished(&self) -> Result<Vec<model::CallId>, StoreFault> {
        self.reader.unfinished()
    }
    fn last_sequence(&self) -> Result<u64, StoreFault> {
        self.reader.last_sequence()
    }
    fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault> {
        self.reader.state(kind)
    }
    fn tree(&self) -> Result<tlog::Frontier, StoreFault> {
        self.reader.tree()
    }
    fn tile(&self, tile: tlog::Tile) -> Result<Option<Vec<u8>>, StoreFault> {
        self.reader.tile(tile)
    }
}

#[test]
fn a_place_that_could_not_be_looked_for_is_looked_for_again() {
    let log = Log::with_calls(0..3);
    put_place(&log, 2, "another");
    let spec = SinkSpec { name: "out".to_owned(), target: to_file(&log), only: None };
    let open = || {
        let late = Late { reader: log.reader(), asked: AtomicBool::new(false) };
        Ok(Box::new(late) as Box<dyn LogReader>)
    };
    let exports = Exports::start(vec![spec], open, &log.folder.path().join("exports"), &about(), &noon()).unwrap();
    until(&log, |place| place.sequence == 5);
    exports.close();
    assert_eq!(sequences(&log), [1, 2, 3, 4, 5]);
}

#[test]
fn a_collector_gets_as_little_at_a_time_as_it_takes() {
    let log = Log::with_calls(0..360);
    let heard: Arc<Mutex<Vec<u64>>> = Arc::default();
    let told = Arc::clone(&heard);
    let url = receiver(move |body| {
        if body.to_string().len() > 100_000 {
            return "413 Payload Too Large";
        }
        let number = |event: &Value| event["metadata"]["uid"].as_str().unwrap().rsplit('/').next().unwrap().parse();
        told.lock().unwrap().extend(body.as_array().unwrap().iter().map(|event| number(event).unwrap_or(0)));
        "200 OK"
    });
    let exports = started(&log, Target::Ocsf { url, headers: crate::sink::Headers::default() }, None);
    until(&log, |place| place.sequence == 600);
    exports.close();
    assert_eq!(*heard.lock().unwrap(), (1..=600).collect::<Vec<u64>>());
    assert_eq!((place(&log).failing, place(&log).failures), (false, 0));
}

fn worker(log: &Log, target: Target, clock: Arc<dyn Clock>) -> Worker {
    Worker {
        spec: SinkSpec { name: "out".to_owned(), target, only: None },
        reader: Box::new(log.reader()),
        about: about(),
        clock,
        delivery: None,
        calls: Calls::default(),
        place: Place::default(),
        file: log.folder.path().join("out.cursor"),
        kept: (0, Place::default()),
        placed: false,
        people: People::default(),
        page: PAGE_RECORDS,
        rest: REST_MIN,
    }
}

#[tokio::test]
async fn little_is_held_in_memory_however_long_records_are() {
    let mut log = Log::new();
    let arguments = bytes::Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(60 << 10)));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &arguments);
    let arguments_digest = model::Digest::new(digest.as_ref().try_into().unwrap());
    for number in 0..200 {
        let arguments = Some(arguments.clone());
        let intent = trace::Intent { arguments, arguments_digest, ..intent(number, model::Verdict::Allow, false) };
        log.add(&[trace::Row::of_intent(&intent).unwrap()]);
    }
    log.add(&(0..200).map(|number| trace::Row::of_outcome(&outcome(number)).unwrap()).collect::<Vec<_>>());
    let mut worker = worker(&log, to_file(&log), noon());
    let mut steps = 0;
    loop {
        let page = worker.next_page().unwrap();
        let bytes: usize = page.iter().map(bytes_of).sum();
        assert!(bytes <= PAGE_BYTES_MAX, "{bytes} bytes in {} records", page.len());
        assert!(worker.calls.bytes() <= CALLS_BYTES_MAX, "{}", worker.calls.bytes());
        let (items, taken) = worker.items(page).unwrap();
        let decisions = items.iter().filter_map(|item| Some(bytes_of(&item.decision.as_ref()?.entry)));
        let held = items.iter().map(|item| bytes_of(&item.entry)).chain(decisions).sum::<usize>();
        assert!(held <= PAGE_BYTES_MAX && taken == items.len(), "{held} bytes in {taken} records");
        if !worker.step().await.unwrap() {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 3, "{steps}");
    assert_eq!(sequences(&log), (1..=400).collect::<Vec<_>>());
}

/// A clock that is set by hand.
#[derive(Default)]
struct ByHand(std::sync::atomic::AtomicI64);

impl Clock for ByHand {
    fn now(&self) -> model::UnixMicros {
        model::UnixMicros(self.0.load(Ordering::Relaxed))
    }
}

/// A mail server that puts somebody off so many times, and never says goodbye: for whom each message was.
fn mail_server(puts_off: &'static str, mut times: u32) -> (http::Uri, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let heard = Heard::default();
    let taken = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            (&stream).write_all(b"220 here\r\n").unwrap();
            let (mut whom, mut in_message) = (Vec::new(), false);
            for line in std::io::BufRead::lines(std::io::BufReader::new(&stream)).map_while(Result::ok) {
                let answer = match line.as_str() {
                    "." => {
                        in_message = false;
                        taken.lock().unwrap().push(whom.join(" "));
                        "250 taken\r\n"
                    }
                    _ if in_message => continue,
                    "DATA" => {
                        in_message = true;
                        "354 go on\r\n"
                    }
                    "QUIT" => continue,
                    to if to.starts_with("RCPT") => {
                        let name = to.trim_start_matches("RCPT TO:<").split('@').next().unwrap().to_owned();
                        if name == puts_off && times > 0 {
                            times -= 1;
                            "451 4.7.1 come again\r\n"
                        } else {
                            whom.push(name);
                            "250 fine\r\n"
                        }
                    }
                    _ => "250 fine\r\n",
                };
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (url, heard)
}

fn mail(server: http::Uri) -> Target {
    let to = ["bo@example.com", "cleo@example.com"].map(str::to_owned).to_vec();
    let mailbox = notify::Mailbox { server, login: None, from: "gw@example.com".to_owned(), to };
    Target::People(Channel { to: To::Mail(mailbox), pages: "https://console.example".to_owned() })
}

#[tokio::test]
async fn whoever_is_put_off_gets_the_message_later_and_nobody_else_gets_it_again() {
    let mut log = Log::with_calls(0..1);
    escalate(&mut log, 10..12);
    let (url, heard) = mail_server("bo", 3);
    let clock = Arc::new(ByHand::default());
    let mut worker = worker(&log, mail(url), Arc::clone(&clock) as Arc<dyn Clock>);
    worker.placed = true;
    while worker.step().await.unwrap() {}
    worker.tell_late().await;
    assert_eq!(*heard.lock().unwrap(), ["cleo", "cleo"], "not at once");
    assert_eq!((worker.place.sequence, worker.place.failing), (log.last().sequence, false));
    // The first of both is put off once more.
    for (minutes, expected) in [(1, vec![]), (1, vec!["bo"]), (3, vec!["bo"]), (60, vec![])] {
        clock.0.fetch_add(minutes * 60_000_000, Ordering::Relaxed);
        let before = heard.lock().unwrap().len();
        worker.tell_late().await;
        assert_eq!(heard.lock().unwrap()[before..], expected, "after {minutes} minutes more");
    }
    assert!(!worker.people.is_late(clock.now()));
}

#[test]
fn mail_that_was_taken_without_a_goodbye_is_sent_once() {
    let mut log = Log::with_calls(0..1);
    let begin = log.last();
    put_place(&log, begin.sequence, &begin.leaf_hash.to_string());
    escalate(&mut log, 10..12);
    let (url, heard) = mail_server("nobody", 0);
    let exports = started(&log, mail(url), None);
    until(&log, |place| place.sequence == begin.sequence + 2);
    exports.close();
    assert_eq!(*heard.lock().unwrap(), ["bo cleo", "bo cleo"]);
    assert_eq!(place(&log).failures, 0);
}

#[test]
fn a_mail_server_has_minutes_to_look_at_a_message() {
    let log = Log::new();
    assert!(mail("smtp://h".parse().unwrap()).time_max() > Duration::from_mins(12));
    assert_eq!(to_file(&log).time_max(), crate::limits::DELIVERY_TIME_MAX);
}

#[test]
fn whoever_asks_for_time_gets_it_within_bounds() {
    let log = Log::with_calls(0..1);
    let mut worker = worker(&log, to_file(&log), noon());
    let mut waits = |seconds: Option<u64>| {
        let again_after = seconds.map(Duration::from_secs);
        worker.failed(Untaken { again_after, ..Untaken::from("busy".to_owned()) })
    };
    assert_eq!(waits(None), REST_MIN);
    assert_eq!(waits(Some(7)), Duration::from_secs(7));
    assert_eq!(waits(Some(86_400)), AGAIN_AFTER_MAX);
    assert_eq!(waits(Some(0)), REST_MIN * 8);
}
