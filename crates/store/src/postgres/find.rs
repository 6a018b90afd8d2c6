//! Finds the records that somebody asks for: the index says in which blocks they may stand, SQL passes over most of the others
//! there, and [`Query::fits`] has the last word.

use std::collections::VecDeque;

use model::{UnixMicros, Verdict};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use trace::{Entry, Field, Query, RecordKind, Term};

use super::error::Failure;
use super::questions::{JOINS, OF_CALL, SELECT, at};
use super::reader::Tables;
use super::rows::task_name;
use crate::blocks::{Ahead, Blocks, Index, What};
use crate::frame::{About, short_sum};
use crate::known::{ORDINARY, facet};
use crate::records::{BLOCK_BITS, SPAN_BITS, halves, kind_number, met_as, seen_as};
use crate::seal::HUMAN;

/// How a log is searched.
pub(super) struct Search<'q, 't> {
    tables: &'t Tables,
    query: &'q Query,
    /// The first and the last record that can fit.
    bounds: (i64, i64),
    blocks: Blocks<&'t Tables>,
    sql: String,
    values: Vec<Value>,
    /// Whether a term has no value that this log knows.
    hopeless: bool,
}

/// What a statement is given.
enum Value {
    Number(i64),
    Numbers(Vec<i64>),
}

impl Tables {
    /// The records that fit.
    pub(super) fn find(&self, query: &Query) -> Result<Vec<Entry>, Failure> {
        let mut calls = Vec::new();
        for term in query.terms.iter().filter(|term| term.field == Field::Call && !term.negated) {
            let mut meant = Vec::new();
            for value in &term.values {
                meant.extend(self.call_named(value)?);
            }
            calls.push(meant);
        }
        let mut entries = Vec::new();
        let Some(mut search) = self.search(query, &calls)? else { return Ok(entries) };
        search.walk((SELECT, JOINS), |rows| {
            for row in rows {
                // What is behind the last one asked for may be damaged.
                if entries.len() == query.limit {
                    break;
                }
                let entry = self.entry(row)?;
                entries.extend(query.fits(&entry).then_some(entry));
            }
            Ok(query.limit - entries.len())
        })?;
        Ok(entries)
    }

    /// How to search for what fits; none where nothing can fit. The calls are those that are named, as their bits.
    pub(super) fn search<'q, 't>(
        &'t self,
        query: &'q Query,
        calls: &[Vec<u128>],
    ) -> Result<Option<Search<'q, 't>>, Failure> {
        let Some(bounds) = self.bounds(query)? else { return Ok(None) };
        let mut search = Search::new(self, query, bounds);
        for term in &query.terms {
            search.narrow(term)?;
        }
        for calls in calls {
            search.only_calls(calls)?;
        }
        Ok((!search.hopeless && query.limit > 0).then_some(search))
    }

    /// The first and the last record that can fit; none where there is none.
    fn bounds(&self, query: &Query) -> Result<Option<(i64, i64)>, Failure> {
        let place = |sequence: u64| i64::try_from(sequence).unwrap_or(i64::MAX);
        let mut first = query.after_sequence.map_or(0, |after| place(after).saturating_add(1));
        let mut last = query.before_sequence.map_or(i64::MAX, |before| place(before).saturating_sub(1));
        // The clock may have stepped, so times need not ascend with the sequence: which spans may hold such a time is known.
        if let Some(UnixMicros(since)) = query.since {
            match self.number(FIRST_SPAN, &[(&since, Type::INT8)])? {
                Some(span) => first = first.max(span << SPAN_BITS),
                None => return Ok(None),
            }
        }
        if let Some(UnixMicros(until)) = query.until {
            match self.number(LAST_SPAN, &[(&until, Type::INT8)])? {
                Some(span) => last = last.min(((span + 1) << SPAN_BITS) - 1),
                None => return Ok(None),
            }
        }
        let Some(newest) = self.number(NEWEST, &[])? else { return Ok(None) };
        (first, last) = (first.max(1), last.min(newest));
        Ok((first <= last).then_some((first, last)))
    }

    /// The names that changes are met under which may concern one of these.
    pub(super) fn concerned(&self, subjects: &[String]) -> Result<Vec<i64>, Failure> {
        let people: Vec<&str> = subjects.iter().filter_map(|subject| subject.strip_prefix(HUMAN)).collect();
        let people = self.numbers_of(&people)?.into_iter().filter_map(|number| u32::try_from(number).ok());
        let things = subjects.iter().map(|subject| About::Thing(short_sum(subject)));
        Ok(things.chain(people.map(About::Person)).chain([About::Sealed]).map(met_as).collect())
    }

