//! What [`trace::LogReader`] asks, in SQL.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use model::limits::CALL_TAIL_CHARS_MIN;
use model::{CallId, Digest, UnixMicros, crockford_bits};
use tlog::{Frontier, Hash, TILE_WIDTH, Tile, TileKind};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use trace::{ERASED, Entry, Kept, SETTLED_KEY, SETTLED_KIND, StoreFault, Use, UseOf, text_of};

use super::error::{Failure, unreadable};
use super::reader::Tables;
use crate::keys::missing;
use crate::questions::{CALL_DIGITS, CALLS_NAMED_MAX, no_id, several};
use crate::records::{halves, kind_of, whole};
use crate::seal::{SubjectKey, subject};
use crate::tree;

impl Tables {
    pub(super) fn by_id(&self, id: &str) -> Result<Vec<Entry>, Failure> {
        let Some(call) = self.call_of(id)? else { return Ok(Vec::new()) };
        let (high, low) = halves(call);
        let sql = format!("{SELECT} FROM record r {JOINS} WHERE r.log = $1 AND {OF_CALL} ORDER BY r.sequence");
        let rows = self.rows(&sql, &[(&high, Type::INT8), (&low, Type::INT8)])?;
        Ok(rows.iter().map(|row| self.entry(row)).collect::<Result<_, _>>()?)
    }

    pub(super) fn unfinished(&self) -> Result<Vec<CallId>, Failure> {
        let settled = self.rows(SETTLED, &[(&SETTLED_KIND, Type::TEXT), (&SETTLED_KEY, Type::TEXT)])?;
        let settled: Option<String> = settled.first().map(|row| at(row, 0)).transpose()?;
        let settled: i64 = settled.and_then(|text| text.parse().ok()).unwrap_or(0);
        let rows = self.rows(UNFINISHED, &[(&settled, Type::INT8)])?;
        Ok(rows.iter().map(|row| call_at(row, 0)).collect::<Result<_, _>>()?)
    }

    pub(super) fn last_sequence(&self) -> Result<u64, Failure> {
        let rows = self.rows(LAST_SEQUENCE, &[])?;
        Ok(rows.first().map_or(Ok(0), |row| number_at(row, 0))?)
    }

    pub(super) fn state(&self, kind: &str) -> Result<Vec<(String, String)>, Failure> {
        let rows = self.rows(STATE, &[(&kind, Type::TEXT)])?;
        Ok(rows.iter().map(|row| Ok((at(row, 0)?, at(row, 1)?))).collect::<Result<_, StoreFault>>()?)
    }

    pub(super) fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, Failure> {
        let (column, numbers) = match of {
            UseOf::Agent(agent) => ("agent", self.names(&[agent])?),
            UseOf::Human(human) => ("human", self.numbers_of(&[human])?),
        };
        let sql = format!("{USES} AND u.{column} = ANY($2)");
        let rows = self.rows(&sql, &[(&numbers, Type::INT8_ARRAY)])?;
        Ok(rows.iter().map(use_at).collect::<Result<_, _>>()?)
    }

    pub(super) fn tree(&self) -> Result<Frontier, Failure> {
        let rows = self.rows(TREE, &[])?;
        let written: Option<&str> = rows.first().map(|row| at(row, 0)).transpose()?;
        let Some(written) = written else { return Ok(Frontier::new()) };
        Ok(tree::parse(written).ok_or_else(|| unreadable("the tree cannot be read"))?)
    }

    pub(super) fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, Failure> {
        match tile.kind() {
            TileKind::Hashes(level) => {
                let number = tree::number(level, tile.index());
                let rows = self.rows(TILE, &[(&number, Type::INT8)])?;
                let found: Option<Vec<u8>> = rows.first().map(|row| at(row, 0)).transpose()?.flatten();
                let wanted = usize::from(tile.width()) * Hash::BYTES;
                Ok(found.filter(|hashes| hashes.len() >= wanted).map(|mut hashes| {
                    hashes.truncate(wanted);
                    hashes
                }))
            }
            TileKind::Entries => self.leaves(tile),
        }
    }

    fn leaves(&self, tile: Tile) -> Result<Option<Vec<u8>>, Failure> {
        let first = i64::try_from(tile.index() * u64::from(TILE_WIDTH)).map_err(unreadable)?;
        let end = first + i64::from(tile.width());
        let rows = self.rows(LEAF_TEXTS, &[(&first, Type::INT8), (&end, Type::INT8)])?;
        if rows.len() < usize::from(tile.width()) {
            return Ok(None);
        }
        let text = |row: &Row| {
            let text = text_of(at(row, 3)?, at(row, 4)?, &call_at(row, 0)?, UnixMicros(at(row, 2)?));
            Ok::<_, StoreFault>(text.unwrap_or_default())
        };
        let leaves: Vec<String> = rows.iter().map(text).collect::<Result<_, _>>()?;
        Ok(tile.encode_entries(&leaves).map(Some).map_err(unreadable)?)
    }

