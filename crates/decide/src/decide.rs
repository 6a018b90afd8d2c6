//! The decision itself. Guards first, then the organisation's rules, then (only where none of those permits) the
//! baseline; the strictest outcome wins.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use model::{
    Digest, Effect, Evaluation, Facts, Hit, Layer, Lifted, Method, Observed, OfCall, Reason, RuleFaultKind, RuleId,
    RuleInfo, RuleOutcome, RuleRef, Rules, ToolStatus, Verdict,
};

/// What was decided, why, and under which rules. Only [`decide`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    verdict: Verdict,
    reasons: Reasons,
    observed: Option<Observed>,
    runtime: Option<(Duration, RuleId)>,
    bundle: Digest,
}

impl Decision {
    /// What happens to the call.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Why: at least one reason, those that decided.
    pub fn reasons(&self) -> &[Reason] {
        self.reasons.in_words()
    }

    /// What the answer must not show, where the verdict is to redact: paths of RFC 9535, separated by commas.
    pub fn redaction(&self) -> Option<String> {
        self.paths(|_| true)
    }

    /// The same of rules only, for an answer to which a contract's clauses are applied while it streams.
    pub fn redaction_beside_clauses(&self) -> Option<String> {
        self.paths(|reason| reason.clause.is_none())
    }

    fn paths(&self, of: impl Fn(&Reason) -> bool) -> Option<String> {
        let paths = self.reasons().iter().filter(|reason| of(reason)).filter_map(|reason| reason.redact.as_deref());
        (self.verdict == Verdict::Redact).then(|| paths.collect::<Vec<_>>().join(", "))
    }

    /// What would have been decided if everything were enforced; none where that is what was decided. Other approvers, and other
    /// fields that are hidden, are another decision.
    pub fn observed(&self) -> Option<&Observed> {
        self.observed.as_ref()
    }

    /// What would have been decided for an agent that only recommends; none for any other.
    pub fn recommended(&self) -> Option<&Observed> {
        let only = self.reasons.are(RECOMMEND_ONLY);
        self.observed.as_ref().filter(|_| only)
    }

    /// How long the app may take at most, and which rule says so.
    pub fn runtime_max(&self) -> Option<(Duration, &RuleId)> {
        self.runtime.as_ref().map(|(runtime, rule)| (*runtime, rule))
    }

    /// Digest of the rules it was taken under.
    pub fn bundle(&self) -> Digest {
        self.bundle
    }
}

/// Decides. Total: every input has a verdict. Pure: the same rules and facts give the same decision, bit for bit.
///
/// Precedence: deny > defer > hold > redact > allow. A guard (inactive person or agent, pulled kill switch, quarantined
/// tool) yields to nothing. A rule that reads a missing fact defers; a rule that breaks in any other way denies.
///
/// People lift a hold for one call ([`Facts::approved`]): exactly the rules they saw, as they were, and nothing else.
///
/// A rule that is only observed decides nothing, and on an app that is only observed no rule does: the decision then says
/// what would have been. Guards are enforced there as everywhere, and so is everything where a contract governs the call.
///
/// What an agent asks that only recommends is denied, and the decision says what would have been.
pub fn decide(rules: &dyn Rules, facts: &Facts) -> Decision {
    let bundle = rules.digest();
    if let Some(reason) = guard(facts) {
        return Decision { verdict: Verdict::Deny, reasons: reason.into(), observed: None, runtime: None, bundle };
    }
    let decision = by_rules(rules, facts, bundle);
    if facts.agent.recommend_only || rules.recommends_only(&facts.agent.id) {
        let said = format!("{} only recommends: nothing it asks for runs", facts.agent.name);
        let here = builtin(RECOMMEND_ONLY, said, Some("tell a person what you would do, and why".to_owned()));
        let observed = Some(Observed { verdict: decision.verdict, reasons: decision.reasons().to_vec() });
        return Decision { verdict: Verdict::Deny, reasons: here.into(), observed, runtime: None, bundle };
    }
    decision
}

