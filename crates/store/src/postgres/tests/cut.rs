//! A link that is cut at every step of a commit.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tlog::{Frontier, Hash};
use trace::{CHECKPOINT_KIND, StateWrite};

use super::*;

/// When the link is cut, counted in messages from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// So many messages of ours arrive, the next does not.
    Request(usize),
    /// The server has got everything, but so many of its messages arrive only.
    Answer(usize),
}

/// Stands between a gateway and its server.
struct Proxy {
    port: u16,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    cut: Option<Cut>,
    /// Whether the server does not learn of the cut.
    half: bool,
    /// Whether new links are refused once it is cut.
    down: bool,
    refusing: bool,
    requests: usize,
    answers: usize,
    happened: bool,
}

impl Proxy {
    fn start(server: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan: Arc<Mutex<Plan>> = Arc::default();
        let theirs = Arc::clone(&plan);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if !theirs.lock().unwrap().refusing {
                    carry(client, &server, &theirs);
                }
            }
        });
        Self { port, plan }
    }

    fn arm(&self, plan: Plan) {
        *self.plan.lock().unwrap() = plan;
    }

    /// Whether it was cut.
    fn happened(&self) -> bool {
        self.plan.lock().unwrap().happened
    }

    fn up(&self) {
        self.arm(Plan::default());
    }
}

/// One link, by both ends.
struct Ends {
    client: TcpStream,
    server: UnixStream,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

fn carry(client: TcpStream, server: &Path, plan: &Arc<Mutex<Plan>>) {
    client.set_nodelay(true).unwrap();
    let server = UnixStream::connect(server).unwrap();
    let ends = Arc::new(Ends { client, server, plan: Arc::clone(plan) });
    for from in [From::Client, From::Server] {
        let ends = Arc::clone(&ends);
        thread::spawn(move || match from {
            From::Client => ends.pump(from, &ends.client, &ends.server),
            From::Server => ends.pump(from, &ends.server, &ends.client),
        });
    }
}

impl Ends {
    /// Carries message after message.
    fn pump(&self, from: From, mut source: impl Read, mut sink: impl Write) {
        // What a link begins with has no kind.
        let mut begin = if from == From::Client { 0 } else { 1 };
        loop {
            let mut message = vec![0; begin + 4];
            let head = source.read_exact(&mut message);
            let length = u32::from_be_bytes(message[begin..].try_into().unwrap()) as usize;
            message.resize((begin + length).max(begin + 4), 0);
            if head.is_err() || source.read_exact(&mut message[begin + 4..]).is_err() {
                return self.end(false);
            }
            let cut = if begin == 1 { self.plan.lock().unwrap().counted(from) } else { None };
            if let Some(half) = cut {
                return self.end(half);
            }
            if sink.write_all(&message).is_err() {
                return self.end(false);
            }
            begin = 1;
        }
    }

