//! `contracts:`: agreements with vendors, and the documents they stand for.

use std::path::Path;
use std::sync::Arc;

use contract::{Compiled, ContractError, ContractFile, FieldPath, check_shapes};
use model::{AgentId, AppId, DirectorySnapshot, HumanId};
use openapi::Mapping;
use serde_saphyr::Spanned;

use super::{Checker, read_guarded};
use crate::auditing::{DEFAULT_DAYS, misunderstood};
use crate::config::problem::{Problem, nearest};
use crate::contracts::shapes;
use crate::documents;

/// Reads and compiles a contract file, and looks whether its document is the one it names. Error: everything that is wrong.
pub fn read_contract(path: &Path, name: &str) -> Result<contract::Loaded, Vec<Problem>> {
    let text = read_guarded(path).map_err(|problem| vec![problem])?;
    let told = |error: &ContractError| {
        let problem = Problem::at(Path::new(name), &text, error.line().into(), error.column().into(), error.said());
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    };
    let file = ContractFile { name: name.to_owned(), text: text.clone() };
    let loaded = Compiled::load(&file).map_err(|errors| errors.iter().map(told).collect::<Vec<_>>())?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let problems = loaded.contract.check_documents(&|file| documents::read(&folder.join(file)));
    let mut problems: Vec<Problem> = problems.iter().map(told).collect();
    problems.extend(misunderstood(&loaded.contract).into_iter().map(|((line, column), said)| {
        let said = format!("nobody understands what is asked of the trace here: {said}");
        Problem::at(Path::new(name), &text, line.into(), column.into(), said)
    }));
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

impl Checker<'_> {
    /// Days before the end of a contract, the most first.
    pub(super) fn contract_notices(&mut self, written: Option<&[Spanned<String>]>) -> Vec<u32> {
        let Some(written) = written else { return DEFAULT_DAYS.to_vec() };
        let mut days: Vec<u32> = Vec::new();
        for text in written {
            let whole = text.value.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
            match whole.filter(|days| (1..=NOTICE_DAYS_MAX).contains(days)) {
                Some(whole) => days.push(whole),
                None => {
                    let said = format!("`{}` is no number of days up to {NOTICE_DAYS_MAX}", text.value);
                    self.problem(text, said, Some("it takes days as in `[60d, 30d, 7d, 1d]`".to_owned()));
                }
            }
        }
        days.sort_unstable_by(|one, other| other.cmp(one));
        days.dedup();
        days
    }

    /// Files, and `*.yaml` in a folder for all of it.
    pub(super) fn contracts(
        &mut self,
        written: &[Spanned<String>],
        directory: &DirectorySnapshot,
        mappings: &[(AppId, Arc<Mapping>)],
    ) -> Vec<Arc<Compiled>> {
        let mut contracts: Vec<Arc<Compiled>> = Vec::new();
        for pattern in written {
            for name in self.files_like(pattern) {
                if self.left_out.is_some() && std::fs::canonicalize(self.path(&name)).ok() == self.left_out {
                    continue;
                }
                match read_contract(&self.path(&name), &name) {
                    Ok(loaded) => {
                        self.known_in(pattern, &name, &loaded.contract, directory);
                        self.mapped_in(pattern, &name, &loaded.contract, mappings);
                        contracts.push(loaded.contract);
                    }
                    Err(problems) => {
                        let of_it =
                            |problem: Problem| Problem { file: self.path(&name).display().to_string(), ..problem };
                        let problems: Vec<Problem> = problems.into_iter().map(of_it).collect();
                        self.problems.extend(problems);
                    }
                }
            }
        }
        match contract::InForce::new(contracts.clone(), []) {
            Ok(in_force) => {
                for said in check_shapes(&in_force, &shapes(mappings)) {
                    self.problems.push(Problem::of_file(self.file, said));
                }
            }
            Err(errors) => {
                for error in errors {
                    let problem = Problem::of_file(&self.path(error.file()), error.said());
                    self.problems.push(match error.hint() {
                        Some(hint) => problem.hint(hint),
                        None => problem,
                    });
                }
            }
        }
        contracts
    }

    /// Whether it speaks of kinds of records and fields that its APIs have: what is misspelt would keep nothing back. An app that is
    /// not mapped has no kinds of records, so the others answer for all of it.
    fn mapped_in(
        &mut self,
        written: &Spanned<String>,
        name: &str,
        contract: &Compiled,
        mappings: &[(AppId, Arc<Mapping>)],
    ) {
        let agreement = contract.agreement();
        let of_it: Vec<&Mapping> =
            mappings.iter().filter(|(app, _)| agreement.apps.contains(app)).map(|(_, mapping)| &**mapping).collect();
        if of_it.is_empty() {
            return;
        }
        let entities = || of_it.iter().flat_map(|mapping| &mapping.entities);
        for entity in agreement.entities() {
            if !entities().any(|(known, _)| *known == *entity) {
                let hint = nearest(&entity, entities().map(|(known, _)| known.as_str()));
                let said = format!("the contract `{name}` speaks of `{entity}`, which no mapping of its apps has");
                self.problem(written, said, Some(hint));
            }
        }
        let mut unknown = |entity: Option<&Arc<str>>, path: &FieldPath, speaks: &dyn Fn(&FieldPath) -> bool| {
            let fields = entities().filter(|(known, _)| entity.is_none_or(|entity| **known == **entity));
            let fields: Vec<&str> = fields.flat_map(|(_, known)| &known.fields).map(String::as_str).collect();
            let parsed = fields.iter().filter_map(|field| field.parse::<FieldPath>().ok());
            let meets = parsed.into_iter().any(|field| speaks(&field));
            if !fields.is_empty() && !meets {
                let of = entity.map_or("all", |entity| entity.as_ref());
                let said = format!("the contract `{name}` speaks of the field `{path}`, which `{of}` does not have");
                let hint = nearest(path.as_str(), fields.into_iter());
                self.problem(written, said, Some(hint));
            }
        };
        for (entity, path) in agreement.kept_back() {
            unknown(entity, path, &|field| field.covers(path) || path.keeps_back(field));
        }
        for (entity, path) in agreement.conditions() {
            unknown(Some(entity), path, &|field| field.covers(path) || path.covers(field));
        }
    }

    /// Whether it names people and apps that there are.
    fn known_in(&mut self, written: &Spanned<String>, name: &str, contract: &Compiled, directory: &DirectorySnapshot) {
        let agreement = contract.agreement();
        let responsible = &agreement.parties.responsible;
        if !directory.humans.contains_key(responsible) {
            let hint = nearest(responsible.as_str(), directory.humans.keys().map(HumanId::as_str));
            self.problem(
                written,
                format!("the contract `{name}` names the person `{responsible}`, who is not there"),
                Some(hint),
            );
        }
        let people = [&agreement.parties.ours, &agreement.parties.theirs].into_iter().flat_map(|party| party.humans());
        for human in people.filter(|human| !directory.humans.contains_key(human)) {
            let hint = nearest(human.as_str(), directory.humans.keys().map(HumanId::as_str));
            let said = format!("the contract `{name}` names `human:{human}`, who is not there");
            self.problem(written, said, Some(hint));
        }
        let vendor = AgentId::parse(agreement.vendor.as_str()).ok().and_then(|vendor| directory.agents.get(&vendor));
        if let Some(vendor) = vendor.filter(|vendor| vendor.owner != *responsible) {
            let said = format!(
                "for `{}` answers `{responsible}` in the contract `{name}`, and `{}` under `vendors:`",
                vendor.id, vendor.owner
            );
            self.problem(written, said, Some("one person answers for a vendor: name the same in both".to_owned()));
        }
        for app in agreement.apps.iter().filter(|app| !directory.apps.contains_key(*app)) {
            let hint = nearest(app.as_str(), directory.apps.keys().map(AppId::as_str));
            self.problem(
                written,
                format!("the contract `{name}` is about the app `{app}`, which is not there"),
                Some(hint),
            );
        }
    }

    /// The names that a pattern stands for, in order.
    fn files_like(&mut self, written: &Spanned<String>) -> Vec<String> {
        let pattern = &written.value;
        let (folder, last) = pattern.rsplit_once('/').unwrap_or((".", pattern));
        let Some(ending) = last.strip_prefix('*') else { return vec![pattern.clone()] };
        let entries = match std::fs::read_dir(self.path(folder)) {
            Ok(entries) => entries,
            Err(error) => {
                self.problem(written, format!("the folder `{folder}` cannot be read: {error}"), None);
                return Vec::new();
            }
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(ending) && !name.starts_with('.'))
            .map(|name| if folder == "." { name } else { format!("{folder}/{name}") })
            .collect();
        names.sort();
        if names.is_empty() {
            let hint = "take the pattern out, or put a contract there".to_owned();
            self.problem(written, format!("no file is like `{pattern}`"), Some(hint));
        }
        names
    }
}

/// As far ahead as people look.
const NOTICE_DAYS_MAX: u32 = 730;
