//! Finds the records that somebody asks for: the index says in which blocks they may stand, SQL passes over most of the others
//! there, and [`Query::fits`] has the last word.

use model::{UnixMicros, Verdict};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use trace::{Entry, Field, Query, RecordKind, StoreFault, Term};

use crate::blocks::{Blocks, What};
use crate::error::fault;
use crate::frame::{About, short_sum};
use crate::known::{ORDINARY, facet};
use crate::questions::{JOINS, NUMBERS_OF, OF_CALL, Questions, SELECT, entry, prepare};
use crate::records::{BLOCK_BITS, SPAN_BITS, halves, kind_number, met_as, seen_as};
use crate::seal::subject;

/// How one part of the log is searched.
pub(crate) struct Search<'q, 'c> {
    tables: &'c Connection,
    query: &'q Query,
    /// The first and the last record that can fit.
    bounds: (i64, i64),
    blocks: Blocks<&'c Connection>,
    sql: String,
    values: Vec<Value>,
    /// Whether a term has no value that these tables know.
    hopeless: bool,
}

impl Questions<'_> {
    /// The records that fit.
    pub(crate) fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        let calls = self.calls_meant(query)?;
        if self.tail.is_none() {
            return self.found(self.tables, query, &calls);
        }
        let mut entries = Vec::new();
        for part in self.parts_of(query) {
            let limit = query.limit.saturating_sub(entries.len());
            if limit > 0 {
                entries.extend(self.found(part, &Query { limit, ..query.clone() }, &calls)?);
            }
        }
        if query.terms.iter().any(|term| term.field.is_of_outcomes()) {
            entries.extend(self.ended_in_tail(query)?);
            entries.sort_unstable_by_key(|entry| entry.sequence);
            entries.dedup_by_key(|entry| entry.sequence);
            if query.newest_first {
                entries.reverse();
            }
            entries.truncate(query.limit);
        }
        Ok(entries)
    }

    /// The calls that are named, as their bits. Error: the end of an id fits several.
    fn calls_meant(&self, query: &Query) -> Result<Vec<Vec<u128>>, StoreFault> {
        let named = query.terms.iter().filter(|term| term.field == Field::Call && !term.negated);
        named.map(|term| term.values.iter().filter_map(|value| self.call_named(value).transpose()).collect()).collect()
    }

    fn found(&self, part: &Connection, query: &Query, calls: &[Vec<u128>]) -> Result<Vec<Entry>, StoreFault> {
        let mut entries = Vec::new();
        let Some(mut search) = Search::of(part, query, calls)? else { return Ok(entries) };
        let sql = search.whole_sql(SELECT, JOINS);
        search.walk(|search, stretch| {
            self.read(search, &sql, stretch, &mut entries)?;
            Ok(entries.len() < query.limit)
        })?;
        Ok(entries)
    }

    /// Adds what fits between two records, both included.
    fn read(
        &self,
        search: &Search<'_, '_>,
        sql: &str,
        stretch: (i64, i64),
        entries: &mut Vec<Entry>,
    ) -> Result<(), StoreFault> {
        let mut statement = prepare(search.tables, sql)?;
        let mut rows = statement.query(params_from_iter(search.values(stretch))).map_err(fault)?;
        while entries.len() < search.query.limit {
            let Some(row) = rows.next().map_err(fault)? else { break };
            let entry = self.with_outcome(entry(row, self.opener)?)?;
            if search.query.fits(&entry) {
                entries.push(entry);
            }
        }
        Ok(())
    }

    /// Calls in the tables that fit and whose outcome is not in them yet.
    fn ended_in_tail(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        let Some(tail) = self.tail else { return Ok(Vec::new()) };
        let mut ended = prepare(&tail.records, ENDED_LATE)?;
        let ended = ended.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fault)?;
        let ended: Vec<(i64, i64)> = ended.collect::<Result<_, _>>().map_err(fault)?;
        let sql = format!("{SELECT} FROM record r {JOINS} WHERE r.kind = 1 AND {OF_CALL} ORDER BY r.sequence");
        let mut entries = Vec::new();
        for (high, low) in ended {
            let mut statement = prepare(self.tables, &sql)?;
            let mut calls = statement.query([high, low]).map_err(fault)?;
            while let Some(row) = calls.next().map_err(fault)? {
                let call = self.with_outcome(entry(row, self.opener)?)?;
                entries.extend(query.fits(&call).then_some(call));
            }
        }
        Ok(entries)
    }
}

