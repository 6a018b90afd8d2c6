//! What a gateway holds while it writes its log: a link, the lock on the log, and where the log stands.

use std::thread::JoinHandle;
use std::time::Duration;

use tlog::Frontier;
use tokio_postgres::types::Type;
use trace::{StoreFault, StoreFaultKind};

use super::address::Address;
use super::append::Statements;
use super::error::{Failure, fault_of_kind, unreadable};
use super::keys::{self, Unclear};
use super::known::Known;
use super::link::{Link, Param};
use super::schema;
use crate::seal::Sealer;
use crate::tree;

/// The right to write to a log.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) statements: Statements,
    /// Of the log, in the tables.
    pub(super) log: i32,
    /// Which opening of the log this is. Whoever opens it next makes it void.
    pub(super) opening: i64,
    /// The last record.
    pub(super) last: i64,
    /// How many commits the log has had.
    pub(super) commits: i64,
    /// Over all leaves in the tables.
    pub(super) tree: Frontier,
    pub(super) known: Known,
    pub(super) sealer: Sealer,
    /// Keys were destroyed, and what they have left in the tables may lie there still.
    unclear: Option<Unclear>,
    /// The server's process.
    pub(super) backend: i32,
}

/// Clears away what an erasure left, on a link of its own.
pub(super) type Clearing = (Unclear, JoinHandle<Result<(), Failure>>);

impl Session {
    /// Opens a log for writing, made and brought to this version as needed. `before` is the server's process of a session
    /// of ours that was lost. Error: somebody else holds it, the server would not keep what it confirms, or it cannot be
    /// reached.
    pub(super) fn open(address: &Address, before: Option<i32>) -> Result<Self, Failure> {
        let link = Link::open(address.config(&program()))?;
        link.wait(TIME_MAX, link.client.batch_execute(SETTINGS))?;
        let backend = check(&link)?;
        schema::migrate(&link)?;
        link.wait(TIME_MAX, link.client.batch_execute(PATH))?;
        let log = number_of(&link, address.log())?;
        take(&link, address.log(), log, before)?;
        // It waits for a commit of a session that was lost, and is flushed behind it: what is read here is settled.
        let opened = link.wait(TIME_MAX, link.client.query_typed(OPEN, &[(&log, Type::INT4)]))?;
        let opened = opened.first().ok_or_else(|| fault_of_kind(StoreFaultKind::Missing))?;
        let number = |column| opened.try_get::<_, i64>(column).map_err(unreadable);
        let (last, commits, opening) = (number(0)?, number(1)?, number(2)?);
        let written: String = opened.try_get(3).map_err(unreadable)?;
        let tree = tree::parse(&written).ok_or_else(|| unreadable("the tree cannot be read"))?;
        let rows = link.wait(TIME_MAX, link.client.query_typed(COUNTS, &[(&log, Type::INT4)]))?;
        let rows = rows.first().ok_or_else(|| fault_of_kind(StoreFaultKind::Missing))?;
        let number = |column| rows.try_get::<_, i64>(column).map_err(unreadable);
        let records = number(0)?;
        if records != last || tree.size() != records.cast_unsigned() {
            return Err(tree::other_than_its_tree(tree.size(), records.cast_unsigned()).into());
        }
        let known = Known::behind(number(1)?, number(2)?, number(3)?);
        let unfinished = keys::unfinished(&link, log)?;
        let unclear = unfinished.map(|subjects| keys::forget(&link, log, &subjects)).transpose()?;
        let sealer = keys::sealer(&link, log, address.keys())?;
        let statements = Statements::prepare(&link)?;
        Ok(Self { link, statements, log, opening, last, commits, tree, known, sealer, unclear, backend })
    }

    /// Destroys these keys. Error: the session is of no use any more.
    pub(super) fn forget(&mut self, subjects: &[u32]) -> Result<(), Failure> {
        let unclear = keys::forget(&self.link, self.log, subjects)?;
        subjects.iter().for_each(|number| self.sealer.forget(*number));
        self.known.forget_sealed();
        self.unclear = Some(unclear);
        Ok(())
    }

