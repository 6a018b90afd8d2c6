//! The command line: exit codes, help, JSON, mistakes and what is said about them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::World;

use crate::kit::{at, intents, until, upstream, world, world_with};

#[test]
fn exit_codes() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    for (code, words) in [
        (0, &["check"][..]),
        (0, &["people"]),
        (0, &["tools"]),
        (0, &["trace"]),
        (0, &["policy", "show"]),
        (0, &["--help"]),
        (0, &["--version"]),
        (0, &["completions", "bash"]),
        (1, &["tools", "pin"]),
        (2, &["why", "c_00000000000000000000000000"]),
        (2, &["token", "--agent", "nobody", "--human", "ana"]),
        (2, &["stop", "nowhere"]),
        (2, &["tools", "nowhere"]),
        (2, &["tools", "classify", "nowhere"]),
        (2, &["tools", "classify", "--from", "nowhere.json"]),
        (2, &["policy", "show", "nowhere"]),
        (2, &["vault", "rm", "nothing"]),
        (64, &[]),
        (64, &["trce"]),
        (64, &["trace", "--verdict", "maybe"]),
        (64, &["tools", "classify"]),
        (64, &["token"]),
        (64, &["token", "--agent", "ana-desktop", "--human", "ana", "--ttl", "soon"]),
        (64, &["completions", "smalltalk"]),
        (64, &["check", "--nonsense"]),
    ] {
        let done = world.run(words)?;
        ensure!(done.code == code, "{words:?} ended with {}: {}{}", done.code, done.stdout, done.stderr);
        ensure!(code == 0 || !done.stderr.is_empty(), "{words:?} says nothing");
        ensure!(code < 2 || done.stdout.is_empty(), "{words:?} gives data: {}", done.stdout);
    }
    Ok(())
}

#[test]
fn a_proposed_profile_can_be_put_in_force() -> Result<()> {
    let list = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [
        {"name": "get_customer", "inputSchema": {"type": "object", "properties": {"customer_id": {"type": "string"}}}},
        {"name": "merge_customers", "inputSchema": {"type": "object"}},
        {"name": "no_schema"},
    ]}});
    let world = world().file("list.json", &list.to_string()).prepare()?;
    let done = world.run(&["tools", "classify", "crm", "--from", "list.json"])?;
    ensure!(done.code == 0, "{}", done.stderr);
    ensure!(done.stderr.contains("left out: number 3 of the list: "), "{}", done.stderr);
    ensure!(done.stderr.contains("2 tools: 1 read, 1 destructive"), "{}", done.stderr);
    let profile = "\
profile: crm
about: proposed from what the server says of its tools
tools:
  get_customer:
    class: read
    why: \"name starts with `get`\"
    verb: customer_read
    arguments: { customer_id: account }
  merge_customers:
    class: destructive
    why: \"name starts with `merge`\"
    verb: customer_merge
";
    ensure!(done.stdout.ends_with(profile), "{}", done.stdout);
    let said: Value =
        serde_json::from_str(&world.run_well(&["tools", "classify", "--from", "list.json", "--json"])?)?;
    ensure!(at(&said, "/profile") == "proposed" && at(&said, "/tools/1/class") == "destructive", "{said}");
    Ok(())
}

#[test]
fn an_app_that_runs_is_asked_for_its_tools() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let yaml = world.run_well(&["tools", "classify", "remote"])?;
    ensure!(yaml.contains("profile: remote\n"), "{yaml}");
    let listed: Value = serde_json::from_str(&world.run_well(&["tools", "--json"])?)?;
    let tools = listed.pointer("/apps/0/tools").and_then(Value::as_array).context("tools")?;
    ensure!(!tools.is_empty(), "{listed}");
    for tool in tools {
        let (name, class) = (at(tool, "/tool"), at(tool, "/proposed"));
        let lines: Vec<&str> = yaml.lines().collect();
        let found = lines
            .iter()
            .position(|line| [format!("  {name}:"), format!("  \"{name}\":")].contains(&(*line).to_owned()));
        let found = found.with_context(|| format!("{name} is not in {yaml}"))?;
        let after = lines.iter().skip(found).find(|line| line.starts_with("    class: "));
        ensure!(after.is_some_and(|line| line.ends_with(class)), "{name} is no {class} in {yaml}");
    }
    Ok(())
}

