use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use decide::Scrub;
use model::Secret;
use proptest::prelude::*;
use serde_json::Value;

use super::{REPLACEMENT, Scrubber};

fn scrubber(values: &[&str]) -> Scrubber {
    let values: Vec<Secret<String>> = values.iter().map(|value| Secret::new((*value).to_owned())).collect();
    Scrubber::new(&values)
}

/// What comes out; `R` stands for the replacement.
fn clean(values: &[&str], text: &str) -> Option<(String, usize)> {
    let (clean, count) = scrubber(values).scrub(text.as_bytes())?;
    Some((String::from_utf8(clean).unwrap().replace(REPLACEMENT, "R"), count))
}

fn check(values: &[&str], text: &str, expected: &str) {
    assert_eq!(clean(values, text).map(|(text, _)| text).as_deref(), Some(expected), "{text}");
}

fn hex(value: &str) -> String {
    value.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn percent(value: &str, keep: impl Fn(u8) -> bool, upper: bool) -> String {
    let each = |byte: u8| match (keep(byte), upper) {
        (true, _) => char::from(byte).to_string(),
        (false, true) => format!("%{byte:02X}"),
        (false, false) => format!("%{byte:02x}"),
    };
    value.bytes().map(each).collect()
}

fn utf16_escaped(value: &str, upper: bool) -> String {
    let each = |unit: u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
    value.encode_utf16().map(each).collect()
}

fn json(value: &str) -> String {
    let quoted = serde_json::to_string(value).unwrap();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap().to_owned()
}

/// Every way a value may be written, by name.
fn forms(value: &str) -> Vec<(&'static str, String)> {
    let mut forms = vec![
        ("as it is", value.to_owned()),
        ("base64", STANDARD.encode(value)),
        ("base64 without padding", STANDARD_NO_PAD.encode(value)),
        ("base64 for addresses", URL_SAFE.encode(value)),
        ("base64 for addresses without padding", URL_SAFE_NO_PAD.encode(value)),
        ("hexadecimal", hex(value)),
        ("HEXADECIMAL", hex(value).to_uppercase()),
        ("percent", percent(value, |byte| byte.is_ascii_alphanumeric(), true)),
        ("percent, lower", percent(value, |byte| byte.is_ascii_alphanumeric(), false)),
        ("percent, all of it", percent(value, |_| false, true)),
        ("JSON", json(value)),
        ("JSON, slashes too", json(value).replace('/', "\\/")),
        ("JSON, UTF-16", utf16_escaped(value, false)),
        ("JSON, UTF-16, upper", utf16_escaped(value, true)),
        ("JSON in JSON", json(&json(value))),
        ("JSON in JSON in JSON", json(&json(&json(value)))),
    ];
    for before in ["u", "us", "use", "user:", "user:p", "\u{0}\u{ff}"] {
        for after in ["", "x", "xy", "xyz"] {
            forms.push(("base64 inside", STANDARD.encode(format!("{before}{value}{after}"))));
            forms.push(("base64 for addresses inside", URL_SAFE_NO_PAD.encode(format!("{before}{value}{after}"))));
        }
    }
    let encoded = STANDARD.encode(format!("u:{value}"));
    forms.push(("base64, slashes escaped", encoded.replace('/', "\\/")));
    forms.push(("base64, plus escaped", encoded.replace('+', "\\u002b").replace('=', "\\u003d")));
    forms.push(("base64, percent", percent(&encoded, |byte| byte.is_ascii_alphanumeric(), true)));
    forms.push(("percent twice", percent(&percent(value, |_| false, true), |byte| byte != b'%', true)));
    let slashes = json(value).replace('/', "\\/");
    forms.push(("JSON in percent", percent(&slashes, |byte| byte.is_ascii_alphanumeric(), true)));
    forms.push(("percent in JSON", json(&percent(value, |_| false, false))));
    forms
}

const VALUES: &[&str] = &[
    "ghp_abcDEF0123456789abcDEF0123456789abcd",
    "six!ok",
    "p/a+s=s?w>o~r&d",
    "with \"quotes\" and \\back\\slashes/",
    "Grüße, 世界 😀 ÿÿÿ",
    "-----BEGIN KEY-----\nMC4CAQAwBQ\n-----END KEY-----\n",
    "tab\tand\u{1}control",
];

#[test]
fn every_form_at_every_place() {
    for value in VALUES {
        let scrubber = scrubber(&[value]);
        for (name, form) in forms(value) {
            for (before, after) in [("", ""), ("token=", ""), ("", " is wrong"), ("<", ">"), ("é", "é")] {
                let text = format!("{before}{form}{after}");
                let (clean, count) =
                    scrubber.scrub(text.as_bytes()).unwrap_or_else(|| panic!("{name} of {value:?}: {text}"));
                assert_eq!(count, 1, "{name} of {value:?}: {text}");
                let clean = String::from_utf8(clean).unwrap();
                let rest = clean.replacen(REPLACEMENT, "", 1);
                let around = before.len() + after.len();
                // Of base 64 around the value, the neighbours stay.
                let neighbours = if name.contains("base64") { 12 + 12 } else { 0 };
                assert!(rest.len() <= around + neighbours, "{name} of {value:?}: {text} -> {clean}");
                assert!(clean.starts_with(before) && clean.ends_with(after), "{name}: {clean}");
                assert!(scrubber.scrub(clean.as_bytes()).is_none(), "{name}: clean is clean: {clean}");
            }
        }
    }
}

#[test]
fn what_has_no_secret_stays_as_it_is() {
    let ours = scrubber(VALUES);
    for text in [
        "",
        "six! ok",
        "SIX!OK",
        "six!o",
        "ix!ok",
        r#"{"a":"ghp_abcDEF0123456789abcDEF0123456789abc","b":[1,2,"\n\u0041%41"]}"#,
        "%",
        "\\",
        "c2l4IW9",
        "736978216f6",
    ] {
        assert!(ours.scrub(text.as_bytes()).is_none(), "{text}");
    }
    assert!(ours.scrub(&[0xff, 0xfe, 0, b'\\', b'%']).is_none());
    assert!(scrubber(&[]).scrub(b"anything").is_none());
    assert!(scrubber(&["short", ""]).scrub(b"short").is_none(), "five bytes turn up by chance");
}

#[test]
fn many_secrets_and_overlapping_ones() {
    check(&["abcdefgh", "defghijk"], "xxabcdefghijkxx", "xxRxx");
    check(&["abcdefgh", "abcdefghijk"], "xxabcdefghijkxx", "xxRxx");
    check(&["cdefgh", "abcdefghijk"], "xxabcdefghijkxx abcdefgh", "xxRxx abR");
    check(&["aaaaaa"], "aaaaaaaaaaaaab", "Rb");
    assert_eq!(clean(&["secret-1", "secret-2"], "secret-1secret-2 secret-1"), Some(("RR R".to_owned(), 3)));
    let many: Vec<String> = (0..200).map(|number| format!("secret-number-{number:03}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let text = many.join("\\n");
    assert_eq!(clean(&many, &text), Some((vec!["R"; 200].join("\\n"), 200)));
}

#[test]
fn a_part_of_an_escape_is_not_left_behind() {
    check(&["pass/word"], r#"{"a":"x\u0070ass\/wor\u0064y"}"#, r#"{"a":"xRy"}"#);
    check(&["pass/word"], "x%70ass%2Fwor%64y", "xRy");
    check(&["a b c d e"], "q=a+b+c+d+e&x", "q=R&x");
    check(&["line\nbreak"], r#"{"a":"{\"b\":\"line\\nbreak\"}"}"#, r#"{"a":"{\"b\":\"R\"}"}"#);
}

#[test]
fn json_stays_json() {
    let service = r#"{"type":"service_account","key":"k-123456"}"#;
    let table = [
        (vec!["12345678"], r#"{"a":12345678,"b":"12345678"}"#, r#"{"a":"R","b":"R"}"#),
        (vec!["12345678"], r#"[-9912345678.5e3, 1]"#, r#"["R", 1]"#),
        (vec!["123456", "456789"], r#"[0123]"#, ""),
        (vec!["12345678", "56789012"], r#"[123456789012,2]"#, r#"["R",2]"#),
        (vec!["123456", "900000"], r#"[1234560900000, 7]"#, r#"["R", 7]"#),
        (vec!["12345678"], "12345678", r#""R""#),
        (vec!["12345678"], "pin 12345678", "pin R"),
        (vec![service], r#"{"a":{"type":"service_account","key":"k-123456"},"b":1}"#, r#"{"a":"R","b":1}"#),
        (vec!["secret"], r#"{"secret":1,"\"secret":"\\secret"}"#, r#"{"R":1,"\"R":"\\R"}"#),
        (vec![r#"aa","bb"#], r#"["xaa","bby"]"#, r#"["xRy"]"#),
        (vec![r#"]},{"a""#], r#"[{"b":[1]},{"a":2}]"#, r#""R""#),
        (vec!["ullnul"], "[null,\"ullnul\"]", "[null,\"R\"]"),
    ];
    for (values, text, expected) in table {
        if expected.is_empty() {
            assert_eq!(clean(&values, text), None, "{text}");
            continue;
        }
        check(&values, text, expected);
    }
}

#[test]
fn the_replacement_needs_no_escape() {
    assert_eq!(json(REPLACEMENT), REPLACEMENT);
}

#[test]
fn large_secrets_and_large_answers() {
    let large: String = (0..model::limits::SECRET_BYTES_MAX / 8).map(|number| format!("{number:08x}")).collect();
    let text = format!("[\"{}\", \"{large}\", \"{}\"]", "\\n".repeat(100_000), STANDARD.encode(&large));
    let (clean, count) = scrubber(&[&large]).scrub(text.as_bytes()).unwrap();
    assert_eq!(count, 2);
    assert!(serde_json::from_slice::<Value>(&clean).is_ok() && clean.len() < 201_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_known_form_remains(
        values in prop::collection::vec("[ -~é€😀\n]{6,24}", 1..4),
        texts in prop::collection::vec("[a-z\"\\\\/%=+é 0-9]{0,12}", 5),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..5),
        wrapped: bool,
    ) {
        prop_assume!(values.iter().all(|value| !REPLACEMENT.contains(value.as_str())));
        let mut text = String::new();
        for (place, (value, form)) in picks.iter().enumerate() {
            let value: &String = value.get(&values);
            let forms = forms(value);
            text.push_str(&texts[place]);
            // A digit of base 64 before or behind would make another text of it.
            text.push_str(&format!(" {} ", form.get(&forms).1));
        }
        if wrapped {
            text = serde_json::json!({ "content": [{ "type": "text", "text": text }] }).to_string();
        }
        let values: Vec<Secret<String>> = values.into_iter().map(Secret::new).collect();
        let scrubber = Scrubber::new(&values);
        let (clean, _) = scrubber.scrub(text.as_bytes()).expect("there is a secret in it");
        let clean = String::from_utf8(clean).unwrap();
        for value in &values {
            for (name, form) in forms(value.expose()) {
                let loose = name.contains("inside");
                prop_assert!(loose || !clean.contains(&form), "{name} of {:?} in {clean}", value.expose());
            }
        }
        if wrapped {
            prop_assert!(serde_json::from_str::<Value>(&clean).is_ok(), "{clean}");
        }
    }

    #[test]
    fn nothing_else_changes(text in "[ -~é\n]{0,200}") {
        let scrubber = scrubber(&["\u{2}never\u{2}in\u{2}it", "\u{3}another\u{3}one"]);
        prop_assert!(scrubber.scrub(text.as_bytes()).is_none());
    }
}
