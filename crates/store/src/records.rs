//! Records on their way into the tables.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use model::{CallId, UnixMicros};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use trace::RecordKind;

use crate::frame::{About, Columns, StateColumns};
use crate::generations::Same;
use crate::known::Known;

/// Where intent and first outcome of each call stand among the rows that are written together.
#[derive(Default)]
pub(crate) struct Calls {
    places: HashMap<(i64, i64), Places, BuildHasherDefault<Same>>,
}

#[derive(Default)]
struct Places {
    intent: Option<i64>,
    outcome: Option<i64>,
}

/// Which names are met in which spans, among the rows that are written together, and for each a bit for each of the span's blocks.
#[derive(Default)]
struct Met(HashMap<(i64, i64), u32, BuildHasherDefault<Same>>);

/// The times and the tasks in the longer block of records that is being written.
#[derive(Default)]
struct Span {
    number: i64,
    times: Option<(i64, i64)>,
    /// For each task in which of the blocks it is met, a bit for each.
    tasks: HashMap<u32, u32, BuildHasherDefault<Same>>,
}

/// Who used what among the rows that are written together: agent, person, app, tool and verdict.
#[derive(Default)]
struct Uses {
    counted: HashMap<[i64; 5], Used, BuildHasherDefault<Same>>,
}

struct Used {
    calls: i64,
    first: i64,
    last: i64,
}

/// Inserts rows from this sequence number on.
pub(crate) fn write<'r, 'a: 'r>(
    tables: &Connection,
    known: &mut Known,
    first: i64,
    rows: impl Iterator<Item = &'r Columns<'a>> + Clone,
) -> rusqlite::Result<()> {
    let calls = Calls::of(first, rows.clone());
    let (mut met, mut span, mut uses) = (Met::default(), Span::default(), Uses::default());
    let mut insert_intent = tables.prepare_cached(INSERT_INTENT)?;
    let mut insert_other = tables.prepare_cached(INSERT_OTHER)?;
    for (sequence, row) in (first..).zip(rows) {
        let (intent, outcome) = calls.others(sequence, row);
        let (call_high, call_low) = halves(row.call);
        let leaf = known.template(tables, row.leaf.template)?;
        let body = known.sealed(tables, row.body.key, row.body.template)?;
        let mut name = |text: Option<&str>| text.map(|text| known.name(tables, text)).transpose();
        let (agent, app) = (name(row.agent)?, name(row.app)?);
        let human = row.human.map(i64::from);
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
                row.task,
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
        span.go_to(sequence >> SPAN_BITS, tables)?;
        let facets = known.facets(tables, leaf, || leaf_text(row))?;
        let refusal = verdict.filter(|_| row.verdict != Some(ALLOW));
        let change = (row.kind == RecordKind::Change).then_some(-kind);
        let person = row.human.map(seen_as);
        let about = row.about.map(met_as);
        let names = [agent, person, app, tool, class, refusal, change, about].into_iter().flatten();
        met.note(sequence, names.chain(facets.iter().copied()));
        if row.kind == RecordKind::Outcome && !facets.is_empty() {
            met.note_at_intent(tables, row, intent, &facets)?;
        }
        if let (Some(agent), Some(human), Some(app), Some(tool), Some(verdict)) = (agent, human, app, tool, verdict) {
            let tool = if row.tool.is_some_and(is_address) { NO_ONE_TOOL } else { tool };
            uses.count([agent, human, app, tool, verdict], row.at);
        }
        span.note(tables, sequence, row)?;
    }
    met.write(tables)?;
    span.write(tables)?;
    uses.write(tables)
}

/// How a person stands among the names of blocks: below zero, as kinds of records do.
pub(crate) fn seen_as(subject: u32) -> i64 {
    -KINDS_MAX - i64::from(subject)
}

/// How what a change concerns stands among the names of blocks.
pub(crate) fn met_as(about: About) -> i64 {
    match about {
        About::Person(number) => PEOPLE_CONCERNED - i64::from(number),
        About::Thing(sum) => THINGS_CONCERNED - i64::from(sum),
        About::Sealed => CONCERN_SEALED,
    }
}

/// The text of its leaf.
pub(crate) fn leaf_text(row: &Columns<'_>) -> Option<String> {
    trace::text_of(row.leaf.template, row.leaf.values, &CallId::from_bits(row.call), UnixMicros(row.at))
}

