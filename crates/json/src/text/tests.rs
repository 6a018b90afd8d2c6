use super::{plain_run, unescape};

#[test]
fn a_plain_run_ends_at_the_first_special_byte_wherever_it_stands() {
    for special in (0..=0x1F).chain([b'"', b'\\']) {
        for length in (0..40).chain([64, 65, 130, 288, 300, 560]) {
            for place in 0..length {
                let mut bytes = vec![0x20u8; length];
                for (at, byte) in bytes.iter_mut().enumerate() {
                    *byte = *[0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F, 0x80, 0xFF].get(at % 8).unwrap();
                }
                *bytes.get_mut(place).unwrap() = special;
                if let Some(later) = bytes.get_mut(place + 3) {
                    *later = b'"';
                }
                assert_eq!(plain_run(&bytes, 0), place, "{special:#x} at {place} of {length}");
            }
        }
    }
    for byte in (0x20..=0xFF).filter(|byte| !b"\"\\".contains(byte)) {
        assert_eq!(plain_run(&[byte; 19], 3), 16);
    }
    assert_eq!(plain_run(b"abc", 7), 0);
}

#[test]
fn escapes_come_out() {
    let check = |inner: &str, expect: &str| assert_eq!(unescape(inner, true), expect);
    check(r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t");
    check(r"a\u0041\u00e9\u20AC!", "aA\u{e9}\u{20ac}!");
    check(r"\ud83d\ude00\uDBFF\uDFFF", "\u{1F600}\u{10FFFF}");
    check(r"\\u0041", r"\u0041");
    check(r"é\n€", "é\n€");
}
