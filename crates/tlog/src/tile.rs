//! Tiles (c2sp.org/tlog-tiles): a tree cut into files of up to 256 hashes, of which all but the rightmost never change.
//!
//! `tile/0/x001/x234/067.p/8`: of level 0, the tile 1,234,067, which has eight hashes so far.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::hash::Hash;
use crate::limits::{ENTRY_BYTES_MAX, TREE_LEAVES_MAX};
use crate::node::{Node, fold};
use crate::proof::{HashReader, Plan};
use crate::text;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// The entries of the leaves of the tile of level zero with the same index.
    Entries,
    /// Hashes of complete subtrees of `256^level` leaves.
    Hashes(u8),
}

/// The name of a tile, full or partial. No name stands for a tile that no log can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    kind: TileKind,
    index: u64,
    width: u16,
}

/// Where a log grew from and to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Leaves before.
    pub from: u64,
    /// Leaves after.
    pub to: u64,
}

/// Where the bytes of tiles come from.
pub trait TileReader {
    /// Why a tile cannot be had.
    type Error;

    /// The bytes of this tile, or of the full tile in its place: a log may forget partial ones.
    fn tile(&mut self, tile: Tile) -> Result<Vec<u8>, Self::Error>;
}

/// The hashes of a tree of a given size, read from tiles. What is read is not checked against a root: proofs are checked
/// whole.
pub struct TiledTree<R> {
    reader: R,
    size: u64,
    read: BTreeMap<Tile, Vec<Hash>>,
}

/// What is wrong with the name or the bytes of a tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not a path of the kind `tile/0/x001/067.p/8` or `tile/entries/067`.
    #[error("not the path of a tile: {0}")]
    Path(&'static str),
    /// A tile of more leaves than a tree may have.
    #[error("no tree is large enough for this tile")]
    Beyond,
    /// A tile that a tree of this size does not have.
    #[error("`{tile}` does not stand in a tree of {size} leaves")]
    Outside {
        /// The tile.
        tile: Tile,
        /// Leaves of the tree.
        size: u64,
    },
    /// Not as many bytes as there must be.
    #[error("`{tile}` has {expected} bytes, and here are {given}")]
    Length {
        /// The tile.
        tile: Tile,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that came.
        given: usize,
    },
    /// The entry is longer than its length can say.
    #[error("an entry has at most {ENTRY_BYTES_MAX} bytes")]
    EntryTooLong,
    /// The entries are fewer or more than the tile is wide.
    #[error("`{tile}` has another number of entries than {given}")]
    EntryCount {
        /// The tile.
        tile: Tile,
        /// Entries that came.
        given: usize,
    },
    /// The bytes end within an entry.
    #[error("the bytes of `{tile}` end within entry {entry}")]
    EntryCut {
        /// The tile.
        tile: Tile,
        /// Which entry of the tile.
        entry: usize,
    },
    /// More bytes than the entries have.
    #[error("{bytes} bytes follow the last entry of `{tile}`")]
    Trailing {
        /// The tile.
        tile: Tile,
        /// How many.
        bytes: usize,
    },
    /// Hashes are wanted from entries, or entries from hashes.
    #[error("`{0}` holds something else")]
    Kind(Tile),
}

/// Why hashes could not be read from tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TiledError<E> {
    /// A tile is not what it must be.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// The reader failed.
    #[error("could not read `{tile}`")]
    Reader {
        /// The tile that was wanted.
        tile: Tile,
        /// Why it cannot be had.
        source: E,
    },
}

// === impl Tile ===

impl Tile {
    /// A full tile.
    pub fn full(kind: TileKind, index: u64) -> Result<Self, TileError> {
        Self { kind, index, width: TILE_WIDTH }.bounded()
    }

    /// The same tile with fewer hashes or entries, from 1 to 256.
    pub fn narrowed(self, width: u16) -> Result<Self, TileError> {
        if !(1..=TILE_WIDTH).contains(&width) {
            return Err(TileError::Path("a tile is 1 to 256 wide"));
        }
        Self { width, ..self }.bounded()
    }

    /// What it holds.
    pub const fn kind(self) -> TileKind {
        self.kind
    }

    /// Zero for the first of its level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes or entries: 256 in a full one.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it never changes any more.
    pub const fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Whether a tree of this size has all that stands in it.
    pub fn stands_in(self, size: u64) -> bool {
        self.end().is_some_and(|end| end <= size >> self.shift())
    }

    /// The nodes of a tile of hashes, in order; none for entries.
    pub fn nodes(self) -> impl Iterator<Item = Node> {
        let level = match self.kind {
            TileKind::Hashes(level) => Some(level * TILE_LEVELS),
            TileKind::Entries => None,
        };
        let first = self.index * u64::from(TILE_WIDTH);
        let indices = first..first + u64::from(self.width);
        level.into_iter().flat_map(move |level| indices.clone().filter_map(move |index| Node::new(level, index)))
    }

