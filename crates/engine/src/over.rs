//! What came of calls that waited, for whoever comes back for it: a client that was away, also while the gateway was started
//! anew, and the page that says where a call stands.
//!
//! It is kept sealed, for a time, within bounds; the oldest goes first. Nothing is decided by it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hold::Hold;
use model::limits::{HOLD_ANSWER_BYTES_MAX, HOLD_OVER_AGE_MIN, HOLDS_OVER_BYTES_MAX, HOLDS_OVER_MAX};
use model::{Blame, Fault, HoldId, Secret, UnixMicros};
use serde::{Deserialize, Serialize};
use trace::StateWrite;

use crate::engine::Engine;
use crate::sealed::Seal;

/// A call that waited, and is over.
#[derive(Debug, Clone)]
pub struct Over {
    /// It, as it ended.
    pub hold: Arc<Hold>,
    /// The answer to its client, where it is kept.
    pub answer: Option<Bytes>,
    /// Until when it is remembered.
    pub(crate) until: UnixMicros,
}

/// All that is remembered, in memory as it is on disk.
pub(crate) struct Shelf {
    places: Mutex<Places>,
    codes: hmac::Key,
}

#[derive(Default)]
struct Places {
    by_id: HashMap<HoldId, Over>,
    /// The oldest first. One that was forgotten before its turn may still stand here.
    order: VecDeque<HoldId>,
    bytes: usize,
    /// Rows of what is forgotten, which stand on disk until somebody takes them away.
    stale: Vec<HoldId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    hold: Hold,
    answer: Option<String>,
    until: UnixMicros,
}

// === impl Engine ===

impl Engine {
    /// Takes in what came of calls that waited before the gateway last ended: rows of the kind of state [`HOLD_OVER_STATE`].
    pub fn restore_over(&self, rows: Vec<(String, String)>) {
        let desk = &self.shared.desk;
        let mut all: Vec<Over> = rows.iter().filter_map(|(key, value)| Over::read(&desk.seal, key, value)).collect();
        all.sort_by_key(|over| over.until);
        all.into_iter().for_each(|over| desk.shelf.put(over));
    }

    /// What came of a call that waited. None: it waits still, or nobody remembers.
    pub fn hold_over(&self, id: &HoldId) -> Option<Over> {
        self.shared.desk.shelf.places().by_id.get(id).cloned()
    }

    /// Keeps the answer to the client of a call that waited, over a restart. One that is too long is not kept. Error: it is not
    /// on disk.
    pub async fn keep_answer(&self, id: &HoldId, answer: Bytes) -> Result<(), Fault> {
        let desk = &self.shared.desk;
        let Some(over) = self.hold_over(id).filter(|_| answer.len() <= HOLD_ANSWER_BYTES_MAX) else { return Ok(()) };
        let over = Over { answer: Some(answer), ..over };
        self.keep(vec![over.row(&desk.seal)?]).await?;
        if !desk.shelf.replace(over) {
            // Whoever forgot it meanwhile may have done so before this was written.
            self.forget_over(|_| false).await?;
        }
        Ok(())
    }

    /// Where everybody may see how a call stands that waits.
    pub fn set_status_pages(&self, base: &str) {
        let _once = self.shared.status_pages.set(base.trim_end_matches('/').to_owned());
    }

    /// Whether there are such pages.
    pub fn has_status_pages(&self) -> bool {
        self.shared.status_pages.get().is_some()
    }

    /// The address that says how a call stands, and opens nothing. None: there are no pages.
    pub fn status_url(&self, id: &HoldId) -> Option<String> {
        let base = self.shared.status_pages.get()?;
        Some(format!("{base}/status/{id}/{}", self.status_code(id)))
    }

    /// The part of that address that nobody can guess.
    pub fn status_code(&self, id: &HoldId) -> String {
        let tag = hmac::sign(&self.shared.desk.shelf.codes, id.as_str().as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..CODE_BYTES).unwrap_or_default())
    }

    /// How the call of such an address stands. None: it is none, or nobody remembers.
    pub fn status(&self, id: &HoldId, code: &str) -> Option<Arc<Hold>> {
        verify_slices_are_equal(self.status_code(id).as_bytes(), code.as_bytes()).ok()?;
        self.hold(id).map(|waiting| waiting.hold).ok().or_else(|| self.hold_over(id).map(|over| over.hold))
    }

    /// Forgets these, and what there was no room for, on disk as well.
    pub(crate) async fn forget_over(&self, which: impl Fn(&Over) -> bool) -> Result<(), Fault> {
        let stale = self.shared.desk.shelf.forget(which);
        if stale.is_empty() {
            return Ok(());
        }
        let row = |id: &HoldId| StateWrite { kind: HOLD_OVER_STATE.to_owned(), key: id.to_string(), value: None };
        let kept = self.keep(stale.iter().map(row).collect()).await;
        if kept.is_err() {
            self.shared.desk.shelf.places().stale.extend(stale);
        }
        kept
    }

    async fn keep(&self, state: Vec<StateWrite>) -> Result<(), Fault> {
        let engine = self.clone();
        let written = tokio::task::spawn_blocking(move || engine.keep_blocking(state)).await;
        written
            .map_err(|error| Fault::new(Blame::Bug, "bug.hold", "what came of a hold was not kept").because(error))?
    }
}

