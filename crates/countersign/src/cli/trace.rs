//! `trace` and its questions, as they are typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `trace`
#[derive(Debug, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct TraceArgs {
    /// A question; without one, list
    #[command(subcommand)]
    pub action: Option<TraceAction>,
    /// Only this agent
    #[arg(long)]
    pub agent: Option<String>,
    /// Only work for this person
    #[arg(long)]
    pub human: Option<String>,
    /// Only this app
    #[arg(long)]
    pub app: Option<String>,
    /// Only this tool
    #[arg(long)]
    pub tool: Option<String>,
    /// Only this verdict: allow, redact, hold, defer, deny
    #[arg(long)]
    pub verdict: Option<model::Verdict>,
    /// Only what was observed: what would have been decided in another way if it were enforced
    #[arg(long)]
    pub observed: bool,
    /// Only from then on: `2h`, `7d`, `2026-11-21`, or `2026-11-21T10:00:00Z`
    #[arg(long)]
    pub since: Option<String>,
    /// Only until then
    #[arg(long)]
    pub until: Option<String>,
    /// How many, at most
    #[arg(long, short = 'n', default_value_t = 50)]
    pub limit: usize,
    /// Changes as well: people, rules, pins, vault, links
    #[arg(long)]
    pub changes: bool,
    /// Go on as records arrive
    #[arg(long, short)]
    pub follow: bool,
    /// Do not cut lines to the terminal's width
    #[arg(long)]
    pub wide: bool,
}

/// `trace …`
#[derive(Debug, Subcommand)]
pub enum TraceAction {
    /// Answer a question: `verdict:deny app:crm since:7d`
    Query(QueryArgs),
    /// Show what a question asks for as it is recorded
    Follow(FollowArgs),
    /// What did this agent use?
    Touched(TouchedArgs),
    /// What was done for this person?
    OnBehalfOf(OnBehalfOfArgs),
    /// Who answers for this agent, and is that person still there?
    Owns(OwnsArgs),
    /// Which calls did this rule decide?
    RuleFired(RuleFiredArgs),
    /// When did the access of a person or an agent end, who ended it, and what happened then?
    AccessEnded(AccessEndedArgs),
    /// On whose word did this call run?
    WhoApproved(WhoApprovedArgs),
    /// Whether the trace is what was signed: all of it, some records, or one receipt
    Verify(VerifyArgs),
    /// Write a receipt of one record, which anybody can check with the public key alone
    Prove(ProveArgs),
    /// How far every log of a database was when its gateways looked last, and whether one of them went back
    Map(MapArgs),
    /// Erase what is kept of a person; the log still adds up, and receipts stay good
    Erase(EraseArgs),
    /// Let the texts of old calls go; what was decided stays, and the log still adds up
    Retain(RetainArgs),
    /// Write the trace, or what a question finds, in a format that others read
    Export(ExportArgs),
    /// How far each export of the configuration has come
    Exports,
    /// Show the keys that sign the trace, make one, or retire one
    Keys(KeysArgs),
    /// Copy the trace into a folder that stands by itself, beside a running gateway
    Backup(BackupArgs),
    /// Put a backup where nothing is yet, and check all of it
    Restore(RestoreArgs),
}

/// `trace backup`
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The folder to make
    #[arg(value_name = "FOLDER")]
    pub to: PathBuf,
    /// The gateway's secrets as well: what opens bodies, signs the trace and tokens, and the vault with its key
    #[arg(long)]
    pub with_keys: bool,
}

/// `trace restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// What `trace backup` made
    #[arg(value_name = "FOLDER")]
    pub backup: PathBuf,
    /// The data directory to make; without one, where the configuration keeps data and trace
    #[arg(long, value_name = "FOLDER")]
    pub into: Option<PathBuf>,
    /// A public key to trust, as `countersign trace keys` shows it, or a file of them; without one, those of the backup
    #[arg(long)]
    pub key: Vec<String>,
}

