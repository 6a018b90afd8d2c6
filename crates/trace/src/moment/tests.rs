use super::*;

/// 2026-11-21T10:00:03Z.
const NOW: UnixMicros = UnixMicros(1_795_255_203_000_000);

#[test]
fn moments_are_read() {
    let check = |text: &str, expected: &str| {
        assert_eq!(crate::rfc3339(moment(text, NOW).unwrap()), expected, "{text}");
    };
    check("3s", "2026-11-21T10:00:00.000000Z");
    check("2w", "2026-11-07T10:00:03.000000Z");
    check("2026-11-01", "2026-11-01T00:00:00.000000Z");
    check("2026-11-21T12:00:00+02:00", "2026-11-21T10:00:00.000000Z");
    for wrong in ["", "7", "d", "yesterday", "2026-13-01", "2026-11-21T10:00:00", "-1d", "99999999999999999999d"] {
        assert!(moment(wrong, NOW).is_err(), "{wrong}");
    }
}

#[test]
fn a_day_ends_with_its_last_microsecond() {
    let last = |text| crate::rfc3339(last_moment(text, NOW).unwrap());
    assert_eq!(last("2026-11-01"), "2026-11-01T23:59:59.999999Z");
    assert_eq!(last("3s"), "2026-11-21T10:00:00.000000Z");
}

#[test]
fn durations_are_numbers_with_a_unit() {
    for (text, seconds) in [("90s", 90), ("15m", 900), ("8h", 28_800), ("7d", 604_800), ("1w", 604_800)] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
    }
    for bad in ["", "m", "15", "1.5h", "-1m", "15 m", "99999999999999999999d", "18446744073709551615d"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
}
