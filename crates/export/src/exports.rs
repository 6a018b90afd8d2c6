//! The sinks at work: a thread each, which reads from the store what its sink does not have yet.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{Blame, Clock, Fault};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use trace::{Entry, LogReader, Query};

use crate::deliver::Delivery;
use crate::item::{About, Calls, Item};
use crate::limits::{
    DELIVERY_TIME_MAX, LAST_WORD_TIME_MAX, LOOK_EVERY, PAGE_RECORDS, PLACE_KEPT_EACH_US, REST_MAX, REST_MIN,
};
use crate::place::Place;
use crate::sink::{SinkSpec, Target};

/// All sinks of a gateway. They end when this is closed or dropped.
pub struct Exports {
    stop: CancellationToken,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// One sink at work.
struct Worker {
    spec: SinkSpec,
    reader: Box<dyn LogReader>,
    about: About,
    clock: Arc<dyn Clock>,
    delivery: Option<Delivery>,
    calls: Calls,
    place: Place,
    file: PathBuf,
    /// When the place was last written, and what of it.
    kept: (i64, Place),
    /// How long to wait after the next failure.
    rest: Duration,
}

// === impl Exports ===

impl Exports {
    /// Starts a thread for each sink. `open` gives it a reader of its own; `folder` holds the places. Error: a place cannot
    /// be read, or the system gives no thread.
    pub fn start(
        specs: Vec<SinkSpec>,
        open: impl Fn() -> Result<Box<dyn LogReader>, Fault>,
        folder: &Path,
        about: &About,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let exports = Self { stop: CancellationToken::new(), threads: Mutex::default() };
        if specs.is_empty() {
            return Ok(exports);
        }
        make_folder(folder)?;
        for spec in specs {
            let file = Place::file(folder, &spec.name);
            let place = Place::load(&file)?;
            let worker = Worker {
                reader: open()?,
                about: about.clone(),
                clock: Arc::clone(clock),
                delivery: None,
                calls: Calls::default(),
                kept: (0, place.clone()),
                place,
                file,
                rest: REST_MIN,
                spec,
            };
            exports.run(worker)?;
        }
        Ok(exports)
    }

    fn run(&self, mut worker: Worker) -> Result<(), Fault> {
        let no_thread = |error: std::io::Error| {
            Fault::new(Blame::Operator, "export.no_thread", "the thread of an export could not be started")
                .because(error)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let stop = self.stop.clone();
        let work = move || {
            runtime.block_on(async {
                let overtime = async {
                    stop.cancelled().await;
                    sleep(LAST_WORD_TIME_MAX).await;
                };
                tokio::select! {
                    () = worker.work(&stop) => {}
                    () = overtime => {}
                }
            });
            worker.keep_place();
        };
        let thread = std::thread::Builder::new().name("trace-export".to_owned()).spawn(work).map_err(no_thread)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Lets the sinks have what there is, for a moment at most, and ends them. Blocks.
    pub fn close(&self) {
        self.stop.cancel();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ended = thread.join();
        }
    }
}

impl Drop for Exports {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl Worker ===

impl Worker {
    /// Delivers until told to stop, and then what is left unless the sink fails.
    async fn work(&mut self, stop: &CancellationToken) {
        if let Err(what) = self.find_place() {
            self.failed(what);
        }
        loop {
            let stopping = stop.is_cancelled();
            let wait = match self.step().await {
                Ok(true) => continue,
                Ok(false) => LOOK_EVERY,
                Err(what) => self.failed(what),
            };
            self.keep_place();
            if stopping {
                return;
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// A log that was restored from a copy may have other records where this sink had come to. It gets all of them.
    fn find_place(&mut self) -> Result<(), String> {
        let begins = self.place.sequence == 0 && self.place.leaf_hash.is_none();
        if begins && matches!(self.spec.target, Target::People(_)) {
            self.place.sequence = self.reader.last_sequence().map_err(|fault| fault.to_string())?;
            return Ok(());
        }
        let Some(expected) = self.place.leaf_hash.clone() else { return Ok(()) };
        let here = Query {
            after_sequence: Some(self.place.sequence.saturating_sub(1)),
            before_sequence: self.place.sequence.checked_add(1),
            limit: 1,
            newest_first: false,
            ..Query::default()
        };
        let found = self.reader.find(&here).map_err(|fault| fault.to_string())?;
        if found.first().is_some_and(|entry| entry.leaf_hash.to_string() == expected) {
            return Ok(());
        }
        tracing::warn!(export = %self.spec.name, sequence = self.place.sequence,
            "the log is not the one that was exported; the export begins at its first record again");
        (self.place.sequence, self.place.leaf_hash) = (0, None);
        Ok(())
    }

    /// Delivers one page; false where there was nothing to deliver.
    async fn step(&mut self) -> Result<bool, String> {
        let query = Query {
            after_sequence: Some(self.place.sequence),
            limit: PAGE_RECORDS,
            newest_first: false,
            ..Query::default()
        };
        let said = |fault: trace::StoreFault| format!("the trace could not be read: {fault}");
        if self.reader.last_sequence().map_err(said)? == self.place.sequence {
            return Ok(false);
        }
        let entries: Vec<Entry> = self.reader.find(&query).map_err(said)?;
        let Some(last) = entries.last().map(|last| (last.sequence, last.leaf_hash.to_string())) else {
            return Ok(false);
        };
        let mut items = self.calls.items(self.reader.as_ref(), entries).map_err(said)?;
        items.retain(|item| self.spec.wants(item));
        if !items.is_empty() {
            self.deliver(&items).await?;
        }
        self.place.took(last.0, last.1, self.clock.now());
        self.rest = REST_MIN;
        if self.clock.now().0.saturating_sub(self.kept.0) >= PLACE_KEPT_EACH_US {
            self.keep_place();
        }
        Ok(true)
    }

    async fn deliver(&mut self, items: &[Item]) -> Result<(), String> {
        let mut delivery = match self.delivery.take() {
            Some(delivery) => delivery,
            None => Delivery::open(&self.spec.target)?,
        };
        let delivered = timeout(DELIVERY_TIME_MAX, delivery.deliver(items, &self.about, self.clock.now())).await;
        let remark = delivered.map_err(|_| format!("it took longer than {} s", DELIVERY_TIME_MAX.as_secs()))??;
        self.delivery = Some(delivery);
        if let Some(remark) = remark {
            tracing::warn!(export = %self.spec.name, remark, "a collector did not take everything");
            self.place.failed(remark, self.clock.now());
        }
        Ok(())
    }

    /// How long to wait now.
    fn failed(&mut self, what: String) -> Duration {
        if !self.place.failing {
            tracing::warn!(export = %self.spec.name, what, "an export does not get on; it is tried again and again");
        }
        self.place.failed(what, self.clock.now());
        let wait = self.rest;
        self.rest = (wait * 2).min(REST_MAX);
        wait
    }

    fn keep_place(&mut self) {
        if self.place == self.kept.1 {
            return;
        }
        match self.place.keep(&self.file) {
            Ok(()) => self.kept = (self.clock.now().0, self.place.clone()),
            Err(fault) => tracing::warn!(export = %self.spec.name, %fault, "the place of an export cannot be kept"),
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| private_file::unwritable(folder, error))
}

#[cfg(test)]
mod tests;
