//! Questions in SQL, for whoever has a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::num::TryFromIntError;

use model::{CallId, Digest, UnixMicros, Verdict};
use rusqlite::types::{FromSqlError, Type, Value};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params_from_iter};
use trace::{Entry, Query, RecordKind, SETTLED_KEY, SETTLED_KIND, StoreFault, StoreFaultKind};

use crate::error::fault;
use crate::redo::Place;
use crate::tail::Tail;

/// What [`trace::LogReader`] asks.
pub(crate) struct Questions<'c> {
    /// The tables.
    pub(crate) tables: &'c Connection,
    /// What the tables do not hold yet.
    pub(crate) tail: Option<&'c Tail>,
}

/// A condition in the making.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Questions<'_> {
    pub(crate) fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        let Some(tail) = self.tail else { return found(self.tables, query) };
        let [first, second] =
            if query.newest_first { [&tail.records, self.tables] } else { [self.tables, &tail.records] };
        let mut entries = found(first, query)?;
        let limit = query.limit.saturating_sub(entries.len());
        if limit > 0 {
            entries.extend(found(second, &Query { limit, ..query.clone() })?);
        }
        self.with_outcomes(entries)
    }

    pub(crate) fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        let Some(call) = self.call_of(id)? else { return Ok(Vec::new()) };
        let of_call = format!("{SELECT} WHERE r.call = ?1 ORDER BY r.sequence");
        let mut all = Vec::new();
        for part in self.parts() {
            all.extend(entries(part, &of_call, vec![Value::Text(call.clone())])?);
        }
        self.with_outcomes(all)
    }

    pub(crate) fn unfinished(&self) -> Result<Vec<CallId>, StoreFault> {
        let settled: Option<String> = prepare(self.tables, "SELECT value FROM state WHERE kind = ?1 AND key = ?2")?
            .query_row([SETTLED_KIND, SETTLED_KEY], |row| row.get(0))
            .optional()
            .map_err(fault)?;
        let settled: i64 = settled.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut all = Vec::new();
        for part in self.parts() {
            let mut statement = prepare(part, UNFINISHED)?;
            let calls = statement.query_map([settled], |row| call_at(row, 0)).map_err(fault)?;
            for call in calls {
                let call = call.map_err(fault)?;
                if self.outcome_in_tail(&call)?.is_none() {
                    all.push(call);
                }
            }
        }
        Ok(all)
    }

    pub(crate) fn last_sequence(&self) -> Result<u64, StoreFault> {
        let mut last = 0;
        for part in self.parts() {
            last = last.max(prepare(part, LAST_SEQUENCE)?.query_row([], |row| sequence_at(row, 0)).map_err(fault)?);
        }
        Ok(last)
    }

    pub(crate) fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault> {
        let mut statement = prepare(self.tables, "SELECT key, value FROM state WHERE kind = ?1 ORDER BY key")?;
        let pairs = statement.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fault)?;
        let mut pairs: BTreeMap<String, String> = pairs.collect::<Result<_, _>>().map_err(fault)?;
        for write in self.tail.iter().flat_map(|tail| &tail.state).filter(|write| write.kind == kind) {
            match &write.value {
                Some(value) => pairs.insert(write.key.clone(), value.clone()),
                None => pairs.remove(&write.key),
            };
        }
        Ok(pairs.into_iter().collect())
    }

    /// Everything that holds records, in the order of the log.
    fn parts(&self) -> impl Iterator<Item = &Connection> {
        std::iter::once(self.tables).chain(self.tail.map(|tail| &tail.records))
    }

    /// Outcomes in the tail belong to intents in the tables, too.
    fn with_outcomes(&self, mut entries: Vec<Entry>) -> Result<Vec<Entry>, StoreFault> {
        for entry in &mut entries {
            if entry.kind == RecordKind::Intent && entry.outcome_leaf.is_none() {
                entry.outcome_leaf = self.outcome_in_tail(&entry.call)?;
            }
        }
        Ok(entries)
    }

    fn outcome_in_tail(&self, call: &CallId) -> Result<Option<String>, StoreFault> {
        let Some(tail) = self.tail else { return Ok(None) };
        prepare(&tail.records, OUTCOME_OF)?.query_row([call.as_str()], |row| row.get(0)).optional().map_err(fault)
    }

    /// The whole id of the call that somebody means.
    fn call_of(&self, id: &str) -> Result<Option<String>, StoreFault> {
        let id = id.trim().to_ascii_lowercase();
        if CallId::parse(&id).is_ok() {
            return Ok(Some(id));
        }
        if let Ok(sequence) = id.parse::<i64>() {
            let mut call = None;
            for part in self.parts() {
                let mut statement = prepare(part, "SELECT call FROM record WHERE sequence = ?1")?;
                let found = statement.query_row([sequence], |row| row.get(0)).optional().map_err(fault)?;
                call = call.or(found);
            }
            if call.is_some() || id.len() < TAIL_CHARS_MIN {
                return Ok(call);
            }
        }
        self.call_with_tail(&id)
    }

    fn call_with_tail(&self, tail: &str) -> Result<Option<String>, StoreFault> {
        let length = i64::try_from(tail.len()).unwrap_or(i64::MAX);
        if tail.len() < TAIL_CHARS_MIN || !tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(StoreFault::new(
                StoreFaultKind::Question,
                format!("`{tail}` is not the id of a call or change"),
            )
            .with_hint("give the whole id, at least its last 4 characters, or a sequence number"));
        }
        let mut calls: BTreeSet<String> = BTreeSet::new();
        for part in self.parts() {
            let mut statement = prepare(part, WITH_TAIL)?;
            let some = statement.query_map(rusqlite::params![-length, tail], |row| row.get(0)).map_err(fault)?;
            calls.extend(some.collect::<Result<Vec<_>, _>>().map_err(fault)?);
        }
        if calls.len() > 1 {
            let calls: Vec<_> = calls.into_iter().take(CALLS_NAMED_MAX).collect();
            return Err(StoreFault::new(StoreFaultKind::Question, format!("`{tail}` is the end of several ids"))
                .with_hint(format!("give more of it: {}", calls.join(", "))));
        }
        Ok(calls.pop_first())
    }
}

