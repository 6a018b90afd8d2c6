use super::*;
use crate::log::LogStore as _;
use crate::row::Row;
use crate::samples::{Memory, change};

const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

/// A log with records that are so many hours old, in this order: how old is the one behind which it is not known what time went by?
fn gap(hours: &[i64]) -> Option<i64> {
    let mut log = Memory::default();
    for (number, old) in (1..).zip(hours) {
        let mut change = change(number);
        change.at = UnixMicros(NOW.0 - old * HOUR);
        log.append(&[Row::of_change(&change).unwrap()], &[]).unwrap();
    }
    gap_before(&log, NOW).unwrap().map(|at| NOW.since(at) / HOUR)
}

#[test]
fn a_clock_that_is_ahead_and_a_gateway_that_was_off_for_long_leave_a_gap() {
    assert_eq!(gap(&[]), None);
    assert_eq!(gap(&[3, 2, 0]), None, "all of it is of today");
    assert_eq!(gap(&[90, 60, 40, 20, 0]), None);
    assert_eq!(gap(&[65, 47, 0]), None, "it was off for less than two days");
    assert_eq!(gap(&[65, 50, 0]), Some(50));
    const YEAR: i64 = 24 * 365;
    assert_eq!(gap(&[YEAR + 1, YEAR]), Some(YEAR));
    // Starts of the same day, with the clock as it is, change nothing.
    assert_eq!(gap(&[YEAR, 2, 1, 0]), Some(YEAR));
    assert_eq!(gap(&[YEAR, 26, 2, 0]), None, "it has been so for more than a day");
    assert_eq!(gap(&[30, -YEAR, 28, 0]), None, "it was ahead and is right again");
}

const HOUR: i64 = 60 * 60 * 1_000_000;
