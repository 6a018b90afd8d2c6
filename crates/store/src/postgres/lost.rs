//! What the tables of a server say of its records.

use model::UnixMicros;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use trace::{Entry, RecordKind, text_of};

use super::error::Failure;
use super::questions::{at, call_at};
use super::reader::Tables;
use super::rows::task_name;
use crate::lost::{Bits, Indexed, Indices, Times, between, bits_of, misfiled};
use crate::records::{BLOCK_BITS, SPAN_BITS};

impl Indices for Tables {
    type Error = Failure;

    fn records(&self, from: i64, before: i64) -> Result<Vec<Indexed>, Failure> {
        let rows = self.rows(RECORDS, &[(&from, Type::INT8), (&before, Type::INT8)])?;
        let record = |row: &Row| {
            Ok(Indexed {
                sequence: at(row, 0)?,
                kind: at(row, 1)?,
                call: (at(row, 2)?, at(row, 3)?),
                at: at(row, 4)?,
                agent: at(row, 5)?,
                human: at(row, 6)?,
                app: at(row, 7)?,
                tool: at(row, 8)?,
                class: at(row, 9)?,
                verdict: at(row, 10)?,
                task: at(row, 11)?,
                leaf: at(row, 12)?,
                intent: at(row, 13)?,
                outcome: at(row, 14)?,
                body: at(row, 15)?,
            })
        };
        rows.iter().map(record).collect()
    }

    fn last(&self) -> Result<i64, Failure> {
        Ok(self.last_sequence()?.cast_signed())
    }

    fn met(&self, span: i64, names: &[i64]) -> Result<Bits, Failure> {
        let (first, last) = blocks(span);
        let rows = self.rows(MET, &[(&names, Type::INT8_ARRAY), (&first, Type::INT8), (&last, Type::INT8)])?;
        let met: Vec<(i64, i64)> =
            rows.iter().map(|row| Ok((at(row, 0)?, at(row, 1)?))).collect::<Result<_, Failure>>()?;
        Ok(bits_of(met.into_iter()))
    }

    fn tasks(&self, span: i64, tasks: &[i64]) -> Result<Bits, Failure> {
        let named = |task: &i64| Some((task_name(u32::try_from(*task).ok()?), *task));
        let names: Vec<(i64, i64)> = tasks.iter().filter_map(named).collect();
        let met = self.met(span, &names.iter().map(|(name, _)| *name).collect::<Vec<_>>())?;
        Ok(names.into_iter().filter_map(|(name, task)| Some((task, *met.get(&name)?))).collect())
    }

    fn times(&self, span: i64) -> Result<Option<(i64, i64)>, Failure> {
        let rows = self.rows(TIMES, &[(&span, Type::INT8)])?;
        rows.first().map(|row| Ok((at(row, 0)?, at(row, 1)?))).transpose()
    }

    fn name(&self, number: i64) -> Result<Option<String>, Failure> {
        let rows = self.rows(NAME, &[(&number, Type::INT8)])?;
        let Some(text) = rows.first().map(|row| at::<String>(row, 0)).transpose()? else { return Ok(None) };
        Ok((self.names(&[&text])? == [number]).then_some(text))
    }

    fn facets(&self, template: i64) -> Result<Vec<(i64, String)>, Failure> {
        let rows = self.rows(FACETS, &[(&template, Type::INT8)])?;
        rows.iter().map(|row| Ok((at(row, 0)?, at(row, 1)?))).collect()
    }

    fn leaf(&self, sequence: i64) -> Result<Option<String>, Failure> {
        let rows = self.rows(LEAF, &[(&sequence, Type::INT8)])?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(text_of(at(row, 0)?, at(row, 1)?, &call_at(row, 2)?, UnixMicros(at(row, 4)?)))
    }

    fn intent_of(&self, (high, low): (i64, i64)) -> Result<Option<i64>, Failure> {
        let rows = self.rows(INTENT_OF, &[(&high, Type::INT8), (&low, Type::INT8)])?;
        Ok(rows.first().map(|row| at(row, 0)).transpose()?)
    }

    fn changes(&self, from: i64, before: i64) -> Result<Vec<(i64, Vec<i64>)>, Failure> {
        let mut changes = Vec::new();
        for entry in self.find(&between(from, before).of_kind(RecordKind::Change))? {
            let Some(subject) = entry.change().and_then(|change| change.subject) else { continue };
            changes.push((entry.sequence.cast_signed(), self.concerned(&[subject])?));
        }
        Ok(changes)
    }

    fn uses(&self) -> Result<Vec<([i64; 5], Times)>, Failure> {
        let used = |row: &Row| {
            let who = [at(row, 0)?, at(row, 1)?, at(row, 2)?, at(row, 3)?, at(row, 4)?];
            Ok((who, (at(row, 5)?, at(row, 6)?, at(row, 7)?)))
        };
        self.rows(USES, &[])?.iter().map(used).collect()
    }
}

impl Tables {
    /// The first of these entries whose task stands there otherwise than in its text.
    pub(super) fn misfiled(&self, entries: &[Entry]) -> Result<Option<u64>, Failure> {
        let place = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.sequence.cast_signed());
        let (first, last) = (place(entries.first()), place(entries.last()));
        let rows = self.rows(TASKS, &[(&first, Type::INT8), (&last, Type::INT8)])?;
        let stored = rows.iter().map(|row| Ok((at(row, 0)?, at(row, 1)?))).collect::<Result<_, Failure>>()?;
        Ok(misfiled(entries, &stored))
    }
}

/// The first block of a span and the last.
fn blocks(span: i64) -> (i64, i64) {
    let bits = SPAN_BITS - BLOCK_BITS;
    (span << bits, ((span + 1) << bits) - 1)
}

const RECORDS: &str = "SELECT sequence, kind, call_high, call_low, at, agent, human, app, tool, class, verdict, task, leaf, \
     intent, outcome, body IS NOT NULL FROM record WHERE log = $1 AND sequence >= $2 AND sequence < $3 ORDER BY sequence";
const MET: &str = "SELECT name, block FROM seen WHERE log = $1 AND name = ANY($2) AND block >= $3 AND block <= $4";
const TIMES: &str = "SELECT first_at, last_at FROM span WHERE log = $1 AND block = $2";
const NAME: &str = "SELECT text FROM name WHERE log = $1 AND id = $2";
const FACETS: &str = "SELECT f.name, n.text FROM facet f JOIN name n ON n.log = f.log AND n.id = f.name \
     WHERE f.log = $1 AND f.template = $2";
const TASKS: &str = "SELECT sequence, task FROM record WHERE log = $1 AND sequence BETWEEN $2 AND $3";
const LEAF: &str = "SELECT t.text, r.leaf_values, r.call_high, r.call_low, r.at FROM record r \
     JOIN template t ON t.log = r.log AND t.id = r.leaf WHERE r.log = $1 AND r.sequence = $2";
const INTENT_OF: &str = "SELECT sequence FROM record WHERE log = $1 AND call_high = $2 AND call_low = $3 \
     AND intent IS NULL AND kind = 1 ORDER BY sequence LIMIT 1";
const USES: &str = "SELECT agent, human, app, tool, verdict, calls, first_at, last_at FROM used WHERE log = $1";
