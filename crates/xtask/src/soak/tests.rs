use super::*;

#[test]
fn rounds_are_read_or_refused() {
    assert_eq!(Options::parse(&["kills"]), Ok(Options::Kills { rounds: 1_000 }));
    assert_eq!(Options::parse(&["kills", "--rounds", "7"]), Ok(Options::Kills { rounds: 7 }));
    for wrong in [&[][..], &["cows"], &["kills", "--rounds"], &["kills", "--rounds", "0"], &["kills", "7"]] {
        assert!(Options::parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn seconds_are_read_or_refused() {
    assert_eq!(Options::parse(&["load"]), Ok(Options::Load { seconds: 600, debug: false }));
    assert_eq!(Options::parse(&["load", "--debug", "--seconds", "60"]), Ok(Options::in_ci()));
    for wrong in [&["load", "60"][..], &["load", "--seconds"], &["load", "--seconds", "1"], &["load", "--rounds", "7"]]
    {
        assert!(Options::parse(wrong).is_err(), "{wrong:?}");
    }
}
