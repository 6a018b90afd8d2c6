//! Policies on shelves, found by what their pins say.
//!
//! Each policy stands under a few of its pins, those that set it apart most: the names of their slots make a group, the
//! words the place in it. A question is looked up once in each group, so what it costs goes by how many kinds of rules
//! there are, not by how many rules. What is found is asked of Cedar, shelf by shelf.

use std::collections::{BTreeMap, HashMap};

use cedar_policy::{
    AuthorizationError, Authorizer, Effect, Entities, Policy, PolicyId, PolicySet, PolicySetError, Request,
};

use crate::index::pins::{Language, Pin, Slot, Word, pins};
use crate::tree::Reads;

/// Where the words of a question come from.
pub(crate) trait Lookup: Language {
    /// One way to look something up.
    type Place;
    /// What it is looked up in.
    type Question<'q>: ?Sized;
    /// The way to look this slot up, if there is one.
    fn place(&self, slot: &Slot) -> Option<Self::Place>;
    /// Finds what stands there, of words that policies name. False: the question has no such value.
    fn look(&self, place: &Self::Place, question: &Self::Question<'_>, found: &mut Finding<'_>) -> bool;
}

/// Policies by their pins.
pub(crate) struct Shelves<L: Lookup> {
    language: L,
    places: Vec<Place<L::Place>>,
    all: Table,
    /// For each slot that may have no value: the policies that err then, by the pins before.
    without: Vec<(usize, Table)>,
    count: usize,
}

/// Policies that the same questions concern. Permits apart from forbids: Cedar names the satisfied forbids only, once
/// there is one.
#[derive(Default)]
pub(crate) struct Shelf {
    permits: Option<PolicySet>,
    forbids: Option<PolicySet>,
    policies: Vec<PolicyId>,
    reads: Reads,
}

/// What Cedar said of some policies, each once, in the order of their ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) permits: Vec<PolicyId>,
    pub(crate) forbids: Vec<PolicyId>,
    pub(crate) errors: Vec<AuthorizationError>,
}

/// The words of one slot, as numbers, and those that a question has.
pub(crate) struct Finding<'f> {
    words: &'f Words,
    numbers: &'f mut Vec<u32>,
}

struct Place<P> {
    slot: Slot,
    way: P,
    words: Words,
}

/// The words that policies compare a slot with.
#[derive(Default)]
struct Words {
    count: u32,
    texts: HashMap<String, u32>,
    wholes: HashMap<i64, u32>,
    truths: HashMap<bool, u32>,
    entities: HashMap<String, HashMap<String, u32>>,
    kinds: HashMap<String, u32>,
}

#[derive(Default)]
struct Table {
    groups: Vec<Group>,
}

/// Policies pinned by the same slots.
struct Group {
    slots: Vec<usize>,
    shelves: HashMap<Vec<u32>, Shelf>,
}

/// A policy on its way to its shelves.
struct Stood<'p> {
    policy: &'p Policy,
    reads: Reads,
}

/// A pin with slot and words as numbers.
struct Peg {
    slot: usize,
    words: Vec<u32>,
    errs: bool,
    wide: bool,
}

/// What a question has in each slot.
struct Found {
    numbers: Vec<u32>,
    /// Where the numbers of each slot stand; none: no value.
    ranges: Vec<Option<(usize, usize)>>,
}

// === impl Shelves ===

