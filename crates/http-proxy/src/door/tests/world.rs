//! A door with a vendor before it and an app behind it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use decide::{Credentials, LinkPermit, Permit, Placed, Scrub};
use engine::{Engine, Parts};
use front::{Front, Places, Port, Refusals, Tls, VendorAccess, VendorTokenEndpoint, Wire, serve_tcp, serve_tls};
use http::HeaderName;
use identity::{KeyRequest, SigningKey, Tokens, VendorKeys, VendorTokens};
use model::{
    Access, Agent, AgentId, App, AppId, ArgumentFacts, ArgumentReads, Budget, BudgetOf, BudgetPer, Clock, ContractId,
    DataClassification, Digest, DirectorySnapshot, Evaluation, Facts, Fault, Filter, Form, Hit, Human, HumanId, Layer,
    Limits, Operation, ReadArguments, Release, Released, Risk, RuleId, RuleInfo, RuleOutcome, RuleSource, Rules,
    Scalar, Secret, Shown, Standing, UnixMicros, VendorId,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trace::{Journal, LogStore, Row, StateWrite, StoreFault};

use super::super::Door;
use crate::api::{ApiSpec, Apis};
use openapi::Mapping;

pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) key: String,
    pub(super) engine: Engine,
    clock: Arc<Noon>,
    heard: Arc<Mutex<Vec<String>>>,
    leaves: Arc<Mutex<Vec<serde_json::Value>>>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) keys: Arc<VendorKeys>,
    apis: Arc<Apis>,
    pub(super) base: String,
    serving: JoinSet<()>,
    front: Arc<Front>,
    in_flight_max: usize,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
    /// Whether it came to its end.
    pub(super) whole: bool,
}

/// What the app answers to this request.
pub(super) type Answers = fn(&str, &str) -> Vec<u8>;

impl World {
    pub(super) async fn new(answers: Answers) -> Self {
        Self::with(answers, u32::MAX - 1).await
    }

    pub(super) async fn with(answers: Answers, calls_max: u32) -> Self {
        let heard = Arc::default();
        let base = format!("http://{}/v1", app(answers, Arc::clone(&heard)));
        Self::made((&base, ""), (calls_max, IN_FLIGHT, 4_096), heard).await
    }

    /// With so many requests in flight at most, and so many calls, a quarter of which are those of one vendor and to one app.
    pub(super) async fn narrow(answers: Answers, in_flight: usize, calls_in_flight_max: usize) -> Self {
        let heard = Arc::default();
        let base = format!("http://{}/v1", app(answers, Arc::clone(&heard)));
        Self::made((&base, ""), (u32::MAX - 1, in_flight, calls_in_flight_max), heard).await
    }

    /// With an app below this path of its host, that has an operation at its root.
    pub(super) async fn below(path: &str, answers: Answers) -> Self {
        let heard = Arc::default();
        let base = format!("http://{}{path}", app(answers, Arc::clone(&heard)));
        Self::made((&base, ROOT), (u32::MAX - 1, IN_FLIGHT, 4_096), heard).await
    }

    /// With an app by others.
    pub(super) async fn before(app: SocketAddr) -> Self {
        Self::made((&format!("http://{app}/v1"), ""), (u32::MAX - 1, IN_FLIGHT, 4_096), Arc::default()).await
    }

