//! The standard input of a child, written a whole line at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::task::TaskTracker;

/// Where a child is written to.
#[derive(Clone)]
pub(super) struct Pipe {
    stdin: Arc<Mutex<ChildStdin>>,
    tasks: TaskTracker,
}

/// A line on its way. When nobody waits for it any more, a task of its own writes the rest: what comes after half a line
/// would be read as part of it.
struct Writing {
    line: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>,
    tasks: TaskTracker,
}

impl Pipe {
    /// Nothing is written yet.
    pub(super) fn new(stdin: ChildStdin) -> Self {
        Self { stdin: Arc::new(Mutex::new(stdin)), tasks: TaskTracker::new() }
    }

    /// Writes a message as one line. Dropped before it is its turn, nothing of it is written; after that, all of it.
    pub(super) async fn write(&self, message: &[u8]) -> io::Result<()> {
        let line = one_line(message);
        let stdin = Arc::clone(&self.stdin).lock_owned().await;
        Writing { line: Some(Box::pin(write_line(stdin, line))), tasks: self.tasks.clone() }.await
    }
}

impl Future for Writing {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(line) = &mut self.line else { return Poll::Pending };
        let polled = line.as_mut().poll(context);
        if polled.is_ready() {
            self.line = None;
        }
        polled
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(line) = self.line.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            self.tasks.spawn(line);
        }
    }
}

async fn write_line(mut stdin: OwnedMutexGuard<ChildStdin>, line: Vec<u8>) -> io::Result<()> {
    stdin.write_all(&line).await?;
    stdin.flush().await
}

/// A message as one line. A line end can only stand between its tokens, where a blank means the same; left as it is, what
/// follows it would be a message of its own that nobody has decided on.
fn one_line(message: &[u8]) -> Vec<u8> {
    let mut line: Vec<u8> =
        message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests;