    fn number(&self, sql: &str, values: &[super::link::Param<'_>]) -> Result<Option<i64>, Failure> {
        let rows = self.rows(sql, values)?;
        Ok(rows.first().map(|row| at::<Option<i64>>(row, 0)).transpose()?.flatten())
    }
}

// === impl Index for PostgreSQL ===

impl Index for &Tables {
    type Error = Failure;
    /// Each answer costs a round trip.
    const CHUNK_MIN: usize = 128;

    fn ahead(&self, what: What, block: i64, count: usize, newest_first: bool) -> Result<Ahead, Failure> {
        let name = match what {
            What::Name(name) => name,
            What::Task(task) => task_name(task),
            What::At(_) => return Ok(Ahead { ended: true, ..Ahead::default() }),
        };
        let sql = if newest_first { SEEN_BACK } else { SEEN_ON };
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = self.rows(sql, &[(&name, Type::INT8), (&block, Type::INT8), (&limit, Type::INT8)])?;
        let blocks: VecDeque<i64> = rows.iter().map(|row| at(row, 0)).collect::<Result<_, _>>()?;
        Ok(Ahead { ended: blocks.len() < count, blocks })
    }
}

// === impl Search, Value ===

impl<'q, 't> Search<'q, 't> {
    fn new(tables: &'t Tables, query: &'q Query, bounds: (i64, i64)) -> Self {
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
            let at = search.bind(Value::Number(since.0));
            search.sql.push_str(&format!(" AND r.at >= {at}"));
        }
        if let Some(until) = query.until {
            let at = search.bind(Value::Number(until.0));
            search.sql.push_str(&format!(" AND r.at <= {at}"));
        }
        search
    }

    /// Reads this of the records that may fit, the number of the record first, until no more are wanted; `take` says how many.
    pub(super) fn walk(
        &mut self,
        read: (&str, &str),
        take: impl FnMut(&[Row]) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        let bounds = self.bounds;
        if self.blocks.are_all() {
            self.page_by_page(read, bounds, take)
        } else {
            self.block_by_block(read, bounds, take)
        }
    }

    /// Reads on from where the last page ended, for SQL may give what does not fit.
    fn page_by_page(
        &self,
        (select, joins): (&str, &str),
        (mut first, mut last): (i64, i64),
        mut take: impl FnMut(&[Row]) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        let order = if self.query.newest_first { "DESC" } else { "ASC" };
        let mut wanted = self.query.limit;
        while wanted > 0 && first <= last {
            let page = wanted.clamp(PAGE_MIN, PAGE_MAX);
            let sql = format!(
                "{select} FROM record r {joins} WHERE r.log = $1 AND r.sequence BETWEEN $2 AND $3{} \
                 ORDER BY r.sequence {order} LIMIT {page}",
                self.sql
            );
            let rows = self.read(&sql, &Value::Number(first), &Value::Number(last))?;
            let Some(end) = rows.last() else { break };
            let end: i64 = at(end, 0)?;
            if self.query.newest_first {
                last = end - 1
            } else {
                first = end + 1
            }
            wanted = take(&rows)?;
            if rows.len() < page {
                break;
            }
        }
        Ok(())
    }

    /// Reads some blocks at a time in which everything may be found.
    fn block_by_block(
        &mut self,
        (select, joins): (&str, &str),
        (first, last): (i64, i64),
        mut take: impl FnMut(&[Row]) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        let newest_first = self.query.newest_first;
        let order = if newest_first { "DESC" } else { "ASC" };
        let sql = format!(
            "{select} FROM unnest($2) WITH ORDINALITY chosen(block, place) JOIN record r ON r.log = $1 \
             AND r.sequence BETWEEN chosen.block << {BLOCK_BITS} AND (chosen.block << {BLOCK_BITS}) + {BLOCK_REST} {joins} \
             WHERE r.sequence BETWEEN ($3::bigint[])[1] AND ($3::bigint[])[2]{} ORDER BY r.sequence {order}",
            self.sql
        );
        let bounds = Value::Numbers(vec![first, last]);
        let mut wanted = self.query.limit;
        let mut place = Some((if newest_first { last } else { first }) >> BLOCK_BITS);
        while let Some(from) = place
            && wanted > 0
        {
            let count = wanted.clamp(BLOCKS_MIN, BLOCKS_MAX);
            let some = self.blocks_ahead(from, count, (first >> BLOCK_BITS, last >> BLOCK_BITS))?;
            place =
                some.last().filter(|_| some.len() == count).map(|last| if newest_first { last - 1 } else { last + 1 });
            if !some.is_empty() {
                let rows = self.read(&sql, &Value::Numbers(some), &bounds)?;
                wanted = take(&rows)?;
            }
        }
        Ok(())
    }

