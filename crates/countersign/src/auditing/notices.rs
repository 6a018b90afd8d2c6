//! That a term comes to its end, some days before it does.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::Compiled;
use engine::{Change, StateWrite};
use model::{Blame, Fault, Standing, UnixMicros};
use serde::{Deserialize, Serialize};
use serde_json::json;
use trace::LogReader as _;

use super::{DAY_US, on_a_thread};
use crate::gateway::Gateway;

/// What was told last of a contract's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// The end that it was about: an amendment moves it, and then all is told anew.
    ends_us: i64,
    /// How many days before.
    days: u32,
}

/// Tells of each contract in force whose end has come as near as that, once for each of the days.
pub(super) async fn give(gateway: &Arc<Gateway>) -> Result<(), Fault> {
    let in_force = gateway.contracts.now();
    if in_force.all().next().is_none() {
        return Ok(());
    }
    let trace = gateway.trace().clone();
    let rows = on_a_thread(move || trace.reader().map_err(Fault::from)?.state(NOTICE_STATE).map_err(Fault::from));
    let told: BTreeMap<String, Told> =
        rows.await?.into_iter().filter_map(|(key, value)| Some((key, serde_json::from_str(&value).ok()?))).collect();
    let now = gateway.engine.clock().now();
    let days = gateway.config.load().contract_notices.clone();
    for contract in in_force.all() {
        if in_force.standing(contract.id(), now).0 != Standing::Active {
            continue;
        }
        let ends = contract.agreement().term.ends;
        let before = told.get(contract.id().as_str()).filter(|told| told.ends_us == ends.0).map(|told| told.days);
        if let Some(days) = due(&days, days_left(contract, now), before) {
            tell(gateway, contract, days, now).await?;
        }
    }
    Ok(())
}

/// The notice to give now: the last of those whose time has come, unless that was given already.
pub(super) fn due(days: &[u32], left: i64, told: Option<u32>) -> Option<u32> {
    let come = days.iter().copied().filter(|days| left <= i64::from(*days)).min()?;
    told.is_none_or(|told| come < told).then_some(come)
}

/// Days until the end of a contract's term, a part of one counted as one.
pub fn days_left(contract: &Compiled, now: UnixMicros) -> i64 {
    let left = contract.agreement().term.ends.0.saturating_sub(now.0);
    left.div_euclid(DAY_US) + i64::from(left.rem_euclid(DAY_US) > 0)
}

async fn tell(gateway: &Gateway, contract: &Compiled, days: u32, now: UnixMicros) -> Result<(), Fault> {
    let agreement = contract.agreement();
    let told = Told { ends_us: agreement.term.ends.0, days };
    let value = serde_json::to_string(&told)
        .map_err(|error| Fault::new(Blame::Bug, "bug.notice", "what was told cannot be written").because(error))?;
    let id = contract.id();
    let change = Change {
        by: "gateway".to_owned(),
        what: "contract.notice".to_owned(),
        subject: format!("contract:{id}"),
        human: None,
        detail: json!({
            "contract": id,
            "name": agreement.document.name,
            "party": agreement.parties.theirs.name,
            "responsible": agreement.parties.responsible,
            "until": agreement.term.until,
            "zone": agreement.term.zone,
            "days_left": days_left(contract, now),
        }),
        state: vec![StateWrite { kind: NOTICE_STATE.to_owned(), key: id.to_string(), value: Some(value) }],
    };
    gateway.engine.change(change).await.map(drop)
}

/// Days before its end at which a contract's end is told, where the configuration does not say.
pub const DEFAULT_DAYS: [u32; 4] = [60, 30, 7, 1];
/// The kind of state in which stands what was told of a contract's end, by its id.
const NOTICE_STATE: &str = "contract_notice";
