//! All rules, compiled, checked and content-hashed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use cedar_policy::Authorizer;
use model::{
    AgentId, AppId, ArgumentReads, Budget, Digest, Evaluation, Facts, Hit, Layer, RuleId, RuleInfo, RuleOutcome,
    RuleSource, Rules, ToolName,
};

use crate::asked::{Asked, Asking, joins};
use crate::compile::{Compiler, Made, Named, Rule, Wants, baseline};
use crate::error::PolicyError;
use crate::export;
use crate::index::Index;
use crate::known::Known;
use crate::rego::{self, Rego};
use crate::request::{Names, Passed};
use crate::source::{Language, RuleFile};
use crate::tools;
use crate::vocabulary::schema;
use crate::yaml::{self, Example, Reading, Tests, Written};
use spelling::did_you_mean;

/// The rules in force: the organisation's, and the baseline.
pub struct Bundle {
    digest: Digest,
    rules: Vec<Arc<RuleInfo>>,
    organisation: Index,
    baseline: Index,
    asked: Asked,
    rego: Option<Rego>,
    recommend_only: BTreeSet<AgentId>,
    /// Rules that yield to those that permit: the tools that they name are those of others.
    yielding: BTreeSet<RuleId>,
    notes: Vec<PolicyError>,
    examples: Vec<Example>,
    names: Names,
    authorizer: Authorizer,
}

impl Bundle {
    /// Compiles the organisation's files beside the baseline. Errors: everything that is wrong in any file, in the order
    /// of file names and places. Blame: whoever wrote the rules.
    pub fn compile(organisation: &[RuleFile]) -> Result<Self, Vec<PolicyError>> {
        Self::compile_for(&Known::default(), organisation)
    }

    /// As [`compile`](Self::compile), with the names that rules in YAML may use. Files ending in `.yaml` or `.yml` are
    /// such rules, files ending in `.rego` are Rego, all others are Cedar.
    pub fn compile_for(known: &Known, organisation: &[RuleFile]) -> Result<Self, Vec<PolicyError>> {
        let mut compiler = Compiler::new().map_err(|error| vec![error])?;
        // The baseline first: a rule of the organisation that takes one of its ids is the one to be named.
        compiler.file(Layer::Baseline, &baseline());
        let written_in = |language: Language| -> Vec<&RuleFile> {
            organisation.iter().filter(|file| file.language() == language).collect()
        };
        for file in written_in(Language::Cedar) {
            compiler.file(Layer::Organisation, file);
        }
        let rego = Rego::compile(&written_in(Language::Rego), &mut compiler);
        let platform = Platform::compile(known, &written_in(Language::Yaml), rego.as_ref(), &mut compiler);
        let mut rules = compiler.finish()?;
        rules.sort_by_key(|rule| rule.info.layer == Layer::Baseline);
        let layer = |layer: Layer| Index::new(rules.iter().filter(move |rule: &&Rule| rule.info.layer == layer));
        Ok(Self {
            digest: digest(organisation, &platform.compiled),
            organisation: layer(Layer::Organisation),
            baseline: layer(Layer::Baseline),
            rules: in_order(&rules, rego.as_ref()),
            asked: platform.asked,
            rego,
            recommend_only: platform.recommend_only,
            yielding: platform.yielding,
            notes: platform.notes,
            examples: platform.examples,
            names: Names::new().map_err(|error| vec![error])?,
            authorizer: Authorizer::new(),
        })
    }

    /// All rules: the organisation's in the order of files and places, then the baseline's.
    pub fn rules(&self) -> &[Arc<RuleInfo>] {
        &self.rules
    }

    /// What is not wrong, but worth knowing: a block that permits nothing by itself.
    pub fn notes(&self) -> &[PolicyError] {
        &self.notes
    }

    /// What the files promise of themselves. Running them takes profiles and a decision, so that is for who loads them.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// Content digest of schema, baseline and the organisation's files. Neither the order of files nor the folder they
    /// lie in matters; the name of a file does, for ids derive from it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The values that rules for this app look for in arguments, as they are written: what may make a difference.
    pub fn looks_for(&self, app: &AppId) -> BTreeSet<String> {
        let mut words = self.asked.looks_for(app);
        words.extend(self.rego.iter().flat_map(|rego| rego.texts().iter().cloned()));
        words
    }

    /// The tools of this app that the organisation's rules name, and every name that they could compare a tool's with.
    pub fn tools_named(&self, app: &AppId) -> BTreeSet<ToolName> {
        let mut names: BTreeSet<ToolName> = self.rego.iter().flat_map(Rego::names).filter_map(tools::as_name).collect();
        for (_, policy) in self.organisation.policies() {
            names.extend(tools::named(policy).into_iter().filter(|(of, _)| of == app).map(|(_, tool)| tool));
            names.extend(tools::compared(policy));
        }
        names
    }

