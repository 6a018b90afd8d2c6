//! Walks the blocks in which something may be found, in the order of the log or against it.

use std::collections::VecDeque;

use rusqlite::Connection;

use crate::records::{BLOCK_BITS, SPAN_BITS, tasks_in};

/// Blocks in which each of several things may be found.
pub(crate) struct Blocks<'c> {
    tables: &'c Connection,
    newest_first: bool,
    all: Vec<Either>,
}

/// Blocks in which one of several things may be found.
struct Either(Vec<Source>);

/// Blocks in which one thing may be found, read some at a time.
struct Source {
    what: What,
    ahead: VecDeque<i64>,
    /// How many are read at once: the more, the more of the last were used.
    chunk: usize,
    used: usize,
    ended: bool,
}

/// What may be found.
#[derive(Clone, Copy)]
pub(crate) enum What {
    /// A name, by its number.
    Name(i64),
    /// A task, by what stands for it.
    Task(u32),
    /// Something in exactly this block.
    At(i64),
}

impl<'c> Blocks<'c> {
    /// Of these tables; so far nothing must be found in them.
    pub(crate) fn new(tables: &'c Connection, newest_first: bool) -> Self {
        Self { tables, newest_first, all: Vec::new() }
    }

    /// Only blocks in which one of these may be found.
    pub(crate) fn with_any(&mut self, either: impl IntoIterator<Item = What>) {
        let sources = either.into_iter().map(|what| Source {
            what,
            ahead: VecDeque::new(),
            chunk: CHUNK_MIN,
            used: 0,
            ended: false,
        });
        self.all.push(Either(sources.collect()));
    }

    /// Whether any block will do.
    pub(crate) fn are_all(&self) -> bool {
        self.all.is_empty()
    }

    /// The first block from this one on in which everything may be found.
    pub(crate) fn from(&mut self, block: i64) -> rusqlite::Result<Option<i64>> {
        let mut candidate = block;
        let mut agreed = 0;
        while agreed < self.all.len() {
            agreed = 0;
            for either in &mut self.all {
                match either.from(self.tables, candidate, self.newest_first)? {
                    None => return Ok(None),
                    Some(found) if found == candidate => agreed += 1,
                    Some(found) => {
                        candidate = found;
                        break;
                    }
                }
            }
        }
        Ok(Some(candidate))
    }
}

impl Either {
    fn from(&mut self, tables: &Connection, block: i64, newest_first: bool) -> rusqlite::Result<Option<i64>> {
        let mut nearest: Option<i64> = None;
        for source in &mut self.0 {
            let found = source.from(tables, block, newest_first)?;
            nearest = match (nearest, found) {
                (Some(one), Some(other)) => Some(if newest_first { one.max(other) } else { one.min(other) }),
                (one, other) => one.or(other),
            };
        }
        Ok(nearest)
    }
}

impl Source {
    fn from(&mut self, tables: &Connection, block: i64, newest_first: bool) -> rusqlite::Result<Option<i64>> {
        loop {
            while let Some(next) = self.ahead.front() {
                if if newest_first { *next <= block } else { *next >= block } {
                    self.used += 1;
                    return Ok(Some(*next));
                }
                self.ahead.pop_front();
            }
            if self.ended {
                return Ok(None);
            }
            self.chunk = if self.used * 2 >= self.chunk { (self.chunk * 2).min(CHUNK_MAX) } else { CHUNK_MIN };
            self.used = 0;
            self.read(tables, block, newest_first)?;
        }
    }

    /// Reads the next ones from this block on, in the order of the walk.
    fn read(&mut self, tables: &Connection, block: i64, newest_first: bool) -> rusqlite::Result<()> {
        match self.what {
            What::Name(name) => {
                let mut statement = tables.prepare_cached(if newest_first { SEEN_BACK } else { SEEN_ON })?;
                let limit = i64::try_from(self.chunk).unwrap_or(i64::MAX);
                let blocks = statement.query_map([name, block, limit], |row| row.get(0))?;
                self.ahead = blocks.collect::<Result<_, _>>()?;
                self.ended = self.ahead.len() < self.chunk;
            }
            What::Task(task) => self.read_spans(tables, task, block, newest_first)?,
            What::At(place) => {
                self.ahead.extend((if newest_first { place <= block } else { place >= block }).then_some(place));
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Looks through the spans until one has the task, some at a time.
    fn read_spans(&mut self, tables: &Connection, task: u32, block: i64, newest_first: bool) -> rusqlite::Result<()> {
        let mut statement = tables.prepare_cached(if newest_first { TASKS_BACK } else { TASKS_ON })?;
        let mut rows = statement.query([block >> (SPAN_BITS - BLOCK_BITS)])?;
        while let Some(row) = rows.next()? {
            let span: i64 = row.get(0)?;
            let stored = row.get_ref(1)?.as_blob()?;
            let Some((_, met)) = tasks_in(stored).find(|(found, _)| *found == task) else { continue };
            let met = (0..u32::BITS).filter(|bit| met >> bit & 1 == 1);
            let blocks = met.map(|bit| (span << (SPAN_BITS - BLOCK_BITS)) + i64::from(bit));
            if newest_first {
                self.ahead.extend(blocks.rev().filter(|found| *found <= block));
            } else {
                self.ahead.extend(blocks.filter(|found| *found >= block));
            }
            if !self.ahead.is_empty() {
                return Ok(());
            }
        }
        self.ended = true;
        Ok(())
    }
}

const SEEN_BACK: &str = "SELECT block FROM seen WHERE name = ?1 AND block <= ?2 ORDER BY block DESC LIMIT ?3";
const SEEN_ON: &str = "SELECT block FROM seen WHERE name = ?1 AND block >= ?2 ORDER BY block LIMIT ?3";
const TASKS_BACK: &str = "SELECT span, blocks FROM task WHERE span <= ?1 ORDER BY span DESC";
const TASKS_ON: &str = "SELECT span, blocks FROM task WHERE span >= ?1 ORDER BY span";

const CHUNK_MIN: usize = 16;
const CHUNK_MAX: usize = 1_024;
