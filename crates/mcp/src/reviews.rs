//! What people have said yes to, in memory. The durable copy is written with its record before it comes here.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use model::{AppId, ToolName};
use profile::Pin;

/// Pins in force. A change is seen by the very next call.
#[derive(Default)]
pub struct Reviews {
    pins: ArcSwap<HashMap<(AppId, ToolName), Arc<Pin>>>,
}

impl Reviews {
    /// With these pins in force.
    pub fn new(pins: impl IntoIterator<Item = ((AppId, ToolName), Pin)>) -> Self {
        let pins = pins.into_iter().map(|(key, pin)| (key, Arc::new(pin))).collect();
        Self { pins: ArcSwap::from_pointee(pins) }
    }

    /// The pin of a tool.
    pub fn pin(&self, app: &AppId, tool: &ToolName) -> Option<Arc<Pin>> {
        self.pins.load().get(&(app.clone(), tool.clone())).cloned()
    }

    /// Puts pins in force.
    pub fn set(&self, pins: Vec<((AppId, ToolName), Pin)>) {
        let mut all = HashMap::clone(&self.pins.load());
        all.extend(pins.into_iter().map(|(key, pin)| (key, Arc::new(pin))));
        self.pins.store(Arc::new(all));
    }
}
