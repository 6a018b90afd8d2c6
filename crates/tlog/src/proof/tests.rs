use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::frontier::Frontier;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| Hash::of_leaf(&index.to_be_bytes())).collect()
}

fn tree(leaves: &[Hash]) -> Tree {
    let mut frontier = Frontier::new();
    frontier.append(leaves, |_, _| ()).unwrap();
    frontier.tree()
}

/// Computes each node anew.
fn naive(leaves: &[Hash]) -> impl FnMut(&[Node]) -> Result<Vec<Hash>, Infallible> {
    move |nodes| {
        let ranges = nodes.iter().map(|node| node.leaves());
        Ok(ranges.map(|range| tree(&leaves[range.start as usize..range.end as usize]).root).collect())
    }
}

/// RFC 6962, section 2.1.1, word for word.
fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
    let (mut path, sibling) =
        if index < left.len() { (path(index, left), right) } else { (path(index - left.len(), right), left) };
    path.push(tree(sibling).root);
    path
}

/// RFC 6962, section 2.1.2, word for word.
fn subproof(old: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if known { Vec::new() } else { vec![tree(leaves).root] };
    }
    let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
    let (mut proof, sibling) = if old <= left.len() {
        (subproof(old, left, known), right)
    } else {
        (subproof(old - left.len(), right, false), left)
    };
    proof.push(tree(sibling).root);
    proof
}

#[test]
fn proofs_are_what_the_recursions_say_and_verify() {
    let all = leaves(70);
    for size in 1..=all.len() {
        let leaves = &all[..size];
        let whole = tree(leaves);
        for index in 0..size {
            let proof = Inclusion { index: index as u64, size: whole.size }.prove(&mut naive(leaves)).unwrap();
            assert_eq!(proof.hashes(), path(index, leaves));
            assert_eq!(proof.check(Leaf { index: index as u64, hash: leaves[index] }, whole), Ok(()));
        }
        for old in 1..=size {
            let proof = Consistency { old: old as u64, new: whole.size }.prove(&mut naive(leaves)).unwrap();
            assert_eq!(proof.hashes(), subproof(old, leaves, true));
            assert_eq!(proof.check(tree(&leaves[..old]), whole), Ok(()));
        }
        assert_eq!(Plan::root(whole.size).unwrap().read(&mut naive(leaves)), Ok(vec![whole.root]));
    }
}

/// An index with the size of a tree that has it.
fn places() -> impl Strategy<Value = (u64, u64)> {
    (1_u64..400).prop_flat_map(|size| (0..size, Just(size)))
}

proptest! {
    #[test]
    fn any_other_inclusion_is_refused(
        (index, size) in places(),
        (other_index, other_size) in (0_u64..500, 0_u64..500),
        flipped in (any::<prop::sample::Index>(), 0_usize..256),
    ) {
        let leaves = leaves(size);
        let whole = tree(&leaves);
        let proof = Inclusion { index, size }.prove(&mut naive(&leaves)).unwrap();
        let leaf = Leaf { index, hash: leaves[index as usize] };
        prop_assert_eq!(proof.check(leaf, whole), Ok(()));
        if other_index != index {
            let other = Leaf { index: other_index, ..leaf };
            prop_assert!(proof.check(other, whole).is_err());
        }
        // A tree of another size may have the same way to the leaf; then the size proves nothing that the root does not.
        let way = |size| (Inclusion { index, size }).steps().ok().map(sides);
        let same_way = way(other_size) == way(size);
        let other = Tree { size: other_size, ..whole };
        prop_assert_eq!(proof.check(leaf, other).is_ok(), same_way);
        for other in spoiled(proof.hashes(), flipped) {
            prop_assert!(InclusionProof::new(other).unwrap().check(leaf, whole).is_err());
        }
        let other = Leaf { hash: flip(leaf.hash, flipped.1), ..leaf };
        prop_assert_eq!(proof.check(other, whole), Err(ProofError::Root));
        let other_root = Tree { root: flip(whole.root, flipped.1), ..whole };
        prop_assert_eq!(proof.check(leaf, other_root), Err(ProofError::Root));
    }

    #[test]
    fn any_other_growth_is_refused(
        (old, new) in places().prop_map(|(index, size)| (index + 1, size)),
        flipped in (any::<prop::sample::Index>(), 0_usize..256),
    ) {
        let leaves = leaves(new);
        let (older, newer) = (tree(&leaves[..old as usize]), tree(&leaves));
        let proof = Consistency { old, new }.prove(&mut naive(&leaves)).unwrap();
        prop_assert_eq!(proof.check(older, newer), Ok(()));
        for other in spoiled(proof.hashes(), flipped) {
            prop_assert!(ConsistencyProof::new(other).unwrap().check(older, newer).is_err());
        }
        let other = |tree: Tree| Tree { root: flip(tree.root, flipped.1), ..tree };
        prop_assert!(proof.check(other(older), newer).is_err());
        prop_assert!(proof.check(older, other(newer)).is_err());
        if old < new {
            prop_assert_eq!(proof.check(newer, older), Err(ProofError::Backwards { old: new, new: old }));
            // A leaf of the older tree was another one.
            let mut rewritten = leaves.clone();
            rewritten[flipped.0.index(old as usize)] = Hash::of_nothing();
            let rewritten = &rewritten;
            let proof = Consistency { old, new }.prove(&mut naive(rewritten)).unwrap();
            prop_assert!(proof.check(older, tree(rewritten)).is_err());
        }
    }
}