/// Whether a tool is the address of a resource, of which there may be as many as there are calls.
pub(crate) fn is_address(tool: &str) -> bool {
    tool.contains("://")
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
    pub(crate) fn of<'r, 'a: 'r>(first: i64, rows: impl Iterator<Item = &'r Columns<'a>>) -> Self {
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
    pub(crate) fn others(&self, sequence: i64, row: &Columns<'_>) -> (Option<i64>, Option<i64>) {
        match self.places.get(&halves(row.call)) {
            Some(Places { intent: Some(intent), outcome: Some(outcome) }) if *outcome == sequence => {
                (Some(*intent), None)
            }
            Some(Places { intent: Some(intent), outcome }) if *intent == sequence => (None, *outcome),
            _ => (None, None),
        }
    }
}

// === impl Met, Span ===

impl Met {
    fn note(&mut self, sequence: i64, names: impl Iterator<Item = i64>) {
        let (span, bit) = (sequence >> SPAN_BITS, block_bit(sequence));
        names.for_each(|name| *self.0.entry((name, span)).or_default() |= bit);
    }

    /// What an outcome says is looked for at its intent, which stands among the rows that are written together, or is looked up.
    fn note_at_intent(
        &mut self,
        tables: &Connection,
        outcome: &Columns<'_>,
        intent: Option<i64>,
        facets: &[i64],
    ) -> rusqlite::Result<()> {
        let intent = match intent {
            Some(intent) => Some(intent),
            None => {
                let (high, low) = halves(outcome.call);
                tables.prepare_cached(INTENT_OF)?.query_row([high, low], |row| row.get(0)).optional()?
            }
        };
        if let Some(intent) = intent {
            self.note(intent, facets.iter().copied());
        }
        Ok(())
    }

    /// In the order of the table, so that each of its pages is met once.
    fn write(self, tables: &Connection) -> rusqlite::Result<()> {
        let mut all: Vec<[i64; 3]> =
            self.0.into_iter().map(|((name, span), blocks)| [name, span, i64::from(blocks)]).collect();
        all.sort_unstable();
        insert_all(tables, "INSERT INTO met(name, span, blocks) VALUES", &all, OR_BLOCKS)
    }
}

/// Which block of its span a record stands in.
pub(crate) fn block_bit(sequence: i64) -> u32 {
    1 << ((sequence >> BLOCK_BITS) & BLOCK_IN_SPAN)
}

impl Span {
    fn go_to(&mut self, number: i64, tables: &Connection) -> rusqlite::Result<()> {
        if number != self.number {
            self.write(tables)?;
            self.number = number;
        }
        Ok(())
    }

    fn note(&mut self, tables: &Connection, sequence: i64, row: &Columns<'_>) -> rusqlite::Result<()> {
        let (first, last) = self.times.unwrap_or((row.at, row.at));
        self.times = Some((first.min(row.at), last.max(row.at)));
        let Some(task) = row.task else { return Ok(()) };
        if self.tasks.is_empty() {
            let mut stored = tables.prepare_cached(TASKS_OF)?;
            let stored: Option<Vec<u8>> = stored.query_row([self.number], |row| row.get(0)).optional()?;
            self.tasks.extend(tasks_in(&stored.unwrap_or_default()));
        }
        *self.tasks.entry(task).or_default() |= block_bit(sequence);
        Ok(())
    }

    /// Leaves it empty.
    fn write(&mut self, tables: &Connection) -> rusqlite::Result<()> {
        if let Some((first, last)) = self.times.take() {
            tables.prepare_cached(PUT_SPAN)?.execute([self.number, first, last])?;
        }
        if !self.tasks.is_empty() {
            let each = self.tasks.drain().map(|(task, blocks)| u64::from(blocks) << 32 | u64::from(task));
            let stored: Vec<u8> = each.flat_map(u64::to_le_bytes).collect();
            tables.prepare_cached(PUT_TASKS)?.execute(params![self.number, stored])?;
        }
        Ok(())
    }
}

/// The tasks of a span, and for each in which of its blocks it is met.
pub(crate) fn tasks_in(stored: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    let (each, _) = stored.as_chunks::<8>();
    each.iter().map(|bytes| {
        let both = u64::from_le_bytes(*bytes);
        (both as u32, (both >> 32) as u32)
    })
}

// === impl Uses ===

