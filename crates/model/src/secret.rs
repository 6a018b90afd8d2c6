//! A value that must not be seen.

/// Holds a real credential. It cannot be printed, logged, serialised or copied; only [`Secret::expose`] shows it, and
/// `cargo xtask tidy` lists every place that calls it.
///
/// Text is overwritten on drop as far as safe Rust can: buffers of HTTP and TLS libraries are outside our reach.
pub struct Secret<T: Wipe>(T);

/// A value that can overwrite itself.
pub trait Wipe {
    /// Overwrites the content.
    fn wipe(&mut self);
}

impl<T: Wipe> Secret<T> {
    /// Takes the value in.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value: one call site at a time.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Wipe> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

impl Wipe for String {
    fn wipe(&mut self) {
        let mut bytes = std::mem::take(self).into_bytes();
        bytes.wipe();
    }
}

impl Wipe for Vec<u8> {
    fn wipe(&mut self) {
        self.fill(0);
        std::hint::black_box(self.as_slice());
        self.clear();
    }
}

impl<const N: usize> Wipe for [u8; N] {
    fn wipe(&mut self) {
        self.fill(0);
        std::hint::black_box(self.as_slice());
    }
}
