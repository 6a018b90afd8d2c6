use std::time::Duration;

use model::BudgetPer;

use super::*;

#[test]
fn limits_of_one_clause_are_counted_each_by_itself() {
    let hour = Duration::from_secs(3_600);
    let budget = |of| Budget { rule: RuleId::parse("contract:acme/5.1").unwrap(), of, per: BudgetPer::Contract };
    let budgets = [
        budget(BudgetOf::Calls { most: 3, within: hour }),
        budget(BudgetOf::Records { most: 100, within: hour * 24 }),
        budget(BudgetOf::Bytes { most: 100_000_000, within: hour * 24 }),
    ];
    let mut used = Used::default();
    let minute = |minute: i64| UnixMicros(minute * 60_000_000);
    for at in 0..3 {
        assert_eq!(used.up(&budgets, minute(at), 30), []);
        used.count(&budgets, minute(at), (30, 20_480));
    }
    // Three calls in the hour, and 90 records in the day: what the hour lets go the day still counts.
    assert_eq!(used.up(&budgets, minute(3), 1).len(), 1);
    assert_eq!(used.up(&budgets, minute(63), 11).len(), 1);
    assert_eq!(used.up(&budgets, minute(63), 10), []);
}
