//! `serve` and `reload`.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use model::{Blame, Fault};
use store::{DataDir, Location};
use tokio::net::{TcpListener, TcpSocket, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trace::{StoreFault, StoreFaultKind};

use crate::ask::{BETWEEN_LOOKS, ask, is_held_for_a_moment};
use crate::auditing;
use crate::cli::{Common, ServeArgs};
use crate::clock::environment;
use crate::config::{Config, ReadFile};
use crate::descriptors;
use crate::gateway::{self, Gateway, bad_file, compile, files};
use crate::operations::Operation;
use crate::retaining;
use crate::terminal::{Ink, Look, out, say};
use crate::words::{counted, who};

/// A gateway that waits for its turn.
#[derive(Default)]
struct StandBy {
    /// What it said last of what it waits for.
    told: Option<String>,
    /// It was its turn, and it could not take over.
    in_vain: bool,
}

/// Looks at the files of a configuration.
#[derive(Default)]
struct Watch {
    seen: Vec<ReadFile>,
}

/// Runs the gateway until it is told to stop.
pub async fn run(common: &Common, args: &ServeArgs) -> Result<ExitCode, Fault> {
    let mut looks = 0;
    let mut stand_by = args.standby.then(StandBy::default);
    let (listener, gateway) = loop {
        let read = || Config::load(&common.config, &environment).map_err(bad_file);
        let mut config = read()?;
        if let Some(stand_by) = &mut stand_by {
            stand_by.wait_for_turn(common, config.trace()?).await?;
            // That may have taken days, and others have been put in force meanwhile.
            config = read()?;
        }
        let data = config.data.clone();
        if let Some(process) = runs(&data).await {
            let said = format!("the gateway of `{}` runs already: process {process}", data.display());
            return Err(Fault::new(Blame::Operator, "store.held", said).hint(
                "`countersign reload` puts changed files in force there; another gateway needs another data directory",
            ));
        }
        let wanted = args.listen.unwrap_or(config.listen);
        let taken = taken(wanted).map_err(|error| cannot_listen(wanted, error))?;
        let address = taken
            .local_addr()
            .map_err(|error| gateway::operator("operator.listen", "the listener has no address", error))?;
        match Gateway::open(config, address).await {
            Ok(gateway) => {
                let listener = taken.listen(BACKLOG).map_err(|error| cannot_listen(address, error))?;
                break (listener, Arc::new(gateway));
            }
            Err(fault) if is_held_for_a_moment(&fault, looks) => {
                looks += 1;
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            Err(fault) => match &mut stand_by {
                Some(stand_by) if is_of_the_database(&fault) => stand_by.was_in_vain(common, &fault).await,
                _ => return Err(fault),
            },
        }
    };
    descriptors::have();
    let stop = CancellationToken::new();
    let mut background = JoinSet::new();
    background.spawn(obey_signals(Arc::clone(&gateway), stop.clone())?);
    background.spawn(let_links_rest(Arc::clone(&gateway), stop.clone()));
    background.spawn(retaining::keep_on(Arc::clone(&gateway), stop.clone()));
    background.spawn(auditing::keep_on(Arc::clone(&gateway), stop.clone()));
    background.spawn(watch_files(Arc::clone(&gateway), stop.clone()));
    let ready = || announce(common, &gateway);
    Arc::clone(&gateway).serve_announced(listener, stop, ready).await?;
    background.shutdown().await;
    say("stopped: every call that was sent has its outcome, and the trace is closed");
    Ok(ExitCode::SUCCESS)
}

/// The gateway that answers on the socket of a data directory.
async fn runs(data: &Path) -> Option<u32> {
    let process = DataDir::holder(data)?;
    UnixStream::connect(data.join(files::CONTROL)).await.is_ok().then_some(process)
}

impl StandBy {
    /// Ends when nobody writes to the log, and somebody could. Nothing listens and no key is made meanwhile, so that whoever asks for a
    /// gateway does not find this one.
    async fn wait_for_turn(&mut self, common: &Common, trace: Location) -> Result<(), Fault> {
        if matches!(trace, Location::File(_)) {
            let said = "a stand-by needs a trace in a database: what stands in a file belongs to one machine";
            return Err(Fault::new(Blame::Operator, "operator.standby", said).hint(
                "name it with `trace: {store: postgres://…, log: NAME}`, as the gateway does that is to be followed",
            ));
        }
        loop {
            let asked = trace.clone();
            let by = tokio::task::spawn_blocking(move || asked.in_use_by()).await;
            let by = by.map_err(|error| gateway::operator("bug.standby", "the stand-by broke", error.into()))?;
            match by {
                Ok(None) => break,
                Ok(Some(by)) => self.tell(common, format!("standing by: {trace} is written by {by}"), None),
                // Who cannot be asked may be writing.
                Err(error) => self.tell(common, format!("standing by: {error}"), error.hint().as_deref()),
            }
            self.in_vain = false;
            tokio::time::sleep(STAND_BY_EVERY).await;
        }
        if self.told.is_some() && !self.in_vain {
            say(format_args!("taking over {trace}"));
        }
        Ok(())
    }

    /// It was its turn, and the database was in the way, or another stand-by was quicker: it goes on to wait.
    async fn was_in_vain(&mut self, common: &Common, fault: &Fault) {
        self.in_vain = true;
        // Whoever was quicker is to be waited for, which is what happens.
        let hint = fault.way_out().filter(|_| fault.code() != "store.locked");
        self.tell(common, format!("standing by: {fault}"), hint);
        tokio::time::sleep(STAND_BY_EVERY).await;
    }

    fn tell(&mut self, common: &Common, now: String, hint: Option<&str>) {
        if self.told.as_ref() == Some(&now) {
            return;
        }
        if common.json && self.told.is_none() {
            out(serde_json::json!({ "standing_by": true, "pid": std::process::id() }));
        }
        say(&now);
        if let Some(hint) = hint {
            say(format_args!("{} {hint}", Look::stderr().paint(Ink::Cyan, "hint:")));
        }
        self.told = Some(now);
    }
}

impl Watch {
    /// Whether the files are others than those in force, and that was not seen before.
    fn has_news(&mut self, in_force: &Config) -> bool {
        let now = in_force.read_from_now();
        let news = now != self.seen && now != in_force.read_from;
        self.seen = now;
        news
    }
}

/// Whether the database is what is in the way, which passes: it cannot be reached or written to just now, or somebody else has the log.
fn is_of_the_database(fault: &Fault) -> bool {
    use StoreFaultKind::{Broken, Locked, ReadOnly};
    let passes = |kind| matches!(kind, Locked | ReadOnly | Broken);
    let mut cause = fault.source();
    while let Some(error) = cause {
        let shared = error.downcast_ref::<Arc<StoreFault>>().map(|fault| fault.kind());
        if shared.or_else(|| Some(error.downcast_ref::<StoreFault>()?.kind())).is_some_and(passes) {
            return true;
        }
        cause = error.source();
    }
    ["store.locked", "store.read_only", "store.broken"].contains(&fault.code())
}

/// Has the running gateway put changed files in force.
pub async fn reload(common: &Common) -> Result<ExitCode, Fault> {
    let said = ask(&common.config, Operation::Reload).await?;
    if common.json {
        out(said);
    } else {
        out(format_args!("in force: {}", in_force(&said)));
        say_notes(notes_of(&said));
    }
    Ok(ExitCode::SUCCESS)
}

/// Binds the address, or says how to find another.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Fault> {
    TcpListener::bind(address).await.map_err(|error| cannot_listen(address, error))
}

/// The address, at which nobody is answered yet: whoever asks for a gateway must not find one that cannot begin.
fn taken(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn cannot_listen(address: SocketAddr, error: io::Error) -> Fault {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there: choose a free port with `--listen 127.0.0.1:0` or `listen:`"
        }
        _ => "choose an address of this machine with `--listen` or `listen:`",
    };
    gateway::operator("operator.listen", format!("cannot listen on {address}: {error}"), error).hint(hint)
}

