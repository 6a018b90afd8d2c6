//! The rows of a log from a server into a file of SQLite, as they are at one moment, and back into an empty log.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use trace::{StoreFault, StoreFaultKind};

use super::address::Address;
use super::error::{Failure, fault_of_kind, unreadable};
use super::link::{Link, Param};
use super::schema;
use super::session::{NUMBER_OF, PATH, SETTINGS, TIME_MAX, number_of, program, take};
use crate::copy::{Copied, Unit, empty_tables, tables_of};
use crate::error::fault;

/// A table that both engines have, but for the number of the log.
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    /// Columns that a server has as well, and how they are had of the others.
    more: &'static [(&'static str, Derived)],
    /// What the server selects, where it is not the columns of the table.
    select: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Bytes,
}

/// What only a server keeps.
#[derive(Debug, Clone, Copy)]
enum Derived {
    /// The sum of the text in this column.
    SumOf(usize),
    /// Always zero.
    Zero,
}

/// Values of one column on their way to a server.
enum Column {
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

/// Copies a log into this file, which is empty.
pub(crate) fn copy_to(address: &Address, to: &Path, progress: &mut dyn FnMut(Copied)) -> Result<(), StoreFault> {
    let link = Link::open(address.config(&format!("{} (copies)", program())))?;
    let wait = |sql: &str| link.wait(TIME_MAX, link.client.batch_execute(sql)).map_err(StoreFault::from);
    wait("SET client_min_messages = warning; SET jit = off; SET default_transaction_read_only = on")?;
    match schema::version(&link)? {
        0 => return Err(fault_of_kind(StoreFaultKind::Missing)),
        found if found < schema::current() => return Err(fault_of_kind(StoreFaultKind::Older)),
        _ => wait(PATH)?,
    }
    wait("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let named: [Param<'_>; 1] = [(&address.log(), Type::TEXT)];
    let found = link.wait(TIME_MAX, link.client.query_typed(NUMBER_OF, &named))?;
    let log: i32 =
        found.first().ok_or_else(|| fault_of_kind(StoreFaultKind::Missing))?.try_get(0).map_err(unreadable)?;
    let stands: [Param<'_>; 1] = [(&log, Type::INT4)];
    let stands = link.wait(TIME_MAX, link.client.query_typed(STANDS, &stands))?;
    let stands = stands.first().ok_or_else(|| fault_of_kind(StoreFaultKind::Missing))?;
    let (tree, last): (String, i64) = (stands.try_get(0).map_err(unreadable)?, stands.try_get(1).map_err(unreadable)?);

    let tables = empty_tables(to)?;
    tables.execute_batch("BEGIN").map_err(fault)?;
    tables.execute("INSERT OR REPLACE INTO meta(key, value) VALUES ('tree', ?1)", [tree]).map_err(fault)?;
    let mut counted = Counted { done: 0, all: u64::try_from(last).unwrap_or_default(), progress };
    for table in TABLES {
        take_rows(&link, log, table, &tables, &mut counted)?;
    }
    take_rows(&link, log, &MET, &tables, &mut counted)?;
    take_tasks(&link, log, &tables)?;
    tables.execute_batch("COMMIT").map_err(fault)?;
    wait("ROLLBACK")
}

struct Counted<'p> {
    done: u64,
    all: u64,
    progress: &'p mut dyn FnMut(Copied),
}

impl Counted<'_> {
    fn count(&mut self, table: &Table, rows: usize) {
        if table.name == RECORDS {
            self.done += rows as u64;
            (self.progress)(Copied { done: self.done, all: self.all.max(self.done), of: Unit::Rows });
        }
    }
}

fn take_rows(
    link: &Link,
    log: i32,
    table: &Table,
    tables: &Connection,
    counted: &mut Counted<'_>,
) -> Result<(), StoreFault> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let select = match table.select {
        Some(select) => select.replace("$1", &log.to_string()),
        None => format!("SELECT {} FROM {} WHERE log = {log}", names.join(", "), table.name),
    };
    let places: Vec<String> = (1..=names.len()).map(|place| format!("?{place}")).collect();
    let insert = format!("INSERT INTO {}({}) VALUES ({})", table.name, names.join(", "), places.join(", "));
    let mut insert = tables.prepare(&insert).map_err(fault)?;
    each_row(link, &select, |rows| {
        for row in rows {
            let values: Result<Vec<Value>, StoreFault> =
                table.columns.iter().enumerate().map(|(place, (_, kind))| value(row, place, *kind)).collect();
            insert.execute(params_from_iter(values?)).map_err(fault)?;
        }
        counted.count(table, rows.len());
        Ok(())
    })
}