fn found(connection: &Connection, query: &Query) -> Result<Vec<Entry>, StoreFault> {
    let (sql, values) = sql_of(query);
    entries(connection, &sql, values)
}

fn entries(connection: &Connection, sql: &str, values: Vec<Value>) -> Result<Vec<Entry>, StoreFault> {
    let mut statement = prepare(connection, sql)?;
    let entries = statement.query_map(params_from_iter(values), entry).map_err(fault)?;
    entries.collect::<Result<_, _>>().map_err(fault)
}

fn prepare<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, StoreFault> {
    connection.prepare_cached(sql).map_err(fault)
}

impl Conditions {
    fn of(query: &Query) -> Self {
        let mut all = Self::default();
        all.equal("r.agent", query.agent.as_deref());
        all.equal("r.human", query.human.as_deref());
        all.equal("r.app", query.app.as_deref());
        all.equal("r.tool", query.tool.as_deref());
        all.equal("r.verdict", query.verdict.map(Verdict::as_str));
        // A partial index is used only where its own condition stands in the question, letter by letter.
        if query.verdict.is_some_and(|verdict| verdict != Verdict::Allow) {
            all.sql.push_str(" AND r.verdict <> 'allow'");
        }
        if query.observed {
            // Rare enough to be looked for in the leaves, which hold no text of others that could say the same.
            all.sql.push_str(" AND instr(r.leaf, ',\"would\":\"') > 0");
        }
        if query.intents_only() {
            all.sql.push_str(" AND r.kind = 'intent'");
        }
        match query.kind {
            Some(RecordKind::Intent) if query.intents_only() => {}
            Some(kind) => all.sql.push_str(&format!(" AND r.kind = '{kind}'")),
            None => {}
        }
        if let Some(after) = query.after_sequence {
            let place = all.bind(Value::Integer(i64::try_from(after).unwrap_or(i64::MAX)));
            all.sql.push_str(&format!(" AND r.sequence > ?{place}"));
        }
        all.between(query.since, query.until);
        all
    }

    fn equal(&mut self, column: &str, value: Option<&str>) {
        if let Some(value) = value {
            let place = self.bind(Value::Text(value.to_owned()));
            self.sql.push_str(&format!(" AND {column} = ?{place}"));
        }
    }

