use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::limits::FRONTIER_HASHES_MAX;
use crate::node::split;

/// RFC 6962, section 2.1, word for word.
fn recursion(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_nothing(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
            Hash::of_node(recursion(left), recursion(right))
        }
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| Hash::of_leaf(&index.to_be_bytes())).collect()
}

#[test]
fn a_frontier_is_what_the_recursion_says() {
    let leaves = leaves(300);
    let mut frontier = Frontier::new();
    let mut nodes = BTreeMap::new();
    for size in 0..=leaves.len() {
        assert_eq!(frontier.tree(), Tree { size: size as u64, root: recursion(&leaves[..size]) });
        assert_eq!(frontier.state().len(), 32 * size.count_ones() as usize);
        assert_eq!(Frontier::restore(size as u64, &frontier.state()).as_ref(), Ok(&frontier));
        if let Some(leaf) = leaves.get(size) {
            frontier.append(&[*leaf], |node, hash| assert!(nodes.insert(node, hash).is_none())).unwrap();
        }
    }
    // All complete subtrees, each once, and nothing else.
    assert_eq!(nodes.len(), (0..9).map(|level| leaves.len() >> level).sum::<usize>());
    for (node, hash) in nodes {
        let range = node.leaves();
        assert_eq!(hash, recursion(&leaves[range.start as usize..range.end as usize]), "{node:?}");
    }
}

proptest! {
    #[test]
    fn batches_make_no_difference(cuts in prop::collection::vec(0_usize..40, 0..12)) {
        let leaves = leaves(cuts.iter().sum::<usize>() as u64);
        let (mut batches, mut rest) = (Frontier::new(), leaves.as_slice());
        let mut order = Vec::new();
        for cut in cuts {
            let (batch, after) = rest.split_at(cut);
            batches.append(batch, |node, hash| order.push((node, hash))).unwrap();
            batches = Frontier::restore(batches.size(), &batches.state()).unwrap();
            rest = after;
        }
        let mut once = Frontier::new();
        let mut once_order = Vec::new();
        once.append(&leaves, |node, hash| once_order.push((node, hash))).unwrap();
        prop_assert_eq!(batches, once);
        prop_assert_eq!(order, once_order);
    }
}

#[test]
fn a_full_tree_takes_no_more_and_is_not_changed() {
    let state = vec![7; 32 * FRONTIER_HASHES_MAX];
    let mut full = Frontier::restore(TREE_LEAVES_MAX, &state).unwrap();
    let before = full.clone();
    assert_eq!(full.append(&leaves(1), |_, _| panic!("nothing is complete")), Err(FrontierError::Full));
    assert_eq!(full, before);
    full.append(&[], |_, _| ()).unwrap();
    let mut nearly = Frontier::restore(TREE_LEAVES_MAX - 1, &state[32..]).unwrap();
    let before = nearly.clone();
    assert_eq!(nearly.append(&leaves(2), |_, _| panic!("nothing is complete")), Err(FrontierError::Full));
    assert_eq!(nearly, before);
    nearly.append(&leaves(1), |_, _| ()).unwrap();
    assert_eq!((nearly.size(), nearly.state().len()), (TREE_LEAVES_MAX, 32 * FRONTIER_HASHES_MAX));
}

#[test]
fn a_state_belongs_to_its_size() {
    let check = |size, bytes: usize, expect: &str| {
        assert_eq!(Frontier::restore(size, &vec![0; bytes]).unwrap_err().to_string(), expect);
    };
    check(0, 32, "the state of a tree of 0 leaves has 0 bytes, and here are 32");
    check(3, 32, "the state of a tree of 3 leaves has 64 bytes, and here are 32");
    check(3, 65, "the state of a tree of 3 leaves has 64 bytes, and here are 65");
    check(TREE_LEAVES_MAX + 1, 32, "a tree has at most 9223372036854775807 leaves");
}
