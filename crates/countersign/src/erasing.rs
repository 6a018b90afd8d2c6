//! Erasing what the trace holds about a person: how much there is, and destroying it.

use std::sync::Arc;

use engine::Change;
use identity::StandingChange;
use model::{Blame, Directory as _, Fault, HumanId, UnixMicros};
use serde_json::{Value, json};
use trace::{Kept, LogReader as _, StateWrite, rfc3339};

use crate::gateway::Gateway;

/// What else goes of a person whom the configuration does not name.
struct Goes {
    account: bool,
    /// That they have left: whoever stands in the configuration under another account, or another spelling, must not come back by
    /// being forgotten.
    standing: bool,
}

/// What was found of a person.
struct Found {
    kept: Kept,
    /// The last record that was looked at.
    last: u64,
}

/// How much is kept of a person, and what would stay all the same.
pub async fn kept(gateway: &Arc<Gateway>, human: HumanId) -> Result<Value, Fault> {
    let found = found(gateway, &human).await?;
    Ok(told(&found.kept, notes(gateway, &human)))
}

/// Destroys it. On record first, by numbers that stand for nobody any more.
pub async fn erase(gateway: &Arc<Gateway>, human: HumanId, reason: Option<String>, by: &str) -> Result<Value, Fault> {
    let _one_after_the_other = TURN.lock().await;
    let found = found(gateway, &human).await?;
    if reason.as_deref().is_some_and(|reason| reason.contains(human.as_str())) {
        let said = format!("the reason names `{human}`, and it is kept");
        return Err(Fault::new(Blame::Caller, "trace.reason", said).hint("say it without the name"));
    }
    // Whatever waits for that person holds its arguments.
    gateway.engine.cancel_holds_of(&human, by).await?;
    // Neither the configuration nor anybody's standing, account or session changes until it is done.
    let _as_configured = gateway.contracts.turn().await;
    let _alone = gateway.people.alone().await;
    let _standing = gateway.standing.lock().await;
    let goes = Goes::of(gateway, &human);
    // What they asked for while others were waited for holds its arguments, too.
    gateway.engine.cancel_holds_of(&human, by).await?;
    let (engine, trace, wanted) = (gateway.engine.clone(), gateway.trace().clone(), human.clone());
    let (state, by) = (goes.state(gateway, &human), by.to_owned());
    let erased = on_a_thread(move || {
        let (reader, mut kept) = (trace.reader().map_err(Fault::from)?, found.kept);
        let durable = engine.erase_blocking(|| {
            // What was written since is about that person, too: that what waited is cancelled, for one. Only that is looked through
            // while every call waits.
            let last = reader.last_sequence().map_err(Fault::from)?;
            let since = reader.kept_among(wanted.as_str(), found.last.saturating_add(1)..=last).map_err(Fault::from)?;
            kept = kept.clone().and(since.unwrap_or(NOTHING));
            let change = Change { by, state, ..change_of(&kept, last, reason.as_deref()) };
            Ok((change, kept.subjects.clone()))
        });
        durable.map(|durable| (durable, kept))
    })
    .await;
    // What could not be destroyed yet is on record all the same, and the rows went with that.
    if erased.as_ref().map_or_else(|fault| fault.code() == "trace.not_erased", |_| true) {
        goes.forget(gateway, &human);
    }
    let (durable, kept) = erased?;
    let mut told = told(&kept, notes(gateway, &human));
    if let Some(told) = told.as_object_mut() {
        told.insert("done".to_owned(), "trace.erase".into());
        told.insert("record".to_owned(), durable.call().as_str().into());
    }
    Ok(told)
}

/// What is written of it, by nobody yet: all there is up to this record.
fn change_of(kept: &Kept, counted_to: u64, reason: Option<&str>) -> Change {
    let numbers: Vec<String> = kept.subjects.iter().map(ToString::to_string).collect();
    Change {
        by: String::new(),
        what: "trace.erase".to_owned(),
        subject: format!("subject:{}", numbers.join(",")),
        human: None,
        detail: json!({
            "records": kept.records,
            "first": kept.sequences.0,
            "last": kept.sequences.1,
            "counted_to": counted_to,
            "reason": reason,
        }),
        state: Vec::new(),
    }
}

