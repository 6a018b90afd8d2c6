//! `doctor`: what is wrong, and how to mend it. It mends nothing itself.

mod apps;
mod machine;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use broker::{Broker, Vault, VaultKey};
use contract::{Compiled, InForce};
use model::{Clock as _, Fault, Standing, UnixMicros};
use serde_json::json;
use store::{DataDir, Location};
use trace::{LogReader as _, Query};

use self::machine::Account;
use super::holds;
use super::place::Place;
use super::trace::readable::plain;
use crate::ask::ask;
use crate::auditing::{AUDIT_STATE, Looked, days_left, key, looked};
use crate::cli::Common;
use crate::clock::{SystemClock, environment};
use crate::config::Config;
use crate::contracts::{CONTRACT_STATE, in_force};
use crate::exports;
use crate::gateway::{compile, files, reviews_of};
use crate::judge::said;
use crate::known::unseen_tools;
use crate::notary::{self, Places};
use crate::operations::Operation;
use crate::terminal::{Ink, Look, out};
use crate::witness::seen_by;
use crate::words::who;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    state: State,
    what: String,
    said: String,
    mend: Option<String>,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Doubtful,
    Bad,
}

/// Looks at everything, prints the table, and says by its exit code whether all is in order.
pub async fn run(common: &Common) -> Result<ExitCode, Fault> {
    let place = Place::of(&common.config, &Place::here());
    let mut checks = Vec::new();
    let config = configuration(&place, &mut checks);
    checks.extend(machine::data(&place.data));
    let trace = match &config {
        Some(config) => config.trace(),
        None => Ok(Location::File(place.data.join(files::TRACE))),
    };
    checks.push(machine::clock(SystemClock.now(), trace.as_ref().ok().and_then(machine::last_record)));
    checks.extend(database(trace.as_ref()));
    checks.push(machine::disk(&place.data));
    checks.push(machine::account(&Account::ours(&environment)));
    if let Some(config) = config {
        let holder = DataDir::holder(&config.data);
        checks.push(gateway(&config, holder).await);
        if holder.is_none() {
            checks.extend(start(&config, &place.data));
        }
        if holder.is_some() {
            checks.extend(emergencies(common).await);
        }
        checks.push(machine::port(config.listen, holder.is_some()));
        checks.push(connects(&config));
        checks.extend(credentials(&config));
        checks.extend(of_contracts(&config));
        checks.extend(of_exports(&config, holder.is_some()));
        checks.extend(of_witnesses(&config));
        checks.extend(apps::look(common, config.clone(), holder.is_some()).await);
        // Each app has just been asked what it offers.
        checks.extend(unknown_tools(&config));
    }
    print(common, &checks);
    let bad = checks.iter().any(|check| check.state == State::Bad);
    Ok(if bad { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

impl Check {
    fn new(state: State, what: impl Into<String>, said: impl Into<String>, mend: Option<String>) -> Self {
        Self { state, what: what.into(), said: said.into(), mend }
    }

    fn good(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(State::Good, what, said, None)
    }

    fn doubtful(what: impl Into<String>, said: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(State::Doubtful, what, said, Some(mend.into()))
    }

    fn bad(what: impl Into<String>, said: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(State::Bad, what, said, Some(mend.into()))
    }

    fn of_fault(what: impl Into<String>, fault: &Fault) -> Self {
        Self::new(State::Bad, what, fault.to_string(), fault.way_out().map(str::to_owned))
    }
}

/// The configuration and the rules it names. None: nothing that needs them can be looked at.
fn configuration(place: &Place, checks: &mut Vec<Check>) -> Option<Config> {
    let config = match Config::load(&place.config, &environment) {
        Ok(config) => config,
        Err(problems) => {
            let mend = "correct the file; `countersign check` looks again";
            checks.push(Check::bad("configuration", problems.to_string(), mend));
            return None;
        }
    };
    let (people, agents, apps) =
        (config.directory.humans.len(), config.directory.agents.len(), config.directory.apps.len());
    let said = format!("{}: {}", place.config.display(), who(people, agents, apps));
    checks.push(Check::good("configuration", said));
    match compile(&config) {
        Ok(bundle) => {
            let said = format!("{} rules, bundle {}", bundle.rules().len(), model::Rules::digest(&bundle).short());
            checks.push(Check::good("rules", said));
            Some(config)
        }
        Err(fault) => {
            checks.push(Check::bad("rules", fault.to_string(), "correct the rules; `countersign check` looks again"));
            None
        }
    }
}

/// Rules that name a tool which nobody has seen.
fn unknown_tools(config: &Config) -> Vec<Check> {
    // What is wrong with rules and trace is told of them.
    let (Ok(bundle), Ok(reviews)) = (compile(config), reviews_of(config)) else { return Vec::new() };
    let notes = unseen_tools(config, &bundle, &reviews);
    notes.iter().map(|note| Check::doubtful("rules", note.to_string(), note.hint().unwrap_or_default())).collect()
}

/// The contracts that are in force, and how long they are.
fn of_contracts(config: &Config) -> Vec<Check> {
    if config.contracts.is_empty() {
        return Vec::new();
    }
    let reader = config.trace().and_then(|trace| trace.reader_if_there().map_err(Fault::from));
    let rows = match reader.map(|reader| reader.map(|reader| (reader.state(CONTRACT_STATE), reader.state(AUDIT_STATE))))
    {
        Ok(Some((Ok(signed), Ok(looked)))) => (signed, looked),
        Ok(None) => (Vec::new(), Vec::new()),
        // What is wrong with the trace is told of it.
        _ => return Vec::new(),
    };
    let Ok(in_force) = in_force(&config.contracts, &rows.0) else { return Vec::new() };
    let (now, looked) = (SystemClock.now(), looked(rows.1));
    in_force.all().map(|contract| of_contract(&in_force, contract, &looked, now, &config.contract_notices)).collect()
}

fn of_contract(
    in_force: &InForce,
    contract: &Compiled,
    looked: &BTreeMap<String, Looked>,
    now: UnixMicros,
    notices: &[u32],
) -> Check {
    let (id, name) = (contract.id(), format!("contract {}", contract.id()));
    let broken = contract.agreement().provisions().map(|(provision, _)| provision);
    let broken = broken.filter(|one| looked.get(&key(id, &one.clause)).is_some_and(|last| last.held == Some(false)));
    let broken: Vec<String> = broken.map(|one| one.clause.to_string()).collect();
    if !broken.is_empty() {
        let said = format!("not kept when it was looked at last: clause {}", broken.join(", "));
        let query = format!("countersign trace query what:contract.audit subject:contract:{id} --json");
        return Check::doubtful(name, said, format!("`{query}` has what was found, with the calls"));
    }
    let (left, until) = (days_left(contract, now), contract.agreement().term.until);
    match in_force.standing(id, now).0 {
        Standing::Active if notices.iter().any(|days| left <= i64::from(*days)) => {
            let said = format!("in force, and ends in {left} days, on {until}");
            Check::doubtful(name, said, "amend it, or let it end")
        }
        Standing::Active => Check::good(name, format!("in force until {until}")),
        Standing::Unsigned | Standing::Changed => Check::doubtful(
            name,
            "admits nothing: two people have to sign it as it is",
            format!("`countersign contract sign {id}`"),
        ),
        other => Check::doubtful(name, format!("admits nothing: it is {other}"), "nothing, where that is meant"),
    }
}

/// Whether the database of the trace answers, where it is kept in one.
fn database(trace: Result<&Location, &Fault>) -> Option<Check> {
    let what = "database";
    let location = match trace {
        Ok(location @ Location::Database(_)) => location,
        Ok(Location::File(_)) => return None,
        Err(fault) => return Some(Check::of_fault(what, fault)),
    };
    // Where nobody could write, no gateway could start.
    if let Err(error) = location.is_fit() {
        return Some(Check::of_fault(what, &Fault::from(error)));
    }
    let records = location
        .reader_if_there()
        .map_err(Fault::from)
        .and_then(|reader| reader.map(|reader| reader.last_sequence()).transpose().map_err(Fault::from));
    Some(match records {
        Ok(Some(records)) => Check::good(what, format!("{location}: {records} records")),
        Ok(None) => Check::good(what, format!("{location} is not there yet: the first start makes it")),
        Err(fault) => Check::of_fault(what, &fault),
    })
}

/// Whether a gateway that is started now would take the trace for what it was.
fn start(config: &Config, data: &Path) -> Option<Check> {
    let places = Places { keys: data.join(files::TRACE_KEYS), copy: config.checkpoint_copy.clone() };
    let looked = config.trace().and_then(|trace| {
        notary::refuse_gone(&trace, &places.copy)?;
        let Some(reader) = trace.reader_if_there().map_err(Fault::from)? else { return Ok(None) };
        notary::look(&reader, &places)?;
        Ok(Some(reader.last_sequence().map_err(Fault::from)?))
    });
    Some(match looked {
        Ok(records) => Check::good("trace", format!("{} records, and all that was signed of them is so", records?)),
        Err(fault) => Check::of_fault("trace", &fault),
    })
}

async fn gateway(config: &Config, holder: Option<u32>) -> Check {
    let Some(pid) = holder else {
        let said = "none runs; `countersign serve` starts one, and so does a client that uses `countersign connect`";
        return Check::good("gateway", said);
    };
    for socket in [files::CONTROL, files::CONNECT] {
        let path = config.data.join(socket);
        if let Err(error) = tokio::net::UnixStream::connect(&path).await {
            let said =
                format!("process {pid} holds the data directory, but `{}` does not answer: {error}", path.display());
            return Check::bad("gateway", said, format!("wait if it has just been started; else end it: `kill {pid}`"));
        }
    }
    Check::good("gateway", format!("runs as process {pid}, and its sockets answer"))
}

/// Emergencies, while which calls run without approvals.
async fn emergencies(common: &Common) -> Vec<Check> {
    let said = match ask(&common.config, Operation::Emergencies).await {
        Ok(said) => said,
        Err(fault) => return vec![Check::of_fault("emergencies", &fault)],
    };
    let all = said.get("emergencies").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let one = |emergency: &serde_json::Value| {
        let id = emergency.get("emergency").and_then(serde_json::Value::as_str).unwrap_or_default();
        let mend = format!("`countersign holds emergency close {id}` ends it");
        Check::doubtful("emergency", holds::sentence_of_emergency(emergency), mend)
    };
    all.iter().map(one).collect()
}

fn connects(config: &Config) -> Check {
    match &config.connect {
        Some(who) => Check::good("connect", format!("acts as agent {} for {}", who.agent, who.human)),
        None => Check::doubtful(
            "connect",
            "the configuration does not say who `countersign connect` acts as",
            "add `connect: {human: PERSON, agent: AGENT}` if clients use it",
        ),
    }
}

/// Whether each credential can be had, from where we stand.
fn credentials(config: &Config) -> Vec<Check> {
    if config.credentials.is_empty() {
        return vec![Check::good("credentials", "no app needs one")];
    }
    let path = |name: &str| config.data.join(name);
    // Looking must not make a key.
    let key = match path(files::VAULT_KEY) {
        file if file.exists() => VaultKey::load_or_create(&file),
        file => VaultKey::refuse_gone(&file, &path(files::VAULT)).map(|()| VaultKey::from_bytes([0; 32])),
    };
    let vault = match key.and_then(|key| Vault::open(&path(files::VAULT), key)) {
        Ok(vault) => vault,
        Err(fault) => return vec![Check::of_fault("vault", &fault)],
    };
    let broker = Broker::new(config.credentials.clone(), Arc::new(vault), Arc::new(environment));
    let missing = broker.check();
    if missing.is_empty() {
        return vec![Check::good("credentials", format!("all {} can be had", config.credentials.len()))];
    }
    missing.iter().map(|(app, fault)| Check::of_fault(format!("credential of {app}"), fault)).collect()
}

/// Whether those who get the trace take it.
fn of_exports(config: &Config, running: bool) -> Vec<Check> {
    let reader = config.trace().and_then(|trace| trace.reader_if_there().map_err(Fault::from));
    let records = reader.map(|reader| reader.and_then(|reader| reader.last_sequence().ok()).unwrap_or_default());
    let of_one = |one: exports::Standing| {
        let what = format!("export {}", one.name);
        match &one.place {
            Err(fault) => Check::of_fault(what, fault),
            Ok(place) if place.failing => {
                let said = place.last_error.as_deref().unwrap_or("it does not say what is wrong");
                let said = format!("{} records wait: {said}", one.lag);
                Check::bad(what, said, "put right what takes them; nothing is lost, and it is tried again and again")
            }
            Ok(place) if running && one.lag > LAG_MAX => {
                let said = format!("{} records wait, up to record {} all were delivered", one.lag, place.sequence);
                Check::doubtful(what, said, "see whether it catches up: `countersign trace exports`")
            }
            Ok(place) => Check::good(what, format!("delivered up to record {}", place.sequence)),
        }
    };
    exports::standings(config, records.unwrap_or_default()).into_iter().map(of_one).collect()
}

/// Records that may wait for an export without a doubt about it.
const LAG_MAX: u64 = 1_000;

/// Whether those who cosign the trace do.
fn of_witnesses(config: &Config) -> Vec<Check> {
    if config.witnesses.is_empty() {
        return Vec::new();
    }
    let looked = config.trace().and_then(|trace| {
        let Some(reader) = trace.reader_if_there().map_err(Fault::from)? else { return Ok(Vec::new()) };
        let signed = trace::checkpoints(&reader).map_err(Fault::from)?.pop();
        let signed = signed.map_or(0, |checkpoint| checkpoint.danger_unverified().tree().size);
        let mut checks = Vec::new();
        for (witness, seen) in config.witnesses.iter().zip(seen_by(&reader, &config.witnesses)?) {
            let next = Query { after_sequence: Some(seen), newest_first: false, limit: 1, ..Query::default() };
            let next = reader.find(&next).map_err(Fault::from)?.first().map(|entry| entry.at);
            let name = format!("witness {}", witness.key.name());
            checks.push(of_witness(name, &witness.url.to_string(), (seen, signed), next, SystemClock.now()));
        }
        Ok(checks)
    });
    looked.unwrap_or_else(|fault| vec![Check::of_fault("witnesses", &fault)])
}

/// `next`: when the first record was made that it has not cosigned.
fn of_witness(name: String, url: &str, (seen, signed): (u64, u64), next: Option<UnixMicros>, now: UnixMicros) -> Check {
    match next.filter(|_| seen < signed) {
        Some(at) if now.since(at) > WITNESS_LATE_MICROS => Check::doubtful(
            name,
            format!("has cosigned {seen} of {signed} signed records, and none since {}", said(at)),
            format!("see that it runs and can be reached at {url}: the gateway asks it again by itself"),
        ),
        _ => Check::good(name, format!("has cosigned {seen} of {signed} signed records")),
    }
}

/// How long a record may wait for a witness before somebody should look.
const WITNESS_LATE_MICROS: i64 = 5 * 60 * 1_000_000;

fn print(common: &Common, checks: &[Check]) {
    if common.json {
        let rows: Vec<_> = checks
            .iter()
            .map(|check| json!({ "state": check.state.word(), "what": check.what, "said": check.said, "mend": check.mend }))
            .collect();
        out(json!({ "ok": !checks.iter().any(|check| check.state == State::Bad), "checks": rows }));
        return;
    }
    let look = Look::stdout();
    let widest = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or_default();
    for check in checks {
        let (what, mut lines) = (plain(&check.what), check.said.lines().map(plain));
        out(format_args!("{} {what:<widest$}  {}", check.state.sign(look), lines.next().unwrap_or_default()));
        for line in lines {
            out(format_args!("  {:<widest$}  {line}", ""));
        }
        if let Some(mend) = check.mend.as_deref().map(plain) {
            out(format_args!("  {:<widest$}  {} {mend}", "", look.paint(Ink::Cyan, "mend:")));
        }
    }
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Bad => "bad",
        }
    }

    fn sign(self, look: Look) -> String {
        let (sign, plain, ink) = match self {
            Self::Good => ("✓", "+", Ink::Green),
            Self::Doubtful => ("!", "!", Ink::Yellow),
            Self::Bad => ("✗", "x", Ink::Red),
        };
        look.paint(ink, if look.signs { sign } else { plain })
    }
}

#[cfg(test)]
mod tests;
