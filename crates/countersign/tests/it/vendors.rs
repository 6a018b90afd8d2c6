//! A vendor before the door: its key, its contract, and a server by others behind it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{HttpRequest, McpClient, World, WorldBuilder, workspace_root};
use trace::{Entry, RecordKind};

use crate::kit::{changes, intents, records, until, world};
use crate::people::typed;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const SECRET: &str = "r3al-credential-of-the-ats";
const CONTRACT: &str = include_str!("../../../../examples/contracts/acme-screening.yaml");
const DOCUMENT: &str = include_str!("../../../../examples/contracts/acme-screening.md");
pub(crate) const MAPPING: &str = include_str!("../../../../examples/contracts/ats.api.yaml");
pub(crate) const TOOLS: &str = include_str!("../../../../examples/contracts/candidates.tools.yaml");
const CASES: &str = include_str!("../../../../examples/contracts/acme-screening.cases.yaml");

/// json-server with candidates of two clients. It ends with this.
pub(crate) struct Ats {
    process: Child,
    url: String,
}

impl Ats {
    pub(crate) fn start() -> Result<Self> {
        let mut process = Command::new("node")
            .arg(workspace_root().join("tests/node/records.mjs"))
            .arg("strong")
            .env("RECORDS_TOKEN", SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node cannot be started\nhint: cargo xtask setup")?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("no output")?).read_line(&mut line)?;
        let port: u16 = line.trim().parse().context("it does not say where it listens\nhint: cargo xtask setup")?;
        Ok(Self { process, url: format!("http://127.0.0.1:{port}/v1") })
    }
}

impl Ats {
    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Ats {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// One request of a case file, and what becomes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) clause: String,
    pub(crate) asks: String,
    #[serde(default)]
    pub(crate) sends: String,
    pub(crate) status: u16,
    pub(crate) by: Option<String>,
    #[serde(default)]
    pub(crate) term: Term,
    #[serde(default)]
    pub(crate) shows: Vec<String>,
    #[serde(default)]
    pub(crate) never: Vec<String>,
}

/// When a case plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Term {
    /// Before the agreement begins.
    Ahead,
    /// While it runs.
    #[default]
    Runs,
    /// After it is over.
    Over,
}

impl Term {
    pub(crate) const ALL: [Self; 3] = [Self::Runs, Self::Over, Self::Ahead];
}

impl Case {
    /// Those of the example that play then.
    pub(crate) fn all(term: Term) -> Result<Vec<Self>> {
        let mut cases: Vec<Self> = serde_saphyr::from_str(CASES)?;
        cases.retain(|case| case.term == term);
        Ok(cases)
    }

