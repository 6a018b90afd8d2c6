//! A vendor's agent over MCP, with an official client: the contract that governs the vendor's software governs it, whether its app is
//! an API whose operations are tools or a server that speaks MCP itself.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use openapi::{Mapping, Place, Tool, Tools};
use serde_json::{Map, Value, json};
use testkit::{McpClient, Peer, World, WorldBuilder, workspace_root};

use crate::holds::{reloaded, waiting};
use crate::kit::{at, decision, intents, pin, records, text, until};
use crate::people::typed;
use crate::vendors::{
    Ats, Case, MAPPING, PASSWORD, SECRET, TOOLS, Term, asks, contract, contract_in, key, last_outcome, office,
    office_of, office_with, sign, with_door,
};

/// A tool and its arguments.
type Call = (String, Value);

/// What an agent calls for what a request asks. `plain`: names of arguments begin with a letter.
fn call_of(case: &Case, plain: bool) -> Result<Call> {
    let (method, target) = case.asks.split_once(' ').context("no method")?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mapping = Mapping::read("ats.api.yaml", MAPPING).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let tools = Tools::of(&mapping);
    let mut arguments = Map::new();
    let found = mapping.operations.iter().find(|(_, mapped)| {
        mapped.method == method && mapped.path.split('/').count() == path.split('/').count() && {
            let mut parts = mapped.path.split('/').zip(path.split('/'));
            parts.all(|(part, is)| part == is || part.starts_with('{'))
        }
    });
    let Some((name, mapped)) = found else {
        let last = path.split('/').nth(1).unwrap_or_default().trim_end_matches('s');
        let named = if method == "PATCH" { format!("update_{last}") } else { "export_all".to_owned() };
        let mut sends: Value = serde_json::from_str(&case.sends).unwrap_or_else(|_| json!({}));
        if let (Some(id), Some(sends)) = (path.split('/').nth(2), sends.as_object_mut()) {
            sends.insert("id".to_owned(), id.into());
        }
        return Ok((named, sends));
    };
    let tool = tools.get(name).context("no tool")?;
    for (part, is) in mapped.path.split('/').zip(path.split('/')) {
        if let Some(inner) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            arguments.insert(name_of(tool, Place::Path, inner)?, is.into());
        }
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let argument = name_of(tool, Place::Query, &name)?;
        let argument = if plain { argument.trim_start_matches('_').to_owned() } else { argument };
        let value = value.parse::<u64>().map_or_else(|_| Value::from(value.into_owned()), Value::from);
        arguments.insert(argument, value);
    }
    if let Ok(Value::Object(sends)) = serde_json::from_str(&case.sends) {
        arguments.extend(sends);
    }
    Ok((name.clone(), arguments.into()))
}

fn name_of(tool: &Tool, place: Place, inner: &str) -> Result<String> {
    let found = tool.arguments.iter().find(|argument| argument.place == place && argument.inner == inner);
    Ok(found.context("no such argument")?.name.clone())
}

/// What an agent of the vendor is told: the tools it sees, and what each call came to.
fn talk(world: &World, key: &str, mode: &str, calls: &[Call]) -> Result<(Vec<String>, Vec<Value>)> {
    let calls = serde_json::to_string(calls)?;
    let url = format!("{}/ats", world.mcp_url());
    let said = Peer::Python.talk(&["--mode", mode, "--calls", &calls, "--url", &url, "--token", key])?;
    let list = |name: &str| said.get(name).and_then(Value::as_array).cloned();
    let results = list("results").with_context(|| format!("no results: {said}"))?;
    let tools = list("tools").unwrap_or_default();
    Ok((tools.iter().filter_map(Value::as_str).map(str::to_owned).collect(), results))
}

