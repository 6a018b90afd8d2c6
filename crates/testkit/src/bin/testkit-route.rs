//! `testkit-route`: runs a client against a gateway that stands in front of the URL the client was meant for.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Parser;
use testkit::World;

/// Runs `COMMAND… --token TOKEN GATEWAY-URL` where `COMMAND… URL` was meant. Every tool behind the URL is pinned and
/// allowed. What goes wrong before the client runs is said on stderr and does not stop it.
#[derive(Parser)]
struct Arguments {
    /// The gateway's binary.
    #[arg(long)]
    gateway: PathBuf,
    /// The client, its arguments, and the URL.
    #[arg(trailing_var_arg = true, required = true)]
    command: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let [program, client @ .., url] = arguments.command.as_slice() else { bail!("a command and a URL are needed") };
    let world = World::builder(arguments.gateway)
        .app_url(APP, url, None)
        .rules("allow.cedar", ALLOW)
        .start()
        .context("the gateway did not start")?;
    let pinned = world.run(&["tools", "pin", APP, "--class", "read", "--yes"])?;
    eprintln!("{}{}", pinned.stdout, pinned.stderr);
    let token = world.token("ana-desktop", "ana", None)?;
    let url = format!("{}/{APP}", world.mcp_url());
    let status = Command::new(program).args(client).args(["--token", &token, &url]).status();
    let status = status.with_context(|| format!("could not start `{program}`"))?;
    eprintln!("{}", world.log());
    Ok(ExitCode::from(u8::from(!status.success())))
}

const APP: &str = "suite";
const ALLOW: &str = r#"@id("allow-all")
@says("the suite may do everything")
permit (principal, action, resource);
"#;
