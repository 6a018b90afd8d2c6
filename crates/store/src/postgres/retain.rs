//! Texts of calls that are kept no longer, as in a file: a few partitions at a time, each step in one transaction with the word how
//! far it has come. The server gives their room to later records once it has cleaned up behind them.

use std::collections::HashSet;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_postgres::types::Type;
use trace::{PARTITION_RECORDS, RETAIN_TO_KEY, RETAINED_TO_KEY, SETTLED_KIND, SWEEP_KEY};

use super::address::Address;
use super::error::{Failure, fault_of_kind, unreadable};
use super::link::{Link, Param};
use super::session::{PATH, Session, TIME_MAX, program};
use crate::retain::Unused;

/// Sealed templates that no record uses.
#[derive(Debug)]
pub(super) enum Sweep {
    /// They are looked for, on a link of its own.
    Looks(JoinHandle<Result<Unused, Failure>>),
    /// They are removed.
    Removes(Unused),
}

impl Session {
    /// Takes a step. False: nothing is left.
    pub(super) fn let_go(&mut self, address: &Address, sweep: &mut Option<Sweep>) -> Result<bool, Failure> {
        // INVARIANT: nothing is let go behind the back of whoever looks for what nobody uses, for what it has seen was there before
        // (`what_is_let_go_while_somebody_looks_is_looked_through_too`). Nor is the server asked anything meanwhile: calls wait for that.
        match sweep.take() {
            Some(Sweep::Looks(looking)) if !looking.is_finished() => {
                *sweep = Some(Sweep::Looks(looking));
                return Ok(true);
            }
            Some(Sweep::Looks(looking)) => {
                let looked = looking.join();
                let unused = looked.unwrap_or_else(|_| Err(fault_of_kind(trace::StoreFaultKind::Broken).into()))?;
                *sweep = Some(Sweep::Removes(unused));
                return Ok(true);
            }
            Some(Sweep::Removes(mut unused)) => {
                self.known.forget_sealed();
                self.remove(&mut unused)?;
                *sweep = Some(Sweep::Removes(unused)).filter(Sweep::has_more);
                return Ok(true);
            }
            None => {}
        }
        if let Some(to) = self.number(RETAIN_TO_KEY)? {
            let done = self.number(RETAINED_TO_KEY)?.unwrap_or(1);
            if done < to {
                let end = to.min((done / RECORDS + PARTITIONS_AT_ONCE) * RECORDS);
                return self.let_go_between(done, end, end == to).map(|()| true);
            }
        }
        if self.number(SWEEP_KEY)?.is_some() {
            let (address, log) = (address.clone(), self.log);
            let look = std::thread::Builder::new().name("trace-sweep".to_owned()).spawn(move || look(&address, log));
            *sweep =
                Some(Sweep::Looks(look.map_err(|error| fault_of_kind(trace::StoreFaultKind::Broken).because(error))?));
        }
        Ok(sweep.is_some())
    }

