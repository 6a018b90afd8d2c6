//! `cargo xtask soak WHAT`: breaking and burdening things on purpose, far longer than a test may take.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::bench;
use crate::dist::{self, Programs};
use crate::run::{capture, program, run};

/// What is done, and how often or how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Options {
    /// The gateway is killed again and again.
    Kills { rounds: u32 },
    /// A log far longer than a test makes is verified and asked.
    Questions { records: u64 },
    /// Everything at once.
    Load {
        seconds: u64,
        /// Whether the programs of the debug build do, as they stand.
        debug: bool,
    },
}

impl Options {
    /// Error: what is wrong with the words.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        match words {
            ["kills"] => Ok(Self::Kills { rounds: ROUNDS }),
            ["kills", "--rounds", rounds] => match rounds.parse() {
                Ok(rounds) if rounds > 0 => Ok(Self::Kills { rounds }),
                _ => Err(format!("`--rounds` takes a number from 1, not `{rounds}`")),
            },
            ["kills", ..] => Err("`soak kills` takes `--rounds N`".to_owned()),
            ["questions"] => Ok(Self::Questions { records: RECORDS }),
            ["questions", "--records", records] => match records.parse() {
                Ok(records) if records > 0 => Ok(Self::Questions { records }),
                _ => Err(format!("`--records` takes a number from 1, not `{records}`")),
            },
            ["questions", ..] => Err("`soak questions` takes `--records N`".to_owned()),
            ["load", rest @ ..] => Self::load(rest),
            _ => Err("`soak` knows `kills`, `questions` and `load`".to_owned()),
        }
    }

    fn load(words: &[&str]) -> Result<Self, String> {
        let (mut seconds, mut debug) = (SECONDS, false);
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match (*word, rest.len()) {
                ("--debug", _) => debug = true,
                ("--seconds", 1..) => {
                    let value = rest.next().and_then(|value| value.parse().ok());
                    let enough = value.filter(|seconds| *seconds >= SECONDS_MIN);
                    seconds = enough.ok_or_else(|| format!("`--seconds` takes a number from {SECONDS_MIN}"))?;
                }
                _ => return Err("`soak load` takes `--seconds N` and `--debug`".to_owned()),
            }
        }
        Ok(Self::Load { seconds, debug })
    }

    /// As CI does it: short, with what is built.
    pub(crate) fn in_ci() -> Self {
        Self::Load { seconds: SECONDS_IN_CI, debug: true }
    }
}

/// Does it. True: all was well.
pub(crate) fn soak(root: &Path, options: &Options) -> Result<bool> {
    match options {
        Options::Kills { rounds } => kills(root, *rounds),
        Options::Questions { records } => {
            let options = bench::TraceOptions { records: *records, ..bench::TraceOptions::default() };
            bench::bench_trace(root, &options).map(|()| true)
        }
        Options::Load { seconds, debug } => load(root, *seconds, *debug),
    }
}

/// Runs the test that kills the gateway, with as many rounds as were asked for. Its failure is ours.
fn kills(root: &Path, rounds: u32) -> Result<bool> {
    // Not by nextest, which ends a test after two minutes.
    let arguments = ["test", "--locked", "--package", "countersign", "--test", "it", "--", TEST];
    let listed = capture(program("cargo", &arguments, root).arg("--list"))?;
    if !listed.lines().any(|line| line.ends_with(": test")) {
        bail!("no test of countersign is called `{TEST}`, so nothing would be killed");
    }
    let mut command = program("cargo", &arguments, root);
    run(command.arg("--nocapture").env(ROUNDS_VARIABLE, rounds.to_string())).map(|()| true)
}

/// Runs `testkit-soak` against what is shipped, or against the debug build.
fn load(root: &Path, seconds: u64, debug: bool) -> Result<bool> {
    let (profile, programs) = if debug {
        let arguments = ["build", "--locked", "-p", "countersign", "-p", "testkit", "--bins", "--quiet"];
        run(&mut program("cargo", &arguments, root))?;
        ("dev", Programs::debug()?)
    } else {
        ("dist", dist::ship(root)?)
    };
    let folder = root.join("target/soak");
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    // As they are now: a build meanwhile changes nothing.
    for program in [&programs.countersign, &programs.soak, &programs.upstream] {
        let copied = std::fs::copy(program, folder.join(program.file_name().unwrap_or_default()));
        copied.with_context(|| format!("could not copy {}", program.display()))?;
    }
    let soak = folder.join("testkit-soak").display().to_string();
    let gateway = folder.join("countersign").display().to_string();
    let report = folder.join("load.txt").display().to_string();
    let seconds = seconds.to_string();
    let title = format!("cargo xtask soak load --seconds {seconds} ({profile} build)");
    let arguments = ["--gateway", &gateway, "--seconds", &seconds, "--report", &report, "--title", &title];
    run(&mut program(&soak, &arguments, root)).map(|()| true)
}

/// The test reads its number of rounds from here.
const ROUNDS_VARIABLE: &str = "COUNTERSIGN_KILL_ROUNDS";
/// What its name holds.
const TEST: &str = "kill_rounds";
const ROUNDS: u32 = 1_000;
const RECORDS: u64 = 10_000_000;
const SECONDS: u64 = 600;
const SECONDS_IN_CI: u64 = 60;
/// Two thirds of it must hold enough looks for a line.
const SECONDS_MIN: u64 = 15;

#[cfg(test)]
mod tests;
