use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::frontier::Frontier;
use crate::node::{Leaf, Tree};
use crate::proof::{Consistency, Inclusion, ProofError, ReadError};

/// A log and its nodes.
fn log(size: u64) -> (Tree, BTreeMap<Node, Hash>) {
    let (mut frontier, mut nodes) = (Frontier::new(), BTreeMap::new());
    let leaves: Vec<Hash> = (0..size).map(|index| Hash::of_leaf(&index.to_be_bytes())).collect();
    let mut keep = |node, hash| {
        nodes.insert(node, hash);
    };
    frontier.append(&leaves, &mut keep).unwrap();
    (frontier.tree(), nodes)
}

fn bytes(tile: Tile, nodes: &BTreeMap<Node, Hash>) -> Vec<u8> {
    tile.encode(&tile.nodes().map(|node| nodes[&node]).collect::<Vec<_>>()).unwrap()
}

fn names(tiles: &[Tile]) -> Vec<String> {
    tiles.iter().map(Tile::to_string).collect()
}

#[test]
fn a_path_has_one_form() {
    for path in [
        "tile/0/000",
        "tile/0/000.p/1",
        "tile/1/999.p/255",
        "tile/2/x001/000",
        "tile/0/x001/x234/067.p/8",
        "tile/entries/x001/x234/067",
        "tile/entries/000.p/255",
        "tile/7/000.p/127",
    ] {
        assert_eq!(path.parse::<Tile>().unwrap().to_string(), path);
    }
    let check = |path: &str, expect: &str| assert_eq!(path.parse::<Tile>().unwrap_err().to_string(), expect, "{path}");
    check("", "not the path of a tile: it begins with `tile/`");
    check("/tile/0/000", "not the path of a tile: it begins with `tile/`");
    check("tile/0", "not the path of a tile: a level and an index are expected");
    let level = "not the path of a tile: the level is `entries` or a number from 0 to 63";
    for path in
        ["tile//000", "tile/00/000", "tile/+1/000", "tile/-1/000", "tile/64/000", "tile/data/000", "tile/8x/000"]
    {
        check(path, level);
    }
    let index = "not the path of a tile: the index is written like `x001/x234/067`";
    for path in [
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/000/",
        "tile/0/00a",
        "tile/0/ 00",
        "tile/0/x01/000",
        "tile/0/X001/000",
        "tile/0/0٣0",
        "tile/0/000.p",
    ] {
        check(path, index);
    }
    check("tile/0/x000/001", "not the path of a tile: the index begins with zeroes");
    let width = "not the path of a tile: the width is a number from 1 to 255";
    for path in [
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/1/2",
        "tile/0/000.p/-1",
    ] {
        check(path, width);
    }
    let beyond = "no tree is large enough for this tile";
    for path in
        ["tile/8/000", "tile/63/000.p/1", "tile/7/000.p/128", "tile/7/001.p/1", "tile/1/x999/x999/x999/x999/x999/999"]
    {
        check(path, beyond);
    }
    check(&format!("tile/0/{}000", "x999/".repeat(300)), beyond);
}

