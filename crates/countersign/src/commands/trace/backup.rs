//! `trace backup` and `trace restore`: a folder that holds all of a trace, made beside a running gateway, and the way back.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::ExitCode;

use export::signed_up_to;
use model::{Blame, Clock as _, Fault};
use private_file::{Draft, GITIGNORE, keep_out_of_git, unreadable, unwritable};
use serde::{Deserialize, Serialize};
use store::{Copied, DataDir, Location, Reader, Unit, leave_in_copy};
use tlog::{SignedCheckpoint, Trust};
use trace::{Audit, Known, LogReader as _, audit, rfc3339};

use super::super::backup::{BACKUP, USED_BACKUP};
use super::super::witness::known_keys;
use super::trace_of;
use crate::cli::{BackupArgs, Common, RestoreArgs};
use crate::clock::{SystemClock, environment};
use crate::config::Config;
use crate::gateway::{bad_file, files};
use crate::notary::{RETIRED, kept_elsewhere, origin_of, trust_of};
use crate::restored::{CHECKING, Restored};
use crate::terminal::{out, progress, say};

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    made_at: String,
    made_by: String,
    /// Where the trace was kept.
    of: String,
    origin: Option<String>,
    records: u64,
    /// The root of the tree over all of them.
    root: String,
    /// Public keys that signed it.
    keys: Vec<String>,
    /// Files that hold secrets, with their names in a data directory.
    secrets: Vec<String>,
}

/// Copies the trace, and what it takes to go on where that is asked for.
pub fn backup(common: &Common, args: &BackupArgs) -> Result<ExitCode, Fault> {
    let trace = trace_of(common)?;
    let Some(reader) = trace.reader_if_there()? else {
        return Err(Fault::new(Blame::Operator, "store.missing", "there is no trace to back up yet")
            .hint("start the gateway once: `countersign serve`"));
    };
    wait_for_checkpoint(&reader)?;
    refuse_filled(&args.to)?;
    let folder = args.to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Made under another name, so that what has the name is whole.
    let draft = tempfile::Builder::new().prefix(".countersign-backup-").tempdir_in(folder);
    let draft = draft.map_err(|error| unwritable(&args.to, error))?;
    keep_out_of_git(draft.path()).map_err(|error| unwritable(&args.to, error))?;
    let file = draft.path().join(files::TRACE);
    let copied = trace.location.copy_to(&file, &mut show);
    progress(None);
    copied.map_err(Fault::from)?;
    let manifest = manifest(&trace.location, &trace.keys, &file, draft.path())?;
    let data = trace.keys.parent().unwrap_or(Path::new("."));
    let secrets = if args.with_keys { take_secrets(data, draft.path())? } else { Vec::new() };
    let manifest = Manifest { secrets, ..manifest };
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| Fault::new(Blame::Bug, "bug.backup", "a backup could not be described").because(error))?;
    Draft::new(&draft.path().join(MANIFEST))?.create(format!("{text}\n").as_bytes())?;
    let made = draft.keep();
    fs::rename(&made, &args.to).and_then(|()| fs::File::open(folder)?.sync_all()).map_err(|error| {
        // What was copied is in nobody's way, but it may hold keys.
        let _gone = fs::remove_dir_all(&made);
        unwritable(&args.to, error)
    })?;
    told_of_backup(common, args, &manifest);
    Ok(ExitCode::SUCCESS)
}

/// Waits until what is there now is signed, where a gateway runs. A backup of which nothing is signed could not be restored.
fn wait_for_checkpoint(reader: &Reader) -> Result<(), Fault> {
    let there = reader.last_sequence().map_err(Fault::from)?;
    if signed_up_to(reader, there).map_err(Fault::from)?.is_some() {
        return Ok(());
    }
    Err(Fault::new(Blame::Operator, "trace.unsigned", "nobody has signed this trace: a copy of it would prove nothing")
        .hint("start the gateway once: it signs what is there"))
}

