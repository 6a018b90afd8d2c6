//! Whether questions lead to every record: the indices are looked up for what each record says.
//!
//! No proof covers an index. Somebody with their hands in the tables who takes an entry out changes no record, and hides one: it stands
//! where it stood, and no question finds it. What an index has too much costs time only, since what it leads to is compared with the
//! question; but the counts of uses are answers by themselves, and have to be equal.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use trace::{Entry, Finding, Query, RecordKind, facets_of};

use crate::frame::short_sum;
use crate::generations::Same;
use crate::known::{ORDINARY, facet};
use crate::records::{BLOCK_BITS, NO_ONE_TOOL, SPAN_BITS, block_bit, is_address, kind_number, seen_as};

/// What the tables say, by number, at one moment.
pub(crate) trait Indices {
    /// Why they cannot.
    type Error;

    /// The records from this one on and before that one, in order.
    fn records(&self, from: i64, before: i64) -> Result<Vec<Indexed>, Self::Error>;
    /// The last record.
    fn last(&self) -> Result<i64, Self::Error>;
    /// In which blocks of a span these names are met, as bits.
    fn met(&self, span: i64, names: &[i64]) -> Result<Bits, Self::Error>;
    /// In which blocks of a span these tasks are met, as bits, by what stands for each.
    fn tasks(&self, span: i64, tasks: &[i64]) -> Result<Bits, Self::Error>;
    /// Between which times the records of a span were made.
    fn times(&self, span: i64) -> Result<Option<(i64, i64)>, Self::Error>;
    /// The text of a name, if the way back from it leads to this number.
    fn name(&self, number: i64) -> Result<Option<String>, Self::Error>;
    /// What may be looked for of the leaves of a template: number and text.
    fn facets(&self, template: i64) -> Result<Vec<(i64, String)>, Self::Error>;
    /// The text of a leaf.
    fn leaf(&self, sequence: i64) -> Result<Option<String>, Self::Error>;
    /// Where the first intent of a call stands.
    fn intent_of(&self, call: (i64, i64)) -> Result<Option<i64>, Self::Error>;
    /// The changes from this one on and before that one whose texts can be read, each with the names by which what it concerns is
    /// found, of which any will do.
    fn changes(&self, from: i64, before: i64) -> Result<Vec<(i64, Vec<i64>)>, Self::Error>;
    /// Who used what, and how often and between which times.
    fn uses(&self) -> Result<Vec<([i64; 5], Times)>, Self::Error>;
}

/// A record as the indices know it.
pub(crate) struct Indexed {
    pub(crate) sequence: i64,
    pub(crate) kind: i64,
    pub(crate) call: (i64, i64),
    pub(crate) at: i64,
    pub(crate) agent: Option<i64>,
    pub(crate) human: Option<i64>,
    pub(crate) app: Option<i64>,
    pub(crate) tool: Option<i64>,
    pub(crate) class: Option<i64>,
    pub(crate) verdict: Option<i64>,
    pub(crate) task: Option<i64>,
    pub(crate) leaf: i64,
    /// Whether it has a text, erased or not.
    pub(crate) body: bool,
    pub(crate) intent: Option<i64>,
    pub(crate) outcome: Option<i64>,
}

/// How many calls, when the first and when the last was decided.
pub(crate) type Times = (i64, i64, i64);

/// A bit for each block of a span, by name.
pub(crate) type Bits = HashMap<i64, u32, BuildHasherDefault<Same>>;

/// Goes along the log.
pub(crate) struct Search {
    next: i64,
    /// What a name says of itself that was looked up.
    names: HashMap<i64, Name, BuildHasherDefault<Same>>,
    /// The names that lead to the leaves of a template.
    templates: HashMap<i64, Vec<i64>, BuildHasherDefault<Same>>,
    uses: HashMap<[i64; 5], Used, BuildHasherDefault<Same>>,
    /// Whether texts were let go, and with them who used what.
    let_go: bool,
    found: Option<Finding>,
}

#[derive(Clone, Copy)]
struct Name {
    address: bool,
    allows: bool,
}

struct Used {
    first_sequence: i64,
    times: Times,
}

