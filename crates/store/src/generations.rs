//! What was met lately, bounded: of two generations the old one goes when the young one is full, and what is met again moves to
//! the young one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::sum::sum;

/// Values by keys, as many as are worth their room.
#[derive(Debug)]
pub(crate) struct Generations<K, V> {
    young: Kept<K, V>,
    old: Kept<K, V>,
    /// Of what is in the young one.
    weight: usize,
    count_max: usize,
    weight_max: usize,
}

type Kept<K, V> = HashMap<K, Weighed<V>, BuildHasherDefault<Same>>;

#[derive(Debug)]
struct Weighed<V> {
    value: V,
    weight: usize,
}

/// For keys that are sums already, or numbers.
#[derive(Debug, Default)]
pub(crate) struct Same(u64);

// === impl Generations ===

impl<K: Hash + Eq + Copy, V> Generations<K, V> {
    /// Each generation holds so many values at most, and about so much.
    pub(crate) fn of(count_max: usize, weight_max: usize) -> Self {
        Self { young: Kept::default(), old: Kept::default(), weight: 0, count_max, weight_max }
    }

    /// The value of this key.
    pub(crate) fn get(&mut self, key: K) -> Option<&V> {
        if !self.young.contains_key(&key) {
            let Weighed { value, weight } = self.old.remove(&key)?;
            self.put(key, value, weight);
        }
        self.young.get(&key).map(|kept| &kept.value)
    }

    /// Keeps a value, unless it would drive out too many others.
    pub(crate) fn put(&mut self, key: K, value: V, weight: usize) {
        if weight > self.weight_max / 4 {
            return;
        }
        if self.weight + weight > self.weight_max || self.young.len() >= self.count_max {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        if let Some(before) = self.young.insert(key, Weighed { value, weight }) {
            self.weight -= before.weight;
        }
        self.weight += weight;
    }

    /// Keeps only these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.old.retain(|key, _| keep(key));
        self.young.retain(|key, _| keep(key));
        self.weight = self.young.values().map(|kept| kept.weight).sum();
    }

    /// How much is held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.young.values().chain(self.old.values()).map(|kept| kept.weight).sum()
    }
}

// === impl Same ===

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= sum(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 ^= number;
    }

    fn write_u32(&mut self, number: u32) {
        self.write_i64(i64::from(number));
    }

    fn write_i64(&mut self, number: i64) {
        // Numbers of names and templates follow each other: the table looks at the high bits, too.
        self.0 = (self.0.rotate_left(17) ^ number.cast_unsigned()).wrapping_mul(SPREAD);
    }
}

const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests;
