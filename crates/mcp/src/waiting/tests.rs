use super::*;

#[test]
fn so_many_of_one_agent_wait_without_a_place_and_no_more() {
    let away = away();
    let [bot, other] = ["bot", "other"].map(|agent| AgentId::parse(agent).unwrap());
    let mut waiting: Vec<_> = (0..AWAY_PER_AGENT_MAX).map(|_| away.take(&bot).expect("there is room")).collect();
    assert!(away.take(&bot).is_err() && away.take(&other).is_ok());
    waiting.pop();
    waiting.push(away.take(&bot).expect("one has gone"));
    assert!(away.take(&bot).is_err());
}
