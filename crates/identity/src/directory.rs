//! The directory as it is right now: what the configuration says, overlaid with what was changed since.
//!
//! Ana leaves: `apply(&StandingChange::Offboard(ana), now)`, and the next `snapshot` shows her inactive, under every account
//! she has, together with every agent she answers for. A reload of the configuration does not bring her back.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use model::{Agent, AgentId, App, AppId, Blame, Directory, DirectorySnapshot, Fault, Human, HumanId, UnixMicros};

/// The directory that decisions look at.
#[derive(Debug)]
pub struct LiveDirectory {
    current: ArcSwap<DirectorySnapshot>,
    sources: Mutex<Sources>,
}

/// What was changed since the configuration was written. It survives reloads and, kept as rows, restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// With the word for the person, where the configuration said one: it may stand under another id later.
    offboarded: BTreeMap<HumanId, Option<Arc<str>>>,
    suspended: BTreeSet<AgentId>,
    stopped: BTreeSet<AppId>,
    all_stopped: bool,
}

/// One change of who may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StandingChange {
    /// The person who has this account has left, whatever other accounts are theirs.
    Offboard(HumanId),
    /// The person is back, with all of them.
    Restore(HumanId),
    /// The agent may not act for now.
    Suspend(AgentId),
    /// The agent may act again.
    Resume(AgentId),
    /// The kill switch: of one app, or (none) of everything.
    Stop(Option<AppId>),
    /// Takes back one kill switch: that of the app, or (none) that of everything. Apps stopped one by one stay stopped
    /// when the switch of everything is taken back.
    Start(Option<AppId>),
}

#[derive(Debug)]
struct Sources {
    configured: DirectorySnapshot,
    standing: Standing,
}

/// Whoever has left, under any of their accounts: whom [`DirectorySnapshot::same_person`] says so of, looked up rather than
/// compared one with another.
struct Gone<'a> {
    ids: HashSet<String>,
    words: HashSet<&'a str>,
    configured: &'a DirectorySnapshot,
}

// === impl LiveDirectory ===

impl LiveDirectory {
    /// The configured directory, overlaid with what is known to have changed.
    pub fn new(configured: DirectorySnapshot, standing: Standing) -> Self {
        let current = ArcSwap::from_pointee(standing.overlay(&configured));
        Self { current, sources: Mutex::new(Sources { configured, standing }) }
    }

    /// Takes a reloaded configuration. The standing stays.
    pub fn replace(&self, configured: DirectorySnapshot) {
        let mut sources = self.sources();
        sources.configured = configured;
        self.show(&sources);
    }

    /// Makes a change, now: the next `snapshot` shows it.
    pub fn apply(&self, change: &StandingChange, now: UnixMicros) {
        let mut sources = self.sources();
        let accounts = change.human().map_or_else(Vec::new, |human| sources.accounts_of(human));
        let accounts = accounts.into_iter().map(|account| (account.clone(), sources.word_of(&account))).collect();
        sources.standing.apply(change, accounts);
        sources.configured.as_of = Some(now);
        self.show(&sources);
    }

    /// That this account has left is known no more. No other account is, and nobody comes back by it: only where the configuration
    /// [knows](LiveDirectory::knows) none of the person's.
    pub fn forget(&self, account: &HumanId) {
        let mut sources = self.sources();
        sources.standing.offboarded.remove(account);
        self.show(&sources);
    }

    /// Whether any account of the person whose account this is stands in the configuration.
    pub fn knows(&self, human: &HumanId) -> bool {
        let sources = self.sources();
        sources.configured.humans.keys().any(|other| sources.same_person(other, human))
    }

    /// All accounts of the person whose account this is; this one first.
    pub fn accounts_of(&self, human: &HumanId) -> Vec<HumanId> {
        self.sources().accounts_of(human)
    }

    /// The rows that keep a change: kind, key, and the value; none where the row is to be removed. Whoever leaves does so with
    /// every account, each by itself: taking one out of the configuration later brings no other back.
    pub fn rows(&self, change: &StandingChange) -> Vec<(String, String, Option<String>)> {
        let Some(human) = change.human() else { return vec![change.state_key()] };
        let sources = self.sources();
        let row = |account: HumanId| {
            let word = sources.word_of(&account);
            let (kind, key, value) = change.of_account(account).state_key();
            (kind, key, value.map(|value| with_word(value, word.as_deref())))
        };
        sources.accounts_of(human).into_iter().map(row).collect()
    }

    /// What was changed since the configuration was written.
    pub fn standing(&self) -> Standing {
        self.sources().standing.clone()
    }

