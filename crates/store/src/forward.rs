//! Bodies of a database from before they were sealed: each is sealed under a key of the person it is about, and the names of
//! people leave the tables that cannot forget.

use std::sync::Arc;

use model::{CallId, Class, UnixMicros, Verdict};
use rusqlite::{Connection, OptionalExtension, Row, params};
use trace::{RecordKind, StoreFault, person_in_change, text_of};

use crate::error::fault;
use crate::frame::KeyColumns;
use crate::keys;
use crate::known::Known;
use crate::questions::call_at;
use crate::records::{halves, kind_of};
use crate::seal::{Sealer, Wrapping};
use crate::sum::sum;

/// One record as it stood.
struct Old {
    sequence: i64,
    kind: Option<RecordKind>,
    call: CallId,
    at: UnixMicros,
    human: Option<String>,
    leaf_hash: [u8; 32],
    template: Option<Arc<str>>,
    values: Vec<u8>,
}

/// Seals every body of these tables.
pub(crate) fn seal_bodies(tables: &Connection, wrapping: Arc<Wrapping>) -> Result<(), StoreFault> {
    let mut sealer = Sealer::new(wrapping, &[], 0)?;
    let mut known = Known::default();
    let mut behind = 0;
    loop {
        let page = page(tables, behind).map_err(fault)?;
        let Some(last) = page.last() else { break };
        behind = last.sequence;
        for old in &page {
            seal_one(tables, &mut sealer, &mut known, old)?;
        }
    }
    rename_people(tables, &mut sealer)?;
    keep(tables, &mut sealer)?;
    tables.execute_batch(THE_REST).map_err(fault)
}

fn seal_one(tables: &Connection, sealer: &mut Sealer, known: &mut Known, old: &Old) -> Result<(), StoreFault> {
    let Some(template) = &old.template else { return Ok(()) };
    let person = match old.kind {
        Some(RecordKind::Intent) => old.human.clone(),
        Some(RecordKind::Outcome) => person_of_call(tables, &old.call).map_err(fault)?,
        Some(RecordKind::Change) | None => {
            text_of(template, &old.values, &old.call, old.at).and_then(|body| person_in_change(&body))
        }
    };
    let sealed =
        sealer.seal_parts(person.as_deref(), (template, sum(template.as_bytes()), &old.values), &old.leaf_hash)?;
    keep(tables, sealer)?;
    let mut change = || {
        let body = known.sealed(tables, sealed.key, &sealed.template)?;
        let human = old.human.is_some().then_some(sealed.key);
        tables.prepare_cached(UPDATE)?.execute(params![old.sequence, body, sealed.values, human])
    };
    change().map(drop).map_err(fault)
}

fn keep(tables: &Connection, sealer: &mut Sealer) -> Result<(), StoreFault> {
    keys::put(tables, sealer.fresh().iter().map(KeyColumns::from)).map_err(fault)?;
    sealer.confirmed();
    Ok(())
}

/// People stood among the names, where an agent or a tool may have the same one.
fn rename_people(tables: &Connection, sealer: &mut Sealer) -> Result<(), StoreFault> {
    let people = || {
        let mut people = tables.prepare(PEOPLE)?;
        let people = people.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        people.collect::<Result<Vec<(i64, String)>, _>>()
    };
    for (name, human) in people().map_err(fault)? {
        let number = sealer.number_of(Some(&human))?;
        let rename = || {
            tables.execute("UPDATE used SET human = -?2 WHERE human = ?1", params![name, number])?;
            tables.execute("DELETE FROM seen WHERE name = ?1", [name])?;
            let word = Class::ALL.map(Class::as_str).contains(&human.as_str())
                || Verdict::ALL.map(Verdict::as_str).contains(&human.as_str());
            if word || tables.query_row(IS_ELSE, [name], |row| row.get(0))? {
                tables.execute(SEEN_AGAIN, [name]).map(drop)
            } else {
                tables.execute("DELETE FROM name WHERE id = ?1", [name]).map(drop)
            }
        };
        rename().map_err(fault)?;
    }
    Ok(())
}

fn page(tables: &Connection, behind: i64) -> rusqlite::Result<Vec<Old>> {
    let mut statement = tables.prepare_cached(PAGE)?;
    statement.query_map([behind], old_at)?.collect()
}

fn old_at(row: &Row<'_>) -> rusqlite::Result<Old> {
    let template: Option<String> = row.get(7)?;
    Ok(Old {
        sequence: row.get(0)?,
        kind: kind_of(row.get(1)?),
        call: call_at(row, 2)?,
        at: UnixMicros(row.get(4)?),
        human: row.get(5)?,
        leaf_hash: row.get(6)?,
        template: template.map(Into::into),
        values: row.get::<_, Option<Vec<u8>>>(8)?.unwrap_or_default(),
    })
}

/// The intent stands before its outcome, so its person has a number already.
fn person_of_call(tables: &Connection, call: &CallId) -> rusqlite::Result<Option<String>> {
    let (high, low) = halves(call.bits());
    tables.prepare_cached(PERSON_OF)?.query_row([high, low], |row| row.get(0)).optional()
}

const PAGE: &str = "SELECT r.sequence, r.kind, r.call_high, r.call_low, r.at, \
     (SELECT text FROM name WHERE id = r.human), r.leaf_hash, t.text, r.body_values FROM record r \
     LEFT JOIN template t ON t.id = r.body WHERE r.sequence > ?1 ORDER BY r.sequence LIMIT 1000";
const PERSON_OF: &str = "SELECT substr(k.subject, 7) FROM record i JOIN subject_key k ON k.number = i.human \
     WHERE i.call_high = ?1 AND i.call_low = ?2 AND i.intent IS NULL AND i.kind = 1 ORDER BY i.sequence LIMIT 1";
const UPDATE: &str = "UPDATE record SET body = ?2, body_values = ?3, human = ?4 WHERE sequence = ?1";
const PEOPLE: &str = "SELECT id, text FROM name WHERE id IN (SELECT human FROM used)";
const IS_ELSE: &str = "SELECT EXISTS (SELECT 1 FROM used WHERE agent = ?1 OR app = ?1 OR tool = ?1) \
     OR EXISTS (SELECT 1 FROM facet WHERE name = ?1)";
const SEEN_AGAIN: &str = "INSERT OR IGNORE INTO seen(name, block) SELECT ?1, sequence >> 5 FROM record \
     WHERE ?1 IN (agent, app, tool, class, verdict)";
/// A number of a subject is below zero until no number of a name can be taken for it.
const THE_REST: &str = "UPDATE used SET human = -human WHERE human < 0; \
     INSERT OR IGNORE INTO seen(name, block) SELECT -15 - human, sequence >> 5 FROM record WHERE human IS NOT NULL; \
     DELETE FROM template WHERE id NOT IN (SELECT leaf FROM record);";

#[cfg(test)]
mod tests;
