use aws_lc_rs::hmac;
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn the_hmac_is_that_of_the_library(key: [u8; 32], message in proptest::collection::vec(any::<u8>(), 0..300)) {
        let theirs = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &message);
        prop_assert_eq!(&hmac_sha256(&mut Vec::new(), &key, &message)[..], theirs.as_ref());
    }

    #[test]
    fn hexadecimal_comes_back(bytes: [u8; 32]) {
        let digits = model::hex(&bytes);
        prop_assert_eq!(unhex(std::str::from_utf8(&digits).unwrap()), Some(bytes));
    }
}
