//! The same of a log in PostgreSQL, whose server is started for it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{AgentId, HumanId};
use store::{Address, PostgresLog, PostgresReader};
use testkit::PostgresServer;
use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;
use trace::LogReader as _;

use crate::Failure;
use crate::commits::{Engine, one_by_one, turns};
use crate::questions::measure_in;

/// How many records a second become durable, then questions to a log of so many.
pub fn measure(folder: &Path, records: u64) -> Result<(), Failure> {
    let server = PostgresServer::start()?;
    let database = server.database("bench")?;
    let next = AtomicU64::new(0);
    let address = || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        Address::parse(&database, &format!("bench-{number}"), &folder.join("trace-keys"))
    };
    for callers in [1, 16, 64, 256] {
        turns(folder, callers, || Ok(Database { url: database.clone(), address: address()? }))?;
    }
    let address = address()?;
    let mut log = PostgresLog::open(&address)?;
    let reader = PostgresReader::open(&address)?;
    measure_in(&mut log, &reader, records, NAME)
}

/// A log in a database.
struct Database {
    url: String,
    address: Address,
}

impl Engine for Database {
    type Log = PostgresLog;

    fn name(&self) -> &'static str {
        NAME
    }

    fn log(&self) -> Result<PostgresLog, Failure> {
        Ok(PostgresLog::open(&self.address)?)
    }

    fn records(&self) -> Result<u64, Failure> {
        Ok(PostgresReader::open(&self.address)?.last_sequence()?)
    }

    fn one_by_one(&self) -> Result<f64, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (client, link) = runtime.block_on(tokio_postgres::connect(&self.url, NoTls))?;
        let mut links = tokio::task::JoinSet::new();
        links.spawn_on(link, runtime.handle());
        runtime.block_on(client.batch_execute(TABLE))?;
        let insert = runtime.block_on(client.prepare(INSERT))?;
        one_by_one(|row| {
            let call = row.call.bits().to_be_bytes();
            let (agent, human) = (row.agent.as_ref().map(AgentId::as_str), row.subject.as_ref().map(HumanId::as_str));
            let values: [&(dyn ToSql + Sync); 7] = [
                &call.as_slice(),
                &row.at.0,
                &agent,
                &human,
                &row.leaf.values(),
                &row.leaf_hash.as_bytes().as_slice(),
                &row.body.values(),
            ];
            runtime.block_on(client.execute(&insert, &values))?;
            Ok(())
        })
    }
}

const NAME: &str = "trace.postgres";
const TABLE: &str = "DROP TABLE IF EXISTS plain; CREATE TABLE plain(id bigserial PRIMARY KEY, call bytea, at bigint, \
     agent text, human text, leaf bytea, leaf_hash bytea, body bytea); CREATE INDEX by_call ON plain(call); \
     CREATE INDEX by_agent ON plain(agent, at)";
const INSERT: &str =
    "INSERT INTO plain(call, at, agent, human, leaf, leaf_hash, body) VALUES ($1, $2, $3, $4, $5, $6, $7)";
