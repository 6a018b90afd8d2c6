use super::*;
use crate::frontier::Frontier;
use crate::key::{Algorithm, Signer, SigningKey};
use crate::node::Tree;
use crate::note::NoteError;
use crate::proof::Inclusion;

/// Of the second of five entries.
fn receipt() -> (Receipt, Trust) {
    let leaves: Vec<Hash> = (0..5_u8).map(|index| Hash::of_leaf(&[index])).collect();
    let root = |leaves: &[Hash]| {
        let mut frontier = Frontier::new();
        frontier.append(leaves, |_, _| ()).unwrap();
        frontier.tree()
    };
    let mut nodes = |nodes: &[crate::Node]| {
        let ranges = nodes.iter().map(|node| node.leaves());
        Ok::<_, ()>(ranges.map(|range| root(&leaves[range.start as usize..range.end as usize]).root).collect())
    };
    let proof = Inclusion { index: 1, size: 5 }.prove(&mut nodes).unwrap();
    let key = SigningKey::from_seed("log".parse().unwrap(), Algorithm::Ed25519, &[1; 32]).unwrap();
    let checkpoint = Checkpoint::new("log", root(&leaves)).unwrap().sign(&key).unwrap();
    let trust = Trust { origin: "log".to_owned(), log: vec![key.verifier_key().clone()], witnesses: Vec::new() };
    (Receipt::new(1, proof, checkpoint), trust)
}

#[test]
fn a_receipt_prints_to_what_it_was_read_from() {
    let (receipt, _) = receipt();
    for receipt in [
        receipt.clone(),
        receipt.clone().with_extra(Vec::new()).unwrap(),
        receipt.with_extra(b"more".to_vec()).unwrap(),
    ] {
        let text = receipt.to_string();
        let read: Receipt = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!((read.extra(), read.index()), (receipt.extra(), 1));
        assert_eq!(read, receipt);
    }
}

#[test]
fn a_receipt_is_for_one_entry_of_one_log() {
    let (receipt, trust) = receipt();
    let (checkpoint, cosignatures) = receipt.verify(Hash::of_leaf(&[1]), &trust).unwrap();
    assert_eq!((checkpoint.tree().size, cosignatures.len()), (5, 0));
    assert_eq!(receipt.verify(Hash::of_leaf(&[2]), &trust), Err(ProofError::Root.into()));
    let elsewhere: Receipt = receipt.to_string().replace("index 1", "index 2").parse().unwrap();
    assert_eq!(elsewhere.verify(Hash::of_leaf(&[1]), &trust), Err(ProofError::Root.into()));
    let past: Receipt = receipt.to_string().replace("index 1", "index 5").parse().unwrap();
    assert_eq!(past.verify(Hash::of_leaf(&[1]), &trust), Err(ProofError::Outside { index: 5, size: 5 }.into()));
    let larger: Receipt = receipt.to_string().replace("\n5\n", "\n6\n").parse().unwrap();
    let wrong = NoteError::Wrong("log".parse().unwrap());
    assert_eq!(larger.verify(Hash::of_leaf(&[1]), &trust), Err(CheckpointError::from(wrong).into()));
}

#[test]
fn any_flipped_bit_is_refused() {
    let (receipt, trust) = receipt();
    let text = receipt.to_string().into_bytes();
    for place in 0..text.len() {
        for bit in 0..8 {
            let mut other = text.clone();
            other[place] ^= 1_u8 << bit;
            let read = String::from_utf8(other).ok().and_then(|text| text.parse::<Receipt>().ok());
            assert!(
                read.is_none_or(|read| read.verify(Hash::of_leaf(&[1]), &trust).is_err()),
                "bit {bit} of byte {place}"
            );
        }
    }
}

