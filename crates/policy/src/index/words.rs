//! What rules compare with fixed words, as numbers: the words of a slot are numbered once, and a question is compared by
//! number. Each slot is looked up in a question once at most, when something first depends on it.

use std::collections::HashMap;
use std::ops::Range;

use crate::index::pins::{Language, Slot, Word};
use crate::texts::Texts;

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
    /// Whether what stands at one place is (or, where that is a set, holds) what stands at the other. None: Cedar has to say.
    fn same(&self, one: &Self::Place, other: &Self::Place, question: &Self::Question<'_>) -> Option<bool>;
    /// The whole number that stands there. None: Cedar has to say.
    fn whole(&self, place: &Self::Place, question: &Self::Question<'_>) -> Option<i64>;
}

/// The slots that policies compare.
pub(crate) struct Places<L: Lookup> {
    language: L,
    places: Vec<Place<L::Place>>,
}

/// The words of one slot, as numbers, and those that a question has.
pub(crate) struct Finding<'f> {
    words: &'f Words,
    numbers: &'f mut Vec<u32>,
}

/// What a question has in each slot, as far as it was looked up.
pub(crate) struct Found<'f, 'q, L: Lookup> {
    places: &'f Places<L>,
    question: &'f L::Question<'q>,
    numbers: Vec<u32>,
    seen: Vec<Seen>,
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
    texts: Texts,
    wholes: HashMap<i64, u32>,
    truths: [Option<u32>; 2],
    entities: Vec<OfKind>,
    kinds: Vec<(Box<str>, u32)>,
}

/// Entities of one type.
struct OfKind {
    kind: Box<str>,
    ids: Texts,
}

/// Where the numbers of a slot stand.
#[derive(Clone, Copy)]
enum Seen {
    NotYet,
    Missing,
    Between(u32, u32),
}

// === impl Places ===

impl<L: Lookup> Places<L> {
    pub(crate) fn new(language: L) -> Self {
        Self { language, places: Vec::new() }
    }

    pub(crate) fn language(&self) -> &L {
        &self.language
    }

    /// The number of a slot. None: there is no way to look it up.
    pub(crate) fn slot(&mut self, slot: Slot) -> Option<u16> {
        let at = match self.places.iter().position(|place| place.slot == slot) {
            Some(at) => at,
            None => {
                let way = self.language.knows(&slot).then(|| self.language.place(&slot)).flatten()?;
                self.places.push(Place { slot, way, words: Words::default() });
                self.places.len() - 1
            }
        };
        u16::try_from(at).ok()
    }