    fn let_go_between(&self, from: i64, to: i64, last: bool) -> Result<(), Failure> {
        let (log, done) = (&self.log, to.to_string());
        let rows: [Param<'_>; 3] = [(log, Type::INT4), (&from, Type::INT8), (&to, Type::INT8)];
        let place: [Param<'_>; 4] =
            [(log, Type::INT4), (&SETTLED_KIND, Type::TEXT), (&RETAINED_TO_KEY, Type::TEXT), (&done, Type::TEXT)];
        let sweep: [Param<'_>; 4] =
            [(log, Type::INT4), (&SETTLED_KIND, Type::TEXT), (&SWEEP_KEY, Type::TEXT), (&"1", Type::TEXT)];
        self.together(async |client| {
            client.execute_typed(FORGET, &rows).await?;
            client.execute_typed(LET_GO, &rows).await?;
            client.execute_typed(PUT, &place).await?;
            if last { client.execute_typed(PUT, &sweep).await } else { Ok(0) }
        })
    }

    /// Removes some templates, except those that came into use again meanwhile. They are those of `unused` no more.
    fn remove(&self, unused: &mut Unused) -> Result<(), Failure> {
        let since: [Param<'_>; 2] = [(&self.log, Type::INT4), (&unused.up_to, Type::INT8)];
        for row in self.link.wait(TIME_MAX, self.link.client.query_typed(USED_SINCE, &since))? {
            unused.templates.remove(&row.try_get(0).map_err(unreadable)?);
        }
        unused.up_to = self.last;
        let templates: Vec<i64> = unused.templates.iter().copied().take(TEMPLATES_AT_ONCE).collect();
        for template in &templates {
            unused.templates.remove(template);
        }
        let last = unused.templates.is_empty();
        let rows: [Param<'_>; 2] = [(&self.log, Type::INT4), (&templates, Type::INT8_ARRAY)];
        let sweep: [Param<'_>; 3] = [(&self.log, Type::INT4), (&SETTLED_KIND, Type::TEXT), (&SWEEP_KEY, Type::TEXT)];
        self.together(async |client| {
            client.execute_typed(REMOVE, &rows).await?;
            if last { client.execute_typed(DONE, &sweep).await } else { Ok(0) }
        })
    }

    /// All of it in one transaction.
    fn together(
        &self,
        work: impl AsyncFnOnce(&tokio_postgres::Client) -> Result<u64, tokio_postgres::Error>,
    ) -> Result<(), Failure> {
        let client = &self.link.client;
        self.link.wait(TIME_MAX, async {
            client.batch_execute("BEGIN").await?;
            work(client).await?;
            client.batch_execute("COMMIT").await
        })
    }

    fn number(&self, key: &str) -> Result<Option<i64>, Failure> {
        let values: [Param<'_>; 3] = [(&self.log, Type::INT4), (&SETTLED_KIND, Type::TEXT), (&key, Type::TEXT)];
        let rows = self.link.wait(TIME_MAX, self.link.client.query_typed(STATE, &values))?;
        let Some(row) = rows.first() else { return Ok(None) };
        let text: String = row.try_get(0).map_err(unreadable)?;
        Ok(text.split(' ').next().and_then(|number| number.parse().ok()))
    }
}

impl Sweep {
    fn has_more(&self) -> bool {
        !matches!(self, Self::Removes(unused) if unused.templates.is_empty())
    }
}

/// Cleans up behind what was let go, then looks for templates that no record uses now.
pub(super) fn look(address: &Address, log: i32) -> Result<Unused, Failure> {
    let link = Link::open(address.config(&format!("{} (sweeps)", program())))?;
    let do_it = |sql: &str| link.wait(LOOK_TIME_MAX, link.client.batch_execute(sql));
    do_it(&format!("SET client_min_messages = warning; SET jit = off; {PATH}"))?;
    // What another has in hand there comes to its end without us.
    do_it("VACUUM (SKIP_LOCKED) record")?;
    do_it("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let of_log: [Param<'_>; 1] = [(&log, Type::INT4)];
    let rows = |sql| link.wait(LOOK_TIME_MAX, link.client.query_typed(sql, &of_log));
    let number = |row: &tokio_postgres::Row| row.try_get::<_, i64>(0).map_err(unreadable);
    let up_to = rows(LAST)?.first().map(number).transpose()?.unwrap_or_default();
    let templates: Result<HashSet<i64>, _> = rows(UNUSED)?.iter().map(number).collect();
    Ok(Unused { templates: templates?, up_to })
}

const STATE: &str = "SELECT value FROM state WHERE log = $1 AND kind = $2 AND key = $3";
const LET_GO: &str = "UPDATE record SET human = NULL, task = NULL, body = NULL, body_values = NULL \
     WHERE log = $1 AND sequence >= $2 AND sequence < $3 AND kind <> 3";
/// Where a person and a task are found, but for a block in which a call stands that is kept. Only calls are found by either.
const FORGET: &str = "WITH called AS (SELECT sequence, sequence >> 5 AS block, unnest(ARRAY[-15 - human, 1099511627776 + task]) AS name \
     FROM record WHERE log = $1 AND sequence >= $2 AND sequence < ($3 | 31) + 1), \
     gone AS (SELECT name, block FROM called WHERE name IS NOT NULL GROUP BY name, block HAVING max(sequence) < $3) \
     DELETE FROM seen s USING gone g WHERE s.log = $1 AND s.name = g.name AND s.block = g.block";
const PUT: &str = "INSERT INTO state(log, kind, key, value) VALUES ($1, $2, $3, $4) \
     ON CONFLICT(log, kind, key) DO UPDATE SET value = excluded.value";
const LAST: &str = "SELECT last FROM log WHERE id = $1";
const UNUSED: &str = "SELECT id FROM sealed WHERE log = $1 EXCEPT SELECT body FROM record WHERE log = $1";
const USED_SINCE: &str = "SELECT DISTINCT body FROM record WHERE log = $1 AND sequence > $2 AND body IS NOT NULL";
const REMOVE: &str = "DELETE FROM sealed WHERE log = $1 AND id = ANY($2)";
const DONE: &str = "DELETE FROM state WHERE log = $1 AND kind = $2 AND key = $3";
const RECORDS: i64 = PARTITION_RECORDS.cast_signed();
const PARTITIONS_AT_ONCE: i64 = 4;
/// Calls wait for a step.
const TEMPLATES_AT_ONCE: usize = 1_000;
const LOOK_TIME_MAX: Duration = Duration::from_secs(3_600);
