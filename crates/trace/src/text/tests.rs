use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them(number: i64) {
        for number in [number, number >> 40, 0, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            write_number(&mut out, number);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }

    #[test]
    fn digests_are_written_as_the_model_shows_them(bytes: [u8; 32]) {
        let mut out = Vec::new();
        write_digest(&mut out, &Digest::new(bytes));
        prop_assert_eq!(out.len(), DIGEST_TEXT_BYTES);
        prop_assert_eq!(String::from_utf8(out).unwrap(), Digest::new(bytes).to_string());
    }
}
