//! Walks the blocks in which something may be found, in the order of the log or against it.

use std::collections::VecDeque;

use rusqlite::Connection;

use crate::records::{BLOCK_BITS, SPAN_BITS, tasks_in};

/// Says where something may be found.
pub(crate) trait Index {
    /// Why it cannot.
    type Error;
    /// How many blocks are asked for at once, to begin with.
    const CHUNK_MIN: usize;

    /// About so many blocks from this one on, in the order of the walk.
    fn ahead(&self, what: What, block: i64, count: usize, newest_first: bool) -> Result<Ahead, Self::Error>;
}

/// Blocks in which something may be found.
#[derive(Default)]
pub(crate) struct Ahead {
    pub(crate) blocks: VecDeque<i64>,
    /// Whether there are none behind these.
    pub(crate) ended: bool,
}

/// Blocks in which each of several things may be found.
pub(crate) struct Blocks<I> {
    index: I,
    newest_first: bool,
    all: Vec<Either>,
}

/// Blocks in which one of several things may be found.
struct Either(Vec<Source>);

/// Blocks in which one thing may be found, read some at a time.
struct Source {
    what: What,
    ahead: Ahead,
    /// How many are read at once: the more, the more of the last were used.
    chunk: usize,
    used: usize,
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

impl<I: Index> Blocks<I> {
    /// Of these tables; so far nothing must be found in them.
    pub(crate) fn new(index: I, newest_first: bool) -> Self {
        Self { index, newest_first, all: Vec::new() }
    }

    /// Only blocks in which one of these may be found.
    pub(crate) fn with_any(&mut self, either: impl IntoIterator<Item = What>) {
        let sources =
            either.into_iter().map(|what| Source { what, ahead: Ahead::default(), chunk: I::CHUNK_MIN, used: 0 });
        self.all.push(Either(sources.collect()));
    }

    /// Whether any block will do.
    pub(crate) fn are_all(&self) -> bool {
        self.all.is_empty()
    }

    /// The first block from this one on in which everything may be found.
    pub(crate) fn from(&mut self, block: i64) -> Result<Option<i64>, I::Error> {
        let mut candidate = block;
        let mut agreed = 0;
        while agreed < self.all.len() {
            agreed = 0;
            for either in &mut self.all {
                match either.from(&self.index, candidate, self.newest_first)? {
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
    fn from<I: Index>(&mut self, index: &I, block: i64, newest_first: bool) -> Result<Option<i64>, I::Error> {
        let mut nearest: Option<i64> = None;
        for source in &mut self.0 {
            let found = source.from(index, block, newest_first)?;
            nearest = match (nearest, found) {
                (Some(one), Some(other)) => Some(if newest_first { one.max(other) } else { one.min(other) }),
                (one, other) => one.or(other),
            };
        }
        Ok(nearest)
    }
}

impl Source {
    fn from<I: Index>(&mut self, index: &I, block: i64, newest_first: bool) -> Result<Option<i64>, I::Error> {
        loop {
            while let Some(next) = self.ahead.blocks.front() {
                if if newest_first { *next <= block } else { *next >= block } {
                    self.used += 1;
                    return Ok(Some(*next));
                }
                self.ahead.blocks.pop_front();
            }
            if self.ahead.ended {
                return Ok(None);
            }
            self.chunk = if self.used * 2 >= self.chunk { (self.chunk * 2).min(CHUNK_MAX) } else { I::CHUNK_MIN };
            self.used = 0;
            self.ahead = match self.what {
                What::At(place) => {
                    let ahead = if newest_first { place <= block } else { place >= block };
                    Ahead { blocks: ahead.then_some(place).into_iter().collect(), ended: true }
                }
                what => index.ahead(what, block, self.chunk, newest_first)?,
            };
        }
    }
}

// === impl Index for SQLite ===

impl Index for &Connection {
    type Error = rusqlite::Error;
    const CHUNK_MIN: usize = 16;

    fn ahead(&self, what: What, block: i64, count: usize, newest_first: bool) -> rusqlite::Result<Ahead> {
        match what {
            What::Name(name) => {
                let mut statement = self.prepare_cached(if newest_first { MET_BACK } else { MET_ON })?;
                let limit = i64::try_from(count).unwrap_or(i64::MAX);
                let spans = statement.query_map([name, block >> (SPAN_BITS - BLOCK_BITS), limit], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?))
                })?;
                let spans: Vec<(i64, u32)> = spans.collect::<Result<_, _>>()?;
                let blocks = spans.iter().flat_map(|(span, met)| blocks_of(*span, *met, block, newest_first));
                Ok(Ahead { blocks: blocks.collect(), ended: spans.len() < count })
            }
            What::Task(task) => spans_ahead(self, task, block, newest_first),
            What::At(_) => Ok(Ahead { ended: true, ..Ahead::default() }),
        }
    }
}

/// Looks through the spans until one has the task.
fn spans_ahead(tables: &Connection, task: u32, block: i64, newest_first: bool) -> rusqlite::Result<Ahead> {
    let mut statement = tables.prepare_cached(if newest_first { TASKS_BACK } else { TASKS_ON })?;
    let mut rows = statement.query([block >> (SPAN_BITS - BLOCK_BITS)])?;
    while let Some(row) = rows.next()? {
        let span: i64 = row.get(0)?;
        let stored = row.get_ref(1)?.as_blob()?;
        let Some((_, met)) = tasks_in(stored).find(|(found, _)| *found == task) else { continue };
        let blocks = blocks_of(span, met, block, newest_first);
        if !blocks.is_empty() {
            return Ok(Ahead { blocks, ended: false });
        }
    }
    Ok(Ahead { ended: true, ..Ahead::default() })
}

/// The blocks of a span in which something is met, from this one on, in the order of the walk.
fn blocks_of(span: i64, met: u32, block: i64, newest_first: bool) -> VecDeque<i64> {
    let met = (0..u32::BITS).filter(|bit| met >> bit & 1 == 1);
    let found = met.map(|bit| (span << (SPAN_BITS - BLOCK_BITS)) + i64::from(bit));
    if newest_first {
        found.rev().filter(|found| *found <= block).collect()
    } else {
        found.filter(|found| *found >= block).collect()
    }
}

const MET_BACK: &str = "SELECT span, blocks FROM met WHERE name = ?1 AND span <= ?2 ORDER BY span DESC LIMIT ?3";
const MET_ON: &str = "SELECT span, blocks FROM met WHERE name = ?1 AND span >= ?2 ORDER BY span LIMIT ?3";
const TASKS_BACK: &str = "SELECT span, blocks FROM task WHERE span <= ?1 ORDER BY span DESC";
const TASKS_ON: &str = "SELECT span, blocks FROM task WHERE span >= ?1 ORDER BY span";

const CHUNK_MAX: usize = 1_024;
