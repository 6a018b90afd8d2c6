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

#[test]
fn what_a_slow_disk_does_has_a_goal_of_its_own() {
    let said = measures(&[
        r#"{"name":"trace.commits.64_callers.over_flushes_alone","value":41,"unit":"×"}"#,
        r#"{"name":"trace.commits.64_callers.over_one_commit_a_record","value":80,"unit":"×"}"#,
    ]);
    let slow: Vec<_> =
        said.into_iter().map(|measure| Measure { name: on_the_slow_disk(measure.name), ..measure }).collect();
    let names: Vec<_> = goals(&slow).into_iter().map(|goal| goal.name).collect();
    let expected = ["group_commit", "group_commit_over_one_commit_a_record"];
    assert_eq!(names, expected.map(|name| format!("trace.goal.on_a_slow_disk.{name}")));
}
