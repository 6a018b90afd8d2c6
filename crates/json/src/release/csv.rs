//! Tables (RFC 4180): the first line names the columns, each other line is a record. A column's name is a path of the record,
//! as a whole or part by part: an exclusion of `pay` takes out the columns `pay.base`, `pay[base]` and ` pay`, too. One of `jobs.pay` takes
//! out `jobs.0.pay`, `jobs[0].pay` and `jobs[0][pay]`, in which a list is laid out.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use model::limits::{RELEASE_KEYS_MAX, RELEASE_RECORD_BYTES_MAX};

use super::automaton::{Action, Out};
use super::filter::Stop;
use super::{Compiled, FilterProblem, Outside, Summary};

/// The machine for one table.
#[derive(Debug)]
pub(super) struct Table {
    release: Arc<Compiled>,
    /// What becomes of each column; empty before the first line.
    columns: Vec<Column>,
    /// Columns that conditions look at which are not there.
    missing: u64,
    /// Where the cells of the line at hand stand, and whether they are quoted.
    cells: Vec<(usize, usize, bool)>,
    /// How many bytes of a line were there when it was last looked at in vain.
    looked_at: usize,
    summary: Summary,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    shown: Shown,
    /// Conditions that look at it, by bit.
    each: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    /// Excluded, and by what.
    No(u16),
    /// Excluded with something in its place.
    Instead(u16),
    Unnamed,
}

/// How far a line goes.
enum Line {
    /// To here, and the next begins there.
    To(usize),
    /// Past the bytes at hand.
    Past,
}

// === impl Table ===

impl Table {
    pub(super) fn new(release: Arc<Compiled>) -> Self {
        let summary = Summary { removed: vec![0; release.replacements.len()], ..Summary::default() };
        Self { release, columns: Vec::new(), missing: 0, cells: Vec::new(), looked_at: 0, summary }
    }