    /// The numbers of some words in a slot, each once, in order.
    pub(crate) fn words(&mut self, slot: u16, words: Vec<Word>) -> Vec<u32> {
        let Some(place) = self.places.get_mut(usize::from(slot)) else { return Vec::new() };
        let mut numbers: Vec<u32> = words.into_iter().map(|word| place.words.number(word)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// How many words a slot is compared with.
    pub(crate) fn count(&self, slot: u16) -> u32 {
        self.places.get(usize::from(slot)).map_or(0, |place| place.words.count)
    }

    /// Nothing of this question is looked up yet.
    pub(crate) fn found<'f, 'q>(&'f self, question: &'f L::Question<'q>) -> Found<'f, 'q, L> {
        Found {
            places: self,
            question,
            numbers: Vec::with_capacity(2 * self.places.len()),
            seen: vec![Seen::NotYet; self.places.len()],
        }
    }
}

// === impl Found ===

impl<L: Lookup> Found<'_, '_, L> {
    /// The numbers of the words that stand there. None: the question has no such value.
    pub(crate) fn of(&mut self, slot: u16) -> Option<&[u32]> {
        let (start, end) = self.seen_of(slot)?;
        self.numbers.get(start..end)
    }

    /// The places of the numbers of the words that stand there; none where the question has no such value.
    pub(crate) fn places_of(&mut self, slot: u16) -> Range<usize> {
        self.seen_of(slot).map_or(0..0, |(start, end)| start..end)
    }

    /// The number at one of these places.
    pub(crate) fn number(&self, place: usize) -> Option<u32> {
        self.numbers.get(place).copied()
    }

    fn seen_of(&mut self, slot: u16) -> Option<(usize, usize)> {
        let at = usize::from(slot);
        let seen = match *self.seen.get(at)? {
            Seen::NotYet => self.look(at)?,
            seen => seen,
        };
        match seen {
            Seen::Between(start, end) => Some((usize::try_from(start).ok()?, usize::try_from(end).ok()?)),
            Seen::NotYet | Seen::Missing => None,
        }
    }

    fn look(&mut self, at: usize) -> Option<Seen> {
        let place = self.places.places.get(at)?;
        let start = self.numbers.len();
        let mut finding = Finding { words: &place.words, numbers: &mut self.numbers };
        let seen = if self.places.language.look(&place.way, self.question, &mut finding) {
            // Numbers are of words, of which there are fewer than 2^32.
            Seen::Between(u32::try_from(start).ok()?, u32::try_from(self.numbers.len()).ok()?)
        } else {
            Seen::Missing
        };
        *self.seen.get_mut(at)? = seen;
        Some(seen)
    }

    /// See [`Lookup::same`].
    pub(crate) fn same(&self, one: u16, other: u16) -> Option<bool> {
        self.places.language.same(self.way(one)?, self.way(other)?, self.question)
    }

    /// See [`Lookup::whole`].
    pub(crate) fn whole(&self, slot: u16) -> Option<i64> {
        self.places.language.whole(self.way(slot)?, self.question)
    }

    fn way(&self, slot: u16) -> Option<&L::Place> {
        self.places.places.get(usize::from(slot)).map(|place| &place.way)
    }
}

// === impl Finding ===

impl Finding<'_> {
    pub(crate) fn text(&mut self, text: &str) {
        self.numbers.extend(self.words.texts.get(text));
    }

    pub(crate) fn whole(&mut self, whole: i64) {
        self.numbers.extend(self.words.wholes.get(&whole));
    }

    pub(crate) fn truth(&mut self, truth: bool) {
        self.numbers.extend(self.words.truths.get(usize::from(truth)).copied().flatten());
    }

    pub(crate) fn entity(&mut self, kind: &str, id: &str) {
        let of_kind = self.words.entities.iter().find(|of_kind| *of_kind.kind == *kind);
        self.numbers.extend(of_kind.and_then(|of_kind| of_kind.ids.get(id)));
    }

    pub(crate) fn kind(&mut self, kind: &str) {
        self.numbers.extend(self.words.kinds.iter().find(|(name, _)| name.as_ref() == kind).map(|(_, number)| number));
    }
}

// === impl Words ===

impl Words {
    fn number(&mut self, word: Word) -> u32 {
        let next = self.count;
        let number = match word {
            Word::Text(text) => number_in(&mut self.texts, &text, next),
            Word::Whole(whole) => *self.wholes.entry(whole).or_insert(next),
            Word::Truth(truth) => match self.truths.get_mut(usize::from(truth)) {
                Some(number) => *number.get_or_insert(next),
                None => next,
            },
            Word::Entity { kind, id } => match self.entities.iter_mut().find(|of_kind| *of_kind.kind == *kind) {
                Some(of_kind) => number_in(&mut of_kind.ids, &id, next),
                None => {
                    let mut ids = Texts::default();
                    ids.add(&id, next);
                    self.entities.push(OfKind { kind: kind.into(), ids });
                    next
                }
            },
            Word::Kind(kind) => match self.kinds.iter().find(|(name, _)| **name == *kind) {
                Some((_, number)) => *number,
                None => {
                    self.kinds.push((kind.into(), next));
                    next
                }
            },
        };
        self.count += u32::from(number == next);
        number
    }
}

/// The number of a text, `next` if it is not there yet.
fn number_in(texts: &mut Texts, text: &str, next: u32) -> u32 {
    texts.get(text).unwrap_or_else(|| {
        texts.add(text, next);
        next
    })
}
