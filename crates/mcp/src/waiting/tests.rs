use super::*;

#[test]
fn so_many_of_one_agent_wait_without_a_place_and_no_more() {
    let away = Arc::new(Away::default());
    let [bot, other] = ["bot", "other"].map(|agent| AgentId::parse(agent).unwrap());
    let mut waiting: Vec<_> = (0..AWAY_PER_AGENT_MAX).map(|_| away.one_more(&bot).expect("there is room")).collect();
    assert!(away.one_more(&bot).is_none() && away.one_more(&other).is_some());
    waiting.pop();
    waiting.push(away.one_more(&bot).expect("one has gone"));
    assert!(away.one_more(&bot).is_none());
    drop(waiting);
    assert!(away.of_agents.lock().unwrap().is_empty());
}
