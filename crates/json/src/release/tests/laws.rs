//! What holds for every release and every answer, against a slow reading over a tree that shares nothing with the filter.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A path as the slow reading sees it: names, `None` for any; `deep` for one name at any depth.
#[derive(Debug, Clone)]
struct Pattern {
    names: Vec<Option<&'static str>>,
    deep: bool,
}

#[derive(Debug, Clone)]
struct Case {
    fields: Option<Vec<Pattern>>,
    removed: Vec<(Pattern, bool)>,
    each: Vec<(Pattern, Vec<&'static str>)>,
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "é\"\\"];
const REPLACED: &str = "[redacted: §3.2]";

impl Pattern {
    fn text(&self) -> String {
        let names: Vec<String> =
            self.names.iter().map(|name| name.map_or("*".to_owned(), |name| format!("['{name}']"))).collect();
        format!("{}{}", if self.deep { ".." } else { "" }, names.join("."))
    }

    /// Whether it names exactly this path.
    fn names(&self, path: &[String]) -> bool {
        let tail =
            if self.deep && path.len() > self.names.len() { &path[path.len() - self.names.len()..] } else { path };
        tail.len() == self.names.len()
            && tail.iter().zip(&self.names).all(|(key, name)| name.is_none_or(|name| name == key))
    }

    fn leads_through(&self, path: &[String]) -> bool {
        path.len() < self.names.len()
            && path.iter().zip(&self.names).all(|(key, name)| name.is_none_or(|name| name == key))
    }
}

impl Case {
    fn plan(&self, listed: bool) -> ReleasePlan {
        let rows = if listed { "$.data[*]" } else { "$" };
        let mut plan = match &self.fields {
            Some(fields) => ReleasePlan::only(rows, fields.iter().map(Pattern::text)),
            None => ReleasePlan::every(rows),
        };
        plan.outside = Outside::Drop;
        let how = |gone: bool| if gone { How::Remove } else { How::Replace(REPLACED.to_owned()) };
        plan.removed = self.removed.iter().map(|(pattern, gone)| removal(&pattern.text(), how(*gone))).collect();
        plan.each = self.each.iter().map(|(pattern, one_of)| condition(&pattern.text(), one_of, "4.1")).collect();
        plan
    }

    /// What is left of a value at this path; none for nothing.
    fn slow(&self, value: &Value, path: &[String]) -> Option<Value> {
        let removed: Vec<_> = self.removed.iter().filter(|(pattern, _)| pattern.names(path)).collect();
        if !removed.is_empty() {
            return removed.iter().all(|(_, gone)| !gone).then(|| REPLACED.into());
        }
        let named = |end: usize| self.fields.iter().flatten().any(|field| field.names(&path[..end]));
        let shown = self.fields.is_none() || (0..=path.len()).any(named);
        let leads = path.is_empty() || self.fields.iter().flatten().any(|field| field.leads_through(path));
        self.inside(value, path, shown, leads)
    }

    fn inside(&self, value: &Value, path: &[String], shown: bool, leads: bool) -> Option<Value> {
        if !shown && !leads {
            return None;
        }
        match value {
            Value::Object(members) => {
                let below = |key: &String| [path, std::slice::from_ref(key)].concat();
                let left =
                    members.iter().filter_map(|(key, member)| Some((key.clone(), self.slow(member, &below(key))?)));
                Some(Value::Object(left.collect()))
            }
            Value::Array(items) => {
                Some(items.iter().filter_map(|item| self.inside(item, path, shown, leads)).collect())
            }
            Value::Null => Some(Value::Null),
            other => shown.then(|| other.clone()),
        }
    }

