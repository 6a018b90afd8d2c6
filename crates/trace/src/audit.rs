//! Whether a whole log, or a part of it, is what was signed: every record against itself, its place in the tree, and the
//! checkpoints.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use model::UnixMicros;
use serde::Deserialize;
use tlog::{
    CheckpointError, Frontier, Hash, Inclusion, Leaf, SignedCheckpoint, TILE_WIDTH, Tile, TileKind, Tree, Trust,
};

use crate::entry::Entry;
use crate::error::{StoreFault, StoreFaultKind};
use crate::gone::{Gone, Went, records_of_it};
use crate::log::LogReader;
use crate::notary::{Tiles, checkpoints, tiles};
use crate::question::Query;
use crate::verify::verify_leaf;

/// What was looked at, and the first thing that is wrong.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Records that were looked at.
    pub records: u64,
    /// Records among them whose text was erased: they were checked as far as they go.
    pub erased: u64,
    /// Records among them whose text was let go: they were checked as far as they go.
    pub let_go: u64,
    /// Records that no checkpoint covers yet.
    pub unsigned: u64,
    /// How much time lies between the earliest of those and the latest, in microseconds, as they say themselves.
    pub unsigned_us: i64,
    /// Checkpoints whose signature was checked and that fit.
    pub checkpoints: usize,
    /// The largest of them.
    pub signed: Option<Tree>,
    /// What is wrong, at the first place where something is.
    pub bad: Option<Finding>,
}

/// Something is not what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The first record that is concerned.
    pub sequence: u64,
    /// What is the matter with it.
    pub what: String,
}

/// What is known of a log beside the log itself.
#[derive(Debug, Clone)]
pub struct Known {
    /// Whose signature is taken.
    pub trust: Trust,
    /// Whether its keys come from whoever asks, and not from beside the log: then their word on it is wanted.
    pub named: bool,
    /// Checkpoints that were kept elsewhere.
    pub elsewhere: Vec<SignedCheckpoint>,
}

/// Walks along the log.
struct Walk<'r> {
    reader: &'r dyn LogReader,
    /// The tree that the log says it has.
    said: Tree,
    /// The last record that there was when the checkpoints were read: a log that grows meanwhile is signed as it does.
    last: u64,
    /// Of the records that are looked at, the first whose task is not found by what its text says.
    misfiled: Option<u64>,
    /// What its records say of texts that are missing.
    gone: Gone,
    /// What each record is to stand in, where not all of them are looked at.
    proved: Option<(Tree, Tiles<'r>)>,
    /// Whether a signature is wanted.
    named: bool,
    /// What is left to compare with, by size.
    signed: BTreeMap<u64, Hash>,
    audit: Audit,
    /// When the earliest and the latest record were made that no checkpoint covers so far.
    behind: Option<(UnixMicros, UnixMicros)>,
    /// The tile of leaf hashes that was read last.
    tile: (u64, Vec<Hash>),
}

/// What a leaf of any kind says of its time.
#[derive(Deserialize)]
struct Made {
    at_us: i64,
}

/// Checks the whole log. `progress` hears how many records were looked at, now and then. Error: the log cannot be read.
pub fn audit(reader: &dyn LogReader, known: &Known, mut progress: impl FnMut(u64)) -> Result<Audit, StoreFault> {
    let mut walk = match Walk::begin(reader, known)? {
        Ok(walk) => walk,
        Err(audit) => return Ok(audit),
    };
    let mut tree = Frontier::new();
    let mut right = 0;
    'log: while tree.size() < walk.last {
        let entries = match walk.page(tree.size())? {
            Ok(entries) if entries.is_empty() => break,
            Ok(entries) => entries,
            Err(bad) => {
                walk.audit.bad = Some(bad);
                break;
            }
        };
        for entry in &entries {
            let index = tree.size();
            if index >= walk.last {
                break 'log;
            }
            if let Some(bad) = walk.record(entry, index)? {
                walk.audit.bad = Some(bad);
                break 'log;
            }
            let leaf = Hash::new(*entry.leaf_hash.as_bytes());
            if tree.append(&[leaf], |_, _| {}).is_err() {
                break 'log;
            }
            if let Some(bad) = walk.tree(tree.size(), right, || tree.tree().root) {
                walk.audit.bad = Some(bad);
                break 'log;
            }
            right = walk.audit.signed.map_or(0, |signed| signed.size);
        }
        progress(tree.size());
    }
    Ok(walk.end(tree.tree()))
}

