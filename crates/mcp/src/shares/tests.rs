use model::{AgentId, HumanId};

use super::*;

fn pair(agent: &str, human: &str) -> Pair {
    (AgentId::parse(agent).unwrap(), HumanId::parse(human).unwrap())
}

#[test]
fn nobody_has_more_than_a_tenth_of_the_places() {
    let (sam, kim) = (pair("helper", "sam"), pair("helper", "kim"));
    let places = Places::new(25);
    let mut of_sam: Vec<Place<Pair>> = (0..3).map(|_| places.take(&sam).unwrap()).collect();
    assert_eq!(places.take(&sam).err(), Some(Full::OfOne(3)));
    let _of_others: Vec<Place<Pair>> =
        (0..22).map(|number| places.take(&pair(&format!("agent-{number}"), "kim")).unwrap()).collect();
    assert_eq!(places.take(&kim).err(), Some(Full::All(25)));
    of_sam.pop();
    let of_kim = places.take(&kim).unwrap();
    assert_eq!(places.take(&sam).err(), Some(Full::All(25)));
    drop(of_kim);
    drop(of_sam);
    assert_eq!(places.taken().of_one.get(&sam), None, "whoever has none is forgotten");
}

#[test]
fn of_too_many_the_oldest_of_whoever_has_most_goes() {
    let (sam, kim) = (pair("helper", "sam"), pair("helper", "kim"));
    let mut cache = FairCache::new(4, usize::MAX);
    cache.keep(&kim, "first of kim", (), 1);
    for key in ["a", "b", "c", "d", "e"] {
        cache.keep(&sam, key, (), 1);
    }
    assert!(cache.get(&"first of kim").is_some(), "it is the oldest of all, and not of whoever has most");
    assert_eq!((cache.get(&"b"), cache.get(&"c")), (None, Some(&())));
    assert_eq!(cache.take(&"c"), Some(()));
    assert_eq!(cache.take(&"c"), None);
    cache.keep(&sam, "d", (), 1);
    cache.keep(&sam, "f", (), 1);
    cache.keep(&sam, "g", (), 1);
    assert_eq!((cache.get(&"d"), cache.get(&"e")), (Some(&()), None), "what was kept again is not the oldest");
    cache.retain(|()| false);
    assert_eq!((cache.by_key.len(), cache.of_pairs.len(), cache.bytes), (0, 0, 0));
}

#[test]
fn of_too_much_the_oldest_of_whoever_has_most_bytes_goes_and_the_newest_stays() {
    let (sam, kim) = (pair("helper", "sam"), pair("helper", "kim"));
    let mut cache = FairCache::new(100, 10);
    for key in ["1", "2", "3"] {
        cache.keep(&kim, key, (), 1);
    }
    cache.keep(&sam, "four", (), 4);
    cache.keep(&sam, "five", (), 5);
    assert_eq!((cache.get(&"four"), cache.get(&"five"), cache.by_key.len()), (None, Some(&()), 4));
    cache.keep(&sam, "eleven", (), 11);
    assert_eq!(cache.by_key.keys().collect::<Vec<_>>(), [&"eleven"]);
    cache.keep(&kim, "twelve", (), 12);
    assert_eq!((cache.by_key.len(), cache.bytes), (1, 12));
}
