//! Futures that are made where they stay.

use std::pin::Pin;

/// Boxes a future as [`Box::pin`] does, but takes the room first and has the future made in it: `Box::pin` is given one that is
/// already made, and copies all of it, the room for what it has not begun yet included. The future of a whole call is several
/// kilobytes, of which its beginning is a tenth.
pub fn in_place<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::into_pin(Box::write(Box::new_uninit(), make()))
}
