use tlog::{Algorithm, SEED_BYTES, Signer as _, Trust};

use super::*;

fn head(log: &str, size: u64, mark: u8) -> Head {
    Head { log: log.to_owned(), origin: format!("example.com/{log}"), tree: Tree { size, root: Hash::new([mark; 32]) } }
}

fn key() -> SigningKey {
    SigningKey::from_seed("example.com/a".parse().unwrap(), Algorithm::Ed25519, &[7; SEED_BYTES]).unwrap()
}

fn signed(before: Option<&SignedRound>, at: i64, heads: Vec<Head>) -> SignedRound {
    let round = Round::after(before.map(|before| &before.round), UnixMicros(at), heads).unwrap();
    let tree = before.map_or_else(Frontier::new, |before| before.tree.clone());
    round.sign("example.com/a/map", &tree, &[key()]).unwrap()
}

#[test]
fn rounds_follow_each_other_and_are_signed() {
    let first = signed(None, 1, vec![head("b", 3, 1), head("a", 2, 2)]);
    assert_eq!(first.round.heads.iter().map(|head| &*head.log).collect::<Vec<_>>(), ["a", "b"]);
    let second = signed(Some(&first), 2, vec![head("a", 2, 2), head("b", 9, 3), head("c", 1, 4)]);
    assert_eq!((first.check(None), second.check(Some(&first))), (Ok(()), Ok(())));
    assert_eq!(second.round.back, [""; 0]);
    let trust =
        Trust { origin: map_origin("example.com/a"), log: vec![key().verifier_key().clone()], witnesses: Vec::new() };
    assert!(second.signed.verify(&trust).is_ok());
    assert_eq!(second.signed.danger_unverified().tree().size, 2);
    assert_eq!(Round::after(Some(&second.round), UnixMicros(3), second.round.heads.clone()), None);
    assert_eq!(Round::after(None, UnixMicros(3), Vec::new()), None);
    assert!(second.check(None).is_err() && first.check(Some(&second)).is_err());
}

#[test]
fn a_log_that_went_back_is_named() {
    let heads = vec![
        head("ended", 4, 1),
        head("forked", 4, 2),
        head("grown", 4, 3),
        head("shorter", 4, 4),
        head("still", 4, 5),
    ];
    let first = signed(None, 1, heads);
    let renamed = Head { origin: "example.com/other".to_owned(), ..head("still", 5, 5) };
    let later = vec![head("forked", 4, 9), head("grown", 5, 9), head("shorter", 3, 9), renamed];
    let second = signed(Some(&first), 2, later.clone());
    assert_eq!(second.round.back, ["ended", "forked", "shorter", "still"]);
    assert_eq!(second.check(Some(&first)), Ok(()));
    // Nobody can leave that out.
    let silent = Round { back: Vec::new(), ..second.round.clone() }.sign("example.com/a/map", &first.tree, &[key()]);
    let wrong = silent.unwrap().check(Some(&first)).unwrap_err();
    assert!(wrong.to_string().starts_with("round 2: it does not name"), "{wrong}");
}

#[test]
fn a_round_is_read_back_and_nothing_else_is() {
    let first = signed(None, 1, vec![head("a", 2, 2), head("b", 3, 1)]);
    let second = signed(Some(&first), 2, vec![head("a", 1, 2), head("b", 3, 1)]);
    for round in [&first.round, &second.round] {
        assert_eq!(round.to_string().parse::<Round>().unwrap(), *round);
    }
    let text = second.round.to_string();
    for other in
        ["", "log a", &text.replace("round 2", "round 02"), &text.replace("v1", "v2"), &format!("{text}more\n")]
    {
        assert!(other.parse::<Round>().is_err(), "{other}");
    }
    // What was signed is what stands there.
    let changed = Round { heads: vec![head("a", 1, 2), head("b", 4, 1)], ..second.round.clone() };
    assert!(SignedRound { round: changed, ..second.clone() }.check(Some(&first)).is_err());
    let other = Round { at: UnixMicros(9), ..second.round.clone() };
    assert!(SignedRound { round: other, ..second }.check(Some(&first)).is_err());
}