/// Checks the whole log as far as leaves go: their bytes, their place in the tree, the checkpoints. For a log whose bodies cannot be
/// opened, because their key is elsewhere.
pub fn audit_leaves(reader: &dyn LogReader, known: &Known, mut progress: impl FnMut(u64)) -> Result<Audit, StoreFault> {
    let mut walk = match Walk::begin(reader, known)? {
        Ok(walk) => walk,
        Err(audit) => return Ok(audit),
    };
    let mut tree = Frontier::new();
    let mut right = 0;
    'log: while tree.size() < walk.said.size {
        let Some(leaves) = leaves(reader, tree.size(), walk.said.size)? else {
            walk.audit.bad = Some(Finding { sequence: tree.size() + 1, what: MISSING.to_owned() });
            break;
        };
        for leaf in leaves {
            let (index, hash) = (tree.size(), Hash::of_leaf(&leaf));
            if walk.leaf(index)? != Some(hash) {
                let what = "it is another record than the one that was written here".to_owned();
                walk.audit.bad = Some(Finding { sequence: index + 1, what });
                break 'log;
            }
            walk.audit.records += 1;
            if let Ok(made) = serde_json::from_slice::<Made>(&leaf) {
                walk.made_at(UnixMicros(made.at_us));
            }
            if tree.append(&[hash], |_, _| {}).is_err() {
                break 'log;
            }
            if let Some(bad) = walk.tree(tree.size(), right, || tree.tree().root) {
                walk.audit.bad = Some(bad);
                break 'log;
            }
            right = walk.audit.signed.map_or(0, |signed| signed.size);
        }
        progress(tree.size());
    }
    Ok(walk.end(tree.tree()))
}

/// The leaves of the tile that begins at this index. None: not all of them are there.
fn leaves(reader: &dyn LogReader, index: u64, size: u64) -> Result<Option<Vec<Vec<u8>>>, StoreFault> {
    let width = u16::try_from(size - index).map_or(TILE_WIDTH, |rest| rest.min(TILE_WIDTH));
    let tile = Tile::full(TileKind::Entries, index / u64::from(TILE_WIDTH)).and_then(|tile| tile.narrowed(width));
    let Ok(tile) = tile else { return Ok(None) };
    let Some(bytes) = reader.tile(tile)? else { return Ok(None) };
    Ok(tile.decode_entries(&bytes).ok().map(|entries| entries.into_iter().map(<[u8]>::to_vec).collect()))
}

/// Checks some records: each against itself, and that it stands in the tree of the largest checkpoint.
pub fn audit_range(reader: &dyn LogReader, known: &Known, range: RangeInclusive<u64>) -> Result<Audit, StoreFault> {
    let mut walk = match Walk::begin(reader, known)? {
        Ok(walk) => walk,
        Err(audit) => return Ok(audit),
    };
    let signed = walk.signed.last_key_value().map(|(size, root)| Tree { size: *size, root: *root });
    walk.audit.signed = signed;
    walk.audit.checkpoints = usize::from(signed.is_some());
    walk.proved = signed.map(|tree| (tree, tiles(reader, tree.size)));
    let mut next = range.start().saturating_sub(1);
    'range: while next < *range.end() {
        let missing = || Finding { sequence: next + 1, what: MISSING.to_owned() };
        let entries = match walk.page(next)?.and_then(|some| if some.is_empty() { Err(missing()) } else { Ok(some) }) {
            Ok(entries) => entries,
            Err(bad) => {
                walk.audit.bad = Some(bad);
                break;
            }
        };
        for entry in entries.iter().take_while(|entry| entry.sequence <= *range.end()) {
            let bad = walk.record(entry, next)?;
            if bad.is_some() {
                walk.audit.bad = bad;
                break 'range;
            }
            next += 1;
            walk.audit.unsigned += u64::from(signed.is_none_or(|tree| next > tree.size));
        }
        if entries.last().is_none_or(|last| last.sequence > *range.end()) {
            break;
        }
    }
    walk.audit.unsigned_us = walk.behind.map_or(0, |(first, last)| last.since(first));
    walk.audit.bad = walk.audit.bad.take().or_else(|| walk.nobody_signed());
    Ok(walk.audit)
}

// === impl Walk ===

