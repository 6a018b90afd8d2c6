//! What a gateway asks of its witnesses: to cosign each checkpoint it has signed, and, when it starts, how much they have seen.

use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};
use model::{Blame, Fault};
use tlog::{AddCheckpoint, ConsistencyProof, SignedCheckpoint, VerifierKey};
use trace::{COSIGNED_KIND, Journal, LogReader, StateWrite, consistency_since};

use crate::again::{Again, Time};
use crate::notary::Latest;
use crate::outbound::{Answered, Outbound};

/// A witness as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its address; `/add-checkpoint` is put behind it.
    pub url: Uri,
    /// Its key, of the kind that cosigns.
    pub key: VerifierKey,
}

/// What a witness said.
enum Said {
    Cosigned(SignedCheckpoint),
    /// It has cosigned so many records before.
    Knows(u64),
    /// It has cosigned a log that is not this one.
    Other(String),
}

/// One witness, and how far it has seen this log.
struct Link {
    witness: Witness,
    outbound: Outbound,
    seen: u64,
    /// Rounds to leave out: doubled with each failure.
    pause: u32,
    left_out: u32,
}

struct Worker {
    links: Vec<Link>,
    reader: Box<dyn LogReader>,
    journal: Journal,
    latest: Latest,
    runtime: tokio::runtime::Runtime,
}

/// Asks each witness whether it has seen more of a log than there is. Error: one has, or has seen another one. A witness that
/// cannot be reached keeps no gateway from starting.
pub async fn compare(witnesses: &[Witness], latest: &Latest, reader: &dyn LogReader) -> Result<(), Fault> {
    let Some(checkpoint) = latest.load_full() else { return Ok(()) };
    let size = checkpoint.danger_unverified().tree().size;
    for (witness, seen) in witnesses.iter().zip(seen_by(reader, witnesses)?) {
        let mut link = Link::new(witness.clone(), seen.min(size))?;
        // A witness that says what it has seen is asked once more, from there.
        match link.ask_twice(&checkpoint, reader).await {
            Ok(Said::Cosigned(_)) => {}
            Ok(Said::Knows(seen)) => return Err(link.has_more(seen, &checkpoint)),
            Ok(Said::Other(why)) => return Err(link.has_other(&why)),
            Err(fault) => tracing::warn!(%fault, "a witness could not be asked how much of the trace it has seen"),
        }
    }
    Ok(())
}

/// Starts the thread that asks, if there is anybody to ask; closing it has the last checkpoint cosigned, so that has to come
/// before the journal is closed.
pub fn ask_on(
    witnesses: &[Witness],
    reader: Box<dyn LogReader>,
    journal: Journal,
    latest: Latest,
) -> Result<Again, Fault> {
    if witnesses.is_empty() {
        return Ok(Again::never());
    }
    let unstarted = |error: std::io::Error| {
        Fault::new(Blame::Operator, "trace.no_thread", "the thread that asks witnesses could not be started")
            .because(error)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unstarted)?;
    let seen = seen_by(reader.as_ref(), witnesses)?;
    let links = witnesses.iter().zip(seen).map(|(witness, seen)| Link::new(witness.clone(), seen));
    let mut worker = Worker { links: links.collect::<Result<_, _>>()?, reader, journal, latest, runtime };
    let work = move |time| {
        if time == Time::Last {
            // What was signed last is worth one more try, however often there was no answer before.
            worker.links.iter_mut().for_each(|link| link.left_out = 0);
        }
        worker.round();
    };
    Again::start("trace-witness", ASKED_EVERY, work).map_err(unstarted)
}

/// How many records each witness has cosigned of this log, as the log says.
pub fn seen_by(reader: &dyn LogReader, witnesses: &[Witness]) -> Result<Vec<u64>, Fault> {
    let cosigned = trace::cosigned(reader).map_err(Fault::from)?;
    let of = |witness: &Witness| {
        let note = cosigned.iter().find(|(key, _)| *key == witness.key.to_string());
        note.map_or(0, |(_, checkpoint)| checkpoint.danger_unverified().tree().size)
    };
    Ok(witnesses.iter().map(of).collect())
}

// === impl Worker ===

impl Worker {
    fn round(&mut self) {
        let latest = self.latest.load_full();
        let Some(checkpoint) = &latest else { return };
        let size = checkpoint.danger_unverified().tree().size;
        let (mut answered, mut writes) = (Vec::new(), Vec::new());
        let mut shown = SignedCheckpoint::clone(checkpoint);
        for link in self.links.iter_mut().filter(|link| link.seen < size) {
            if link.left_out > 0 {
                link.left_out -= 1;
                continue;
            }
            let said = self.runtime.block_on(link.ask_twice(checkpoint, self.reader.as_ref()));
            let wrong = match said {
                Ok(Said::Cosigned(cosigned)) => {
                    writes.push(link.cosigned_state(&cosigned));
                    let _shown = shown.take_signatures_of(&cosigned);
                    answered.push(link);
                    continue;
                }
                Ok(Said::Knows(seen)) => link.has_more(seen, checkpoint),
                Ok(Said::Other(why)) => link.has_other(&why),
                Err(fault) => fault,
            };
            link.rest(&wrong);
        }
        if answered.is_empty() {
            return;
        }
        // All at once, so that no receipt in between bears the word of one and not of the others.
        let kept = self.journal.state_blocking(writes).map_err(Fault::from);
        for link in answered {
            match &kept {
                Ok(()) => (link.seen, link.pause) = (size, 0),
                Err(fault) => link.rest(fault),
            }
        }
        // A newer one that was signed meanwhile stays.
        self.latest.compare_and_swap(&latest, Some(Arc::new(shown)));
    }
}