fn told_of_backup(common: &Common, args: &BackupArgs, manifest: &Manifest) {
    let bytes = fs::metadata(args.to.join(files::TRACE)).map_or(0, |about| about.len());
    if common.json {
        out(serde_json::json!({
            "backup": args.to.display().to_string(),
            "records": manifest.records,
            "bytes": bytes,
            "origin": manifest.origin,
            "root": manifest.root,
            "made_at": manifest.made_at,
            "with_keys": args.with_keys,
        }));
        return;
    }
    out(format_args!("{}: {} records, {bytes} bytes", args.to.display(), manifest.records));
    if args.with_keys {
        say("it holds the gateway's secrets: whoever reads it reads every body, and signs and acts as this gateway");
    } else {
        say(
            "it holds no key: it proves everything, and no body can be read without `trace-keys/bodies.key` (`--with-keys`)",
        );
    }
}

/// What is in a copy, looked at.
fn manifest(of: &Location, keys: &Path, file: &Path, draft: &Path) -> Result<Manifest, Fault> {
    let reader = Location::File(file.to_owned()).reader().map_err(Fault::from)?;
    let tree = reader.tree().map_err(Fault::from)?.tree();
    let origin = origin_of(&reader)?;
    let mut trusted: Vec<String> = Vec::new();
    if let Some(origin) = &origin {
        trusted.extend(trust_of(keys, origin)?.log.iter().map(ToString::to_string));
        Draft::new(&draft.join(KEYS))?.create(lines(&trusted).as_bytes())?;
    }
    if let Some(newest) = trace::checkpoints(&reader).map_err(Fault::from)?.pop() {
        Draft::new(&draft.join(CHECKPOINT))?.create(newest.note().to_string().as_bytes())?;
    }
    Ok(Manifest {
        version: VERSION,
        made_at: rfc3339(SystemClock.now()),
        made_by: format!("countersign {}", env!("CARGO_PKG_VERSION")),
        of: of.to_string(),
        origin,
        records: tree.size,
        root: tree.root.to_string(),
        keys: trusted,
        secrets: Vec::new(),
    })
}

/// Everything secret that a gateway needs to go on as the one it was.
fn take_secrets(data: &Path, draft: &Path) -> Result<Vec<String>, Fault> {
    let mut taken = Vec::new();
    make_folder(&draft.join(files::TRACE_KEYS))?;
    let listed = fs::read_dir(data.join(files::TRACE_KEYS)).into_iter().flatten().flatten();
    let of_trace = listed.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let of_trace = of_trace.filter_map(|entry| Some(format!("{}/{}", files::TRACE_KEYS, entry.file_name().to_str()?)));
    let others = [files::TOKEN_KEY, files::VAULT, files::VAULT_KEY, BACKUP, USED_BACKUP].map(str::to_owned);
    for name in of_trace.chain(others) {
        let from = data.join(&name);
        if from.exists() {
            copy_private(&from, &draft.join(&name))?;
            taken.push(name);
        }
    }
    Ok(taken)
}

