//! The machine below: data directory, clock, disk, port, account.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::UnixMicros;
use store::Location;

use super::super::repository::taken;
use super::Check;
use crate::clock::{LastRecord, SET_THE_CLOCK};
use crate::gateway::files;

/// The account we run as.
pub(super) struct Account {
    /// Its id.
    pub(super) uid: u32,
    /// Its name.
    pub(super) name: String,
    /// Its shell; none where it is not known.
    pub(super) shell: Option<PathBuf>,
}

impl Account {
    /// Ours.
    pub(super) fn ours(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let uid = rustix::process::getuid().as_raw();
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self::find(&accounts, uid, environment("SHELL"))
    }

    /// The account with this id in the lines of `/etc/passwd`.
    pub(super) fn find(accounts: &str, uid: u32, shell: Option<String>) -> Self {
        let line = accounts
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.get(2).and_then(|field| field.parse().ok()) == Some(uid));
        let field = |at: usize| line.as_ref().and_then(|fields| fields.get(at)).map(|field| (*field).to_owned());
        Self {
            uid,
            name: field(0).unwrap_or_else(|| format!("uid {uid}")),
            shell: field(6).or(shell).filter(|shell| !shell.is_empty()).map(PathBuf::from),
        }
    }
}

/// The directory and the files in it that only their owner may read.
pub(super) fn data(data: &Path) -> Vec<Check> {
    let Ok(about) = std::fs::metadata(data) else {
        let said = format!("`{}` is not there yet: the first start makes it", data.display());
        return vec![Check::good("data directory", said)];
    };
    let uid = rustix::process::getuid().as_raw();
    let mut checks: Vec<Check> = only_owner("data directory", data, &about, uid, 0o700).into_iter().collect();
    let longest =
        data.join(files::CONTROL).into_os_string().len().max(data.join(files::CONNECT).into_os_string().len());
    if longest > SOCKET_PATH_BYTES_MAX {
        let said = format!("`{}` is too long for the sockets in it ({longest} bytes)", data.display());
        checks.push(Check::bad("data directory", said, "choose a shorter `data:`"));
    }
    let private = [files::TRACE, files::TOKEN_KEY, files::VAULT, files::VAULT_KEY, files::CONTROL, files::CONNECT];
    for name in private.into_iter().chain(["backup.sealed", "gateway.log"]) {
        let path = data.join(name);
        if let Ok(about) = std::fs::metadata(&path) {
            checks.extend(only_owner(name, &path, &about, uid, 0o600));
        }
    }
    for key in std::fs::read_dir(data.join(files::TRACE_KEYS)).into_iter().flatten().flatten() {
        if let Ok(about) = key.metadata() {
            let name = format!("{}/{}", files::TRACE_KEYS, key.file_name().display());
            checks.extend(only_owner(&name, &key.path(), &about, uid, 0o600));
        }
    }
    if let Err(error) = rustix::fs::access(data, rustix::fs::Access::WRITE_OK) {
        let said = format!("`{}` cannot be written to: {error}", data.display());
        checks.push(Check::bad("data directory", said, "name a directory that this user may write to with `data:`"));
    }
    if let Some(taken) = taken(data) {
        let (data, repository) = (data.display(), taken.by.display());
        let (said, mend) = if taken.already {
            let mend = format!(
                "`git rm -r --cached {data}`, and new keys and secrets: what was committed stays in the history"
            );
            (format!("git has files of `{data}`, where the keys are, in `{repository}`"), mend)
        } else {
            let said = format!("git takes the keys in `{data}` into the next commit in `{repository}`");
            (said, format!("`echo '*' > {data}/.gitignore`"))
        };
        checks.push(Check::doubtful("data directory", said, mend));
    }
    if checks.is_empty() {
        checks.push(Check::good("data directory", format!("`{}` and its keys are open to you only", data.display())));
    }
    checks
}

