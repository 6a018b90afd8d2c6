use super::*;

const NOON: i64 = 1_790_000_000_000_000;

fn at(milliseconds: i64) -> UnixMicros {
    UnixMicros(NOON + milliseconds * 1_000)
}

/// Lines of this many milliseconds, as source, status and count.
fn due(refusals: &Refusals, milliseconds: i64) -> Vec<(String, u16, u64)> {
    let lines = refusals.due(at(milliseconds), false);
    lines.into_iter().map(|line| (line.source.to_string(), line.status, line.count)).collect()
}

// INVARIANT: at most one record a second of a source and a kind, however many requests there are.
#[test]
fn a_thousand_refused_requests_a_second_are_one_record_and_then_fewer() {
    let refusals = Refusals::default();
    let (mut records, mut requests, mut last) = (0, 0, i64::MIN / 2);
    for millisecond in 0..300_000 {
        refusals.note("address:10.0.0.1", 401, "vendor.unknown", None, at(millisecond));
        if millisecond % 100 == 99 {
            for (_, _, count) in due(&refusals, millisecond) {
                assert!(millisecond - last >= 1_000, "{last} {millisecond}");
                (records, requests, last) = (records + 1, requests + count, millisecond);
            }
        }
    }
    assert!((5..=15).contains(&records), "{records}");
    requests += refusals.due(at(300_000), true).iter().map(|line| line.count).sum::<u64>();
    assert_eq!(requests, 300_000, "every request is counted");
}

#[test]
fn sources_and_kinds_are_told_apart_within_a_bound() {
    let refusals = Refusals::default();
    refusals.note("address:10.0.0.1", 401, "vendor.unknown", None, at(0));
    refusals.note("address:10.0.0.2", 401, "vendor.unknown", None, at(0));
    refusals.note("key:k1", 400, "caller.target", Some(Arc::from("k1")), at(0));
    let one = |source: &str, status| (source.to_owned(), status, 1);
    assert_eq!(due(&refusals, 0), [one("address:10.0.0.1", 401), one("address:10.0.0.2", 401), one("key:k1", 400)]);
    for number in 0..REFUSED_SOURCES_MAX * 10 {
        refusals.note(&format!("address:{number}"), 401, "vendor.unknown", None, at(100));
    }
    let lines = due(&refusals, 200);
    assert!(lines.len() <= REFUSED_SOURCES_MAX + 1, "{}", lines.len());
    let others = lines.iter().find(|(source, ..)| source == OTHERS).unwrap();
    assert!(others.2 as usize >= REFUSED_SOURCES_MAX * 9, "{others:?}");
    // Whoever stops is forgotten, and makes room.
    assert!(due(&refusals, 200_000).is_empty() && refusals.counted.lock().unwrap().is_empty());
}