    async fn made(
        (base, more): (&str, &str),
        (calls_max, in_flight, calls_in_flight_max): (u32, usize, usize),
        heard: Arc<Mutex<Vec<String>>>,
    ) -> Self {
        let (leaves, clock) = (Arc::default(), Arc::new(Noon::default()));
        let directory = Arc::new(directory());
        let parts = Parts {
            directory: Arc::clone(&directory) as Arc<dyn model::Directory>,
            journal: Journal::start(Box::new(Log { leaves: Arc::clone(&leaves), rows: 0 })).unwrap(),
            credentials: Arc::new(Secrets),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            limits: Limits {
                call_time_max: Duration::from_secs(5),
                body_bytes_max: 64 << 10,
                calls_in_flight_max,
                ..Limits::default()
            },
            hold_key: Secret::new([7; 32]),
        };
        let engine = Engine::new(parts, Box::new(Contract { calls_max })).unwrap();
        let keys = Arc::new(VendorKeys::default());
        let request = KeyRequest {
            vendor: VendorId::parse("acme-screening").unwrap(),
            contract: ContractId::parse("acme-2026").unwrap(),
            purpose: None,
            life: None,
        };
        let (key, text) = keys.make(request, "test", UnixMicros(NOON)).unwrap();
        keys.put(key);
        let refusals = Arc::new(Refusals::default());
        let tokens = tokens(&keys);
        let access =
            VendorAccess::new(Arc::clone(&tokens), directory, Arc::new(Noon::default()), Arc::clone(&refusals));
        let apis = Arc::new(apis(base, &format!("{MAPPING}{more}")));
        let door = Door::new(Arc::clone(&apis), engine.clone(), access, Arc::new(ByName), "http://gateway.test");
        let places = Arc::new(Places::new(in_flight));
        let endpoint = VendorTokenEndpoint::new(tokens, engine.clone(), Arc::clone(&refusals), "http://gateway.test");
        let wires: Vec<Arc<dyn Wire>> = vec![Arc::new(door), Arc::new(endpoint)];
        let front = Arc::new(Front { access: None, origins: None, wires, in_flight: places });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(serve_tcp(port(listener), Arc::clone(&front), CancellationToken::new(), Duration::from_secs(1)));
        Self {
            address,
            key: text.expose().clone(),
            engine,
            clock,
            heard,
            leaves,
            refusals,
            keys,
            apis,
            base: base.to_owned(),
            serving,
            front,
            in_flight_max: in_flight,
        }
    }

    /// So much later, for the calls.
    pub(super) fn later(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Has the same app at this base or with this mapping, as a reload does.
    pub(super) fn reload(&self, base: Option<&str>, mapping: &str) {
        let others = apis(base.unwrap_or(&self.base), mapping);
        self.apis.leave_for(&others);
        self.apis.take(others);
    }

    /// A request with the vendor's key.
    pub(super) async fn asks(&self, method: &str, path: &str, more: &str, body: &str) -> Response {
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let head = format!(
            "{method} /api/ats{path} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {}\r\nconnection: close\r\n{length}{more}\r\n{body}",
            self.key
        );
        self.sends(head.into_bytes()).await
    }

    pub(super) async fn gets(&self, path: &str) -> Response {
        self.asks("GET", path, "", "").await
    }

    /// These bytes, and what comes back until the connection is closed.
    pub(super) async fn sends(&self, bytes: Vec<u8>) -> Response {
        let address = self.address;
        let heard = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.write_all(&bytes).unwrap();
            let mut heard = Vec::new();
            // A reset in the middle is an end, too.
            let _ = stream.read_to_end(&mut heard);
            heard
        });
        response(&heard.await.unwrap())
    }

    /// The same door with TLS.
    pub(super) async fn secure(&mut self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (certificate, key) = ("../front/src/tls/gateway.pem", "../front/src/tls/gateway.key");
        let tls = Tls::new(&std::fs::read(certificate).unwrap(), &std::fs::read(key).unwrap()).unwrap();
        let (front, stop) = (Arc::clone(&self.front), CancellationToken::new());
        self.serving.spawn(serve_tls(port(listener), tls, front, stop, Duration::from_secs(1)));
        address
    }

    /// How many requests are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight_max - self.front.in_flight.free()
    }

    /// Until so many are.
    pub(super) async fn has_in_flight(&self, count: usize) {
        for _ in 0..1_000 {
            if self.in_flight() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} are in flight", self.in_flight());
    }

    /// What the app heard: request lines and headers, and bodies.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Leaves of records so far, once every call has its outcome.
    pub(super) async fn leaves(&self) -> Vec<serde_json::Value> {
        for _ in 0..500 {
            let leaves = self.leaves.lock().unwrap().clone();
            let of = |kind: &str| leaves.iter().filter(|leaf| leaf["kind"] == kind).count();
            let runs =
                leaves.iter().filter(|leaf| matches!(leaf["verdict"].as_str(), Some("allow" | "redact"))).count();
            if of("outcome") >= runs {
                return leaves;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a call has no outcome: {:?}", self.leaves.lock().unwrap());
    }
}

fn response(bytes: &[u8]) -> Response {
    let bytes = bytes.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut rest = &bytes[end..];
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    if let Some(length) = length {
        let whole = rest.len() == length;
        return Response { status, head, body: String::from_utf8_lossy(rest).into_owned(), whole };
    }
    if !head.contains("transfer-encoding: chunked") {
        let whole = rest.is_empty() && status != 0;
        return Response { status, head, body: String::from_utf8_lossy(rest).into_owned(), whole };
    }
    let (mut body, mut whole) = (Vec::new(), false);
    while let Some(line) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap().trim(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            whole = true;
            break;
        }
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        rest = rest.get(size + 2..).unwrap_or_default();
    }
    Response { status, head, body: String::from_utf8_lossy(&body).into_owned(), whole }
}

