use super::*;

#[test]
fn what_the_example_prints_is_judged() {
    let text = r#"{"name":"memory","bytes":100000000,"kb":2048}
{"name":"mask","bytes":10857,"gb_s":0.9,"us":12.0}
{"name":"serde_json","bytes":10857,"gb_s":0.1,"us":100.0}
{"name":"mask","bytes":1000065,"gb_s":0.4,"us":2500.0}
{"name":"serde_json","bytes":1000065,"gb_s":0.1,"us":10000.0}
{"name":"mask","bytes":100000996,"gb_s":0.9,"us":111111.0}
"#;
    let said = Said::read(text).unwrap();
    let goals: Vec<_> = said.goals().iter().map(|goal| (goal.name.clone(), goal.value.round(), goal.holds())).collect();
    let expect = [
        ("http.mask_over_tree_at_10_KB", 9.0, Some(true)),
        ("http.mask_over_tree_at_1_MB", 4.0, Some(false)),
        ("http.mask_peak_of_100_MB", 2.0, Some(true)),
    ];
    assert_eq!(goals, expect.map(|(name, value, holds)| (name.to_owned(), value, holds)));
    assert!(Said::read("no").is_err());
}
