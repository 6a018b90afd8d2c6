//! The sinks at work: a thread each, which reads from the store what its sink does not have yet.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{Blame, Clock, Fault};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use trace::{Entry, LogReader, Query, RecordKind, StoreFault};

use crate::deliver::{Delivery, People, Untaken, Why};
use crate::item::{About, Calls, Item, bytes_of};
use crate::limits::{
    AGAIN_AFTER_MAX, LAST_WORD_TIME_MAX, LOOK_EVERY, PAGE_BYTES_MAX, PAGE_RECORDS, PIECE_RECORDS, PLACE_KEPT_EACH_US,
    REST_MAX, REST_MIN,
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
    /// Whether the log was looked at, and the place is one of it.
    placed: bool,
    /// What people were told behind the place.
    people: People,
    /// How many records are read at a time.
    page: usize,
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
                placed: false,
                people: People::default(),
                page: PAGE_RECORDS,
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
        loop {
            let stopping = stop.is_cancelled();
            self.tell_late().await;
            let wait = match self.step().await {
                Ok(true) => continue,
                Ok(false) => LOOK_EVERY,
                Err(untaken) => self.failed(untaken),
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

    /// A log that was restored from a copy may have other records where this sink had come to. It gets all of them, unless it is
    /// people: they are told what happens from now on.
    fn find_place(&mut self) -> Result<(), StoreFault> {
        let people = matches!(self.spec.target, Target::People(_));
        let begins = self.place.sequence == 0 && self.place.leaf_hash.is_none();
        if begins && !people {
            return Ok(());
        }
        if !begins {
            let here = self.leaf_hash(self.place.sequence)?;
            if here.is_some() && (here == self.place.leaf_hash || self.place.leaf_hash.is_none()) {
                return Ok(());
            }
            let begins =
                if people { "people are told what comes from now on" } else { "it begins at the first record" };
            tracing::warn!(export = %self.spec.name, sequence = self.place.sequence,
                "the log is not the one that was exported; {begins}");
        }
        let sequence = if people { self.reader.last_sequence()? } else { 0 };
        let leaf_hash = self.leaf_hash(sequence)?;
        (self.place.sequence, self.place.leaf_hash) = (sequence, leaf_hash);
        Ok(())
    }

    /// That of this record; none where there is no such record.
    fn leaf_hash(&self, sequence: u64) -> Result<Option<String>, StoreFault> {
        let Some(before) = sequence.checked_sub(1) else { return Ok(None) };
        let here = Query {
            after_sequence: Some(before),
            before_sequence: sequence.checked_add(1),
            limit: 1,
            newest_first: false,
            ..Query::default()
        };
        Ok(self.reader.find(&here)?.first().map(|entry| entry.leaf_hash.to_string()))
    }

    /// Delivers one page; false where there was nothing to deliver.
    async fn step(&mut self) -> Result<bool, Untaken> {
        let said = |fault: StoreFault| format!("the trace could not be read: {fault}");
        if !self.placed {
            self.find_place().map_err(said)?;
            self.placed = true;
        }
        let nothing = self.reader.last_sequence().map_err(said)? == self.place.sequence;
        let entries = if nothing { Vec::new() } else { self.next_page().map_err(said)? };
        let mut places: Vec<(u64, String)> =
            entries.iter().map(|entry| (entry.sequence, entry.leaf_hash.to_string())).collect();
        let (mut items, taken) = self.items(entries).map_err(said)?;
        places.truncate(taken);
        let Some((last, leaf_hash)) = places.last().cloned() else {
            self.page = PAGE_RECORDS;
            return Ok(false);
        };
        items.retain(|item| self.spec.wants(item));
        match self.deliver(&items).await {
            Err(untaken) if untaken.why == Why::TooLarge && items.len() > 1 => {
                self.page = (places.len() / 2).max(1);
                return Ok(true);
            }
            Err(untaken) if self.gives_up(&untaken) => {}
            Err(untaken) => {
                if untaken.why == Why::TooSlow {
                    self.page = (places.len() / 2).max(1);
                }
                return Err(untaken);
            }
            Ok(()) => {
                self.rest = REST_MIN;
                self.page = (self.page + self.page / 4 + 1).min(PAGE_RECORDS);
            }
        }
        if matches!(self.spec.target, Target::People(_))
            && let Some(untold) = self.people.first_untold(&items)
        {
            // One message after the other: what breaks off here begins again with the next.
            if let Some((sequence, leaf_hash)) = places.iter().rfind(|(sequence, _)| *sequence < untold) {
                self.place.moved(*sequence, leaf_hash.clone(), self.clock.now());
                self.people.moved_to(*sequence);
            }
            self.keep_place_now_and_then();
            return Ok(true);
        }
        self.people.moved_to(last);
        self.place.took(last, leaf_hash, self.clock.now());
        self.keep_place_now_and_then();
        Ok(true)
    }

    /// What stands behind the place, as much as is held in memory at a time: one record at least.
    fn next_page(&self) -> Result<Vec<Entry>, StoreFault> {
        let (mut page, mut bytes) = (Vec::<Entry>::new(), 0_usize);
        loop {
            let query = Query {
                after_sequence: Some(page.last().map_or(self.place.sequence, |entry| entry.sequence)),
                limit: self.page.saturating_sub(page.len()).min(PIECE_RECORDS),
                newest_first: false,
                ..Query::default()
            };
            let piece = self.reader.find(&query)?;
            let ends = piece.len() < query.limit;
            for entry in piece {
                bytes = bytes.saturating_add(bytes_of(&entry));
                if bytes > PAGE_BYTES_MAX && !page.is_empty() {
                    return Ok(page);
                }
                page.push(entry);
            }
            if ends || page.len() >= self.page {
                return Ok(page);
            }
        }
    }

    /// The first of these records with their decisions, which count as they do: one record at least; and how many those are. People are
    /// told of changes, which have none.
    fn items(&mut self, entries: Vec<Entry>) -> Result<(Vec<Item>, usize), StoreFault> {
        let people = matches!(self.spec.target, Target::People(_));
        let (mut items, mut bytes, all) = (Vec::<Item>::new(), 0_usize, entries.len());
        for (place, entry) in entries.into_iter().enumerate() {
            if people && entry.kind != RecordKind::Change {
                continue;
            }
            let item = self.calls.item(self.reader.as_ref(), entry)?;
            bytes = bytes.saturating_add(item.bytes());
            if bytes > PAGE_BYTES_MAX && !items.is_empty() {
                return Ok((items, place));
            }
            items.push(item);
        }
        Ok((items, all))
    }

    /// Tries people again whom a message did not reach with the others.
    async fn tell_late(&mut self) {
        let now = self.clock.now();
        if !self.people.is_late(now) {
            return;
        }
        let Ok(mut delivery) = self.delivery.take().map_or_else(|| Delivery::open(&self.spec.target), Ok) else {
            return;
        };
        if let Some(remark) = delivery.deliver_late(&mut self.people, now).await {
            tracing::warn!(export = %self.spec.name, remark, "not everybody gets a message");
            self.place.failed(remark, now);
        }
        self.delivery = Some(delivery);
    }

    async fn deliver(&mut self, items: &[Item]) -> Result<(), Untaken> {
        if items.is_empty() {
            return Ok(());
        }
        let mut delivery = match self.delivery.take() {
            Some(delivery) => delivery,
            None => Delivery::open(&self.spec.target)?,
        };
        let delivered = delivery.deliver(items, &self.about, self.clock.now(), &mut self.people);
        let time = self.spec.target.time_max();
        let too_slow =
            |_| Untaken { why: Why::TooSlow, ..Untaken::from(format!("it took longer than {} s", time.as_secs())) };
        let remark = timeout(time, delivered).await.map_err(too_slow)??;
        self.delivery = Some(delivery);
        if let Some(remark) = remark {
            tracing::warn!(export = %self.spec.name, remark, "a collector did not take everything");
            self.place.failed(remark, self.clock.now());
        }
        Ok(())
    }

    /// Whether a message is passed over now, because it is refused every time.
    fn gives_up(&mut self, untaken: &Untaken) -> bool {
        let Why::Refused(records) = &untaken.why else { return false };
        let given_up = self.people.refused(records);
        if given_up.is_empty() {
            return false;
        }
        let what = &untaken.said;
        tracing::warn!(export = %self.spec.name, what, records = ?given_up,
            "nobody is told of these records: the message is refused every time");
        self.place.failed(format!("a message was passed over: {what}"), self.clock.now());
        true
    }

    /// How long to wait now.
    fn failed(&mut self, untaken: Untaken) -> Duration {
        if !self.place.failing {
            let what = &untaken.said;
            tracing::warn!(export = %self.spec.name, what, "an export does not get on; it is tried again and again");
        }
        self.place.failed(untaken.said, self.clock.now());
        let wait = self.rest.max(untaken.again_after.unwrap_or_default().min(AGAIN_AFTER_MAX));
        self.rest = (self.rest * 2).min(REST_MAX);
        wait
    }

    fn keep_place_now_and_then(&mut self) {
        if self.clock.now().0.saturating_sub(self.kept.0) >= PLACE_KEPT_EACH_US {
            self.keep_place();
        }
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