    /// Whether a body shows what it must and nothing that it must not.
    pub(crate) fn check_shown(&self, body: &str) -> Result<()> {
        let Self { clause, asks, .. } = self;
        let written = serde_json::from_str::<Value>(body).map(|body| body.to_string()).unwrap_or_default();
        for text in &self.shows {
            ensure!(written.contains(text), "{clause}: `{asks}` does not show {text}: {body}");
        }
        for text in self.never.iter().map(String::as_str).chain([SECRET, "\"salary\""]) {
            ensure!(!body.contains(text), "{clause}: `{asks}` shows {text}: {body}");
        }
        Ok(())
    }
}

/// The example, in a term that no clock leaves.
pub(crate) fn contract() -> String {
    contract_in(Term::Runs)
}

/// The example, in a term that no clock leaves or reaches.
pub(crate) fn contract_in(term: Term) -> String {
    let (from, until) = match term {
        Term::Ahead => ("2098-01-01", "2099-06-30"),
        Term::Runs => ("2020-01-01", "2099-06-30"),
        Term::Over => ("2020-01-01", "2021-06-30"),
    };
    let text = CONTRACT.replace("dated: 2026-06-15", "dated: 2019-06-15");
    let text = text.replace("from: 2026-07-01", &format!("from: {from}"));
    text.replace("until: 2027-06-30", &format!("until: {until}"))
}

/// The example with the API as its app.
pub(crate) fn office(ats: &Ats, contract: &str) -> Result<World> {
    office_with(ats, contract, |world| world)
}

/// With more in the configuration.
pub(crate) fn office_with(ats: &Ats, contract: &str, more: impl FnOnce(WorldBuilder) -> WorldBuilder) -> Result<World> {
    let app = json!({
        "api": "apps/ats.api.yaml", "url": ats.url, "credential": "env:ATS_TOKEN", "risk": "high", "data": "restricted",
        "owners": ["ana", "bob"],
    });
    office_of(app, contract, more)
}

/// The example with this as its app, and more in the configuration.
pub(crate) fn office_of(app: Value, contract: &str, more: impl FnOnce(WorldBuilder) -> WorldBuilder) -> Result<World> {
    let builder = world()
        .set(&["apps", "ats"], app)
        .set(&["vendors", "acme-screening"], json!({"name": "Acme Screening", "responsible": "ana"}))
        .human("bob", json!({"name": "Bob", "role": "compliance"}))
        .set(&["contracts"], json!(["contracts/*.yaml"]))
        .file("apps/ats.api.yaml", MAPPING)
        .file("apps/ats.tools.yaml", TOOLS)
        .file("contracts/acme-screening.yaml", contract)
        .file("contracts/acme-screening.md", DOCUMENT)
        .environment("ATS_TOKEN", SECRET);
    let world = more(builder).start()?;
    for who in ["ana", "bob"] {
        invited(&world, who)?;
    }
    Ok(world)
}

/// Makes an account for somebody. Where there are pages, the invitation is a link to one.
pub(crate) fn invited(world: &World, who: &str) -> Result<()> {
    let invitation = world.run_well(&["accounts", "invite", who])?;
    let code = invitation.trim().rsplit('=').next().unwrap_or_default();
    typed(world, &["login", "--password-stdin", "--code", code], PASSWORD).map(drop)
}

/// Both sign what stands there.
pub(crate) fn sign(world: &World) -> Result<()> {
    let shown: Value = serde_json::from_str(&world.run_well(&["contract", "show", "acme-screening", "--json"])?)?;
    let digest = shown.get("digest").and_then(Value::as_str).context("no digest")?;
    for who in ["ana", "bob"] {
        typed(world, &["login", who], PASSWORD)?;
        world.run_well(&["contract", "sign", "acme-screening", "--digest", digest])?;
    }
    Ok(())
}

pub(crate) fn key(world: &World, purpose: &str) -> Result<String> {
    let words = ["vendors", "keys", "issue", "acme-screening", "--contract", "acme-screening", "--purpose", purpose];
    Ok(world.run_well(&words)?.trim().to_owned())
}

/// What an organisation's own rule says of an argument holds for a vendor's software as for its agents.
#[test]
fn a_rule_by_an_argument_is_about_software_too() -> Result<()> {
    let ats = Ats::start()?;
    let world = office_with(&ats, &contract(), |world| world.rules("own.yaml", BY_ARGUMENTS))?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    for (asked, by) in [
        ("GET /candidates/c_0", None),
        ("GET /candidates/c_1", Some("not-her")),
        (LIST, None),
        (&format!("{LIST}&_sort=name&_order=asc"), None),
        (&format!("{LIST}&_sort=name&_order=desc"), Some("not-down")),
        (&format!("{LIST}&_sort=name,id&_order=asc,desc"), Some("not-down")),
    ] {
        let (status, _, body) = asks(&world, &key, asked, "")?;
        ensure!((status == 403) == by.is_some(), "{asked}: {status} {body}");
        ensure!(by.is_none_or(|by| body.contains(by)), "{asked}: {body}");
        ensure!(by.is_some() || status == 200, "{asked}: {status} {body}");
    }
    let mut agent = world.client("ana-desktop", "ana")?;
    for (order, denied) in [
        (json!("asc"), false),
        (json!(["asc", "asc"]), false),
        (json!("desc"), true),
        (json!("asc,desc"), true),
        (json!(["asc", "desc"]), true),
        (json!(["asc,desc"]), true),
    ] {
        let mut list = json!({"client_id": "northwind", "_limit": 10, "_sort": "name,id"});
        list.as_object_mut().context("no object")?.insert("_order".to_owned(), order.clone());
        let said = agent.call("ats__list_candidates", list)?.to_string();
        ensure!(said.contains("not-down") == denied, "{order}: {said}");
    }
    Ok(())
}

// INVARIANT: what is only looked at again comes to the same: by the rules, and by the contract.
#[test]
fn what_vendors_and_agents_asked_comes_to_the_same_when_it_is_replayed() -> Result<()> {
    let ats = Ats::start()?;
    let world = office_with(&ats, &contract(), |world| {
        world.rules("own.yaml", BY_ARGUMENTS).set(&["apps", "ats", "trace"], json!({"arguments": "full"}))
    })?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    for (asked, is) in [
        ("GET /candidates/c_0", 200),
        ("GET /candidates/c_1", 403),
        (LIST, 200),
        (&format!("{LIST}&_sort=name,id&_order=asc,desc"), 403),
    ] {
        let (status, _, body) = asks(&world, &key, asked, "")?;
        ensure!(status == is, "{asked}: {status} {body}");
    }
    let mut agent = world.client("ana-desktop", "ana")?;
    for order in [json!("asc"), json!(["asc", "desc"])] {
        agent.call("ats__list_candidates", json!({"client_id": "northwind", "_limit": 10, "_order": order}))?;
    }
    let file = world.folder().join("contracts/acme-screening.yaml").display().to_string();
    for words in [&["replay", "--json"][..], &["contract", "simulate", &file, "--json"]] {
        let done = world.run(words)?;
        let said: Value = serde_json::from_str(&done.stdout).with_context(|| format!("{done:?}"))?;
        ensure!(done.code == 0 && said.get("unjudged") == Some(&json!([])), "{words:?}: {said}");
        ensure!(said.get("judged").and_then(Value::as_u64) >= Some(4), "{words:?}: {said}");
    }
    Ok(())
}

/// Rules of the organisation's own, beside any contract.
const BY_ARGUMENTS: &str = "policies: {ats: {rules: [{id: not-her, deny: all, when: {arguments: {id: c_1}}}, \
    {id: not-down, deny: all, when: {arguments: {_order: [desc, down]}}}]}}\n";
const LIST: &str = "GET /candidates?client_id=northwind&_limit=10";

/// Headers by name.
pub(crate) type Headers = Vec<(String, String)>;

/// What the vendor gets: status, headers and body.
pub(crate) fn asks(world: &World, key: &str, asked: &str, body: &str) -> Result<(u16, Headers, String)> {
    let (method, path) = asked.split_once(' ').context("no method")?;
    let mut headers = vec![("authorization".to_owned(), format!("Bearer {key}"))];
    if !body.is_empty() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    let request = HttpRequest {
        method: method.to_owned(),
        path: format!("/api/ats{path}"),
        headers,
        body: body.as_bytes().to_vec(),
    };
    let address = world.base_url().trim_start_matches("http://").parse()?;
    let mut response = testkit::exchange(address, &request, Duration::from_secs(20))?;
    let text = response.text()?;
    Ok((response.status, response.headers.clone(), text))
}

pub(crate) fn status(world: &World, key: &str, asked: &str) -> Result<u16> {
    Ok(asks(world, key, asked, "")?.0)
}

pub(crate) fn last_outcome(world: &World, tool: &str) -> Result<Entry> {
    let mut found = None;
    until("the call has its outcome", || {
        let mut intents = intents(world)?;
        let ran = |entry: &Entry| entry.verdict.is_some_and(|verdict| verdict.runs());
        intents.retain(|entry| entry.tool.as_deref() == Some(tool) && ran(entry));
        found = intents.pop().filter(|entry| entry.outcome_leaf.is_some());
        Ok(found.is_some())
    })?;
    found.context("no such call")
}

#[test]
fn every_clause_holds_both_ways() -> Result<()> {
    let ats = Ats::start()?;
    let wider = contract().replace("purposes: [background-screening]", "purposes: [background-screening, marketing]");
    let world = office(&ats, &wider)?;
    let other = self::key(&world, "marketing")?;
    std::fs::write(world.folder().join("contracts/acme-screening.yaml"), contract())?;
    world.run_well(&["reload"])?;
    let key = key(&world, "background-screening")?;
    // Nothing is admitted before two people signed it.
    ensure!(status(&world, &key, "GET /candidates/c_0")? == 403);
    sign(&world)?;
    let cases = Case::all(Term::Runs)?;
    ensure!(cases.len() > 20);
    play(&world, &key, &cases)?;
    // 1.3: what the key is for decides, and no header does; the contract is not about this one's purpose any more.
    let (got, _, body) = asks(&world, &other, "GET /candidates/c_0", "")?;
    ensure!(got == 403 && body.contains("acme-screening/1.3"), "{got} {body}");

    // The record says by which clause.
    let read = last_outcome(&world, "get_candidate")?;
    let leaf: Value = serde_json::from_str(&read.leaf)?;
    ensure!(leaf.get("clause").is_some(), "{leaf}");
    let all: String = records(&world)?.iter().map(|entry| format!("{}{:?}", entry.leaf, entry.body)).collect();
    ensure!(!all.contains(SECRET) && !all.contains(&key), "a secret is on record");
    Ok(())
}

#[test]
fn outside_of_its_term_it_admits_nothing() -> Result<()> {
    let ats = Ats::start()?;
    for term in [Term::Over, Term::Ahead] {
        let world = office(&ats, &contract_in(term))?;
        // Nobody signs what is over.
        ensure!(sign(&world).is_ok() == (term == Term::Ahead));
        let cases = Case::all(term)?;
        ensure!(!cases.is_empty());
        play(&world, &key(&world, "background-screening")?, &cases)?;
    }
    Ok(())
}

/// Each case gets the status it names, by the clause it names, and shows what it may.
fn play(world: &World, key: &str, cases: &[Case]) -> Result<()> {
    for case in cases {
        let Case { clause, asks: asked, status, .. } = case;
        let (got, _, body) = asks(world, key, asked, &case.sends)?;
        ensure!(got == *status, "{clause}: `{asked}` got {got} instead of {status}: {body}");
        if let Some(by) = &case.by {
            let said: Value = serde_json::from_str(&body)?;
            let decided = said.pointer("/reasons/0/clause").and_then(Value::as_str);
            ensure!(
                decided == Some(&*format!("acme-screening/{by}")),
                "{clause}: `{asked}` was decided by {decided:?}: {body}"
            );
        }
        case.check_shown(&body)?;
    }
    Ok(())
}

#[test]
fn a_finding_waits_for_compliance_and_is_written_once() -> Result<()> {
    let ats = Ats::start()?;
    // The vendor's own person has an account here, and the role of those who may approve.
    let theirs = contract().replace("Jo Berg", "\"human:jo\"");
    let world = office_with(&ats, &theirs, |world| world.human("jo", json!({"name": "Jo", "role": "compliance"})))?;
    invited(&world, "jo")?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    let write = "PATCH /orders/o_2";
    let finding = r#"{"status":"done","findings":"none"}"#;
    let (got, headers, body) = asks(&world, &key, write, finding)?;
    ensure!(got == 202, "{got} {body}");
    let header = |name: &str| headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str());
    ensure!(header("retry-after").is_some(), "{headers:?}");
    let url = header("location").context("no location")?;
    let status_path = url.split_once("/api/ats").context("another address")?.1;
    let state = |world: &World| Ok::<_, anyhow::Error>(asks(world, &key, &format!("GET {status_path}"), "")?.2);
    ensure!(state(&world)?.contains("\"pending\""));
    let hold = status_path.rsplit('/').next().context("no hold")?;
    typed(&world, &["login", "jo"], PASSWORD)?;
    let own = world.run(&["holds", "approve", hold])?;
    ensure!(own.code == 2 && own.stderr.contains("`jo` is of the vendor's side"), "{own:?}");
    ensure!(state(&world)?.contains("\"pending\""));
    typed(&world, &["login", "bob"], PASSWORD)?;
    world.run_well(&["holds", "approve", hold])?;
    ensure!(state(&world)?.contains("\"approved\""));
    let (got, _, body) = asks(&world, &key, write, finding)?;
    ensure!(got == 200 && body.contains("\"done\""), "{got} {body}");
    ensure!(asks(&world, &key, "GET /orders/o_2", "")?.2.contains("\"none\""));
    let written = last_outcome(&world, "update_order")?.intent().context("no intent")?;
    ensure!(written.approved && written.cause.is_some());
    Ok(())
}

