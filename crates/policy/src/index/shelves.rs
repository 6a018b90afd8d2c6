//! Policies on shelves, found by what their pins say.
//!
//! Each policy stands under a few of its pins, those that set it apart most. The word of one of them leads to a place where
//! all stand that name it, the words of the others to the shelf there. So what a question costs goes by how many kinds of
//! rules there are, not by how many rules. Of what is found, the conditions are worked out; Cedar is asked where that cannot tell.
//!
//! Policies have numbers, in the order of their ids. What a question touches of each stands close together, in a few long
//! rows: with many policies, waiting for memory would be most of what a decision costs.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::mem::discriminant;
use std::ops::Range;
use std::sync::OnceLock;

use cedar_policy::{AuthorizationError, Authorizer, Entities, Policy, PolicySet, PolicySetError, Request};

use crate::index::condition::{Condition, all_hold, conditions};
use crate::index::pins::{Pin, Slot, pins};
use crate::index::table::{Grouped, PINS_MAX, Table};
use crate::index::words::{Found, Lookup, Places};
use crate::tree::Reads;

/// Policies by their pins.
pub(crate) struct Shelves<L: Lookup> {
    places: Places<L>,
    all: Table,
    /// For each slot that may have no value: the policies that err then, by the pins before.
    without: Vec<(u16, Table)>,
    /// The conditions of one policy after the other.
    conditions: Vec<Condition>,
    /// Where those of each policy stand.
    ranges: Vec<Range<u32>>,
    policies: Vec<Alone>,
}

/// What can be told of a question without Cedar. Numbers of policies, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Those that match.
    pub(crate) satisfied: Vec<u32>,
    /// Those of which only Cedar can tell.
    pub(crate) unclear: Vec<u32>,
}

/// What Cedar said of one policy.
#[derive(Debug)]
pub(crate) enum Said {
    Satisfied,
    Not,
    Error(Box<AuthorizationError>),
}

/// One policy.
struct Alone {
    policy: Policy,
    reads: Reads,
    /// The policy as Cedar wants to be given it, once it is asked.
    set: OnceLock<PolicySet>,
}

/// A pin with slot and words as numbers.
struct Peg {
    slot: u16,
    words: Vec<u32>,
    errs: bool,
    wide: bool,
}

// === impl Shelves ===

