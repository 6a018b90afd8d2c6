use bytes::Bytes;
use model::limits::TRACE_PAGE_MAX;

use super::*;
use crate::commitment::sha256;
use crate::log::LogStore as _;
use crate::record::Intent;
use crate::row::Row;
use crate::samples::{Memory, intent};

const NOW: UnixMicros = UnixMicros(1_795_255_203_000_000);

#[test]
fn pages_are_asked_for() {
    let check = |asked: &str, expected: &str, (limit, before, after): (usize, Option<u64>, Option<u64>)| {
        let asked = Query::of_address(asked, NOW).unwrap();
        assert_eq!(asked.to_string(), expected);
        assert_eq!((asked.limit, asked.before_sequence, asked.after_sequence), (limit, before, after));
    };
    check("", "kind:intent", (100, None, None));
    check("q=verdict%3Adeny+-app:crm&limit=7", "verdict:deny -app:crm kind:intent", (7, None, None));
    check("cursor=12&q=kind:change", "kind:change", (100, Some(12), None));
    check("order=oldest&cursor=12", "kind:intent", (100, None, Some(12)));
    check(&format!("limit={TRACE_PAGE_MAX}"), "kind:intent", (TRACE_PAGE_MAX, None, None));
    let wrong = |asked: &str| {
        let Err(fault) = Query::of_address(asked, NOW) else { panic!("{asked} was taken") };
        assert_eq!(fault.blame(), Blame::Caller);
        (fault.to_string(), fault.way_out().unwrap_or_default().to_owned())
    };
    assert_eq!(wrong("limit=1001").0, "`limit` does not take `1001`: it takes a number from 1 to 1000");
    assert_eq!(wrong("cursor=x").0, "`cursor` does not take `x`: it takes the `next` of a page");
    assert_eq!(wrong("order=best").0, "`order` does not take `best`: it takes `newest` or `oldest`");
    assert_eq!(wrong("since=1d").1, "it takes `q`, `limit`, `cursor` and `order`");
    assert_eq!(wrong("q=verdit:deny").1, "did you mean `verdict`?");
}

/// So many calls, each with a text of so many bytes among its arguments.
fn log(many: u16, bytes: usize) -> Memory {
    let arguments = Bytes::from(format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes)));
    let row = |number| {
        let (arguments_digest, arguments) = (sha256(&arguments), Some(arguments.clone()));
        Row::of_intent(&Intent { arguments, arguments_digest, ..intent(number) }).unwrap()
    };
    let mut log = Memory::default();
    log.append(&(1..=many).map(row).collect::<Vec<_>>(), &[]).unwrap();
    log
}

#[test]
fn a_page_ends_where_its_records_are_enough_or_long_and_none_is_left_out_between_two() {
    for (many, bytes, limit, pages) in [(120, 10, 110, 2), (120, 10, 120, 1), (100, 60_000, 1_000, 2), (0, 0, 9, 1)] {
        let log = log(many, bytes);
        for newest_first in [false, true] {
            let (mut walked, mut turned, mut next) = (Vec::new(), 0, None);
            loop {
                let (before_sequence, after_sequence) = if newest_first { (next, None) } else { (None, next) };
                let asked = Query { limit, newest_first, before_sequence, after_sequence, ..Query::default() };
                let page = Page::of(&[asked.clone(), asked], &log).unwrap();
                let long: usize = page.records.iter().map(bytes_of).sum();
                let last = page.records.last().map_or(0, bytes_of);
                assert!(page.records.len() <= limit && long - last < TRACE_PAGE_BYTES_MAX, "{long} bytes");
                walked.extend(page.records.iter().map(|record| record.sequence));
                turned += 1;
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            if newest_first {
                walked.reverse();
            }
            assert_eq!((walked, turned), ((1..=u64::from(many)).collect(), pages), "{many} of {bytes}");
        }
    }
}