impl<'r> Walk<'r> {
    /// Looks at the checkpoints. The inner error: one of them is wrong.
    fn begin(reader: &'r dyn LogReader, known: &Known) -> Result<Result<Self, Audit>, StoreFault> {
        let mut audit = Audit {
            records: 0,
            erased: 0,
            let_go: 0,
            unsigned: 0,
            unsigned_us: 0,
            checkpoints: 0,
            signed: None,
            bad: None,
        };
        let mut signed = BTreeMap::new();
        for checkpoint in checkpoints(reader)?.iter().chain(&known.elsewhere) {
            let tree = checkpoint.danger_unverified().tree();
            let bad = match checkpoint.verify(&known.trust) {
                Err(error) => Some(wrong(&error, tree.size)),
                Ok(_) if signed.insert(tree.size, tree.root).is_some_and(|other| other != tree.root) => {
                    Some(format!("two different trees of {} records were signed: the log was forked", tree.size))
                }
                Ok(_) => None,
            };
            if let Some(what) = bad {
                audit.bad = Some(Finding { sequence: tree.size, what });
                return Ok(Err(audit));
            }
        }
        let (said, last) = (reader.tree()?.tree(), reader.last_sequence()?);
        Ok(Ok(Self {
            reader,
            said,
            last,
            misfiled: None,
            gone: Gone::default(),
            proved: None,
            named: known.named,
            signed,
            audit,
            behind: None,
            tile: (u64::MAX, Vec::new()),
        }))
    }

