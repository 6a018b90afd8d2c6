//! Who signs the trace: its name and keys, what it signed last, and the thread that signs as it grows.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use aws_lc_rs::rand;
use model::{Blame, CallId, Clock, Fault, Secret, UnixMicros};
use private_file::{Draft, Openness};
use store::{Location, LogMap, Reader};
use tlog::{Algorithm, KeyName, SEED_BYTES, SignedCheckpoint, Signer, SigningKey, Trust, VerifierKey};
use trace::{
    Change, Journal, LogReader, LogStore, Notary, RollbackError, StateWrite, StoreFault, StoreFaultKind, check_since,
    checkpoints,
};

use crate::again::{Again, Time};
use crate::clock::environment;
use crate::trouble::{News, Trouble};

/// Where a log keeps what signs it, and what is kept of its checkpoints elsewhere.
#[derive(Debug, Clone)]
pub struct Places {
    /// A folder with one file a key.
    pub keys: PathBuf,
    /// The newest checkpoint, where a restored data directory does not bring it back to what it was.
    pub copy: PathBuf,
}

/// The newest checkpoint that is on disk.
pub type Latest = Arc<ArcSwapOption<SignedCheckpoint>>;

/// The thread that signs; closing it signs what there is.
pub struct Signing {
    thread: Again,
    signed_at: Arc<Mutex<Instant>>,
}

struct Worker {
    latest: Latest,
    notary: Notary,
    reader: Reader,
    journal: Journal,
    clock: Arc<dyn Clock>,
    copy: PathBuf,
    /// Whether the last copy could be written.
    copied: bool,
    /// How many records there were when somebody last looked whether the log stands still.
    seen: u64,
    looked: Instant,
    /// When it last signed something; before that, when it began.
    signed_at: Arc<Mutex<Instant>>,
    /// Looks in a row in which the log was longer than what is signed, and nothing was to be signed.
    behind: u32,
    unwritten: Trouble,
    unsigned: Trouble,
}

/// The name of a log.
pub fn origin_of(reader: &dyn LogReader) -> Result<Option<String>, Fault> {
    let found = reader.state(KIND).map_err(Fault::from)?.into_iter().find(|(key, _)| key == ORIGIN);
    Ok(found.map(|(_, origin)| origin))
}

/// The name of a log, given to it when there is none: that of the key that the environment holds, else a random one.
fn named(log: &mut dyn LogStore, reader: &dyn LogReader) -> Result<String, Fault> {
    if let Some(origin) = origin_of(reader)? {
        return Ok(origin);
    }
    let origin = match key_of_environment()? {
        Some(key) => key.verifier_key().name().to_string(),
        None => {
            let mut random = [0; 8];
            rand::fill(&mut random).map_err(|_| no_randomness())?;
            format!("countersign.local/{:016x}", u64::from_be_bytes(random))
        }
    };
    let write = StateWrite { kind: KIND.to_owned(), key: ORIGIN.to_owned(), value: Some(origin.clone()) };
    log.append(&[], &[write]).map_err(Fault::from)?;
    Ok(origin)
}

/// A new log would get the name of the environment's key. Where another one in the same database has that, the two would say different
/// things in one name.
pub fn refuse_name_of_another(trace: &Location, reader: &dyn LogReader) -> Result<(), Fault> {
    let (Location::Database(address), None) = (trace, origin_of(reader)?) else { return Ok(()) };
    let Some(key) = key_of_environment()? else { return Ok(()) };
    let (name, own) = (key.verifier_key().name().to_string(), address.log());
    let heads = LogMap::of(address, "").standing().map_err(Fault::from)?.heads;
    let Some(other) = heads.into_iter().find(|head| head.origin == name && head.log != own) else { return Ok(()) };
    let said = format!("`{KEY_VARIABLE}` holds the key of the log `{}`, and `{own}` is to be another one", other.log);
    Err(Fault::new(Blame::Operator, "trace.key", said)
        .hint("each gateway needs a key of its own: take the variable away, and the first start makes one (`countersign trace keys`)"))
}

/// The keys of a log: that of the environment, else those of the folder, made where there is none.
pub fn keys_of(folder: &Path, origin: &str) -> Result<Vec<SigningKey>, Fault> {
    if let Some(key) = key_of_environment()? {
        return Ok(vec![key]);
    }
    let mut files = key_files(folder)?;
    if files.is_empty() {
        files.push(make_key(folder, origin)?);
    }
    files.iter().map(|file| read_key(file)).collect()
}

