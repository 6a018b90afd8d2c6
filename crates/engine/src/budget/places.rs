//! Where counters stand: found without a lock. To make one copies no more than the few that stand in the same place.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use arc_swap::ArcSwap;
use model::UnixMicros;
use model::limits::BUDGET_COUNTERS_MAX;

use super::counter::Counter;
use super::{Counts, Key};

pub(super) struct Places {
    shards: Vec<ArcSwap<Shard>>,
    hasher: RandomState,
    /// Counters that stand somewhere or are about to.
    count: AtomicUsize,
    /// The shard that is looked through next for counters that count nothing.
    hand: AtomicUsize,
}

/// Counters, each behind the hash of its key.
type Shard = Vec<(u64, Arc<Counter>)>;

// === impl Places ===

impl Places {
    pub(super) fn new() -> Self {
        let empty = Arc::new(Shard::new());
        let shards = (0..SHARDS).map(|_| ArcSwap::new(Arc::clone(&empty))).collect();
        Self { shards, hasher: RandomState::new(), count: AtomicUsize::new(0), hand: AtomicUsize::new(0) }
    }

    pub(super) fn find(&self, key: &Key) -> Option<Arc<Counter>> {
        let hash = self.hasher.hash_one(key);
        find(&self.shard(hash)?.load(), hash, key).cloned()
    }

    /// The counter, made where there is none. None: there is no room for one.
    pub(super) fn find_or_make(&self, key: &Key, now: UnixMicros) -> Option<Arc<Counter>> {
        let hash = self.hasher.hash_one(key);
        let shard = self.shard(hash)?;
        if let Some(counter) = find(&shard.load(), hash, key) {
            return Some(Arc::clone(counter));
        }
        if !self.take_room(now) {
            // Somebody else may have made it meanwhile.
            return find(&shard.load(), hash, key).cloned();
        }
        let made = Arc::new(Counter::new(key.clone()));
        let mut there = None;
        let freed = change(shard, |counters, next| {
            there = find(counters, hash, key).cloned();
            if there.is_none() {
                next.push((hash, Arc::clone(&made)));
            }
        });
        self.count.fetch_sub(freed + usize::from(there.is_some()), SeqCst);
        Some(there.unwrap_or(made))
    }

    fn shard(&self, hash: u64) -> Option<&ArcSwap<Shard>> {
        self.shards.get(usize::try_from(hash % SHARDS as u64).unwrap_or_default())
    }

    /// Takes room for one counter. Where there is none, counters that count nothing are put away in some shards, others each time,
    /// and where none of these does, the failure there that is longest ago. False: all of them are needed.
    fn take_room(&self, now: UnixMicros) -> bool {
        let one_more = |count: usize| (count < BUDGET_COUNTERS_MAX).then_some(count + 1);
        if self.count.fetch_update(SeqCst, SeqCst, one_more).is_ok() {
            return true;
        }
        let mut oldest: Option<(&ArcSwap<Shard>, Arc<Counter>)> = None;
        for _ in 0..LOOKED_THROUGH {
            let Some(shard) = self.shards.get(self.hand.fetch_add(1, SeqCst) % SHARDS) else { return false };
            let counters = shard.load();
            // Every one that can be, not only the first.
            let idle = counters.iter().filter(|(_, counter)| counter.retire(now)).count();
            if idle > 0 && self.take_freed(change(shard, |_, _| {})) {
                return true;
            }
            for (_, counter) in counters.iter().filter(|(_, counter)| counter.key.counts == Counts::Failures) {
                if oldest.as_ref().is_none_or(|(_, oldest)| counter.touched() < oldest.touched()) {
                    oldest = Some((shard, Arc::clone(counter)));
                }
            }
        }
        let Some((shard, oldest)) = oldest else { return false };
        self.take_freed(change(shard, |_, next| next.retain(|(_, counter)| !Arc::ptr_eq(counter, &oldest))))
    }

    /// Takes one of so many rooms that were freed, and gives back the others.
    fn take_freed(&self, freed: usize) -> bool {
        self.count.fetch_sub(freed.saturating_sub(1), SeqCst);
        freed > 0
    }
}

/// Puts those in a shard that are not put away, as `change` has them, in its place. How many of those before are gone.
fn change(shard: &ArcSwap<Shard>, mut change: impl FnMut(&Shard, &mut Shard)) -> usize {
    let mut stand = 0;
    let before = shard.rcu(|counters| {
        let mut next = Shard::with_capacity(counters.len() + 1);
        next.extend(counters.iter().filter(|(_, counter)| !counter.retired()).cloned());
        let kept = next.len();
        change(counters, &mut next);
        stand = kept.min(next.len());
        Arc::new(next)
    });
    before.len() - stand
}

fn find<'s>(shard: &'s Shard, hash: u64, key: &Key) -> Option<&'s Arc<Counter>> {
    let found = shard.iter().filter(|(other, counter)| *other == hash && counter.key == *key);
    found.map(|(_, counter)| counter).find(|counter| !counter.retired())
}

/// So many that a few counters stand in each.
const SHARDS: usize = 2_048;
/// How many are looked through for one counter: where the rest counts nothing, those that come next find it.
const LOOKED_THROUGH: usize = 8;

#[cfg(test)]
mod tests;
