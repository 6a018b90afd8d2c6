//! Questions in SQL, for whoever has a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::num::TryFromIntError;
use std::ops::RangeInclusive;

use model::limits::CALL_TAIL_CHARS_MIN;
use model::{CallId, Digest, UnixMicros, crockford_bits};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use trace::{
    ERASED, Entry, Kept, Query, RecordKind, SETTLED_KEY, SETTLED_KIND, StoreFault, StoreFaultKind, Use, UseOf, text_of,
};

use crate::error::{fault, fault_of_kind};
use crate::keys;
use crate::records::{halves, kind_of, whole};
use crate::redo::Place;
use crate::seal::{Opener, SubjectKey, subject};
use crate::tail::Tail;

/// What [`trace::LogReader`] asks.
pub(crate) struct Questions<'c> {
    /// The tables.
    pub(crate) tables: &'c Connection,
    /// What the tables do not hold yet.
    pub(crate) tail: Option<&'c Tail>,
    /// Opens bodies, where the key is at hand.
    pub(crate) opener: Option<&'c Opener>,
}

impl Questions<'_> {
    pub(crate) fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        let Some(call) = self.call_of(id)? else { return Ok(Vec::new()) };
        let (high, low) = halves(call);
        let of_call = format!("{SELECT} FROM record r {JOINS} WHERE {OF_CALL} ORDER BY r.sequence");
        let mut all = Vec::new();
        for part in self.parts() {
            let mut statement = prepare(part, &of_call)?;
            let mut rows = statement.query([high, low]).map_err(fault)?;
            while let Some(row) = rows.next().map_err(fault)? {
                all.push(entry(row, self.opener)?);
            }
        }
        all.into_iter().map(|entry| self.with_outcome(entry)).collect()
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
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Connection> {
        std::iter::once(self.tables).chain(self.tail.map(|tail| &tail.records))
    }

    /// Everything that holds records, in the order in which this asks for them.
    pub(crate) fn parts_of(&self, query: &Query) -> Vec<&Connection> {
        let mut parts: Vec<&Connection> = self.parts().collect();
        if query.newest_first {
            parts.reverse();
        }
        parts
    }

    /// Outcomes in the tail belong to intents in the tables, too.
    pub(crate) fn with_outcome(&self, mut entry: Entry) -> Result<Entry, StoreFault> {
        if entry.kind == RecordKind::Intent && entry.outcome_leaf.is_none() {
            entry.outcome_leaf = self.outcome_in_tail(&entry.call)?;
        }
        Ok(entry)
    }

    /// The call with this id or this end of one.
    pub(crate) fn call_named(&self, id: &str) -> Result<Option<u128>, StoreFault> {
        let id = id.to_ascii_lowercase();
        match CallId::parse(&id) {
            Ok(call) => Ok(Some(call.bits())),
            Err(_) => self.call_with_tail(&id),
        }
    }

    pub(crate) fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, StoreFault> {
        let (sql, who) = match of {
            UseOf::Agent(agent) => {
                (format!("{USES} WHERE u.agent = (SELECT id FROM name WHERE text = ?1)"), agent.to_owned())
            }
            UseOf::Human(human) => (
                format!("{USES} WHERE u.human IN (SELECT number FROM subject_key WHERE subject = ?1)"),
                subject(Some(human)),
            ),
        };
        let mut all: BTreeMap<_, Use> = BTreeMap::new();
        for part in self.parts() {
            let mut statement = prepare(part, &sql)?;
            for used in statement.query_map([&who], use_at).map_err(fault)? {
                let used = used.map_err(fault)?;
                let key = (used.agent.clone(), used.human.clone(), used.app.clone(), used.tool.clone(), used.verdict);
                let sum = all.entry(key).or_insert_with(|| Use { calls: 0, ..used.clone() });
                sum.calls += used.calls;
                (sum.first, sum.last) = (sum.first.min(used.first), sum.last.max(used.last));
            }
        }
        Ok(all.into_values().collect())
    }

    /// What is kept of a person among these records.
    pub(crate) fn kept_among(&self, human: &str, records: &RangeInclusive<u64>) -> Result<Option<Kept>, StoreFault> {
        let mut all: Option<Kept> = None;
        let [first, last] = [records.start(), records.end()].map(|place| i64::try_from(*place).unwrap_or(i64::MAX));
        for part in self.parts() {
            let (mut statement, mut named) = (prepare(part, KEPT)?, prepare(part, NUMBERS_OF)?);
            let found = statement.query_map(params![subject(Some(human)), first, last], kept_at).map_err(fault)?;
            // Whoever has no text any more still has a name, and counts under it.
            let named = named.query_map([subject(Some(human))], |row| row.get(0).map(Kept::named)).map_err(fault)?;
            for kept in found.chain(named) {
                let kept = kept.map_err(fault)?;
                all = Some(match all {
                    Some(all) => all.and(kept),
                    None => kept,
                });
            }
        }
        Ok(all)
    }

    fn outcome_in_tail(&self, call: &CallId) -> Result<Option<String>, StoreFault> {
        let Some(tail) = self.tail else { return Ok(None) };
        let (high, low) = halves(call.bits());
        let mut statement = prepare(&tail.records, OUTCOME_OF)?;
        statement.query_row([high, low], |row| text_at(row, 0, call, UnixMicros(row.get(2)?))).optional().map_err(fault)
    }

    /// The whole id of the call that somebody means.
    fn call_of(&self, id: &str) -> Result<Option<u128>, StoreFault> {
        let id = id.trim().to_ascii_lowercase();
        if let Ok(call) = CallId::parse(&id) {
            return Ok(Some(call.bits()));
        }
        if let Ok(sequence) = id.parse::<i64>() {
            let mut call = None;
            for part in self.parts() {
                let mut statement = prepare(part, "SELECT call_high, call_low FROM record WHERE sequence = ?1")?;
                let found = statement.query_row([sequence], |row| call_at(row, 0)).optional().map_err(fault)?;
                call = call.or(found);
            }
            let call = call.as_ref().map(CallId::bits);
            if call.is_some() || id.len() < CALL_TAIL_CHARS_MIN {
                return Ok(call);
            }
        }
        self.call_with_tail(&id)
    }

    fn call_with_tail(&self, tail: &str) -> Result<Option<u128>, StoreFault> {
        if tail.len() < CALL_TAIL_CHARS_MIN || !tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(no_id(tail));
        }
        // Of the 130 bits of 26 digits the first two are always zero.
        let fits = tail.len() < CALL_DIGITS || CallId::parse(&format!("c_{tail}")).is_ok();
        let Some(bits) = crockford_bits(tail).filter(|_| fits) else { return Ok(None) };
        let mask = u128::MAX.checked_shr(128_u32.saturating_sub(5 * tail.len() as u32)).unwrap_or_default();
        let ((mask_high, mask_low), (high, low)) = (halves(mask), halves(bits));
        let mut calls: BTreeSet<u128> = BTreeSet::new();
        for part in self.parts() {
            let mut statement = prepare(part, WITH_TAIL)?;
            let some = statement
                .query_map([mask_high, high, mask_low, low], |row| call_at(row, 0).map(|call| call.bits()))
                .map_err(fault)?;
            calls.extend(some.collect::<Result<Vec<_>, _>>().map_err(fault)?);
        }
        if calls.len() > 1 {
            return Err(several(tail, calls.into_iter().take(CALLS_NAMED_MAX)));
        }
        Ok(calls.pop_first())
    }
}

