use std::path::Path;

use json::Document;

use super::super::known::{Client, Surroundings};
use super::{Into, Kept, Launch, Reader, Server};

fn environment(name: &str) -> Option<String> {
    match name {
        "HOME" => Some("/home/ana".to_owned()),
        "PATH" => Some("/nowhere:/bin".to_owned()),
        "REGION" => Some("eu".to_owned()),
        "CRM_TOKEN" => Some("from the environment".to_owned()),
        _ => None,
    }
}

fn read(client: Client, entry: &str) -> Result<Server, String> {
    let around = Surroundings {
        home: Path::new("/home/ana"),
        here: Path::new("/work/crm"),
        macos: false,
        environment: &environment,
    };
    let document = Document::parse(entry.as_bytes()).unwrap();
    Reader::new(client, &around, Some(Path::new("/work/crm"))).read(document.root())
}

/// The server in one line.
fn told(server: &Server) -> String {
    let launch = match &server.launch {
        Launch::Url(url) => url.clone(),
        Launch::Command { words, environment, directory } => {
            let environment: Vec<_> = environment
                .iter()
                .filter(|(name, _)| !["HOME", "PATH"].contains(&name.as_str()))
                .map(|(name, value)| format!("{name}={value} "))
                .collect();
            let directory = directory.as_deref().map(|directory| directory.display().to_string()).unwrap_or_default();
            format!("{}{} in {directory}", environment.concat(), words.join(" "))
        }
    };
    let credentials = server.credentials.iter().map(|found| {
        let kept = match &found.kept {
            Kept::Here(secret) => format!("`{}`", secret.expose()),
            Kept::Variable(name) => format!("${name}"),
        };
        let into = match &found.into {
            Into::Variable(name) => name.clone(),
            Into::Header(name, prefix) => format!("{name}: {prefix}"),
        };
        format!(" with {kept} into {into}")
    });
    format!("{launch}{}", credentials.collect::<String>())
}

fn check(client: Client, entry: &str, expected: &str) {
    let said = match read(client, entry) {
        Ok(server) => told(&server),
        Err(why) => format!("no: {why}"),
    };
    assert_eq!(said, expected, "{entry}");
}

