use trace::LogReader as _;

use super::*;
use crate::samples::{Log, about, change};
use crate::whole::{Format, Wanted, export};

fn exported(log: &Log, from: u64, to: u64) -> String {
    let wanted = Wanted { format: Format::Jsonl, query: trace::Query::default(), from, to };
    let mut bytes = Vec::new();
    export(&log.reader(), &about(), &wanted, &mut bytes, |_| {}).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn checked(log: &Log, text: &str) -> Checked {
    check(&mut text.as_bytes(), |origin| (origin == crate::samples::ORIGIN).then(|| log.notary.trust()), |_| {})
        .unwrap()
}

fn signed_log() -> Log {
    let mut log = Log::with_calls(0..30);
    log.add(&[trace::Row::of_change(&change(99)).unwrap()]);
    log.sign();
    log
}

#[test]
fn any_stretch_is_proved() {
    let mut log = signed_log();
    let size = log.reader().last_sequence().unwrap();
    for (from, to) in [(1, size), (1, 1), (2, 2), (7, 33), (size, size), (16, 32), (1, 32), (33, size)] {
        let said = checked(&log, &exported(&log, from, to));
        assert_eq!(said.wrong, None, "{from} to {to}");
        assert_eq!((said.records, said.signed_records), (to - from + 1, to - from + 1));
        assert_eq!((said.signed.map(|tree| tree.size), said.unsigned), (Some(size), 0), "{from} to {to}");
    }
    log.add_calls(40..42);
    let said = checked(&log, &exported(&log, 5, size + 3));
    assert_eq!((said.wrong, said.unsigned, said.signed.map(|tree| tree.size)), (None, 3, Some(size)));
    assert_eq!(
        (said.records, said.signed_records),
        (size - 1, size - 4),
        "what is behind the signature is not what was signed"
    );
}

#[test]
fn whatever_is_changed_is_found() {
    let log = signed_log();
    let text = exported(&log, 3, 20);
    let lines: Vec<&str> = text.lines().collect();
    let put = |lines: &[&str]| lines.join("\n") + "\n";
    let found = |lines: &[&str]| checked(&log, &put(lines)).wrong.map(|wrong| wrong.line);
    assert_eq!(found(&lines), None);
    let mut left_out = lines.clone();
    left_out.remove(5);
    assert_eq!(found(&left_out), Some(6));
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    assert_eq!(found(&swapped), Some(5));
    assert_eq!(found(&lines[..lines.len() - 1]), Some(19), "its end is missing");
    let changes = [
        ("\"human\":\"ada\"", "\"human\":\"eve\""),
        ("\"verdict\":\"allow\"", "\"verdict\":\"deny\""),
        ("may = read", "may not read"),
        ("\\\"at_us\\\":1", "\\\"at_us\\\":2"),
        ("\"took_us\\\":300", "\"took_us\\\":301"),
        ("\"security_relevant\":true", "\"security_relevant\":false"),
        ("\"name\":\"Ada\"", "\"name\":\"Eve\""),
    ];
    for (from, to) in changes {
        let place = lines.iter().position(|line| line.contains(from)).unwrap_or_else(|| panic!("{from}"));
        let changed = lines[place].replace(from, to);
        let mut lines = lines.clone();
        lines[place] = &changed;
        assert_eq!(found(&lines), Some(place as u64 + 1), "{from}");
    }
}

#[test]
fn a_leaf_that_was_made_again_does_not_stand_in_the_signed_tree() {
    let log = signed_log();
    let other = {
        let mut log = Log::with_calls(0..30);
        log.add(&[trace::Row::of_change(&change(99)).unwrap()]);
        log
    };
    let (text, others) = (exported(&log, 1, 20), exported(&other, 1, 20));
    let mut lines: Vec<&str> = text.lines().collect();
    // Right in itself, with salts of its own.
    lines[8] = others.lines().nth(7).unwrap();
    let wrong = checked(&log, &(lines.join("\n") + "\n")).wrong.unwrap();
    assert_eq!((wrong.line, wrong.what.as_str()), (21, "the records 1 to 20 are not the ones that were signed"));
}

/// The proof of the log, and records 1 to 20 of it; from the twelfth on, those of a log that somebody else made.
fn forged(log: &Log, proof: &str) -> String {
    let other = Log::with_calls(0..30);
    let (text, others) = (exported(log, 1, 20), exported(&other, 1, 20));
    let honest = text.lines().skip(1).take(11);
    let lines: Vec<&str> = std::iter::once(proof).chain(honest).chain(others.lines().skip(11)).collect();
    lines.join("\n") + "\n"
}

#[test]
fn a_proof_that_ends_before_the_records_covers_for_none_behind_it() {
    let log = signed_log();
    let shorter = Proof::of(&log.reader(), crate::samples::ORIGIN, 1, 11).unwrap().unwrap();
    let wrong = checked(&log, &forged(&log, &serde_json::to_string(&shorter).unwrap())).wrong.unwrap();
    assert_eq!((wrong.line, wrong.what.as_str()), (13, "record 12 was signed, and the proof ends at record 11"));
}

#[test]
fn without_its_proof_nothing_vouches_for_a_record() {
    let log = signed_log();
    let forged = forged(&log, "");
    let said = checked(&log, forged.trim_start());
    assert_eq!((said.wrong, said.records), (None, 20), "a record can be made anew, and adds up");
    assert_eq!((said.signed, said.signed_records, said.unsigned), (None, 0, 20));
}

#[test]
fn a_proof_of_somebody_else_is_none() {
    let log = signed_log();
    let text = exported(&log, 1, 20);
    let nobody = check(&mut text.as_bytes(), |_| None, |_| {});
    assert!(matches!(nobody, Err(CheckError::NoKey)));
    let mut stranger = Log::with_calls(0..1);
    stranger.notary = trace::Notary::new(
        crate::samples::ORIGIN.to_owned(),
        vec![
            tlog::SigningKey::from_seed(crate::samples::ORIGIN.parse().unwrap(), tlog::Algorithm::Ed25519, &[8; 32])
                .unwrap(),
        ],
    );
    assert_eq!(checked(&stranger, &text).wrong.map(|wrong| wrong.line), Some(1));
}

#[test]
fn without_a_proof_accidents_are_found_and_nothing_is_signed() {
    let log = Log::with_calls(0..30);
    let text = exported(&log, 1, 20);
    let said = checked(&log, &text);
    assert_eq!((said.records, said.wrong.clone(), said.signed), (20, None, None));
    assert_eq!((said.signed_records, said.unsigned), (0, 20));
    let changed = text.replacen("\"human\":\"ada\"", "\"human\":\"eve\"", 1);
    assert_eq!(checked(&log, &changed).wrong.map(|wrong| wrong.line), Some(1));
    let cut = text.trim_end();
    assert_eq!(checked(&log, cut).wrong.map(|wrong| wrong.line), Some(20));
}
