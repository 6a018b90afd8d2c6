//! Cedar's own integration tests: through the index as through plain Cedar.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Effect, Entities, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, Response, Schema,
};
use serde_json::Value;

use super::anything::{Anything, Put};
use crate::index::shelves::{Said, Shelves, policy_of};
use crate::index::words::Lookup;

/// What came of some cases.
#[derive(Debug, Default)]
struct Seen {
    cases: usize,
    requests: usize,
    denied_for_an_error: usize,
    policies: usize,
    told: usize,
    asked: usize,
    with_schema: usize,
}

impl Seen {
    fn add(&mut self, more: &Self) {
        self.cases += more.cases;
        self.requests += more.requests;
        self.denied_for_an_error += more.denied_for_an_error;
        self.policies += more.policies;
        self.told += more.told;
        self.asked += more.asked;
        self.with_schema += more.with_schema;
    }
}

#[test]
fn cedars_own_cases_come_out_as_with_plain_cedar_first_quarter() {
    quarter(0);
}

#[test]
fn cedars_own_cases_come_out_as_with_plain_cedar_second_quarter() {
    quarter(1);
}

#[test]
fn cedars_own_cases_come_out_as_with_plain_cedar_third_quarter() {
    quarter(2);
}

#[test]
fn cedars_own_cases_come_out_as_with_plain_cedar_last_quarter() {
    quarter(3);
}

fn quarter(number: usize) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cedar");
    if !data.is_dir() {
        #[expect(clippy::disallowed_methods, reason = "CI has the data, or is broken")]
        let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!in_ci, "third-party data not here");
        println!("skipped: third-party data not here");
        return;
    }
    let mut files = unpacked(&data.join("corpus-tests.tar.gz"));
    read_folder(&data, "tests", &mut files);
    read_folder(&data, "sample-data", &mut files);
    let cases: Vec<(&str, Value)> = files
        .iter()
        .filter(|(name, _)| name.ends_with(".json") && !name.ends_with("entities.json"))
        .map(|(name, text)| (name.as_str(), serde_json::from_str(text).unwrap()))
        .collect();
    assert_eq!(cases.iter().filter(|(name, _)| name.starts_with("corpus-tests/")).count(), 7_809);
    let (from, to) = (cases.len() * number / 4, cases.len() * (number + 1) / 4);
    let mut seen = Seen::default();
    for (name, case) in &cases[from..to] {
        // Reading schemas takes most of the time, and few cases come out otherwise without theirs.
        if !check(name, case, &files, false, &mut seen) {
            assert!(check(name, case, &files, true, &mut seen), "{name}: plain Cedar does not say what is expected");
        }
    }
    println!(
        "{} cases with {} requests: the same decision, policies and errors as plain Cedar. In {} of them Cedar allows and \
         an error makes us deny. Of {} policies {} matched without Cedar, which was asked about {}. {} cases needed their \
         schema.",
        seen.cases, seen.requests, seen.denied_for_an_error, seen.policies, seen.told, seen.asked, seen.with_schema,
    );
}

/// The files of an archive by name. Unpacking thirty thousand of them onto the disk would take longer than the test.
fn unpacked(archive: &Path) -> BTreeMap<String, String> {
    let unzipped = Command::new("gzip").arg("-dc").arg(archive).output().unwrap().stdout;
    let mut files = BTreeMap::new();
    let mut rest = unzipped.as_slice();
    let field = |header: &[u8], range: Range<usize>| {
        String::from_utf8_lossy(&header[range]).trim_end_matches(['\0', ' ']).to_owned()
    };
    while let Some((header, after)) = rest.split_at_checked(512).filter(|(header, _)| header[0] != 0) {
        let size = usize::from_str_radix(&field(header, 124..136), 8).unwrap();
        let (name, kind) = (field(header, 0..100), header[156]);
        if matches!(kind, b'0' | 0) {
            files.insert(name, String::from_utf8(after[..size].to_vec()).unwrap());
        }
        rest = &after[size.next_multiple_of(512)..];
    }
    files
}

fn read_folder(data: &Path, folder: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(data.join(folder)).unwrap() {
        let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
        if data.join(&name).is_dir() {
            read_folder(data, &name, files);
        } else {
            files.insert(name.clone(), std::fs::read_to_string(data.join(&name)).unwrap());
        }
    }
}