/// The key of the environment, where it holds one.
pub fn key_of_environment() -> Result<Option<SigningKey>, Fault> {
    let Some(text) = environment(KEY_VARIABLE).map(Secret::new) else { return Ok(None) };
    SigningKey::from_private_text(text.expose().trim()).map(Some).map_err(|error| {
        Fault::new(Blame::Operator, "trace.key", format!("`{KEY_VARIABLE}` holds no key: {error}"))
            .hint("it takes the text that `countersign trace keys --new` writes into a file of its folder")
    })
}

/// A log is signed by keys of its name: whoever follows it knows it by the two together. One that a key of another name has signed so far
/// goes on.
fn refuse_other_name(origin: &str, own: Option<&SignedCheckpoint>) -> Result<(), Fault> {
    let Some(key) = key_of_environment()? else { return Ok(()) };
    let key = key.verifier_key().clone();
    let name = key.name().to_string();
    let so_far = Trust { origin: origin.to_owned(), log: vec![key], witnesses: Vec::new() };
    if name == origin || own.is_some_and(|checkpoint| checkpoint.verify(&so_far).is_ok()) {
        return Ok(());
    }
    let said = format!("`{KEY_VARIABLE}` holds a key of `{name}`, and this trace is `{origin}`");
    Err(Fault::new(Blame::Operator, "trace.key", said)
        .hint("give it the key of this trace, or take the variable away: then the keys of its folder sign"))
}

/// Makes one more key, which signs from the next start on beside those that are there.
pub fn make_key(folder: &Path, origin: &str) -> Result<PathBuf, Fault> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| private_file::unwritable(folder, error))?;
    let mut seed = [0; SEED_BYTES];
    rand::fill(&mut seed).map_err(|_| no_randomness())?;
    let name: KeyName = origin.parse().map_err(|_| bad_origin(origin))?;
    let text = SigningKey::private_text(name, Algorithm::Ed25519, &seed).map(Secret::new);
    seed.fill(0);
    let text = text.map_err(|error| Fault::new(Blame::Bug, "trace.key", error.to_string()))?;
    let number = key_files(folder)?.iter().filter_map(|file| number_of(file)).max().unwrap_or(0) + 1;
    let file = folder.join(format!("{number}.key"));
    Draft::new(&file)?.create(format!("{}\n", text.expose()).as_bytes())?;
    Ok(file)
}

/// The files of keys in force, oldest first.
pub fn key_files(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(private_file::unreadable(folder, error)),
    };
    let mut files = Vec::new();
    for entry in listed {
        let path = entry.map_err(|error| private_file::unreadable(folder, error))?.path();
        if number_of(&path).is_some() {
            files.push(path);
        }
    }
    files.sort_by_key(|path| number_of(path));
    Ok(files)
}

fn number_of(file: &Path) -> Option<u64> {
    file.file_name()?.to_str()?.strip_suffix(".key")?.parse().ok()
}

/// Whose word is taken for this log: the keys in force, and those that signed before.
pub fn trust_of(folder: &Path, origin: &str) -> Result<Trust, Fault> {
    let mut log = Vec::new();
    if environment(KEY_VARIABLE).is_some() {
        log.extend(keys_of(folder, origin)?.iter().map(|key| key.verifier_key().clone()));
    }
    for file in key_files(folder)? {
        log.push(read_key(&file)?.verifier_key().clone());
    }
    for line in retired(folder)?.lines().filter(|line| !line.is_empty()) {
        let key: VerifierKey = line.parse().map_err(|error| {
            let said = format!("`{}` holds a line that is no key: {error}", folder.join(RETIRED).display());
            Fault::new(Blame::Operator, "trace.key", said)
        })?;
        // One that signs again after a restoration stands in both.
        if !log.contains(&key) {
            log.push(key);
        }
    }
    Ok(Trust { origin: origin.to_owned(), log, witnesses: Vec::new() })
}

/// The list of keys that sign no more. One that cannot be read is not an empty one.
fn retired(folder: &Path) -> Result<String, Fault> {
    let file = folder.join(RETIRED);
    match std::fs::read_to_string(&file) {
        Ok(list) => Ok(list),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(private_file::unreadable(&file, error)),
    }
}