impl Goes {
    fn of(gateway: &Gateway, human: &HumanId) -> Self {
        let account = !gateway.directory.snapshot().humans.contains_key(human);
        Self { account, standing: account && !gateway.directory.knows(human) }
    }

    /// As rows that delete it.
    fn state(&self, gateway: &Gateway, human: &HumanId) -> Vec<StateWrite> {
        let (kind, key, value) = StandingChange::Restore(human.clone()).state_key();
        let standing = self.standing.then_some(StateWrite { kind, key, value });
        let account = if self.account { gateway.people.rows_of(human, true) } else { Vec::new() };
        standing.into_iter().chain(crate::people::state(account)).collect()
    }

    /// Once those rows are gone.
    fn forget(&self, gateway: &Gateway, human: &HumanId) {
        if self.standing {
            gateway.directory.forget(human);
        }
        if self.account {
            gateway.people.forget(human, true);
        }
    }
}

/// What is kept. Error: nothing is.
async fn found(gateway: &Gateway, human: &HumanId) -> Result<Found, Fault> {
    let (trace, wanted) = (gateway.trace().clone(), human.clone());
    let (kind, key, _) = StandingChange::Offboard(human.clone()).state_key();
    let gone = !gateway.directory.knows(human);
    let found = on_a_thread(move || {
        let reader = trace.reader().map_err(Fault::from)?;
        let last = reader.last_sequence().map_err(Fault::from)?;
        let kept = reader.kept_among(wanted.as_str(), 1..=last).map_err(Fault::from)?;
        let left = gone && reader.state(&kind).map_err(Fault::from)?.iter().any(|(of, _)| *of == key);
        // Only that somebody has left may be kept of who was erased before.
        Ok(kept.or_else(|| left.then_some(NOTHING)).map(|kept| Found { kept, last }))
    });
    found.await?.ok_or_else(|| {
        Fault::new(Blame::Caller, "trace.nobody", format!("the trace holds nothing about `{human}`")).hint(
            "it takes the id that calls were made for: `countersign trace on-behalf-of ID` shows whether there are any",
        )
    })
}

fn told(kept: &Kept, notes: Vec<String>) -> Value {
    json!({
        "subjects": kept.subjects,
        "records": kept.records,
        "first": { "sequence": kept.sequences.0, "time": rfc3339(kept.times.0) },
        "last": { "sequence": kept.sequences.1, "time": rfc3339(kept.times.1) },
        "notes": notes,
    })
}

/// What stays, and why.
fn notes(gateway: &Gateway, human: &HumanId) -> Vec<String> {
    let directory = gateway.directory.snapshot();
    let mut notes = Vec::new();
    if let Some(known) = directory.humans.get(human) {
        notes.push(format!(
            "`{human}` stands in the configuration, which is yours to change; later calls are kept again"
        ));
        if !known.active {
            notes.push(format!("that `{human}` has left stays known until then, so that nobody acts in that name"));
        }
    } else if gateway.directory.knows(human) {
        notes.push(format!(
            "another account of `{human}`, or another spelling, stands in the configuration: whether they have left stays known"
        ));
    }
    let config = gateway.config.load();
    if !config.exports.is_empty() {
        let names: Vec<&str> = config.exports.iter().map(|export| export.name.as_str()).collect();
        let said = "what was exported is out of the gateway's reach; erase it where it went";
        notes.push(format!("{said}: {}", names.join(", ")));
    }
    let owned = directory.agents.values().filter(|agent| agent.owner == *human).count();
    let owns = directory.apps.values().filter(|app| app.owners.contains(human)).count();
    if owned + owns > 0 {
        notes.push(
            "records about others may name this person as owner or manager, sealed under keys of those others"
                .to_owned(),
        );
    }
    notes
}

/// What waits for the disk must not keep the threads that carry calls.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Fault::new(Blame::Bug, "bug.erasing", "the trace could not be erased from").because(error))
    })
}

/// What is counted of a person is what goes: one erasure at a time.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
const NOTHING: Kept =
    Kept { subjects: Vec::new(), records: 0, sequences: (0, 0), times: (UnixMicros(0), UnixMicros(0)) };
