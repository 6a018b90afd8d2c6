//! `check`: everything a load does, without loading.

use std::path::Path;
use std::process::ExitCode;

use policy::{Bundle, PolicyError};
use serde_json::{Value, json};

use mcp::Target;
use model::{AppId, Fault};

use crate::cli::{CheckArgs, CheckFormat, Common};
use crate::clock::environment;
use crate::config::{Config, Problems, nearest};
use crate::gateway::{bad_file, bundle_of, compile, reviews_of};
use crate::known::unseen_tools;
use crate::report::junit::{Case, Suite, document};
use crate::report::{Finding, Kind, Level, sarif};
use crate::terminal::{out, say};

/// Checks, and tells in the format that was asked for. Exit code 2: nothing of this would be put in force; 1: there are
/// notes, and notes count.
pub fn run(common: &Common, args: &CheckArgs) -> Result<ExitCode, Fault> {
    let format = if common.json { CheckFormat::Json } else { args.format };
    let checked = Checked::of(&common.config);
    match format {
        CheckFormat::Text => return told(common, args, checked),
        CheckFormat::Json => out(checked.to_json()),
        CheckFormat::Sarif => out(format_args!("{:#}", sarif::log(&checked.findings))),
        CheckFormat::Junit => out(document(&[checked.suite(&common.config)]).trim_end()),
    }
    Ok(checked.code(args.strict))
}

/// What came of looking.
struct Checked {
    loaded: Result<(Config, Bundle), Refused>,
    findings: Vec<Finding>,
}

/// What keeps it from being loaded.
enum Refused {
    Config(Problems),
    Rules(Box<Config>),
}

impl Checked {
    fn of(file: &Path) -> Self {
        let config = match Config::load(file, &environment) {
            Ok(config) => config,
            Err(problems) => {
                let findings = problems.0.iter().map(of_problem).collect();
                return Self { loaded: Err(Refused::Config(problems)), findings };
            }
        };
        let beside = |name: &str| shown(&folder_of(file).join(name));
        match bundle_of(&config) {
            Ok(bundle) => {
                let mut findings = notes(&config, file, &beside);
                findings.extend(bundle.notes().iter().map(|note| of_error(Kind::RuleNote, note, &beside)));
                match reviews_of(&config) {
                    Ok(reviews) => {
                        let unknown = unseen_tools(&config, &bundle, &reviews);
                        findings.extend(unknown.iter().map(|note| of_error(Kind::UnknownTool, note, &beside)));
                    }
                    Err(fault) => findings.push(tools_unread(file, &fault)),
                }
                Self { loaded: Ok((config, bundle)), findings }
            }
            Err(errors) => {
                let findings = errors.iter().map(|error| of_error(Kind::Rule, error, &beside)).collect();
                Self { loaded: Err(Refused::Rules(Box::new(config))), findings }
            }
        }
    }

    fn code(&self, strict: bool) -> ExitCode {
        if self.loaded.is_err() {
            return ExitCode::from(2);
        }
        ExitCode::from(u8::from(strict && self.findings.iter().any(|found| found.kind.counts())))
    }

    fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|found| {
                json!({
                    "kind": found.kind.id(),
                    "level": found.kind.level().as_str(),
                    "file": found.path,
                    "line": (found.line > 0).then_some(found.line),
                    "column": (found.column > 0).then_some(found.column),
                    "message": found.said,
                    "hint": found.hint,
                })
            })
            .collect();
        match &self.loaded {
            Err(_) => json!({ "ok": false, "findings": findings }),
            Ok((config, bundle)) => json!({
                "ok": true,
                "bundle": model::Rules::digest(bundle).to_string(),
                "rules": bundle.rules().len(),
                "people": config.directory.humans.len(),
                "agents": config.directory.agents.len(),
                "apps": config.directory.apps.len(),
                "findings": findings,
            }),
        }
    }

    /// One case for each file, and one more for each thing that keeps a file from loading.
    fn suite(&self, config: &Path) -> Suite {
        let mut files = vec![shown(config)];
        let of_rules = match &self.loaded {
            Ok((config, _)) => Some(config),
            Err(Refused::Rules(config)) => Some(config.as_ref()),
            Err(Refused::Config(_)) => None,
        };
        let names = of_rules.into_iter().flat_map(|config| &config.rules);
        files.extend(names.map(|rule| shown(&folder_of(config).join(&rule.name))));
        let errors = || self.findings.iter().filter(|found| found.kind.level() == Level::Error);
        for found in errors() {
            if !files.contains(&found.path) {
                files.push(found.path.clone());
            }
        }
        let mut cases = Vec::new();
        for file in files {
            let mut wrong: Vec<Case> = errors().filter(|found| found.path == file).map(failed).collect();
            if wrong.is_empty() {
                let (name, file) = ("loads".to_owned(), Some(file.clone()));
                wrong.push(Case { group: file.clone().unwrap_or_default(), name, file, line: None, failure: None });
            }
            cases.append(&mut wrong);
        }
        Suite { name: "check".to_owned(), cases }
    }
}

