use super::secrets_in;

fn check(file: &str, secrets: &[&str]) {
    assert_eq!(secrets_in(file.as_bytes()), secrets, "{file}");
}

#[test]
fn secrets_of_every_server_and_of_the_client_itself() {
    check(r#"{"mcpServers":{"a":{"disabled":true,"env":{"A_TOKEN":"hunter2","REGION":"eu"}}}}"#, &["hunter2"]);
    check(r#"{"mcpServers":{"a":{"command":"x","args":["--api-key","abc","--port","80"]}}}"#, &["abc"]);
    check(r#"{"mcpServers":{"a":{"args":["-e","A_TOKEN=hunter2","-e","REGION=eu"]}}}"#, &["hunter2"]);
    check(r#"{"mcpServers":{"a":{"url":"https://x/mcp","headers":{"Authorization":"Basic YQ=="}}}}"#, &["Basic YQ=="]);
    check(r#"{"mcpServers":{"a":{"url":"https://x/mcp?token=abc"}}}"#, &["https://x/mcp?token=abc"]);
    check(r#"{"primaryApiKey":"a\u002db","theme":"dark"}"#, &["a-b", "a\\u002db"]);
    check("{ // ghp_0123456789abcdefghij\n}", &["ghp_0123456789abcdefghij"]);
    check("not json \"ghp_0123456789abcdefghij\"", &["ghp_0123456789abcdefghij"]);
    check(r#"{"mcpServers":{"a":{"command":"npx","args":["-y","pkg"],"env":{"KEY_FILE":"/etc/key"}}}}"#, &[]);
}
