//! Absolute places in a file system, as the facts of a call write them: without `.`, `..`, `//` and a slash at the end.

/// The parts of an absolute place. None: where it leads depends on where and how it is read.
pub(crate) fn parts(path: &str) -> Option<Vec<&str>> {
    if path.contains(|letter: char| letter.is_control() || matches!(letter, '\\' | '$' | '`')) {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(parts)
}

/// The place without detours. None: as [`parts`].
pub(crate) fn normal(path: &str) -> Option<String> {
    parts(path).map(|parts| format!("/{}", parts.join("/")))
}