/// Each case comes to the same as over HTTP.
fn play(world: &World, key: &str, mode: &str, cases: &[Case], plain: bool) -> Result<Vec<String>> {
    let calls: Vec<Call> = cases.iter().map(|case| call_of(case, plain)).collect::<Result<_>>()?;
    let (tools, results) = talk(world, key, mode, &calls)?;
    ensure!(results.len() == cases.len());
    for ((case, result), call) in cases.iter().zip(results).zip(calls) {
        let Case { clause, asks, status, .. } = case;
        let about = format!("{clause}: `{asks}` as {call:?} came to {result}");
        match status {
            200 => {
                ensure!(result.get("isError").is_none_or(|is| is == false), "{about}");
                let shown = result.get("structuredContent").map_or_else(|| text(&result).to_owned(), Value::to_string);
                case.check_shown(&shown).with_context(|| about.clone())?;
            }
            // What is not there and what it may not see look alike.
            404 => ensure!(text(&result).starts_with("Nothing of this may be seen"), "{about}"),
            _ if result.get("error").is_some() => {}
            status => {
                let decided = decision(&result).with_context(|| about.clone())?;
                let wanted = if *status == 202 { "hold" } else { "deny" };
                ensure!(at(decided, "/decision") == wanted && at(decided, "/executed") != "unknown", "{about}");
                if let Some(by) = &case.by {
                    ensure!(at(decided, "/rules/0/id") == format!("contract:acme-screening/{by}"), "{about}");
                }
            }
        }
        for text in case.never.iter().map(String::as_str).chain([SECRET, "\"salary\"", "\\\"salary"]) {
            ensure!(!result.to_string().contains(text), "{text}: {about}");
        }
    }
    Ok(tools)
}

#[test]
fn every_clause_holds_for_an_agent_to_which_an_api_is_tools() -> Result<()> {
    let ats = Ats::start()?;
    let world = office(&ats, &contract())?;
    let key = key(&world, "background-screening")?;
    let first = vec![("get_candidate".to_owned(), json!({"id": "c_0"}))];
    let (_, before) = talk(&world, &key, "auto", &first)?;
    ensure!(before.iter().all(|result| decision(result).is_ok()), "not signed: {before:?}");
    sign(&world)?;
    let cases = Case::all(Term::Runs)?;
    for mode in ["auto", "legacy"] {
        let tools = play(&world, &key, mode, &cases, false)?;
        ensure!(tools == ["get_candidate", "get_order", "list_candidates", "update_order"], "{tools:?}");
    }
    let read = last_outcome(&world, "get_candidate")?;
    let leaf: Value = serde_json::from_str(&read.leaf)?;
    ensure!(leaf.get("clause").is_some(), "{leaf}");
    let all: String = records(&world)?.iter().map(|entry| format!("{}{:?}", entry.leaf, entry.body)).collect();
    ensure!(!all.contains(SECRET) && !all.contains(&key), "a secret is on record");
    Ok(())
}

#[test]
fn outside_of_its_term_no_agent_is_admitted() -> Result<()> {
    let ats = Ats::start()?;
    for term in Term::ALL.into_iter().skip(1) {
        let world = office(&ats, &contract_in(term))?;
        ensure!(sign(&world).is_ok() == (term == Term::Ahead));
        let tools = play(&world, &key(&world, "background-screening")?, "auto", &Case::all(term)?, false)?;
        ensure!(tools.is_empty(), "{tools:?}");
    }
    Ok(())
}

/// Registers what a vendor shows in place of a key. The entry's id.
fn registered(world: &World, what: &str, file: &str) -> Result<String> {
    let add = ["vendors", "keys", what, "acme-screening", file, "--contract", "acme-screening"];
    let said = world.run_well(&[&add[..], &["--purpose", "background-screening"]].concat())?;
    said.split_whitespace().nth(1).map(str::to_owned).context("no id")
}