/// Puts a backup where nothing is yet, and looks at all of it before it says that it is there.
pub fn restore(common: &Common, args: &RestoreArgs) -> Result<ExitCode, Fault> {
    let manifest = read_manifest(&args.backup)?;
    let (config, problems) = match Config::load(&common.config, &environment) {
        Ok(config) => (Some(config), None),
        Err(problems) => (None, Some(problems)),
    };
    let (data, location) = match (&args.into, &config, problems) {
        (Some(into), ..) => (into.clone(), Location::File(into.join(files::TRACE))),
        (None, Some(config), _) => (config.data.clone(), config.trace()?),
        (None, None, problems) => return Err(bad_file(problems.unwrap_or_default())),
    };
    refuse_filled_but(&data, &NOTHING_YET)?;
    let there = data.exists();
    make_folder(&data)?;
    // No gateway begins a trace there meanwhile.
    let held = DataDir::open(&data).map_err(Fault::from)?;
    refuse_filled_but(&data, &NOTHING_YET)?;
    let copy = config.filter(|config| same(&config.data, &data)).map(|config| config.checkpoint_copy);
    let done = placed(&manifest, args, &data, &location, copy.as_deref());
    let (audit, seen) = match done {
        Ok(done) => done,
        Err(fault) => {
            // Nothing was there before, so nothing is lost; half a trace must not be taken for one.
            let emptied = fs::read_dir(&data).into_iter().flatten().flatten();
            // Whoever waits for the lock must not get one that has no name any more, where the folder stays.
            for entry in emptied.filter(|entry| !there || !NOTHING_YET.iter().any(|name| entry.file_name() == *name)) {
                let path = entry.path();
                let _gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            }
            if !there {
                let _gone = fs::remove_dir(&data);
            }
            return Err(fault);
        }
    };
    drop(held);
    told_of_restore(common, &manifest, &data, &audit, (seen, copy.as_deref()));
    Ok(ExitCode::SUCCESS)
}

/// Looks at everything under another name, then puts it in place, so that what has its name is whole and right. Says how many
/// records the copy of the newest checkpoint has seen, where those are more.
fn placed(
    manifest: &Manifest,
    args: &RestoreArgs,
    data: &Path,
    location: &Location,
    copy: Option<&Path>,
) -> Result<(Audit, Option<u64>), Fault> {
    let draft = tempfile::Builder::new().prefix(CHECKING).tempdir_in(data);
    let draft = draft.map_err(|error| unwritable(data, error))?;
    take_keys(manifest, args, draft.path())?;
    let trust = trust_of(&draft.path().join(files::TRACE_KEYS), manifest.origin.as_deref().unwrap_or_default())?;
    let seen = copy.map(|copy| kept_elsewhere(copy, &trust)).transpose()?.flatten();
    let seen = seen.map(|seen| seen.danger_unverified().tree().size).filter(|size| *size > manifest.records);
    let restored = Restored {
        made_at: manifest.made_at.clone(),
        records: manifest.records,
        restored_at: rfc3339(SystemClock.now()),
        seen_elsewhere: seen,
    };
    let copy = draft.path().join(files::TRACE);
    fill(&Location::File(copy.clone()), &args.backup.join(files::TRACE))?;
    let audit = checked(manifest, args, draft.path(), &Location::File(copy.clone()))?;
    leave_in_copy(&copy, &restored.state()?).map_err(Fault::from)?;
    take_keys(manifest, args, data)?;
    match location {
        Location::File(file) => {
            let moved = fs::rename(&copy, file).and_then(|()| fs::File::open(data)?.sync_all());
            moved.map_err(|error| unwritable(file, error))?;
        }
        Location::Database(_) => fill_database(manifest, location, &copy)?,
    }
    draft.close().map_err(|error| unwritable(data, error))?;
    Ok((audit, seen))
}

/// What was written to a server is not taken back, so whatever can be in the way was looked at before.
fn fill_database(manifest: &Manifest, location: &Location, copy: &Path) -> Result<(), Fault> {
    fill(location, copy)?;
    let tree = location.reader().map_err(Fault::from)?.tree().map_err(Fault::from)?.tree();
    if (tree.size, tree.root.to_string()) != (manifest.records, manifest.root.clone()) {
        return Err(not_right("the database has other records than it was given"));
    }
    Ok(())
}

/// Whether two ways lead to one folder.
fn same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

fn fill(location: &Location, from: &Path) -> Result<(), Fault> {
    let filled = location.fill_from(from, &mut show);
    progress(None);
    filled.map_err(Fault::from)
}

