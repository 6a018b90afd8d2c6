//! What the calls of a period come to: how often each clause answered, the most of each limit that was used, and what nobody
//! could judge.

use std::collections::BTreeMap;
use std::rc::Rc;

use contract::Compiled;
use contract::agreement::{Kind, Provision};
use model::{ClauseNumber, RuleId, UnixMicros, Verdict};
use serde::Serialize;
use trace::{Effect, rfc3339};

use super::calls::{Asked, rule_of};

/// How calls went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// They ran.
    pub let_through: u64,
    /// Of those, the ones of whose answer something was taken out.
    pub taken_out: u64,
    /// Of those, the ones whose answer was kept back whole: it was about what the contract does not let out.
    pub kept_back: u64,
    /// They were refused.
    pub refused: u64,
    /// They waited for a person's yes.
    pub held: u64,
    /// A fact was missing.
    pub deferred: u64,
}

/// One call, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Its place in the log.
    pub sequence: u64,
    /// Its id.
    pub call: String,
    /// When it was decided.
    pub at: String,
    /// The app and the tool.
    pub what: String,
    /// What is done with which kind of record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asks: Option<String>,
    /// What was decided.
    pub verdict: Verdict,
    /// The sentence of the clause; empty once erased.
    pub because: String,
    /// What came of it.
    pub came: String,
}

/// A clause, and what was seen of it.
#[derive(Debug, Default)]
pub struct Seen {
    pub counts: Counts,
    examples: BTreeMap<Way, (Rc<Example>, Rc<Example>)>,
}

/// The most that was used of a limit in any stretch of time as long as its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitUse {
    /// The clause.
    pub clause: ClauseNumber,
    /// Of what: `requests`, `records`, `bytes`, `records_at_once`.
    pub of: &'static str,
    /// How much it allows.
    pub most: u64,
    /// In how many seconds; none: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// The most that was used.
    pub used: u64,
    /// When that stretch began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Requests that it refused.
    pub refused: u64,
}

/// Calls of which something is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unjudged {
    /// What.
    pub why: &'static str,
    /// How many.
    pub calls: u64,
    /// Some of them, by their place in the log.
    pub some: Vec<u64>,
}

/// Everything that was seen of a contract.
pub struct Tally<'c> {
    clauses: Vec<(RuleId, &'c Provision)>,
    /// Of all calls.
    pub counts: Counts,
    /// By clause; of each that is in the contract, and of each that was in an earlier version of it.
    pub seen: BTreeMap<RuleId, Seen>,
    limits: Vec<Limit>,
    unjudged: [(u64, Vec<u64>); WHYS.len()],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Ran,
    Waited,
    Refused,
}

struct Limit {
    rule: RuleId,
    clause: ClauseNumber,
    of: &'static str,
    most: u64,
    seconds: Option<u64>,
    /// When how much was used.
    used: Vec<(i64, u64)>,
}

// === impl Tally ===

impl<'c> Tally<'c> {
    /// Nothing was seen yet.
    pub fn of(contract: &'c Compiled) -> Self {
        let provisions = contract.agreement().provisions();
        let clauses: Vec<(RuleId, &Provision)> =
            provisions.filter_map(|(one, _)| Some((rule_of(contract, &one.clause)?, one))).collect();
        let limits = clauses.iter().flat_map(|(rule, provision)| limits(rule, provision)).collect();
        let unjudged = std::array::from_fn(|_| (0, Vec::new()));
        Self { clauses, counts: Counts::default(), seen: BTreeMap::new(), limits, unjudged }
    }

