//! The wiring: the only place that names implementations.

mod fronts;
mod restart;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use broker::{AppCredential, Broker, Placement, Source, Vault, VaultKey};
use contract::Governed;
use engine::{Change, EMERGENCY_STATE, Engine, FOR_TASK_STATE, HOLD_OVER_STATE, HOLD_STATE, Parts};
use export::Exports;
use front::{Port, Refusals, serve_tcp, serve_tls, serve_unix};
use http_proxy::Apis;
use identity::people::People;
use identity::{
    LiveDirectory, SigningKey, Standing, Tokens, USED_ASSERTION_STATE, VENDOR_KEY_STATE, VendorKeys, VendorTokens,
};
use mcp::{Hub, PinKey, Reviews};
use model::limits::DRAIN_TIME_MAX;
use model::{AppId, Blame, Clock, Directory, DirectorySnapshot, Fault, Secret, ToolName, UnixMicros};
use policy::{Bundle, PolicyError};
use profile::{DefinitionKind, Pin};
use store::{DataDir, Durability, Location};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trace::{Journal, LogReader, Notary, StateWrite};

use crate::again::Again;
use crate::budgets::count_from;
use crate::clock::{LastRecord, SET_THE_CLOCK, SystemClock, environment};
use crate::config::Config;
use crate::contracts::{CONTRACT_STATE, Contracts};
use crate::descriptors::connections_for_each;
use crate::exports;
use crate::judge::as_promised;
use crate::known::{known, unseen_tools};
use crate::mapping;
use crate::notary::{self, Latest, Places, Signing};
use crate::offering::offered;
use crate::pages::Pages;
use crate::people;
use crate::restored::{RESTORED_STATE, Restored};
use crate::vendor_door::{Listening, address as door_address};
use crate::witness;

/// Everything a running gateway is made of. Opened under the lock of its data directory.
pub struct Gateway {
    /// The configuration in force.
    pub config: ArcSwap<Config>,
    /// The one it was started with, by which everything runs that no reload changes.
    started: Arc<Config>,
    /// The rules in force.
    pub bundle: ArcSwap<Bundle>,
    /// Agreements with vendors, and who signed them.
    pub contracts: Contracts,
    /// The engine.
    pub engine: Engine,
    /// People, agents, apps, and who may act.
    pub directory: Arc<LiveDirectory>,
    /// Held by whoever changes who may act: what is on record last is in force last. Taken after [`People::alone`].
    pub standing: tokio::sync::Mutex<()>,
    /// Who signs in.
    pub people: Arc<People>,
    /// Tokens.
    pub tokens: Arc<Tokens>,
    /// Credentials.
    pub broker: Arc<Broker>,
    /// The vault.
    pub vault: Arc<Vault>,
    /// Keys of vendors.
    pub vendor_keys: Arc<VendorKeys>,
    /// Tokens of vendors.
    pub vendor_tokens: Arc<VendorTokens>,
    /// What vendors were refused before it was a call.
    pub refusals: Arc<Refusals>,
    /// The apps that speak MCP.
    pub hub: Arc<Hub>,
    /// The apps that are HTTP APIs.
    pub apis: Arc<Apis>,
    /// The base of every address clients use, without a slash at its end.
    pub public_url: String,
    /// The base of the pages for people, once they are there.
    pub console_url: OnceLock<String>,
    /// The base of the addresses of the door with TLS, once it is open.
    pub door_url: OnceLock<String>,
    /// Seals what clients carry for apps.
    state_key: Secret<[u8; 32]>,
    /// Held while files are read and put in force.
    reloading: Mutex<()>,
    signing: Arc<Signing>,
    mapping: Arc<Again>,
    asking: Arc<Again>,
    exports: Arc<Exports>,
    latest: Latest,
    trace: Location,
    data: DataDir,
}

/// Names of what stands in the data directory.
pub mod files {
    /// The trace and the state.
    pub const TRACE: &str = "trace.db";
    /// The keys that sign the trace.
    pub const TRACE_KEYS: &str = "trace-keys";
    /// The key that signs tokens.
    pub const TOKEN_KEY: &str = "token.key";
    /// The vault.
    pub const VAULT: &str = "vault.json";
    /// The key that opens the vault.
    pub const VAULT_KEY: &str = "vault.key";
    /// How far each export has come.
    pub const EXPORTS: &str = "exports";
    /// The operator's socket.
    pub const CONTROL: &str = "control.sock";
    /// The session of `countersign login`.
    pub const LOGIN: &str = "login.session";
    /// The socket of `countersign connect`.
    pub const CONNECT: &str = "connect.sock";
}

