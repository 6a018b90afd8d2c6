use super::tally::busiest;
use super::*;
use crate::auditing::tests::amended;

/// As slowly as it is meant: every stretch that ends with a use.
fn slow(used: &[(i64, u64)], micros: i64) -> Option<u64> {
    let in_stretch = |end: i64| used.iter().filter(move |(at, _)| *at <= end && *at > end - micros);
    used.iter().map(|(end, _)| in_stretch(*end).map(|(_, amount)| amount).sum()).max()
}

#[track_caller]
fn check(used: &[(i64, u64)], micros: i64, most: u64, from: i64, until: i64) {
    assert_eq!(busiest(used, micros), Some((most, from, until)), "{used:?} in {micros}");
    assert_eq!(slow(used, micros), Some(most));
}

#[test]
fn the_busiest_stretch_is_any_stretch_and_none_of_a_calendar() {
    assert_eq!(busiest(&[], 10), None);
    check(&[(5, 3)], 10, 3, 5, 5);
    // Both hours of a clock have three; the stretch across them has four.
    check(&[(0, 1), (50, 1), (55, 1), (61, 1), (65, 1), (110, 1)], 60, 4, 50, 65);
    // What is as old as the stretch is long counts no more.
    check(&[(0, 5), (60, 5)], 60, 5, 0, 0);
}

#[test]
fn stretches_agree_with_counting_slowly() {
    let mut seed = 7_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..200 {
        let mut used: Vec<(i64, u64)> = (0..next(40)).map(|_| (next(100) as i64, next(9))).collect();
        used.sort_unstable();
        for micros in [1, 7, 60, 1_000] {
            assert_eq!(busiest(&used, micros).map(|(most, ..)| most), slow(&used, micros), "{used:?} in {micros}");
        }
    }
}

#[test]
fn a_clause_is_asked_about_for_the_time_in_which_it_holds() {
    let contract = amended();
    let period = |text: &str| Period::parse(text, "UTC").unwrap();
    let cases = [
        ("2", "2026-08", Some("2026-08")),
        ("2", "2026", Some("2026-07-01..2026-09-30")),
        ("2", "2026-11", None),
        ("A1", "2026-08", None),
        ("A1", "2026", Some("2026-10-01..2026-12-31")),
        ("A1", "2027", Some("2027-01-01..2027-06-30")),
    ];
    for (clause, of, wanted) in cases {
        let wanted = wanted.map(|text| (period(text).begins, period(text).ends));
        assert_eq!(held_in(&contract, &clause.parse().unwrap(), &period(of)), wanted, "{clause} {of}");
    }
}