/// The first and the last record that can fit; none where there is none.
fn bounds(tables: &Connection, query: &Query) -> rusqlite::Result<Option<(i64, i64)>> {
    let place = |sequence: u64| i64::try_from(sequence).unwrap_or(i64::MAX);
    let mut first = query.after_sequence.map_or(0, |after| place(after).saturating_add(1));
    let mut last = query.before_sequence.map_or(i64::MAX, |before| place(before).saturating_sub(1));
    // The clock may have stepped, so times need not ascend with the sequence: which spans may hold such a time is known.
    if let Some(UnixMicros(since)) = query.since {
        match span(tables, FIRST_SPAN, since)? {
            Some(span) => first = first.max(span << SPAN_BITS),
            None => return Ok(None),
        }
    }
    if let Some(UnixMicros(until)) = query.until {
        match span(tables, LAST_SPAN, until)? {
            Some(span) => last = last.min(((span + 1) << SPAN_BITS) - 1),
            None => return Ok(None),
        }
    }
    let ends: (Option<i64>, Option<i64>) =
        tables.prepare_cached(ENDS)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(oldest), Some(newest)) = ends else { return Ok(None) };
    (first, last) = (first.max(oldest), last.min(newest));
    Ok((first <= last).then_some((first, last)))
}

/// The names that changes are met under which may concern one of these.
pub(crate) fn concerned(tables: &Connection, subjects: &[String]) -> rusqlite::Result<Vec<i64>> {
    let mut all = vec![About::Sealed];
    let mut statement = tables.prepare_cached(NUMBERS_OF)?;
    for subject in subjects {
        all.push(About::Thing(short_sum(subject)));
        let people = statement.query_map([subject], |row| row.get(0).map(About::Person))?;
        all.extend(people.collect::<Result<Vec<About>, _>>()?);
    }
    Ok(all.into_iter().map(met_as).collect())
}

fn span(tables: &Connection, sql: &str, at: i64) -> rusqlite::Result<Option<i64>> {
    tables.prepare_cached(sql)?.query_row([at], |row| row.get(0))
}

// === impl Search ===

impl<'q, 'c> Search<'q, 'c> {
    /// In these tables; none where nothing can fit. The calls are those that are named, as their bits.
    pub(crate) fn of(
        tables: &'c Connection,
        query: &'q Query,
        calls: &[Vec<u128>],
    ) -> Result<Option<Self>, StoreFault> {
        let Some(bounds) = bounds(tables, query).map_err(fault)? else { return Ok(None) };
        let mut search = Self::new(tables, query, bounds);
        for term in &query.terms {
            search.narrow(term).map_err(fault)?;
        }
        for calls in calls {
            search.only_calls(calls).map_err(fault)?;
        }
        Ok((!search.hopeless && query.limit > 0).then_some(search))
    }

    /// Goes through the stretches of records in which something may be found, the first and the last of each, as long as it is
    /// told to.
    pub(crate) fn walk(
        &mut self,
        mut each: impl FnMut(&Self, (i64, i64)) -> Result<bool, StoreFault>,
    ) -> Result<(), StoreFault> {
        let (first, last) = self.bounds;
        if self.blocks.are_all() {
            return each(self, self.bounds).map(drop);
        }
        let newest_first = self.query.newest_first;
        let mut place = (if newest_first { last } else { first }) >> BLOCK_BITS;
        while let Some(block) = self.blocks.from(place).map_err(fault)? {
            let (start, end) = (block << BLOCK_BITS, ((block + 1) << BLOCK_BITS) - 1);
            if start > last || end < first || !each(self, (start.max(first), end.min(last)))? {
                break;
            }
            place = if newest_first { block - 1 } else { block + 1 };
        }
        Ok(())
    }

    /// What the statement is given for a stretch.
    pub(crate) fn values(&self, (from, to): (i64, i64)) -> impl Iterator<Item = Value> {
        [Value::Integer(from), Value::Integer(to)].into_iter().chain(self.values.iter().cloned())
    }

