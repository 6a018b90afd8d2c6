//! The filter as its caller sees it: any bytes in, at any place cut, and out those that may be seen.

use std::sync::Arc;

use super::csv::Table;
use super::stream::Stream;
use super::{FilterError, FilterProblem, Form, Release, Summary};
use crate::error::Problem;

/// Applies a release to one answer while it streams.
///
/// ```no_run
/// # fn show(release: &json::Release, chunks: &[&[u8]]) -> Result<Vec<u8>, json::release::FilterError> {
/// let mut filter = json::Filter::new(release, json::release::Form::Json);
/// let mut out = Vec::new();
/// for chunk in chunks {
///     filter.push(chunk, &mut out)?;
/// }
/// let summary = filter.finish(&mut out)?;
/// # let _ = summary;
/// # Ok(out)
/// # }
/// ```
#[derive(Debug)]
pub struct Filter {
    machine: Machine,
    /// Bytes that are not done with.
    held: Vec<u8>,
    /// How many of them are known to be text.
    checked: usize,
    /// Bytes of the answer before them.
    before: u64,
    /// Bytes let out by pushes that went well.
    left: u64,
    bytes_max: u64,
    stopped: bool,
}

#[derive(Debug)]
enum Machine {
    Json(Box<Stream>),
    Csv(Box<Table>),
}

/// Where in the bytes it was given a machine stops, and why. Boxed, for it is part of what each step gives.
#[derive(Debug)]
pub(super) struct Stop(Box<(usize, FilterProblem)>);

// === impl Filter ===

impl Filter {
    /// For one answer.
    pub fn new(release: &Release, form: Form) -> Self {
        let release = Arc::clone(&release.0);
        let bytes_max = release.bytes_max;
        let machine = match form {
            Form::Json | Form::Lines => Machine::Json(Box::new(Stream::new(release, form))),
            Form::Csv => Machine::Csv(Box::new(Table::new(release))),
        };
        Self { machine, held: Vec::new(), checked: 0, before: 0, left: 0, bytes_max, stopped: false }
    }

    /// Takes the next bytes of the answer and appends to `out` what may be seen by now. Error: nothing more may be seen; `out`
    /// is as it was before.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), FilterError> {
        let before = out.len();
        for piece in bytes.chunks(PIECE_BYTES) {
            self.piece(piece, false, out, before)?;
        }
        self.left += (out.len() - before) as u64;
        Ok(())
    }

    /// The answer has ended. Error: it had not, or something all of it depends on did not hold; `out` is as it was before.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<Summary, FilterError> {
        let before = out.len();
        self.piece(b"", true, out, before)?;
        self.left += (out.len() - before) as u64;
        self.stopped = true;
        if let Machine::Json(machine) = &mut self.machine {
            machine.teach();
        }
        Ok(self.summary())
    }

    /// What was done so far.
    pub fn summary(&self) -> Summary {
        let summary = match &self.machine {
            Machine::Json(machine) => machine.summary(),
            Machine::Csv(machine) => machine.summary(),
        };
        Summary { bytes: self.left, ..summary.clone() }
    }

    /// Bytes let out so far.
    pub fn left(&self) -> u64 {
        self.left
    }

    fn piece(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>, out_before: usize) -> Result<(), FilterError> {
        if self.stopped {
            return Err(FilterError::new(self.before, self.left, FilterProblem::Stopped));
        }
        self.held.extend_from_slice(piece);
        let went = self.check_text(last).and_then(|()| {
            let bytes = self.held.get(..self.checked).unwrap_or_default();
            match &mut self.machine {
                Machine::Json(machine) => machine.run(bytes, last, out),
                Machine::Csv(machine) => machine.run(bytes, last, out),
            }
        });
        let given = self.left + (out.len() - out_before) as u64;
        let went = match went {
            Ok(_) if given > self.bytes_max => Err(Stop::at(0, FilterProblem::TooManyBytes(self.bytes_max))),
            went => went,
        };
        match went {
            Ok(done) => {
                self.held.drain(..done);
                self.checked -= done;
                self.before += done as u64;
                Ok(())
            }
            Err(stop) => {
                self.stopped = true;
                out.truncate(out_before);
                let (at, problem) = *stop.0;
                Err(FilterError::new(self.before + at as u64, self.left, problem))
            }
        }
    }

    /// Text is what comes before the machine; the first bytes of a character wait for its last.
    fn check_text(&mut self, last: bool) -> Result<(), Stop> {
        let rest = self.held.get(self.checked..).unwrap_or_default();
        if simdutf8::basic::from_utf8(rest).is_ok() {
            self.checked = self.held.len();
            return Ok(());
        }
        let Err(error) = str::from_utf8(rest) else { return Ok(()) };
        if error.error_len().is_some() || last {
            return Err(Stop::at(self.checked + error.valid_up_to(), Problem::Utf8));
        }
        self.checked += error.valid_up_to();
        Ok(())
    }
}

// === impl Stop ===

impl Stop {
    #[cold]
    pub(super) fn at(at: usize, problem: impl Into<FilterProblem>) -> Self {
        Self(Box::new((at, problem.into())))
    }
}

/// Bytes that are looked at in one go: they stay in the processor's cache from the check of their text to the copy.
const PIECE_BYTES: usize = 32 * 1024;
