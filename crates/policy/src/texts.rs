//! Texts and their numbers, looked up for every call.
//!
//! What a decision waits for is memory, one place after another. Here a text is found in two: a bucket of sixteen bytes, and
//! the text itself, which stands beside those that were added before and after it.
//!
//! The hash is fixed and quick. Only who writes the rules decides what is in here, and however callers choose what they
//! ask for, they walk no further than those texts stand in a row.

/// A table of texts, each with the number it was added with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    /// At least a third of them free; their number is a power of two, or none.
    buckets: Vec<Bucket>,
    count: usize,
    written: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The other half of the hash; the first one chose the bucket.
    mark: u32,
    number: u32,
    /// Where the text stands.
    start: u32,
    length: u32,
}

// === impl Texts ===

impl Texts {
    /// The number of a text.
    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        let hash = hash(text.as_bytes());
        let mut at = self.home(hash);
        loop {
            let bucket = self.buckets.get(at).filter(|bucket| bucket.start != FREE)?;
            if bucket.mark == mark(hash) && self.written(bucket) == Some(text.as_bytes()) {
                return Some(bucket.number);
            }
            at = self.next(at);
        }
    }

    /// Adds a text that is not here yet. Neither texts nor their bytes are as many as 2^32: the rules that name them would
    /// not fit into memory.
    pub(crate) fn add(&mut self, text: &str, number: u32) {
        if 3 * (self.count + 1) > 2 * self.buckets.len() {
            self.grow();
        }
        let start = u32::try_from(self.written.len()).unwrap_or(FREE);
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.written.extend_from_slice(text.as_bytes());
        self.count += 1;
        let hash = hash(text.as_bytes());
        self.put(hash, Bucket { mark: mark(hash), number, start, length });
    }

    fn grow(&mut self) {
        let more = (2 * self.buckets.len()).max(BUCKETS_MIN);
        let old = std::mem::replace(&mut self.buckets, vec![Bucket::FREE; more]);
        for bucket in old.into_iter().filter(|bucket| bucket.start != FREE) {
            if let Some(hash) = self.written(&bucket).map(hash) {
                self.put(hash, bucket);
            }
        }
    }

    fn put(&mut self, hash: u64, bucket: Bucket) {
        let mut at = self.home(hash);
        while self.buckets.get(at).is_some_and(|taken| taken.start != FREE) {
            at = self.next(at);
        }
        self.buckets.get_mut(at).into_iter().for_each(|place| *place = bucket);
    }

    fn home(&self, hash: u64) -> usize {
        usize::try_from(hash & u64::from(u32::MAX)).unwrap_or_default() & self.buckets.len().saturating_sub(1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & self.buckets.len().saturating_sub(1)
    }

    fn written(&self, bucket: &Bucket) -> Option<&[u8]> {
        let start = usize::try_from(bucket.start).ok()?;
        self.written.get(start..start.checked_add(usize::try_from(bucket.length).ok()?)?)
    }
}

// === impl Bucket ===

impl Bucket {
    const FREE: Self = Self { mark: 0, number: 0, start: FREE, length: 0 };
}

fn mark(hash: u64) -> u32 {
    (hash >> 32) as u32
}

fn hash(text: &[u8]) -> u64 {
    let (whole, rest) = text.as_chunks::<8>();
    let start = mixed(text.len() as u64);
    let hash = whole.iter().fold(start, |hash, chunk| mixed(hash ^ u64::from_le_bytes(*chunk)));
    let rest = rest.iter().fold(0, |rest, byte| (rest << 8) | u64::from(*byte));
    mixed(hash ^ rest)
}

/// Each half of the result depends on every bit.
fn mixed(value: u64) -> u64 {
    let product = u128::from(value ^ DIGITS_OF_PI) * u128::from(DIGITS_OF_THE_GOLDEN_RATIO);
    (product as u64) ^ ((product >> 64) as u64)
}

/// What stands in a bucket that holds nothing.
const FREE: u32 = u32::MAX;
const BUCKETS_MIN: usize = 4;
const DIGITS_OF_PI: u64 = 0x243f_6a88_85a3_08d3;
const DIGITS_OF_THE_GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests;
