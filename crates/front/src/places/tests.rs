use super::*;
use crate::wire::Place;

// INVARIANT: one vendor has a quarter of the places, and gets each of them back.
#[test]
fn one_vendor_never_has_the_places_of_others() {
    let places = Arc::new(Places::new(8));
    let [acme, other] = ["acme", "other"].map(|vendor| VendorId::parse(vendor).unwrap());
    let taken = |vendor: &VendorId| {
        let place = Place::take(&places).unwrap();
        place.of_vendor(vendor).map(|()| place)
    };
    let first = taken(&acme).unwrap();
    first.of_vendor(&acme).expect("a request has one place, however often it is asked whose it is");
    let second = taken(&acme).unwrap();
    let error = taken(&acme).unwrap_err();
    assert_eq!((error.code(), error.may_retry(), places.free()), ("caller.too_many", true, 6));
    let of_other = (taken(&other).unwrap(), taken(&other).unwrap());
    // What goes on without its client keeps it.
    let goes_on = first.clone();
    drop(first);
    assert!(taken(&acme).is_err());
    drop(goes_on);
    assert!(taken(&acme).is_ok());
    drop((second, of_other));
    assert_eq!(places.free(), 8);
}

#[test]
fn a_place_that_is_given_back_is_free_whoever_keeps_a_clone() {
    let places = Arc::new(Places::new(4));
    let acme = VendorId::parse("acme").unwrap();
    let place = Place::take(&places).unwrap();
    place.of_vendor(&acme).unwrap();
    let kept = place.clone();
    kept.give_back();
    assert_eq!(places.free(), 4);
    let again = Place::take(&places).unwrap();
    again.of_vendor(&acme).unwrap();
    drop((place, kept));
    assert_eq!(places.free(), 3, "nothing is given back twice");
}

#[test]
fn nobody_has_all_places_where_there_are_two() {
    for all in 2..10_000 {
        assert!((1..all).contains(&share_of(all)), "{all}");
    }
    assert_eq!((share_of(1), share_of(16), share_of(4_096)), (1, 4, 1_024));
}
