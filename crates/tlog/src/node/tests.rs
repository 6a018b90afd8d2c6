use super::*;

#[test]
fn a_tree_splits_at_the_largest_smaller_power_of_two() {
    let splits: Vec<u64> = [2, 3, 4, 5, 8, 9, TREE_LEAVES_MAX].map(split).to_vec();
    assert_eq!(splits, [1, 2, 2, 4, 4, 8, 1 << 62]);
}

#[test]
fn complete_subtrees_of_a_range_cover_it() {
    let check = |leaves: Range<u64>, expect: &[(u8, u64)]| {
        let nodes: Vec<Node> = complete(leaves.clone()).collect();
        let expect: Vec<Node> = expect.iter().map(|(level, index)| Node::new(*level, *index).unwrap()).collect();
        assert_eq!(nodes, expect, "{leaves:?}");
        let covered: Vec<u64> = nodes.iter().map(|node| node.leaves().end - node.leaves().start).collect();
        assert_eq!(covered.iter().sum::<u64>(), leaves.end - leaves.start);
    };
    check(0..0, &[]);
    check(0..1, &[(0, 0)]);
    check(0..7, &[(2, 0), (1, 2), (0, 6)]);
    check(8..11, &[(1, 4), (0, 10)]);
    check(4..8, &[(2, 1)]);
    assert_eq!(complete(0..TREE_LEAVES_MAX).count(), 63);
}

#[test]
fn no_node_is_past_the_largest_tree() {
    assert_eq!(Node::new(62, 0).unwrap().leaves(), 0..1 << 62);
    assert!(Node::new(62, 1).is_none());
    assert!(Node::new(63, 0).is_none());
    assert!(Node::new(255, 0).is_none());
    assert!(Node::new(0, TREE_LEAVES_MAX - 1).is_some());
    assert!(Node::new(0, TREE_LEAVES_MAX).is_none());
    assert!(Node::new(8, u64::MAX).is_none());
}

#[test]
fn tiles_consist_of_every_eighth_level() {
    let levels: Vec<u8> = (0..63).filter(|level| Node::new(*level, 0).unwrap().is_in_tiles()).collect();
    assert_eq!(levels, [0, 8, 16, 24, 32, 40, 48, 56]);
}
