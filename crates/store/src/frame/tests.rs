use model::Verdict;

use super::*;
use crate::samples::{change, intent, outcome, put};

const HEAD: Head = Head { generation: 7, number: 3, first: 11, rows: 3 };

fn sample() -> (Vec<Row>, Vec<StateWrite>, Vec<u8>) {
    let rows = vec![intent(1, "bot", "ada", "crm/read", Verdict::Allow), outcome(1, 2), change(3)];
    let state = vec![put("ada", Some("1")), put("bob", None)];
    let mut bytes = Vec::new();
    write(&mut bytes, HEAD, &rows, &state);
    (rows, state, bytes)
}

#[test]
fn a_frame_comes_back_whole() {
    let (rows, state, mut bytes) = sample();
    bytes.extend_from_slice(b"what stands behind it");
    let frame = Frame::read(&bytes, HEAD.generation).unwrap();
    assert_eq!((frame.head, frame.room), (HEAD, BLOCK_BYTES));
    assert_eq!(frame.rows, rows.iter().map(Columns::from).collect::<Vec<_>>());
    assert_eq!(frame.state, state.iter().map(StateColumns::from).collect::<Vec<_>>());
    assert_eq!(frame.head.next(), 14);
}

#[test]
fn a_torn_frame_is_none() {
    let (_, _, bytes) = sample();
    for end in 0..bytes.len() {
        assert_eq!(Frame::read(&bytes[..end], HEAD.generation), None, "{end}");
        let mut torn = bytes.clone();
        torn[end] ^= 1;
        assert_eq!(Frame::read(&torn, HEAD.generation), None, "{end}");
        torn[end..].fill(0);
        assert_eq!(Frame::read(&torn, HEAD.generation).is_some(), torn == bytes, "{end}");
    }
}

#[test]
fn a_frame_of_an_earlier_filling_is_none() {
    let (_, _, bytes) = sample();
    assert_eq!(Frame::read(&bytes, HEAD.generation + 2), None);
}
