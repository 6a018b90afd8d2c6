use std::time::Duration;

use super::super::Who;
use super::*;

fn key(number: usize) -> Key {
    let who = Who::Task(format!("t{number}").parse().unwrap());
    Key { rule: "b".parse().unwrap(), counts: Counts::Calls(Duration::from_secs(60)), who }
}

// INVARIANT: there are never more counters than are counted.
#[test]
fn whoever_makes_a_counter_first_it_is_counted_once() {
    let (places, now) = (Places::new(), UnixMicros(0));
    let all = |from: usize| {
        (0..KEYS).map(|number| places.find_or_make(&key((from + number) % KEYS), now).unwrap()).collect::<Vec<_>>()
    };
    let made = std::thread::scope(|scope| {
        let threads = [0, 1, 2, 3].map(|thread| scope.spawn(move || all(thread)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(places.count.load(SeqCst), KEYS);
    assert_eq!(places.shards.iter().map(|shard| shard.load().len()).sum::<usize>(), KEYS);
    for counter in made.iter().flatten() {
        assert!(Arc::ptr_eq(counter, &places.find(&counter.key).unwrap()));
    }
}

#[test]
fn what_is_put_away_leaves_its_room() {
    let (places, now) = (Places::new(), UnixMicros(0));
    let made: Vec<_> = (0..KEYS).map(|number| places.find_or_make(&key(number), now).unwrap()).collect();
    assert!(made.iter().all(|counter| counter.retire(now)));
    assert!(places.find(&key(7)).is_none());
    // Whatever comes to a shard takes away what was put away there.
    (KEYS..KEYS + SHARDS * 16).for_each(|number| drop(places.find_or_make(&key(number), now)));
    let again = places.find_or_make(&key(7), now).unwrap();
    assert!(made.iter().all(|counter| !Arc::ptr_eq(counter, &again)));
    let stand: usize = places.shards.iter().map(|shard| shard.load().len()).sum();
    assert_eq!(places.count.load(SeqCst), stand);
    assert!(stand <= BUDGET_COUNTERS_MAX, "{stand}");
}

// INVARIANT: a failure is never lost, whoever puts its counter away meanwhile.
#[test]
fn a_counter_is_put_away_before_a_failure_or_not_at_all() {
    let now = UnixMicros(0);
    for _ in 0..2_000 {
        let counter = Counter::new(key(0));
        let (retired, ended) = std::thread::scope(|scope| {
            let ended = scope.spawn(|| counter.ended(true).is_ok());
            (counter.retire(now), ended.join().unwrap())
        });
        assert_ne!(ended, retired);
        assert_eq!(counter.retired(), retired);
    }
}

const KEYS: usize = 3_000;
