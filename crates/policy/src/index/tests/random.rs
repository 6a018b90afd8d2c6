//! Random rules and calls: asking those rules that an index finds is asking all.

use std::fmt::Write as _;
use std::sync::Arc;

use cedar_policy::{Authorizer, Policy, PolicyId, PolicySet};
use model::{Class, CostClass, Facts};
use proptest::prelude::*;

use super::anything::Put;
use super::corpus::{Answer, same};
use crate::bundle::tests::facts;
use crate::index::calls::{Asked, Calls};
use crate::index::shelves::Shelves;
use crate::request::{Names, Passed};
use crate::tree::Reads;

/// Choices, one after the other; the first ones for ever when all are used up.
struct Choices {
    bytes: Vec<u8>,
    next: usize,
}

impl Choices {
    fn below(&mut self, count: usize) -> usize {
        let byte = self.bytes[self.next % self.bytes.len()];
        self.next += 1;
        usize::from(byte) % count
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn often(&mut self, parts: usize) -> bool {
        self.below(parts) != 0
    }
}

fn rule(choices: &mut Choices) -> String {
    let mut text = String::new();
    let effect = choices.of(&["permit", "forbid"]);
    let principal = choices.of(&["principal", "principal == Agent::\"helpdesk\"", "principal is Agent", "principal"]);
    let action = choices.of(&["action", "action == Action::\"call\"", "action in [Action::\"read\", Action::\"get\"]"]);
    let resource = choices.of(&[
        "resource",
        "resource in App::\"crm\"",
        "resource in App::\"billing\"",
        "resource == Tool::\"crm/find_contact\"",
        "resource is Tool",
        "resource is Tool in App::\"crm\"",
    ]);
    write!(text, "{effect} ({principal}, {action}, {resource})").unwrap();
    for _ in 0..choices.below(3) {
        let condition = condition(choices, 2);
        write!(text, " {} {{ {condition} }}", choices.of(&["when", "unless"])).unwrap();
    }
    text.push(';');
    text
}

fn condition(choices: &mut Choices, depth: usize) -> String {
    if depth == 0 || choices.below(3) == 0 {
        return choices.of(ATOMS).to_owned();
    }
    let (one, other) = (condition(choices, depth - 1), condition(choices, depth - 1));
    match choices.below(4) {
        0 | 1 => format!("({one}) && ({other})"),
        2 => format!("({one}) || ({other})"),
        _ => format!("!({one}) && ({other})"),
    }
}

fn call(choices: &mut Choices) -> Facts {
    let mut facts = facts(choices.of(&Class::ALL), model::Risk::Low, choices.often(2));
    let words = [None, Some("finance"), Some("support"), Some("lead")];
    let mut human = (*facts.human).clone();
    human.department = choices.of(&words).map(str::to_owned);
    human.role = choices.of(&words).map(str::to_owned);
    human.manager = choices.often(2).then(|| "bob".parse().unwrap());
    human.id = choices.of(&["ana", "bob"]).parse().unwrap();
    facts.human = Arc::new(human);
    let mut app = (*facts.app).clone();
    app.id = choices.of(&["crm", "billing", "other"]).parse().unwrap();
    app.risk = choices.of(&[model::Risk::Low, model::Risk::High]);
    app.category = choices.often(2).then(|| "crm".to_owned());
    facts.app = Arc::new(app);
    facts.method = choices.of(&[model::Method::ToolsCall, model::Method::ResourcesRead, model::Method::PromptsGet]);
    facts.tool.name = choices.of(&["find_contact", "delete_all"]).parse().unwrap();
    facts.tool.verb = choices.of(&[None, Some("pr_open"), Some("merge")]).map(Arc::from);
    facts.tool.cost = choices.of(&[None, Some(CostClass::Low), Some(CostClass::High)]);
    let labels: &[&str] = choices.of(&[&[], &["customer-data"], &["customer-data", "secret"]]);
    facts.tool.labels = labels.iter().map(|label| Arc::from(*label)).collect();
    let bytes = choices.of(&[0, 10, 11]);
    facts.arguments = Arc::new(model::ArgumentFacts { bytes, ..model::ArgumentFacts::default() });
    facts.spent = if choices.often(2) { vec!["calls".parse().unwrap()] } else { Vec::new() };
    facts
}

fn passed(choices: &mut Choices) -> Passed {
    let tests: [&[&str]; 4] = [&[], &["path given"], &["path given", "path under /w"], &["path under /w"]];
    let mut some = || choices.of(&tests).iter().map(|test| Arc::from(*test)).collect();
    Passed { every: some(), some: some() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn asking_what_the_index_finds_is_asking_all(bytes in prop::collection::vec(any::<u8>(), 8..256)) {
        let mut choices = Choices { bytes, next: 0 };
        let texts: Vec<String> = (0..=choices.below(12)).map(|_| rule(&mut choices)).collect();
        compare(&texts, 4, &mut choices);
    }
}

#[test]
fn looking_below_a_text_is_an_error_whatever_stands_behind_it() {
    for first in ["context.human has role.x", "!(context.human has role.x || context.access)"] {
        let texts =
            [format!("permit (principal, action, resource) when {{ {first} && [].contains(context.human.role) }};")];
        compare(&texts, 64, &mut Choices { bytes: (0..=u8::MAX).collect(), next: 0 });
    }
}

/// Asks these rules, all of them and those that the index finds, about so many calls.
fn compare(texts: &[String], calls: usize, choices: &mut Choices) {
    let parse = |(at, text): (usize, &String)| Policy::parse(Some(PolicyId::new(format!("rule-{at}"))), text).unwrap();
    let policies: Vec<Policy> = texts.iter().enumerate().map(parse).collect();
    let all = PolicySet::from_policies(policies.iter().cloned()).unwrap();
    let shelves = Shelves::new(Calls, policies.iter());
    let (names, authorizer) = (Names::new().unwrap(), Authorizer::new());
    for _ in 0..calls {
        let (facts, passed) = (call(choices), passed(choices));
        let question = names.question(&facts, &passed, &Reads::of_everything()).unwrap();
        let plain = authorizer.is_authorized(&question.request, &all, &question.entities);
        let asked = Asked { facts: &facts, passed: &passed, names: &names };
        let reads = shelves.reads(&shelves.tell(&asked).unclear);
        let question = names.question(&facts, &passed, &reads).unwrap();
        let put = Put { request: &question.request, entities: &question.entities };
        let answer = Answer::of(&shelves, &asked, &authorizer, &put);
        same(&plain, &answer, texts);
    }
}

const ATOMS: &[&str] = &[
    "context.human.department == \"finance\"",
    "\"support\" == context.human.department",
    "context.human.department != \"finance\"",
    "context.human has department",
    "context.human has department && context.human.department == \"finance\"",
    "context.human has role && [\"lead\", \"finance\"].contains(context.human.role)",
    "context.human.role == \"lead\" || context.human.role == \"support\"",
    "context.human.role == \"lead\" || context.access",
    "[\"lead\"].contains(context.human.role)",
    "[].contains(context.human.role)",
    "context.human == Human::\"ana\"",
    "context.human.manager == Human::\"bob\"",
    "principal.owner == context.human",
    "principal.owner == Human::\"bob\"",
    "principal.owner.active",
    "principal == Agent::\"helpdesk\"",
    "principal in [Agent::\"other\"]",
    "resource.app.risk == \"high\"",
    "resource.app.risk != \"low\"",
    "resource.app.category == \"crm\"",
    "resource.app has category",
    "resource.app.owners.contains(Human::\"bob\")",
    "resource.app.owners.contains(context.human)",
    "resource.app == App::\"crm\"",
    "context.class == \"read\"",
    "[\"write\", \"destructive\"].contains(resource.class)",
    "context.access",
    "!context.access",
    "context.access == false",
    "context.all_stopped",
    "resource in App::\"crm\"",
    "resource in [Tool::\"crm/find_contact\", App::\"billing\"]",
    "resource == Tool::\"billing/delete_all\"",
    "resource is Tool",
    "resource is Resource in App::\"crm\"",
    "action == Action::\"read\"",
    "resource.name like \"find*\"",
    "resource.name == \"find_contact\"",
    "resource.status == \"pinned\"",
    "context.now > datetime(\"2026-01-01\")",
    "context.now >= datetime(\"2026-11-21T09:30:00.000Z\")",
    "context.now < datetime(\"2026-11-21T10:30:00+0100\")",
    "datetime(\"2026-11-21\") < context.now && context.now <= datetime(\"2026-11-21T09:29:59.999Z\")",
    "if context.human has role then context.human.role == \"lead\" else context.access",
    "9223372036854775807 + 1 == 2",
    "true",
    "false",
    "context.task == \"t-1\"",
    "context.every.contains(\"path under /w\")",
    "!context.every.contains(\"path under /w\")",
    "context.some.contains(\"path given\") || context.some.contains(\"path under /w\")",
    "context.spent.contains(\"calls\")",
    "context.argument_bytes > 10",
    "context.argument_bytes >= 10 && 10 >= context.argument_bytes",
    "context.argument_bytes == 10",
    "context.argument_bytes < 10 || 11 <= context.argument_bytes",
    "context.argument_bytes <= 9223372036854775807 && context.argument_bytes > -1",
    "resource has verb && resource.verb == \"pr_open\"",
    "resource.verb == \"merge\"",
    "[\"high\"].contains(resource.cost)",
    "resource.labels.contains(\"customer-data\")",
    "resource.labels.containsAny([\"secret\"])",
    "resource.labels.containsAny([])",
    "resource.labels.containsAll([\"secret\", \"customer-data\"])",
    "resource.labels.containsAll([])",
    "resource.labels.contains(resource.name)",
    "context.class == resource.class",
    "context.class != context.human.department",
    "context.human.manager == principal.owner",
    "principal.model_tier == context.human.role",
    "!(context.human has manager)",
    "context.human has role.x",
    "if context.access then context.human.role == \"lead\" else resource.verb == \"merge\"",
    "principal.recommend_only",
    "principal has model_tier && principal.model_tier == \"small\"",
];
