use std::path::Path;

use identity::{LiveDirectory, Standing};
use model::{AppId, UnixMicros};

use super::*;
use crate::config::Config;

const WORLD: &str = "
people: {ana: {}, ben: {}, cleo: {active: false}}
agents: {ana-desktop: {owner: ana}, ben-desktop: {owner: ben}, old: {owner: ben, active: false}}
apps: {crm: {url: 'http://127.0.0.1:1/mcp'}}
";

#[test]
fn what_is_let_run_again_and_does_not_is_told_with_what_keeps_it() {
    let configured = Config::parse(Path::new("c.yaml"), WORLD, &|_| None).unwrap().directory;
    let [ana, ben, cleo] = ["ana", "ben", "cleo"].map(|id| HumanId::parse(id).unwrap());
    let [anas, bens, old] = ["ana-desktop", "ben-desktop", "old"].map(|id| AgentId::parse(id).unwrap());
    let crm = AppId::parse("crm").unwrap();
    let live = LiveDirectory::new(configured, Standing::default());
    let make = |change: StandingChange| {
        live.apply(&change, UnixMicros(1));
        still_out(&change, &live.snapshot()).unwrap_or_default()
    };
    assert_eq!(make(StandingChange::Offboard(ana.clone())), "");
    assert_eq!(make(StandingChange::Suspend(anas.clone())), "");
    let said = make(StandingChange::Resume(anas.clone()));
    assert_eq!(said, "`ana`, who answers for it, is not there: `countersign people` says who is");
    assert_eq!(make(StandingChange::Restore(ana.clone())), "");
    assert_eq!(make(StandingChange::Resume(anas)), "");
    assert_eq!(make(StandingChange::Restore(cleo)), "the configuration says `people: {cleo: {active: false}}`");
    assert_eq!(make(StandingChange::Resume(old)), "the configuration says `agents: {old: {active: false}}`");
    assert_eq!(make(StandingChange::Stop(Some(crm.clone()))), "");
    assert_eq!(make(StandingChange::Stop(None)), "");
    for change in [StandingChange::Start(Some(crm)), StandingChange::Restore(ben), StandingChange::Resume(bens)] {
        assert_eq!(make(change), "everything is stopped: `countersign start all`");
    }
    assert_eq!(make(StandingChange::Start(None)), "");
}