fn announce(common: &Common, gateway: &Gateway) {
    let config = gateway.config.load();
    if common.json {
        out(serde_json::json!({
            "listening": gateway.public_url,
            "mcp": format!("{}/mcp", gateway.public_url),
            "console": gateway.console_url.get(),
            "door": gateway.door_url.get(),
            "pid": std::process::id(),
        }));
    }
    say(format_args!("listening on {}/mcp", gateway.public_url));
    if let Some(url) = gateway.console_url.get() {
        say(format_args!("pages for people at {url}"));
    }
    if let Some(url) = gateway.door_url.get() {
        say(format_args!("vendors, with certificates, at {url}/api, their agents at {url}/mcp"));
    }
    let rules = gateway.bundle.load().rules().len();
    let (people, agents, apps) =
        (config.directory.humans.len(), config.directory.agents.len(), config.directory.apps.len());
    say(format_args!("{}, {}; stop with Ctrl-C", who(people, agents, apps), counted(rules, "rule")));
    say_notes(gateway.notes(&config, &gateway.bundle.load()).iter().map(String::as_str));
    if apps == 0 {
        say("hint: no app is configured yet: `countersign init` finds those of your clients");
    }
}

fn notes_of(said: &serde_json::Value) -> impl Iterator<Item = &str> {
    let notes = said.get("notes").and_then(serde_json::Value::as_array);
    notes.into_iter().flatten().filter_map(serde_json::Value::as_str)
}

