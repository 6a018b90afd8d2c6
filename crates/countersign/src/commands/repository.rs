//! Whether git would take a file into the next commit.

use std::path::{Path, PathBuf};

/// The repository into which `git add --all` would take this path; none where it stands in none, or is ignored there. Of patterns,
/// those are known that name the path or a folder above it, and `*`.
pub fn would_take(path: &Path) -> Option<PathBuf> {
    let folder = std::fs::canonicalize(path.parent()?).ok()?;
    let path = folder.join(path.file_name()?);
    let root = path.ancestors().find(|folder| folder.join(".git").exists())?;
    let folders = path.ancestors().take_while(|folder| folder.starts_with(root));
    let files = folders.map(|folder| (folder, folder.join(private_file::GITIGNORE)));
    let excluded = (root, root.join(".git/info/exclude"));
    let ignored = files.chain([excluded]).any(|(folder, file)| {
        let inside = path.strip_prefix(folder).unwrap_or(&path);
        std::fs::read_to_string(file).is_ok_and(|text| text.lines().any(|pattern| names(pattern.trim(), inside)))
    });
    (!ignored).then(|| root.to_owned())
}

/// Whether a pattern names this path, or a folder above it.
fn names(pattern: &str, path: &Path) -> bool {
    let named = pattern.trim_matches('/');
    match named {
        "" => false,
        "*" => true,
        // A name alone is one at any depth.
        name if !pattern.trim_end_matches('/').contains('/') => path.iter().any(|part| part == name),
        named => path.starts_with(named),
    }
}

#[cfg(test)]
mod tests;
