//! The workspace's own commands: `cargo xtask COMMAND`.
//!
//! # In scope
//! What a person or CI runs on a fresh clone: prepare the machine, test everything, check the house rules, measure, and
//! break things on purpose.
//!
//! # Out of scope
//! Anything the product needs at run time.
//!
//! # Invariants
//! * `setup` can be run any number of times and downloads only what is pinned.
//! * A check that did not run is a failure or says so; none is skipped silently.

mod bench;
mod conformance;
mod dist;
mod fuzz;
mod run;
mod screenshots;
mod setup;
mod soak;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["setup"] => setup::setup(&run::workspace_root()).map(|()| true),
        ["test"] => test::test(&run::workspace_root()),
        ["screenshots"] => screenshots::screenshots(&run::workspace_root()).map(|()| true),
        ["tidy", options @ ..] => match tidy_options(options) {
            Ok(options) => tidy::tidy(&options),
            Err(complaint) => return usage(&complaint),
        },
        ["dist"] => dist::ship(&run::workspace_root()).map(|_| true),
        ["bench", rest @ ..] => match bench::bench(&run::workspace_root(), rest) {
            Err(bench::Refused::Usage(complaint)) => return usage(&complaint),
            Err(bench::Refused::Failed(error)) => Err(error),
            Ok(measured) => Ok(measured),
        },
        ["conformance", rest @ ..] => match conformance::Options::parse(rest) {
            Ok(options) => conformance::conformance(&run::workspace_root(), &options),
            Err(complaint) => return usage(&complaint),
        },
        ["fuzz", rest @ ..] => match fuzz::Options::parse(rest) {
            Ok(options) => fuzz::fuzz(&run::workspace_root(), &options),
            Err(complaint) => return usage(&complaint),
        },
        ["soak", rest @ ..] => match soak::Options::parse(rest) {
            Ok(options) => soak::soak(&run::workspace_root(), &options),
            Err(complaint) => return usage(&complaint),
        },
        ["help" | "--help" | "-h"] => {
            eprint!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [] => return usage("a command is missing"),
        [other, ..] => return usage(&format!("`{}` is no such command, or takes no such arguments", other)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn tidy_options(words: &[&str]) -> Result<tidy::Options, String> {
    let mut options = tidy::Options { root: run::workspace_root(), binary: None, write: false };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match *word {
            "--write" => options.write = true,
            "--root" => options.root = value(word, rest.next())?,
            "--binary" => options.binary = Some(value(word, rest.next())?),
            other => return Err(format!("`{other}` is not an option of tidy")),
        }
    }
    Ok(options)
}

fn value(option: &str, word: Option<&&str>) -> Result<PathBuf, String> {
    word.map(PathBuf::from).ok_or_else(|| format!("`{option}` needs a value"))
}

fn usage(complaint: &str) -> ExitCode {
    eprintln!("error: {complaint}");
    eprint!("{USAGE}");
    ExitCode::from(64)
}

const USAGE: &str = "\
cargo xtask test                 everything CI runs

  setup                          install what the tests need, pinned; quick when nothing changed
  test                           setup, format, lints, build, tidy, all tests, conformance, fuzz, questions to a log, a short soak load
  tidy [--root DIR]              the house rules: edges, call sites, headings, words, licences
       [--binary FILE]           the countersign binary that generated text is compared with
       [--write]                 bring generated text up to date instead of failing
  dist                           the program as it is shipped, in target/shipped: built, watched at work, linked in that order
  bench mcp                      what the gateway adds to a call, against a direct one and a byte pipe
       [--seconds S] [--rounds N]  how long each way is measured, how often it has its turn (3, 5)
       [--json FILE]             a list of {name, value, unit, target, holds} as well
       [--other NAME=URL[,TOKEN]]  another gateway in front of a like upstream, in the same run
       [--no-build]              measure what was built last
  bench trace                    durable records a second beside what the disk can flush, verification, questions, bytes;
                                 SQLite and PostgreSQL
       [--records N]             how long a log is asked (1,000,000)
       [--json FILE]             as above
  bench holds                    calls that wait for a person: memory of each, and how soon one runs that is approved
       [--calls N] [--json FILE] [--no-build]
  bench decide                   one decision under 10, 1,000 and 10,000 rules, beside plain Cedar and Rego
       [--json FILE] [--no-build]  as above
  bench http                     an answer of which only a part is shown, beside a tree of it, a parse and a copy; and the
                                 door of a gateway before it, beside a direct call and a byte pipe
       [--seconds S] [--rounds N]  how long each way is measured, how often it has its turn (2, 5)
       [--json FILE] [--no-build]  as above
  screenshots                    pictures of the console's pages, into docs/images
  conformance                    the MCP conformance suite through the gateway, against what it finds without
       [--revision R]            one of 2025-03-26, 2025-06-18, 2025-11-25, 2026-07-28
       [--server S]              before one server only: python, typescript, rust
       [--client]                the gateway as a client of the suite only
       [--json FILE]             a list of {subject, revision, direct, through, lost} as well
       [--no-build]              run what stands in target/debug
  fuzz [TARGET...]               throw bytes at json, front, upstream, child, decide, tlog, release (all), two at a time on two processors
       [--seconds N]             at each for so long (30)
  soak kills [--rounds N]        kill the gateway again and again (1000) and compare what happened with the trace
  soak questions [--records N]   as `bench trace`, with a log of 10,000,000 records
  soak load [--seconds N]        everything at once for so long (600): memory, descriptors, threads, children, errors
       [--debug]                 of the debug build instead of what is shipped
";
