use super::*;
use crate::frontier::Frontier;
use crate::hash::Hash;
use crate::key::{Algorithm, SigningKey};
use crate::node::Node;
use crate::proof::Consistency;

fn leaves(count: u8) -> Vec<Hash> {
    (0..count).map(|index| Hash::of_leaf(&[index])).collect()
}

fn tree(leaves: &[Hash]) -> Tree {
    let mut frontier = Frontier::new();
    frontier.append(leaves, |_, _| ()).unwrap();
    frontier.tree()
}

fn signed(tree: Tree) -> SignedCheckpoint {
    let key = SigningKey::from_seed("log".parse().unwrap(), Algorithm::Ed25519, &[1; 32]).unwrap();
    Checkpoint::new("log", tree).unwrap().sign(&key).unwrap()
}

fn request(old: u8, new: u8) -> AddCheckpoint {
    let all = leaves(new);
    let mut nodes = |nodes: &[Node]| {
        let ranges = nodes.iter().map(|node| node.leaves());
        Ok::<_, ()>(ranges.map(|range| tree(&all[range.start as usize..range.end as usize]).root).collect())
    };
    let proof = Consistency { old: old.into(), new: new.into() }.prove(&mut nodes).unwrap();
    AddCheckpoint::new(old.into(), proof, signed(tree(&all))).unwrap()
}

#[test]
fn a_request_prints_to_what_it_was_read_from() {
    for (old, new) in [(0, 0), (0, 7), (3, 7), (4, 8), (7, 7)] {
        let request = request(old, new);
        let text = request.to_string();
        assert!(text.starts_with(&format!("old {old}\n")));
        let read: AddCheckpoint = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(read, request);
        assert_eq!((read.old_size(), read.proof()), (old.into(), request.proof()));
    }
}

#[test]
fn a_witness_follows_a_log_that_only_grows() {
    let mut known = tree(&[]);
    for (old, new) in [(0, 0), (0, 3), (3, 3), (3, 8), (8, 9), (9, 200)] {
        let request = request(old, new);
        let checkpoint = request.checkpoint().danger_unverified();
        assert_eq!(request.check(checkpoint, known), Ok(()));
        let other = Tree { size: known.size + 1, ..known };
        assert_eq!(request.check(checkpoint, other), Err(Refusal::OtherSize { known: other.size }));
        if old > 0 {
            let forked = Tree { root: Hash::of_leaf(b"fork"), ..known };
            assert!(matches!(request.check(checkpoint, forked), Err(Refusal::Inconsistent(_))));
        }
        known = checkpoint.tree();
    }
}

#[test]
fn a_log_that_does_not_begin_with_what_was_cosigned_is_refused() {
    let check = |request: &AddCheckpoint, known, expect: ProofError| {
        let refusal = request.check(request.checkpoint().danger_unverified(), known);
        assert_eq!(refusal, Err(Refusal::Inconsistent(expect)));
    };
    let same_size =
        AddCheckpoint::new(3, request(3, 3).proof, signed(Tree { size: 3, root: Hash::of_nothing() })).unwrap();
    check(&same_size, tree(&leaves(3)), ProofError::Root);
    let from_nothing = AddCheckpoint::new(0, request(3, 7).proof, signed(tree(&leaves(7)))).unwrap();
    check(&from_nothing, tree(&[]), ProofError::Length { expected: 0, given: 4 });
    let false_empty =
        AddCheckpoint::new(0, request(0, 0).proof, signed(Tree { size: 0, root: Hash::of_leaf(b"") })).unwrap();
    check(&false_empty, tree(&[]), ProofError::Root);
    let mut rewritten = leaves(3);
    rewritten[0] = Hash::of_leaf(b"other");
    check(&request(3, 7), tree(&rewritten), ProofError::OldRoot);
}

#[test]
fn what_is_no_request_is_refused_with_its_reason() {
    let right = request(3, 7).to_string();
    let check = |text: &str, expect: &str| {
        assert_eq!(text.parse::<AddCheckpoint>().unwrap_err().to_string(), expect, "{text:?}");
    };
    check("", "a request is an old size, a proof, a blank line and a checkpoint");
    check("old 3\n", "a request is an old size, a proof, a blank line and a checkpoint");
    let old = "the request begins with `old SIZE`, up to 9223372036854775807 and without leading zeroes";
    for line in ["", "3", "old", "old ", "old 03", "old -3", "old 3 ", "Old 3", "old 9223372036854775808"] {
        check(&right.replacen("old 3", line, 1), old);
    }
    check(&right.replacen("old 3", "old 8", 1), "the old size 8 is past the size 7 of the checkpoint");
    check(
        &right.replacen("old 3", "old 3\nx", 1),
        "line 1 of the proof is not a hash: 32 bytes in base64 are expected",
    );
    check(&right.replacen("\n\n", "\n", 1), "line 5 of the proof is not a hash: 32 bytes in base64 are expected");
    check(&right.replacen("\n7\n", "\nseven\n", 1), &CheckpointError::Size.to_string());
}

#[test]
fn a_request_has_bounds() {
    let right = request(3, 7).to_string();
    let hash = Hash::of_nothing().to_string();
    for (count, fits) in [(WITNESS_PROOF_HASHES_MAX, true), (WITNESS_PROOF_HASHES_MAX + 1, false), (1_000, false)] {
        let lines = format!("old 3\n{}", format!("{hash}\n").repeat(count - 4));
        let read = right.replacen("old 3\n", &lines, 1).parse::<AddCheckpoint>();
        assert_eq!(read.err(), (!fits).then_some(AddCheckpointError::TooManyHashes));
    }
    let long = ConsistencyProof::new(vec![Hash::of_nothing(); WITNESS_PROOF_HASHES_MAX + 1]).unwrap();
    assert_eq!(AddCheckpoint::new(3, long, signed(tree(&leaves(7)))), Err(AddCheckpointError::TooManyHashes));
}