fn say_notes<'a>(notes: impl Iterator<Item = &'a str>) {
    notes.for_each(|note| say(format_args!("note: {note}")));
}

fn in_force(said: &serde_json::Value) -> String {
    let count = |key: &str| {
        let count = said.get(key).and_then(serde_json::Value::as_u64).unwrap_or_default();
        usize::try_from(count).unwrap_or(usize::MAX)
    };
    let mut text =
        format!("{}, {}", who(count("people"), count("agents"), count("apps")), counted(count("rules"), "rule"));
    let restart: Vec<&str> = said
        .get("needs_restart")
        .and_then(|keys| keys.as_array())
        .into_iter()
        .flatten()
        .filter_map(|key| key.as_str())
        .collect();
    if !restart.is_empty() {
        text.push_str(&format!("; a restart is needed for: {}", restart.join(", ")));
    }
    text
}

/// Waits for TERM or INT. From here on neither ends the process by itself.
pub fn asked_to_stop() -> Result<impl Future<Output = ()>, Fault> {
    let (mut terminate, mut interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn on(kind: SignalKind) -> Result<Signal, Fault> {
    signal(kind).map_err(|error| gateway::operator("operator.signals", "signals cannot be handled", error))
}

/// TERM and INT stop; HUP reloads.
fn obey_signals(gateway: Arc<Gateway>, stop: CancellationToken) -> Result<impl Future<Output = ()>, Fault> {
    let (mut terminate, mut interrupt, mut hangup) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?, on(SignalKind::hangup())?);
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => match gateway.reload("signal:hup").await {
                    Ok(said) => {
                        say(format_args!("in force: {}", in_force(&said)));
                        say_notes(notes_of(&said));
                    }
                    Err(fault) => {
                        say("the changed files are refused, and the old ones stay in force:");
                        crate::terminal::complain(&fault);
                    }
                },
            }
        }
        say("stopping: no new calls; those under way finish");
        stop.cancel();
    })
}

/// Ends children, sessions and connections that nobody has used for a while.
async fn let_links_rest(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(REST_EVERY) => {
                gateway.apis.rest();
                gateway.hub.rest().await;
            }
            () = stop.cancelled() => return,
        }
    }
}

/// Tells when a configuration or rule file is another one than is in force, and whether it could be put in force.
async fn watch_files(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(WATCH_EVERY) => {}
            () = stop.cancelled() => return,
        }
        let config = gateway.config.load_full();
        if !watch.has_news(&config) {
            continue;
        }
        let read = Config::load(&config.file, &environment).map_err(bad_file);
        match read.and_then(|config| Ok((compile(&config)?, config))) {
            Ok((bundle, config)) => {
                say(format_args!(
                    "{} `countersign reload` puts them in force",
                    Look::stderr().paint(Ink::Cyan, "files changed and are in order:")
                ));
                say_notes(gateway.notes(&config, &bundle).iter().map(String::as_str));
            }
            Err(fault) => {
                say("files changed, and they would be refused:");
                crate::terminal::complain(&fault);
            }
        }
    }
}

/// How often changed files are looked for; putting them in force is always somebody's own act.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How many connections wait to be accepted, as Tokio has it.
const BACKLOG: u32 = 1024;
/// How often a stand-by looks whether it is its turn.
const STAND_BY_EVERY: Duration = Duration::from_secs(1);
/// How often idle links are looked for.
const REST_EVERY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
