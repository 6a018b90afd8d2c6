//! The witness itself: what it has cosigned last of each log, and when it cosigns more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use front::{Body, Exchange, Strangers, Wire, WireFuture, text_response};
use http::{HeaderValue, Method, Response, StatusCode, header};
use model::limits::STRANGERS_IN_FLIGHT_MAX;
use model::{Clock, Fault};
use private_file::Draft;
use tlog::{AddCheckpoint, Refusal, Signer as _, SigningKey, Tree, Trust, VerifierKey};

use super::seen::{Beginning, Seen, seen};

/// Cosigns the checkpoints of the logs it knows, each only if it grew out of the one before.
pub struct Desk {
    key: SigningKey,
    clock: Arc<dyn Clock>,
    logs: BTreeMap<String, Mutex<Log>>,
}

struct Log {
    trust: Trust,
    /// What was cosigned last; the empty tree before that.
    last: Tree,
    file: PathBuf,
}

/// Why nothing is cosigned.
#[derive(Debug)]
enum Refused {
    Unreadable(String),
    UnknownLog,
    Unsigned(String),
    OtherSize(u64),
    Inconsistent(String),
    NotKept(Fault),
}

/// `POST /add-checkpoint`. Nobody who posts there has shown anything yet.
pub struct DeskWire {
    desk: Arc<Desk>,
    strangers: Arc<Strangers>,
}

// === impl Desk ===

impl Desk {
    /// Takes up what stands in the folder. Error: what this witness wrote about a log it knows is not there, or something else is.
    pub fn open(
        folder: &Path,
        key: SigningKey,
        logs: Vec<VerifierKey>,
        beginning: Beginning,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let mut trusted: BTreeMap<String, Trust> = BTreeMap::new();
        for key in logs {
            let origin = key.name().as_str().to_owned();
            let unknown = || Trust { origin: origin.clone(), log: Vec::new(), witnesses: Vec::new() };
            trusted.entry(origin.clone()).or_insert_with(unknown).log.push(key);
        }
        let seen = seen(folder, key.verifier_key(), trusted.values(), beginning, clock.now())?;
        let log =
            |((origin, trust), seen): (_, Seen)| (origin, Mutex::new(Log { trust, last: seen.last, file: seen.file }));
        let logs = trusted.into_iter().zip(seen).map(log).collect();
        Ok(Self { key, clock, logs })
    }

    /// The key that gateways must know.
    pub fn verifier_key(&self) -> &VerifierKey {
        self.key.verifier_key()
    }

    /// The logs it knows, and how far it has seen each.
    pub fn seen(&self) -> impl Iterator<Item = (&str, u64)> {
        let size = |log: &Mutex<Log>| log.lock().unwrap_or_else(PoisonError::into_inner).last.size;
        self.logs.iter().map(move |(origin, log)| (origin.as_str(), size(log)))
    }

    /// Checks a request and cosigns, on disk before anybody hears of it. The lines of the cosignature.
    fn cosign(&self, request: &str) -> Result<String, Refused> {
        let request: AddCheckpoint =
            request.parse().map_err(|error: tlog::AddCheckpointError| Refused::Unreadable(error.to_string()))?;
        let origin = request.checkpoint().danger_unverified().origin();
        let mut log = self.logs.get(origin).ok_or(Refused::UnknownLog)?.lock().unwrap_or_else(PoisonError::into_inner);
        let (verified, _) =
            request.checkpoint().verify(&log.trust).map_err(|error| Refused::Unsigned(error.to_string()))?;
        let tree = verified.tree();
        request.check(verified, log.last).map_err(|refusal| match refusal {
            Refusal::OtherSize { known } => Refused::OtherSize(known),
            // The same size with another root: there is no proof that could be right.
            Refusal::Inconsistent(_) if log.last.size == tree.size => Refused::OtherSize(log.last.size),
            Refusal::Inconsistent(error) => Refused::Inconsistent(error.to_string()),
        })?;
        let seconds = u64::try_from(self.clock.now().0 / 1_000_000).unwrap_or_default();
        let before = request.checkpoint().note().signatures().len();
        let mut cosigned = request.checkpoint().clone();
        cosigned.cosign(&self.key, seconds).map_err(|error| Refused::Unreadable(error.to_string()))?;
        Draft::new(&log.file)
            .and_then(|draft| draft.replace(request.checkpoint().to_string().as_bytes()))
            .map_err(Refused::NotKept)?;
        log.last = tree;
        Ok(cosigned.note().signatures().iter().skip(before).map(|line| format!("{line}\n")).collect())
    }
}

// === impl DeskWire ===

impl DeskWire {
    /// The wire of this desk.
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { desk, strangers: Arc::new(Strangers::new(STRANGERS_IN_FLIGHT_MAX)) }
    }
}

impl Wire for DeskWire {
    fn owns(&self, path: &str) -> bool {
        path == ADD_CHECKPOINT
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        Box::pin(async move {
            if exchange.request.method() != Method::POST {
                return text_response(StatusCode::METHOD_NOT_ALLOWED, "a checkpoint is posted\n");
            }
            let Exchange { request, place } = exchange;
            let body = match place.read(request.into_body(), REQUEST_BYTES_MAX).await {
                Ok(body) => body,
                Err(fault) => return text_response(front::status_of(&fault), format!("{fault}\n")),
            };
            let Ok(text) = String::from_utf8(body.to_vec()) else {
                return text_response(StatusCode::BAD_REQUEST, "a request is text in UTF-8\n");
            };
            let desk = Arc::clone(&self.desk);
            // A file is flushed for each.
            let done = tokio::task::spawn_blocking(move || desk.cosign(&text)).await;
            answer_of(done.unwrap_or_else(|error| Err(Refused::Unreadable(error.to_string()))))
        })
    }

    fn places(&self, method: &Method, _: &str) -> Option<&Arc<Strangers>> {
        (*method == Method::POST).then_some(&self.strangers)
    }
}

fn answer_of(done: Result<String, Refused>) -> Response<Body> {
    match done {
        Ok(lines) => text_response(StatusCode::OK, lines),
        Err(Refused::Unreadable(why)) => text_response(StatusCode::BAD_REQUEST, format!("{why}\n")),
        Err(Refused::UnknownLog) => {
            text_response(StatusCode::NOT_FOUND, "this witness does not know the log: start it with `--log KEY`\n")
        }
        Err(Refused::Unsigned(why)) => text_response(StatusCode::FORBIDDEN, format!("{why}\n")),
        Err(Refused::OtherSize(known)) => {
            let mut response = text_response(StatusCode::CONFLICT, format!("{known}\n"));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/x.tlog.size"));
            response
        }
        Err(Refused::Inconsistent(why)) => text_response(StatusCode::UNPROCESSABLE_ENTITY, format!("{why}\n")),
        Err(Refused::NotKept(fault)) => {
            tracing::error!(%fault, "a checkpoint could not be kept, and was not cosigned");
            text_response(StatusCode::SERVICE_UNAVAILABLE, "the witness cannot keep what it sees\n")
        }
    }
}

const ADD_CHECKPOINT: &str = "/add-checkpoint";
/// A proof of 63 hashes and a note are far shorter.
const REQUEST_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