/// What is asked for is no id and no end of one.
pub(crate) fn no_id(tail: &str) -> StoreFault {
    StoreFault::new(StoreFaultKind::Question, format!("`{tail}` is not the id of a call or change"))
        .with_hint("give the whole id, at least its last 4 characters, or a sequence number")
}

/// What is asked for ends several ids, of which these are some.
pub(crate) fn several(tail: &str, calls: impl Iterator<Item = u128>) -> StoreFault {
    let calls: Vec<_> = calls.map(|bits| CallId::from_bits(bits).to_string()).collect();
    StoreFault::new(StoreFaultKind::Question, format!("`{tail}` is the end of several ids"))
        .with_hint(format!("give more of it: {}", calls.join(", ")))
}

pub(crate) fn prepare<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, StoreFault> {
    connection.prepare_cached(sql).map_err(fault)
}

/// How SQLite would read what fits.
#[cfg(test)]
pub(crate) fn plan(connection: &Connection, query: &Query) -> String {
    plan_of(connection, &crate::find::sql_of(connection, query))
}

/// How SQLite would find the records of a call, the calls without an outcome, and an outcome.
#[cfg(test)]
pub(crate) fn plans_of_calls(connection: &Connection) -> [String; 3] {
    let of_call = format!("{SELECT} FROM record r {JOINS} WHERE {OF_CALL} ORDER BY r.sequence");
    [&of_call, UNFINISHED, OUTCOME_OF].map(|sql| plan_of(connection, sql))
}