#[test]
fn programs() {
    use Client::{ClaudeCode, ClaudeDesktop, Cursor, VsCode};
    check(ClaudeDesktop, r#"{"command":"sh","args":["-c","x"]}"#, "/bin/sh -c x in /work/crm");
    check(ClaudeDesktop, r#"{"command":"/opt/x","env":{"A":"1","B":2}}"#, "A=1 B=2 /opt/x in /work/crm");
    check(ClaudeCode, r#"{"command":"./x","cwd":"sub"}"#, "/work/crm/./x in /work/crm/sub");
    check(
        VsCode,
        r#"{"type":"stdio","command":"sh","args":["${workspaceFolder}/x"]}"#,
        "/bin/sh /work/crm/x in /work/crm",
    );
    check(
        Cursor,
        r#"{"command":"sh","args":["${userHome}","${env:REGION}-1"]}"#,
        "/bin/sh /home/ana eu-1 in /work/crm",
    );
    check(
        ClaudeCode,
        r#"{"command":"sh","env":{"R":"${REGION:-us}","S":"${NONE:-us}"}}"#,
        "R=eu S=us /bin/sh in /work/crm",
    );
    check(ClaudeDesktop, r#"{"command":"nosuch"}"#, "no: there is no program `nosuch` on the path");
    check(ClaudeCode, r#"{"command":"sh","args":["${NONE}"]}"#, "no: the environment has no `NONE`, which it uses");
    check(
        VsCode,
        r#"{"command":"sh","args":["${config:x}"]}"#,
        "no: it uses `${config:x}`, which only the client knows",
    );
    check(
        ClaudeDesktop,
        r#"{"command":"sh","args":["${x}"]}"#,
        "no: it holds a `${` that the configuration would replace",
    );
    check(ClaudeDesktop, r#"{"command":"sh","disabled":true}"#, "no: it is switched off");
    check(
        VsCode,
        r#"{"command":"sh","envFile":".env"}"#,
        "no: its `envFile` means something to the client that the gateway cannot do for it",
    );
    for key in ["disabledTools", "includeTools", "excludeTools", "tools", "sandboxEnabled", "inputs"] {
        let said = format!("no: its `{key}` means something to the client that the gateway cannot do for it");
        check(Cursor, &format!(r#"{{"command":"sh","{key}":["drop_all"]}}"#), &said);
    }
    check(
        Cursor,
        r#"{"command":"sh","description":"A shell","timeout":60,"autoApprove":["x"]}"#,
        "/bin/sh in /work/crm",
    );
    check(ClaudeDesktop, "[]", "no: it is not written as an object");
    check(ClaudeDesktop, "{}", "no: it has neither `command` nor `url`");
}

#[test]
fn addresses() {
    use Client::{ClaudeCode, Cursor};
    check(Cursor, r#"{"url":"https://x/mcp"}"#, "https://x/mcp");
    check(ClaudeCode, r#"{"type":"http","url":"https://${REGION}.x/mcp"}"#, "https://eu.x/mcp");
    check(Cursor, r#"{"url":"https://x/mcp","headers":{"Accept":"*/*"}}"#, "https://x/mcp");
    for address in [
        "http://127.0.0.1:99999/mcp",
        "http://x:/mcp",
        "ftp://x/mcp",
        "https://ana@x/mcp",
        "x/mcp",
        "https://x:80/@ana/mcp",
    ] {
        check(Cursor, &format!(r#"{{"url":"{address}"}}"#), "no: its address is none that the gateway takes");
    }
    check(
        Cursor,
        r#"{"url":"https://bob:hunt/er2x@crm.example/mcp"}"#,
        "no: its address seems to hold a secret (the user in its address): a credential can go into a header",
    );
    check(
        Cursor,
        r#"{"type":"sse","url":"https://x/mcp"}"#,
        "no: it speaks the HTTP+SSE transport of 2024, which the gateway does not",
    );
    check(
        Cursor,
        r#"{"url":"https://x/sse"}"#,
        "no: it speaks the HTTP+SSE transport of 2024, which the gateway does not",
    );
    check(
        Cursor,
        r#"{"url":"https://x/mcp","headers":{"X-Team":"a"}}"#,
        "no: it sends the header `X-Team`, and the gateway adds a credential only",
    );
    check(
        Cursor,
        r#"{"url":"https://x/mcp?token=abc"}"#,
        "no: its address seems to hold a secret (`token` in its address): a credential can go into a header",
    );
}

#[test]
fn credentials() {
    use Client::{ClaudeCode, ClaudeDesktop, VsCode};
    check(
        ClaudeDesktop,
        r#"{"command":"sh","env":{"CRM_TOKEN":"abc","A":"1"}}"#,
        "A=1 /bin/sh in /work/crm with `abc` into CRM_TOKEN",
    );
    check(
        ClaudeCode,
        r#"{"command":"sh","env":{"API_KEY":"${CRM_TOKEN}"}}"#,
        "/bin/sh in /work/crm with $CRM_TOKEN into API_KEY",
    );
    check(
        VsCode,
        r#"{"command":"sh","env":{"API_KEY":"${env:CRM_TOKEN}"}}"#,
        "/bin/sh in /work/crm with $CRM_TOKEN into API_KEY",
    );
    check(
        ClaudeCode,
        r#"{"url":"https://x/mcp","headers":{"Authorization":"Bearer abc"}}"#,
        "https://x/mcp with `abc` into Authorization: Bearer ",
    );
    check(
        ClaudeCode,
        r#"{"url":"https://x/mcp","headers":{"Authorization":"Bearer ${CRM_TOKEN}"}}"#,
        "https://x/mcp with $CRM_TOKEN into Authorization: Bearer ",
    );
    check(
        ClaudeCode,
        r#"{"url":"https://x/mcp","headers":{"X-Api-Key":"abc"}}"#,
        "https://x/mcp with `abc` into X-Api-Key: ",
    );
    check(
        VsCode,
        r#"{"url":"https://x/mcp","headers":{"Authorization":"Bearer ${input:t}"}}"#,
        "no: it asks for the input `t`, which only the client can",
    );
    check(
        ClaudeDesktop,
        r#"{"command":"sh","env":{"B_KEY":"def","A":"1","A_TOKEN":"abc"}}"#,
        "A=1 /bin/sh in /work/crm with `abc` into A_TOKEN with `def` into B_KEY",
    );
    check(
        ClaudeCode,
        r#"{"command":"sh","env":{"A_TOKEN":"abc","B_KEY":"${CRM_TOKEN}"}}"#,
        "/bin/sh in /work/crm with `abc` into A_TOKEN with $CRM_TOKEN into B_KEY",
    );
    check(
        ClaudeCode,
        r#"{"url":"https://x/mcp","headers":{"Authorization":"Bearer abc","X-Api-Key":"${CRM_TOKEN}"}}"#,
        "no: it sends 2 secrets (`Authorization`, `X-Api-Key`), and the gateway adds one header to a call",
    );
    check(
        ClaudeDesktop,
        r#"{"command":"sh","args":["--api-key","abc"]}"#,
        "no: its command line seems to hold a secret (--api-key): a credential can go into a variable or a header",
    );
}
