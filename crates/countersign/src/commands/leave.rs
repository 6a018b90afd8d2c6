//! `leave`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use broker::VaultKey;
use model::{Blame, Fault};
use serde_json::json;
use store::DataDir;

use super::backup::{Backup, Restoration, SavedFile, backup_file, used_backup_file};
use super::clients::{Gatewayed, Leads, secrets_in};
use super::files::Changes;
use super::init::agreed;
use super::place::Place;
use super::shown;
use super::trace::readable::plain;
use crate::cli::{Common, LeaveArgs};
use crate::gateway::files;
use crate::terminal::{Ink, Look, out, say};

/// Restores the clients' own configurations.
pub async fn run(common: &Common, args: &LeaveArgs) -> Result<ExitCode, Fault> {
    let place = Place::of(&common.config, &Place::here());
    // By another name, another gateway's clients would be put back.
    place.is_there("where it was removed, an empty file in its place will do; `--config FILE` names another")?;
    let Some(backup) = open(&place)? else {
        say("the clients have their own configurations already");
        return Ok(ExitCode::SUCCESS);
    };
    let plan = plan(&backup, &place)?;
    if !common.json {
        show(&backup, &plan, &place.config);
    }
    if plan.iter().any(|(_, what)| what.changes()) && !agreed(args.yes, "Put this back?")? {
        say("nothing was changed");
        return Ok(ExitCode::from(1));
    }
    let whole = restore(&place, &plan)?;
    if common.json {
        let said = plan.iter().map(|(file, what)| json!({ "file": file.path, "done": what.word() }));
        out(json!({ "files": said.collect::<Vec<_>>() }));
    }
    if !whole {
        say("a file cannot be put back as it is now: mend it and run `countersign leave` again");
        return Ok(ExitCode::from(1));
    }
    say("the clients have their own configurations again; restart them");
    say(format_args!(
        "`{}` and `{}` stay, with the trace and the vault: remove them when nobody asks for them any more",
        place.config.display(),
        place.data.display()
    ));
    if let Some(pid) = DataDir::holder(&place.data) {
        say(format_args!("the gateway still runs (process {pid}): `kill {pid}` ends it in order"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The backup; none where it was used already.
pub(super) fn open(place: &Place) -> Result<Option<Backup>, Fault> {
    let path = backup_file(&place.data);
    let sealed = match std::fs::read(&path) {
        Ok(sealed) => sealed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if used_backup_file(&place.data).exists() {
                return Ok(None);
            }
            let said = format!("there is no backup at `{}`", path.display());
            return Err(Fault::new(Blame::Operator, "operator.no_backup", said)
                .hint("`--config FILE` names the configuration that `countersign init` wrote"));
        }
        Err(error) => {
            let said = format!("the backup `{}` cannot be read: {error}", path.display());
            return Err(Fault::new(Blame::Operator, "operator.no_backup", said).because(error));
        }
    };
    let key = place.data.join(files::VAULT_KEY);
    if !key.exists() {
        let said = format!("the key that opens the backup is missing: `{}`", key.display());
        return Err(Fault::new(Blame::Operator, "operator.no_key", said).hint("restore it from your own backups"));
    }
    let mut backup = Backup::unsealed(&VaultKey::load_or_create(&key)?, &sealed)?;
    backup.follow(&place.config);
    Ok(Some(backup))
}

pub(super) fn plan<'b>(backup: &'b Backup, place: &Place) -> Result<Vec<(&'b SavedFile, Restoration)>, Fault> {
    // Where it cannot be found out which program this is, what an entry starts is known by its name alone.
    let program = std::env::current_exe().unwrap_or_default();
    let ours = Gatewayed { program, config: place.config.clone(), data: place.data.clone() };
    backup.files.iter().map(|file| Ok((file, file.restoration(&ours)?))).collect()
}

/// Puts everything back, or nothing. False: something is stuck or astray, and the backup stays for it.
pub(super) fn restore(place: &Place, plan: &[(&SavedFile, Restoration)]) -> Result<bool, Fault> {
    let mut changes = Changes::default();
    for (file, what) in plan {
        let done = match what {
            Restoration::Nothing | Restoration::NoFolder | Restoration::Stuck(_) => Ok(()),
            Restoration::Whole { before, after } | Restoration::Edited { before, after, .. } => {
                if what.changes() {
                    changes.replace(&file.path, before, after, mode_of(file))
                } else {
                    Ok(())
                }
            }
            Restoration::Gone { after } => changes.create(&file.path, after, file.mode),
        };
        if let Err(fault) = done {
            for problem in changes.undo() {
                say(problem);
            }
            return Err(fault);
        }
    }
    if !plan.iter().all(|(_, what)| what.is_whole()) {
        return Ok(false);
    }
    let (from, to) = (backup_file(&place.data), used_backup_file(&place.data));
    std::fs::rename(from, to)
        .map_err(|error| crate::gateway::operator("operator.backup", "the used backup cannot be put aside", error))?;
    Ok(true)
}

/// What comes back may hold a secret: nobody reads it who could not read the file before, or cannot now.
fn mode_of(file: &SavedFile) -> u32 {
    let now = std::fs::metadata(&file.path).map_or(file.mode, |about| about.permissions().mode());
    now & file.mode
}

fn show(backup: &Backup, plan: &[(&SavedFile, Restoration)], config: &Path) {
    let look = Look::stdout();
    for (file, what) in plan {
        let path = plain(&file.path.display().to_string());
        out(format_args!("{}: {}", look.paint(Ink::Bold, path), plain(&what.sentence())));
        if let Restoration::Whole { before, after } | Restoration::Edited { before, after, .. } = what {
            let others = [secrets_in(before), secrets_in(after)].concat();
            let covered: Vec<&str> = backup.secrets.iter().chain(&others).map(String::as_str).collect();
            for line in shown::diff(look, before, after, &covered) {
                out(line);
            }
        }
        staying(what, config).into_iter().for_each(out);
    }
}

/// Which entries stay as they are, and why.
fn staying(what: &Restoration, config: &Path) -> Vec<String> {
    let Restoration::Edited { left, astray, .. } = what else { return Vec::new() };
    let left = left.iter().map(|entry| format!("  `{}` is not ours any more and stays as it is", plain(entry)));
    let astray = astray.iter().map(|(entry, leads)| {
        let (entry, config) = (plain(entry), plain(&config.display().to_string()));
        let (by, mend) = match leads {
            Leads::Here => ("through this gateway and is none of `init`", "take it out".to_owned()),
            Leads::Missing => {
                ("by a configuration that is not there", format!("name `{config}` in it, or take it out"))
            }
            _ => ("and names no configuration by its whole path", format!("name `{config}` in it, or take it out")),
        };
        format!("  `{entry}` starts `countersign connect` {by}, and stays as it is: {mend}")
    });
    left.chain(astray).collect()
}

impl Restoration {
    pub(super) fn changes(&self) -> bool {
        match self {
            Self::Nothing | Self::NoFolder | Self::Stuck(_) => false,
            Self::Edited { before, after, .. } => before != after,
            Self::Whole { .. } | Self::Gone { .. } => true,
        }
    }

    /// Whether nothing of ours stays in it.
    fn is_whole(&self) -> bool {
        match self {
            Self::NoFolder | Self::Stuck(_) => false,
            Self::Edited { astray, .. } => astray.is_empty(),
            Self::Nothing | Self::Whole { .. } | Self::Gone { .. } => true,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Whole { .. } => "whole",
            Self::Edited { .. } if !self.changes() => "stuck",
            Self::Edited { .. } => "edited",
            Self::Gone { .. } => "made",
            Self::NoFolder | Self::Stuck(_) => "stuck",
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Nothing => "nothing of ours is in it".to_owned(),
            Self::Whole { .. } => "as it was before `init`, byte for byte".to_owned(),
            Self::Edited { .. } if !self.changes() => "edited since `init`: nothing is taken out".to_owned(),
            Self::Edited { .. } => "edited since `init`: only our entries are taken out".to_owned(),
            Self::Gone { .. } => "it is gone, and is made again as it was before `init`".to_owned(),
            Self::NoFolder => {
                "its folder is not there, and is not made again: put it back, or a link where it was renamed".to_owned()
            }
            Self::Stuck(why) => format!("it cannot be read: {why}"),
        }
    }
}

#[cfg(test)]
mod tests;
