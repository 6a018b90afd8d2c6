//! From the file as written to a configuration that is valid: every name resolves, every value is in its range. All
//! problems are told at once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use broker::AppCredential;
use export::SinkSpec;
use http::Uri;
use http_proxy::ApiSpec;
use mcp::AppSpec;
use model::limits::{FILE_BYTES_MAX, SET_BYTES_MAX, SET_CALLS_IN_FLIGHT_MAX, SET_TIME_MAX};
use model::written::is_of_one_host;
use model::{
    Access, Agent, AgentId, App, AppId, DataClassification, DirectorySnapshot, Human, HumanId, Limits, Risk, VendorId,
};
use openapi::Mapping;
use policy::RuleFile;
use serde_saphyr::Spanned;
use tlog::{Algorithm, VerifierKey};

use crate::packs::Pack;
use crate::witness::Witness;

use super::form::read;
use super::problem::{Problem, Problems, names_a_user, nearest};
use super::raw::{RawApp, RawConfig, RawHolds, RawLimits, RawTrace, RawWitness};

mod apps;
mod channels;
mod console;
mod contracts;
mod credential;
mod database;
mod door;
mod exports;
mod holding;
mod oidc;
mod vendors;

pub use self::console::ConsoleConfig;
pub use self::contracts::read_contract;
pub use self::database::Database;
pub use self::door::DoorConfig;
pub use self::oidc::OidcConfig;

/// A configuration that is valid.
#[derive(Clone)]
pub struct Config {
    /// Where it stands.
    pub file: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address clients use, where it is not the one listened on.
    pub public_url: Option<Uri>,
    /// Pages that may call the gateway.
    pub allowed_origins: Vec<String>,
    /// Where state is kept.
    pub data: PathBuf,
    /// Where the trace is kept, where that is not the data directory.
    pub database: Option<Database>,
    /// Where the newest checkpoint of the trace is kept beside the data directory.
    pub checkpoint_copy: PathBuf,
    /// For how long the texts of calls are kept; none keeps them for good.
    pub keep_bodies: Option<Duration>,
    /// Whether whoever reaches the gateway may read checkpoint and hashes of the trace.
    pub publish: bool,
    /// Who cosigns the trace.
    pub witnesses: Vec<Witness>,
    /// Where the trace goes as it grows.
    pub exports: Vec<SinkSpec>,
    /// Who `countersign connect` acts as.
    pub connect: Option<ConnectAs>,
    /// The pages for people, where there are any.
    pub console: Option<ConsoleConfig>,
    /// A listener with TLS for vendors, where there is one.
    pub door: Option<DoorConfig>,
    /// The bounds.
    pub limits: Limits,
    /// The organisation's rules: the packs it chose, then its files, with their text.
    pub rules: Vec<RuleFile>,
    /// What it was read from: the configuration and the files of rules.
    pub read_from: Vec<ReadFile>,
    /// Agreements with vendors.
    pub contracts: Vec<Arc<contract::Compiled>>,
    /// Days before the end of a contract at which people are told of it.
    pub contract_notices: Vec<u32>,
    /// People, agents, apps.
    pub directory: DirectorySnapshot,
    /// How apps are reached that speak MCP.
    pub apps: Vec<AppSpec>,
    /// How apps are reached that are HTTP APIs.
    pub apis: Vec<ApiSpec>,
    /// Which records apps deal with, as their mappings say.
    pub mappings: Vec<(AppId, Arc<Mapping>)>,
    /// Third parties that have keys.
    pub vendors: Vec<VendorId>,
    /// Which app has which credential.
    pub credentials: Vec<AppCredential>,
}

/// A file, and when it was changed last; none where that cannot be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    path: PathBuf,
    changed: Option<SystemTime>,
}

/// The person and the one agent that `countersign connect` acts as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectAs {
    /// The person.
    pub human: HumanId,
    /// The agent.
    pub agent: AgentId,
}

