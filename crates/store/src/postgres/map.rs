//! The map of logs in their database: one gateway at a time adds rounds, and everybody reads them.

use tlog::SignedCheckpoint;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use trace::{Head, SignedRound, StoreFault, StoreFaultKind};

use super::address::Address;
use super::error::{Failure, fault_of_kind, unreadable};
use super::link::{Link, Param};
use super::schema;
use super::session::{PATH, SETTINGS, TIME_MAX, program};
use crate::error::StoreError;
use crate::tree;

/// The map of the logs of a database.
#[derive(Debug)]
pub struct LogMap {
    address: Address,
    link: Option<Link>,
    /// Who this is, for the row that says whose turn it is.
    holder: String,
}

/// What a round follows.
#[derive(Debug)]
pub struct Standing {
    /// What the map is called; none before its first round.
    pub origin: Option<String>,
    /// The last round.
    pub last: Option<SignedRound>,
    /// How far each log is.
    pub heads: Vec<Head>,
}

/// What came of a turn.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// A round was added.
    Added(Box<SignedRound>),
    /// Nothing has changed.
    Unchanged,
    /// Another gateway has the turn.
    Others,
}

impl LogMap {
    /// Of this database, whichever of its logs the address names; `holder` is who takes turns. Nothing is asked of it yet.
    pub fn of(address: &Address, holder: &str) -> Self {
        Self { address: address.clone(), link: None, holder: holder.to_owned() }
    }

    /// Adds the round that `next` makes of what it follows, if it is this gateway's turn. Error: `next` refuses, or the database
    /// does; nothing was added.
    pub fn turn(
        &mut self,
        next: impl FnOnce(&Standing) -> Result<Option<SignedRound>, StoreFault>,
    ) -> Result<Turn, StoreError> {
        let holder = self.holder.clone();
        self.ask(|link| {
            begin(link, "BEGIN")?;
            let taken = link.wait(TIME_MAX, link.client.execute_typed(TAKE, &[(&holder, Type::TEXT)]))?;
            if taken == 0 {
                begin(link, "ROLLBACK")?;
                return Ok(Turn::Others);
            }
            let turn = match next(&standing(link)?)? {
                Some(round) => add(link, &round).map(|()| Turn::Added(Box::new(round)))?,
                None => Turn::Unchanged,
            };
            begin(link, "COMMIT")?;
            Ok(turn)
        })
    }

