//! What a commit brings to the tables, column by column.

use std::collections::{BTreeMap, HashMap, HashSet};

use tlog::{Frontier, Hash};
use trace::{RecordKind, StateWrite, StoreFault};

use super::error::unreadable;
use super::known::{New, NewSealed, Numbers};
use crate::frame::Columns;
use crate::records::{
    ALLOW, BLOCK_BITS, Calls, NO_ONE_TOOL, SPAN_BITS, halves, is_address, kind_number, met_as, seen_as,
};
use crate::tree;

/// Everything that one commit writes.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) records: Records<'a>,
    pub(super) new_names: New,
    pub(super) new_templates: New,
    pub(super) new_sealed: NewSealed,
    pub(super) new_facets: (Vec<i64>, Vec<i64>),
    pub(super) seen: Pairs,
    pub(super) late: Late,
    pub(super) spans: Spans,
    pub(super) used: Used,
    pub(super) tiles: Tiles,
    /// The numbers of the tiles that are full now.
    pub(super) full_tiles: Vec<i64>,
    pub(super) put: States<'a>,
    pub(super) deleted: States<'a>,
    /// The tree with all of it.
    pub(super) tree: Frontier,
}

#[derive(Debug, Default)]
pub(super) struct Records<'a> {
    pub(super) sequence: Vec<i64>,
    pub(super) kind: Vec<i64>,
    pub(super) call_high: Vec<i64>,
    pub(super) call_low: Vec<i64>,
    pub(super) at: Vec<i64>,
    pub(super) agent: Vec<Option<i64>>,
    pub(super) human: Vec<Option<i64>>,
    pub(super) app: Vec<Option<i64>>,
    pub(super) tool: Vec<Option<i64>>,
    pub(super) class: Vec<Option<i64>>,
    pub(super) verdict: Vec<Option<i64>>,
    pub(super) task: Vec<Option<i64>>,
    pub(super) intent: Vec<Option<i64>>,
    pub(super) outcome: Vec<Option<i64>>,
    pub(super) leaf: Vec<i64>,
    pub(super) body: Vec<i64>,
    pub(super) leaf_hash: Vec<&'a [u8]>,
    pub(super) leaf_values: Vec<&'a [u8]>,
    pub(super) body_values: Vec<&'a [u8]>,
}

/// Names, and the blocks they stand in.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pub(super) name: Vec<i64>,
    pub(super) block: Vec<i64>,
}

/// Names that are looked for at the intent of a call, which stands in an earlier commit.
#[derive(Debug, Default)]
pub(super) struct Late {
    pub(super) name: Vec<i64>,
    pub(super) call_high: Vec<i64>,
    pub(super) call_low: Vec<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) block: Vec<i64>,
    pub(super) first_at: Vec<i64>,
    pub(super) last_at: Vec<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) agent: Vec<i64>,
    pub(super) human: Vec<i64>,
    pub(super) app: Vec<i64>,
    pub(super) tool: Vec<i64>,
    pub(super) verdict: Vec<i64>,
    pub(super) calls: Vec<i64>,
    pub(super) first_at: Vec<i64>,
    pub(super) last_at: Vec<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Tiles {
    pub(super) number: Vec<i64>,
    pub(super) first: Vec<i64>,
    pub(super) hashes: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
pub(super) struct States<'a> {
    pub(super) kind: Vec<&'a str>,
    pub(super) key: Vec<&'a str>,
    pub(super) value: Vec<&'a str>,
}

/// What is collected over all rows before it is written.
#[derive(Default)]
struct Sums {
    seen: HashSet<(i64, i64)>,
    spans: BTreeMap<i64, (i64, i64)>,
    used: HashMap<[i64; 5], (i64, i64, i64)>,
}