/// `trace erase`
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// The person, by the id that calls were made for
    #[arg(long, value_name = "ID")]
    pub subject: model::HumanId,
    /// Why, for the record. Name nobody: this stays
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `trace map`
#[derive(Debug, Args)]
pub struct MapArgs {
    /// Check every round, and not the last one only
    #[arg(long)]
    pub all: bool,
    /// A public key to trust, as `countersign trace keys` shows it, or a file of them; without one, those of this gateway
    #[arg(long)]
    pub key: Vec<String>,
}

/// `trace retain`
#[derive(Debug, Args)]
pub struct RetainArgs {
    /// For how long texts are kept: `90d`, `12w`; without it, as the configuration says
    #[arg(long, value_name = "TIME")]
    pub bodies: Option<String>,
    /// Only show what would go
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `trace query`
#[derive(Debug, Args)]
#[command(after_help = QUESTIONS)]
pub struct QueryArgs {
    /// What to look for: terms that must all hold. Nothing finds every call
    #[arg(value_name = "TERM")]
    pub terms: Vec<String>,
    /// How many, at most
    #[arg(long, short = 'n', default_value_t = 50)]
    pub limit: usize,
    /// Only what stands before this number in the log: the next page
    #[arg(long, value_name = "NUMBER")]
    pub cursor: Option<u64>,
    /// Do not cut lines to the terminal's width
    #[arg(long)]
    pub wide: bool,
}

/// `trace follow`
#[derive(Debug, Args)]
#[command(after_help = QUESTIONS)]
pub struct FollowArgs {
    /// What to look for: terms that must all hold. Nothing finds every call
    #[arg(value_name = "TERM")]
    pub terms: Vec<String>,
    /// Begin behind this number in the log, and leave nothing out
    #[arg(long, value_name = "NUMBER", conflicts_with = "limit")]
    pub after: Option<u64>,
    /// How many of the past to begin with
    #[arg(long, short = 'n', default_value_t = 10)]
    pub limit: usize,
    /// Do not cut lines to the terminal's width
    #[arg(long)]
    pub wide: bool,
}

/// Which part of the log, and how much of it.
#[derive(Debug, Default, Args)]
pub struct WindowArgs {
    /// Only from then on: `2h`, `7d`, `2026-11-21`, or `2026-11-21T10:00:00Z`
    #[arg(long)]
    pub since: Option<String>,
    /// Only until then
    #[arg(long)]
    pub until: Option<String>,
    /// How many of the latest calls to show
    #[arg(long, short = 'n', default_value_t = 10)]
    pub limit: usize,
    /// Show calls before this number in the log: the next page
    #[arg(long, value_name = "NUMBER")]
    pub cursor: Option<u64>,
    /// Do not cut lines to the terminal's width
    #[arg(long)]
    pub wide: bool,
}

/// `trace touched`
#[derive(Debug, Args)]
pub struct TouchedArgs {
    /// The agent
    pub agent: String,
    /// Which part of the log.
    #[command(flatten)]
    pub window: WindowArgs,
}

/// `trace on-behalf-of`
#[derive(Debug, Args)]
pub struct OnBehalfOfArgs {
    /// The person
    pub human: String,
    /// Which part of the log.
    #[command(flatten)]
    pub window: WindowArgs,
}

/// `trace owns`
#[derive(Debug, Args)]
pub struct OwnsArgs {
    /// The agent
    pub agent: String,
}

/// `trace rule-fired`
#[derive(Debug, Args)]
pub struct RuleFiredArgs {
    /// The rule's id, as `why` and `policy show` have it
    pub rule: String,
    /// Which part of the log.
    #[command(flatten)]
    pub window: WindowArgs,
}

/// `trace access-ended`
#[derive(Debug, Args)]
pub struct AccessEndedArgs {
    /// A person or an agent
    pub who: String,
    /// Which part of the log.
    #[command(flatten)]
    pub window: WindowArgs,
}

/// `trace who-approved`
#[derive(Debug, Args)]
pub struct WhoApprovedArgs {
    /// The id of a call, its last characters, or the number of its line in the trace
    pub call: String,
}

/// A word of the command line. `-agent:helper` is a term of a question and no option: a space, which the language passes over,
/// keeps it from being taken for one.
pub fn guarded(word: OsString) -> OsString {
    let key = word.to_str().and_then(|word| word.strip_prefix('-')).and_then(|word| word.split_once(':'));
    let is_term = key.is_some_and(|(key, _)| key.len() > 1 && key.bytes().all(|byte| byte.is_ascii_lowercase()));
    if !is_term {
        return word;
    }
    let mut guarded = OsString::from(" ");
    guarded.push(word);
    guarded
}

const QUESTIONS: &str = "\
A term is `key:value`. `key:a,b` is either, `-key:value` is not, `key:\"a b\"` keeps spaces.
  calls     agent human app tool class method task call verdict rule observed would bundle
  outcomes  effect status code
  changes   what by subject
  both      kind (intent, outcome, change), since, until (`7d`, `2026-11-21`, RFC 3339)

Example:
  countersign trace query verdict:deny app:crm,mail -agent:helper since:7d
";

/// `trace verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A receipt of `countersign trace prove`, or a page of `contract evidence`; without one, the trace of this gateway
    pub receipt: Option<PathBuf>,
    /// A public key to trust, as `countersign trace keys` shows it, or a file of them; without one, those beside the trace
    #[arg(long)]
    pub key: Vec<String>,
    /// A witness's public key, as `countersign witness` printed it, or a file of them: the receipt must bear its cosignature
    #[arg(long)]
    pub witness: Vec<String>,
    /// Only from this record on, by its number
    #[arg(long, conflicts_with = "receipt")]
    pub from: Option<u64>,
    /// Only up to this record
    #[arg(long, conflicts_with = "receipt")]
    pub to: Option<u64>,
    /// An export of `countersign trace export --format jsonl`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["receipt", "from", "to"])]
    pub export: Option<PathBuf>,
}

