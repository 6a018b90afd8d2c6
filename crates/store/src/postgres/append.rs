//! One commit: everything it writes in one round trip, then the word that makes it durable.

use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;
use trace::{Row, StateWrite, StoreFault, StoreFaultKind};

use super::error::{Failure, fault_of_kind};
use super::link::Link;
use super::rows::Batch;
use super::session::{Session, TIME_MAX};
use crate::frame::Columns;
use crate::seal::{SealedBody, SubjectKey};
use crate::tree;

/// How far a commit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The server has not been told to make it durable.
    Before,
    /// It may be durable.
    Commit,
}

/// What a commit says to the server, in this order.
#[derive(Debug)]
pub(super) struct Statements {
    stand: Statement,
    names: Statement,
    templates: Statement,
    sealed: Statement,
    keys: Statement,
    facets: Statement,
    records: Statement,
    seen: Statement,
    late: Statement,
    spans: Statement,
    used: Statement,
    tiles: Statement,
    full_tiles: Statement,
    put: Statement,
    delete: Statement,
}

impl Statements {
    pub(super) fn prepare(link: &Link) -> Result<Self, Failure> {
        let prepare = |sql| link.client.prepare(sql);
        let first = async { tokio::try_join!(prepare(STAND), prepare(NAMES), prepare(TEMPLATES), prepare(FACETS)) };
        let then = async { tokio::try_join!(prepare(RECORDS), prepare(SEEN), prepare(LATE), prepare(SPANS)) };
        let more = async {
            tokio::try_join!(prepare(USED), prepare(TILES), prepare(FULL_TILES), prepare(SEALED), prepare(KEYS))
        };
        let last = async { tokio::try_join!(prepare(PUT), prepare(DELETE)) };
        let all = link.wait(TIME_MAX, async { tokio::try_join!(first, then, more, last) })?;
        let ((stand, names, templates, facets), (records, seen, late, spans), more, last) = all;
        let ((used, tiles, full_tiles, sealed, keys), (put, delete)) = (more, last);
        Ok(Self {
            stand,
            names,
            templates,
            sealed,
            keys,
            facets,
            records,
            seen,
            late,
            spans,
            used,
            tiles,
            full_tiles,
            put,
            delete,
        })
    }
}

impl Session {
    /// Appends the rows and applies the state. The first sequence number. Error: how far it came; the session is of no use
    /// any more.
    pub(super) fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<i64, (Step, Failure)> {
        let first = self.last.saturating_add(1);
        let before = |failure| (Step::Before, failure);
        let bodies: Result<Vec<SealedBody>, StoreFault> = rows.iter().map(|row| self.sealer.seal(row)).collect();
        let bodies = bodies.map_err(|fault| before(fault.into()))?;
        let rows: Vec<Columns<'_>> = rows.iter().zip(&bodies).map(|(row, body)| Columns::of(row, body)).collect();
        let numbers = self.known.numbers(&self.link, self.log, &rows).map_err(before)?;
        let batch = Batch::of(first, &rows, state, numbers, &self.tree).map_err(|fault| before(fault.into()))?;
        let last = batch.records.sequence.last().copied().unwrap_or(self.last);
        let stood = self.link.wait(TIME_MAX, self.write(&batch, last)).map_err(before)?;
        if stood != 1 {
            return Err(before(taken_over().into()));
        }
        let commit = self.link.client.batch_execute("COMMIT");
        self.link.wait(TIME_MAX, commit).map_err(|failure| (Step::Commit, failure))?;
        self.sealer.confirmed();
        self.last = last;
        self.commits += 1;
        self.tree = batch.tree;
        Ok(first)
    }

