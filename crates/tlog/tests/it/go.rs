//! Our log, checked by the Go team's `sumdb/tlog` and `sumdb/note`.

use std::path::Path;
use std::process::{Command, Stdio};

use tlog::{
    Algorithm, Checkpoint, Consistency, Frontier, Growth, Hash, Inclusion, Leaf, Note, Receipt, SignedCheckpoint,
    Signer, SigningKey, Tile, TileKind, TiledTree, Tree, Trust, VerifierKey,
};

#[test]
fn go_reads_our_log_and_we_read_its_notes() {
    if !go_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path());
    let said = go(&["run", "check.go", &folder.path().display().to_string()]).output().unwrap();
    print!("{}", String::from_utf8_lossy(&said.stdout));
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

    let key: VerifierKey = read(folder.path(), "from-go/vkey").parse().unwrap();
    let note: Note = read(folder.path(), "from-go/note").parse().unwrap();
    assert_eq!(note.text(), "A text by Go.\n\nIt has an empty line.\n");
    assert_eq!(note.verify(std::slice::from_ref(&key)).unwrap()[0].key, &key);
    assert_eq!(note.to_string(), read(folder.path(), "from-go/note"));
}

#[test]
fn go_finds_a_log_that_is_not_ours() {
    if !go_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path());
    let proof = folder.path().join("inclusion/700-300");
    let other: String =
        std::fs::read_to_string(&proof).unwrap().lines().rev().map(|line| format!("{line}\n")).collect();
    std::fs::write(&proof, other).unwrap();
    let said = go(&["run", "check.go", &folder.path().display().to_string()]).output().unwrap();
    assert!(!said.status.success());
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("hash 0 of a proof is another one to Go"), "{said}");
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn go_is_here() -> bool {
    let here = go(&["list", "golang.org/x/mod/sumdb/tlog"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !here {
        #[expect(clippy::disallowed_methods, reason = "CI has Go, or is broken")]
        let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!in_ci, "Go is not here; `cargo xtask setup` installs it");
        println!("skipped: Go is not here; `cargo xtask setup` installs it");
    }
    here
}

/// Go with the libraries of the system, and nothing from elsewhere.
fn go(arguments: &[&str]) -> Command {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache");
    let mut command = Command::new("go");
    command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go"));
    command.env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode").env("GOFLAGS", "").env("GOPROXY", "off");
    command.env("GOCACHE", cache);
    command
}

/// A log at several sizes, with every tile and proofs of all shapes.
fn write_log(folder: &Path) {
    let key =
        |name: &str, algorithm, seed| SigningKey::from_seed(name.parse().unwrap(), algorithm, &[seed; 32]).unwrap();
    let log_key = key("gateway.example/trace", Algorithm::Ed25519, 1);
    let witness_key = key("witness.example", Algorithm::Cosignature, 2);
    let stranger = key("stranger.example", Algorithm::Ed25519, 3);
    write(folder, "vkey", log_key.verifier_key().to_string());
    write(folder, "witness-vkey", witness_key.verifier_key().to_string());
    let trust = Trust {
        origin: "gateway.example/trace".to_owned(),
        log: vec![log_key.verifier_key().clone()],
        witnesses: vec![witness_key.verifier_key().clone()],
    };
    let signed = |tree: Tree| -> SignedCheckpoint {
        let mut checkpoint = Checkpoint::new(&trust.origin, tree).unwrap().sign(&log_key).unwrap();
        checkpoint.cosign(&witness_key, 1_800_000_000).unwrap();
        let mut note = checkpoint.note().clone();
        note.sign(&stranger).unwrap();
        let signed: SignedCheckpoint = note.to_string().parse().unwrap();
        assert_eq!(signed.verify(&trust).unwrap().1.len(), 1);
        signed
    };

    let entry = |index: u64| format!("entry {index}").into_bytes();
    let leaf = |index| Leaf { index, hash: Hash::of_leaf(&entry(index)) };
    let mut nodes = std::collections::HashMap::new();
    let mut frontier = Frontier::new();
    let mut trees: Vec<Tree> = Vec::new();
    for size in SIZES {
        let from = frontier.size();
        let leaves: Vec<Hash> = (from..size).map(|index| leaf(index).hash).collect();
        frontier
            .append(&leaves, |node, hash| {
                nodes.insert(node, hash);
            })
            .unwrap();
        for tile in Tile::new_in(Growth { from, to: size }).unwrap() {
            let bytes = if tile.kind() == TileKind::Entries {
                let first = tile.index() * 256;
                let entries: Vec<Vec<u8>> = (first..first + u64::from(tile.width())).map(entry).collect();
                tile.encode_entries(&entries).unwrap()
            } else {
                tile.encode(&tile.nodes().map(|node| nodes[&node]).collect::<Vec<_>>()).unwrap()
            };
            write(folder, &tile.to_string(), bytes);
        }
        write(folder, &format!("checkpoint/{size}"), signed(frontier.tree()).to_string());
        trees.push(frontier.tree());
    }
    for tree in &trees {
        let mut tiles = TiledTree::new(tree.size, |tile: Tile| std::fs::read(folder.join(tile.to_string())));
        let edges = [0, 1, 2, 254, 255, 256, 300, 512, 65_535, 65_536, tree.size.saturating_sub(1)];
        for index in edges.into_iter().filter(|index| *index < tree.size) {
            let proof = Inclusion { index, size: tree.size }.prove(&mut tiles).unwrap();
            proof.check(leaf(index), *tree).unwrap();
            write(folder, &format!("inclusion/{}-{index}", tree.size), lines(proof.hashes()));
            let receipt = Receipt::new(index, proof, signed(*tree)).with_extra(b"hello".to_vec()).unwrap();
            write(folder, &format!("receipt/{}-{index}", tree.size), receipt.to_string());
        }
        for old in trees.iter().filter(|old| (1..=tree.size).contains(&old.size)) {
            let proof = Consistency { old: old.size, new: tree.size }.prove(&mut tiles).unwrap();
            proof.check(*old, *tree).unwrap();
            write(folder, &format!("consistency/{}-{}", old.size, tree.size), lines(proof.hashes()));
        }
    }
}

fn lines(hashes: &[Hash]) -> String {
    hashes.iter().map(|hash| format!("{hash}\n")).collect()
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Around what a tile holds, and the specification's example of a tree.
const SIZES: [u64; 12] = [0, 1, 2, 3, 5, 8, 255, 256, 257, 700, 65_536, 70_000];