impl Gateway {
    /// Opens the data directory under its lock, marks what a crash left open, and puts configuration and rules in
    /// force. Nothing listens and no app is connected yet.
    pub async fn open(config: Config, listening: std::net::SocketAddr) -> Result<Self, Fault> {
        let bundle = Arc::new(compile(&config)?);
        let data = DataDir::open(&config.data).map_err(Fault::from)?;
        Restored::refuse_half(data.path())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let places = Places { keys: data.path_of(files::TRACE_KEYS), copy: config.checkpoint_copy.clone() };
        let trace = config.trace()?;
        let (journal, reviews, standing, notary) = open_trace(&trace, clock.as_ref(), &places)?;
        let latest = Arc::clone(&notary.1);
        let reading = || trace.reader().map_err(Fault::from);
        witness::compare(&config.witnesses, &latest, &reading()?).await?;
        let directory = Arc::new(LiveDirectory::new(as_of(&config.directory, clock.now()), standing));
        let vault_key = VaultKey::of_vault(&data.path_of(files::VAULT_KEY), &data.path_of(files::VAULT))?;
        let state_key = vault_key.derive("mcp.state")?;
        let hold_key = vault_key.derive("holds")?;
        let browser_key = vault_key.derive("people.browsers")?;
        let vault = Arc::new(Vault::open(&data.path_of(files::VAULT), vault_key)?);
        let broker = Arc::new(Broker::new(config.credentials.clone(), Arc::clone(&vault), Arc::new(environment)));
        let origin = notary::origin_of(&reading()?)?.unwrap_or_default();
        let map_keys = notary::keys_of(&places.keys, &origin)?;
        let mapping = mapping::map_on(&trace, origin, map_keys, Arc::clone(&clock))?;
        let signing = notary::sign_on(notary, reading()?, journal.clone(), Arc::clone(&clock), places.copy)?;
        let asking = witness::ask_on(&config.witnesses, Box::new(reading()?), journal.clone(), Arc::clone(&latest))?;
        let exports = exports::start(&config, &reading()?, reading, &clock)?;
        let parts = Parts {
            directory: Arc::clone(&directory) as Arc<dyn Directory>,
            journal,
            credentials: Arc::clone(&broker) as Arc<dyn decide::Credentials>,
            clock,
            limits: config.limits.clone(),
            hold_key,
        };
        let contracts = Contracts::open(
            &config.contracts,
            &config.mappings,
            reading()?.state(CONTRACT_STATE).map_err(Fault::from)?,
        )?;
        let engine = Engine::new(parts, contracts.govern(&bundle))?;
        engine.restore_emergencies(reading()?.state(EMERGENCY_STATE).map_err(Fault::from)?);
        engine.restore_for_tasks(reading()?.state(FOR_TASK_STATE).map_err(Fault::from)?);
        engine.restore_over(reading()?.state(HOLD_OVER_STATE).map_err(Fault::from)?);
        let waiting = engine.restore_holds(reading()?.state(HOLD_STATE).map_err(Fault::from)?).await?;
        tracing::debug!(waiting, "calls of before wait for people");
        let counted = count_from(&reading()?, &engine).map_err(Fault::from)?;
        tracing::debug!(counted, "calls of before count against budgets");
        let people = people::people(&engine, Arc::clone(&directory) as Arc<dyn Directory>, browser_key, &reading()?)?;
        let public_url = public_url(&config, listening);
        let key = SigningKey::load_or_create(&data.path_of(files::TOKEN_KEY))?;
        let tokens = Arc::new(Tokens::new(key, public_url.clone()));
        let apps = offered(&config, &engine).map_err(bad_mapping)?;
        let hub = Arc::new(Hub::new(engine.clone(), Arc::new(reviews), apps));
        let vendor_keys = VendorKeys::from_rows(reading()?.state(VENDOR_KEY_STATE).map_err(Fault::from)?)?;
        let vendor_keys = Arc::new(vendor_keys);
        let addresses = [Some(public_url.clone()), config.door.as_ref().map(|door| door_address(door, door.listen))];
        let addresses: Vec<&str> = addresses.iter().flatten().map(String::as_str).collect();
        let used = reading()?.state(USED_ASSERTION_STATE).map_err(Fault::from)?;
        let vendor_tokens = VendorTokens::new(Arc::clone(&tokens), Arc::clone(&vendor_keys), &addresses, used);
        let apis = Arc::new(Apis::new(&config.apis).map_err(bad_mapping)?);
        let started = Arc::new(config);
        let gateway = Self {
            config: ArcSwap::new(Arc::clone(&started)),
            started,
            bundle: ArcSwap::new(bundle),
            contracts,
            engine,
            directory,
            standing: tokio::sync::Mutex::default(),
            people,
            tokens,
            broker,
            vault,
            vendor_keys,
            vendor_tokens: Arc::new(vendor_tokens),
            refusals: Arc::default(),
            hub,
            apis,
            public_url,
            console_url: OnceLock::new(),
            door_url: OnceLock::new(),
            state_key,
            reloading: Mutex::new(()),
            signing: Arc::new(signing),
            mapping: Arc::new(mapping),
            asking: Arc::new(asking),
            exports: Arc::new(exports),
            latest,
            trace,
            data,
        };
        Ok(gateway)
    }

