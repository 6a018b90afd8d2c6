use super::*;

fn link(seat: &Seat) -> Extensions {
    let mut link = Extensions::new();
    link.insert(seat.guest());
    link
}

#[test]
fn strangers_have_a_part_of_the_places_and_the_known_have_all() {
    let guests = Guests::new(8);
    let counts = || {
        let state = guests.state();
        (state.strangers.len(), state.known.len())
    };
    let known: Vec<Seat> = (0..6).map(|_| guests.take().unwrap()).inspect(|seat| is_known(&link(seat))).collect();
    let (first, second) = (guests.take().unwrap(), guests.take().unwrap());
    assert_eq!(counts(), (2, 6));
    // The first stranger makes room; what comes of it later changes nothing.
    let third = guests.take().unwrap();
    is_known(&link(&first));
    drop(first);
    assert_eq!(counts(), (2, 6));
    is_known(&link(&second));
    is_known(&link(&third));
    assert_eq!(counts(), (0, 8));
    assert!(guests.take().is_none(), "nobody who is known makes room");
    drop(known);
    assert_eq!(counts(), (0, 2));
    assert!(guests.take().is_some(), "places come back");
    drop((second, third));
    assert_eq!(counts(), (0, 0));
}
