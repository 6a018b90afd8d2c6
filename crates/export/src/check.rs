//! Whether an export in JSON Lines is what was written, and what was signed.

use std::io::BufRead;

use model::{CallId, Class, Digest, UnixMicros, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use tlog::{Tree, Trust};
use trace::{Entry, RecordKind, Shown, verify_leaf};

use crate::item::Decision;
use crate::limits::LINE_BYTES_MAX;
use crate::proof::{Proof, Stretch};

/// What was looked at.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Records whose leaf hash and commitments are right. That finds accidents: whoever changes a record can compute both anew.
    pub records: u64,
    /// Records among them that stand in a tree that was signed: these are what was written.
    pub signed_records: u64,
    /// Records among them without their text, which were checked as far as they go. It was erased or let go before they were exported, or
    /// somebody took it out of the file: nothing in there tells which.
    pub without_text: u64,
    /// The first record.
    pub first: Option<u64>,
    /// The last record.
    pub last: Option<u64>,
    /// The name of the log, where a proof says it.
    pub origin: Option<String>,
    /// The tree that was signed, where the export proves that its records stand in it.
    pub signed: Option<Tree>,
    /// Records for which nothing that was signed vouches: those behind the end of the proof, all of them where there is none.
    pub unsigned: u64,
    /// The first thing that is wrong.
    pub wrong: Option<Wrong>,
}

/// Something is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line of the file; one behind the last where something is missing.
    pub line: u64,
    /// What is the matter.
    pub what: String,
}

/// The export could not be read, or nobody's word can be taken for it.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It could not be read.
    #[error("the export could not be read")]
    NotRead(#[source] std::io::Error),
    /// Whom to trust could not be found out.
    #[error("there is no key to check the export with")]
    NoKey,
}

/// Checks an export. `trust` gives the keys to trust for the log of a name. `progress` hears how many records were looked
/// at.
pub fn check(
    export: &mut dyn BufRead,
    trust: impl FnOnce(&str) -> Option<Trust>,
    mut progress: impl FnMut(u64),
) -> Result<Checked, CheckError> {
    let mut checked = Checked::default();
    let (mut stretch, mut trust) = (None, Some(trust));
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut bounded = std::io::Read::take(&mut *export, LINE_BYTES_MAX);
        if bounded.read_until(b'\n', &mut line).map_err(CheckError::NotRead)? == 0 {
            break;
        }
        let proof: Option<Proof> = if number == 1 { serde_json::from_slice(&line).ok() } else { None };
        let looked = match proof {
            Some(proof) => {
                let trust = trust.take().and_then(|trust| trust(&proof.origin)).ok_or(CheckError::NoKey)?;
                Stretch::begin(proof, &trust).map(|begun| stretch = Some(begun))
            }
            None => record(&line, &mut stretch, &mut checked),
        };
        if let Err(what) = looked {
            checked.wrong = Some(Wrong { line: number, what });
            return Ok(checked);
        }
        if checked.records.is_multiple_of(PROGRESS_EACH) {
            progress(checked.records);
        }
    }
    if let Some(stretch) = stretch {
        match stretch.end() {
            Ok(signed) => {
                checked.signed_records = signed.to.saturating_sub(signed.from) + 1;
                (checked.origin, checked.signed) = (Some(signed.origin), Some(signed.tree));
            }
            Err(what) => checked.wrong = Some(Wrong { line: checked.records + 2, what }),
        }
    }
    checked.unsigned = checked.records.saturating_sub(checked.signed_records);
    Ok(checked)
}

/// One line of a record.
fn record(line: &[u8], stretch: &mut Option<Stretch>, checked: &mut Checked) -> Result<(), String> {
    if line.last() != Some(&b'\n') {
        return Err("it breaks off in the middle of the line".to_owned());
    }
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| format!("it cannot be read: {error}"))?;
    let marked = line.security_relevant;
    let entry = line.entry()?;
    let wrong = |what: &str| format!("record {}: {what}", entry.sequence);
    verify_leaf(&entry).map_err(|error| wrong(error.what()))?;
    if Decision::of(&entry).is_some_and(|decision| decision.security_relevant != marked) {
        return Err(wrong("its rules do not mark it as it is marked"));
    }
    if checked.last.is_some_and(|last| last >= entry.sequence) {
        return Err(format!("record {} stands behind a later one", entry.sequence));
    }
    if let Some(stretch) = stretch {
        if stretch.next() != entry.sequence {
            return Err(format!("record {} is missing", stretch.next()));
        }
        stretch.record(&entry.leaf_hash)?;
    }
    checked.records += 1;
    checked.without_text += u64::from(entry.body.is_none());
    checked.first = checked.first.or(Some(entry.sequence));
    checked.last = Some(entry.sequence);
    Ok(())
}

/// A record as [`crate::json_line`] writes it. What is not looked at here says nothing that the leaf does not.
#[derive(Deserialize)]
struct Line<'l> {
    sequence: u64,
    kind: RecordKind,
    call: CallId,
    time: String,
    agent: Option<String>,
    human: Option<String>,
    app: Option<String>,
    tool: Option<String>,
    class: Option<Class>,
    verdict: Option<Verdict>,
    leaf: String,
    leaf_hash: Digest,
    #[serde(default)]
    security_relevant: bool,
    salt: Option<String>,
    #[serde(borrow)]
    body: Option<&'l RawValue>,
}

impl Line<'_> {
    fn entry(self) -> Result<Entry, String> {
        let at: jiff::Timestamp = self.time.parse().map_err(|_| "its time cannot be read".to_owned())?;
        let body = match (self.body, self.salt) {
            (Some(body), Some(salt)) => Some(Shown { text: body.get().to_owned(), salt }.whole()),
            (None, None) => None,
            _ => return Err("a body goes with its salt, and one of them is missing".to_owned()),
        };
        Ok(Entry {
            sequence: self.sequence,
            kind: self.kind,
            call: self.call,
            at: UnixMicros(at.as_microsecond()),
            agent: self.agent,
            human: self.human,
            app: self.app,
            tool: self.tool,
            class: self.class,
            verdict: self.verdict,
            leaf: self.leaf,
            leaf_hash: self.leaf_hash,
            body,
            lost_key: None,
            outcome_leaf: None,
        })
    }
}

const PROGRESS_EACH: u64 = 1_000;

#[cfg(test)]
mod tests;
