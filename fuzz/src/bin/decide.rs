//! Any rules and any facts: a decision comes of them, always the same, never a permission out of an error, and none out of
//! one more refusal.

#![no_main]

use std::sync::Arc;

use decide::decide;
use libfuzzer_sys::fuzz_target;
use model::{
    Access, Agent, App, ArgumentFacts, Class, ClassSource, CostClass, DataClassification, Facts, Human, Layer, Method,
    Risk, Rules, ToolFacts, ToolStatus, UnixMicros, Verdict,
};
use policy::{Bundle, RuleFile};

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices { bytes, next: 0 };
    let text = if choices.byte() == b'Z' {
        String::from_utf8_lossy(bytes.get(1..).unwrap_or_default()).into_owned()
    } else {
        let count = choices.below(5);
        (0..=count).map(|_| rule(&mut choices)).collect()
    };
    let one_more = format!("forbid (principal, action, resource) when {{ {} }};\n", condition(&mut choices, 1));
    let Some(rules) = compile(&[("rules", &text)]) else { return };
    let stricter = compile(&[("rules", &text), ("more", &one_more)]);
    // Compiling is nearly all the time a run takes.
    let other_order = choices.below(8) == 0;
    let other_order =
        stricter.as_ref().filter(|_| other_order).and_then(|_| compile(&[("more", &one_more), ("rules", &text)]));
    for _ in 0..16 {
        let facts = call(&mut choices);
        let decision = decide(&rules, &facts);
        // Once asked, once remembered.
        assert_eq!(decision, decide(&rules, &facts));
        assert!(!decision.reasons().is_empty());
        let faults = !rules.evaluate(Layer::Organisation, &facts).faults.is_empty();
        assert!(!faults || !decision.verdict().runs(), "an error allows: {text}");
        let Some(stricter) = &stricter else { continue };
        let with_more = decide(stricter, &facts);
        assert!(strictness(with_more.verdict()) >= strictness(decision.verdict()), "{one_more} allows more: {text}");
        if let Some(other_order) = &other_order {
            assert_eq!(with_more, decide(other_order, &facts));
        }
    }
});

/// Choices out of bytes, one after the other; the first for ever when all are used up.
struct Choices<'b> {
    bytes: &'b [u8],
    next: usize,
}

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        byte
    }

    fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn compile(files: &[(&str, &str)]) -> Option<Bundle> {
    let file = |(name, text): &(&str, &str)| RuleFile { name: format!("{name}.cedar"), text: (*text).to_owned() };
    Bundle::compile(&files.iter().map(file).collect::<Vec<_>>()).ok()
}

fn strictness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Redact => 1,
        Verdict::Hold => 2,
        Verdict::Defer => 3,
        Verdict::Deny => 4,
    }
}

fn rule(choices: &mut Choices<'_>) -> String {
    let effect = choices.of(&["permit", "permit", "forbid", "@outcome(\"hold\") forbid", "@outcome(\"defer\") forbid"]);
    let principal = choices.of(&["principal", "principal == Agent::\"bot\"", "principal == Agent::\"other\""]);
    let resource = choices.of(&["resource", "resource in App::\"crm\"", "resource in App::\"billing\""]);
    let condition = condition(choices, 2);
    let clause = choices.of(&["when", "unless"]);
    format!("{effect} ({principal}, action, {resource}) {clause} {{ {condition} }};\n")
}

fn condition(choices: &mut Choices<'_>, depth: usize) -> String {
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

fn call(choices: &mut Choices<'_>) -> Facts {
    let word = |choices: &mut Choices<'_>| choices.of(&[None, Some("finance"), Some("lead")]).map(str::to_owned);
    let class = choices.of(&Class::ALL);
    let name = choices.of(&["find", "delete"]).parse().expect("a name");
    let status =
        choices.of(&[ToolStatus::Pinned, ToolStatus::Unreviewed, ToolStatus::Unknown, ToolStatus::Quarantined]);
    let mut tool = ToolFacts::new(name, class, ClassSource::Profile, status);
    tool.verb = choices.of(&[None, Some("pr_open")]).map(Arc::from);
    tool.cost = choices.of(&[None, Some(CostClass::High)]);
    Facts {
        now: UnixMicros(i64::from(choices.byte()) * 10_000_000_000_000),
        method: choices.of(&[Method::ToolsCall, Method::ResourcesRead, Method::PromptsGet, Method::Sample]),
        agent: Arc::new(Agent {
            id: choices.of(&["bot", "other"]).parse().expect("an id"),
            name: "Bot".to_owned(),
            owner: "bob".parse().expect("an id"),
            model_tier: word(choices),
            recommend_only: false,
            active: choices.below(8) != 0,
        }),
        human: Arc::new(Human {
            id: choices.of(&["ana", "bob"]).parse().expect("an id"),
            name: "Ana".to_owned(),
            department: word(choices),
            seniority: word(choices),
            role: word(choices),
            manager: choices.of(&[None, Some("bob")]).map(|id| id.parse().expect("an id")),
            active: choices.below(8) != 0,
        }),
        task: "t-1".parse().expect("an id"),
        app: Arc::new(App {
            id: choices.of(&["crm", "billing"]).parse().expect("an id"),
            name: "CRM".to_owned(),
            risk: choices.of(&[Risk::Low, Risk::Medium, Risk::High]),
            data: DataClassification::Internal,
            category: word(choices),
            owners: vec!["bob".parse().expect("an id")],
            access: Access::default(),
            stopped: choices.below(8) == 0,
            observe: false,
        }),
        tool,
        access: choices.of(&[true, false]),
        all_stopped: choices.below(16) == 0,
        arguments: ArgumentFacts::unread(),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: None,
    }
}

const ATOMS: &[&str] = &[
    "context.human.department == \"finance\"",
    "context.human has role && context.human.role == \"lead\"",
    "[\"lead\", \"finance\"].contains(context.human.seniority)",
    "context.human == Human::\"ana\"",
    "context.human.manager == Human::\"bob\"",
    "principal.owner == context.human",
    "principal has model_tier && principal.model_tier == \"lead\"",
    "resource.app.risk != \"low\"",
    "resource.app.category == \"finance\"",
    "resource.app.owners.contains(context.human)",
    "[\"write\", \"external\"].contains(context.class)",
    "context.class == \"read\"",
    "context.access",
    "resource.name like \"find*\"",
    "resource.verb == \"pr_open\"",
    "resource has cost && resource.cost == \"high\"",
    "context.now > datetime(\"2026-01-01\")",
    "context.argument_bytes * 9223372036854775807 > 10",
    "if context.human has role then context.access else context.human.department == \"lead\"",
];