#[test]
fn help_fits_a_screen() -> Result<()> {
    let world = world().prepare()?;
    let whole = world.run_well(&["--help"])?;
    let listed = whole.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<&str> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() >= 19, "{commands:?}");
    check_help("", &whole);
    for command in &commands {
        let help = world.run_well(&[command, "--help"])?;
        assert!(help.contains(&format!("Usage: countersign {command}")), "{help}");
        check_help(command, &help);
    }
    for hidden in ["DANGER", "NO_SYNC"] {
        assert!(!whole.contains(hidden), "{hidden}");
    }
    Ok(())
}

fn check_help(command: &str, help: &str) {
    assert!(help.lines().count() <= 46, "{command}: {} lines", help.lines().count());
    for line in help.lines() {
        assert!(line.chars().count() <= 100, "{command}: {line}");
    }
}

#[test]
fn a_mistyped_word_is_answered_with_the_right_one() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    for (words, right) in [
        (&["trce"][..], "'trace'"),
        (&["people", "ofboard", "ana"], "'offboard'"),
        (&["trace", "--agnt", "x"], "'--agent'"),
        (&["token", "--agent", "ana-desktop", "--human", "anna"], "`ana`"),
        (&["token", "--agent", "ana-desktp", "--human", "ana"], "`ana-desktop`"),
        (&["tools", "remot"], "`remote`"),
        (&["stop", "remot"], "`remote`"),
        (&["policy", "show", "basline"], "`baseline`"),
    ] {
        let done = world.run(words)?;
        assert!(done.stderr.contains(right), "{words:?}: {}", done.stderr);
    }
    Ok(())
}

