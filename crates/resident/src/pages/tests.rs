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

#[test]
fn only_whole_pages_of_memory_are_gathered() {
    let maps = "\
55d0a1a80000-55d0a2290000 rw-p 01a80000 fe:00 131 /usr/bin/countersign
55d0a2300000-55d0a2910000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000200000 rw-p 00000000 00:00 0 
7f0000300000-7f0000500000 rw-p 00000000 00:00 0 
7f0000600000-7f0000800000 rw-p 00000000 00:00 0                  [anon:jemalloc_pg]
7f0000800000-7f0000a00000 r--p 00000000 00:00 0 
7f0000c00000-7f0001000000 rw-p 00000000 00:00 0 [stack]
";
    let expected = [
        (0x55d0_a240_0000, 0x55d0_a280_0000),
        (0x7f00_0000_0000, 0x7f00_0020_0000),
        (0x7f00_0060_0000, 0x7f00_0080_0000),
    ];
    assert_eq!(heap(maps), expected.map(|(begin, end)| Part { begin, end }));
}

#[test]
fn what_is_held_is_read() {
    assert_eq!(held("VmRSS:\t   20144 kB\nRssAnon:\t    1234 kB\nRssFile:\t 7 kB\n"), 1234 << 10);
    assert_eq!((held("RssAnon: much"), held("")), (0, 0));
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn what_is_gathered_is_what_it_was() {
    let much: Vec<Box<[usize]>> = (0..MUCH >> 12).map(|at| vec![at; 600].into()).collect();
    // Kernels before 6.1 cannot do it.
    let _gathered = in_large_pages().unwrap();
    assert!(much.iter().enumerate().all(|(at, page)| page.iter().all(|word| *word == at)));
}
