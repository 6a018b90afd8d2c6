use model::UnixMicros;
use tlog::{Algorithm, Hash, SigningKey, Tree};

use super::*;
use crate::log::LogStore as _;
use crate::samples::Memory;

fn notary() -> Notary {
    let key = SigningKey::from_seed("gateway.example/trace".parse().unwrap(), Algorithm::Ed25519, &[7; 32]).unwrap();
    Notary::new("gateway.example/trace".to_owned(), vec![key])
}

fn tree(size: u64) -> Tree {
    Tree { size, root: Hash::of_leaf(&size.to_be_bytes()) }
}

#[test]
fn nothing_is_signed_twice_and_nothing_of_an_empty_log() {
    let mut notary = notary();
    assert!(notary.sign(tree(0)).unwrap().is_none());
    let (checkpoint, _) = notary.sign(tree(3)).unwrap().unwrap();
    checkpoint.verify(&notary.trust()).unwrap();
    notary.kept(&checkpoint, UnixMicros(0));
    assert!(notary.sign(tree(3)).unwrap().is_none());
    assert!(notary.sign(tree(4)).unwrap().is_some());
}

#[test]
fn what_did_not_come_onto_the_disk_is_signed_again() {
    let notary = notary();
    assert!(notary.sign(tree(3)).unwrap().is_some());
    assert!(notary.sign(tree(3)).unwrap().is_some());
}

#[test]
fn one_checkpoint_a_minute_stays() {
    let mut notary = notary();
    let mut there = std::collections::BTreeMap::new();
    // One every ten seconds for five minutes.
    for number in 1..=30_u32 {
        let (checkpoint, state) = notary.sign(tree(number.into())).unwrap().unwrap();
        for write in state {
            match write.value {
                Some(note) => there.insert(write.key, note),
                None => there.remove(&write.key),
            };
        }
        notary.kept(&checkpoint, UnixMicros(i64::from(number) * 10_000_000));
    }
    let sizes: Vec<u64> = there.keys().map(|key| key.parse().unwrap()).collect();
    assert_eq!(sizes, [1, 7, 13, 19, 25, 30]);
}

#[test]
fn a_receipt_bears_the_word_of_every_witness_of_its_checkpoint() {
    let mut log = Memory::default();
    let witness = |number: u8| {
        let name = format!("witness.example/{number}").parse().unwrap();
        SigningKey::from_seed(name, Algorithm::Cosignature, &[number; 32]).unwrap()
    };
    let seen = |number: u8, size: u64| {
        let mut checkpoint = notary().sign(tree(size)).unwrap().unwrap().0;
        checkpoint.cosign(&witness(number), 1_800_000_000).unwrap();
        let key = witness(number).verifier_key().to_string();
        StateWrite { kind: COSIGNED_KIND.to_owned(), key, value: Some(checkpoint.to_string()) }
    };
    log.append(&[], &[seen(1, 9), seen(2, 7), seen(3, 9)]).unwrap();
    let names = |records: u64| {
        let witnesses = (1..=3).map(|number| witness(number).verifier_key().clone()).collect();
        let checkpoint = checkpoint_over(&log, records).unwrap().unwrap();
        let trust = Trust { witnesses, ..notary().trust() };
        let cosigned = checkpoint.verify(&trust).unwrap().1;
        let mut names: Vec<String> = cosigned.iter().map(|one| one.witness.to_string()).collect();
        names.sort();
        (size_of(&checkpoint), names)
    };
    let both = vec!["witness.example/1".to_owned(), "witness.example/3".to_owned()];
    assert_eq!(names(8), (9, both.clone()));
    assert_eq!(names(3), (9, both));
}
