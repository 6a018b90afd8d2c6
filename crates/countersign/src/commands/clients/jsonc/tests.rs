use super::blank;

fn check(written: &str, strict: &str) {
    let blanked = blank(written.as_bytes());
    assert_eq!(blanked.len(), written.len(), "offsets must fit: {written}");
    assert_eq!(String::from_utf8(blanked).unwrap(), strict);
}

#[test]
fn comments_and_trailing_commas_become_blanks() {
    check("{}", "{}");
    check("{\"a\":1} // no\n", "{\"a\":1}      \n");
    check("{/* a\r\n b */\"a\":[1,2,],}", "{    \r\n     \"a\":[1,2 ] }");
    check("{\"a\": 1, // one\r\n}", "{\"a\": 1        \r\n}");
    check("{\"a\": 1, /* x */ }", "{\"a\": 1          }");
}

#[test]
fn strings_are_left_alone() {
    for text in [r#"{"a":"// no"}"#, r#"{"a":"\"/* ,] */"}"#, r#"{"http://x":",}"}"#, "\"open"] {
        check(text, text);
    }
}

#[test]
fn a_byte_order_mark_becomes_blanks() {
    assert_eq!(blank(b"\xEF\xBB\xBF{}"), b"   {}");
}

#[test]
fn what_is_wrong_stays_wrong() {
    check("{ /* open", "{        ");
    check("{,}", "{ }");
    check("[1,,2]", "[1,,2]");
}