fn failed(found: &Finding) -> Case {
    let all = match &found.hint {
        Some(hint) => format!("{found}\nhint: {hint}"),
        None => found.to_string(),
    };
    Case {
        group: found.path.clone(),
        name: format!("{}:{} {}", found.line, found.column, found.kind.id()),
        file: Some(found.path.clone()),
        line: Some(found.line).filter(|line| *line > 0),
        failure: Some((found.said.clone(), all)),
    }
}

/// For people: what is wrong is an error of the command, with the lines themselves.
fn told(common: &Common, args: &CheckArgs, checked: Checked) -> Result<ExitCode, Fault> {
    let code = checked.code(args.strict);
    let (_, bundle) = match checked.loaded {
        Ok(loaded) => loaded,
        Err(Refused::Config(problems)) => return Err(bad_file(problems)),
        Err(Refused::Rules(config)) => return compile(&config).map(|_| code),
    };
    out(format_args!("in order: {} rules, bundle {}", bundle.rules().len(), model::Rules::digest(&bundle).short()));
    for found in checked.findings {
        let place = if found.file == common.config.display().to_string() { found.said } else { found.to_string() };
        let hint = found.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        say(format_args!("note: {place}{hint}"));
    }
    Ok(code)
}

fn of_error(kind: Kind, error: &PolicyError, beside: &dyn Fn(&str) -> String) -> Finding {
    Finding {
        kind,
        file: error.file().to_owned(),
        path: beside(error.file()),
        line: error.line().into(),
        column: error.column().into(),
        said: error.said().to_owned(),
        hint: error.hint().map(str::to_owned),
    }
}

fn of_problem(problem: &crate::config::Problem) -> Finding {
    Finding {
        kind: Kind::Configuration,
        file: problem.file.clone(),
        path: shown(Path::new(&problem.file)),
        line: problem.line,
        column: problem.column,
        said: problem.said.clone(),
        hint: problem.hint.clone(),
    }
}

/// What loads, and may not be what was meant.
fn notes(config: &Config, file: &Path, beside: &dyn Fn(&str) -> String) -> Vec<Finding> {
    let mut apps: Vec<_> = config.directory.apps.values().filter(|app| app.owners.is_empty()).collect();
    apps.sort_by(|one, other| one.id.cmp(&other.id));
    let mut notes: Vec<Finding> = apps
        .into_iter()
        .map(|app| Finding {
            kind: Kind::Unowned,
            file: file.display().to_string(),
            path: shown(file),
            line: 0,
            column: 0,
            said: format!("nobody owns app `{}`: its holds have nobody to approve them", app.id),
            hint: Some("add `owners:`".to_owned()),
        })
        .collect();
    notes.extend(alone(config, file));
    notes.extend(unknown_names(config, beside));
    notes.extend(unseen(config, file));
    notes.extend(not_there(config, file));
    notes
}

/// Folders and programs that apps are started with, and that this machine does not have.
fn not_there(config: &Config, file: &Path) -> Vec<Finding> {
    let missing = config.apps.iter().filter_map(|app| {
        let Target::Child(child) = &app.target else { return None };
        let (what, key, path) = match &child.directory {
            Some(directory) if !directory.is_dir() => ("folder", "directory:", directory),
            _ if !child.program.is_file() => ("program", "command:", &child.program),
            _ => return None,
        };
        Some(Finding {
            kind: Kind::NotThere,
            file: file.display().to_string(),
            path: shown(file),
            line: 0,
            column: 0,
            said: format!(
                "there is no {what} `{}` on this machine: app `{}` cannot be started here",
                path.display(),
                app.id
            ),
            hint: Some(format!("correct its `{key}`, unless the gateway runs on another machine")),
        })
    });
    missing.collect()
}

