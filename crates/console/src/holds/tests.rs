//! The order of what waits, and the places that pages name.

use super::*;

fn place(id: &str, pending: bool, may_decide: bool, expires: i64) -> HoldPlace {
    HoldPlace::of(&HoldId::parse(id).expect("an id"), pending, may_decide, UnixMicros(expires))
}

#[test]
fn what_somebody_may_decide_stands_first_and_what_is_over_last() {
    let (one, other) = ("h_01m81bqv6rhaba1fv6tse6cakq", "h_01m81bqv6rhaba1fv6tse6cakr");
    let in_order = [
        place(one, true, true, 1),
        place(other, true, true, 1),
        place(one, true, true, 2),
        place(one, true, false, 1),
        place(one, false, true, 0),
        place(one, false, false, 3),
    ];
    assert!(in_order.is_sorted_by(|one, other| one < other), "{in_order:?}");
    for place in in_order {
        assert_eq!(HoldPlace::read(&place.to_string()).expect("a place"), place);
    }
}

#[test]
fn what_no_page_named_is_no_place() {
    for written in ["", "7", "0.1", "9.1.h_01m81bqv6rhaba1fv6tse6cakq", "0.x.h_01m81bqv6rhaba1fv6tse6cakq", "0.1.h_1<"]
    {
        let fault = HoldPlace::read(written).expect_err(written);
        assert_eq!((fault.code(), fault.blame()), ("caller.parameter", Blame::Caller), "{written}");
    }
}
