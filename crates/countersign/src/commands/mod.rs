//! What each command does. A new command is one arm here and one file beside it.

mod accounts;
mod apps;
mod backup;
mod check;
mod clients;
mod connect;
mod contract;
mod demo;
mod doctor;
mod explain;
mod files;
mod holds;
mod init;
mod leave;
pub(crate) mod login;
mod matrix;
pub(crate) mod place;
mod policy;
mod replay;
mod repository;
pub(crate) mod serve;
mod shown;
mod standing;
mod test;
mod token;
mod tools;
pub(crate) mod trace;
mod vault;
mod vendors;
mod why;
pub(crate) mod witness;

use std::process::ExitCode;

use clap::CommandFactory as _;
use model::{Blame, Fault};

use crate::cli::{Cli, Command};

/// Runs the command.
pub fn run(cli: Cli) -> Result<ExitCode, Fault> {
    let common = cli.common;
    match cli.command {
        Command::Completions(args) => {
            clap_complete::generate(args.shell, &mut Cli::command(), "countersign", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Trace(args) => trace::run(&common, &args),
        Command::Why(args) => why::run(&common, &args),
        Command::Apps(args) => apps::run(&common, &args),
        Command::Policy(args) => policy::show(&common, &args),
        Command::Check(args) => check::run(&common, &args),
        Command::Explain(args) => explain::run(&common, &args),
        Command::Test(args) => test::run(&common, &args),
        Command::Matrix(args) => matrix::run(&common, &args),
        Command::Replay(args) => replay::run(&common, &args),
        Command::Demo(args) => block_on(demo::run(&common, &args)),
        Command::Init(args) => block_on(init::run(&common, &args)),
        Command::Leave(args) => block_on(leave::run(&common, &args)),
        Command::Serve(args) => block_on(serve::run(&common, &args)),
        Command::Connect(args) => block_on(connect::run(&common, &args)),
        Command::Doctor => block_on(doctor::run(&common)),
        Command::Tools(args) => block_on(tools::run(&common, &args)),
        Command::Reload => block_on(serve::reload(&common)),
        Command::Token(args) => block_on(token::run(&common, &args)),
        Command::Contract(args) => match contract::without_gateway(&common, &args) {
            Some(done) => done,
            None => block_on(contract::run(&common, &args)),
        },
        Command::Holds(args) => block_on(holds::run(&common, &args)),
        Command::People(args) => block_on(standing::people(&common, &args)),
        Command::Agents(args) => block_on(standing::agents(&common, &args)),
        Command::Accounts(args) => block_on(accounts::run(&common, &args)),
        Command::Login(args) => block_on(login::login(&common, &args)),
        Command::Logout => block_on(login::logout(&common)),
        Command::Whoami => block_on(login::whoami(&common)),
        Command::Stop(args) => block_on(standing::stop(&common, &args)),
        Command::Start(args) => block_on(standing::start(&common, &args)),
        Command::Witness(args) => block_on(witness::run(&common, &args)),
        Command::Vault(args) => block_on(vault::run(&common, &args)),
        Command::Vendors(args) => block_on(vendors::run(&common, &args)),
    }
}

/// Half of the processors: the other half writes the trace, and threads that wake each other for little are dearer than
/// one with more to do.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(2))
}

fn block_on(work: impl Future<Output = Result<ExitCode, Fault>>) -> Result<ExitCode, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads()).enable_all().build().map_err(
        |error| Fault::new(Blame::Operator, "operator.runtime", "the runtime could not be started").because(error),
    )?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}
