//! What the register says is checked afterwards: asked of the trace when it is due, on record, and told where a clause was not
//! kept; and that a term comes to its end.

mod look;
mod notices;
mod word;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::Compiled;
use contract::agreement::Kind;
use engine::{Change, StateWrite};
use model::{Blame, ClauseNumber, ContractId, Fault, HumanId, Standing, UnixMicros};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trace::{LogReader, rfc3339};

pub use self::look::{Check, Found, Part, misunderstood};
pub use self::notices::{DEFAULT_DAYS, days_left};
pub use self::word::{Word, take};
use crate::gateway::Gateway;

/// How far a clause was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    /// The moment until which.
    pub until_us: i64,
    /// When.
    pub at_us: i64,
    /// Whether it was kept; none where a person has to say.
    pub held: Option<bool>,
    /// The last record that was there then; none where nothing was asked of the trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<u64>,
    /// Calls that spoke against it, also of the looks before, where this one only completes them.
    pub against: u64,
    /// The record of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
}

/// Which clauses are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those that are due.
    Due,
    /// All, until now.
    All,
}

/// Whose doing a record is.
#[derive(Clone, Copy)]
struct Who<'w> {
    /// As the record names them.
    by: &'w str,
    /// The person, where it is one who signed in.
    human: Option<&'w HumanId>,
}

