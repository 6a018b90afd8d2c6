//! Contracts as they are compiled, and those that are in force with who signed them.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Budget, ClauseNumber, ContractId, Digest, DirectorySnapshot, HumanId, RuleId, Standing, UnixMicros, VendorId,
};

use crate::agreement::Agreement;
use crate::check::{DocumentFile, check};
use crate::compiled::{Phase, Volume, phases};
use crate::error::ContractError;
use crate::normal::{Forms, forms, sha256};
use crate::reader::Reader;
use crate::reading::{ContractFile, read, sorted};
use crate::register::{Row, rows};
use crate::signature::{Signatures, of_the_vendor};

/// A contract, read, checked and ready to answer.
#[derive(Debug)]
pub struct Compiled {
    agreement: Agreement,
    phases: Vec<Phase>,
    forms: Forms,
    /// Of what no clause answers for.
    pub(crate) rule: RuleId,
}

/// What came of reading a contract file that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The contract.
    pub contract: Arc<Compiled>,
    /// What is worth knowing of it.
    pub notes: Vec<ContractError>,
}

/// Contracts, and who signed what of them. Immutable: a signature makes another one.
#[derive(Debug, Default)]
pub struct InForce {
    contracts: BTreeMap<ContractId, Arc<Compiled>>,
    signatures: BTreeMap<ContractId, Arc<Signatures>>,
    digest: Option<Digest>,
}

// === impl Compiled ===

impl Compiled {
    /// Reads, checks and compiles a contract file. Error: everything that is wrong with it.
    pub fn load(file: &ContractFile) -> Result<Loaded, Vec<ContractError>> {
        let name: Arc<str> = Arc::from(file.name.as_str());
        let mut reader = Reader::new(&name);
        let agreement = read(file, &mut reader).filter(|_| reader.errors.is_empty());
        if let Some(agreement) = &agreement {
            check(agreement, &mut reader);
        }
        let broken = |reader: Reader| Err(sorted(reader.errors));
        let Some(agreement) = agreement.filter(|_| reader.errors.is_empty()) else { return broken(reader) };
        let phases = phases(&agreement);
        let forms = match forms(&agreement, &phases) {
            Ok(forms) => forms,
            Err(error) => {
                reader.complain_at((1, 1), format!("this contract cannot be written down: {error}"), None);
                return broken(reader);
            }
        };
        let rule = RuleId::parse(&format!("{}{}", model::contract::RULE_PREFIX, agreement.contract));
        let rule = rule.unwrap_or_else(|_| RuleId::builtin("contract:contract"));
        Ok(Loaded { contract: Arc::new(Self { agreement, phases, forms, rule }), notes: reader.notes })
    }

    /// What it says.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// What people sign of it.
    pub fn forms(&self) -> &Forms {
        &self.forms
    }

    /// Its id.
    pub fn id(&self) -> &ContractId {
        &self.agreement.contract
    }

    /// The third party.
    pub fn vendor(&self) -> &VendorId {
        &self.agreement.vendor
    }

    /// Whether a person stands on the vendor's side, as the document names people.
    pub fn is_of_the_vendor(&self, human: &HumanId, directory: &DirectorySnapshot) -> bool {
        of_the_vendor(&self.agreement, human, directory)
    }

    /// Every clause of its documents and how it is honoured.
    pub fn register(&self) -> Vec<Row> {
        rows(&self.agreement)
    }

    /// What a clause makes the gateway do, in sentences; nothing where it does nothing at a request.
    pub fn sentences(&self, clause: &ClauseNumber) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for rule in self.phases.iter().flat_map(Phase::rules) {
            let of_it = rule.clause.as_ref().is_some_and(|of| of.number == *clause);
            if of_it && !all.contains(&rule.sentence) {
                all.push(rule.sentence.clone());
            }
        }
        all
    }

    /// Looks whether the documents that it names are there as it names them, and say at each place what it quotes. `read` gives
    /// a file beside the contract's own.
    pub fn check_documents(&self, read: &dyn Fn(&str) -> Result<DocumentFile, String>) -> Vec<ContractError> {
        crate::check::documents(&self.agreement, read)
    }

    /// What holds at a moment. None: the term has not begun, or is over.
    pub(crate) fn phase(&self, at: UnixMicros) -> Option<&Phase> {
        let term = &self.agreement.term;
        self.phases.iter().rev().find(|phase| phase.from <= at).filter(|_| at < term.ends)
    }

    /// What holds at a moment, or would at the nearest moment of the term.
    pub(crate) fn nearest_phase(&self, at: UnixMicros) -> Option<&Phase> {
        self.phase(at).or_else(|| {
            let begun = at >= self.agreement.term.begins;
            if begun { self.phases.last() } else { self.phases.first() }
        })
    }

    /// All phases, the earliest first.
    pub(crate) fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// What is counted of it at a moment, by clause.
    pub fn budgets(&self, at: UnixMicros) -> Vec<(ClauseNumber, Arc<Budget>)> {
        let Some(phase) = self.phase(at) else { return Vec::new() };
        let requests = phase.requests.iter().filter_map(|one| {
            let clause = one.said.rule.clause.as_ref()?;
            Some((clause.number.clone(), Arc::clone(&one.budget)))
        });
        let volumes = phase.volumes.iter().map(|one| (one.clause.clone(), Arc::clone(&one.budget)));
        requests.chain(volumes).collect()
    }

    /// How much data it lets out at a moment.
    pub fn volumes(&self, at: UnixMicros) -> &[Volume] {
        self.phase(at).map_or(&[], |phase| &phase.volumes)
    }
}