// INVARIANT: a vendor has a share of the requests in flight, by its software and its agents together.
#[test]
fn a_vendor_leaves_room_for_agents_by_whatever_way_it_comes() -> Result<()> {
    let ats = Ats::start()?;
    let world = office_with(&ats, &contract(), |world| world.set(&["limits", "calls_in_flight_max"], json!(4)))?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    let of_agent = format!("{}/ats", world.mcp_url());
    let agents = || -> Result<u16> {
        let vendors = McpClient::modern(&of_agent)?.with_token(&key);
        let list = vendors.message("tools/list", &json!({}));
        Ok(vendors.send(&list)?.status)
    };
    let house = world.client("ana-desktop", "ana")?;
    for path in ["/api/ats/orders/o_1", "/mcp/ats"] {
        until("there is room", || Ok(status(&world, &key, "GET /candidates/c_0")? == 200 && agents()? == 200))?;
        let (address, method) =
            (world.base_url().trim_start_matches("http://"), if path.starts_with("/api") { "PATCH" } else { "POST" });
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\naccept: application/json, text/event-stream\r\n\
             content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
        );
        // Bodies that never come to their end. One may still find the place of the request before it taken.
        let mut slow = Vec::new();
        until("its share is taken", || {
            let mut one = TcpStream::connect(address)?;
            one.write_all(head.as_bytes())?;
            slow.push(one);
            Ok(status(&world, &key, "GET /candidates/c_0")? == 429 && agents()? == 429)
        })?;
        let list = house.message("tools/list", &json!({}));
        ensure!(house.send(&list)?.status == 200, "{path}: agents of the house have theirs");
    }
    Ok(())
}