    /// The tiles of a log that grew, those that became full and the partial ones of its new size: hashes first, then entries.
    pub fn new_in(growth: Growth) -> Result<Vec<Self>, TileError> {
        if growth.to > TREE_LEAVES_MAX {
            return Err(TileError::Beyond);
        }
        let levels = (0..TILE_LEVEL_COUNT).map(TileKind::Hashes);
        let mut tiles = Vec::new();
        for kind in levels.chain([TileKind::Entries]) {
            let Growth { from, to } = Growth { from: growth.from >> shift(kind), to: growth.to >> shift(kind) };
            let (first, end) = (from / u64::from(TILE_WIDTH), to / u64::from(TILE_WIDTH));
            tiles.extend((first..end).map(|index| Self { kind, index, width: TILE_WIDTH }));
            let rest = u16::try_from(to % u64::from(TILE_WIDTH)).unwrap_or_default();
            if rest > 0 && to > from {
                tiles.push(Self { kind, index: end, width: rest });
            }
        }
        Ok(tiles)
    }

    /// The bytes of a tile of hashes.
    pub fn encode(self, hashes: &[Hash]) -> Result<Vec<u8>, TileError> {
        let given = hashes.len() * Hash::BYTES;
        self.of_length(given)?;
        Ok(hashes.iter().flat_map(Hash::as_bytes).copied().collect())
    }

    /// The hashes in the bytes of a tile.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let expected = self.of_length(bytes.len())?;
        Hash::many(bytes).ok_or(TileError::Length { tile: self, expected, given: bytes.len() })
    }

    /// The bytes of a bundle of entries.
    pub fn encode_entries<E: AsRef<[u8]>>(self, entries: &[E]) -> Result<Vec<u8>, TileError> {
        self.of_kind(matches!(self.kind, TileKind::Entries))?;
        if entries.len() != usize::from(self.width) {
            return Err(TileError::EntryCount { tile: self, given: entries.len() });
        }
        let mut bytes = Vec::new();
        for entry in entries {
            let entry = entry.as_ref();
            let length = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong)?;
            bytes.extend(length.to_be_bytes());
            bytes.extend(entry);
        }
        Ok(bytes)
    }

    /// The entries in the bytes of a bundle.
    pub fn decode_entries(self, bytes: &[u8]) -> Result<Vec<&[u8]>, TileError> {
        self.of_kind(matches!(self.kind, TileKind::Entries))?;
        let mut rest = bytes;
        let mut entries = Vec::new();
        for entry in 0..usize::from(self.width) {
            if rest.is_empty() {
                return Err(TileError::EntryCount { tile: self, given: entry });
            }
            let cut = TileError::EntryCut { tile: self, entry };
            let (length, after) = rest.split_first_chunk().ok_or_else(|| cut.clone())?;
            let (content, after) = after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(cut)?;
            entries.push(content);
            rest = after;
        }
        if rest.is_empty() { Ok(entries) } else { Err(TileError::Trailing { tile: self, bytes: rest.len() }) }
    }

    /// The tile that a node is computed from in a tree of this size, as wide as it is there.
    fn holding(node: Node, size: u64) -> Result<Self, TileError> {
        let kind = TileKind::Hashes(node.level() / TILE_LEVELS);
        let index = (node.index() << (node.level() % TILE_LEVELS)) / u64::from(TILE_WIDTH);
        let there = (size >> shift(kind)).saturating_sub(index * u64::from(TILE_WIDTH));
        let tile = Self { kind, index, width: u16::try_from(there).unwrap_or(TILE_WIDTH).min(TILE_WIDTH) };
        if node.leaves().end > size { Err(TileError::Outside { tile, size }) } else { Ok(tile) }
    }

    fn of_length(self, given: usize) -> Result<usize, TileError> {
        self.of_kind(matches!(self.kind, TileKind::Hashes(_)))?;
        let expected = usize::from(self.width) * Hash::BYTES;
        if given == expected { Ok(expected) } else { Err(TileError::Length { tile: self, expected, given }) }
    }

    fn of_kind(self, right: bool) -> Result<(), TileError> {
        if right { Ok(()) } else { Err(TileError::Kind(self)) }
    }

    fn bounded(self) -> Result<Self, TileError> {
        let possible = self.shift() < u64::BITS && self.stands_in(TREE_LEAVES_MAX);
        if possible { Ok(self) } else { Err(TileError::Beyond) }
    }

    /// Its last hash or entry and one, counted on its level.
    fn end(self) -> Option<u64> {
        self.index.checked_mul(u64::from(TILE_WIDTH))?.checked_add(u64::from(self.width))
    }

    fn shift(self) -> u32 {
        shift(self.kind)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => formatter.write_str("tile/entries/")?,
            TileKind::Hashes(level) => write!(formatter, "tile/{level}/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        while let Some(group) = groups.pop() {
            let (mark, end) = if groups.is_empty() { ("", "") } else { ("x", "/") };
            write!(formatter, "{mark}{group:03}{end}")?;
        }
        if self.is_full() { Ok(()) } else { write!(formatter, ".p/{}", self.width) }
    }
}