fn take_keys(manifest: &Manifest, args: &RestoreArgs, data: &Path) -> Result<(), Fault> {
    let keys = data.join(files::TRACE_KEYS);
    make_folder(&keys)?;
    for name in &manifest.secrets {
        if Path::new(name).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(no_backup(&args.backup, "it names a file outside of itself"));
        }
        copy_private(&args.backup.join(name), &data.join(name))?;
    }
    if manifest.secrets.is_empty() && !manifest.keys.is_empty() {
        // Whoever checks it needs no more than the public halves.
        Draft::new(&keys.join(RETIRED))?.create(lines(&manifest.keys).as_bytes())?;
    }
    Ok(())
}

/// Every record, the tree and the checkpoints, and that it is what the backup says.
fn checked(manifest: &Manifest, args: &RestoreArgs, data: &Path, location: &Location) -> Result<Audit, Fault> {
    let reader = location.reader().map_err(Fault::from)?;
    let tree = reader.tree().map_err(Fault::from)?.tree();
    if (tree.size, tree.root.to_string()) != (manifest.records, manifest.root.clone()) {
        return Err(not_right("it has other records than it says"));
    }
    let origin = manifest.origin.clone().unwrap_or_default();
    let trust = match args.key.is_empty() {
        true => trust_of(&data.join(files::TRACE_KEYS), &origin)?,
        false => Trust { origin, log: known_keys(&args.key)?, witnesses: Vec::new() },
    };
    let newest = match fs::read(args.backup.join(CHECKPOINT)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(unreadable(&args.backup.join(CHECKPOINT), error)),
        Ok(bytes) => {
            Some(SignedCheckpoint::parse(&bytes).map_err(|error| not_right(format!("its checkpoint: {error}")))?)
        }
    };
    let readable = manifest.secrets.iter().any(|name| name.ends_with("/bodies.key"));
    let known = Known { trust, named: true, elsewhere: newest.into_iter().collect() };
    let shown = |records: u64| progress(Some(&format!("{records} of {} records checked", manifest.records)));
    let audited = if readable { audit(&reader, &known, shown) } else { trace::audit_leaves(&reader, &known, shown) };
    progress(None);
    let audited = audited.map_err(Fault::from)?;
    if let Some(bad) = &audited.bad {
        return Err(not_right(format!("record {}: {}", bad.sequence, bad.what)));
    }
    refuse_unsigned(&audited)?;
    Ok(audited)
}

/// The last records may not be signed yet when a backup is made; what goes on for longer was written by somebody else.
pub(super) fn refuse_unsigned(audited: &Audit) -> Result<(), Fault> {
    if audited.unsigned_us > trace::UNSIGNED_TIME_MAX_US {
        let (first, seconds) = (audited.records - audited.unsigned + 1, audited.unsigned_us / 1_000_000);
        let said =
            format!("nobody has signed record {first} and those behind it, which were made in {seconds} seconds");
        return Err(not_right(format!("{said}; a gateway signs several times a second")));
    }
    Ok(())
}

fn told_of_restore(
    common: &Common,
    manifest: &Manifest,
    data: &Path,
    audit: &Audit,
    (seen, copy): (Option<u64>, Option<&Path>),
) {
    let missing = seen.map(|seen| seen - manifest.records);
    if common.json {
        out(serde_json::json!({
            "restored": data.display().to_string(),
            "records": audit.records,
            "made_at": manifest.made_at,
            "origin": manifest.origin,
            "checkpoints": audit.checkpoints,
            "unsigned": audit.unsigned,
            "with_keys": !manifest.secrets.is_empty(),
            "seen_elsewhere": seen,
            "missing": missing,
        }));
    } else {
        let (records, at) = (audit.records, &manifest.made_at);
        let signed = match (audit.unsigned, audit.signed) {
            (0, _) | (_, None) => "all of them what was signed".to_owned(),
            (unsigned, Some(tree)) => {
                format!("{} of them what was signed; the last {unsigned} were not signed yet", tree.size)
            }
        };
        out(format_args!("{}: {records} records as they were at {at}, {signed}", data.display()));
    }
    if manifest.secrets.is_empty() {
        say(format_args!(
            "the backup holds no key: put the files of `trace-keys` (at least `bodies.key`) into `{}` before you start the \
             gateway; until then the trace can be checked, and no text of it can be read",
            data.join(files::TRACE_KEYS).display()
        ));
    }
    if let (Some(seen), Some(missing), Some(copy)) = (seen, missing, copy) {
        say(format_args!(
            "`{}` has seen {seen} records: {missing} are missing. Restore a newer backup if there is one. To go on without \
             them, keep that file as evidence by moving it away; the gateway then starts, and its trace says that it was restored",
            copy.display()
        ));
    }
}

