use super::shape;

#[test]
fn keys_types_and_lengths_stay_and_values_go() {
    let text = r#"{"to":"ana@example.com","repo":"site","n":3.50,"deep":{"repo":"x","list":[true,null,"ü","x"]},"k\u0065y":{}}"#;
    let shown = shape(text.as_bytes(), |name| ["repo", "deep.list"].contains(&name)).unwrap();
    let expected = r#"{"to":"(text, 15)","repo":"site","n":"(number)","deep":{"repo":"(text, 1)","list":[true,null,"ü","x"]},"key":{}}"#;
    assert_eq!(shown, expected);
    assert_eq!(shape(b"\"alone\"", |_| false).unwrap(), "\"(text, 5)\"");
    assert_eq!(shape(b"{nonsense", |_| true), None);
}

#[test]
fn what_is_long_is_not_shown_whatever_it_is_called() {
    let long = format!(r#"{{"repo":"{}"}}"#, "x".repeat(300));
    assert_eq!(shape(long.as_bytes(), |_| true).unwrap(), r#"{"repo":"(text, 300)"}"#);
    let many = format!("[{}]", vec!["1"; 40].join(","));
    let shown = shape(many.as_bytes(), |_| false).unwrap();
    assert!(shown.ends_with(r#","(number)","(24 more)"]"#), "{shown}");
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(shape(deep.as_bytes(), |_| false).unwrap(), deep);
}
