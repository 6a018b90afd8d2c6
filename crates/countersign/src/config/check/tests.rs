use broker::Placement;
use mcp::Target;

use super::*;

fn environment(name: &str) -> Option<String> {
    match name {
        "PATH" => Some("/bin:/usr/bin".to_owned()),
        "HOST" => Some("127.0.0.1:9000".to_owned()),
        _ => None,
    }
}

pub(super) fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("c.yaml"), text, &environment).map_err(|problems| problems.to_string())
}

/// What is said of a file that is wrong.
pub(super) fn refused(text: &str) -> String {
    parse(text).err().unwrap_or_else(|| "nothing was wrong".to_owned())
}

const WORLD: &str = "
people: {ana: {name: Ana, role: cfo}, bo: {manager: ana, active: false}}
agents: {bot: {owner: ana}}
";

#[test]
fn what_was_put_out_of_force_by_comments_stands_anywhere() {
    let comments = "  # old: {command: [sh]}\n".repeat(500);
    let config = parse(&format!("{WORLD}apps:\n{comments}  files: {{command: [sh]}}\n{comments}")).unwrap();
    assert_eq!(config.apps.len(), 1);
}

#[test]
fn a_program_is_beside_the_file_wherever_the_app_starts() {
    let config = parse(&format!("{WORLD}apps:\n  files: {{command: [./serve], directory: app}}\n")).unwrap();
    let Some(Target::Child(child)) = config.apps.first().map(|app| &app.target) else { panic!("no child") };
    assert_eq!(child.program, std::path::absolute("serve").unwrap());
}

#[test]
fn a_whole_file_becomes_a_world() {
    let config = parse(&format!(
        "{WORLD}
listen: 127.0.0.1:0
limits: {{call_seconds_max: 5, body_bytes_max: 1000}}
connect: {{human: ana, agent: bot}}
apps:
  files: {{command: [sh, -c, 'echo ${{HOST}}'], env: {{A: '${{HOST}}/x'}}, credential: 'vault:f', credential_variable: TOKEN, owners: [ana]}}
  web: {{url: 'http://${{HOST}}/mcp', credential: 'env:T', profile: fetch, risk: low, data: public, access: {{roles: [cfo]}}}}
"
    ))
    .unwrap();
    assert_eq!((config.limits.call_time_max, config.limits.body_bytes_max), (Duration::from_secs(5), 1000));
    assert_eq!(config.connect.unwrap().agent.as_str(), "bot");
    assert!(!config.directory.humans["bo"].active);
    let (files, web) = (&config.directory.apps["files"], &config.directory.apps["web"]);
    assert_eq!(
        (files.risk, files.data),
        (Risk::High, DataClassification::Restricted),
        "what nobody judged counts as the worst"
    );
    assert!(web.admits(&config.directory.humans["ana"]) && !web.admits(&config.directory.humans["bo"]));
    assert_eq!(config.data, Path::new("./countersign-data"));
    let Target::Child(child) = &config.apps[0].target else { panic!("files is a child") };
    assert_eq!(child.program, Path::new("/bin/sh"));
    assert_eq!(child.arguments, ["-c", "echo 127.0.0.1:9000"]);
    assert_eq!(child.environment, [("A".to_owned(), "127.0.0.1:9000/x".to_owned())]);
    let Placement::Header { name, prefix } = &config.credentials[1].placement else { panic!("web has a header") };
    assert_eq!((name.as_str(), prefix.as_str()), ("authorization", "Bearer "));
}

#[test]
fn a_door_takes_a_certificate_and_a_key_that_nobody_else_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("../front/src/tls");
    for (file, mode) in [("gateway.pem", 0o644), ("gateway.key", 0o640), ("other.key", 0o600)] {
        let copy = folder.path().join(file);
        std::fs::copy(tls.join(file), &copy).unwrap();
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let door = |listen: &str, key: &str, more: &str| {
        let of = |file: &str| folder.path().join(file).display().to_string();
        let text = format!(
            "{WORLD}door: {{listen: '{listen}', certificate: '{}', key: '{}'{more}}}\n",
            of("gateway.pem"),
            of(key)
        );
        parse(&text)
    };
    let config = door("127.0.0.1:0", "gateway.key", "").unwrap();
    assert!(config.door.is_some_and(|door| door.url.is_none()));
    assert!(door("0.0.0.0:4443", "gateway.key", ", url: 'https://vendors.example.org'").is_ok());
    for (listen, key, more, said) in [
        ("0.0.0.0:4443", "gateway.key", "", "nothing says by which name"),
        ("127.0.0.1:0", "gateway.key", ", url: 'http://x.example'", "is not an address of https"),
        ("127.0.0.1:0", "gateway.key", ", url: 'https://x.example/api'", "is not an address of https"),
        ("127.0.0.1:0", "other.key", "", "are not of each other"),
        ("127.0.0.1:0", "gateway.pem", "", "is open to others (mode 644)"),
        ("127.0.0.1:0", "none.key", "", "cannot be read"),
        ("nowhere", "gateway.key", "", "an address and a port"),
    ] {
        let refused = door(listen, key, more).err().unwrap_or_default();
        assert!(refused.contains(said), "{listen} {key} {more}: {refused}");
        assert!(!refused.contains("PRIVATE"), "{refused}");
    }
}