    /// What is kept of a person among these records.
    pub(super) fn kept_among(&self, human: &str, records: &RangeInclusive<u64>) -> Result<Option<Kept>, Failure> {
        let numbers = self.numbers_of(&[human])?;
        let [first, last] = [records.start(), records.end()].map(|place| i64::try_from(*place).unwrap_or(i64::MAX));
        let rows = self.rows(KEPT, &[(&numbers, Type::INT8_ARRAY), (&first, Type::INT8), (&last, Type::INT8)])?;
        let kept: Vec<Kept> = rows.iter().map(kept_at).collect::<Result<_, _>>()?;
        // Whoever has no text any more still has a name, and counts under it.
        let named = numbers.iter().map(|number| u32::try_from(*number).map(Kept::named).map_err(unreadable));
        let named: Vec<Kept> = named.collect::<Result<_, _>>()?;
        Ok(kept.into_iter().chain(named).reduce(Kept::and))
    }

    /// The numbers that stand for these people.
    pub(super) fn numbers_of(&self, people: &[&str]) -> Result<Vec<i64>, Failure> {
        let subjects: Vec<String> = people.iter().map(|human| subject(Some(human))).collect();
        let rows = self.rows(NUMBERS_OF, &[(&subjects, Type::TEXT_ARRAY)])?;
        Ok(rows.iter().map(|row| at(row, 0)).collect::<Result<_, _>>()?)
    }

    /// A record. Error: it does not open, or the key is not at hand.
    pub(super) fn entry(&self, row: &Row) -> Result<Entry, StoreFault> {
        let bare = bare_entry(row)?;
        self.body_of(row, bare)
    }

    /// This record with its body; without one where that is erased.
    fn body_of(&self, row: &Row, bare: Entry) -> Result<Entry, StoreFault> {
        let damaged = || unreadable("the body does not belong to its record");
        if at::<Option<i64>>(row, BODY)?.is_none() {
            return Ok(bare);
        }
        let key: (Option<i64>, Option<String>, Option<Vec<u8>>) =
            (at(row, BODY_KEY)?, at(row, BODY_KEY + 1)?, at(row, BODY_KEY + 2)?);
        let key = match key {
            (Some(number), Some(subject), Some(wrapped)) => {
                SubjectKey { number: u32::try_from(number).map_err(unreadable)?, subject, wrapped }
            }
            (Some(number), None, None) => {
                let lost_key = Some(u32::try_from(number).map_err(unreadable)?);
                return Ok(Entry { lost_key, ..bare });
            }
            _ => return Err(damaged()),
        };
        let (template, values): (Option<&[u8]>, Option<&[u8]>) = (at(row, 14)?, at(row, 15)?);
        let sealed = template.zip(values).ok_or_else(damaged)?;
        let opener = self.opener.as_ref().ok_or_else(missing)?;
        let (template, values) = opener.open(&key, sealed, bare.leaf_hash.as_bytes())?;
        let body = text_of(&template, &values, &bare.call, bare.at).ok_or_else(damaged)?;
        Ok(Entry { body: Some(body), ..bare })
    }

    /// The numbers of those names that this log knows.
    pub(super) fn names(&self, texts: &[&str]) -> Result<Vec<i64>, Failure> {
        let sums: Vec<i64> = texts.iter().map(|text| crate::sum::sum(text.as_bytes()).cast_signed()).collect();
        let rows = self.rows(NAMES_OF, &[(&sums, Type::INT8_ARRAY), (&texts, Type::TEXT_ARRAY)])?;
        Ok(rows.iter().map(|row| at(row, 0)).collect::<Result<_, _>>()?)
    }

    /// The call with this id or this end of one.
    pub(super) fn call_named(&self, id: &str) -> Result<Option<u128>, Failure> {
        let id = id.to_ascii_lowercase();
        match CallId::parse(&id) {
            Ok(call) => Ok(Some(call.bits())),
            Err(_) => self.call_with_tail(&id),
        }
    }

    /// The whole id of the call that somebody means.
    fn call_of(&self, id: &str) -> Result<Option<u128>, Failure> {
        let id = id.trim().to_ascii_lowercase();
        if let Ok(call) = CallId::parse(&id) {
            return Ok(Some(call.bits()));
        }
        if let Ok(sequence) = id.parse::<i64>() {
            let rows = self.rows(CALL_AT, &[(&sequence, Type::INT8)])?;
            let call = rows.first().map(|row| call_at(row, 0)).transpose()?.map(|call| call.bits());
            if call.is_some() || id.len() < CALL_TAIL_CHARS_MIN {
                return Ok(call);
            }
        }
        self.call_with_tail(&id)
    }