    /// Stored while the sources are locked, so that of two changes the later one is what stays.
    fn show(&self, sources: &Sources) {
        self.current.store(Arc::new(sources.standing.overlay(&sources.configured)));
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory for LiveDirectory {
    fn snapshot(&self) -> Arc<DirectorySnapshot> {
        self.current.load_full()
    }
}

// === impl Sources ===

impl Sources {
    fn accounts_of(&self, human: &HumanId) -> Vec<HumanId> {
        let known = self.configured.humans.keys().chain(self.standing.offboarded.keys());
        let others: BTreeSet<&HumanId> =
            known.filter(|other| *other != human && self.same_person(other, human)).collect();
        std::iter::once(human).chain(others).cloned().collect()
    }

    /// As [`DirectorySnapshot::same_person`], and by what was said of an account when it left.
    fn same_person(&self, one: &HumanId, other: &HumanId) -> bool {
        self.configured.same_person(one, other)
            || self.words(one).any(|word| self.words(other).any(|of_other| of_other == word))
    }

    fn words(&self, account: &HumanId) -> impl Iterator<Item = &Arc<str>> {
        let kept = self.standing.offboarded.get(account).and_then(Option::as_ref);
        self.configured.persons.get(account).into_iter().chain(kept)
    }

    /// Whose account it is, if anybody has said so.
    fn word_of(&self, account: &HumanId) -> Option<Arc<str>> {
        self.words(account).next().cloned()
    }
}

// === impl Standing ===

impl Standing {
    /// Reads the rows `(key, value)` of kind `standing` back. A key that names nobody (its id could not be parsed, so
    /// no token can name it either) has no effect.
    pub fn from_rows(rows: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut standing = Self::default();
        for (key, value) in rows {
            match key.split_once(':') {
                None if key == KEY_ALL => standing.all_stopped = true,
                Some(("human", id)) => {
                    let word = value.split_once(WORD).map(|(_, word)| Arc::from(word));
                    standing.offboarded.extend(HumanId::parse(id).map(|human| (human, word)));
                }
                Some(("agent", id)) => standing.suspended.extend(AgentId::parse(id)),
                Some(("app", id)) => standing.stopped.extend(AppId::parse(id)),
                _ => {}
            }
        }
        standing
    }

    /// `accounts` are those of the person it is about, if it is about one, each with the word for the person.
    fn apply(&mut self, change: &StandingChange, accounts: BTreeMap<HumanId, Option<Arc<str>>>) {
        match change {
            StandingChange::Offboard(_) => self.offboarded.extend(accounts),
            StandingChange::Restore(_) => self.offboarded.retain(|human, _| !accounts.contains_key(human)),
            StandingChange::Suspend(agent) => drop(self.suspended.insert(agent.clone())),
            StandingChange::Resume(agent) => drop(self.suspended.remove(agent)),
            StandingChange::Stop(Some(app)) => drop(self.stopped.insert(app.clone())),
            StandingChange::Start(Some(app)) => drop(self.stopped.remove(app)),
            StandingChange::Stop(None) => self.all_stopped = true,
            StandingChange::Start(None) => self.all_stopped = false,
        }
    }

    fn overlay(&self, configured: &DirectorySnapshot) -> DirectorySnapshot {
        let gone = Gone::of(&self.offboarded, configured);
        let humans: HashMap<_, _> =
            configured.humans.iter().map(|(id, human)| (id.clone(), gone.overlay(human))).collect();
        let agents = configured.agents.iter().map(|(id, agent)| (id.clone(), self.agent(agent, &humans))).collect();
        let apps = configured.apps.iter().map(|(id, app)| (id.clone(), self.app(app))).collect();
        let all_stopped = configured.all_stopped || self.all_stopped;
        let (persons, known_elsewhere) = (configured.persons.clone(), configured.known_elsewhere.clone());
        let vendors = configured.vendors.clone();
        let as_of = configured.as_of;
        DirectorySnapshot { humans, agents, vendors, apps, persons, known_elsewhere, all_stopped, as_of }
    }

    /// An agent acts only while the person who answers for it is there.
    fn agent(&self, configured: &Arc<Agent>, humans: &HashMap<HumanId, Arc<Human>>) -> Arc<Agent> {
        let answered_for = humans.get(&configured.owner).is_some_and(|owner| owner.active);
        let active = configured.active && answered_for && !self.suspended.contains(&configured.id);
        if active == configured.active {
            return Arc::clone(configured);
        }
        Arc::new(Agent { active, ..Agent::clone(configured) })
    }

    fn app(&self, configured: &Arc<App>) -> Arc<App> {
        let stopped = configured.stopped || self.stopped.contains(&configured.id);
        if stopped == configured.stopped {
            return Arc::clone(configured);
        }
        Arc::new(App { stopped, ..App::clone(configured) })
    }
}

// === impl Gone ===

impl<'a> Gone<'a> {
    fn of(offboarded: &'a BTreeMap<HumanId, Option<Arc<str>>>, configured: &'a DirectorySnapshot) -> Self {
        let ids = offboarded.keys().map(|id| id.as_str().to_ascii_lowercase()).collect();
        let said = offboarded.keys().filter_map(|id| configured.persons.get(id));
        let words = said.chain(offboarded.values().flatten()).map(AsRef::as_ref).collect();
        Self { ids, words, configured }
    }

    fn overlay(&self, human: &Arc<Human>) -> Arc<Human> {
        let id = &human.id;
        let left = self.ids.contains(&id.as_str().to_ascii_lowercase())
            || self.configured.persons.get(id).is_some_and(|word| self.words.contains(word.as_ref()));
        if !(left && human.active) {
            return Arc::clone(human);
        }
        Arc::new(Human { active: false, ..Human::clone(human) })
    }
}

// === impl StandingChange ===

impl StandingChange {
    /// What happens, as records and commands name it.
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Offboard(_) => "people.offboard",
            Self::Restore(_) => "people.restore",
            Self::Suspend(_) => "agents.suspend",
            Self::Resume(_) => "agents.resume",
            Self::Stop(_) => "apps.stop",
            Self::Start(_) => "apps.start",
        }
    }

