//! Memory to write in that the next record of the same thread writes in again: what is larger than a kilobyte takes an
//! allocator long, and most of all where another thread gives it back.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// An empty buffer, given back when it is dropped.
pub(crate) struct Scratch(Vec<u8>);

impl Scratch {
    pub(crate) fn new() -> Self {
        let spare = SPARE.try_with(|spare| spare.try_borrow_mut().ok().and_then(|mut spare| spare.pop()));
        Self(spare.ok().flatten().unwrap_or_default())
    }
}

impl Deref for Scratch {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        if buffer.capacity() == 0 || buffer.capacity() > KEPT_BYTES_MAX {
            return;
        }
        buffer.clear();
        // A thread that ends keeps nothing.
        let _kept = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < KEPT_MAX
            {
                spare.push(buffer);
            }
        });
    }
}

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

const KEPT_MAX: usize = 4;
const KEPT_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests;
