//! Whether git would take a file into the next commit.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository into which `git add --all` would take this path, or what comes into it where it is a folder; none where git
/// says that it is ignored, or cannot say.
pub fn would_take(path: &Path) -> Option<PathBuf> {
    let folder = std::fs::canonicalize(path.parent()?).ok()?;
    let path = folder.join(path.file_name()?);
    let root = path.ancestors().find(|folder| folder.join(".git").exists())?;
    let asked = if path.is_dir() { path.join("any") } else { path.clone() };
    let mut git = Command::new("git");
    // A repository may name a program that git runs when it looks: here it runs none.
    git.env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .arg("-C")
        .arg(root)
        .args(["-c", "core.fsmonitor=false", "check-ignore", "--quiet", "--"])
        .arg(asked);
    let said = git.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    (said.code() == Some(NOT_IGNORED)).then(|| root.to_owned())
}

/// The exit code of `git check-ignore` for a path that no pattern ignores.
const NOT_IGNORED: i32 = 1;

#[cfg(test)]
mod tests;