    /// Sends all of it at once. How many logs stood where this one was believed to stand: one, or somebody else has taken it
    /// over.
    async fn write(&self, batch: &Batch<'_>, last: i64) -> Result<u64, tokio_postgres::Error> {
        let (client, statements, log) = (&self.link.client, &self.statements, &self.log);
        let tree = tree::written(&batch.tree);
        let stand: [&(dyn ToSql + Sync); 6] = [log, &self.last, &self.commits, &self.opening, &last, &tree];
        let (records, used) = (&batch.records, &batch.used);
        let run = async |statement, values: &[&(dyn ToSql + Sync)], wanted: bool| {
            if wanted { client.execute(statement, values).await } else { Ok(0) }
        };
        let (names, templates) = (&batch.new_names, &batch.new_templates);
        let names: [&(dyn ToSql + Sync); 4] = [log, &names.ids, &names.sums, &names.texts];
        let templates: [&(dyn ToSql + Sync); 4] = [log, &templates.ids, &templates.sums, &templates.texts];
        let (sealed, keys) = (&batch.new_sealed, NewKeys::of(self.sealer.fresh()));
        let sealed: [&(dyn ToSql + Sync); 5] = [log, &sealed.ids, &sealed.sums, &sealed.keys, &sealed.texts];
        let new_keys: [&(dyn ToSql + Sync); 4] = [log, &keys.number, &keys.subject, &keys.wrapped];
        let facets: [&(dyn ToSql + Sync); 3] = [log, &batch.new_facets.0, &batch.new_facets.1];
        let rows = self.columns(batch);
        let seen: [&(dyn ToSql + Sync); 3] = [log, &batch.seen.name, &batch.seen.block];
        let late: [&(dyn ToSql + Sync); 4] = [log, &batch.late.name, &batch.late.call_high, &batch.late.call_low];
        let spans: [&(dyn ToSql + Sync); 4] = [log, &batch.spans.block, &batch.spans.first_at, &batch.spans.last_at];
        let used_values: [&(dyn ToSql + Sync); 9] = [
            log,
            &used.agent,
            &used.human,
            &used.app,
            &used.tool,
            &used.verdict,
            &used.calls,
            &used.first_at,
            &used.last_at,
        ];
        let tiles: [&(dyn ToSql + Sync); 4] = [log, &batch.tiles.number, &batch.tiles.first, &batch.tiles.hashes];
        let full: [&(dyn ToSql + Sync); 2] = [log, &batch.full_tiles];
        let put: [&(dyn ToSql + Sync); 4] = [log, &batch.put.kind, &batch.put.key, &batch.put.value];
        let delete: [&(dyn ToSql + Sync); 3] = [log, &batch.deleted.kind, &batch.deleted.key];
        let any = !records.sequence.is_empty();
        // Each is sent when it is looked at first, so they reach the server in this order.
        let (_, stood, ..) = tokio::try_join!(
            biased;
            client.batch_execute("BEGIN"),
            run(&statements.stand, &stand, true),
            run(&statements.names, &names, !batch.new_names.ids.is_empty()),
            run(&statements.templates, &templates, !batch.new_templates.ids.is_empty()),
            run(&statements.sealed, &sealed, !batch.new_sealed.ids.is_empty()),
            run(&statements.keys, &new_keys, !keys.number.is_empty()),
            run(&statements.facets, &facets, !batch.new_facets.0.is_empty()),
            run(&statements.records, &rows, any),
            run(&statements.seen, &seen, any),
            run(&statements.late, &late, !batch.late.name.is_empty()),
            run(&statements.spans, &spans, any),
            run(&statements.used, &used_values, !used.calls.is_empty()),
            run(&statements.tiles, &tiles, any),
            run(&statements.full_tiles, &full, !batch.full_tiles.is_empty()),
            run(&statements.put, &put, !batch.put.kind.is_empty()),
            run(&statements.delete, &delete, !batch.deleted.kind.is_empty()),
        )?;
        Ok(stood)
    }

    fn columns<'b>(&'b self, batch: &'b Batch<'_>) -> [&'b (dyn ToSql + Sync); 20] {
        let records = &batch.records;
        [
            &self.log,
            &records.sequence,
            &records.kind,
            &records.call_high,
            &records.call_low,
            &records.at,
            &records.agent,
            &records.human,
            &records.app,
            &records.tool,
            &records.class,
            &records.verdict,
            &records.task,
            &records.intent,
            &records.outcome,
            &records.leaf,
            &records.body,
            &records.leaf_hash,
            &records.leaf_values,
            &records.body_values,
        ]
    }
}

