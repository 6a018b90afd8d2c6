use super::*;
use crate::key::SigningKey;

fn key(name: &str, algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(name.parse().unwrap(), algorithm, &[seed; 32]).unwrap()
}

fn tree(size: u64) -> Tree {
    Tree { size, root: Hash::of_leaf(&size.to_be_bytes()) }
}

/// A signed checkpoint with one cosignature, and who is trusted with it.
fn cosigned() -> (SignedCheckpoint, Trust) {
    let (log, witness) = (key("log", Algorithm::Ed25519, 1), key("witness", Algorithm::Cosignature, 2));
    let mut checkpoint = Checkpoint::new("log", tree(7)).unwrap().sign(&log).unwrap();
    checkpoint.cosign(&witness, 1_800_000_000).unwrap();
    let (log, witnesses) = (vec![log.verifier_key().clone()], vec![witness.verifier_key().clone()]);
    (checkpoint, Trust { origin: "log".to_owned(), log, witnesses })
}

#[test]
fn a_checkpoint_is_three_lines_and_more() {
    let root = Hash::of_nothing();
    let text = format!("example.com/a log\n0\n{root}\n");
    let checkpoint: Checkpoint = text.parse().unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.tree()), ("example.com/a log", Tree { size: 0, root }));
    assert_eq!(checkpoint.to_string(), text);
    let extended = checkpoint.with_extension("one").unwrap().with_extension("— two").unwrap();
    assert_eq!(extended.extensions(), ["one", "— two"]);
    assert_eq!(extended.to_string(), format!("{text}one\n— two\n"));
    assert_eq!(extended.to_string().parse(), Ok(extended));
}

#[test]
fn what_is_no_checkpoint_is_refused_with_its_reason() {
    let root = Hash::of_nothing();
    let check = |text: &str, expect| assert_eq!(text.parse::<Checkpoint>(), Err(expect), "{text:?}");
    for text in ["", "log", "log\n", "log\n0\n", "log\n0\nx"] {
        check(text, CheckpointError::Format);
    }
    for size in ["", "-1", "+1", "00", "01", "1e3", " 1", "9223372036854775808", "18446744073709551616", "٣"] {
        check(&format!("log\n{size}\n{root}\n"), CheckpointError::Size);
    }
    check("log\n1\nroot\n", CheckpointError::Root);
    check(&format!("log\n1\n{root} \n"), CheckpointError::Root);
    check(&format!("\n1\n{root}\n"), CheckpointError::Origin);
    check(&format!("log\n1\n{root}\n\n"), CheckpointError::Extension);
    check(&format!("log\n1\n{root}\n\nlast\n"), CheckpointError::Extension);
    for origin in ["", "a\nb", "a\tb"] {
        assert_eq!(Checkpoint::new(origin, tree(1)), Err(CheckpointError::Origin));
        assert_eq!(Checkpoint::new("log", tree(1)).unwrap().with_extension(origin), Err(CheckpointError::Extension));
    }
    assert_eq!(Checkpoint::new("log", tree(TREE_LEAVES_MAX + 1)), Err(CheckpointError::Size));
    assert!(Checkpoint::new("log", tree(TREE_LEAVES_MAX)).unwrap().to_string().parse::<Checkpoint>().is_ok());
}

#[test]
fn a_signed_checkpoint_is_trusted_for_its_log_and_witnesses() {
    let (signed, trust) = cosigned();
    let read = SignedCheckpoint::parse(signed.to_string().as_bytes()).unwrap();
    assert_eq!(read, signed);
    let (checkpoint, cosignatures) = read.verify(&trust).unwrap();
    assert_eq!(checkpoint.tree(), tree(7));
    assert_eq!(cosignatures, [Cosignature { witness: "witness".parse().unwrap(), at: 1_800_000_000 }]);
    let nobody = Trust { witnesses: Vec::new(), ..trust.clone() };
    assert_eq!(read.verify(&nobody).unwrap().1, []);
    let other_log = Trust { origin: "other".to_owned(), ..trust.clone() };
    assert_eq!(read.verify(&other_log).unwrap_err().to_string(), "the checkpoint is of `log`, not of `other`");
    let other_key = Trust { log: vec![key("log", Algorithm::Ed25519, 9).verifier_key().clone()], ..trust.clone() };
    let unknown = read.verify(&other_key).unwrap_err().to_string();
    let by = format!("`log+{}`", trust.log[0].id());
    assert_eq!(unknown, format!("no key that is trusted signed the checkpoint, which says to be signed by {by}"));
    let confused = Trust { witnesses: trust.log.clone(), ..trust };
    assert_eq!(read.verify(&confused), Err(NoteError::Kind("log".parse().unwrap()).into()));
}

