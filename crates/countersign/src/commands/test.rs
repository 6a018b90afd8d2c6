//! `test`: cases against the rules in the files, and which rules no case exercises.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use model::{Blame, Fault, Layer, RuleId, RuleInfo};
use serde_json::{Value, json};

use crate::cli::{Common, TestArgs, TestFormat};
use crate::config::{Problem, Problems};
use crate::gateway::bad_file;
use crate::judge::cases::{Case, Ran, read};
use crate::judge::{Judge, WEDNESDAY};
use crate::report::junit;
use crate::terminal::{Ink, Look, out};
use crate::words::counted;

/// Runs cases. Exit code 1: one did not go as expected, or too few rules are exercised.
pub fn run(common: &Common, args: &TestArgs) -> Result<ExitCode, Fault> {
    let judge = Judge::of_files(&common.config)?;
    let mut cases = Vec::new();
    let mut problems = Vec::new();
    cases.extend(judge.bundle.examples().iter().map(Case::of));
    for file in files(&common.config, &args.files, cases.is_empty())? {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| bad_file(Problem::of_file(&file, format!("it cannot be read: {error}")).into()))?;
        match read(&file, &text, WEDNESDAY) {
            Ok(of_file) => cases.extend(of_file),
            Err(wrong) => problems.extend(wrong),
        }
    }
    if !problems.is_empty() {
        return Err(bad_file(Problems(problems)));
    }
    let ran: Vec<(Case, Ran)> = cases
        .into_iter()
        .map(|case| {
            let ran = judge.run(&case);
            (case, ran)
        })
        .collect();
    let report = Report { coverage: Coverage::of(judge.bundle.rules(), &ran), ran };
    match if common.json { TestFormat::Json } else { args.format } {
        TestFormat::Text => report.text(Look::stdout(), args),
        TestFormat::Json => out(report.to_json()),
        TestFormat::Junit => out(junit::document(&report.suites(args.min)).trim_end()),
    }
    let short = args.min.is_some_and(|min| report.coverage.percent() < min);
    Ok(ExitCode::from(u8::from(report.failed() > 0 || short)))
}

/// The files to read: those that are named, and of folders all that end in `.yaml` or `.yml`, in the order of their names.
fn files(config: &Path, named: &[PathBuf], needed: bool) -> Result<Vec<PathBuf>, Fault> {
    let beside = config.parent().unwrap_or(Path::new("")).join("cases");
    if named.is_empty() && !needed && !beside.exists() {
        return Ok(Vec::new());
    }
    let named = if named.is_empty() { std::slice::from_ref(&beside) } else { named };
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let wrong = |error| Problem::of_file(path, format!("it cannot be read: {error}"));
        let inside = std::fs::read_dir(path).map_err(|error| bad_file(wrong(error).into()))?;
        let mut inside: Vec<PathBuf> = inside.filter_map(|entry| Some(entry.ok()?.path())).collect();
        inside.retain(|file| file.extension().is_some_and(|end| end == "yaml" || end == "yml"));
        inside.sort();
        files.extend(inside);
    }
    match files.is_empty() || files.iter().any(|file| *file == beside && !file.exists()) {
        true => Err(Fault::new(
            Blame::Operator,
            "operator.no_cases",
            format!("there are no cases in `{}`", beside.display()),
        )
        .hint("name files of cases, or put some there")),
        false => Ok(files),
    }
}

/// Which of the organisation's rules matched in some case.
struct Coverage {
    exercised: usize,
    never: Vec<Arc<RuleInfo>>,
}

impl Coverage {
    fn of(rules: &[Arc<RuleInfo>], ran: &[(Case, Ran)]) -> Self {
        let matched: BTreeSet<&RuleId> = ran.iter().flat_map(|(_, ran)| &ran.matched).collect();
        let of_organisation = || rules.iter().filter(|rule| rule.layer == Layer::Organisation);
        let never: Vec<_> = of_organisation().filter(|rule| !matched.contains(&rule.id)).cloned().collect();
        Self { exercised: of_organisation().count() - never.len(), never }
    }

