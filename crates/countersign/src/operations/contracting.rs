//! What people and operators do about contracts.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::agreement::Kind;
use contract::{Act, Compiled, Coverage, Governed, InForce, Refused, SIGNATURES_NEEDED, Signatures, explain};
use engine::Change;
use model::{Blame, ContractId, Digest, Directory as _, Fault, HumanId, Secret, Standing, UnixMicros};
use serde_json::{Value, json};
use trace::{LogReader as _, StateWrite, rfc3339};

use super::signing::signed_in;
use crate::auditing::{self, AUDIT_STATE, Looked, Word, key, looked};
use crate::contracts::CONTRACT_STATE;
use crate::gateway::Gateway;

/// All contracts, in short.
pub(super) fn list(gateway: &Gateway) -> Result<Value, Fault> {
    let (in_force, looked) = (gateway.contracts.now(), looked_at(gateway)?);
    let with_audits = |contract: &Arc<Compiled>| {
        let mut said = in_short(gateway, &in_force, contract);
        if let Some(said) = said.as_object_mut() {
            said.insert("audits".to_owned(), audits(contract, &looked));
        }
        said
    };
    let all: Vec<Value> = in_force.all().map(with_audits).collect();
    Ok(json!({ "contracts": all }))
}

/// What is checked afterwards is checked now.
pub(super) async fn audit(gateway: &Arc<Gateway>, id: Option<&ContractId>, by: &str) -> Result<Value, Fault> {
    if let Some(id) = id {
        known(&gateway.contracts.now(), id)?;
    }
    auditing::now(gateway, id, by).await
}

/// Whoever is signed in with this session says how a clause was kept that people look at.
pub(super) async fn looked_at_by(
    gateway: &Arc<Gateway>,
    id: &ContractId,
    word: Word,
    session: &Secret<String>,
) -> Result<Value, Fault> {
    let who = signed_in(gateway, session).await?.approver();
    let in_force = gateway.contracts.now();
    auditing::take(gateway, known(&in_force, id)?, word, &who).await
}

fn looked_at(gateway: &Gateway) -> Result<BTreeMap<String, Looked>, Fault> {
    let reader = gateway.trace().reader().map_err(Fault::from)?;
    Ok(looked(reader.state(AUDIT_STATE).map_err(Fault::from)?))
}

/// Every clause that is checked afterwards, and how far it was looked at.
fn audits(contract: &Compiled, looked: &BTreeMap<String, Looked>) -> Value {
    let all = contract.agreement().provisions().filter_map(|(provision, _)| {
        let Kind::PostHoc(asks) = &provision.kind else { return None };
        let last = looked.get(&key(contract.id(), &provision.clause));
        Some(json!({
            "clause": provision.clause,
            "every_days": asks.every_days,
            "look_at": asks.look_at,
            "of_the_trace": asks.is_of_the_trace(),
            "until": last.map(|last| rfc3339(UnixMicros(last.until_us))),
            "held": last.and_then(|last| last.held),
            "against": last.map(|last| last.against),
        }))
    });
    Value::Array(all.collect())
}

/// One contract, with its register, its sentences and its forms.
pub(super) fn show(gateway: &Gateway, id: &ContractId) -> Result<Value, Fault> {
    let in_force = gateway.contracts.now();
    let contract = known(&in_force, id)?;
    let now = gateway.engine.clock().now();
    let (standing, _) = in_force.standing(id, now);
    let looked = looked_at(gateway)?;
    let mut said = in_short(gateway, &in_force, contract);
    let forms = contract.forms();
    let before = in_force.signatures(id).and_then(|signatures| signatures.signed_before(forms));
    if let Some(said) = said.as_object_mut() {
        said.insert("audits".to_owned(), audits(contract, &looked));
        said.insert("register".to_owned(), json!(contract.register()));
        said.insert("explained".to_owned(), json!(explain(contract, standing, now)));
        said.insert("normal".to_owned(), forms.normal.as_str().into());
        said.insert("canonical".to_owned(), forms.canonical.as_str().into());
        said.insert("signed_before".to_owned(), json!(before));
    }
    Ok(said)
}

/// Whoever is signed in with this session signs the contract with this digest.
pub(super) async fn sign(
    gateway: &Gateway,
    id: &ContractId,
    digest: Digest,
    session: &Secret<String>,
) -> Result<Value, Fault> {
    let who = signed_in(gateway, session).await?.approver();
    let by = format!("human:{}", who.human());
    change(gateway, id, "contract.sign", &by, Some(who.human().clone()), |contract, before| {
        if contract.forms().digest != digest {
            let said = "what you looked at is not what is in force here";
            return Err(Fault::new(Blame::Caller, "caller.contract_changed", said)
                .hint("put the file in force with `countersign reload`, look at it again, and sign that"));
        }
        let now = gateway.engine.clock().now();
        Signatures::sign(contract, before, &who, &gateway.directory.snapshot(), now).map_err(refused)
    })
    .await
}

/// It admits nothing until somebody resumes it.
pub(super) async fn suspend(
    gateway: &Gateway,
    id: &ContractId,
    reason: Option<String>,
    by: &str,
) -> Result<Value, Fault> {
    let act = act(gateway, by, reason);
    change(gateway, id, "contract.suspend", by, None, |_, before| {
        before.ok_or(Refused::NeverSigned).and_then(|before| before.suspended(act)).map_err(refused)
    })
    .await
}