    /// What is not wrong, and fits nothing as far as anybody knows: the organisation's rules name a tool that is not among those
    /// its app is known to have. Of an app that is not in `known` nothing is told.
    pub fn tools_not_among(&self, known: &BTreeMap<AppId, BTreeSet<ToolName>>) -> Vec<PolicyError> {
        let mut notes = Vec::new();
        for (rule, policy) in self.organisation.policies().filter(|(rule, _)| !self.yielding.contains(&rule.id)) {
            for (app, tool) in tools::named(policy) {
                let Some(tools) = known.get(&app).filter(|tools| !tools.contains(&tool)) else { continue };
                let said = format!("nobody has seen a tool `{tool}` of `{app}`, so no call fits it");
                let hint = did_you_mean(tool.as_str(), tools.iter().map(ToolName::as_str));
                let hint = hint.unwrap_or_else(|| format!("`countersign tools {app}` lists those that it has"));
                let place = (rule.source.line, rule.source.column);
                notes.push(PolicyError::new(&rule.source.file, place, said, Some(hint)));
            }
        }
        notes.sort();
        notes
    }

    /// Whether a rule looks at how long the arguments of calls to this app are, whatever stands in them.
    pub fn measures(&self, app: &AppId) -> bool {
        self.asked.measures(app)
    }

    /// The rules of one layer as plain Cedar, valid under [`schema`]. What is written in Rego is no Cedar: it is named in a
    /// comment only.
    pub fn cedar(&self, layer: Layer) -> String {
        let elsewhere = self.in_rego().filter(|rule| rule.layer == layer);
        export::cedar(self.layer(layer).policies(), elsewhere)
    }

    /// The rules that are written in Rego.
    pub fn in_rego(&self) -> impl Iterator<Item = &RuleInfo> {
        self.rego.iter().flat_map(Rego::rules).map(AsRef::as_ref)
    }
}

impl Rules for Bundle {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        let mut evaluation = self.evaluate_cedar(layer, facts);
        if let Some(rego) = self.rego.as_ref().filter(|_| layer == Layer::Organisation) {
            rego.ask(facts, self.asked.describes(facts), &mut evaluation);
            evaluation.hits.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
            evaluation.faults.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
        }
        evaluation
    }

    fn reads(&self, app: &AppId) -> Option<Arc<ArgumentReads>> {
        self.asked.reads(app)
    }

    fn described_by(&self, app: &AppId) -> Option<Digest> {
        self.asked.described_by(app)
    }

    fn recommends_only(&self, agent: &AgentId) -> bool {
        self.recommend_only.contains(agent)
    }

    fn each_budget(&self, facts: &Facts, show: &mut dyn FnMut(&Budget)) {
        self.asked.budgets(facts).iter().for_each(show);
    }

    fn look_back(&self) -> Option<Duration> {
        self.asked.look_back()
    }
}

impl Bundle {
    fn evaluate_cedar(&self, layer: Layer, facts: &Facts) -> Evaluation {
        let passed = match layer {
            Layer::Organisation if facts.arguments.open => {
                let corners = self.asked.corners(facts);
                return whatever(corners.iter().map(|passed| self.evaluate_passed(layer, facts, passed)));
            }
            Layer::Organisation => self.asked.passed(facts),
            Layer::Baseline => Passed::default(),
        };
        self.evaluate_passed(layer, facts, &passed)
    }

    /// What the rules say of a call that passes these tests.
    fn evaluate_passed(&self, layer: Layer, facts: &Facts, passed: &Passed) -> Evaluation {
        self.layer(layer).evaluate(&self.authorizer, &self.names, facts, passed)
    }

    fn layer(&self, layer: Layer) -> &Index {
        match layer {
            Layer::Organisation => &self.organisation,
            Layer::Baseline => &self.baseline,
        }
    }
}

/// What is said of a call whose arguments could be anything: a permit matches if it matches with some, anything else if it
/// matches whatever they are.
fn whatever(mut corners: impl Iterator<Item = Evaluation>) -> Evaluation {
    let mut all = corners.next().unwrap_or_default();
    for corner in corners {
        let has = |hits: &[Hit], hit: &Hit| hits.iter().any(|other| other.rule.id == hit.rule.id);
        let is_permit = |hit: &Hit| hit.effect.outcome == RuleOutcome::Permit;
        all.hits.retain(|hit| is_permit(hit) || has(&corner.hits, hit));
        let more: Vec<Hit> = corner.hits.into_iter().filter(|hit| is_permit(hit) && !has(&all.hits, hit)).collect();
        all.hits.extend(more);
        all.faults.retain(|fault| corner.faults.iter().any(|other| other.rule.id == fault.rule.id));
    }
    all.hits.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
    all
}

