use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::*;

const LEVEL: Look = Look { kilobytes: 50_000, descriptors: 90, threads: 4, children: 9 };

/// A look a second, of a memory that is so large after so many seconds.
fn looks(seconds: u32, kilobytes: impl Fn(f64) -> f64) -> Looks {
    let at = |second: u32| {
        let seconds = f64::from(second);
        let look = Look { kilobytes: kilobytes(seconds) as u64, ..LEVEL };
        Taken { seconds, look, calls: u64::from(second) * 100, errors: 0 }
    };
    Looks { taken: (1..=seconds).map(at).collect() }
}

fn parts(done: u64, errors: u64) -> Vec<Arc<Part>> {
    vec![Arc::new(Part {
        name: "calls",
        done: AtomicU64::new(done),
        errors: AtomicU64::new(errors),
        said: Mutex::default(),
        stop: Arc::new(AtomicBool::new(true)),
    })]
}

fn well(looks: &Looks, after: &Look, parts: &[Arc<Part>]) -> bool {
    judge(&LEVEL, looks, after, parts).1
}

/// Fills for a third of ten minutes, then comes and goes by half a megabyte.
fn steady(seconds: f64) -> f64 {
    50_000.0 + seconds.min(190.0) * 100.0 + if seconds % 20.0 < 10.0 { 512.0 } else { 0.0 }
}

#[test]
fn a_memory_that_fills_and_stays_is_well() {
    let (report, well) = judge(&LEVEL, &looks(600, steady), &LEVEL, &parts(5, 0));
    assert!(well, "{report}");
    assert_eq!(report.lines().filter(|line| line.contains("     100       0")).count(), 10, "{report}");
}

#[test]
fn a_memory_that_never_stops_growing_is_found() {
    assert!(!well(&looks(600, |seconds| steady(seconds) + seconds * 20.0), &LEVEL, &parts(5, 0)));
    assert!(!well(&looks(60, |seconds| 50_000.0 + seconds * 60.0), &LEVEL, &parts(5, 0)));
}

#[test]
fn what_is_not_given_back_is_found() {
    let quiet = looks(600, steady);
    for after in [
        Look { descriptors: LEVEL.descriptors + DESCRIPTORS_MORE + 1, ..LEVEL },
        Look { threads: LEVEL.threads + THREADS_MORE + 1, ..LEVEL },
        Look { children: LEVEL.children + CHILDREN_MORE + 1, ..LEVEL },
    ] {
        assert!(!well(&quiet, &after, &parts(5, 0)), "{after:?}");
    }
}

#[test]
fn a_kernel_that_does_not_show_children_is_found() {
    let none = Look { children: 0, ..LEVEL };
    assert!(!judge(&none, &looks(600, steady), &none, &parts(5, 0)).1);
}

#[test]
fn an_error_or_a_part_that_did_nothing_is_found() {
    let quiet = looks(600, steady);
    assert!(!well(&quiet, &LEVEL, &parts(5, 1)));
    assert!(!well(&quiet, &LEVEL, &parts(0, 0)));
}
