//! The allocator: one place for what is free.

/// Has all threads share one place for what is free, which then serves whoever asks next. By default each thread has one of
/// its own, and each keeps what its busiest moment took. To be called first of all: with a second thread nothing happens.
pub fn settle_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1) {
        for (parameter, value) in SETTINGS {
            #[expect(unsafe_code, reason = "the allocator has no other door")]
            // SAFETY: it takes two numbers, and no other thread is there to see them change.
            let _refused = unsafe { libc::mallopt(parameter, value) } == 0;
        }
    }
}

/// The bounds are fixed, for the allocator would raise them whenever something larger is freed. Answers of a megabyte come
/// from the common place, since to ask the kernel for each costs more than to handle it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(i32, i32); 3] =
    [(libc::M_ARENA_MAX, 1), (libc::M_MMAP_THRESHOLD, 4 << 20), (libc::M_TRIM_THRESHOLD, 256 << 10)];