#[test]
fn what_is_no_receipt_is_refused_with_its_reason() {
    let (receipt, _) = receipt();
    let right = receipt.to_string();
    let hash = receipt.proof().hashes()[0].to_string();
    let check =
        |text: &str, expect: &str| assert_eq!(text.parse::<Receipt>().unwrap_err().to_string(), expect, "{text:?}");
    check("", "a receipt is a proof, a blank line and a checkpoint");
    check(&right.replace("@v1", "@v2"), "a receipt begins with `c2sp.org/tlog-proof@v1`");
    let index = "a receipt says `index NUMBER`, up to 9223372036854775807 and without leading zeroes";
    for line in [
        "",
        "index",
        "index ",
        "index 01",
        "index -1",
        "index +1",
        "index 1 ",
        "Index 1",
        "index 9223372036854775807",
        "extra aGk=\nextra aGk=\nindex 1",
    ] {
        // An empty line ends the head, which then lacks the index.
        check(&right.replacen("index 1", line, 1), index);
    }
    let extra = "the extra data of a receipt are up to 65536 bytes in base64";
    for line in ["extra a", "extra aGk", "extra aGl=", "extra  aGk="] {
        check(&right.replacen("index", &format!("{line}\nindex"), 1), extra);
    }
    check(
        &right.replacen(&hash, &format!("{hash}\n{hash}x"), 1),
        "line 2 of the proof is not a hash: 32 bytes in base64 are expected",
    );
    check(
        &right.replacen(&hash, hash.trim_end_matches('='), 1),
        "line 1 of the proof is not a hash: 32 bytes in base64 are expected",
    );
    check(&right.replacen("\n\nlog", "\n\n\nlog", 1), &CheckpointError::Size.to_string());
    check(&right.replacen("\n\n", "\n", 1), "line 4 of the proof is not a hash: 32 bytes in base64 are expected");
    check(&right.replacen("log\n5", "log\n05", 1), &CheckpointError::Size.to_string());
}

#[test]
fn a_receipt_has_bounds() {
    let (receipt, _) = receipt();
    let most = receipt.clone().with_extra(vec![7; RECEIPT_EXTRA_BYTES_MAX]).unwrap();
    assert!(most.to_string().parse::<Receipt>().is_ok());
    assert_eq!(receipt.clone().with_extra(vec![7; RECEIPT_EXTRA_BYTES_MAX + 1]), Err(ReceiptError::Extra));
    let long = text::base64(&vec![7; RECEIPT_EXTRA_BYTES_MAX + 1]);
    let long = receipt.to_string().replacen("index", &format!("extra {long}\nindex"), 1);
    assert_eq!(long.parse::<Receipt>(), Err(ReceiptError::Extra));
    let hash = format!("{}\n", receipt.proof().hashes()[0]);
    for (count, fits) in [(PROOF_HASHES_MAX, true), (PROOF_HASHES_MAX + 1, false), (1_000, false)] {
        let more = hash.repeat(count - receipt.proof().hashes().len() + 1);
        let read = receipt.to_string().replacen(&hash, &more, 1).parse::<Receipt>();
        assert_eq!(read.err(), (!fits).then_some(ReceiptError::Proof(ProofError::TooManyHashes)));
    }
}

#[test]
fn the_only_entry_of_a_log_needs_no_hashes() {
    let key = SigningKey::from_seed("log".parse().unwrap(), Algorithm::Ed25519, &[1; 32]).unwrap();
    let root = Hash::of_leaf(b"only");
    let checkpoint = Checkpoint::new("log", Tree { size: 1, root }).unwrap().sign(&key).unwrap();
    let receipt = Receipt::new(0, InclusionProof::new(Vec::new()).unwrap(), checkpoint);
    let trust = Trust { origin: "log".to_owned(), log: vec![key.verifier_key().clone()], witnesses: Vec::new() };
    let text = receipt.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 0\n\nlog\n1\n"), "{text}");
    assert!(text.parse::<Receipt>().unwrap().verify(root, &trust).is_ok());
}
