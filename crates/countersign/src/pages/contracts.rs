//! Contracts, as pages show them.

use std::sync::Arc;

use console::{AuditView, ClauseView, ContractView, Contracts, LimitView};
use contract::agreement::{Kind, PostHoc, Provision};
use contract::{Compiled, Coverage, Honoured, InForce, Row, SIGNATURES_NEEDED, explain};
use model::{BudgetOf, Directory as _, Fault, SignedInBy, UnixMicros};
use trace::LogReader;

use crate::auditing::{AUDIT_STATE, Check, Looked, days_left, key, looked};
use crate::evidence::rules_of;
use crate::gateway::Gateway;

/// The contracts of this gateway.
pub(super) struct Shelf {
    pub(super) gateway: Arc<Gateway>,
}

impl Contracts for Shelf {
    fn any(&self) -> bool {
        self.gateway.contracts.now().all().next().is_some()
    }

    fn all(&self, log: &dyn LogReader) -> Result<Vec<ContractView>, Fault> {
        let in_force = self.gateway.contracts.now();
        let looked = looked(log.state(AUDIT_STATE).map_err(Fault::from)?);
        let last =
            |contract: &Compiled, provision: &Provision| looked.get(&key(contract.id(), &provision.clause)).cloned();
        Ok(in_force.all().map(|contract| self.view(&in_force, contract, last)).collect())
    }
}

impl Shelf {
    fn view(
        &self,
        in_force: &InForce,
        contract: &Compiled,
        last: impl Fn(&Compiled, &Provision) -> Option<Looked>,
    ) -> ContractView {
        let (agreement, now) = (contract.agreement(), self.gateway.engine.clock().now());
        let (standing, _) = in_force.standing(contract.id(), now);
        let register = contract.register();
        let signed = in_force.signatures(contract.id()).filter(|signed| signed.digest == contract.forms().digest);
        let signed = signed.map(|signed| signed.signatures.as_slice()).unwrap_or_default();
        let directory = self.gateway.directory.snapshot();
        let name =
            |id: &model::HumanId| directory.humans.get(id).map_or_else(|| id.to_string(), |human| human.name.clone());
        let left = days_left(contract, now);
        let notices = &self.gateway.config.load().contract_notices;
        ContractView {
            id: contract.id().to_string(),
            name: agreement.document.name.clone(),
            party: agreement.parties.theirs.name.clone(),
            responsible: agreement.parties.responsible.clone(),
            apps: agreement.apps.iter().cloned().collect(),
            standing,
            from: agreement.term.from.to_string(),
            until: agreement.term.until.to_string(),
            days_left: left,
            ends_soon: notices.iter().any(|days| left <= i64::from(*days)),
            digest: contract.forms().digest,
            signed: signed.iter().map(|one| (name(&one.by), with(one.how), UnixMicros(one.at_us))).collect(),
            missing: SIGNATURES_NEEDED.saturating_sub(signed.len()),
            coverage: Coverage::of(&register).to_string(),
            sentences: explain(contract, standing, now),
            clauses: register.iter().map(clause).collect(),
            limits: self.limits(contract, now),
            audits: audits(contract, last),
            rules: rules_of(contract),
        }
    }

    fn limits(&self, contract: &Compiled, now: UnixMicros) -> Vec<LimitView> {
        let view = |(clause, budget): (model::ClauseNumber, Arc<model::Budget>)| {
            let (of, most, within) = match budget.of {
                BudgetOf::Calls { most, within } => ("requests", u64::from(most), within),
                BudgetOf::Records { most, within } => ("records", u64::from(most), within),
                BudgetOf::Bytes { most, within } => ("bytes", most, within),
                BudgetOf::Retries { .. } | BudgetOf::Concurrency { .. } => return None,
            };
            let stretch = contract::agreement::Rate { most, seconds: within.as_secs() }.stretch();
            let used = self.gateway.engine.used_of_contract(&budget);
            Some(LimitView { clause: clause.to_string(), of: format!("{of} in {stretch}"), most, used })
        };
        contract.budgets(now).into_iter().filter_map(view).collect()
    }
}

fn clause(row: &Row) -> ClauseView {
    ClauseView {
        number: row.clause.to_string(),
        kind: row.kind,
        honoured: match (row.honoured, &row.who) {
            (Honoured::NeedsHuman, Some(who)) => format!("a person: {who}"),
            (honoured, _) => honoured.to_string(),
        },
        says: row.says.split_whitespace().collect::<Vec<_>>().join(" "),
        superseded_by: row.superseded_by.as_ref().map(ToString::to_string),
    }
}

fn audits(contract: &Compiled, last: impl Fn(&Compiled, &Provision) -> Option<Looked>) -> Vec<AuditView> {
    let view = |(provision, _): (&Provision, _)| {
        let Kind::PostHoc(asks) = &provision.kind else { return None };
        let last = last(contract, provision);
        Some(AuditView {
            clause: provision.clause.to_string(),
            asks: asked(contract, provision, asks),
            until: last.as_ref().map(|last| UnixMicros(last.until_us)),
            held: last.as_ref().and_then(|last| last.held),
            against: last.map_or(0, |last| last.against),
        })
    };
    contract.agreement().provisions().filter_map(view).collect()
}

fn asked(contract: &Compiled, provision: &Provision, asks: &PostHoc) -> String {
    let check = Check::of(contract, provision).ok().flatten();
    check.map_or_else(|| asks.look_at.clone().unwrap_or_default(), |check| check.in_words())
}

fn with(how: SignedInBy) -> &'static str {
    match how {
        SignedInBy::Password => "a password",
        SignedInBy::Passkey => "a passkey",
        SignedInBy::Oidc => "the identity provider",
    }
}