fn by_rules(rules: &dyn Rules, facts: &Facts, bundle: Digest) -> Decision {
    let mut organisation = rules.evaluate(Layer::Organisation, facts);
    if let Some(of_call) = &facts.tool.of_call {
        hide_as_at_once(rules, facts, of_call, &mut organisation);
    }
    let runtime = runtime(&organisation);
    let observes = |evaluation: &Evaluation| {
        evaluation.hits.iter().any(|hit| hit.effect.observe) || evaluation.faults.iter().any(|fault| fault.rule.observe)
    };
    let enforced = observes(&organisation).then(|| {
        let mut enforced = organisation.clone();
        enforced.hits.retain(|hit| !hit.effect.observe);
        enforced.faults.retain(|fault| !fault.rule.observe);
        settle(rules, facts, enforced)
    });
    let (verdict, reasons) = settle(rules, facts, organisation);
    // What was signed with others is not tried out on them.
    let observes = facts.app.observe && facts.contract.is_none();
    let refuses = [Some(verdict), enforced.as_ref().map(|(enforced, _)| *enforced)];
    let refuses = refuses.into_iter().flatten().any(|verdict| verdict != Verdict::Allow);
    if observes && refuses && facts.tool.status != ToolStatus::Unknown {
        let said = format!("nothing is enforced on {}, it is only observed", facts.app.name);
        let here = builtin("guard:observe", said, None);
        return Decision {
            verdict: Verdict::Allow,
            reasons: here.into(),
            observed: (verdict != Verdict::Allow).then(|| Observed { verdict, reasons: reasons.in_words().to_vec() }),
            runtime: None,
            bundle,
        };
    }
    match enforced {
        Some((enforced, why)) => {
            let same = match verdict {
                Verdict::Hold | Verdict::Redact => why.want() == reasons.want(),
                Verdict::Allow | Verdict::Defer | Verdict::Deny => true,
            };
            let observed =
                (enforced != verdict || !same).then(|| Observed { verdict, reasons: reasons.in_words().to_vec() });
            Decision { verdict: enforced, reasons: why, observed, runtime, bundle }
        }
        None => Decision { verdict, reasons, observed: None, runtime, bundle },
    }
}

/// Adds the rules that would hide something of the answer if it came at once. Nothing else of them counts here: to look how far
/// a call is takes no approval that the call itself has had.
fn hide_as_at_once(rules: &dyn Rules, facts: &Facts, of_call: &OfCall, said: &mut Evaluation) {
    let Some(tool) = &of_call.tool else { return };
    let (method, arguments) = (Method::ToolsCall, of_call.arguments());
    let at_once = Facts { method, arguments, tool: tool.clone(), ..facts.clone() };
    let at_once = rules.evaluate(Layer::Organisation, &at_once);
    for Hit { rule, effect } in at_once.hits {
        let known = said.hits.iter().any(|hit| hit.rule.id == rule.id);
        if effect.outcome == RuleOutcome::Redact && !known {
            said.hits.push(Hit { rule, effect: Effect { limits: false, ..effect } });
        }
    }
    for fault in at_once.faults {
        let known = said.faults.iter().any(|other| other.rule.id == fault.rule.id);
        if fault.rule.outcome == RuleOutcome::Redact && !known {
            said.faults.push(fault);
        }
    }
    said.hits.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
    said.faults.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
}

/// Why something is hidden that rules hid when the call was made.
fn hidden_at_first(paths: &Arc<str>) -> Reason {
    let said = "what was hidden of the answer when the call was made is hidden of it whenever it is asked for";
    Reason { redact: Some(paths.to_string()), ..builtin("guard:hidden-at-first", said.to_owned(), None) }
}

/// The shortest time that a rule which is enforced leaves the app for its answer.
fn runtime(evaluation: &Evaluation) -> Option<(Duration, RuleId)> {
    let enforced = evaluation.hits.iter().filter(|hit| hit.effect.limits && !hit.effect.observe);
    enforced.filter_map(|hit| Some((hit.rule.limits.runtime?, hit.rule.id.clone()))).min()
}