/// Lets a key sign no more. Its public half is kept.
pub fn retire_key(folder: &Path, wanted: &str) -> Result<VerifierKey, Fault> {
    let files = key_files(folder)?;
    let number = wanted.strip_suffix(".key").unwrap_or(wanted);
    let Some(file) = files.iter().find(|file| number_of(file).is_some_and(|found| found.to_string() == number)) else {
        let said = format!("there is no key `{wanted}` in `{}`", folder.display());
        return Err(Fault::new(Blame::Caller, "trace.key", said).hint("`countersign trace keys` lists them"));
    };
    if files.len() < 2 {
        return Err(Fault::new(Blame::Caller, "trace.key", format!("`{wanted}` is the only key there is"))
            .hint("make another one first: `countersign trace keys --new`"));
    }
    let known = read_key(file)?.verifier_key().clone();
    let before = retired(folder)?;
    Draft::new(&folder.join(RETIRED))?.replace(format!("{before}{known}\n").as_bytes())?;
    std::fs::remove_file(file).map_err(|error| private_file::unwritable(file, error))?;
    Ok(known)
}

/// The key of one file.
pub fn read_key(file: &Path) -> Result<SigningKey, Fault> {
    let damaged = |why: String| {
        Fault::new(Blame::Operator, "trace.key", format!("`{}` holds no key of the trace: {why}", file.display()))
            .hint("put the right file back; without it nobody can tell this log from another of the same name")
    };
    let Some((open, about)) = private_file::open(file, Openness::Owner, KEY_BYTES_MAX)? else {
        return Err(damaged("it is gone".to_owned()));
    };
    let content = private_file::content(file, open, &about)?;
    let text = std::str::from_utf8(content.expose()).map_err(|error| damaged(error.to_string()))?;
    SigningKey::from_private_text(text.trim()).map_err(|error| damaged(error.to_string()))
}

/// What was kept of this log elsewhere; none where there is nothing, or nothing of this log.
pub fn kept_elsewhere(copy: &Path, trust: &Trust) -> Result<Option<SignedCheckpoint>, Fault> {
    let bytes = match std::fs::read(copy) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(private_file::unreadable(copy, error)),
    };
    let strange = |why: String| {
        let said = format!("`{}` is not the newest checkpoint of this trace: {why}", copy.display());
        Fault::new(Blame::Operator, "trace.checkpoint_copy", said)
            .hint("name another file in `trace: checkpoint_copy:`, or move this one away after you have looked at it")
    };
    let checkpoint = SignedCheckpoint::parse(&bytes).map_err(|error| strange(error.to_string()))?;
    checkpoint.verify(trust).map_err(|error| strange(error.to_string()))?;
    Ok(Some(checkpoint))
}

/// A notary of this log, which has been compared with everything that was signed of it, and the newest of that.
pub fn open(
    log: &mut dyn LogStore,
    reader: &dyn LogReader,
    places: &Places,
    now: UnixMicros,
) -> Result<(Notary, Latest), Fault> {
    let origin = named(log, reader)?;
    let last = compared(&origin, reader, places)?;
    // Where something is in the way, no key is made.
    let mut notary = Notary::new(origin.clone(), keys_of(&places.keys, &origin)?);
    if let Some(last) = &last {
        notary.resume(last, now);
    }
    Ok((notary, Arc::new(ArcSwapOption::from_pointee(last))))
}

/// Whether a gateway that starts would take this log for what it was, without changing anything. Error: why not.
pub fn look(reader: &dyn LogReader, places: &Places) -> Result<(), Fault> {
    match origin_of(reader)? {
        Some(origin) => compared(&origin, reader, places).map(drop),
        None => Ok(()),
    }
}

/// The newest of everything that was signed of a log, with which it has been compared.
fn compared(origin: &str, reader: &dyn LogReader, places: &Places) -> Result<Option<SignedCheckpoint>, Fault> {
    let own = checkpoints(reader).map_err(Fault::from)?.pop();
    refuse_other_name(origin, own.as_ref())?;
    let elsewhere = kept_elsewhere(&places.copy, &trust_of(&places.keys, origin)?)?;
    let size = |checkpoint: &SignedCheckpoint| checkpoint.danger_unverified().tree().size;
    for checkpoint in own.iter().chain(&elsewhere) {
        let tree = checkpoint.danger_unverified().tree();
        check_since(reader, tree).map_err(|error| rolled_back(&error, &places.copy))?;
    }
    Ok(own.into_iter().chain(elsewhere).max_by_key(size))
}

