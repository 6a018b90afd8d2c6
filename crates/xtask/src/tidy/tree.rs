//! The workspace as the checks see it: packages with their declared dependencies, and source files.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::scrub;
use crate::run::{capture, program};

pub(super) struct Tree {
    pub(super) root: PathBuf,
    pub(super) packages: Vec<Package>,
    /// Everything git tracks or would track, relative to the root.
    pub(super) files: Vec<PathBuf>,
    pub(super) rust: Vec<RustFile>,
}

pub(super) struct Package {
    pub(super) name: String,
    pub(super) manifest: PathBuf,
    pub(super) library: Option<PathBuf>,
    pub(super) uses: Vec<Dependency>,
}

pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) own: bool,
    pub(super) dev: bool,
}

pub(super) struct RustFile {
    pub(super) path: PathBuf,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    pub(super) text: String,
    /// The text with comments and the inside of literals blanked.
    pub(super) code: String,
    /// It stands in a test file or a `#[cfg(test)]` block.
    pub(super) test: bool,
}

impl Tree {
    pub(super) fn load(root: &Path) -> Result<Self> {
        let metadata = metadata(root, &["--no-deps"])?;
        let packages = metadata.get("packages").and_then(Value::as_array).context("cargo metadata has no packages")?;
        let mut packages: Vec<Package> = packages.iter().map(Package::parse).collect::<Result<_>>()?;
        packages.sort_by(|left, right| left.name.cmp(&right.name));
        let mut files = tracked(root).map_or_else(|| walk(root), Ok)?;
        files.sort();
        let rust = files.iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
        let rust = rust.map(|path| RustFile::read(root, path)).collect::<Result<_>>()?;
        Ok(Self { root: root.to_owned(), packages, files, rust })
    }

    pub(super) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// A path as it is shown: relative to the root.
    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

impl Package {
    fn parse(value: &Value) -> Result<Self> {
        let text = |value: &Value, key: &str| -> Result<String> {
            let found = value.get(key).and_then(Value::as_str);
            found.map(str::to_owned).with_context(|| format!("cargo metadata: a package without `{key}`"))
        };
        let list = |key: &str| value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_library = |target: &&Value| {
            let kinds = target.get("kind").and_then(Value::as_array);
            kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "lib"))
        };
        let library = list("targets").iter().find(is_library).map(|target| text(target, "src_path")).transpose()?;
        let uses = list("dependencies").iter().map(|dependency| {
            Ok(Dependency {
                name: text(dependency, "name")?,
                own: dependency.get("path").is_some_and(Value::is_string),
                dev: dependency.get("kind").is_some_and(|kind| kind == "dev"),
            })
        });
        Ok(Self {
            name: text(value, "name")?,
            manifest: text(value, "manifest_path")?.into(),
            library: library.map(PathBuf::from),
            uses: uses.collect::<Result<_>>()?,
        })
    }
}

impl RustFile {
    fn read(root: &Path, path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(root.join(path)).with_context(|| format!("could not read {}", path.display()))?;
        let scrubbed = scrub::scrub(&text);
        let all_test = path.file_stem().is_some_and(|stem| stem == "tests")
            || path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches");
        let tests = test_lines(&scrubbed);
        let code = scrubbed.lines().zip(tests);
        let lines = text.lines().zip(code);
        let lines = lines.map(|(text, (code, test))| Line {
            text: text.to_owned(),
            code: code.to_owned(),
            test: test || all_test,
        });
        Ok(Self { path: path.to_owned(), lines: lines.collect() })
    }
}

/// Which lines stand in a `#[cfg(test)]` block. Leans on rustfmt: a block ends with a brace at its own indentation.
fn test_lines(code: &str) -> Vec<bool> {
    let mut marks = Vec::new();
    let mut pending = false;
    let mut until: Option<usize> = None;
    for line in code.lines() {
        let indentation = line.len() - line.trim_start().len();
        let word = line.trim();
        let inside = until.is_some();
        match until {
            Some(level) if word.starts_with('}') && indentation == level => until = None,
            Some(_) => {}
            None if word.starts_with("#[cfg(test)]") || word.starts_with("#[test]") => pending = true,
            None if pending && word.ends_with('{') => {
                until = Some(indentation);
                pending = false;
            }
            None if word.ends_with(';') => pending = false,
            None => {}
        }
        marks.push(inside || until.is_some());
    }
    marks
}

/// What `cargo metadata` says about the workspace at `root`.
pub(super) fn metadata(root: &Path, options: &[&str]) -> Result<Value> {
    let manifest = root.join("Cargo.toml").to_string_lossy().into_owned();
    let fixed = ["metadata", "--format-version", "1", "--manifest-path", &manifest];
    let text = capture(&mut program("cargo", &[&fixed[..], options].concat(), root))?;
    serde_json::from_str(&text).context("cargo metadata wrote something that is not JSON")
}

/// Git's view, if the root is the top of a repository.
fn tracked(root: &Path) -> Option<Vec<PathBuf>> {
    if !root.join(".git").exists() {
        return None;
    }
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let paths = text.split_terminator('\0').map(PathBuf::from);
    Some(paths.filter(|path| root.join(path).is_file()).collect())
}

fn walk(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() {
                if !["target", "node_modules", ".git"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else {
                found.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
            }
        }
    }
    Ok(found)
}
