use super::*;

#[test]
fn a_place_comes_back() {
    let place = Place { generation: 5, offset: 1_024, number: 9 };
    assert_eq!(place.to_string().parse(), Ok(place));
    for wrong in ["", "1:2", "1:2:3:4", "1:2:x"] {
        assert_eq!(wrong.parse::<Place>(), Err(()), "{wrong}");
    }
}

#[test]
fn every_opening_has_generations_of_its_own() {
    let place = Place { generation: (3 << 32) + 7, offset: 99, number: 12 };
    assert_eq!(place.of_next_opening(), Place { generation: 4 << 32, offset: 0, number: 12 });
}
