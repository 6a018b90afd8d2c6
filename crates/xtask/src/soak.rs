//! `cargo xtask soak WHAT`: breaking things on purpose, far longer than a test may take.

use std::path::Path;

use anyhow::{Result, bail};

use crate::run::{capture, program, run};

/// What is broken, and how often.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    rounds: u32,
}

impl Options {
    /// Error: what is wrong with the words.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        match words {
            ["kills"] => Ok(Self { rounds: ROUNDS }),
            ["kills", "--rounds", rounds] => match rounds.parse() {
                Ok(rounds) if rounds > 0 => Ok(Self { rounds }),
                _ => Err(format!("`--rounds` takes a number from 1, not `{rounds}`")),
            },
            ["kills", ..] => Err("`soak kills` takes `--rounds N`".to_owned()),
            _ => Err("`soak` knows `kills`".to_owned()),
        }
    }
}

/// Runs the test that kills the gateway, with as many rounds as were asked for. Its failure is ours.
pub(crate) fn soak(root: &Path, options: &Options) -> Result<bool> {
    // Not by nextest, which ends a test after two minutes.
    let arguments = ["test", "--locked", "--package", "countersign", "--test", "it", "--", TEST];
    let listed = capture(program("cargo", &arguments, root).arg("--list"))?;
    if !listed.lines().any(|line| line.ends_with(": test")) {
        bail!("no test of countersign is called `{TEST}`, so nothing would be killed");
    }
    let mut command = program("cargo", &arguments, root);
    run(command.arg("--nocapture").env(ROUNDS_VARIABLE, options.rounds.to_string())).map(|()| true)
}

/// The test reads its number of rounds from here.
const ROUNDS_VARIABLE: &str = "COUNTERSIGN_KILL_ROUNDS";
/// What its name holds.
const TEST: &str = "kill_rounds";
const ROUNDS: u32 = 1_000;

#[cfg(test)]
mod tests;
