//! Records on their way into the tables.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

use rusqlite::{Connection, params};
use trace::RecordKind;

use crate::frame::{Columns, StateColumns};
use crate::known::{Known, Same};

/// Where intent and first outcome of each call stand among the rows that are written together.
#[derive(Default)]
struct Calls {
    places: HashMap<(i64, i64), Places, BuildHasherDefault<Same>>,
}

#[derive(Default)]
struct Places {
    intent: Option<i64>,
    outcome: Option<i64>,
}

/// The names in the block of records that is being written.
#[derive(Default)]
struct Block {
    number: i64,
    seen: HashSet<i64, BuildHasherDefault<Same>>,
}

/// The times in the longer block of records that is being written.
#[derive(Default)]
struct Span {
    number: i64,
    times: Option<(i64, i64)>,
}

/// Inserts rows from this sequence number on.
pub(crate) fn write<'r, 'a: 'r>(
    tables: &Connection,
    known: &mut Known,
    first: i64,
    rows: impl Iterator<Item = &'r Columns<'a>> + Clone,
) -> rusqlite::Result<()> {
    let calls = Calls::of(first, rows.clone());
    let (mut block, mut span) = (Block::default(), Span::default());
    let mut insert_intent = tables.prepare_cached(INSERT_INTENT)?;
    let mut insert_other = tables.prepare_cached(INSERT_OTHER)?;
    for (sequence, row) in (first..).zip(rows) {
        let (intent, outcome) = calls.others(sequence, row);
        let (call_high, call_low) = halves(row.call);
        let (leaf, body) = (known.template(tables, row.leaf.template)?, known.template(tables, row.body.template)?);
        let mut name = |text: Option<&str>| text.map(|text| known.name(tables, text)).transpose();
        let (agent, human, app) = (name(row.agent)?, name(row.human)?, name(row.app)?);
        let (tool, class, verdict) = (name(row.tool)?, name(row.class)?, name(row.verdict)?);
        let kind = kind_number(row.kind);
        if row.kind == RecordKind::Intent {
            insert_intent.execute(params![
                sequence,
                kind,
                call_high,
                call_low,
                row.at,
                leaf,
                body,
                row.leaf_hash,
                row.leaf.values,
                row.body.values,
                outcome,
                agent,
                human,
                app,
                tool,
                class,
                verdict,
            ])?;
        } else {
            insert_other.execute(params![
                sequence,
                kind,
                call_high,
                call_low,
                row.at,
                leaf,
                body,
                row.leaf_hash,
                row.leaf.values,
                row.body.values,
                intent,
            ])?;
        }
        block.go_to(sequence >> BLOCK_BITS, tables)?;
        span.go_to(sequence >> SPAN_BITS, tables)?;
        let refusal = verdict.filter(|_| row.verdict != Some(ALLOW));
        let change = (row.kind == RecordKind::Change).then_some(-kind);
        block.seen.extend([agent, human, app, tool, refusal, change].into_iter().flatten());
        span.note(row.at);
    }
    block.write(tables)?;
    span.write(tables)
}

/// Applies changes of the state, in order.
pub(crate) fn apply<'a>(tables: &Connection, state: impl Iterator<Item = StateColumns<'a>>) -> rusqlite::Result<()> {
    for write in state {
        match write.value {
            Some(value) => tables.prepare_cached(PUT_STATE)?.execute([write.kind, write.key, value])?,
            None => tables.prepare_cached(DELETE_STATE)?.execute([write.kind, write.key])?,
        };
    }
    Ok(())
}

/// The two halves of an id as the tables have them. The first begins with the time and is never negative before the year
/// 6429.
pub(crate) fn halves(call: u128) -> (i64, i64) {
    let low = (call & u128::from(u64::MAX)) as u64;
    let high = (call >> 64) as u64;
    (high.cast_signed(), low.cast_signed())
}

/// The id with these halves.
pub(crate) fn whole(high: i64, low: i64) -> u128 {
    u128::from(high.cast_unsigned()) << 64 | u128::from(low.cast_unsigned())
}