impl<L: Lookup> Shelves<L> {
    /// Error: Cedar refuses a set, which two policies with one id, or one made of a template, make it do.
    pub(crate) fn new<'p>(
        language: L,
        policies: impl Iterator<Item = &'p Policy>,
    ) -> Result<Self, Box<PolicySetError>> {
        let mut shelves = Self { language, places: Vec::new(), all: Table::default(), without: Vec::new(), count: 0 };
        let mut pegged = Vec::new();
        for policy in policies {
            // A policy without a syntax tree is asked always.
            let pins = pins(policy, &shelves.language).unwrap_or_default();
            let pegs: Vec<Peg> = pins.into_iter().filter_map(|pin| shelves.peg(pin)).collect();
            let mut reads = Reads::default();
            reads.add(policy);
            pegged.push((Stood { policy, reads }, pegs));
        }
        let (mut all, mut without) = (Grouped::default(), BTreeMap::<usize, Grouped>::new());
        for (stood, pegs) in &pegged {
            all.add(&shelves.chosen(pegs), stood)?;
            for (at, peg) in pegs.iter().enumerate().filter(|(_, peg)| peg.errs) {
                let before = pegs.get(..at).unwrap_or_default();
                // Without a value it errs where it is read first.
                if before.iter().any(|earlier| earlier.errs && earlier.slot == peg.slot) {
                    continue;
                }
                without.entry(peg.slot).or_default().add(&shelves.chosen(before), stood)?;
            }
        }
        shelves.all = all.into();
        shelves.without = without.into_iter().map(|(slot, grouped)| (slot, grouped.into())).collect();
        shelves.count = pegged.len();
        Ok(shelves)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Every shelf that can hold a policy that matches or errs.
    pub(crate) fn concerning(&self, question: &L::Question<'_>) -> Vec<&Shelf> {
        let mut found = Found { numbers: Vec::with_capacity(16), ranges: Vec::with_capacity(self.places.len()) };
        for place in &self.places {
            let start = found.numbers.len();
            let mut finding = Finding { words: &place.words, numbers: &mut found.numbers };
            let there = self.language.look(&place.way, question, &mut finding);
            found.ranges.push(there.then_some((start, found.numbers.len())));
        }
        let mut shelves = Vec::with_capacity(8);
        self.all.find(&found, &mut shelves);
        for (slot, table) in &self.without {
            if found.of(*slot).is_none() {
                table.find(&found, &mut shelves);
            }
        }
        shelves
    }

    /// The pin in numbers; none: nothing can be looked up.
    fn peg(&mut self, pin: Pin) -> Option<Peg> {
        let Pin { slot, words, errs } = pin;
        let wide = slot.is_wide();
        let at = match self.places.iter().position(|place| place.slot == slot) {
            Some(at) => at,
            None => {
                let way = self.language.place(&slot)?;
                self.places.push(Place { slot, way, words: Words::default() });
                self.places.len() - 1
            }
        };
        let place = self.places.get_mut(at)?;
        let mut words: Vec<u32> = words.into_iter().map(|word| place.words.number(word)).collect();
        words.sort_unstable();
        words.dedup();
        Some(Peg { slot: at, words, errs, wide })
    }

    /// The pins that a policy stands under: those with the most words between them and others, and each slot once.
    fn chosen<'p>(&self, pegs: &'p [Peg]) -> Vec<&'p Peg> {
        let mut chosen: Vec<&Peg> = Vec::new();
        for peg in pegs {
            if !chosen.iter().any(|other| other.slot == peg.slot) {
                chosen.push(peg);
            }
        }
        let sets_apart = |peg: &&Peg| {
            let all = self.places.get(peg.slot).map_or(0, |place| place.words.count);
            std::cmp::Reverse(all / u32::try_from(peg.words.len().max(1)).unwrap_or(u32::MAX))
        };
        chosen.sort_by_key(sets_apart);
        let mut wide = 0;
        chosen.retain(|peg| {
            wide += usize::from(peg.wide);
            !peg.wide || wide <= WIDE_PINS_MAX
        });
        chosen.truncate(PINS_MAX);
        while chosen.iter().map(|peg| peg.words.len()).product::<usize>() > PLACES_MAX {
            chosen.pop();
        }
        chosen.sort_by_key(|peg| peg.slot);
        chosen
    }
}

// === impl Shelf ===

impl Shelf {
    fn add(&mut self, stood: &Stood<'_>) -> Result<(), Box<PolicySetError>> {
        let policy = stood.policy;
        let set = match policy.effect() {
            Effect::Permit => self.permits.get_or_insert_with(PolicySet::new),
            Effect::Forbid => self.forbids.get_or_insert_with(PolicySet::new),
        };
        set.add(policy.clone()).map_err(Box::new)?;
        self.reads.merge(&stood.reads);
        self.policies.push(policy.id().clone());
        Ok(())
    }

    /// What the question must hold.
    pub(crate) fn reads(&self) -> &Reads {
        &self.reads
    }

    /// What stands here.
    pub(crate) fn policies(&self) -> &[PolicyId] {
        &self.policies
    }
}

// === impl Answer ===

