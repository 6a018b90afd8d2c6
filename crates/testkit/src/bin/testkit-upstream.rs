//! `testkit-upstream`: the server for tests as a process of its own.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use testkit::Revision;
use testkit::exact::{ExactOptions, serve_exact_http, serve_exact_stdio};
use testkit::upstream::{Era, Misbehaviour, Server, UpstreamOptions, serve_http, serve_stdio};

/// An MCP server for tests. Prints `listening on http://127.0.0.1:PORT/mcp` on stdout; `GET /calls` lists what it received.
#[derive(Parser)]
struct Arguments {
    /// The revisions it speaks.
    #[arg(long, value_parser = ["modern", "legacy", "both"], default_value = "both")]
    era: String,
    /// Speak exactly this revision and offer all that it has; of the other options only `--stdio` and `--listen` count.
    #[arg(long)]
    revision: Option<Revision>,
    /// With `--revision`: write what is received to this file, one JSON object a line.
    #[arg(long, requires = "revision")]
    record: Option<PathBuf>,
    /// Speak on stdin and stdout instead of HTTP.
    #[arg(long)]
    stdio: bool,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Ask for this bearer token.
    #[arg(long)]
    token: Option<String>,
    /// Append the tag of each call to this file before answering.
    #[arg(long)]
    log: Option<PathBuf>,
    /// While this file exists, the description of `echo` differs.
    #[arg(long)]
    definition_change_file: Option<PathBuf>,
    /// Answer tool calls as event streams.
    #[arg(long)]
    stream: bool,
    /// Offer a tool `environment` that shows this process's environment.
    #[arg(long)]
    print_env: bool,
    /// End with exit code 3 at the tool call after so many.
    #[arg(long, value_name = "N")]
    crash_after: Option<u64>,
    /// On stdio, print a line that is not JSON before each answer.
    #[arg(long)]
    garbage: bool,
    /// Write to stderr without end.
    #[arg(long)]
    flood_stderr: bool,
    /// Never answer a tool call.
    #[arg(long)]
    hang: bool,
    /// Answer every tool call with a text of so many bytes.
    #[arg(long, value_name = "BYTES")]
    huge: Option<usize>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (stdio, listen) = (arguments.stdio, arguments.listen.clone());
    let exact = arguments.revision.map(|revision| ExactOptions { revision, record: arguments.record.clone() });
    let server = Arc::new(Server::new(arguments.into()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(async {
        match exact.clone() {
            Some(exact) if stdio => return serve_exact_stdio(exact).await,
            None if stdio => return serve_stdio(server).await,
            _ => {}
        }
        let listener = tokio::net::TcpListener::bind(&listen).await;
        let listener = listener.with_context(|| format!("could not listen on `{listen}`"))?;
        announce(&listener.local_addr()?.to_string());
        match exact {
            Some(exact) => serve_exact_http(listener, exact).await,
            None => serve_http(listener, server).await,
        }
        Ok(())
    });
    // A thread may still be waiting for stdin.
    runtime.shutdown_background();
    served
}

#[expect(clippy::print_stdout, reason = "the address is this program's data")]
fn announce(address: &str) {
    println!("listening on http://{address}/mcp");
}

impl From<Arguments> for UpstreamOptions {
    fn from(arguments: Arguments) -> Self {
        let era = match arguments.era.as_str() {
            "modern" => Era::Modern,
            "legacy" => Era::Legacy,
            _ => Era::Both,
        };
        let misbehaviour = Misbehaviour {
            crash_after: arguments.crash_after,
            garbage: arguments.garbage,
            flood_stderr: arguments.flood_stderr,
            hang: arguments.hang,
            huge: arguments.huge,
        };
        Self {
            era,
            token: arguments.token,
            log: arguments.log,
            definition_change_file: arguments.definition_change_file,
            stream: arguments.stream,
            print_env: arguments.print_env,
            record: false,
            misbehaviour,
        }
    }
}