/// Asks plain Cedar and the index. False: plain Cedar does not say what the makers of the case expect, so that it was not
/// read as they do.
fn check(name: &str, case: &Value, files: &BTreeMap<String, String>, with_schema: bool, seen: &mut Seen) -> bool {
    let read = |what: &str| &files[case[what].as_str().unwrap()];
    let schema = with_schema.then(|| Schema::from_cedarschema_str(read("schema")).unwrap().0);
    let policies: PolicySet = read("policies").parse().unwrap();
    let Ok(entities) = Entities::from_json_str(read("entities"), schema.as_ref()) else { return false };
    let shelves = Shelves::new(Anything, policies.policies());
    let authorizer = Authorizer::new();
    let mut here = Seen { cases: 1, with_schema: usize::from(with_schema), ..Seen::default() };
    for asked in case["requests"].as_array().unwrap() {
        let action = uid(&asked["action"]);
        let context =
            Context::from_json_value(asked["context"].clone(), schema.as_ref().map(|schema| (schema, &action)));
        let Ok(context) = context else { return false };
        let request = Request::new(uid(&asked["principal"]), action, uid(&asked["resource"]), context, None).unwrap();
        let plain = authorizer.is_authorized(&request, &policies, &entities);
        let question = Put { request: &request, entities: &entities };
        let answer = Answer::of(&shelves, &question, &authorizer, &question);
        same(&plain, &answer, name);
        if !is_expected(&plain, asked) {
            return false;
        }
        here.requests += 1;
        here.policies += policies.num_of_policies();
        here.told += answer.told;
        here.asked += answer.asked;
        here.denied_for_an_error += usize::from(plain.decision() == Decision::Allow && !answer.errors.is_empty());
    }
    seen.add(&here);
    true
}

/// What is said of some policies: told by themselves, or by Cedar where that was not clear.
#[derive(Debug, Default)]
pub(super) struct Answer {
    permits: Vec<PolicyId>,
    forbids: Vec<PolicyId>,
    errors: Vec<AuthorizationError>,
    told: usize,
    asked: usize,
}

impl Answer {
    pub(super) fn of<L: Lookup>(
        shelves: &Shelves<L>,
        question: &L::Question<'_>,
        authorizer: &Authorizer,
        put: &Put<'_>,
    ) -> Self {
        let told = shelves.tell(question);
        let mut answer = Self { told: told.satisfied.len(), asked: told.unclear.len(), ..Self::default() };
        let mut satisfied = told.satisfied;
        for number in told.unclear {
            match shelves.ask(number, authorizer, put.request, put.entities).unwrap() {
                Said::Satisfied => satisfied.push(number),
                Said::Not => {}
                Said::Error(error) => answer.errors.push(*error),
            }
        }
        satisfied.sort_unstable();
        for policy in satisfied.into_iter().map(|number| shelves.policy(number)) {
            match policy.effect() {
                Effect::Permit => answer.permits.push(policy.id().clone()),
                Effect::Forbid => answer.forbids.push(policy.id().clone()),
            }
        }
        answer
    }
}

/// The answer says all that plain Cedar says.
pub(super) fn same(plain: &Response, answer: &Answer, of: impl std::fmt::Debug) {
    let decides = if answer.forbids.is_empty() { &answer.permits } else { &answer.forbids };
    let allowed = answer.forbids.is_empty() && !answer.permits.is_empty();
    assert_eq!(plain.decision() == Decision::Allow, allowed, "{of:?}");
    let mut reason: Vec<_> = plain.diagnostics().reason().cloned().collect();
    reason.sort();
    assert_eq!(&reason, decides, "{of:?}");
    let mut errors: Vec<_> = plain.diagnostics().errors().collect();
    errors.sort_by(|one, other| policy_of(one).cmp(policy_of(other)));
    let said = |error: &&cedar_policy::AuthorizationError| error.to_string();
    let ours: Vec<_> = answer.errors.iter().collect();
    assert_eq!(errors.iter().map(said).collect::<Vec<_>>(), ours.iter().map(said).collect::<Vec<_>>(), "{of:?}");
}

fn is_expected(plain: &Response, asked: &Value) -> bool {
    let listed = |what: &str| -> BTreeSet<String> {
        asked[what].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let allowed = asked["decision"].as_str().unwrap() == "allow";
    let reason: BTreeSet<String> = plain.diagnostics().reason().map(ToString::to_string).collect();
    let errors: BTreeSet<String> = plain.diagnostics().errors().map(|error| policy_of(error).to_string()).collect();
    (plain.decision() == Decision::Allow) == allowed && reason == listed("reason") && errors == listed("errors")
}

fn uid(of: &Value) -> EntityUid {
    let kind: EntityTypeName = of["type"].as_str().unwrap().parse().unwrap();
    EntityUid::from_type_name_and_id(kind, EntityId::new(of["id"].as_str().unwrap()))
}
