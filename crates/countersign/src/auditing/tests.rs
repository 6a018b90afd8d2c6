use super::notices::due;

#[test]
fn a_notice_is_given_once_for_each_of_its_days_and_only_the_last_where_some_were_missed() {
    let days = [60, 30, 7, 1];
    assert_eq!(due(&days, 61, None), None);
    assert_eq!(due(&days, 60, None), Some(60));
    assert_eq!(due(&days, 59, Some(60)), None);
    assert_eq!(due(&days, 30, Some(60)), Some(30));
    // The gateway stood still for weeks.
    assert_eq!(due(&days, 5, Some(60)), Some(7));
    assert_eq!(due(&days, 5, None), Some(7));
    assert_eq!(due(&days, 1, Some(7)), Some(1));
    assert_eq!(due(&days, 0, Some(1)), None);
    assert_eq!(due(&[], 1, None), None);
}
