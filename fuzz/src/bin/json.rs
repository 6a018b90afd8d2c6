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
                let again = Document::parse(&canonical).expect("a canonical form is a document");
                same(again.root(), &serde_json::from_slice(&canonical).expect("to them, too"));
                assert!(means(again.root(), document.root()), "{} means something else", canonical.escape_ascii());
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
            let ours_alone = matches!(
                error.problem(),
                Problem::DuplicateKey(_) | Problem::TooDeep(_) | Problem::TooManyKeys(_) | Problem::ReservedKey
            );
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

/// Whether two values are the same but for how their numbers are written and the order of their members. serde_json may
/// read a number digits beside the nearest double, so numbers are read by the standard library.
fn means(one: Value<'_, '_>, other: Value<'_, '_>) -> bool {
    let double = |value: Value<'_, '_>| str::from_utf8(value.raw()).ok()?.parse::<f64>().ok();
    one.kind() == other.kind()
        && one.len() == other.len()
        && match one.kind() {
            Kind::Number => double(one).is_some_and(|one| double(other) == Some(one)),
            Kind::String => one.as_str() == other.as_str(),
            Kind::Array => one.items().zip(other.items()).all(|(one, other)| means(one, other)),
            Kind::Object => one.entries().all(|(key, one)| other.get(&key).is_some_and(|other| means(one, other))),
            Kind::Null | Kind::Bool => one.as_bool() == other.as_bool(),
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