    fn new(tables: &'c Connection, query: &'q Query, bounds: (i64, i64)) -> Self {
        let mut search = Self {
            tables,
            query,
            bounds,
            blocks: Blocks::new(tables, query.newest_first),
            sql: String::new(),
            values: Vec::new(),
            hopeless: false,
        };
        if let Some(since) = query.since {
            let at = search.bind(since.0);
            search.sql.push_str(&format!(" AND r.at >= {at}"));
        }
        if let Some(until) = query.until {
            let at = search.bind(until.0);
            search.sql.push_str(&format!(" AND r.at <= {at}"));
        }
        search
    }

    /// Reads a stretch.
    pub(crate) fn whole_sql(&self, select: &str, joins: &str) -> String {
        let order = if self.query.newest_first { "DESC" } else { "ASC" };
        format!(
            "{select} FROM record r {joins} WHERE r.sequence BETWEEN ?1 AND ?2{} ORDER BY r.sequence {order}",
            self.sql
        )
    }

    /// Takes a term into account, as far as these tables can tell.
    fn narrow(&mut self, term: &Term) -> rusqlite::Result<()> {
        match term.field {
            Field::Agent => self.column("r.agent", term),
            Field::Human => self.person(term),
            Field::App => self.column("r.app", term),
            Field::Tool => self.column("r.tool", term),
            Field::Class => self.column("r.class", term),
            Field::Verdict => self.column("r.verdict", term),
            Field::Kind => self.kind(term),
            Field::Would | Field::Observed | Field::Rule | Field::Bundle | Field::Method | Field::What => {
                self.facet("r.leaf", term)
            }
            Field::Effect | Field::Status | Field::Code => {
                self.facet("CASE r.kind WHEN 2 THEN r.leaf ELSE ended.leaf END", term)
            }
            Field::Task => self.task(term),
            Field::Subject if !term.negated => self.concern(term),
            Field::By if !term.negated => self.only_changes(),
            // The body and the ends of ids are looked at one by one.
            Field::By | Field::Subject | Field::Call => Ok(()),
        }
    }

    fn column(&mut self, column: &str, term: &Term) -> rusqlite::Result<()> {
        let names = self.names(term.values.iter().map(String::as_str))?;
        self.must_be(column, &names, term.negated);
        let runs_on = term.values.iter().any(|value| value == Verdict::Allow.as_str());
        match (term.field, term.negated) {
            (Field::Verdict, false) if runs_on => {}
            // What is not allowed is one of the others, which are rare.
            (Field::Verdict, true) if runs_on && self.is_of_intents() => {
                let others = Verdict::ALL.map(Verdict::as_str).into_iter();
                let others = self.names(others.filter(|word| !term.values.iter().any(|value| value == word)))?;
                self.blocks.with_any(others.into_iter().map(What::Name));
            }
            (_, false) => self.blocks.with_any(names.into_iter().map(What::Name)),
            (_, true) => {}
        }
        Ok(())
    }

    fn person(&mut self, term: &Term) -> rusqlite::Result<()> {
        let mut numbers: Vec<u32> = Vec::new();
        let mut statement = self.tables.prepare_cached(NUMBERS_OF)?;
        for human in &term.values {
            let found = statement.query_map([subject(Some(human))], |row| row.get(0))?;
            numbers.extend(found.collect::<Result<Vec<u32>, _>>()?);
        }
        drop(statement);
        self.must_be("r.human", &numbers.iter().copied().map(i64::from).collect::<Vec<_>>(), term.negated);
        if !term.negated {
            self.blocks.with_any(numbers.into_iter().map(|number| What::Name(seen_as(number))));
        }
        Ok(())
    }

    /// Whether only intents are asked for.
    fn is_of_intents(&self) -> bool {
        let intent = RecordKind::Intent.as_str();
        let kinds = |term: &Term| term.field == Field::Kind && !term.negated && term.values == [intent];
        self.query.terms.iter().any(kinds)
    }

    fn kind(&mut self, term: &Term) -> rusqlite::Result<()> {
        let kinds: Vec<RecordKind> = term.values.iter().filter_map(|value| value.parse().ok()).collect();
        let numbers: Vec<i64> = kinds.iter().map(|kind| kind_number(*kind)).collect();
        self.must_be("r.kind", &numbers, term.negated);
        if !term.negated && kinds.iter().all(|kind| *kind == RecordKind::Change) {
            self.only_changes()?;
        }
        Ok(())
    }

    fn only_changes(&mut self) -> rusqlite::Result<()> {
        self.blocks.with_any([What::Name(-kind_number(RecordKind::Change))]);
        Ok(())
    }

