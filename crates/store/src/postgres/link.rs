//! One link to a server, for threads that wait: another thread carries its bytes.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Socket};

use super::address::CONNECT_TIME_MAX;
use super::error::Failure;
use super::tls::Encryption;

/// A session of the server. It ends when the value goes.
pub(super) struct Link {
    pub(super) client: Client,
}

/// A value for a statement, and what it is to the server.
pub(super) type Param<'p> = (&'p (dyn ToSql + Sync), Type);

/// How to get to a server.
pub(super) struct Way {
    pub(super) config: Config,
    pub(super) encryption: Encryption,
}

struct Waiting(Thread);

impl Link {
    /// Connects. Blocks.
    pub(super) fn open(way: Way) -> Result<Self, Failure> {
        let Way { config, encryption } = way;
        let tls = encryption.connector()?;
        let (tell, told) = mpsc::sync_channel(1);
        let carry = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _gone = tell.send(Err(broken(error)));
                    return;
                }
            };
            match tls {
                Some(tls) => runtime.block_on(carry_on(&config, tls, &tell)),
                None => runtime.block_on(carry_on(&config, NoTls, &tell)),
            }
        };
        thread::Builder::new().name("trace-link".to_owned()).spawn(carry).map_err(broken)?;
        let client = told.recv_timeout(CONNECT_TIME_MAX * 2).map_err(|_| Failure::silent())??;
        Ok(Self { client })
    }

    /// Waits for an answer of the server, but not for ever.
    pub(super) fn wait<T>(
        &self,
        time: Duration,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        match block_on(time, answer) {
            Some(answer) => answer.map_err(Failure::from),
            None => Err(Failure::silent()),
        }
    }
}

/// Connects, tells the client, and carries its bytes until the link ends.
async fn carry_on<T>(config: &Config, tls: T, tell: &mpsc::SyncSender<Result<Client, Failure>>)
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    match config.connect(tls).await {
        Ok((client, connection)) => {
            // It ends with the link, and what it says of its end whoever asks next is told, too.
            if tell.send(Ok(client)).is_ok() {
                let _ended = connection.await;
            }
        }
        Err(error) => {
            let _gone = tell.send(Err(Failure::from(error)));
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("closed", &self.client.is_closed()).finish()
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future in this thread, which may be one of a runtime. None: it took too long.
fn block_on<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Waiting(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let end = stopwatch() + time;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = end.saturating_duration_since(stopwatch());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

fn broken(error: std::io::Error) -> Failure {
    super::error::fault_of_kind(trace::StoreFaultKind::Broken).because(error).into()
}

#[expect(clippy::disallowed_methods, reason = "how long a link is waited for decides nothing")]
pub(super) fn stopwatch() -> Instant {
    Instant::now()
}
