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
fn a_sealed_text_has_one_number_for_each_key() {
    let tables = tables();
    let mut known = Known::default();
    let texts = [(1, [7; 40]), (2, [8; 40]), (1, [7; 40])];
    let mut numbers = || texts.map(|(key, text)| known.sealed(&tables, key, &text).unwrap());
    let first = numbers();
    assert_eq!((first[0], first[1] == first[0]), (first[2], false));
    assert_eq!(numbers(), first);
    let mut fresh = Known::default();
    assert_eq!(texts.map(|(key, text)| fresh.sealed(&tables, key, &text).unwrap()), first, "from the tables");
    assert_eq!(fresh.sealed(&tables, 3, b"short").unwrap(), fresh.sealed(&tables, 3, b"short").unwrap());
}

#[test]
fn texts_of_one_sum_are_told_apart() {
    let mut kept = Kept::default();
    kept.put(7, b"one", 1);
    assert_eq!((kept.get(7, b"one"), kept.get(7, b"two")), (Some(1), None));
    kept.put(7, b"two", 2);
    assert_eq!((kept.get(7, b"one"), kept.get(7, b"two")), (None, Some(2)));
}