    /// Records of this time come now.
    fn made_at(&mut self, at: UnixMicros) {
        self.behind = Some(self.behind.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }

    /// What is wrong with records of which there is no checkpoint at all: whoever can write them can write any. A log that has just
    /// begun may have none yet.
    fn nobody_signed(&self) -> Option<Finding> {
        let just_begun = !self.named && self.audit.unsigned_us <= UNSIGNED_TIME_MAX_US;
        let unsigned = self.audit.records > 0 && self.audit.checkpoints == 0 && !just_begun;
        let what = "nobody has signed it, nor any other: there is no checkpoint".to_owned();
        unsigned.then_some(Finding { sequence: 1, what })
    }

    /// The next records. The inner error: the first of them cannot be read.
    fn page(&mut self, behind: u64) -> Result<Result<Vec<Entry>, Finding>, StoreFault> {
        let entries = page(self.reader, behind)?;
        self.misfiled = entries.as_ref().map_or(Ok(None), |entries| self.reader.misfiled(entries))?;
        Ok(entries)
    }

    /// One record, which should have this index.
    fn record(&mut self, entry: &Entry, index: u64) -> Result<Option<Finding>, StoreFault> {
        let sequence = index + 1;
        let finding = |what: &str| Some(Finding { sequence, what: what.to_owned() });
        if entry.sequence != sequence {
            return Ok(finding(MISSING));
        }
        if let Err(error) = verify_leaf(entry) {
            return Ok(finding(error.what()));
        }
        if let Some(bad) = self.out_of_place(entry, index)? {
            return Ok(Some(bad));
        }
        if self.misfiled == Some(sequence) {
            return Ok(finding(MISFILED));
        }
        if entry.body.is_none() {
            match self.how_it_went(entry)? {
                Some(Went::Erased) => {
                    if let Some(erasure) = self.gone.too_many(entry) {
                        return Ok(finding(&format!(
                            "its text is missing, and record {erasure} says that fewer were erased"
                        )));
                    }
                    self.audit.erased += 1;
                }
                Some(Went::LetGo) => self.audit.let_go += 1,
                None => return Ok(finding(TAKEN_OUT)),
            }
        }
        self.audit.records += 1;
        if self.proved.as_ref().is_none_or(|(tree, _)| index >= tree.size) {
            self.made_at(entry.at);
        }
        Ok(None)
    }

    /// What is wrong with the place of a record that should have this index.
    fn out_of_place(&mut self, entry: &Entry, index: u64) -> Result<Option<Finding>, StoreFault> {
        let hash = Hash::new(*entry.leaf_hash.as_bytes());
        let finding = |what: String| Some(Finding { sequence: index + 1, what });
        if index < self.said.size && self.leaf(index)? != Some(hash) {
            return Ok(finding("it is another record than the one that was written here".to_owned()));
        }
        if let Some((tree, hashes)) = self.proved.as_mut().filter(|(tree, _)| index < tree.size) {
            let proof = Inclusion { index, size: tree.size }.prove(hashes);
            if !proof.is_ok_and(|proof| proof.check(Leaf { index, hash }, *tree).is_ok()) {
                return Ok(finding(format!("it does not stand in the tree of {} records that was signed", tree.size)));
            }
        }
        Ok(None)
    }

    /// How the text of this record went, as a record says. One may have come meanwhile.
    fn how_it_went(&mut self, entry: &Entry) -> Result<Option<Went>, StoreFault> {
        if let Some(went) = self.gone.how(entry) {
            return Ok(Some(went));
        }
        let records = match records_of_it(self.reader) {
            Err(fault) if fault.kind() == StoreFaultKind::Corrupt => return Ok(None),
            records => records?,
        };
        for record in &records {
            let as_written = verify_leaf(record).is_ok();
            if as_written && self.out_of_place(record, record.sequence.saturating_sub(1))?.is_none() {
                self.gone.add(record);
            }
        }
        Ok(self.gone.how(entry))
    }

    /// The tree over the records so far, where a checkpoint says what it should be.
    fn tree(&mut self, size: u64, right: u64, root: impl FnOnce() -> Hash) -> Option<Finding> {
        let signed = self.signed.remove(&size)?;
        let root = root();
        if root != signed {
            let what = match size - right {
                1 => format!("it is not what was signed with {size} records"),
                _ => format!("one of the records {} to {size} is not what was signed", right + 1),
            };
            return Some(Finding { sequence: right + 1, what });
        }
        self.audit.checkpoints += 1;
        self.audit.signed = Some(Tree { size, root });
        self.behind = None;
        None
    }

    fn end(mut self, tree: Tree) -> Audit {
        let signed = self.audit.signed.map_or(0, |signed| signed.size);
        self.audit.unsigned = tree.size - signed;
        self.audit.unsigned_us = self.behind.map_or(0, |(first, last)| last.since(first));
        if self.audit.bad.is_some() {
            return self.audit;
        }
        let longest = self.signed.last_key_value().map_or(0, |(size, _)| *size).max(self.said.size);
        if longest > tree.size {
            let what = format!("it is missing, with all behind it: there were {longest} records");
            self.audit.bad = Some(Finding { sequence: tree.size + 1, what });
        }
        self.audit.bad = self.audit.bad.take().or_else(|| self.nobody_signed());
        self.audit
    }

    /// The hash that the tree has for a leaf.
    fn leaf(&mut self, index: u64) -> Result<Option<Hash>, StoreFault> {
        let (number, place) = (index / u64::from(TILE_WIDTH), index % u64::from(TILE_WIDTH));
        if self.tile.0 != number {
            let rest = self.said.size - number * u64::from(TILE_WIDTH);
            let width = u16::try_from(rest).map_or(TILE_WIDTH, |rest| rest.min(TILE_WIDTH));
            let tile = Tile::full(TileKind::Hashes(0), number).and_then(|tile| tile.narrowed(width)).ok();
            let bytes = tile.map(|tile| self.reader.tile(tile)).transpose()?.flatten();
            self.tile = (number, bytes.and_then(|bytes| Hash::many(&bytes)).unwrap_or_default());
        }
        Ok(usize::try_from(place).ok().and_then(|place| self.tile.1.get(place).copied()))
    }
}

/// The next records. The inner error: the first of them cannot be read.
fn page(reader: &dyn LogReader, behind: u64) -> Result<Result<Vec<Entry>, Finding>, StoreFault> {
    let read = |behind, limit| {
        reader.find(&Query { after_sequence: Some(behind), limit, newest_first: false, ..Query::default() })
    };
    match read(behind, PAGE) {
        Err(fault) if fault.kind() == StoreFaultKind::Corrupt => {}
        whole => return whole.map(Ok),
    }
    // One of them is in the way.
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        match read(entries.last().map_or(behind, |last| last.sequence), 1) {
            Ok(next) if next.is_empty() => return Ok(Ok(entries)),
            Ok(next) => entries.extend(next),
            Err(_) if !entries.is_empty() => return Ok(Ok(entries)),
            Err(fault) if fault.kind() == StoreFaultKind::Corrupt => {
                return Ok(Err(Finding { sequence: behind + 1, what: "it cannot be read".to_owned() }));
            }
            Err(fault) => return Err(fault),
        }
    }
}

fn wrong(error: &CheckpointError, size: u64) -> String {
    match error {
        CheckpointError::NotOfLog { by } => format!(
            "the checkpoint of {size} records is not signed by a key that is trusted: it says to be signed by {by}"
        ),
        error => format!("the checkpoint of {size} records is not right: {error}"),
    }
}

const TAKEN_OUT: &str = "its text is missing, and no record says that it was erased or let go";
const MISFILED: &str =
    "whoever asks for its task does not find it: what stands there of it beside its text was changed";
const MISSING: &str = "it is missing";
const PAGE: usize = 1_000;

/// Most time, in microseconds, between the earliest and the latest record that no checkpoint covers where nothing is wrong: a gateway signs
/// each half second.
pub const UNSIGNED_TIME_MAX_US: i64 = 60_000_000;
