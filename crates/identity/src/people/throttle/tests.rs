use super::*;

fn at(seconds: i64) -> UnixMicros {
    UnixMicros(seconds * 1_000_000)
}

#[test]
fn after_the_free_attempts_each_waits_twice_as_long() {
    let mut throttle = Throttle::new(3);
    for _free in 0..3 {
        throttle.begin("ana", at(0)).unwrap();
    }
    throttle.begin("ana", at(0)).unwrap();
    assert_eq!(throttle.begin("ana", at(0)), Err(1));
    throttle.begin("ana", at(1)).unwrap();
    assert_eq!(throttle.begin("ana", at(1)), Err(2));
    throttle.begin("ana", at(3)).unwrap();
    assert_eq!(throttle.begin("ana", at(4)), Err(3));
    throttle.begin("sam", at(4)).unwrap();
}

#[test]
fn nobody_is_kept_out_for_longer_than_the_bound() {
    let mut throttle = Throttle::new(1);
    let mut now = 0;
    for _attempt in 0..40 {
        if let Err(wait) = throttle.begin("ana", at(now)) {
            assert!(wait <= 300, "{wait}");
            now += i64::try_from(wait).unwrap();
        }
    }
    assert!(throttle.begin("ana", at(now + 300)).is_ok());
}

#[test]
fn a_good_attempt_is_not_held_against_anybody() {
    let mut throttle = Throttle::new(2);
    for _attempt in 0..50 {
        throttle.begin("ana", at(0)).unwrap();
        throttle.forget("ana");
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut throttle = Throttle::new(1);
    for who in 0..THROTTLED_MAX + 10 {
        throttle.begin(&who.to_string(), at(i64::try_from(who).unwrap() / 1_000)).unwrap();
    }
    assert_eq!(throttle.tried.len(), THROTTLED_MAX);
}

#[test]
fn a_clock_that_is_put_back_makes_nobody_wait_longer() {
    let mut throttle = Throttle::new(1);
    for _attempt in 0..2 {
        throttle.begin("ana", at(10_000)).unwrap();
    }
    let earlier = 10_000 - 7_200;
    assert_eq!(throttle.begin("ana", at(earlier)), Err(1));
    throttle.begin("ana", at(earlier + 1)).unwrap();
}