    /// The person it is about; none where it is about somebody or something else.
    pub const fn human(&self) -> Option<&HumanId> {
        match self {
            Self::Offboard(human) | Self::Restore(human) => Some(human),
            _ => None,
        }
    }

    /// To whom: `human:ana`, `agent:desk`, `app:crm`, or `all`.
    pub fn subject(&self) -> String {
        match self {
            Self::Offboard(human) | Self::Restore(human) => format!("human:{human}"),
            Self::Suspend(agent) | Self::Resume(agent) => format!("agent:{agent}"),
            Self::Stop(Some(app)) | Self::Start(Some(app)) => format!("app:{app}"),
            Self::Stop(None) | Self::Start(None) => KEY_ALL.to_owned(),
        }
    }

    /// Whether there is somebody or something by that name. Error: blame `Caller`, with the nearest known name.
    pub fn check(&self, snapshot: &DirectorySnapshot) -> Result<(), Fault> {
        match self {
            Self::Offboard(human) | Self::Restore(human) => {
                known(human.as_str(), snapshot.humans.keys().map(HumanId::as_str), "people.unknown", "a person")
            }
            Self::Suspend(agent) | Self::Resume(agent) => {
                known(agent.as_str(), snapshot.agents.keys().map(AgentId::as_str), "agents.unknown", "an agent")
            }
            Self::Stop(Some(app)) | Self::Start(Some(app)) => {
                known(app.as_str(), snapshot.apps.keys().map(AppId::as_str), "apps.unknown", "an app")
            }
            Self::Stop(None) | Self::Start(None) => Ok(()),
        }
    }

    /// The same for another account.
    fn of_account(&self, account: HumanId) -> Self {
        match self {
            Self::Offboard(_) => Self::Offboard(account),
            Self::Restore(_) => Self::Restore(account),
            other => other.clone(),
        }
    }

    /// The row that keeps the change for what it names, without the word for a person: kind, key, and the value; none where the row is to be removed. All rows of a
    /// change are told by [`LiveDirectory::rows`].
    pub fn state_key(&self) -> (String, String, Option<String>) {
        let value = match self {
            Self::Offboard(_) => Some("offboarded"),
            Self::Suspend(_) => Some("suspended"),
            Self::Stop(_) => Some("stopped"),
            Self::Restore(_) | Self::Resume(_) | Self::Start(_) => None,
        };
        (KIND.to_owned(), self.subject(), value.map(str::to_owned))
    }
}

/// The value of a row with the word for the person, where there is one.
fn with_word(value: String, word: Option<&str>) -> String {
    word.map_or_else(|| value.clone(), |word| format!("{value}{WORD}{word}"))
}

fn known<'a>(
    id: &str,
    all: impl Iterator<Item = &'a str> + Clone,
    code: &'static str,
    kind: &str,
) -> Result<(), Fault> {
    if all.clone().any(|known| known == id) {
        return Ok(());
    }
    let fault = Fault::new(Blame::Caller, code, format!("`{id}` is not {kind} of the configuration"));
    Err(match spelling::did_you_mean(id, all) {
        Some(hint) => fault.hint(hint),
        None => fault,
    })
}

const KIND: &str = "standing";
const KEY_ALL: &str = "all";
/// What stands before the word for a person in the value of a row. A gateway of before reads the key only.
const WORD: &str = " person:";

#[cfg(test)]
mod tests;
