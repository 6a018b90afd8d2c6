//! Whether git would take a file into the next commit.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Git takes a path with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    /// The folder of the repository.
    pub by: PathBuf,
    /// Whether it has the path already, where a pattern alone changes nothing any more.
    pub already: bool,
}

/// Whether a repository has this path, or `git add --all` would take it, or what lies or comes into it where it is a folder;
/// none where git says that it is ignored, or cannot say.
pub fn taken(path: &Path) -> Option<Taken> {
    let folder = std::fs::canonicalize(path.parent()?).ok()?;
    let path = folder.join(path.file_name()?);
    let root = path.ancestors().find(|folder| folder.join(".git").exists())?;
    let coming = if path.is_dir() { path.join("any") } else { path.clone() };
    let already = git(root, &["--literal-pathspecs", "ls-files", "--error-unmatch"], &path)? == 0;
    (already || git(root, &["check-ignore", "--quiet"], &coming)? == NOT_IGNORED)
        .then(|| Taken { by: root.to_owned(), already })
}

/// The exit code of git asked about a path in this repository.
fn git(root: &Path, words: &[&str], path: &Path) -> Option<i32> {
    let mut git = Command::new("git");
    // A repository may name a program that git runs when it looks: here it runs none.
    git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").arg("-C").arg(root);
    git.args(["-c", "core.fsmonitor=false"]).args(words).arg("--").arg(path);
    git.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?.code()
}

/// The exit code of `git check-ignore` for a path that no pattern ignores.
const NOT_IGNORED: i32 = 1;

#[cfg(test)]
mod tests;
