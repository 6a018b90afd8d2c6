//! The map of logs: one root over the newest checkpoints of all logs of a database, round after round.
//!
//! Each log shows by its own checkpoints that it only grows. A map shows it of all of them together, and which logs there are: whoever
//! keeps one signed round knows of each log how far it was. Rounds are the leaves of a tree of their own, which only grows.

use std::fmt;
use std::str::FromStr;

use model::UnixMicros;
use tlog::{Checkpoint, Frontier, Hash, Note, SignedCheckpoint, SigningKey, Tree};

use crate::entry::rfc3339;
use crate::error::{StoreFault, StoreFaultKind, TraceError};

/// How far a log was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What the database calls it.
    pub log: String,
    /// What its checkpoints call it.
    pub origin: String,
    /// Its newest checkpoint's tree.
    pub tree: Tree,
}

/// All logs at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Counted from 1.
    pub number: u64,
    /// When.
    pub at: UnixMicros,
    /// Every log that has signed something, by name.
    pub heads: Vec<Head>,
    /// Logs that were further in the round before, or were another one.
    pub back: Vec<String>,
}

/// A round as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRound {
    /// Its text.
    pub round: Round,
    /// Over all rounds up to it.
    pub tree: Frontier,
    /// The checkpoint of that tree, with the root over the logs.
    pub signed: SignedCheckpoint,
}

/// Why a round is not right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("round {number}: {what}")]
pub struct MapError {
    /// Which.
    pub number: u64,
    /// What is the matter with it.
    pub what: String,
}

// === impl Head ===

impl Head {
    /// Of the newest checkpoint that a log has kept. Error: it is none.
    pub fn of(log: &str, checkpoint: &str) -> Result<Self, StoreFault> {
        let corrupt = |error| {
            let said = format!("the newest checkpoint of the log `{log}` cannot be read");
            StoreFault::new(StoreFaultKind::Corrupt, said).because(error)
        };
        let signed = SignedCheckpoint::parse(checkpoint.as_bytes()).map_err(corrupt)?;
        let said = signed.danger_unverified();
        Ok(Self { log: log.to_owned(), origin: said.origin().to_owned(), tree: said.tree() })
    }

    /// Whether a log that was here before may be there now, as far as heads tell.
    fn may_become(&self, later: &Self) -> bool {
        let (before, after) = (self.tree, later.tree);
        self.origin == later.origin
            && (after.size > before.size || after.size == before.size && after.root == before.root)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log {} {} {} {}", self.log, self.tree.size, self.tree.root, self.origin)
    }
}

// === impl Round ===

impl Round {
    /// The round behind this one; none where nothing has changed since.
    pub fn after(last: Option<&Self>, at: UnixMicros, mut heads: Vec<Head>) -> Option<Self> {
        heads.sort_by(|one, other| one.log.cmp(&other.log));
        if last.map_or(heads.is_empty(), |last| last.heads == heads) {
            return None;
        }
        let now = |log: &str| heads.iter().find(|head| head.log == log);
        let before = last.map_or(&[][..], |last| &last.heads);
        let back = before.iter().filter(|head| !now(&head.log).is_some_and(|later| head.may_become(later)));
        let back = back.map(|head| head.log.clone()).collect();
        Some(Self { number: last.map_or(1, |last| last.number.saturating_add(1)), at, heads, back })
    }

    /// The root over the logs: a tree whose leaves are their lines.
    pub fn root(&self) -> Hash {
        let leaves: Vec<Hash> = self.heads.iter().map(|head| Hash::of_leaf(head.to_string().as_bytes())).collect();
        let mut tree = Frontier::new();
        // There are not 2^63 logs.
        let _grown = tree.append(&leaves, |_, _| {});
        tree.tree().root
    }

