use trace::Field;

use super::*;
use crate::samples::{Log, about};

fn written(log: &Log, wanted: &Wanted) -> (Exported, String) {
    let mut bytes = Vec::new();
    let exported = export(&log.reader(), &about(), wanted, &mut bytes, |_| {}).unwrap();
    (exported, String::from_utf8_lossy(&bytes).into_owned())
}

fn all(format: Format) -> Wanted {
    Wanted { format, query: Query::default(), from: 1, to: u64::MAX - 1 }
}

#[test]
fn every_record_is_a_line_in_the_order_of_the_log() {
    // More than one page.
    let log = Log::with_calls(0..900);
    for format in [Format::Jsonl, Format::Ocsf, Format::Cef] {
        let (exported, text) = written(&log, &all(format));
        assert_eq!((exported.records, text.lines().count()), (1_500, 1_500), "{format:?}");
        let place = match format {
            Format::Cef => "externalId=1500 ",
            _ => "\"sequence\":1500",
        };
        assert!(text.lines().last().unwrap().contains(place), "{format:?}");
    }
    let (exported, _) = written(&log, &all(Format::Parquet));
    assert_eq!(exported.records, 1_500);
}

#[test]
fn a_question_chooses_and_a_stretch_is_a_stretch() {
    let mut log = Log::with_calls(0..9);
    log.sign();
    let denied = Wanted { query: Query::default().with(Field::Verdict, "deny"), ..all(Format::Jsonl) };
    let (exported, text) = written(&log, &denied);
    assert_eq!(exported, Exported { records: 3, proved_to: None });
    assert!(text.lines().all(|line| line.contains("\"verdict\":\"deny\"")), "{text}");
    let (exported, text) = written(&log, &Wanted { from: 4, to: 6, ..all(Format::Jsonl) });
    assert_eq!(exported, Exported { records: 3, proved_to: Some(6) });
    assert!(text.lines().nth(1).unwrap().contains("\"sequence\":4"), "{text}");
}
