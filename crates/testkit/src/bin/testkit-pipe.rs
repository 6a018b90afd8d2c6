//! `testkit-pipe`: copies bytes between two TCP connections and does nothing else. What any hop costs at least.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A byte pipe. Prints `listening on http://127.0.0.1:PORT` on stdout; every connection goes to the one address.
#[derive(Parser)]
struct Arguments {
    /// Where the bytes go.
    #[arg(long)]
    to: SocketAddr,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(&arguments.listen).await;
        let listener = listener.with_context(|| format!("could not listen on `{}`", arguments.listen))?;
        announce(listener.local_addr()?);
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.context("could not accept a connection")?;
            connections.spawn(carry(stream, arguments.to));
            while connections.try_join_next().is_some() {}
        }
    })
}

async fn carry(mut near: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let mut far = TcpStream::connect(to).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut near, &mut far).await.map(drop)
}

#[expect(clippy::print_stdout, reason = "the address is this program's data")]
fn announce(address: SocketAddr) {
    println!("listening on http://{address}");
}
