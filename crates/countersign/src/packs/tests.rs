use super::Pack;

#[test]
fn names_are_in_order_and_found() {
    assert!(Pack::names().is_sorted());
    for name in Pack::names() {
        let rules = Pack::named(name).unwrap().rules();
        assert!(rules.name.starts_with(&format!("pack:{name}.")), "{}", rules.name);
    }
    assert!(Pack::named("baseline").is_none(), "it is a layer of its own");
}
