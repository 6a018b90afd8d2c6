//! A contract ready to answer: for each stretch of time, what each clause says of a call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{
    AppId, Budget, BudgetOf, BudgetPer, Clause, ClauseNumber, Layer, Operation, RuleId, RuleInfo, RuleOutcome,
    RuleSource, Scalar, UnixMicros,
};

use crate::agreement::{Agreement, Excludes, Head, Kind, Limits, NeedsHuman, Permits, Provision, Rate};
use crate::path::FieldPath;
use crate::words;

/// A contract between two of its turns.
#[derive(Debug)]
pub(crate) struct Phase {
    /// The first moment.
    pub(crate) from: UnixMicros,
    pub(crate) permits: Vec<Permitted>,
    pub(crate) hidden_entities: BTreeMap<Arc<str>, Ruled>,
    pub(crate) hidden_operations: BTreeMap<Operation, Ruled>,
    pub(crate) hidden_fields: Vec<HiddenField>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) requests: Vec<Requests>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) at_once: Option<(u64, Ruled)>,
    pub(crate) holds: Vec<Held>,
    pub(crate) heads: BTreeMap<Head, Ruled>,
}

/// A clause as a rule.
#[derive(Debug, Clone)]
pub(crate) struct Ruled {
    /// What it does.
    pub(crate) rule: Arc<RuleInfo>,
    /// The same clause among those under which a call runs.
    pub(crate) passed: Arc<RuleInfo>,
}

#[derive(Debug)]
pub(crate) struct Permitted {
    pub(crate) said: Ruled,
    pub(crate) clause: Permits,
}

#[derive(Debug)]
pub(crate) struct HiddenField {
    /// None: of every entity.
    pub(crate) entity: Option<Arc<str>>,
    pub(crate) path: FieldPath,
    pub(crate) said: Ruled,
}

#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) entity: Arc<str>,
    pub(crate) path: FieldPath,
    pub(crate) one_of: BTreeSet<Scalar>,
    pub(crate) said: Ruled,
}

#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) budget: Arc<Budget>,
    pub(crate) rate: Rate,
    pub(crate) said: Ruled,
}

/// How much data a clause lets out in any stretch of time.
#[derive(Debug, Clone)]
pub struct Volume {
    /// The clause.
    pub clause: ClauseNumber,
    /// What is counted.
    pub of: VolumeOf,
    /// How much of it.
    pub most: u64,
    /// In any stretch this long.
    pub within: Duration,
    pub(crate) budget: Arc<Budget>,
    pub(crate) said: Ruled,
}

/// What is counted of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VolumeOf {
    /// Records that are let out.
    Records,
    /// Bytes that are let out.
    Bytes,
}

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) entities: BTreeSet<Arc<str>>,
    pub(crate) operations: BTreeSet<Operation>,
    pub(crate) said: Ruled,
}

/// The phases of a contract, the earliest first.
pub(crate) fn phases(agreement: &Agreement) -> Vec<Phase> {
    agreement.turns().into_iter().map(|from| phase(agreement, from)).collect()
}

fn phase(agreement: &Agreement, from: UnixMicros) -> Phase {
    let mut phase = Phase {
        from,
        permits: Vec::new(),
        hidden_entities: BTreeMap::new(),
        hidden_operations: BTreeMap::new(),
        hidden_fields: Vec::new(),
        conditions: Vec::new(),
        requests: Vec::new(),
        volumes: Vec::new(),
        at_once: None,
        holds: Vec::new(),
        heads: BTreeMap::new(),
    };
    for clause in agreement.in_effect(from) {
        match &clause.kind {
            Kind::Permits(permits) => {
                let said =
                    Ruled::new(agreement, clause, RuleOutcome::Permit, words::permits(agreement, clause, permits));
                phase.permits.push(Permitted { said, clause: permits.clone() });
            }
            Kind::Excludes(excludes) => phase.exclude(agreement, clause, excludes),
            Kind::Limits(limits) => phase.limit(agreement, clause, limits),
            Kind::NeedsHuman(needs) => phase.hold(agreement, clause, needs),
            Kind::PostHoc(_) => {}
        }
    }
    phase
}

impl Phase {
    fn exclude(&mut self, agreement: &Agreement, clause: &Provision, excludes: &Excludes) {
        let ruled = |sentence| Ruled::new(agreement, clause, RuleOutcome::Deny, sentence);
        for entity in &excludes.entities {
            let said = ruled(format!("clause {} keeps `{entity}` back", clause.clause));
            self.hidden_entities.insert(Arc::clone(entity), said);
        }
        for operation in &excludes.operations {
            let said = ruled(format!("clause {} lets nobody {operation} anything", clause.clause));
            self.hidden_operations.insert(*operation, said);
        }
        for (entity, paths) in &excludes.fields {
            for path in paths {
                let said = ruled(format!("clause {} keeps `{path}` back", clause.clause)).hiding(path);
                let entity = (entity.as_ref() != "all").then(|| Arc::clone(entity));
                self.hidden_fields.push(HiddenField { entity, path: path.clone(), said });
            }
        }
    }