    fn all(&self) -> usize {
        self.exercised + self.never.len()
    }

    /// Of a hundred rules, rounded down: a hundred is all of them.
    fn percent(&self) -> u8 {
        let percent = (self.exercised * 100).checked_div(self.all()).unwrap_or(100);
        u8::try_from(percent).unwrap_or(100)
    }
}

struct Report {
    ran: Vec<(Case, Ran)>,
    coverage: Coverage,
}

impl Report {
    fn failed(&self) -> usize {
        self.ran.iter().filter(|(_, ran)| ran.wrong.is_some()).count()
    }

    fn text(&self, look: Look, args: &TestArgs) {
        for (case, ran) in &self.ran {
            let place = format!("{}:{}", case.file, case.line);
            match &ran.wrong {
                None => out(format_args!("{} {place} {}", look.paint(Ink::Green, "ok  "), case.name)),
                Some(wrong) => {
                    out(format_args!("{} {place} {}", look.paint(Ink::Red, "FAIL"), case.name));
                    out(format_args!("     {wrong}"));
                }
            }
        }
        if args.coverage {
            for rule in &self.coverage.never {
                let id = look.paint(Ink::Yellow, &rule.id);
                out(format_args!("no case exercises {id} ({}): {}", rule.source, rule.sentence));
            }
        }
        let short = args.min.filter(|min| self.coverage.percent() < *min);
        let wanted = short.map(|min| format!(", and {min} % are asked for")).unwrap_or_default();
        out(format_args!(
            "{} of {} as expected; {} of {} exercised ({} %{wanted})",
            self.ran.len() - self.failed(),
            counted(self.ran.len(), "case"),
            self.coverage.exercised,
            counted(self.coverage.all(), "rule"),
            self.coverage.percent()
        ));
    }

    fn to_json(&self) -> Value {
        let cases: Vec<Value> = self
            .ran
            .iter()
            .map(|(case, ran)| {
                json!({
                    "file": case.file,
                    "line": case.line,
                    "name": case.name,
                    "ok": ran.wrong.is_none(),
                    "wrong": ran.wrong,
                    "expect": case.expect,
                    "verdict": ran.decision.as_ref().map(|decision| decision.verdict()),
                    "reasons": ran.decision.as_ref().map(|decision| decision.reasons().to_vec()),
                    "matched": ran.matched,
                })
            })
            .collect();
        let never: Vec<Value> = self
            .coverage
            .never
            .iter()
            .map(|rule| json!({ "rule": rule.id, "source": rule.source.to_string() }))
            .collect();
        json!({
            "cases": cases,
            "failed": self.failed(),
            "rules": self.coverage.all(),
            "exercised": self.coverage.exercised,
            "percent": self.coverage.percent(),
            "never": never,
        })
    }

    /// The cases, and where so many rules are asked for, one case for each rule that is not exercised.
    fn suites(&self, min: Option<u8>) -> Vec<junit::Suite> {
        let case = |(case, ran): &(Case, Ran)| junit::Case {
            group: case.file.clone(),
            name: case.name.clone(),
            file: Some(case.file.clone()),
            line: Some(case.line),
            failure: ran.wrong.clone().map(|wrong| (wrong.clone(), wrong)),
        };
        let mut suites = vec![junit::Suite { name: "cases".to_owned(), cases: self.ran.iter().map(case).collect() }];
        if min.is_some_and(|min| self.coverage.percent() < min) {
            let never = |rule: &Arc<RuleInfo>| junit::Case {
                group: rule.source.file.to_string(),
                name: rule.id.to_string(),
                file: Some(rule.source.file.to_string()),
                line: Some(rule.source.line.into()),
                failure: Some(("no case exercises this rule".to_owned(), rule.sentence.clone())),
            };
            let cases = self.coverage.never.iter().map(never).collect();
            suites.push(junit::Suite { name: "coverage".to_owned(), cases });
        }
        suites
    }
}
