use proptest::prelude::*;

use super::Escape;

fn json(text: &str) -> Option<String> {
    Escape::Json.undo(text.as_bytes()).map(|plain| String::from_utf8(plain).unwrap())
}

fn percent(text: &str) -> Option<Vec<u8>> {
    Escape::Percent.undo(text.as_bytes())
}

#[test]
fn json_escapes() {
    let table = [
        ("", None),
        ("plain", None),
        (r"a\", None),
        (r"\x \u12 \u12g4 \ud800 \udc00 \ud800\u0041", Some(r"\x \u12 \u12g4 \ud800 \udc00 \ud800A")),
        (r"\n\t\r\b\f", Some("\n\t\r\u{8}\u{c}")),
        (r#"\"\\\/"#, Some(r#""\/"#)),
        (r"\\n", Some(r"\n")),
        (r"a\u0041\u00e9\u00E9\u20ac", Some("aAéé€")),
        (r"\ud83d\uDE00!", Some("😀!")),
    ];
    for (escaped, plain) in table {
        assert_eq!(json(escaped).as_deref(), plain, "{escaped}");
    }
}

#[test]
fn percent_escapes() {
    assert_eq!(percent("a%"), None);
    assert_eq!(percent("100%zz%2"), None);
    assert_eq!(percent("%41%2f%2F%ff").as_deref(), Some(b"A//\xff".as_slice()));
    assert_eq!(percent("%%41%").as_deref(), Some(b"%A%".as_slice()));
}

proptest! {
    /// What stands at the places, unescaped on its own, holds the range; and nothing is shifted before or behind it.
    #[test]
    fn places_hold_what_was_found(
        escaped in r#"([a-c%]|\\n|\\\\|\\u00e9|\\ud83d\\ude00|%2[5f]|%C3%A9|\\|é){0,12}"#,
        cut in any::<[prop::sample::Index; 4]>(),
    ) {
        for escape in [Escape::Json, Escape::Percent] {
            let Some(plain) = escape.undo(escaped.as_bytes()) else { continue };
            let mut ends: Vec<usize> = cut.iter().map(|index| index.index(plain.len() + 1)).collect();
            ends.sort_unstable();
            let ranges: Vec<_> =
                [ends[0]..ends[1], ends[2]..ends[3]].into_iter().filter(|range| !range.is_empty()).collect();
            let places = escape.places(escaped.as_bytes(), &ranges);
            prop_assert_eq!(places.len(), ranges.len());
            for (place, range) in places.into_iter().zip(ranges) {
                let undo = |bytes: &[u8]| escape.undo(bytes).unwrap_or_else(|| bytes.to_vec());
                let before = undo(&escaped.as_bytes()[..place.start]);
                let held = undo(&escaped.as_bytes()[place]);
                prop_assert!(before.len() <= range.start && range.start - before.len() < 4);
                prop_assert!(plain.starts_with(&before) && plain[before.len()..].starts_with(&held));
                let end = before.len() + held.len();
                prop_assert!(end >= range.end && end - range.end < 4);
            }
        }
    }
}