    fn limit(&mut self, agreement: &Agreement, clause: &Provision, limits: &Limits) {
        let ruled = |sentence| Ruled::new(agreement, clause, RuleOutcome::Deny, sentence);
        for head in &limits.head {
            self.heads.insert(*head, ruled(words::head(agreement, clause, *head)));
        }
        for (entity, fields) in &limits.conditions {
            for (path, one_of) in fields {
                let said = ruled(words::condition(clause, entity, path, one_of));
                let (entity, path) = (Arc::clone(entity), path.clone());
                self.conditions.push(Condition { entity, path, one_of: one_of.clone(), said });
            }
        }
        if let Some(rate) = limits.requests {
            let said = ruled(words::rate(clause, "requests", rate));
            let most = u32::try_from(rate.most).unwrap_or(u32::MAX);
            let within = Duration::from_secs(rate.seconds);
            let rule = said.rule.id.clone();
            let budget = Arc::new(Budget { rule, of: BudgetOf::Calls { most, within }, per: BudgetPer::Contract });
            self.requests.push(Requests { budget, rate, said });
        }
        let volumes = [(VolumeOf::Records, "records", limits.records), (VolumeOf::Bytes, "bytes", limits.bytes)];
        for (of, what, rate) in volumes {
            let Some(rate) = rate else { continue };
            let (most, within) = (rate.most, Duration::from_secs(rate.seconds));
            let said = ruled(words::rate(clause, what, rate));
            let counted = match of {
                VolumeOf::Records => BudgetOf::Records { most: u32::try_from(most).unwrap_or(u32::MAX), within },
                VolumeOf::Bytes => BudgetOf::Bytes { most, within },
            };
            let rule = said.rule.id.clone();
            let budget = Arc::new(Budget { rule, of: counted, per: BudgetPer::Contract });
            self.volumes.push(Volume { clause: clause.clause.clone(), of, most, within, budget, said });
        }
        if let Some(most) = limits.records_at_once {
            let sentence = format!("clause {} lets one request bring back {most} records at most", clause.clause);
            self.at_once = Some((most, ruled(sentence)));
        }
    }

    fn hold(&mut self, agreement: &Agreement, clause: &Provision, needs: &NeedsHuman) {
        let Some(before) = &needs.before else { return };
        let words = clause.in_words().split_whitespace().collect::<Vec<_>>().join(" ");
        let sentence = format!("clause {} wants a person's yes first: {}", clause.clause, words.trim_end_matches('.'));
        let ruled = Ruled::new(agreement, clause, RuleOutcome::Hold, sentence);
        let approvers = before.approvers.clone();
        let rule = Arc::new(RuleInfo { approvers, approvals: before.approvals, ..RuleInfo::clone(&ruled.rule) });
        let (entities, operations) = (before.entities.clone(), before.operations.clone());
        self.holds.push(Held { entities, operations, said: Ruled { rule, ..ruled } });
    }

    /// Every rule of it.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &RuleInfo> {
        let permits = self.permits.iter().map(|permitted| &permitted.said);
        let excludes = self.hidden_entities.values().chain(self.hidden_operations.values());
        let fields = self.hidden_fields.iter().map(|hidden| &hidden.said);
        let conditions = self.conditions.iter().map(|condition| &condition.said);
        let rates = self.requests.iter().map(|requests| &requests.said);
        let volumes = self.volumes.iter().map(|volume| &volume.said);
        let limits = conditions.chain(rates).chain(volumes).chain(self.at_once.iter().map(|(_, said)| said));
        let others = self.heads.values().chain(self.holds.iter().map(|held| &held.said));
        permits.chain(excludes).chain(fields).chain(limits).chain(others).map(|said| said.rule.as_ref())
    }

    /// The clause that permits this, if one does.
    pub(crate) fn permitting(&self, app: &AppId, entity: &str, operation: Operation) -> Option<&Permitted> {
        self.permits.iter().find(|permitted| {
            permitted.clause.operations.contains(&operation)
                && permitted.clause.entities.contains(entity)
                && (permitted.clause.apps.is_empty() || permitted.clause.apps.contains(app))
        })
    }

    /// The fields of an entity that are kept back.
    pub(crate) fn hidden_of<'p>(&'p self, entity: &'p str) -> impl Iterator<Item = &'p HiddenField> {
        self.hidden_fields.iter().filter(move |hidden| hidden.entity.as_deref().is_none_or(|of| of == entity))
    }

    /// The conditions on an entity.
    pub(crate) fn conditions_on<'p>(&'p self, entity: &'p str) -> impl Iterator<Item = &'p Condition> {
        self.conditions.iter().filter(move |condition| condition.entity.as_ref() == entity)
    }
}

// === impl Ruled ===

impl Ruled {
    fn new(agreement: &Agreement, provision: &Provision, outcome: RuleOutcome, sentence: String) -> Self {
        let clause = Clause { contract: agreement.contract.clone(), number: provision.clause.clone() };
        // Longest contract and number leave room.
        let id = clause.rule().unwrap_or_else(|_| RuleId::builtin("contract:clause"));
        let (line, column) = provision.place;
        let text = provision.text.as_deref().or(provision.says.as_deref()).unwrap_or_default();
        let source = RuleSource { file: Arc::clone(&agreement.file), line, column, text: Arc::from(text) };
        let info = RuleInfo::new(id, outcome, Layer::Organisation, source, sentence);
        let rule = Arc::new(RuleInfo { clause: Some(clause), ..info });
        let passed = Arc::new(RuleInfo { outcome: RuleOutcome::Redact, ..RuleInfo::clone(&rule) });
        Self { rule, passed }
    }

    /// The same, and of the answer this is hidden.
    fn hiding(self, path: &FieldPath) -> Self {
        let redact = Some(Arc::from(format!("$..{}", path.as_str().replace("[]", "[*]"))));
        let passed = Arc::new(RuleInfo { redact, ..RuleInfo::clone(&self.passed) });
        Self { passed, ..self }
    }

    /// The clause refuses, for this reason.
    pub(crate) fn refusing(&self, sentence: String) -> Arc<RuleInfo> {
        Arc::new(RuleInfo { outcome: RuleOutcome::Deny, sentence, ..RuleInfo::clone(&self.rule) })
    }
}