impl FromStr for Tile {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path("it begins with `tile/`"))?;
        let (level, rest) = rest.split_once('/').ok_or(TileError::Path("a level and an index are expected"))?;
        let kind = if level == "entries" {
            TileKind::Entries
        } else {
            let level = text::decimal(level).and_then(|level| u8::try_from(level).ok()).filter(|level| *level < 64);
            TileKind::Hashes(level.ok_or(TileError::Path("the level is `entries` or a number from 0 to 63"))?)
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => {
                let width = text::decimal(width).and_then(|width| u16::try_from(width).ok());
                let width = width.filter(|width| (1..TILE_WIDTH).contains(width));
                (index, width.ok_or(TileError::Path("the width is a number from 1 to 255"))?)
            }
        };
        Self { kind, index: index_of(index)?, width }.bounded()
    }
}

// === impl TileReader ===

impl<F, E> TileReader for F
where
    F: FnMut(Tile) -> Result<Vec<u8>, E>,
{
    type Error = E;

    fn tile(&mut self, tile: Tile) -> Result<Vec<u8>, E> {
        self(tile)
    }
}

// === impl TiledTree ===

impl<R: TileReader> TiledTree<R> {
    /// A tree of so many leaves.
    pub const fn new(size: u64, reader: R) -> Self {
        Self { reader, size, read: BTreeMap::new() }
    }

    /// The tiles that a plan takes, each once: for whoever wants to fetch them at the same time.
    pub fn tiles(plan: &Plan, size: u64) -> Result<Vec<Tile>, TileError> {
        let tiles: Result<BTreeSet<Tile>, TileError> =
            plan.nodes().iter().map(|node| Tile::holding(*node, size)).collect();
        Ok(tiles?.into_iter().collect())
    }

    fn hash(&mut self, node: Node) -> Result<Hash, TiledError<R::Error>> {
        let tile = Tile::holding(node, self.size)?;
        let hashes = match self.read.entry(tile) {
            std::collections::btree_map::Entry::Occupied(read) => read.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let bytes = self.reader.tile(tile).map_err(|source| TiledError::Reader { tile, source })?;
                let full = Tile { width: TILE_WIDTH, ..tile };
                // The full one in the place of a partial one begins with the same hashes.
                let came = if bytes.len() == usize::from(TILE_WIDTH) * Hash::BYTES { full } else { tile };
                place.insert(came.decode(&bytes)?)
            }
        };
        let levels = node.level() % TILE_LEVELS;
        let from = usize::try_from((node.index() << levels) % u64::from(TILE_WIDTH)).unwrap_or_default();
        let within = hashes.get(from..from + (1 << levels)).and_then(complete_root);
        Ok(within.ok_or(TileError::Outside { tile, size: self.size })?)
    }
}

impl<R: TileReader> HashReader for TiledTree<R> {
    type Error = TiledError<R::Error>;

    fn hashes(&mut self, nodes: &[Node]) -> Result<Vec<Hash>, Self::Error> {
        nodes.iter().map(|node| self.hash(*node)).collect()
    }
}

/// The root over a power of two of hashes.
fn complete_root(hashes: &[Hash]) -> Option<Hash> {
    let mut hashes = hashes.to_vec();
    while hashes.len() > 1 {
        hashes = hashes.chunks(2).filter_map(fold).collect();
    }
    hashes.pop()
}

/// `x001/x234/067`.
fn index_of(path: &str) -> Result<u64, TileError> {
    let mut index: u64 = 0;
    let mut groups = path.split('/').peekable();
    let mut first = true;
    while let Some(group) = groups.next() {
        let inner = groups.peek().is_some();
        let digits = if inner { group.strip_prefix('x') } else { Some(group) };
        let digits = digits.filter(|digits| digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse::<u64>().ok());
        let number = number.ok_or(TileError::Path("the index is written like `x001/x234/067`"))?;
        if first && inner && number == 0 {
            return Err(TileError::Path("the index begins with zeroes"));
        }
        first = false;
        index = index.checked_mul(1000).and_then(|index| index.checked_add(number)).ok_or(TileError::Beyond)?;
    }
    Ok(index)
}

/// How many levels of the tree lie below a hash in a tile of this kind.
const fn shift(kind: TileKind) -> u32 {
    match kind {
        TileKind::Entries => 0,
        TileKind::Hashes(level) => level as u32 * TILE_LEVELS as u32,
    }
}

/// Hashes of a full tile.
pub const TILE_WIDTH: u16 = 256;
/// Levels of the tree that a tile stands for.
const TILE_LEVELS: u8 = 8;
/// Levels of tiles that a tree may have.
const TILE_LEVEL_COUNT: u8 = 8;

#[cfg(test)]
mod tests;