fn sides(steps: Vec<Step>) -> Vec<bool> {
    steps.iter().map(|step| matches!(step.side, Side::Left)).collect()
}

/// One bit flipped, one hash fewer on each end, one more on each end, two swapped.
fn spoiled(hashes: &[Hash], (place, bit): (prop::sample::Index, usize)) -> Vec<Vec<Hash>> {
    let mut all = vec![[hashes, &[Hash::of_nothing()]].concat(), [&[Hash::of_nothing()], hashes].concat()];
    if !hashes.is_empty() {
        let mut other = hashes.to_vec();
        let place = place.index(hashes.len());
        other[place] = flip(other[place], bit);
        all.extend([other, hashes[1..].to_vec(), hashes[..hashes.len() - 1].to_vec()]);
    }
    if hashes.len() > 1 {
        let mut other = hashes.to_vec();
        other.swap(0, hashes.len() - 1);
        all.push(other);
    }
    all
}

fn flip(hash: Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::new(bytes)
}

#[test]
fn questions_without_an_answer_say_so() {
    let check = |plan: Result<Plan, ProofError>, expect: &str| assert_eq!(plan.unwrap_err().to_string(), expect);
    check(Inclusion { index: 3, size: 3 }.plan(), "leaf 3 does not stand in a tree of 3 leaves");
    check(Inclusion { index: 0, size: 0 }.plan(), "leaf 0 does not stand in a tree of 0 leaves");
    check(Consistency { old: 4, new: 3 }.plan(), "a tree of 3 leaves did not grow out of one of 4");
    let many = "a tree has at most 9223372036854775807 leaves";
    check(Inclusion { index: 0, size: u64::MAX }.plan(), many);
    check(Consistency { old: 0, new: TREE_LEAVES_MAX + 1 }.plan(), many);
    check(Plan::root(TREE_LEAVES_MAX + 1), many);
}

#[test]
fn the_largest_tree_is_within_the_bounds() {
    let (size, index) = (TREE_LEAVES_MAX, 1 << 61);
    assert_eq!(Inclusion { index, size }.steps().unwrap().len(), 63);
    let longest = Consistency { old: (1 << 62) - 1, new: size }.plan().unwrap();
    assert_eq!(longest.groups.len(), PROOF_HASHES_MAX);
    assert_eq!(InclusionProof::new(vec![Hash::of_nothing(); PROOF_HASHES_MAX + 1]), Err(ProofError::TooManyHashes));
    assert_eq!(ConsistencyProof::new(vec![Hash::of_nothing(); PROOF_HASHES_MAX + 1]), Err(ProofError::TooManyHashes));
}

#[test]
fn nothing_is_proved_of_the_empty_tree() {
    let none = ConsistencyProof::new(Vec::new()).unwrap();
    let (empty, other) = (tree(&[]), tree(&leaves(3)));
    assert_eq!(none.check(empty, empty), Ok(()));
    assert_eq!(none.check(empty, other), Err(ProofError::FromNothing));
    let wrong = Tree { root: other.root, ..empty };
    assert_eq!(none.check(wrong, wrong), Err(ProofError::OldRoot));
    assert_eq!(none.check(empty, wrong), Err(ProofError::Root));
    assert!(Consistency { old: 0, new: 3 }.plan().unwrap().nodes().is_empty());
    assert_eq!(Plan::root(0).unwrap().assemble(&[]), Ok(Vec::new()));
}

#[test]
fn a_reader_that_fails_or_miscounts_is_an_error() {
    let mut short = |_: &[Node]| Ok::<_, Infallible>(vec![Hash::of_nothing()]);
    let question = Inclusion { index: 0, size: 5 };
    assert_eq!(question.prove(&mut short), Err(ReadError::Proof(ProofError::Answer { expected: 3, given: 1 })));
    let mut broken = |_: &[Node]| Err(std::fmt::Error);
    assert_eq!(question.prove(&mut broken), Err(ReadError::Reader(std::fmt::Error)));
}
