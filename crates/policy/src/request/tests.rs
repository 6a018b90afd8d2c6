use super::*;

#[test]
fn dates_are_gregorian_and_utc() {
    let check = |micros, expected: Option<&str>| assert_eq!(date_and_time(UnixMicros(micros)).as_deref(), expected);
    check(0, Some("1970-01-01T00:00:00.000Z"));
    check(-1, Some("1969-12-31T23:59:59.999Z"));
    check(951_782_400_000_000, Some("2000-02-29T00:00:00.000Z"));
    check(1_795_253_400_123_456, Some("2026-11-21T09:30:00.123Z"));
    check(4_107_542_399_000_000, Some("2100-02-28T23:59:59.000Z"));
    check(4_107_542_400_000_000, Some("2100-03-01T00:00:00.000Z"));
    check(253_402_300_799_999_999, Some("9999-12-31T23:59:59.999Z"));
    check(253_402_300_800_000_000, None);
    check(i64::MIN, None);
    check(i64::MAX, None);
}