/// Keys that come into the tables, column by column.
struct NewKeys<'k> {
    number: Vec<i64>,
    subject: Vec<&'k str>,
    wrapped: Vec<&'k [u8]>,
}

impl<'k> NewKeys<'k> {
    fn of(fresh: &'k [SubjectKey]) -> Self {
        Self {
            number: fresh.iter().map(|key| i64::from(key.number)).collect(),
            subject: fresh.iter().map(|key| &*key.subject).collect(),
            wrapped: fresh.iter().map(|key| &*key.wrapped).collect(),
        }
    }
}

fn taken_over() -> StoreFault {
    StoreFault::new(StoreFaultKind::Locked, "somebody else has written to this log meanwhile")
        .with_hint("two gateways must not share a log: give each its own, `trace: log:`")
        .because(fault_of_kind(StoreFaultKind::Locked))
}

const STAND: &str = "UPDATE log SET last = $5, commits = commits + 1, tree = $6 \
     WHERE id = $1 AND last = $2 AND commits = $3 AND opening = $4";
const NAMES: &str = "INSERT INTO name(log, id, sum, text) \
     SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::text[])";
const TEMPLATES: &str = "INSERT INTO template(log, id, sum, text) \
     SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::text[])";
const SEALED: &str = "INSERT INTO sealed(log, id, sum, key, text) \
     SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])";
const KEYS: &str = "INSERT INTO subject_key(log, number, subject, wrapped) \
     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bytea[])";
const FACETS: &str = "INSERT INTO facet(log, template, name) SELECT $1, * FROM unnest($2::bigint[], $3::bigint[]) \
     ON CONFLICT DO NOTHING";
const RECORDS: &str = "INSERT INTO record(log, sequence, kind, call_high, call_low, at, agent, human, app, tool, class, \
     verdict, task, intent, outcome, leaf, body, leaf_hash, leaf_values, body_values) \
     SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
     $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], \
     $15::bigint[], $16::bigint[], $17::bigint[], $18::bytea[], $19::bytea[], $20::bytea[])";
const SEEN: &str = "INSERT INTO seen(log, name, block) SELECT $1, * FROM unnest($2::bigint[], $3::bigint[]) \
     ON CONFLICT DO NOTHING";
const LATE: &str = "INSERT INTO seen(log, name, block) SELECT DISTINCT $1, late.name, intent.sequence >> 5 \
     FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) late(name, high, low) \
     CROSS JOIN LATERAL (SELECT r.sequence FROM record r WHERE r.log = $1 AND r.call_high = late.high \
     AND r.call_low = late.low AND r.intent IS NULL AND r.kind = 1 ORDER BY r.sequence LIMIT 1) intent \
     ON CONFLICT DO NOTHING";
const SPANS: &str = "INSERT INTO span(log, block, first_at, last_at) \
     SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) ON CONFLICT(log, block) DO UPDATE SET \
     first_at = least(span.first_at, excluded.first_at), last_at = greatest(span.last_at, excluded.last_at)";
const USED: &str = "INSERT INTO used(log, agent, human, app, tool, verdict, calls, first_at, last_at) \
     SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
     $8::bigint[], $9::bigint[]) ON CONFLICT(log, agent, human, app, tool, verdict) DO UPDATE SET \
     calls = used.calls + excluded.calls, first_at = least(used.first_at, excluded.first_at), \
     last_at = greatest(used.last_at, excluded.last_at)";
const TILES: &str = "INSERT INTO tile(log, number, first, hashes) \
     SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bytea[])";
const FULL_TILES: &str = "WITH pieces AS (DELETE FROM tile WHERE log = $1 AND number = ANY($2) \
     RETURNING number, first, hashes) INSERT INTO tile(log, number, first, hashes) \
     SELECT $1, number, 0, string_agg(hashes, ''::bytea ORDER BY first) FROM pieces GROUP BY number";
const PUT: &str = "INSERT INTO state(log, kind, key, value) \
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[]) \
     ON CONFLICT(log, kind, key) DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM state s USING unnest($2::text[], $3::text[]) gone(kind, key) \
     WHERE s.log = $1 AND s.kind = gone.kind AND s.key = gone.key";
