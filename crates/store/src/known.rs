//! Texts that many records share, and their numbers in the tables.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use trace::{Field, facets_of};

use crate::generations::{Generations, Same};
use crate::records::insert_all;
use crate::sum::sum;

/// Numbers that were looked up lately. They hold as long as nothing is rolled back.
#[derive(Debug)]
pub(crate) struct Known {
    names: Kept,
    templates: Kept,
    /// By the key and the tag of the sealed text: texts under one key and nonce with the same tag are the same.
    sealed: Generations<(u32, u128), i64>,
    /// What may be looked for of the leaves of a template, by its number.
    facets: HashMap<i64, Arc<[i64]>, BuildHasherDefault<Same>>,
    /// The template that got its number last: nothing stands in the tables about its leaves yet.
    newest: Option<i64>,
}

/// Texts that were met lately, by their sums.
#[derive(Debug)]
pub(crate) struct Kept(Generations<u64, (Box<[u8]>, i64)>);

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
        let sum = sum(text.as_bytes());
        if let Some(id) = self.templates.get(sum, text.as_bytes()) {
            return Ok(id);
        }
        let stored = sum.cast_signed();
        let found =
            tables.prepare_cached(TEMPLATE_OF)?.query_row(params![stored, text], |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                let id = tables.prepare_cached(INSERT_TEMPLATE)?.insert(params![stored, text])?;
                self.newest = Some(id);
                id
            }
        };
        self.templates.put(sum, text.as_bytes(), id);
        Ok(id)
    }

    /// The number of a sealed template, given to it if it has none.
    pub(crate) fn sealed(&mut self, tables: &Connection, key: u32, text: &[u8]) -> rusqlite::Result<i64> {
        let tag = text.last_chunk().map(|tag| (key, u128::from_le_bytes(*tag)));
        if let Some(id) = tag.and_then(|tag| self.sealed.get(tag)) {
            return Ok(*id);
        }
        let stored = sum(text).cast_signed();
        let found = tables.prepare_cached(SEALED_OF)?.query_row(params![stored, text], |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => tables.prepare_cached(INSERT_SEALED)?.insert(params![stored, key, text])?,
        };
        if let Some(tag) = tag {
            self.sealed.put(tag, id, 0);
        }
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
        let mut facets: Vec<(i64, String)> = if self.newest == Some(template) {
            Vec::new()
        } else {
            let mut stored = tables.prepare_cached(FACETS_OF)?;
            let stored = stored.query_map([template], |row| Ok((row.get(0)?, row.get(1)?)))?;
            stored.collect::<Result<_, _>>()?
        };
        if facets.is_empty() {
            for (field, value) in leaf().map(|leaf| facets_of(&leaf)).unwrap_or_default() {
                let text = facet(field, &value);
                facets.push((self.name(tables, &text)?, text));
            }
            let rows: Vec<[i64; 2]> = facets.iter().map(|(name, _)| [template, *name]).collect();
            insert_all(tables, "INSERT OR IGNORE INTO facet(template, name) VALUES", &rows, "")?;
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

impl Default for Known {
    fn default() -> Self {
        Self {
            names: Kept::default(),
            templates: Kept::default(),
            sealed: Generations::of(SEALED_COUNT_MAX, 0),
            facets: HashMap::default(),
            newest: None,
        }
    }
}

// === impl Kept ===

impl Kept {
    /// The number of a text with this sum.
    pub(crate) fn get(&mut self, sum: u64, text: &[u8]) -> Option<i64> {
        self.0.get(sum).filter(|(kept, _)| **kept == *text).map(|(_, id)| *id)
    }

    pub(crate) fn put(&mut self, sum: u64, text: &[u8], id: i64) {
        self.0.put(sum, (text.into(), id), text.len());
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self(Generations::of(TEXTS_COUNT_MAX, TEXTS_BYTES_MAX))
    }
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

pub(crate) const FACETS_OF: &str =
    "SELECT f.name, n.text FROM facet f CROSS JOIN name n ON n.id = f.name WHERE f.template = ?1";

/// What nearly every record says: an index that leads to all of them leads nowhere.
pub(crate) const ORDINARY: [&str; 3] = ["observed:no", "effect:executed", "status:answered"];

const FACETS_KEPT_MAX: usize = 4_096;
const SEALED_COUNT_MAX: usize = 8_192;
const TEXTS_BYTES_MAX: usize = 512 << 10;
const TEXTS_COUNT_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
