//! Counts the calls that somebody asks about, by their columns: what they say besides is not read, and no body opened.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params, params_from_iter};
use trace::{Field, Query, RecordKind, StoreFault, Use};

use crate::error::fault;
use crate::find::Search;
use crate::questions::{Questions, prepare, use_at};
use crate::records::is_address;

/// Calls of one part of the log by agent, person, app, tool and verdict.
#[derive(Default)]
struct Counted {
    lines: HashMap<Line, Times>,
    calls: usize,
}

type Line = [Option<i64>; 5];

struct Times {
    calls: i64,
    first: i64,
    last: i64,
}

impl Questions<'_> {
    /// What the calls that fit used.
    pub(crate) fn counted(&self, query: &Query) -> Result<Vec<Use>, StoreFault> {
        let query = query.clone().of_kind(RecordKind::Intent);
        if !query.terms.iter().all(|term| stands_in_columns(term.field)) {
            return Ok(Use::of_calls(self.find(&query)?));
        }
        let mut left = query.limit;
        let mut uses = Vec::new();
        for part in self.parts_of(&query) {
            let counted = Counted::of(part, &Query { limit: left, ..query.clone() })?;
            left -= counted.calls.min(left);
            counted.named(part, &mut uses)?;
        }
        Ok(uses)
    }
}

impl Counted {
    fn of(part: &Connection, query: &Query) -> Result<Self, StoreFault> {
        let mut counted = Self::default();
        let Some(mut search) = Search::of(part, query, &[])? else { return Ok(counted) };
        let sql = search.whole_sql(COLUMNS, "");
        let mut statement = prepare(part, &sql)?;
        search.walk(|search, stretch| {
            let mut rows = statement.query(params_from_iter(search.values(stretch))).map_err(fault)?;
            while counted.calls < query.limit {
                let Some(row) = rows.next().map_err(fault)? else { break };
                counted.take(row).map_err(fault)?;
            }
            Ok(counted.calls < query.limit)
        })?;
        Ok(counted)
    }

    fn take(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let line = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
        let at = row.get(5)?;
        let times = self.lines.entry(line).or_insert(Times { calls: 0, first: at, last: at });
        times.calls += 1;
        (times.first, times.last) = (times.first.min(at), times.last.max(at));
        self.calls += 1;
        Ok(())
    }

    /// Adds what was counted, with the names that this part has for it.
    fn named(self, part: &Connection, uses: &mut Vec<Use>) -> Result<(), StoreFault> {
        let mut statement = prepare(part, NAMES)?;
        for ([agent, human, app, tool, verdict], times) in self.lines {
            let values = params![agent, human, app, tool, verdict, times.calls, times.first, times.last];
            let used = statement.query_row(values, use_at).map_err(fault)?;
            uses.push(Use { tool: used.tool.filter(|tool| !is_address(tool)), ..used });
        }
        Ok(())
    }
}

/// Whether the tables can tell of an intent what it says here, without its body and without its outcome.
pub(crate) const fn stands_in_columns(field: Field) -> bool {
    match field {
        Field::Kind
        | Field::Verdict
        | Field::Would
        | Field::Observed
        | Field::Agent
        | Field::Human
        | Field::App
        | Field::Tool
        | Field::Class
        | Field::Rule
        | Field::Bundle
        | Field::Method
        | Field::What => true,
        Field::Task | Field::Call | Field::Effect | Field::Status | Field::Code | Field::By | Field::Subject => false,
    }
}

const COLUMNS: &str = "SELECT r.agent, r.human, r.app, r.tool, r.verdict, r.at";
const NAMES: &str = "SELECT (SELECT text FROM name WHERE id = ?1), \
     (SELECT substr(subject, 7) FROM subject_key WHERE number = ?2), (SELECT text FROM name WHERE id = ?3), \
     (SELECT text FROM name WHERE id = ?4), (SELECT text FROM name WHERE id = ?5), ?6, ?7, ?8";