    /// The clock may have stepped, so times need not ascend with the sequence. The bounds in sequence numbers come out
    /// of the index of times alone, and go with any other index; the `+` keeps SQLite from walking the table instead.
    fn between(&mut self, since: Option<UnixMicros>, until: Option<UnixMicros>) {
        let mut times = String::new();
        for (sign, bound) in [(">=", since), ("<=", until)] {
            if let Some(bound) = bound {
                let place = self.bind(Value::Integer(bound.0));
                times.push_str(&format!(" AND at {sign} ?{place}"));
            }
        }
        if times.is_empty() {
            return;
        }
        let plain = times.replace(" at ", " +r.at ");
        self.sql.push_str(&plain);
        for (sign, most) in [(">=", since.map(|_| "min")), ("<=", until.map(|_| "max"))] {
            if let Some(most) = most {
                let bound = format!(" AND r.sequence {sign} (SELECT {most}(+sequence) FROM record WHERE true{times})");
                self.sql.push_str(&bound);
            }
        }
    }

    fn bind(&mut self, value: Value) -> usize {
        self.values.push(value);
        self.values.len()
    }
}

fn sql_of(query: &Query) -> (String, Vec<Value>) {
    let mut conditions = Conditions::of(query);
    let order = if query.newest_first { "DESC" } else { "ASC" };
    let limit = conditions.bind(Value::Integer(i64::try_from(query.limit).unwrap_or(i64::MAX)));
    let sql = format!("{SELECT} WHERE true{} ORDER BY r.sequence {order} LIMIT ?{limit}", conditions.sql);
    (sql, conditions.values)
}

/// How SQLite would answer.
#[cfg(test)]
pub(crate) fn plan(connection: &Connection, query: &Query) -> String {
    let (sql, values) = sql_of(query);
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
    lines.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        sequence: sequence_at(row, 0)?,
        kind: word_at(row, 1)?.ok_or(FromSqlError::InvalidType)?,
        call: call_at(row, 2)?,
        at: UnixMicros(row.get(3)?),
        agent: row.get(4)?,
        human: row.get(5)?,
        app: row.get(6)?,
        tool: row.get(7)?,
        class: word_at(row, 8)?,
        verdict: word_at(row, 9)?,
        leaf: row.get(10)?,
        leaf_hash: Digest::new(row.get(11)?),
        body: row.get(12)?,
        outcome_leaf: row.get(13)?,
    })
}

/// A column that holds a word of ours.
fn word_at<T: std::str::FromStr<Err = String>>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error: String| unreadable(column, Type::Text, error))).transpose()
}

fn call_at(row: &Row<'_>, column: usize) -> rusqlite::Result<CallId> {
    let text: String = row.get(column)?;
    CallId::parse(&text).map_err(|error| unreadable(column, Type::Text, error))
}

fn sequence_at(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|error: TryFromIntError| unreadable(column, Type::Integer, error))
}

fn unreadable(
    column: usize,
    kind: Type,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, error.into())
}

/// How far the redo log stands in the tables.
pub(crate) fn absorbed(connection: &Connection) -> rusqlite::Result<Place> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = 'redo'")?;
    let text: Option<String> = statement.query_row([], |row| row.get(0)).optional()?;
    let Some(text) = text else { return Ok(Place::default()) };
    text.parse().map_err(|()| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, "not a place".into()))
}

pub(crate) const LAST_SEQUENCE: &str = "SELECT coalesce(max(sequence), 0) FROM record";

const SELECT: &str = "SELECT r.sequence, r.kind, r.call, r.at, r.agent, r.human, r.app, r.tool, r.class, r.verdict, \
     r.leaf, r.leaf_hash, b.json, CASE r.kind WHEN 'intent' THEN (SELECT o.leaf FROM record o WHERE o.call = r.call \
     AND o.kind = 'outcome' ORDER BY o.sequence LIMIT 1) END FROM record r LEFT JOIN body b ON b.sequence = r.sequence";

const UNFINISHED: &str = "SELECT i.call FROM record i WHERE i.sequence > ?1 AND i.kind = 'intent' \
     AND +i.verdict IN ('allow', 'redact') AND NOT EXISTS (SELECT 1 FROM record o WHERE o.call = i.call \
     AND o.kind = 'outcome') GROUP BY i.call ORDER BY min(i.sequence)";

const WITH_TAIL: &str =
    "SELECT DISTINCT call FROM record INDEXED BY record_call WHERE substr(call, ?1) = ?2 ORDER BY call LIMIT 4";

const OUTCOME_OF: &str = "SELECT leaf FROM record WHERE call = ?1 AND kind = 'outcome' ORDER BY sequence LIMIT 1";

const CALLS_NAMED_MAX: usize = 4;
const TAIL_CHARS_MIN: usize = 4;
