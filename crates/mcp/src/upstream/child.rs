//! A child process that speaks MCP over its standard streams, one JSON message a line.
//!
//! It starts from an empty environment plus what the app lists, in a process group of its own, and is ended with its
//! whole group.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use decide::{Placed, Scrub, SendFault};
use model::limits::{CHILD_LINE_BYTES_MAX, CHILD_STDERR_KEPT_BYTES_MAX};
use model::{Blame, Fault, Limits};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::reply::{Heard, Reply, apart, cancelled, cancelled_notice, hear, to_question, too_large};
use super::under_way::UnderWay;
use super::{Ask, Ear, GOODBYE_TIME_MAX, request};
use crate::revision::Revision;

mod listen;
mod pipe;

use listen::{Subscriptions, tell_what_is_over};
use pipe::Pipe;

/// How to start a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildSpec {
    /// The program, already found on the path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment, besides its credential.
    pub environment: Vec<(String, String)>,
    /// Where it starts; our own directory if none.
    pub directory: Option<PathBuf>,
}

/// A running child.
pub(crate) struct ChildLink {
    stdin: Pipe,
    shared: Arc<Shared>,
    next_id: AtomicU64,
    _readers: JoinSet<()>,
}

struct Shared {
    /// Who waits for which answer.
    waiting: Mutex<HashMap<u64, oneshot::Sender<Result<Reply, Fault>>>>,
    under_way: Arc<UnderWay>,
    said: Mutex<VecDeque<u8>>,
    scrub: Arc<dyn Scrub>,
    ear: Ear,
    subscriptions: Subscriptions,
    ended: AtomicBool,
    /// Whether several messages may come as one, in the revision that was agreed on.
    batches: AtomicBool,
    /// The child's group, until the child is reaped: from then on the number may be another's.
    group: Mutex<Option<Pid>>,
}

impl ChildLink {
    /// Starts the child. Error: it could not be started (blame `Operator`).
    pub(crate) fn start(
        spec: &ChildSpec,
        secrets: &[Placed<String>],
        scrub: Arc<dyn Scrub>,
        limits: &Limits,
        ear: Ear,
    ) -> Result<Self, Fault> {
        let mut command = Command::new(&spec.program);
        command.args(&spec.arguments).env_clear().envs(spec.environment.iter().map(|(name, value)| (name, value)));
        for Placed { name, value, .. } in secrets {
            command.env(name, value.expose());
        }
        if let Some(directory) = &spec.directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| not_started(spec, error))?;
        let group = Mutex::new(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Fault::new(Blame::Bug, "bug.child_streams", "a child started without its streams"));
        };
        let (waiting, said, ended) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        let under_way = UnderWay::of(&ear);
        let (subscriptions, overs) = Subscriptions::new();
        let shared = Arc::new(Shared {
            waiting,
            under_way,
            said,
            scrub,
            ear,
            subscriptions,
            ended,
            batches: false.into(),
            group,
        });
        let mut readers = JoinSet::new();
        let stdin = Pipe::new(stdin);
        let line_bytes_max = limits.answer_bytes_max.min(CHILD_LINE_BYTES_MAX);
        let (said_all, silent) = oneshot::channel();
        readers.spawn(listen(stdout, child, stdin.clone(), Arc::clone(&shared), line_bytes_max, silent));
        readers.spawn(tell_what_is_over(stdin.clone(), overs));
        readers.spawn(overhear(stderr, Arc::clone(&shared), said_all));
        Ok(Self { stdin, shared, next_id: AtomicU64::new(1), _readers: readers })
    }

    /// Whether it still runs.
    pub(crate) fn alive(&self) -> bool {
        !self.shared.ended.load(Ordering::Acquire)
    }

    /// Its calls.
    pub(crate) fn under_way(&self) -> &Arc<UnderWay> {
        &self.shared.under_way
    }

    /// An id that no request has had.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The child and the gateway have agreed to speak this.
    pub(crate) fn speaks(&self, revision: Revision) {
        self.shared.batches.store(revision.has_batches(), Ordering::Release);
    }

    /// Sends one request and waits for its answer. After a fault `before`, nothing has left.
    pub(crate) async fn exchange(&self, ask: &Ask<'_>) -> Result<Reply, SendFault> {
        let id = self.next_id();
        let (tell, told) = oneshot::channel();
        lock(&self.shared.waiting).insert(id, tell);
        let _begun = ask.call().map(|asks| self.shared.under_way.begins(id, asks));
        let _forget = Forget { shared: &self.shared, id };
        if !self.alive() {
            return Err(SendFault::before(self.shared.gone()));
        }
        let Some(along) = ask.along else { return self.answered(request(id, ask), told).await };
        tokio::select! {
            biased;
            () = along.cancelled() => {
                // It may have stopped reading.
                let notice = cancelled_notice(id);
                let told = tokio::time::timeout(GOODBYE_TIME_MAX, self.notify(notice.as_bytes())).await;
                tracing::debug!(?told, "a child is told that a call is cancelled");
                Err(SendFault::after(cancelled()))
            }
            reply = self.answered(request(id, ask), told) => reply,
        }
    }

    async fn answered(
        &self,
        request: Bytes,
        mut told: oneshot::Receiver<Result<Reply, Fault>>,
    ) -> Result<Reply, SendFault> {
        if let Err(fault) = self.notify(&request).await {
            // Who reads its streams knows its last words.
            let known = tokio::time::timeout(LAST_WORDS_TIME_MAX, &mut told).await;
            return Err(SendFault::after(match known {
                Ok(Ok(Err(known))) => known,
                _ => fault,
            }));
        }
        drop(request);
        match told.await {
            Ok(reply) => reply.map_err(SendFault::after),
            Err(_) => Err(SendFault::after(self.shared.gone())),
        }
    }

    /// Sends a notification: nobody answers it.
    pub(crate) async fn notify(&self, message: &[u8]) -> Result<(), Fault> {
        self.stdin.write(message).await.map_err(|error| self.shared.gone().because(error))
    }

    /// Asks the child's whole group to end, and after `grace` ends it.
    pub(crate) async fn stop(&self, grace: Duration) {
        self.shared.signal(Signal::TERM);
        let steps = 20;
        for _ in 0..steps {
            if !self.alive() {
                return;
            }
            tokio::time::sleep(grace / steps).await;
        }
        self.shared.signal(Signal::KILL);
    }
}