    /// Changes that may concern one of these.
    fn concern(&mut self, term: &Term) -> rusqlite::Result<()> {
        let names = concerned(self.tables, &term.values)?;
        self.blocks.with_any(names.into_iter().map(What::Name));
        Ok(())
    }

    fn facet(&mut self, leaf: &str, term: &Term) -> rusqlite::Result<()> {
        let texts: Vec<String> = term.values.iter().map(|value| facet(term.field, value)).collect();
        let names = self.names(texts.iter().map(String::as_str))?;
        if names.is_empty() {
            self.hopeless |= !term.negated;
            return Ok(());
        }
        let list = self.bind_all(&names);
        let not = if term.negated { " NOT" } else { "" };
        self.sql.push_str(&format!(
            " AND{not} EXISTS (SELECT 1 FROM facet f WHERE f.template = {leaf} AND f.name IN ({list}))"
        ));
        if !term.negated && !texts.iter().any(|text| ORDINARY.contains(&text.as_str())) {
            self.blocks.with_any(names.into_iter().map(What::Name));
        }
        Ok(())
    }

    fn task(&mut self, term: &Term) -> rusqlite::Result<()> {
        if !term.negated {
            let sums: Vec<u32> = term.values.iter().map(|value| short_sum(value)).collect();
            self.must_be("r.task", &sums.iter().map(|sum| i64::from(*sum)).collect::<Vec<_>>(), false);
            self.blocks.with_any(sums.into_iter().map(What::Task));
        }
        Ok(())
    }

    fn only_calls(&mut self, calls: &[u128]) -> rusqlite::Result<()> {
        let mut blocks = Vec::new();
        for call in calls {
            let (high, low) = halves(*call);
            let mut places = self.tables.prepare_cached(&format!("SELECT r.sequence FROM record r WHERE {OF_CALL}"))?;
            let places = places.query_map([high, low], |row| row.get::<_, i64>(0))?;
            for place in places {
                blocks.push(place? >> BLOCK_BITS);
            }
        }
        self.hopeless |= blocks.is_empty();
        self.blocks.with_any(blocks.into_iter().map(What::At));
        Ok(())
    }

    fn must_be(&mut self, column: &str, numbers: &[i64], negated: bool) {
        if numbers.is_empty() {
            self.hopeless |= !negated;
            return;
        }
        let list = self.bind_all(numbers);
        let condition = if negated {
            format!(" AND ({column} IS NULL OR {column} NOT IN ({list}))")
        } else {
            format!(" AND {column} IN ({list})")
        };
        self.sql.push_str(&condition);
    }

    /// The numbers of those names that these tables know.
    fn names<'t>(&self, texts: impl Iterator<Item = &'t str>) -> rusqlite::Result<Vec<i64>> {
        let mut numbers = Vec::new();
        let mut statement = self.tables.prepare_cached(NAME_OF)?;
        for text in texts {
            numbers.extend(statement.query_row([text], |row| row.get::<_, i64>(0)).optional()?);
        }
        Ok(numbers)
    }

    fn bind_all(&mut self, numbers: &[i64]) -> String {
        let places: Vec<String> = numbers.iter().map(|number| self.bind(*number)).collect();
        places.join(", ")
    }

    fn bind(&mut self, number: i64) -> String {
        self.values.push(Value::Integer(number));
        // Two come before these: between which records.
        format!("?{}", self.values.len() + 2)
    }
}

/// How SQLite would read a block, and everything.
#[cfg(test)]
pub(crate) fn sql_of(connection: &Connection, query: &Query) -> String {
    let mut search = Search::new(connection, query, (0, i64::MAX));
    for term in &query.terms {
        search.narrow(term).unwrap();
    }
    search.whole_sql(SELECT, JOINS)
}

const NAME_OF: &str = "SELECT id FROM name WHERE text = ?1";
const ENDS: &str = "SELECT (SELECT min(sequence) FROM record), (SELECT max(sequence) FROM record)";
const FIRST_SPAN: &str = "SELECT min(+block) FROM span INDEXED BY span_last WHERE last_at >= ?1";
const LAST_SPAN: &str = "SELECT max(+block) FROM span INDEXED BY span_first WHERE first_at <= ?1";
const ENDED_LATE: &str = "SELECT DISTINCT call_high, call_low FROM record WHERE kind = 2 AND intent IS NULL";
