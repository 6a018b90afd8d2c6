//! Keys of vendors: on disk with their record first, then in force for the very next request.

use std::time::Duration;

use engine::Change;
use identity::{KeyRequest, Presented, Registered, TOKEN_ENDPOINT, VENDOR_KEY_STATE, VendorKey};
use model::{Blame, Fault, UnixMicros, VendorId};
use serde_json::{Value, json};
use trace::{StateWrite, rfc3339};

use crate::config::nearest;
use crate::gateway::Gateway;

/// All keys, without what would let anybody in.
pub(super) fn list(gateway: &Gateway) -> Value {
    let now = gateway.engine.clock().now();
    let keys: Vec<Value> = gateway.vendor_keys.list().iter().map(|key| shown(key, now)).collect();
    json!({ "keys": keys })
}

pub(super) async fn issue(gateway: &Gateway, request: KeyRequest, by: &str) -> Result<Value, Fault> {
    bound_to_something(gateway, &request)?;
    let _one_after_the_other = TURN.lock().await;
    let now = gateway.engine.clock().now();
    let (key, text) = gateway.vendor_keys.make(request, by, now)?;
    let record = put(gateway, "vendors.key_issued", vec![key.clone()], Value::Null, by).await?;
    // The one place where it is said.
    Ok(json!({ "issued": shown(&key, now), "key": text.expose(), "record": record }))
}

/// What a vendor has already.
pub(super) async fn register(
    gateway: &Gateway,
    request: KeyRequest,
    what: Registered,
    by: &str,
) -> Result<Value, Fault> {
    bound_to_something(gateway, &request)?;
    let _one_after_the_other = TURN.lock().await;
    let now = gateway.engine.clock().now();
    let key = gateway.vendor_keys.register(request, what, by, now)?;
    let record = put(gateway, "vendors.key_registered", vec![key.clone()], Value::Null, by).await?;
    let endpoint = format!("{}{TOKEN_ENDPOINT}", gateway.public_url);
    Ok(json!({ "registered": shown(&key, now), "token_endpoint": endpoint, "record": record }))
}

/// Error: there is no such vendor, it has no such contract, or that is about something else. Such a key would get nothing.
fn bound_to_something(gateway: &Gateway, request: &KeyRequest) -> Result<(), Fault> {
    let wrong = |code, said: String| Fault::new(Blame::Operator, code, said);
    let KeyRequest { vendor, contract: id, purpose, .. } = request;
    let config = gateway.config.load();
    if !config.vendors.contains(vendor) {
        let hint = nearest(vendor.as_str(), config.vendors.iter().map(VendorId::as_str));
        return Err(wrong("operator.no_vendor", format!("there is no vendor `{vendor}`")).hint(hint));
    }
    let in_force = gateway.contracts.now();
    let Some(contract) = in_force.get(id) else {
        let theirs = in_force.all().filter(|contract| contract.vendor() == vendor);
        let hint = nearest(id.as_str(), theirs.map(|contract| contract.id().as_str()));
        return Err(wrong("operator.no_contract", format!("there is no contract `{id}`")).hint(hint));
    };
    if contract.vendor() != vendor {
        let said = format!("the contract `{id}` is with `{}`, not with `{vendor}`", contract.vendor());
        return Err(wrong("operator.no_contract", said));
    }
    let purposes = &contract.agreement().purposes;
    let said = match purpose {
        Some(purpose) if purposes.is_empty() || purposes.contains(purpose) => return Ok(()),
        None if purposes.is_empty() => return Ok(()),
        Some(purpose) => format!("the contract `{id}` is not about the purpose `{purpose}`"),
        None => format!("the contract `{id}` lets data be used for its purposes only, and this key would have none"),
    };
    let hint = nearest(purpose.as_deref().unwrap_or_default(), purposes.iter().map(AsRef::as_ref));
    Err(wrong("operator.no_purpose", said).hint(hint))
}

