//! A record on its way out, with the decision that it belongs to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::CallId;
use trace::{Entry, IntentView, LogReader, RecordKind, StoreFault};

use crate::limits::{CALLS_BYTES_MAX, CALLS_KEPT_MAX};

/// Whose log it is, for formats that say so.
#[derive(Debug, Clone)]
pub struct About {
    /// The name of the log.
    pub origin: String,
    /// The version of this program.
    pub version: String,
}

/// A record and what was decided of its call.
#[derive(Debug, Clone)]
pub struct Item {
    /// The record.
    pub entry: Entry,
    /// The decision: its own, or that of the call it is an outcome of. None for changes.
    pub decision: Option<Arc<Decision>>,
}

/// What was decided of a call.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Its record.
    pub entry: Entry,
    /// What that says.
    pub view: IntentView,
    /// Whether a rule that decided, or would have, marks it as relevant to security.
    pub security_relevant: bool,
}

/// Decisions whose outcome may still come by. Bounded; what is not there is looked up in the log.
#[derive(Debug, Default)]
pub struct Calls {
    known: HashMap<CallId, Arc<Decision>>,
    order: VecDeque<CallId>,
    /// What those in `known` take up.
    bytes: usize,
}

// === impl Item ===

impl Item {
    /// Whether a rule marks it as relevant to security. An outcome is what its decision is.
    pub fn security_relevant(&self) -> bool {
        self.decision.as_ref().is_some_and(|decision| decision.security_relevant)
    }

    /// What it takes up with its decision, nearly.
    pub(crate) fn bytes(&self) -> usize {
        bytes_of(&self.entry).saturating_add(self.decision.as_ref().map_or(0, |decision| bytes_of(&decision.entry)))
    }

    /// What was decided, where it belongs to a call.
    pub fn view(&self) -> Option<&IntentView> {
        self.decision.as_ref().map(|decision| &decision.view)
    }
}

// === impl Decision ===

impl Decision {
    /// None: it is not the record of a decision, or cannot be read.
    pub fn of(entry: &Entry) -> Option<Self> {
        let view = entry.intent()?;
        let observed = view.observed.iter().flat_map(|observed| &observed.reasons);
        let security_relevant = view.reasons.iter().chain(observed).any(|reason| reason.security_relevant);
        Some(Self { entry: entry.clone(), view, security_relevant })
    }
}

// === impl Calls ===

impl Calls {
    /// Puts records together with their decisions.
    pub fn items(&mut self, reader: &dyn LogReader, entries: Vec<Entry>) -> Result<Vec<Item>, StoreFault> {
        entries.into_iter().map(|entry| self.item(reader, entry)).collect()
    }

    /// Puts one record together with its decision.
    pub(crate) fn item(&mut self, reader: &dyn LogReader, entry: Entry) -> Result<Item, StoreFault> {
        let decision = match entry.kind {
            RecordKind::Change => None,
            RecordKind::Intent => {
                let decision = Decision::of(&entry).map(Arc::new);
                if let Some(decision) = decision.as_ref().filter(|decision| decision.view.verdict.runs()) {
                    self.keep(&entry.call, Arc::clone(decision));
                }
                decision
            }
            RecordKind::Outcome => match self.forget(&entry.call) {
                Some(decision) => Some(decision),
                None => {
                    let of_call = reader.by_id(entry.call.as_str())?;
                    of_call.iter().find_map(Decision::of).map(Arc::new)
                }
            },
        };
        Ok(Item { entry, decision })
    }

    fn keep(&mut self, call: &CallId, decision: Arc<Decision>) {
        self.forget(call);
        self.bytes = self.bytes.saturating_add(bytes_of(&decision.entry));
        self.known.insert(call.clone(), decision);
        self.order.push_back(call.clone());
        while self.order.len() > CALLS_KEPT_MAX || self.bytes > CALLS_BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else { return };
            self.forget(&oldest);
        }
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn forget(&mut self, call: &CallId) -> Option<Arc<Decision>> {
        let decision = self.known.remove(call)?;
        self.bytes = self.bytes.saturating_sub(bytes_of(&decision.entry));
        Some(decision)
    }
}

/// What a record takes up, nearly.
pub(crate) fn bytes_of(entry: &Entry) -> usize {
    entry.leaf.len() + entry.body.as_ref().map_or(0, String::len)
}