#[test]
fn mistakes_in_the_configuration() -> Result<()> {
    let mut said = String::new();
    for text in [
        "listen: 127.0.0.1:0\nlisetn: x\n",
        "people:\n  ana: { name: Ana }\n  ana: { name: Ann }\n",
        "people:\n  ana: { name: [Ana] }\n",
        "people:\n  ana: {}\nagents:\n  desk: { owner: anna }\n",
        "apps:\n  crm: { url: \"http://127.0.0.1:1/mcp\", risk: lo }\n",
        "apps:\n  crm:\n    url: \"ftp://127.0.0.1/\"\n    credential: \"sk-0123456789\"\n",
        "apps:\n  crm: { url: \"http://127.0.0.1:1/mcp\", profile: gti }\n",
        "limits: { call_seconds_max: 0 }\n",
        "rules: [nowhere.cedar]\n",
        "listen: [\n",
    ] {
        let world = world().config_text(text).prepare()?;
        let done = world.run(&["check"])?;
        ensure!(done.code == 2 && done.stdout.is_empty(), "{text} {done:?}");
        said.push_str(&done.stderr.replace(&world.config().display().to_string(), "countersign.yaml"));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @r#"
error: countersign.yaml:2:1: unknown key `lisetn`
  | lisetn: x
  | ^
  hint: did you mean `listen`?

error: countersign.yaml:3:3: the key `ana` occurs twice
  |   ana: { name: Ann }
  |   ^
  hint: keep one of them

error: countersign.yaml:2:16: expected text
  |   ana: { name: [Ana] }
  |                ^

error: countersign.yaml:4:18: there is no person `anna`
  |   desk: { owner: anna }
  |                  ^
  hint: did you mean `ana`?

error: countersign.yaml:2:47: unknown value `lo`
  |   crm: { url: "http://127.0.0.1:1/mcp", risk: lo }
  |                                               ^
  hint: did you mean `low`?

error: countersign.yaml:3:10: `ftp://127.0.0.1/` is not an address: it takes `http://host:port/path`, without a user in it
  |     url: "ftp://127.0.0.1/"
  |          ^
countersign.yaml:4:17: a credential is named by `env:NAME`, `file:PATH` or `vault:NAME`; the value itself must not stand here

error: countersign.yaml:2:50: there is no profile `gti`
  |   crm: { url: "http://127.0.0.1:1/mcp", profile: gti }
  |                                                  ^
  hint: did you mean `git`?

error: countersign.yaml:1:29: a bound must be at least 1
  | limits: { call_seconds_max: 0 }
  |                             ^

error: countersign.yaml:1:9: the rule file `nowhere.cedar` is refused: there is no such file
  | rules: [nowhere.cedar]
  |         ^

error: countersign.yaml:1:9: expected text
  | listen: [
  |         ^
"#);
    Ok(())
}

#[test]
fn json_for_programs() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let mut client = world.client("ana-desktop", "ana")?;
    client.call("remote__count", json!({}))?;
    let json = |words: &[&str]| -> Result<Value> {
        let text = world.run_well(&[words, &["--json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("{words:?}: {text}"))
    };
    let has = |said: &Value, pointers: &[&str]| {
        for pointer in pointers {
            assert!(said.pointer(pointer).is_some_and(|value| !value.is_null()), "{pointer}: {said}");
        }
    };
    has(&json(&["people"])?, &["/people/0/id", "/people/0/name", "/people/0/active", "/people/1"]);
    has(&json(&["agents"])?, &["/agents/0/id", "/agents/0/owner", "/agents/0/active"]);
    has(&json(&["tools"])?, &["/apps/0/app", "/apps/0/tools/0/tool", "/apps/0/tools/0/class", "/apps/0/tools/0/why"]);
    has(&json(&["check"])?, &["/ok", "/bundle", "/rules", "/people", "/agents", "/apps"]);
    has(&json(&["reload"])?, &["/bundle", "/rules", "/needs_restart"]);
    has(&json(&["vault", "list"])?, &["/secrets"]);
    has(&json(&["people", "offboard", "ben"])?, &["/done", "/subject", "/record"]);
    has(&json(&["tools", "pin", "remote", "--yes"])?, &["/pinned/0/tool", "/pinned/0/definition", "/record"]);
    let token = json(&["token", "--agent", "ana-desktop", "--human", "ana", "--ttl", "90s"])?;
    assert_eq!(token.get("expires_in"), Some(&json!(90)));
    assert_eq!(at(&token, "/audience"), world.mcp_url());
    let records = world.trace()?;
    assert_eq!(records.len(), 1);
    let record = records.first().context("no record")?;
    has(record, &["/sequence", "/call", "/time", "/leaf/bundle", "/leaf_hash", "/body/arguments", "/outcome/effect"]);
    assert_eq!(at(record, "/verdict"), "allow");
    assert!(record.pointer("/body/salt").is_none());
    let why = json(&["why", at(record, "/call")])?;
    assert_eq!(why.pointer("/records/0/verified"), Some(&json!(true)), "{why}");
    assert_eq!(at(&why, "/records/1/kind"), "outcome");
    Ok(())
}

#[test]
fn the_trace_answers_questions() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let (mut ana, mut ben) = (world.client("ana-desktop", "ana")?, world.client("ben-desktop", "ben")?);
    ana.call("remote__echo", json!({"text": "x"}))?;
    world.run_well(&["stop", "remote"])?;
    ben.call("remote__count", json!({}))?;
    let count = |words: &[&str]| -> Result<usize> {
        let text = world.run_well(&[&["trace", "--json"][..], words].concat())?;
        Ok(text.lines().filter(|line| !line.trim().is_empty()).count())
    };
    for (words, wanted) in [
        (&[][..], 2),
        (&["--verdict", "deny"], 1),
        (&["--verdict", "hold"], 0),
        (&["--human", "ana"], 1),
        (&["--agent", "ben-desktop"], 1),
        (&["--tool", "echo"], 1),
        (&["--app", "remote"], 2),
        (&["--since", "1h"], 2),
        (&["--until", "2020-01-01T00:00:00Z"], 0),
        (&["--limit", "1"], 1),
    ] {
        assert_eq!(count(words)?, wanted, "{words:?}");
    }
    assert!(count(&["--changes"])? > 2);
    let shown = world.run_well(&["trace"])?;
    for part in ["Ana's desktop", "Ben Okafor", "remote/echo", "allow", "deny", "remote is stopped"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "colour without a terminal");
    let first = intents(&world)?.first().map(|entry| entry.sequence.to_string()).context("no record")?;
    assert!(world.run_well(&["why", &first])?.contains("remote/echo"));
    Ok(())
}

#[test]
fn a_token_stands_alone_on_standard_output() -> Result<()> {
    let world = world().start()?;
    let done = world.run(&["token", "--agent", "ana-desktop", "--human", "ana"])?;
    let token = done.stdout.trim_end();
    assert_eq!((token.split('.').count(), token.lines().count()), (3, 1), "{token}");
    assert!(done.stderr.contains("good for 3600 s at http://127.0.0.1:"), "{}", done.stderr);
    let too_long = world.run(&["token", "--agent", "ana-desktop", "--human", "ana", "--ttl", "25h"])?;
    assert_ne!(too_long.code, 0);
    Ok(())
}

#[test]
fn completions_for_every_shell() -> Result<()> {
    let world = world().prepare()?;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = world.run_well(&["completions", shell])?;
        assert!(script.contains("offboard") && script.contains("completions"), "{shell}");
    }
    let script = world.folder().join("script");
    std::fs::write(&script, world.run_well(&["completions", "bash"])?)?;
    let words = "source ./script && COMP_WORDS=(countersign tra) COMP_CWORD=1 && _countersign countersign tra countersign && echo ${COMPREPLY[@]}";
    let output = Command::new("bash").args(["-c", words]).current_dir(world.folder()).output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "trace", "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn the_rules_can_be_read() -> Result<()> {
    let mine = "@id(\"mine\") permit (principal, action, resource);\n";
    let world = world().rules("mine.cedar", mine).prepare()?;
    assert_eq!(world.run_well(&["policy", "show", "mine.cedar"])?, mine);
    let baseline = world.run_well(&["policy", "show", "baseline"])?;
    assert!(baseline.contains("@id(\"baseline-destructive\")"), "{baseline}");
    assert!(world.run_well(&["policy", "show", "schema"])?.contains("entity Tool, Resource, Prompt, Request in [App]"));
    let all = world.run_well(&["policy", "show"])?;
    assert!(all.contains("@id(\"baseline-read\")") && all.contains("@id(\"mine\")"), "{all}");
    let checked = world.run_well(&["check"])?;
    assert!(checked.starts_with("in order: 8 rules, bundle "), "{checked}");
    Ok(())
}

#[test]
fn one_gateway_holds_a_data_directory() -> Result<()> {
    let world = world().start()?;
    let second = world.run(&["serve", "--listen", "127.0.0.1:0"])?;
    assert_eq!(second.code, 2);
    assert!(second.stderr.contains(&world.process_id().to_string()), "{}", second.stderr);
    let other = crate::kit::world().prepare()?;
    let address = world.base_url().trim_start_matches("http://").to_owned();
    let taken = other.run(&["serve", "--listen", &address])?;
    assert_eq!(taken.code, 2);
    assert!(taken.stderr.contains("cannot listen on") && taken.stderr.contains("hint:"), "{}", taken.stderr);
    Ok(())
}

#[test]
fn the_demo_tells_its_story_and_leaves_nothing() -> Result<()> {
    let world: World = world().prepare()?;
    let temporary = world.folder().join("tmp");
    std::fs::create_dir(&temporary)?;
    let mut command = world.command(&["demo", "--port", "0"]);
    let command = command.env("TMPDIR", &temporary).env("LANG", "C.UTF-8").stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut status = None;
    until("the demo ends within ten seconds", || {
        status = child.try_wait()?;
        Ok(status.is_some())
    })
    .inspect_err(|_| drop(child.kill()))?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8(output.stdout)?;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let verdicts: Vec<&str> = said
        .lines()
        .filter_map(|line| line.trim_start().split_once(' '))
        .filter(|(sign, _)| ["✓", "⏸", "✗"].contains(sign))
        .filter_map(|(_, rest)| rest.split_whitespace().next())
        .collect();
    assert_eq!(verdicts, ["allow", "hold", "allow", "deny", "deny", "deny"], "{said}");
    for part in [
        "Pricing",
        "holds approve",
        "the server was called 0 times",
        "+  description:",
        "401 Unauthorized",
        "countersign init",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let left: Vec<_> = std::fs::read_dir(&temporary)?.collect();
    assert!(left.is_empty() && !exists(world.folder(), "data"), "{left:?}");
    Ok(())
}

#[test]
fn a_demo_that_is_ended_by_hand_leaves_nothing() -> Result<()> {
    let world = world().prepare()?;
    let temporary = world.folder().join("tmp");
    std::fs::create_dir(&temporary)?;
    let written = |name: &str| -> Result<bool> {
        let mut homes = std::fs::read_dir(&temporary)?.filter_map(Result::ok);
        Ok(homes.any(|home| home.path().join(name).exists()))
    };
    // Before the gateway is there, and while the story is told.
    for file in ["countersign.yaml", "data/trace.db"] {
        let mut command = world.command(&["demo", "--port", "0"]);
        let command = command.env("TMPDIR", &temporary).stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        until("the demo has begun", || written(file))?;
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)?;
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(2) && said.contains("the story was not told to its end"), "{said}");
        let left: Vec<_> = std::fs::read_dir(&temporary)?.collect();
        ensure!(left.is_empty(), "{left:?}");
    }
    Ok(())
}

fn exists(folder: &Path, name: &str) -> bool {
    folder.join(name).exists()
}

#[test]
fn a_full_disk_is_no_success() -> Result<()> {
    let app = upstream()?;
    let world = world_with(&app)?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    for words in [&["trace"][..], &["trace", "query", "agent:ana-desktop"], &["trace", "follow"], &["trace", "--json"]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full")?;
        let ended = world.command(words).stdout(full).output()?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains("could not be written"), "{words:?}: {said}");
    }
    Ok(())
}