pub(crate) const fn kind_number(kind: RecordKind) -> i64 {
    match kind {
        RecordKind::Intent => 1,
        RecordKind::Outcome => 2,
        RecordKind::Change => 3,
    }
}

pub(crate) fn kind_of(number: i64) -> Option<RecordKind> {
    RecordKind::ALL.into_iter().find(|kind| kind_number(*kind) == number)
}

// === impl Calls ===

impl Calls {
    fn of<'r, 'a: 'r>(first: i64, rows: impl Iterator<Item = &'r Columns<'a>>) -> Self {
        let mut calls = Self::default();
        for (sequence, row) in (first..).zip(rows) {
            match row.kind {
                RecordKind::Intent => {
                    let places = calls.places.entry(halves(row.call)).or_default();
                    places.intent = places.intent.or(Some(sequence));
                }
                RecordKind::Outcome => {
                    if let Some(places) = calls.places.get_mut(&halves(row.call)) {
                        places.outcome = places.outcome.or(Some(sequence));
                    }
                }
                RecordKind::Change => {}
            }
        }
        calls
    }

    /// Of an outcome its intent, of an intent its outcome, where both stand among these rows.
    fn others(&self, sequence: i64, row: &Columns<'_>) -> (Option<i64>, Option<i64>) {
        match self.places.get(&halves(row.call)) {
            Some(Places { intent: Some(intent), outcome: Some(outcome) }) if *outcome == sequence => {
                (Some(*intent), None)
            }
            Some(Places { intent: Some(intent), outcome }) if *intent == sequence => (None, *outcome),
            _ => (None, None),
        }
    }
}

// === impl Block, Span ===

impl Block {
    fn go_to(&mut self, number: i64, tables: &Connection) -> rusqlite::Result<()> {
        if number != self.number {
            self.write(tables)?;
            self.number = number;
        }
        Ok(())
    }

    /// Leaves it empty.
    fn write(&mut self, tables: &Connection) -> rusqlite::Result<()> {
        let mut insert = tables.prepare_cached(INSERT_SEEN)?;
        for name in self.seen.drain() {
            insert.execute([name, self.number])?;
        }
        Ok(())
    }
}

impl Span {
    fn go_to(&mut self, number: i64, tables: &Connection) -> rusqlite::Result<()> {
        if number != self.number {
            self.write(tables)?;
            self.number = number;
        }
        Ok(())
    }

    fn note(&mut self, at: i64) {
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
    }

    /// Leaves it empty.
    fn write(&mut self, tables: &Connection) -> rusqlite::Result<()> {
        if let Some((first, last)) = self.times.take() {
            tables.prepare_cached(PUT_SPAN)?.execute([self.number, first, last])?;
        }
        Ok(())
    }
}

/// Records whose sequence numbers differ in this many low bits only are one block to the index of names.
pub(crate) const BLOCK_BITS: u32 = 5;
/// As much for the index of times.
pub(crate) const SPAN_BITS: u32 = 10;

const INSERT_INTENT: &str = "INSERT INTO record(sequence, kind, call_high, call_low, at, leaf, body, leaf_hash, \
     leaf_values, body_values, outcome, agent, human, app, tool, class, verdict) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
const INSERT_OTHER: &str = "INSERT INTO record(sequence, kind, call_high, call_low, at, leaf, body, leaf_hash, \
     leaf_values, body_values, intent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const INSERT_SEEN: &str = "INSERT OR IGNORE INTO seen(name, block) VALUES (?1, ?2)";
const PUT_SPAN: &str = "INSERT INTO span(block, first_at, last_at) VALUES (?1, ?2, ?3) ON CONFLICT(block) DO UPDATE SET \
     first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)";
const PUT_STATE: &str = "INSERT INTO state(kind, key, value) VALUES (?1, ?2, ?3) \
     ON CONFLICT(kind, key) DO UPDATE SET value = excluded.value";
const DELETE_STATE: &str = "DELETE FROM state WHERE kind = ?1 AND key = ?2";
const ALLOW: &str = "allow";