    /// About so many blocks, in the order of the walk, between the first and the last one.
    fn blocks_ahead(&mut self, from: i64, count: usize, (first, last): (i64, i64)) -> Result<Vec<i64>, Failure> {
        let mut some = Vec::new();
        let mut place = from;
        while some.len() < count {
            let Some(block) = self.blocks.from(place)?.filter(|block| (first..=last).contains(block)) else { break };
            some.push(block);
            place = if self.query.newest_first { block - 1 } else { block + 1 };
        }
        Ok(some)
    }

    fn read(&self, sql: &str, second: &Value, third: &Value) -> Result<Vec<Row>, Failure> {
        let values: Vec<_> = [second, third].into_iter().chain(&self.values).map(Value::given).collect();
        self.tables.rows(sql, &values)
    }

    /// Takes a term into account, as far as this log can tell.
    fn narrow(&mut self, term: &Term) -> Result<(), Failure> {
        match term.field {
            Field::Agent => self.column("r.agent", term),
            Field::Human => self.person(term),
            Field::App => self.column("r.app", term),
            Field::Tool => self.column("r.tool", term),
            Field::Class => self.column("r.class", term),
            Field::Verdict => self.column("r.verdict", term),
            Field::Kind => {
                self.kind(term);
                Ok(())
            }
            Field::Would | Field::Observed | Field::Rule | Field::Bundle | Field::Method | Field::What => {
                self.facet("r.leaf", term)
            }
            Field::Effect | Field::Status | Field::Code => {
                self.facet("CASE r.kind WHEN 2 THEN r.leaf ELSE ended.leaf END", term)
            }
            Field::Task => {
                self.task(term);
                Ok(())
            }
            Field::Subject if !term.negated => self.concern(term),
            Field::By if !term.negated => {
                self.only_changes();
                Ok(())
            }
            // The body and the ends of ids are looked at one by one.
            Field::By | Field::Subject | Field::Call => Ok(()),
        }
    }

    fn column(&mut self, column: &str, term: &Term) -> Result<(), Failure> {
        let values: Vec<&str> = term.values.iter().map(String::as_str).collect();
        let names = self.tables.names(&values)?;
        self.must_be(column, names.clone(), term.negated);
        let runs_on = term.values.iter().any(|value| value == Verdict::Allow.as_str());
        match (term.field, term.negated) {
            (Field::Verdict, false) if runs_on => {}
            // What is not allowed is one of the others, which are rare.
            (Field::Verdict, true) if runs_on && self.is_of_intents() => {
                let others = Verdict::ALL.map(Verdict::as_str).into_iter();
                let others: Vec<&str> = others.filter(|word| !values.contains(word)).collect();
                let others = self.tables.names(&others)?;
                self.blocks.with_any(others.into_iter().map(What::Name));
            }
            (_, false) => self.blocks.with_any(names.into_iter().map(What::Name)),
            (_, true) => {}
        }
        Ok(())
    }

    fn person(&mut self, term: &Term) -> Result<(), Failure> {
        let people: Vec<&str> = term.values.iter().map(String::as_str).collect();
        let numbers = self.tables.numbers_of(&people)?;
        self.must_be("r.human", numbers.clone(), term.negated);
        if !term.negated {
            let numbers = numbers.into_iter().filter_map(|number| u32::try_from(number).ok());
            self.blocks.with_any(numbers.map(|number| What::Name(seen_as(number))));
        }
        Ok(())
    }

    /// Whether only intents are asked for.
    fn is_of_intents(&self) -> bool {
        let intent = RecordKind::Intent.as_str();
        let kinds = |term: &Term| term.field == Field::Kind && !term.negated && term.values == [intent];
        self.query.terms.iter().any(kinds)
    }

