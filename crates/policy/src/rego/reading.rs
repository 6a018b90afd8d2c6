//! From files in Rego to rules that can be asked, or to what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use model::limits::FILE_BYTES_MAX;
use model::{Layer, RuleId, RuleInfo, RuleOutcome, RuleSource};
use regorus::unstable::{Expr, LiteralStmt, Module, Rule, RuleHead};
use regorus::{Engine, PolicyLengthConfig};

use super::functions::{BUILT_IN, has_effects};
use super::input::FACTS;
use super::walk::{Call, Found, Import, Path, Walk, head_of, imported, locals, name_of, place, written_out};
use super::{bounded, metadata, said};
use crate::compile::Compiler;
use crate::error::{Complaint, PolicyError};
use crate::source::RuleFile;
use spelling::did_you_mean;

/// What was read.
pub(super) struct Reading {
    pub(super) rules: Vec<Definition>,
    pub(super) engine: Engine,
    pub(super) texts: BTreeSet<String>,
    /// Whether one of them looks at what a tool is called.
    pub(super) reads_names: bool,
}

/// One rule that denies or holds.
pub(super) struct Definition {
    pub(super) info: Arc<RuleInfo>,
    pub(super) place: Place,
    pub(super) reads: Reads,
    /// The conditions of it that read nothing which may be missing; none: there are none, or they do not stand by themselves.
    pub(super) certain_part: Option<Place>,
}

/// Where the interpreter finds a rule, and under which name its value.
pub(super) struct Place {
    pub(super) module: usize,
    pub(super) rule: usize,
    pub(super) path: Path,
}

/// What a rule reads that may be missing, with all that it refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reads {
    facts: BTreeSet<String>,
    pub(super) roles: BTreeSet<Arc<str>>,
    pub(super) arguments: BTreeSet<Arc<str>>,
    pub(super) asks_what_is_unknown: bool,
}

/// One rule or function of any kind.
struct Named {
    path: Path,
    found: Found,
    function: bool,
    at: (u32, u32),
    file: usize,
}

/// What one file imports.
struct Imported {
    package: Path,
    import: Import,
    file: usize,
}

/// Files while they are read.
struct Reader<'f> {
    files: &'f [&'f RuleFile],
    compiler: &'f mut Compiler,
    engine: Engine,
    named: Vec<Named>,
    imported: Vec<Imported>,
    faulty: bool,
}

/// Reads files. None: something is wrong, and the compiler knows what.
pub(super) fn read(files: &[&RuleFile], compiler: &mut Compiler) -> Option<Reading> {
    let mut reader =
        Reader { files, compiler, engine: bounded(), named: Vec::new(), imported: Vec::new(), faulty: false };
    reader.parse();
    if reader.faulty {
        return None;
    }
    let modules: Vec<_> = reader.engine.get_modules().clone();
    for (file, module) in modules.iter().enumerate() {
        reader.imported(file, module);
    }
    for (file, module) in modules.iter().enumerate() {
        reader.file(file, module);
    }
    reader.imports();
    reader.calls();
    if reader.faulty {
        return None;
    }
    reader.prepare()?;
    let mut rules = Vec::new();
    for (file, module) in modules.iter().enumerate() {
        rules.extend(reader.rules(file, module));
    }
    if reader.faulty {
        return None;
    }
    let texts = reader.named.iter().flat_map(|named| named.found.texts.iter().cloned()).collect();
    let reads_names = reader.named.iter().flat_map(|named| &named.found.facts).any(|(path, _)| is_of_a_name(path));
    let mut engine = reader.engine;
    // Ready for the first call. That it works is known.
    drop(engine.eval_query("true".to_owned(), false));
    Some(Reading { rules, engine, texts, reads_names })
}

/// Where an error of the interpreter is, and what it says: `--> a.rego:4:5 … error: …`.
pub(super) fn located(error: &str) -> Option<(&str, String)> {
    let (_, rest) = error.split_once("--> ")?;
    let (place, rest) = rest.split_once('\n')?;
    let (_, said) = rest.split_once("error: ")?;
    let said = said.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    Some((place, said.replace("use of undefined variable", "undefined variable").replace(" is unsafe", "")))
}

