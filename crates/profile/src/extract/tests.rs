use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::Profile;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    profile: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    tool: String,
    #[serde(default)]
    reads: BTreeSet<Arc<str>>,
    arguments: String,
    #[serde(default)]
    roles: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    #[serde(default)]
    values: BTreeMap<Arc<str>, Vec<Scalar>>,
    #[serde(default)]
    unclear: BTreeSet<Arc<str>>,
}

fn cases() -> (Profile, Vec<Case>) {
    let Cases { profile, cases } = serde_saphyr::from_str(include_str!("../../cases/arguments.yaml")).unwrap();
    (Profile::parse("cases.yaml", &profile).unwrap(), cases)
}

static PROFILE: LazyLock<Profile> = LazyLock::new(|| cases().0);

fn all_roles(profile: &Profile) -> BTreeSet<Arc<str>> {
    let roles = profile.roles();
    roles.keys().map(Role::shared).chain(["path", "url"].map(Arc::from)).collect()
}

fn read_with(profile: &Profile, tool: &str, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
    match profile.tool(tool) {
        Some(tool) => tool.read(arguments, reads),
        None => unprofiled().read(arguments, reads),
    }
}

// INVARIANT: whoever reads arguments says by which description, so that rules that know the app by another one are not asked.
#[test]
fn every_reader_says_by_which_profile_it_reads() {
    let profile =
        |class: &str| Profile::parse("a.yaml", &format!("profile: a\ntools: {{t: {{class: {class}}}}}")).unwrap();
    let (one, other) = (profile("read"), profile("destructive"));
    assert_eq!(one.digest(), profile("read").digest());
    assert_ne!(one.digest(), other.digest());
    for tool in ["t", "nobody-knows"] {
        assert_eq!(one.reader(tool).described_by(), Some(one.digest()), "{tool}");
        assert_eq!(other.reader(tool).described_by(), Some(other.digest()), "{tool}");
    }
    assert_eq!(unprofiled().described_by(), None);
}