impl Uses {
    fn count(&mut self, who_what: [i64; 5], at: i64) {
        let used = self.counted.entry(who_what).or_insert(Used { calls: 0, first: at, last: at });
        used.calls += 1;
        (used.first, used.last) = (used.first.min(at), used.last.max(at));
    }

    fn write(&self, tables: &Connection) -> rusqlite::Result<()> {
        let mut put = tables.prepare_cached(PUT_USED)?;
        for ([agent, human, app, tool, verdict], used) in &self.counted {
            put.execute([*agent, *human, *app, *tool, *verdict, used.calls, used.first, used.last])?;
        }
        Ok(())
    }
}

/// Inserts rows of numbers, many with one statement: most of what one costs does not depend on the row.
pub(crate) fn insert_all<const N: usize>(
    tables: &Connection,
    start: &str,
    rows: &[[i64; N]],
    end: &str,
) -> rusqlite::Result<()> {
    let row = format!("({})", ["?"; N].join(", "));
    let sql = |count: usize| format!("{start} {} {end}", vec![row.as_str(); count].join(", "));
    let (many, rest) = rows.as_chunks::<ROWS_AT_ONCE>();
    if !many.is_empty() {
        let mut insert = tables.prepare_cached(&sql(ROWS_AT_ONCE))?;
        for some in many {
            insert.execute(params_from_iter(some.as_flattened()))?;
        }
    }
    let mut insert = tables.prepare_cached(&sql(1))?;
    rest.iter().try_for_each(|row| insert.execute(params_from_iter(row)).map(drop))
}

/// Records whose sequence numbers differ in this many low bits only are one block to the index of names.
pub(crate) const BLOCK_BITS: u32 = 5;
/// As much for the index of times.
pub(crate) const SPAN_BITS: u32 = 10;
/// Which of the blocks of a span a block is: its number under this mask.
const BLOCK_IN_SPAN: i64 = (1 << (SPAN_BITS - BLOCK_BITS)) - 1;
const ROWS_AT_ONCE: usize = 32;
/// More kinds of records there will not be.
const KINDS_MAX: i64 = 15;
/// Where the body alone says what a change concerns. Schema 8, and schema 2 of PostgreSQL, know it by this number.
const CONCERN_SEALED: i64 = -KINDS_MAX;
const PEOPLE_CONCERNED: i64 = -(1 << 40);
const THINGS_CONCERNED: i64 = -(1 << 41);
/// Stands for all addresses of resources.
pub(crate) const NO_ONE_TOOL: i64 = 0;

const INSERT_INTENT: &str = "INSERT INTO record(sequence, kind, call_high, call_low, at, leaf, body, leaf_hash, \
     leaf_values, body_values, outcome, agent, human, app, tool, class, verdict, task) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
const INSERT_OTHER: &str = "INSERT INTO record(sequence, kind, call_high, call_low, at, leaf, body, leaf_hash, \
     leaf_values, body_values, intent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const OR_BLOCKS: &str = "ON CONFLICT(name, span) DO UPDATE SET blocks = blocks | excluded.blocks";
const PUT_SPAN: &str = "INSERT INTO span(block, first_at, last_at) VALUES (?1, ?2, ?3) ON CONFLICT(block) DO UPDATE SET \
     first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)";
pub(crate) const TASKS_OF: &str = "SELECT blocks FROM task WHERE span = ?1";
const PUT_TASKS: &str = "INSERT OR REPLACE INTO task(span, blocks) VALUES (?1, ?2)";
pub(crate) const INTENT_OF: &str = "SELECT sequence FROM record WHERE call_high = ?1 AND call_low = ?2 AND intent IS NULL \
     AND kind = 1 ORDER BY sequence LIMIT 1";
const PUT_USED: &str = "INSERT INTO used(agent, human, app, tool, verdict, calls, first_at, last_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(agent, human, app, tool, verdict) DO UPDATE SET \
     calls = calls + excluded.calls, first_at = min(first_at, excluded.first_at), \
     last_at = max(last_at, excluded.last_at)";
const PUT_STATE: &str = "INSERT INTO state(kind, key, value) VALUES (?1, ?2, ?3) \
     ON CONFLICT(kind, key) DO UPDATE SET value = excluded.value";
const DELETE_STATE: &str = "DELETE FROM state WHERE kind = ?1 AND key = ?2";
pub(crate) const ALLOW: &str = "allow";
