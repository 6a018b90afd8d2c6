use super::*;

#[test]
fn a_rule_that_is_not_there_cannot_be_held() {
    let source = RuleSource { file: "a.cedar".into(), line: 1, column: 1, text: "permit".into() };
    let id = RuleId::parse("a").unwrap();
    let rule = RuleInfo::new(id, RuleOutcome::Permit, Layer::Organisation, source, "a rule".to_owned());
    let all: Arc<[Arc<RuleInfo>]> = Arc::new([Arc::new(rule)]);
    assert!(RuleRef::among(&all, 0).is_some_and(|held| Arc::ptr_eq(&held, &all[0])));
    assert!(RuleRef::among(&all, 1).is_none());
}
