//! The checks that are known to be lost, each with its reason.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// The list, as it is written: `SUBJECT,… REVISION,… CHECK: REASON`, one check a line.
#[derive(Debug)]
pub(super) struct Expected {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    subjects: Vec<String>,
    revisions: Vec<String>,
    check: String,
    reason: String,
}

// === impl Expected ===

impl Expected {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not as it should be", file.display()))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut lines: Vec<Line> = Vec::new();
        for (number, text) in text.lines().enumerate().filter(|(_, text)| !text.is_empty() && !text.starts_with('#')) {
            let line = Line::parse(text).with_context(|| format!("line {}: `{text}`", number + 1))?;
            if let Some(before) = lines.iter().find(|before| before.meets(&line)) {
                bail!("line {}: `{}` stands there already", number + 1, before.check);
            }
            lines.push(line);
        }
        Ok(Self { lines })
    }

    /// Why a check is lost.
    pub(super) fn reason(&self, subject: &str, revision: &str, check: &str) -> Option<&str> {
        let found = self.lines.iter().find(|line| line.check == check && line.covers(subject, revision));
        found.map(|line| line.reason.as_str())
    }

    /// The listed checks that are not among these.
    pub(super) fn not_among(&self, subject: &str, revision: &str, lost: &[&str]) -> Vec<&str> {
        let listed = self.lines.iter().filter(|line| line.covers(subject, revision)).map(|line| line.check.as_str());
        listed.filter(|check| !lost.contains(check)).collect()
    }
}

// === impl Line ===

impl Line {
    fn parse(text: &str) -> Result<Self> {
        let (place, reason) = text.split_once(": ").context("a reason is missing")?;
        let words: Vec<&str> = place.split_whitespace().collect();
        let [subjects, revisions, check] = words.as_slice() else { bail!("it takes `SUBJECT REVISION CHECK: REASON`") };
        let several = |word: &str| word.split(',').map(str::to_owned).collect();
        Ok(Self {
            subjects: several(subjects),
            revisions: several(revisions),
            check: (*check).to_owned(),
            reason: reason.trim().to_owned(),
        })
    }

    fn covers(&self, subject: &str, revision: &str) -> bool {
        self.subjects.iter().any(|known| known == subject) && self.revisions.iter().any(|known| known == revision)
    }

    fn meets(&self, other: &Self) -> bool {
        let pairs = other.subjects.iter().flat_map(|one| other.revisions.iter().map(move |two| (one, two)));
        self.check == other.check && pairs.into_iter().any(|(subject, revision)| self.covers(subject, revision))
    }
}