/// A server has tasks among the names of blocks; a file has them by span.
fn take_tasks(link: &Link, log: i32, tables: &Connection) -> Result<(), StoreFault> {
    let mut put = tables.prepare("INSERT INTO task(span, blocks) VALUES (?1, ?2)").map_err(fault)?;
    let mut span: Option<(i64, Vec<u8>)> = None;
    each_row(link, &TASKS.replace("$1", &log.to_string()), |rows| {
        for row in rows {
            let (number, task): (i64, i64) = (row.try_get(0).map_err(unreadable)?, row.try_get(1).map_err(unreadable)?);
            let blocks: i64 = row.try_get(2).map_err(unreadable)?;
            let both = (blocks.cast_unsigned() << 32 | task.cast_unsigned()).to_le_bytes();
            match &mut span {
                Some((of, stored)) if *of == number => stored.extend_from_slice(&both),
                _ => {
                    if let Some((of, stored)) = span.replace((number, both.to_vec())) {
                        put.execute(rusqlite::params![of, stored]).map_err(fault)?;
                    }
                }
            }
        }
        Ok(())
    })?;
    if let Some((of, stored)) = span {
        put.execute(rusqlite::params![of, stored]).map_err(fault)?;
    }
    Ok(())
}

/// Rows by the thousand, however many there are.
fn each_row(
    link: &Link,
    select: &str,
    mut take: impl FnMut(&[Row]) -> Result<(), StoreFault>,
) -> Result<(), StoreFault> {
    let declare = format!("DECLARE copying NO SCROLL CURSOR FOR {select}");
    link.wait(TIME_MAX, link.client.batch_execute(&declare))?;
    loop {
        let rows = link.wait(FETCH_TIME_MAX, link.client.query_typed(FETCH, &[]))?;
        if rows.is_empty() {
            break;
        }
        take(&rows)?;
    }
    Ok(link.wait(TIME_MAX, link.client.batch_execute("CLOSE copying"))?)
}

fn value(row: &Row, place: usize, kind: Kind) -> Result<Value, StoreFault> {
    Ok(match kind {
        Kind::Number => {
            let number: Option<i64> = row.try_get(place).map_err(unreadable)?;
            number.map_or(Value::Null, Value::Integer)
        }
        Kind::Text => {
            let text: Option<String> = row.try_get(place).map_err(unreadable)?;
            text.map_or(Value::Null, Value::Text)
        }
        Kind::Bytes => {
            let bytes: Option<Vec<u8>> = row.try_get(place).map_err(unreadable)?;
            bytes.map_or(Value::Null, Value::Blob)
        }
    })
}

