use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decide::{Credentials, LinkPermit, Permit, decide};
use http::HeaderName;
use model::{
    Access, Agent, AgentId, App, AppId, ArgumentFacts, Binding, CallId, Class, ClassSource, DataClassification, Digest,
    Durable, Evaluation, Facts, Fault, Hit, Human, HumanId, Layer, Method, Risk, RuleId, RuleInfo, RuleOutcome,
    RuleSource, Rules, Secret, TaskId, ToolFacts, ToolName, ToolStatus, UnixMicros,
};
use tempfile::TempDir;

use super::{AppCredential, Broker, Placement};
use crate::{REPLACEMENT, Source, Vault, VaultKey};

/// A broker whose environment can be changed, and its vault and folder.
struct World {
    broker: Broker,
    vault: Arc<Vault>,
    environment: Arc<Mutex<HashMap<String, String>>>,
    folder: TempDir,
}

fn world(credentials: &[(&str, &str, Placement)]) -> World {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(&folder.path().join("vault.json"), VaultKey::from_bytes([1; 32])).ok().unwrap();
    let vault = Arc::new(vault);
    let environment: Arc<Mutex<HashMap<String, String>>> = Arc::default();
    let reader = Arc::clone(&environment);
    let credentials = credentials.iter().map(|one| credential(folder.path(), one)).collect();
    let broker = Broker::new(
        credentials,
        Arc::clone(&vault),
        Arc::new(move |name: &str| reader.lock().unwrap().get(name).cloned()),
    );
    World { broker, vault, environment, folder }
}

/// `DIR` in a source is the folder of this world.
fn credential(folder: &Path, (app, source, placement): &(&str, &str, Placement)) -> AppCredential {
    let source: Source = source.replace("DIR", &folder.display().to_string()).parse().unwrap();
    AppCredential { app: AppId::parse(app).unwrap(), source, placement: placement.clone() }
}

fn bearer() -> Placement {
    Placement::Header { name: http::header::AUTHORIZATION, prefix: "Bearer ".to_owned() }
}

fn variable(name: &str) -> Placement {
    Placement::Variable(name.to_owned())
}

impl World {
    fn set(&self, name: &str, value: &str) {
        self.vault.set(name, Secret::new(value.to_owned())).unwrap();
    }

    fn put(&self, name: &str, value: &str) {
        self.environment.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    fn header(&self, app: &str) -> Result<Option<String>, Fault> {
        let shown = |header: Option<(HeaderName, Secret<String>)>| {
            header.map(|(name, value)| format!("{name}: {}", value.expose()))
        };
        let on_call = self.broker.header(&permit(app)).map(|header| {
            header.map(|placed| {
                assert!(!placed.source.contains(placed.value.expose().as_str()), "{}", placed.source);
                (placed.name, placed.value)
            })
        });
        let on_call = on_call.map(shown);
        let own = self.broker.own_header(&link_permit(app)).map(shown);
        assert_eq!(format!("{on_call:?}"), format!("{own:?}"));
        on_call
    }

    fn variables(&self, app: &str) -> Vec<String> {
        let variables = self.broker.environment(&link_permit(app)).unwrap();
        variables.into_iter().map(|placed| format!("{}={}", placed.name, placed.value.expose())).collect()
    }

    fn scrub(&self, app: &str, text: &str) -> String {
        let clean = self.broker.scrubber(&AppId::parse(app).unwrap()).scrub(text.as_bytes());
        clean.map_or_else(|| text.to_owned(), |(clean, _)| String::from_utf8(clean).unwrap().replace(REPLACEMENT, "R"))
    }
}

/// Permits everything.
struct Yes;

impl Rules for Yes {
    fn digest(&self) -> Digest {
        Digest::new([0; 32])
    }

