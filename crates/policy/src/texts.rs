//! Texts and their numbers, looked up for every call.
//!
//! What a decision waits for is memory, one place after another. Here a short text is found in one: it stands in its bucket.
//! A longer one stands beside those that were added before and after it.
//!
//! The hash is fixed and quick. Only who writes the rules decides what is in here, and however callers choose what they
//! ask for, they walk no further than those texts stand in a row.

/// A table of texts, each with the number it was added with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    /// At least a quarter of them free; their number is a power of two, or none.
    buckets: Vec<Bucket>,
    count: usize,
    /// The long texts, one after the other.
    long: Vec<u8>,
}

/// Half of what a processor fetches at once.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Bucket {
    /// The other half of the hash; the first one chose the bucket.
    mark: u32,
    number: u32,
    /// [`FREE`] in a bucket that holds nothing.
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
            let bucket = self.buckets.get(at).filter(|bucket| !bucket.is_free())?;
            if bucket.mark == mark(hash) && self.text(bucket) == Some(text.as_bytes()) {
                return Some(bucket.number);
            }
            at = self.next(at);
        }
    }

    /// Adds a text that is not here yet. Neither texts nor their bytes are as many as 2^32: the rules that name them would
    /// not fit into memory.
    pub(crate) fn add(&mut self, text: &str, number: u32) {
        if 4 * (self.count + 1) > 3 * self.buckets.len() {
            self.grow();
        }
        let text = text.as_bytes();
        let hash = hash(text);
        let mut bucket = Bucket { mark: mark(hash), number, length: narrow(text.len()), text: [0; SHORT] };
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
        let old = std::mem::replace(&mut self.buckets, vec![Bucket::FREE; more]);
        for bucket in old.into_iter().filter(|bucket| !bucket.is_free()) {
            if let Some(hash) = self.text(&bucket).map(hash) {
                self.put(hash, bucket);
            }
        }
    }

    fn put(&mut self, hash: u64, bucket: Bucket) {
        let mut at = self.home(hash);
        while self.buckets.get(at).is_some_and(|taken| !taken.is_free()) {
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
    const FREE: Self = Self { mark: 0, number: 0, length: FREE, text: [0; SHORT] };

    fn is_free(&self) -> bool {
        self.length == FREE
    }
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(FREE)
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

/// A text of so many bytes stands in its bucket.
const SHORT: usize = 20;
/// The length in a bucket that holds nothing.
const FREE: u32 = u32::MAX;
const BUCKETS_MIN: usize = 4;
const DIGITS_OF_PI: u64 = 0x243f_6a88_85a3_08d3;
const DIGITS_OF_THE_GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests;