    /// Serves until `stop`, then lets calls finish, ends the children and closes the trace.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) -> Result<(), Fault> {
        self.serve_announced(listener, stop, || {}).await
    }

    /// Serves, and says so once every address and socket is open.
    pub async fn serve_announced(
        self: Arc<Self>,
        listener: TcpListener,
        stop: CancellationToken,
        announce: impl FnOnce(),
    ) -> Result<(), Fault> {
        let config = self.config.load_full();
        let pages = match &config.console {
            Some(console) => Some((Pages::bind(console).await?, console)),
            None => None,
        };
        let door = match &config.door {
            Some(door) => Some((Listening::bind(door).await?, door.tls.clone())),
            None => None,
        };
        self.record("gateway.start", serde_json::json!({ "listening": self.public_url }), Vec::new()).await?;
        let restored = self.trace.reader().map_err(Fault::from)?.state(RESTORED_STATE).map_err(Fault::from)?;
        for (key, left) in restored {
            tracing::warn!(restored = left, "this trace was restored from a backup");
            let detail = serde_json::from_str(&left).unwrap_or(serde_json::Value::String(left));
            let told = StateWrite { kind: RESTORED_STATE.to_owned(), key, value: None };
            self.record("trace.restored", detail, vec![told]).await?;
        }
        let ports = 1 + usize::from(pages.is_some()) + usize::from(door.is_some());
        let connections_max = connections_for_each(ports, self.engine.limits().calls_in_flight_max);
        let port = |listener| Port { listener, connections_max };
        let (mut listeners, mcp) = (JoinSet::new(), self.mcp()?);
        if let Some((pages, console)) = pages {
            let front = pages.front(&self, console, &stop)?;
            self.engine.set_status_pages(&pages.url);
            let _once = self.console_url.set(pages.url);
            listeners.spawn(serve_tcp(port(pages.listener), front, stop.clone(), DRAIN_TIME_MAX));
        }
        if let Some((door, tls)) = door {
            let front = self.door_front(&door, &mcp)?;
            let _once = self.door_url.set(door.url);
            listeners.spawn(serve_tls(port(door.listener), tls, front, stop.clone(), DRAIN_TIME_MAX));
        }
        let front = self.front(&listener, &mcp)?;
        listeners.spawn(serve_tcp(port(listener), front, stop.clone(), DRAIN_TIME_MAX));
        let uid = rustix::process::getuid().as_raw();
        for (name, front) in [(files::CONTROL, self.control_front()), (files::CONNECT, self.connect_front(&mcp))] {
            let socket = bind_socket(&self.data.path_of(name))?;
            listeners.spawn(serve_unix(socket, front, uid, stop.clone(), DRAIN_TIME_MAX));
        }
        announce();
        let (engine, refusals, stopped) = (self.engine.clone(), Arc::clone(&self.refusals), stop.clone());
        listeners.spawn(async move {
            while tokio::time::timeout(SWEEP_EVERY, stopped.cancelled()).await.is_err() {
                engine.sweep_holds().await;
                refusals.write(&engine, false).await;
            }
        });
        // Apps are connected ahead of the first caller; one that cannot be is tried again when it is asked for.
        let hub = Arc::clone(&self.hub);
        let warm = async move { hub.catalogs(None).await };
        tokio::select! {
            _ = warm => {}
            () = stop.cancelled() => {}
        }
        leave_start_behind();
        stop.cancelled().await;
        self.hub.end_listening();
        self.engine.keep_nobody_waiting();
        listeners.join_all().await;
        self.close().await;
        for name in [files::CONTROL, files::CONNECT] {
            let _ = std::fs::remove_file(self.data.path_of(name));
        }
        Ok(())
    }

    /// Waits for the outcomes of what was sent, ends the children, records that the gateway ends, and closes the trace.
    pub async fn close(&self) {
        self.end_work().await;
        // A disk that does not answer keeps nothing from stopping.
        let _told = tokio::time::timeout(DRAIN_TIME_MAX, self.people.settle()).await;
        self.refusals.write(&self.engine, true).await;
        if let Err(fault) = self.record("gateway.stop", serde_json::Value::Null, Vec::new()).await {
            tracing::error!(?fault, "the end of the gateway could not be recorded");
        }
        self.end_trace().await;
    }

    /// Closes what a command opened for itself, without anybody being served: what it recorded is signed.
    pub async fn finish(&self) {
        self.end_work().await;
        self.end_trace().await;
    }

    /// Waits for the outcomes of what was sent, and ends the children.
    async fn end_work(&self) {
        if tokio::time::timeout(DRAIN_TIME_MAX, self.engine.settle()).await.is_err() {
            tracing::warn!(
                "calls were still under way when the time to stop was over; the next start marks them unknown"
            );
        }
        self.hub.stop().await;
    }

    /// Signs the end of the trace and hands it to those who get it, and only then closes it.
    async fn end_trace(&self) {
        let (signing, mapping, asking) =
            (Arc::clone(&self.signing), Arc::clone(&self.mapping), Arc::clone(&self.asking));
        let exports = Arc::clone(&self.exports);
        // They wait for the disk, for witnesses and for those who get the trace.
        let closed = tokio::task::spawn_blocking(move || {
            signing.close();
            mapping.close();
            asking.close();
            exports.close();
        });
        let _closed = closed.await;
        self.engine.close();
    }

    /// How long ago the trace was signed last, or signing began.
    pub fn signature_age(&self) -> std::time::Duration {
        self.signing.age()
    }

    /// Puts the configuration and rules in the file in force, or refuses them whole and leaves the old ones.
    pub async fn reload(&self, by: &str) -> Result<serde_json::Value, Fault> {
        // Whoever reads the files later puts them in force later.
        let _one_after_the_other = self.reloading.lock().await;
        let file = self.config.load().file.clone();
        let mut config = Config::load(&file, &environment).map_err(bad_file)?;
        let bundle = Arc::new(compile(&config)?);
        let before = self.config.load_full();
        let restart = restart::needed(&self.started, &config);
        // Each of them was tried when the configuration was read.
        let apis = Apis::new(&config.apis).map_err(bad_mapping)?;
        let apps = offered(&config, &self.engine).map_err(bad_mapping)?;
        // Whoever suspends or ends a contract waits for neither the files nor the apps (`a_reload_keeps_nobody_from_suspending_a_contract`).
        let turn = self.contracts.turn().await;
        let contracts = Arc::new(self.contracts.replaced(&config.contracts)?);
        let digest = model::Rules::digest(&Governed::new(Arc::clone(&bundle), Arc::clone(&contracts)));
        let said = serde_json::json!({
            "bundle": digest.to_string(),
            "rules": bundle.rules().len(),
            "people": config.directory.humans.len(),
            "agents": config.directory.agents.len(),
            "apps": config.directory.apps.len(),
            "contracts": config.contracts.len(),
            "needs_restart": restart,
        });
        let change = Change {
            by: by.to_owned(),
            what: "config.reload".to_owned(),
            subject: file.display().to_string(),
            human: None,
            detail: said.clone(),
            state: Vec::new(),
        };
        self.engine.change(change).await?;
        let said = with_notes(said, &self.notes(&config, &bundle));
        if let (Some(now), Some(door)) = (&mut config.door, &self.started.door) {
            door.tls.replace(&now.tls);
            now.tls = door.tls.clone();
        }
        self.apis.leave_for(&apis);
        self.contracts.take_mappings(&config.mappings);
        self.contracts.take(contracts);
        self.engine.replace_rules(self.contracts.govern(&bundle));
        self.bundle.store(bundle);
        drop(turn);
        let known_elsewhere = restart::known_elsewhere(&self.started, &self.directory.snapshot(), &config);
        let now = as_of(&config.directory, self.engine.clock().now());
        self.directory.replace(DirectorySnapshot { known_elsewhere, ..now });
        let credentials = || {
            self.broker.replace(config.credentials.clone());
            self.apis.take(apis);
        };
        self.hub.replace(apps, credentials).await;
        for app in with_other_credentials(&before, &config) {
            self.hub.reconnect(&app).await;
        }
        self.config.store(Arc::new(config));
        leave_start_behind();
        Ok(said)
    }

    /// Ends the children that were started with this secret of the vault: they would keep it.
    pub async fn secret_changed(&self, name: &str) {
        let config = self.config.load_full();
        let source = Source::Vault(name.to_owned());
        for credential in config.credentials.iter().filter(|credential| credential.source == source) {
            if matches!(credential.placement, Placement::Variable(_)) {
                self.hub.reconnect(&credential.app).await;
            }
        }
    }

    /// What is worth a look in these rules: tools that nobody has seen, each with its place and the nearest one.
    pub fn notes(&self, config: &Config, bundle: &Bundle) -> Vec<String> {
        let told = |note: &PolicyError| match note.hint() {
            Some(hint) => format!("{note} ({hint})"),
            None => note.to_string(),
        };
        unseen_tools(config, bundle, self.hub.reviews()).iter().map(told).collect()
    }

    /// Digest of the rules and contracts in force.
    pub fn rules_digest(&self) -> model::Digest {
        self.contracts.digest(&self.bundle.load_full())
    }

    /// The trace.
    pub fn trace(&self) -> &Location {
        &self.trace
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    async fn record(&self, what: &str, detail: serde_json::Value, state: Vec<StateWrite>) -> Result<(), Fault> {
        let bundle = self.rules_digest().to_string();
        let change = Change {
            by: crate::clock::operator(),
            what: what.to_owned(),
            subject: "gateway".to_owned(),
            human: None,
            detail: serde_json::json!({ "bundle": bundle, "version": env!("CARGO_PKG_VERSION"), "more": detail }),
            state,
        };
        self.engine.change(change).await.map(|_| ())
    }
}

