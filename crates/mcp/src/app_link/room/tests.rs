use super::*;

#[test]
fn a_place_is_free_again_once_it_is_dropped() {
    let room = Room::of(2);
    let (one, two) = (room.take(), room.take());
    assert!(one.is_some() && two.is_some() && room.take().is_none());
    drop(one);
    assert!(room.take().is_some());
}

#[test]
fn who_goes_on_has_a_place_and_nobody_else_gets_it() {
    let room = Room::of(1);
    let begun = room.take();
    let goes_on = room.take_in_any_case();
    drop(begun);
    assert!(room.take().is_none());
    drop(goes_on);
    assert!(room.take().is_some());
}

#[test]
fn fewer_places_take_none_away() {
    let room = Room::of(2);
    let both = (room.take(), room.take());
    room.resize(1);
    drop(both.0);
    assert!(room.take().is_none());
    drop(both.1);
    assert!(room.take().is_some());
}