/// Error: a checkpoint of a trace was kept here, and the trace is gone: none is begun in its place.
pub fn refuse_gone(trace: &Location, copy: &Path) -> Result<(), Fault> {
    let Location::File(file) = trace else { return Ok(()) };
    if file.exists() || !copy.exists() {
        return Ok(());
    }
    let said = format!("`{}` is gone, and `{}` is a checkpoint of it", file.display(), copy.display());
    Err(Fault::new(Blame::Operator, "trace.gone", said).hint(format!(
        "restore the newest backup (`countersign trace restore`). To begin another trace, keep `{}` as evidence by moving it away",
        copy.display()
    )))
}

fn rolled_back(error: &RollbackError, copy: &Path) -> Fault {
    let fault = match error {
        RollbackError::NotRead(_) => Fault::new(Blame::Operator, "trace.not_read", error.to_string()),
        RollbackError::Shorter { .. } | RollbackError::Other { .. } => {
            Fault::new(Blame::Operator, "trace.rolled_back", format!("the trace is not what it was: {error}"))
        }
    };
    fault.hint(format!(
        "restore the newest backup (`countersign trace restore`). To go on with what is there, keep `{}` as evidence by moving it \
         away: the gateway then starts, and the next checkpoint shows the loss to everyone who has seen the last one",
        copy.display()
    ))
}

/// Starts the thread that signs; closing it signs what there is, so that has to come before the journal is closed. Error: the
/// system gives no thread.
pub fn sign_on(
    (notary, latest): (Notary, Latest),
    reader: Reader,
    journal: Journal,
    clock: Arc<dyn Clock>,
    copy: PathBuf,
) -> Result<Signing, Fault> {
    let seen = reader.last_sequence().map_err(Fault::from)?;
    let begun = stopwatch();
    let signed_at = Arc::new(Mutex::new(begun));
    let mut signer = Worker {
        latest,
        notary,
        reader,
        journal,
        clock,
        copy,
        copied: true,
        seen,
        looked: begun,
        signed_at: Arc::clone(&signed_at),
        behind: 0,
        unwritten: Trouble::default(),
        unsigned: Trouble::default(),
    };
    let work = move |time| match time {
        Time::OneOfMany => signer.look(),
        Time::Last => signer.sign_all(),
    };
    let thread = Again::start("trace-sign", SIGNED_EVERY, work).map_err(|error| {
        Fault::new(Blame::Operator, "trace.no_thread", "the thread that signs the trace could not be started")
            .because(error)
    })?;
    Ok(Signing { thread, signed_at })
}

// === impl Signing ===

impl Signing {
    /// Signs what there is, and ends the thread. Blocks.
    pub fn close(&self) {
        self.thread.close();
    }

