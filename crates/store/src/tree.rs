//! The Merkle tree over the leaves, in the tables: tiles, and what the next leaf needs.
//!
//! It grows in the same transaction that takes the records in, so no crash leaves a tree that disagrees with them. The
//! tile of the leaves holds their hashes a second time: a record that was changed together with its hash is found by it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use tlog::{Frontier, Hash, TILE_WIDTH, Tile, TileKind};
use trace::{StoreFault, StoreFaultKind, text_of};

use crate::error::{fault, fault_of_kind};
use crate::questions::call_at;

/// What comes to a tile: hashes one after the other.
pub(crate) struct Piece {
    /// How many hashes stand in the tile before these.
    pub(crate) first: usize,
    pub(crate) hashes: Vec<u8>,
}

impl Piece {
    /// Whether the tile is full with it.
    pub(crate) fn is_last(&self) -> bool {
        self.first + self.hashes.len() / Hash::BYTES == usize::from(TILE_WIDTH)
    }
}

/// The tree as these tables have it.
pub(crate) fn read(tables: &Connection) -> Result<Frontier, StoreFault> {
    let written: Option<String> =
        tables.prepare_cached(TREE).map_err(fault)?.query_row([], |row| row.get(0)).optional().map_err(fault)?;
    let Some(written) = written else { return Ok(Frontier::new()) };
    parse(&written).ok_or_else(|| fault_of_kind(StoreFaultKind::Corrupt))
}

/// The tree with these leaves behind it, written.
pub(crate) fn grow(tables: &Connection, tree: &Frontier, leaves: &[Hash]) -> Result<Frontier, StoreFault> {
    let (grown, tiles) = grown(tree, leaves)?;
    let mut extend = tables.prepare_cached(EXTEND_TILE).map_err(fault)?;
    for (number, piece) in &tiles {
        extend.execute(params![number, piece.hashes]).map_err(fault)?;
    }
    tables.prepare_cached(PUT_TREE).map_err(fault)?.execute([written(&grown)]).map_err(fault)?;
    Ok(grown)
}

/// The tree with these leaves behind it, and what comes to its tiles.
pub(crate) fn grown(tree: &Frontier, leaves: &[Hash]) -> Result<(Frontier, BTreeMap<i64, Piece>), StoreFault> {
    let mut grown = tree.clone();
    let mut tiles: BTreeMap<i64, Piece> = BTreeMap::new();
    let appended = grown.append(leaves, |node, hash| {
        if node.level() % TILE_LEVELS == 0 {
            let width = u64::from(TILE_WIDTH);
            let number = number(node.level() / TILE_LEVELS, node.index() / width);
            let piece = tiles
                .entry(number)
                .or_insert_with(|| Piece { first: (node.index() % width) as usize, hashes: Vec::new() });
            piece.hashes.extend_from_slice(hash.as_bytes());
        }
    });
    appended.map_err(|full| fault_of_kind(StoreFaultKind::Full).because(full))?;
    Ok((grown, tiles))
}

/// A tree as one text.
pub(crate) fn written(tree: &Frontier) -> String {
    format!("{}:{}", tree.size(), hex(&tree.state()))
}

/// The tree, checked against the records, and made where a version without one wrote them.
pub(crate) fn open(tables: &Connection) -> Result<Frontier, StoreFault> {
    let mut tree = read(tables)?;
    let last: i64 = tables.query_row(LAST_SEQUENCE, [], |row| row.get(0)).map_err(fault)?;
    let last = u64::try_from(last).map_err(|error| fault_of_kind(StoreFaultKind::Corrupt).because(error))?;
    if tree.size() == 0 && last > 0 {
        tree = build(tables)?;
    }
    if tree.size() == last {
        return Ok(tree);
    }
    Err(other_than_its_tree(tree.size(), last))
}

/// Somebody took records out, or put some in.
pub(crate) fn other_than_its_tree(tree: u64, records: u64) -> StoreFault {
    let what = format!("its tree has {tree} records and the table {records}");
    StoreFault::new(StoreFaultKind::Corrupt, what).with_hint(
        "somebody has removed or added records: restore a backup, and keep what is there for whoever looks into it",
    )
}

