//! From the text of a rule to a checked rule.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{
    Policy, PolicyId, PolicySet, Schema, Template, ValidationError, ValidationMode, ValidationWarning, Validator,
};
use miette::Diagnostic;
use model::{AppId, Layer, RuleId, RuleInfo, RuleSource, limits::FILE_BYTES_MAX};

use crate::error::{Complaint, PolicyError};
use crate::lint::Mention;
use crate::source::{RuleFile, position, split};
use crate::tree::Reads;
use crate::vocabulary::{ACTIONS, TYPES, attribute_hint, schema, schema_with_everything_known};
use crate::{annotations, lint};
use spelling::{did_you_mean, listed};

/// One rule that passed every check, under its own id.
pub(crate) struct Rule {
    pub(crate) info: Arc<RuleInfo>,
    pub(crate) policy: Policy,
}

/// Compiles files one after the other and remembers the ids.
pub(crate) struct Compiler {
    guarded: Validator,
    unguarded: Validator,
    seen: HashMap<RuleId, RuleSource>,
    rules: Vec<Rule>,
    /// The tests and budgets that rules in Cedar ask for by name.
    asked_for: Vec<AskedFor>,
    errors: Vec<PolicyError>,
}

/// A test or a budget that a rule asks for by name, and where.
struct AskedFor {
    file: Arc<str>,
    place: (u32, u32),
    /// The app that the rule is about; none: all.
    app: Option<AppId>,
    mention: Mention,
}

/// What rules in YAML make by name.
pub(crate) struct Made<'a> {
    pub(crate) tests: BTreeSet<&'a str>,
    /// Budgets, and the apps on which they are counted; none: all.
    pub(crate) budgets: BTreeMap<&'a str, Option<&'a [AppId]>>,
}

/// What rules in Cedar ask for by name.
#[derive(Default)]
pub(crate) struct Named {
    /// The tests.
    pub(crate) wants: Vec<Wants>,
    /// What is worth a look about budgets.
    pub(crate) notes: Vec<PolicyError>,
}

/// A test that a rule in Cedar asks for.
pub(crate) struct Wants {
    pub(crate) test: String,
    /// Of calls to this app; none: to all.
    pub(crate) app: Option<AppId>,
}

/// The shipped rules, asked where no rule of the organisation permits.
pub fn baseline() -> RuleFile {
    RuleFile { name: "baseline.cedar".to_owned(), text: include_str!("../../../policies/baseline.cedar").to_owned() }
}

impl Compiler {
    /// A compiler for the schema in force. Error: the shipped schema is wrong.
    pub(crate) fn new() -> Result<Self, PolicyError> {
        Ok(Self {
            guarded: Validator::new(parse_schema(schema())?),
            unguarded: Validator::new(parse_schema(&schema_with_everything_known())?),
            seen: HashMap::new(),
            rules: Vec::new(),
            asked_for: Vec::new(),
            errors: Vec::new(),
        })
    }

    /// Takes every rule of a file in.
    pub(crate) fn file(&mut self, layer: Layer, file: &RuleFile) {
        let name: Arc<str> = Arc::from(file.name.as_str());
        if file.text.len() as u64 > FILE_BYTES_MAX {
            let said = format!("this file is larger than {FILE_BYTES_MAX} bytes");
            self.errors.push(PolicyError::new(&name, (1, 1), said, None));
            return;
        }
        let pieces = split(&file.text);
        for (place, range) in pieces.rules.into_iter().enumerate() {
            let (line, column) = position(&file.text, range.start);
            let text = file.text.get(range.clone()).unwrap_or_default();
            let source = RuleSource { file: Arc::clone(&name), line, column, text: Arc::from(text) };
            let derived = format!("{}#{}", file.stem(), place + 1);
            let mut complaints = Vec::new();
            let rule = self.rule(layer, (source, text), &derived, &mut complaints);
            for mention in rule.iter().flat_map(|rule| lint::mentions(&rule.policy, text)) {
                let place = position(&file.text, range.start + mention.at);
                let app = rule.as_ref().and_then(|rule| lint::app_of_head(&rule.policy));
                self.asked_for.push(AskedFor { file: Arc::clone(&name), place, app, mention });
            }
            self.rules.extend(rule);
            self.complain(file, &name, range.start, complaints);
        }
        if let Some(rest) = pieces.rest {
            let text = file.text.get(rest.clone()).unwrap_or_default();
            let complaints = match text.parse::<PolicySet>() {
                Ok(_) => vec![Complaint::new(0, "this is not a rule").hint(SEMICOLON)],
                Err(errors) => errors.iter().map(|error| syntax(error, text).or_hint(SEMICOLON)).collect(),
            };
            self.complain(file, &name, rest.start, complaints);
        }
    }