/// Looks at what is due, and goes on doing so, until it is told to stop.
pub async fn keep_on(gateway: Arc<Gateway>, stop: CancellationToken) {
    let work = async {
        loop {
            if let Err(fault) = audit(&gateway, None, Which::Due, "gateway").await {
                tracing::warn!(%fault, hint = fault.way_out(), "what contracts want checked could not be; it is tried again in an hour");
            }
            if let Err(fault) = notices::give(&gateway).await {
                tracing::warn!(%fault, hint = fault.way_out(), "the end of a contract could not be told; it is tried again in an hour");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

/// Looks now at every clause of a contract, or of all, that is checked afterwards.
pub async fn now(gateway: &Arc<Gateway>, contract: Option<&ContractId>, by: &str) -> Result<Value, Fault> {
    audit(gateway, contract, Which::All, by).await
}

/// How far each clause was looked at, by contract and clause.
pub fn looked(rows: Vec<(String, String)>) -> BTreeMap<String, Looked> {
    rows.into_iter().filter_map(|(key, value)| Some((key, serde_json::from_str(&value).ok()?))).collect()
}

/// Under what a clause stands in [`AUDIT_STATE`].
pub fn key(contract: &ContractId, clause: &ClauseNumber) -> String {
    format!("{contract}/{clause}")
}

/// Under what stands how far people said that they looked at it.
fn by_person(contract: &ContractId, clause: &ClauseNumber) -> String {
    format!("{contract}/{clause}/person")
}

async fn audit(gateway: &Arc<Gateway>, only: Option<&ContractId>, which: Which, by: &str) -> Result<Value, Fault> {
    let _one_after_the_other = TURN.lock().await;
    let in_force = gateway.contracts.now();
    let now = gateway.engine.clock().now();
    let mut said = Vec::new();
    for contract in in_force.all().filter(|contract| only.is_none_or(|only| contract.id() == only)) {
        // What nobody signed bound nobody.
        if matches!(in_force.standing(contract.id(), now).0, Standing::Unsigned | Standing::Unknown) {
            continue;
        }
        said.extend(of_contract(gateway, contract, which, by, now).await?);
    }
    Ok(json!({ "audited": said }))
}

async fn of_contract(
    gateway: &Arc<Gateway>,
    contract: &Arc<Compiled>,
    which: Which,
    by: &str,
    now: UnixMicros,
) -> Result<Vec<Value>, Fault> {
    let (trace, own) = (gateway.trace().clone(), Arc::clone(contract));
    let work = move || look_at(&own, &trace.reader().map_err(Fault::from)?, which, now);
    let mut told = on_a_thread(work).await?;
    for one in &mut told {
        record(gateway, contract, one, Who { by, human: None }, now).await?;
    }
    Ok(told)
}

/// What is found of a contract's clauses that are to be looked at, each with what [`record`] has to know of it.
fn look_at(contract: &Compiled, reader: &dyn LogReader, which: Which, now: UnixMicros) -> Result<Vec<Value>, Fault> {
    let looked = looked(reader.state(AUDIT_STATE).map_err(Fault::from)?);
    let up_to = reader.last_sequence().map_err(Fault::from)?;
    let mut told = Vec::new();
    for (provision, _) in contract.agreement().provisions() {
        let Kind::PostHoc(asks) = &provision.kind else { continue };
        let before = looked.get(&key(contract.id(), &provision.clause));
        let not_looked_at = not_looked_at(contract, &provision.clause, before, now);
        let not_looked_at = not_looked_at.or_else(|| looked_at_too_soon(contract, &provision.clause, before, now));
        let Some((since, until)) = not_looked_at else { continue };
        let days = i64::try_from(asks.every_days).unwrap_or(i64::MAX);
        // A clause that holds no more is looked at once more, up to its end, and not before the last records of it are there.
        let (over, left) = (until < now, now.0.saturating_sub(until.0));
        let due = match over {
            true => left >= LATE_US,
            false => now.0.saturating_sub(since.0) >= days.saturating_mul(DAY_US),
        };
        if which == Which::Due && !due {
            continue;
        }
        let mut one = json!({
            "contract": contract.id(), "clause": provision.clause, "since": rfc3339(since), "until": rfc3339(until),
            "until_us": until.0, "look_at": asks.look_at, "name": contract.agreement().document.name,
            "party": contract.agreement().parties.theirs.name,
        });
        let check = Check::of(contract, provision);
        if let (Ok(Some(check)), Some(one)) = (check, one.as_object_mut()) {
            // What was decided in this very moment is looked at as well, if its record is there.
            let ends = contract.agreement().stretch_of(&provision.clause).map_or(until, |(_, ends)| ends);
            let behind = before.and_then(|before| before.up_to);
            let found =
                check.look(reader, Part { since, until: ends, behind, up_to: Some(up_to) }).map_err(Fault::from)?;
            // INVARIANT: what was not kept is kept again only once a look at a time of its own says so (test
            // `a_look_that_adds_nothing_makes_no_clause_kept`).
            let adds_nothing = since == until || found.looked_at == 0 && (over || which == Which::All);
            let not_kept = before.filter(|before| adds_nothing && before.held == Some(false));
            let against_before = not_kept.map_or(0, |before| before.against);
            one.insert("up_to".to_owned(), up_to.into());
            one.insert("asked".to_owned(), check.in_words().into());
            one.insert("held".to_owned(), (not_kept.is_none() && found.against == 0).into());
            let calls: Vec<&str> = found.some.iter().map(|call| call.call.as_str()).collect();
            one.insert("calls".to_owned(), json!(calls));
            for (name, count) in [
                ("looked_at", found.looked_at),
                ("against", found.against),
                ("against_before", against_before),
                ("unknown", found.unknown),
            ] {
                one.insert(name.to_owned(), count.into());
            }
        }
        told.push(one);
    }
    Ok(told)
}

/// From when until when nobody has looked at a clause, of the time in which it holds. None: of all of that, somebody has.
fn not_looked_at(
    contract: &Compiled,
    clause: &ClauseNumber,
    before: Option<&Looked>,
    now: UnixMicros,
) -> Option<(UnixMicros, UnixMicros)> {
    let (begins, ends) = contract.agreement().stretch_of(clause)?;
    let since = before.map_or(begins, |before| begins.max(UnixMicros(before.until_us)));
    Some((since, now.min(ends))).filter(|(since, until)| since < until)
}

/// The end of a clause that was looked at before the last records of it were there, and now they are: what is behind the last one
/// of then is looked at.
fn looked_at_too_soon(
    contract: &Compiled,
    clause: &ClauseNumber,
    before: Option<&Looked>,
    now: UnixMicros,
) -> Option<(UnixMicros, UnixMicros)> {
    let (_, ends) = contract.agreement().stretch_of(clause)?;
    let there = UnixMicros(ends.0.saturating_add(LATE_US));
    let too_soon = before.is_some_and(|before| before.up_to.is_some() && before.at_us < there.0);
    (too_soon && there <= now).then_some((ends, ends))
}

/// How many calls speak against a clause by the record of a look, with those of the looks that this one only completes.
pub fn against(one: &Value) -> u64 {
    let count = |name: &str| one.get(name).and_then(Value::as_u64).unwrap_or_default();
    count("against").saturating_add(count("against_before"))
}

impl Looked {
    fn of(one: &Value, now: UnixMicros) -> Self {
        Self {
            until_us: one.get("until_us").and_then(Value::as_i64).unwrap_or(now.0),
            at_us: now.0,
            held: one.get("held").and_then(Value::as_bool),
            up_to: one.get("up_to").and_then(Value::as_u64),
            against: against(one),
            said: one.get("look_at").and_then(Value::as_str).unwrap_or_default().to_owned(),
        }
    }
}

/// Writes what was found, and how far was looked, in one.
async fn record(
    gateway: &Gateway,
    contract: &Compiled,
    one: &mut Value,
    who: Who<'_>,
    now: UnixMicros,
) -> Result<(), Fault> {
    let clause = one.get("clause").and_then(Value::as_str).unwrap_or_default();
    let clause = ClauseNumber::parse(clause)
        .map_err(|error| Fault::new(Blame::Bug, "bug.audit", "what was looked at is no clause").because(error))?;
    let looked = Looked::of(one, now);
    if let Some(one) = one.as_object_mut() {
        one.remove("until_us");
        one.remove("up_to");
    }
    let value = serde_json::to_string(&looked)
        .map_err(|error| Fault::new(Blame::Bug, "bug.audit", "what was found cannot be written").because(error))?;
    // A reminder moves on what is due; only a person's word moves on what people have looked at.
    let of_person = who.human.map(|_| by_person(contract.id(), &clause));
    let keys = std::iter::once(key(contract.id(), &clause)).chain(of_person);
    let row = |key: String| StateWrite { kind: AUDIT_STATE.to_owned(), key, value: Some(value.clone()) };
    let change = Change {
        by: who.by.to_owned(),
        what: AUDITED.to_owned(),
        subject: format!("contract:{}", contract.id()),
        human: who.human.cloned(),
        detail: one.clone(),
        state: keys.map(row).collect(),
    };
    let durable = gateway.engine.change(change).await?;
    if let Some(one) = one.as_object_mut() {
        one.insert("record".to_owned(), durable.call().as_str().into());
    }
    Ok(())
}

/// What waits for the disk must not keep the threads that carry calls.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Fault::new(Blame::Bug, "bug.audit", "a contract could not be looked at").because(error))
    })
}

/// The kind of state in which stands how far each clause was looked at.
pub const AUDIT_STATE: &str = "contract_audit";
/// What the record of it is called.
pub const AUDITED: &str = "contract.audit";
/// Two at once would find the same twice.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
const DAY_US: i64 = 86_400_000_000;
/// How long after a call was decided its record may come.
const LATE_US: i64 = 3_600_000_000;
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
pub(crate) mod tests;
