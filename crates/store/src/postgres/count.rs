//! Counts the calls that somebody asks about, by their columns: what they say besides is not read, and no body opened.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use trace::{Query, RecordKind, StoreFault, Use};

use super::error::Failure;
use super::link::Param;
use super::questions::{at, use_at};
use super::reader::Tables;
use crate::count::stands_in_columns;
use crate::records::is_address;

/// Calls by agent, person, app, tool and verdict.
type Lines = HashMap<[Option<i64>; 5], Times>;

struct Times {
    calls: i64,
    first: i64,
    last: i64,
}

impl Tables {
    /// What the calls that fit used.
    pub(super) fn counted(&self, query: &Query) -> Result<Vec<Use>, Failure> {
        let query = query.clone().of_kind(RecordKind::Intent);
        if !query.terms.iter().all(|term| stands_in_columns(term.field)) {
            return Ok(Use::of_calls(self.find(&query)?));
        }
        let mut lines = Lines::new();
        if let Some(mut search) = self.search(&query, &[])? {
            let mut left = query.limit;
            search.walk((COLUMNS, ""), |rows| {
                rows.iter().take(left).try_for_each(|row| take(&mut lines, row))?;
                left = left.saturating_sub(rows.len());
                Ok(left)
            })?;
        }
        self.named(&lines)
    }

    /// What was counted, with its names.
    fn named(&self, lines: &Lines) -> Result<Vec<Use>, Failure> {
        let mut names: [Vec<Option<i64>>; 5] = Default::default();
        let mut times: [Vec<i64>; 3] = Default::default();
        for (line, Times { calls, first, last }) in lines {
            names.iter_mut().zip(line).for_each(|(column, number)| column.push(*number));
            times.iter_mut().zip([calls, first, last]).for_each(|(column, number)| column.push(*number));
        }
        let mut values: Vec<Param<'_>> = Vec::new();
        for column in &names {
            values.push((column, Type::INT8_ARRAY));
        }
        for column in &times {
            values.push((column, Type::INT8_ARRAY));
        }
        let rows = self.rows(NAMES, &values)?;
        let uses = rows.iter().map(|row| {
            let used = use_at(row)?;
            Ok(Use { tool: used.tool.filter(|tool| !is_address(tool)), ..used })
        });
        Ok(uses.collect::<Result<_, StoreFault>>()?)
    }
}

fn take(lines: &mut Lines, row: &Row) -> Result<(), StoreFault> {
    let line = [at(row, 1)?, at(row, 2)?, at(row, 3)?, at(row, 4)?, at(row, 5)?];
    let time: i64 = at(row, 6)?;
    let times = lines.entry(line).or_insert(Times { calls: 0, first: time, last: time });
    times.calls += 1;
    (times.first, times.last) = (times.first.min(time), times.last.max(time));
    Ok(())
}

const COLUMNS: &str = "SELECT r.sequence, r.agent, r.human, r.app, r.tool, r.verdict, r.at";
const NAMES: &str = "SELECT (SELECT text FROM name n WHERE n.log = $1 AND n.id = u.agent), \
     (SELECT substr(k.subject, 7) FROM subject_key k WHERE k.log = $1 AND k.number = u.human), \
     (SELECT text FROM name n WHERE n.log = $1 AND n.id = u.app), \
     (SELECT text FROM name n WHERE n.log = $1 AND n.id = u.tool), \
     (SELECT text FROM name n WHERE n.log = $1 AND n.id = u.verdict), u.calls, u.first_at, u.last_at \
     FROM unnest($2, $3, $4, $5, $6, $7, $8, $9) u(agent, human, app, tool, verdict, calls, first_at, last_at)";
