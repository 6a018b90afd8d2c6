use super::*;

fn window(written: Written<'_>) -> Window {
    Window::parse(&written).expect("a window")
}

fn at(text: &str) -> UnixMicros {
    UnixMicros(text.parse::<Timestamp>().expect("a moment").as_microsecond())
}

#[test]
fn names_say_what_is_asked() {
    let office =
        Written { days: vec!["mon-fri"], hours: Some("9:00-17:00"), zone: Some("Europe/Berlin"), ..Written::default() };
    assert_eq!(window(office).to_string(), "in mon-fri 09:00-17:00 Europe/Berlin");
    let days = Written { days: vec!["sun", "wed", "wed"], ..Written::default() };
    assert_eq!(window(days).to_string(), "in wed,sun UTC");
    let stretch =
        Written { from: Some("2026-12-20T01:00:00+01:00"), until: Some("2027-01-04T00:00:00Z"), ..Written::default() };
    assert_eq!(window(stretch).to_string(), "from 2026-12-20T00:00:00Z until 2027-01-04T00:00:00Z");
}

#[test]
fn the_clock_goes_forward_and_back() {
    // In Berlin, 2026-03-29 02:00 is 03:00, and 2026-10-25 03:00 is 02:00 again.
    let night = window(Written { hours: Some("02:00-03:00"), zone: Some("Europe/Berlin"), ..Written::default() });
    assert!(!night.holds(at("2026-03-29T01:30:00Z")));
    assert!(night.holds(at("2026-10-25T00:30:00Z")) && night.holds(at("2026-10-25T01:30:00Z")));
    assert!(!night.holds(at("2026-10-25T02:00:00Z")));
}

#[test]
fn weeks_wrap_around() {
    let weekend = window(Written { days: vec!["sat-mon"], ..Written::default() });
    let held: Vec<bool> = (16..23).map(|day| weekend.holds(at(&format!("2026-11-{day}T12:00:00Z")))).collect();
    assert_eq!(held, [true, false, false, false, false, true, true]);
    let whole_day = window(Written { days: vec!["fri"], hours: Some("00:00-24:00"), ..Written::default() });
    assert!(whole_day.holds(at("2026-11-20T23:59:59Z")) && !whole_day.holds(at("2026-11-21T00:00:00Z")));
}

#[test]
fn moments_past_all_calendars_are_in_no_window() {
    let always = window(Written { from: Some("2020-01-01T00:00:00Z"), ..Written::default() });
    assert!(!always.holds(UnixMicros(i64::MAX)) && !always.holds(UnixMicros(i64::MIN)));
}