    /// What was done so far.
    pub(super) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Reads on. Gives how many bytes are done with; the others come again, with more.
    pub(super) fn run(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> Result<usize, Stop> {
        // A long line that comes in crumbs is not looked at anew for each of them.
        let grown = bytes.len().saturating_sub(self.looked_at);
        if !last
            && self.looked_at > CRUMBS_BYTES
            && grown < self.looked_at / 8
            && bytes.len() <= RELEASE_RECORD_BYTES_MAX
        {
            return Ok(0);
        }
        self.looked_at = 0;
        let mut at = 0;
        while at < bytes.len() {
            let next = match self.line(bytes, at, last)? {
                Line::To(next) => next,
                Line::Past if bytes.len() - at > RELEASE_RECORD_BYTES_MAX => {
                    return Err(Stop::at(at, FilterProblem::RecordTooLarge(RELEASE_RECORD_BYTES_MAX)));
                }
                Line::Past => {
                    self.looked_at = bytes.len() - at;
                    return Ok(at);
                }
            };
            if next - at > RELEASE_RECORD_BYTES_MAX {
                return Err(Stop::at(at, FilterProblem::RecordTooLarge(RELEASE_RECORD_BYTES_MAX)));
            }
            let done = if self.columns.is_empty() { self.header(bytes, out) } else { self.record(bytes, out) };
            done.map_err(|problem| Stop::at(at, problem))?;
            at = next;
        }
        if last && self.columns.is_empty() {
            return Err(Stop::at(at, FilterProblem::Csv("the table has no line that names its columns")));
        }
        Ok(at)
    }

    /// Finds the cells of a line.
    fn line(&mut self, bytes: &[u8], from: usize, last: bool) -> Result<Line, Stop> {
        let wrong = |at: usize, said: &'static str| Err(Stop::at(at, FilterProblem::Csv(said)));
        self.cells.clear();
        let mut at = from;
        loop {
            if self.cells.len() >= RELEASE_KEYS_MAX {
                return wrong(at, "a line has too many cells");
            }
            let begun = at;
            let quoted = bytes.get(at) == Some(&b'"');
            if quoted {
                at += 1;
                loop {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let Some(quote) = rest.iter().position(|byte| *byte == b'"') else {
                        return if last { wrong(begun, "a quoted cell never ends") } else { Ok(Line::Past) };
                    };
                    at += quote + 1;
                    match bytes.get(at) {
                        Some(b'"') => at += 1,
                        None if !last => return Ok(Line::Past),
                        _ => break,
                    }
                }
            } else {
                let rest = bytes.get(at..).unwrap_or_default();
                at += rest.iter().position(|byte| matches!(byte, b',' | b'\n' | b'\r' | b'"')).unwrap_or(rest.len());
            }
            self.cells.push((begun, at, quoted));
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b','), _) => at += 1,
                (Some(b'\n'), _) => return Ok(Line::To(at + 1)),
                (Some(b'\r'), Some(b'\n')) => return Ok(Line::To(at + 2)),
                (Some(b'\r'), None) | (None, _) if !last => return Ok(Line::Past),
                (None, _) => return Ok(Line::To(at)),
                (Some(b'"'), _) => return wrong(at, "a quote stands within a cell that does not begin with one"),
                (Some(_), _) => {
                    return wrong(at, "something stands behind a quoted cell, or a line ends as none should");
                }
            }
        }
    }

    fn header(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), FilterProblem> {
        if !self.release.is_of_rows_alone() || !self.release.whole.is_empty() {
            return Err(FilterProblem::Shape("each line is a record, so the records are at `$`"));
        }
        let cells = std::mem::take(&mut self.cells);
        let names: Vec<Cow<'_, str>> = cells.iter().map(|cell| text(bytes, *cell)).collect();
        if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
            return Err(FilterProblem::Csv("two columns have one name"));
        }
        if names.iter().any(|name| name.is_empty() || name.starts_with('\u{FEFF}')) {
            return Err(FilterProblem::Csv("a column has no name, or the table begins with a byte order mark"));
        }
        self.columns = names.iter().map(|name| self.column(name)).collect();
        let looked_at = self.columns.iter().fold(0, |all, column| all | column.each);
        let wanted = (0..self.release.each.len()).fold(0, |all, bit| all | 1_u64 << bit);
        self.missing = wanted & !looked_at;
        let mut any = false;
        for (column, cell) in self.columns.iter().zip(&cells) {
            if let Shown::Yes | Shown::Instead(_) = column.shown {
                write_cell(bytes, *cell, &mut any, out);
            }
        }
        out.extend_from_slice(b"\r\n");
        self.cells = cells;
        Ok(())
    }

    fn record(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), FilterProblem> {
        if self.cells.len() != self.columns.len() {
            return Err(FilterProblem::Csv("a line has not as many cells as there are columns"));
        }
        if let Some(clause) = self.outside(bytes) {
            if self.release.outside == Outside::Refuse {
                return Err(FilterProblem::Outside(clause));
            }
            self.summary.dropped += 1;
            return Ok(());
        }
        self.summary.records += 1;
        if self.summary.records > self.release.records_max {
            return Err(FilterProblem::TooManyRecords(self.release.records_max));
        }
        let mut any = false;
        for (column, cell) in self.columns.iter().zip(&self.cells) {
            match column.shown {
                Shown::Yes => write_cell(bytes, *cell, &mut any, out),
                Shown::Instead(which) => {
                    let replacement = self.release.replacements.get(usize::from(which)).and_then(Option::as_ref);
                    let text = replacement.map_or("", |replacement| replacement.text.as_str());
                    if std::mem::replace(&mut any, true) {
                        out.push(b',');
                    }
                    out.extend_from_slice(format!("\"{}\"", text.replace('"', "\"\"")).as_bytes());
                }
                Shown::No(_) => {}
                Shown::Unnamed => self.summary.unnamed += 1,
            }
            if let Shown::No(which) | Shown::Instead(which) = column.shown
                && let Some(removed) = self.summary.removed.get_mut(usize::from(which))
            {
                *removed += 1;
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Whose condition the record does not fulfil.
    fn outside(&self, bytes: &[u8]) -> Option<Arc<str>> {
        let mut failed = self.missing;
        for (column, cell) in self.columns.iter().zip(&self.cells).filter(|(column, _)| column.each != 0) {
            let cell = text(bytes, *cell);
            for (bit, wanted) in self.release.each.iter().enumerate() {
                if column.each >> bit & 1 == 1 && !wanted.admits_cell(&cell) {
                    failed |= 1 << bit;
                }
            }
        }
        let first = self.release.each.get(failed.trailing_zeros() as usize);
        first.map(|wanted| Arc::clone(&wanted.clause))
    }

    /// The name as it is and part by part: what either excludes is excluded, what either lets out is let out. What is excluded of
    /// an object or of the items of a list is excluded wherever they are laid out side by side.
    fn column(&self, name: &str) -> Column {
        let parts: Vec<&str> = name.split('.').collect();
        let mut ways = self.walked(&[name]);
        if parts.len() > 1 {
            let actions = self.walked(&parts);
            ways.extend(excluded(&actions).or(actions.last().copied()));
        }
        let removed =
            ways.iter().find_map(|action| if let Out::Remove(which) = action.out { Some(which) } else { None });
        let automaton = &self.release.automaton;
        let of_rows = automaton.action(automaton.root()).state;
        let removed = removed.or_else(|| automaton.laid_out(of_rows, name).removed);
        let shown = match removed {
            Some(which) if self.release.replacements.get(usize::from(which)).is_some_and(Option::is_some) => {
                Shown::Instead(which)
            }
            Some(which) => Shown::No(which),
            None if ways.iter().any(|action| action.out == Out::Keep) => Shown::Yes,
            None => Shown::Unnamed,
        };
        Column { shown, each: ways.iter().fold(0, |all, action| all | action.each) }
    }

    /// Where these names lead, one below the other.
    fn walked(&self, names: &[&str]) -> Vec<Action> {
        let automaton = &self.release.automaton;
        let mut state = automaton.action(automaton.root()).state;
        let step = |name: &&str| {
            let action = automaton.action(automaton.step(state, name));
            state = action.state;
            action
        };
        names.iter().map(step).collect()
    }
}

/// Something excluded on the way takes out what is below.
fn excluded(way: &[Action]) -> Option<Action> {
    way.iter().find(|action| matches!(action.out, Out::Remove(_))).copied()
}

fn text(bytes: &[u8], (from, to, quoted): (usize, usize, bool)) -> Cow<'_, str> {
    if !quoted {
        return String::from_utf8_lossy(bytes.get(from..to).unwrap_or_default());
    }
    let inner = String::from_utf8_lossy(bytes.get(from + 1..to - 1).unwrap_or_default());
    if inner.contains('"') { Cow::Owned(inner.replace("\"\"", "\"")) } else { inner }
}

fn write_cell(bytes: &[u8], (from, to, _): (usize, usize, bool), any: &mut bool, out: &mut Vec<u8>) {
    if std::mem::replace(any, true) {
        out.push(b',');
    }
    out.extend_from_slice(bytes.get(from..to).unwrap_or_default());
}

/// Up to here a line is looked at whenever there is more of it.
const CRUMBS_BYTES: usize = 4 * 1024;
