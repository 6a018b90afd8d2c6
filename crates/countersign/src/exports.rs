//! The exports of a configuration: started with the gateway, and how far each has come, which its file says to anyone.

use std::sync::Arc;

use export::{About, Exports, Place};
use model::{Clock, Fault};
use store::Reader;
use trace::LogReader;

use crate::config::Config;
use crate::gateway::files;
use crate::notary::origin_of;

/// How an export stands.
pub struct Standing {
    /// Its name.
    pub name: String,
    /// What it is, in a word.
    pub kind: &'static str,
    /// How far it has come; an error where its file cannot be read.
    pub place: Result<Place, Fault>,
    /// Records that it has not delivered yet.
    pub lag: u64,
}

/// Starts them.
pub fn start(
    config: &Config,
    log: &Reader,
    open: impl Fn() -> Result<Reader, Fault>,
    clock: &Arc<dyn Clock>,
) -> Result<Exports, Fault> {
    let open = || open().map(|reader| Box::new(reader) as Box<dyn LogReader>);
    Exports::start(config.exports.clone(), open, &config.data.join(files::EXPORTS), &about(log)?, clock)
}

/// Whose log it is, as exports say it.
pub fn about(log: &dyn LogReader) -> Result<About, Fault> {
    let origin = origin_of(log)?.unwrap_or_else(|| "countersign.local".to_owned());
    Ok(About { origin, version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// How all of them stand, with so many records in the log.
pub fn standings(config: &Config, records: u64) -> Vec<Standing> {
    let folder = config.data.join(files::EXPORTS);
    let of_one = |spec: &export::SinkSpec| {
        let place = Place::load(&Place::file(&folder, &spec.name));
        let come = place.as_ref().map_or(0, |place| place.sequence);
        Standing { name: spec.name.clone(), kind: spec.target.kind(), place, lag: records.saturating_sub(come) }
    };
    config.exports.iter().map(of_one).collect()
}