/// What was put in force, and what is worth a look in it.
fn with_notes(mut said: serde_json::Value, notes: &[String]) -> serde_json::Value {
    if let Some(said) = said.as_object_mut().filter(|_| !notes.is_empty()) {
        said.insert("notes".to_owned(), serde_json::json!(notes));
    }
    said
}

/// Apps whose credentials are others now. A child would keep what it was started with.
fn with_other_credentials(before: &Config, now: &Config) -> Vec<AppId> {
    let of = |config: &Config, app: &AppId| -> Vec<AppCredential> {
        config.credentials.iter().filter(|credential| credential.app == *app).cloned().collect()
    };
    now.apps.iter().map(|spec| spec.id.clone()).filter(|app| of(before, app) != of(now, app)).collect()
}

/// Compiles the rules of a configuration, or tells everything that is wrong with them.
pub fn compile(config: &Config) -> Result<Bundle, Fault> {
    bundle_of(config).map_err(|errors| {
        let said: Vec<String> = errors
            .iter()
            .map(|error| match error.hint() {
                Some(hint) => format!("{error}\n  hint: {hint}"),
                None => error.to_string(),
            })
            .collect();
        Fault::new(Blame::Rule, "rule.refused", said.join("\n"))
    })
}

/// The rules of a configuration, with their examples tried, or everything that is wrong with them, one by one.
pub fn bundle_of(config: &Config) -> Result<Bundle, Vec<PolicyError>> {
    let bundle = Bundle::compile_for(&known(config), &config.rules)?;
    as_promised(config, bundle)
}

