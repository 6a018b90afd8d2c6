use super::*;

fn check(body: &str, expect: &str) {
    assert_eq!(String::from_utf8(complete(body.as_bytes())).unwrap(), expect);
}

#[test]
fn a_legacy_result_gets_its_type_and_keeps_every_other_byte() {
    check(r#"{"content":[],"x": 1e2}"#, r#"{"resultType":"complete","content":[],"x": 1e2}"#);
    check("{}", r#"{"resultType":"complete"}"#);
    check("{ }", r#"{"resultType":"complete" }"#);
    check(r#"{"resultType":"complete","content":[]}"#, r#"{"resultType":"complete","content":[]}"#);
}