impl Drop for ChildLink {
    fn drop(&mut self) {
        self.shared.signal(Signal::KILL);
    }
}

impl Shared {
    /// Tells the child's whole group.
    fn signal(&self, signal: Signal) {
        if let Some(group) = *lock(&self.group) {
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }

    /// The child has ended. The last words on its stderr are for logs and operators only, and without its credential.
    fn gone(&self) -> Fault {
        let last: Vec<u8> = lock(&self.said).iter().copied().collect();
        let last = self.scrub.scrub(&last).map_or(last, |(clean, _)| clean);
        let last = String::from_utf8_lossy(&last).into_owned();
        Fault::new(Blame::Upstream, "upstream.child_ended", "its process has ended")
            .hint("its last words stand in the gateway's log; `countersign doctor`, while no gateway runs, starts it and shows them")
            .because(std::io::Error::other(format!("its last words: {}", last.trim())))
            .retryable()
    }

    fn all_gone(&self) {
        self.ended.store(true, Ordering::Release);
        self.ear.lose();
        self.subscriptions.end_all();
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        for (_, waiter) in waiting {
            let _ = waiter.send(Err(self.gone()));
        }
    }
}

/// Removes a request from the waiting list when its caller has gone away.
struct Forget<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(&self.shared.waiting).remove(&self.id);
    }
}

/// Ends what is left of a child's group. INVARIANT: it goes before the child does, and so before its number can be another's
/// (`no_process_of_a_child_outlives_it`).
struct Rest<'s>(&'s Shared);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::KILL);
        *lock(&self.0.group) = None;
    }
}

/// Reads the child's messages until it ends. Owns the child, so that it is reaped.
async fn listen(
    mut stdout: ChildStdout,
    mut child: Child,
    stdin: Pipe,
    shared: Arc<Shared>,
    line_bytes_max: usize,
    silent: oneshot::Receiver<()>,
) {
    let rest = Rest(&shared);
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    loop {
        match line(&mut stdout, &mut buffer, line_bytes_max).await {
            Ok(Some(line)) => {
                for answer in heard_all(&shared, &line) {
                    // One that reads nothing until it is read must not wait for itself.
                    let _ = tokio::time::timeout(Duration::from_secs(1), stdin.write(&answer)).await;
                }
            }
            Ok(None) => {
                let _ = tokio::time::timeout(END_TIME_MAX, left(&shared)).await;
                break;
            }
            Err(fault) => {
                tracing::warn!(%fault, "a child is ended");
                break;
            }
        }
    }
    drop(rest);
    let ended = tokio::time::timeout(END_TIME_MAX, child.wait()).await;
    let _ = tokio::time::timeout(LAST_WORDS_TIME_MAX, silent).await;
    tracing::info!(status = ?ended.ok().and_then(Result::ok), "a child has ended");
    shared.all_gone();
}

