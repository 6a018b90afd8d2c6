//! The allocator of the whole process, C code included: jemalloc, on Linux with the GNU C library.
//!
//! A call takes and gives back some pieces of several kilobytes, which the GNU C library's allocator merges and splits anew each
//! time; and it keeps a word in front of each piece, so that buffers that are never touched are resident nevertheless.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod jemalloc {
    use tikv_jemallocator::Jemalloc;

    #[global_allocator]
    static ALLOCATOR: Jemalloc = Jemalloc;

    /// One place for what is free, which then serves whoever asks next: with several, each keeps what its busiest moment took.
    /// What a thread has in its hand, and what is free and still resident, is bounded more tightly than by default: 2 MB less
    /// under load, and as quick. As that is little already, what a thread has in its hand is looked through each megabyte and not
    /// twice a call.
    #[expect(unsafe_code, reason = "it is how jemalloc is told before the first allocation")]
    // SAFETY: nothing else has this name, and it is what jemalloc wants there: a pointer to text that ends with a zero.
    #[unsafe(export_name = "malloc_conf")]
    static SETTINGS: &[u8; 107] =
        b"narenas:1,dirty_decay_ms:200,tcache_nslots_small_max:32,tcache_nslots_large:4,tcache_gc_incr_bytes:1048576\0";

    /// Gives back to the kernel whatever is free.
    pub(crate) fn give_back() {
        #[expect(unsafe_code, reason = "the allocator has no other door")]
        // SAFETY: the name ends with a zero, and the question takes and gives nothing.
        let _nothing_given = unsafe {
            tikv_jemalloc_sys::mallctl(
                PURGE.as_ptr(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                0,
            )
        };
    }

    /// Of all arenas, which is what this number stands for.
    const PURGE: &std::ffi::CStr = c"arena.4096.purge";
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) use jemalloc::give_back;

/// Elsewhere nothing is done.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}

#[cfg(test)]
mod tests;