    /// Takes in a rule that was read from another language, as Cedar. What is wrong is told at the place it was written.
    pub(crate) fn written(&mut self, source: RuleSource, text: &str) {
        let mut complaints = Vec::new();
        let (file, place) = (Arc::clone(&source.file), (source.line, source.column));
        let rule = self.rule(Layer::Organisation, (source, text), "", &mut complaints);
        self.rules.extend(rule);
        for Complaint { said, hint, .. } in complaints {
            self.errors.push(PolicyError::new(&file, place, said, hint.map(|hint| hint.replace("`@id`", "`id`"))));
        }
    }

    /// Takes an id for a rule of the organisation that is not Cedar. Error: it is no id, or another rule has it.
    pub(crate) fn take_id(&mut self, id: &str, source: &RuleSource) -> Result<RuleId, Complaint> {
        let id = annotations::rule_id(id, Layer::Organisation)?;
        match self.seen.get(&id) {
            Some(first) => Err(Complaint::new(0, format!("the id `{id}` is taken by the rule at {first}"))
                .hint("give each rule its own: `# METADATA` and `# custom: {id: …}` above it")),
            None => {
                self.seen.insert(id.clone(), source.clone());
                Ok(id)
            }
        }
    }

    /// Whether a rule that was taken in so far reads an attribute of this name.
    pub(crate) fn reads(&self, name: &str) -> bool {
        let mut reads = Reads::default();
        self.rules.iter().for_each(|rule| reads.add(&rule.policy));
        reads.has(name)
    }

    /// Refuses rules that ask for a test or a budget which does not exist, or is not counted on their app, so that the question
    /// is never true. A rule about any app may say in its conditions which it means: of that there is a note.
    pub(crate) fn names(&mut self, made: &Made<'_>) -> Named {
        let mut named = Named::default();
        for AskedFor { file, place, app, mention: Mention { set, word, .. } } in std::mem::take(&mut self.asked_for) {
            let wrong = match (set.as_str(), made.budgets.get(word.as_str())) {
                ("spent", Some(apps)) => not_counted_there(&word, *apps, app.as_ref()),
                ("spent", None) => Some(unmade(&set, "budget", &word, made.budgets.keys().copied())),
                _ if made.tests.contains(word.as_str()) => {
                    named.wants.push(Wants { test: word, app });
                    continue;
                }
                _ => Some(unmade(&set, "test", &word, made.tests.iter().copied())),
            };
            let open = app.is_none() && made.budgets.contains_key(word.as_str());
            let told = if open && set == "spent" { &mut named.notes } else { &mut self.errors };
            told.extend(wrong.map(|(said, hint)| PolicyError::new(&file, place, said, Some(hint))));
        }
        named
    }

    /// What somebody else found wrong.
    pub(crate) fn refuse(&mut self, errors: Vec<PolicyError>) {
        self.errors.extend(errors);
    }

    /// Every rule in the order it came, or everything that is wrong, in the order of files and places.
    pub(crate) fn finish(mut self) -> Result<Vec<Rule>, Vec<PolicyError>> {
        if self.errors.is_empty() {
            return Ok(self.rules);
        }
        self.errors.sort();
        self.errors.dedup();
        Err(self.errors)
    }