// === impl Link ===

impl Link {
    fn new(witness: Witness, seen: u64) -> Result<Self, Fault> {
        let base = witness.url.to_string();
        let url = format!("{}/add-checkpoint", base.trim_end_matches('/')).parse();
        let url = url.map_err(|_| Fault::new(Blame::Operator, "operator.url", format!("`{base}` is no address")))?;
        Ok(Self { witness, outbound: Outbound::to(url)?, seen, pause: 0, left_out: 0 })
    }

    /// Asks, and once more where the witness says that it has seen another part of the log than was thought.
    async fn ask_twice(&mut self, checkpoint: &SignedCheckpoint, reader: &dyn LogReader) -> Result<Said, Fault> {
        let size = checkpoint.danger_unverified().tree().size;
        let mut said = self.ask(checkpoint, reader).await?;
        if let Said::Knows(seen) = said
            && seen <= size
            && seen != self.seen
        {
            if seen < self.seen {
                self.has_forgotten(seen);
            }
            self.seen = seen;
            said = self.ask(checkpoint, reader).await?;
        }
        Ok(match said {
            // It has seen no more than there is, and these did not grow out of it.
            Said::Knows(seen) if seen <= size => Said::Other(format!("its {seen} are not the first {seen} here")),
            said => said,
        })
    }

    async fn ask(&self, checkpoint: &SignedCheckpoint, reader: &dyn LogReader) -> Result<Said, Fault> {
        let tree = checkpoint.danger_unverified().tree();
        let proof: ConsistencyProof = consistency_since(reader, self.seen, tree.size).map_err(Fault::from)?;
        let request = AddCheckpoint::new(self.seen, proof, checkpoint.clone())
            .map_err(|error| Fault::new(Blame::Bug, "bug.witness", error.to_string()))?;
        let Answered { status, body } = self.outbound.post("text/plain; charset=utf-8", request.to_string()).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        match status {
            StatusCode::OK => self.cosigned(checkpoint, &text),
            StatusCode::CONFLICT => text.trim().parse().map(Said::Knows).map_err(|_| self.strange(status, &text)),
            StatusCode::UNPROCESSABLE_ENTITY => Ok(Said::Other(text.trim().to_owned())),
            _ => Err(self.strange(status, &text)),
        }
    }

    fn cosigned(&self, checkpoint: &SignedCheckpoint, answer: &str) -> Result<Said, Fault> {
        let mut cosigned = checkpoint.clone();
        let known = std::slice::from_ref(&self.witness.key);
        let found = cosigned.add_cosignatures(answer, known);
        if found.is_ok_and(|cosignatures| !cosignatures.is_empty()) {
            return Ok(Said::Cosigned(cosigned));
        }
        let said = format!("`{}` answered without a signature by the key it is known by", self.outbound.url());
        Err(Fault::new(Blame::Upstream, "witness.no_signature", said)
            .hint("put the key that `countersign witness` printed into `trace: witnesses:`"))
    }

    /// What is kept of that.
    fn cosigned_state(&self, cosigned: &SignedCheckpoint) -> StateWrite {
        let key = self.witness.key.to_string();
        StateWrite { kind: COSIGNED_KIND.to_owned(), key, value: Some(cosigned.to_string()) }
    }

    fn strange(&self, status: StatusCode, text: &str) -> Fault {
        let first: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
        let said = format!("`{}` answered {status}: {first}", self.outbound.url());
        let fault = Fault::new(Blame::Upstream, "witness.refused", said);
        match status {
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => {
                fault.hint("start the witness with `--log` and each line of `countersign trace keys`")
            }
            _ => fault,
        }
    }

    fn has_more(&self, seen: u64, checkpoint: &SignedCheckpoint) -> Fault {
        let size = checkpoint.danger_unverified().tree().size;
        let said = format!(
            "the trace is not what it was: the witness `{}` has seen {seen} records, and {size} are signed here",
            self.witness.key.name()
        );
        Fault::new(Blame::Operator, "trace.rolled_back", said).hint(RESTORE)
    }

    fn has_other(&self, why: &str) -> Fault {
        let said = format!(
            "the trace is not what it was: the witness `{}` has seen other records: {why}",
            self.witness.key.name()
        );
        Fault::new(Blame::Operator, "trace.rolled_back", said).hint(RESTORE)
    }

    /// It cosigned more than it knows of, so that its word is worth nothing for what was before.
    fn has_forgotten(&self, seen: u64) {
        let hint = "ask its operators why, and who could have changed it; until they know, take its word for nothing that it \
             signs from now on. What it cosigned before stands in the trace: `countersign trace verify`";
        tracing::error!(witness = %self.witness.key.name(), cosigned = self.seen, seen, hint,
            "a witness has forgotten what it saw: it says that it has seen less of the trace than it has cosigned");
    }

    /// Says what is wrong, the first time, and waits longer from time to time.
    fn rest(&mut self, fault: &Fault) {
        if self.pause == 0 {
            tracing::warn!(%fault, hint = fault.way_out(), "a checkpoint of the trace was not cosigned; it is tried again");
        }
        self.pause = (self.pause * 2).clamp(1, ROUNDS_LEFT_OUT_MAX);
        self.left_out = self.pause;
    }
}

const RESTORE: &str = "restore the newest backup (`countersign trace restore`). Where another gateway signs with the same key, nothing is \
     lost, and each needs a key and a trace of its own. To go on with what is there, take the witness out of \
     `trace: witnesses:`, and keep what it has seen as evidence";
const ASKED_EVERY: Duration = Duration::from_secs(1);
const ROUNDS_LEFT_OUT_MAX: u32 = 60;