// INVARIANT: offboarding, suspending, revoking or ending stops the very next call.
#[test]
fn whatever_ends_it_stops_the_very_next_call() -> Result<()> {
    let ats = Ats::start()?;
    let mut world = office(&ats, &contract())?;
    sign(&world)?;
    let first = key(&world, "background-screening")?;
    let asked = "GET /candidates/c_0";
    let admits = |world: &World, key: &str| status(world, key, asked);
    ensure!(admits(&world, &first)? == 200);
    for (ends, begins) in [
        (["contract", "suspend", "acme-screening"], ["contract", "resume", "acme-screening"]),
        (["people", "offboard", "ana"], ["people", "restore", "ana"]),
        (["agents", "suspend", "acme-screening"], ["agents", "resume", "acme-screening"]),
    ] {
        world.run_well(&ends)?;
        ensure!(admits(&world, &first)? == 403, "{ends:?}");
        world.run_well(&begins)?;
        ensure!(admits(&world, &first)? == 200, "{begins:?}");
    }
    world.run_well(&["stop", "ats"])?;
    ensure!(admits(&world, &first)? == 403);
    world.run_well(&["start", "ats"])?;

    // A key is rotated: both are good for a while, and the old one is then revoked.
    let listed: Value = serde_json::from_str(&world.run_well(&["vendors", "keys", "--json"])?)?;
    let id = listed.pointer("/keys/0/id").and_then(Value::as_str).context("no key")?.to_owned();
    let second = world.run_well(&["vendors", "keys", "rotate", &id, "--overlap", "1h"])?.trim().to_owned();
    ensure!(admits(&world, &first)? == 200 && admits(&world, &second)? == 200);
    world.run_well(&["vendors", "keys", "revoke", &id])?;
    ensure!(admits(&world, &first)? == 401 && admits(&world, &second)? == 200);
    world.restart()?;
    ensure!(admits(&world, &first)? == 401 && admits(&world, &second)? == 200, "a restart forgets no key");
    for what in ["vendors.key_issued", "vendors.key_rotated", "vendors.key_revoked"] {
        ensure!(changes(&world, what)?.len() == 1, "{what}");
    }
    world.run_well(&["contract", "terminate", "acme-screening", "--yes"])?;
    ensure!(admits(&world, &second)? == 403);
    let kept = std::fs::read(world.folder().join("data/trace.db"))?;
    for secret in [&first, &second] {
        ensure!(!kept.windows(secret.len()).any(|some| some == secret.as_bytes()), "a key is kept");
    }
    Ok(())
}

