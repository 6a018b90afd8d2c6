use model::written::{number, place as path};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(read: impl Fn(&str) -> Option<String>, cases: &[(&str, Option<&str>)]) {
    for (text, expect) in cases {
        assert_eq!(read(text).as_deref(), *expect, "{text:?}");
    }
}

#[test]
fn places_are_absolute_and_lexical() {
    check(
        path,
        &[
            ("/", Some("/")),
            ("//", Some("/")),
            ("/a/b/", Some("/a/b")),
            ("/a/./b//c", Some("/a/b/c")),
            ("/a/../../b", Some("/b")),
            ("/workspace/../etc/passwd", Some("/etc/passwd")),
            ("/..", Some("/")),
            ("/a b/[id]/é", Some("/a b/[id]/é")),
            ("/...", Some("/...")),
            ("", None),
            ("a", None),
            ("./a", None),
            ("../a", None),
            ("~", None),
            ("~/a", None),
            ("/a/$HOME", None),
            ("/a/`id`", None),
            ("/a\\..\\b", None),
            ("C:\\a", None),
            ("/a\0b", None),
            ("/a\nb", None),
            ("file:///etc", None),
        ],
    );
}

#[test]
fn hosts_are_one_and_the_same_to_everybody() {
    check(
        host,
        &[
            ("https://Example.com/a?b#c", Some("example.com")),
            ("https://example.com.", Some("example.com")),
            ("http://example.com:8080/", Some("example.com")),
            ("HTTPS://a.b", Some("a.b")),
            ("http://127.0.0.1/", Some("127.0.0.1")),
            ("http://[::1]:80/", Some("[::1]")),
            ("http://[0:0:0:0:0:0:0:1]/", Some("[::1]")),
            ("http://[::ffff:10.0.0.1]/", Some("10.0.0.1")),
            ("https://example.com?x", Some("example.com")),
            ("example.com", None),
            ("//example.com", None),
            ("https:example.com", None),
            ("https:///x", None),
            ("https://good.example@evil.example/", None),
            ("https://evil.example\\@good.example/", None),
            ("https://a b/", None),
            ("https://a\tb/", None),
            ("https://%65vil/", None),
            ("https://münchen.example/", None),
            ("http://2130706433/", None),
            ("http://0x7f000001/", None),
            ("http://127.1/", None),
            ("http://0177.0.0.1/", None),
            ("http://a..b/", None),
            ("http://a:99999/", None),
            ("http://a:/", None),
            ("http://[::1/", None),
            ("javascript://x/", None),
            ("file:///etc/passwd", None),
            ("data:text/plain,x", None),
        ],
    );
}

#[test]
fn recipients_of_every_form() {
    let all = |text: &str| recipients(text).map(|all| all.join(" "));
    check(
        all,
        &[
            ("Ana@Example.COM", Some("ana@example.com")),
            ("Ana Diaz <ana@example.com>", Some("ana@example.com")),
            ("\"Diaz, Ana\" <ana@example.com>", Some("ana@example.com")),
            ("a@x.example, b@y.example;c@z.example", Some("a@x.example b@y.example c@z.example")),
            ("a@x.example,", Some("a@x.example")),
            ("a@example.com.", Some("a@example.com")),
            ("#General", Some("#general")),
            ("C0AB", Some("c0ab")),
            ("@ana", Some("@ana")),
            ("", None),
            (",", None),
            ("a@", None),
            ("a@b@c.example", None),
            ("ana@example.com <ana@evil.example>", None),
            ("a@good.example\nBcc: b@evil.example", None),
            ("a b@x.example", None),
            ("<a@x.example", None),
            ("\"a", None),
            ("\"ana\"@example.com", None),
            ("\"ana\"", None),
            ("list: a@x.example;", None),
            ("a@exämple.com", None),
        ],
    );
}

#[test]
fn numbers_are_exact() {
    let read = |text: &str| number(text).map(|number| format!("{number:?}"));
    check(
        read,
        &[
            ("0", Some("Whole(0)")),
            ("-0", Some("Whole(0)")),
            ("-0.0", Some("Whole(0)")),
            ("12", Some("Whole(12)")),
            ("12.00", Some("Whole(12)")),
            ("1e3", Some("Whole(1000)")),
            ("1.25E+1", Some("Decimal(\"12.5\")")),
            ("5e-3", Some("Decimal(\"0.005\")")),
            ("-0.250", Some("Decimal(\"-0.25\")")),
            ("9223372036854775807", Some("Whole(9223372036854775807)")),
            ("9223372036854775808", Some("Decimal(\"9223372036854775808\")")),
            ("1e65", None),
            ("1e-999999999", None),
            ("01", None),
            ("+1", None),
            (".5", None),
            ("1.", None),
            ("1,000", None),
            ("1 000", None),
            ("$5", None),
            ("NaN", None),
            ("", None),
            ("-", None),
            ("٣", None),
        ],
    );
}

#[test]
fn a_part_reaches_no_further_than_itself() {
    assert!(part("site", "/") && part("my.site-2", "/"));
    for text in ["", ".", "..", "a/b", "a%2fb", "a\\b", "a?b", "a#b", " a", "a\n"] {
        assert!(!part(text, ":"), "{text:?}");
    }
    assert!(!part("a:b", ":"));
}

proptest! {
    /// What is normal stays as it is, and nothing stops the reader.
    #[test]
    fn normalising_twice_is_normalising_once(text in "[/a.~$@: <>,\"-]{0,24}|.{0,40}") {
        for read in [path, host_name, recipient] {
            if let Some(once) = read(&text) {
                prop_assert_eq!(read(&once), Some(once));
            }
        }
        if let Some(once) = number(&text) {
            prop_assert_eq!(number(&spelled(&once)), Some(once));
        }
        let _ = (host(&text), recipients(&text));
    }

    /// No place that was read has a step upwards left in it.
    #[test]
    fn no_way_up_is_left(text in "(/|\\.\\.|\\.|a){0,12}") {
        if let Some(path) = path(&format!("/{text}")) {
            prop_assert!(path.starts_with('/') && !path.split('/').any(|part| part == ".." || part == "."));
        }
    }
}