fn build(tables: &Connection) -> Result<Frontier, StoreFault> {
    let mut tree = Frontier::new();
    let mut page = tables.prepare(LEAVES_BEHIND).map_err(fault)?;
    loop {
        let behind =
            i64::try_from(tree.size()).map_err(|error| fault_of_kind(StoreFaultKind::Corrupt).because(error))?;
        let leaves = page.query_map([behind], |row| row.get::<_, [u8; Hash::BYTES]>(0)).map_err(fault)?;
        let leaves: Vec<Hash> =
            leaves.map(|hash| hash.map(Hash::new)).collect::<rusqlite::Result<_>>().map_err(fault)?;
        if leaves.is_empty() {
            return Ok(tree);
        }
        tree = grow(tables, &tree, &leaves)?;
    }
}

/// The bytes of a tile as far as they are there: entries are the leaves themselves.
pub(crate) fn tile(tables: &Connection, tile: Tile) -> Result<Option<Vec<u8>>, StoreFault> {
    match tile.kind() {
        TileKind::Hashes(level) => {
            let number = number(level, tile.index());
            let mut find = tables.prepare_cached(TILE).map_err(fault)?;
            let found = find.query_row([number], |row| row.get::<_, Vec<u8>>(0)).optional().map_err(fault)?;
            let wanted = usize::from(tile.width()) * Hash::BYTES;
            Ok(found.filter(|hashes| hashes.len() >= wanted).map(|mut hashes| {
                hashes.truncate(wanted);
                hashes
            }))
        }
        TileKind::Entries => entries(tables, tile),
    }
}

fn entries(tables: &Connection, tile: Tile) -> Result<Option<Vec<u8>>, StoreFault> {
    let first = tile.index() * u64::from(TILE_WIDTH);
    let corrupt = |error| fault_of_kind(StoreFaultKind::Corrupt).because(error);
    let first = i64::try_from(first).map_err(corrupt)?;
    let mut find = tables.prepare_cached(LEAF_TEXTS).map_err(fault)?;
    let leaves = find.query_map([first, first + i64::from(tile.width())], |row| {
        let (template, values): (String, Vec<u8>) = (row.get(3)?, row.get(4)?);
        let call = call_at(row, 0)?;
        let text = text_of(&template, &values, &call, model::UnixMicros(row.get(2)?));
        Ok(text.unwrap_or_default())
    });
    let leaves: Vec<String> = leaves.map_err(fault)?.collect::<rusqlite::Result<_>>().map_err(fault)?;
    if leaves.len() < usize::from(tile.width()) {
        return Ok(None);
    }
    tile.encode_entries(&leaves).map(Some).map_err(|error| fault_of_kind(StoreFaultKind::Corrupt).because(error))
}

/// A tile's number in the tables.
pub(crate) fn number(level: u8, index: u64) -> i64 {
    (u64::from(level) << INDEX_BITS | index).cast_signed()
}

/// A tree from its text.
pub(crate) fn parse(written: &str) -> Option<Frontier> {
    let (size, state) = written.split_once(':')?;
    Frontier::restore(size.parse().ok()?, &unhex(state)?).ok()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        // Writing to a string cannot fail.
        let _written = write!(out, "{byte:02x}");
        out
    })
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        digits.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Levels of the tree within a tile.
const TILE_LEVELS: u8 = 8;
const INDEX_BITS: u32 = 48;

const TREE: &str = "SELECT value FROM meta WHERE key = 'tree'";
const PUT_TREE: &str = "INSERT OR REPLACE INTO meta(key, value) VALUES ('tree', ?1)";
const EXTEND_TILE: &str = "INSERT INTO tile(number, hashes) VALUES (?1, ?2) \
     ON CONFLICT(number) DO UPDATE SET hashes = CAST(hashes || excluded.hashes AS BLOB)";
const TILE: &str = "SELECT hashes FROM tile WHERE number = ?1";
const LAST_SEQUENCE: &str = "SELECT coalesce(max(sequence), 0) FROM record";
const LEAVES_BEHIND: &str = "SELECT leaf_hash FROM record WHERE sequence > ?1 ORDER BY sequence LIMIT 65536";
const LEAF_TEXTS: &str = "SELECT r.call_high, r.call_low, r.at, t.text, r.leaf_values FROM record r \
     JOIN template t ON t.id = r.leaf WHERE r.sequence > ?1 AND r.sequence <= ?2 ORDER BY r.sequence";

#[cfg(test)]
mod tests;