/// Reading and compiling rules takes much of the program and some memory, and no call needs either.
fn leave_start_behind() {
    let given_back = resident::leave_start_behind();
    let in_large_pages = resident::in_large_pages();
    tracing::debug!(?given_back, ?in_large_pages, "what only the start needed is not kept in memory");
}

fn bad_mapping((app, error): (AppId, http_proxy::BadMapping)) -> Fault {
    Fault::new(Blame::Operator, "operator.mapping", format!("the mapping of `{app}` is refused")).because(error)
}

/// A file that is refused, as a fault.
pub fn bad_file(problems: crate::config::Problems) -> Fault {
    Fault::new(Blame::Operator, "operator.config", problems.to_string())
}

fn open_trace(
    trace: &Location,
    clock: &dyn Clock,
    places: &Places,
) -> Result<(Journal, Reviews, Standing, (Notary, Latest)), Fault> {
    notary::refuse_gone(trace, &places.copy)?;
    let mut log = trace.writer(durability()).map_err(Fault::from)?;
    let reader = trace.reader().map_err(Fault::from)?;
    let last = LastRecord::of(&reader).map_err(Fault::from)?;
    if let Some(clock) = last.and_then(|last| last.is_ahead_of(clock.now())) {
        tracing::warn!(clock, hint = SET_THE_CLOCK, "the clock is not what it was");
    }
    notary::refuse_name_of_another(trace, &reader)?;
    let notary = notary::open(log.as_mut(), &reader, places, clock.now())?;
    let unknown = trace::mark_unknown(log.as_mut(), &reader, clock.now()).map_err(Fault::from)?;
    if unknown > 0 {
        tracing::warn!(
            unknown,
            "calls were under way when the gateway last ended; their outcome is unknown and nothing is repeated"
        );
    }
    let standing = Standing::from_rows(reader.state("standing").map_err(Fault::from)?);
    let reviews = reviews(&reader)?;
    let journal = Journal::start(log).map_err(Fault::from)?;
    Ok((journal, reviews, standing, notary))
}