    /// Clears away what keys that were destroyed have left in the tables, if there is anything. Error: it can be tried again.
    pub(super) fn clear(&mut self) -> Result<(), Failure> {
        if let Some(unclear) = &self.unclear {
            keys::clear(&self.link, self.log, unclear)?;
            self.unclear = None;
        }
        Ok(())
    }

    /// As [`Session::clear`], while records are written, by a thread of its own, of which there is one at a time. What it cannot do
    /// now it does when this is called another time.
    pub(super) fn clear_beside(&mut self, address: &Address, clearing: &mut Option<Clearing>) -> Result<(), Failure> {
        if let Some((theirs, cleared)) = clearing.take_if(|(_, clearing)| clearing.is_finished())
            && matches!(cleared.join(), Ok(Ok(())))
        {
            self.unclear = self.unclear.take_if(|unclear| *unclear != theirs);
        }
        if let (Some(unclear), None) = (&self.unclear, &clearing) {
            let (address, log, theirs) = (address.clone(), self.log, unclear.clone());
            let clear = move || keys::clear_beside(&address, log, &theirs);
            let thread = std::thread::Builder::new().name("trace-clear".to_owned()).spawn(clear);
            let thread = thread.map_err(|error| fault_of_kind(StoreFaultKind::Broken).because(error))?;
            *clearing = Some((unclear.clone(), thread));
        }
        Ok(())
    }
}

/// How a database keeps a promise, and the number of the session's process.
pub(super) fn check(link: &Link) -> Result<i32, Failure> {
    let rows = link.wait(TIME_MAX, link.client.query_typed(CHECKS, &[]))?;
    let row = rows.first().ok_or_else(|| fault_of_kind(StoreFaultKind::Broken))?;
    let text = |column| row.try_get::<_, String>(column).map_err(unreadable);
    if text(0)? != "on" {
        return Err(StoreFault::new(StoreFaultKind::Broken, "this database server loses records when the power fails")
            .with_hint("set `fsync = on` in its configuration and restart it")
            .into());
    }
    if text(1)? != "UTF8" {
        return Err(StoreFault::new(StoreFaultKind::Broken, "this database cannot hold every text")
            .with_hint("make it with `createdb --encoding UTF8 --template template0`")
            .into());
    }
    takes_writes(link)?;
    if !matches!(&*text(2)?, "on" | "remote_apply") {
        link.wait(TIME_MAX, link.client.batch_execute("SET synchronous_commit = on"))?;
        let rows = link.wait(TIME_MAX, link.client.query_typed("SHOW synchronous_commit", &[]))?;
        let now = rows.first().and_then(|row| row.try_get::<_, String>(0).ok());
        if now.as_deref() != Some("on") {
            return Err(StoreFault::new(StoreFaultKind::Broken, "this database server confirms before it has flushed")
                .with_hint("set `synchronous_commit = on` for the user of the gateway")
                .into());
        }
    }
    Ok(row.try_get(3).map_err(unreadable)?)
}

/// Error: nobody writes to this database: it is a replica, or was told to take no writes.
pub(super) fn takes_writes(link: &Link) -> Result<(), Failure> {
    let rows = link.wait(TIME_MAX, link.client.query_typed(TAKES_WRITES, &[]))?;
    match rows.first().and_then(|row| row.try_get::<_, bool>(0).ok()) {
        Some(true) => Ok(()),
        _ => Err(fault_of_kind(StoreFaultKind::ReadOnly).into()),
    }
}

/// The number of a log, given to it when it is new.
pub(super) fn number_of(link: &Link, name: &str) -> Result<i32, Failure> {
    link.wait(TIME_MAX, link.client.execute_typed(MAKE, &[(&name, Type::TEXT)]))?;
    let rows = link.wait(TIME_MAX, link.client.query_typed(NUMBER_OF, &[(&name, Type::TEXT)]))?;
    let row = rows.first().ok_or_else(|| fault_of_kind(StoreFaultKind::Missing))?;
    Ok(row.try_get(0).map_err(unreadable)?)
}

