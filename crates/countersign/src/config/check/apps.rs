//! Apps that speak MCP: how they are reached, and what is known of their tools.

use std::path::PathBuf;
use std::sync::Arc;

use mcp::{AppSpec, ChildSpec, Target};
use model::AppId;
use model::limits::SET_CALLS_IN_FLIGHT_MAX;
use openapi::{Mapping, Tools};
use profile::Profile;
use serde_saphyr::Spanned;

use super::super::problem::{Problem, nearest};
use super::super::raw::RawApp;
use super::{Checker, read_guarded};

impl Checker<'_> {
    pub(super) fn target(&mut self, id: &AppId, raw: &RawApp, mapping: Option<&Mapping>) -> Option<AppSpec> {
        let profile = raw.profile.as_ref().and_then(|written| self.profile(written));
        let target = match (&raw.command, &raw.url) {
            (Some(command), None) => Target::Child(self.child(id, raw, command)?),
            (None, Some(url)) => {
                if let Some((_, value)) = raw.env.iter().flatten().next() {
                    let said = format!("app `{id}` is reached over HTTP and has no environment");
                    self.problem(value, said, Some("leave `env:` away".to_owned()));
                }
                Target::Http(self.url(url)?)
            }
            (Some(command), Some(_)) => {
                self.problem(
                    command,
                    format!("app `{id}` has both `command:` and `url:`"),
                    Some("keep one of them".to_owned()),
                );
                return None;
            }
            (None, None) => {
                let hint = "give it `command: [program, argument]`, `url: http://…` or `api: FILE`";
                self.problems.push(
                    Problem::of_file(self.file, format!("app `{id}` has neither `command:`, `url:` nor `api:`"))
                        .hint(hint),
                );
                return None;
            }
        };
        Some(AppSpec {
            id: id.clone(),
            target,
            profile,
            stateless: raw.stateless.unwrap_or(false),
            arguments: raw.trace.arguments,
            calls_in_flight_max: raw
                .calls_in_flight_max
                .clone()
                .map(|written| self.count(Some(written), 1, SET_CALLS_IN_FLIGHT_MAX)),
            mapping: mapping.map(|mapping| Arc::new(Tools::of(mapping))),
        })
    }

    fn child(&mut self, id: &AppId, raw: &RawApp, command: &Spanned<Vec<String>>) -> Option<ChildSpec> {
        let mut words = Vec::new();
        for word in &command.value {
            words.push(self.substitute(word, command)?);
        }
        let Some((program, arguments)) = words.split_first() else {
            self.problem(command, format!("the command of app `{id}` is empty"), None);
            return None;
        };
        let mut environment = Vec::new();
        for (name, value) in raw.env.iter().flatten() {
            environment.push((name.clone(), self.substitute(&value.value, value)?));
        }
        let program = self.find_program(program, command)?;
        let directory = raw.directory.as_deref().map(|directory| self.path(directory));
        Some(ChildSpec { program, arguments: arguments.to_vec(), environment, directory })
    }

    /// A program by path (relative to the file) or by name on our own path.
    fn find_program(&mut self, program: &str, written: &Spanned<Vec<String>>) -> Option<PathBuf> {
        if program.contains('/') {
            let program = self.path(program);
            // It is looked for from where the app starts.
            return Some(std::path::absolute(&program).unwrap_or(program));
        }
        let path = (self.environment)("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).map(|directory| directory.join(program)).find(|candidate| candidate.is_file());
        if found.is_none() {
            self.problem(
                written,
                format!("there is no program `{program}` on the path"),
                Some("install it, or give its full path".to_owned()),
            );
        }
        found
    }

    /// A profile by its name, or a written one by its file: `crm.yaml`.
    fn profile(&mut self, written: &Spanned<String>) -> Option<Arc<Profile>> {
        let name = &written.value;
        if let Some(profile) = Profile::shipped(name) {
            return Some(Arc::new(profile.clone()));
        }
        if !name.ends_with(".yaml") && !name.ends_with(".yml") {
            let hint = nearest(name, Profile::names().into_iter());
            self.problem(written, format!("there is no profile `{name}`"), Some(hint));
            return None;
        }
        let read = read_guarded(&self.path(name)).map_err(|problem| (problem.said, problem.hint));
        match read.and_then(|text| Profile::parse(name, &text).map_err(|error| (error.to_string(), None))) {
            Ok(profile) => Some(Arc::new(profile)),
            Err((said, hint)) => {
                self.problem(written, format!("the profile `{name}` is refused: {said}"), hint);
                None
            }
        }
    }
}