pub(super) async fn rotate(gateway: &Gateway, id: &str, overlap: Duration, by: &str) -> Result<Value, Fault> {
    let _one_after_the_other = TURN.lock().await;
    let old = good(gateway, id)?;
    if old.presented != Presented::Text {
        let said = format!("`{id}` is a {}, which is not made here", old.presented.as_str());
        let hint = "register the new one, and revoke the old one when the vendor uses it no more";
        return Err(Fault::new(Blame::Operator, "operator.not_issued", said).hint(hint));
    }
    let now = gateway.engine.clock().now();
    let life = old.ends_at.and_then(|end| u64::try_from(end.since(old.issued_at)).ok()).map(Duration::from_micros);
    let request =
        KeyRequest { vendor: old.vendor.clone(), contract: old.contract.clone(), purpose: old.purpose.clone(), life };
    let (key, text) = gateway.vendor_keys.make(request, by, now)?;
    let end = UnixMicros(now.0.saturating_add(i64::try_from(overlap.as_micros()).unwrap_or(i64::MAX)));
    let ends_at = Some(old.ends_at.map_or(end, |before| before.min(end)));
    let old = VendorKey { ends_at, ..old };
    let detail = json!({ "instead_of": old.id, "which_ends": ends_at.map(rfc3339) });
    let record = put(gateway, "vendors.key_rotated", vec![key.clone(), old.clone()], detail, by).await?;
    Ok(json!({ "issued": shown(&key, now), "old": shown(&old, now), "key": text.expose(), "record": record }))
}

pub(super) async fn revoke(gateway: &Gateway, id: &str, by: &str) -> Result<Value, Fault> {
    let _one_after_the_other = TURN.lock().await;
    let now = gateway.engine.clock().now();
    let key = VendorKey { revoked_at: Some(now), ..good(gateway, id)? };
    let record = put(gateway, "vendors.key_revoked", vec![key.clone()], Value::Null, by).await?;
    Ok(json!({ "revoked": shown(&key, now), "record": record }))
}

/// Records it, and then puts it in force. The first key is the one that it is about.
async fn put(gateway: &Gateway, what: &str, keys: Vec<VendorKey>, more: Value, by: &str) -> Result<String, Fault> {
    let first = keys.first();
    let is_new = first.is_some_and(|key| gateway.vendor_keys.of_id(&key.id).is_none());
    let forgotten = gateway.vendor_keys.makes_room(gateway.engine.clock().now()).filter(|_| is_new);
    let write = |key: &str, value| StateWrite { kind: VENDOR_KEY_STATE.to_owned(), key: key.to_owned(), value };
    let state = keys.iter().map(|key| Ok(write(&key.id, Some(key.row()?))));
    let state = state.chain(forgotten.iter().map(|id| Ok(write(id, None))));
    let change = Change {
        by: by.to_owned(),
        what: what.to_owned(),
        subject: first.map(|key| key.vendor.to_string()).unwrap_or_default(),
        human: None,
        detail: json!({
            "key": first.map(|key| &key.id),
            "kind": first.map(|key| key.presented.as_str()),
            "contract": first.map(|key| &key.contract),
            "purpose": first.and_then(|key| key.purpose.as_deref()),
            "more": more,
            "forgotten": forgotten,
        }),
        state: state.collect::<Result<_, Fault>>()?,
    };
    let durable = gateway.engine.change(change).await?;
    if let Some(id) = forgotten {
        gateway.vendor_keys.forget(&id);
    }
    for key in keys {
        gateway.vendor_keys.put(key);
    }
    Ok(durable.call().to_string())
}

fn good(gateway: &Gateway, id: &str) -> Result<VendorKey, Fault> {
    let now = gateway.engine.clock().now();
    let key = gateway.vendor_keys.of_id(id).filter(|key| key.is_good(now));
    key.map(|key| VendorKey::clone(&key)).ok_or_else(|| {
        Fault::new(Blame::Operator, "operator.no_key", format!("there is no key `{id}` that is good"))
            .hint("`countersign vendors keys` lists them")
    })
}

fn shown(key: &VendorKey, now: UnixMicros) -> Value {
    json!({
        "id": key.id,
        "kind": key.presented.as_str(),
        "digest": (key.presented != Presented::Text).then_some(key.digest),
        "vendor": key.vendor,
        "contract": key.contract,
        "purpose": key.purpose,
        "issued_at": rfc3339(key.issued_at),
        "issued_by": key.issued_by,
        "ends_at": key.ends_at.map(rfc3339),
        "revoked_at": key.revoked_at.map(rfc3339),
        "good": key.is_good(now),
    })
}

/// What becomes of a key is found out and put in force by one at a time: nobody gives back what another has taken away meanwhile.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
