//! Any text as platform policy: it is understood or refused at a place that is in it, and what is understood is Cedar.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use libfuzzer_sys::fuzz_target;
use model::{AgentId, AppId, Class, CostClass, HumanId, ToolName};
use policy::{Bundle, Known, KnownApp, KnownRole, KnownTool, RuleFile, platform_as_cedar};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = RuleFile { name: "fuzz.yaml".to_owned(), text: text.to_owned() };
    match platform_as_cedar(&KNOWN, &file) {
        Ok(rules) => {
            assert_eq!(Ok(&rules), platform_as_cedar(&KNOWN, &file).as_ref(), "read twice, it is the same");
            // Cedar takes long, so only now and then.
            if !rules.is_empty() && UNDERSTOOD.fetch_add(1, Ordering::Relaxed).is_multiple_of(COMPILED_EACH) {
                compiled(&file);
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            // A lone carriage return ends a line of YAML, too.
            let ends = text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
            let lines = u32::try_from(ends).unwrap_or(u32::MAX).saturating_add(1);
            for error in errors {
                assert!((1..=lines).contains(&error.line()) && error.column() >= 1, "{error}");
            }
        }
    }
});

/// What was understood is a bundle, but for what only Cedar sees: rules that never match, ids that are none.
fn compiled(file: &RuleFile) {
    match Bundle::compile_for(&KNOWN, std::slice::from_ref(file)) {
        Ok(bundle) => {
            let again = Bundle::compile_for(&KNOWN, std::slice::from_ref(file)).expect("it was one before");
            assert_eq!(bundle.digest(), again.digest());
        }
        Err(errors) => {
            for error in errors {
                let said = error.said();
                assert!(EXPECTED.iter().any(|known| said.contains(known)), "{error}");
            }
        }
    }
}

static UNDERSTOOD: AtomicU32 = AtomicU32::new(0);
const COMPILED_EACH: u32 = 512;
const EXPECTED: &[&str] = &["never match", "is taken by", "is not a rule's id", "are built in", "is not an app's id"];

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let tool = |class, verb: &str, roles: &[&str]| KnownTool {
        class,
        verb: Some(verb.to_owned()),
        roles: roles
            .iter()
            .map(|role| ((*role).to_owned(), KnownRole { join: Some("/".to_owned()), ignore_case: true }))
            .collect(),
        cost: Some(CostClass::Low),
        labels: ["customer-data".to_owned()].into(),
    };
    let tools = BTreeMap::from([
        (ToolName::parse("run").expect("a name"), tool(Class::Destructive, "run", &["command", "path", "repo"])),
        (ToolName::parse("look").expect("a name"), tool(Class::Read, "look", &["account"])),
    ]);
    let app = |name: &str| {
        (
            AppId::parse(name).expect("an id"),
            KnownApp { profile: Some("any".to_owned()), described_by: None, tools: tools.clone() },
        )
    };
    Known {
        apps: BTreeMap::from(["github", "shell", "aws", "a"].map(app)),
        people: [HumanId::parse("ana").expect("an id")].into(),
        agents: [AgentId::parse("helper").expect("an id")].into(),
    }
});