impl Reader<'_> {
    fn parse(&mut self) {
        let length = PolicyLengthConfig { max_file_bytes: FILE_BYTES, ..PolicyLengthConfig::default() };
        self.engine.set_policy_length_config(length);
        for (place, file) in self.files.iter().enumerate() {
            if let Err(error) = self.engine.add_policy(file.name.clone(), file.text.clone()) {
                self.refuse_error(place, &error.to_string());
            }
        }
    }

    fn imported(&mut self, file: usize, module: &Module) {
        let Some(package) = written_out(&module.package.refr) else { return };
        self.imported.extend(imported(module).map(|import| Imported { package: package.clone(), import, file }));
    }

    fn imports_of(&self, package: &[String]) -> BTreeMap<String, Path> {
        let imported = self.imported.iter().filter(|imported| imported.package == package);
        imported.map(|Imported { import, .. }| (import.name.clone(), import.path.clone())).collect()
    }

    /// The checks of one file that need no other.
    fn file(&mut self, file: usize, module: &Module) {
        let at = place(&module.package.span);
        let Some(package) = written_out(&module.package.refr) else {
            return self.refuse(file, at, "a package is named without brackets", Some(PACKAGE));
        };
        let ours = package.first().is_some_and(|first| first == ROOT);
        let mut decides = false;
        for rule in &module.policy {
            let name = name_of(rule);
            let head = place(head_of(rule).span());
            match name.first().map(String::as_str) {
                Some("deny" | "hold") if !ours => {
                    let said = format!("nobody asks the rules of package `{}`", package.join("."));
                    self.refuse(file, at, &said, Some(PACKAGE));
                }
                Some(word @ ("deny" | "hold")) if ours => {
                    decides = true;
                    if !matches!(&**rule, Rule::Spec { head: RuleHead::Set { key: Some(_), .. }, .. }) || name.len() > 1
                    {
                        let hint = format!("write `{word} contains \"…\" if {{ … }}`");
                        self.refuse(file, head, &format!("`{word}` is a set of messages"), Some(&hint));
                    }
                }
                Some(word @ ("allow" | "permit")) if ours => {
                    let hint = "what is permitted stands in YAML or Cedar; here stands what is not: `deny contains … if { … }`";
                    self.refuse(
                        file,
                        head,
                        &format!("`{word}`: rules in Rego deny and hold, and permit nothing"),
                        Some(hint),
                    );
                }
                _ => {}
            }
        }
        if ours && !decides {
            let hint = "write `deny contains \"…\" if { … }`; what only others use stands in a package of its own";
            self.refuse(file, at, "this file denies and holds nothing", Some(hint));
        }
        let imports = self.imports_of(&package);
        for rule in &module.policy {
            let found = Walk::new(&package, &imports).rule(rule);
            let path = package.iter().cloned().chain(name_of(rule)).collect();
            let function = matches!(&**rule, Rule::Spec { head: RuleHead::Func { .. }, .. });
            self.facts(file, &found);
            self.named.push(Named { path, found, function, at: place(rule.span()), file });
        }
    }

    /// Whether there are the facts that are read.
    fn facts(&mut self, file: usize, found: &Found) {
        for (path, at) in &found.facts {
            let name = path.join(".");
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            let (said, hint) = match parts.as_slice() {
                ["arguments" | "roles", _] => continue,
                ["arguments", _, ..] => (
                    format!("the argument `input.{name}` is not found there"),
                    format!(
                        "inside of another it has dots in its name: `input.arguments[\"{}\"]`",
                        parts.get(1..).unwrap_or_default().join(".")
                    ),
                ),
                ["roles", role, ..] => (
                    format!("`input.roles.{role}` is a list of texts"),
                    format!("write `some value in input.roles.{role}`"),
                ),
                [] => ("`input` as a whole is read".to_owned(), "say which fact: `input.tool.class`".to_owned()),
                ["arguments" | "roles"] => (
                    format!("`input.{name}` as a whole is read"),
                    format!("say which one: `input.{name}.NAME`, so that only that is kept"),
                ),
                _ if FACTS.iter().any(|fact| fact.name == name || fact.name.starts_with(&format!("{name}."))) => {
                    continue;
                }
                _ => {
                    let near = did_you_mean(&name, FACTS.iter().map(|fact| fact.name));
                    (
                        format!("unknown fact `input.{name}`"),
                        near.unwrap_or_else(|| "the guide to rules in Rego lists all facts".to_owned()),
                    )
                }
            };
            self.refuse(file, *at, &said, Some(&hint));
        }
    }

    /// Whether each name that is imported means one thing. The interpreter keeps these names for all files of a package together,
    /// and takes a rule of that name before them.
    fn imports(&mut self) {
        let mut wrong = Vec::new();
        for (number, Imported { package, import: Import { name, path, at }, file }) in self.imported.iter().enumerate()
        {
            let earlier = self.imported.iter().take(number);
            let mut same = earlier.filter(|other| other.package == *package && other.import.name == *name);
            let other = same.find(|other| other.import.path != *path);
            let rule: Path = package.iter().chain([name]).cloned().collect();
            let itself = of_a_rule(path) == Some(&rule);
            let (said, hint) = if path.as_slice() == ["data"] {
                ("`data` as a whole is imported".to_owned(), "say which package: `import data.lib.days`")
            } else if matches!(name.as_str(), "input" | "data") && path.as_slice() != [name.as_str()] {
                (format!("`{name}` cannot be the name of something else"), RENAMED)
            } else if let Some(Imported { import: Import { path, at, .. }, file, .. }) = other {
                let (path, file) = (path.join("."), self.files.get(*file).map_or("", |file| file.name.as_str()));
                (format!("`{name}` is `{path}` at {file}:{} of the same package", at.0), RENAMED)
            } else if !itself && self.named.iter().any(|named| named.path.starts_with(&rule)) {
                (format!("there are rules called `{}`, too", rule.join(".")), RENAMED)
            } else {
                continue;
            };
            wrong.push((*file, *at, said, hint));
        }
        for (file, at, said, hint) in wrong {
            self.refuse(file, at, &said, Some(hint));
        }
    }

    /// Whether there are the functions that are called, and none calls itself.
    fn calls(&mut self) {
        let mut wrong = Vec::new();
        for named in &self.named {
            for Call { path, built_in, at } in &named.found.calls {
                let rule = of_a_rule(path);
                if *built_in || rule.is_some_and(|rule| self.named.iter().any(|other| other.path == rule)) {
                    continue;
                }
                let name = path.join(".");
                let written = self.written(named.file, *at).unwrap_or(&name);
                let near = did_you_mean(written, BUILT_IN.iter().copied()).filter(|_| !has_effects(written));
                let hint = near.unwrap_or_else(|| {
                    "what a rule says follows from its input alone; the guide to rules in Rego lists the functions"
                        .to_owned()
                });
                wrong.push((named.file, *at, format!("unknown function `{written}`"), hint));
            }
            if named.function && self.reaches_itself(&named.path) {
                let said = format!("the function `{}` calls itself", named.path.join("."));
                wrong.push((named.file, named.at, said, "work over a list with `some` or `every`".to_owned()));
            }
        }
        for (file, at, said, hint) in wrong {
            self.refuse(file, at, &said, Some(&hint));
        }
    }

    /// The name that stands at this place.
    fn written(&self, file: usize, (line, column): (u32, u32)) -> Option<&str> {
        let line = self.files.get(file)?.text.lines().nth(line.saturating_sub(1) as usize)?;
        let start = line.char_indices().nth(column.saturating_sub(1) as usize)?.0;
        let rest = line.get(start..)?;
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
        rest.get(..end).filter(|name| !name.is_empty())
    }

    fn reaches_itself(&self, function: &[String]) -> bool {
        let called = |path: &[String]| -> Vec<&[String]> {
            let of_path = self.named.iter().filter(|named| named.path == path);
            of_path.flat_map(|named| named.found.calls.iter().filter_map(|call| of_a_rule(&call.path))).collect()
        };
        let (mut seen, mut open) = (BTreeSet::new(), called(function));
        while let Some(next) = open.pop() {
            if next == function {
                return true;
            }
            if seen.insert(next) {
                open.extend(called(next));
            }
        }
        false
    }

    /// Lets the interpreter check everything together.
    fn prepare(&mut self) -> Option<()> {
        match self.engine.eval_query("true".to_owned(), false) {
            Ok(_) => Some(()),
            Err(error) => {
                self.refuse_error(0, &error.to_string());
                None
            }
        }
    }

    fn rules(&mut self, file: usize, module: &Module) -> Vec<Definition> {
        let Some(package) =
            written_out(&module.package.refr).filter(|package| package.first().is_some_and(|first| first == ROOT))
        else {
            return Vec::new();
        };
        let mut rules = Vec::new();
        for (place, rule) in module.policy.iter().enumerate() {
            let outcome = match name_of(rule).first().map(String::as_str) {
                Some("deny") => RuleOutcome::Deny,
                Some("hold") => RuleOutcome::Hold,
                _ => continue,
            };
            let Some(info) = self.info(file, (module, rule), outcome, rules.len() + 1) else { continue };
            let imports = self.imports_of(&package);
            let reads = self.reads(&Walk::new(&package, &imports).rule(rule));
            let certain_part = match reads.may_be_missing() {
                true => self.certain_part(file, module, rule, &package),
                false => None,
            };
            let path = package.iter().cloned().chain(name_of(rule)).collect();
            let place = Place { module: file, rule: place, path };
            rules.push(Definition { info: Arc::new(info), place, reads, certain_part });
        }
        rules
    }

    fn info(
        &mut self,
        file: usize,
        (module, rule): (&Module, &Rule),
        outcome: RuleOutcome,
        number: usize,
    ) -> Option<RuleInfo> {
        let (line, column) = place(rule.span());
        let of = *self.files.get(file)?;
        let metadata = match metadata::above(&of.text, line) {
            Ok(metadata) => metadata,
            Err(Complaint { said, hint, .. }) => {
                self.refuse(file, (line, column), &said, hint.as_deref());
                return None;
            }
        };
        let start = rule.span().start as usize;
        let text = of.text.get(start..end_of(module, rule, &of.text)).map(written).unwrap_or_default();
        let source = RuleSource { file: Arc::from(of.name.as_str()), line, column, text: Arc::from(text) };
        let id = metadata.custom.id.unwrap_or_else(|| format!("{}#{number}", of.stem()));
        let id: RuleId = match self.compiler.take_id(&id, &source) {
            Ok(id) => id,
            Err(Complaint { said, hint, .. }) => {
                self.refuse(file, (line, column), &said, hint.as_deref());
                return None;
            }
        };
        let written = metadata.title.as_deref().or_else(|| message_of(rule));
        let sentence = written.and_then(|text| said::sentence(text).ok());
        let sentence = sentence.unwrap_or_else(|| crate::annotations::unsaid(outcome));
        Some(RuleInfo {
            observe: metadata.custom.observe,
            security_relevant: metadata.custom.security_relevant,
            ..RuleInfo::new(id, outcome, Layer::Organisation, source, sentence)
        })
    }

    /// What is read here and in everything that is referred to, however far.
    fn reads(&self, found: &Found) -> Reads {
        let mut reads = Reads::default();
        reads.take(found);
        let targets = |found: &Found| -> Vec<Path> {
            let calls = found.calls.iter().filter_map(|call| of_a_rule(&call.path)).map(<[String]>::to_vec);
            found.refers.iter().cloned().chain(calls).collect()
        };
        let (mut open, mut seen) = (targets(found), vec![false; self.named.len()]);
        while let Some(target) = open.pop() {
            for (named, seen) in self.named.iter().zip(&mut seen) {
                if !*seen && (named.path.starts_with(&target) || target.starts_with(&named.path)) {
                    *seen = true;
                    reads.take(&named.found);
                    open.extend(targets(&named.found));
                }
            }
        }
        reads
    }

    /// Adds a rule of those conditions that read nothing which may be missing, if they stand by themselves.
    fn certain_part(&mut self, file: usize, module: &Module, rule: &Rule, package: &[String]) -> Option<Place> {
        let Rule::Spec { bodies, .. } = rule else { return None };
        let [body] = bodies.as_slice() else { return None };
        let imports = self.imports_of(package);
        // By itself, a condition that reads a variable of this name would read the rule, or what is imported.
        let shadowed = |name: String| {
            let imported = imports.contains_key(&name);
            let path: Path = package.iter().cloned().chain([name]).collect();
            imported || self.named.iter().any(|named| named.path.starts_with(&path))
        };
        if body.query.stmts.iter().flat_map(locals).any(shadowed) {
            return None;
        }
        let source = self.files.get(file)?.text.as_str();
        let rule_end = end_of(module, rule, source);
        let starts: Vec<usize> = body.query.stmts.iter().map(|of| start_of(of.span.start, source)).collect();
        let mut statements = Vec::new();
        for certain in self.certain(&body.query.stmts, package, &imports) {
            let start = start_of(certain.span.start, source);
            let next = starts.iter().copied().filter(|other| *other > start).min();
            let text = written(source.get(start..next.unwrap_or(rule_end))?);
            // The last one may have the end of the body behind it.
            let braced = next.is_none() && text.matches('}').count() > text.matches('{').count();
            statements.push(if braced { text.strip_suffix('}')?.trim_end() } else { text });
        }
        if statements.is_empty() {
            return None;
        }
        let mut text = format!("package {}\n", package.join("."));
        for import in &module.imports {
            text.push_str(import.span.text());
            text.push('\n');
        }
        let (line, column) = place(rule.span());
        let name = format!("countersign_certain_part_{file}_{line}_{column}");
        text.push_str(&format!("{name} if {{\n{}\n}}\n", statements.join("\n")));
        let mut tried = self.engine.clone();
        tried.add_policy(name.clone(), text).ok()?;
        tried.eval_query("true".to_owned(), false).ok()?;
        let module = tried.get_modules().len().checked_sub(1)?;
        self.engine = tried;
        Some(Place { module, rule: 0, path: package.iter().cloned().chain([name]).collect() })
    }

    /// The conditions that neither read what may be missing nor a variable that one of those binds.
    fn certain<'s>(
        &self,
        statements: &'s [LiteralStmt],
        package: &[String],
        imports: &BTreeMap<String, Path>,
    ) -> impl Iterator<Item = &'s LiteralStmt> {
        let found = |statement: &'s LiteralStmt| {
            let mut walk = Walk::new(package, imports);
            walk.statement(statement);
            (statement, walk.found)
        };
        let (mut certain, doubtful): (Vec<_>, Vec<_>) =
            statements.iter().map(found).partition(|(_, found)| !self.reads(found).may_be_missing());
        let is_rule =
            |path: &Path| self.named.iter().any(|named| named.path.starts_with(path) || path.starts_with(&named.path));
        let mut variables: BTreeSet<Path> = doubtful.into_iter().flat_map(|(_, found)| found.refers).collect();
        loop {
            variables.retain(|path| !is_rule(path));
            let begins = |path: &Path| path.get(..=package.len()).map(<[String]>::to_vec);
            let names: BTreeSet<Path> = variables.iter().filter_map(begins).collect();
            let (more, rest): (Vec<_>, Vec<_>) = certain
                .into_iter()
                .partition(|(_, found)| found.refers.iter().filter_map(begins).any(|name| names.contains(&name)));
            certain = rest;
            if more.is_empty() {
                break;
            }
            variables.extend(more.into_iter().flat_map(|(_, found)| found.refers));
        }
        certain.into_iter().map(|(statement, _)| statement)
    }

    fn refuse(&mut self, file: usize, at: (u32, u32), said: &str, hint: Option<&str>) {
        let name = self.files.get(file).map_or("", |file| file.name.as_str());
        self.faulty = true;
        let error = PolicyError::new(&Arc::from(name), at, said.to_owned(), hint.map(str::to_owned));
        self.compiler.refuse(vec![error]);
    }

    /// What the interpreter says is wrong.
    fn refuse_error(&mut self, file: usize, error: &str) {
        let Some((written, said)) = located(error) else {
            let said: Vec<&str> = error.split_whitespace().collect();
            return self.refuse(file, (1, 1), &said.join(" "), None);
        };
        let mut parts = written.rsplitn(3, ':');
        let mut number = || parts.next().and_then(|number| number.trim().parse().ok()).unwrap_or(1);
        let (column, line) = (number(), number());
        let name = parts.next().unwrap_or_default();
        let file = self.files.iter().position(|file| file.name == name).unwrap_or(file);
        self.refuse(file, (line, column), &said, None);
    }
}