impl<L: Lookup> Shelves<L> {
    /// Takes policies in any order; those of one id count as one.
    pub(crate) fn new<'p>(language: L, policies: impl Iterator<Item = &'p Policy>) -> Self {
        let mut in_order: Vec<&Policy> = policies.collect();
        in_order.sort_by(|one, other| one.id().cmp(other.id()));
        let mut shelves = Self {
            places: Places::new(language),
            all: Table::default(),
            without: Vec::new(),
            conditions: Vec::new(),
            ranges: Vec::with_capacity(in_order.len()),
            policies: Vec::with_capacity(in_order.len()),
        };
        let mut pegged = Vec::with_capacity(in_order.len());
        for policy in in_order {
            pegged.push(shelves.add(policy));
        }
        let (mut all, mut without) = (Grouped::default(), BTreeMap::<u16, Grouped>::new());
        for (number, pegs) in (0..).zip(&pegged) {
            all.add(shelves.chosen(pegs).into_iter().map(Peg::place), number);
            for (at, peg) in pegs.iter().enumerate().filter(|(_, peg)| peg.errs) {
                let before = pegs.get(..at).unwrap_or_default();
                // Without a value it errs where it is read first.
                if before.iter().any(|earlier| earlier.errs && earlier.slot == peg.slot) {
                    continue;
                }
                let chosen = shelves.chosen(before).into_iter().map(Peg::place);
                without.entry(peg.slot).or_default().add(chosen, number);
            }
        }
        shelves.all = all.into();
        shelves.without = without.into_iter().map(|(slot, grouped)| (slot, grouped.into())).collect();
        shelves
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Tells of every policy whether it matches, as far as that can be told without Cedar.
    pub(crate) fn tell(&self, question: &L::Question<'_>) -> Told {
        let mut found = self.places.found(question);
        let mut told = Told::default();
        let concerning = self.concerning(&mut found);
        // The conditions of each lie elsewhere. Where all are asked for before the first is worked out, memory brings them
        // together and not one after the other.
        for conditions in concerning.iter().filter_map(|number| self.conditions_of(*number)) {
            black_box(conditions.first().map(discriminant));
        }
        for number in concerning {
            match self.conditions_of(number).and_then(|conditions| all_hold(conditions, &mut found)) {
                Some(true) => told.satisfied.push(number),
                Some(false) => {}
                None => told.unclear.push(number),
            }
        }
        told
    }

    /// What must be known for Cedar to tell of these.
    pub(crate) fn reads(&self, numbers: &[u32]) -> Reads {
        let mut reads = Reads::default();
        for alone in numbers.iter().filter_map(|number| self.alone(*number)) {
            reads.merge(&alone.reads);
        }
        reads
    }

    /// Asks Cedar about one policy. Error: it refuses a set with this policy, which one made of a template makes it do.
    pub(crate) fn ask(
        &self,
        number: u32,
        authorizer: &Authorizer,
        request: &Request,
        entities: &Entities,
    ) -> Result<Said, Box<PolicySetError>> {
        let Some(alone) = self.alone(number) else { return Ok(Said::Not) };
        let response = authorizer.is_authorized(request, alone.set()?, entities);
        let diagnostics = response.diagnostics();
        if let Some(error) = diagnostics.errors().next() {
            return Ok(Said::Error(Box::new(error.clone())));
        }
        Ok(if diagnostics.reason().next().is_some() { Said::Satisfied } else { Said::Not })
    }

    /// The policy of this number.
    #[cfg(test)]
    pub(crate) fn policy(&self, number: u32) -> &Policy {
        &self.alone(number).expect("a number of ours").policy
    }

    /// Every policy that can match or err, once.
    fn concerning(&self, found: &mut Found<'_, '_, L>) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(16);
        self.all.find(found, &mut numbers);
        for (slot, table) in &self.without {
            if found.of(*slot).is_none() {
                table.find(found, &mut numbers);
            }
        }
        // A policy stands on several shelves where it names several words.
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn alone(&self, number: u32) -> Option<&Alone> {
        self.policies.get(usize::try_from(number).ok()?)
    }

    fn conditions_of(&self, number: u32) -> Option<&[Condition]> {
        let range = self.ranges.get(usize::try_from(number).ok()?)?;
        self.conditions.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }

    fn add(&mut self, policy: &Policy) -> Vec<Peg> {
        let mut reads = Reads::default();
        reads.add(policy);
        self.policies.push(Alone { policy: policy.clone(), reads, set: OnceLock::new() });
        // A policy without a syntax tree is asked always.
        let pins = pins(policy, self.places.language()).unwrap_or_default();
        let pegs = pins.into_iter().filter_map(|pin| self.peg(pin)).collect();
        let start = length(&self.conditions);
        let conditions = conditions(policy, &mut self.places);
        self.conditions.extend(conditions);
        self.ranges.push(start..length(&self.conditions));
        pegs
    }

    /// The pin in numbers; none: nothing can be looked up.
    fn peg(&mut self, pin: Pin) -> Option<Peg> {
        let Pin { slot, words, errs } = pin;
        let wide = Slot::is_wide(&slot);
        let slot = self.places.slot(slot)?;
        Some(Peg { slot, words: self.places.words(slot, words), errs, wide })
    }

    /// The pins that a policy stands under: those with the most words between them and others, and each slot once. The slot
    /// with the most words is the first.
    fn chosen<'p>(&self, pegs: &'p [Peg]) -> Vec<&'p Peg> {
        let mut chosen: Vec<&Peg> = Vec::new();
        for peg in pegs {
            if !chosen.iter().any(|other| other.slot == peg.slot) {
                chosen.push(peg);
            }
        }
        let sets_apart = |peg: &&Peg| {
            let all = self.places.count(peg.slot);
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
        // What has the most words in all comes first: what stands there is the least.
        chosen.sort_by_key(|peg| (std::cmp::Reverse(self.places.count(peg.slot)), peg.slot));
        chosen
    }
}

// === impl Peg ===

impl Peg {
    fn place(&self) -> (u16, &[u32]) {
        (self.slot, &self.words)
    }
}

// === impl Alone ===

impl Alone {
    fn set(&self) -> Result<&PolicySet, Box<PolicySetError>> {
        if let Some(set) = self.set.get() {
            return Ok(set);
        }
        let set = PolicySet::from_policies([self.policy.clone()]).map_err(Box::new)?;
        Ok(self.set.get_or_init(|| set))
    }
}

/// The policy that could not be evaluated.
#[cfg(test)]
pub(crate) fn policy_of(
    AuthorizationError::PolicyEvaluationError(error): &AuthorizationError,
) -> &cedar_policy::PolicyId {
    error.policy_id()
}

/// Policies, and what belongs to them, are fewer than 2^32: their text alone would not fit into memory.
fn length<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).unwrap_or(u32::MAX)
}

/// Pins with several words in a question: each multiplies how often a group is looked into.
const WIDE_PINS_MAX: usize = 2;
/// Shelves that one policy stands on.
const PLACES_MAX: usize = 64;
