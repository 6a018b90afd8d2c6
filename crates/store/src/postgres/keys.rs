//! The keys of subjects in the tables, and destroying them.

use std::path::Path;

use tokio_postgres::types::Type;
use trace::{ERASING_KEY, SETTLED_KIND};

use super::error::{Failure, unreadable};
use super::link::{Link, Param};
use super::session::TIME_MAX;
use crate::keys::kept_or_made_in;
use crate::seal::{Sealer, SubjectKey};

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

/// Destroys these keys for good. What was replaced is not left lying in the tables; what the server keeps in its own
/// log of writes and its backups is the server's.
pub(super) fn destroy(link: &Link, log: i32, subjects: &[u32]) -> Result<(), Failure> {
    let numbers: Vec<i64> = subjects.iter().copied().map(i64::from).collect();
    for sql in [FORGET, EMPTY] {
        let values: [Param<'_>; 2] = [(&log, Type::INT4), (&numbers, Type::INT8_ARRAY)];
        link.wait(TIME_MAX, link.client.execute_typed(sql, &values))?;
    }
    // Each by itself, for it stands in no transaction.
    for sql in ["VACUUM FULL subject_key", "VACUUM FULL state", "VACUUM sealed"] {
        link.wait(TIME_MAX, link.client.batch_execute(sql))?;
    }
    let values: [Param<'_>; 3] = [(&log, Type::INT4), (&SETTLED_KIND, Type::TEXT), (&ERASING_KEY, Type::TEXT)];
    link.wait(TIME_MAX, link.client.execute_typed(DONE, &values)).map(drop)
}

/// Finishes what was broken off: the record of an erasure is there, and the keys may be, too.
pub(super) fn finish(link: &Link, log: i32) -> Result<(), Failure> {
    let values: [Param<'_>; 3] = [(&log, Type::INT4), (&SETTLED_KIND, Type::TEXT), (&ERASING_KEY, Type::TEXT)];
    let rows = link.wait(TIME_MAX, link.client.query_typed(ERASING, &values))?;
    let Some(row) = rows.first() else { return Ok(()) };
    let left: String = row.try_get(0).map_err(unreadable)?;
    let subjects: Result<Vec<u32>, _> = left.split(',').filter(|number| !number.is_empty()).map(str::parse).collect();
    destroy(link, log, &subjects.map_err(unreadable)?)
}

const KEYS: &str = "SELECT number, subject, wrapped FROM subject_key WHERE log = $1 ORDER BY number";
const FORGET: &str = "UPDATE subject_key SET subject = NULL, wrapped = NULL WHERE log = $1 AND number = ANY($2)";
const EMPTY: &str = "UPDATE sealed SET text = '' WHERE log = $1 AND key = ANY($2)";
const ERASING: &str = "SELECT value FROM state WHERE log = $1 AND kind = $2 AND key = $3";
const DONE: &str = "DELETE FROM state WHERE log = $1 AND kind = $2 AND key = $3";