// INVARIANT: of a tool that nobody described, no role is said to be absent: what people approve of it is these arguments alone.
#[test]
fn of_a_tool_without_a_profile_every_role_is_unclear() {
    let profile = Profile::parse("a.yaml", "profile: a\ntools: {t: {class: read}}").unwrap();
    let reads = ArgumentReads { roles: ["command".into()].into(), values: ["cmd".into()].into() };
    for reader in [unprofiled(), profile.reader("nobody-knows")] {
        let read = reader.read(br#"{"cmd": "rm -rf /"}"#, &reads);
        assert_eq!((read.roles.len(), read.values.len(), read.unclear), (0, 1, reads.roles.clone()));
    }
    let read = of_no_tool().read(br#"{"cmd": "rm -rf /"}"#, &reads);
    assert_eq!((read.values.len(), read.unclear.len()), (1, 0), "a prompt has no roles");
}

#[test]
fn every_case_is_read_as_it_says() {
    let (profile, cases) = cases();
    for Case { tool, reads, arguments, roles, values, unclear } in cases {
        let reads = ArgumentReads { roles: all_roles(&profile), values: reads };
        let read = read_with(&profile, &tool, arguments.as_bytes(), &reads);
        let bytes = arguments.len() as u64;
        assert_eq!(read, ArgumentFacts { roles, values, bytes, unclear, open: false }, "{tool} {arguments}");
    }
}

#[test]
fn only_what_rules_look_at_is_read() {
    let (profile, cases) = cases();
    for Case { tool, arguments, .. } in cases {
        let read = read_with(&profile, &tool, arguments.as_bytes(), &ArgumentReads::default());
        let nothing = ArgumentFacts { bytes: arguments.len() as u64, ..ArgumentFacts::default() };
        assert_eq!(read, nothing, "{arguments}");
        for role in all_roles(&profile) {
            let reads = ArgumentReads { roles: [role.clone()].into(), values: BTreeSet::new() };
            let read = read_with(&profile, &tool, arguments.as_bytes(), &reads);
            assert!(read.roles.keys().chain(&read.unclear).all(|one| *one == role), "{role}: {read:?}");
        }
    }
}

#[test]
fn bounds_make_a_role_unclear_and_keep_what_was_read() {
    let (profile, _) = cases();
    let reads = ArgumentReads { roles: all_roles(&profile), values: ["paths".into()].into() };
    let read = |arguments: String| read_with(&profile, "plain", arguments.as_bytes(), &reads);
    let many = |count: usize, text: &str| format!("{{\"paths\": [{}]}}", vec![format!("\"{text}\""); count].join(","));
    let all = read(many(256, "/a"));
    assert_eq!((all.roles["path"].len(), all.values["paths"].len(), all.unclear.len()), (256, 256, 0));
    let more = read(many(257, "/a"));
    assert_eq!((more.roles["path"].len(), more.values["paths"].len(), more.unclear.len()), (256, 256, 2));
    let long = read(many(1, &format!("/{}", "a".repeat(4_096))));
    assert_eq!((long.roles.len(), long.unclear.len()), (0, 2));
    let much = read(many(20, &format!("/{}", "a".repeat(4_000))));
    assert!(much.roles["path"].len() < 9 && much.unclear.len() == 2);
    let items = vec!["{\"path\":\"/a\"}"; 300].join(",");
    let objects = read(format!("{{\"files\":[{items}]}}"));
    assert!(objects.roles["path"].len() == 256 && objects.unclear.contains("path"));
}

// INVARIANT: what is not read is unclear, whatever it stands behind.
#[test]
fn what_stands_behind_too_many_nothings_is_unclear() {
    let profile = Profile::parse(
        "a.yaml",
        r#"profile: a
tools:
  t:
    class: write
    arguments: { "jobs.run": command, "files.path": path }
    roles:
      repo: { from: ["items.owner", "items.repo"], join: "/" }
      account: { from: ["lines.line"], option: --profile }
      label: { from: ["labels.name"] }
  u: { class: write, roles: { command: { from: ["jobs.program", "jobs.words"] } } }
"#,
    )
    .unwrap();
    let roles = |roles: &[&str]| ArgumentReads {
        roles: roles.iter().map(|role| Arc::from(*role)).collect(),
        ..ArgumentReads::default()
    };
    let values = |name: &str| ArgumentReads { values: [name.into()].into(), ..ArgumentReads::default() };
    for (tool, list, first, name, reads) in [
        ("t", "attendees", "", "email", values("attendees.email")),
        ("nobody-knows", "attendees", r#"{"email":"a@example.com"}"#, "email", values("attendees.email")),
        ("t", "files", r#"{"path":"/a"}"#, "path", roles(&["path"])),
        ("t", "jobs", r#"{"run":"ls /a"}"#, "run", roles(&["command", "path", "url"])),
        ("t", "items", r#"{"owner":"acme","repo":"site"}"#, "repo", roles(&["repo"])),
        ("t", "lines", r#"{"line":"aws --profile dev"}"#, "line", roles(&["account"])),
        ("t", "labels", r#"{"name":"a"}"#, "name", roles(&["label"])),
        ("u", "jobs", r#"{"program":"rm","words":"a"}"#, "words", roles(&["command", "path", "url"])),
    ] {
        for nothing in ["null", "[]", "[null]"] {
            let with = |nothings: usize| {
                let nothings = vec![format!(r#"{{"{name}":{nothing}}}"#); nothings];
                let last = format!(r#"{{"{name}":"/etc"}}"#);
                let items: Vec<&str> = [first].into_iter().filter(|first| !first.is_empty()).collect();
                let items: Vec<String> = items.into_iter().map(str::to_owned).chain(nothings).chain([last]).collect();
                let arguments = format!(r#"{{"{list}":[{}]}}"#, items.join(","));
                profile.reader(tool).read(arguments.as_bytes(), &reads)
            };
            let wanted = ArgumentFacts::all_unclear(0, &reads).unclear;
            assert_eq!(with(256).unclear, wanted, "{list}.{name} {nothing}");
        }
    }
    // Up to the bound all is read.
    let arguments = format!(r#"{{"a":[{}{{"b":"x"}}]}}"#, r#"{"b":null},"#.repeat(255));
    let read = profile.reader("t").read(arguments.as_bytes(), &values("a.b"));
    assert_eq!((read.values["a.b"].len(), read.unclear.len()), (1, 0));
}

fn any_json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,9})?",
        "[a-z/.~$' @:*<>,-]{0,16}".prop_map(|text| format!("\"{text}\"")),
    ];
    let key = prop::sample::select(vec![
        "path",
        "paths",
        "url",
        "to",
        "command",
        "amount",
        "owner",
        "repo",
        "program",
        "args",
        "files",
        "files.path",
        "a",
        "b",
    ]);
    scalar.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(key.clone(), inner, 0..6).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    /// Whatever comes is read, within the bounds, and the same way again; a place is always absolute.
    #[test]
    fn any_arguments_are_read(arguments in any_json(), tool in "plain|program|one|nobody-knows") {
        let profile = &*PROFILE;
        let reads = ArgumentReads { roles: all_roles(profile), values: ["path".into(), "files.path".into()].into() };
        let read = read_with(profile, &tool, arguments.as_bytes(), &reads);
        prop_assert_eq!(&read_with(profile, &tool, arguments.as_bytes(), &reads), &read);
        prop_assert!(read.roles.get("path").into_iter().flatten().all(|path| path.starts_with('/')));
        let bytes: usize = read.roles.values().flatten().map(|value| value.len()).sum();
        prop_assert!(bytes <= ARGUMENT_FACTS_BYTES_MAX);
    }

    #[test]
    fn any_bytes_are_read(arguments in prop::collection::vec(any::<u8>(), 0..64)) {
        let profile = &*PROFILE;
        let reads = ArgumentReads { roles: all_roles(profile), values: ["path".into()].into() };
        let _ = read_with(profile, "plain", &arguments, &reads);
    }
}

#[test]
fn only_what_names_a_resource_or_an_amount_is_shown() {
    let arguments = br#"{"path":"/w/a","url":"https://x/?t=s","to":"ana@example.com","command":"ls","amount":12.5,
        "body":"hi","limit":30,"account":"sandbox","a":{"b":"y"},"owner":"acme","repo":"site","other":"z"}"#;
    let shown = PROFILE.tool("plain").unwrap().redacted(arguments).unwrap();
    let expected = r#"{"path":"/w/a","url":"(text, 14)","to":"(text, 15)","command":"(text, 2)","amount":12.5,"body":"(text, 2)","limit":30,"account":"sandbox","a":{"b":"y"},"owner":"acme","repo":"site","other":"(text, 1)"}"#;
    assert_eq!(shown, expected);
    let line = br#"{"line":"aws --profile secret"}"#;
    assert_eq!(PROFILE.tool("cloud").unwrap().redacted(line).unwrap(), r#"{"line":"(text, 20)"}"#);
    assert_eq!(unprofiled().redacted(br#"{"path":"/w"}"#).unwrap(), r#"{"path":"(text, 2)"}"#);
    assert_eq!(unprofiled().redacted(b"nonsense"), None);
}
