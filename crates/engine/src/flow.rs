//! An answer that is looked at while it comes: what a contract does not let out is taken out, known secrets are, and the rest
//! goes on. However long it is, no more of it than a window is in memory.
//!
//! Nothing is passed on before a window is full or the answer is over, so that a short answer is let out whole or not at all. A
//! fault behind the first byte breaks the answer off, and the record says how much had left.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use decide::{
    Answer, AnswerBody, AnswerKind, Credentials, Opened, Outgoing, Permit, Scrub, SendFault, Upstream, unreleased,
};
use model::limits::{FLOW_BYTES_MAX, FLOW_PAUSE_MAX, FLOW_TIME_MAX, FLOW_WINDOW_BYTES};
use model::{Blame, CallId, Clock, Digest, Facts, Fault, Filter, Operation, Release, Released, RuleId};
use trace::Came;

use crate::budget::Taken;
use crate::call::{GRACE, Sent, by_the_rule, past_runtime, redacted, too_slow};

/// Who takes an answer while it comes.
pub trait Taker: Send + Sync {
    /// It begins. `whole`: its length, where all of it is there already. Nothing of an answer that may not be seen begins.
    fn begins(&self, call: &CallId, whole: Option<usize>);

    /// The next piece. False: nobody wants it any more.
    fn takes(&self, piece: Bytes) -> TakerFuture<'_>;

    /// That was all of it. Where this is not called, it broke off.
    fn ends(&self) -> TakerFuture<'_>;
}

/// What a [`Taker`] gives back.
pub type TakerFuture<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// One answer on its way.
pub(crate) struct Flow<'a> {
    pub(crate) call: &'a CallId,
    pub(crate) facts: &'a Facts,
    pub(crate) release: Option<&'a dyn Release>,
    /// Asked once the call was sent: by then they know the credential that went along.
    pub(crate) credentials: &'a dyn Credentials,
    /// Who takes it while it comes; none: it is kept until it is whole.
    pub(crate) taker: Option<&'a dyn Taker>,
    /// How much of it is kept where it is wanted whole.
    pub(crate) bytes_max: usize,
    pub(crate) clock: &'a dyn Clock,
    /// What it may take of records and bytes.
    pub(crate) taken: &'a mut Taken,
    /// How long all of it may take, where a rule says so.
    pub(crate) runtime: Option<(Duration, &'a RuleId)>,
}

/// What went past.
pub(crate) struct Flowed {
    /// The answer as it came.
    pub(crate) came: Came,
    /// What was passed on of it.
    pub(crate) passed: Came,
    /// Echoes of a secret taken out of it.
    pub(crate) scrubbed: u32,
    /// Records that were let out.
    rows: u64,
    /// Whether anything was passed on at all, be it an answer without a body.
    begun: bool,
}

/// A sum of bytes that go past.
struct Sum {
    digest: Context,
    bytes: u64,
}

/// The way through filter and scrubber.
struct Way<'a> {
    filter: Option<Box<dyn Filter>>,
    scrub: Arc<dyn Scrub>,
    reach: usize,
    /// Whether it shows one record or nothing.
    shows_one: bool,
    /// What was let out and not searched to its end.
    window: Vec<u8>,
    scrubbed: usize,
    came: Sum,
    out: Out<'a>,
}

/// Where it goes.
struct Out<'a> {
    call: &'a CallId,
    taker: Option<&'a dyn Taker>,
    begun: bool,
    passed: Sum,
    whole: Vec<u8>,
    bytes_max: usize,
    clock: &'a dyn Clock,
    taken: &'a mut Taken,
    /// Bytes that were let out, or will be.
    let_out: u64,
    /// What was handed on last is not taken yet.
    untaken: bool,
}

// === impl Flow ===