#[test]
fn at_the_edge_of_a_limit_there_is_never_one_too_many() -> Result<()> {
    let ats = Ats::start()?;
    let world = office(&ats, &contract().replace("requests: 600/hour", "requests: 12/hour"))?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    let got: Vec<u16> = std::thread::scope(|scope| {
        let one = || status(&world, &key, "GET /candidates/c_0");
        let threads: Vec<_> = (0..40).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Ok(0)).unwrap_or(0)).collect()
    });
    let count = |status| got.iter().filter(|one| **one == status).count();
    ensure!((count(200), count(429)) == (12, 28), "{got:?}");
    let ran = records(&world)?.iter().filter(|entry| entry.kind == RecordKind::Intent).count();
    ensure!(ran == 40, "{ran}");
    Ok(())
}

const GATEWAY_PEM: &str = include_str!("../../../front/src/tls/gateway.pem");
const GATEWAY_KEY: &str = include_str!("../../../front/src/tls/gateway.key");
const VENDOR_PEM: &str = include_str!("../../../front/src/tls/vendor.pem");
const VENDOR_KEY: &str = include_str!("../../../front/src/tls/vendor.key");
const SIGNING_PEM: &str = include_str!("../../../identity/src/vendors/public_key/p256.pem");
const SIGNING_KEY: &str = include_str!("../../../identity/src/assertion/p256.key");

