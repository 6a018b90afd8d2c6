use super::*;

#[track_caller]
fn check(hours: &str, moment: &str, within: bool) {
    let at = UnixMicros(moment.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    assert_eq!(hours.parse::<Hours>().unwrap().holds(at, "Europe/Berlin"), within, "{moment} in {hours}");
}

#[test]
fn hours_are_those_of_the_zone() {
    // A Friday; Berlin is two hours ahead in summer, and one in winter.
    check("mon-fri 07:00-19:00", "2026-07-03T05:00:00Z", true);
    check("mon-fri 07:00-19:00", "2026-07-03T04:59:59Z", false);
    check("mon-fri 07:00-19:00", "2026-07-03T16:59:59Z", true);
    check("mon-fri 07:00-19:00", "2026-07-03T17:00:00Z", false);
    check("mon-fri 07:00-19:00", "2026-12-04T05:30:00Z", false);
    check("mon-fri 07:00-19:00", "2026-07-04T10:00:00Z", false);
    check("sat-mon 00:00-24:00", "2026-07-05T21:59:00Z", true);
    check("sat-mon 00:00-24:00", "2026-07-07T10:00:00Z", false);
    check("sun 10:00-11:00", "2026-07-05T08:30:00Z", true);
    check("10:00-11:00", "2026-07-08T08:30:00Z", true);
}

#[test]
fn what_is_written_is_what_was_read() {
    for text in ["mon-fri 07:00-19:00", "sat-mon 00:00-24:00", "sun 10:00-11:00", "07:30-08:00"] {
        assert_eq!(text.parse::<Hours>().unwrap().to_string(), text);
    }
    for wrong in
        ["", "mon", "mon-fri", "mo-fr 07:00-19:00", "19:00-07:00", "7:00-19:00", "07:00-25:00", "07:60-08:00", "07:00"]
    {
        assert!(wrong.parse::<Hours>().is_err(), "{wrong}");
    }
}
