use model::{Secret, Verdict};

use super::*;
use crate::samples::{change, intent, outcome, put};
use crate::seal::{KEY_BYTES, Sealer, Wrapping};

const HEAD: Head = Head { generation: 7, number: 3, first: 11, rows: 3 };

struct Sample {
    rows: Vec<Row>,
    bodies: Vec<SealedBody>,
    keys: Vec<SubjectKey>,
    state: Vec<StateWrite>,
    bytes: Vec<u8>,
}

fn sample() -> Sample {
    let rows = vec![intent(1, "bot", "ada", "crm/read", Verdict::Allow), outcome(1, 2), change(3)];
    let state = vec![put("ada", Some("1")), put("bob", None)];
    let wrapping = Wrapping::new(&Secret::new([1; KEY_BYTES])).unwrap();
    let mut sealer = Sealer::new(wrapping.into(), &[], 0).unwrap();
    let bodies: Vec<SealedBody> = rows.iter().map(|row| sealer.seal(row).unwrap()).collect();
    let columns: Vec<Columns<'_>> = rows.iter().zip(&bodies).map(|(row, body)| Columns::of(row, body)).collect();
    let mut bytes = Vec::new();
    write(&mut bytes, HEAD, &columns, sealer.fresh(), &state);
    Sample { keys: sealer.fresh().to_vec(), rows, bodies, state, bytes }
}

#[test]
fn a_frame_comes_back_whole() {
    let Sample { rows, bodies, keys, state, mut bytes } = sample();
    bytes.extend_from_slice(b"what stands behind it");
    let frame = Frame::read(&bytes, HEAD.generation).unwrap();
    assert_eq!((frame.head, frame.room), (HEAD, BLOCK_BYTES));
    assert_eq!(frame.rows, rows.iter().zip(&bodies).map(|(row, body)| Columns::of(row, body)).collect::<Vec<_>>());
    assert_eq!((keys.len(), frame.keys), (2, keys.iter().map(KeyColumns::from).collect::<Vec<_>>()));
    assert_eq!(frame.state, state.iter().map(StateColumns::from).collect::<Vec<_>>());
    assert_eq!(frame.head.next(), 14);
}

#[test]
fn a_template_stands_there_once_and_others_are_told_from_it() {
    let wrapping = Wrapping::new(&Secret::new([1; KEY_BYTES])).unwrap();
    let mut sealer = Sealer::new(wrapping.into(), &[], 0).unwrap();
    let agents = ["bot", "cat", "bot", "bot", "cat"];
    let rows: Vec<Row> =
        (1..).zip(agents).map(|(number, agent)| intent(number, agent, "ada", "crm/read", Verdict::Allow)).collect();
    let bodies: Vec<SealedBody> = rows.iter().map(|row| sealer.seal(row).unwrap()).collect();
    let columns: Vec<Columns<'_>> = rows.iter().zip(&bodies).map(|(row, body)| Columns::of(row, body)).collect();
    let mut bytes = Vec::new();
    write(&mut bytes, Head { rows: 5, ..HEAD }, &columns, &[], &[]);
    assert_eq!(Frame::read(&bytes, HEAD.generation).unwrap().rows, columns);
    let written = |text: &str| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    assert_eq!(["\"agent\":\"bot\"", "\"agent\":\"cat\""].map(written), [1, 1]);
}

#[test]
fn a_torn_frame_is_none() {
    let bytes = sample().bytes;
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
    let bytes = sample().bytes;
    assert_eq!(Frame::read(&bytes, HEAD.generation + 2), None);
}
