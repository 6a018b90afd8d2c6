//! One counter: what is taken of it now, and when it was taken.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::SeqCst};

use model::UnixMicros;

use super::{Counts, Key};

/// Taken from with one atomic step, so that there is never one too many at the edge.
pub(super) struct Counter {
    /// What it counts for.
    pub(super) key: Key,
    /// Taken now; [`RETIRED`] once nobody finds it any more.
    total: AtomicU32,
    /// When, in sixtieths of the stretch: the number of the sixtieth, and how many. Empty where no stretch is counted.
    parts: Vec<AtomicU64>,
    part_us: i64,
    swept: AtomicU32,
    /// Times this call failed since it last succeeded.
    failures: AtomicU32,
    touched: AtomicI64,
}

/// Why nothing was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Spent,
    /// The counter was put away meanwhile; there is another one, or room for one.
    Retired,
}

// === impl Counter ===

impl Counter {
    pub(super) fn new(key: Key) -> Self {
        let (parts, part_us) = match key.counts {
            Counts::Calls(within) | Counts::Records(within) | Counts::Kibibytes(within) => {
                let within = i64::try_from(within.as_micros()).unwrap_or(i64::MAX - PARTS);
                (PARTS + 1, ((within + PARTS - 1) / PARTS).max(1))
            }
            Counts::Failures | Counts::UnderWay => (0, 1),
        };
        Self {
            key,
            total: AtomicU32::new(0),
            parts: (0..parts).map(|_| AtomicU64::new(0)).collect(),
            part_us,
            swept: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            touched: AtomicI64::new(0),
        }
    }

    /// Somebody asks for it.
    pub(super) fn touch(&self, now: UnixMicros) {
        self.touched.store(now.0, SeqCst);
    }

    /// When somebody asked for it last.
    pub(super) fn touched(&self) -> i64 {
        self.touched.load(SeqCst)
    }

    /// How much is taken.
    pub(super) fn taken(&self, now: UnixMicros) -> u32 {
        self.sweep(self.epoch(now));
        self.total.load(SeqCst)
    }

    /// A call that it counts has ended.
    pub(super) fn ended(&self, failed: bool) -> Result<(), NotTaken> {
        let next =
            |failures: u32| (failures != RETIRED).then(|| if failed { (failures + 1).min(RETIRED - 1) } else { 0 });
        self.failures.fetch_update(SeqCst, SeqCst, next).map(drop).map_err(|_| NotTaken::Retired)
    }

    /// As many as wanted, or as there are, but not fewer than `least` (none: all that is wanted); and the sixtieth in which they
    /// are counted.
    pub(super) fn take_in_time(
        &self,
        least: Option<u32>,
        wanted: u32,
        most: u32,
        now: UnixMicros,
    ) -> Result<(u32, u32), NotTaken> {
        let epoch = self.epoch(now);
        self.sweep(epoch);
        let taken = self.take_some(least.unwrap_or(wanted), wanted, most)?;
        Ok((self.count_in(epoch, taken), taken))
    }

    /// Counts in a sixtieth what was taken, or in a later one, and says in which.
    pub(super) fn count_in(&self, epoch: u32, taken: u32) -> u32 {
        let Some(part) = self.part(epoch) else { return epoch };
        loop {
            let was = part.load(SeqCst);
            let (at, count) = halves(was);
            // A clock that was set back, or a thread that is late: it counts with the later ones.
            let later = count > 0 && age(epoch, at) <= 0;
            let (next, gone) =
                if later { (joined(at, count.saturating_add(taken)), 0) } else { (joined(epoch, taken), count) };
            if part.compare_exchange(was, next, SeqCst, SeqCst).is_ok() {
                self.give_back(gone);
                return if later { at } else { epoch };
            }
        }
    }

    pub(super) fn give_back_in_time(&self, epoch: u32, amount: u32) {
        let Some(part) = self.part(epoch).filter(|_| amount > 0) else { return };
        let given = part.fetch_update(SeqCst, SeqCst, |was| {
            let (at, count) = halves(was);
            (at == epoch).then(|| count.checked_sub(amount).map(|count| joined(at, count))).flatten()
        });
        if given.is_ok() {
            self.give_back(amount);
        }
    }

