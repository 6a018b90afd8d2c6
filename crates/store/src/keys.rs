//! The keys of subjects in the tables, and the key around them in its file beside the database.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::rand;
use model::{Blame, Fault, Secret};
use private_file::Openness;
use rusqlite::{Connection, OptionalExtension, params};
use trace::{StoreFault, StoreFaultKind};

use crate::error::fault;
use crate::frame::KeyColumns;
use crate::seal::{KEY_BYTES, Sealer, SubjectKey, Wrapping};

/// The key around the keys of this database; none where there is no file with it.
pub(crate) fn wrapping(database: &Path) -> Result<Option<Arc<Wrapping>>, StoreFault> {
    kept_in(&folder_of(database))
}

/// The key in this folder; none where there is no file with it.
pub(crate) fn kept_in(folder: &Path) -> Result<Option<Arc<Wrapping>>, StoreFault> {
    let path = folder.join(FILE);
    let found = private_file::open(&path, Openness::Owner, FILE_BYTES_MAX).map_err(refused)?;
    let Some((file, about)) = found else { return Ok(None) };
    let content = private_file::content(&path, file, &about).map_err(refused)?;
    wrapping_in(&path, &content).map(Some)
}

/// As [`wrapping`], made where there is none and nothing is sealed under it.
pub(crate) fn wrapping_or_new(database: &Path, tables: &Connection) -> Result<Arc<Wrapping>, StoreFault> {
    kept_or_made_in(&folder_of(database), || tables.query_row(ANY, [], |row| row.get(0)).map_err(fault))
}

/// As [`kept_in`], made where there is none and nothing is sealed under it.
pub(crate) fn kept_or_made_in<E: From<StoreFault>>(
    folder: &Path,
    sealed: impl FnOnce() -> Result<bool, E>,
) -> Result<Arc<Wrapping>, E> {
    if let Some(wrapping) = kept_in(folder)? {
        return Ok(wrapping);
    }
    if sealed()? {
        return Err(missing().into());
    }
    Ok(made_in(folder)?)
}

fn made_in(folder: &Path) -> Result<Arc<Wrapping>, StoreFault> {
    let path = folder.join(FILE);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| refused(private_file::unwritable(folder, error)))?;
    let content = private_file::read_or_create(&path, FILE_BYTES_MAX, || {
        let mut bytes = [0; KEY_BYTES];
        rand::fill(&mut bytes).map_err(|_| {
            Fault::new(Blame::Operator, "store.no_randomness", "the machine has no randomness to make a key from")
        })?;
        let mut text = model::hex(&bytes).to_vec();
        bytes.fill(0);
        text.push(b'\n');
        Ok(Secret::new(text))
    });
    wrapping_in(&path, &content.map_err(refused)?)
}

/// Something is sealed, and the key that opens it is not there.
pub(crate) fn missing() -> StoreFault {
    StoreFault::new(StoreFaultKind::Missing, "the key that opens the trace's bodies is missing")
        .with_hint("put the file `trace-keys/bodies.key` back that stood beside this database")
}

/// A sealer with the keys of these tables.
pub(crate) fn sealer(tables: &Connection, wrapping: Arc<Wrapping>) -> Result<Sealer, StoreFault> {
    let mut statement = tables.prepare(KEYS).map_err(fault)?;
    let keys = statement
        .query_map([], |row| Ok(SubjectKey { number: row.get(0)?, subject: row.get(1)?, wrapped: row.get(2)? }));
    let keys: Vec<SubjectKey> = keys.map_err(fault)?.collect::<Result<_, _>>().map_err(fault)?;
    let last: u32 = tables.query_row(LAST, [], |row| row.get(0)).map_err(fault)?;
    Sealer::new(wrapping, &keys, last)
}

/// Keeps keys that are new.
pub(crate) fn put<'a>(tables: &Connection, keys: impl Iterator<Item = KeyColumns<'a>>) -> rusqlite::Result<()> {
    let mut put = None;
    for key in keys {
        let put = match &mut put {
            Some(put) => put,
            None => put.insert(tables.prepare_cached(PUT)?),
        };
        put.execute(params![key.number, key.subject, key.wrapped])?;
    }
    Ok(())
}

/// Copies what is kept of a subject, destroyed or not.
pub(crate) fn copy(from: &Connection, to: &Connection, number: u32) -> rusqlite::Result<()> {
    let found: Option<(Option<String>, Option<Vec<u8>>)> = from
        .prepare_cached("SELECT subject, wrapped FROM subject_key WHERE number = ?1")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((subject, wrapped)) = found {
        to.prepare_cached(PUT)?.execute(params![number, subject, wrapped])?;
    }
    Ok(())
}

fn folder_of(database: &Path) -> PathBuf {
    database.with_file_name("trace-keys")
}

fn wrapping_in(path: &Path, content: &Secret<Vec<u8>>) -> Result<Arc<Wrapping>, StoreFault> {
    let bytes = unhex(content.expose().trim_ascii()).map(Secret::new).ok_or_else(|| {
        let said = format!("`{}` holds no key of the trace's bodies", path.display());
        StoreFault::new(StoreFaultKind::Corrupt, said)
            .with_hint("put the right file back: without it no body can be read")
    })?;
    Wrapping::new(&bytes).map(Arc::new)
}

fn unhex(digits: &[u8]) -> Option<[u8; KEY_BYTES]> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != KEY_BYTES {
        return None;
    }
    let mut bytes = [0; KEY_BYTES];
    for (to, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *to = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(bytes)
}

fn refused(found: Fault) -> StoreFault {
    let refused = StoreFault::new(StoreFaultKind::Key, found.to_string());
    match found.way_out() {
        Some(hint) => refused.with_hint(hint),
        None => refused,
    }
}

const ANY: &str = "SELECT EXISTS (SELECT 1 FROM subject_key WHERE wrapped IS NOT NULL)";
const KEYS: &str = "SELECT number, subject, wrapped FROM subject_key WHERE wrapped IS NOT NULL ORDER BY number";
const LAST: &str = "SELECT coalesce(max(number), 0) FROM subject_key";
const PUT: &str = "INSERT INTO subject_key(number, subject, wrapped) VALUES (?1, ?2, ?3)";
const FILE: &str = "bodies.key";
const FILE_BYTES_MAX: u64 = 1 << 10;