    /// Counts a call.
    pub fn take(&mut self, asked: &Asked) {
        let verdict = asked.intent.verdict;
        self.counts.take(asked);
        self.judged(asked);
        let shown = Rc::new(Example::of(asked));
        let way = Way::of(verdict);
        for rule in asked.intent.rules.iter().filter(|rule| rule.as_str().starts_with(model::contract::RULE_PREFIX)) {
            let said = asked.intent.reasons.iter().find(|reason| reason.rule == *rule).map(|reason| &reason.sentence);
            let shown = match said {
                Some(said) if *said != shown.because && way != Way::Ran => {
                    Rc::new(Example { because: said.clone(), ..Example::clone(&shown) })
                }
                _ => Rc::clone(&shown),
            };
            let seen = self.seen.entry(rule.clone()).or_default();
            seen.counts.take(asked);
            let kept = seen.examples.entry(way).or_insert_with(|| (Rc::clone(&shown), Rc::clone(&shown)));
            kept.1 = shown;
        }
        if verdict.runs() {
            for limit in self.limits.iter_mut().filter(|limit| asked.by(&limit.rule)) {
                limit.used.push((asked.entry.at.0, amount(limit.of, asked)));
            }
        }
    }

    /// What was seen of a clause.
    pub fn seen(&self, clause: &ClauseNumber) -> Option<&Seen> {
        let (rule, _) = self.clauses.iter().find(|(_, provision)| provision.clause == *clause)?;
        self.seen.get(rule)
    }

    /// The most that was used of each limit.
    pub fn limits(&mut self) -> Vec<LimitUse> {
        let (limits, seen) = (&mut self.limits, &self.seen);
        limits.iter_mut().map(|limit| limit.most_used(seen.get(&limit.rule))).collect()
    }

    /// What nobody could judge, and how often.
    pub fn unjudged(&self) -> Vec<Unjudged> {
        let all = WHYS.iter().zip(&self.unjudged).filter(|(_, (calls, _))| *calls > 0);
        all.map(|(why, (calls, some))| Unjudged { why, calls: *calls, some: some.clone() }).collect()
    }

    fn judged(&mut self, asked: &Asked) {
        let ran = asked.intent.verdict.runs();
        let unknown = asked.outcome.as_ref().is_none_or(|outcome| outcome.effect == Effect::Unknown);
        let nameless = asked.facts.as_ref().is_some_and(|facts| facts.entity.is_none() || facts.operation.is_none());
        let is = [asked.intent.verdict == Verdict::Defer, nameless, ran && unknown, asked.facts.is_none()];
        for ((calls, some), is) in self.unjudged.iter_mut().zip(is) {
            if is {
                *calls += 1;
                if some.len() < SOME {
                    some.push(asked.entry.sequence);
                }
            }
        }
    }
}

// === impl Seen ===

impl Seen {
    /// The first and the last call of each kind.
    pub fn examples(&self) -> Vec<Example> {
        let mut all: Vec<Example> = Vec::new();
        for (first, last) in self.examples.values() {
            all.push(Example::clone(first));
            if last.sequence != first.sequence {
                all.push(Example::clone(last));
            }
        }
        all
    }
}

// === impl Counts ===

impl Counts {
    fn take(&mut self, asked: &Asked) {
        match asked.intent.verdict {
            Verdict::Allow | Verdict::Redact => {
                self.let_through += 1;
                let outcome = asked.outcome.as_ref();
                let hidden = outcome.and_then(|outcome| outcome.hidden);
                let by_rule = outcome.and_then(|outcome| outcome.code.as_deref());
                let kept_back = by_rule.is_some_and(|code| code.starts_with("rule."));
                self.kept_back += u64::from(kept_back);
                self.taken_out += u64::from(!kept_back && hidden.is_some_and(|places| places > 0));
            }
            Verdict::Deny => self.refused += 1,
            Verdict::Hold => self.held += 1,
            Verdict::Defer => self.deferred += 1,
        }
    }

    /// All of them.
    pub fn all(&self) -> u64 {
        self.let_through + self.refused + self.held + self.deferred
    }
}

// === impl Way ===

impl Way {
    const fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow | Verdict::Redact => Self::Ran,
            Verdict::Hold | Verdict::Defer => Self::Waited,
            Verdict::Deny => Self::Refused,
        }
    }
}

// === impl Example ===

impl Example {
    /// A call, with the sentence of the first reason.
    pub fn of(asked: &Asked) -> Self {
        let intent = &asked.intent;
        let asks = asked.facts.as_ref().and_then(|facts| {
            let (operation, entity) = (facts.operation?, facts.entity.as_ref()?);
            Some(format!("{operation} {entity}"))
        });
        Self {
            sequence: asked.entry.sequence,
            call: intent.call.to_string(),
            at: rfc3339(asked.entry.at),
            what: format!("{}/{}", intent.app, intent.tool),
            asks,
            verdict: intent.verdict,
            because: intent.because().to_owned(),
            came: came(asked),
        }
    }
}