#[test]
fn what_was_asked_for_and_not_done_is_no_success() -> Result<()> {
    let world = world().prepare()?;
    for words in [
        &["trace", "keys", "--new"][..],
        &["trace", "keys", "--retire", "1"],
        &["trace", "export", "--out", "all.jsonl"],
    ] {
        let said = world.run(words)?;
        assert_eq!(said.code, 2, "{words:?}: {said:?}");
    }
    assert!(!world.folder().join("all.jsonl").exists());
    Ok(())
}

#[test]
fn access_that_the_configuration_ended_has_ended() -> Result<()> {
    let app = upstream()?;
    let mut world = world_with(&app)?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    let asked = |world: &World| world.run_well(&["trace", "access-ended", "ana"]);
    assert!(asked(&world)?.contains("the access of ana has not ended"));
    ensure!(world.terminate()? == 0, "{}", world.log());
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(world.config())?)?;
    config["people"]["ana"]["active"] = json!(false);
    std::fs::write(world.config(), config.to_string())?;
    let said = asked(&world)?;
    assert!(said.contains("the access of ana is ended by the configuration"), "{said}");
    let said: Value = serde_json::from_str(&world.run_well(&["trace", "access-ended", "ana", "--json"])?)?;
    assert_eq!(said.get("ended_by_configuration"), Some(&json!(true)), "{said}");
    Ok(())
}