    /// The last round, and how far each log is now.
    pub fn standing(&mut self) -> Result<Standing, StoreError> {
        self.ask(|link| {
            begin(link, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
            let found = standing(link)?;
            begin(link, "COMMIT")?;
            Ok(found)
        })
    }

    /// Rounds behind this one, so many at most, in their order.
    pub fn rounds(&mut self, behind: u64, limit: usize) -> Result<Vec<SignedRound>, StoreError> {
        let (behind, limit) = (i64::try_from(behind).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
        self.ask(|link| {
            let values: [Param<'_>; 2] = [(&behind, Type::INT8), (&limit, Type::INT8)];
            let rows = link.wait(TIME_MAX, link.client.query_typed(ROUNDS, &values))?;
            Ok(rows.iter().map(round_of).collect::<Result<_, _>>()?)
        })
    }

    /// Rounds that name a log that went back, the last first, so many at most.
    pub fn rounds_back(&mut self, limit: usize) -> Result<Vec<SignedRound>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.ask(|link| {
            let rows = link.wait(TIME_MAX, link.client.query_typed(BACK, &[(&limit, Type::INT8)]))?;
            Ok(rows.iter().map(round_of).collect::<Result<_, _>>()?)
        })
    }

    /// Asks on the link that is there, or another one. One on which something failed is left.
    fn ask<T>(&mut self, ask: impl FnOnce(&Link) -> Result<T, Failure>) -> Result<T, StoreError> {
        let denied = |failure: Failure| StoreError::Server { address: self.address.to_string(), fault: failure.fault };
        let link = match self.link.take().filter(|link| !link.client.is_closed()) {
            Some(link) => link,
            None => open(&self.address).map_err(denied)?,
        };
        let answer = ask(&link).map_err(denied)?;
        self.link = Some(link);
        Ok(answer)
    }
}

fn open(address: &Address) -> Result<Link, Failure> {
    let link = Link::open(address.config(&format!("{} (maps)", program())))?;
    link.wait(TIME_MAX, link.client.batch_execute(SETTINGS))?;
    match schema::version(&link)? {
        0 => return Err(fault_of_kind(StoreFaultKind::Missing).into()),
        found if found < schema::current() => return Err(fault_of_kind(StoreFaultKind::Older).into()),
        _ => {}
    }
    link.wait(TIME_MAX, link.client.batch_execute(PATH))?;
    Ok(link)
}

fn begin(link: &Link, sql: &str) -> Result<(), Failure> {
    link.wait(TIME_MAX, link.client.batch_execute(sql))
}

fn standing(link: &Link) -> Result<Standing, Failure> {
    let last = link.wait(TIME_MAX, link.client.query_typed(LAST, &[]))?;
    let last = last.first().map(round_of).transpose()?;
    let heads = link.wait(TIME_MAX, link.client.query_typed(HEADS, &[]))?;
    let head = |row: &Row| {
        let (log, note): (&str, &str) = (row.try_get(0).map_err(unreadable)?, row.try_get(1).map_err(unreadable)?);
        Head::of(log, note)
    };
    let heads = heads.iter().map(head).collect::<Result<_, _>>()?;
    let origin = last.as_ref().map(|last| last.signed.danger_unverified().origin().to_owned());
    Ok(Standing { origin, last, heads })
}

fn round_of(row: &Row) -> Result<SignedRound, StoreFault> {
    let text = |column| row.try_get::<_, &str>(column).map_err(unreadable);
    Ok(SignedRound {
        round: text(0)?.parse()?,
        tree: tree::parse(text(1)?).ok_or_else(|| unreadable("the tree of the map cannot be read"))?,
        signed: SignedCheckpoint::parse(text(2)?.as_bytes()).map_err(unreadable)?,
    })
}

fn add(link: &Link, round: &SignedRound) -> Result<(), Failure> {
    let number = i64::try_from(round.round.number).map_err(unreadable)?;
    let (text, tree, note) = (round.round.to_string(), tree::written(&round.tree), round.signed.note().to_string());
    let back = !round.round.back.is_empty();
    let values: [Param<'_>; 5] =
        [(&number, Type::INT8), (&text, Type::TEXT), (&tree, Type::TEXT), (&note, Type::TEXT), (&back, Type::BOOL)];
    link.wait(TIME_MAX, link.client.execute_typed(ADD, &values)).map(drop)
}

/// Whoever has the turn keeps it, and whoever has not been heard of for three seconds loses it. Until the transaction ends nobody
/// else takes it.
const TAKE: &str = "UPDATE map_lease SET holder = $1, until = clock_timestamp() + interval '3 seconds' \
     WHERE holder = $1 OR until < clock_timestamp()";
const LAST: &str = "SELECT text, tree, note FROM map_round ORDER BY number DESC LIMIT 1";
const ROUNDS: &str = "SELECT text, tree, note FROM map_round WHERE number > $1 ORDER BY number LIMIT $2";
const BACK: &str = "SELECT text, tree, note FROM map_round WHERE back ORDER BY number DESC LIMIT $1";
const HEADS: &str = "SELECT l.name, c.value FROM log l CROSS JOIN LATERAL (SELECT s.value FROM state s \
     WHERE s.log = l.id AND s.kind = 'checkpoint' ORDER BY s.key DESC LIMIT 1) c ORDER BY l.name";
const ADD: &str = "INSERT INTO map_round(number, text, tree, note, back) VALUES ($1, $2, $3, $4, $5)";