/// What people said yes to, and what was seen last.
pub fn reviews(reader: &dyn LogReader) -> Result<Reviews, Fault> {
    let mut pins = HashMap::new();
    for kind in DefinitionKind::ALL {
        for (key, value) in reader.state(mcp::pin_state(kind)).map_err(Fault::from)? {
            let (key, pin) = read_pin(kind, &key, &value).ok_or_else(|| {
                let said = format!("the pin `{key}` in the data directory cannot be read");
                Fault::new(Blame::Operator, "operator.pin", said).hint("restore the data directory from a backup")
            })?;
            pins.insert(key, pin);
        }
    }
    // What cannot be read was written by another version: it is seen anew.
    let seen = reader.state(mcp::SEEN_STATE).map_err(Fault::from)?;
    let seen = seen.iter().filter_map(|(key, value)| mcp::sight_of_row(key, value));
    Ok(Reviews::new(pins, seen))
}

/// As [`reviews`], where there is a trace already.
pub fn reviews_of(config: &Config) -> Result<Reviews, Fault> {
    match config.trace()?.reader_if_there().map_err(Fault::from)? {
        Some(reader) => reviews(&reader),
        None => Ok(Reviews::default()),
    }
}

/// A pin as its row has it.
pub fn read_pin(kind: DefinitionKind, key: &str, value: &str) -> Option<(PinKey, Pin)> {
    let (app, name) = key.split_once('/')?;
    let key = (AppId::parse(app).ok()?, kind, ToolName::parse(name).ok()?);
    Some((key, serde_json::from_str(value).ok()?))
}

/// Whether records are flushed to the disk. Always; the test of the flushing itself needs a gateway that fails it.
fn durability() -> Durability {
    if environment("COUNTERSIGN_DANGER_NO_SYNC").is_none() {
        return Durability::Full;
    }
    tracing::error!("COUNTERSIGN_DANGER_NO_SYNC is set: nothing is flushed, and a loss of power loses records");
    Durability::DangerOff
}

/// What the configuration says of who there is, as it was read now.
fn as_of(configured: &DirectorySnapshot, now: UnixMicros) -> DirectorySnapshot {
    DirectorySnapshot { as_of: Some(now), ..configured.clone() }
}

fn public_url(config: &Config, listening: std::net::SocketAddr) -> String {
    match &config.public_url {
        Some(url) => url.to_string().trim_end_matches('/').to_owned(),
        None => format!("http://{listening}"),
    }
}

/// Binds a socket that only its owner may open. One that a dead gateway left behind is taken over: we hold the lock.
fn bind_socket(path: &Path) -> Result<UnixListener, Fault> {
    use std::os::unix::fs::PermissionsExt as _;
    let wrong = |error: std::io::Error| {
        operator("operator.socket", format!("the socket `{}` cannot be opened: {error}", path.display()), error)
            .hint("a socket's path may have 107 bytes at most: choose a shorter `data:`")
    };
    let _ = std::fs::remove_file(path);
    let socket = UnixListener::bind(path).map_err(wrong)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(wrong)?;
    Ok(socket)
}

/// A fault of the operator's machine.
pub fn operator(code: &'static str, said: impl Into<std::borrow::Cow<'static, str>>, cause: std::io::Error) -> Fault {
    Fault::new(Blame::Operator, code, said).because(cause)
}

/// How often is looked for what nobody approved in time, and for requests that were refused.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How long a socket may take to answer `countersign` commands.
pub const CONTROL_TIME_MAX: Duration = Duration::from_secs(60);