/// The organisation's rules by files and places, then the baseline's.
fn in_order(rules: &[Rule], rego: Option<&Rego>) -> Vec<Arc<RuleInfo>> {
    let infos = rules.iter().map(|rule| &rule.info);
    let (ours, shipped): (Vec<_>, Vec<_>) = infos.partition(|rule| rule.layer == Layer::Organisation);
    let in_rego = rego.into_iter().flat_map(Rego::rules);
    ours.into_iter().chain(in_rego).chain(shipped).map(Arc::clone).collect()
}

/// What became of the files in YAML, beside rules.
struct Platform {
    asked: Asked,
    recommend_only: BTreeSet<AgentId>,
    yielding: BTreeSet<RuleId>,
    notes: Vec<PolicyError>,
    examples: Vec<Example>,
    /// Everything that the rules came to, for the digest.
    compiled: Vec<String>,
}

impl Platform {
    fn compile(known: &Known, files: &[&RuleFile], rego: Option<&Rego>, compiler: &mut Compiler) -> Self {
        let Reading { drafts, examples, mut notes, errors, recommend_only, .. } =
            yaml::read(known, files.iter().copied());
        compiler.refuse(errors);
        let mut asked = Asking::new(known);
        if compiler.reads(ARGUMENT_BYTES) {
            asked.measure();
        }
        let mut compiled = Vec::new();
        for draft in &drafts {
            let mut tests = Tests::default();
            let text = draft.cedar(&drafts, &mut tests);
            let Written { file, at, text: written } = draft.written.clone();
            let place = (at.line, at.column);
            compiler.written(
                RuleSource { file: Arc::clone(&file), line: at.line, column: at.column, text: written },
                &text,
            );
            let budget = draft.budget.zip(RuleId::parse(&draft.id).ok());
            let budget = budget.map(|((of, per), rule)| Budget { rule, of, per });
            if let Err(name) = asked.add(draft, tests, budget, text.contains(ARGUMENT_BYTES)) {
                let said = format!("`{name}` is what another rule asks in another way");
                let hint = Some("write one of them with other words".to_owned());
                compiler.refuse(vec![PolicyError::new(&file, place, said, hint)]);
            }
            compiled.push(text);
        }
        if !drafts.is_empty() || rego.is_some() {
            for (id, app) in &known.apps {
                let tools: Vec<&str> = app.tools.keys().map(ToolName::as_str).collect();
                compiled.push(format!("{id}: {}", tools.join(" ")));
                let joins = joins(app).into_iter().map(|(role, join)| format!("{id} joins {role:?} by {join:?}"));
                compiled.extend(joins);
            }
        }
        if let Some(rego) = rego {
            asked.also(rego.reads());
            compiled.push(rego::LANGUAGE.to_owned());
        }
        let budgets = drafts.iter().filter(|draft| draft.budget.is_some());
        let budgets = budgets.map(|draft| (draft.id.as_str(), draft.apps.as_deref())).collect();
        let Named { wants, notes: of_budgets } = compiler.names(&Made { tests: asked.names().collect(), budgets });
        wants.iter().for_each(|Wants { test, app }| asked.also_test(test, app.as_ref()));
        notes.extend(of_budgets);
        let yielding = drafts.iter().filter(|draft| draft.unless_permitted);
        let yielding = yielding.filter_map(|draft| RuleId::parse(&draft.id).ok()).collect();
        Self { asked: asked.finish(), recommend_only, yielding, notes, examples, compiled }
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("digest", &self.digest).field("rules", &self.rules.len()).finish()
    }
}

fn digest(organisation: &[RuleFile], compiled: &[String]) -> Digest {
    let mut files: Vec<[u8; 32]> = organisation.iter().map(|file| hash(&[file.base_name(), &file.text])).collect();
    files.extend(compiled.iter().map(|text| hash(&["compiled", text])));
    files.sort_unstable();
    let mut parts = Context::new(&SHA256);
    let language = cedar_policy::get_lang_version().to_string();
    parts.update(&hash(&["countersign bundle 1", &language, schema(), &baseline().text]));
    for file in &files {
        parts.update(file);
    }
    Digest::new(bytes(parts))
}

/// Hashes parts so that no two lists of parts run into each other.
fn hash(parts: &[&str]) -> [u8; 32] {
    let mut hashed = Context::new(&SHA256);
    for part in parts {
        hashed.update(&(part.len() as u64).to_be_bytes());
        hashed.update(part.as_bytes());
    }
    bytes(hashed)
}

fn bytes(hashed: Context) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(hashed.finish().as_ref()) {
        *to = *from;
    }
    bytes
}

/// The fact that says how long arguments are.
const ARGUMENT_BYTES: &str = "argument_bytes";

#[cfg(test)]
pub(crate) mod tests;