    fn rule(
        &mut self,
        layer: Layer,
        (source, text): (RuleSource, &str),
        derived: &str,
        complaints: &mut Vec<Complaint>,
    ) -> Option<Rule> {
        let policy = parse(text, complaints)?;
        let notes = annotations::read(&policy, layer, text, complaints);
        lint::lint(&policy, text, complaints);
        self.validate(&policy, text, complaints);
        let id = match notes.id {
            Some(id) => id,
            // The id was no id, and that is told already.
            None if derived.is_empty() => return None,
            None => RuleId::parse(derived)
                .map_err(|error| complaints.push(Complaint::new(0, error.to_string()).hint("give it an `@id`")))
                .ok()?,
        };
        if let Some(first) = self.seen.get(&id) {
            let at = text.find("@id").unwrap_or_default();
            complaints.push(
                Complaint::new(at, format!("the id `{id}` is taken by the rule at {first}"))
                    .hint("give each rule its own `@id`"),
            );
            return None;
        }
        self.seen.insert(id.clone(), source.clone());
        let policy = policy.new_id(PolicyId::new(id.as_str()));
        let info = RuleInfo {
            instead: notes.instead,
            approvers: notes.approvers,
            redact: notes.redact,
            approvals: notes.approvals,
            observe: notes.observe,
            security_relevant: notes.security_relevant,
            limits: notes.limits,
            ..RuleInfo::new(id, notes.outcome, layer, source, notes.sentence)
        };
        Some(Rule { info: Arc::new(info), policy })
    }

    /// Two passes. With everything known an unguarded read is fine, but `!(x has y)` looks impossible; with facts that
    /// may be unknown it is the other way round. So a rule is impossible only if both passes say so.
    fn validate(&self, policy: &Policy, text: &str, complaints: &mut Vec<Complaint>) {
        let Ok(set) = PolicySet::from_policies([policy.clone()]) else {
            complaints.push(Complaint::new(0, "this rule cannot be read"));
            return;
        };
        let unguarded = self.unguarded.validate(&set, ValidationMode::Strict);
        let guarded = self.guarded.validate(&set, ValidationMode::Strict);
        for error in unguarded.validation_errors().chain(guarded.validation_errors()) {
            if !matches!(error, ValidationError::UnsafeOptionalAttributeAccess(_)) {
                let complaint = invalid(error, text);
                if !complaints.contains(&complaint) {
                    complaints.push(complaint);
                }
            }
        }
        if !complaints.is_empty() {
            return;
        }
        if unguarded.validation_warnings().any(says_never) && guarded.validation_warnings().any(says_never) {
            complaints.push(Complaint::new(0, "this rule can never match").maybe_hint(why_never(text)));
        }
        for warning in unguarded.validation_warnings().filter(|warning| !says_never(warning) && !is_ordinary(warning)) {
            complaints.push(Complaint::new(offset(warning), plain(warning)).maybe_hint(help(warning)));
        }
    }

    fn complain(&mut self, file: &RuleFile, name: &Arc<str>, start: usize, complaints: Vec<Complaint>) {
        for Complaint { at, said, hint } in complaints {
            self.errors.push(PolicyError::new(name, position(&file.text, start + at), said, hint));
        }
    }
}

/// What is wrong with a question for what no rule makes, and a way out.
fn unmade<'a>(set: &str, what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> (String, String) {
    let hint = match what {
        "budget" => "a budget is named as its rule is, as in `mail.max_calls`",
        _ => "rules in YAML make the tests; `countersign policy export --cedar FOLDER` writes them with their names",
    };
    let near = did_you_mean(word, known).unwrap_or_else(|| hint.to_owned());
    (format!("no rule has a {what} `{word}`, so `context.{set}` never holds it"), near)
}

/// What is wrong where a rule is about more than the apps on which a budget is counted.
fn not_counted_there(budget: &str, apps: Option<&[AppId]>, of: Option<&AppId>) -> Option<(String, String)> {
    let apps = apps.filter(|apps| of.is_none_or(|of| !apps.contains(of)))?;
    let names: Vec<String> = apps.iter().map(|app| format!("`{app}`")).collect();
    let elsewhere = of.map_or_else(|| "elsewhere".to_owned(), |of| format!("on `{of}`"));
    let first = apps.first().map_or("", AppId::as_str);
    Some((
        format!(
            "the budget `{budget}` is counted on {} only, so `context.spent` never holds it {elsewhere}",
            names.join(", ")
        ),
        format!("write a rule for each of its apps, as in `resource in App::\"{first}\"`"),
    ))
}

fn parse_schema(text: &str) -> Result<Schema, PolicyError> {
    match Schema::from_cedarschema_str(text) {
        Ok((schema, _)) => Ok(schema),
        Err(error) => {
            let place = position(text, offset(&error));
            Err(PolicyError::new(&Arc::from("schema.cedarschema"), place, error.to_string(), help(&error)))
        }
    }
}

