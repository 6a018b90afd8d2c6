use model::Verdict;

use super::super::tests::Log;
use super::*;

#[test]
fn digits_name_a_record_or_are_the_end_of_an_id() {
    let mut log = Log::told();
    // The id of this one ends with nothing but zeros, and no record has that number.
    log.ask(0, Verdict::Deny);
    let named = |id: &str, outcome: bool| {
        let args = ProveArgs { id: id.to_owned(), outcome, out: None };
        wanted(&log.reader, &args).map(|entry| entry.sequence).map_err(|fault| fault.code())
    };
    assert_eq!(named("0000", false), Ok(9));
    assert_eq!(named("0000", true), Err("caller.no_such_record"), "nothing came of it");
    assert_eq!((named("2", false), named("2", true)), (Ok(2), Ok(3)));
    assert_eq!(named("3", false), Ok(3));
    assert_eq!(named("1234", false), Err("caller.no_such_record"));
}
