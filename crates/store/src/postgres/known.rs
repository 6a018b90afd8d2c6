//! Texts that many records share, and their numbers in the tables. Whoever writes a log gives them out alone.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use tokio_postgres::types::Type;
use trace::facets_of;

use super::error::{Failure, unreadable};
use super::link::{Link, Param};
use super::session::TIME_MAX;
use crate::frame::Columns;
use crate::generations::Same;
use crate::known::{Kept, ORDINARY, facet};
use crate::records::leaf_text;
use crate::sum::sum;

/// Numbers that were looked up lately.
#[derive(Debug, Default)]
pub(super) struct Known {
    names: Kept,
    templates: Kept,
    sealed: Kept,
    /// What may be looked for of the leaves of a template, by its number.
    facets: HashMap<i64, Arc<[i64]>, BuildHasherDefault<Same>>,
    last_name: i64,
    last_template: i64,
    last_sealed: i64,
}

/// The numbers of all that some rows say, and what is new of it.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    names: HashMap<String, i64>,
    templates: HashMap<String, i64>,
    sealed: HashMap<Vec<u8>, i64>,
    facets: HashMap<i64, Arc<[i64]>>,
    pub(super) new_names: New,
    pub(super) new_templates: New,
    pub(super) new_sealed: NewSealed,
    /// Template and name.
    pub(super) new_facets: (Vec<i64>, Vec<i64>),
}

/// Texts that come into a table, column by column.
#[derive(Debug, Default)]
pub(super) struct New {
    pub(super) ids: Vec<i64>,
    pub(super) sums: Vec<i64>,
    pub(super) texts: Vec<String>,
}

/// Sealed templates that come into the table, column by column.
#[derive(Debug, Default)]
pub(super) struct NewSealed {
    pub(super) ids: Vec<i64>,
    pub(super) sums: Vec<i64>,
    pub(super) keys: Vec<i64>,
    pub(super) texts: Vec<Vec<u8>>,
}

type ByText = HashMap<String, i64>;

/// The sums of what is not kept.
struct Lost<'l> {
    names: &'l Vec<i64>,
    templates: &'l Vec<i64>,
    sealed: &'l Vec<i64>,
}

impl Known {
    /// Nothing yet; the next numbers come behind these.
    pub(super) fn behind(last_name: i64, last_template: i64, last_sealed: i64) -> Self {
        Self { last_name, last_template, last_sealed, ..Self::default() }
    }

    /// The numbers of all that these rows say. What is not kept is looked up in one round trip.
    pub(super) fn numbers<'a>(&mut self, link: &Link, log: i32, rows: &[Columns<'a>]) -> Result<Numbers, Failure> {
        let mut numbers = Numbers::default();
        let mut names: HashSet<&str> = HashSet::new();
        let mut templates: HashSet<&'a str> = HashSet::new();
        let mut sealed: HashMap<&'a [u8], u32> = HashMap::new();
        let mut said: HashMap<&'a str, Vec<String>> = HashMap::new();
        for row in rows {
            names.extend([row.agent, row.app, row.tool, row.class, row.verdict].into_iter().flatten());
            sealed.insert(row.body.template, row.body.key);
            if templates.insert(row.leaf.template) || !said.contains_key(row.leaf.template) {
                match self.facets_of(row.leaf.template) {
                    Some((id, facets)) => drop(numbers.facets.insert(id, facets)),
                    None => drop(said.insert(row.leaf.template, facet_texts(row))),
                }
            }
        }
        names.extend(said.values().flatten().map(String::as_str));
        let (mut known_names, lost_names) = known(&mut self.names, &names);
        let (mut known_templates, lost_templates) = known(&mut self.templates, &templates);
        let mut known_sealed = self.known_sealed(&sealed);
        let lost_sealed =
            sealed.keys().filter(|text| !known_sealed.contains_key(**text)).map(|text| sum(text).cast_signed());
        let lost_sealed: Vec<i64> = lost_sealed.collect();
        let lost = Lost { names: &lost_names, templates: &lost_templates, sealed: &lost_sealed };
        look_up(link, log, &lost, (&mut known_names, &mut known_templates, &mut known_sealed))?;
        for (text, key) in sealed {
            let id = *known_sealed.entry(text.to_vec()).or_insert_with(|| {
                self.last_sealed += 1;
                numbers.new_sealed.push(self.last_sealed, key, text);
                self.last_sealed
            });
            self.sealed.put(sum(text), text, id);
        }
        numbers.sealed = known_sealed;
        numbers.new_names = give_out(&mut known_names, &mut self.last_name, &names);
        numbers.new_templates = give_out(&mut known_templates, &mut self.last_template, &templates);
        keep(&mut self.names, &known_names, &lost_names);
        keep(&mut self.templates, &known_templates, &lost_templates);
        numbers.names = known_names;
        numbers.templates = known_templates;
        for (template, facets) in &said {
            let Some(id) = numbers.template(template) else { continue };
            let all: Vec<(i64, &String)> =
                facets.iter().filter_map(|text| Some((numbers.name(Some(text))?, text))).collect();
            numbers.new_facets.0.extend(all.iter().map(|_| id));
            numbers.new_facets.1.extend(all.iter().map(|(name, _)| *name));
            let rare = all.iter().filter(|(_, text)| !ORDINARY.contains(&text.as_str())).map(|(name, _)| *name);
            let rare: Arc<[i64]> = rare.collect();
            self.keep_facets(id, Arc::clone(&rare));
            numbers.facets.insert(id, rare);
        }
        Ok(numbers)
    }

    /// What was given out for sealed templates may be gone.
    pub(super) fn forget_sealed(&mut self) {
        self.sealed = Kept::default();
    }

    fn known_sealed(&mut self, texts: &HashMap<&[u8], u32>) -> HashMap<Vec<u8>, i64> {
        let known = texts.keys().filter_map(|text| Some((text.to_vec(), self.sealed.get(sum(text), text)?)));
        known.collect()
    }

    /// What is kept of a template.
    fn facets_of(&mut self, template: &str) -> Option<(i64, Arc<[i64]>)> {
        let id = self.templates.get(sum(template.as_bytes()), template.as_bytes())?;
        Some((id, Arc::clone(self.facets.get(&id)?)))
    }

    fn keep_facets(&mut self, template: i64, facets: Arc<[i64]>) {
        if self.facets.len() >= FACETS_KEPT_MAX {
            self.facets.clear();
        }
        self.facets.insert(template, facets);
    }
}