/// What these rules of the organisation come to, with the baseline where none of them permits.
fn settle(rules: &dyn Rules, facts: &Facts, organisation: Evaluation) -> (Verdict, Reasons) {
    let mut found = Found { lifted: &facts.approved, ..Found::default() };
    found.take(organisation);
    // The baseline goes by the class, which nobody knows of a tool nobody could ask about.
    let unknown = facts.tool.status == ToolStatus::Unknown;
    if found.permits.is_empty() && !unknown {
        found.take(rules.evaluate(Layer::Baseline, facts));
    }
    if unknown {
        found.defers.push(Said::from(unknown_tool(facts)));
    }
    if let Some(paths) = facts.tool.of_call.as_ref().and_then(|of_call| of_call.hides.as_ref()) {
        found.redacts.push(Said::from(hidden_at_first(paths)));
    }
    found.settle()
}

/// Why nobody knows what a tool is.
fn unknown_tool(facts: &Facts) -> Reason {
    let (sentence, again) = match &facts.tool.finding {
        Some(why) => {
            let again = match facts.tool.of_call {
                Some(_) => "look in the app for what came of it, or try again when it is offered again",
                None => "try again in a moment",
            };
            (format!("nobody knows what `{}` does: {why}", facts.tool.name), again)
        }
        None => {
            let app = &facts.app.id;
            let said = format!("`{app}` could not be asked what it offers, so nobody knows what this tool does");
            (said, "try again when the app is reachable")
        }
    };
    builtin("guard:tool-unknown", sentence, Some(again.to_owned()))
}

/// What yields to nothing.
fn guard(facts: &Facts) -> Option<Reason> {
    let (app, human, agent) = (&facts.app, &facts.human, &facts.agent);
    if facts.all_stopped {
        return Some(builtin("guard:all-stopped", "everything is stopped".to_owned(), None));
    }
    if !human.active {
        return Some(builtin(
            "guard:human-inactive",
            format!("{} has left and delegates nothing any more", human.name),
            None,
        ));
    }
    if !agent.active {
        return Some(builtin("guard:agent-suspended", format!("{} is suspended", agent.name), None));
    }
    if app.stopped {
        return Some(builtin("guard:app-stopped", format!("{} is stopped", app.name), None));
    }
    if facts.tool.status == ToolStatus::Quarantined {
        let review = format!("ask an owner of {} to review it: `countersign tools {}` shows it", app.name, app.id);
        let (id, sentence) = match &facts.tool.finding {
            Some(found) => (
                "guard:tool-suspicious",
                format!("the definition of `{}` is quarantined until a person reviews it: {found}", facts.tool.name),
            ),
            None => {
                ("guard:tool-changed", format!("the definition of `{}` changed after it was reviewed", facts.tool.name))
            }
        };
        return Some(builtin(id, sentence, Some(review)));
    }
    None
}

#[derive(Default)]
struct Found<'f> {
    lifted: &'f [Lifted],
    denies: Vec<Said>,
    defers: Vec<Said>,
    holds: Vec<Said>,
    redacts: Vec<Said>,
    permits: Vec<Said>,
}

/// What speaks for a verdict. Words are made of it when somebody asks for them: what is only listed needs none, and a
/// record asks after the decision is taken.
#[derive(Clone)]
struct Reasons {
    said: Vec<Said>,
    in_words: OnceLock<Vec<Reason>>,
}

#[derive(Clone)]
enum Said {
    Rule(RuleRef),
    Words(Box<Reason>),
}

impl Reasons {
    fn in_words(&self) -> &[Reason] {
        let in_words = |said: &Said| match said {
            Said::Rule(rule) => from_rule(rule),
            Said::Words(reason) => Reason::clone(reason),
        };
        self.in_words.get_or_init(|| self.said.iter().map(in_words).collect())
    }

