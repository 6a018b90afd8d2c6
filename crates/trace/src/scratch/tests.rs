use super::*;

#[test]
fn a_buffer_is_used_again_and_empty() {
    let place = {
        let mut one = Scratch::new();
        one.extend_from_slice(b"something");
        one.as_ptr()
    };
    let again = Scratch::new();
    assert!(again.is_empty());
    assert_eq!(again.as_ptr(), place);
    let other = Scratch::new();
    assert_eq!(other.capacity(), 0);
}

#[test]
fn what_is_long_is_not_kept() {
    Scratch::new().reserve(KEPT_BYTES_MAX + 1);
    assert_eq!(Scratch::new().capacity(), 0);
}
