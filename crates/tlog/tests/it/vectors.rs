//! transparency-dev/merkle's vectors: most are wrong, each in its own way, and have to be refused.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tlog::{ConsistencyProof, Hash, InclusionProof, Leaf, Tree};

#[test]
fn every_published_vector_comes_out_as_published() {
    let data =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared/data/merkle/testdata"));
    let Some(data) = data.into_iter().find(|folder| folder.is_dir()) else {
        #[expect(clippy::disallowed_methods, reason = "CI has the data, or is broken")]
        let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!in_ci, "third-party data not here");
        println!("skipped: third-party data not here");
        return;
    };
    let mut seen = Seen::default();
    for (folder, verify) in [
        ("inclusion", inclusion as fn(&Value) -> Outcome),
        ("subtreeinclusion", subtree_inclusion),
        ("consistency", consistency),
        ("subtreeconsistency", subtree_consistency),
    ] {
        for file in files(&data.join(folder)) {
            let vector: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let wrong = vector["wantErr"].as_bool().unwrap();
            match verify(&vector) {
                Outcome::OtherQuestion => seen.others += 1,
                Outcome::Accepted => {
                    assert!(!wrong, "{}: accepted", file.display());
                    seen.accepted += 1;
                }
                Outcome::Refused(why) => {
                    assert!(wrong, "{}: refused: {why}", file.display());
                    seen.refused += 1;
                }
            }
        }
    }
    println!(
        "{} accepted, {} refused, {} about subtrees that are no older trees",
        seen.accepted, seen.refused, seen.others
    );
    assert_eq!(seen.accepted + seen.refused + seen.others, 518);
    assert!(seen.accepted > 20 && seen.refused > 350, "the vectors are others");
}

#[derive(Default)]
struct Seen {
    accepted: usize,
    refused: usize,
    others: usize,
}

enum Outcome {
    Accepted,
    Refused(String),
    OtherQuestion,
}

fn inclusion(vector: &Value) -> Outcome {
    included(vector, number(&vector["leafIdx"]), number(&vector["treeSize"]))
}

/// A subtree is a tree of its own, where its first leaf is one that a subtree of its length may begin with.
fn subtree_inclusion(vector: &Value) -> Outcome {
    let [start, end, index] = ["start", "end", "leafIdx"].map(|key| number(&vector[key]));
    let (Some(size), Some(index)) = (end.checked_sub(start), index.checked_sub(start)) else {
        return Outcome::Refused("the leaf stands before the subtree, or its end before its beginning".to_owned());
    };
    if size.checked_next_power_of_two().is_none_or(|length| start % length != 0) {
        return Outcome::Refused("no tree has such a subtree".to_owned());
    }
    included(vector, index, size)
}

fn included(vector: &Value, index: u64, size: u64) -> Outcome {
    let (Some(hash), Some(root), Some(proof)) = (hash(&vector["leafHash"]), hash(&vector["root"]), hashes(vector))
    else {
        return Outcome::Refused("a hash is none".to_owned());
    };
    let checked = InclusionProof::new(proof).and_then(|proof| proof.check(Leaf { index, hash }, Tree { size, root }));
    checked.map_or_else(|error| Outcome::Refused(error.to_string()), |()| Outcome::Accepted)
}

fn consistency(vector: &Value) -> Outcome {
    consistent(vector, number(&vector["size1"]), number(&vector["size2"]))
}

/// A subtree that begins with the tree is an older tree. An empty one is a question that only subtrees know.
fn subtree_consistency(vector: &Value) -> Outcome {
    let [start, end, size] = ["start", "end", "size"].map(|key| number(&vector[key]));
    if start > 0 || start == end { Outcome::OtherQuestion } else { consistent(vector, end, size) }
}

fn consistent(vector: &Value, old: u64, new: u64) -> Outcome {
    let (old_root, root, Some(proof)) = (root(&vector["root1"]), root(&vector["root2"]), hashes(vector)) else {
        return Outcome::Refused("a hash is none".to_owned());
    };
    let (old, new) = (Tree { size: old, root: old_root }, Tree { size: new, root });
    let checked = ConsistencyProof::new(proof).and_then(|proof| proof.check(old, new));
    checked.map_or_else(|error| Outcome::Refused(error.to_string()), |()| Outcome::Accepted)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// Some roots are a few words: any other hash will do for those.
fn root(value: &Value) -> Hash {
    hash(value).unwrap_or_else(|| Hash::of_leaf(value.to_string().as_bytes()))
}

fn hash(value: &Value) -> Option<Hash> {
    value.as_str()?.parse().ok()
}

fn hashes(vector: &Value) -> Option<Vec<Hash>> {
    vector["proof"].as_array().map(Vec::as_slice).unwrap_or_default().iter().map(hash).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}