/// How SQLite would count what is kept of a person.
#[cfg(test)]
pub(crate) fn plan_of_kept(connection: &Connection) -> String {
    plan_of(connection, KEPT)
}

#[cfg(test)]
fn plan_of(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let values = vec![rusqlite::types::Value::Null; statement.parameter_count()];
    let lines = statement.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
    lines.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}

pub(crate) fn entry(row: &Row<'_>, opener: Option<&Opener>) -> Result<Entry, StoreFault> {
    let bare = bare_entry(row).map_err(fault)?;
    body_of(row, bare, opener)
}

/// This record with its body; without one where that is erased. Error: it does not open, or the key is not at hand.
fn body_of(row: &Row<'_>, bare: Entry, opener: Option<&Opener>) -> Result<Entry, StoreFault> {
    let damaged = || fault_of_kind(StoreFaultKind::Corrupt);
    let bytes = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_blob_or_null()?);
    if row.get_ref(BODY).map_err(fault)? == ValueRef::Null {
        return Ok(bare);
    }
    let number: Option<u32> = row.get(BODY_KEY).map_err(fault)?;
    let (subject, wrapped): (Option<String>, Option<Vec<u8>>) =
        (row.get(BODY_KEY + 1).map_err(fault)?, row.get(BODY_KEY + 2).map_err(fault)?);
    let key = match (number, subject, wrapped) {
        (Some(number), Some(subject), Some(wrapped)) => SubjectKey { number, subject, wrapped },
        (Some(_), None, None) => return Ok(Entry { lost_key: number, ..bare }),
        _ => return Err(damaged()),
    };
    let (template, values) = (bytes(14).map_err(fault)?, bytes(15).map_err(fault)?);
    let sealed = template.zip(values).ok_or_else(damaged)?;
    let (template, values) = opener.ok_or_else(keys::missing)?.open(&key, sealed, bare.leaf_hash.as_bytes())?;
    let body = text_of(&template, &values, &bare.call, bare.at).ok_or_else(damaged)?;
    Ok(Entry { body: Some(body), ..bare })
}

/// An entry without its body.
fn bare_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let kind: i64 = row.get(1)?;
    let call = call_at(row, 2)?;
    let at = UnixMicros(row.get(4)?);
    let whole = |column| text_at(row, column, &call, at);
    let outcome_at: Option<i64> = row.get(18)?;
    Ok(Entry {
        sequence: sequence_at(row, 0)?,
        kind: kind_of(kind).ok_or_else(|| unreadable(1, Type::Integer, "not a kind of record"))?,
        agent: row.get(5)?,
        human: row.get(6)?,
        app: row.get(7)?,
        tool: row.get(8)?,
        class: word_at(row, 9)?,
        verdict: word_at(row, 10)?,
        leaf: whole(11)?,
        leaf_hash: Digest::new(row.get(13)?),
        body: None,
        lost_key: None,
        outcome_leaf: outcome_at.map(|at| text_at(row, 16, &call, UnixMicros(at))).transpose()?,
        call,
        at,
    })
}

pub(crate) fn use_at(row: &Row<'_>) -> rusqlite::Result<Use> {
    Ok(Use {
        agent: row.get(0)?,
        human: row.get::<_, Option<String>>(1)?.unwrap_or_else(|| ERASED.to_owned()),
        app: row.get(2)?,
        tool: row.get(3)?,
        verdict: word_at(row, 4)?.ok_or_else(|| unreadable(4, Type::Null, "no verdict"))?,
        calls: sequence_at(row, 5)?,
        first: UnixMicros(row.get(6)?),
        last: UnixMicros(row.get(7)?),
    })
}

fn kept_at(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        subjects: vec![row.get(0)?],
        records: sequence_at(row, 1)?,
        sequences: (sequence_at(row, 2)?, sequence_at(row, 3)?),
        times: (UnixMicros(row.get(4)?), UnixMicros(row.get(5)?)),
    })
}

/// A text from its template in this column and its values in the next.
pub(crate) fn text_at(row: &Row<'_>, column: usize, call: &CallId, at: UnixMicros) -> rusqlite::Result<String> {
    let template = row.get_ref(column)?.as_str()?;
    let values = row.get_ref(column + 1)?.as_blob()?;
    text_of(template, values, call, at).ok_or_else(|| unreadable(column + 1, Type::Blob, "not of its template"))
}