#[test]
fn pages_are_there_where_they_are_wanted() {
    assert_eq!(parse(WORLD).unwrap().console, None);
    let console = |text: &str| parse(&format!("{WORLD}console: {text}\n")).unwrap().console.unwrap();
    let plain = console("{}");
    assert_eq!((plain.listen.to_string().as_str(), plain.url), ("127.0.0.1:4120", None));
    assert_eq!(plain.readers.roles, ["auditor", "security"]);
    let outside = console("{listen: '0.0.0.0:443', url: 'https://c.example.org', readers: {people: [ana]}}");
    assert_eq!(outside.url.unwrap().to_string(), "https://c.example.org/");
    assert_eq!((outside.readers.roles.len(), outside.readers.people.len()), (0, 1));
}

#[test]
fn passwords_do_not_cross_a_network_in_the_clear() {
    insta::assert_snapshot!(refused(&format!("{WORLD}console: {{listen: '0.0.0.0:4120'}}\n")), @r"
    c.yaml:4:19: `0.0.0.0:4120` is reached from elsewhere, and passwords would cross the network in the clear
      | console: {listen: '0.0.0.0:4120'}
      |                   ^
      hint: put a proxy with TLS in front and name its address with `url: https://…`
    ");
    for (written, said) in [
        ("{url: 'http://c.example.org'}", "is not https, and passwords would cross the network in the clear"),
        ("{url: 'https://c.example.org/console'}", "has a path, and the pages begin at the root of a host"),
        ("{readers: {people: [anna]}}", "there is no person `anna`"),
    ] {
        let refused = refused(&format!("{WORLD}console: {written}\n"));
        assert!(refused.contains(said), "{written}: {refused}");
    }
}

#[test]
fn an_empty_file_is_an_empty_world() {
    let config = parse("people:\n").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:4100");
    assert!(config.apps.is_empty() && config.rules.is_empty());
}

#[test]
fn an_unknown_key_names_the_nearest_right_one() {
    insta::assert_snapshot!(refused("people:\n  ana: {nmae: Ana}\n"), @r#"
    c.yaml:2:9: unknown key `nmae`
      |   ana: {nmae: Ana}
      |         ^
      hint: did you mean `name`?
    "#);
    insta::assert_snapshot!(refused("people:\n  ana: {nmae: Ana}\n  bo: {name: Bo, rol: cfo}\nlisetn: x\n"), @r#"
    c.yaml:2:9: unknown key `nmae`
      |   ana: {nmae: Ana}
      |         ^
      hint: did you mean `name`?
    c.yaml:3:18: unknown key `rol`
      |   bo: {name: Bo, rol: cfo}
      |                  ^
      hint: did you mean `role`?
    c.yaml:4:1: unknown key `lisetn`
      | lisetn: x
      | ^
      hint: did you mean `listen`?
    "#);
}

#[test]
fn a_key_that_occurs_twice_is_refused() {
    insta::assert_snapshot!(refused("people:\n  ana: {}\n  bo: {}\n  ana: {}\n"), @r#"
    c.yaml:4:3: the key `ana` occurs twice
      |   ana: {}
      |   ^
      hint: keep one of them
    "#);
}

#[test]
fn what_stands_in_a_variable_of_an_address_is_not_shown() {
    for address in ["https://bot:${HOST}@crm/mcp", "https://${HOST}@crm/mcp", "bot:${HOST}@crm", "ftp://crm/${HOST}"] {
        let said = refused(&format!("{WORLD}apps:\n  crm: {{url: '{address}'}}\n"));
        let told = said.lines().next().unwrap();
        assert!(told.contains("is not an address") && !said.contains(&environment("HOST").unwrap()), "{said}");
        assert!(!told.contains("bot"), "{said}");
    }
    let elsewhere = [
        ("exports: {out: {kind: syslog, address: 'tcp://siem/?key=${HOST}/'}}", "is no address"),
        ("console: {url: 'http://other.example/?key=${HOST}'}", "is not https"),
        ("console: {url: 'https://other.example/?key=${HOST}'}", "has a path"),
        ("door: {listen: '127.0.0.1:0', url: 'https://h/?key=${HOST}', certificate: a, key: b}", "without a path"),
        ("console: {oidc: {name: A, issuer: 'https://h/?key=${HOST}', client_id: a}}", "is no issuer"),
    ];
    for (text, told) in elsewhere {
        let said = refused(&format!("{WORLD}{text}\n"));
        assert!(said.contains(told) && !said.contains(&environment("HOST").unwrap()), "{said}");
        assert!(said.contains("?key=${HOST}"), "what stands in the file is shown: {said}");
    }
    let said = with_a_mapping("https://api.example/?key=${HOST}");
    assert!(said.contains("has a query") && !said.contains(&environment("HOST").unwrap()), "{said}");
    assert_eq!(with_a_mapping("https://api.example"), "");
}

#[test]
fn an_address_is_of_one_host_and_one_port() {
    let addresses = [
        "http://127.0.0.1:99999/mcp",
        "http://127.0.0.1:80a/mcp",
        "http://127.0.0.1:/mcp",
        "https://bob:hunt/er2x@crm.example/mcp",
    ];
    for address in addresses {
        let app = format!("apps: {{crm: {{url: '{address}'}}}}");
        let chat = format!("console: {{}}\nnotify: {{chat: {{kind: slack, url: '{address}'}}}}");
        let mail = address.replace("http", "smtp");
        let mail = format!(
            "console: {{}}\nnotify: {{mail: {{kind: mail, url: '{mail}', from: a@b.example, to: [c@d.example]}}}}"
        );
        for (written, said) in
            [(app, "is not an address"), (chat, "this is not an address"), (mail, "it takes `smtp://HOST")]
        {
            let refused = refused(&format!("{WORLD}{written}\n"));
            assert!(refused.contains(said) && !refused.contains("er2x"), "{written}: {refused}");
        }
        assert!(with_a_mapping(address).contains("is not an address"), "{address}");
        let console = format!("console: {{oidc: {{issuer: '{address}', client_id: x}}}}");
        assert!(refused(&format!("{WORLD}{console}\n")).contains("is no issuer"), "{address}");
    }
    let of_a_scope = parse(&format!("{WORLD}apps: {{crm: {{url: 'https://crm.example/@acme/mcp'}}}}\n"));
    assert!(of_a_scope.is_ok());
    let behind_a_port = refused(&format!("{WORLD}apps: {{crm: {{url: 'https://crm.example:8443/@acme/mcp'}}}}\n"));
    assert!(behind_a_port.contains("is written `%40`"), "{behind_a_port}");
}

#[test]
fn a_line_with_a_password_in_an_address_is_not_shown() {
    for line in [
        "apps: {crm: {url: 'https://bot:s3cret@crm/mcp'}}",
        "apps: {crm: {url: 'https://bot:s3cret@crm/mcp', risk: hihg}}",
        "apps: {crm: {url: 'https://bot:s3cret@crm/mcp', riks: high}}",
        "apps: {crm: {url: https://bot:s3cret@crm/mcp}}",
        "apps: {crm: {url: 'https://bot:s3,cret@crm/mcp'}}",
        "apps: {crm: {url: 'https://bot:s3 cret@crm/mcp'}}",
        "apps: {crm: {url: 'https://bot:s3/cret@crm/mcp'}}",
        "apps: {crm: {url: 'https://bot:s3/@crm/mcp'}}",
        "console: {url: 'http://bot:s3cret@pages.example'}",
        "exports: {out: {kind: syslog, address: 'tcp://bot:s3cret@siem'}}",
        "door: {listen: '127.0.0.1:0', url: 'https://bot:s3cret@h', certificate: a, key: b}",
    ] {
        let said = refused(&format!("{WORLD}{line}\n"));
        assert!(said.starts_with("c.yaml:4:") && !said.contains("cret@") && !said.contains("bot:"), "{said}");
    }
    let said = refused(&format!("{WORLD}apps: {{crm: {{url: 'https://crm/@ana/mcp', risk: hihg}}}}\n"));
    assert!(said.contains("https://crm/@ana/mcp"), "what names nobody is shown: {said}");
}

/// What is said of an app that is an HTTP API at this address.
fn with_a_mapping(url: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("crm.api.yaml");
    std::fs::write(&mapping, "api: 1\nbase: https://api.example\nentities: {}\noperations: {}\n").unwrap();
    std::fs::set_permissions(&mapping, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!("{WORLD}apps: {{crm: {{api: crm.api.yaml, url: '{url}'}}}}\n");
    let found = Config::parse(&folder.path().join("c.yaml"), &text, &environment);
    found.err().map(|problems| problems.to_string()).unwrap_or_default()
}

#[test]
fn a_wrong_type_is_refused_where_it_stands() {
    insta::assert_snapshot!(refused("limits: {call_seconds_max: 0}\n"), @r#"
    c.yaml:1:28: a bound must be at least 1
      | limits: {call_seconds_max: 0}
      |                            ^
    "#);
    insta::assert_snapshot!(refused("apps:\n  crm: {url: 'http://x/', calls_in_flight_max: 0}\n"), @r#"
    c.yaml:2:48: a bound must be at least 1
      |   crm: {url: 'http://x/', calls_in_flight_max: 0}
      |                                                ^
    "#);
    insta::assert_snapshot!(refused("limits:\n  body_bytes_max: many\n"), @r#"
    c.yaml:2:19: expected a number, zero or more
      |   body_bytes_max: many
      |                   ^
    "#);
    insta::assert_snapshot!(refused("apps:\n  crm: {url: 'http://x/', risk: hihg}\n"), @r#"
    c.yaml:2:33: unknown value `hihg`
      |   crm: {url: 'http://x/', risk: hihg}
      |                                 ^
      hint: did you mean `high`?
    "#);
}

#[test]
fn a_bound_that_bounds_nothing_is_refused_where_it_stands() {
    let keys = ["body_bytes_max", "answer_bytes_max", "call_seconds_max", "connect_seconds_max", "catalog_seconds_max"];
    for key in keys.into_iter().chain(["calls_in_flight_max"]) {
        for value in [u64::MAX, u64::MAX / 2, 1 << 40] {
            let said = refused(&format!("limits: {{{key}: {value}}}\n"));
            assert!(said.contains("c.yaml:1:") && said.contains("this bound can be "), "{key}: {said}");
        }
    }
    insta::assert_snapshot!(refused("limits: {call_seconds_max: 86401}\n"), @r#"
    c.yaml:1:28: this bound can be 86400 at most
      | limits: {call_seconds_max: 86401}
      |                            ^
    "#);
    let file = |kept: u32| format!("exports: {{a: {{kind: jsonl, file: a.jsonl, kept: {kept}}}}}\n");
    assert!(refused(&file(u32::MAX)).contains("this bound can be 10000 at most"), "{}", refused(&file(u32::MAX)));
}

#[test]
fn the_largest_bounds_pass() {
    let most = "{body_bytes_max: 1073741824, call_seconds_max: 86400, calls_in_flight_max: 1048576}";
    let config = parse(&format!("{WORLD}limits: {most}\n")).unwrap();
    assert_eq!((config.limits.call_time_max.as_secs(), config.limits.calls_in_flight_max), (86_400, 1 << 20));
}

#[test]
fn a_person_nobody_knows_is_refused_with_the_nearest_one() {
    insta::assert_snapshot!(refused("people: {anastasia: {}}\nagents:\n  bot: {owner: anastasai}\n"), @r#"
    c.yaml:3:16: there is no person `anastasai`
      |   bot: {owner: anastasai}
      |                ^
      hint: did you mean `anastasia`?
    "#);
}

#[test]
fn nobody_connects_as_a_vendor() {
    insta::assert_snapshot!(refused(&format!("{WORLD}
vendors: {{acme: {{responsible: ana}}}}
connect: {{human: ana, agent: acme}}
")), @"
    c.yaml:6:30: `acme` is a vendor, which comes in with a key of its contract
      | connect: {human: ana, agent: acme}
      |                              ^
      hint: name one of `agents:`
    ");
}

#[test]
fn everything_wrong_is_told_at_once() {
    insta::assert_snapshot!(refused(&format!("{WORLD}
listen: nowhere
connect: {{human: ana, agent: bott}}
apps:
  CRM: {{url: 'http://x/mcp'}}
  both: {{url: 'http://x/mcp', command: [sh]}}
  none: {{risk: low}}
  missing: {{command: [no-such-program-here]}}
  user: {{url: 'http://ana@x/mcp'}}
  unset: {{url: 'http://${{NOPE}}/mcp'}}
  source: {{url: 'http://x/mcp', credential: 'keychain:x'}}
  place: {{command: [sh], credential: 'env:X'}}
  profile: {{url: 'http://x/mcp', profile: fiel-system}}
rules: [no/such.cedar]
")), @r#"
    c.yaml:5:9: `nowhere` is not right here: it takes an address and a port, for example `127.0.0.1:4100`
      | listen: nowhere
      |         ^
    c.yaml:6:30: there is no agent `bott`
      | connect: {human: ana, agent: bott}
      |                              ^
      hint: did you mean `bot`?
    c.yaml:8:3: `CRM` is not an app's id: it takes 1 to 32 characters of a-z 0-9 -
      |   CRM: {url: 'http://x/mcp'}
      |   ^
    c.yaml:9:40: app `both` has both `command:` and `url:`
      |   both: {url: 'http://x/mcp', command: [sh]}
      |                                        ^
      hint: keep one of them
    c.yaml: app `none` has neither `command:`, `url:` nor `api:`
      hint: give it `command: [program, argument]`, `url: http://…` or `api: FILE`
    c.yaml:11:22: there is no program `no-such-program-here` on the path
      |   missing: {command: [no-such-program-here]}
      |                      ^
      hint: install it, or give its full path
    c.yaml:12:15: `http://…@x/mcp` is not an address: it takes `http://host:port/path`, without a user in it
    c.yaml:13:16: the environment has no `NOPE`
      |   unset: {url: 'http://${NOPE}/mcp'}
      |                ^
    c.yaml:14:45: a credential is named by `env:NAME`, `file:PATH` or `vault:NAME`; the value itself must not stand here
    c.yaml:15:38: the credential of app `place` has no place to go
      |   place: {command: [sh], credential: 'env:X'}
      |                                      ^
      hint: name the variable the program reads it from: `credential_variable: NAME`
    c.yaml:16:43: there is no profile `fiel-system`
      |   profile: {url: 'http://x/mcp', profile: fiel-system}
      |                                           ^
      hint: did you mean `filesystem`?
    c.yaml:17:9: the rule file `no/such.cedar` is refused: there is no such file
      | rules: [no/such.cedar]
      |         ^
    "#);
}

#[test]
fn several_credentials_of_one_app() {
    let config = parse(
        "apps:
  chat:
    command: [sh]
    credentials:
      - {from: 'vault:chat-bot', variable: BOT_TOKEN}
      - {from: 'env:APP', variable: APP_TOKEN}
      - {from: 'file:secrets/x', variable: X}
  web: {url: 'http://x/mcp', credentials: [{from: 'vault:web', header: X-Key, prefix: 'Key '}]}
  open: {url: 'http://x/mcp', credentials: []}
",
    )
    .unwrap();
    let told: Vec<_> = config
        .credentials
        .iter()
        .map(|one| match &one.placement {
            Placement::Variable(name) => format!("{}: {} into {name}", one.app, one.source),
            Placement::Header { name, prefix } => format!("{}: {} into {name}: {prefix}", one.app, one.source),
        })
        .collect();
    assert_eq!(
        told,
        [
            "chat: vault:chat-bot into BOT_TOKEN",
            "chat: env:APP into APP_TOKEN",
            "chat: file:./secrets/x into X",
            "web: vault:web into x-key: Key ",
        ]
    );
}

#[test]
fn a_list_of_credentials_that_is_wrong_is_refused() {
    insta::assert_snapshot!(refused(
        "apps:
  nowhere: {command: [sh], credentials: [{from: 'env:X'}]}
  silent: {url: 'http://x/mcp', credentials: [{from: 'env:X'}]}
  twice:
    command: [sh]
    credentials:
      - {from: 'env:X', variable: X}
      - {from: 'env:Y', variable: X}
  header: {command: [sh], credentials: [{from: 'env:X', header: X-Key}]}
  prefix: {command: [sh], credentials: [{from: 'env:X', variable: X, prefix: 'Bearer '}]}
  places: {command: [sh], credentials: [{from: 'env:X', variable: X, header: X-Key}]}
  variable: {url: 'http://x/mcp', credentials: [{from: 'env:X', variable: X}]}
  headers:
    url: http://x/mcp
    credentials:
      - {from: 'env:X', header: X-Key}
      - {from: 'env:Y', header: X-Other}
  name: {url: 'http://x/mcp', credentials: [{from: 'env:X', header: 'X Key'}]}
  both: {command: [sh], credential: 'env:X', credentials: [{from: 'env:Y', variable: Y}]}
  mixed: {command: [sh], credential_variable: X, credentials: [{from: 'env:Y'}]}
"
    ), @r#"
    c.yaml:2:49: the credential of app `nowhere` has no place to go
      |   nowhere: {command: [sh], credentials: [{from: 'env:X'}]}
      |                                                 ^
      hint: name the variable the program reads it from: `variable: NAME`
    c.yaml:3:54: the credential of app `silent` has no place to go
      |   silent: {url: 'http://x/mcp', credentials: [{from: 'env:X'}]}
      |                                                      ^
      hint: name the header: `header: Authorization`, and `prefix: "Bearer "` where it takes one
    c.yaml:8:35: two credentials of app `twice` go to the variable `X`
      |       - {from: 'env:Y', variable: X}
      |                                   ^
      hint: keep one of them
    c.yaml:9:65: app `header` is a program and reads no headers
      |   header: {command: [sh], credentials: [{from: 'env:X', header: X-Key}]}
      |                                                                 ^
      hint: use `variable:`
    c.yaml:10:78: only a header has a prefix
      |   prefix: {command: [sh], credentials: [{from: 'env:X', variable: X, prefix: 'Bearer '}]}
      |                                                                              ^
      hint: keep the whole value in the secret
    c.yaml:11:67: the credential of app `places` goes to a header or to a variable, not to both
      |   places: {command: [sh], credentials: [{from: 'env:X', variable: X, header: X-Key}]}
      |                                                                   ^
      hint: keep one of them
    c.yaml:12:75: app `variable` is reached over HTTP and has no variables
      |   variable: {url: 'http://x/mcp', credentials: [{from: 'env:X', variable: X}]}
      |                                                                           ^
      hint: use `header:`
    c.yaml:17:33: app `headers` has several credentials for a header, and a call carries one
      |       - {from: 'env:Y', header: X-Other}
      |                                 ^
      hint: keep one of them
    c.yaml:18:69: `X Key` is not right here: it takes the name of an HTTP header
      |   name: {url: 'http://x/mcp', credentials: [{from: 'env:X', header: 'X Key'}]}
      |                                                                     ^
    c.yaml:19:37: app `both` has both `credential:` and `credentials:`
      |   both: {command: [sh], credential: 'env:X', credentials: [{from: 'env:Y', variable: Y}]}
      |                                     ^
      hint: keep one of them: what `credential:` says can be one more of the list
    c.yaml:20:47: app `mixed` has both `credential_variable:` and `credentials:`
      |   mixed: {command: [sh], credential_variable: X, credentials: [{from: 'env:Y'}]}
      |                                               ^
      hint: in the list it is `variable:`, beside its `from:`
    "#);
}

#[test]
fn what_may_be_a_secret_is_never_shown() {
    for text in [
        "apps:\n  a: {url: 'http://x/mcp', risk: low, credential: sk-123, profile: no}\n",
        "apps:\n  A: {url: 'http://x/mcp', credential: sk-123}\n",
        "apps:\n  a: {url: 'http://x/mcp', credential: sk-123, risk: lo}\n",
        "apps:\n  a: {url: 'http://x/mcp', credential: sk-123, credentials: []}\n",
        "apps:\n  a: {command: [sh], credentials: [{from: sk-123, variable: X}]}\n",
        "apps:\n  a: {command: [sh], credentials: [{from: sk-123}, {from: 'env:X'}]}\n",
        "apps:\n  a: {command: [no-such], credentials: [{from: sk-123, variabel: X}]}\n",
        "apps:\n  a: {command: [no-such], credentials: [{from: sk-123, variable: X}]}\n",
        "apps:\n  a: {command: [no-such], credentials: [sk-123]}\n",
        "apps:\n  a: {command: [no-such], credentials: sk-123}\n",
        "apps:\n  a: {command: [no-such], credentials: {from: sk-123}}\n",
        "apps:\n  a: {command: [no-such], credentials: {sk-123: x}}\n",
        "apps:\n  a: {command: [no-such], credentials: [{sk-123: x}]}\n",
        "apps:\n  a: {command: [no-such], credential: [sk-123]}\n",
        "apps:\n  a: {command: [no-such], credential: {from: sk-123}}\n",
        "apps:\n  a:\n    credentials:\n    - sk-123\n",
        "apps:\n  a:\n    credentials:\n\n      - sk-123\n",
        "apps:\n  a:\n    credentials:\n      - from:\n          - sk-123\n",
        "apps:\n  a:\n    credentials:\n      - frm: sk-123\n",
        "apps:\n  a:\n    credentials:\n      sk-123\n",
        "apps:\n  a:\n    credential:\n      sk-123: 1\n",
        "apps:\n  a:\n    credential: sk-123\n    credential: sk-1234\n",
        "apps:\n  a:\n    credentials:\n    [\n    {from: sk-123, variabel: X}]\n",
        "apps:\n  a:\n    credental: sk-123\n",
        "apps:\n  a:\n    credential: 'sk-123\n",
        "apps:\n  a:\n    credential: {sk-123\n",
        "apps:\n  a:\n    credentials: [{from: sk-123\n",
    ] {
        let said = refused(text);
        assert!(said.starts_with("c.yaml:") && !said.contains("sk-1"), "{text}{said}");
    }
}

#[test]
fn text_that_is_not_yaml_is_refused() {
    insta::assert_snapshot!(refused("people: {ana: {name: x}\nagents: ]\n"), @r#"
    c.yaml:2:1: while parsing a flow mapping, did not find expected ',' or '}'
      | agents: ]
      | ^
    "#);
}

#[test]
fn aliases_cannot_blow_up() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [before.as_str(); 9].join(", ")));
    }
    assert!(parse(&bomb).is_err());
}

#[test]
fn a_file_that_others_could_replace_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.yaml");
    std::fs::write(&file, "people: {}\n").unwrap();
    let open_to = |mode: u32| {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        Config::load(&file, &environment).err().map(|problems| problems.to_string())
    };
    assert_eq!(open_to(0o700), None);
    assert_eq!(open_to(0o775), None);
    assert_eq!(open_to(0o1777), None, "a sticky folder keeps others from replacing what is not theirs");
    let said = open_to(0o777).unwrap_or_default();
    assert!(said.contains("is writable by others, who may replace it") && said.contains("chmod o-w"), "{said}");
}

#[test]
fn a_profile_may_be_a_file_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("crm.yaml", "profile: crm\ntools:\n  get_it: {class: read, why: shows it}\n");
    write("odd.yaml", "profile: odd\ntools:\n  get_it: {class: reed}\n");
    let load = |profile: &str| {
        let text = format!("apps: {{crm: {{command: [sh], env: {{}}, profile: {profile}}}}}");
        Config::parse(&folder.path().join("c.yaml"), &text, &environment).map_err(|problems| problems.to_string())
    };
    let config = load("crm.yaml").unwrap();
    let profile = config.apps[0].profile.as_ref().unwrap();
    assert_eq!((profile.name(), profile.tools().count()), ("crm", 1));
    for (name, said) in [
        ("no.yaml", "the profile `no.yaml` is refused: there is no such file"),
        ("odd.yaml", "the profile `odd.yaml` is refused: `odd.yaml`:3:"),
    ] {
        let refused = load(name).err().unwrap();
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn packs_are_chosen_by_name() {
    let config = parse("packs: [customer-data, strict]\n").unwrap();
    let names: Vec<&str> = config.rules.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["pack:customer-data.cedar", "pack:strict.yaml"]);
    let said = refused("packs: [strickt, baseline, strict, strict]\n");
    for part in [
        "c.yaml:1:9: there is no pack `strickt`",
        "strict",
        "c.yaml:1:18: the baseline is always there",
        "c.yaml:1:36: the pack `strict` is named already",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_trace_may_be_kept_in_a_database() {
    let config = parse("trace: {store: 'postgres://g@${HOST}/t', log: one, password: 'env:PATH'}").unwrap();
    let location = config.trace().unwrap();
    assert_eq!(location.to_string(), "log one in postgres://g@127.0.0.1:9000/t");
    let file = parse("data: d").unwrap().trace().unwrap();
    assert_eq!(file.to_string(), "./d/trace.db");
}

#[test]
fn a_database_is_named_without_its_password() {
    for (text, said) in [
        ("trace: {store: 'postgres://g:geheim@localhost/t'}", "a password does not belong into an address"),
        ("trace: {store: 'postgres://g@localhost/t', password: geheim}", "env:"),
        ("trace: {store: 'postgres://g@localhost/t', password: 'vault:pg'}", "file:PATH"),
        ("trace: {store: 'postgres://g@db.example/t'}", "in the clear"),
        ("trace: {store: trace.sqlite}", "this is not the address of a database"),
        ("trace: {log: one}", "store: postgres://"),
    ] {
        let problems = refused(text);
        assert!(problems.contains(said), "{text}: {problems}");
        assert!(!problems.contains("geheim"), "{problems}");
    }
}

#[test]
fn a_password_is_read_from_a_file_that_nobody_else_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let text = format!("trace: {{store: 'postgres://g@localhost/t', password: 'file:{}'}}", file.display());
    let config = parse(&text).unwrap();
    assert_eq!(config.trace().unwrap_err().code(), "operator.password");
    std::fs::write(&file, "geheim\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(config.trace().is_err(), "others may read it");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(!format!("{:?}", config.trace().unwrap()).contains("geheim"));
}

#[test]
fn what_nobody_decides_is_given_to_people_who_are_there() {
    let holds = |text: &str| format!("{WORLD}holds: {{escalate: {text}}}\n");
    let config = parse(&holds("[{after: 10m, to: [role:security]}, {after: 1h, to: [human:bo, manager-of]}]")).unwrap();
    let steps = config.limits.hold_escalation;
    assert_eq!((steps[0].after, steps[1].to.len()), (Duration::from_secs(600), 2));
    for (wrong, said) in [
        ("[{after: 10m, to: [security]}]", "`security` names no approver"),
        ("[{after: 10m, to: [human:nobody]}]", "`human:nobody` names no approver"),
        ("[{after: 10m, to: []}]", "this step gives it to nobody"),
        ("[{after: 10m, to: [role:a]}, {after: 5m, to: [role:b]}]", "`5m` is not later than the step before"),
        ("[{after: 30d, to: [role:a]}]", "is not between"),
    ] {
        let refused = refused(&holds(wrong));
        assert!(refused.contains(said), "{wrong}: {refused}");
    }
}

#[test]
fn who_is_asked_how_often_for_how_long_and_in_an_emergency() {
    let holds = |text: &str| format!("{WORLD}holds: {{{text}}}\n");
    let limits = parse(&holds("per_approver: 60/hour, for_task: 2h, emergency: {approvers: [role:a, human:bo]}"));
    let limits = limits.unwrap().limits;
    let pace = limits.hold_per_approver.unwrap();
    assert_eq!((pace.most, pace.within, limits.hold_for_task_max.as_secs()), (60, Duration::from_secs(3_600), 7_200));
    assert_eq!(limits.emergency_approvers, ["role:a", "human:bo"]);
    let without = parse(WORLD).unwrap().limits;
    assert!(without.hold_per_approver.is_none() && without.emergency_approvers.is_empty());
    assert_eq!(without.hold_for_task_max, Duration::from_secs(8 * 60 * 60));
    for (wrong, said) in [
        ("per_approver: often", "`often` does not say how often"),
        ("per_approver: 0/hour", "`0/hour` does not say how often"),
        ("per_approver: 5/week", "`5/week` does not say how often"),
        ("for_task: 25h", "is not between"),
        ("emergency: {approvers: [owner-of-app]}", "`owner-of-app` opens no emergency"),
        ("emergency: {approvers: [human:nobody]}", "`human:nobody` names no approver"),
    ] {
        let refused = refused(&holds(wrong));
        assert!(refused.contains(said), "{wrong}: {refused}");
    }
}

#[test]
fn people_are_told_where_they_can_be_and_no_secret_is_shown() {
    let notify = |text: &str| format!("{WORLD}console: {{url: 'https://c.example/'}}\nnotify:\n  one: {text}\n");
    for fine in [
        "{kind: slack, url: 'https://hooks.example/T0/secret'}",
        "{kind: webhook, url: 'https://h.example', headers: {authorization: 'Bearer x'}}",
        "{kind: mail, url: 'smtps://relay.example', from: a@b.example, to: [c@d.example], user: u, password: p}",
    ] {
        let config = parse(&notify(fine)).unwrap();
        assert_eq!(config.exports[0].name, "notify-one");
        let shown = format!("{:?}", config.exports[0]);
        assert!(
            shown.contains("https://c.example\"") && !shown.contains("secret") && !shown.contains("Bearer"),
            "{shown}"
        );
    }
    for (wrong, said) in [
        ("{kind: pager, url: 'https://h.example'}", "there is no kind of channel `pager`"),
        ("{kind: slack, url: 'ftp://secret.example'}", "this is not an address"),
        ("{kind: slack, url: 'https://h.example', to: [a@b.example]}", "has no use for this"),
        ("{kind: mail, url: 'smtp://relay.example', to: [a@b.example]}", "mail has to be from somebody"),
        ("{kind: mail, url: 'smtp://r.example', from: a@b.example, to: ['x y']}", "is no address of mail"),
        (
            "{kind: mail, url: 'smtp://r.example', from: a@b.example, to: [c@d.example], user: u, password: hunter2}",
            "a password would go over the network as it is",
        ),
    ] {
        let refused = refused(&notify(wrong));
        assert!(refused.contains(said), "{wrong}: {refused}");
        assert!(!refused.contains("secret.example") && !refused.contains("hunter2"), "{refused}");
    }
    let refused = refused(&format!("{WORLD}notify: {{one: {{kind: slack, url: 'https://h.example'}}}}\n"));
    assert!(refused.contains("add `console:"), "{refused}");
}

const CONTRACT: &str = "contract: acme
vendor: acme
document: {name: A, sha256: \"0000000000000000000000000000000000000000000000000000000000000000\", dated: 2026-06-01, clauses: [\"1\", \"2\"]}
parties: {ours: {name: O, people: {dpo: \"human:ana\"}}, theirs: {name: T, people: {dpo: \"human:jo\"}}, responsible: ana}
apps: [ats, crm]
tenants: [northwind]
term: {from: 2026-07-01, until: 2027-06-30}
clauses:
  - {clause: \"1\", says: may list, permits: {do: [list], entities: [candidate]}}
  - {clause: \"2\", says: no salary, excludes: {fields: {candidate: [salary]}}}
";

/// What is said of a contract about `ats`, which is mapped, and `crm`, which is not.
fn said_of_contract(changes: &[(&str, &str)], mapped: bool) -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(
        "ats.api.yaml",
        "api: 1\nentities: {candidate: {id: id, tenant: client_id, fields: [id, client_id, name, salary, identity.ssn]}}\ntools:\n  find: {does: list, entity: candidate}\n",
    );
    let mut text = CONTRACT.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    write("acme.yaml", &text);
    let mapping = if mapped { ", tools: ats.api.yaml" } else { "" };
    let text = format!(
        "people: {{ana: {{}}, jo: {{}}}}\ncontracts: [acme.yaml]\napps:\n  ats: {{url: 'https://a.example/mcp'{mapping}}}\n  crm: {{url: 'https://c.example/mcp'}}\n"
    );
    let found = Config::parse(&folder.path().join("c.yaml"), &text, &environment);
    found.err().map(|problems| problems.to_string()).unwrap_or_default()
}

#[test]
fn a_contract_names_fields_and_people_that_there_are() {
    assert_eq!(said_of_contract(&[], true), "");
    type Changes = &'static [(&'static str, &'static str)];
    const LIMIT: &str = "limits: {where: {candidate: {ssn: [a]}}}";
    let cases: [(Changes, bool, &str); 8] = [
        // One app that is not mapped says nothing of the others' fields.
        (&[("[salary]", "[salry]")], true, "speaks of the field `salry`, which `candidate` does not have"),
        (&[("candidate", "candidat")], true, "speaks of `candidat`, which no mapping of its apps has"),
        (&[("[salary]", "[salry]")], false, ""),
        // Whoever is misspelt is of nobody's side.
        (&[("human:jo", "human:jo-b")], true, "names `human:jo-b`, who is not there"),
        (&[("human:ana", "human:anna")], true, "names `human:anna`, who is not there"),
        (&[("human:jo", "Jo Berg")], true, ""),
        // A name by itself is kept back wherever it stands, and looked at where it stands by itself.
        (&[("candidate: [salary]", "all: [ssn]")], true, ""),
        (&[("excludes: {fields: {candidate: [salary]}}", LIMIT)], true, "speaks of the field `ssn`"),
    ];
    for (changes, mapped, wanted) in cases {
        let said = said_of_contract(changes, mapped);
        assert!(said.contains(wanted) && said.is_empty() == wanted.is_empty(), "{changes:?}: {said}");
    }
}

#[test]
fn another_version_lies_elsewhere_or_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let config = write(
        "c.yaml",
        "people: {ana: {}, jo: {}}\ncontracts: ['*.contract']\napps:\n  ats: {url: 'https://a.example/mcp'}\n  crm: {url: 'https://c.example/mcp'}\n",
    );
    write("a.contract", CONTRACT);
    let newer = write("b.contract", CONTRACT);
    let refused = Config::load(&config, &environment).err().unwrap().to_string();
    assert!(refused.contains("b.contract: the contract `acme` is written in a.contract as well"), "{refused}");
    assert!(refused.contains("outside of what `contracts:` names"), "{refused}");
    let elsewhere = folder.path().join(".").join("b.contract");
    for left_out in [&newer, &elsewhere] {
        let loaded = Config::load_without(&config, &environment, Some(left_out)).unwrap();
        let read: Vec<&str> = loaded.contracts.iter().map(|contract| &*contract.agreement().file).collect();
        assert_eq!(read, ["a.contract"]);
    }
    // Another file is no reason to leave one out.
    assert!(Config::load_without(&config, &environment, Some(&folder.path().join("none.contract"))).is_err());
}
