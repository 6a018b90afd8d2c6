use super::*;

fn measures(lines: &[&str]) -> Vec<Measure> {
    lines.iter().map(|line| measure_of(line).unwrap()).collect()
}

#[test]
fn the_slowest_ready_made_question_counts() {
    let said = measures(&[
        r#"{"name":"trace.question.ready.touched.p95","value":3.5,"unit":"ms"}"#,
        r#"{"name":"trace.question.ready.rule-fired.p95","value":51,"unit":"ms"}"#,
        r#"{"name":"trace.question.agent:A.p95","value":900,"unit":"ms"}"#,
        r#"{"name":"trace.bytes","value":760,"unit":"bytes/call"}"#,
    ]);
    let goals: Vec<_> = goals(&said).iter().map(|goal| (goal.name.clone(), goal.holds())).collect();
    let expected = [("trace.goal.ready_made_questions_p95", Some(false)), ("trace.goal.bytes", Some(true))];
    assert_eq!(goals, expected.map(|(name, holds)| (name.to_owned(), holds)));
}

#[test]
fn what_is_no_measure_is_refused() {
    for line in ["hello", r#"{"name":"x"}"#, r#"{"name":"x","value":1,"unit":"parsecs"}"#] {
        assert!(measure_of(line).is_err(), "{line}");
    }
}