/// Waits until the child has ended by itself, and leaves it to be reaped.
async fn left(shared: &Shared) {
    let Some(child) = *lock(&shared.group) else { return };
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while matches!(rustix::process::waitid(WaitId::Pid(child), ended), Ok(None)) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Takes a line of the child: a message, or a batch of them where there are batches.
fn heard_all(shared: &Shared, line: &Bytes) -> Vec<Vec<u8>> {
    let batches = shared.batches.load(Ordering::Acquire);
    match batches.then(|| apart(line)).transpose() {
        Ok(Some(Some(several))) => several.iter().filter_map(|one| heard(shared, one)).collect(),
        Ok(_) => heard(shared, line).into_iter().collect(),
        Err(fault) => {
            tracing::warn!(%fault, "a line of a child was not a message");
            Vec::new()
        }
    }
}

/// Takes one message of the child; gives what to answer it, if it asked.
fn heard(shared: &Shared, message: &Bytes) -> Option<Vec<u8>> {
    if message.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    match hear(message) {
        Ok(Heard::Reply(id, _)) if shared.subscriptions.end(id, message) => {}
        Ok(Heard::Reply(id, reply)) => {
            shared.under_way.answered(id);
            if let Some(waiter) = lock(&shared.waiting).remove(&id) {
                let _ = waiter.send(Ok(reply));
            } else {
                tracing::debug!(id, "a child answered a request nobody waits for any more");
            }
        }
        Ok(Heard::Asks { id, method, params }) => {
            let taken = shared.under_way.take(id.clone(), &method, params);
            return taken.err().map(|why_not| to_question(&id, &method, why_not));
        }
        Ok(Heard::Tells(_)) if shared.subscriptions.take(message) => {}
        Ok(Heard::Tells(method)) if shared.ear.hear(&method, message) => {}
        Ok(Heard::Tells(method)) => shared.under_way.tell(message, &method),
        Err(fault) => tracing::warn!(%fault, "a line of a child was not a message"),
    }
    None
}

/// Reads one line. None at the end; an error past the bound.
async fn line(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    bytes_max: usize,
) -> Result<Option<Bytes>, Fault> {
    let mut looked = 0;
    loop {
        if let Some(at) = buffer.get(looked..).and_then(|fresh| memchr::memchr(b'\n', fresh)) {
            let mut line = buffer.split_to(looked + at + 1);
            line.truncate(looked + at);
            return Ok(Some(line.freeze()));
        }
        looked = buffer.len();
        if looked > bytes_max {
            return Err(too_large(bytes_max));
        }
        match from.read_buf(buffer).await {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_) => {}
        }
    }
}

/// Keeps the last words of a child; a flood costs nothing but the reading.
async fn overhear(mut stderr: ChildStderr, shared: Arc<Shared>, said_all: oneshot::Sender<()>) {
    let mut piece = [0u8; 4096];
    while let Ok(count) = stderr.read(&mut piece).await {
        if count == 0 {
            break;
        }
        let mut said = lock(&shared.said);
        said.extend(piece.iter().take(count));
        let too_many = said.len().saturating_sub(CHILD_STDERR_KEPT_BYTES_MAX);
        if too_many > 0 {
            // Whole lines go: what is left of a secret that was cut in two would not be known for one.
            let line = said.iter().skip(too_many).position(|byte| *byte == b'\n');
            let cut = line.map_or(said.len(), |line| too_many + line + 1);
            said.drain(..cut);
        }
    }
    let _ = said_all.send(());
}

/// Why a child could not be started. The system has one word for a folder, a program and an interpreter that are missing.
fn not_started(spec: &ChildSpec, error: io::Error) -> Fault {
    let program = spec.program.display();
    let fault = |said: String, way_out: &str| {
        Fault::new(Blame::Operator, "operator.child_start", said).hint(way_out.to_owned())
    };
    if let Some(directory) = spec.directory.as_deref().filter(|directory| !directory.is_dir()) {
        let said = format!("`{program}` could not be started in `{}`: there is no such folder", directory.display());
        return fault(said, "make it, or correct the app's `directory:`");
    }
    let (why, way_out) = match error.kind() {
        io::ErrorKind::NotFound if spec.program.is_file() => {
            ("the program that its first line names is not there", "correct that line")
        }
        io::ErrorKind::NotFound => ("there is no such program", "correct the app's `command:`"),
        io::ErrorKind::PermissionDenied if spec.directory.is_some() => (
            "it may not be run, or its folder may not be entered",
            "look at the mode of the app's `command:` and `directory:`",
        ),
        io::ErrorKind::PermissionDenied => ("it may not be run", "`chmod +x` it, or correct the app's `command:`"),
        _ => {
            let said = format!("`{program}` could not be started");
            return fault(said, "correct the app's `command:`").because(error);
        }
    };
    fault(format!("`{program}` could not be started: {why}"), way_out)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a child may take to end once it says nothing more, or is killed.
const END_TIME_MAX: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a child's stderr is still read after its end; a grandchild may keep it open.
const LAST_WORDS_TIME_MAX: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