    /// Gives back what is older than the stretch. What lies further ahead than one, because the clock was ahead, counts as taken now:
    /// nobody knows when that was.
    fn sweep(&self, epoch: u32) {
        if self.swept.load(SeqCst) == epoch {
            return;
        }
        for part in &self.parts {
            let was = part.load(SeqCst);
            let (at, count) = halves(was);
            let age = i64::from(age(epoch, at));
            if count == 0 || age.abs() <= PARTS || part.compare_exchange(was, joined(at, 0), SeqCst, SeqCst).is_err() {
                continue;
            }
            if age > 0 {
                self.give_back(count);
            } else {
                self.count_in(epoch, count);
            }
        }
        self.swept.store(epoch, SeqCst);
    }

    /// After a failure every further one takes, and so does one that is under way.
    pub(super) fn take_retry(&self, most: u32) -> Result<(), NotTaken> {
        match self.failures.load(SeqCst) {
            RETIRED => Err(NotTaken::Retired),
            0 => self.take_some(1, 1, u32::MAX - 1).map(drop),
            failures => self.take_some(1, 1, most.saturating_add(1).saturating_sub(failures)).map(drop),
        }
    }

    /// As many as wanted, or as there are, but not fewer than `least`.
    pub(super) fn take_some(&self, least: u32, wanted: u32, most: u32) -> Result<u32, NotTaken> {
        let grant = |taken: u32| {
            let left = most.min(RETIRED - 1).saturating_sub(taken);
            (taken != RETIRED && left >= least).then(|| wanted.min(left))
        };
        match self.total.fetch_update(SeqCst, SeqCst, |taken| grant(taken).map(|granted| taken + granted)) {
            Ok(before) => Ok(grant(before).unwrap_or_default()),
            Err(RETIRED) => Err(NotTaken::Retired),
            Err(_) => Err(NotTaken::Spent),
        }
    }

    pub(super) fn give_back(&self, count: u32) {
        let less = |taken: u32| (taken != RETIRED).then(|| taken.saturating_sub(count));
        let _ = self.total.fetch_update(SeqCst, SeqCst, less);
    }

    /// Puts it away if nothing is taken. From then on nothing can be.
    pub(super) fn retire(&self, now: UnixMicros) -> bool {
        self.sweep(self.epoch(now));
        // A failure that is counted meanwhile comes before or after, and is not lost.
        if self.failures.compare_exchange(0, RETIRED, SeqCst, SeqCst).is_err() {
            return self.retired();
        }
        let retired = self.total.compare_exchange(0, RETIRED, SeqCst, SeqCst).is_ok();
        if !retired {
            self.failures.store(0, SeqCst);
        }
        retired
    }

    pub(super) fn retired(&self) -> bool {
        self.total.load(SeqCst) == RETIRED
    }

    fn epoch(&self, now: UnixMicros) -> u32 {
        // Only differences of neighbours matter.
        u32::try_from(now.0.div_euclid(self.part_us) & i64::from(u32::MAX)).unwrap_or_default()
    }

    fn part(&self, epoch: u32) -> Option<&AtomicU64> {
        let parts = u32::try_from(self.parts.len()).ok().filter(|parts| *parts > 0)?;
        self.parts.get(usize::try_from(epoch % parts).ok()?)
    }
}

fn halves(both: u64) -> (u32, u32) {
    (u32::try_from(both >> 32).unwrap_or_default(), u32::try_from(both & u64::from(u32::MAX)).unwrap_or_default())
}

fn joined(epoch: u32, count: u32) -> u64 {
    (u64::from(epoch) << 32) | u64::from(count)
}

/// How many sixtieths ago, with epochs that wrap around.
fn age(now: u32, then: u32) -> i32 {
    now.wrapping_sub(then).cast_signed()
}

/// A stretch of time is counted in so many parts.
const PARTS: i64 = 60;
const RETIRED: u32 = u32::MAX;
