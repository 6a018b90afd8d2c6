//! How much memory the process holds on to.
//!
//! # In scope
//! Settings of the C library's allocator, giving back what only the start needed, and large pages for what is large. The only
//! `unsafe` code of ours, each place one call of the C library.
//!
//! # Out of scope
//! Who allocates what, and how much of it.
//!
//! # Invariants
//! * Nothing that is given back is lost: free memory, and pages that the kernel reads from the program's file again.
//! * Where the system is another than Linux with the GNU C library, nothing happens.

mod allocator;
mod pages;

pub use allocator::settle_allocator;
pub use pages::{in_large_pages, leave_start_behind};