/// What the indices should say of a span: for a name and a block the first record that it leads to.
#[derive(Default)]
struct Wanted {
    names: HashMap<(i64, u32), i64>,
    tasks: HashMap<(i64, u32), i64>,
    times: Vec<(i64, i64)>,
}

impl Search {
    /// From the first record on.
    pub(crate) fn new() -> Self {
        Self {
            next: 1,
            names: HashMap::default(),
            templates: HashMap::default(),
            uses: HashMap::default(),
            let_go: false,
            found: None,
        }
    }

    /// The record up to which it came.
    pub(crate) fn place(&self) -> u64 {
        u64::try_from(self.next - 1).unwrap_or_default()
    }

    /// Looks at some spans, and at the counts behind the last. Whether it is over.
    pub(crate) fn step<I: Indices>(&mut self, tables: &I) -> Result<Option<Option<Finding>>, I::Error> {
        let last = tables.last()?;
        for _ in 0..SPANS_AT_ONCE {
            if self.next > last {
                self.counts(tables)?;
                return Ok(Some(self.found.take()));
            }
            let before = (((self.next >> SPAN_BITS) + 1) << SPAN_BITS).min(last + 1);
            self.span(tables, before)?;
            self.next = before;
            if self.found.is_some() {
                return Ok(Some(self.found.take()));
            }
        }
        Ok(None)
    }

    /// The records from the next one on and before this one, all of one span.
    fn span<I: Indices>(&mut self, tables: &I, before: i64) -> Result<(), I::Error> {
        let (from, span) = (self.next, self.next >> SPAN_BITS);
        let records = tables.records(from, before)?;
        let mut wanted = Wanted::default();
        for record in &records {
            self.record(tables, record, &mut wanted)?;
        }
        self.links(tables, &records)?;
        let concerned =
            if records.iter().any(|record| record.kind == CHANGE) { tables.changes(from, before)? } else { Vec::new() };
        let any = concerned.iter().flat_map(|(_, names)| names).copied();
        let names: Vec<i64> = distinct(wanted.names.keys().map(|(name, _)| *name).chain(any));
        let met = tables.met(span, &names)?;
        for ((name, bit), sequence) in &wanted.names {
            if !leads(&met, *name, *bit) {
                self.lost(*sequence, INDEX);
            }
        }
        for (sequence, names) in &concerned {
            if !names.iter().any(|name| leads(&met, *name, block_bit(*sequence))) {
                self.lost(*sequence, CONCERN);
            }
        }
        let tasks = distinct(wanted.tasks.keys().map(|(task, _)| *task));
        if !tasks.is_empty() {
            let met = tables.tasks(span, &tasks)?;
            for ((task, bit), sequence) in &wanted.tasks {
                if !leads(&met, *task, *bit) {
                    self.lost(*sequence, TASK);
                }
            }
        }
        let times = tables.times(span)?;
        let beyond = |at: i64| times.is_none_or(|(first, last)| at < first || at > last);
        if let Some((sequence, _)) = wanted.times.iter().find(|(_, at)| beyond(*at)) {
            self.lost(*sequence, TIME);
        }
        // Last, so that a span that could not be read to its end may be read again.
        let used: Vec<_> = records.iter().map(|record| self.used(tables, record)).collect::<Result<_, _>>()?;
        for ((who, at), sequence) in
            used.into_iter().zip(&records).filter_map(|(used, one)| Some((used?, one.sequence)))
        {
            self.count(who, at, sequence);
        }
        Ok(())
    }

    /// What the indices should say of a record.
    fn record<I: Indices>(&mut self, tables: &I, record: &Indexed, wanted: &mut Wanted) -> Result<(), I::Error> {
        let (sequence, bit) = (record.sequence, block_bit(record.sequence));
        let mut want = |name: i64| {
            wanted.names.entry((name, bit)).or_insert(sequence);
        };
        for name in [record.agent, record.app, record.tool, record.class].into_iter().flatten() {
            self.name(tables, name, sequence)?;
            want(name);
        }
        if let Some(verdict) = record.verdict
            && self.name(tables, verdict, sequence)?.is_some_and(|name| !name.allows)
        {
            want(verdict);
        }
        if record.kind == CHANGE {
            want(-CHANGE);
        }
        if let Some(subject) = record.human.and_then(|human| u32::try_from(human).ok()) {
            want(seen_as(subject));
        }
        let facets = self.facets(tables, record)?;
        facets.iter().for_each(|facet| want(*facet));
        if record.kind == OUTCOME && !facets.is_empty() {
            self.at_its_intent(tables, record, &facets)?;
        }
        if let Some(task) = record.task {
            wanted.tasks.entry((task, bit)).or_insert(sequence);
        }
        wanted.times.push((sequence, record.at));
        Ok(())
    }