/// An app: each connection has a thread, and each request one answer.
fn app(answers: Answers, heard: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let heard = Arc::clone(&heard);
            std::thread::spawn(move || {
                let _broken_off = converse(&stream, answers, &heard);
            });
        }
    });
    address
}

fn converse(stream: &TcpStream, answers: Answers, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        heard.lock().unwrap().push(format!("{head}{body}"));
        let line = head.lines().next().unwrap_or_default().to_owned();
        let said = answers(&line, &body);
        let mut stream = stream;
        stream.write_all(&said)?;
        let kept =
            said[..said.len().min(400)].windows(22).any(|some| some.eq_ignore_ascii_case(b"connection: keep-alive"));
        if !kept {
            return stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// A whole answer of JSON, with further headers.
pub(super) fn json(status: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: keep-alive\r\n{more}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The app at this address.
fn apis(base: &str, mapping: &str) -> Apis {
    let spec = ApiSpec {
        app: AppId::parse("ats").unwrap(),
        base: base.parse().unwrap(),
        mapping: Arc::new(Mapping::read("ats.api.yaml", mapping).unwrap()),
        arguments: model::ArgumentLevel::Full,
    };
    Apis::new(&[spec]).unwrap_or_else(|(_, error)| panic!("{error}"))
}

/// Nothing of `update` says that the field `client_id` makes a record another's, but that the records' own does.
pub(super) const MAPPING: &str = r#"
api: 1
base: https://ats.example.com/v1
entities: {candidate: {id: id, tenant: client_id, state: status}}
operations:
  get: {method: GET, path: "/candidates/{id}", class: read, does: read, entity: candidate, id: path.id, rows: $}
  list: {method: GET, path: /candidates, class: read, does: list, entity: candidate, rows: $, page: query.limit, page_max: 100,
         tenant: query.client_id, selects: [query.fields], sorts: [query.sort], passes: [query.q]}
  update: {method: PATCH, path: "/candidates/{id}", class: write, does: update, entity: candidate, id: path.id, rows: $, body: [name, client_id]}
  remove: {method: DELETE, path: "/candidates/{id}", class: write, does: delete, entity: candidate, id: path.id, rows: $}
  close: {method: POST, path: "/candidates/{id}/close", class: write, does: act, entity: candidate, id: path.id, rows: $}
  release: {method: DELETE, path: "/candidates/{id}/holds", class: write, does: delete, entity: candidate, id: path.id, rows: $}
  note: {method: POST, path: "/candidates/{id}/notes", class: write, does: create, entity: candidate, rows: $, tenant: body.client_id,
         body: [client_id]}
"#;

/// An operation at the root of the app.
const ROOT: &str =
    "  all: {method: GET, path: /, class: read, does: list, entity: candidate, rows: $, tenant: query.client_id}\n";

/// The agreement of all tests here: candidates of northwind, all but their salary; who is closed waits for a person.
struct Contract {
    calls_max: u32,
}

#[derive(Debug)]
struct WithoutSalary;

/// Waits for the whole document.
struct WholeFilter(Vec<u8>);

/// Reads texts at the top.
struct ByName;

impl ReadArguments for ByName {
    fn read(&self, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
        let given: serde_json::Value = serde_json::from_slice(arguments).unwrap();
        let text = |name: &Arc<str>| given.get(&**name)?.as_str().map(|text| vec![Scalar::Text(text.into())]);
        let values = reads.values.iter().filter_map(|name| Some((Arc::clone(name), text(name)?))).collect();
        ArgumentFacts { values, ..ArgumentFacts::default() }
    }
}

impl Rules for Contract {
    fn digest(&self) -> Digest {
        Digest::new([1; 32])
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        if layer == Layer::Baseline {
            return Evaluation::default();
        }
        let contract = facts.contract.as_ref().unwrap();
        assert_eq!(contract.standing, Standing::Active);
        let northwind = match &contract.tenant {
            Shown::Open => true,
            Shown::Known(tenants) => !tenants.is_empty() && tenants.iter().all(|tenant| **tenant == *"northwind"),
        };
        let asks_salary = contract.asks.iter().any(|asked| asked.contains("salary"));
        let mallory = Scalar::Text("Mallory".into());
        let names_mallory = facts.arguments.values.get("name").is_some_and(|names| names.contains(&mallory));
        let closes = contract.operation == Some(Operation::Act);
        // As in life: what is changed has to be known before, and what is never permitted is refused whatever is known.
        let changes = contract.operation.is_some_and(|operation| !operation.only_reads());
        let releases = facts.tool.name.as_str() == "release";
        let outcomes = [
            (contract.entity.is_some(), "3.1", RuleOutcome::Permit),
            (contract.entity.is_none(), "3.9", RuleOutcome::Deny),
            (releases, "3.8", RuleOutcome::Deny),
            (contract.tenant == Shown::Open && changes, "2.2", RuleOutcome::Defer),
            (!northwind, "2.2", RuleOutcome::Deny),
            (asks_salary, "3.2", RuleOutcome::Deny),
            (closes, "6.1", RuleOutcome::Hold),
            (names_mallory, "7.1", RuleOutcome::Deny),
            (!facts.spent.is_empty(), LIMIT, RuleOutcome::Deny),
        ];
        let hits =
            outcomes.into_iter().filter(|(so, ..)| *so).map(|(_, number, outcome)| Hit::from(rule(number, outcome)));
        Evaluation { hits: hits.collect(), faults: Vec::new() }
    }

    fn reads(&self, _: &AppId) -> Option<Arc<ArgumentReads>> {
        Some(Arc::new(ArgumentReads { values: ["name".into()].into(), ..ArgumentReads::default() }))
    }

    fn each_budget(&self, _: &Facts, show: &mut dyn FnMut(&Budget)) {
        let of = BudgetOf::Calls { most: self.calls_max, within: Duration::from_secs(3_600) };
        show(&Budget { rule: rule(LIMIT, RuleOutcome::Deny).id, of, per: BudgetPer::Agent });
    }

    fn standing(&self, _: &ContractId, _: UnixMicros) -> (Standing, Option<Digest>) {
        (Standing::Active, None)
    }

    fn release(&self, _: &Facts) -> Option<Arc<dyn Release>> {
        Some(Arc::new(WithoutSalary))
    }
}

fn rule(number: &str, outcome: RuleOutcome) -> RuleInfo {
    let source = RuleSource { file: Arc::from("acme.yaml"), line: 3, column: 1, text: Arc::from("text") };
    let id = RuleId::parse(&format!("contract:acme-2026/{number}")).unwrap();
    let clause = format!("acme-2026/{number}").parse().ok();
    let approvers = if outcome == RuleOutcome::Hold { vec!["owner-of-app".to_owned()] } else { Vec::new() };
    let sentence = format!("clause {number} says so");
    RuleInfo { clause, approvers, ..RuleInfo::new(id, outcome, Layer::Organisation, source, sentence) }
}

impl Release for WithoutSalary {
    fn filter(&self, form: Form) -> Result<Box<dyn Filter>, Fault> {
        assert_eq!(form, Form::Json);
        Ok(Box::new(WholeFilter(Vec::new())))
    }
}

impl Filter for WholeFilter {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        // Long answers of the tests are of one letter, and nothing is known of them.
        if bytes.starts_with(b"zzzz") {
            out.extend_from_slice(bytes);
        } else {
            self.0.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Released, Fault> {
        if self.0.is_empty() {
            return Ok(Released { rows: 1, ..Released::default() });
        }
        let garbage = |error| Fault::new(model::Blame::Upstream, "upstream.garbage", "it is not JSON").because(error);
        let mut record: serde_json::Value = serde_json::from_slice(&self.0).map_err(garbage)?;
        if record.is_array() {
            return Err(Fault::new(
                model::Blame::Upstream,
                "upstream.garbage",
                "where one record should be, there is a list",
            ));
        }
        if record.get("client_id").is_some_and(|tenant| tenant != "northwind") {
            return Err(Fault::new(model::Blame::Rule, crate::answer::OUTSIDE, "it is another's"));
        }
        if record.get("error").is_some() {
            out.extend_from_slice(b"{}");
            return Ok(Released::default());
        }
        let removed = record.as_object_mut().and_then(|record| record.remove("salary")).is_some();
        out.extend_from_slice(record.to_string().as_bytes());
        Ok(Released { rows: 1, dropped: 0, removed: u64::from(removed) })
    }
}

struct Log {
    leaves: Arc<Mutex<Vec<serde_json::Value>>>,
    rows: u64,
}

impl LogStore for Log {
    fn append(&mut self, rows: &[Row], _: &[StateWrite]) -> Result<u64, StoreFault> {
        for row in rows {
            let leaf = serde_json::from_str(&row.leaf_text().unwrap()).unwrap();
            self.leaves.lock().unwrap().push(leaf);
        }
        self.rows += rows.len() as u64;
        Ok(self.rows + 1 - rows.len() as u64)
    }
}

struct Secrets;

impl Credentials for Secrets {
    fn header(&self, _: &Permit) -> Result<Option<Placed<HeaderName>>, Fault> {
        let value = Secret::new("Bearer r3al-credential".to_owned());
        Ok(Some(Placed { name: http::header::AUTHORIZATION, value, source: "vault:ats".to_owned() }))
    }

    fn own_header(&self, _: &LinkPermit) -> Result<Option<(HeaderName, Secret<String>)>, Fault> {
        Ok(None)
    }

    fn environment(&self, _: &LinkPermit) -> Result<Vec<Placed<String>>, Fault> {
        Ok(Vec::new())
    }

    fn named(&self, _: &AppId) -> Option<String> {
        None
    }

    fn scrubber(&self, _: &AppId) -> Arc<dyn Scrub> {
        Arc::new(Self)
    }
}

impl Scrub for Secrets {
    fn scrub(&self, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        let text = std::str::from_utf8(bytes).ok()?;
        text.contains("r3al-credential").then(|| (text.replace("r3al-credential", "[redacted]").into_bytes(), 1))
    }

    fn reach(&self) -> usize {
        64
    }
}

fn tokens(keys: &Arc<VendorKeys>) -> Arc<VendorTokens> {
    let folder = tempfile::tempdir().unwrap();
    let signing = SigningKey::load_or_create(&folder.path().join("key")).unwrap();
    let tokens = Arc::new(Tokens::new(signing, "http://gateway.test".to_owned()));
    Arc::new(VendorTokens::new(tokens, Arc::clone(keys), &["http://gateway.test"], []))
}

/// Noon, and a microsecond later each time it is asked.
#[derive(Default)]
struct Noon(AtomicI64);

impl Clock for Noon {
    fn now(&self) -> UnixMicros {
        UnixMicros(NOON + self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn directory() -> DirectorySnapshot {
    let (ana, bo) = (HumanId::parse("ana").unwrap(), HumanId::parse("bo").unwrap());
    let human = |id: &HumanId| {
        let human = Human {
            id: id.clone(),
            name: id.to_string(),
            department: None,
            seniority: None,
            role: None,
            manager: None,
            active: true,
        };
        (id.clone(), Arc::new(human))
    };
    let agent = Agent {
        id: AgentId::parse("acme-screening").unwrap(),
        name: "Acme Screening".to_owned(),
        owner: ana.clone(),
        model_tier: None,
        recommend_only: false,
        active: true,
    };
    let app = App {
        id: AppId::parse("ats").unwrap(),
        name: "ATS".to_owned(),
        risk: Risk::High,
        data: DataClassification::Restricted,
        category: None,
        owners: vec![ana.clone(), bo.clone()],
        access: Access::default(),
        stopped: false,
        observe: false,
    };
    DirectorySnapshot {
        humans: [human(&ana), human(&bo)].into(),
        agents: [(agent.id.clone(), Arc::new(agent))].into(),
        apps: [(app.id.clone(), Arc::new(app))].into(),
        ..DirectorySnapshot::default()
    }
}

fn port(listener: tokio::net::TcpListener) -> Port {
    Port { listener, connections_max: 1_000 }
}

pub(super) const NOON: i64 = 1_790_000_000_000_000;
const LIMIT: &str = "5.1";
const IN_FLIGHT: usize = 1_000;
