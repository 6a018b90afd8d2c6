use super::*;

#[test]
fn what_happens_is_counted() {
    let tally = Tally::default();
    tally.decided(Verdict::Allow);
    tally.decided(Verdict::Allow);
    tally.decided(Verdict::Deny);
    tally.ended(OutcomeStatus::Answered, 900);
    tally.ended(OutcomeStatus::Failed, 70_000_000);
    let figures = tally.figures(3, 1);
    let of = |verdict| figures.decided.iter().find(|(each, _)| *each == verdict).map(|(_, count)| *count);
    assert_eq!((of(Verdict::Allow), of(Verdict::Deny), of(Verdict::Hold)), (Some(2), Some(1), Some(0)));
    assert_eq!(figures.ended.iter().map(|(_, count)| count).sum::<u64>(), 2);
    assert_eq!(figures.took.first(), Some(&(Some(1_000), 1)));
    assert_eq!(figures.took.last(), Some(&(None, 2)));
    assert!(figures.took.windows(2).all(|pair| pair[0].1 <= pair[1].1), "buckets hold those before them");
    assert_eq!((figures.took_us, figures.under_way, figures.lost_outcomes), (70_000_900, 3, 1));
}