    /// What an outcome says is found at its intent as well.
    fn at_its_intent<I: Indices>(&mut self, tables: &I, outcome: &Indexed, facets: &[i64]) -> Result<(), I::Error> {
        let intent = match outcome.intent {
            Some(intent) => Some(intent),
            None => tables.intent_of(outcome.call)?,
        };
        let Some(intent) = intent else { return Ok(()) };
        let met = tables.met(intent >> SPAN_BITS, facets)?;
        if !facets.iter().all(|facet| leads(&met, *facet, block_bit(intent))) {
            self.lost(intent, INDEX);
        }
        Ok(())
    }

    /// An outcome that names its intent is named by it: no index leads to it.
    fn links<I: Indices>(&mut self, tables: &I, records: &[Indexed]) -> Result<(), I::Error> {
        let outcomes: HashMap<i64, Option<i64>> =
            records.iter().filter(|record| record.kind == INTENT).map(|one| (one.sequence, one.outcome)).collect();
        for record in records {
            let Some(intent) = record.intent else { continue };
            let named = match outcomes.get(&intent) {
                Some(outcome) => *outcome,
                None => tables.records(intent, intent + 1)?.first().and_then(|intent| intent.outcome),
            };
            if named != Some(record.sequence) {
                self.lost(record.sequence, LINK);
            }
        }
        Ok(())
    }

    /// What a name says; none where the way back does not lead to it.
    fn name<I: Indices>(&mut self, tables: &I, number: i64, sequence: i64) -> Result<Option<Name>, I::Error> {
        if let Some(name) = self.names.get(&number) {
            return Ok(Some(*name));
        }
        let Some(text) = tables.name(number)? else {
            self.lost(sequence, NAME);
            return Ok(None);
        };
        if self.names.len() >= KEPT_MAX {
            self.names.clear();
        }
        let name = Name { address: is_address(&text), allows: text == crate::records::ALLOW };
        self.names.insert(number, name);
        Ok(Some(name))
    }

    /// The names that lead to a leaf, but for those that nearly every leaf has.
    fn facets<I: Indices>(&mut self, tables: &I, record: &Indexed) -> Result<Vec<i64>, I::Error> {
        if let Some(facets) = self.templates.get(&record.leaf) {
            return Ok(facets.clone());
        }
        let stored = tables.facets(record.leaf)?;
        let leaf = tables.leaf(record.sequence)?.unwrap_or_default();
        let mut numbers = Vec::new();
        for (field, value) in facets_of(&leaf) {
            let text = facet(field, &value);
            match stored.iter().find(|(_, stored)| *stored == text) {
                None => self.lost(record.sequence, INDEX),
                Some((number, _)) => {
                    self.name(tables, *number, record.sequence)?;
                    if !ORDINARY.contains(&text.as_str()) {
                        numbers.push(*number);
                    }
                }
            }
        }
        if self.templates.len() >= KEPT_MAX {
            self.templates.clear();
        }
        self.templates.insert(record.leaf, numbers.clone());
        Ok(numbers)
    }

    /// Who used what in a call, and when.
    fn used<I: Indices>(&mut self, tables: &I, record: &Indexed) -> Result<Option<([i64; 5], i64)>, I::Error> {
        let (Some(agent), Some(app), Some(tool), Some(verdict)) =
            (record.agent, record.app, record.tool, record.verdict)
        else {
            return Ok(None);
        };
        let Some(human) = record.human else {
            // Whoever it was for goes with its text, where that is let go, and not before.
            if record.body {
                self.lost(record.sequence, INDEX);
            }
            self.let_go = true;
            return Ok(None);
        };
        let address = self.name(tables, tool, record.sequence)?.is_some_and(|name| name.address);
        Ok(Some(([agent, human, app, if address { NO_ONE_TOOL } else { tool }, verdict], record.at)))
    }