impl Answer {
    /// Asks every policy on these shelves.
    pub(crate) fn of(authorizer: &Authorizer, shelves: &[&Shelf], request: &Request, entities: &Entities) -> Self {
        let mut answer = Self::default();
        for shelf in shelves {
            for (set, satisfied) in [(&shelf.permits, &mut answer.permits), (&shelf.forbids, &mut answer.forbids)] {
                let Some(set) = set else { continue };
                let response = authorizer.is_authorized(request, set, entities);
                satisfied.extend(response.diagnostics().reason().cloned());
                answer.errors.extend(response.diagnostics().errors().cloned());
            }
        }
        // A policy stands on several shelves where it names several words.
        for satisfied in [&mut answer.permits, &mut answer.forbids] {
            satisfied.sort_unstable();
            satisfied.dedup();
        }
        answer.errors.sort_by(|one, other| policy_of(one).cmp(policy_of(other)));
        answer.errors.dedup_by(|one, other| policy_of(one) == policy_of(other));
        answer
    }
}

/// The policy that could not be evaluated.
pub(crate) fn policy_of(AuthorizationError::PolicyEvaluationError(error): &AuthorizationError) -> &PolicyId {
    error.policy_id()
}

// === impl Finding ===

impl Finding<'_> {
    pub(crate) fn text(&mut self, text: &str) {
        self.numbers.extend(self.words.texts.get(text));
    }

    #[cfg(test)]
    pub(crate) fn whole(&mut self, whole: i64) {
        self.numbers.extend(self.words.wholes.get(&whole));
    }

    pub(crate) fn truth(&mut self, truth: bool) {
        self.numbers.extend(self.words.truths.get(&truth));
    }

    pub(crate) fn entity(&mut self, kind: &str, id: &str) {
        self.numbers.extend(self.words.entities.get(kind).and_then(|ids| ids.get(id)));
    }

    pub(crate) fn kind(&mut self, kind: &str) {
        self.numbers.extend(self.words.kinds.get(kind));
    }
}

impl Words {
    fn number(&mut self, word: Word) -> u32 {
        let next = self.count;
        let number = match word {
            Word::Text(text) => *self.texts.entry(text).or_insert(next),
            Word::Whole(whole) => *self.wholes.entry(whole).or_insert(next),
            Word::Truth(truth) => *self.truths.entry(truth).or_insert(next),
            Word::Entity { kind, id } => *self.entities.entry(kind).or_default().entry(id).or_insert(next),
            Word::Kind(kind) => *self.kinds.entry(kind).or_insert(next),
        };
        self.count += u32::from(number == next);
        number
    }
}

impl Found {
    fn of(&self, slot: usize) -> Option<&[u32]> {
        let (start, end) = self.ranges.get(slot).copied().flatten()?;
        self.numbers.get(start..end)
    }
}

// === impl Table ===

/// A table while it is made.
#[derive(Default)]
struct Grouped(BTreeMap<Vec<usize>, HashMap<Vec<u32>, Shelf>>);

impl Grouped {
    fn add(&mut self, pegs: &[&Peg], stood: &Stood<'_>) -> Result<(), Box<PolicySetError>> {
        let slots = pegs.iter().map(|peg| peg.slot).collect();
        let group = self.0.entry(slots).or_default();
        let mut keys = vec![Vec::with_capacity(pegs.len())];
        for peg in pegs {
            keys = keys
                .iter()
                .flat_map(|key: &Vec<u32>| peg.words.iter().map(move |word| [key.as_slice(), &[*word]].concat()))
                .collect();
        }
        keys.into_iter().try_for_each(|key| group.entry(key).or_default().add(stood))
    }
}

impl From<Grouped> for Table {
    fn from(grouped: Grouped) -> Self {
        Self { groups: grouped.0.into_iter().map(|(slots, shelves)| Group { slots, shelves }).collect() }
    }
}

impl Table {
    fn find<'t>(&'t self, found: &Found, shelves: &mut Vec<&'t Shelf>) {
        let mut key = Vec::with_capacity(PINS_MAX);
        for group in &self.groups {
            group.find(&group.slots, found, &mut key, shelves);
        }
    }
}

impl Group {
    fn find<'t>(&'t self, slots: &[usize], found: &Found, key: &mut Vec<u32>, shelves: &mut Vec<&'t Shelf>) {
        let Some((slot, rest)) = slots.split_first() else {
            shelves.extend(self.shelves.get(key.as_slice()));
            return;
        };
        for word in found.of(*slot).unwrap_or_default() {
            key.push(*word);
            self.find(rest, found, key, shelves);
            key.pop();
        }
    }
}

/// Pins that a policy stands under: more would make more groups than they make shelves shorter.
const PINS_MAX: usize = 3;
/// Pins with several words in a question: each multiplies how often a group is looked into.
const WIDE_PINS_MAX: usize = 2;
/// Shelves that one policy stands on.
const PLACES_MAX: usize = 64;