impl Config {
    /// Reads and checks a file. `environment` answers `${VAR}`. Error: everything that is wrong with it.
    pub fn load(file: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        Self::load_without(file, environment, None)
    }

    /// Reads and checks a file, as if this file of a contract were not there.
    pub fn load_without(
        file: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
        contract: Option<&Path>,
    ) -> Result<Self, Problems> {
        let itself = ReadFile::now(file);
        let source = read_guarded(file).map_err(|problem| match problem.hint {
            None => problem.hint("`countersign init` writes one; `--config FILE` names another"),
            Some(_) => problem,
        })?;
        let mut config = Self::parse_without(file, &source, environment, contract)?;
        config.read_from.push(itself);
        Ok(config)
    }

    /// What it was read from, as that is now.
    pub fn read_from_now(&self) -> Vec<ReadFile> {
        self.read_from.iter().map(|file| ReadFile::now(&file.path)).collect()
    }

    /// Checks the text of a file.
    pub fn parse(file: &Path, source: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        Self::parse_without(file, source, environment, None)
    }

    fn parse_without(
        file: &Path,
        source: &str,
        environment: &dyn Fn(&str) -> Option<String>,
        contract: Option<&Path>,
    ) -> Result<Self, Problems> {
        let raw: RawConfig = read(file, source)?;
        let base = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let mut covered = credential::lines_with_secrets(&raw);
        covered.extend(raw.trace.iter().flat_map(database::lines_with_secrets));
        covered.extend((1..).zip(source.lines()).filter(|(_, line)| names_a_user(line)).map(|(number, _)| number));
        let left_out = contract.and_then(|contract| std::fs::canonicalize(contract).ok());
        let (read_from, problems) = (Vec::new(), Vec::new());
        let mut checker = Checker { file, source, base, environment, left_out, covered, read_from, problems };
        let config = checker.config(raw);
        match config {
            Some(config) if checker.problems.is_empty() => Ok(config),
            _ => Err(Problems(checker.problems)),
        }
    }
}

impl ReadFile {
    /// To be asked before the file is read: what is changed in between has changed.
    fn now(path: &Path) -> Self {
        let changed = std::fs::metadata(path).and_then(|about| about.modified()).ok();
        Self { path: path.to_owned(), changed }
    }
}

/// Reads a file that decides what is allowed: it must be there, bounded, and not writable by others.
fn read_guarded(file: &Path) -> Result<String, Problem> {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::metadata(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Problem::of_file(file, "there is no such file"),
        _ => Problem::of_file(file, format!("it cannot be read: {error}")),
    })?;
    if !about.is_file() {
        return Err(Problem::of_file(file, "it is not a file").hint("name the file itself"));
    }
    if about.mode() & 0o022 != 0 {
        let said = format!("it is writable by others (mode {:o})", about.mode() & 0o777);
        return Err(Problem::of_file(file, said).hint(format!("chmod go-w {}", file.display())));
    }
    // Whoever may write to the folder may put another file in its place; a sticky one (`/tmp`) keeps others from that.
    let folder = file.canonicalize().ok().and_then(|file| file.parent().map(Path::to_owned));
    if let Some(folder) = folder
        && std::fs::metadata(&folder).is_ok_and(|about| about.mode() & 0o1002 == 0o0002)
    {
        let said = format!("its folder `{}` is writable by others, who may replace it", folder.display());
        return Err(Problem::of_file(file, said).hint(format!("chmod o-w {}", folder.display())));
    }
    if about.len() > FILE_BYTES_MAX {
        return Err(Problem::of_file(file, format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Problem::of_file(file, "it is not text in UTF-8").hint("name another file"),
        _ => Problem::of_file(file, format!("it cannot be read: {error}")),
    })
}