/// A door with TLS, and files of a vendor beside it.
pub(crate) fn with_door(world: WorldBuilder) -> WorldBuilder {
    let door = json!({"listen": "127.0.0.1:0", "certificate": "tls/gateway.pem", "key": "tls/gateway.key"});
    world
        .set(&["door"], door)
        .file("tls/gateway.pem", GATEWAY_PEM)
        .private_file("tls/gateway.key", GATEWAY_KEY)
        .file("vendor/certificate.pem", VENDOR_PEM)
        .private_file("vendor/certificate.key", VENDOR_KEY)
        .file("vendor/signing.pem", SIGNING_PEM)
        .private_file("vendor/signing.key", SIGNING_KEY)
}

/// What a program by others prints, line by line.
pub(crate) fn printed(command: &mut Command) -> Result<Vec<String>> {
    let done = command.output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8(done.stdout)?.lines().map(str::to_owned).collect())
}

/// Asks at the door with TLS, with the certificate or without.
fn over_tls(world: &World, certificate: bool) -> Result<Vec<String>> {
    let mut command = Command::new("python3");
    let url = format!("{}/api/ats/candidates/c_0", world.door_url());
    command.arg(workspace_root().join("tests/python/vendor.py")).arg(url).arg("tls/gateway.pem");
    command.args(["vendor/certificate.pem", "vendor/certificate.key"].iter().filter(|_| certificate));
    printed(command.current_dir(world.folder()))
}

#[test]
fn a_key_is_for_a_contract_of_its_vendor_and_one_of_its_purposes() -> Result<()> {
    let ats = Ats::start()?;
    let other = json!({"name": "Other", "responsible": "ana"});
    let world = office_with(&ats, &contract(), |world| {
        world.set(&["vendors", "other"], other).file("vendor/certificate.pem", VENDOR_PEM)
    })?;
    let (acme, purpose) = ("acme-screening", "background-screening");
    for (vendor, bound, said, hint) in [
        (acme, &["acme-screning", "--purpose", purpose][..], "no contract `acme-screning`", "mean `acme-screening`?"),
        ("other", &[acme, "--purpose", purpose], "is with `acme-screening`, not with `other`", ""),
        (acme, &[acme, "--purpose", "background-screning"], "`background-screning`", "mean `background-screening`?"),
        (acme, &[acme], "this key would have none", "there is background-screening"),
    ] {
        for how in [&["issue", vendor][..], &["add-certificate", vendor, "vendor/certificate.pem"]] {
            let refused = world.run(&[&["vendors", "keys"], how, &["--contract"], bound].concat())?;
            let told = &refused.stderr;
            ensure!(refused.code == 2 && told.contains(said) && told.contains(hint), "{how:?} {bound:?}: {refused:?}");
        }
    }
    for what in ["vendors.key_issued", "vendors.key_registered"] {
        ensure!(changes(&world, what)?.is_empty(), "{what}: what is refused leaves no key");
    }
    self::key(&world, purpose).map(drop)
}