    fn admits(&self, record: &Value) -> bool {
        self.each.iter().all(|(pattern, one_of)| {
            let mut found = Vec::new();
            at(record, &mut Vec::new(), &mut |path, value| {
                if pattern.names(path) {
                    found.push(value.clone());
                }
            });
            let admitted = |value: &Value| value.as_str().is_some_and(|text| one_of.contains(&text));
            !found.is_empty() && found.iter().all(admitted)
        })
    }
}

/// Every value that is no list, with its path; lists are looked through.
fn at(value: &Value, path: &mut Vec<String>, look: &mut impl FnMut(&[String], &Value)) {
    if let Value::Array(items) = value {
        return items.iter().for_each(|item| at(item, path, look));
    }
    look(path, value);
    for (key, member) in value.as_object().into_iter().flatten() {
        path.push(key.clone());
        at(member, path, look);
        path.pop();
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec![
            "x",
            "y",
            "",
            "\u{1F600}\n\"\\",
            "longer than a word or two of the scanner, and plain"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn pattern(deep: bool) -> impl Strategy<Value = Pattern> {
    let name = prop_oneof![6 => prop::sample::select(NAMES.to_vec()).prop_map(Some), 1 => Just(None)];
    let deep = if deep { prop::bool::weighted(0.2).boxed() } else { Just(false).boxed() };
    (prop::collection::vec(name, 1..4), deep).prop_map(|(mut names, deep)| {
        if deep {
            names.truncate(1);
        }
        let deep = deep && names != [None];
        Pattern { names, deep }
    })
}

fn case() -> impl Strategy<Value = Case> {
    let fields = prop::option::weighted(0.7, prop::collection::vec(pattern(false), 0..5));
    let removed = prop::collection::vec((pattern(true), any::<bool>()), 0..4);
    let wanted = prop::sample::subsequence(vec!["x", "y", ""], 1..=3);
    let each = prop::collection::vec((pattern(false), wanted), 0..2);
    (fields, removed, each).prop_map(|(fields, removed, each)| Case { fields, removed, each })
}

/// The document, with white space and escapes as the seed says.
fn written(value: &Value, seed: &mut u32, into: &mut String) {
    let mut dice = |sides: u32| {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 16) % sides
    };
    let space = ["", "", "", " ", "\n\t "][dice(5) as usize];
    into.push_str(space);
    let key = |key: &str, odd: bool| {
        if odd {
            key.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
        } else {
            serde_json::to_string(key).unwrap().trim_matches('"').to_owned()
        }
    };
    match value {
        Value::Array(items) => {
            into.push('[');
            for (index, item) in items.iter().enumerate() {
                into.push_str(if index > 0 { "," } else { "" });
                written(item, seed, into);
            }
            into.push(']');
        }
        Value::Object(members) => {
            into.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                into.push_str(if index > 0 { "," } else { "" });
                let name = if name.contains('"') {
                    name.replace('\\', "\\\\").replace('"', "\\\"")
                } else {
                    key(name, seed.is_multiple_of(7))
                };
                into.push_str(&format!("{space}\"{name}\"{space}:"));
                written(member, seed, into);
            }
            into.push(']');
            into.pop();
            into.push('}');
        }
        other => into.push_str(&other.to_string()),
    }
    into.push_str(space);
}

fn text(value: &Value, mut seed: u32) -> String {
    let mut text = String::new();
    written(value, &mut seed, &mut text);
    assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), value);
    text
}

fn applied(plan: &ReleasePlan, input: &str) -> Option<Value> {
    let (out, _) = compiled(plan).apply(Form::Json, input.as_bytes()).ok()?;
    crate::Document::parse(&out).expect("what is let out is JSON");
    Some(serde_json::from_slice(&out).unwrap())
}

fn holds_nothing_excluded(case: &Case, shown: &Value) {
    at(shown, &mut Vec::new(), &mut |path, value| {
        let excluded = (1..=path.len()).any(|end| case.removed.iter().any(|(pattern, _)| pattern.names(&path[..end])));
        assert!(!excluded || value == REPLACED, "{path:?} is let out: {value}");
    });
}