impl Numbers {
    pub(super) fn name(&self, text: Option<&str>) -> Option<i64> {
        text.and_then(|text| self.names.get(text)).copied()
    }

    pub(super) fn template(&self, text: &str) -> Option<i64> {
        self.templates.get(text).copied()
    }

    pub(super) fn sealed(&self, text: &[u8]) -> Option<i64> {
        self.sealed.get(text).copied()
    }

    /// What is looked for through the index in the leaves of this template.
    pub(super) fn facets(&self, template: i64) -> &[i64] {
        self.facets.get(&template).map_or(&[], |facets| facets)
    }
}

impl NewSealed {
    fn push(&mut self, id: i64, key: u32, text: &[u8]) {
        self.ids.push(id);
        self.sums.push(sum(text).cast_signed());
        self.keys.push(i64::from(key));
        self.texts.push(text.to_vec());
    }
}

impl New {
    fn push(&mut self, id: i64, sum: u64, text: &str) {
        self.ids.push(id);
        self.sums.push(sum.cast_signed());
        self.texts.push(text.to_owned());
    }
}

fn facet_texts(row: &Columns<'_>) -> Vec<String> {
    let said = leaf_text(row).map(|leaf| facets_of(&leaf)).unwrap_or_default();
    said.iter().map(|(field, value)| facet(*field, value)).collect()
}

/// The numbers that are kept, and the sums of the other texts.
fn known(kept: &mut Kept, texts: &HashSet<&str>) -> (HashMap<String, i64>, Vec<i64>) {
    let (mut known, mut lost) = (HashMap::with_capacity(texts.len()), Vec::new());
    for text in texts {
        let sum = sum(text.as_bytes());
        match kept.get(sum, text.as_bytes()) {
            Some(id) => drop(known.insert((*text).to_owned(), id)),
            None => lost.push(sum.cast_signed()),
        }
    }
    (known, lost)
}

fn look_up(
    link: &Link,
    log: i32,
    lost: &Lost<'_>,
    (names, templates, sealed): (&mut ByText, &mut ByText, &mut HashMap<Vec<u8>, i64>),
) -> Result<(), Failure> {
    if lost.names.is_empty() && lost.templates.is_empty() && lost.sealed.is_empty() {
        return Ok(());
    }
    let params = [lost.names, lost.templates, lost.sealed];
    let [of_names, of_templates, of_sealed] =
        params.map(|sums| -> [Param<'_>; 2] { [(&log, Type::INT4), (sums, Type::INT8_ARRAY)] });
    let (found_names, found_templates, found_sealed) = link.wait(TIME_MAX, async {
        tokio::try_join!(
            link.client.query_typed(NAMES_OF, &of_names),
            link.client.query_typed(TEMPLATES_OF, &of_templates),
            link.client.query_typed(SEALED_OF, &of_sealed)
        )
    })?;
    for (known, found) in [(names, found_names), (templates, found_templates)] {
        for row in found {
            known.insert(row.try_get(1).map_err(unreadable)?, row.try_get(0).map_err(unreadable)?);
        }
    }
    for row in found_sealed {
        sealed.insert(row.try_get(1).map_err(unreadable)?, row.try_get(0).map_err(unreadable)?);
    }
    Ok(())
}

/// Numbers for those that have none.
fn give_out(known: &mut HashMap<String, i64>, last: &mut i64, texts: &HashSet<&str>) -> New {
    let mut new = New::default();
    for text in texts {
        if !known.contains_key(*text) {
            *last += 1;
            new.push(*last, sum(text.as_bytes()), text);
            known.insert((*text).to_owned(), *last);
        }
    }
    new
}

fn keep(kept: &mut Kept, known: &HashMap<String, i64>, lost: &[i64]) {
    for (text, id) in known {
        let sum = sum(text.as_bytes());
        if lost.contains(&sum.cast_signed()) {
            kept.put(sum, text.as_bytes(), *id);
        }
    }
}

const NAMES_OF: &str = "SELECT id, text FROM name WHERE log = $1 AND sum = ANY($2)";
const TEMPLATES_OF: &str = "SELECT id, text FROM template WHERE log = $1 AND sum = ANY($2)";
const SEALED_OF: &str = "SELECT id, text FROM sealed WHERE log = $1 AND sum = ANY($2)";
const FACETS_KEPT_MAX: usize = 4_096;