    /// How long ago something was signed, or the thread began.
    pub fn age(&self) -> Duration {
        self.signed_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

// === impl Worker ===

impl Worker {
    fn look(&mut self) {
        let signed = self.sign();
        if self.looked.elapsed() >= STILL_TIME {
            self.looked = stopwatch();
            // Where nothing can be read or written, that is told anyway.
            if let Err(fault) = self.show_life()
                && signed.is_ok()
                && self.journal.refused().is_none()
            {
                tracing::error!(%fault, "the gateway could not record that it lives");
            }
        }
        self.tell(signed.err());
    }

    /// Whoever runs the gateway hears that its records or signatures fail, and when that is over.
    fn tell(&mut self, unsigned: Option<Fault>) {
        let now = stopwatch();
        let refused = self.journal.refused();
        match (self.unwritten.look(refused.is_some(), now), refused) {
            (Some(News::Lasts), Some(fault)) => {
                let not_written = self.journal.records_not_written();
                tracing::error!(%fault, hint = fault.hint(), not_written, "records cannot be written, and no call runs without its record");
            }
            (Some(News::Over), _) => tracing::warn!("records are written again"),
            _ => {}
        }
        match (self.unsigned.look(unsigned.is_some(), now), unsigned) {
            (Some(News::Lasts), Some(fault)) => {
                tracing::error!(%fault, hint = fault.way_out(), "the trace cannot be signed; it is tried again");
            }
            (Some(News::Over), _) => tracing::warn!("the trace is signed again"),
            _ => {}
        }
    }

    fn sign(&mut self) -> Result<(), Fault> {
        let tree = self.reader.tree().map_err(Fault::from)?.tree();
        let Some((checkpoint, state)) = self.notary.sign(tree).map_err(Fault::from)? else {
            return self.keeps_up(tree.size);
        };
        self.journal.state_blocking(state).map_err(Fault::from)?;
        self.notary.kept(&checkpoint, self.clock.now());
        let copied = Draft::new(&self.copy).and_then(|draft| draft.replace(checkpoint.note().to_string().as_bytes()));
        if let Err(fault) = &copied
            && self.copied
        {
            tracing::warn!(%fault, "the newest checkpoint could not be copied: a data directory that is rolled back \
                 would not be noticed");
        }
        self.copied = copied.is_ok();
        self.latest.store(Some(Arc::new(checkpoint)));
        self.behind = 0;
        *self.signed_at.lock().unwrap_or_else(PoisonError::into_inner) = stopwatch();
        Ok(())
    }

    /// The tree of this size is signed. Error: the log has been longer for a while, and the tree does not grow.
    fn keeps_up(&mut self, signed: u64) -> Result<(), Fault> {
        let newest = self.journal.newest();
        self.behind = if newest > signed { self.behind.saturating_add(1) } else { 0 };
        if self.behind >= BEHIND_LOOKS_MAX {
            let said =
                format!("records from {} to {newest} are on disk, and not in the tables of the trace", signed + 1);
            return Err(StoreFault::new(StoreFaultKind::Broken, said)
                .with_hint("see that the disk of the data directory has room and can be written to")
                .into());
        }
        Ok(())
    }

    /// A log that stands still says now and then that it does, so that nobody can leave its end out in silence.
    fn show_life(&mut self) -> Result<(), Fault> {
        let last = self.reader.last_sequence().map_err(Fault::from)?;
        if std::mem::replace(&mut self.seen, last) != last {
            return Ok(());
        }
        let now = self.clock.now();
        let mut random = [0; 10];
        rand::fill(&mut random).map_err(|_| no_randomness())?;
        self.journal
            .change_blocking(Change {
                id: CallId::new(now.millis(), random),
                at: now,
                by: "gateway".to_owned(),
                what: HEARTBEAT.to_owned(),
                subject: "gateway".to_owned(),
                human: None,
                detail: serde_json::json!({ "records": last }),
                state: Vec::new(),
            })
            .map_err(Fault::from)?;
        self.seen += 1;
        Ok(())
    }

    /// Waits until the tables hold everything, and signs that.
    fn sign_all(&mut self) {
        let begun = stopwatch();
        let whole = |reader: &Reader| {
            let (tree, last) = (reader.tree()?.size(), reader.last_sequence()?);
            Ok::<_, trace::StoreFault>(tree == last)
        };
        while begun.elapsed() < LAST_WORD_TIME_MAX && !whole(&self.reader).unwrap_or(true) {
            std::thread::sleep(LOOK_EVERY);
        }
        if let Err(fault) = self.sign() {
            tracing::error!(%fault, "the end of the trace could not be signed; the next start does so");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a thread waits decides nothing")]
fn stopwatch() -> Instant {
    Instant::now()
}

fn no_randomness() -> Fault {
    Fault::new(Blame::Operator, "trace.no_randomness", "the machine has no randomness to make a key from")
}

fn bad_origin(origin: &str) -> Fault {
    Fault::new(Blame::Operator, "trace.origin", format!("`{origin}` is no name for a log"))
}

/// What a log that stands still records.
pub const HEARTBEAT: &str = "gateway.heartbeat";
/// A key of its own, where files are not wanted.
pub const KEY_VARIABLE: &str = "COUNTERSIGN_TRACE_KEY";

const KIND: &str = "trace";
const ORIGIN: &str = "origin";
/// The public halves of keys that sign no more, a line each.
pub const RETIRED: &str = "retired";
const KEY_BYTES_MAX: u64 = 4 << 10;
const SIGNED_EVERY: Duration = Duration::from_millis(500);
/// The tables follow the log within half a second; five are a fault.
const BEHIND_LOOKS_MAX: u32 = 10;
const STILL_TIME: Duration = Duration::from_secs(60);
const LAST_WORD_TIME_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(20);
