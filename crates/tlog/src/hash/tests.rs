use super::*;

#[test]
fn leaves_nodes_and_nothing_are_as_rfc_6962_has_them() {
    // Of Certificate Transparency's own tests.
    assert_eq!(Hash::of_nothing().to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(Hash::of_leaf(b"").to_string(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
    let node = Hash::of_node(Hash::of_leaf(b""), Hash::of_leaf(&[0]));
    assert_eq!(node.to_string(), "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=");
}

#[test]
fn a_leaf_never_passes_for_a_node() {
    let (left, right) = (Hash::of_leaf(b"left"), Hash::of_leaf(b"right"));
    let both = [left.as_bytes().as_slice(), right.as_bytes()].concat();
    assert_ne!(Hash::of_leaf(&both), Hash::of_node(left, right));
    assert_ne!(Hash::of_leaf(&[&[1], both.as_slice()].concat()), Hash::of_node(left, right));
}

#[test]
fn a_hash_has_one_text() {
    let hash = Hash::of_nothing();
    assert_eq!(hash.to_string().parse(), Ok(hash));
    for wrong in [
        "",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
        "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
        " 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF=",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA",
    ] {
        assert_eq!(wrong.parse::<Hash>(), Err(HashError(())), "{wrong}");
    }
}

#[test]
fn many_hashes_are_whole() {
    let bytes = [7; 2 * Hash::BYTES + 1];
    assert_eq!(Hash::many(&bytes), None);
    assert_eq!(Hash::many(&bytes[1..]), Some(vec![Hash::new([7; 32]); 2]));
    assert_eq!(Hash::many(&[]), Some(Vec::new()));
}
