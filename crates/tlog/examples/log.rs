//! A log from its first entries to a receipt, as its owner, a witness and a reader see it.

use std::collections::BTreeMap;
use std::error::Error;

use tlog::{
    AddCheckpoint, Algorithm, Checkpoint, Consistency, Frontier, Growth, Hash, Inclusion, Node, Receipt,
    SignedCheckpoint, Signer, SigningKey, Tile, TileError, TileKind, TiledTree, Trust,
};

/// What stands on the disk of the log.
#[derive(Default)]
struct Disk {
    frontier: Vec<u8>,
    size: u64,
    /// What tiles consist of.
    nodes: BTreeMap<Node, Hash>,
}

impl Disk {
    /// One commit: entries, frontier and nodes in the same write. The copy is kept once the disk has confirmed.
    fn append(&mut self, frontier: &mut Frontier, entries: &[&[u8]]) -> Result<(), Box<dyn Error>> {
        let leaves: Vec<Hash> = entries.iter().map(|entry| Hash::of_leaf(entry)).collect();
        let mut grown = frontier.clone();
        grown.append(&leaves, |node, hash| {
            if node.is_in_tiles() {
                self.nodes.insert(node, hash);
            }
        })?;
        (self.frontier, self.size) = (grown.state(), grown.size());
        *frontier = grown;
        Ok(())
    }

    /// What a server of tiles answers with.
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, TileError> {
        let hashes: Vec<Hash> = tile.nodes().map_while(|node| self.nodes.get(&node).copied()).collect();
        tile.encode(&hashes)
    }
}

/// Runs it; a test does, too.
pub fn main() -> Result<(), Box<dyn Error>> {
    // Seeds are random elsewhere, and kept in files that only their owner may read.
    let log_key = SigningKey::from_seed("gateway.example/trace".parse()?, Algorithm::Ed25519, &[1; 32])?;
    let witness_key = SigningKey::from_seed("witness.example".parse()?, Algorithm::Cosignature, &[2; 32])?;
    let trust = Trust {
        origin: "gateway.example/trace".to_owned(),
        log: vec![log_key.verifier_key().clone()],
        witnesses: vec![witness_key.verifier_key().clone()],
    };

    // The owner appends. After a restart the frontier goes on from its state.
    let (mut disk, mut frontier) = (Disk::default(), Frontier::new());
    disk.append(&mut frontier, &[b"intent 1", b"outcome 1", b"intent 2"])?;
    let first = frontier.tree();
    let mut frontier = Frontier::restore(disk.size, &disk.frontier)?;
    let many: Vec<&[u8]> = vec![b"intent"; 700];
    disk.append(&mut frontier, &many)?;

    // Now and then, away from the calls, it signs what it has. It must never sign two checkpoints that disagree.
    let mut checkpoint = Checkpoint::new(&trust.origin, frontier.tree())?.sign(&log_key)?;

    // It asks a witness, which knows the first checkpoint. Proofs come from the same tiles that everybody can fetch.
    let size = frontier.size();
    let mut tiles = TiledTree::new(size, |tile| disk.tile(tile));
    let grew = Consistency { old: first.size, new: size }.prove(&mut tiles)?;
    let request = AddCheckpoint::new(first.size, grew, checkpoint.clone())?.to_string();

    // The witness reads the request, checks it against what it knows, keeps that, and only then signs.
    let answer = {
        let request: AddCheckpoint = request.parse()?;
        let (verified, _) = request.checkpoint().verify(&trust)?;
        request.check(verified, first)?;
        let mut seen: SignedCheckpoint = request.checkpoint().clone();
        seen.cosign(&witness_key, 1_800_000_000)?;
        let cosignature = seen.note().signatures().last().ok_or("it just signed")?;
        format!("{cosignature}\n")
    };
    checkpoint.add_cosignatures(&answer, &trust.witnesses)?;

    // A reader gets a receipt, and needs nothing but keys to check it.
    let proof = Inclusion { index: 1, size }.prove(&mut tiles)?;
    let receipt: Receipt = Receipt::new(1, proof, checkpoint).to_string().parse()?;
    let (verified, cosignatures) = receipt.verify(Hash::of_leaf(b"outcome 1"), &trust)?;
    assert_eq!((verified.tree().size, cosignatures.len()), (703, 1));
    assert!(receipt.verify(Hash::of_leaf(b"outcome 2"), &trust).is_err());

    // What to serve after the log grew; the entries of each tile of level zero are a bundle beside it.
    let grown = Tile::new_in(Growth { from: first.size, to: size })?;
    let names: Vec<String> = grown.iter().map(Tile::to_string).collect();
    let hashes = ["tile/0/000", "tile/0/001", "tile/0/002.p/191", "tile/1/000.p/2"];
    let entries = ["tile/entries/000", "tile/entries/001", "tile/entries/002.p/191"];
    assert_eq!(names, [&hashes[..], &entries].concat());
    let bundle = Tile::full(TileKind::Entries, 2)?.narrowed(2)?;
    let entries = [b"intent", b"intent"];
    assert_eq!(bundle.decode_entries(&bundle.encode_entries(&entries)?)?, entries);
    Ok(())
}
