use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use front::{Front, Places, Port, Wire, serve_tcp};
use model::limits::STRANGERS_IN_FLIGHT_MAX;
use model::{Clock, Fault, UnixMicros};
use tlog::{
    AddCheckpoint, Algorithm, Checkpoint, ConsistencyProof, Frontier, Hash, SignedCheckpoint, Signer as _, SigningKey,
    Tree, Trust,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{ADD_CHECKPOINT, Beginning, Desk, DeskWire, Refused};

const LOG: &str = "gateway.example/trace";

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMicros {
        UnixMicros(1_700_000_000_000_000)
    }
}

fn key(name: &str, algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(name.parse().unwrap(), algorithm, &[seed; 32]).unwrap()
}

fn log_key() -> SigningKey {
    key(LOG, Algorithm::Ed25519, 1)
}

fn desk(folder: &Path) -> Desk {
    let new = fs::read_dir(folder).unwrap().next().is_none();
    open(folder, if new { Beginning::WithNewKey } else { Beginning::AsKept }).unwrap()
}

fn open(folder: &Path, beginning: Beginning) -> Result<Desk, Fault> {
    let logs = vec![log_key().verifier_key().clone()];
    Desk::open(folder, key("witness.example", Algorithm::Cosignature, 2), logs, beginning, Arc::new(Noon))
}

/// Every file of a kind in a folder.
fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    listed.filter(|file| file.to_string_lossy().ends_with(kind)).collect()
}

/// The tree of leaves `0`, `1`, … with another first one where `other` says so.
fn tree(size: u64, other: bool) -> Tree {
    let leaves: Vec<Hash> =
        (0..size).map(|leaf| Hash::of_leaf(if other && leaf == 0 { b"other" } else { &[u8::MAX] })).collect();
    let mut frontier = Frontier::default();
    frontier.append(&leaves, |_, _| {}).unwrap();
    frontier.tree()
}

fn request(old: u64, proof: Vec<Hash>, tree: Tree, key: &SigningKey) -> String {
    let checkpoint = Checkpoint::new(key.verifier_key().name().as_str(), tree).unwrap().sign(key).unwrap();
    AddCheckpoint::new(old, ConsistencyProof::new(proof).unwrap(), checkpoint).unwrap().to_string()
}

fn leaf() -> Hash {
    Hash::of_leaf(&[u8::MAX])
}

#[test]
fn it_cosigns_what_grew_out_of_what_it_has_seen_and_remembers_it() {
    let folder = tempfile::tempdir().unwrap();
    let cosigned = desk(folder.path()).cosign(&request(0, Vec::new(), tree(1, false), &log_key())).unwrap();
    let witness = key("witness.example", Algorithm::Cosignature, 2);
    let trust = Trust {
        origin: LOG.to_owned(),
        log: vec![log_key().verifier_key().clone()],
        witnesses: vec![witness.verifier_key().clone()],
    };
    let mut checkpoint: SignedCheckpoint = Checkpoint::new(LOG, tree(1, false)).unwrap().sign(&log_key()).unwrap();
    checkpoint.add_cosignatures(&cosigned, &trust.witnesses).unwrap();
    let (_, cosignatures) = checkpoint.verify(&trust).unwrap();
    assert_eq!(cosignatures.first().map(|one| one.at), Some(1_700_000_000));
    // Another process, the same folder.
    let again = desk(folder.path());
    assert_eq!(again.seen().collect::<Vec<_>>(), [(LOG, 1)]);
    again.cosign(&request(1, vec![leaf()], tree(2, false), &log_key())).unwrap();
    again.cosign(&request(2, Vec::new(), tree(2, false), &log_key())).unwrap();
    assert_eq!(again.seen().collect::<Vec<_>>(), [(LOG, 2)]);
}

#[test]
fn it_refuses_everything_else_and_remembers_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    desk.cosign(&request(0, Vec::new(), tree(1, false), &log_key())).unwrap();
    desk.cosign(&request(1, vec![leaf()], tree(2, false), &log_key())).unwrap();
    let strange = key(LOG, Algorithm::Ed25519, 9);
    let unknown = key("elsewhere.example", Algorithm::Ed25519, 1);
    let cases = [
        ("no request", "old 2".to_owned(), 400),
        ("another log", request(0, Vec::new(), tree(1, false), &unknown), 404),
        ("a key of the same name", request(2, Vec::new(), tree(2, false), &strange), 403),
        ("shorter", request(1, Vec::new(), tree(1, false), &log_key()), 409),
        ("from another size", request(1, vec![leaf()], tree(2, false), &log_key()), 409),
        ("as long, with another root", request(2, Vec::new(), tree(2, true), &log_key()), 409),
        ("longer, with another beginning", request(2, vec![leaf()], tree(3, true), &log_key()), 422),
        ("longer, without a proof", request(2, Vec::new(), tree(3, false), &log_key()), 422),
    ];
    for (what, request, status) in cases {
        let refused = desk.cosign(&request).expect_err(what);
        if let Refused::OtherSize(known) = &refused {
            assert_eq!(*known, 2, "{what}");
        }
        assert_eq!(super::answer_of(Err(refused)).status().as_u16(), status, "{what}");
        assert_eq!(desk.seen().collect::<Vec<_>>(), [(LOG, 2)], "{what}");
    }
}

