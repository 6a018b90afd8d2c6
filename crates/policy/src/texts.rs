//! Texts and their numbers, looked up for every call.
//!
//! What a decision waits for is memory, one place after another. So of each bucket a mark stands in a row that is small
//! enough to stay near: what is not here is seldom looked for further than there. A short text is found in one place beside
//! it, its bucket. A longer one stands beside those that were added before and after it.
//!
//! The hash is fixed and quick. Only who writes the rules decides what is in here, and however callers choose what they
//! ask for, they walk no further than those texts stand in a row.

/// A table of texts, each with the number it was added with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    /// Of each bucket a part of the hash that did not choose it, or [`FREE`]. At least half of them are free, so that nobody
    /// walks far; their number is a power of two, or none.
    marks: Vec<u32>,
    buckets: Vec<Bucket>,
    count: usize,
    /// The long texts, one after the other.
    long: Vec<u8>,
}

/// Half of what a processor fetches at once.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Bucket {
    number: u32,
    length: u32,
    /// A short text itself, or four bytes that say where a long one stands.
    text: [u8; SHORT],
}

// === impl Texts ===

impl Texts {
    /// The number of a text.
    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        let hash = hash(text.as_bytes());
        let mut at = self.home(hash);
        loop {
            let met = *self.marks.get(at).filter(|met| **met != FREE)?;
            if met == mark(hash)
                && let Some(bucket) = self.buckets.get(at)
                && self.text(bucket) == Some(text.as_bytes())
            {
                return Some(bucket.number);
            }
            at = self.next(at);
        }
    }

    /// Adds a text that is not here yet. Neither texts nor their bytes are as many as 2^32: the rules that name them would
    /// not fit into memory.
    pub(crate) fn add(&mut self, text: &str, number: u32) {
        if 2 * (self.count + 1) > self.buckets.len() {
            self.grow();
        }
        let text = text.as_bytes();
        let hash = hash(text);
        let mut bucket = Bucket { number, length: narrow(text.len()), text: [0; SHORT] };
        let start = narrow(self.long.len()).to_le_bytes();
        let stands = if text.len() <= SHORT { text } else { &start };
        bucket.text.iter_mut().zip(stands).for_each(|(to, from)| *to = *from);
        if text.len() > SHORT {
            self.long.extend_from_slice(text);
        }
        self.count += 1;
        self.put(hash, bucket);
    }

    fn grow(&mut self) {
        let more = (2 * self.buckets.len()).max(BUCKETS_MIN);
        let marks = std::mem::replace(&mut self.marks, vec![FREE; more]);
        let old = std::mem::replace(&mut self.buckets, vec![Bucket::EMPTY; more]);
        for (_, bucket) in marks.into_iter().zip(old).filter(|(mark, _)| *mark != FREE) {
            if let Some(hash) = self.text(&bucket).map(hash) {
                self.put(hash, bucket);
            }
        }
    }

    fn put(&mut self, hash: u64, bucket: Bucket) {
        let mut at = self.home(hash);
        while self.marks.get(at).is_some_and(|met| *met != FREE) {
            at = self.next(at);
        }
        self.marks.get_mut(at).into_iter().for_each(|met| *met = mark(hash));
        self.buckets.get_mut(at).into_iter().for_each(|place| *place = bucket);
    }

    fn home(&self, hash: u64) -> usize {
        usize::try_from(hash & u64::from(u32::MAX)).unwrap_or_default() & self.marks.len().saturating_sub(1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & self.marks.len().saturating_sub(1)
    }

    fn text<'t>(&'t self, bucket: &'t Bucket) -> Option<&'t [u8]> {
        let length = usize::try_from(bucket.length).ok()?;
        if length <= SHORT {
            return bucket.text.get(..length);
        }
        let start = usize::try_from(u32::from_le_bytes(*bucket.text.first_chunk()?)).ok()?;
        self.long.get(start..start.checked_add(length)?)
    }
}

// === impl Bucket ===

impl Bucket {
    const EMPTY: Self = Self { number: 0, length: 0, text: [0; SHORT] };
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn mark(hash: u64) -> u32 {
    ((hash >> 32) as u32).max(FREE + 1)
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

/// A text of so many bytes stands in its bucket.
const SHORT: usize = 24;
/// The mark of a bucket that holds nothing.
const FREE: u32 = 0;
const BUCKETS_MIN: usize = 4;
const DIGITS_OF_PI: u64 = 0x243f_6a88_85a3_08d3;
const DIGITS_OF_THE_GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests;