/// Whether all of one is in the other, but for what stands where something was replaced.
fn is_within(less: &Value, more: &Value) -> bool {
    match (less, more) {
        (Value::Object(less), Value::Object(more)) => less
            .iter()
            .all(|(key, value)| value == REPLACED || more.get(key).is_some_and(|more| is_within(value, more))),
        (Value::Array(less), Value::Array(more)) => {
            // In order; some may be missing.
            let mut more = more.iter();
            less.iter().all(|item| more.any(|other| is_within(item, other)))
        }
        (less, more) => less == more,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The filter lets out what a slow reading over a tree lets out: of one record, and of each of a list.
    #[test]
    fn it_is_what_a_slow_reading_says(case in case(), record in value(), seed: u32) {
        let expect = if case.admits(&record) { case.slow(&record, &[]) } else { None };
        let alone = applied(&case.plan(false), &text(&record, seed));
        let is_list = record.is_array();
        prop_assert_eq!(alone, expect.filter(|_| !is_list));
    }

    #[test]
    fn lists_are_what_a_slow_reading_says(case in case(), records in prop::collection::vec(value(), 0..6), seed: u32) {
        let shown: Vec<Value> = records.iter().filter(|record| case.admits(record)).filter_map(|record| case.slow(record, &[])).collect();
        let input = serde_json::json!({ "a": 1, "data": records, "é\"\\": [] });
        let listed = applied(&case.plan(true), &text(&input, seed)).expect("lists are not refused");
        prop_assert_eq!(&listed, &serde_json::json!({ "data": shown }));
        for record in listed["data"].as_array().unwrap() {
            holds_nothing_excluded(&case, record);
        }
    }

    #[test]
    fn how_it_is_cut_does_not_matter(case in case(), records in prop::collection::vec(value(), 0..4), seed: u32, sizes in prop::collection::vec(1_usize..40, 1..20)) {
        let release = compiled(&case.plan(true));
        let input = text(&serde_json::json!({ "x": [1], "data": records }), seed);
        let (whole, _) = release.apply(Form::Json, input.as_bytes()).unwrap();
        let mut filter = Filter::new(&release, Form::Json);
        let (mut out, mut rest) = (Vec::new(), input.as_bytes());
        for size in sizes.iter().cycle() {
            let (chunk, after) = rest.split_at(*size.min(&rest.len()));
            filter.push(chunk, &mut out).unwrap();
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        filter.finish(&mut out).unwrap();
        prop_assert_eq!(out, whole);
    }

    /// Twice is once, byte for byte, where the conditions still find what they look at.
    #[test]
    fn twice_is_once(mut case in case(), record in value(), seed: u32) {
        case.each.clear();
        let release = compiled(&case.plan(false));
        let Ok((once, _)) = release.apply(Form::Json, text(&record, seed).as_bytes()) else { return Ok(()) };
        let (twice, _) = release.apply(Form::Json, &once).unwrap();
        prop_assert_eq!(twice, once);
    }

    /// One field less, one exclusion more, one condition more: nothing more gets out.
    #[test]
    fn narrower_never_lets_out_more(case in case(), more in (pattern(true), any::<bool>()), wanted in pattern(false), records in prop::collection::vec(value(), 0..4), seed: u32) {
        let input = text(&serde_json::json!({ "data": records }), seed);
        let wide = applied(&case.plan(true), &input).unwrap();
        let mut narrower = vec![case.clone(), case.clone(), case.clone()];
        narrower[0].removed.push(more);
        narrower[1].each.push((wanted, vec!["x", "y"]));
        if let Some(fields) = &mut narrower[2].fields {
            fields.pop();
        }
        for case in narrower {
            let narrow = applied(&case.plan(true), &input).unwrap();
            prop_assert!(is_within(&narrow, &wide), "{} is not within {}", narrow, wide);
        }
    }

    /// Whatever the bytes are, nothing breaks, and what comes out of a whole run is JSON.
    #[test]
    fn any_bytes_end_well(case in case(), bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\u0a1e-. \n\xc3\xa9abcd".to_vec()), 0..60)) {
        for form in [Form::Json, Form::Lines, Form::Csv] {
            let applied = compiled(&case.plan(false)).apply(form, &bytes);
            if let (Ok((out, _)), Form::Json) = (&applied, form) {
                prop_assert!(crate::Document::parse(&bytes).is_ok());
                prop_assert!(crate::Document::parse(out).is_ok());
            }
        }
    }
}