fn parse(text: &str, complaints: &mut Vec<Complaint>) -> Option<Policy> {
    match Policy::parse(None, text) {
        Ok(policy) => Some(policy),
        Err(_) if Template::parse(None, text).is_ok() => {
            let at = ["?principal", "?resource"].iter().filter_map(|slot| text.rfind(slot)).min();
            complaints.push(
                Complaint::new(at.unwrap_or_default(), "a rule with a slot is a template, and nothing fills it")
                    .hint("write the agent, tool or app itself, or leave the condition open: `principal`, `resource`"),
            );
            None
        }
        Err(errors) => {
            complaints.extend(errors.iter().map(|error| syntax(error, text)));
            None
        }
    }
}

fn syntax(error: &(impl Diagnostic + ?Sized), text: &str) -> Complaint {
    let at = offset(error).min(text.len());
    Complaint::new(at, plain(error)).maybe_hint(help(error))
}

fn invalid(error: &ValidationError, text: &str) -> Complaint {
    let (start, snippet) = labelled(error, text);
    match error {
        ValidationError::UnsafeAttributeAccess(_) => {
            let mut words = snippet.rsplit(|c: char| !c.is_alphanumeric() && c != '_');
            let name = words.find(|word| !word.is_empty()).unwrap_or(snippet);
            let at = start + snippet.rfind(name).unwrap_or_default();
            Complaint::new(at, format!("unknown attribute `{name}`")).maybe_hint(attribute_hint(name))
        }
        ValidationError::UnrecognizedEntityType(_) => {
            let name = quoted(&error.to_string()).unwrap_or_else(|| snippet.to_owned());
            let hint = match name.as_str() {
                "Department" | "Role" => {
                    Some(format!("compare the attribute: `context.human.{} == \"…\"`", name.to_lowercase()))
                }
                _ => did_you_mean(&name, TYPES.iter().copied()),
            };
            Complaint::new(start, format!("unknown entity type `{name}`")).maybe_hint(hint)
        }
        ValidationError::UnrecognizedActionId(_) => {
            let name = quoted(&error.to_string()).unwrap_or_else(|| snippet.to_owned());
            Complaint::new(start, format!("unknown action `{name}`")).hint(format!("it is one of {}", listed(ACTIONS)))
        }
        _ => Complaint::new(start, plain(error)).maybe_hint(help(error)),
    }
}

fn says_never(warning: &ValidationWarning) -> bool {
    matches!(warning, ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_))
}

/// Departments and names are written in every script, and often in two at once.
fn is_ordinary(warning: &ValidationWarning) -> bool {
    matches!(warning, ValidationWarning::MixedScriptString(_))
}

/// The usual reason is a scope that mixes up a tool and its app.
fn why_never(text: &str) -> Option<String> {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (squeezed.contains("resource==App::") || squeezed.contains("resourceisApp"))
        .then(|| "the resource is a tool: write `resource in App::\"…\"` for all tools of an app".to_owned())
}

/// What Cedar says, without the name it gave the rule.
fn plain(error: &(impl std::fmt::Display + ?Sized)) -> String {
    let said = error.to_string().replace("for policy `policy0`, ", "");
    said.trim_end_matches('.').to_owned()
}

fn quoted(said: &str) -> Option<String> {
    said.rsplit('`').nth(1).map(str::to_owned)
}

fn help(error: &(impl Diagnostic + ?Sized)) -> Option<String> {
    error.help().map(|help| plain(&help))
}

fn offset(error: &(impl Diagnostic + ?Sized)) -> usize {
    error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset()).unwrap_or_default()
}

fn labelled<'a>(error: &(impl Diagnostic + ?Sized), text: &'a str) -> (usize, &'a str) {
    let span = error.labels().and_then(|mut labels| labels.next()).map(|label| (label.offset(), label.len()));
    let (start, length) = span.unwrap_or((0, text.len()));
    match text.get(start..start.saturating_add(length)) {
        Some(snippet) => (start, snippet),
        None => (0, text),
    }
}

const SEMICOLON: &str = "a rule ends with `;`";

#[cfg(test)]
mod tests;
