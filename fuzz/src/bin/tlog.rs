//! Any bytes as anything that a log or its readers are handed: what is read prints to the same bytes, a proof that is accepted
//! is the one that the whole tree gives, and no signature is right but the ones that were made.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tlog::{
    AddCheckpoint, Algorithm, Checkpoint, Consistency, ConsistencyProof, Frontier, Hash, Inclusion, InclusionProof,
    Leaf, Node, Note, Receipt, Signature, SignedCheckpoint, Signer, SigningKey, Tile, TileKind, Tree, Trust,
    VerifierKey,
};

fuzz_target!(|bytes: &[u8]| {
    let (kind, bytes) = bytes.split_first().map_or((0, bytes), |(kind, rest)| (*kind, rest));
    match kind {
        b'i' => inclusion(bytes),
        b'c' => consistency(bytes),
        b'f' => frontier(bytes),
        b't' => tile(bytes),
        _ => texts(bytes),
    }
});

/// What has one form as a text.
fn texts(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        assert!(note.verify(&LOG.trust.witnesses).is_err() || is_of_ours(note.text()), "a forged cosignature");
    }
    if let Ok(signed) = SignedCheckpoint::parse(bytes) {
        assert_eq!(signed.to_string().as_bytes(), bytes);
        let checkpoint = signed.danger_unverified();
        assert_eq!(checkpoint.to_string().parse().as_ref(), Ok(checkpoint));
        if let Ok((verified, _)) = signed.verify(&LOG.trust) {
            assert_eq!(verified.tree(), LOG.tree(verified.tree().size), "a forged checkpoint");
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(path) = text.parse::<Tile>() {
        assert_eq!(path.to_string(), text);
    }
    if let Ok(hash) = text.parse::<Hash>() {
        assert_eq!(hash.to_string(), text);
    }
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(signatures) = Signature::parse_lines(text) {
        assert_eq!(signatures.iter().map(|signature| format!("{signature}\n")).collect::<String>(), text);
    }
    if let Ok(receipt) = text.parse::<Receipt>() {
        assert_eq!(receipt.to_string(), text);
        for (index, leaf) in (0..).zip(&LOG.leaves) {
            if receipt.verify(*leaf, &LOG.trust).is_ok() {
                assert_eq!(receipt.index(), index, "a receipt for another entry");
            }
        }
    }
    if let Ok(request) = text.parse::<AddCheckpoint>() {
        assert_eq!(request.to_string(), text);
        let checkpoint = request.checkpoint().danger_unverified();
        for known in 1..=LOG.size() {
            if request.check(checkpoint, LOG.tree(known)).is_ok() {
                grew(LOG.tree(known), checkpoint.tree(), request.proof());
            }
        }
    }
}

/// A proof out of bytes, for a leaf of our log, against the root of one of its trees.
fn inclusion(bytes: &[u8]) {
    let Some(([index, size, mixed], rest)) = bytes.split_first_chunk() else { return };
    let (index, size) = (u64::from(*index), u64::from(*size) % (LOG.size() + 1));
    let hashes = LOG.hashes(rest, *mixed);
    let Some(hash) = usize::try_from(index).ok().and_then(|index| LOG.leaves.get(index)).copied() else { return };
    let Ok(proof) = InclusionProof::new(hashes) else { return };
    if proof.check(Leaf { index, hash }, LOG.tree(size)).is_ok() {
        let right = Inclusion { index, size }.prove(&mut |nodes: &[Node]| LOG.read(nodes)).expect("an accepted place");
        assert_eq!(proof, right);
    }
}

/// A proof out of bytes, between two trees of our log or a tree that is none of its.
fn consistency(bytes: &[u8]) {
    let Some(([old, new, mixed], rest)) = bytes.split_first_chunk() else { return };
    let hashes = LOG.hashes(rest, *mixed);
    let [old, new] = [old, new].map(|size| LOG.tree(u64::from(*size) % (LOG.size() + 1)));
    let Ok(proof) = ConsistencyProof::new(hashes) else { return };
    let forked = Tree { root: Hash::of_nothing(), ..old };
    assert!(proof.check(forked, new).is_err() || old.size == 0, "a fork is accepted");
    if proof.check(old, new).is_ok() {
        grew(old, new, &proof);
    }
}

fn grew(old: Tree, new: Tree, proof: &ConsistencyProof) {
    if new.size <= LOG.size() && new == LOG.tree(new.size) {
        let question = Consistency { old: old.size, new: new.size };
        let right = question.prove(&mut |nodes: &[Node]| LOG.read(nodes)).expect("an accepted growth");
        assert_eq!(*proof, right);
    }
}

/// A state out of bytes, which grows.
fn frontier(bytes: &[u8]) {
    let Some((size, rest)) = bytes.split_first_chunk() else { return };
    let Ok(mut frontier) = Frontier::restore(u64::from_be_bytes(*size), rest) else { return };
    assert_eq!(frontier.state(), rest);
    let before = frontier.clone();
    match frontier.append(&LOG.leaves, |node, _| assert!(node.leaves().end > before.size())) {
        Ok(()) => assert_eq!(frontier.size(), before.size() + LOG.size()),
        Err(_) => assert_eq!(frontier, before),
    }
    assert_eq!(Frontier::restore(frontier.size(), &frontier.state()), Ok(frontier));
}

/// Bytes of a tile and of a bundle.
fn tile(bytes: &[u8]) {
    let Some(([width], rest)) = bytes.split_first_chunk() else { return };
    let width = u16::from(*width) + 1;
    let tile = |kind| Tile::full(kind, 0).and_then(|tile| tile.narrowed(width)).expect("a tile of any width");
    let (hashes, entries) = (tile(TileKind::Hashes(0)), tile(TileKind::Entries));
    if let Ok(decoded) = hashes.decode(rest) {
        assert_eq!(hashes.encode(&decoded).as_deref(), Ok(rest));
    }
    if let Ok(decoded) = entries.decode_entries(rest) {
        assert_eq!(decoded.len(), usize::from(width));
        assert_eq!(entries.encode_entries(&decoded).as_deref(), Ok(rest));
    }
}

/// A small log of which everything is known.
struct Log {
    leaves: Vec<Hash>,
    trust: Trust,
}

impl Log {
    fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    fn tree(&self, size: u64) -> Tree {
        Tree { size, root: root(self.leaves.get(..size as usize).unwrap_or_default()) }
    }

    fn read(&self, nodes: &[Node]) -> Result<Vec<Hash>, std::convert::Infallible> {
        let leaves = |node: &Node| self.leaves.get(node.leaves().start as usize..node.leaves().end as usize);
        Ok(nodes.iter().map(|node| root(leaves(node).unwrap_or_default())).collect())
    }

    /// Hashes as they stand in the bytes; or, for each pair of bytes, the root over leaves of ours from one to the other: such
    /// a proof may be right.
    fn hashes(&self, bytes: &[u8], mixed: u8) -> Vec<Hash> {
        if mixed == 0 {
            return bytes.as_chunks::<32>().0.iter().copied().map(Hash::new).collect();
        }
        let ranges = bytes.as_chunks::<2>().0.iter();
        ranges
            .map(|[from, to]| root(self.leaves.get(usize::from(*from)..usize::from(*to)).unwrap_or_default()))
            .collect()
    }
}

/// The root as RFC 6962 defines it.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_nothing(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::of_node(root(left), root(right))
        }
    }
}

/// Whether our witness may have signed it: the seeds hold one such checkpoint of each size.
fn is_of_ours(text: &str) -> bool {
    text.parse::<Checkpoint>().is_ok_and(|checkpoint| checkpoint.tree() == LOG.tree(checkpoint.tree().size))
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let key = |name: &str, algorithm, seed| {
        let name = name.parse().expect("a name");
        SigningKey::from_seed(name, algorithm, &[seed; 32]).expect("a key").verifier_key().clone()
    };
    Log {
        leaves: (0..20_u8).map(|index| Hash::of_leaf(&[index])).collect(),
        trust: Trust {
            origin: "log".to_owned(),
            log: vec![key("log", Algorithm::Ed25519, 1)],
            witnesses: vec![key("witness", Algorithm::Cosignature, 2)],
        },
    }
});
