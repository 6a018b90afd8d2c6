//! Working with rules, as it is typed: `check`, `explain`, `test`, `matrix`, `replay`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `check`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 in order, 1 notes under --strict, 2 refused.")]
pub struct CheckArgs {
    /// How to tell what was found
    #[arg(long, value_enum, default_value_t = CheckFormat::Text, value_name = "FORMAT")]
    pub format: CheckFormat,
    /// Fail on notes as well
    #[arg(long)]
    pub strict: bool,
}

/// How `check` tells what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Text,
    /// As `--json`
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for CI servers
    Junit,
}

/// `explain`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign explain --as ana-assistant/ana --tool crm/find_contact --arg query=acme\n\nExit codes: 0 it would run, 1 it would not, 2 the question cannot be asked."
)]
pub struct ExplainArgs {
    /// Who asks: the agent and the person it acts for
    #[arg(long = "as", value_name = "AGENT/HUMAN")]
    pub actor: String,
    /// What is asked for
    #[arg(long, value_name = "APP/TOOL")]
    pub tool: String,
    /// One argument; a value that is JSON is taken as that, dots lead inside
    #[arg(long = "arg", value_name = "KEY=VALUE")]
    pub arguments: Vec<String>,
    /// When, as in `2026-12-24T18:00:00Z`; now if absent
    #[arg(long, value_name = "MOMENT")]
    pub now: Option<String>,
    /// The tool's class, where nobody has said yet what it is
    #[arg(long)]
    pub class: Option<model::Class>,
}

/// `test`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 all as expected, 1 not, 2 a file is refused.")]
pub struct TestArgs {
    /// Files of cases, and folders of such; `cases` beside the configuration if absent
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// List the rules that no case exercises
    #[arg(long)]
    pub coverage: bool,
    /// Fail where fewer than so many of a hundred rules are exercised
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min: Option<u8>,
    /// How to tell what came of it
    #[arg(long, value_enum, default_value_t = TestFormat::Text, value_name = "FORMAT")]
    pub format: TestFormat,
}

/// How `test` tells what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people
    Text,
    /// As `--json`
    Json,
    /// JUnit XML, for CI servers
    Junit,
}

/// `matrix`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 printed, or as reviewed; 1 not as reviewed; 2 error.")]
pub struct MatrixArgs {
    /// Compare with the table that was reviewed, and show what differs
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
}

/// `replay`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign replay --rules rules/new.yaml --since 7d\n\nExit codes: 0 nothing would change, 1 something would, 2 error."
)]
pub struct ReplayArgs {
    /// A rule file; together they stand in for those of the configuration
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// Only calls from then on: `2h`, `7d`, or `2026-11-21T10:00:00Z`
    #[arg(long)]
    pub since: Option<String>,
    /// Only calls until then
    #[arg(long)]
    pub until: Option<String>,
    /// How many calls to list one by one
    #[arg(long, short = 'n', default_value_t = 20)]
    pub limit: usize,
}