/// Changes of records that a contract is about and that nobody can look at before: each is refused.
fn unseen(config: &Config, file: &Path) -> Vec<Finding> {
    let agreed = |app: &AppId| config.contracts.iter().any(|contract| contract.agreement().apps.contains(app));
    let mapped = config.mappings.iter().filter(|(app, _)| agreed(app));
    let all = mapped.flat_map(|(app, mapping)| mapping.unseen().map(move |change| (app, change)));
    all.map(|(app, change)| Finding {
        kind: Kind::Unseen,
        file: file.display().to_string(),
        path: shown(file),
        line: 0,
        column: 0,
        said: format!(
            "`{change}` of app `{app}` changes a record that nothing looks up in the same way and that says which one it is: no \
             contract lets it out"
        ),
        hint: Some(
            "have its mapping name a read of one record by the same path, or the same argument, and the `id` of its kind of record"
                .to_owned(),
        ),
    })
    .collect()
}

/// One person alone: nobody approves what agents do for that very person.
fn alone(config: &Config, file: &Path) -> Option<Finding> {
    let directory = &config.directory;
    let mut people = directory.humans.values();
    let (Some(person), None, false) = (people.next(), people.next(), directory.apps.is_empty()) else { return None };
    Some(Finding {
        kind: Kind::OnePerson,
        file: file.display().to_string(),
        path: shown(file),
        line: 0,
        column: 0,
        said: format!(
            "`{}` is the only person, and nobody approves what agents do for themselves: what would wait for a person is \
             refused",
            person.id
        ),
        hint: Some(
            "name another under `people:` and under `owners:`, or set `risk: low` where reads may run".to_owned(),
        ),
    })
}

/// There is a trace, and it does not say here what apps offer: a machine that only checks may reach no database.
fn tools_unread(file: &Path, fault: &Fault) -> Finding {
    Finding {
        kind: Kind::ToolsUnread,
        file: file.display().to_string(),
        path: shown(file),
        line: 0,
        column: 0,
        said: format!("whether rules name tools that nobody has seen cannot be told here: {fault}"),
        hint: fault.way_out().map(str::to_owned),
    }
}

/// Names in rules that the configuration does not have: such a rule is right, and never fires.
fn unknown_names(config: &Config, beside: &dyn Fn(&str) -> String) -> Vec<Finding> {
    let directory = &config.directory;
    let agents: Vec<&str> = directory.agents.keys().map(|id| id.as_str()).collect();
    let people: Vec<&str> = directory.humans.keys().map(|id| id.as_str()).collect();
    let apps: Vec<&str> = directory.apps.keys().map(|id| id.as_str()).collect();
    let mut roles: Vec<&str> = directory.humans.values().filter_map(|human| human.role.as_deref()).collect();
    roles.sort_unstable();
    roles.dedup();
    let kinds = [
        ("Agent::\"", "agent", &agents),
        ("Human::\"", "person", &people),
        ("App::\"", "app", &apps),
        ("Tool::\"", "app", &apps),
        ("Resource::\"", "app", &apps),
        ("Prompt::\"", "app", &apps),
        ("Request::\"", "app", &apps),
        // Who approves, in Cedar and in Rego.
        ("human:", "person", &people),
        ("role:", "person with the role", &roles),
    ];
    let mut notes = Vec::new();
    for rule in &config.rules {
        for (line, text) in (1..).zip(rule.text.lines()) {
            let code = text.split("//").next().unwrap_or_default();
            for (begin, word, known) in &kinds {
                for (at, _) in code.match_indices(begin) {
                    let name = code.get(at + begin.len()..).unwrap_or_default();
                    let name = name
                        .split(|letter: char| letter.is_whitespace() || "\"'/,=]}".contains(letter))
                        .next()
                        .unwrap_or_default();
                    if !name.is_empty() && !known.contains(&name) {
                        let before = code.get(..at).unwrap_or_default().chars().count();
                        notes.push(Finding {
                            kind: Kind::UnknownName,
                            file: rule.name.clone(),
                            path: beside(&rule.name),
                            line,
                            column: before as u64 + 1,
                            said: format!("there is no {word} `{name}`, so this never fits"),
                            hint: Some(nearest(name, known.iter().copied())),
                        });
                    }
                }
            }
        }
    }
    notes
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A path as programs take it that run where the command was started.
fn shown(path: &Path) -> String {
    let plain = path.components().filter(|part| *part != std::path::Component::CurDir);
    plain.collect::<std::path::PathBuf>().display().to_string()
}
