use super::{FILES, Profile};
use json::Document;
use model::Class::{self, Destructive, External, Read, Write};
use model::CostClass;

mod definitions;

#[test]
fn every_shipped_profile_parses() {
    for (name, yaml) in FILES {
        let profile = Profile::parse(name, yaml).unwrap();
        assert_eq!(profile.name(), *name);
        assert!(profile.tools().count() > 0);
        for (tool, profiled) in profile.tools() {
            assert!(profiled.why().len() > 8 && &**profiled.why() != "the profile says so", "{name}: {tool} says why");
        }
        assert!(Profile::shipped(name).is_some());
    }
    assert_eq!(Profile::names().len(), FILES.len());
    assert!(Profile::names().is_sorted());
    assert!(Profile::shipped("no-such").is_none());
}

#[test]
fn shipped_profiles_say_what_the_tools_do() {
    for (profile, tool, expect) in [
        ("demo-crm", "search_customers", Read),
        ("demo-crm", "get_customer", Read),
        ("demo-crm", "update_customer", Write),
        ("demo-mail", "list_messages", Read),
        ("demo-mail", "draft_message", Write),
        ("demo-mail", "send_message", External),
        ("demo-deploy", "list_environments", Read),
        ("demo-deploy", "propose_change", Write),
        ("demo-deploy", "deploy_release", Destructive),
        ("demo-deploy", "delete_environment", Destructive),
        ("demo-repo", "search_documents", Read),
        ("demo-repo", "read_document", Read),
        ("demo-repo", "open_pull_request", Write),
        ("demo-repo", "merge_pull_request", Destructive),
        ("filesystem", "read_text_file", Read),
        ("filesystem", "write_file", Destructive),
        ("filesystem", "move_file", Write),
        ("everything", "get-env", External),
        ("everything", "gzip-file-as-resource", External),
        ("memory", "read_graph", Read),
        ("memory", "delete_entities", Destructive),
        ("git", "git_reset", Destructive),
        ("fetch", "fetch", External),
        ("time", "convert_time", Read),
        ("sqlite", "write_query", Destructive),
        ("sqlite", "read_query", Read),
        ("github", "merge_pull_request", Destructive),
        ("github", "create_pull_request", External),
        ("github", "get_secret_scanning_alert", External),
        ("slack", "slack_post_message", External),
        ("postgres", "execute_sql", Destructive),
        ("email", "send_message", External),
        ("calendar", "create_calendar_event", Write),
        ("aws", "call_aws", Destructive),
        ("kubernetes", "resources_get", External),
        ("shell", "execute_command", Destructive),
        ("shell", "interact_with_process", Destructive),
    ] {
        assert_eq!(Profile::shipped(profile).unwrap().tool(tool).unwrap().class(), expect, "{profile} {tool}");
    }
    let count = |name: &str| Profile::shipped(name).unwrap().tools().count();
    assert_eq!(["filesystem", "everything", "memory", "git", "sqlite"].map(count), [14, 13, 9, 12, 6]);
    assert_eq!(["github", "slack", "postgres", "email", "shell"].map(count), [117, 24, 10, 66, 29]);
}

fn class_of(profile: &Profile, tool: &str, arguments: &str) -> Class {
    let document = Document::parse(arguments.as_bytes()).unwrap();
    profile.tool(tool).unwrap().class_for(Some(document.root())).0
}