#[test]
fn the_specifications_tree_has_the_specifications_tiles() {
    let tiles = Tile::new_in(Growth { from: 0, to: 70_000 }).unwrap();
    let hashes: Vec<Tile> = tiles.iter().copied().filter(|tile| tile.kind() != TileKind::Entries).collect();
    assert_eq!(hashes.len(), 273 + 1 + 1 + 1 + 1);
    assert_eq!(
        names(&hashes[272..]),
        ["tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
    assert!(tiles.iter().all(|tile| tile.stands_in(70_000)));
    let full = Tile::new_in(Growth { from: 0, to: 256 }).unwrap();
    assert_eq!(names(&full), ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
}

#[test]
fn what_grew_is_told_once() {
    let check = |from, to, expect: &[&str]| assert_eq!(names(&Tile::new_in(Growth { from, to }).unwrap()), expect);
    check(0, 0, &[]);
    check(5, 5, &[]);
    check(0, 1, &["tile/0/000.p/1", "tile/entries/000.p/1"]);
    check(3, 256, &["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
    check(255, 258, &["tile/0/000", "tile/0/001.p/2", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/2"]);
    check(258, 259, &["tile/0/001.p/3", "tile/entries/001.p/3"]);
    assert_eq!(Tile::new_in(Growth { from: 0, to: TREE_LEAVES_MAX + 1 }), Err(TileError::Beyond));
    let last = Tile::new_in(Growth { from: TREE_LEAVES_MAX - 1, to: TREE_LEAVES_MAX }).unwrap();
    assert_eq!(last.len(), 2);
    assert!(last.iter().all(|tile| tile.to_string().parse() == Ok(*tile)));
}

#[test]
fn a_tile_stands_in_a_tree_that_has_all_of_it() {
    let tile: Tile = "tile/1/000.p/3".parse().unwrap();
    assert!(!tile.stands_in(3 * 256 - 1));
    assert!(tile.stands_in(3 * 256));
    assert!(!tile.is_full());
    assert_eq!(tile.narrowed(256).map(Tile::is_full), Ok(true));
    for width in [0, 257] {
        assert!(tile.narrowed(width).is_err());
    }
    assert_eq!(Tile::full(TileKind::Hashes(8), 0), Err(TileError::Beyond));
}

#[test]
fn bytes_have_the_length_of_their_tile() {
    let tile: Tile = "tile/0/000.p/2".parse().unwrap();
    let hashes = [Hash::of_nothing(), Hash::of_leaf(b"")];
    let bytes = tile.encode(&hashes).unwrap();
    assert_eq!(tile.decode(&bytes).unwrap(), hashes);
    for wrong in [&bytes[1..], &bytes[32..], &[], &[bytes.as_slice(), &[0]].concat()] {
        let sentence = tile.decode(wrong).unwrap_err().to_string();
        assert_eq!(sentence, format!("`tile/0/000.p/2` has 64 bytes, and here are {}", wrong.len()));
    }
    assert!(tile.encode(&hashes[1..]).is_err());
    assert_eq!(tile.encode_entries(&[b"", b""]), Err(TileError::Kind(tile)));
    assert_eq!(tile.decode_entries(&[0; 4]), Err(TileError::Kind(tile)));
    let entries: Tile = "tile/entries/000.p/2".parse().unwrap();
    assert_eq!(entries.decode(&bytes), Err(TileError::Kind(entries)));
    assert_eq!(entries.nodes().count(), 0);
}

#[test]
fn entries_are_as_many_as_the_tile_is_wide() {
    let tile: Tile = "tile/entries/000.p/3".parse().unwrap();
    let longest = vec![7; ENTRY_BYTES_MAX];
    let entries = [b"".as_slice(), b"entry", &longest];
    let bytes = tile.encode_entries(&entries).unwrap();
    assert_eq!(bytes.len(), 3 * 2 + 5 + ENTRY_BYTES_MAX);
    assert_eq!(tile.decode_entries(&bytes).unwrap(), entries);
    let check = |bytes: &[u8], expect: &str| {
        assert_eq!(tile.decode_entries(bytes).unwrap_err().to_string(), expect);
    };
    check(&bytes[..9], "`tile/entries/000.p/3` has another number of entries than 2");
    check(&bytes[..10], "the bytes of `tile/entries/000.p/3` end within entry 2");
    check(&bytes[..bytes.len() - 1], "the bytes of `tile/entries/000.p/3` end within entry 2");
    check(&[bytes.as_slice(), &[0, 0]].concat(), "2 bytes follow the last entry of `tile/entries/000.p/3`");
    assert_eq!(tile.encode_entries(&entries[1..]), Err(TileError::EntryCount { tile, given: 2 }));
    let too_long = vec![7; ENTRY_BYTES_MAX + 1];
    assert_eq!(tile.encode_entries(&[b"".as_slice(), b"", &too_long]), Err(TileError::EntryTooLong));
}

#[test]
fn proofs_from_tiles_are_right_and_need_each_tile_once() {
    for size in [1, 2, 255, 256, 257, 700, 65_900] {
        let (tree, nodes) = log(size);
        let mut asked = BTreeSet::new();
        let mut tiles = TiledTree::new(size, |tile: Tile| {
            assert!(asked.insert(tile), "{tile} is asked for twice");
            Ok::<_, Infallible>(bytes(tile, &nodes))
        });
        for index in [0, 1, 100, 255, 256, 511, 65_535, 65_536, size - 1].into_iter().filter(|index| *index < size) {
            let proof = Inclusion { index, size }.prove(&mut tiles).unwrap();
            let hash = Hash::of_leaf(&index.to_be_bytes());
            assert_eq!(proof.check(Leaf { index, hash }, tree), Ok(()));
            let size_then = index + 1;
            let mut known = |wanted: &[Node]| Ok::<_, Infallible>(wanted.iter().map(|node| nodes[node]).collect());
            let old = Tree { size: size_then, root: Plan::root(size_then).unwrap().read(&mut known).unwrap()[0] };
            let proof = Consistency { old: old.size, new: size }.prove(&mut tiles).unwrap();
            assert_eq!(proof.check(old, tree), Ok(()));
        }
        assert_eq!(Plan::root(size).unwrap().read(&mut tiles).unwrap(), [tree.root]);
    }
}

proptest! {
    #[test]
    fn a_flipped_bit_in_a_tile_makes_no_right_proof(
        (index, size) in (1_u64..600).prop_flat_map(|size| (0..size, Just(size))),
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
    ) {
        let (tree, nodes) = log(size);
        let question = Inclusion { index, size };
        let plan = question.plan().unwrap();
        prop_assume!(!plan.nodes().is_empty());
        let wanted = TiledTree::<fn(Tile) -> Result<Vec<u8>, Infallible>>::tiles(&plan, size).unwrap();
        let spoiled = wanted[which.index(wanted.len())];
        let read = |spoil: bool| {
            let mut tiles = TiledTree::new(size, |tile| {
                let mut bytes = bytes(tile, &nodes);
                if spoil && tile == spoiled {
                    let place = place.index(bytes.len() * 8);
                    bytes[place / 8] ^= 1 << (place % 8);
                }
                Ok::<_, Infallible>(bytes)
            });
            question.prove(&mut tiles).unwrap()
        };
        let (right, other) = (read(false), read(true));
        let leaf = Leaf { index, hash: Hash::of_leaf(&index.to_be_bytes()) };
        prop_assert_eq!(right.check(leaf, tree), Ok(()));
        // What the proof does not use is not looked at.
        prop_assert_eq!(other.check(leaf, tree).is_ok(), other == right);
    }
}

#[test]
fn a_full_tile_does_for_a_partial_one_and_nothing_else_does() {
    let (tree, _) = log(3);
    let (_, later) = log(256);
    let question = Inclusion { index: 2, size: 3 };
    let mut full = TiledTree::new(3, |tile: Tile| Ok::<_, Infallible>(bytes(tile.narrowed(256).unwrap(), &later)));
    let hash = Hash::of_leaf(&2_u64.to_be_bytes());
    assert_eq!(question.prove(&mut full).unwrap().check(Leaf { index: 2, hash }, tree), Ok(()));
    let mut wider = TiledTree::new(3, |tile: Tile| Ok::<_, Infallible>(bytes(tile.narrowed(4).unwrap(), &later)));
    let error = question.prove(&mut wider).unwrap_err();
    let ReadError::Reader(TiledError::Tile(error)) = error else { panic!("{error}") };
    assert_eq!(error.to_string(), "`tile/0/000.p/3` has 96 bytes, and here are 128");
}

#[test]
fn a_reader_that_fails_and_a_tree_that_is_too_small_are_errors() {
    let mut broken = TiledTree::new(300, |_| Err(std::fmt::Error));
    let error = Inclusion { index: 0, size: 300 }.prove(&mut broken).unwrap_err();
    let ReadError::Reader(TiledError::Reader { tile, .. }) = error else { panic!("{error}") };
    assert_eq!(tile.to_string(), "tile/0/000");
    let error = Inclusion { index: 0, size: 400 }
        .prove(&mut TiledTree::new(100, |tile: Tile| Ok::<_, Infallible>(vec![0; usize::from(tile.width()) * 32])))
        .unwrap_err();
    assert!(error.to_string().contains("could not read hashes of the log"), "{error}");
    let ReadError::Reader(TiledError::Tile(error)) = error else { panic!("{error}") };
    assert!(error.to_string().ends_with("does not stand in a tree of 100 leaves"), "{error}");
    assert_eq!(
        Inclusion { index: 9, size: 9 }.prove(&mut broken),
        Err(ReadError::Proof(ProofError::Outside { index: 9, size: 9 }))
    );
}