#[test]
fn commands_and_a_gateway_that_start_together_wait_for_each_other() -> Result<()> {
    let world = world().prepare()?;
    let token = ["token", "--agent", "ana-desktop", "--human", "ana"];
    for _ in 0..6 {
        let mut before = world.command(&["people"]).stdout(Stdio::null()).spawn()?;
        let mut gateway = world.command(&["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn()?;
        let asked = world.run(&token)?;
        before.wait()?;
        let ended = gateway.try_wait()?;
        gateway.kill()?;
        let said = String::from_utf8_lossy(&gateway.wait_with_output()?.stderr).into_owned();
        ensure!(ended.is_none(), "the gateway gave up: {said}");
        ensure!(asked.code == 0 && asked.stdout.split('.').count() == 3, "{asked:?}");
    }
    Ok(())
}

#[test]
fn the_table_says_what_a_yes_makes_of_a_tool() -> Result<()> {
    let app = upstream()?;
    let world = world().app_url("shop", app.url(), None).start()?;
    let shown = world.run_well(&["tools", "shop"])?;
    let class_of = |said: &str, tool: &str| -> Result<String> {
        let line = said.lines().find(|line| line.trim_start().starts_with(&format!("{tool} ")));
        Ok(line.with_context(|| format!("no {tool} in {said}"))?.to_owned())
    };
    let before = class_of(&shown, "count")?;
    ensure!(before.contains(" external ") && before.contains("; a yes makes it `read`"), "{before}");
    let asked = world.run(&["tools", "pin", "shop/count", "--class", "write"])?;
    ensure!(class_of(&asked.stdout, "count")?.contains("; a yes makes it `write`"), "{asked:?}");
    world.run_well(&["tools", "pin", "shop", "--yes"])?;
    let after = class_of(&world.run_well(&["tools", "shop"])?, "count")?;
    ensure!(after.contains(" read ") && !after.contains("a yes makes it"), "{after}");
    Ok(())
}

#[test]
fn what_stands_where_an_export_goes_stays_what_it_is() -> Result<()> {
    use std::os::unix::fs::FileTypeExt as _;

    let app = upstream()?;
    let world = world_with(&app)?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    let pipe = world.folder().join("pipe");
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success());
    let reads = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe)
    });
    world.run_well(&["trace", "export", "--out", "pipe"])?;
    let read = reads.join().map_err(|_| anyhow::anyhow!("the reader broke"))??;
    ensure!(read.contains("\"count\"") && std::fs::symlink_metadata(&pipe)?.file_type().is_fifo(), "{read}");
    std::os::unix::fs::symlink("there.jsonl", world.folder().join("link"))?;
    std::fs::write(world.folder().join("there.jsonl"), "before")?;
    world.run_well(&["trace", "export", "--out", "link"])?;
    let there = std::fs::read_to_string(world.folder().join("there.jsonl"))?;
    ensure!(there.starts_with('{') && std::fs::symlink_metadata(world.folder().join("link"))?.is_symlink());
    Ok(())
}