#[test]
fn arguments_lower_and_raise_only_when_they_are_exactly_so() {
    let filesystem = Profile::shipped("filesystem").unwrap();
    assert_eq!(class_of(filesystem, "edit_file", r#"{"path":"a","dryRun":true}"#), Read);
    for other in [
        r#"{}"#,
        r#"{"dryRun":false}"#,
        r#"{"dryRun":"true"}"#,
        r#"{"dryRun":1}"#,
        r#"{"dryrun":true}"#,
        r#"{"x":{"dryRun":true}}"#,
        "[]",
        "null",
        "true",
    ] {
        assert_eq!(class_of(filesystem, "edit_file", other), Destructive, "{other}");
    }
    let yaml = "profile: x\ntools:\n  a:\n    class: write\n    when:\n    - {argument: n, one_of: [1, two], class: read}\n    - {argument: m, equals: 3, class: external}\n";
    let profile = Profile::parse("x.yaml", yaml).unwrap();
    assert_eq!(class_of(&profile, "a", r#"{"n":1}"#), Read);
    assert_eq!(class_of(&profile, "a", r#"{"n":"\u0074wo"}"#), Read);
    assert_eq!(class_of(&profile, "a", r#"{"n":1.0}"#), Write);
    assert_eq!(class_of(&profile, "a", r#"{"n":1,"m":3}"#), External);
    let tool = profile.tool("a").unwrap();
    assert_eq!((tool.lowest(), tool.highest(), tool.class_for(None).0), (Read, External, External));
}

#[test]
fn roles_and_verbs_are_told() {
    let tool = Profile::shipped("demo-repo").unwrap().tool("open_pull_request").unwrap();
    assert_eq!(tool.verb().map(AsRef::as_ref), Some("pr_open"));
    assert_eq!(tool.role("repo").unwrap().as_str(), "repo");
    assert_eq!(tool.role("title"), None);
    assert_eq!(tool.roles().map(|(argument, role)| (argument, role.as_str())).collect::<Vec<_>>(), [("repo", "repo")]);
}

#[test]
fn cost_labels_and_composed_roles_are_told() {
    let yaml = "\
profile: x
roles: { repo: { from: [owner, repo], join: '/', ignore_case: true }, tag: { ignore_case: true } }
tools:
  open: { class: write, verb: pr_open, cost: low, labels: [source-code, customer-data], arguments: { title: content, files.path: path } }
  make: { class: write, arguments: { kind: tag }, roles: { repo: { from: [organization, name], join: '/' } } }
  run: { class: destructive, roles: { command: { from: [program, args] } } }
";
    let profile = Profile::parse("x.yaml", yaml).unwrap();
    let open = profile.tool("open").unwrap();
    assert_eq!(open.cost(), Some(CostClass::Low));
    assert_eq!(open.labels().iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["customer-data", "source-code"]);
    let made_of = |tool: &str, role: &str| {
        profile
            .tool(tool)
            .unwrap()
            .composed()
            .find(|(one, _)| one.as_str() == role)
            .map(|(_, made)| made.from.join(" "))
    };
    assert_eq!(made_of("open", "repo").unwrap(), "owner repo");
    assert_eq!(made_of("make", "repo").unwrap(), "organization name");
    assert_eq!(made_of("run", "command").unwrap(), "program args");
    let roles: Vec<String> = profile
        .roles()
        .iter()
        .map(|(role, form)| format!("{role} {:?} {:?} {}", form.kind, form.join, form.ignore_case))
        .collect();
    assert_eq!(
        roles,
        [
            "command Command Some(\" \") false",
            "content Content None false",
            "path Path None false",
            "repo Name Some(\"/\") true",
            "tag Name None true"
        ]
    );
}

#[track_caller]
fn refused(yaml: &str, expect: &str) {
    let error = Profile::parse("p.yaml", yaml).unwrap_err().to_string();
    assert!(error.contains(expect), "{error}");
}

#[test]
fn mistakes_are_refused_where_they_stand() {
    refused("profile: x\ntools:\n  a: {class: raed}\n", "`p.yaml`:3:");
    refused("profile: x\ntools:\n  a: {class: read, wy: b}\n", "wy");
    refused("profile: x\ntools:\n  a: {class: read}\n  a: {class: write}\n", "`p.yaml`:4:");
    refused("profile: x\ntools: {}\nextra: 1\n", "extra");
    refused("tools: {}\n", "profile");
    refused("profile: X y\ntools: {}\n", "`p.yaml`: profile: `X y` is not a profile's name");
    refused("profile: x\ntools:\n  a b: {class: read}\n", "tools.a b: `a b` is not a tool's name");
    refused("profile: x\ntools:\n  a: {class: read, arguments: {p: pth}}\n", "tools.a: `p`: `pth` would be read");
    refused(
        "profile: x\ntools:\n  a: {class: read, when: [{argument: p, class: read}]}\n",
        "tools.a: `when` for `p` takes either",
    );
    let tool = |of: &str, expect: &str| refused(&format!("profile: x\ntools:\n  a: {{class: read, {of}}}\n"), expect);
    tool("verb: Pr-open", "`Pr-open` is not a verb");
    tool("verb: mutations_in_repos", "is not a verb");
    tool("cost: huge", "`p.yaml`:3:");
    tool("labels: [A b]", "`A b` is not a label");
    tool("labels: [a, a]", "twice");
    tool("arguments: {a.b.c.d.e.f.g.h.i: path}", "is not an argument's name");
    tool("roles: {repo: {from: [a, b]}}", "takes `join`");
    tool("roles: {repo: {join: /}}", "takes `from`");
    tool("roles: {repo: {}}", "takes `from`");
    tool("roles: {repo: {from: [a], join: /}}", "needs several arguments");
    tool("roles: {repo: {from: [a, b], join: ab}}", "cannot join");
    tool("roles: {repo: {from: [a, a], join: /}}", "twice");
    tool("roles: {path: {from: [a, b], join: /}}", "not made of several");
    tool("roles: {path: {ignore_case: true}}", "`ignore_case` is for names");
    tool("roles: {command: {from: [a, b], join: /}}", "leave `join` out");
    tool("roles: {repo: {from: [owner, repo], join: /}}, arguments: {repo: repo}", "cannot be all of it");
    refused("profile: x\nroles: {Repo: {from: [a]}}\ntools: {}\n", "`p.yaml`: roles: `Repo` is not a role");
    refused("profile: x\ntools:\n  a: {class: read, when: [{argument: p, one_of: [], class: read}]}\n", "takes either");
    refused(
        "profile: x\ntools:\n  a: {class: read, when: [{argument: p, equals: 1, statement: sql_read, class: read}]}\n",
        "takes either",
    );
    refused(
        "profile: x\ntools:\n  a: {class: read, when: [{argument: p, statement: sql, class: read}]}\n",
        "`p.yaml`:3:",
    );
    refused("profile: x\ntools:\n  a: {class: read, when: [{argument: p, equals: [1], class: read}]}\n", "`p.yaml`:3:");
}

#[test]
fn a_statement_lowers_a_class_only_when_it_is_surely_one() {
    let postgres = Profile::shipped("postgres").unwrap();
    assert_eq!(class_of(postgres, "query", r#"{"sql":"SELECT count(*) FROM orders"}"#), Read);
    for other in [
        r#"{"sql":"SELECT 1; DROP TABLE orders"}"#,
        r#"{"sql":["SELECT 1"]}"#,
        r#"{"sql":null}"#,
        r#"{"query":"SELECT 1"}"#,
        r#"{}"#,
        r#"["SELECT 1"]"#,
    ] {
        assert_eq!(class_of(postgres, "query", other), Destructive, "{other}");
    }
    let aws = Profile::shipped("aws").unwrap();
    assert_eq!(class_of(aws, "call_aws", r#"{"cli_command":"aws ec2 describe-instances"}"#), Read);
    for other in [
        r#"{"cli_command":"aws ec2 terminate-instances --instance-ids i-1"}"#,
        r#"{"cli_command":["aws ec2 describe-instances"]}"#,
        r#"{"cli_command":"aws ec2 describe-instances; rm -rf /"}"#,
    ] {
        assert_eq!(class_of(aws, "call_aws", other), Destructive, "{other}");
    }
    let github = Profile::shipped("github").unwrap();
    assert_eq!(class_of(github, "label_write", r#"{"method":"create"}"#), Write);
    assert_eq!(class_of(github, "label_write", r#"{"method":"Create"}"#), Destructive);
    let kubernetes = Profile::shipped("kubernetes").unwrap();
    assert_eq!(class_of(kubernetes, "resources_get", r#"{"kind":"Pod"}"#), Read);
    assert_eq!(class_of(kubernetes, "resources_get", r#"{"kind":"Secret"}"#), External);
    assert_eq!(class_of(kubernetes, "resources_get", r#"{"kind":"pod"}"#), External);
}
