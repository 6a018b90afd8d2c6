//! The keys of subjects in the tables, and destroying them.

use std::path::Path;
use std::time::Duration;

use tokio_postgres::types::{FromSql, Type};
use trace::{ERASING_KEY, SETTLED_KIND, StoreFault, StoreFaultKind};

use super::address::Address;
use super::error::{Failure, fault_of_kind, unreadable};
use super::link::{Link, Param};
use super::session::{PATH, SETTINGS, TIME_MAX, program};
use crate::keys::kept_or_made_in;
use crate::seal::{Sealer, SubjectKey};

/// What an erasure left in the tables, until it is cleared away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unclear {
    /// The subjects of the erasure, as the state names them.
    pub(super) mark: String,
    /// The first transaction after it, as a number of the server's: whoever still sees what was before may read what was erased.
    pub(super) behind: String,
}

/// A sealer with the keys of this log.
pub(super) fn sealer(link: &Link, log: i32, folder: &Path) -> Result<Sealer, Failure> {
    let rows = link.wait(TIME_MAX, link.client.query_typed(KEYS, &[(&log, Type::INT4)]))?;
    let mut keys = Vec::new();
    let mut last = 0;
    for row in &rows {
        let number = u32::try_from(row.try_get::<_, i64>(0).map_err(unreadable)?).map_err(unreadable)?;
        last = last.max(number);
        let subject: Option<String> = row.try_get(1).map_err(unreadable)?;
        let wrapped: Option<Vec<u8>> = row.try_get(2).map_err(unreadable)?;
        if let (Some(subject), Some(wrapped)) = (subject, wrapped) {
            keys.push(SubjectKey { number, subject, wrapped });
        }
    }
    let wrapping = kept_or_made_in(folder, || Ok::<_, Failure>(!keys.is_empty()))?;
    Ok(Sealer::new(wrapping, &keys, last)?)
}

