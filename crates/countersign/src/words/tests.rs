use super::*;

#[test]
fn durations_are_numbers_with_a_unit() {
    for (text, seconds) in [("90s", 90), ("15m", 900), ("8h", 28_800), ("7d", 604_800)] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
    }
    for bad in ["", "m", "15", "1.5h", "-1m", "15 m", "99999999999999999999d", "18446744073709551615d"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn moments_are_ago_or_absolute() {
    let now = UnixMicros(10_000_000_000);
    assert_eq!(moment("1h", now), Ok(UnixMicros(6_400_000_000)));
    assert_eq!(moment("1970-01-01T00:00:01Z", now), Ok(UnixMicros(1_000_000)));
    assert!(moment("yesterday", now).is_err());
}
