//! Room that agents and people share, so that none of them takes what the others need.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app_link::Pair;

/// So many places at a time, and a tenth of them at most for one agent and person.
pub(crate) struct Places {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of_pairs: HashMap<Pair, usize>,
}

/// One of them, free again when it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    pair: Pair,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Whoever asks has so many already, and no more for now.
    OfPair(usize),
    /// All of them are taken.
    All(usize),
}

// === impl Places ===

impl Places {
    /// So many, and none is taken.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// Takes one.
    pub(crate) fn take(self: &Arc<Self>, pair: &Pair) -> Result<Place, Full> {
        let (mut taken, part) = (self.taken(), self.most.div_ceil(10));
        if taken.all >= self.most {
            return Err(Full::All(self.most));
        }
        let of_pair = taken.of_pairs.entry(pair.clone()).or_default();
        if *of_pair >= part {
            return Err(Full::OfPair(part));
        }
        *of_pair += 1;
        taken.all += 1;
        Ok(Place { places: Arc::clone(self), pair: pair.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Entry::Occupied(mut count) = taken.of_pairs.entry(self.pair.clone()) {
            *count.get_mut() = count.get().saturating_sub(1);
            if *count.get() == 0 {
                count.remove();
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
