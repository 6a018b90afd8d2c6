use super::*;

#[test]
fn terms_that_begin_with_a_minus_are_no_options() {
    let check = |word: &str, expected: &str| assert_eq!(guarded(word.into()), OsString::from(expected));
    check("-agent:helper", " -agent:helper");
    check("-by:os-user:ana", " -by:os-user:ana");
    for word in ["app:crm", "-n5", "-n", "--limit", "-c:x", "--config=a:b", "-", "-:x", "-C:/countersign.yaml"] {
        check(word, word);
    }
}