#[test]
fn what_cannot_be_kept_is_not_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    fs::remove_dir_all(folder.path()).unwrap();
    let refused = desk.cosign(&request(0, Vec::new(), tree(1, false), &log_key()));
    assert!(matches!(refused, Err(Refused::NotKept(_))), "{refused:?}");
    assert_eq!(desk.seen().collect::<Vec<_>>(), [(LOG, 0)]);
}

#[test]
fn a_witness_that_cannot_read_what_it_saw_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    desk(folder.path()).cosign(&request(0, Vec::new(), tree(1, false), &log_key())).unwrap();
    let file = files(folder.path(), ".checkpoint").pop().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    for damaged in [text.replacen("\n1\n", "\n0\n", 1), String::new()] {
        fs::write(&file, damaged).unwrap();
        for beginning in [Beginning::AsKept, Beginning::DangerAnew] {
            let refused = open(folder.path(), beginning);
            assert!(refused.err().is_some_and(|fault| fault.code() == "witness.state"), "{beginning:?}");
        }
    }
}

#[test]
fn a_witness_that_has_lost_what_it_saw_does_not_start() {
    for lost in [&["logs", ".checkpoint"][..], &["logs"], &[".checkpoint"]] {
        for grown in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let before = desk(folder.path());
            if grown {
                before.cosign(&request(0, Vec::new(), tree(1, false), &log_key())).unwrap();
            }
            for file in lost.iter().flat_map(|kind| files(folder.path(), kind)) {
                fs::remove_file(file).unwrap();
            }
            let refused = open(folder.path(), Beginning::AsKept).err().unwrap();
            assert_eq!(refused.code(), "witness.state", "{lost:?}");
            assert!(refused.way_out().is_some_and(|hint| hint.contains("--danger-begin-anew")), "{lost:?}");
            // Whoever says that it begins anew finds that on record, and what is there is not forgotten.
            let anew = open(folder.path(), Beginning::DangerAnew).unwrap();
            let kept = u64::from(grown && !lost.contains(&".checkpoint"));
            assert_eq!(anew.seen().collect::<Vec<_>>(), [(LOG, kept)], "{lost:?}");
            let list = fs::read_to_string(folder.path().join("logs")).unwrap();
            let said = list.contains(&format!("2023-11-14T22:13:20.000000Z anew {LOG}"));
            assert_eq!(said, lost.contains(&".checkpoint"), "{list}");
            assert_eq!(desk(folder.path()).seen().collect::<Vec<_>>(), [(LOG, kept)], "{lost:?}");
        }
    }
}

#[test]
fn nothing_begins_anew_where_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    desk(folder.path());
    let refused = open(folder.path(), Beginning::DangerAnew).err().unwrap();
    assert_eq!(refused.code(), "caller.nothing_lost");
}

#[test]
fn a_log_that_comes_later_is_new_and_the_memory_of_another_key_is_not_this_ones() {
    let folder = tempfile::tempdir().unwrap();
    desk(folder.path());
    let later = key("later.example/trace", Algorithm::Ed25519, 3);
    let opened = |witness: SigningKey| {
        let logs = vec![log_key().verifier_key().clone(), later.verifier_key().clone()];
        Desk::open(folder.path(), witness, logs, Beginning::AsKept, Arc::new(Noon))
    };
    for _ in 0..2 {
        let opened = opened(key("witness.example", Algorithm::Cosignature, 2)).unwrap();
        assert_eq!(opened.seen().collect::<Vec<_>>(), [(LOG, 0), ("later.example/trace", 0)]);
    }
    let refused = opened(key("witness.example", Algorithm::Cosignature, 4)).err().unwrap();
    assert_eq!(refused.code(), "witness.state");
}

// INVARIANT: bodies that never come keep nobody from a cosignature.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_slowly_keeps_no_gateway_from_a_cosignature() {
    const TOO_MANY: usize = 2;
    let folder = tempfile::tempdir().unwrap();
    let wires: Vec<Arc<dyn Wire>> = vec![Arc::new(DeskWire::new(Arc::new(desk(folder.path()))))];
    let front = Arc::new(Front { access: None, origins: None, wires, in_flight: Arc::new(Places::new(64)) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let port = Port { listener, connections_max: 1_024 };
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(serve_tcp(port, front, CancellationToken::new(), Duration::from_secs(1)));
    let posts = async |body: &str, length: usize| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("POST {ADD_CHECKPOINT} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let status = async |stream: &mut TcpStream| {
        let mut said = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut said)).await;
        read.expect("an answer").unwrap();
        String::from_utf8_lossy(&said).into_owned()
    };
    let mut slow = Vec::new();
    for _ in 0..STRANGERS_IN_FLIGHT_MAX + TOO_MANY {
        slow.push(posts("", 9).await);
    }
    let asked = request(0, Vec::new(), tree(1, false), &log_key());
    let mut gateway = posts(&asked, asked.len()).await;
    assert_eq!(status(&mut gateway).await, "HTTP/1.1 200");
}
