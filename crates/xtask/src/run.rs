//! Running other programs, and how long it took.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Steps of a longer command: each is announced, timed and remembered, and a failing one does not stop the next.
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: &'static str,
    took: Duration,
    passed: bool,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { done: Vec::new() }
    }

    /// Runs one step. Its failure is printed at once; [`Steps::passed`] tells at the end.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<bool>) -> bool {
        eprintln!("== {name}");
        let start = stopwatch();
        let passed = match work() {
            Ok(passed) => passed,
            Err(error) => {
                eprintln!("error: {error:#}");
                false
            }
        };
        self.done.push(Step { name, took: start.elapsed(), passed });
        passed
    }

    pub(crate) fn passed(&self) -> bool {
        self.done.iter().all(|step| step.passed)
    }

    /// One line per step: its time, and whether it failed.
    pub(crate) fn table(&self) -> String {
        let total: Duration = self.done.iter().map(|step| step.took).sum();
        let mut lines = String::new();
        for step in &self.done {
            let mark = if step.passed { "ok" } else { "FAILED" };
            lines.push_str(&format!("{:>8.1} s  {:<11} {mark}\n", step.took.as_secs_f64(), step.name));
        }
        lines.push_str(&format!("{:>8.1} s  all\n", total.as_secs_f64()));
        lines
    }
}

/// Where the workspace stands: two folders above this crate.
pub(crate) fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The one clock of this crate.
#[expect(clippy::disallowed_methods, reason = "durations of steps, shown to a person")]
pub(crate) fn stopwatch() -> Instant {
    Instant::now()
}

/// A program in a folder.
pub(crate) fn program<S: AsRef<OsStr>>(name: &str, arguments: &[S], folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(folder);
    command
}

/// Whether a program is on the path and answers.
pub(crate) fn answers(name: &str, arguments: &[&str]) -> bool {
    Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs it with our own output; its failure is an error that names the command line.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("could not start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Runs it and returns what it wrote to stdout.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output = command.output().with_context(|| format!("could not start `{line}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed: {}\n{}", output.status, said.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` wrote something that is not UTF-8"))
}

/// Runs it and hands over each line of its stdout as it comes; the first error ends it.
pub(crate) fn run_line_by_line(command: &mut Command, mut take: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let line = shown(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("could not start `{line}`"))?;
    let mut taken = Ok(());
    for text in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
        taken = text.with_context(|| format!("`{line}` cannot be read")).and_then(|text| take(&text));
        if taken.is_err() {
            let _already_gone = child.kill();
            break;
        }
    }
    let status = child.wait().with_context(|| format!("could not wait for `{line}`"))?;
    taken?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Runs it, passes its stderr on as it comes, and returns that text from the last line that holds `from` on.
pub(crate) fn run_keeping_the_end(command: &mut Command, from: &str) -> Result<(bool, String)> {
    let line = shown(command);
    eprintln!("$ {line}");
    let mut child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("could not start `{line}`"))?;
    let mut kept = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for text in BufReader::new(stderr).split(b'\n') {
            let text = String::from_utf8_lossy(&text.context("could not read the output of the tests")?).into_owned();
            eprintln!("{text}");
            if text.contains(from) {
                kept.clear();
            }
            kept.push(text);
            if kept.len() > CLOSING_LINES_MAX {
                kept.remove(0);
            }
        }
    }
    let status = child.wait().with_context(|| format!("could not wait for `{line}`"))?;
    Ok((status.success(), kept.join("\n")))
}

fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

const CLOSING_LINES_MAX: usize = 200;
