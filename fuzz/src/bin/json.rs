//! Any bytes as a document: what we accept, others accept, and see the same in it.

#![no_main]

use json::{Document, Kind, Problem, Value, canonical, splice};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let theirs = serde_json::from_slice::<serde_json::Value>(bytes);
    let document = match (Document::parse(bytes), theirs) {
        (Ok(document), Ok(value)) => {
            same(document.root(), &value);
            if let Ok(canonical) = canonical(bytes) {
                let canonical = serde_json::from_slice(&canonical).expect("a document to them, too");
                assert!(means(&canonical, &value), "{canonical} means something else");
            }
            document
        }
        // Numbers that fit no double are passed on as they are, and we go one level deeper.
        (Ok(document), Err(error)) => {
            let said = error.to_string();
            assert!(
                ["number out of range", "recursion limit"].iter().any(|known| said.contains(known)),
                "they refuse: {said}"
            );
            document
        }
        (Err(error), theirs) => {
            assert!(error.offset() <= bytes.len());
            assert!(canonical(bytes).is_err());
            let ours_alone =
                matches!(error.problem(), Problem::DuplicateKey(_) | Problem::TooDeep(_) | Problem::TooManyKeys(_));
            assert!(theirs.is_err() || ours_alone, "we refuse: {error}");
            return;
        }
    };
    spans(document.root(), bytes);
    one_form(bytes);
    cut(&document, bytes);
});

/// What we read is what serde_json reads.
fn same(ours: Value<'_, '_>, theirs: &serde_json::Value) {
    match (ours.kind(), theirs) {
        (Kind::Null, serde_json::Value::Null) => {}
        (Kind::Bool, serde_json::Value::Bool(truth)) => assert_eq!(ours.as_bool(), Some(*truth)),
        (Kind::Number, serde_json::Value::Number(number)) => {
            assert_eq!(serde_json::from_slice::<serde_json::Number>(ours.raw()).ok().as_ref(), Some(number));
            if let Some(whole) = ours.as_i64() {
                // `-0` is a whole number to us and a double to them.
                assert!(number.as_i64() == Some(whole) || whole == 0);
            }
        }
        (Kind::String, serde_json::Value::String(text)) => assert_eq!(ours.as_str().as_deref(), Some(text.as_str())),
        (Kind::Array, serde_json::Value::Array(items)) => {
            assert_eq!(ours.items().count(), items.len());
            ours.items().zip(items).for_each(|(ours, theirs)| same(ours, theirs));
        }
        (Kind::Object, serde_json::Value::Object(members)) => {
            assert_eq!(ours.entries().count(), members.len());
            for (key, ours) in ours.entries() {
                same(ours, members.get(key.as_ref()).expect("the same keys"));
            }
        }
        (kind, theirs) => panic!("{kind:?} is {theirs} to them"),
    }
}

/// Whether two values are the same but for how their numbers are written: all are doubles, and serde_json may read one a
/// digit beside the nearest.
fn means(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (one, other) {
        (Number(one), Number(other)) => one
            .as_f64()
            .zip(other.as_f64())
            .is_some_and(|(one, other)| one == other || (one - other).abs() <= one.abs() * 2.0 * f64::EPSILON),
        (Array(one), Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| means(one, other))
        }
        (Object(one), Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| means(one, other)))
        }
        (one, other) => one == other,
    }
}

/// Each value stands within its parent, and is found by its key.
fn spans(value: Value<'_, '_>, bytes: &[u8]) {
    assert_eq!(bytes.get(value.span()), Some(value.raw()));
    let within = |inner: &Value<'_, '_>| {
        assert!(inner.span().start > value.span().start && inner.span().end < value.span().end);
    };
    for item in value.items() {
        within(&item);
        spans(item, bytes);
    }
    for (key, member) in value.entries() {
        within(&member);
        assert_eq!(value.get(&key).map(|found| found.span()), Some(member.span()));
        spans(member, bytes);
    }
}

/// The canonical form of a canonical form is itself.
fn one_form(bytes: &[u8]) {
    let Ok(once) = canonical(bytes) else { return };
    assert_eq!(canonical(&once).expect("a canonical form is a document"), once);
}

/// Values cut out and others put in their place leave a document; edits that make no sense leave a crumb of sense.
fn cut(document: &Document<'_>, bytes: &[u8]) {
    let root = document.root();
    let parts: Vec<_> = root.items().chain(root.entries().map(|(_, member)| member)).collect();
    let edits: Vec<_> = parts.iter().map(|part| (part.span(), &b"null"[..])).collect();
    let masked = splice(bytes, &edits);
    let masked = Document::parse(&masked).expect("still a document");
    assert_eq!((masked.root().kind(), masked.root().len()), (root.kind(), root.len()));
    let backwards: Vec<_> = edits.iter().rev().map(|(span, with)| (span.start..span.end * 2, *with)).collect();
    let spoiled = splice(bytes, &backwards);
    assert!(spoiled.len() <= bytes.len() + 4 * backwards.len());
}