    fn evaluate(&self, layer: Layer, _: &Facts) -> Evaluation {
        let source = RuleSource { file: "f".into(), line: 1, column: 1, text: "t".into() };
        let rule = RuleInfo::new(RuleId::builtin("yes"), RuleOutcome::Permit, layer, source, "yes".to_owned());
        Evaluation { hits: vec![Hit::from(rule)], faults: Vec::new() }
    }
}

fn permit(app: &str) -> Permit {
    let call = CallId::new(1, [1; 10]);
    let binding = Binding {
        call: call.clone(),
        app: AppId::parse(app).unwrap(),
        tool: ToolName::parse("t").unwrap(),
        arguments: Digest::new([0; 32]),
    };
    let decision = decide(&Yes, &facts(app));
    Permit::issue(&decision, binding, Durable::danger_confirmed_by_disk(call, 1)).unwrap()
}

fn link_permit(app: &str) -> LinkPermit {
    let recorded = Durable::danger_confirmed_by_disk(CallId::new(1, [1; 10]), 1);
    LinkPermit::issue(AppId::parse(app).unwrap(), &recorded)
}

fn facts(app: &str) -> Facts {
    let ana = HumanId::parse("ana").unwrap();
    Facts {
        now: UnixMicros(0),
        method: Method::ToolsCall,
        agent: Arc::new(Agent {
            id: AgentId::parse("desk").unwrap(),
            name: "desk".to_owned(),
            owner: ana.clone(),
            model_tier: None,
            recommend_only: false,
            active: true,
        }),
        human: Arc::new(Human {
            id: ana,
            name: "Ana".to_owned(),
            department: None,
            seniority: None,
            role: None,
            manager: None,
            active: true,
        }),
        task: TaskId::parse("t").unwrap(),
        app: Arc::new(App {
            id: AppId::parse(app).unwrap(),
            name: app.to_owned(),
            risk: Risk::Low,
            data: DataClassification::Public,
            category: None,
            owners: Vec::new(),
            access: Access::default(),
            stopped: false,
            observe: false,
        }),
        tool: ToolFacts::new(ToolName::parse("t").unwrap(), Class::Read, ClassSource::Pin, ToolStatus::Pinned),
        access: true,
        all_stopped: false,
        arguments: ArgumentFacts::unread(),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: None,
    }
}

#[test]
fn from_each_source_to_each_place() {
    let key = Placement::Header { name: HeaderName::from_static("x-api-key"), prefix: String::new() };
    let world = world(&[
        ("crm", "vault:crm", bearer()),
        ("mail", "env:MAIL_KEY", key),
        ("files", "file:DIR/token", bearer()),
        ("git", "vault:crm", variable("GIT_TOKEN")),
        ("git", "env:MAIL_KEY", variable("GIT_OTHER")),
    ]);
    world.set("crm", "crm-value");
    world.put("MAIL_KEY", "mail-value");
    let path = world.folder.path().join("token");
    fs::write(&path, "file-value\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    assert_eq!(world.header("crm").unwrap().unwrap(), "authorization: Bearer crm-value");
    assert_eq!(world.header("mail").unwrap().unwrap(), "x-api-key: mail-value");
    assert_eq!(world.header("files").unwrap().unwrap(), "authorization: Bearer file-value");
    assert_eq!(world.header("git").unwrap(), None);
    assert_eq!(world.header("other").unwrap(), None);
    assert_eq!(world.variables("git"), ["GIT_TOKEN=crm-value", "GIT_OTHER=mail-value"]);
    assert_eq!(world.variables("crm"), [""; 0]);
    assert!(world.broker.check().is_empty());
}

#[test]
fn every_use_takes_the_value_of_that_moment() {
    let world = world(&[("crm", "vault:crm", bearer()), ("mail", "env:MAIL", bearer())]);
    for value in ["first-value", "other-value"] {
        world.set("crm", value);
        world.put("MAIL", value);
        assert_eq!(world.header("crm").unwrap().unwrap(), format!("authorization: Bearer {value}"));
        assert_eq!(world.header("mail").unwrap().unwrap(), format!("authorization: Bearer {value}"));
    }
    world.vault.remove("crm").unwrap();
    assert_eq!(world.header("crm").unwrap_err().code(), "vault.unknown");
}

#[test]
fn of_a_file_one_line_break_at_the_end_is_not_part_of_the_value() {
    let world = world(&[("crm", "file:DIR/token", variable("T"))]);
    let path = world.folder.path().join("token");
    for (content, value) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a \r", " a \r"), ("a", "a")] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(world.variables("crm"), [format!("T={value}")], "{content:?}");
    }
}

#[test]
fn what_cannot_be_used_and_why() {
    let world = world(&[
        ("a", "env:UNSET", bearer()),
        ("b", "vault:none", bearer()),
        ("c", "file:DIR/none", bearer()),
        ("d", "file:DIR/open", bearer()),
        ("e", "env:BROKEN", bearer()),
        ("f", "env:EMPTY", bearer()),
        ("g", "env:ZERO", variable("Z")),
        ("h", "env:LONG", variable("L")),
        ("i", "file:DIR/bytes", variable("B")),
        ("j", "env:GOOD", bearer()),
        ("j", "env:GOOD", bearer()),
        ("k", "env:GOOD", bearer()),
    ]);
    world.put("BROKEN", "canary\nvalue");
    world.put("EMPTY", "");
    world.put("ZERO", "canary\0value");
    world.put("LONG", &"canary".repeat(20_000));
    world.put("GOOD", "canary-value");
    for (name, content, mode) in [("open", b"canary".as_slice(), 0o604), ("bytes", b"canary\xff", 0o600)] {
        let path = world.folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
    let found = world.broker.check();
    let codes: Vec<String> = found.iter().map(|(app, fault)| format!("{app} {}", fault.code())).collect();
    assert_eq!(
        codes,
        [
            "a credential.missing",
            "b vault.unknown",
            "c credential.missing",
            "d file.mode",
            "e credential.unusable",
            "f credential.empty",
            "g credential.unusable",
            "h credential.too_long",
            "i credential.not_text",
            "j credential.several",
        ]
    );
    for (app, fault) in &found {
        let shown = format!("{fault} {fault:?} {:?}", fault.way_out());
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains(&format!("`{app}`")), "{shown}");
    }
    assert_eq!(
        found[0].1.to_string(),
        "the credential of `a` (`env:UNSET`) cannot be used: the variable `UNSET` is not set"
    );
    assert_eq!(found[1].1.way_out(), Some("`countersign vault set none` puts it there"));
    assert!(found[3].1.way_out().unwrap().starts_with("`chmod o= "));
}

#[test]
fn a_header_credential_that_a_server_would_trim_is_refused() {
    for (value, fits) in [("tok_abc ", false), ("\ttok_abc", false), (" ", false), ("tok abc", true)] {
        let world = world(&[("crm", "env:TOKEN", bearer()), ("mail", "env:TOKEN", variable("TOKEN"))]);
        world.put("TOKEN", value);
        let found = world.broker.check();
        assert_eq!(found.is_empty(), fits, "`{value}`: {found:?}");
        if let Some((app, fault)) = found.first() {
            assert_eq!((app.as_str(), fault.code()), ("crm", "credential.unusable"));
            assert!(fault.way_out().unwrap().contains("blank") && !format!("{fault}").contains("tok_abc"), "{fault}");
        }
        assert_eq!(world.header("crm").is_ok(), fits, "`{value}`");
    }
}

#[test]
fn values_handed_out_stay_known() {
    let world = world(&[("crm", "vault:crm", bearer())]);
    world.set("crm", "first-value");
    world.header("crm").unwrap();
    world.set("crm", "second-value");
    assert_eq!(world.scrub("crm", "first-value second-value"), "R second-value");
    world.header("crm").unwrap();
    assert_eq!(world.scrub("crm", "Bearer first-value second-value"), "Bearer R R");
    world.broker.replace(Vec::new());
    assert_eq!(world.header("crm").unwrap(), None);
    assert_eq!(world.scrub("crm", "first-value second-value"), "R R");
}

#[test]
fn a_value_is_known_before_its_first_use() {
    let world = world(&[("crm", "vault:crm", bearer()), ("crm", "env:UNSET", variable("V"))]);
    assert_eq!(world.scrub("crm", "first-value"), "first-value");
    world.set("crm", "first-value");
    assert_eq!(world.scrub("crm", "first-value"), "R");
    assert_eq!(world.scrub("mail", "first-value"), "first-value", "each app has its own");
}

#[test]
fn values_known_are_bounded_and_those_in_use_are_among_them() {
    let world = world(&[("crm", "vault:fixed", variable("FIXED")), ("crm", "env:TURNING", bearer())]);
    world.set("fixed", "the-fixed-value");
    for number in 0..100 {
        world.put("TURNING", &format!("turning-value-{number:03}"));
        world.variables("crm");
        world.header("crm").unwrap();
    }
    assert_eq!(world.broker.known().values().map(|known| known.values.len()).sum::<usize>(), 32);
    assert_eq!(world.scrub("crm", "the-fixed-value turning-value-099"), "R R");
    assert_eq!(world.scrub("crm", "turning-value-000"), "turning-value-000");
}

#[test]
fn of_a_basic_credential_the_password_is_known_too() {
    let basic = Placement::Header { name: http::header::AUTHORIZATION, prefix: "Basic ".to_owned() };
    let world = world(&[("crm", "env:PAIR", basic)]);
    let pair = STANDARD.encode("ana:open sesame");
    world.put("PAIR", &pair);
    assert_eq!(world.header("crm").unwrap().unwrap(), format!("authorization: Basic {pair}"));
    assert_eq!(world.scrub("crm", &format!("user ana, password open sesame, {pair}")), "user ana, password R, R");
}

#[test]
fn of_a_value_that_is_kept_with_its_scheme_the_rest_is_known_too() {
    let whole = Placement::Header { name: http::header::AUTHORIZATION, prefix: String::new() };
    let world = world(&[("crm", "env:AUTH", whole), ("mail", "env:AUTH", variable("AUTH"))]);
    world.put("AUTH", "Bearer ghp_abcdef");
    assert_eq!(world.header("crm").unwrap().unwrap(), "authorization: Bearer ghp_abcdef");
    assert_eq!(world.scrub("crm", r#"{"token":"ghp_abcdef"}, Bearer ghp_abcdef"#), r#"{"token":"R"}, R"#);
    assert_eq!(world.variables("mail"), ["AUTH=Bearer ghp_abcdef"]);
    assert_eq!(world.scrub("mail", "ghp_abcdef"), "R");
    let pair = STANDARD.encode("ana:open sesame");
    for scheme in ["Basic ", "basic  ", "BASIC\t"] {
        world.put("AUTH", &format!("{scheme}{pair}"));
        world.header("crm").unwrap();
        assert_eq!(world.scrub("crm", &format!("{pair}, password open sesame")), "R, password R", "{scheme}");
    }
}

#[test]
fn a_reload_takes_effect_at_once() {
    let world = world(&[("crm", "env:ONE", bearer())]);
    world.put("ONE", "value-one");
    world.put("TWO", "value-two");
    assert_eq!(world.header("crm").unwrap().unwrap(), "authorization: Bearer value-one");
    world.broker.replace(vec![credential(world.folder.path(), &("crm", "env:TWO", bearer()))]);
    assert_eq!(world.header("crm").unwrap().unwrap(), "authorization: Bearer value-two");
}

#[test]
fn a_credential_is_named_and_never_shown() {
    let world = world(&[("crm", "env:TOKEN", variable("CRM_TOKEN")), ("crm", "vault:crm", bearer())]);
    let named = |app: &str| world.broker.named(&AppId::parse(app).unwrap());
    assert_eq!(named("crm").as_deref(), Some("env:TOKEN as variable CRM_TOKEN, vault:crm as header authorization"));
    assert_eq!(named("mail"), None);
}
