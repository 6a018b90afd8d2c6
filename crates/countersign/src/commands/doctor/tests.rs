//! What is said of a witness.

use super::*;

#[test]
fn a_witness_that_says_nothing_for_minutes_is_doubtful() {
    let now = UnixMicros(1_800_000_000_000_000);
    let ago = |seconds: i64| Some(UnixMicros(now.0 - seconds * 1_000_000));
    for (counts, next, state) in [
        ((78, 78), None, State::Good),
        // The newest records are signed each second, and cosigned a moment later.
        ((72, 78), ago(2), State::Good),
        ((72, 78), ago(301), State::Doubtful),
        ((0, 78), ago(86_400), State::Doubtful),
        // What is not signed yet cannot be cosigned.
        ((78, 78), ago(301), State::Good),
    ] {
        let check = of_witness("witness w".to_owned(), "http://127.0.0.1:9", counts, next, now);
        assert_eq!(check.state, state, "{}", check.said);
        assert!(check.said.contains(&format!("{} of {}", counts.0, counts.1)), "{}", check.said);
    }
}
