use super::*;

#[test]
fn rounds_are_read_or_refused() {
    assert_eq!(Options::parse(&["kills"]), Ok(Options { rounds: 1_000 }));
    assert_eq!(Options::parse(&["kills", "--rounds", "7"]), Ok(Options { rounds: 7 }));
    for wrong in [&[][..], &["cows"], &["kills", "--rounds"], &["kills", "--rounds", "0"], &["kills", "7"]] {
        assert!(Options::parse(wrong).is_err(), "{wrong:?}");
    }
}