    fn count(&mut self, who: [i64; 5], at: i64, sequence: i64) {
        let used = self.uses.entry(who).or_insert(Used { first_sequence: sequence, times: (0, at, at) });
        let (calls, first, last) = used.times;
        used.times = (calls + 1, first.min(at), last.max(at));
    }

    /// Whether what was counted is what the records say. Of calls whose texts were let go nothing says for whom they were: those may
    /// be counted beside.
    fn counts<I: Indices>(&mut self, tables: &I) -> Result<(), I::Error> {
        let told = tables.uses()?;
        let mut counted = std::mem::take(&mut self.uses);
        for (key, told) in told {
            let used = counted.remove(&key);
            let sequence = used.as_ref().map_or(1, |used| used.first_sequence);
            let right = match used.map(|used| used.times) {
                Some((calls, first, last)) if self.let_go => told.0 >= calls && told.1 <= first && told.2 >= last,
                Some(times) => told == times,
                None => self.let_go,
            };
            if !right {
                self.lost(sequence, USES);
            }
        }
        if let Some(sequence) = counted.values().map(|used| used.first_sequence).min() {
            self.lost(sequence, USES);
        }
        Ok(())
    }

    /// The first of what is lost is told.
    fn lost(&mut self, sequence: i64, what: &str) {
        let sequence = u64::try_from(sequence).unwrap_or_default();
        if self.found.as_ref().is_none_or(|found| sequence < found.sequence) {
            self.found = Some(Finding { sequence, what: what.to_owned() });
        }
    }
}

fn leads(met: &Bits, name: i64, bit: u32) -> bool {
    met.get(&name).is_some_and(|bits| bits & bit != 0)
}

fn distinct(all: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut all: Vec<i64> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The first of these entries that has another task in the tables than its text says. Of a text that is gone nobody knows.
pub(crate) fn misfiled(entries: &[Entry], stored: &HashMap<i64, Option<i64>>) -> Option<u64> {
    let differs = |entry: &&Entry| {
        let stored = stored.get(&entry.sequence.cast_signed()).copied().flatten();
        let said = entry.task().map(|task| i64::from(short_sum(&task)));
        entry.kind == RecordKind::Intent && said.is_some() && said != stored
    };
    entries.iter().find(differs).map(|entry| entry.sequence)
}

/// All records from one on and before another.
pub(crate) fn between(from: i64, before: i64) -> Query {
    let place = |sequence: i64| u64::try_from(sequence).unwrap_or_default();
    Query {
        after_sequence: Some(place(from - 1)),
        before_sequence: Some(place(before)),
        limit: usize::MAX,
        newest_first: false,
        ..Query::default()
    }
}

/// The bits of the blocks with these numbers, of one span.
pub(crate) fn bits_of(blocks: impl Iterator<Item = (i64, i64)>) -> Bits {
    let mut bits = Bits::default();
    blocks.for_each(|(name, block)| *bits.entry(name).or_default() |= block_bit(block << BLOCK_BITS));
    bits
}

const INTENT: i64 = kind_number(RecordKind::Intent);
const OUTCOME: i64 = kind_number(RecordKind::Outcome);
const CHANGE: i64 = kind_number(RecordKind::Change);

const INDEX: &str = "it stands there as it was written, and questions do not find it: an index was changed";
const CONCERN: &str = "whoever asks for what it concerns does not find it: an index was changed";
const TASK: &str = "whoever asks for its task does not find it: an index was changed";
const TIME: &str = "whoever asks for its time does not find it: an index was changed";
const NAME: &str = "whoever asks for a name that it has does not find it: the names were changed";
const LINK: &str = "the record of its intent does not lead to it: who asks for the call does not find how it ended";
const USES: &str = "what was used how often is not what the records say, from this one on: the counts were changed";

/// A hundredth of a second or two.
const SPANS_AT_ONCE: usize = 8;
const KEPT_MAX: usize = 65_536;

mod tables;
#[cfg(test)]
pub(crate) mod tests;
