//! How much memory the process holds on to.
//!
//! # In scope
//! The allocator, giving back what only the start needed, and large pages for what is large. Every program that links this crate
//! allocates with jemalloc. The only `unsafe` code of ours: a name that jemalloc looks for, and single calls of C.
//!
//! # Out of scope
//! Who allocates what, and how much of it.
//!
//! # Invariants
//! * Nothing that is given back is lost: free memory, and pages that the kernel reads from the program's file again.
//! * Where the system is another than Linux with the GNU C library, nothing happens, and its own allocator is used.

mod allocator;
mod pages;

pub use pages::{in_large_pages, leave_start_behind};