    /// Signs it as the leaf behind these rounds.
    pub fn sign(self, origin: &str, before: &Frontier, keys: &[SigningKey]) -> Result<SignedRound, TraceError> {
        let malformed = |what| move |_| TraceError::Malformed { what };
        let mut tree = before.clone();
        let leaf = Hash::of_leaf(self.to_string().as_bytes());
        tree.append(&[leaf], |_, _| {}).map_err(|_| TraceError::Malformed { what: "there are too many rounds" })?;
        let checkpoint = Checkpoint::new(origin, tree.tree())
            .and_then(|checkpoint| checkpoint.with_extension(&format!("{HEADS}{}", self.root())))
            .map_err(malformed("the checkpoint of a map cannot be written"))?;
        let mut note = Note::new(checkpoint.to_string())
            .map_err(|_| TraceError::Malformed { what: "the checkpoint of a map is no note" })?;
        for key in keys {
            note.sign(key).map_err(|_| TraceError::Malformed { what: "the checkpoint of a map cannot be signed" })?;
        }
        let signed = SignedCheckpoint::parse(note.to_string().as_bytes())
            .map_err(malformed("the checkpoint of a map cannot be read"))?;
        Ok(SignedRound { round: self, tree, signed })
    }
}

/// The text that is a leaf of the map.
impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}\nround {}\ntime {} {}", self.number, self.at.0, rfc3339(self.at))?;
        self.heads.iter().try_for_each(|head| writeln!(f, "{head}"))?;
        self.back.iter().try_for_each(|log| writeln!(f, "back {log}"))
    }
}

impl FromStr for Round {
    type Err = StoreFault;

    fn from_str(text: &str) -> Result<Self, StoreFault> {
        read(text)
            .filter(|round| round.to_string() == text)
            .ok_or_else(|| StoreFault::new(StoreFaultKind::Corrupt, "a round of the map cannot be read"))
    }
}

fn read(text: &str) -> Option<Round> {
    let mut lines = text.lines();
    (lines.next()? == TITLE).then_some(())?;
    let number = lines.next()?.strip_prefix("round ")?.parse().ok()?;
    let at = lines.next()?.strip_prefix("time ")?.split(' ').next()?.parse().map(UnixMicros).ok()?;
    let (mut heads, mut back) = (Vec::new(), Vec::new());
    for line in lines {
        if let Some(log) = line.strip_prefix("back ") {
            back.push(log.to_owned());
            continue;
        }
        let mut parts = line.strip_prefix("log ")?.splitn(4, ' ').map(str::to_owned);
        let (log, size, root, origin) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        heads.push(Head { log, origin, tree: Tree { size: size.parse().ok()?, root: root.parse().ok()? } });
    }
    Some(Round { number, at, heads, back })
}

// === impl SignedRound ===

impl SignedRound {
    /// Whether it is one that follows this one, or the first, and its checkpoint says what it says. Whose signatures count is the
    /// caller's to judge.
    pub fn check(&self, before: Option<&Self>) -> Result<(), MapError> {
        let wrong = |what: &str| Err(MapError { number: self.round.number, what: what.to_owned() });
        let mut tree = before.map_or_else(Frontier::new, |before| before.tree.clone());
        let leaf = Hash::of_leaf(self.round.to_string().as_bytes());
        if tree.size().saturating_add(1) != self.round.number || tree.append(&[leaf], |_, _| {}).is_err() {
            return wrong("it is not the one that follows");
        }
        let said = self.signed.danger_unverified();
        if said.tree() != tree.tree() || self.tree.tree() != tree.tree() {
            return wrong("its checkpoint is not over the rounds that there are");
        }
        if said.extensions() != [format!("{HEADS}{}", self.round.root())] {
            return wrong("its checkpoint has another root over the logs");
        }
        let follows = Round::after(before.map(|before| &before.round), self.round.at, self.round.heads.clone());
        if follows.is_none_or(|follows| follows.back != self.round.back) {
            return wrong("it does not name the logs that went back");
        }
        Ok(())
    }
}

/// What a map is called, from the log that begins it.
pub fn map_origin(log: &str) -> String {
    format!("{log}/map")
}

const TITLE: &str = "countersign map of logs v1";
const HEADS: &str = "logs ";

#[cfg(test)]
mod tests;