#[test]
fn a_witness_alone_is_no_log() {
    let (signed, trust) = cosigned();
    let text = signed.to_string();
    let without: String =
        text.lines().filter(|line| !line.starts_with("— log")).map(|line| format!("{line}\n")).collect();
    let read: SignedCheckpoint = without.parse().unwrap();
    let by = format!("`witness+{}`", trust.witnesses[0].id());
    assert_eq!(read.verify(&trust), Err(CheckpointError::NotOfLog { by }));
}

#[test]
fn any_flipped_bit_is_refused() {
    let (signed, trust) = cosigned();
    let text = signed.to_string().into_bytes();
    let line = signed.to_string().find("— witness").unwrap();
    for place in 0..text.len() {
        for bit in 0..8 {
            let mut other = text.clone();
            other[place] ^= 1_u8 << bit;
            let Ok(read) = SignedCheckpoint::parse(&other) else { continue };
            match read.verify(&trust) {
                Err(_) => {}
                // Without its name or id, it is an unknown key's signature.
                Ok((checkpoint, cosignatures)) => {
                    assert!(place > line && cosignatures.is_empty(), "bit {bit} of byte {place}");
                    assert_eq!(checkpoint.tree(), tree(7));
                }
            }
        }
    }
}

#[test]
fn of_a_witnesss_answer_only_known_cosignatures_are_kept() {
    let (mut signed, trust) = cosigned();
    let second = key("second", Algorithm::Cosignature, 3);
    let stranger = key("stranger", Algorithm::Cosignature, 4);
    let mut elsewhere = signed.clone();
    elsewhere.cosign(&stranger, 5).unwrap();
    elsewhere.cosign(&second, 6).unwrap();
    let answer: String =
        elsewhere.note().signatures().iter().skip(2).map(|signature| format!("{signature}\n")).collect();
    let witnesses = [trust.witnesses, vec![second.verifier_key().clone()]].concat();
    let known = signed.add_cosignatures(&answer, &witnesses).unwrap();
    assert_eq!(
        known.iter().map(|one| (one.witness.as_str(), one.at)).collect::<Vec<_>>(),
        [("witness", 1_800_000_000), ("second", 6)]
    );
    assert_eq!(signed.note().signatures().len(), 3);
    // Of another checkpoint: nothing is taken.
    let mut other = Checkpoint::new("log", tree(8)).unwrap().sign(&key("log", Algorithm::Ed25519, 1)).unwrap();
    let before = other.clone();
    assert_eq!(other.add_cosignatures(&answer, &witnesses), Err(NoteError::Wrong("second".parse().unwrap()).into()));
    assert_eq!(other, before);
    for wrong in ["", "\n", "second\n", answer.trim_end()] {
        assert!(other.add_cosignatures(wrong, &witnesses).is_err(), "{wrong:?}");
    }
}

#[test]
fn copies_of_one_checkpoint_are_put_together_and_others_are_not() {
    let (mut signed, trust) = cosigned();
    let second = key("second", Algorithm::Cosignature, 3);
    let mut copy = Checkpoint::new("log", tree(7)).unwrap().sign(&key("log", Algorithm::Ed25519, 1)).unwrap();
    copy.cosign(&second, 6).unwrap();
    assert!(signed.take_signatures_of(&copy));
    let trust = Trust { witnesses: [trust.witnesses, vec![second.verifier_key().clone()]].concat(), ..trust };
    let seen = signed.verify(&trust).unwrap().1;
    assert_eq!(seen.iter().map(|one| one.witness.as_str()).collect::<Vec<_>>(), ["witness", "second"]);
    let before = signed.clone();
    let mut other = Checkpoint::new("log", tree(8)).unwrap().sign(&key("log", Algorithm::Ed25519, 1)).unwrap();
    other.cosign(&second, 7).unwrap();
    assert!(!signed.take_signatures_of(&other));
    assert_eq!(signed, before);
}