impl Flow<'_> {
    /// Sends the call and carries its answer to its end.
    pub(crate) async fn carry(
        self,
        upstream: &dyn Upstream,
        permit: Permit,
        outgoing: Outgoing,
        redaction: Option<&str>,
    ) -> Sent {
        let (time_max, runtime) = (outgoing.time_max, self.runtime);
        let by_rule = runtime.filter(|(most, _)| *most <= time_max);
        // It counts from here, also for what comes piece by piece.
        let over = tokio::time::sleep(runtime.map_or(Duration::MAX, |(most, _)| most));
        let opened = match tokio::time::timeout(time_max.saturating_add(GRACE), upstream.open(permit, outgoing)).await {
            Ok(opened) => opened,
            Err(_) => Err(SendFault::after(too_slow(&self.facts.app.name, time_max))),
        };
        let Opened { kind, form, mut body } = match opened {
            Ok(opened) => opened,
            Err(fault) => {
                let answer = Err(by_the_rule(fault, self.facts, by_rule));
                return Sent { answer, came: None, hidden: None, flowed: None, let_out: (0, 0) };
            }
        };
        let came = Some(Answer { kind, body: Bytes::new() });
        let filter = match (form, kind, &self.facts.contract) {
            // What says that it failed is in words of ours.
            (None, _, _) | (_, AnswerKind::ToolError | AnswerKind::ProtocolError, _) | (_, _, None) => Ok(None),
            (Some(form), _, Some(_)) => self.release.ok_or_else(unreleased).and_then(|it| it.filter(form)).map(Some),
        };
        let filter = match filter {
            Ok(filter) => filter,
            Err(fault) => {
                let answer = Err(SendFault::after(fault));
                return Sent { answer, came, hidden: None, flowed: None, let_out: (0, 0) };
            }
        };
        let (facts, taker) = (self.facts, self.taker);
        let reads_one = facts.contract.as_ref().is_some_and(|asked| asked.operation == Some(Operation::Read));
        let mut way = self.way(filter, reads_one && kind == AnswerKind::Result);
        let pause = time_max.min(FLOW_PAUSE_MAX);
        let went = tokio::time::timeout(FLOW_TIME_MAX, way.all(body.as_mut(), form.is_some(), pause, facts));
        let went = tokio::select! {
            biased;
            () = over => Err(runtime),
            went = went => went.map_err(|_| None),
        };
        let went = went.unwrap_or_else(|by_rule| {
            Err(match by_rule {
                _ if way.out.untaken => not_taken(by_rule),
                Some((most, rule)) => past_runtime(facts, most, rule),
                None => too_slow(&facts.app.name, FLOW_TIME_MAX),
            })
        });
        let filtered = way.filter.is_some();
        let so_far = way.filter.as_ref().map(|filter| filter.so_far()).unwrap_or_default();
        let released = went.as_ref().copied().unwrap_or(so_far);
        let hidden = filtered.then(|| u32::try_from(released.dropped + released.removed).unwrap_or(u32::MAX));
        let Way { came: sum, out, scrubbed, .. } = way;
        let mut flowed = Flowed {
            came: sum.sum(),
            passed: out.passed.sum(),
            scrubbed: u32::try_from(scrubbed).unwrap_or(u32::MAX),
            rows: released.rows,
            begun: out.begun,
        };
        let answer = went.map(|_| Answer { kind, body: Bytes::from(out.whole) }).map_err(SendFault::after);
        let (answer, also) = redacted(upstream, answer, redaction);
        if taker.is_none()
            && let Ok(answer) = &answer
        {
            let mut passed = Sum::new();
            passed.add(&answer.body);
            (flowed.passed, flowed.begun) = (passed.sum(), true);
        }
        let hidden = match (hidden, also) {
            (Some(by_contract), Some(by_rule)) => Some(by_contract.saturating_add(by_rule)),
            (one, other) => one.or(other),
        };
        let let_out = (flowed.rows, flowed.passed.bytes);
        Sent { answer, came, hidden, flowed: Some(flowed), let_out }
    }

    fn way<'w>(self, filter: Option<Box<dyn Filter>>, shows_one: bool) -> Way<'w>
    where
        Self: 'w,
    {
        let out = Out {
            call: self.call,
            taker: self.taker,
            begun: false,
            passed: Sum::new(),
            whole: Vec::new(),
            bytes_max: self.bytes_max,
            clock: self.clock,
            taken: self.taken,
            let_out: 0,
            untaken: false,
        };
        let scrub = self.credentials.scrubber(&self.facts.app.id);
        Way { filter, reach: scrub.reach(), shows_one, scrub, window: Vec::new(), scrubbed: 0, came: Sum::new(), out }
    }
}

// === impl Way ===

impl Way<'_> {
    /// Carries the body from its first byte to its last.
    async fn all(
        &mut self,
        body: &mut dyn AnswerBody,
        has_body: bool,
        pause: Duration,
        facts: &Facts,
    ) -> Result<Released, Fault> {
        loop {
            let next = tokio::time::timeout(pause, body.next()).await;
            let Some(piece) = next.unwrap_or_else(|_| Err(too_slow(&facts.app.name, pause)))? else { break };
            self.came.add(&piece);
            if !has_body && !piece.is_empty() {
                return Err(Fault::new(
                    Blame::Upstream,
                    "upstream.garbage",
                    "it answered with a body where none may be",
                ));
            }
            if self.came.bytes > FLOW_BYTES_MAX {
                return Err(too_long());
            }
            match &mut self.filter {
                Some(filter) => {
                    filter.push(&piece, &mut self.window)?;
                    self.out.counts(filter.so_far().rows)?;
                }
                None => self.window.extend_from_slice(&piece),
            }
            if self.window.len() >= FLOW_WINDOW_BYTES + self.reach {
                self.pass(self.reach, pause).await?;
            }
        }
        let released = match &mut self.filter {
            Some(filter) => filter.finish(&mut self.window)?,
            None => Released::default(),
        };
        self.out.counts(released.rows)?;
        // INVARIANT: however an app says that it has no such record, it does not look otherwise than one that is somebody else's
        // (test `a_read_that_shows_no_record_is_of_none_that_is_there`).
        if self.shows_one && released.rows == 0 {
            let said = "there is no record in the answer that this contract reaches";
            return Err(Fault::new(Blame::Rule, "rule.outside", said));
        }
        self.clean();
        let rest = std::mem::take(&mut self.window);
        self.out.ends(rest, pause).await?;
        Ok(released)
    }

    /// Passes on what was searched, but the last `held` bytes, where a secret may begin.
    async fn pass(&mut self, held: usize, pause: Duration) -> Result<(), Fault> {
        self.clean();
        let ready = self.window.len().saturating_sub(held);
        let rest = self.window.split_off(ready);
        let piece = std::mem::replace(&mut self.window, rest);
        self.out.passes(piece, pause).await
    }

    fn clean(&mut self) {
        if self.reach > 0
            && let Some((clean, places)) = self.scrub.scrub(&self.window)
        {
            self.window = clean;
            self.scrubbed = self.scrubbed.saturating_add(places);
        }
    }
}