impl<'a> Batch<'a> {
    /// Of these rows from this sequence number on.
    pub(super) fn of(
        first: i64,
        rows: &[Columns<'a>],
        state: &'a [StateWrite],
        numbers: Numbers,
        tree: &Frontier,
    ) -> Result<Self, StoreFault> {
        let hash = |row: &Columns<'_>| Ok(Hash::new(row.leaf_hash.try_into().map_err(unreadable)?));
        let leaves: Vec<Hash> = rows.iter().map(hash).collect::<Result<_, StoreFault>>()?;
        let (tree, pieces) = tree::grown(tree, &leaves)?;
        let full_tiles = pieces.iter().filter(|(_, piece)| piece.is_last()).map(|(number, _)| *number).collect();
        let mut tiles = Tiles::default();
        for (number, piece) in pieces {
            tiles.number.push(number);
            tiles.first.push(i64::try_from(piece.first).map_err(unreadable)?);
            tiles.hashes.push(piece.hashes);
        }
        let (mut records, mut late, mut sums) = (Records::default(), Late::default(), Sums::default());
        let calls = Calls::of(first, rows.iter());
        for (sequence, row) in (first..).zip(rows) {
            records.push(sequence, row, &numbers, calls.others(sequence, row))?;
            sums.count(sequence, row, &numbers, calls.others(sequence, row).0, &mut late);
        }
        let (put, deleted) = States::of(state);
        let (seen, spans, used) = sums.columns();
        let Numbers { new_names, new_templates, new_sealed, new_facets, .. } = numbers;
        Ok(Self {
            records,
            new_names,
            new_templates,
            new_sealed,
            new_facets,
            seen,
            late,
            spans,
            used,
            tiles,
            full_tiles,
            put,
            deleted,
            tree,
        })
    }
}

impl<'a> Records<'a> {
    fn push(
        &mut self,
        sequence: i64,
        row: &Columns<'a>,
        numbers: &Numbers,
        (intent, outcome): (Option<i64>, Option<i64>),
    ) -> Result<(), StoreFault> {
        let template = |text| numbers.template(text).ok_or_else(|| unreadable("a template has no number"));
        let (high, low) = halves(row.call);
        self.sequence.push(sequence);
        self.kind.push(kind_number(row.kind));
        self.call_high.push(high);
        self.call_low.push(low);
        self.at.push(row.at);
        self.agent.push(numbers.name(row.agent));
        self.human.push(row.human.map(i64::from));
        self.app.push(numbers.name(row.app));
        self.tool.push(numbers.name(row.tool));
        self.class.push(numbers.name(row.class));
        self.verdict.push(numbers.name(row.verdict));
        self.task.push(row.task.map(i64::from));
        self.intent.push(intent);
        self.outcome.push(outcome);
        self.leaf.push(template(row.leaf.template)?);
        let body = numbers.sealed(row.body.template).ok_or_else(|| unreadable("a sealed template has no number"))?;
        self.body.push(body);
        self.leaf_hash.push(row.leaf_hash);
        self.leaf_values.push(row.leaf.values);
        self.body_values.push(row.body.values);
        Ok(())
    }
}

impl Sums {
    fn count(&mut self, sequence: i64, row: &Columns<'_>, numbers: &Numbers, intent: Option<i64>, late: &mut Late) {
        let block = sequence >> BLOCK_BITS;
        let name = |text| numbers.name(text);
        let (agent, human, app) = (name(row.agent), row.human.map(i64::from), name(row.app));
        let tool = name(row.tool);
        let (class, verdict) = (name(row.class), name(row.verdict));
        let facets = numbers.template(row.leaf.template).map_or(&[][..], |leaf| numbers.facets(leaf));
        let refusal = verdict.filter(|_| row.verdict != Some(ALLOW));
        let change = (row.kind == RecordKind::Change).then_some(-kind_number(row.kind));
        let task = row.task.map(task_name);
        let person = row.human.map(seen_as);
        let about = row.about.map(met_as);
        let names = [agent, person, app, tool, class, refusal, change, task, about].into_iter().flatten();
        self.seen.extend(names.chain(facets.iter().copied()).map(|name| (name, block)));
        if row.kind == RecordKind::Outcome {
            match intent {
                Some(intent) => self.seen.extend(facets.iter().map(|facet| (*facet, intent >> BLOCK_BITS))),
                None => late.push(row.call, facets),
            }
        }
        if let (Some(agent), Some(human), Some(app), Some(tool), Some(verdict)) = (agent, human, app, tool, verdict) {
            let tool = if row.tool.is_some_and(is_address) { NO_ONE_TOOL } else { tool };
            let used = self.used.entry([agent, human, app, tool, verdict]).or_insert((0, row.at, row.at));
            *used = (used.0 + 1, used.1.min(row.at), used.2.max(row.at));
        }
        let span = self.spans.entry(sequence >> SPAN_BITS).or_insert((row.at, row.at));
        *span = (span.0.min(row.at), span.1.max(row.at));
    }

    fn columns(self) -> (Pairs, Spans, Used) {
        let (mut seen, mut spans, mut used) = (Pairs::default(), Spans::default(), Used::default());
        (seen.name, seen.block) = self.seen.into_iter().unzip();
        for (block, (first_at, last_at)) in self.spans {
            spans.block.push(block);
            spans.first_at.push(first_at);
            spans.last_at.push(last_at);
        }
        for ([agent, human, app, tool, verdict], (calls, first_at, last_at)) in self.used {
            used.agent.push(agent);
            used.human.push(human);
            used.app.push(app);
            used.tool.push(tool);
            used.verdict.push(verdict);
            used.calls.push(calls);
            used.first_at.push(first_at);
            used.last_at.push(last_at);
        }
        (seen, spans, used)
    }
}

impl Late {
    fn push(&mut self, call: u128, facets: &[i64]) {
        let (high, low) = halves(call);
        for facet in facets {
            self.name.push(*facet);
            self.call_high.push(high);
            self.call_low.push(low);
        }
    }
}

impl<'a> States<'a> {
    /// What there is afterwards, and what there is no more: a later write of the same value wins.
    fn of(state: &'a [StateWrite]) -> (Self, Self) {
        let mut last: BTreeMap<(&str, &str), Option<&str>> = BTreeMap::new();
        for write in state {
            last.insert((&write.kind, &write.key), write.value.as_deref());
        }
        let (mut put, mut deleted) = (Self::default(), Self::default());
        for ((kind, key), value) in last {
            let states = if value.is_some() { &mut put } else { &mut deleted };
            states.kind.push(kind);
            states.key.push(key);
            states.value.extend(value);
        }
        (put, deleted)
    }
}

/// How a task stands among the names.
pub(super) fn task_name(task: u32) -> i64 {
    TASKS | i64::from(task)
}

const TASKS: i64 = 1 << 40;