/// Takes the lock, which is the server's to give and goes with the session. A lost session of our own is ended first: its
/// server process may not know yet that nobody listens any more.
pub(super) fn take(link: &Link, name: &str, log: i32, before: Option<i32>) -> Result<(), Failure> {
    for look in 0..LOOKS {
        let rows = link.wait(TIME_MAX, link.client.query_typed(TAKE, &[(&log, Type::INT4)]))?;
        if rows.first().and_then(|row| row.try_get::<_, bool>(0).ok()) == Some(true) {
            return Ok(());
        }
        if let Some(before) = before
            && look == 0
        {
            let ours: [Param<'_>; 2] = [(&before, Type::INT4), (&log, Type::INT4)];
            link.wait(TIME_MAX, link.client.query_typed(END, &ours))?;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    let by = holder(link, log)?.map(|by| format!(" by {by}"));
    let said = format!("the log `{name}` is in use{}", by.unwrap_or_default());
    Err(StoreFault::new(StoreFaultKind::Locked, said)
        .with_hint(
            "stop that gateway first, give this one a log of its own (`trace: log:`), or let it wait: `serve --standby`",
        )
        .into())
}

/// Who has the lock.
pub(super) fn holder(link: &Link, log: i32) -> Result<Option<String>, Failure> {
    let rows = link.wait(TIME_MAX, link.client.query_typed(HOLDER, &[(&log, Type::INT4)]))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (who, pid) = (row.try_get::<_, String>(0).map_err(unreadable)?, row.try_get::<_, i32>(1).map_err(unreadable)?);
    let since: String = row.try_get(2).map_err(unreadable)?;
    Ok(Some(format!("`{who}` since {since} (process {pid} of the server)")))
}

/// How we are called in the server's list of sessions.
pub(super) fn program() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("countersign {}@{}", std::process::id(), host.trim_end())
}

/// Nothing waits for ever: neither we, nor others for a session of ours that was lost.
pub(super) const SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '10s'; SET client_min_messages = warning; SET jit = off; \
     SET standard_conforming_strings = on; SET default_transaction_isolation = 'read committed'";
pub(super) const PATH: &str = "SET search_path = countersign, pg_temp";

const CHECKS: &str = "SELECT current_setting('fsync'), current_setting('server_encoding'), \
     current_setting('synchronous_commit'), pg_backend_pid()";
const TAKES_WRITES: &str = "SELECT current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery()";
const MAKE: &str = "INSERT INTO log(name) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM log WHERE name = $1) \
     ON CONFLICT(name) DO NOTHING";
pub(super) const NUMBER_OF: &str = "SELECT id FROM log WHERE name = $1";
const OPEN: &str = "UPDATE log SET opening = opening + 1 WHERE id = $1 RETURNING last, commits, opening, tree";
const COUNTS: &str = "SELECT coalesce((SELECT max(sequence) FROM record WHERE log = $1), 0), \
     coalesce((SELECT max(id) FROM name WHERE log = $1), 0), \
     coalesce((SELECT max(id) FROM template WHERE log = $1), 0), \
     coalesce((SELECT max(id) FROM sealed WHERE log = $1), 0)";
/// The first number is `CSGT`, so that no other program's lock is meant.
const TAKE: &str = "SELECT pg_try_advisory_lock(1129531220, $1)";
const HOLDER: &str = "SELECT coalesce(nullif(a.application_name, ''), 'somebody'), a.pid, \
     to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted \
     AND l.classid = 1129531220 AND l.objid = $1::int4::oid AND l.objsubid = 2 \
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
const END: &str = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.pid = $1 AND l.locktype = 'advisory' \
     AND l.granted AND l.classid = 1129531220 AND l.objid = $2::int4::oid AND l.objsubid = 2 \
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// The server gives up after ten seconds, so that this is about the link.
pub(super) const TIME_MAX: Duration = Duration::from_secs(15);
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