    fn call_with_tail(&self, tail: &str) -> Result<Option<u128>, Failure> {
        if tail.len() < CALL_TAIL_CHARS_MIN || !tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(no_id(tail).into());
        }
        // Of the 130 bits of 26 digits the first two are always zero.
        let fits = tail.len() < CALL_DIGITS || CallId::parse(&format!("c_{tail}")).is_ok();
        let Some(bits) = crockford_bits(tail).filter(|_| fits) else { return Ok(None) };
        let mask = u128::MAX.checked_shr(128_u32.saturating_sub(5 * tail.len() as u32)).unwrap_or_default();
        let ((mask_high, mask_low), (high, low)) = (halves(mask), halves(bits));
        let values = [&mask_high, &high, &mask_low, &low].map(|half| (half as _, Type::INT8));
        let rows = self.rows(WITH_TAIL, &values)?;
        let mut calls: BTreeSet<u128> = BTreeSet::new();
        for row in &rows {
            calls.insert(call_at(row, 0)?.bits());
        }
        if calls.len() > 1 {
            return Err(several(tail, calls.into_iter().take(CALLS_NAMED_MAX)).into());
        }
        Ok(calls.pop_first())
    }
}

/// An entry without its body.
fn bare_entry(row: &Row) -> Result<Entry, StoreFault> {
    let call = call_at(row, 2)?;
    let time = UnixMicros(at(row, 4)?);
    let whole = |column, time| text_at(row, column, &call, time);
    let hash: &[u8] = at(row, 13)?;
    let outcome_at: Option<i64> = at(row, 18)?;
    Ok(Entry {
        sequence: number_at(row, 0)?,
        kind: kind_of(at(row, 1)?).ok_or_else(|| unreadable("not a kind of record"))?,
        agent: at(row, 5)?,
        human: at(row, 6)?,
        app: at(row, 7)?,
        tool: at(row, 8)?,
        class: word_at(row, 9)?,
        verdict: word_at(row, 10)?,
        leaf: whole(11, time)?,
        leaf_hash: Digest::new(hash.try_into().map_err(unreadable)?),
        body: None,
        lost_key: None,
        outcome_leaf: outcome_at.map(|at| whole(16, UnixMicros(at))).transpose()?,
        call: call.clone(),
        at: time,
    })
}

pub(super) fn use_at(row: &Row) -> Result<Use, StoreFault> {
    Ok(Use {
        agent: at(row, 0)?,
        human: at::<Option<String>>(row, 1)?.unwrap_or_else(|| ERASED.to_owned()),
        app: at(row, 2)?,
        tool: at(row, 3)?,
        verdict: word_at(row, 4)?.ok_or_else(|| unreadable("no verdict"))?,
        calls: number_at(row, 5)?,
        first: UnixMicros(at(row, 6)?),
        last: UnixMicros(at(row, 7)?),
    })
}

fn kept_at(row: &Row) -> Result<Kept, StoreFault> {
    Ok(Kept {
        subjects: vec![u32::try_from(at::<i64>(row, 0)?).map_err(unreadable)?],
        records: number_at(row, 1)?,
        sequences: (number_at(row, 2)?, number_at(row, 3)?),
        times: (UnixMicros(at(row, 4)?), UnixMicros(at(row, 5)?)),
    })
}

/// A text from its template in this column and its values in the next.
fn text_at(row: &Row, column: usize, call: &CallId, time: UnixMicros) -> Result<String, StoreFault> {
    text_of(at(row, column)?, at(row, column + 1)?, call, time).ok_or_else(|| unreadable("not of its template"))
}

/// A column that holds a word of ours.
fn word_at<T: std::str::FromStr<Err = String>>(row: &Row, column: usize) -> Result<Option<T>, StoreFault> {
    let text: Option<&str> = at(row, column)?;
    text.map(|text| text.parse().map_err(|error: String| unreadable(error))).transpose()
}

/// An id from its halves in this column and the next.
pub(super) fn call_at(row: &Row, column: usize) -> Result<CallId, StoreFault> {
    Ok(CallId::from_bits(whole(at(row, column)?, at(row, column + 1)?)))
}

fn number_at(row: &Row, column: usize) -> Result<u64, StoreFault> {
    u64::try_from(at::<i64>(row, column)?).map_err(unreadable)
}

pub(super) fn at<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, StoreFault> {
    row.try_get(column).map_err(unreadable)
}

