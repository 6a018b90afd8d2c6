//! Contracts with vendors, as it is typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `contract`
#[derive(Debug, Args)]
pub struct ContractArgs {
    /// What to do; without it, the standing of all contracts
    #[command(subcommand)]
    pub action: Option<ContractAction>,
}

/// `contract …`
#[derive(Debug, Subcommand)]
pub enum ContractAction {
    /// Standing, signatures and coverage of all contracts
    Status,
    /// Check contract files; change nothing
    #[command(after_help = "Exit codes: 0 in order, 2 refused.")]
    Check {
        /// Contract files; those of the configuration if absent
        files: Vec<PathBuf>,
    },
    /// Show a contract: parties, term, digests, who signed
    Show {
        /// The contract, or a contract file
        contract: String,
        /// Print the normal form, what people sign, as JSON
        #[arg(long)]
        normal: bool,
    },
    /// List every clause and how it is honoured
    Register {
        /// The contract, or a contract file
        contract: String,
    },
    /// Say in plain sentences what the vendor may do today
    Explain {
        /// The contract, or a contract file
        contract: String,
    },
    /// Say what a version newly permits or forbids, cell by cell
    #[command(after_help = "Exit codes: 0 nothing differs, 1 something does, 2 a file is refused.")]
    Diff {
        /// The version until now, a file
        old: PathBuf,
        /// The new version, a file
        new: PathBuf,
    },
    /// Check now what the register says is checked afterwards, and put on record what was found
    #[command(
        after_help = "Exit codes: 0 kept, 1 something speaks against it. A running gateway does this by itself when it is due."
    )]
    Audit {
        /// The contract; all of them if absent
        contract: Option<model::ContractId>,
        /// Whoever is signed in has looked at this clause, which people look at, and it was kept
        #[arg(long, value_name = "CLAUSE", requires = "contract")]
        done: Option<model::ClauseNumber>,
        /// It was not kept
        #[arg(long, requires = "done")]
        not_kept: bool,
        /// What there is to say of it, for the record
        #[arg(long, value_name = "TEXT", requires = "done")]
        note: Option<String>,
    },
    /// Write what an auditor is given: how each clause was kept in a period, with receipts that verify
    #[command(after_help = EVIDENCE)]
    Evidence {
        /// The contract
        contract: model::ContractId,
        /// About when, in days of the contract's zone: `2026-10`, `2026`, `2026-10-01..2026-10-14`
        #[arg(long)]
        period: String,
        /// Where to write the page; without, to the standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Write each receipt into a file of this folder as well
        #[arg(long, value_name = "FOLDER")]
        receipts: Option<PathBuf>,
    },
    /// Say what recorded calls would have come to under a new version
    #[command(after_help = SIMULATE)]
    Simulate {
        /// The new version, a file
        new: PathBuf,
        /// Only calls from then on: `30d`, `2026-11-01`
        #[arg(long, default_value = "30d")]
        since: String,
        /// How many calls to list one by one
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: usize,
    },
    /// Make a contract file of a document, to be completed
    #[command(after_help = DRAFT)]
    Draft(DraftArgs),
    /// Sign a contract as the person who is signed in; it takes two different people
    Sign {
        /// The contract
        contract: model::ContractId,
        /// The digest of what you looked at, as `contract show` prints it
        #[arg(long)]
        digest: Option<model::Digest>,
    },
    /// The contract admits nothing any more, from the next call on, until it is resumed
    Suspend {
        /// The contract
        contract: model::ContractId,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// The contract admits again what it permits
    Resume {
        /// The contract
        contract: model::ContractId,
    },
    /// The contract admits nothing any more, for good
    Terminate {
        /// The contract
        contract: model::ContractId,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// Without asking
        #[arg(long, short)]
        yes: bool,
    },
}

/// `contract draft`
#[derive(Debug, Args)]
pub struct DraftArgs {
    /// The agreement: `.docx`, `.md` or `.txt`, `.pdf` where `pdftotext` is installed
    pub document: PathBuf,
    /// Ask a language model for suggestions as well: where its chat completions are, `https://models.example.org/v1`
    #[arg(long, value_name = "URL")]
    pub model: Option<http::Uri>,
    /// What the model is called there
    #[arg(long, value_name = "NAME", default_value = "default", requires = "model")]
    pub model_name: String,
    /// Where the key for it is kept: `env:NAME` or `file:PATH`
    // Not parsed as it is typed: a message of wrong usage repeats what was typed, and that might be the key.
    #[arg(long, value_name = "SOURCE", requires = "model")]
    pub model_key: Option<String>,
    /// How many seconds one answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600), requires = "model")]
    pub model_timeout: u64,
}

const DRAFT: &str = "\
The same document gives the same draft. With `--model` the text of the agreement leaves this machine; what comes back
stands in the draft as comments, and changes no value of it.

Exit codes: 0 done, 1 done but the model could not be asked about all of it, 2 the document is refused.
";

const EVIDENCE: &str = "\
One HTML file that needs nothing else, for a screen and for paper; `--json` for programs. It reads the trace
beside a running gateway. `countersign trace verify FILE` checks every receipt in it.
";

const SIMULATE: &str = "\
As if it had been signed and in force. Limits are counted anew. What only an answer shows (whose record it was, in
which state) is not judged; where answers would show other fields, that is said.

Exit codes: 0 nothing would change, 1 something would, 2 the file is refused.
";