impl Reads {
    /// Whether one of these facts may be missing.
    fn may_be_missing(&self) -> bool {
        !self.facts.is_empty() || self.any_argument()
    }

    pub(super) fn any_argument(&self) -> bool {
        !self.roles.is_empty() || !self.arguments.is_empty()
    }

    pub(super) fn has(&self, fact: &str) -> bool {
        match fact.split_once('.') {
            Some(("roles", role)) => self.roles.contains(role),
            Some(("arguments", name)) => self.arguments.contains(name),
            _ => self.facts.contains(fact),
        }
    }

    fn take(&mut self, found: &Found) {
        for (path, _) in &found.facts {
            let name = path.join(".");
            match path.as_slice() {
                [kind, role] if kind == "roles" => drop(self.roles.insert(Arc::from(role.as_str()))),
                [kind, name] if kind == "arguments" => drop(self.arguments.insert(Arc::from(name.as_str()))),
                [kind, ..] if kind == "unknown" => self.asks_what_is_unknown = true,
                _ => {
                    let below = format!("{name}.");
                    let read = |fact: &&super::input::Fact| {
                        fact.may_be_unknown && (fact.name == name || fact.name.starts_with(&below))
                    };
                    self.facts.extend(FACTS.iter().filter(read).map(|fact| fact.name.to_owned()));
                }
            }
        }
    }
}

