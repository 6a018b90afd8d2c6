//! An export that somebody asks for: what fits a question, or a stretch of the log, into one file.

use std::io::Write;

use model::Blame;
use model::Fault;
use parquet::errors::ParquetError;
use trace::{LogReader, Query, StoreFault};

use crate::cef::cef;
use crate::item::{About, Calls, Item};
use crate::jsonl::json_line;
use crate::limits::PAGE_RECORDS;
use crate::ocsf::event;
use crate::parquet_file::ParquetFile;
use crate::proof::Proof;

/// In which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON Lines, which can be verified again.
    Jsonl,
    /// Parquet.
    Parquet,
    /// An OCSF event a line.
    Ocsf,
    /// A CEF message a line.
    Cef,
}

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// In which format.
    pub format: Format,
    /// Which records; its bounds by place are taken from below, its limit and order are not looked at.
    pub query: Query,
    /// The first record.
    pub from: u64,
    /// The last record.
    pub to: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Records.
    pub records: u64,
    /// The last record that the proof in the file covers, where there is one.
    pub proved_to: Option<u64>,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log could not be read.
    #[error("the trace could not be read")]
    NotRead(#[source] StoreFault),
    /// The file could not be written.
    #[error("the export could not be written")]
    NotWritten(#[source] std::io::Error),
    /// It could not be put into Parquet.
    #[error("the export could not be written as Parquet")]
    Parquet(#[source] ParquetError),
}

/// Writes what is wanted. `progress` hears how many records were written, now and then. Memory is bounded however many there
/// are.
pub fn export<W: Write + Send>(
    reader: &dyn LogReader,
    about: &About,
    wanted: &Wanted,
    to: W,
    mut progress: impl FnMut(u64),
) -> Result<Exported, ExportError> {
    let mut file = File::begin(to, wanted.format, about)?;
    let proof = match wanted.is_a_stretch() && wanted.format == Format::Jsonl {
        true => Proof::of(reader, &about.origin, wanted.from, wanted.to).map_err(ExportError::NotRead)?,
        false => None,
    };
    if let Some(proof) = &proof {
        file.line(&serde_json::to_string(proof).map_err(|error| ExportError::NotWritten(error.into()))?)?;
    }
    let (mut calls, mut records, mut behind) = (Calls::default(), 0, wanted.from.saturating_sub(1));
    loop {
        let page = Query {
            after_sequence: Some(behind),
            before_sequence: wanted.to.checked_add(1),
            limit: PAGE_RECORDS,
            newest_first: false,
            ..wanted.query.clone()
        };
        let entries = reader.find(&page).map_err(ExportError::NotRead)?;
        let Some(last) = entries.last().map(|last| last.sequence) else { break };
        for item in calls.items(reader, entries).map_err(ExportError::NotRead)? {
            file.add(&item, about)?;
            records += 1;
        }
        behind = last;
        progress(records);
    }
    file.end()?;
    Ok(Exported { records, proved_to: proof.map(|proof| proof.to) })
}

// === impl Wanted ===

impl Wanted {
    /// Whether nothing between its bounds is left out.
    fn is_a_stretch(&self) -> bool {
        self.query.terms.is_empty() && self.query.since.is_none() && self.query.until.is_none()
    }
}

// === impl ExportError ===

impl From<ExportError> for Fault {
    fn from(error: ExportError) -> Self {
        let said = error.to_string();
        match error {
            ExportError::NotRead(fault) => Self::from(fault),
            ExportError::NotWritten(cause) => {
                Self::new(Blame::Operator, "export.not_written", format!("{said}: {cause}")).because(cause)
            }
            ExportError::Parquet(cause) => {
                Self::new(Blame::Operator, "export.not_written", format!("{said}: {cause}")).because(cause)
            }
        }
    }
}

/// A file in the making.
enum File<W: Write + Send> {
    Lines(W, Format),
    Parquet(Box<ParquetFile<W>>),
}

impl<W: Write + Send> File<W> {
    fn begin(to: W, format: Format, about: &About) -> Result<Self, ExportError> {
        match format {
            Format::Parquet => ParquetFile::new(to, about).map(|file| Self::Parquet(Box::new(file))),
            format => Ok(Self::Lines(to, format)),
        }
        .map_err(ExportError::Parquet)
    }

    fn add(&mut self, item: &Item, about: &About) -> Result<(), ExportError> {
        let line = match self {
            Self::Parquet(file) => return file.add(item).map_err(ExportError::Parquet),
            Self::Lines(_, Format::Ocsf) => event(item, about).to_string(),
            Self::Lines(_, Format::Cef) => cef(item, about),
            Self::Lines(..) => json_line(item),
        };
        self.line(&line)
    }

    fn line(&mut self, line: &str) -> Result<(), ExportError> {
        match self {
            Self::Lines(to, _) => writeln!(to, "{line}").map_err(ExportError::NotWritten),
            Self::Parquet(_) => Ok(()),
        }
    }

    fn end(self) -> Result<(), ExportError> {
        match self {
            Self::Lines(mut to, _) => to.flush().map_err(ExportError::NotWritten),
            Self::Parquet(file) => {
                let mut to = file.finish().map_err(ExportError::Parquet)?;
                to.flush().map_err(ExportError::NotWritten)
            }
        }
    }
}

#[cfg(test)]
mod tests;
