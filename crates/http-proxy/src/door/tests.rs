use std::sync::atomic::{AtomicBool, Ordering};

use model::{Approver, HumanId, SignedInBy};

use super::*;

mod http2;
mod parsers;
mod signing;
mod world;

use world::{MAPPING, World, json};

/// Candidates of two clients, by what their ids begin with.
fn candidates(line: &str, _: &str) -> Vec<u8> {
    let id = line.split(['/', ' ']).find(|part| part.starts_with("c_") || part.starts_with("x_"));
    match id {
        Some(id) if id.starts_with("c_") => {
            let etag = if id == "c_bare" { "" } else { "etag: \"v7\"\r\n" };
            let body = format!("{{\"id\":\"{id}\",\"client_id\":\"northwind\",\"salary\":9,\"status\":\"active\"}}");
            json("200 OK", etag, &body)
        }
        Some(id) => json("200 OK", "", &format!("{{\"id\":\"{id}\",\"client_id\":\"contoso\",\"salary\":9}}")),
        None => json("200 OK", "", "{\"data\":[]}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_reads_a_record_without_what_is_excluded() {
    let world = World::new(candidates).await;
    let response = world.gets("/candidates/c_17").await;
    assert_eq!((response.status, response.whole), (200, true), "{response:?}");
    assert_eq!(response.body, r#"{"id":"c_17","client_id":"northwind","status":"active"}"#);
    assert!(!response.head.contains("etag"), "{}", response.head);
    assert!(response.head.contains("countersign-call: c_") && response.head.contains("cache-control: no-store"));
    let heard = world.heard();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].starts_with("GET /v1/candidates/c_17 HTTP/1.1\r\n"), "{}", heard[0]);
    assert!(
        heard[0].contains("authorization: Bearer r3al-credential\r\n") && !heard[0].contains("csk_"),
        "{}",
        heard[0]
    );
    let leaves = world.leaves().await;
    let last = leaves.last().unwrap();
    assert_eq!((&last["http_status"], &last["hidden"], &last["effect"]), (&200.into(), &1.into(), &"executed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_is_part_of_is_on_record() {
    let world = World::new(candidates).await;
    let said = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    for (headers, kept) in [(said.to_owned(), true), (String::new(), false), (said.repeat(2), false)] {
        let before = world.leaves().await.len();
        assert_eq!(world.asks("DELETE", "/candidates/c_17", &headers, "").await.status, 200);
        let leaves = world.leaves().await.split_off(before);
        let intents: Vec<_> = leaves.iter().filter(|leaf| leaf["kind"] == "intent").collect();
        assert_eq!(intents.len(), 2, "a look and the change: {leaves:?}");
        assert!(intents.iter().all(|leaf| leaf.get("traceparent").is_some() == kept), "{headers:?} {leaves:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_a_path_at_the_root_of_a_host() {
    let world = World::below("", candidates).await;
    for (asked, line) in [
        ("/?client_id=northwind", "GET /?client_id=northwind HTTP/1.1\r\n"),
        ("/", "GET / HTTP/1.1\r\n"),
        ("/candidates/c_17", "GET /candidates/c_17 HTTP/1.1\r\n"),
    ] {
        let response = world.gets(asked).await;
        assert_eq!(response.status, 200, "{asked}: {response:?}");
        assert!(world.heard().pop().unwrap().starts_with(line), "{:?}", world.heard());
    }
    let below = World::below("/v1", candidates).await;
    assert_eq!(below.gets("/?client_id=northwind").await.status, 200);
    assert!(below.heard()[0].starts_with("GET /v1?client_id=northwind HTTP/1.1\r\n"), "{:?}", below.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_record_under_an_allowed_id_is_not_there() {
    let world = World::new(|line, body| {
        if line.contains("c_404") {
            json("404 Not Found", "", "{\"error\":\"contoso has it\"}")
        } else {
            candidates(line, body)
        }
    })
    .await;
    let (others, none) = (world.gets("/candidates/x_1").await, world.gets("/candidates/c_404").await);
    assert_eq!((others.status, none.status), (404, 404));
    assert!(!others.body.contains("contoso") && !none.body.contains("contoso"));
    let without_call = |body: &str| {
        let mut body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(body["call"].is_string());
        body["call"] = serde_json::Value::Null;
        body
    };
    assert_eq!(without_call(&others.body), without_call(&none.body));
    let leaves = world.leaves().await;
    assert!(leaves.iter().any(|leaf| leaf["code"] == "rule.outside"), "{leaves:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_its_clause_and_nothing_leaves() {
    let world = World::new(candidates).await;
    for (path, clause) in [
        ("/candidates?client_id=contoso", "acme-2026/2.2"),
        ("/candidates?client_id=northwind&sort=-salary", "acme-2026/3.2"),
        ("/candidates?client_id=northwind&fields=id,salary", "acme-2026/3.2"),
        ("/invoices/1", "acme-2026/3.9"),
        ("/candidates/c_1/salary", "acme-2026/3.9"),
        ("/", "acme-2026/3.9"),
    ] {
        let response = world.gets(path).await;
        assert_eq!(response.status, 403, "{path}: {response:?}");
        let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(body["reasons"][0]["clause"], clause, "{path}: {body}");
        assert_eq!(body["executed"], false);
    }
    assert!(world.heard().is_empty());
    assert_eq!(world.leaves().await.len(), 6);
    let put = world.asks("PUT", "/candidates/c_1", "", "").await;
    assert_eq!(put.status, 403);
}

/// Addresses that two readers could take for two things, or that ask what nobody named.
const TRICKS: [&str; 25] = [
    "/candidates/../admin",
    "/candidates/%2e%2e/admin",
    "/candidates/..%2fadmin",
    "/candidates/%252e%252e%252fadmin",
    "/candidates/c_1;client_id=contoso",
    "/candidates/c_1%3bx",
    "/candidates/c_1/",
    "//candidates/c_1",
    "/candidates//c_1",
    "/candidates/c_1.",
    "/candidates/c_1%00",
    "/candidates/c_1%0d%0aX:1",
    "/candidates/c%5f1%2f..",
    "/candidates/\\..\\admin",
    "/candidates/%D1%81_1",
    "/candidates/c_1%3Fadmin",
    "/candidates?limit=1&limit=2",
    "/candidates?limit=1&%6cimit=2",
    "/candidates?limit=1;limit=2",
    "/candidates?limit",
    "/candidates?admin=1",
    "/candidates?limit=5000",
    "/candidates?_method=DELETE",
    "/candidates?limit=%31%00",
    "/candidates?q=%ff",
];

// INVARIANT: no byte of a vendor's request line or headers reaches an app.
#[tokio::test(flavor = "multi_thread")]
async fn tricks_with_paths_names_and_headers_go_nowhere() {
    let world = World::new(candidates).await;
    for path in TRICKS {
        let response = world.gets(path).await;
        assert_eq!(response.status, 400, "{path}: {response:?}");
    }
    for header in [
        "x-http-method-override: DELETE",
        "x-method-override: PUT",
        "x-original-url: /admin",
        "x-rewrite-url: /admin",
        "upgrade: h2c",
    ] {
        let response = world.asks("GET", "/candidates/c_1", &format!("{header}\r\n"), "").await;
        assert_eq!(response.status, 400, "{header}: {response:?}");
    }
    let response = world.asks("GET", "/candidates/c_1", "content-type: application/json\r\n", "{\"a\":1}").await;
    assert_eq!(response.status, 400, "{response:?}");
    assert!(world.heard().is_empty(), "{:?}", world.heard());
    let response = world
        .asks("GET", "/candidates/c_1", "x-forwarded-host: evil\r\ncookie: a=b\r\nrange: bytes=0-3\r\nif-none-match: \"v7\"\r\nte: trailers\r\naccept-encoding: gzip\r\n", "")
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let heard = world.heard().pop().unwrap();
    let mut names: Vec<&str> =
        heard.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "authorization", "host", "user-agent"], "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_parsers_frame_differently_is_no_request() {
    let world = World::new(candidates).await;
    let key = &world.key;
    let base = format!("POST /api/ats/candidates/c_1/close HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n");
    let smuggled = "GET /api/ats/candidates/c_9 HTTP/1.1\r\nhost: x\r\n\r\n";
    let tries = [
        format!("{base}content-length: 4\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{base}content-length: 4\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{base}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{base}content-length: +4\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{base}content-length : 4\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{base}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n{smuggled}"),
        format!("{base} folded: 1\r\n\r\n{smuggled}"),
        format!("GET /api/ats/candidates/c_1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nx: a\rb\r\n\r\n"),
    ];
    for bytes in tries {
        let response = world.sends(bytes.clone().into_bytes()).await;
        assert_eq!(response.status, 400, "{bytes}: {response:?}");
    }
    assert!(world.heard().iter().all(|heard| !heard.contains("c_9")), "{:?}", world.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_lies_is_not_passed_on() {
    let world = World::new(|line, _| {
        let said = line.split("q=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        match said {
            "html" => b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
            "gzip" => json("200 OK", "content-encoding: gzip\r\n", "{}"),
            "br" => json("200 OK", "content-encoding: br\r\n", "{}"),
            "other" => b"HTTP/1.1 200 OK\r\ncontent-type: text/json; charset=utf-8\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
            "garbage" => json("200 OK", "", "{\"a\":"),
            "short" => b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{}".to_vec(),
            "redirect" => json("302 Found", "location: http://evil.test/\r\n", "{}"),
            "partial" => json("206 Partial Content", "", "{}"),
            "unauthorized" => json("401 Unauthorized", "", "{\"hint\":\"r3al-credential\"}"),
            "server" => json("500 Internal Server Error", "x-debug: 1\r\n", "{\"trace\":\"select * from contoso\"}"),
            "busy" => json("429 Too Many Requests", "retry-after: 7\r\n", "{}"),
            "nothing" => Vec::new(),
            "two" => b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ".to_vec(),
            "echo" => json("200 OK", "set-cookie: a=b\r\nserver: nginx\r\nlink: <x>\r\nlast-modified: x\r\naccept-ranges: bytes\r\n", "{\"a\":\"r3al-credential\"}"),
            _ => json("200 OK", "", "{}"),
        }
    })
    .await;
    for (said, status) in [
        ("html", 502),
        ("gzip", 502),
        ("br", 502),
        ("garbage", 502),
        ("short", 502),
        ("redirect", 502),
        ("partial", 502),
        ("unauthorized", 502),
        ("server", 500),
        ("busy", 429),
        ("nothing", 502),
        ("two", 502),
    ] {
        let response = world.gets(&format!("/candidates?client_id=northwind&q={said}")).await;
        assert_eq!((response.status, response.whole), (status, true), "{said}: {response:?}");
        let text = format!("{}{}", response.head, response.body);
        for secret in ["evil", "r3al", "contoso", "x-debug", "location"] {
            assert!(!text.contains(secret), "{said}: {text}");
        }
        assert_eq!(response.head.contains("retry-after: 7"), said == "busy", "{said}");
    }
    // What an import takes for JSON is JSON here.
    assert_eq!(world.gets("/candidates?client_id=northwind&q=other").await.status, 200);
    let echo = world.gets("/candidates?client_id=northwind&q=echo").await;
    assert_eq!((echo.status, echo.body.as_str()), (200, r#"{"a":"[redacted]"}"#));
    for name in ["set-cookie", "server:", "link:", "last-modified", "accept-ranges"] {
        assert!(!echo.head.contains(name), "{}", echo.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_looks_at_its_record_first_and_is_good_for_that_state_of_it_only() {
    let world = World::new(candidates).await;
    let json = "content-type: application/json\r\n";
    let response = world.asks("PATCH", "/candidates/c_17", json, "{\"name\":\"Ana\"}").await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(!response.body.contains("salary"));
    let heard = world.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].starts_with("GET /v1/candidates/c_17 "), "{}", heard[0]);
    assert!(
        heard[1].starts_with("PATCH /v1/candidates/c_17 ") && heard[1].contains("if-match: \"v7\"\r\n"),
        "{}",
        heard[1]
    );
    assert!(heard[1].ends_with("\r\n\r\n{\"name\":\"Ana\"}"), "{}", heard[1]);
    let leaves = world.leaves().await;
    let intents: Vec<_> = leaves.iter().filter(|leaf| leaf["kind"] == "intent").collect();
    assert_eq!((&intents[0]["tool"], &intents[1]["tool"]), (&"get".into(), &"update".into()));
    assert_eq!(intents[1]["cause"], intents[0]["call"]);

    // Another's record, one that says no version, and a field that nobody named: nothing is written.
    let others = world.asks("PATCH", "/candidates/x_1", json, "{\"name\":\"Ana\"}").await;
    assert_eq!(others.status, 404, "{others:?}");
    // Nor does saying whose it is make it theirs, or give theirs away.
    let claims = world.asks("PATCH", "/candidates/x_1", json, "{\"client_id\":\"northwind\"}").await;
    assert_eq!(claims.status, 404, "{claims:?}");
    let gives = world.asks("PATCH", "/candidates/c_17", json, "{\"client_id\":\"contoso\"}").await;
    assert_eq!(gives.status, 403, "{gives:?}");
    let under = world.asks("POST", "/candidates/x_1/notes", json, "{\"client_id\":\"northwind\"}").await;
    assert_eq!((under.status, under.body.contains("rule.unresolved")), (403, true), "{under:?}");
    let bare = world.asks("DELETE", "/candidates/c_bare", "", "").await;
    assert_eq!(bare.status, 403, "{bare:?}");
    assert!(bare.body.contains("rule.race"));
    let salary = world.asks("PATCH", "/candidates/c_17", json, "{\"salary\":1}").await;
    assert_eq!(salary.status, 400, "{salary:?}");
    let writes = world.heard().iter().filter(|heard| !heard.starts_with("GET")).count();
    assert_eq!(writes, 1);
}

/// Candidates by their ids and by what others call them, which are other records.
fn by_two_names(line: &str, _: &str) -> Vec<u8> {
    let path = line.split(' ').nth(1).unwrap_or_default();
    let (id, tenant) = match path.strip_prefix("/v1/candidates/").unwrap_or_default() {
        "17" => ("17", "contoso"),
        "18" => ("18", "northwind"),
        "external/17" => ("\"c_9\"", "northwind"),
        // The app takes it for another one.
        "c_old" => ("\"c_new\"", "northwind"),
        _ => ("null", "northwind"),
    };
    json("200 OK", "etag: \"0\"\r\n", &format!("{{\"id\":{id},\"client_id\":\"{tenant}\",\"status\":\"active\"}}"))
}

// INVARIANT: no change is let out on the word of another record than the one that is changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_of_the_record_that_was_looked_at() {
    let world = World::new(by_two_names).await;
    let by_external = r#"
  by_external: {method: GET, path: "/candidates/external/{external_id}", class: read, does: read, entity: candidate, id: path.external_id, rows: $}
  update_external: {method: PATCH, path: "/candidates/external/{external_id}", class: write, does: update, entity: candidate, id: path.external_id,
                    rows: $, body: [name]}
"#;
    world.reload(None, &format!("{}{by_external}", MAPPING.trim_end()));
    let json = "content-type: application/json\r\n";
    for (path, status, code) in [
        ("17", 404, "upstream.not_found"),
        ("external/17", 403, "rule.unresolved"),
        ("c_old", 403, "rule.unresolved"),
        ("c_none", 403, "rule.unresolved"),
    ] {
        let response = world.asks("PATCH", &format!("/candidates/{path}"), json, "{\"name\":\"Ana\"}").await;
        assert_eq!((response.status, response.body.contains(code)), (status, true), "{path}: {response:?}");
        let heard = world.heard().pop().unwrap();
        assert!(heard.starts_with(&format!("GET /v1/candidates/{path} ")), "{heard}");
    }
    let ours = world.asks("PATCH", "/candidates/18", json, "{\"name\":\"Ana\"}").await;
    assert_eq!(ours.status, 200, "a number names a record as its text does: {ours:?}");
    let changed: Vec<String> = world.heard().into_iter().filter(|heard| heard.starts_with("PATCH")).collect();
    assert!(changed.len() == 1 && changed[0].starts_with("PATCH /v1/candidates/18 "), "{changed:?}");

    // Nothing says which record it is that was looked at.
    world.reload(None, &MAPPING.replace("{id: id, tenant", "{tenant"));
    let unnamed = world.asks("PATCH", "/candidates/18", json, "{\"name\":\"Ana\"}").await;
    assert_eq!((unnamed.status, unnamed.body.contains("rule.unresolved")), (403, true), "{unnamed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_carried_out_is_said_to_be_though_its_answer_may_not_be_shown() {
    let world = World::new(|line, body| {
        // Neither is a record of northwind's any more.
        let said = "{\"deleted\":true,\"client_id\":null}";
        if line.starts_with("GET") { candidates(line, body) } else { json("200 OK", "", said) }
    })
    .await;
    let json = "content-type: application/json\r\n";
    for (method, body) in [("DELETE", ""), ("PATCH", "{\"name\":\"Ana\"}")] {
        let response = world.asks(method, "/candidates/c_17", if body.is_empty() { "" } else { json }, body).await;
        assert_eq!(response.status, 200, "{method}: {response:?}");
        let said: serde_json::Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!((&said["executed"], &said["code"]), (&true.into(), &"rule.outside".into()), "{said}");
        assert!(said["call"].is_string() && said.get("deleted").is_none(), "{said}");
        let last = world.leaves().await.pop().unwrap();
        assert_eq!(last["effect"], "executed", "{last}");
    }
    // What was only looked at is not there.
    assert_eq!(world.asks("DELETE", "/candidates/x_1", "", "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_body_is_one_however_it_is_framed() {
    let world = World::new(|line, body| {
        let id = line.split('/').nth(3).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let framed = match id {
            _ if line.starts_with("GET") => return candidates(line, body),
            "c_length" => "HTTP/1.1 201 Created\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
            "c_chunked" => "HTTP/1.1 201 Created\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "c_json" => {
                "HTTP/1.1 201 Created\r\nconnection: keep-alive\r\ncontent-type: application/json\r\n\
                 transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            }
            "c_closed" => "HTTP/1.1 201 Created\r\nconnection: close\r\n\r\n",
            _ => "HTTP/1.1 201 Created\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        };
        framed.as_bytes().to_vec()
    })
    .await;
    for id in ["c_length", "c_chunked", "c_json", "c_closed"] {
        let response = world.asks("DELETE", &format!("/candidates/{id}"), "", "").await;
        assert_eq!((response.status, response.body.as_str(), response.whole), (201, "", true), "{id}: {response:?}");
        assert_eq!(world.leaves().await.pop().unwrap()["effect"], "executed", "{id}");
    }
    let of_no_form = world.asks("DELETE", "/candidates/c_form", "", "").await;
    assert_eq!((of_no_form.status, of_no_form.body.contains("upstream.content_type")), (502, true), "{of_no_form:?}");
}

// INVARIANT: nobody learns by reading which records of others there are, however an app says that it has none.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_shows_no_record_is_of_none_that_is_there() {
    let world = World::new(|line, body| {
        let framed = match line.split(['/', ' ']).find(|part| part.starts_with("c_")) {
            Some("c_204") => "HTTP/1.1 204 No Content\r\n\r\n",
            Some("c_length") => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            Some("c_chunked") => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            Some("c_error") => return json("200 OK", "", "{\"error\":\"none\"}"),
            Some("c_list") => return json("200 OK", "", "[]"),
            Some("c_words") => return json("200 OK", "", "not found"),
            Some("c_blank") => return json("200 OK", "", " \n"),
            Some("c_cut") => return json("200 OK", "", "{\"id\":"),
            Some("c_page") => "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\nnone",
            Some("c_packed") => {
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-encoding: br\r\ncontent-length: 4\r\n\r\nnone"
            }
            Some("c_reset") => "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n",
            Some("c_redirect") => "HTTP/1.1 302 Found\r\nlocation: /none\r\ncontent-length: 0\r\n\r\n",
            Some("c_404") => return json("404 Not Found", "", "{}"),
            Some("c_later") => return json("404 Not Found", "retry-after: 5\r\n", "{}"),
            Some("c_410") => return json("410 Gone", "", "{}"),
            Some("c_400") => return json("400 Bad Request", "", "{\"error\":\"no such id\"}"),
            Some("c_403") => return json("403 Forbidden", "", "{}"),
            Some("c_422") => return json("422 Unprocessable Content", "", "{}"),
            Some("c_429") => return json("429 Too Many Requests", "retry-after: 5\r\n", "{}"),
            Some("c_500") => return json("500 Internal Server Error", "", "{}"),
            _ => return candidates(line, body),
        };
        framed.as_bytes().to_vec()
    })
    .await;
    let said = |body: &str| {
        let mut said: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{body}"));
        assert!(said["call"].take().is_string(), "{said}");
        said
    };
    let names =
        |head: &str| head.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect::<Vec<_>>();
    let of_another = world.gets("/candidates/x_1").await;
    assert_eq!(of_another.status, 404, "{of_another:?}");
    for id in [
        "c_204",
        "c_length",
        "c_chunked",
        "c_error",
        "c_list",
        "c_words",
        "c_blank",
        "c_cut",
        "c_page",
        "c_packed",
        "c_reset",
        "c_redirect",
        "c_404",
        "c_later",
        "c_410",
        "c_400",
        "c_403",
        "c_422",
    ] {
        let absent = world.gets(&format!("/candidates/{id}")).await;
        assert_eq!((absent.status, said(&absent.body)), (404, said(&of_another.body)), "{id}");
        assert_eq!(names(&absent.head), names(&of_another.head), "{id}");
    }
    // An app that fails, or has too much to do, does not say that there is none.
    for (id, status) in [("c_429", 429), ("c_500", 500)] {
        let failed = world.gets(&format!("/candidates/{id}")).await;
        assert_eq!(failed.status, status, "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nothing_permits_is_refused_on_record_and_the_app_is_not_asked() {
    let world = World::new(candidates).await;
    let refused = world.asks("DELETE", "/candidates/c_17/holds", "", "").await;
    assert_eq!((refused.status, refused.body.contains("3.8")), (403, true), "{refused:?}");
    assert!(world.heard().is_empty(), "{:?}", world.heard());
    let leaves = world.leaves().await;
    let said: Vec<_> = leaves.iter().map(|leaf| (&leaf["kind"], &leaf["tool"], &leaf["verdict"])).collect();
    assert_eq!(said, [(&"intent".into(), &"release".into(), &"deny".into())]);
}

// INVARIANT: what a vendor wanted to change is on record, also where its record could not be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_record_cannot_be_looked_at_is_on_record() {
    let world =
        World::new(
            |line, body| {
                if line.contains("c_404") { json("404 Not Found", "", "{}") } else { candidates(line, body) }
            },
        )
        .await;
    for path in ["/candidates/c_404", "/candidates/x_1"] {
        let before = world.leaves().await.len();
        let gone = world.asks("DELETE", path, "", "").await;
        assert_eq!(gone.status, 404, "{gone:?}");
        let leaves = world.leaves().await.split_off(before);
        let intents: Vec<_> = leaves.iter().filter(|leaf| leaf["kind"] == "intent").collect();
        assert_eq!(intents.len(), 2, "{leaves:?}");
        assert_eq!((&intents[1]["tool"], &intents[1]["verdict"]), (&"remove".into(), &"defer".into()));
        assert_eq!(intents[1]["cause"], intents[0]["call"]);
    }
    // Nor where nothing looks it up.
    let before = world.leaves().await.len();
    let under = world.asks("POST", "/candidates/c_17/notes", "", "").await;
    assert_eq!((under.status, under.body.contains("rule.unresolved")), (403, true), "{under:?}");
    let leaves = world.leaves().await.split_off(before);
    assert_eq!((leaves.len(), &leaves[0]["tool"], &leaves[0]["verdict"]), (1, &"note".into(), &"defer".into()));
    assert!(world.heard().iter().all(|heard| heard.starts_with("GET ")), "{:?}", world.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_another_state_of_its_record_is_decided_and_on_record_and_never_leaves() {
    let world = World::new(candidates).await;
    world.reload(
        None,
        &MAPPING.replace("body: [name, client_id]}", "body: [name, client_id], passes: [header.if-match]}"),
    );
    for (state, body, status, verdict) in [
        ("v6", "{\"name\":\"Ana\"}", 412, "allow"),
        ("v6", "{\"client_id\":\"contoso\"}", 403, "deny"),
        ("v7", "{\"name\":\"Ana\"}", 200, "allow"),
    ] {
        let before = world.leaves().await.len();
        let head = format!("content-type: application/json\r\nif-match: \"{state}\"\r\n");
        let response = world.asks("PATCH", "/candidates/c_17", &head, body).await;
        assert_eq!(response.status, status, "{state} {body}: {response:?}");
        let leaves = world.leaves().await.split_off(before);
        let intents: Vec<_> = leaves.iter().filter(|leaf| leaf["kind"] == "intent").collect();
        assert_eq!(intents.len(), 2, "{leaves:?}");
        assert_eq!((&intents[1]["tool"], &intents[1]["verdict"]), (&"update".into(), &verdict.into()));
        assert_eq!(intents[1]["cause"], intents[0]["call"]);
        if status == 412 {
            assert!(response.body.contains("caller.other_state"), "{}", response.body);
            let last = leaves.last().unwrap();
            assert_eq!((&last["call"], &last["effect"]), (&intents[1]["call"], &"not_executed".into()), "{last}");
        }
    }
    let writes: Vec<_> = world.heard().into_iter().filter(|heard| !heard.starts_with("GET")).collect();
    assert!(writes.len() == 1 && writes[0].contains("if-match: \"v7\"\r\n"), "{writes:?}");
}

// INVARIANT: nothing that a change depends on is left away.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_depends_on_what_it_says_though_the_mapping_does_not_pass_it_on() {
    let world = World::new(candidates).await;
    for (condition, status) in [
        ("if-match: \"v7\"", 200),
        ("if-match: *", 200),
        ("if-match: \"v6\", \"v7\"", 200),
        ("if-match: \"v6\"", 412),
        ("if-match: W/\"v7\"", 412),
        ("if-match: v7", 412),
        ("if-none-match: *", 400),
        ("if-unmodified-since: Mon, 23 Nov 2026 19:00:00 GMT", 400),
        ("idempotency-key: 1", 400),
    ] {
        let before = world.heard().len();
        let head = format!("content-type: application/json\r\n{condition}\r\n");
        let response = world.asks("PATCH", "/candidates/c_17", &head, "{\"name\":\"Ana\"}").await;
        assert_eq!(response.status, status, "{condition}: {response:?}");
        let heard = world.heard().split_off(before);
        let left: Vec<_> = heard.iter().filter(|heard| !heard.starts_with("GET")).collect();
        assert_eq!(left.len(), usize::from(status == 200), "{condition}: {heard:?}");
        assert!(left.iter().all(|heard| heard.contains("if-match: \"v7\"\r\n")), "{condition}: {heard:?}");
    }
    // Of a record without a version nobody knows whether it is in that state.
    let bare = world.asks("DELETE", "/candidates/c_bare", "if-match: \"v7\"\r\n", "").await;
    assert_eq!(bare.status, 412, "{bare:?}");
    let any = world.asks("DELETE", "/candidates/c_bare", "if-match: *\r\n", "").await;
    assert_eq!((any.status, any.body.contains("rule.race")), (403, true), "{any:?}");
}

#[test]
fn a_condition_names_states_in_quotes() {
    for (condition, holds) in [
        ("\"a\"", true),
        ("*", true),
        (" \"b\",\"a\" ", true),
        ("\"b,c\", \"a\"", true),
        ("W/\"b\", \"a\"", true),
        ("W/\"a\"", false),
        ("\"b\"", false),
        ("\"x,\"a\"", false),
        ("a", false),
        ("\"a", false),
        ("", false),
        ("\"\"", false),
    ] {
        assert_eq!(crate::outbound::holds_for(condition, "\"a\""), holds, "{condition}");
        assert_eq!(crate::outbound::holds_for(condition, ""), condition == "*", "{condition}");
    }
}

// INVARIANT: nobody is asked to approve what cannot leave.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_another_state_of_its_record_waits_for_nobody() {
    let world = World::new(candidates).await;
    let close = "/candidates/{id}/close\", class: write, does: act, entity: candidate, id: path.id, rows: $}";
    assert!(MAPPING.contains(close));
    world.reload(None, &MAPPING.replace(close, &close.replace("rows: $}", "rows: $, passes: [header.if-match]}")));
    let stale = world.asks("POST", "/candidates/c_17/close", "if-match: \"v6\"\r\n", "").await;
    assert_eq!((stale.status, stale.body.contains("caller.other_state")), (412, true), "{stale:?}");
    assert!(world.engine.holds().is_empty());
    let leaves = world.leaves().await;
    let last = leaves.iter().rfind(|leaf| leaf["kind"] == "intent").unwrap();
    assert_eq!((&last["tool"], &last["verdict"]), (&"close".into(), &"hold".into()), "it is on record as what it is");
    assert_eq!(world.asks("POST", "/candidates/c_17/close", "if-match: \"v7\"\r\n", "").await.status, 202);
    assert_eq!(world.engine.holds().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_by_an_argument_is_about_a_vendors_software_too() {
    let world = World::new(candidates).await;
    let json = "content-type: application/json\r\n";
    let refused = world.asks("PATCH", "/candidates/c_17", json, "{\"name\":\"Mallory\"}").await;
    assert_eq!((refused.status, refused.body.contains("7.1")), (403, true), "{refused:?}");
    assert!(world.heard().iter().all(|heard| heard.starts_with("GET ")), "{:?}", world.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_person_is_accepted_and_runs_when_it_is_asked_for_again() {
    let world = World::new(candidates).await;
    let response = world.asks("POST", "/candidates/c_17/close", "", "").await;
    assert_eq!(response.status, 202, "{response:?}");
    assert!(response.head.contains("retry-after: 10"), "{}", response.head);
    let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    let url = body["status_url"].as_str().unwrap();
    let path = url.strip_prefix("http://gateway.test/api/ats").unwrap();
    let status = world.gets(path).await;
    assert_eq!(status.status, 200);
    assert!(status.body.contains("\"pending\""), "{}", status.body);
    let again = world.asks("POST", "/candidates/c_17/close", "", "").await;
    assert_eq!(again.status, 202);
    assert_eq!(world.engine.holds().len(), 1);
    // What waits is no request in flight.
    world.has_in_flight(0).await;
    assert!(world.heard().iter().all(|heard| heard.starts_with("GET ")), "{:?}", world.heard());
    let bo = Approver::danger_signed_in(HumanId::parse("bo").unwrap(), SignedInBy::Password, Arc::from("s"));
    let hold = world.engine.holds()[0].hold.id.clone();
    world.engine.approve(&hold, &bo).await.unwrap();
    assert!(world.gets(path).await.body.contains("\"approved\""));
    let done = world.asks("POST", "/candidates/c_17/close", "", "").await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(world.heard().iter().filter(|heard| heard.starts_with("POST ")).count(), 1);
    let over = world.gets(path).await;
    assert!(over.status == 200 && over.body.contains("\"ended\""), "{over:?}");
    assert_eq!(world.gets("/-/holds/h_00000000000000000000000000").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_after_a_call_that_waited_is_told_that_its_time_is_over() {
    let world = World::new(candidates).await;
    assert_eq!(world.asks("POST", "/candidates/c_17/close", "", "").await.status, 202);
    let hold = world.engine.holds()[0].hold.id.clone();
    world.later(world.engine.limits().hold_time_max);
    world.engine.sweep_holds().await;
    let over = world.gets(&format!("/-/holds/{hold}")).await;
    assert_eq!(over.status, 200, "{over:?}");
    assert!(over.body.contains("\"expired\"") && over.body.contains("send it again"), "{over:?}");
}

// INVARIANT: an approval is of what the operation did when it was given.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_does_something_else_by_now_is_asked_for_anew() {
    let other_path = MAPPING.replace("/candidates/{id}/close", "/candidates/{id}/purge");
    let other_method = MAPPING.replace("close: {method: POST", "close: {method: PUT");
    for (method, path, now) in [("POST", "purge", other_path), ("PUT", "close", other_method)] {
        let world = World::new(candidates).await;
        assert_eq!(world.asks("POST", "/candidates/c_17/close", "", "").await.status, 202);
        let bo = Approver::danger_signed_in(HumanId::parse("bo").unwrap(), SignedInBy::Password, Arc::from("s"));
        let hold = world.engine.holds()[0].hold.id.clone();
        world.engine.approve(&hold, &bo).await.unwrap();
        world.reload(None, &now);
        let path = format!("/candidates/c_17/{path}");
        let refused = world.asks(method, &path, "", "").await;
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.body.contains("changed after it was asked for"), "{refused:?}");
        let anew = world.asks(method, &path, "", "").await;
        assert_eq!(anew.status, 202, "{anew:?}");
        assert!(world.heard().iter().all(|heard| heard.starts_with("GET ")), "{:?}", world.heard());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reload_nothing_goes_where_an_app_was() {
    let before = World::new(slowly).await;
    let after = World::new(candidates).await;
    let json = "content-type: application/json\r\n";
    let moved_meanwhile = async {
        while before.heard().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // It is looked at meanwhile.
        before.reload(Some(&after.base), MAPPING);
    };
    let asked = before.asks("PATCH", "/candidates/c_17", json, "{\"name\":\"Eve\"}");
    let (changed, ()) = tokio::join!(asked, moved_meanwhile);
    assert!(!(200..300).contains(&changed.status), "{changed:?}");
    assert!(changed.body.contains("operator.app_replaced"), "{changed:?}");
    assert!(before.heard().iter().all(|heard| heard.starts_with("GET ")), "{:?}", before.heard());
    let again = before.asks("PATCH", "/candidates/c_17", json, "{\"name\":\"Eve\"}").await;
    assert_eq!((again.status, after.heard().len()), (200, 2), "{again:?}");
    // What stays as it was goes on where it is.
    before.reload(Some(&after.base), MAPPING);
    assert_eq!(before.gets("/candidates/c_17").await.status, 200);
}

/// As [`candidates`], after a moment.
fn slowly(line: &str, body: &str) -> Vec<u8> {
    std::thread::sleep(Duration::from_millis(300));
    candidates(line, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_the_edge_of_a_limit_are_never_one_too_many() {
    let world = Arc::new(World::with(candidates, 37).await);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let world = Arc::clone(&world);
        asking.spawn(async move { world.gets("/candidates/c_17").await.status });
    }
    let statuses = asking.join_all().await;
    let count = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((count(200), count(429)), (37, 163), "{statuses:?}");
    assert_eq!(world.heard().len(), 37);
}

// INVARIANT: whoever begins calls and goes away frees no place for more of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_client_has_left_keeps_its_place_to_its_end() {
    let world = World::new(|line, body| {
        std::thread::sleep(std::time::Duration::from_millis(700));
        candidates(line, body)
    })
    .await;
    let request =
        format!("GET /api/ats/candidates/c_1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", world.key);
    let mut stream = std::net::TcpStream::connect(world.address).unwrap();
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    while world.heard().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    drop(stream);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(world.in_flight(), 1, "the app works on it");
    world.has_in_flight(0).await;
    assert_eq!(world.leaves().await.last().unwrap()["effect"], "executed");
}

/// 64 MiB of one letter, and in the middle of it the end of the connection where it breaks off.
// INVARIANT: one vendor that sends slowly leaves three quarters of the places to others.
#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_sends_slowly_leaves_room_for_others() {
    let world = World::narrow(candidates, 8, 4_096).await;
    let head = format!(
        "PATCH /api/ats/candidates/c_17 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 14\r\n\r\n",
        world.key
    );
    let slow = [(); 2].map(|()| {
        let mut stream = std::net::TcpStream::connect(world.address).unwrap();
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
        stream
    });
    world.has_in_flight(2).await;
    let refused = world.gets("/candidates/c_17").await;
    assert_eq!((refused.status, refused.body.contains("caller.too_many")), (429, true), "{refused:?}");
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    world.has_in_flight(2).await;
    assert!(world.heard().is_empty(), "{:?}", world.heard());
    drop(slow);
    world.has_in_flight(0).await;
    assert_eq!(world.gets("/candidates/c_17").await.status, 200);
}

/// Whether the app of the next test answers by now.
static ANSWERS: AtomicBool = AtomicBool::new(false);

// INVARIANT: an app that does not answer leaves three quarters of the calls in flight to others.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_does_not_answer_takes_no_more_calls_than_its_share() {
    let in_time = |line: &str, body: &str| {
        while !ANSWERS.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        candidates(line, body)
    };
    let world = Arc::new(World::narrow(in_time, 1_000, 8).await);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let world = Arc::clone(&world);
        waiting.spawn(async move { world.gets("/candidates/c_17").await.status });
    }
    while world.heard().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Over a reload, too.
    for mapping in [MAPPING.to_owned(), MAPPING.replace("page_max: 100", "page_max: 99")] {
        world.reload(None, &mapping);
        let refused = world.gets("/candidates/c_17").await;
        assert_eq!((refused.status, refused.body.contains("upstream.busy")), (503, true), "{refused:?}");
    }
    assert_eq!(world.heard().len(), 2);
    ANSWERS.store(true, Ordering::SeqCst);
    assert_eq!(waiting.join_all().await, [200, 200]);
    assert_eq!(world.gets("/candidates/c_17").await.status, 200, "there is room again");
    let leaves = world.leaves().await;
    let not_executed = leaves.iter().filter(|leaf| leaf["effect"] == "not_executed").count();
    assert_eq!(not_executed, 2, "{leaves:?}");
}

fn long(line: &str, _: &str) -> Vec<u8> {
    let bytes = 64 << 20;
    let said = if line.contains("q=breaks") { bytes + 1 } else { bytes };
    let mut answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {said}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + bytes, b'z');
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_goes_past_and_one_that_breaks_off_is_seen_to() {
    let world = World::new(long).await;
    let whole = world.gets("/candidates?client_id=northwind").await;
    assert_eq!((whole.status, whole.whole, whole.body.len()), (200, true, 64 << 20));
    let broken = world.gets("/candidates?client_id=northwind&q=breaks").await;
    assert_eq!((broken.status, broken.whole), (200, false));
    let leaves = world.leaves().await;
    let last = leaves.iter().rfind(|leaf| leaf["kind"] == "outcome").unwrap();
    assert_eq!(last["status"], "failed");
    // What was handed to the connection may not all have arrived when it was closed.
    let left = last["answer_bytes"].as_u64().unwrap();
    assert!((broken.body.len() as u64..=64 << 20).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_key_learns_nothing() {
    let world = World::new(candidates).await;
    for head in ["", "authorization: Bearer csk_guess\r\n", "x-api-key: csk_guess\r\n"] {
        for path in ["/api/ats/candidates/c_1", "/api/nothing/x", "/api/"] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n");
            assert_eq!(world.sends(request.into_bytes()).await.status, 401, "{path} {head}");
        }
    }
    let other = format!(
        "GET /api/nothing/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        world.key
    );
    assert_eq!(world.sends(other.into_bytes()).await.status, 404);
    assert!(world.heard().is_empty());
}

// INVARIANT: a flood of requests that are refused is a handful of records.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_turned_away_is_on_record_once_with_how_often() {
    let world = World::new(candidates).await;
    for _ in 0..20 {
        let request = "GET /api/ats/candidates/c_1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        assert_eq!(world.sends(request.into()).await.status, 401);
        assert_eq!(world.gets("/candidates/../x").await.status, 400);
    }
    assert!(world.leaves().await.is_empty(), "nothing is written for each");
    world.refusals.write(&world.engine, true).await;
    world.refusals.write(&world.engine, true).await;
    let leaves = world.leaves().await;
    assert_eq!(leaves.len(), 2, "{leaves:?}");
    assert!(leaves.iter().all(|leaf| leaf["what"] == "vendors.refused"), "{leaves:?}");
    assert!(!format!("{leaves:?}").contains("127.0.0.1"), "an address stands in the body");
}

/// Compressed although nobody asked: a record, a record cut short, and much out of little.
fn compressing(line: &str, _: &str) -> Vec<u8> {
    use flate2::write::GzEncoder;
    let plain = match line {
        line if line.contains("q=bomb") => vec![b'z'; 64 << 20],
        _ => br#"{"id":"c_17","client_id":"northwind","salary":9,"status":"active"}"#.to_vec(),
    };
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &plain).unwrap();
    let mut body = encoder.finish().unwrap();
    if line.contains("q=cut") {
        body.truncate(body.len() - 5);
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: keep-alive\r\ncontent-encoding: gzip\r\netag: \"v7\"\r\n";
    [format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes(), body].concat()
}

// INVARIANT: what is hidden is hidden in the plain bytes, however they come, and a bomb goes no further than its bound.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_compressed_is_read_and_shown_plain() {
    let world = World::new(compressing).await;
    let read = world.gets("/candidates/c_17").await;
    assert_eq!((read.status, read.body.as_str()), (200, r#"{"id":"c_17","client_id":"northwind","status":"active"}"#));
    assert!(!read.head.contains("content-encoding"), "{}", read.head);
    let json = "content-type: application/json\r\n";
    assert_eq!(
        world.asks("PATCH", "/candidates/c_17", json, "{\"name\":\"Ana\"}").await.status,
        200,
        "it is looked at plain"
    );
    assert_eq!(world.gets("/candidates?client_id=northwind&q=cut").await.status, 502);
    let bomb = world.gets("/candidates?client_id=northwind&q=bomb").await;
    assert!(!bomb.whole && bomb.body.len() < 32 << 20, "{} {}", bomb.status, bomb.body.len());
}
