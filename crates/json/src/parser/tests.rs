use crate::{Document, Problem};
use model::limits::{JSON_DEPTH_MAX, JSON_KEYS_MAX, JSON_NODES_MAX};

#[track_caller]
fn check(input: &[u8], expect: &str) {
    let got = match Document::parse(input) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(got, expect, "{}", String::from_utf8_lossy(input));
}

#[test]
fn good_documents_are_accepted() {
    for good in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1",
        "1.5",
        "1e3",
        "1E+3",
        "1e-3",
        "0.0e0",
        "-0.1",
        "1e999",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\"",
        "\"é\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\u{7f}\u{2028}\"",
        "\"\\u0000\"",
        "[]",
        "[ ]",
        "[1,2 , 3]",
        "[[],{}]",
        "{}",
        "{ }",
        r#"{"a":1}"#,
        r#" { "a" : [ { } ] , "b" : null } "#,
        "\t\r\n 1 \n",
        r#"{"a":{"a":{"a":1}}}"#,
        r#"{"":1,"\u0000":2}"#,
        r#"{"a":1,"A":2,"\u00e4":3,"a\u0308":4}"#,
    ] {
        check(good.as_bytes(), "ok");
    }
}

#[test]
fn no_reader_takes_an_object_for_something_else() {
    let refused = |column: usize| {
        format!(
            "line 1, column {column}: a key begins with `$serde_json::private::`, which some readers of JSON take for \
             something else than a key"
        )
    };
    let with_text = br#"{"$serde_json::private::RawValue":"{\"amount\":1}"}"#;
    // Read as a value it would be another one.
    assert_eq!(serde_json::from_slice::<serde_json::Value>(with_text).unwrap(), serde_json::json!({"amount": 1}));
    check(with_text, &refused(2));
    check(br#"{"a":{"\u0024serde_json::private::RawValue":"1"}}"#, &refused(7));
    check(br#"{"a":1,"$serde_json::private::Number":"1"}"#, &refused(8));
    check(br#"{"$serde_json":1,"$":2,"\\":3,"x$serde_json::private::RawValue":4}"#, "ok");
    check(br#"["$serde_json::private::RawValue"]"#, "ok");
}

#[test]
fn bad_documents_are_refused_where_they_break() {
    check(b"", "line 1, column 1: the document ends where a value belongs");
    check(b"  \n ", "line 2, column 2: the document ends where a value belongs");
    check(b"nul", "line 1, column 1: `n` stands where a value belongs");
    check(b"True", "line 1, column 1: `T` stands where a value belongs");
    check(b"NaN", "line 1, column 1: `N` stands where a value belongs");
    check(b"'a'", "line 1, column 1: `'` stands where a value belongs");
    check("\u{feff}1".as_bytes(), "line 1, column 1: `\u{feff}` stands where a value belongs");
    check(b"1 2", "line 1, column 3: something follows the end of the document");
    check(b"{}}", "line 1, column 3: something follows the end of the document");
    check(b"1\0", "line 1, column 2: something follows the end of the document");
    check(b"// a\n1", "line 1, column 1: `/` stands where a value belongs");
    check(b"[1,]", "line 1, column 4: `]` stands where a value belongs");
    check(b"[,1]", "line 1, column 2: `,` stands where a value belongs");
    check(b"[1 2]", "line 1, column 4: `2` stands where `,` or `]` belongs");
    check(b"[1}", "line 1, column 3: `}` stands where `,` or `]` belongs");
    check(b"[1", "line 1, column 3: the document ends where `,` or `]` belongs");
    check(b"[", "line 1, column 2: the document ends where a value belongs");
    check(b"{", "line 1, column 2: the document ends where a key belongs");
    check(br#"{"a"}"#, "line 1, column 5: `}` stands where `:` belongs");
    check(br#"{"a":}"#, "line 1, column 6: `}` stands where a value belongs");
    check(br#"{"a":1,}"#, "line 1, column 8: `}` stands where a key belongs");
    check(br#"{"a":1]"#, "line 1, column 7: `]` stands where `,` or `}` belongs");
    check(br#"{a:1}"#, "line 1, column 2: `a` stands where a key belongs");
    check(br#"{1:1}"#, "line 1, column 2: `1` stands where a key belongs");
    check(b"{\n  \"\xc3\xa9\": x}", "line 2, column 8: `x` stands where a value belongs");
}

#[test]
fn numbers_follow_the_grammar_strictly() {
    for (bad, column) in [
        ("01", 2),
        ("-01", 3),
        ("1.", 3),
        ("1.e1", 3),
        (".5", 1),
        ("+1", 1),
        ("1e", 3),
        ("1e+", 4),
        ("-", 2),
        ("--1", 2),
        ("0x10", 2),
        ("1_0", 2),
        ("1.5.5", 4),
        ("00", 2),
    ] {
        let error = Document::parse(bad.as_bytes()).unwrap_err();
        assert_eq!(error.column(), column, "{bad}: {error}");
    }
}

#[test]
fn strings_are_checked_to_the_last_escape() {
    check(b"\"a", "line 1, column 3: the document ends where the end of a string belongs");
    check(b"\"a\\", "line 1, column 3: the document ends where the rest of an escape belongs");
    check(b"\"\\u12\"", "line 1, column 2: the document ends where the rest of an escape belongs");
    check(b"\"\\u12G4\"", "line 1, column 2: a string holds an escape that JSON does not have");
    check(b"\"\\u+123\"", "line 1, column 2: a string holds an escape that JSON does not have");
    check(b"\"\\x41\"", "line 1, column 2: a string holds an escape that JSON does not have");
    check(b"\"\\'\"", "line 1, column 2: a string holds an escape that JSON does not have");
    check(b"\"a\nb\"", "line 1, column 3: a string holds the control character U+000A without an escape");
    check(
        b"\"12345678901234\x1f\"",
        "line 1, column 16: a string holds the control character U+001F without an escape",
    );
    check(b"\"\0\"", "line 1, column 2: a string holds the control character U+0000 without an escape");
    for lone in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\ud83d\\ude00""#,
        r#""\ude00\ud83d""#,
        r#"{"\ud800":1}"#,
    ] {
        let error = Document::parse(lone.as_bytes()).unwrap_err();
        assert_eq!(error.problem(), &Problem::LoneSurrogate, "{lone}");
    }
    for bad in
        [&b"\"\xff\""[..], b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\"\xc0\xaf\"", b"\"\xf4\x90\x80\x80\"", b"[1,\xff]"]
    {
        assert_eq!(Document::parse(bad).unwrap_err().problem(), &Problem::Utf8);
    }
}

#[test]
fn keys_that_mean_the_same_are_refused() {
    check(br#"{"id":1,"name":2,"name":3}"#, "line 1, column 18: the key `name` occurs twice");
    check(br#"{"a":1,"\u0061":2}"#, "line 1, column 8: the key `a` occurs twice");
    check(br#"{"\u0061":1,"a":2}"#, "line 1, column 13: the key `a` occurs twice");
    check(r#"{"é":1,"\u00E9":2}"#.as_bytes(), "line 1, column 8: the key `é` occurs twice");
    check(br#"{"\/":1,"/":2}"#, "line 1, column 9: the key `/` occurs twice");
    check(br#"{"\ud83d\ude00":1,"\uD83D\uDE00":2}"#, "line 1, column 19: the key `\u{1F600}` occurs twice");
    check(br#"{"":1,"":2}"#, "line 1, column 7: the key `` occurs twice");
    check(br#"[{"x":{"a":{"b":1},"c":[{"b":1,"b":2}]}}]"#, "line 1, column 32: the key `b` occurs twice");
    check(br#"{"a":{"b":1},"b":{"a":1},"c":{"a":1}}"#, "ok");
}

#[test]
fn duplicates_are_found_among_any_number_of_keys() {
    for count in [2_usize, 15, 16, 17, 18, 40, 1000] {
        for (first, second) in [(0, count - 1), (count.div_ceil(2) - 1, count - 1), (0, 1)] {
            let names: Vec<_> = (0..count).map(|at| format!("k{}", if at == second { first } else { at })).collect();
            let text = format!(
                "{{{}}}",
                names.iter().map(|name| format!("\"{name}\":[{{\"z\":0}}]")).collect::<Vec<_>>().join(",")
            );
            let error = Document::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.problem(), &Problem::DuplicateKey(format!("k{first}")), "{count} keys");
            assert_eq!(error.offset(), text.match_indices(&format!("\"k{first}\"")).nth(1).unwrap().0);
        }
    }
}

#[test]
fn depth_is_bounded_and_never_recursed() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    check(nested(JSON_DEPTH_MAX).as_bytes(), "ok");
    check(nested(JSON_DEPTH_MAX + 1).as_bytes(), "line 1, column 129: arrays and objects are nested deeper than 128");
    check(nested(100_000).as_bytes(), "line 1, column 129: arrays and objects are nested deeper than 128");
    check("[".repeat(100_000).as_bytes(), "line 1, column 129: arrays and objects are nested deeper than 128");
    check("{\"a\":".repeat(100_000).as_bytes(), "line 1, column 641: arrays and objects are nested deeper than 128");
    check(format!("[{}1]", "[],".repeat(100_000)).as_bytes(), "ok");
}

#[test]
fn keys_are_bounded() {
    let object =
        |count: usize| format!("{{{}}}", (0..count).map(|at| format!("\"{at}\":0")).collect::<Vec<_>>().join(","));
    check(object(JSON_KEYS_MAX).as_bytes(), "ok");
    let error = Document::parse(object(JSON_KEYS_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(error.problem(), &Problem::TooManyKeys(JSON_KEYS_MAX));
    check(format!("[{0},{0}]", object(JSON_KEYS_MAX)).as_bytes(), "ok");
}

/// Without the bound, 16 MiB of `1,1,…` would take 160 MiB and more.
#[test]
fn the_memory_of_the_tape_is_bounded() {
    let array = |items: usize| format!("[{}1]", "1,".repeat(items - 1));
    check(array(JSON_NODES_MAX - 1).as_bytes(), "ok");
    let error = Document::parse(array(JSON_NODES_MAX).as_bytes()).unwrap_err();
    assert_eq!(error.problem(), &Problem::TooManyNodes(JSON_NODES_MAX));
    let members = format!("[{}{{}}]", "{\"a\":[]},".repeat(JSON_NODES_MAX / 3 + 1));
    let error = Document::parse(members.as_bytes()).unwrap_err();
    assert_eq!(error.problem(), &Problem::TooManyNodes(JSON_NODES_MAX));
}

#[test]
fn a_long_key_is_shortened_in_the_error() {
    let long = "k".repeat(5_000);
    let error = Document::parse(format!("{{\"{long}\":1,\"{long}\":2}}").as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 150, "{error}");
}
