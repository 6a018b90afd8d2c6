use super::*;

#[test]
fn what_is_not_met_again_is_forgotten() {
    let mut kept = Generations::of(1_000, 100_000);
    for number in 0..2_000_u64 {
        kept.put(number, number, 1_000);
        assert_eq!(kept.get(0), Some(&0), "{number}");
    }
    assert_eq!(kept.get(1), None);
    assert!((50_000..=200_000).contains(&kept.held()), "{}", kept.held());
}

#[test]
fn there_are_never_more_than_two_generations_of_small_ones() {
    let mut kept = Generations::of(10, 1_000);
    (0..100_u64).for_each(|number| kept.put(number, (), 1));
    kept.put(100, (), 900);
    assert!(kept.get(100).is_none(), "it would drive out the others");
    assert_eq!((kept.young.len(), kept.old.len()), (10, 10));
}

#[test]
fn what_is_given_up_is_gone_from_both() {
    let mut kept = Generations::of(2, 1_000);
    (0..4_u32).for_each(|number| kept.put(number, number, 7));
    kept.retain(|number| *number != 0 && *number != 3);
    assert_eq!([0, 1, 2, 3].map(|number| kept.get(number).copied()), [None, Some(1), Some(2), None]);
    kept.put(2, 5, 9);
    assert_eq!(kept.get(2), Some(&5));
}
