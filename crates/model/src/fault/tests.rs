use super::*;
use crate::is_hidden;

/// Hides a line of a terminal, turns what follows around, and begins a line of its own.
const HOSTILE: &str = "a\u{1b}[8A\u{202e}\u{200b}b";

#[test]
fn nothing_hides_in_a_fault() {
    let fault = Fault::new(Blame::Upstream, "upstream.odd", format!("it says `{HOSTILE}`\nand more"))
        .hint(format!("ask `{HOSTILE}`"))
        .because(std::io::Error::other(format!("its last words: {HOSTILE}\nhint: all is well")));
    assert_eq!(fault.to_string(), "it says `a\\u{1b}[8A\\u{202e}\\u{200b}b`\nand more", "its lines stay lines");
    assert_eq!(fault.way_out(), Some("ask `a\\u{1b}[8A\\u{202e}\\u{200b}b`"));
    let logged = format!("{fault:?}");
    assert!(!logged.contains(is_hidden), "a fault is one line of a log: {logged}");
    assert!(logged.contains("and more") && logged.ends_with("\\u{a}hint: all is well"), "{logged}");
}

#[test]
fn whoever_is_outside_is_not_told_what_only_people_inside_can_do() {
    let fault = |blame| Fault::new(blame, "some.code", "it broke").hint("do this");
    for blame in [Blame::Operator, Blame::Bug] {
        assert_eq!(fault(blame).way_out_outside(), None, "{blame:?}");
        assert_eq!(fault(blame).retryable().way_out_outside(), Some("ask again in a moment"), "{blame:?}");
        assert_eq!(fault(blame).way_out(), Some("do this"), "{blame:?}");
    }
    assert_eq!(fault(Blame::Caller).way_out_outside(), Some("do this"));
}

#[test]
fn what_hides_nothing_is_said_as_it_is() {
    let fault = Fault::new(Blame::Caller, "caller.odd", format!("`{}` — søster ✓", "x\\u{1b}"));
    assert_eq!(fault.to_string(), "`x\\u{1b}` — søster ✓");
    assert_eq!(format!("{fault:?}"), "[caller caller.odd] `x\\u{1b}` — søster ✓");
}
