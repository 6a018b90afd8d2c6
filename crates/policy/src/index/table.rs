//! Shelves by slots and words: what a question has in one slot leads to the place where all policies stand that are pinned
//! by that.
//!
//! Policies that are pinned by the same word, say by one app, stand side by side, whatever else they are pinned by. With many
//! apps the memory of one is seldom near; so there is one place to wait for, and not one for each kind of rule.

use std::collections::BTreeMap;

use crate::index::words::{Found, Lookup};

/// Where policies stand.
#[derive(Default)]
pub(crate) struct Table {
    /// Numbers of policies that no pin sets apart.
    everywhere: Vec<u32>,
    anchors: Vec<Anchor>,
}

/// A table while it is made.
#[derive(Default)]
pub(crate) struct Grouped {
    everywhere: Vec<u32>,
    /// By the anchor's slot.
    anchors: BTreeMap<u16, GroupedAnchor>,
}

#[derive(Default)]
struct GroupedAnchor {
    /// The slots beside the anchor's that policies are pinned by, and the number of that group.
    groups: BTreeMap<Vec<u16>, u32>,
    /// Shelves by the anchor's word.
    shelves: BTreeMap<u32, Vec<Shelf>>,
}

/// Policies that are found by a word of one slot.
struct Anchor {
    slot: u16,
    /// Where the shelves of each word begin, by the word; and where the last ones end.
    starts: Vec<u32>,
    /// The shelves of one word after those of the other, each word's in order.
    shelves: Vec<Shelf>,
    /// The slots beside the anchor's, by the number of the group.
    groups: Vec<Vec<u16>>,
}

/// One policy. Sixteen bytes, so that four lie in one place of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shelf {
    group: u32,
    key: Key,
    policy: u32,
}

/// A word of each slot of the group.
type Key = [u32; PINS_MAX - 1];

// === impl Grouped ===

impl Grouped {
    /// Puts a policy on the shelf of each combination of one word of each slot. The slot that comes first is the anchor.
    pub(crate) fn add<'p>(&mut self, mut pegs: impl Iterator<Item = (u16, &'p [u32])>, number: u32) {
        let Some((slot, anchored)) = pegs.next() else {
            self.everywhere.push(number);
            return;
        };
        let mut slots = Vec::new();
        let mut keys = vec![[NO_WORD; PINS_MAX - 1]];
        for (at, (slot, words)) in pegs.enumerate() {
            slots.push(slot);
            let with = |mut key: Key, word: u32| {
                key.get_mut(at).into_iter().for_each(|place| *place = word);
                key
            };
            keys = keys.iter().flat_map(|key| words.iter().map(move |word| with(*key, *word))).collect();
        }
        let anchor = self.anchors.entry(slot).or_default();
        let next = narrow(anchor.groups.len());
        let group = *anchor.groups.entry(slots).or_insert(next);
        for word in anchored {
            let shelves = keys.iter().map(|key| Shelf { group, key: *key, policy: number });
            anchor.shelves.entry(*word).or_default().extend(shelves);
        }
    }
}

impl From<Grouped> for Table {
    fn from(grouped: Grouped) -> Self {
        let anchors = grouped.anchors.into_iter().map(|(slot, anchor)| Anchor::new(slot, anchor)).collect();
        Self { everywhere: grouped.everywhere, anchors }
    }
}

// === impl Table ===

impl Table {
    /// Adds the numbers of all policies that stand where this question looks.
    pub(crate) fn find<L: Lookup>(&self, found: &mut Found<'_, '_, L>, numbers: &mut Vec<u32>) {
        numbers.extend_from_slice(&self.everywhere);
        for anchor in &self.anchors {
            for place in found.places_of(anchor.slot) {
                let mut shelves = found.number(place).map(|word| anchor.of(word)).unwrap_or_default();
                while let Some(Shelf { group, .. }) = shelves.first() {
                    let end = shelves.partition_point(|shelf| shelf.group <= *group);
                    let Some((of_group, others)) = shelves.split_at_checked(end) else { break };
                    let slots = usize::try_from(*group).ok().and_then(|group| anchor.groups.get(group));
                    find_in(of_group, slots.map(Vec::as_slice).unwrap_or_default(), 0, found, numbers);
                    shelves = others;
                }
            }
        }
    }
}

// === impl Anchor ===

impl Anchor {
    fn new(slot: u16, grouped: GroupedAnchor) -> Self {
        let mut groups: Vec<(Vec<u16>, u32)> = grouped.groups.into_iter().collect();
        groups.sort_by_key(|(_, number)| *number);
        let (mut starts, mut shelves) = (vec![0], Vec::new());
        for (word, mut of_word) in grouped.shelves {
            // Words that others than these policies name have no shelves here.
            starts.resize(usize::try_from(word).unwrap_or_default() + 1, narrow(shelves.len()));
            of_word.sort_unstable();
            shelves.append(&mut of_word);
            starts.push(narrow(shelves.len()));
        }
        Self { slot, starts, shelves, groups: groups.into_iter().map(|(slots, _)| slots).collect() }
    }

    fn of(&self, word: u32) -> &[Shelf] {
        let place = |word: Option<u32>| usize::try_from(*self.starts.get(usize::try_from(word?).ok()?)?).ok();
        let (Some(start), Some(end)) = (place(Some(word)), place(word.checked_add(1))) else { return &[] };
        self.shelves.get(start..end).unwrap_or_default()
    }
}

// === impl Shelf ===

impl Shelf {
    fn word(&self, at: usize) -> u32 {
        self.key.get(at).copied().unwrap_or(NO_WORD)
    }
}

/// Adds the policies of those shelves of one group, in order, that have a word of the question in each slot from `at` on.
fn find_in<L: Lookup>(
    shelves: &[Shelf],
    slots: &[u16],
    at: usize,
    found: &mut Found<'_, '_, L>,
    numbers: &mut Vec<u32>,
) {
    let Some(slot) = slots.get(at) else {
        numbers.extend(shelves.iter().map(|shelf| shelf.policy));
        return;
    };
    for place in found.places_of(*slot) {
        let Some(word) = found.number(place) else { continue };
        let from = shelves.partition_point(|shelf| shelf.word(at) < word);
        let of_word = shelves.get(from..).unwrap_or_default();
        let of_word = of_word.get(..of_word.partition_point(|shelf| shelf.word(at) <= word)).unwrap_or_default();
        if !of_word.is_empty() {
            find_in(of_word, slots, at + 1, found, numbers);
        }
    }
}

/// Policies, and what belongs to them, are fewer than 2^32: their text alone would not fit into memory.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Pins that a policy stands under: more would make more groups than they make shelves shorter.
pub(crate) const PINS_MAX: usize = 3;
/// What stands in a key where there is no pin.
const NO_WORD: u32 = u32::MAX;
