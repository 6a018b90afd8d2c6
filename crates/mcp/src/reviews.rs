//! What people have said yes to, in memory. The durable copy is written with its record before it comes here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use model::{AppId, ToolName};
use profile::{DefinitionKind, Pin};

use crate::seen::{Seen, Sight};

/// Which definition of which app.
pub type PinKey = (AppId, DefinitionKind, ToolName);

/// Pins in force, and what was seen last. A change is seen by the very next call.
#[derive(Default)]
pub struct Reviews {
    pins: ArcSwap<Pins>,
    seen: Seen,
}

#[derive(Clone, Default)]
struct Pins {
    by_key: HashMap<PinKey, Arc<Pin>>,
    templates: HashMap<AppId, Vec<ToolName>>,
}

impl Reviews {
    /// With these pins in force, and these definitions seen before.
    pub fn new(
        pins: impl IntoIterator<Item = (PinKey, Pin)>,
        seen: impl IntoIterator<Item = ((AppId, String), Sight)>,
    ) -> Self {
        let mut all = Pins::default();
        all.add(pins);
        Self { pins: ArcSwap::from_pointee(all), seen: Seen::new(seen) }
    }

    /// The pin of a definition.
    pub fn pin(&self, app: &AppId, kind: DefinitionKind, name: &ToolName) -> Option<Arc<Pin>> {
        self.pins.load().by_key.get(&(app.clone(), kind, name.clone())).cloned()
    }

    /// The tools that each app is known to have: those that were seen or reviewed, gone ones included. An app of which no list was
    /// seen is not in it.
    pub fn tools(&self) -> BTreeMap<AppId, BTreeSet<ToolName>> {
        let mut tools = self.seen.tools();
        for (app, kind, name) in self.pins.load().by_key.keys() {
            if let Some(of_app) = tools.get_mut(app).filter(|_| *kind == DefinitionKind::Tool) {
                of_app.insert(name.clone());
            }
        }
        tools
    }

    /// The templates of an app that were reviewed.
    pub(crate) fn templates(&self, app: &AppId) -> Vec<ToolName> {
        self.pins.load().templates.get(app).cloned().unwrap_or_default()
    }

    /// What was seen last.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Puts pins in force.
    pub fn set(&self, pins: Vec<(PinKey, Pin)>) {
        let mut all = Pins::clone(&self.pins.load());
        all.add(pins);
        self.pins.store(Arc::new(all));
    }
}

impl Pins {
    fn add(&mut self, pins: impl IntoIterator<Item = (PinKey, Pin)>) {
        for (key, pin) in pins {
            let (app, kind, name) = &key;
            if *kind == DefinitionKind::Template && !self.by_key.contains_key(&key) {
                self.templates.entry(app.clone()).or_default().push(name.clone());
            }
            self.by_key.insert(key, Arc::new(pin));
        }
    }
}