/// It admits again what it permits.
pub(super) async fn resume(gateway: &Gateway, id: &ContractId, by: &str) -> Result<Value, Fault> {
    change(gateway, id, "contract.resume", by, None, |_, before| {
        before.ok_or(Refused::NotSuspended).and_then(Signatures::resumed).map_err(refused)
    })
    .await
}

/// It admits nothing any more, for good.
pub(super) async fn terminate(
    gateway: &Gateway,
    id: &ContractId,
    reason: Option<String>,
    by: &str,
) -> Result<Value, Fault> {
    let act = act(gateway, by, reason);
    change(gateway, id, "contract.terminate", by, None, |_, before| {
        before.ok_or(Refused::NeverSigned).and_then(|before| before.terminated(act)).map_err(refused)
    })
    .await
}

/// Writes what is so from now on with its record, and puts it in force for the very next call.
async fn change(
    gateway: &Gateway,
    id: &ContractId,
    what: &str,
    by: &str,
    human: Option<HumanId>,
    next: impl FnOnce(&Compiled, Option<&Signatures>) -> Result<Signatures, Fault>,
) -> Result<Value, Fault> {
    let _turn = gateway.contracts.turn().await;
    let in_force = gateway.contracts.now();
    let contract = known(&in_force, id)?;
    let next = next(contract, in_force.signatures(id))?;
    let value = serde_json::to_string(&next)
        .map_err(|error| Fault::new(Blame::Bug, "bug.contract", "what was signed cannot be written").because(error))?;
    let with = Arc::new(in_force.with(next.clone()));
    let bundle = gateway.bundle.load_full();
    let in_force_then = model::Rules::digest(&Governed::new(Arc::clone(&bundle), Arc::clone(&with)));
    let (standing, _) = with.standing(id, gateway.engine.clock().now());
    let record = Change {
        by: by.to_owned(),
        what: what.to_owned(),
        subject: format!("contract:{id}"),
        human,
        detail: json!({
            "contract": id,
            "digest": next.digest,
            "document": contract.agreement().document.sha256,
            "signatures": next.signatures.iter().map(|one| json!({ "by": one.by, "how": one.how })).collect::<Vec<_>>(),
            "standing": standing,
            // The rules of every call from then on.
            "bundle": in_force_then.to_string(),
        }),
        state: vec![StateWrite { kind: CONTRACT_STATE.to_owned(), key: id.to_string(), value: Some(value) }],
    };
    let durable = gateway.engine.change(record).await?;
    gateway.contracts.take(with);
    gateway.engine.replace_rules(gateway.contracts.govern(&bundle));
    let mut said = in_short(gateway, &gateway.contracts.now(), contract);
    if let Some(said) = said.as_object_mut() {
        said.insert("done".to_owned(), what.into());
        said.insert("record".to_owned(), durable.call().as_str().into());
    }
    Ok(said)
}

fn known<'c>(in_force: &'c InForce, id: &ContractId) -> Result<&'c Arc<Compiled>, Fault> {
    in_force.get(id).ok_or_else(|| {
        let hint = crate::config::nearest(id.as_str(), in_force.all().map(|contract| contract.id().as_str()));
        Fault::new(Blame::Caller, "caller.unknown_contract", format!("there is no contract `{id}`")).hint(hint)
    })
}

fn in_short(gateway: &Gateway, in_force: &InForce, contract: &Compiled) -> Value {
    let agreement = contract.agreement();
    let (standing, _) = in_force.standing(contract.id(), gateway.engine.clock().now());
    let signed = in_force.signatures(contract.id());
    let of_this = signed.filter(|signed| signed.digest == contract.forms().digest);
    let signatures = of_this.into_iter().flat_map(|signed| &signed.signatures).map(|signature| {
        let at = rfc3339(UnixMicros(signature.at_us));
        json!({ "by": signature.by, "how": signature.how, "at": at })
    });
    let signatures: Vec<Value> = signatures.collect();
    let missing = SIGNATURES_NEEDED.saturating_sub(signatures.len());
    let coverage = Coverage::of(&contract.register());
    json!({
        "contract": contract.id(),
        "vendor": contract.vendor(),
        "name": agreement.document.name,
        "party": agreement.parties.theirs.name,
        "responsible": agreement.parties.responsible,
        "standing": standing,
        "admits": standing == Standing::Active,
        "from": agreement.term.from,
        "until": agreement.term.until,
        "document": agreement.document.sha256,
        "digest": contract.forms().digest,
        "signatures": signatures,
        "signatures_missing": missing,
        "suspended": signed.and_then(|signed| signed.suspended.as_ref()),
        "terminated": signed.and_then(|signed| signed.terminated.as_ref()),
        "days_left": auditing::days_left(contract, gateway.engine.clock().now()),
        "coverage": coverage,
        "coverage_in_words": coverage.to_string(),
    })
}

fn act(gateway: &Gateway, by: &str, reason: Option<String>) -> Act {
    Act { by: by.to_owned(), at_us: gateway.engine.clock().now().0, reason }
}

fn refused(refused: Refused) -> Fault {
    let hint = match refused {
        Refused::Terminated => Some("a new agreement is a new contract with an id of its own"),
        Refused::Expired => Some("write its amendment, or a new contract"),
        Refused::OfTheVendor(_) | Refused::Again(_) => Some("a different person of ours signs in and signs it"),
        _ => None,
    };
    let fault = Fault::new(Blame::Caller, "caller.not_signed", refused.to_string());
    match hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}
