//! Shelves by slots and words: one look into each group of slots finds the policies that stand there.

use std::collections::BTreeMap;

use crate::index::words::{Found, Lookup};

/// Where policies stand.
#[derive(Default)]
pub(crate) struct Table {
    groups: Vec<Group>,
    /// Of each shelf with several policies: how many, and their numbers.
    numbers: Vec<u32>,
}

/// A table while it is made: by slots, then by a word of each.
#[derive(Default)]
pub(crate) struct Grouped(BTreeMap<Vec<u16>, BTreeMap<Key, Vec<u32>>>);

/// Policies pinned by the same slots.
struct Group {
    slots: Vec<u16>,
    /// At least a third of them empty; their number is a power of two.
    shelves: Vec<Shelf>,
}

/// Sixteen bytes, so that one lies in one place of memory.
#[derive(Debug, Clone, Copy)]
struct Shelf {
    key: Key,
    /// The number of its one policy; or [`SEVERAL`] and where its policies stand; or [`NOTHING`].
    holds: u32,
}

/// A word of each slot.
type Key = [u32; PINS_MAX];

// === impl Grouped ===

impl Grouped {
    /// Puts a policy on the shelf of each combination of one word of each slot. Slots come in order.
    pub(crate) fn add<'p>(&mut self, pegs: impl Iterator<Item = (u16, &'p [u32])>, number: u32) {
        let mut slots = Vec::new();
        let mut keys = vec![[NO_WORD; PINS_MAX]];
        for (at, (slot, words)) in pegs.enumerate() {
            slots.push(slot);
            let with = |mut key: Key, word: u32| {
                key.get_mut(at).into_iter().for_each(|place| *place = word);
                key
            };
            keys = keys.iter().flat_map(|key| words.iter().map(move |word| with(*key, *word))).collect();
        }
        let group = self.0.entry(slots).or_default();
        for key in keys {
            group.entry(key).or_default().push(number);
        }
    }
}

impl From<Grouped> for Table {
    fn from(grouped: Grouped) -> Self {
        let mut table = Self::default();
        for (slots, of_keys) in grouped.0 {
            let mut group = Group::with_room(slots, of_keys.len());
            for (key, numbers) in of_keys {
                let holds = match numbers.as_slice() {
                    [number] => *number,
                    several => table.several(several),
                };
                group.put(Shelf { key, holds });
            }
            table.groups.push(group);
        }
        table
    }
}

// === impl Table ===

impl Table {
    /// Adds the numbers of all policies that stand where this question looks.
    pub(crate) fn find<L: Lookup>(&self, found: &mut Found<'_, '_, L>, numbers: &mut Vec<u32>) {
        for group in &self.groups {
            self.find_in(group, [NO_WORD; PINS_MAX], 0, found, numbers);
        }
    }

    fn find_in<L: Lookup>(
        &self,
        group: &Group,
        mut key: Key,
        at: usize,
        found: &mut Found<'_, '_, L>,
        numbers: &mut Vec<u32>,
    ) {
        let Some(slot) = group.slots.get(at) else {
            match group.get(key) {
                Some(place) if place & SEVERAL != 0 => numbers.extend(self.at(place)),
                one => numbers.extend(one),
            }
            return;
        };
        for next in 0..found.of(*slot).map_or(0, <[u32]>::len) {
            let word = found.of(*slot).and_then(|words| words.get(next)).copied();
            let (Some(word), Some(place)) = (word, key.get_mut(at)) else { return };
            *place = word;
            self.find_in(group, key, at + 1, found, numbers);
        }
    }

    /// Policies are fewer than 2^31: their text alone would not fit into memory.
    fn several(&mut self, numbers: &[u32]) -> u32 {
        let place = u32::try_from(self.numbers.len()).unwrap_or(NOTHING) | SEVERAL;
        self.numbers.push(u32::try_from(numbers.len()).unwrap_or_default());
        self.numbers.extend_from_slice(numbers);
        place
    }

    fn at(&self, place: u32) -> &[u32] {
        let from = usize::try_from(place & !SEVERAL).ok().and_then(|at| self.numbers.get(at..));
        let Some((count, numbers)) = from.and_then(<[u32]>::split_first) else { return &[] };
        usize::try_from(*count).ok().and_then(|count| numbers.get(..count)).unwrap_or_default()
    }
}

// === impl Group ===

impl Group {
    fn with_room(slots: Vec<u16>, count: usize) -> Self {
        let empty = Shelf { key: [NO_WORD; PINS_MAX], holds: NOTHING };
        Self { slots, shelves: vec![empty; (count + count / 2 + 1).next_power_of_two()] }
    }

    fn get(&self, key: Key) -> Option<u32> {
        let mut at = self.home(key);
        loop {
            let shelf = self.shelves.get(at).filter(|shelf| shelf.holds != NOTHING)?;
            if shelf.key == key {
                return Some(shelf.holds);
            }
            at = self.next(at);
        }
    }

    fn put(&mut self, shelf: Shelf) {
        let mut at = self.home(shelf.key);
        while self.shelves.get(at).is_some_and(|taken| taken.holds != NOTHING) {
            at = self.next(at);
        }
        self.shelves.get_mut(at).into_iter().for_each(|place| *place = shelf);
    }

    /// Words are numbered by us: nobody can choose them so that they meet.
    fn home(&self, key: Key) -> usize {
        let mixed = key.iter().fold(0_u64, |mixed, word| (mixed ^ u64::from(*word)).wrapping_mul(ODD).rotate_left(32));
        usize::try_from(mixed & u64::from(u32::MAX)).unwrap_or_default() & self.shelves.len().saturating_sub(1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & self.shelves.len().saturating_sub(1)
    }
}

/// Pins that a policy stands under: more would make more groups than they make shelves shorter.
pub(crate) const PINS_MAX: usize = 3;
/// What stands in a key where there is no pin.
const NO_WORD: u32 = u32::MAX;
const SEVERAL: u32 = 1 << 31;
const NOTHING: u32 = u32::MAX;
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
