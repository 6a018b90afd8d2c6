//! What a witness has cosigned last of each log, as its folder keeps it: a file for each, and a list of them, so that one which
//! is gone is not taken for one that never was.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::{Blame, Fault, UnixMicros};
use private_file::Draft;
use tlog::{Hash, SignedCheckpoint, Tree, Trust, VerifierKey};
use trace::rfc3339;

/// How a witness begins where it does not find what it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// Not at all.
    AsKept,
    /// At nothing: its key was made right now, and has cosigned nothing.
    WithNewKey,
    /// At nothing, as its operator says, on record in the list.
    DangerAnew,
}

/// What one log had grown to, and where that stands.
pub(super) struct Seen {
    pub(super) last: Tree,
    pub(super) file: PathBuf,
}

/// The list: the key whose memory this is, and since when it knows which log.
struct List {
    file: PathBuf,
    key: Option<String>,
    lines: Vec<String>,
    logs: BTreeSet<String>,
}

/// Reads what was seen of these logs, and puts those on the list that are new. Error: something of it is gone or cannot be read.
pub(super) fn seen<'t>(
    folder: &Path,
    key: &VerifierKey,
    logs: impl Iterator<Item = &'t Trust>,
    beginning: Beginning,
    now: UnixMicros,
) -> Result<Vec<Seen>, Fault> {
    let mut list = List::read(folder.join(LIST))?;
    let whole = list.key.as_deref() == Some(key.to_string().as_str());
    if !whole && beginning == Beginning::AsKept {
        return Err(forgotten(format!("`{}` does not say which logs `{}` has seen", list.file.display(), key.name())));
    }
    let (mut all, mut anew) = (Vec::new(), !whole);
    for trust in logs {
        let origin = &trust.origin;
        let file = folder.join(format!("{}.checkpoint", name_of(origin)));
        let (there, listed) = (read_last(&file, trust)?, list.logs.contains(origin));
        let lost = there.is_none() && (listed || !whole);
        if lost && beginning == Beginning::AsKept {
            let said = format!("`{}`, which says how far `{origin}` had grown, is not there", file.display());
            return Err(forgotten(said));
        }
        anew |= lost;
        if lost && beginning == Beginning::DangerAnew {
            tracing::warn!(log = %origin, "this witness begins anew: it does not know what it has cosigned of this log");
            list.add(now, ANEW, origin);
            // On record before it is so.
            list.keep(key)?;
        } else if !listed {
            list.add(now, KNOWN, origin);
        }
        if there.is_none() {
            Draft::new(&file)?.create(nothing_of(origin).as_bytes())?;
        }
        all.push(Seen { last: there.unwrap_or_else(nothing), file });
    }
    if beginning == Beginning::DangerAnew && !anew {
        let said = "this witness has everything that it has seen, so it does not begin anew";
        return Err(Fault::new(Blame::Caller, "caller.nothing_lost", said).hint("leave `--danger-begin-anew` out"));
    }
    list.keep(key)?;
    Ok(all)
}

/// What was cosigned last of a log, as its file has it; none where there is no file.
fn read_last(file: &Path, trust: &Trust) -> Result<Option<Tree>, Fault> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(private_file::unreadable(file, error)),
    };
    if text == nothing_of(&trust.origin).as_bytes() {
        return Ok(Some(nothing()));
    }
    let read = SignedCheckpoint::parse(&text).and_then(|last| last.verify(trust).map(|(last, _)| last.tree()));
    read.map(Some).map_err(|error| {
        forgotten(format!("`{}` does not say how far `{}` had grown: {error}", file.display(), trust.origin))
    })
}

fn nothing() -> Tree {
    Tree { size: 0, root: Hash::of_nothing() }
}

/// What stands in the file of a log of which nothing was cosigned yet.
fn nothing_of(origin: &str) -> String {
    format!("nothing of {origin} was cosigned yet\n")
}

/// A file's name for a log, whatever characters its own has.
fn name_of(origin: &str) -> String {
    let hash = Hash::of_leaf(origin.as_bytes());
    String::from_utf8_lossy(&model::hex(hash.as_bytes())).into_owned()
}

fn forgotten(said: String) -> Fault {
    Fault::new(Blame::Operator, "witness.state", said).hint(
        "restore the witness's folder from a backup: a witness that has forgotten what it saw would sign a second history. Where \
         there is none, or its key has never cosigned anything, move away what cannot be read and start it once with \
         `--danger-begin-anew`, which it keeps on record",
    )
}

// === impl List ===

impl List {
    fn read(file: PathBuf) -> Result<Self, Fault> {
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(private_file::unreadable(&file, error)),
        };
        let mut lines = text.lines().map(str::to_owned);
        let (key, lines) = (lines.next(), lines.collect::<Vec<_>>());
        let of_line = |line: &String| {
            let mut words = line.splitn(3, ' ').skip(1);
            let known = words.next().filter(|word| [KNOWN, ANEW].contains(word));
            known.and(words.next()).map(str::to_owned).ok_or_else(|| {
                forgotten(format!("`{}` holds a line that does not name a log: `{line}`", file.display()))
            })
        };
        let logs = lines.iter().map(of_line).collect::<Result<_, _>>()?;
        Ok(Self { file, key, lines, logs })
    }

    fn add(&mut self, now: UnixMicros, how: &str, origin: &str) {
        self.lines.push(format!("{} {how} {origin}", rfc3339(now)));
        self.logs.insert(origin.to_owned());
    }

    fn keep(&self, key: &VerifierKey) -> Result<(), Fault> {
        let lines = std::iter::once(key.to_string()).chain(self.lines.iter().cloned());
        Draft::new(&self.file)?.replace(lines.map(|line| line + "\n").collect::<String>().as_bytes())
    }
}

const LIST: &str = "logs";
/// The log was new.
const KNOWN: &str = "known";
/// What was seen of it was gone, and the operator said to begin anew.
const ANEW: &str = "anew";