    /// The server stays in the dark, as it does when a machine is gone, if it is to.
    fn end(&self, half: bool) {
        if half {
            std::mem::forget(self.server.try_clone().unwrap());
        }
        let dark = self.plan.lock().unwrap().half;
        let _ = self.client.shutdown(Shutdown::Both);
        if !dark {
            let _ = self.server.shutdown(Shutdown::Both);
        }
    }
}

impl Plan {
    /// Counts a message. Some: the link is to be cut before it, and whether our end of it only.
    fn counted(&mut self, from: From) -> Option<bool> {
        let count = if from == From::Client { &mut self.requests } else { &mut self.answers };
        *count += 1;
        let now = match (self.cut, from) {
            (Some(Cut::Request(number)), From::Client) | (Some(Cut::Answer(number)), From::Server) => *count > number,
            _ => false,
        };
        now.then(|| {
            self.cut = None;
            self.happened = true;
            self.refusing = self.down;
            self.half
        })
    }
}

/// The records, checked one by one and against the tree.
fn whole(reader: &PostgresReader) -> Vec<String> {
    let entries = reader.find(&Query { limit: usize::MAX, newest_first: false, ..Query::default() }).unwrap();
    let mut tree = Frontier::new();
    for (entry, sequence) in entries.iter().zip(1..) {
        assert_eq!((entry.sequence, verify_leaf(entry)), (sequence, Ok(())));
        tree.append(&[Hash::new(*entry.leaf_hash.as_bytes())], |_, _| {}).unwrap();
    }
    assert_eq!(reader.tree().unwrap().tree(), tree.tree());
    entries.iter().map(|entry| entry.call.to_string()).collect()
}

#[test]
fn a_link_may_be_cut_anywhere() {
    let server = PostgresServer::start().unwrap();
    let direct = address(&server, "cut");
    let proxy = Proxy::start(server.socket_file());
    let through = format!("postgres://gateway@127.0.0.1:{}/cut", proxy.port);
    let mut log = PostgresLog::open(&named(&server, &through, "main")).unwrap();
    let reader = PostgresReader::open(&direct).unwrap();
    let (mut number, mut expected) = (1, Vec::new());
    // Written without our knowing, and with it.
    let (mut unsaid, mut known, mut begun_again) = (0, 0, 0);
    // The last says what the record changes: one that changes nothing that a gateway remembers is gone on behind.
    let (person, checkpoint) = (Some("person"), Some(CHECKPOINT_KIND));
    let ways = [
        (false, false, person),
        (false, true, person),
        (false, true, None),
        (false, true, checkpoint),
        (true, false, person),
    ];
    for (half, down, changes) in ways {
        for cuts in [Cut::Request as fn(usize) -> Cut, Cut::Answer] {
            // A server in the dark is slow to test, so some of the steps must do.
            for step in (0..).step_by(if half { 7 } else { 1 }) {
                number += 1;
                let row = intent(number, "bot", "ada", "crm/read", Verdict::Allow);
                let id = row.call.to_string();
                proxy.arm(Plan { cut: Some(cuts(step)), half, down, ..Plan::default() });
                let state: Vec<StateWrite> = changes
                    .map(|kind| StateWrite { kind: kind.to_owned(), ..put("ada", Some(&id)) })
                    .into_iter()
                    .collect();
                let wrote = log.append(std::slice::from_ref(&row), &state);
                let happened = proxy.happened();
                proxy.up();
                let (before, now) = (expected.len(), whole(&reader));
                let there = now.len() > before;
                (unsaid, known) =
                    (unsaid + usize::from(there && wrote.is_err()), known + usize::from(there && wrote.is_ok()));
                if there {
                    expected.push(id.clone());
                }
                assert_eq!(now, expected, "{:?} half {half} down {down}", cuts(step));
                let wrote_nothing = wrote.is_err();
                match wrote {
                    Ok(sequence) => assert!(there && sequence == expected.len() as u64, "{:?}", cuts(step)),
                    Err(fault) => {
                        assert!(down && happened && fault.code() == "store.broken", "{fault} {:?}", cuts(step))
                    }
                }
                let changed =
                    changes.is_some_and(|kind| reader.state(kind).unwrap().iter().any(|(_, value)| *value == id));
                assert_eq!(changed, there && changes.is_some());
                // Nothing goes on by a memory to which a change was denied that stands in the log.
                let behind = there && changes == person && wrote_nothing;
                assert_eq!(come_back(&mut log, &mut number, &mut expected), !behind, "{:?} half {half}", cuts(step));
                if behind {
                    drop(log);
                    log = PostgresLog::open(&named(&server, &through, "main")).unwrap();
                    assert!(come_back(&mut log, &mut number, &mut expected));
                    begun_again += 1;
                }
                if !happened {
                    break;
                }
            }
        }
    }
    assert!(unsaid > begun_again && begun_again > 0 && known > 60, "{unsaid} {known} {begun_again}");
}

/// It goes on as soon as the server can be reached. False: it does not, for the log holds what was told as not written.
fn come_back(log: &mut PostgresLog, number: &mut u16, expected: &mut Vec<String>) -> bool {
    for _ in 0..1_000 {
        *number += 1;
        let row = change(*number);
        let id = row.call.to_string();
        match log.append(&[row], &[]) {
            Ok(sequence) => {
                expected.push(id);
                assert_eq!(sequence, expected.len() as u64);
                return true;
            }
            Err(fault) if fault.to_string().contains("told as not recorded") => return false,
            Err(fault) => assert_eq!(fault.code(), "store.broken"),
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it does not come back");
}

// INVARIANT: who lost the log to somebody else never writes to it again out of an old memory.
#[test]
fn who_was_taken_over_writes_no_more() {
    let server = PostgresServer::start().unwrap();
    let direct = address(&server, "over");
    let proxy = Proxy::start(server.socket_file());
    let through = format!("postgres://gateway@127.0.0.1:{}/over", proxy.port);
    let mut old = PostgresLog::open(&named(&server, &through, "main")).unwrap();
    old.append(&[change(1)], &[]).unwrap();
    proxy.arm(Plan { cut: Some(Cut::Request(0)), down: true, ..Plan::default() });
    assert!(old.append(&[change(2)], &[]).is_err());
    let mut new = (0..1_000)
        .find_map(|_| PostgresLog::open(&direct).inspect_err(|_| thread::sleep(Duration::from_millis(10))).ok())
        .unwrap();
    assert_eq!(new.append(&[change(3)], &[]).unwrap(), 2);
    drop(new);
    proxy.up();
    let mut tries = 0;
    let fault = loop {
        let fault = old.append(&[change(4)], &[]).unwrap_err();
        tries += 1;
        if fault.to_string().contains("another gateway") || tries == 1_000 {
            break fault;
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert!(fault.to_string().contains("another gateway has written"), "{fault}");
    assert!(old.append(&[change(4)], &[]).is_err());
    drop(old);
    let reader = PostgresReader::open(&direct).unwrap();
    assert_eq!(whole(&reader).len(), 2);
    assert_eq!(PostgresLog::open(&direct).unwrap().append(&[change(4)], &[]).unwrap(), 3);
}
