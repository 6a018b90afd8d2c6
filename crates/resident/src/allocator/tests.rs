use super::*;

/// What jemalloc says of itself under a name that ends with a zero.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn number(name: &std::ffi::CStr) -> (i32, u32) {
    let (mut value, mut bytes) = (0_u32, size_of::<u32>());
    #[expect(unsafe_code, reason = "the allocator has no other door")]
    // SAFETY: it writes as many bytes as it is told to, and there is room for them.
    let said = unsafe {
        let place = std::ptr::from_mut(&mut value).cast();
        tikv_jemalloc_sys::mallctl(name.as_ptr(), place, &raw mut bytes, std::ptr::null_mut(), 0)
    };
    (said, value)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_settings_are_heard() {
    let said = [c"opt.narenas", c"opt.tcache_nslots_small_max", c"opt.tcache_nslots_large"].map(number);
    assert_eq!(said, [(0, 1), (0, 32), (0, 4)]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_free_is_given_back() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        crate::pages::held(&status)
    };
    let much: Vec<Vec<u8>> = (0..16_000).map(|at| vec![u8::try_from(at % 251).unwrap(); 4_000]).collect();
    let busy = resident();
    drop(std::hint::black_box(much));
    give_back();
    let after = resident();
    assert!(after + (32 << 20) < busy, "{after} of {busy} bytes are still there");
}
