//! Cases: who asks what, and what should come of it, in a YAML file.
//!
//! ```yaml
//! cases:
//!   - name: support may look contacts up
//!     as: support-bot/sam
//!     tool: crm/find_contact
//!     arguments: {query: acme}
//!     expect: allow
//!     rule: support-reads-crm
//! ```

use std::path::Path;

use bytes::Bytes;
use decide::Decision;
use model::{Class, Fault, Layer, RuleId, Rules as _, UnixMicros, Verdict};
use policy::Example;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Judge, Question, WEDNESDAY, actor, moment, target};
use crate::config::{self, Problem, nearest};

/// One case.
#[derive(Debug)]
pub struct Case {
    /// The file it stands in, as it was named.
    pub file: String,
    /// Its line.
    pub line: u64,
    /// Its name, or who asks what.
    pub name: String,
    /// What is asked.
    pub question: Question,
    /// What should come of it.
    pub expect: Verdict,
    /// A rule that should be among the reasons.
    pub rule: Option<RuleId>,
}

/// What came of a case.
pub struct Ran {
    /// What is wrong: a sentence. Nothing: it went as expected.
    pub wrong: Option<String>,
    /// What was decided, where it got that far.
    pub decision: Option<Decision>,
    /// The organisation's rules that matched.
    pub matched: Vec<RuleId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    cases: Vec<Spanned<RawCase>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: Option<String>,
    #[serde(rename = "as")]
    actor: Spanned<String>,
    tool: Spanned<String>,
    arguments: Option<serde_json::Map<String, serde_json::Value>>,
    now: Option<Spanned<String>>,
    class: Option<Class>,
    expect: Spanned<String>,
    rule: Option<Spanned<String>>,
    #[serde(default)]
    spent: Vec<Spanned<String>>,
}

/// Reads a file of cases. `now` is when they happen where they do not say. Error: everything that is wrong with it.
pub fn read(file: &Path, text: &str, now: UnixMicros) -> Result<Vec<Case>, Vec<Problem>> {
    let raw: RawFile = config::read(file, text).map_err(|problems| problems.0)?;
    let mut problems = Vec::new();
    let mut cases = Vec::new();
    for raw in raw.cases {
        let line = raw.referenced.line();
        match case(file, text, line, raw.value, now) {
            Ok(case) => cases.push(case),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(cases) } else { Err(problems) }
}

fn case(file: &Path, text: &str, line: u64, raw: RawCase, now: UnixMicros) -> Result<Case, Problem> {
    let at = |written: &Spanned<String>, fault: Fault| {
        let (line, column) = (written.referenced.line(), written.referenced.column());
        let problem = Problem::at(file, text, line, column, fault.to_string());
        match fault.way_out() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    };
    let wrong = |written: &Spanned<String>, said: String| {
        Problem::at(file, text, written.referenced.line(), written.referenced.column(), said)
    };
    let (agent, human) = actor(&raw.actor.value).map_err(|fault| at(&raw.actor, fault))?;
    let (app, tool) = target(&raw.tool.value).map_err(|fault| at(&raw.tool, fault))?;
    let now = match &raw.now {
        Some(written) => moment(&written.value).map_err(|fault| at(written, fault))?,
        None => now,
    };
    let expect = raw.expect.value.parse().map_err(|said: String| wrong(&raw.expect, said))?;
    let rule = match &raw.rule {
        Some(written) => Some(RuleId::parse(&written.value).map_err(|error| wrong(written, error.to_string()))?),
        None => None,
    };
    let name = raw.name.unwrap_or_else(|| format!("{} {}", raw.actor.value, raw.tool.value));
    let arguments = raw.arguments.map(|arguments| Bytes::from(serde_json::Value::Object(arguments).to_string()));
    let spent = raw.spent.iter().map(|id| RuleId::parse(&id.value).map_err(|error| wrong(id, error.to_string())));
    let spent = spent.collect::<Result<_, _>>()?;
    let question = Question { agent, human, app, tool, arguments, now, class: raw.class, spent };
    Ok(Case { file: file.display().to_string(), line, name, question, expect, rule })
}

impl Case {
    /// What a rule file promises of itself.
    pub fn of(example: &Example) -> Self {
        let name = || format!("{}/{} {}/{}", example.agent, example.human, example.app, example.tool);
        Self {
            file: example.file.to_string(),
            line: example.line.into(),
            name: example.name.clone().unwrap_or_else(name),
            question: Question {
                agent: example.agent.clone(),
                human: example.human.clone(),
                app: example.app.clone(),
                tool: example.tool.clone(),
                arguments: Some(Bytes::from(example.arguments.to_string())),
                now: example.now.unwrap_or(WEDNESDAY),
                class: example.class,
                spent: Vec::new(),
            },
            expect: example.expect,
            rule: example.rule.as_deref().and_then(|rule| RuleId::parse(rule).ok()),
        }
    }
}

impl Judge {
    /// Asks what a case asks, and compares.
    pub fn run(&self, case: &Case) -> Ran {
        let facts = match self.facts(&case.question) {
            Ok(facts) => facts,
            Err(fault) => {
                let hint = fault.way_out().map(|hint| format!(" ({hint})")).unwrap_or_default();
                return Ran { wrong: Some(format!("{fault}{hint}")), decision: None, matched: Vec::new() };
            }
        };
        let decision = self.decide(&facts);
        let hits = self.bundle.evaluate(Layer::Organisation, &facts);
        let matched = hits.hits.into_iter().map(|hit| hit.rule.id.clone()).collect();
        let wrong = self.compare(case, &decision);
        Ran { wrong, decision: Some(decision), matched }
    }

    fn compare(&self, case: &Case, decision: &Decision) -> Option<String> {
        let reasons: Vec<String> = decision.reasons().iter().map(|reason| format!("`{}`", reason.rule)).collect();
        if decision.verdict() != case.expect {
            return Some(format!("expected {}, got {} by {}", case.expect, decision.verdict(), reasons.join(", ")));
        }
        let rule = case.rule.as_ref()?;
        if decision.reasons().iter().any(|reason| reason.rule == *rule) {
            return None;
        }
        let known = self.bundle.rules().iter().map(|rule| rule.id.as_str());
        if !known.clone().any(|id| id == rule.as_str()) && !rule.as_str().starts_with("guard:") {
            return Some(format!("there is no rule `{rule}` ({})", nearest(rule.as_str(), known)));
        }
        Some(format!("expected {} by `{rule}`, got it by {}", case.expect, reasons.join(", ")))
    }
}