/// What reading a record comes to for an agent that shows this. Files are those of the world.
fn reads(world: &World, url: &str, tool: &str, shows: &[&str]) -> Result<Value> {
    let calls = json!([[tool, {"id": "c_0"}]]).to_string();
    let whole = |word: &&str| match word.ends_with(".pem") || word.ends_with(".key") {
        true => world.folder().join(word).display().to_string(),
        false => (*word).to_owned(),
    };
    let arguments: Vec<String> = ["--url", url, "--calls", &calls].iter().chain(shows).map(whole).collect();
    Peer::Python.talk(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// It was shown what the contract lets out.
fn is_let_in(said: &Value) -> Result<()> {
    let shown = said.to_string();
    ensure!(shown.contains("Candidate c_0") && !shown.contains("salary"), "{said}");
    Ok(())
}

fn is_stranger(said: &Value) -> Result<()> {
    ensure!(said.get("error").is_some() && said.get("tools").is_none(), "{said}");
    Ok(())
}

#[test]
fn an_agent_that_signs_who_it_is_finds_out_by_itself_where_its_token_comes_from() -> Result<()> {
    let ats = Ats::start()?;
    let world = office_with(&ats, &contract(), with_door)?;
    sign(&world)?;
    let id = registered(&world, "add-public-key", "vendor/signing.pem")?;
    let issuer = format!("{}/api", world.base_url());
    let shows = ["--signs", "vendor/signing.key", &id, "--issuer", &issuer];
    let of_one = format!("{}/ats", world.mcp_url());
    is_let_in(&reads(&world, &of_one, "get_candidate", &shows)?)?;
    is_let_in(&reads(&world, world.mcp_url(), "ats__get_candidate", &shows)?)?;
    let read = last_outcome(&world, "get_candidate")?;
    ensure!(read.leaf.contains("\"clause\""), "under its contract: {}", read.leaf);
    world.run_well(&["vendors", "keys", "revoke", &id])?;
    is_stranger(&reads(&world, &of_one, "get_candidate", &shows)?)
}

#[test]
fn an_agent_with_a_certificate_comes_in_at_the_door_and_nobody_but_vendors_does() -> Result<()> {
    let ats = Ats::start()?;
    let world = office_with(&ats, &contract(), with_door)?;
    sign(&world)?;
    let url = format!("{}/mcp/ats", world.door_url());
    let asks = |shows: &[&str]| {
        let shows = [&["--authority", "tls/gateway.pem"], shows].concat();
        reads(&world, &url, "get_candidate", &shows)
    };
    let certificate = ["--certificate", "vendor/certificate.pem", "vendor/certificate.key"];
    is_stranger(&asks(&certificate)?)?;
    let id = registered(&world, "add-certificate", "vendor/certificate.pem")?;
    is_let_in(&asks(&certificate)?)?;
    is_stranger(&asks(&[])?)?;
    // An agent of ours has its own way in.
    is_stranger(&asks(&["--token", &world.token("ana-desktop", "ana", None)?])?)?;
    world.run_well(&["vendors", "keys", "revoke", &id])?;
    is_stranger(&asks(&certificate)?)
}

/// A server on the official Python SDK. It ends with this.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start() -> Result<Self> {
        let root = workspace_root();
        let mut process = Command::new(root.join("target/test-venv/bin/python"))
            .arg(root.join("tests/python/candidates.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("python cannot be started\nhint: cargo xtask setup")?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("no output")?).read_line(&mut line)?;
        ensure!(line.starts_with("http://"), "it does not say where it listens\nhint: cargo xtask setup");
        Ok(Self { process, url: line.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// The example with a server that speaks MCP as its app.
fn office_over_mcp(server: &Server, contract: &str) -> Result<World> {
    office_over_mcp_with(server, contract, |world| world)
}

fn office_over_mcp_with(
    server: &Server,
    contract: &str,
    more: impl FnOnce(WorldBuilder) -> WorldBuilder,
) -> Result<World> {
    let app = json!({
        "url": server.url, "tools": "apps/ats.tools.yaml", "risk": "high", "data": "restricted", "owners": ["ana", "bob"],
    });
    let world = office_of(app, contract, more)?;
    pin(&world, "ats", "read")?;
    for (tool, class) in [("update_order", "write"), ("update_candidate", "write"), ("remove_order", "destructive")] {
        pin(&world, &format!("ats/{tool}"), class)?;
    }
    sign(&world)?;
    Ok(world)
}

#[test]
fn every_clause_holds_for_an_agent_of_a_server_that_speaks_mcp() -> Result<()> {
    let server = Server::start()?;
    let world = office_over_mcp(&server, &contract())?;
    let key = key(&world, "background-screening")?;
    let tools = play(&world, &key, "auto", &Case::all(Term::Runs)?, true)?;
    ensure!(
        !tools.iter().any(|tool| ["export_all", "remove_order", "get_invoice"].contains(&tool.as_str())),
        "{tools:?}"
    );
    // Words say nothing of whose they are, and what no mapping names is of no kind.
    let calls = [
        ("fetch_note".to_owned(), json!({"id": "c_1"})),
        ("export_all".to_owned(), json!({})),
        ("get_candidate".to_owned(), json!({"id": "c_1", "fields": "salary"})),
        ("list_candidates".to_owned(), json!({"limit": 60})),
    ];
    let (_, results) = talk(&world, &key, "auto", &calls)?;
    let [note, all, unnamed, listed] = results.as_slice() else { anyhow::bail!("{results:?}") };
    ensure!(text(note).starts_with("Nothing of this may be seen"), "{note}");
    ensure!(at(decision(all)?, "/decision") == "deny", "{all}");
    ensure!(unnamed.get("error").is_some(), "{unnamed}");
    ensure!(!listed.to_string().contains("contoso") && listed.to_string().contains("northwind"), "{listed}");
    let refused = intents(&world)?;
    ensure!(refused.iter().any(|entry| entry.tool.as_deref() == Some("export_all")), "a refusal is on record");
    Ok(())
}

/// A decision on record: its tool, what was decided, and whether the call before it caused it.
type Decided = (String, &'static str, bool);

/// What an agent of the vendor is told of this call, and what was decided for it.
fn wanted(world: &World, key: &str, call: &str, arguments: Value) -> Result<(Value, Vec<Decided>)> {
    let before = intents(world)?.len();
    let said = talk(world, key, "auto", &[(call.to_owned(), arguments)])?.1.pop().unwrap_or_default();
    let (mut found, mut last) = (Vec::new(), None);
    for intent in intents(world)?.iter().skip(before).filter_map(trace::Entry::intent) {
        let caused = last.is_some() && intent.cause == last;
        found.push((intent.tool.clone(), intent.verdict.as_str(), caused));
        last = Some(intent.call);
    }
    Ok((said, found))
}

// INVARIANT: what a vendor's agent wanted to change is on record, and nothing is asked of the app where nothing could permit it.
#[test]
fn a_change_that_an_agent_wanted_is_on_record_whatever_its_record_says() -> Result<()> {
    let (ats, server) = (Ats::start()?, Server::start()?);
    let over_http = office(&ats, &contract())?;
    sign(&over_http)?;
    for world in [over_http, office_over_mcp(&server, &contract())?] {
        let key = key(&world, "background-screening")?;
        // No clause permits it, of whatever record.
        for id in ["o_1", "o_404", "x_1"] {
            let (said, found) = wanted(&world, &key, "remove_order", json!({ "id": id }))?;
            ensure!(at(decision(&said)?, "/decision") == "deny", "{id}: {said}");
            ensure!(found == [("remove_order".to_owned(), "deny", false)], "{id}: {found:?}");
        }
        // One that is not there, and one that is another's.
        for id in ["o_404", "x_1"] {
            let (said, found) = wanted(&world, &key, "update_order", json!({"id": id, "status": "done"}))?;
            ensure!(text(&said).starts_with("Nothing of this may be seen"), "{id}: {said}");
            let [(looked, _, _), change] = found.as_slice() else { anyhow::bail!("{id}: {found:?}") };
            ensure!(looked == "get_order" && *change == ("update_order".to_owned(), "defer", true), "{id}: {found:?}");
        }
    }
    Ok(())
}

// INVARIANT: nobody learns which records of others there are, however an app says that it has none, over HTTP and as tools.
#[test]
fn a_record_that_is_not_there_looks_like_one_of_somebody_else_however_the_app_says_so() -> Result<()> {
    let ats = Ats::start()?;
    let world = office(&ats, &contract())?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    let absent =
        ["gone", "bad", "hidden", "nothing", "list", "null", "false", "error", "blank", "words", "page", "elsewhere"];
    let ids: Vec<String> = ["x_1".to_owned()].into_iter().chain(absent.map(|how| format!("n_{how}"))).collect();
    // What is said without the id of the call.
    let said = |body: &str| -> Result<Value> {
        let mut said: Value = serde_json::from_str(body).with_context(|| body.to_owned())?;
        ensure!(said.as_object_mut().is_some_and(|said| said.remove("call").is_some()), "{body}");
        Ok(said)
    };
    for (asked, body) in [("GET /candidates/", ""), ("PATCH /orders/", r#"{"findings":"none"}"#)] {
        let mut of_another = None;
        for id in &ids {
            let (status, _, body) = asks(&world, &key, &format!("{asked}{id}"), body)?;
            let said = (status, said(&body)?);
            ensure!(said == *of_another.get_or_insert((404, said.1.clone())), "{asked}{id}: {said:?}");
        }
    }
    for (tool, more) in [("get_candidate", json!({})), ("update_order", json!({"findings": "none"}))] {
        let arguments = |id: &String| {
            let mut arguments = more.clone();
            arguments["id"] = json!(id);
            (tool.to_owned(), arguments)
        };
        let (_, results) = talk(&world, &key, "auto", &ids.iter().map(arguments).collect::<Vec<_>>())?;
        ensure!(results.len() == ids.len());
        for (id, result) in ids.iter().zip(&results) {
            ensure!(text(result).starts_with("Nothing of this may be seen"), "{tool} {id}: {result}");
        }
    }
    Ok(())
}

// INVARIANT: no change is let out on the word of another record than the one that is changed.
#[test]
fn a_change_by_an_agent_is_of_the_record_that_was_looked_at() -> Result<()> {
    // Orders are named by another field than the one that both apps look them up by.
    let misnamed = |text: &str| {
        let misnamed = text.replacen("screening_order:\n    id: id", "screening_order:\n    id: candidate_id", 1);
        assert_ne!(misnamed, text);
        misnamed
    };
    let accepting = contract().replace("hidden: replace}", "hidden: replace, accept_race: true}");
    let (ats, server) = (Ats::start()?, Server::start()?);
    let over_http = office_with(&ats, &accepting, |world| world.file("apps/ats.api.yaml", &misnamed(MAPPING)))?;
    sign(&over_http)?;
    let of_tools = misnamed(TOOLS);
    let over_mcp = office_over_mcp_with(&server, &accepting, |world| world.file("apps/ats.tools.yaml", &of_tools))?;
    for world in [over_http, over_mcp] {
        let key = key(&world, "background-screening")?;
        let (said, found) = wanted(&world, &key, "update_order", json!({"id": "o_2", "status": "done"}))?;
        ensure!(said.to_string().contains("rule.unresolved"), "{said}");
        let [(looked, _, _), change] = found.as_slice() else { anyhow::bail!("{found:?}") };
        ensure!(looked == "get_order" && *change == ("update_order".to_owned(), "defer", true), "{found:?}");
    }
    Ok(())
}

// INVARIANT: nobody is told that something is not there which was made or changed.
#[test]
fn what_was_made_is_not_said_to_be_missing_though_it_may_not_be_seen() -> Result<()> {
    let ats = Ats::start()?;
    // The app does not say of what it makes whose it is.
    let make = "  make_order: {method: POST, path: /orders, class: write, does: create, entity: screening_order, tenant: query.client_id, rows: \"$\", body: [findings]}\n";
    let permits = contract().replace("permits: {do: [update], ", "permits: {do: [create, update], ");
    ensure!(permits != contract());
    let mapping = format!("{MAPPING}{make}");
    let world = office_with(&ats, &permits, |world| world.file("apps/ats.api.yaml", &mapping))?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    let (status, _, body) = asks(&world, &key, "POST /orders?client_id=northwind", r#"{"findings":"none"}"#)?;
    let told: Value = serde_json::from_str(&body)?;
    ensure!(
        status == 200 && told.get("executed") == Some(&Value::Bool(true)) && at(&told, "/code") == "rule.outside",
        "{status} {body}"
    );
    let (said, found) = wanted(&world, &key, "make_order", json!({"client_id": "northwind", "findings": "none"}))?;
    ensure!(found == [("make_order".to_owned(), "redact", false)], "it runs: {found:?}");
    ensure!(at(decision(&said)?, "/executed") == "unknown", "{said}");
    ensure!(!said.to_string().contains("there is no such record"), "{said}");
    Ok(())
}

// INVARIANT: nothing is written on a vendor's word: the record is looked at first, and it must not change in between.
#[test]
fn a_finding_waits_and_is_written_once() -> Result<()> {
    let ats = Ats::start()?;
    let world = office(&ats, &contract())?;
    sign(&world)?;
    write_once(&world)
}

/// Clauses on any field of a record can be kept: a change is decided on what its record says, and what is made on what is sent.
#[test]
fn what_a_clause_asks_of_a_record_is_read_out_of_it_or_of_what_is_sent() -> Result<()> {
    let ats = Ats::start()?;
    let clauses = contract().replace(
        "{where: {candidate: {status: [active]}}}",
        "{where: {candidate: {status: [active]}, screening_order: {status: [open], candidate_id: [c_2, c_3]}}}",
    );
    let clauses = clauses.replace(
        "permits: {do: [update], entities: [screening_order], sends: {screening_order: [status, findings]}}",
        "permits: {do: [update, create], entities: [screening_order], sends: {screening_order: [status, findings, candidate_id, client_id]}}",
    );
    // What begins later asks for nothing yet.
    let later = format!(
        "amendments:\n  - document: {{name: Amendment 1, sha256: {:064}, dated: 2020-02-01, clauses: [A1]}}\n    from: 2098-01-01\n    clauses:\n      \
         - {{clause: A1, says: which, limits: {{where: {{screening_order: {{findings: [none]}}}}}}}}\n",
        0
    );
    let clauses = format!("{clauses}{later}");
    let more = "  create_order: {method: POST, path: /orders, class: write, does: create, entity: screening_order, rows: \"$\", \
                tenant: body.client_id, body: [status, candidate_id, client_id, findings]}\n";
    let mapping = format!("{MAPPING}{more}");
    let world = office_with(&ats, &clauses, |world| world.file("apps/ats.api.yaml", &mapping))?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    let create = "POST /orders";
    for (asked, sends, status, says) in [
        ("PATCH /orders/o_2", r#"{"findings":"none"}"#, 202, ""),
        ("PATCH /orders/o_1", r#"{"findings":"none"}"#, 404, "no such record that this contract reaches"),
        (create, r#"{"status":"open","candidate_id":"c_3","client_id":"northwind"}"#, 201, ""),
        (
            create,
            r#"{"status":"open","candidate_id":"c_1","client_id":"northwind"}"#,
            403,
            "its `candidate_id` is `c_1`",
        ),
        (create, r#"{"status":"open","client_id":"northwind"}"#, 503, "nothing says its `candidate_id`"),
        (create, r#"{"status":"open","Candidate_Id":"c_3","client_id":"northwind"}"#, 400, "takes no field"),
        (
            create,
            r#"{"status":["open"],"candidate_id":"c_3","client_id":"northwind"}"#,
            400,
            "`status` is not said once",
        ),
        (create, r#"{"status":"done","candidate_id":["c_3"],"client_id":"northwind"}"#, 403, "its `status` is `done`"),
        (create, r#"{"status":"open","candidate_id":"c_3","client_id":"northwind","findings":null}"#, 201, ""),
    ] {
        let (got, _, body) = asks(&world, &key, asked, sends)?;
        ensure!((status == got || got == 200 && status == 201) && body.contains(says), "{asked} {sends}: {got} {body}");
    }
    let create = |status: &str, candidate: &str| {
        let arguments = json!({"client_id": "northwind", "status": status, "candidate_id": candidate});
        ("create_order".to_owned(), arguments)
    };
    let change = |id: &str| ("update_order".to_owned(), json!({"id": id, "status": "done"}));
    let calls = [create("open", "c_2"), create("open", "c_1"), create("done", "c_2"), change("o_2"), change("o_1")];
    let (_, results) = talk(&world, &key, "auto", &calls)?;
    let decided = |result: &Value| decision(result).map(|one| at(one, "/decision").to_owned()).unwrap_or_default();
    let came: Vec<String> = results.iter().map(decided).collect();
    ensure!(came[1..4] == ["deny", "deny", "hold"], "{came:?} {results:#?}");
    ensure!(results[0].get("isError").is_none_or(|is| is == false), "{:#}", results[0]);
    ensure!(text(&results[4]).starts_with("Nothing of this may be seen"), "{:#}", results[4]);
    for (status, candidate, denied) in [("done", json!(["c_2"]), true), ("open", json!("c_2"), false)] {
        let arguments =
            json!({"client_id": "northwind", "status": status, "candidate_id": candidate, "findings": null});
        let (_, results) = talk(&world, &key, "auto", &[("create_order".to_owned(), arguments)])?;
        let is_error = results[0].get("isError").is_some_and(|is| is == true);
        ensure!(is_error == denied && (decided(&results[0]) == "deny") == denied, "{results:#?}");
    }
    let listed = json!({"client_id": "northwind", "status": ["open"], "candidate_id": "c_2"});
    let (said, found) = wanted(&world, &key, "create_order", listed)?;
    ensure!(said.to_string().contains("`status` is not said once"), "{said}");
    ensure!(found == [("create_order".to_owned(), "defer", false)], "{found:?}");
    Ok(())
}

#[test]
fn a_server_without_versions_is_written_to_where_the_contract_accepts_it() -> Result<()> {
    let accepting = contract().replace("hidden: replace}", "hidden: replace, accept_race: true}");
    let server = Server::start()?;
    write_once(&office_over_mcp(&server, &accepting)?)?;
    let server = Server::start()?;
    let world = office_over_mcp(&server, &contract())?;
    let key = key(&world, "background-screening")?;
    let said = approved_write(&world, &key)?;
    ensure!(at(decision(&said)?, "/reason_code") == "rule.race", "{said}");
    ensure!(text(&read_order(&world, &key)?).contains("open"));
    Ok(())
}

fn write_once(world: &World) -> Result<()> {
    let key = key(world, "background-screening")?;
    let said = approved_write(world, &key)?;
    ensure!(said.to_string().contains("done"), "{said}");
    ensure!(text(&read_order(world, &key)?).contains("none"));
    let written = last_outcome(world, "update_order")?.intent().context("no intent")?;
    ensure!(written.approved && written.cause.is_some());
    Ok(())
}

// INVARIANT: an approval is of a call as the mapping understood it.
#[test]
fn a_mapping_that_is_corrected_while_a_call_waits_takes_its_approval() -> Result<()> {
    let accepting = contract().replace("hidden: replace}", "hidden: replace, accept_race: true}");
    let server = Server::start()?;
    let world = office_over_mcp_with(&server, &accepting, |world| world.set(&["holds", "wait"], json!("60s")))?;
    let key = key(&world, "background-screening")?;
    let mut client = McpClient::modern(&format!("{}/ats", world.mcp_url()))?.with_token(key.clone());
    let write = json!({"id": "o_2", "status": "done", "findings": "none"});
    let call = std::thread::spawn(move || client.call("update_order", write));
    let hold = waiting(&world)?;
    let file = world.folder().join("apps/ats.tools.yaml");
    let mapping = std::fs::read_to_string(&file)?;
    let corrected = mapping.replace("body: [status, findings, candidate_id]", "body: [status, candidate_id]");
    ensure!(corrected != mapping);
    std::fs::write(&file, corrected)?;
    world.run_well(&["reload"])?;
    typed(&world, &["login", "bob"], PASSWORD)?;
    world.run_well(&["holds", "approve", &hold])?;
    let said = call.join().map_err(|_| anyhow::anyhow!("the client broke"))??;
    ensure!(decision(&said)?.get("executed") == Some(&json!(false)), "{said}");
    ensure!(text(&said).contains("configured in another way by now than when `update_order` was asked for"), "{said}");
    ensure!(text(&read_order(&world, &key)?).contains("open"));
    Ok(())
}

/// An agent of ours that asks for a candidate, for which people are asked first.
fn asks_ours(world: &World) -> Result<impl FnMut() -> Result<Value> + Send + use<>> {
    let token = world.token("ana-desktop", "ana", None)?;
    let mut client = McpClient::modern(&format!("{}/ats", world.mcp_url()))?.with_token(token);
    Ok(move || client.call("get_candidate", json!({"id": "c_1"})))
}

#[test]
fn what_else_is_changed_in_a_mapping_leaves_a_call_that_waits_its_approval() -> Result<()> {
    let ats = Ats::start()?;
    let world = office_with(&ats, &contract(), |world| world.set(&["holds", "wait"], json!("60s")))?;
    let call = std::thread::spawn(asks_ours(&world)?);
    let hold = waiting(&world)?;
    let file = world.folder().join("apps/ats.api.yaml");
    let more = "  get_client: {method: GET, path: \"/clients/{id}\", class: read, does: read, id: path.id}\n";
    std::fs::write(&file, std::fs::read_to_string(&file)? + more)?;
    world.run_well(&["reload"])?;
    typed(&world, &["login", "bob"], PASSWORD)?;
    world.run_well(&["holds", "approve", &hold])?;
    let said = call.join().map_err(|_| anyhow::anyhow!("the client broke"))??;
    ensure!(said.pointer("/structuredContent/name") == Some(&json!("Candidate c_1")), "{said}");
    Ok(())
}

// INVARIANT: an approval is of a call to where the app was when people saw it.
#[test]
fn an_approval_does_not_follow_an_api_to_another_address() -> Result<()> {
    let (before, after) = (Ats::start()?, Ats::start()?);
    let world = office_with(&before, &contract(), |world| world.set(&["holds", "wait"], json!("0s")))?;
    let mut asks = asks_ours(&world)?;
    let hold = at(decision(&asks()?)?, "/hold/id").to_owned();
    reloaded(&world, |config| config["apps"]["ats"]["url"] = json!(after.url()))?;
    typed(&world, &["login", "bob"], PASSWORD)?;
    world.run_well(&["holds", "approve", &hold])?;
    let said = asks()?;
    ensure!(text(&said).contains("`ats` is configured in another way by now"), "{said}");
    ensure!(decision(&said)?.get("executed") == Some(&json!(false)), "{said}");
    let anew = at(decision(&asks()?)?, "/hold/id").to_owned();
    ensure!(!anew.is_empty() && anew != hold, "it is asked for anew");
    world.run_well(&["holds", "approve", &anew])?;
    ensure!(asks()?.pointer("/structuredContent/name") == Some(&json!("Candidate c_1")));
    Ok(())
}

/// What comes of a finding that compliance approved.
fn approved_write(world: &World, key: &str) -> Result<Value> {
    let write = [("update_order".to_owned(), json!({"id": "o_2", "status": "done", "findings": "none"}))];
    let one = |world: &World| Ok::<_, anyhow::Error>(talk(world, key, "auto", &write)?.1.pop().unwrap_or_default());
    let said = one(world)?;
    let hold = at(decision(&said)?, "/hold/id").to_owned();
    ensure!(!hold.is_empty(), "{said}");
    typed(world, &["login", "bob"], PASSWORD)?;
    world.run_well(&["holds", "approve", &hold])?;
    one(world)
}

fn read_order(world: &World, key: &str) -> Result<Value> {
    let read = [("get_order".to_owned(), json!({"id": "o_2"}))];
    Ok(talk(world, key, "auto", &read)?.1.pop().unwrap_or_default())
}

// INVARIANT: a vendor's agent acts under its contract or not at all.
#[test]
fn no_other_way_in_leads_around_the_contract() -> Result<()> {
    let ats = Ats::start()?;
    let world = office(&ats, &contract())?;
    sign(&world)?;
    let refused = world.run(&["token", "--agent", "acme-screening", "--human", "ana"])?;
    ensure!(refused.code != 0, "a token for a vendor");
    let key = key(&world, "background-screening")?;
    let read = [("get_candidate".to_owned(), json!({"id": "c_0"}))];
    ensure!(text(&talk(&world, &key, "auto", &read)?.1.pop().unwrap_or_default()).contains("c_0"));
    for (ends, begins) in [
        (["contract", "suspend", "acme-screening"], ["contract", "resume", "acme-screening"]),
        (["stop", "ats", "--yes"], ["start", "ats", "--yes"]),
    ] {
        let (ends, begins) = if ends[0] == "stop" { (&ends[..2], &begins[..2]) } else { (&ends[..], &begins[..]) };
        world.run_well(ends)?;
        let said = talk(&world, &key, "auto", &read)?.1.pop().unwrap_or_default();
        ensure!(at(decision(&said)?, "/decision") == "deny", "{said}");
        world.run_well(begins)?;
    }
    let listed: Value = serde_json::from_str(&world.run_well(&["vendors", "keys", "--json"])?)?;
    let id = listed.pointer("/keys/0/id").and_then(Value::as_str).context("no key")?.to_owned();
    world.run_well(&["vendors", "keys", "revoke", &id])?;
    ensure!(talk(&world, &key, "auto", &read).is_err(), "a key that was revoked");
    Ok(())
}

// An agent of ours gets the API as tools under the rules of the organisation.
#[test]
fn an_agent_of_ours_uses_an_api_as_tools() -> Result<()> {
    let ats = Ats::start()?;
    let world = office(&ats, &contract())?;
    let token = world.token("ana-desktop", "ana", None)?;
    let calls = [("get_candidate".to_owned(), json!({"id": "c_1"})), ("remove_order".to_owned(), json!({"id": "o_1"}))];
    let (tools, results) = talk(&world, &token, "auto", &calls)?;
    ensure!(tools.contains(&"get_candidate".to_owned()) && !tools.contains(&"remove_order".to_owned()), "{tools:?}");
    let [read, removed] = results.as_slice() else { anyhow::bail!("{results:?}") };
    // The app is of high risk: its reads wait for its owner by the baseline.
    ensure!(at(decision(read)?, "/decision") == "hold", "{read}");
    ensure!(at(decision(removed)?, "/decision") == "deny", "{removed}");
    let hold = at(decision(read)?, "/hold/id").to_owned();
    typed(&world, &["login", "bob"], PASSWORD)?;
    world.run_well(&["holds", "approve", &hold])?;
    let (_, results) = talk(&world, &token, "auto", &calls[..1])?;
    let read = results.first().context("no result")?;
    ensure!(read.pointer("/structuredContent/name") == Some(&json!("Candidate c_1")), "{read}");
    ensure!(text(read).contains("medical_notes"), "{read}");
    until("it is on record", || Ok(intents(&world)?.iter().any(|entry| entry.outcome_leaf.is_some())))
}