// INVARIANT: a certificate lets in the vendor for whom it is registered, until it is revoked; a stranger's is on record.
#[test]
fn a_vendor_comes_in_with_its_certificate() -> Result<()> {
    let ats = Ats::start()?;
    let mut world = office_with(&ats, &contract(), with_door)?;
    sign(&world)?;
    ensure!(over_tls(&world, true)?.first().map(String::as_str) == Some("401"), "nobody registered it");
    until("the refused request is on record", || {
        let refused = changes(&world, "vendors.refused")?;
        Ok(refused.iter().any(|change| change.subject.as_deref() == Some("address:127.0.0.1")))
    })?;
    let add = ["vendors", "keys", "add-certificate", "acme-screening", "vendor/certificate.pem"];
    let bound = ["--contract", "acme-screening", "--purpose", "background-screening"];
    // However many register it at once, it stands for one thing.
    let all: Vec<_> = std::thread::scope(|scope| {
        let many: Vec<_> = (0..6).map(|_| scope.spawn(|| world.run(&[&add[..], &bound].concat()))).collect();
        many.into_iter().filter_map(|one| one.join().ok()?.ok()).collect()
    });
    let (good, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.code == 0);
    let said = good.first().context("nobody registered it")?.stdout.clone();
    let id = said.split_whitespace().nth(1).context("no id")?.to_owned();
    ensure!(good.len() == 1 && refused.len() == 5, "{good:?} {refused:?}");
    ensure!(refused.iter().all(|one| one.stderr.contains("registered already")), "{refused:?}");
    let read = over_tls(&world, true)?;
    ensure!(read.first().map(String::as_str) == Some("200") && read.concat().contains("Candidate c_0"), "{read:?}");
    ensure!(over_tls(&world, false)?.first().map(String::as_str) == Some("401"));
    ensure!(world.run(&["vendors", "keys", "rotate", &id])?.stderr.contains("is not made here"));
    world.restart()?;
    ensure!(over_tls(&world, true)?.first().map(String::as_str) == Some("200"), "a restart forgets none");
    world.run_well(&["vendors", "keys", "revoke", &id])?;
    ensure!(over_tls(&world, true)?.first().map(String::as_str) == Some("401"));
    ensure!(changes(&world, "vendors.key_registered")?.len() == 1);
    Ok(())
}

#[test]
fn a_certificate_of_the_gateway_is_renewed_without_a_restart_and_a_wrong_one_refused() -> Result<()> {
    let ats = Ats::start()?;
    let world = office_with(&ats, &contract(), with_door)?;
    let file = world.folder().join("tls/gateway.pem");
    std::fs::write(&file, VENDOR_PEM)?;
    let refused = world.run(&["reload"])?;
    ensure!(refused.code == 2 && refused.stderr.contains("are not of each other"), "{refused:?}");
    ensure!(over_tls_shows(&world, GATEWAY_PEM)?);
    std::fs::write(&file, VENDOR_PEM)?;
    std::fs::write(world.folder().join("tls/gateway.key"), VENDOR_KEY)?;
    world.run_well(&["reload"])?;
    ensure!(over_tls_shows(&world, VENDOR_PEM)?);
    std::fs::write(&file, GATEWAY_PEM)?;
    std::fs::write(world.folder().join("tls/gateway.key"), GATEWAY_KEY)?;
    world.run_well(&["reload"])?;
    ensure!(over_tls_shows(&world, GATEWAY_PEM)?, "and once more");
    Ok(())
}

/// Whether this is the certificate that the gateway shows.
fn over_tls_shows(world: &World, pem: &str) -> Result<bool> {
    let python = "import ssl, sys; print(ssl.get_server_certificate(('127.0.0.1', int(sys.argv[1]))))";
    let port = world.door_url().rsplit(':').next().context("no port")?;
    let shown = printed(Command::new("python3").args(["-c", python]).arg(port))?.concat();
    Ok(shown == pem.lines().collect::<String>())
}

#[test]
fn a_vendor_that_signs_gets_a_token_that_ends_with_its_key() -> Result<()> {
    let ats = Ats::start()?;
    let world = office_with(&ats, &contract(), with_door)?;
    sign(&world)?;
    let add = ["vendors", "keys", "add-public-key", "acme-screening", "vendor/signing.pem"];
    let bound = ["--contract", "acme-screening", "--purpose", "background-screening"];
    let said = world.run_well(&[&add[..], &bound].concat())?;
    let id = said.split_whitespace().nth(1).context("no id")?.to_owned();
    let asks = || {
        let mut command = Command::new("node");
        command.arg(workspace_root().join("tests/node/vendor.mjs")).arg(world.base_url());
        command.args(["/api/ats/candidates/c_0", &id, "vendor/signing.key", "ES256"]);
        printed(command.current_dir(world.folder()))
    };
    let got = asks()?;
    ensure!(got.get(..3) == Some(&["200", "401", "200"].map(str::to_owned)), "{got:?}");
    ensure!(got.concat().contains("Candidate c_0"), "{got:?}");
    let refused =
        world.run(&["vendors", "keys", "add-public-key", "acme-screening", "vendor/signing.key", "--contract", "x"])?;
    ensure!(refused.code == 2 && refused.stderr.contains("private half"), "{refused:?}");
    world.run_well(&["vendors", "keys", "revoke", &id])?;
    ensure!(asks()?.first().map(String::as_str) == Some("401"));
    ensure!(changes(&world, "vendors.token_issued")?.len() == 1);
    Ok(())
}