// === impl Shelf ===

impl Shelf {
    /// An empty one.
    pub(crate) fn new(key: &Secret<[u8; 32]>) -> Self {
        let of_key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let codes = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&of_key, b"addresses of status pages").as_ref());
        Self { places: Mutex::default(), codes }
    }

    /// Puts it there, in place of what was there of the same call.
    pub(crate) fn put(&self, over: Over) {
        self.places().put(over);
    }

    /// Puts it in the place of what is there of the same call. False: nothing is, and what was written of it is to go.
    fn replace(&self, over: Over) -> bool {
        let mut places = self.places();
        let id = over.hold.id.clone();
        let there = places.by_id.contains_key(&id);
        if there {
            places.put(over);
        } else {
            places.stale.push(id);
        }
        there
    }

    /// Forgets these. Gives what stands on disk and is to go.
    fn forget(&self, which: impl Fn(&Over) -> bool) -> Vec<HoldId> {
        let mut places = self.places();
        let gone: Vec<HoldId> = places.by_id.iter().filter(|(_, over)| which(over)).map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|id| places.remove(id));
        if places.order.len() > 2 * places.by_id.len() {
            let Places { by_id, order, .. } = &mut *places;
            order.retain(|id| by_id.contains_key(id));
        }
        std::mem::take(&mut places.stale)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn put(&mut self, over: Over) {
        let id = over.hold.id.clone();
        self.bytes = self.bytes.saturating_add(over.bytes());
        match self.by_id.insert(id.clone(), over) {
            Some(before) => self.bytes = self.bytes.saturating_sub(before.bytes()),
            None => self.order.push_back(id),
        }
        while self.by_id.len() > HOLDS_OVER_MAX || self.bytes > HOLDS_OVER_BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else { return };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, id: &HoldId) {
        let Some(over) = self.by_id.remove(id) else { return };
        self.bytes = self.bytes.saturating_sub(over.bytes());
        self.stale.push(id.clone());
    }
}

// === impl Over ===

impl Over {
    /// Of a hold that ends now, without an answer.
    pub(crate) fn of(hold: &Hold, now: UnixMicros) -> Self {
        let least = i64::try_from(HOLD_OVER_AGE_MIN.as_micros()).unwrap_or(i64::MAX);
        let until = hold.expires_at.max(UnixMicros(now.0.saturating_add(least)));
        Self { hold: Arc::new(hold.clone()), answer: None, until }
    }

    /// As the state keeps it, sealed. Error: the system gives no random bytes.
    pub(crate) fn row(&self, seal: &Seal) -> Result<StateWrite, Fault> {
        let wrong = || Fault::new(Blame::Bug, "bug.hold", "what came of a hold could not be written");
        let answer = self.answer.as_ref().map(|bytes| String::from_utf8(bytes.to_vec())).transpose();
        let kept = Kept { hold: Hold::clone(&self.hold), answer: answer.map_err(|_| wrong())?, until: self.until };
        let key = self.hold.id.to_string();
        let text = serde_json::to_vec(&kept).map_err(|error| wrong().because(error))?;
        let value = Some(seal.seal(&about(&key), text)?);
        Ok(StateWrite { kind: HOLD_OVER_STATE.to_owned(), key, value })
    }

    fn read(seal: &Seal, key: &str, value: &str) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(&seal.open(&about(key), value)?).ok()?;
        let same = kept.hold.id.as_str() == key;
        same.then(|| Self { hold: Arc::new(kept.hold), answer: kept.answer.map(Bytes::from), until: kept.until })
    }

    fn bytes(&self) -> usize {
        OVER_BYTES.saturating_add(self.answer.as_ref().map_or(0, Bytes::len))
    }
}

/// What the seal is bound to: a hold that waits is sealed under the same key.
fn about(key: &str) -> String {
    format!("over\0{key}")
}

/// The kind of state under which is kept what came of holds.
pub const HOLD_OVER_STATE: &str = "hold_over";
/// 128 bits.
const CODE_BYTES: usize = 16;
/// What one takes beside its answer, about.
const OVER_BYTES: usize = 2 * 1024;