/// Whether a fact is what a tool is called, or holds it.
fn is_of_a_name(path: &[String]) -> bool {
    matches!(path, [tool] if tool == "tool") || matches!(path, [tool, name, ..] if tool == "tool" && name == "name")
}

/// The message of a rule that always says the same.
fn message_of(rule: &Rule) -> Option<&str> {
    let Rule::Spec { head: RuleHead::Set { key: Some(key), .. }, .. } = rule else { return None };
    match &**key {
        Expr::String { value, .. } | Expr::RawString { value, .. } => value.as_string().ok().map(|text| &**text),
        _ => None,
    }
}

/// Where the next rule begins. The ends that the interpreter knows are those of tokens, and a text's quote is no part of its
/// token.
fn end_of(module: &Module, rule: &Rule, source: &str) -> usize {
    let starts = module.policy.iter().map(|other| other.span().start);
    starts.filter(|start| *start > rule.span().start).min().map_or(source.len(), |start| start as usize)
}

/// Where a condition begins, its opening quote included.
fn start_of(token: u32, source: &str) -> usize {
    let token = token as usize;
    let quoted = source.get(..token).is_some_and(|before| before.ends_with(['"', '`']));
    if quoted { token.saturating_sub(1) } else { token }
}

/// Without what stands behind it: comments, empty lines, a semicolon.
fn written(text: &str) -> &str {
    let mut text = text.trim_end();
    while let Some((rest, _)) = text.rsplit_once('\n').filter(|(_, last)| last.trim_start().starts_with('#')) {
        text = rest.trim_end();
    }
    text.trim_end_matches(';').trim_end()
}

/// The path of what is called, where it is no function of the language.
fn of_a_rule(called: &[String]) -> Option<&[String]> {
    called.split_first().filter(|(root, _)| *root == "data").map(|(_, rest)| rest)
}

const ROOT: &str = "countersign";
const RENAMED: &str = "give it a name of its own with `as`";
const PACKAGE: &str = "rules that deny and hold stand in `package countersign`, or in one below it";

/// A file is bounded before it gets here.
const FILE_BYTES: NonZeroUsize = NonZeroUsize::new(FILE_BYTES_MAX as usize).unwrap();