fn only_owner(what: &str, path: &Path, about: &std::fs::Metadata, uid: u32, wanted: u32) -> Option<Check> {
    let path = path.display();
    if about.uid() != uid {
        let said = format!("`{path}` belongs to uid {}, and this is uid {uid}", about.uid());
        return Some(Check::bad(what, said, "run `countersign` as the user who owns it"));
    }
    // SQLite makes its file with the mode of the process; the folder keeps others away from it.
    let open = if what == files::TRACE { about.mode() & 0o022 } else { about.mode() & 0o077 };
    (open != 0).then(|| {
        let said = format!("`{path}` is open to other users (mode {:o})", about.mode() & 0o777);
        Check::bad(what, said, format!("chmod {wanted:o} {path}"))
    })
}

/// The last record, where there is one that can be read.
pub(super) fn last_record(trace: &Location) -> Option<LastRecord> {
    LastRecord::of(&trace.reader_if_there().ok()??).ok()?
}

/// Tokens and records depend on it.
pub(super) fn clock(now: UnixMicros, last: Option<LastRecord>) -> Check {
    if now.0 < YEAR_2025 {
        return Check::bad(
            "clock",
            "it stands before 2025: tokens would be refused",
            "set the clock, for example with `timedatectl set-ntp true`",
        );
    }
    match last.and_then(|last| last.is_ahead_of(now)) {
        Some(said) => Check::bad("clock", said, SET_THE_CLOCK),
        None => Check::good("clock", "is not before the last record"),
    }
}

/// No record, no effect: a full disk stops everything.
pub(super) fn disk(data: &Path) -> Check {
    let there = data.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Err(error) => Check::doubtful("disk", format!("it cannot be asked: {error}"), "look with `df`"),
        Ok(about) => free(about.f_bavail.saturating_mul(about.f_frsize)),
    }
}

pub(super) fn free(bytes: u64) -> Check {
    let said = format!("{} MiB are free for the trace", bytes >> 20);
    let mend = "make room, or move `data:` to another disk";
    match bytes {
        ..FREE_BYTES_MIN => Check::bad("disk", said, mend),
        FREE_BYTES_MIN..FREE_BYTES_DOUBTFUL => Check::doubtful("disk", said, mend),
        _ => Check::good("disk", said),
    }
}

/// Whether the port is ours, or free.
pub(super) fn port(listen: SocketAddr, runs: bool) -> Check {
    let what = "port";
    if runs {
        return match TcpStream::connect_timeout(&listen, Duration::from_secs(2)) {
            Ok(_) => Check::good(what, format!("{listen} answers")),
            Err(error) => Check::doubtful(
                what,
                format!("{listen} does not answer: {error}"),
                "the gateway may have been started with `--listen`; else restart it",
            ),
        };
    }
    match TcpListener::bind(listen) {
        Ok(_) => Check::good(what, format!("{listen} is free")),
        Err(error) => Check::bad(
            what,
            format!("{listen} cannot be listened on: {error}"),
            "end the program that listens there, or choose another `listen:`",
        ),
    }
}

/// An agent with a shell can do whatever its account can.
pub(super) fn account(account: &Account) -> Check {
    let shell = account.shell.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    if matches!(shell, Some("nologin" | "false")) {
        return Check::good("account", format!("{} has no shell of its own", account.name));
    }
    let said = match account.uid {
        0 => "the gateway would run as root: whatever escapes an app owns this machine".to_owned(),
        _ => format!(
            "the gateway would run as {}, and so may agents with a shell: those can read its keys and its vault, and \
             reach the operator's socket",
            account.name
        ),
    };
    Check::doubtful(
        "account",
        said,
        "run it under an account of its own without a login shell, and let agents reach it over HTTP with a token",
    )
}

/// 2025-01-01T00:00:00Z.
const YEAR_2025: i64 = 1_735_689_600_000_000;
/// What the system takes as the path of a socket, without its end (macOS: four bytes less).
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
const FREE_BYTES_MIN: u64 = 64 << 20;
const FREE_BYTES_DOUBTFUL: u64 = 1 << 30;

#[cfg(test)]
mod tests;