// === impl InForce ===

impl InForce {
    /// Contracts with what people signed. Error: two contracts have one id.
    pub fn new(
        contracts: Vec<Arc<Compiled>>,
        signatures: impl IntoIterator<Item = Signatures>,
    ) -> Result<Self, Vec<ContractError>> {
        let mut by_id: BTreeMap<ContractId, Arc<Compiled>> = BTreeMap::new();
        let mut errors = Vec::new();
        for contract in contracts {
            if let Some(other) = by_id.get(contract.id()) {
                let said = format!("the contract `{}` is written in {} as well", contract.id(), other.agreement.file);
                let hint = Some(ONE_FILE.to_owned());
                errors.push(ContractError::new(&contract.agreement.file, (1, 1), said, hint));
                continue;
            }
            by_id.insert(contract.id().clone(), contract);
        }
        if !errors.is_empty() {
            return Err(sorted(errors));
        }
        let signatures = signatures.into_iter().map(|one| (one.contract.clone(), Arc::new(one))).collect();
        Ok(Self { digest: None, contracts: by_id, signatures }.digested())
    }

    /// The same contracts, with this said of one of them.
    pub fn with(&self, signatures: Signatures) -> Self {
        let mut all = self.signatures.clone();
        all.insert(signatures.contract.clone(), Arc::new(signatures));
        Self { contracts: self.contracts.clone(), signatures: all, digest: None }.digested()
    }

    /// Other contracts, with what was signed so far.
    pub fn replaced(&self, contracts: Vec<Arc<Compiled>>) -> Result<Self, Vec<ContractError>> {
        Self::new(contracts, self.signatures.values().map(|one| Signatures::clone(one)))
    }

    fn digested(mut self) -> Self {
        let mut text = String::new();
        for (id, contract) in &self.contracts {
            let signed = self.signatures.get(id).map(|signatures| signatures.in_short());
            text.push_str(&format!("{id} {} {}\n", contract.forms.digest, signed.unwrap_or_default()));
        }
        self.digest = (!self.contracts.is_empty()).then(|| sha256(text.as_bytes()));
        self
    }

    /// A contract.
    pub fn get(&self, contract: &ContractId) -> Option<&Arc<Compiled>> {
        self.contracts.get(contract)
    }

    /// All of them, in the order of their ids.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Compiled>> {
        self.contracts.values()
    }

    /// Who signed what of a contract.
    pub fn signatures(&self, contract: &ContractId) -> Option<&Signatures> {
        self.signatures.get(contract).map(AsRef::as_ref)
    }

    /// Digest of everything that is in force here; none where there are no contracts.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Whether a contract is in force at a moment, and what was signed of it.
    pub fn standing(&self, contract: &ContractId, now: UnixMicros) -> (Standing, Option<Digest>) {
        let Some(compiled) = self.contracts.get(contract) else { return (Standing::Unknown, None) };
        let Some(signatures) = self.signatures.get(contract) else { return (Standing::Unsigned, None) };
        let digest = (!signatures.signatures.is_empty()).then_some(signatures.digest);
        let term = &compiled.agreement.term;
        let standing = match signatures.standing(&compiled.forms) {
            Standing::Active if now < term.begins => Standing::NotYet,
            Standing::Active if now >= term.ends => Standing::Expired,
            other => other,
        };
        (standing, digest)
    }
}

const ONE_FILE: &str = "one contract is one file: keep drafts and versions that are not to be in force outside of what `contracts:` names; \
     what changed a contract later is an amendment in it";

#[cfg(test)]
mod tests;
