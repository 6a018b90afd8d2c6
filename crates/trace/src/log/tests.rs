use super::*;
use crate::samples::{Memory, full, intent, outcome};
use crate::verify::verify_leaf;

const NOW: UnixMicros = UnixMicros(1_763_800_000_000_000);

#[test]
fn every_open_call_gets_an_unknown_outcome_once() {
    let mut log = Memory::default();
    let mut denied = intent(3);
    denied.verdict = Verdict::Deny;
    let rows = [
        Row::of_intent(&intent(1)).unwrap(),
        Row::of_intent(&intent(2)).unwrap(),
        Row::of_outcome(&outcome(2)).unwrap(),
        Row::of_intent(&denied).unwrap(),
    ];
    log.append(&rows, &[]).unwrap();
    let reader = log.clone();
    assert_eq!(mark_unknown(&mut log, &reader, NOW).unwrap(), 1);
    assert_eq!(mark_unknown(&mut log, &reader, NOW).unwrap(), 0);

    let entries = reader.find(&Query { newest_first: false, ..Query::default() }).unwrap();
    let last = entries.last().unwrap();
    let view = last.outcome().unwrap();
    assert_eq!((view.call, view.effect, view.status), (intent(1).call, Effect::Unknown, OutcomeStatus::Unknown));
    assert_eq!(verify_leaf(last), Ok(()));
    assert_eq!(entries.len(), 5);
    assert_eq!(reader.state(SETTLED_KIND).unwrap(), [(SETTLED_KEY.to_owned(), "5".to_owned())]);
}

#[test]
fn an_empty_log_stays_empty() {
    let mut log = Memory::default();
    let reader = log.clone();
    assert_eq!(mark_unknown(&mut log, &reader, NOW).unwrap(), 0);
    assert!(reader.state(SETTLED_KIND).unwrap().is_empty());
}

struct Refusing;

impl LogStore for Refusing {
    fn append(&mut self, _: &[Row], _: &[StateWrite]) -> Result<u64, StoreFault> {
        Err(full())
    }
}

#[test]
fn calls_that_cannot_be_marked_stay_open() {
    let mut log = Memory::default();
    log.append(&[Row::of_intent(&intent(1)).unwrap()], &[]).unwrap();
    let error = mark_unknown(&mut Refusing, &log, NOW).unwrap_err();
    assert_eq!((error.code(), error.hint()), ("trace.not_recorded", Some("free space")));
    assert_eq!(log.unfinished().unwrap(), [intent(1).call]);
}
