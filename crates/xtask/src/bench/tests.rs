use super::*;

#[test]
fn a_target_holds_at_its_bound() {
    let at = |value: f64, target: Target| Measure::new("x", value, "").with(target).holds();
    assert_eq!(at(0.2, Target::AtLeast(0.2)), Some(true));
    assert_eq!(at(0.19, Target::AtLeast(0.2)), Some(false));
    assert_eq!(at(1.0, Target::AtMost(1.0)), Some(true));
    assert_eq!(at(1.1, Target::AtMost(1.0)), Some(false));
    assert_eq!(Measure::new("x", 1.0, "").holds(), None);
}

#[test]
fn json_has_the_fields_that_programs_read() {
    let measure = Measure::new("mcp.ratio", 0.5, "×").with(Target::AtLeast(0.2));
    let expected = json!({"name": "mcp.ratio", "value": 0.5, "unit": "×", "target": ">= 0.200", "holds": true});
    assert_eq!(measure.to_json(), expected);
}

#[test]
fn options_are_read_or_refused() {
    let options = mcp_options(&["--seconds", "0.5", "--rounds", "2", "--other", "x=http://h/mcp,t"]).unwrap();
    assert_eq!((options.seconds, options.rounds, options.build), (0.5, 2, true));
    let other = options.others.first().unwrap();
    assert_eq!((other.name.as_str(), other.url.as_str(), other.token.as_deref()), ("x", "http://h/mcp", Some("t")));
    for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--other", "http://h"], &["--fast"]] {
        assert!(mcp_options(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_median_of_an_even_number_lies_between() {
    assert_eq!(statistics::median([4.0, 1.0, 3.0, 2.0]), 2.5);
    assert_eq!(statistics::median([3.0, 1.0, 2.0]), 2.0);
    assert_eq!(statistics::median([]), 0.0);
}
