//! Reading a log beside the gateway that writes it.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

use model::CallId;
use tlog::{Frontier, Tile};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use trace::{Entry, Finding, Kept, LogReader, Query, StoreFault, StoreFaultKind, Use, UseOf};

use super::address::Address;
use super::error::{Failure, fault_of_kind, unreadable};
use super::link::{Link, Param};
use super::schema;
use super::session::{NUMBER_OF, PATH, TIME_MAX, program};
use crate::error::StoreError;
use crate::keys::kept_in;
use crate::lost::Search;
use crate::seal::Opener;

/// Answers questions about a log, whoever writes it.
#[derive(Debug)]
pub struct PostgresReader {
    address: Address,
    time_max: Option<Duration>,
    tables: RefCell<Option<Tables>>,
}

/// A link on which questions about one log are asked.
#[derive(Debug)]
pub(super) struct Tables {
    link: Link,
    pub(super) log: i32,
    time_max: Duration,
    /// None where the key is not there: then only bodies cannot be read.
    pub(super) opener: Option<Opener>,
}

impl PostgresReader {
    /// Connects for reading. Error: the log is not there, of a newer or older version, or the server cannot be reached.
    pub fn open(address: &Address) -> Result<Self, StoreError> {
        Self::with_time(address, None)
    }

    /// As [`PostgresReader::open`]; a question that takes longer than this is given up.
    pub fn bounded(address: &Address, time_max: Duration) -> Result<Self, StoreError> {
        Self::with_time(address, Some(time_max))
    }

    fn with_time(address: &Address, time_max: Option<Duration>) -> Result<Self, StoreError> {
        let tables = Tables::open(address, time_max)
            .map_err(|failure| StoreError::Server { address: address.to_string(), fault: failure.fault })?;
        let tables = RefCell::new(Some(tables));
        Ok(Self { address: address.clone(), time_max, tables })
    }

    /// Asks, once more on another link where the first was lost.
    fn ask<T>(&self, ask: impl Fn(&Tables) -> Result<T, Failure>) -> Result<T, StoreFault> {
        let mut tables = self.tables.borrow_mut();
        if let Some(tables) = tables.as_ref().filter(|tables| !tables.link.client.is_closed()) {
            match tables.at_one_moment(&ask) {
                Err(failure) if failure.lost => {}
                other => return other.map_err(Failure::into),
            }
        }
        *tables = None;
        let anew = tables.insert(Tables::open(&self.address, self.time_max)?);
        anew.at_one_moment(&ask).map_err(Failure::into)
    }
}

impl LogReader for PostgresReader {
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        self.ask(|tables| tables.find(query))
    }

    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        self.ask(|tables| tables.by_id(id))
    }

    fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, StoreFault> {
        self.ask(|tables| tables.uses(of))
    }

    fn counted(&self, query: &Query) -> Result<Vec<Use>, StoreFault> {
        self.ask(|tables| tables.counted(query))
    }

    fn kept_among(&self, human: &str, records: RangeInclusive<u64>) -> Result<Option<Kept>, StoreFault> {
        self.ask(|tables| tables.kept_among(human, &records))
    }

    fn lost(&self, progress: &mut dyn FnMut(u64)) -> Result<Option<Finding>, StoreFault> {
        let search = RefCell::new(Search::new());
        loop {
            if let Some(found) = self.ask(|tables| search.borrow_mut().step(tables))? {
                return Ok(found);
            }
            progress(search.borrow().place());
        }
    }

    fn misfiled(&self, entries: &[Entry]) -> Result<Option<u64>, StoreFault> {
        self.ask(|tables| tables.misfiled(entries))
    }

    fn unfinished(&self) -> Result<Vec<CallId>, StoreFault> {
        self.ask(Tables::unfinished)
    }

    fn last_sequence(&self) -> Result<u64, StoreFault> {
        self.ask(Tables::last_sequence)
    }

    fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault> {
        self.ask(|tables| tables.state(kind))
    }

    fn tree(&self) -> Result<Frontier, StoreFault> {
        self.ask(Tables::tree)
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreFault> {
        self.ask(|tables| tables.tile(tile))
    }
}

impl Tables {
    fn open(address: &Address, time_max: Option<Duration>) -> Result<Self, Failure> {
        let link = Link::open(address.config(&format!("{} (reads)", program())))?;
        let time_max = time_max.unwrap_or(QUESTION_TIME_MAX);
        let settings = format!("SET statement_timeout = {}; {SETTINGS}; {PATH}", time_max.as_millis());
        link.wait(TIME_MAX, link.client.batch_execute(&settings))?;
        match schema::version(&link)? {
            0 => return Err(fault_of_kind(StoreFaultKind::Missing).into()),
            // An older schema is brought forward by the next gateway that starts, never by a reader.
            found if found < schema::current() => return Err(fault_of_kind(StoreFaultKind::Older).into()),
            _ => {}
        }
        let rows = link.wait(TIME_MAX, link.client.query_typed(NUMBER_OF, &[(&address.log(), Type::TEXT)]))?;
        let row = rows.first().ok_or_else(|| fault_of_kind(StoreFaultKind::Missing))?;
        let log = row.try_get(0).map_err(unreadable)?;
        let opener = kept_in(address.keys())?.map(Opener::new);
        Ok(Self { link, log, time_max, opener })
    }

    fn at_one_moment<T>(&self, ask: impl Fn(&Self) -> Result<T, Failure>) -> Result<T, Failure> {
        self.link.wait(TIME_MAX, self.link.client.batch_execute(MOMENT))?;
        let answer = ask(self);
        let ended = self.link.wait(TIME_MAX, self.link.client.batch_execute("ROLLBACK"));
        let answer = answer?;
        ended?;
        Ok(answer)
    }

    /// The rows of an answer; the first value of a statement is the log.
    pub(super) fn rows(&self, sql: &str, values: &[Param<'_>]) -> Result<Vec<Row>, Failure> {
        let log: [Param<'_>; 1] = [(&self.log, Type::INT4)];
        let values: Vec<Param<'_>> =
            log.into_iter().chain(values.iter().map(|(value, kind)| (*value, kind.clone()))).collect();
        self.link.wait(self.time_max + TIME_MAX, self.link.client.query_typed(sql, &values)).map_err(given_up)
    }
}

/// A question that took too long is one that the caller may ask in another way.
fn given_up(failure: Failure) -> Failure {
    use std::error::Error as _;
    let code = failure.fault.source().and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    if code.and_then(|error| error.code()) == Some(&tokio_postgres::error::SqlState::QUERY_CANCELED) {
        return fault_of_kind(StoreFaultKind::Question).into();
    }
    failure
}

const MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Every question has an index to go by: what the planner thinks of small tables must not keep it from them.
const SETTINGS: &str = "SET client_min_messages = warning; SET jit = off; SET enable_hashjoin = off; \
     SET enable_mergejoin = off; SET enable_seqscan = off; SET default_transaction_read_only = on; \
     SET idle_in_transaction_session_timeout = '60s'";
const QUESTION_TIME_MAX: Duration = Duration::from_secs(300);
