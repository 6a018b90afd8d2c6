//! Where bytes that may be let out wait until it is known whether they are: a record for its conditions, the answer for its
//! counts and for what all of it depends on.

use model::limits::RELEASE_BODY_BYTES_MAX;

use super::{Beyond, FilterProblem, Tell};

/// In front of a caller's buffer.
#[derive(Debug)]
pub(super) struct Sink {
    record: Vec<u8>,
    holds_record: bool,
    body: Vec<u8>,
    /// Whether bytes go to `body`: while anything below says so.
    holds_body: bool,
    /// Counts that stand in `body` and are not known yet.
    counts: Vec<Count>,
    /// Whether nothing gets out before the answer has ended.
    pub(super) until_end: bool,
    /// Whether nothing gets out before the only record has ended.
    pub(super) until_record: bool,
    beyond: Beyond,
}

#[derive(Debug)]
struct Count {
    at: usize,
    tell: Tell,
    /// What the app says.
    said: Vec<u8>,
}

// === impl Sink ===

impl Sink {
    pub(super) fn new(until_end: bool, until_record: bool, beyond: Beyond) -> Self {
        Self {
            record: Vec::new(),
            holds_record: false,
            body: Vec::new(),
            holds_body: until_end || until_record,
            counts: Vec::new(),
            until_end,
            until_record,
            beyond,
        }
    }

    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), FilterProblem> {
        if self.holds_record {
            self.record.extend_from_slice(bytes);
            return Ok(());
        }
        if !self.holds_body {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        self.body.extend_from_slice(bytes);
        if self.body.len() > RELEASE_BODY_BYTES_MAX {
            return self.overflow(out);
        }
        Ok(())
    }

    /// What is written from here on is the record's.
    pub(super) fn record_begins(&mut self) {
        self.holds_record = true;
    }

    /// Lets the record go on.
    pub(super) fn record_is_let_out(&mut self, out: &mut Vec<u8>) -> Result<(), FilterProblem> {
        self.holds_record = false;
        let mut record = std::mem::take(&mut self.record);
        let written = self.write(&record, out);
        record.clear();
        self.record = record;
        written
    }

    pub(super) fn record_is_left_out(&mut self) {
        self.holds_record = false;
        self.record.clear();
    }

    /// A count stands here; the records are not all known yet.
    pub(super) fn count(&mut self, tell: Tell, said: &[u8]) {
        self.holds_body = true;
        self.counts.push(Count { at: self.body.len(), tell, said: said.to_vec() });
    }

    /// All records are known; so many are let out.
    pub(super) fn rows_end(&mut self, let_out: u64, out: &mut Vec<u8>) -> Result<(), FilterProblem> {
        if !self.counts.is_empty() {
            self.fill(|count| told(count.tell, &count.said, let_out))?;
        }
        self.go_on(out);
        Ok(())
    }

    /// Lets go what nothing holds any more.
    pub(super) fn go_on(&mut self, out: &mut Vec<u8>) {
        if self.holds_body && !self.until_end && !self.until_record && self.counts.is_empty() {
            self.holds_body = false;
            out.append(&mut self.body);
            self.body = Vec::new();
        }
    }

    /// Puts the counts in.
    fn fill(&mut self, says: impl Fn(&Count) -> Result<Vec<u8>, FilterProblem>) -> Result<(), FilterProblem> {
        let body = std::mem::take(&mut self.body);
        let mut from = 0;
        for count in std::mem::take(&mut self.counts) {
            self.body.extend_from_slice(body.get(from..count.at).unwrap_or_default());
            self.body.extend_from_slice(&says(&count)?);
            from = count.at;
        }
        self.body.extend_from_slice(body.get(from..).unwrap_or_default());
        Ok(())
    }

    #[cold]
    fn overflow(&mut self, out: &mut Vec<u8>) -> Result<(), FilterProblem> {
        if self.until_end || self.until_record || self.beyond == Beyond::Refuse {
            return Err(FilterProblem::BodyTooLarge(RELEASE_BODY_BYTES_MAX));
        }
        self.fill(|_| Ok(b"null".to_vec()))?;
        self.go_on(out);
        Ok(())
    }
}

/// What stands in the place of a count.
pub(super) fn told(tell: Tell, said: &[u8], let_out: u64) -> Result<Vec<u8>, FilterProblem> {
    match tell {
        Tell::Count => Ok(let_out.to_string().into_bytes()),
        Tell::AsIs => Ok(said.to_vec()),
        Tell::Refuse => Err(FilterProblem::Counted),
    }
}
