use super::{known_form, looks_secret, secret_argument, secret_in_address};

#[test]
fn names_and_forms_of_secrets() {
    for (name, value) in [
        ("GITHUB_TOKEN", "x"),
        ("GITHUB_PERSONAL_ACCESS_TOKEN", "ghp_0123456789abcdef0123456789abcdef0123"),
        ("BRAVE_API_KEY", "BSAabc"),
        ("apiKey", "abc"),
        ("X-Api-Key", "abc"),
        ("DB_PASSWORD", "hunter2"),
        ("Authorization", "Bearer abc"),
        ("SLACK", "xoxb-123456789012-abcdefghijkl"),
        ("DATABASE_URL", "postgres://ana:hunter2@db/main"),
        ("DATABASE_URL", "postgres://ana:hunt/er2@db/main"),
        ("WHAT", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln"),
        ("SEED", "0123456789abcdef0123456789abcdef"),
        ("PRIVATE", "-----BEGIN PRIVATE KEY-----"),
    ] {
        assert!(looks_secret(name, value), "{name}={value}");
    }
}

#[test]
fn what_is_beside_a_secret_is_none() {
    for (name, value) in [
        ("HOME", "/home/ana"),
        ("KEY_FILE", "/etc/key"),
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("AUTH_TYPE", "oauth"),
        ("TOKEN_LIMIT", "1000"),
        ("MAX_TOKENS", "1000"),
        ("USE_AUTH", "true"),
        ("PWD", "somewhere"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("PROJECT", "c9bf9e57-1685-4c89-bafb-ff5af830be8a"),
        ("BASE_URL", "https://ana@example.org/x"),
        ("BASE_URL", "http://localhost:8080/@ana/x"),
        ("BASE_URL", "http://[fe80::a]:80/@ana/x"),
        ("MONKEY", "banana"),
        ("GITHUB_TOKEN", ""),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/home/ana/key.json"),
    ] {
        assert!(!looks_secret(name, value), "{name}={value}");
    }
}

#[test]
fn command_lines_and_addresses() {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for line in [
        "--api-key abc",
        "--token=abc",
        "-k --password hunter2",
        "mcp-remote https://x --header Authorization:abc",
        "postgresql://ana:hunter2@db/main",
        "ghp_0123456789abcdef0123456789abcdef0123",
        "run -i --rm -e GITHUB_TOKEN=ghp_0123456789abcdef0123 ghcr.io/x",
        "run --env=GITHUB_TOKEN=hunter2 ghcr.io/x",
        "run --env API_KEY=hunter2",
        "run -eAPI_KEY=hunter2",
        "API_KEY=hunter2 sh",
        "mcp-remote https://x/mcp?token=abc",
        "--session=0123456789abcdef0123456789abcdef",
    ] {
        assert!(secret_argument(&words(line)).is_some(), "{line}");
    }
    for line in [
        "-y @modelcontextprotocol/server-filesystem /home/ana",
        "--key-file /etc/key",
        "--max-tokens 100",
        "",
        "run -e REGION=eu -e KEY_FILE=/etc/key image",
        "--mount=type=bind,src=/a,dst=/b",
    ] {
        assert_eq!(secret_argument(&words(line)), None, "{line}");
    }
    let found = |argument: &str| {
        let words = [argument.to_owned()];
        let found = super::secret_arguments(&words).next().map(|found| found.secret.to_owned());
        found.unwrap_or_default()
    };
    assert_eq!(found("--env=API_KEY=aHVudGVyMg=="), "aHVudGVyMg==");
    assert_eq!(found("--db=Server=a;Password=hunter2;Port=1;User=b"), "hunter2;Port=1;User=b");
    assert_eq!(found("TOKEN===="), "===");
    // However many there are, as deep as a stack is, they are looked at.
    assert_eq!(found(&"=".repeat(300_000)), "");
    assert_eq!(found(&format!("TOKEN=a{}", "=b".repeat(300_000))).len(), 600_001);
    assert!(secret_in_address("https://x/mcp?api_key=abc").is_some());
    assert!(secret_in_address("https://a:b@x/mcp").is_some());
    assert_eq!(secret_in_address("https://x/mcp?project=abc"), None);
    assert!(!known_form("sk-short"));
}