fn read_manifest(backup: &Path) -> Result<Manifest, Fault> {
    let path = backup.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            no_backup(backup, "it has no `backup.json`")
        }
        _ => unreadable(&path, error),
    })?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| no_backup(backup, &error.to_string()))?;
    if manifest.version != VERSION {
        return Err(no_backup(backup, "another version of countersign made it"));
    }
    Ok(manifest)
}

/// Nothing is written over.
fn refuse_filled(path: &Path) -> Result<(), Fault> {
    refuse_filled_but(path, &[])
}

/// As [`refuse_filled`], where files of these names are in nobody's way.
fn refuse_filled_but(path: &Path, names: &[&str]) -> Result<(), Fault> {
    let empty = |entry: fs::DirEntry| names.iter().any(|name| entry.file_name() == *name);
    let nothing = |mut listed: fs::ReadDir| listed.all(|entry| entry.is_ok_and(empty));
    match fs::read_dir(path).map(nothing) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(true) => Ok(()),
        Ok(false) => Err(Fault::new(Blame::Caller, "caller.not_empty", format!("`{}` is not empty", path.display()))
            .hint("nothing is written over: name a folder that is not there yet")),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(Fault::new(Blame::Caller, "caller.not_empty", format!("`{}` is a file", path.display()))
                .hint("a backup is a folder: name one that is not there yet"))
        }
        Err(error) => Err(unreadable(path, error)),
    }
}

fn make_folder(path: &Path) -> Result<(), Fault> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)))
        .map_err(|error| unwritable(path, error))
}

fn copy_private(from: &Path, to: &Path) -> Result<(), Fault> {
    let found = private_file::open(from, private_file::Openness::Owner, SECRET_BYTES_MAX)?;
    let Some((file, about)) = found else { return Err(unreadable(from, std::io::ErrorKind::NotFound.into())) };
    Draft::new(to)?.replace(private_file::content(from, file, &about)?.expose())
}

fn show(copied: Copied) {
    let (done, all) = (copied.done, copied.all);
    progress(Some(&match copied.of {
        Unit::Bytes => format!("{} of {} MB", done >> 20, all >> 20),
        Unit::Rows => format!("{done} of {all} records"),
    }));
}

fn lines(keys: &[String]) -> String {
    keys.iter().map(|key| format!("{key}\n")).collect()
}

fn no_backup(backup: &Path, why: &str) -> Fault {
    Fault::new(Blame::Caller, "caller.no_backup", format!("`{}` is no backup: {why}", backup.display()))
        .hint("it takes a folder that `countersign trace backup` made")
}

fn not_right(why: impl std::fmt::Display) -> Fault {
    Fault::new(Blame::Operator, "trace.backup_damaged", format!("the backup is not what was backed up: {why}"))
        .hint("nothing was restored; take another backup")
}

/// What is in a data directory in which nothing is yet.
const NOTHING_YET: [&str; 2] = [DataDir::LOCK, GITIGNORE];
const MANIFEST: &str = "backup.json";
const CHECKPOINT: &str = "checkpoint";
const KEYS: &str = "public.keys";
const VERSION: u32 = 1;
const SECRET_BYTES_MAX: u64 = 64 << 20;