/// Fills a log that has nothing in it, all or nothing.
pub(crate) fn fill_from(address: &Address, copy: &Path, progress: &mut dyn FnMut(Copied)) -> Result<(), StoreFault> {
    let link = Link::open(address.config(&format!("{} (restores)", program())))?;
    let wait = |sql: &str| link.wait(TIME_MAX, link.client.batch_execute(sql)).map_err(StoreFault::from);
    wait(SETTINGS)?;
    wait("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")?;
    schema::migrate(&link)?;
    wait(PATH)?;
    let log = number_of(&link, address.log())?;
    take(&link, address.log(), log, None)?;
    let of_log: [Param<'_>; 1] = [(&log, Type::INT4)];
    let empty = link.wait(TIME_MAX, link.client.query_typed(EMPTY, &of_log))?;
    if !empty.first().is_some_and(|row| row.try_get(0).unwrap_or(false)) {
        let said = format!("the log `{}` has records already", address.log());
        return Err(StoreFault::new(StoreFaultKind::Locked, said)
            .with_hint("restore into a log of another name (`trace: log:`), or into another database"));
    }
    let tables = tables_of(copy)?;
    let text = |sql: &str| tables.query_row(sql, [], |row| row.get::<_, String>(0)).map_err(fault);
    let last: i64 =
        tables.query_row("SELECT coalesce(max(sequence), 0) FROM record", [], |row| row.get(0)).map_err(fault)?;
    let mut counted = Counted { done: 0, all: u64::try_from(last).unwrap_or_default(), progress };
    wait("BEGIN")?;
    for table in TABLES {
        give_rows(&link, log, table, &tables, &mut counted)?;
    }
    give_met(&link, log, &tables)?;
    give_tasks(&link, log, &tables)?;
    let tree = text("SELECT value FROM meta WHERE key = 'tree'")
        .or_else(|found| if last == 0 { Ok("0:".to_owned()) } else { Err(found) })?;
    let stands: [Param<'_>; 3] = [(&log, Type::INT4), (&last, Type::INT8), (&tree, Type::TEXT)];
    link.wait(TIME_MAX, link.client.execute_typed(STAND, &stands))?;
    wait("COMMIT")
}

fn give_rows(
    link: &Link,
    log: i32,
    table: &Table,
    tables: &Connection,
    counted: &mut Counted<'_>,
) -> Result<(), StoreFault> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let mut select = tables.prepare(&format!("SELECT {} FROM {}", names.join(", "), table.name)).map_err(fault)?;
    let mut rows = select.query([]).map_err(fault)?;
    loop {
        let mut columns: Vec<Column> = table.columns.iter().map(|(_, kind)| Column::empty(*kind)).collect();
        columns.extend(table.more.iter().map(|_| Column::empty(Kind::Number)));
        let mut count = 0;
        while count < ROWS_AT_ONCE
            && let Some(row) = rows.next().map_err(fault)?
        {
            let values: Vec<Value> =
                (0..names.len()).map(|place| row.get(place)).collect::<Result<_, _>>().map_err(fault)?;
            let more: Vec<Value> = table.more.iter().map(|(_, derived)| derived.of(&values)).collect();
            columns
                .iter_mut()
                .zip(values.into_iter().chain(more))
                .try_for_each(|(column, value)| column.push(value))?;
            count += 1;
        }
        if count == 0 {
            return Ok(());
        }
        insert(link, log, table, &columns)?;
        counted.count(table, count);
    }
}

fn insert(link: &Link, log: i32, table: &Table, columns: &[Column]) -> Result<(), Failure> {
    let names: Vec<&str> =
        table.columns.iter().map(|(name, _)| *name).chain(table.more.iter().map(|(name, _)| *name)).collect();
    let arrays: Vec<String> =
        columns.iter().enumerate().map(|(place, column)| format!("${}::{}", place + 2, column.array())).collect();
    let (name, names, arrays) = (table.name, names.join(", "), arrays.join(", "));
    let sql = format!("INSERT INTO {name}(log, {names}) SELECT $1, * FROM unnest({arrays})");
    let first: Param<'_> = (&log, Type::INT4);
    let values: Vec<Param<'_>> = std::iter::once(first).chain(columns.iter().map(Column::param)).collect();
    link.wait(FETCH_TIME_MAX, link.client.execute_typed(&sql, &values)).map(drop)
}

/// A file has a bit for each block of a span; a server has a row.
fn give_met(link: &Link, log: i32, tables: &Connection) -> Result<(), StoreFault> {
    let mut select = tables.prepare("SELECT name, span, blocks FROM met").map_err(fault)?;
    let mut rows = select.query([]).map_err(fault)?;
    loop {
        let (mut names, mut blocks) = (Vec::new(), Vec::new());
        while names.len() < ROWS_AT_ONCE
            && let Some(row) = rows.next().map_err(fault)?
        {
            let (name, span, met): (i64, i64, i64) =
                (row.get(0).map_err(fault)?, row.get(1).map_err(fault)?, row.get(2).map_err(fault)?);
            for block in blocks_of(span, met) {
                names.push(name);
                blocks.push(block);
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        give_seen(link, log, &names, &blocks)?;
    }
}

/// The blocks of a span whose bits are set.
fn blocks_of(span: i64, met: i64) -> impl Iterator<Item = i64> {
    (0..i64::from(u32::BITS)).filter(move |bit| met >> bit & 1 == 1).map(move |bit| (span << 5) + bit)
}

fn give_seen(link: &Link, log: i32, names: &Vec<i64>, blocks: &Vec<i64>) -> Result<(), StoreFault> {
    let values: [Param<'_>; 3] = [(&log, Type::INT4), (names, Type::INT8_ARRAY), (blocks, Type::INT8_ARRAY)];
    link.wait(FETCH_TIME_MAX, link.client.execute_typed(GIVE_SEEN, &values))?;
    Ok(())
}

fn give_tasks(link: &Link, log: i32, tables: &Connection) -> Result<(), StoreFault> {
    let mut select = tables.prepare("SELECT span, blocks FROM task").map_err(fault)?;
    let mut rows = select.query([]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let (span, stored): (i64, Vec<u8>) = (row.get(0).map_err(fault)?, row.get(1).map_err(fault)?);
        let (mut names, mut blocks) = (Vec::new(), Vec::new());
        for (task, met) in crate::records::tasks_in(&stored) {
            for block in blocks_of(span, met.into()) {
                names.push(super::rows::task_name(task));
                blocks.push(block);
            }
        }
        give_seen(link, log, &names, &blocks)?;
    }
    Ok(())
}

// === impl Column, Derived ===

impl Column {
    fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Number => Self::Numbers(Vec::new()),
            Kind::Text => Self::Texts(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), StoreFault> {
        match (self, value) {
            (Self::Numbers(all), Value::Null) => all.push(None),
            (Self::Numbers(all), Value::Integer(number)) => all.push(Some(number)),
            (Self::Texts(all), Value::Null) => all.push(None),
            (Self::Texts(all), Value::Text(text)) => all.push(Some(text)),
            (Self::Bytes(all), Value::Null) => all.push(None),
            (Self::Bytes(all), Value::Blob(bytes)) => all.push(Some(bytes)),
            _ => return Err(unreadable("a value of another kind")),
        }
        Ok(())
    }

    const fn array(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "bigint[]",
            Self::Texts(_) => "text[]",
            Self::Bytes(_) => "bytea[]",
        }
    }

    fn param(&self) -> Param<'_> {
        match self {
            Self::Numbers(all) => (all as &(dyn ToSql + Sync), Type::INT8_ARRAY),
            Self::Texts(all) => (all, Type::TEXT_ARRAY),
            Self::Bytes(all) => (all, Type::BYTEA_ARRAY),
        }
    }
}

impl Derived {
    fn of(self, values: &[Value]) -> Value {
        match self {
            Self::Zero => Value::Integer(0),
            Self::SumOf(place) => match values.get(place) {
                Some(Value::Text(text)) => Value::Integer(crate::sum::sum(text.as_bytes()).cast_signed()),
                _ => Value::Integer(0),
            },
        }
    }
}

use Kind::{Bytes, Number, Text};

const TABLES: &[Table] = &[
    Table { name: "state", columns: &[("kind", Text), ("key", Text), ("value", Text)], more: &[], select: None },
    Table {
        name: "name",
        columns: &[("id", Number), ("text", Text)],
        more: &[("sum", Derived::SumOf(1))],
        select: None,
    },
    Table { name: "template", columns: &[("id", Number), ("sum", Number), ("text", Text)], more: &[], select: None },
    Table {
        name: "subject_key",
        columns: &[("number", Number), ("subject", Text), ("wrapped", Bytes)],
        more: &[],
        select: None,
    },
    Table {
        name: "sealed",
        columns: &[("id", Number), ("sum", Number), ("key", Number), ("text", Bytes)],
        more: &[],
        select: None,
    },
    Table {
        name: RECORDS,
        columns: &[
            ("sequence", Number),
            ("kind", Number),
            ("call_high", Number),
            ("call_low", Number),
            ("at", Number),
            ("agent", Number),
            ("human", Number),
            ("app", Number),
            ("tool", Number),
            ("class", Number),
            ("verdict", Number),
            ("task", Number),
            ("intent", Number),
            ("outcome", Number),
            ("leaf", Number),
            ("body", Number),
            ("leaf_hash", Bytes),
            ("leaf_values", Bytes),
            ("body_values", Bytes),
        ],
        more: &[],
        select: None,
    },
    Table { name: "facet", columns: &[("template", Number), ("name", Number)], more: &[], select: None },
    Table {
        name: "span",
        columns: &[("block", Number), ("first_at", Number), ("last_at", Number)],
        more: &[],
        select: None,
    },
    Table {
        name: "used",
        columns: &[
            ("agent", Number),
            ("human", Number),
            ("app", Number),
            ("tool", Number),
            ("verdict", Number),
            ("calls", Number),
            ("first_at", Number),
            ("last_at", Number),
        ],
        more: &[],
        select: None,
    },
    Table {
        name: "tile",
        columns: &[("number", Number), ("hashes", Bytes)],
        more: &[("first", Derived::Zero)],
        select: Some(
            "SELECT number, string_agg(hashes, ''::bytea ORDER BY first) FROM tile WHERE log = $1 GROUP BY number",
        ),
    },
];

/// A file has these by span, a server by block.
const MET: Table = Table {
    name: "met",
    columns: &[("name", Number), ("span", Number), ("blocks", Number)],
    more: &[],
    select: Some(
        "SELECT name, block >> 5, sum(1::bigint << (block & 31)::integer)::bigint FROM seen \
         WHERE log = $1 AND name < 1099511627776 GROUP BY 1, 2",
    ),
};

const RECORDS: &str = "record";
const STANDS: &str = "SELECT tree, last FROM log WHERE id = $1";
const TASKS: &str = "SELECT block >> 5, name - 1099511627776, sum(1::bigint << (block & 31)::integer)::bigint FROM seen \
     WHERE log = $1 AND name >= 1099511627776 GROUP BY 1, 2 ORDER BY 1, 2";
const EMPTY: &str = "SELECT last = 0 AND commits = 0 FROM log WHERE id = $1";
const STAND: &str = "UPDATE log SET last = $2, tree = $3, commits = 1 WHERE id = $1";
const GIVE_SEEN: &str =
    "INSERT INTO seen(log, name, block) SELECT $1, * FROM unnest($2::bigint[], $3::bigint[]) ON CONFLICT DO NOTHING";
const FETCH: &str = "FETCH FORWARD 2000 FROM copying";
const ROWS_AT_ONCE: usize = 2_000;
const FETCH_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(300);