#[test]
fn a_configuration_that_is_not_there_speaks_for_no_trace() -> Result<()> {
    let app = upstream()?;
    let world = world_with(&app)?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    std::fs::rename(world.config(), world.folder().join("elsewhere.yaml"))?;
    for words in [&["trace"][..], &["trace", "verify"], &["trace", "backup", "copy"], &["trace", "export"]] {
        let said = world.run(words)?;
        ensure!(said.code == 2 && said.stderr.contains("there is no such file"), "{words:?}: {said:?}");
    }
    ensure!(!world.folder().join("copy").exists());
    Ok(())
}

#[test]
fn nothing_is_put_in_force_where_no_gateway_runs() -> Result<()> {
    let never = crate::kit::world().prepare()?;
    let mut killed = crate::kit::world().start()?;
    killed.kill()?;
    for world in [&never, &killed] {
        let refused = world.run(&["reload"])?;
        ensure!(refused.code == 2 && refused.stdout.is_empty(), "{refused:?}");
        ensure!(refused.stderr.contains("no gateway runs with the data directory"), "{refused:?}");
    }
    ensure!(!never.folder().join("data").exists(), "nothing is made");
    killed.restart()?;
    ensure!(killed.run_well(&["reload"])?.starts_with("in force: "));
    Ok(())
}
