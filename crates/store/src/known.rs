//! Texts that many records share, and their numbers in the tables.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use trace::{Field, facets_of};

use crate::sum::sum;

/// Numbers that were looked up lately. They hold as long as nothing is rolled back.
#[derive(Debug, Default)]
pub(crate) struct Known {
    names: Kept,
    templates: Kept,
    sealed: Kept,
    /// The last templates that were looked up: comparing is quicker than summing.
    lately: VecDeque<(Box<str>, i64)>,
    sealed_lately: VecDeque<(Box<[u8]>, i64)>,
    /// What may be looked for of the leaves of a template, by its number.
    facets: HashMap<i64, Arc<[i64]>, BuildHasherDefault<Same>>,
}

/// Two generations: what is met again moves to the young one, and the old one goes when that is full.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    young: HashMap<u64, (Box<[u8]>, i64), BuildHasherDefault<Same>>,
    old: HashMap<u64, (Box<[u8]>, i64), BuildHasherDefault<Same>>,
    /// Of the texts in the young one.
    bytes: usize,
}

/// The keys are sums already.
#[derive(Debug, Default)]
pub(crate) struct Same(u64);

// === impl Known ===

impl Known {
    /// The number of a name, given to it if it has none.
    pub(crate) fn name(&mut self, tables: &Connection, text: &str) -> rusqlite::Result<i64> {
        let sum = sum(text.as_bytes());
        if let Some(id) = self.names.get(sum, text.as_bytes()) {
            return Ok(id);
        }
        let found = tables.prepare_cached(NAME_OF)?.query_row([text], |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => tables.prepare_cached(INSERT_NAME)?.insert([text])?,
        };
        self.names.put(sum, text.as_bytes(), id);
        Ok(id)
    }

    /// The number of a template, given to it if it has none.
    pub(crate) fn template(&mut self, tables: &Connection, text: &str) -> rusqlite::Result<i64> {
        if let Some((_, id)) = self.lately.iter().find(|(lately, _)| **lately == *text) {
            return Ok(*id);
        }
        let sum = sum(text.as_bytes());
        if let Some(id) = self.templates.get(sum, text.as_bytes()) {
            met(&mut self.lately, text.into(), id);
            return Ok(id);
        }
        let stored = sum.cast_signed();
        let found =
            tables.prepare_cached(TEMPLATE_OF)?.query_row(params![stored, text], |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => tables.prepare_cached(INSERT_TEMPLATE)?.insert(params![stored, text])?,
        };
        self.templates.put(sum, text.as_bytes(), id);
        met(&mut self.lately, text.into(), id);
        Ok(id)
    }

    /// The number of a sealed template, given to it if it has none.
    pub(crate) fn sealed(&mut self, tables: &Connection, key: u32, text: &[u8]) -> rusqlite::Result<i64> {
        if let Some((_, id)) = self.sealed_lately.iter().find(|(lately, _)| **lately == *text) {
            return Ok(*id);
        }
        let sum = sum(text);
        if let Some(id) = self.sealed.get(sum, text) {
            met(&mut self.sealed_lately, text.into(), id);
            return Ok(id);
        }
        let stored = sum.cast_signed();
        let found = tables.prepare_cached(SEALED_OF)?.query_row(params![stored, text], |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => tables.prepare_cached(INSERT_SEALED)?.insert(params![stored, key, text])?,
        };
        self.sealed.put(sum, text, id);
        met(&mut self.sealed_lately, text.into(), id);
        Ok(id)
    }

    /// The numbers of what is looked for through the index of names in the leaves of this template. `leaf` gives the text of
    /// one of them, which is read when the template is new.
    pub(crate) fn facets(
        &mut self,
        tables: &Connection,
        template: i64,
        leaf: impl FnOnce() -> Option<String>,
    ) -> rusqlite::Result<Arc<[i64]>> {
        if let Some(facets) = self.facets.get(&template) {
            return Ok(Arc::clone(facets));
        }
        let mut stored = tables.prepare_cached(FACETS_OF)?;
        let stored = stored.query_map([template], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut facets: Vec<(i64, String)> = stored.collect::<Result<_, _>>()?;
        if facets.is_empty() {
            for (field, value) in leaf().map(|leaf| facets_of(&leaf)).unwrap_or_default() {
                let text = facet(field, &value);
                let name = self.name(tables, &text)?;
                tables.prepare_cached(INSERT_FACET)?.execute([template, name])?;
                facets.push((name, text));
            }
        }
        let rare: Arc<[i64]> =
            facets.iter().filter(|(_, text)| !ORDINARY.contains(&text.as_str())).map(|(name, _)| *name).collect();
        if self.facets.len() >= FACETS_KEPT_MAX {
            self.facets.clear();
        }
        self.facets.insert(template, Arc::clone(&rare));
        Ok(rare)
    }

    /// What was given out may not be in the tables.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

// === impl Kept, Same ===

impl Kept {
    /// The number of a text with this sum.
    pub(crate) fn get(&mut self, sum: u64, text: &[u8]) -> Option<i64> {
        if let Some((_, id)) = self.young.get(&sum).filter(|(kept, _)| **kept == *text) {
            return Some(*id);
        }
        let (kept, id) = self.old.remove(&sum)?;
        if *kept != *text {
            return None;
        }
        self.put(sum, text, id);
        Some(id)
    }

    pub(crate) fn put(&mut self, sum: u64, text: &[u8], id: i64) {
        if self.bytes + text.len() > YOUNG_BYTES_MAX || self.young.len() >= YOUNG_COUNT_MAX {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        if let Some((before, _)) = self.young.insert(sum, (text.into(), id)) {
            self.bytes -= before.len();
        }
        self.bytes += text.len();
    }
}

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= sum(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 ^= number;
    }

    fn write_i64(&mut self, number: i64) {
        // Numbers of names and templates follow each other: the table looks at the high bits, too.
        self.0 = (self.0.rotate_left(17) ^ number.cast_unsigned()).wrapping_mul(SPREAD);
    }
}

fn met<T>(lately: &mut VecDeque<(T, i64)>, text: T, id: i64) {
    if lately.len() == LATELY {
        lately.pop_front();
    }
    lately.push_back((text, id));
}

/// How a facet is written among the names.
pub(crate) fn facet(field: Field, value: &str) -> String {
    format!("{}:{value}", field.as_str())
}

const NAME_OF: &str = "SELECT id FROM name WHERE text = ?1";
const INSERT_NAME: &str = "INSERT INTO name(text) VALUES (?1)";
const TEMPLATE_OF: &str = "SELECT id FROM template WHERE sum = ?1 AND text = ?2";
const INSERT_TEMPLATE: &str = "INSERT INTO template(sum, text) VALUES (?1, ?2)";

const SEALED_OF: &str = "SELECT id FROM sealed WHERE sum = ?1 AND text = ?2";
const INSERT_SEALED: &str = "INSERT INTO sealed(sum, key, text) VALUES (?1, ?2, ?3)";

const FACETS_OF: &str = "SELECT f.name, n.text FROM facet f JOIN name n ON n.id = f.name WHERE f.template = ?1";
const INSERT_FACET: &str = "INSERT OR IGNORE INTO facet(template, name) VALUES (?1, ?2)";

/// What nearly every record says: an index that leads to all of them leads nowhere.
pub(crate) const ORDINARY: [&str; 3] = ["observed:no", "effect:executed", "status:answered"];

const FACETS_KEPT_MAX: usize = 4_096;
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
const LATELY: usize = 8;
const YOUNG_BYTES_MAX: usize = 256 << 10;
const YOUNG_COUNT_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