fn came(asked: &Asked) -> String {
    let Some(outcome) = &asked.outcome else {
        return if asked.intent.verdict.runs() { "nothing is recorded of it yet" } else { "nothing was executed" }
            .into();
    };
    let mut said = outcome.trouble().map_or_else(|| "answered".to_owned(), str::to_owned);
    match outcome.hidden {
        Some(0) | None => {}
        Some(1) => said.push_str(", one place taken out"),
        Some(places) => said.push_str(&format!(", {places} places taken out")),
    }
    said
}

// === impl Limit ===

impl Limit {
    fn most_used(&mut self, seen: Option<&Seen>) -> LimitUse {
        self.used.sort_unstable();
        let micros = self.seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000));
        let best = match micros {
            None => self.used.iter().max_by_key(|(_, amount)| *amount).map(|(at, amount)| (*amount, *at, *at)),
            Some(micros) => busiest(&self.used, micros),
        };
        let said = |at: i64| rfc3339(UnixMicros(at));
        LimitUse {
            clause: self.clause.clone(),
            of: self.of,
            most: self.most,
            seconds: self.seconds,
            used: best.map_or(0, |(used, ..)| used),
            from: best.filter(|_| micros.is_some()).map(|(_, from, _)| said(from)),
            until: best.map(|(.., until)| said(until)),
            refused: seen.map_or(0, |seen| seen.counts.refused),
        }
    }
}

/// The most that was used in any stretch this long, from its first use until its last. The uses are in the order of time.
pub(super) fn busiest(used: &[(i64, u64)], micros: i64) -> Option<(u64, i64, i64)> {
    let mut best: Option<(u64, i64, i64)> = None;
    let (mut sum, mut left) = (0_u64, used.iter().peekable());
    for (at, amount) in used {
        sum = sum.saturating_add(*amount);
        while let Some((_, amount)) = left.next_if(|(old, _)| *old <= at.saturating_sub(micros)) {
            sum = sum.saturating_sub(*amount);
        }
        if best.is_none_or(|(most, ..)| sum > most) {
            let from = left.peek().map_or(*at, |(from, _)| *from);
            best = Some((sum, from, *at));
        }
    }
    best
}

fn limits(rule: &RuleId, provision: &Provision) -> Vec<Limit> {
    let Kind::Limits(limits) = &provision.kind else { return Vec::new() };
    let rates = [(REQUESTS, limits.requests), (RECORDS, limits.records), (BYTES, limits.bytes)];
    let rates = rates.into_iter().filter_map(|(of, rate)| rate.map(|rate| (of, rate.most, Some(rate.seconds))));
    let at_once = limits.records_at_once.map(|most| (AT_ONCE, most, None));
    let limit = |(of, most, seconds)| Limit {
        rule: rule.clone(),
        clause: provision.clause.clone(),
        of,
        most,
        seconds,
        used: Vec::new(),
    };
    rates.chain(at_once).map(limit).collect()
}

/// How much of a limit a call took. Of records those count that could come at most, as the gateway counts them at a start.
fn amount(of: &str, asked: &Asked) -> u64 {
    match of {
        REQUESTS => 1,
        BYTES => asked.outcome.as_ref().map_or(0, |outcome| outcome.answer_bytes),
        _ => asked.facts.as_ref().and_then(|facts| facts.records).unwrap_or_default(),
    }
}

const REQUESTS: &str = "requests";
const RECORDS: &str = "records";
const BYTES: &str = "bytes";
const AT_ONCE: &str = "records_at_once";
const WHYS: [&str; 4] = [
    "a fact was missing, so nothing was executed",
    "nobody knew which kind of record was asked for or what was to be done with it",
    "it ran, and what came of it is not known",
    "its text is erased or was let go: it is counted by what its leaf says, and where that names no clause, with each contract of the vendor",
];
const SOME: usize = 5;
