//! Rules with contracts before them: what a vendor asks is judged by its contract first, and by the organisation's rules all the
//! same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{
    AgentId, AppId, ArgumentReads, Budget, ContractFacts, ContractId, Digest, Evaluation, Facts, Hit, HumanId, Layer,
    Release, Rules, Standing, UnixMicros,
};

use crate::compiled::Phase;
use crate::in_force::InForce;
use crate::judge::judge;
use crate::normal::sha256;
use crate::release::{Releases, Shapes};

/// Rules, and the contracts that govern vendors.
pub struct Governed<R> {
    rules: R,
    contracts: Arc<InForce>,
    releases: Releases,
    digest: Digest,
}

impl<R: Rules> Governed<R> {
    /// These rules under these contracts.
    pub fn new(rules: R, contracts: Arc<InForce>) -> Self {
        let digest = match contracts.digest() {
            Some(signed) => sha256(format!("{}\n{signed}\n", rules.digest()).as_bytes()),
            None => rules.digest(),
        };
        Self { rules, contracts, releases: Releases::default(), digest }
    }

    /// Knows where things stand in answers, so that something of them can be let out.
    pub fn shaped(mut self, shapes: &Shapes) -> Self {
        self.releases = Releases::new(&self.contracts, shapes);
        self
    }

    /// The contracts.
    pub fn contracts(&self) -> &Arc<InForce> {
        &self.contracts
    }

    /// The rules without contracts.
    pub fn rules(&self) -> &R {
        &self.rules
    }
}

impl<R: Rules> Rules for Governed<R> {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        let mut evaluation = self.rules.evaluate(layer, facts);
        if layer == Layer::Organisation
            && let Some(contract) = &facts.contract
        {
            let own = judge(&self.contracts, facts, contract).into_iter().map(Hit::from);
            evaluation.hits.splice(0..0, own);
        }
        evaluation
    }

    fn reads(&self, app: &AppId) -> Option<Arc<ArgumentReads>> {
        self.rules.reads(app)
    }

    fn described_by(&self, app: &AppId) -> Option<Digest> {
        self.rules.described_by(app)
    }

    fn recommends_only(&self, agent: &AgentId) -> bool {
        self.rules.recommends_only(agent)
    }

    fn each_budget(&self, facts: &Facts, show: &mut dyn FnMut(&Budget)) {
        self.rules.each_budget(facts, show);
        facts.contract.iter().flat_map(|contract| self.requests(contract, facts.now)).for_each(show);
    }

    fn look_back(&self) -> Option<Duration> {
        let phases = self.contracts.all().flat_map(|contract| contract.phases());
        let longest = phases.flat_map(|phase| {
            let requests = phase.requests.iter().map(|one| Duration::from_secs(one.rate.seconds));
            requests.chain(phase.volumes.iter().map(|one| one.within)).max()
        });
        let longest = longest.max();
        self.rules.look_back().max(longest)
    }

    fn release(&self, facts: &Facts) -> Option<Arc<dyn Release>> {
        self.releases.of(&self.contracts, facts)
    }

    fn conditions(&self, contract: &ContractId, entity: &str, at: Option<UnixMicros>) -> Vec<Arc<str>> {
        let Some(contract) = self.contracts.get(contract) else { return Vec::new() };
        let phases: Vec<&Phase> = match at {
            Some(at) => contract.phase(at).into_iter().collect(),
            None => contract.phases().iter().collect(),
        };
        let conditions = phases.into_iter().flat_map(|phase| phase.conditions_on(entity));
        let fields: BTreeSet<&str> = conditions.map(|condition| condition.path.as_str()).collect();
        fields.into_iter().map(Arc::from).collect()
    }

    fn of_the_vendor(&self, contract: &ContractId) -> Vec<HumanId> {
        let contract = self.contracts.get(contract);
        contract.into_iter().flat_map(|contract| contract.agreement().parties.theirs.humans()).collect()
    }

    fn standing(&self, contract: &ContractId, now: UnixMicros) -> (Standing, Option<Digest>) {
        self.contracts.standing(contract, now)
    }
}

impl<R> Governed<R> {
    fn requests(&self, contract: &ContractFacts, now: UnixMicros) -> impl Iterator<Item = &Budget> {
        let phase = self.contracts.get(&contract.contract).and_then(|compiled| compiled.phase(now));
        let requests = phase.into_iter().flat_map(|phase| &phase.requests).map(|one| one.budget.as_ref());
        let volumes = phase.into_iter().flat_map(|phase| &phase.volumes).map(|one| one.budget.as_ref());
        requests.chain(volumes)
    }
}

#[cfg(test)]
mod tests;