// === impl Out ===

impl Out<'_> {
    /// Error: the app gave more records than were asked for, and than are left.
    fn counts(&self, rows: u64) -> Result<(), Fault> {
        match self.taken.records_max() {
            Some(most) if rows > most => {
                Err(used_up("more records came than were asked for and are left to be let out"))
            }
            _ => Ok(()),
        }
    }

    /// Error: so many bytes are not left.
    fn lets_out(&mut self, bytes: usize) -> Result<(), Fault> {
        self.let_out += bytes as u64;
        if self.taken.lets_out(self.let_out, self.clock.now()) {
            Ok(())
        } else {
            Err(used_up("no more bytes are left to be let out"))
        }
    }

    async fn passes(&mut self, piece: Vec<u8>, pause: Duration) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        let Some(taker) = self.taker else {
            self.lets_out(piece.len())?;
            if self.whole.len() + piece.len() > self.bytes_max {
                return Err(too_long());
            }
            self.whole.extend_from_slice(&piece);
            return Ok(());
        };
        self.lets_out(piece.len())?;
        if !std::mem::replace(&mut self.begun, true) {
            taker.begins(self.call, None);
        }
        self.hands(taker, piece, pause).await
    }

    async fn ends(&mut self, rest: Vec<u8>, pause: Duration) -> Result<(), Fault> {
        let Some(taker) = self.taker else { return self.passes(rest, pause).await };
        self.lets_out(rest.len())?;
        if !std::mem::replace(&mut self.begun, true) {
            taker.begins(self.call, Some(rest.len()));
        }
        self.hands(taker, rest, pause).await?;
        self.untaken = true;
        let taken = taker.ends().await;
        self.untaken = false;
        if taken { Ok(()) } else { Err(gone()) }
    }

    async fn hands(&mut self, taker: &dyn Taker, piece: Vec<u8>, pause: Duration) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(piece);
        self.untaken = true;
        let taken = tokio::time::timeout(pause, taker.takes(piece.clone())).await;
        self.untaken = false;
        match taken {
            Ok(true) => {
                self.passed.add(&piece);
                Ok(())
            }
            Ok(false) | Err(_) => Err(gone()),
        }
    }
}

// === impl Sum ===

impl Sum {
    fn new() -> Self {
        Self { digest: Context::new(&SHA256), bytes: 0 }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn sum(self) -> Came {
        let mut out = [0u8; 32];
        for (to, from) in out.iter_mut().zip(self.digest.finish().as_ref()) {
            *to = *from;
        }
        Came { digest: Digest::new(out), bytes: self.bytes }
    }
}

// === impl Flowed ===

impl Flowed {
    /// The digest of what was passed on; none where nothing was.
    pub(crate) fn passed_on(&self) -> Option<Digest> {
        self.begun.then_some(self.passed.digest)
    }
}

/// Whether a read that failed so has shown no record: there is none, or it is one that the contract does not reach, or no record
/// stands in what the app answered, in whatever form that came.
pub fn shows_no_record(fault: &Fault) -> bool {
    NO_RECORD.contains(&fault.code())
}

fn too_long() -> Fault {
    Fault::new(Blame::Upstream, "upstream.too_large", "its answer is longer than an answer may be")
        .hint("ask for less at a time")
}

pub(crate) fn used_up(said: &'static str) -> Fault {
    Fault::new(Blame::Rule, "rule.limit", said).hint("ask for less, or later")
}

fn gone() -> Fault {
    Fault::new(Blame::Caller, "caller.gone", "whoever asked did not take the answer to its end")
}

/// The fault of an answer that was there, and was not taken to its end in the time that it has, or that a rule gives the call.
fn not_taken(by_rule: Option<(Duration, &RuleId)>) -> Fault {
    let said = match by_rule {
        Some((most, rule)) => {
            format!("the answer was not taken within the {} s that the rule {rule} gives the call", most.as_secs())
        }
        None => format!("the answer was not taken within {} s", FLOW_TIME_MAX.as_secs()),
    };
    Fault::new(Blame::Caller, "caller.not_taken", said).hint("take the answer faster, or ask for less at a time")
}

/// The codes of answers in which there is no record that may be seen.
const NO_RECORD: &[&str] = &[
    "rule.outside",
    "upstream.content_type",
    "upstream.encoding",
    "upstream.garbage",
    "upstream.redirect",
    "upstream.status",
];

#[cfg(test)]
mod tests;
