//! `connect`: MCP over standard input and output in front, the gateway's socket behind.
//!
//! Standard output carries the protocol and nothing else. Whoever asks gets an answer, if only an error.

mod carry;
mod line;
mod link;
mod message;
mod session;
mod start;
mod stream;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{AppId, Blame, Fault};
use tokio::io::{AsyncWriteExt as _, Stdout};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::carry::Carrier;
use self::line::Lines;
use self::link::Link;
use self::message::{Message, error_answer};
use super::place::Place;
use crate::cli::{Common, ConnectArgs};

/// Passes messages both ways until standard input ends.
pub async fn run(common: &Common, args: &ConnectArgs) -> Result<ExitCode, Fault> {
    let place = Place::of(&common.config, &Place::here());
    if args.become_gateway {
        return Err(start::become_gateway(&place));
    }
    let app = args.app.as_deref().map(AppId::parse).transpose();
    let app = app.map_err(|error| Fault::new(Blame::Operator, "operator.no_app", error.to_string()))?;
    let link = Link::new(place, app, !args.no_start);
    let out = Arc::new(Out::new());
    let carrier = Arc::new(Carrier::new(link, Arc::clone(&out)));
    pass(&carrier, &out).await;
    Ok(ExitCode::SUCCESS)
}

/// Standard output, one message a line.
pub(super) struct Out {
    stdout: Mutex<Stdout>,
    /// Cancelled when nobody reads any more.
    pub(super) gone: CancellationToken,
}

impl Out {
    fn new() -> Self {
        Self { stdout: Mutex::new(tokio::io::stdout()), gone: CancellationToken::new() }
    }

    /// Writes one message. White space between tokens is all that may hold a line end, so blanks take its place.
    pub(super) async fn message(&self, message: &[u8]) {
        let mut line: Vec<u8> =
            message.trim_ascii().iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
        line.push(b'\n');
        let mut stdout = self.stdout.lock().await;
        if stdout.write_all(&line).await.is_err() || stdout.flush().await.is_err() {
            self.gone.cancel();
        }
    }
}

async fn pass(carrier: &Arc<Carrier>, out: &Arc<Out>) {
    let mut lines = Lines::new(tokio::io::stdin());
    let places = Arc::new(Semaphore::new(MESSAGES_IN_FLIGHT_MAX));
    let mut carried: JoinSet<()> = JoinSet::new();
    let mut listens = false;
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = out.gone.cancelled() => return,
        };
        let line = match line {
            None => break,
            Some(Ok(line)) => line,
            Some(Err(too_long)) => {
                out.message(&error_answer(b"null", PARSE_ERROR, &too_long, None)).await;
                continue;
            }
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let Ok(message) = Message::read(line) else {
            out.message(&error_answer(b"null", PARSE_ERROR, "the line is not a JSON-RPC message", None)).await;
            continue;
        };
        while carried.try_join_next().is_some() {}
        if let Some(id) = message.cancels() {
            // Closing the exchange is how this revision is told; a legacy session is told by the message itself.
            if carrier.cancel(id) {
                continue;
            }
        }
        if message.opens_session() {
            carrier.carry(message).await;
            continue;
        }
        if message.begins_session() && !std::mem::replace(&mut listens, true) {
            let carrier = Arc::clone(carrier);
            carried.spawn(async move { carrier.listen().await });
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let carrier = Arc::clone(carrier);
        carried.spawn(async move {
            let _place = place;
            carrier.carry(message).await;
        });
    }
    carrier.close_streams();
    let finishing = async { while carried.join_next().await.is_some() {} };
    if tokio::time::timeout(OUTSTANDING_TIME_MAX, finishing).await.is_err() {
        tracing::warn!("some answers did not arrive before the end");
    }
    carrier.end_session().await;
}

/// The bytes of a message, cheap to share.
pub(super) type Body = Bytes;

/// Messages on their way at once; past it, standard input waits.
const MESSAGES_IN_FLIGHT_MAX: usize = 128;
/// How long answers are waited for after standard input has ended.
const OUTSTANDING_TIME_MAX: Duration = Duration::from_secs(70);
const PARSE_ERROR: i64 = -32700;
