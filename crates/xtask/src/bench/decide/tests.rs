use super::*;

const SAID: &str = r#"{"name":"compile","rules":1000,"seconds":1.5}
{"name":"cold","rules":1000,"p50_us":10.00,"p99_us":20.00}
{"name":"plain Cedar","rules":1000,"p50_us":900.00,"p99_us":1000.00}
{"name":"cold","rules":10000,"p50_us":10.00,"p99_us":33.00}
{"name":"growth","rules":10000,"over":1000,"p99_times":1.5}
"#;

#[test]
fn the_goals_are_of_facts_that_differ_each_time() {
    let lines = lines(SAID).unwrap();
    assert_eq!(lines.len(), 3);
    let goals: Vec<_> = goals(&lines, growth(SAID).unwrap()).iter().map(|goal| (goal.value, goal.holds())).collect();
    assert_eq!(goals, [(20.0, Some(true)), (33.0, Some(false)), (1.5, Some(false))]);
}

#[test]
fn what_is_no_measure_is_refused() {
    assert!(lines("hello").is_err());
}