/// Takes these keys, and what is sealed under them, out of the tables. What was replaced lies there still, until [`clear`].
pub(super) fn forget(link: &Link, log: i32, subjects: &[u32]) -> Result<Unclear, Failure> {
    let numbers: Vec<i64> = subjects.iter().copied().map(i64::from).collect();
    for sql in [FORGET, EMPTY] {
        let values: [Param<'_>; 2] = [(&log, Type::INT4), (&numbers, Type::INT8_ARRAY)];
        link.wait(TIME_MAX, link.client.execute_typed(sql, &values))?;
    }
    Ok(Unclear { mark: mark(subjects), behind: one(link, NEXT_TRANSACTION, &[])? })
}

/// Clears away what [`forget`] replaced, and says that nothing of it is left; what the server keeps in its own log of writes and
/// its backups is the server's. Error: somebody reads the database at length, a backup for one, or it takes long, and it is to be tried
/// again; or this user may not. Whoever writes waits meanwhile, so this does not wait long.
pub(super) fn clear(link: &Link, log: i32, unclear: &Unclear) -> Result<(), Failure> {
    let say = |sql: &str| link.wait(TIME_MAX, link.client.batch_execute(sql));
    say("SET lock_timeout = '2s'")?;
    // Each by itself, for it stands in no transaction.
    let cleared = write_anew(link, unclear).and_then(|()| say(LARGE));
    let settings = say(SETTINGS);
    cleared.and(settings)?;
    done(link, log, &unclear.mark)
}

/// As [`clear`], on a link of its own, with all the time that it takes: nobody waits for it but whoever writes what stands in the small
/// tables, for a moment.
pub(super) fn clear_beside(address: &Address, log: i32, unclear: &Unclear) -> Result<(), Failure> {
    let link = Link::open(address.config(&format!("{} (clears)", program())))?;
    let say = |time, sql: &str| link.wait(time, link.client.batch_execute(sql));
    say(TIME_MAX, SETTINGS)?;
    say(TIME_MAX, PATH)?;
    say(TIME_MAX, "SET lock_timeout = '2s'")?;
    write_anew(&link, unclear)?;
    say(TIME_MAX, "SET statement_timeout = 0")?;
    say(CLEAR_TIME_MAX, LARGE)?;
    done(&link, log, &unclear.mark)
}

/// Writes the small tables anew, without what was erased.
fn write_anew(link: &Link, unclear: &Unclear) -> Result<(), Failure> {
    // INVARIANT: what somebody may still see is copied with the rest, so nothing is cleared before nobody does, whichever table they
    // have read (`an_erasure_waits_for_whoever_reads_another_table`).
    let seen = || one::<bool>(link, STILL_SEEN, &[(&unclear.behind, Type::TEXT)]);
    let mut looks = 0;
    while seen()? {
        looks += 1;
        if looks == LOOKS {
            let said = "somebody reads the database of the trace as it was before the erasure";
            let fault = StoreFault::new(StoreFaultKind::Locked, said);
            return Err(fault
                .with_hint("let transactions that are open for long end, and replicas and replication slots catch up")
                .into());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    for table in SMALL {
        let file = || one::<Option<u32>>(link, FILE, &[(&table, Type::TEXT)]);
        let before = file()?;
        link.wait(TIME_MAX, link.client.batch_execute(&format!("VACUUM FULL {table}")))?;
        // INVARIANT: a server that passes over a table only warns (`whoever_may_not_clear_the_tables_is_told`).
        if file()? == before {
            let said = "this user may not clear the tables of the trace: they are another user's";
            return Err(StoreFault::new(StoreFaultKind::Broken, said)
                .with_hint(
                    "let the user of the gateway own the tables of the schema `countersign`, or be a member of the role that does: \
                     the gateway tries again every ten minutes, and when it starts",
                )
                .into());
        }
    }
    Ok(())
}

/// The one value that a question has for an answer.
fn one<T: for<'r> FromSql<'r>>(link: &Link, sql: &str, values: &[Param<'_>]) -> Result<T, Failure> {
    let rows = link.wait(TIME_MAX, link.client.query_typed(sql, values))?;
    let row = rows.first().ok_or_else(|| fault_of_kind(StoreFaultKind::Broken))?;
    Ok(row.try_get(0).map_err(unreadable)?)
}

/// Says that nothing is left of the erasure with this mark. That of another stays.
fn done(link: &Link, log: i32, mark: &str) -> Result<(), Failure> {
    let values: [Param<'_>; 4] =
        [(&log, Type::INT4), (&SETTLED_KIND, Type::TEXT), (&ERASING_KEY, Type::TEXT), (&mark, Type::TEXT)];
    link.wait(TIME_MAX, link.client.execute_typed(DONE, &values)).map(drop)
}

/// The mark of an erasure of these subjects.
fn mark(subjects: &[u32]) -> String {
    subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The keys of an erasure that did not come to its end: the record of it is there, and the keys may be, too.
pub(super) fn unfinished(link: &Link, log: i32) -> Result<Option<Vec<u32>>, Failure> {
    let values: [Param<'_>; 3] = [(&log, Type::INT4), (&SETTLED_KIND, Type::TEXT), (&ERASING_KEY, Type::TEXT)];
    let rows = link.wait(TIME_MAX, link.client.query_typed(ERASING, &values))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let left: String = row.try_get(0).map_err(unreadable)?;
    let subjects: Result<Vec<u32>, _> = left.split(',').filter(|number| !number.is_empty()).map(str::parse).collect();
    Ok(Some(subjects.map_err(unreadable)?))
}

const KEYS: &str = "SELECT number, subject, wrapped FROM subject_key WHERE log = $1 ORDER BY number";
const FORGET: &str = "UPDATE subject_key SET subject = NULL, wrapped = NULL WHERE log = $1 AND number = ANY($2)";
const EMPTY: &str = "UPDATE sealed SET text = '' WHERE log = $1 AND key = ANY($2)";
const ERASING: &str = "SELECT value FROM state WHERE log = $1 AND kind = $2 AND key = $3";
const DONE: &str = "DELETE FROM state WHERE log = $1 AND kind = $2 AND key = $3 AND value = $4";
/// They are written anew, and locked meanwhile.
const SMALL: [&str; 2] = ["subject_key", "state"];
const FILE: &str = "SELECT pg_relation_filenode($1::text::regclass)";
const NEXT_TRANSACTION: &str = "SELECT pg_snapshot_xmax(pg_current_snapshot())::xid::text";
/// Whether what was before this transaction is still to be seen. Our own session is one of them: it sees what any transaction that
/// is under way anywhere on the server has not committed yet, and that is kept for it.
const STILL_SEEN: &str = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity \
     WHERE (datname IS NULL OR datname = current_database()) AND age(backend_xmin) > age($1::text::xid) \
     UNION ALL SELECT 1 FROM pg_replication_slots WHERE age(xmin) > age($1::text::xid))";
/// It is cleaned up while others read and write it.
const LARGE: &str = "VACUUM sealed";
const CLEAR_TIME_MAX: Duration = Duration::from_secs(3_600);
/// For two seconds, as a lock is waited for.
const LOOKS: u32 = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
