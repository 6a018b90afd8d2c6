use std::collections::BTreeMap;

use rmcp::model::ToolAnnotations;
use serde_json::{Value, json};

use super::*;
use crate::agent::Agent;

async fn visitor(apps: &Apps, app: App) -> Agent {
    Agent::connect("visitor", apps.url(app), apps.secret(app)).await.unwrap()
}

/// One request by hand: status and body.
async fn post(apps: &Apps, app: App, headers: &[(&str, &str)], body: &Value) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client
        .post(apps.url(app))
        .bearer_auth(apps.secret(app))
        .header("accept", "application/json, text/event-stream")
        .json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn plain_list() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })
}

fn modern(method: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": { "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "by-hand", "version": "1" } } } })
}

#[tokio::test]
async fn every_app_lists_its_tools() {
    let apps = Apps::start().unwrap();
    let mut listed = BTreeMap::new();
    for app in App::ALL {
        listed.insert(app.as_str(), visitor(&apps, app).await.tools().await.unwrap());
        assert_eq!(apps.calls(app), 0);
    }
    assert_eq!(
        json!(listed),
        json!({
            "crm": ["search_customers", "get_customer", "update_customer"],
            "mail": ["list_messages", "draft_message", "send_message"],
            "deploy": ["list_environments", "propose_change", "deploy_release", "delete_environment"],
            "repo": ["search_documents", "read_document", "open_pull_request", "merge_pull_request"],
        })
    );
    apps.stop().await;
}

#[tokio::test]
async fn every_tool_says_something() {
    let apps = Apps::start().unwrap();
    let check = async |app: App, tool: &str, arguments: Value, expect: &str| {
        let before = apps.calls(app);
        let said = visitor(&apps, app).await.call(tool, arguments).await.unwrap();
        assert_eq!(said.text.lines().next(), Some(expect));
        assert!(!said.is_error);
        assert!(said.structured.is_none_or(|structured| structured.is_object()));
        assert_eq!(apps.calls(app), before + 1);
    };
    check(App::Crm, "search_customers", json!({ "query": "acme" }), "1 customer found for `acme`").await;
    check(App::Crm, "search_customers", json!({ "query": "" }), "5 customers found for ``").await;
    check(
        App::Crm,
        "get_customer",
        json!({ "id": "C-1003" }),
        "C-1003 Acme Tools, Germany: fleet plan, contact Jana Brandt, looked after by mira.okafor@example.com",
    )
    .await;
    check(
        App::Crm,
        "update_customer",
        json!({ "id": "C-1003", "field": "plan", "value": "standard" }),
        "plan of C-1003 is now `standard` (was `fleet`)",
    )
    .await;

    let letter = json!({ "to": "ana@example.com", "subject": "Terms", "body": "Attached." });
    check(App::Mail, "list_messages", json!({}), "4 messages").await;
    check(App::Mail, "draft_message", letter.clone(), "draft D-1 to ana@example.com is saved, not sent").await;
    check(App::Mail, "send_message", letter, "sent S-1 to ana@example.com: Terms").await;

    check(App::Deploy, "list_environments", json!({}), "3 environments").await;
    check(
        App::Deploy,
        "propose_change",
        json!({ "environment": "production", "change": "more memory" }),
        "CH-311 is proposed for production: more memory; nothing has run",
    )
    .await;
    check(
        App::Deploy,
        "deploy_release",
        json!({ "environment": "production", "release": "2.14.0" }),
        "production runs 2.14.0 now (was 2.13.4)",
    )
    .await;
    check(App::Deploy, "delete_environment", json!({ "environment": "sandbox" }), "sandbox is gone, its databases too")
        .await;
    check(App::Deploy, "list_environments", json!({}), "2 environments").await;

    check(App::Repo, "search_documents", json!({ "query": "staging" }), "1 document found for `staging`").await;
    check(App::Repo, "read_document", json!({ "path": "runbooks/incident.md" }), "# Incidents").await;
    check(
        App::Repo,
        "open_pull_request",
        json!({ "title": "Fix typo", "branch": "typo" }),
        "pull request #42 is open: Fix typo (typo)",
    )
    .await;
    check(App::Repo, "merge_pull_request", json!({ "number": 42 }), "pull request #42 is merged into main").await;
    apps.stop().await;
}

#[tokio::test]
async fn a_tool_says_what_it_does_not_like() {
    let apps = Apps::start().unwrap();
    let check = async |app: App, tool: &str, arguments: Value, expect: &str| {
        let said = visitor(&apps, app).await.call(tool, arguments).await.unwrap();
        assert_eq!((said.text.as_str(), said.is_error), (expect, true));
    };
    check(App::Crm, "get_customer", json!({ "id": "C-9" }), "there is no customer `C-9`").await;
    check(App::Crm, "get_customer", json!({}), "`id` must be a text").await;
    let field = json!({ "id": "C-1001", "field": "bank_account", "value": "x" });
    check(App::Crm, "update_customer", field, "`bank_account` cannot be changed here").await;
    let letter = json!({ "to": "everybody", "subject": "", "body": "" });
    check(App::Mail, "send_message", letter, "`everybody` is not an address").await;
    check(App::Deploy, "delete_environment", json!({ "environment": "moon" }), "there is no environment `moon`").await;
    check(App::Repo, "read_document", json!({ "path": "/etc/passwd" }), "there is no document `/etc/passwd`").await;
    check(App::Repo, "merge_pull_request", json!({ "number": "41" }), "`number` must be a whole number").await;
    check(App::Repo, "merge_pull_request", json!({ "number": 7 }), "there is no pull request #7").await;
    assert_eq!(App::ALL.map(|app| apps.calls(app)), [3, 1, 1, 3]);
    apps.stop().await;
}