    /// What they want of a call that is not refused: who approves it, and what is hidden of its answer.
    fn want(&self) -> BTreeSet<(&[String], u8, Option<&str>)> {
        let reasons = self.in_words().iter();
        reasons.map(|reason| (reason.approvers.as_slice(), reason.approvals, reason.redact.as_deref())).collect()
    }

    /// Whether it is this one that is built in.
    fn are(&self, id: &str) -> bool {
        matches!(self.said.first(), Some(Said::Words(reason)) if reason.rule.as_str() == id)
    }
}

impl From<Vec<Said>> for Reasons {
    fn from(said: Vec<Said>) -> Self {
        Self { said, in_words: OnceLock::new() }
    }
}

impl From<Reason> for Reasons {
    fn from(reason: Reason) -> Self {
        vec![Said::from(reason)].into()
    }
}

impl PartialEq for Reasons {
    fn eq(&self, other: &Self) -> bool {
        self.in_words() == other.in_words()
    }
}

impl Eq for Reasons {}

impl fmt::Debug for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.in_words().fmt(f)
    }
}

impl From<Reason> for Said {
    fn from(reason: Reason) -> Self {
        Self::Words(Box::new(reason))
    }
}

impl Found<'_> {
    fn take(&mut self, evaluation: Evaluation) {
        for Hit { rule, effect } in evaluation.hits {
            let said = match effect.outcome {
                RuleOutcome::Limit => continue,
                RuleOutcome::Permit => &mut self.permits,
                RuleOutcome::Redact => &mut self.redacts,
                RuleOutcome::Hold if self.lifted.iter().any(|lifted| lifted.is(&rule)) => continue,
                RuleOutcome::Hold => &mut self.holds,
                RuleOutcome::Defer => &mut self.defers,
                RuleOutcome::Deny => &mut self.denies,
            };
            said.push(Said::Rule(rule));
        }
        for fault in evaluation.faults {
            let mut reason = from_rule(&fault.rule);
            match fault.kind {
                RuleFaultKind::MissingFact(what) => {
                    reason.sentence = format!("a rule needs a fact that is missing: {what}");
                    self.defers.push(reason.into());
                }
                RuleFaultKind::Broken(what) => {
                    reason.sentence = format!("a rule could not be evaluated: {what}");
                    self.denies.push(reason.into());
                }
            }
        }
    }

    fn settle(self) -> (Verdict, Reasons) {
        if !self.denies.is_empty() {
            return (Verdict::Deny, self.denies.into());
        }
        if !self.defers.is_empty() {
            return (Verdict::Defer, self.defers.into());
        }
        if self.permits.is_empty() {
            return (Verdict::Deny, builtin("guard:nothing-permits", "no rule permits this".to_owned(), None).into());
        }
        if !self.holds.is_empty() {
            return (Verdict::Hold, self.holds.into());
        }
        if !self.redacts.is_empty() {
            return (Verdict::Redact, self.redacts.into());
        }
        (Verdict::Allow, self.permits.into())
    }
}

fn from_rule(rule: &RuleInfo) -> Reason {
    Reason {
        rule: rule.id.clone(),
        sentence: rule.sentence.clone(),
        source: Some(rule.source.to_string()),
        text: Some(rule.source.text.to_string()),
        instead: rule.instead.clone(),
        redact: rule.redact.as_deref().map(str::to_owned),
        approvers: rule.approvers.clone(),
        approvals: rule.approvals,
        security_relevant: rule.security_relevant,
        clause: rule.clause.clone(),
    }
}

fn builtin(id: &'static str, sentence: String, instead: Option<String>) -> Reason {
    let rule = RuleId::builtin(id);
    let (approvers, approvals, security_relevant) = (Vec::new(), 1, false);
    Reason {
        rule,
        sentence,
        source: None,
        text: None,
        instead,
        redact: None,
        approvers,
        approvals,
        security_relevant,
        clause: None,
    }
}

const RECOMMEND_ONLY: &str = "guard:recommend-only";

#[cfg(test)]
mod tests;