const SETTLED: &str = "SELECT value FROM state WHERE log = $1 AND kind = $2 AND key = $3";
const LAST_SEQUENCE: &str = "SELECT coalesce(max(sequence), 0) FROM record WHERE log = $1";
const STATE: &str = "SELECT key, value FROM state WHERE log = $1 AND kind = $2 ORDER BY key";
const TREE: &str = "SELECT tree FROM log WHERE id = $1";
const TILE: &str = "SELECT string_agg(hashes, ''::bytea ORDER BY first) FROM tile WHERE log = $1 AND number = $2";
const LEAF_TEXTS: &str = "SELECT r.call_high, r.call_low, r.at, t.text, r.leaf_values FROM record r \
     JOIN template t ON t.log = r.log AND t.id = r.leaf \
     WHERE r.log = $1 AND r.sequence > $2 AND r.sequence <= $3 ORDER BY r.sequence";
const NAMES_OF: &str = "SELECT id FROM name WHERE log = $1 AND sum = ANY($2) AND text = ANY($3)";
const CALL_AT: &str = "SELECT call_high, call_low FROM record WHERE log = $1 AND sequence = $2";

pub(super) const SELECT: &str = "SELECT r.sequence, r.kind, r.call_high, r.call_low, r.at, \
     (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.agent), \
     (SELECT substr(k.subject, 7) FROM subject_key k WHERE k.log = r.log AND k.number = r.human), \
     (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.app), \
     (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.tool), \
     (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.class), \
     (SELECT text FROM name n WHERE n.log = r.log AND n.id = r.verdict), \
     leaf.text, r.leaf_values, r.leaf_hash, body.text, r.body_values, ended_leaf.text, ended.leaf_values, ended.at, \
     r.body, body_key.number, body_key.subject, body_key.wrapped";

const BODY: usize = 19;
const BODY_KEY: usize = 20;

/// What a record needs to be read: its templates, and those of the first outcome of a call.
pub(super) const JOINS: &str = "LEFT JOIN template leaf ON leaf.log = r.log AND leaf.id = r.leaf \
     LEFT JOIN sealed body ON body.log = r.log AND body.id = r.body \
     LEFT JOIN subject_key body_key ON body_key.log = r.log AND body_key.number = body.key \
     LEFT JOIN record ended ON r.kind = 1 AND ended.log = r.log AND ended.sequence = coalesce(r.outcome, \
     (SELECT o.sequence FROM record o WHERE o.log = r.log AND o.call_high = r.call_high AND o.call_low = r.call_low \
     AND o.intent IS NULL AND o.kind = 2 ORDER BY o.sequence LIMIT 1)) \
     LEFT JOIN template ended_leaf ON ended_leaf.log = r.log AND ended_leaf.id = ended.leaf";

/// The records of a call: those that its index holds, and the outcomes that they name.
pub(super) const OF_CALL: &str = "r.sequence IN (SELECT sequence FROM record WHERE log = $1 AND call_high = $2 \
     AND call_low = $3 AND intent IS NULL UNION SELECT outcome FROM record WHERE log = $1 AND call_high = $2 \
     AND call_low = $3 AND intent IS NULL)";

const UNFINISHED: &str = "SELECT i.call_high, i.call_low FROM record i WHERE i.log = $1 AND i.sequence > $2 \
     AND i.kind = 1 AND i.outcome IS NULL \
     AND i.verdict = ANY(ARRAY(SELECT id FROM name WHERE log = $1 AND text IN ('allow', 'redact'))) \
     AND NOT EXISTS (SELECT 1 FROM record o WHERE o.log = $1 AND o.call_high = i.call_high AND o.call_low = i.call_low \
     AND o.intent IS NULL AND o.kind = 2) GROUP BY i.call_high, i.call_low ORDER BY min(i.sequence)";

const WITH_TAIL: &str = "SELECT DISTINCT call_high, call_low FROM record WHERE log = $1 AND intent IS NULL \
     AND call_high & $2 = $3 AND call_low & $4 = $5 ORDER BY call_high, call_low LIMIT 4";

const NUMBERS_OF: &str = "SELECT number FROM subject_key WHERE log = $1 AND subject = ANY($2)";
const KEPT: &str = "SELECT b.key, count(*), min(r.sequence), max(r.sequence), min(r.at), max(r.at) FROM record r \
     JOIN sealed b ON b.log = r.log AND b.id = r.body WHERE r.log = $1 AND b.key = ANY($2) \
     AND r.sequence BETWEEN $3 AND $4 GROUP BY b.key";
const USES: &str = "SELECT (SELECT text FROM name n WHERE n.log = u.log AND n.id = u.agent), \
     (SELECT substr(k.subject, 7) FROM subject_key k WHERE k.log = u.log AND k.number = u.human), \
     (SELECT text FROM name n WHERE n.log = u.log AND n.id = u.app), \
     (SELECT text FROM name n WHERE n.log = u.log AND n.id = u.tool), \
     (SELECT text FROM name n WHERE n.log = u.log AND n.id = u.verdict), \
     u.calls, u.first_at, u.last_at FROM used u WHERE u.log = $1";