/// A column that holds a word of ours.
fn word_at<T: std::str::FromStr<Err = String>>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error: String| unreadable(column, Type::Text, error))).transpose()
}

/// An id from its halves in this column and the next.
pub(crate) fn call_at(row: &Row<'_>, column: usize) -> rusqlite::Result<CallId> {
    Ok(CallId::from_bits(whole(row.get(column)?, row.get(column + 1)?)))
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

pub(crate) const SELECT: &str = "SELECT r.sequence, r.kind, r.call_high, r.call_low, r.at, \
     (SELECT text FROM name WHERE id = r.agent), (SELECT substr(subject, 7) FROM subject_key WHERE number = r.human), \
     (SELECT text FROM name WHERE id = r.app), (SELECT text FROM name WHERE id = r.tool), \
     (SELECT text FROM name WHERE id = r.class), (SELECT text FROM name WHERE id = r.verdict), \
     leaf.text, r.leaf_values, r.leaf_hash, body.text, r.body_values, ended_leaf.text, ended.leaf_values, ended.at, \
     r.body, body_key.number, body_key.subject, body_key.wrapped";

const BODY: usize = 19;
const BODY_KEY: usize = 20;

/// What a record needs to be read: its templates, and those of the first outcome of a call.
pub(crate) const JOINS: &str = "LEFT JOIN template leaf ON leaf.id = r.leaf LEFT JOIN sealed body ON body.id = r.body \
     LEFT JOIN subject_key body_key ON body_key.number = body.key \
     LEFT JOIN record ended ON r.kind = 1 AND ended.sequence = coalesce(r.outcome, (SELECT o.sequence FROM record o \
     WHERE o.call_high = r.call_high AND o.call_low = r.call_low AND o.intent IS NULL AND o.kind = 2 \
     ORDER BY o.sequence LIMIT 1)) LEFT JOIN template ended_leaf ON ended_leaf.id = ended.leaf";

/// The records of a call: those that its index holds, and the outcomes that they name.
pub(crate) const OF_CALL: &str = "r.sequence IN (SELECT sequence FROM record WHERE call_high = ?1 AND call_low = ?2 \
     AND intent IS NULL UNION SELECT outcome FROM record WHERE call_high = ?1 AND call_low = ?2 AND intent IS NULL)";

const UNFINISHED: &str = "SELECT i.call_high, i.call_low FROM record i WHERE i.sequence > ?1 AND i.kind = 1 \
     AND i.outcome IS NULL AND i.verdict IN (SELECT id FROM name WHERE text IN ('allow', 'redact')) \
     AND NOT EXISTS (SELECT 1 FROM record o WHERE o.call_high = i.call_high AND o.call_low = i.call_low \
     AND o.intent IS NULL AND o.kind = 2) GROUP BY i.call_high, i.call_low ORDER BY min(i.sequence)";

const WITH_TAIL: &str = "SELECT DISTINCT call_high, call_low FROM record INDEXED BY record_call WHERE intent IS NULL \
     AND call_high & ?1 = ?2 AND call_low & ?3 = ?4 ORDER BY call_high, call_low LIMIT 4";

const OUTCOME_OF: &str = "SELECT t.text, o.leaf_values, o.at FROM record o JOIN template t ON t.id = o.leaf \
     WHERE o.call_high = ?1 AND o.call_low = ?2 AND o.intent IS NULL AND o.kind = 2 ORDER BY o.sequence LIMIT 1";

const USES: &str = "SELECT (SELECT text FROM name WHERE id = u.agent), \
     (SELECT substr(subject, 7) FROM subject_key WHERE number = u.human), \
     (SELECT text FROM name WHERE id = u.app), (SELECT text FROM name WHERE id = u.tool), \
     (SELECT text FROM name WHERE id = u.verdict), u.calls, u.first_at, u.last_at FROM used u";

const KEPT: &str = "SELECT b.key, count(*), min(r.sequence), max(r.sequence), min(r.at), max(r.at) FROM record r \
     JOIN sealed b ON b.id = r.body WHERE b.key IN (SELECT number FROM subject_key WHERE subject = ?1) \
     AND r.sequence BETWEEN ?2 AND ?3 GROUP BY b.key";

/// The numbers that stand for a person.
pub(crate) const NUMBERS_OF: &str = "SELECT number FROM subject_key WHERE subject = ?1";

pub(crate) const CALLS_NAMED_MAX: usize = 4;
pub(crate) const CALL_DIGITS: usize = 26;
