use super::*;

#[track_caller]
fn days(text: &str, from: &str, until: &str) {
    let period = Period::parse(text, "UTC").unwrap();
    assert_eq!((period.from.to_string().as_str(), period.until.to_string().as_str()), (from, until), "{text}");
}

#[test]
fn years_months_and_days_are_whole() {
    days("2026", "2026-01-01", "2026-12-31");
    days("2028-02", "2028-02-01", "2028-02-29");
    days("2026-10-07", "2026-10-07", "2026-10-07");
    days("2026-10-01..2026-10-14", "2026-10-01", "2026-10-14");
    days("2026-09..2026-10", "2026-09-01", "2026-10-31");
    for wrong in ["", "10", "2026-13", "2026-10-01..", "2026-10-14..2026-10-01", "last month", "2026-1-1"] {
        assert!(Period::parse(wrong, "UTC").is_err(), "{wrong}");
    }
}

#[test]
fn a_day_is_as_long_as_it_is_where_it_is_counted() {
    let hours = |text: &str| {
        let period = Period::parse(text, "Europe/Berlin").unwrap();
        period.ends.since(period.begins) / 3_600_000_000
    };
    assert_eq!((hours("2026-10-25"), hours("2026-10-26"), hours("2026-03-29")), (25, 24, 23));
}
