//! Room that agents and people share, so that none of them takes what the others need.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app_link::Pair;

/// So many places at a time, and of these so many for each who takes some.
pub struct Places<K: Eq + Hash> {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken<K>>,
}

struct Taken<K> {
    all: usize,
    of_one: HashMap<K, usize>,
}

/// One of them, free again when it is dropped.
pub struct Place<K: Eq + Hash> {
    places: Arc<Places<K>>,
    whose: K,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Whoever asks has so many already, which is their part.
    OfOne(usize),
    /// All of them are taken.
    All(usize),
}

// === impl Places ===

impl<K: Clone + Eq + Hash> Places<K> {
    /// So many, and a tenth of them for each.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Self::of(most, most.div_ceil(10))
    }

    /// So many for each, however many there are who take some.
    pub(crate) fn for_each(most_of_one: usize) -> Arc<Self> {
        Self::of(usize::MAX, most_of_one)
    }

    fn of(most: usize, most_of_one: usize) -> Arc<Self> {
        let taken = Mutex::new(Taken { all: 0, of_one: HashMap::new() });
        Arc::new(Self { most, most_of_one, taken })
    }

    /// Takes one.
    pub(crate) fn take(self: &Arc<Self>, whose: &K) -> Result<Place<K>, Full> {
        let mut taken = self.taken();
        if taken.all >= self.most {
            return Err(Full::All(self.most));
        }
        let of_one = taken.of_one.entry(whose.clone()).or_default();
        if *of_one >= self.most_of_one {
            return Err(Full::OfOne(self.most_of_one));
        }
        *of_one += 1;
        taken.all += 1;
        drop(taken);
        Ok(Place { places: Arc::clone(self), whose: whose.clone() })
    }
}

impl<K: Eq + Hash> Places<K> {
    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.of_one.get_mut(&self.whose) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.of_one.remove(&self.whose);
            }
        }
    }
}

/// What is kept for whoever comes back for it, bounded in number and in bytes. Of too many, the oldest of whoever has most of them goes;
/// of too much, the oldest of whoever has most bytes. The newest stays, however long it is.
pub(crate) struct FairCache<K, V> {
    most: usize,
    most_bytes: usize,
    bytes: usize,
    by_key: HashMap<K, Kept<V>>,
    of_pairs: HashMap<Pair, Owned<K>>,
    next_turn: u64,
}

struct Kept<V> {
    pair: Pair,
    turn: u64,
    bytes: usize,
    value: V,
}

struct Owned<K> {
    /// The oldest first.
    keys: BTreeMap<u64, K>,
    bytes: usize,
}

// === impl FairCache ===

impl<K: Clone + Eq + Hash, V> FairCache<K, V> {
    /// Nothing is kept yet.
    pub(crate) fn new(most: usize, most_bytes: usize) -> Self {
        let (by_key, of_pairs) = (HashMap::new(), HashMap::new());
        Self { most, most_bytes, bytes: 0, by_key, of_pairs, next_turn: 0 }
    }

    /// Keeps a value of so many bytes, in place of what was kept under this key.
    pub(crate) fn keep(&mut self, pair: &Pair, key: K, value: V, bytes: usize) {
        self.take(&key);
        let turn = self.next_turn;
        self.next_turn += 1;
        let owned = self.of_pairs.entry(pair.clone()).or_insert_with(|| Owned { keys: BTreeMap::new(), bytes: 0 });
        owned.keys.insert(turn, key.clone());
        owned.bytes += bytes;
        self.bytes += bytes;
        self.by_key.insert(key, Kept { pair: pair.clone(), turn, bytes, value });
        while self.by_key.len() > self.most {
            self.forget_oldest_of_most(|owned| owned.keys.len(), turn);
        }
        while self.bytes > self.most_bytes && self.by_key.len() > 1 {
            self.forget_oldest_of_most(|owned| owned.bytes, turn);
        }
    }

    /// What is kept under this key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.by_key.get(key).map(|kept| &kept.value)
    }

    /// Gives away what is kept under this key.
    pub(crate) fn take(&mut self, key: &K) -> Option<V> {
        let kept = self.by_key.remove(key)?;
        self.bytes -= kept.bytes;
        if let Entry::Occupied(mut owned) = self.of_pairs.entry(kept.pair) {
            owned.get_mut().keys.remove(&kept.turn);
            owned.get_mut().bytes -= kept.bytes;
            if owned.get().keys.is_empty() {
                owned.remove();
            }
        }
        Some(kept.value)
    }

    /// Forgets what is not wanted any more.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&V) -> bool) {
        let over: Vec<K> =
            self.by_key.iter().filter(|(_, kept)| !wanted(&kept.value)).map(|(key, _)| key.clone()).collect();
        for key in over {
            self.take(&key);
        }
    }

    /// Forgets the oldest of whoever has most, but not what came in this turn.
    fn forget_oldest_of_most(&mut self, has: impl Fn(&Owned<K>) -> usize, but: u64) {
        let others = self.of_pairs.values().filter(|owned| owned.keys.keys().next() != Some(&but));
        let oldest = others.max_by_key(|owned| has(owned)).and_then(|owned| owned.keys.values().next().cloned());
        if let Some(key) = oldest {
            self.take(&key);
        }
    }
}

#[cfg(test)]
mod tests;
