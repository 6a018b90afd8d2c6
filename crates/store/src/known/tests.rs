use super::*;
use crate::schema;

fn tables() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, |_| Ok(())).unwrap();
    connection
}

#[test]
fn a_text_has_one_number() {
    let tables = tables();
    let mut known = Known::default();
    let numbers = |known: &mut Known| {
        let names = ["ada", "bot", "ada"].map(|text| known.name(&tables, text).unwrap());
        let templates = ["ada", "bot", "ada"].map(|text| known.template(&tables, text).unwrap());
        (names, templates)
    };
    let first = numbers(&mut known);
    assert_eq!((first.0[0], first.1[0]), (first.0[2], first.1[2]));
    assert_ne!(first.0[0], first.0[1]);
    known.forget();
    assert_eq!(numbers(&mut known), first);
}

#[test]
fn what_is_not_met_again_is_forgotten() {
    let mut kept = Kept::default();
    let long = "x".repeat(1_000);
    for number in 0..2_000 {
        kept.put(number, format!("{number} {long}").as_bytes(), 1);
        assert_eq!(kept.get(0, format!("0 {long}").as_bytes()), Some(1), "{number}");
    }
    assert_eq!(kept.get(1, format!("1 {long}").as_bytes()), None);
    let held: usize = kept.young.values().chain(kept.old.values()).map(|(text, _)| text.len()).sum();
    assert!(held <= 2 * YOUNG_BYTES_MAX && held > YOUNG_BYTES_MAX / 2, "{held}");
}

#[test]
fn texts_of_one_sum_are_told_apart() {
    let mut kept = Kept::default();
    kept.put(7, b"one", 1);
    assert_eq!((kept.get(7, b"one"), kept.get(7, b"two")), (Some(1), None));
    kept.put(7, b"two", 2);
    assert_eq!((kept.get(7, b"one"), kept.get(7, b"two")), (None, Some(2)));
}