/// `trace export`
#[derive(Debug, Args)]
#[command(after_help = QUESTIONS)]
pub struct ExportArgs {
    /// What to look for: terms that must all hold. Nothing exports every record
    #[arg(value_name = "TERM")]
    pub terms: Vec<String>,
    /// JSON Lines (which `trace verify --export` checks), Parquet, OCSF events, CEF messages
    #[arg(long, default_value = "jsonl")]
    pub format: ExportFormat,
    /// Where to write it; without, to the standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only from then on: `2h`, `7d`, `2026-11-21`, or `2026-11-21T10:00:00Z`
    #[arg(long)]
    pub since: Option<String>,
    /// Only until then
    #[arg(long)]
    pub until: Option<String>,
    /// Only from this record on, by its number
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<u64>,
    /// Only up to this record
    #[arg(long, value_name = "NUMBER")]
    pub to: Option<u64>,
}

/// `trace export --format`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ExportFormat {
    /// A record a line, with what proves it
    Jsonl,
    /// A row a record
    Parquet,
    /// An event of the Open Cybersecurity Schema Framework a line
    Ocsf,
    /// A message in the Common Event Format a line
    Cef,
}

/// `trace prove`
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// The id of a call, its last characters, or the number of a record
    pub id: String,
    /// Of a call: what came of it, not what was decided
    #[arg(long)]
    pub outcome: bool,
    /// Where to write it; without, to the standard output
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// `trace keys`
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Makes one more key, which signs beside the others from the next start on
    #[arg(long, conflicts_with = "retire")]
    pub new: bool,
    /// Lets this key sign no more: its number, or the file's name. What it signed stays right
    #[arg(long)]
    pub retire: Option<String>,
}

#[cfg(test)]
mod tests;