struct Checker<'a> {
    file: &'a Path,
    source: &'a str,
    base: PathBuf,
    environment: &'a dyn Fn(&str) -> Option<String>,
    /// The file of a contract that is taken as not there.
    left_out: Option<PathBuf>,
    /// Lines that seem to hold a secret: they are never shown.
    covered: BTreeSet<u64>,
    read_from: Vec<ReadFile>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn config(&mut self, raw: RawConfig) -> Option<Config> {
        let listen = match &raw.listen {
            None => Some(SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT))),
            Some(written) => self.parse(written, "an address and a port, for example `127.0.0.1:4100`"),
        };
        let public_url = raw.public_url.as_ref().and_then(|written| self.url(written));
        let mut directory = DirectorySnapshot::default();
        self.people(&raw, &mut directory);
        self.known_elsewhere(&raw, &mut directory);
        self.agents(&raw, &mut directory);
        let vendors = self.vendors(&raw, &mut directory);
        let connect = raw.connect.as_ref().and_then(|connect| {
            let human = self.known(&connect.human, directory.humans.keys().map(HumanId::as_str), "person")?;
            let agent = self.known(&connect.agent, directory.agents.keys().map(AgentId::as_str), "agent")?;
            // A token from there would act outside the vendor's contract.
            if vendors.iter().any(|vendor| vendor.as_str() == agent) {
                let said = format!("`{agent}` is a vendor, which comes in with a key of its contract");
                self.problem(&connect.agent, said, Some("name one of `agents:`".to_owned()));
                return None;
            }
            Some(ConnectAs { human: HumanId::parse(&human).ok()?, agent: AgentId::parse(&agent).ok()? })
        });
        let console = raw.console.as_ref().and_then(|console| self.console(console, &directory));
        let door = raw.door.as_ref().and_then(|door| self.door(door));
        let (mut apps, mut apis, mut credentials) = (Vec::new(), Vec::new(), Vec::new());
        let mut of_tools = Vec::new();
        for (id, app) in &raw.apps.0 {
            let Some(id) = self.id(id, AppId::parse) else { continue };
            let observe = app.observe.or(raw.observe).unwrap_or(false);
            let entry = App { observe, ..self.app(&id, app, &directory) };
            directory.apps.insert(id.clone(), Arc::new(entry));
            match &app.api {
                Some(api) => apis.extend(self.api(&id, app, api)),
                None => {
                    let mapping = app.tools.as_ref().and_then(|tools| self.tools(tools));
                    of_tools.extend(mapping.clone().map(|mapping| (id.clone(), mapping)));
                    apps.extend(self.target(&id, app, mapping.as_deref()));
                }
            }
            credentials.extend(self.credentials(&id, app));
        }
        let mut rules = self.packs(raw.packs.as_deref().unwrap_or_default());
        rules.extend(self.rules(raw.rules.as_deref().unwrap_or_default()));
        let mappings = apis.iter().map(|api: &ApiSpec| (api.app.clone(), Arc::clone(&api.mapping)));
        let mappings: Vec<(AppId, Arc<Mapping>)> = mappings.chain(of_tools).collect();
        let contracts = self.contracts(raw.contracts.as_deref().unwrap_or_default(), &directory, &mappings);
        let contract_notices = self.contract_notices(raw.contract_notices.as_deref());
        let data = self.path(raw.data.as_deref().unwrap_or("countersign-data"));
        let trace = raw.trace.unwrap_or_default();
        let database = self.database(&trace, &data);
        let RawTrace { checkpoint_copy: copy, keep_bodies, publish, witnesses, .. } = trace;
        let keep_bodies = keep_bodies.map(|written| self.time(Some(&written), KEPT_TIMES.0, KEPT_TIMES));
        let witnesses = witnesses.iter().filter_map(|witness| self.witness(witness)).collect();
        let checkpoint_copy = copy.map_or_else(|| checkpoint_beside(&data), |copy| self.path(&copy));
        Some(Config {
            file: self.file.to_owned(),
            listen: listen?,
            public_url,
            allowed_origins: raw.allowed_origins.unwrap_or_default(),
            data,
            database,
            checkpoint_copy,
            keep_bodies,
            publish,
            witnesses,
            exports: [self.exports(&raw.exports), self.channels(&raw.notify, console.as_ref())].concat(),
            connect,
            console,
            door,
            limits: self.limits(raw.limits.unwrap_or_default(), &raw.holds.unwrap_or_default(), &directory),
            rules,
            read_from: std::mem::take(&mut self.read_from),
            contracts,
            contract_notices,
            directory,
            apps,
            apis,
            mappings,
            vendors,
            credentials,
        })
    }

    fn witness(&mut self, raw: &RawWitness) -> Option<Witness> {
        let url = self.url(&raw.url);
        let key: VerifierKey = self.parse(&raw.key, "the key that `countersign witness` printed")?;
        if key.algorithm() != Algorithm::Cosignature {
            let said = format!("`{key}` signs a log; a witness's key begins its last part with `B`");
            self.problem(&raw.key, said, None);
            return None;
        }
        Some(Witness { url: url?, key })
    }

    fn limits(&mut self, raw: RawLimits, holds: &RawHolds, directory: &DirectorySnapshot) -> Limits {
        let default = Limits::default();
        Limits {
            body_bytes_max: self.count(raw.body_bytes_max, default.body_bytes_max, SET_BYTES_MAX),
            answer_bytes_max: self.count(raw.answer_bytes_max, default.answer_bytes_max, SET_BYTES_MAX),
            call_time_max: self.seconds(raw.call_seconds_max, default.call_time_max),
            connect_time_max: self.seconds(raw.connect_seconds_max, default.connect_time_max),
            catalog_age_max: self.seconds(raw.catalog_seconds_max, default.catalog_age_max),
            calls_in_flight_max: self.count(
                raw.calls_in_flight_max,
                default.calls_in_flight_max,
                SET_CALLS_IN_FLIGHT_MAX,
            ),
            hold_time_max: self.time(holds.expire_after.as_ref(), default.hold_time_max, holding::HOLD_TIMES),
            hold_wait_max: self.time(holds.wait.as_ref(), default.hold_wait_max, holding::HOLD_WAITS),
            hold_per_approver: self.pace(holds.per_approver.as_ref()),
            hold_escalation: self.escalation(&holds.escalate, directory),
            hold_for_task_max: self.time(holds.for_task.as_ref(), default.hold_for_task_max, holding::FOR_TASK_TIMES),
            emergency_approvers: self.emergency(holds.emergency.as_ref(), directory),
        }
    }

    /// A time as written, within what is sensible.
    fn time(&mut self, written: Option<&Spanned<String>>, default: Duration, range: (Duration, Duration)) -> Duration {
        let Some(written) = written else { return default };
        let (least, most) = range;
        match trace::duration(&written.value) {
            Ok(time) if (least..=most).contains(&time) => time,
            Ok(_) => {
                let said = format!("`{}` is not between {} s and {} s", written.value, least.as_secs(), most.as_secs());
                self.problem(written, said, None);
                default
            }
            Err(said) => {
                self.problem(written, said, None);
                default
            }
        }
    }

    fn count(&mut self, written: Option<Spanned<u64>>, default: usize, most: u64) -> usize {
        let bound = written.and_then(|written| usize::try_from(self.bound(&written, most)).ok());
        bound.unwrap_or(default)
    }

    fn seconds(&mut self, written: Option<Spanned<u64>>, default: Duration) -> Duration {
        written.map_or(default, |written| Duration::from_secs(self.bound(&written, SET_TIME_MAX.as_secs())))
    }

    /// A bound as written: with zero nothing would ever pass, and past `most` nothing would be bounded.
    fn bound(&mut self, written: &Spanned<u64>, most: u64) -> u64 {
        match written.value {
            0 => self.problem(written, "a bound must be at least 1".to_owned(), None),
            value if value > most => self.problem(written, format!("this bound can be {most} at most"), None),
            _ => {}
        }
        written.value
    }

    fn people(&mut self, raw: &RawConfig, directory: &mut DirectorySnapshot) {
        for (written, human) in &raw.people.0 {
            let Some(id) = self.id(written, HumanId::parse) else { continue };
            let ids = raw.people.0.iter().map(|(id, _)| id.value.as_str());
            let manager = human.manager.as_ref().and_then(|manager| self.known(manager, ids, "person"));
            let entry = Human {
                name: human.name.clone().unwrap_or_else(|| id.to_string()),
                department: human.department.clone(),
                seniority: human.seniority.clone(),
                role: human.role.clone(),
                manager: manager.and_then(|manager| HumanId::parse(&manager).ok()),
                active: human.active.unwrap_or(true),
                id: id.clone(),
            };
            if let Some(person) = &human.person {
                directory.persons.insert(id.clone(), Arc::from(person.value.as_str()));
            }
            directory.humans.insert(id, Arc::new(entry));
        }
    }

    fn agents(&mut self, raw: &RawConfig, directory: &mut DirectorySnapshot) {
        for (written, agent) in &raw.agents.0 {
            let Some(id) = self.id(written, AgentId::parse) else { continue };
            let people = directory.humans.keys().map(HumanId::as_str);
            let Some(owner) = self.known(&agent.owner, people, "person").and_then(|owner| HumanId::parse(&owner).ok())
            else {
                continue;
            };
            let name = agent.name.clone().unwrap_or_else(|| id.to_string());
            let entry = Agent {
                id: id.clone(),
                name,
                owner,
                model_tier: agent.model_tier.clone(),
                recommend_only: agent.recommend_only,
                active: agent.active.unwrap_or(true),
            };
            directory.agents.insert(id, Arc::new(entry));
        }
    }

    fn app(&mut self, id: &AppId, raw: &RawApp, directory: &DirectorySnapshot) -> App {
        let mut people = |written: &[Spanned<String>]| -> Vec<HumanId> {
            let known = || directory.humans.keys().map(HumanId::as_str);
            written
                .iter()
                .filter_map(|one| self.known(one, known(), "person"))
                .filter_map(|one| HumanId::parse(&one).ok())
                .collect()
        };
        let (owners, admitted) = (people(&raw.owners), people(&raw.access.people));
        let access =
            Access { people: admitted, roles: raw.access.roles.clone(), departments: raw.access.departments.clone() };
        App {
            id: id.clone(),
            name: raw.name.clone().unwrap_or_else(|| id.to_string()),
            // What nobody has judged counts as the worst.
            risk: raw.risk.unwrap_or(Risk::High),
            data: raw.data.unwrap_or(DataClassification::Restricted),
            category: raw.category.clone(),
            owners,
            access,
            stopped: false,
            observe: false,
        }
    }

    fn packs(&mut self, written: &[Spanned<String>]) -> Vec<RuleFile> {
        let mut files: Vec<RuleFile> = Vec::new();
        for name in written {
            let Some(pack) = Pack::named(&name.value) else {
                let (said, hint) = match name.value.as_str() {
                    "baseline" => ("the baseline is always there".to_owned(), "leave it away".to_owned()),
                    other => (format!("there is no pack `{other}`"), nearest(other, Pack::names())),
                };
                self.problem(name, said, Some(hint));
                continue;
            };
            let rules = pack.rules();
            if files.iter().any(|file| file.name == rules.name) {
                let said = format!("the pack `{}` is named already", name.value);
                self.problem(name, said, Some("once is enough".to_owned()));
                continue;
            }
            files.push(rules);
        }
        files
    }

    fn rules(&mut self, written: &[Spanned<String>]) -> Vec<RuleFile> {
        let mut files = Vec::new();
        for name in written {
            let path = self.path(&name.value);
            self.read_from.push(ReadFile::now(&path));
            match read_guarded(&path) {
                Ok(text) => files.push(RuleFile { name: name.value.clone(), text }),
                Err(problem) => {
                    let said = format!("the rule file `{}` is refused: {}", name.value, problem.said);
                    self.problem(name, said, problem.hint);
                }
            }
        }
        files
    }

    fn url(&mut self, written: &Spanned<String>) -> Option<Uri> {
        let text = self.substitute(&written.value, written)?;
        let parsed = text.parse::<Uri>().ok();
        let behind = |url: &Uri| text.contains('@') && url.authority().is_some_and(|host| !host.as_str().contains('@'));
        let hint = parsed.as_ref().is_some_and(behind).then(|| "an `@` behind a port is written `%40`".to_owned());
        let url = parsed.filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && is_of_one_host(&text));
        if url.is_none() {
            let said = format!(
                "`{}` is not an address: it takes `http://host:port/path`, without a user in it",
                shown(written)
            );
            self.problem(written, said, hint);
            return None;
        }
        url
    }

    fn parse<T: std::str::FromStr>(&mut self, written: &Spanned<String>, wanted: &str) -> Option<T> {
        let text = self.substitute(&written.value, written)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.problem(written, format!("`{}` is not right here: it takes {wanted}", written.value), None);
        }
        parsed
    }

    fn id<T>(&mut self, written: &Spanned<String>, parse: fn(&str) -> Result<T, model::IdError>) -> Option<T> {
        match parse(&written.value) {
            Ok(id) => Some(id),
            Err(error) => {
                self.problem(written, error.to_string(), None);
                None
            }
        }
    }

    fn known<'k>(
        &mut self,
        written: &Spanned<String>,
        known: impl Iterator<Item = &'k str>,
        what: &str,
    ) -> Option<String> {
        let known: Vec<&str> = known.collect();
        if known.contains(&written.value.as_str()) {
            return Some(written.value.clone());
        }
        let hint = nearest(&written.value, known.into_iter());
        self.problem(written, format!("there is no {what} `{}`", written.value), Some(hint));
        None
    }

    /// `${VAR}` in one string leaf.
    fn substitute<T>(&mut self, text: &str, written: &Spanned<T>) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                self.problem(written, "`${` without its `}`".to_owned(), None);
                return None;
            };
            match (self.environment)(name) {
                Some(value) => out.push_str(&value),
                None => {
                    self.problem(written, format!("the environment has no `{name}`"), None);
                    return None;
                }
            }
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    fn path(&self, written: &str) -> PathBuf {
        self.base.join(written)
    }

    fn problem<T>(&mut self, written: &Spanned<T>, said: String, hint: Option<String>) {
        let (line, column) = (written.referenced.line(), written.referenced.column());
        let mut problem = Problem::at(self.file, self.source, line, column, said);
        problem.hint = hint;
        if self.covered.contains(&line) {
            problem.text = None;
        }
        self.problems.push(problem);
    }
}

/// An address as it stands in the file, for the value of a variable may be a secret, without what may stand before its host.
fn shown(written: &Spanned<String>) -> String {
    let url = &written.value;
    let Some((before, host)) = url.rsplit_once('@') else { return url.clone() };
    let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    format!("{scheme}…@{host}")
}

/// Where the newest checkpoint is kept a second time unless told otherwise: beside the data directory, so that whoever puts an old one
/// back does not put this back with it.
pub fn checkpoint_beside(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(".checkpoint");
    data.with_file_name(name)
}

/// The port `countersign serve` listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 4100;

/// How long texts may be kept: less than a day is a mistake rather than a wish.
const KEPT_TIMES: (Duration, Duration) =
    (Duration::from_secs(24 * 60 * 60), Duration::from_secs(100 * 366 * 24 * 60 * 60));

#[cfg(test)]
mod tests;
