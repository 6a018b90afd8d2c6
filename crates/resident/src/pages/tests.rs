use super::*;

const MAPS: &str = "\
55d0a0000000-55d0a0600000 r--p 00000000 fe:00 131 /usr/bin/countersign
55d0a0600000-55d0a1a00000 r-xp 00600000 fe:00 131 /usr/bin/countersign
55d0a1a00000-55d0a1a80000 r--p 01a00000 fe:00 131 /usr/bin/countersign
55d0a1a80000-55d0a1a90000 rw-p 01a80000 fe:00 131 /usr/bin/countersign
55d0a2000000-55d0a2100000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000100000 r-xp 00000000 fe:00 99 /usr/lib/libc.so.6
";

#[test]
fn what_the_loader_or_the_program_wrote_stays() {
    let parts = own(MAPS, 0x55d0_a070_0000);
    let expected = [(0x55d0_a000_0000, 0x55d0_a060_0000), (0x55d0_a060_0000, 0x55d0_a1a0_0000)];
    assert_eq!(parts, expected.map(|(begin, end)| Part { begin, end }));
    assert_eq!(own(MAPS, 0x10), []);
    assert_eq!(own("no maps", 0x10), []);
}

#[cfg(target_os = "linux")]
#[test]
fn the_program_goes_on_as_before() {
    let before = std::hint::black_box(format!("{:?}", std::env::args().next()));
    assert!(leave_start_behind().unwrap() > 0);
    assert_eq!(before, format!("{:?}", std::env::args().next()));
    assert!(leave_start_behind().unwrap() > 0);
}