    fn kind(&mut self, term: &Term) {
        let kinds: Vec<RecordKind> = term.values.iter().filter_map(|value| value.parse().ok()).collect();
        self.must_be("r.kind", kinds.iter().map(|kind| kind_number(*kind)).collect(), term.negated);
        if !term.negated && kinds.iter().all(|kind| *kind == RecordKind::Change) {
            self.only_changes();
        }
    }

    fn only_changes(&mut self) {
        self.blocks.with_any([What::Name(-kind_number(RecordKind::Change))]);
    }

    /// Changes that may concern one of these.
    fn concern(&mut self, term: &Term) -> Result<(), Failure> {
        let names = self.tables.concerned(&term.values)?;
        self.blocks.with_any(names.into_iter().map(What::Name));
        Ok(())
    }

    fn facet(&mut self, leaf: &str, term: &Term) -> Result<(), Failure> {
        let texts: Vec<String> = term.values.iter().map(|value| facet(term.field, value)).collect();
        let names = self.tables.names(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
        if names.is_empty() {
            self.hopeless |= !term.negated;
            return Ok(());
        }
        let list = self.bind(Value::Numbers(names.clone()));
        let not = if term.negated { " NOT" } else { "" };
        self.sql.push_str(&format!(
            " AND{not} EXISTS (SELECT 1 FROM facet f WHERE f.log = $1 AND f.template = {leaf} AND f.name = ANY({list}))"
        ));
        if !term.negated && !texts.iter().any(|text| ORDINARY.contains(&text.as_str())) {
            self.blocks.with_any(names.into_iter().map(What::Name));
        }
        Ok(())
    }

    fn task(&mut self, term: &Term) {
        if !term.negated {
            let sums: Vec<u32> = term.values.iter().map(|value| short_sum(value)).collect();
            self.must_be("r.task", sums.iter().map(|sum| i64::from(*sum)).collect(), false);
            self.blocks.with_any(sums.into_iter().map(What::Task));
        }
    }

    fn only_calls(&mut self, calls: &[u128]) -> Result<(), Failure> {
        let mut blocks = Vec::new();
        for call in calls {
            let (high, low) = halves(*call);
            let sql = format!("SELECT r.sequence FROM record r WHERE r.log = $1 AND {OF_CALL}");
            for row in self.tables.rows(&sql, &[(&high, Type::INT8), (&low, Type::INT8)])? {
                blocks.push(at::<i64>(&row, 0)? >> BLOCK_BITS);
            }
        }
        self.hopeless |= blocks.is_empty();
        self.blocks.with_any(blocks.into_iter().map(What::At));
        Ok(())
    }

    fn must_be(&mut self, column: &str, numbers: Vec<i64>, negated: bool) {
        if numbers.is_empty() {
            self.hopeless |= !negated;
            return;
        }
        let list = self.bind(Value::Numbers(numbers));
        let condition = if negated {
            format!(" AND ({column} IS NULL OR {column} <> ALL({list}))")
        } else {
            format!(" AND {column} = ANY({list})")
        };
        self.sql.push_str(&condition);
    }

    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        // Three come before these: the log, and between or in which blocks of records.
        format!("${}", self.values.len() + 3)
    }
}

impl Value {
    fn given(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Number(number) => (number, Type::INT8),
            Self::Numbers(numbers) => (numbers, Type::INT8_ARRAY),
        }
    }
}

const FIRST_SPAN: &str = "SELECT min(block) FROM span WHERE log = $1 AND last_at >= $2";
const LAST_SPAN: &str = "SELECT max(block) FROM span WHERE log = $1 AND first_at <= $2";
const NEWEST: &str = "SELECT max(sequence) FROM record WHERE log = $1";
const SEEN_BACK: &str =
    "SELECT block FROM seen WHERE log = $1 AND name = $2 AND block <= $3 ORDER BY block DESC LIMIT $4";
const SEEN_ON: &str = "SELECT block FROM seen WHERE log = $1 AND name = $2 AND block >= $3 ORDER BY block LIMIT $4";

const BLOCK_REST: i64 = (1 << BLOCK_BITS) - 1;
const PAGE_MIN: usize = 64;
const PAGE_MAX: usize = 1_024;
const BLOCKS_MIN: usize = 8;
const BLOCKS_MAX: usize = 64;