#[tokio::test]
async fn without_its_own_secret_an_app_is_never_called() {
    let apps = Apps::start().unwrap();
    for app in App::ALL {
        for other in App::ALL.into_iter().filter(|other| *other != app) {
            assert!(Agent::connect("visitor", apps.url(app), apps.secret(other)).await.is_err());
        }
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.post(apps.url(app)).json(&modern("tools/list")).send().await.unwrap();
        assert_eq!(response.status(), 401);
        let challenge = response.headers().get("www-authenticate").unwrap().to_str().unwrap().to_owned();
        assert!(challenge.starts_with(&format!("Bearer realm=\"{app}\", error=\"invalid_token\"")), "{challenge}");
        assert!(!challenge.contains(apps.secret(app)));
        assert_eq!(apps.calls(app), 0);
    }
    apps.stop().await;
}

#[tokio::test]
async fn an_app_without_a_secret_lets_everybody_in() {
    let apps = Apps::start_with(|app| (app != App::Crm).then(|| "s".to_owned())).unwrap();
    assert_eq!((apps.secret(App::Crm), apps.secret(App::Mail)), ("", "s"));
    assert!(Agent::connect("visitor", apps.url(App::Crm), "").await.is_ok());
    assert!(Agent::connect("visitor", apps.url(App::Mail), "").await.is_err());
    apps.stop().await;
}

#[tokio::test]
async fn one_definition_changes_overnight_and_no_other() {
    let apps = Apps::start().unwrap();
    let mut evening = Vec::new();
    for app in App::ALL {
        evening.push(post(&apps, app, &[], &plain_list()).await.1);
    }
    for (app, before) in App::ALL.into_iter().zip(&evening) {
        assert_eq!(&post(&apps, app, &[], &plain_list()).await.1, before);
    }
    apps.change_definition_overnight();
    for (app, before) in App::ALL.into_iter().zip(&evening) {
        let after = post(&apps, app, &[], &plain_list()).await.1;
        assert_eq!(&after == before, app != App::Repo, "{app}");
        assert_eq!(after.contains("/etc/passwd"), app == App::Repo);
    }
    apps.stop().await;
}

#[tokio::test]
async fn both_eras_are_answered_in_plain_json() {
    let apps = Apps::start().unwrap();
    let version = ("mcp-protocol-version", "2026-07-28");
    let headers = [version, ("mcp-method", "server/discover")];
    let (status, body) = post(&apps, App::Crm, &headers, &modern("server/discover")).await;
    let discovered: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{body}");
    assert!(discovered["result"]["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
    assert!(discovered["result"]["capabilities"]["tools"].is_object());

    let headers = [version, ("mcp-method", "tools/list")];
    let (status, body) = post(&apps, App::Crm, &headers, &modern("tools/list")).await;
    let listed: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &listed["result"]["resultType"]), (200, &json!("complete")), "{body}");
    assert_eq!(listed["result"]["cacheScope"], "private");

    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "by-hand", "version": "1" } } });
    let (status, body) = post(&apps, App::Crm, &[], &initialize).await;
    let initialized: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &initialized["result"]["protocolVersion"]), (200, &json!("2025-06-18")));
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(post(&apps, App::Crm, &[], &initialized).await.0, 202);
    apps.stop().await;
}

#[tokio::test]
async fn a_page_in_a_browser_gets_nothing() {
    let apps = Apps::start().unwrap();
    let list = plain_list();
    assert_eq!(post(&apps, App::Crm, &[("origin", "https://evil.example.com")], &list).await.0, 403);
    assert_eq!(post(&apps, App::Crm, &[("host", "evil.example.com")], &list).await.0, 403);
    apps.stop().await;
}

#[test]
fn no_apps_without_a_runtime() {
    assert!(matches!(Apps::start().unwrap_err(), DemoError::NoRuntime));
}

#[test]
fn definitions_say_what_they_do() {
    let repo = repo::Repo::new(Arc::new(AtomicBool::new(false)));
    let tools =
        [crm::Crm::new().tools(), mail::Mail::new().tools(), deploy::Deploy::new().tools(), repo.tools()].concat();
    let hinted = |holds: fn(&ToolAnnotations) -> bool| -> Vec<String> {
        let named = tools.iter().filter(|tool| holds(tool.annotations.as_ref().unwrap()));
        named.map(|tool| tool.name.to_string()).collect()
    };
    assert_eq!(
        hinted(|hints| hints.read_only_hint == Some(true)),
        ["search_customers", "get_customer", "list_messages", "list_environments", "search_documents", "read_document"]
    );
    assert_eq!(
        hinted(|hints| hints.destructive_hint == Some(true)),
        ["deploy_release", "delete_environment", "merge_pull_request"]
    );
    assert_eq!(hinted(|hints| hints.open_world_hint == Some(true)), ["send_message"]);
}
