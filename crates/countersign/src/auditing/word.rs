//! A person's word on a clause that no question to the trace can answer.

use std::sync::Arc;

use contract::Compiled;
use contract::agreement::{Kind, PostHoc};
use model::limits::AUDIT_NOTE_CHARS_MAX;
use model::{Approver, Blame, ClauseNumber, Directory as _, Fault, Standing};
use serde_json::{Value, json};
use trace::{LogReader as _, rfc3339};

use super::{AUDIT_STATE, TURN, Who, by_person, looked, not_looked_at, on_a_thread, record};
use crate::gateway::Gateway;

/// What a person found.
pub struct Word {
    /// The clause.
    pub clause: ClauseNumber,
    /// Whether it was kept.
    pub kept: bool,
    /// What there is to say of it.
    pub note: Option<String>,
}

/// Puts on record that this person looked at a clause, from when somebody did so last until now. Error: it is no such clause, the
/// contract binds nobody, or the person is of the vendor's side.
pub async fn take(
    gateway: &Arc<Gateway>,
    contract: &Arc<Compiled>,
    word: Word,
    who: &Approver,
) -> Result<Value, Fault> {
    let _one_after_the_other = TURN.lock().await;
    let now = gateway.engine.clock().now();
    let (id, agreement) = (contract.id(), contract.agreement());
    let asks = looked_at_by_people(contract, &word.clause)?;
    if matches!(gateway.contracts.now().standing(id, now).0, Standing::Unsigned | Standing::Unknown) {
        return Err(refused(format!("nobody has signed `{id}`, so it bound nobody")));
    }
    if contract.is_of_the_vendor(who.human(), &gateway.directory.snapshot()) {
        let said = format!("{} is of the vendor's side, which does not say how it kept a clause", who.human());
        return Err(refused(said).hint("a person of ours signs in and says it"));
    }
    let (trace, key) = (gateway.trace().clone(), by_person(id, &word.clause));
    let before = on_a_thread(move || {
        let rows = trace.reader().map_err(Fault::from)?.state(AUDIT_STATE).map_err(Fault::from)?;
        Ok(looked(rows).remove(&key))
    });
    let before = before.await?;
    let Some((since, until)) = not_looked_at(contract, &word.clause, before.as_ref(), now) else {
        return Err(refused(format!("clause {} was looked at until then already", word.clause)));
    };
    let note = word.note.map(|note| note.chars().take(AUDIT_NOTE_CHARS_MAX).collect::<String>());
    let mut one = json!({
        "contract": id, "clause": word.clause, "since": rfc3339(since), "until": rfc3339(until), "until_us": until.0,
        "look_at": asks.look_at, "name": agreement.document.name, "party": agreement.parties.theirs.name,
        "held": word.kept, "note": note, "person": who.human(),
    });
    let by = format!("human:{}", who.human());
    record(gateway, contract, &mut one, Who { by: &by, human: Some(who.human()) }, now).await?;
    Ok(one)
}

fn looked_at_by_people<'c>(contract: &'c Compiled, clause: &ClauseNumber) -> Result<&'c PostHoc, Fault> {
    let mut provisions = contract.agreement().provisions().map(|(provision, _)| provision);
    match provisions.find(|provision| provision.clause == *clause).map(|provision| &provision.kind) {
        Some(Kind::PostHoc(asks)) if !asks.is_of_the_trace() => Ok(asks),
        Some(Kind::PostHoc(_)) => {
            let said = format!("clause {clause} is asked of the trace, and no person's word stands in for that");
            Err(refused(said).hint(format!("`countersign contract audit {}` asks now", contract.id())))
        }
        Some(_) => Err(refused(format!("clause {clause} is not one that is checked afterwards"))),
        None => Err(refused(format!("`{}` has no clause {clause}", contract.id()))),
    }
}

fn refused(said: String) -> Fault {
    Fault::new(Blame::Caller, "caller.not_looked_at", said)
}
