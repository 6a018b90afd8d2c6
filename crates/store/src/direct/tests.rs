use super::*;

#[test]
fn blocks_begin_where_a_block_may_begin() {
    let mut blocks = Blocks::default();
    for length in [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 100_000, 3] {
        let content = vec![7; length];
        blocks.hold(&content);
        let held = blocks.as_slice();
        assert_eq!(held.as_ptr().align_offset(BLOCK_BYTES), 0);
        assert_eq!(held.len() % BLOCK_BYTES, 0);
        assert!(held.len() < length + BLOCK_BYTES);
        let (front, rest) = held.split_at(length);
        assert!(front == content && rest.iter().all(|byte| *byte == 0), "{length}");
    }
    assert!(Blocks::zeros(10_000).as_slice().iter().all(|byte| *byte == 0));
}

#[test]
fn both_kinds_of_file_take_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let mut blocks = Blocks::default();
    for opened in [empty, empty_in_cache] {
        let file = opened(&path).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
        for place in 0..3u64 {
            blocks.hold(&[u8::try_from(place).unwrap() + 1; 5000]);
            file.write_all_at(blocks.as_slice(), place * 2 * BLOCK_BYTES as u64).unwrap();
        }
        let read = std::fs::read(&path).unwrap();
        assert_eq!((read.len(), read[0], read[5000], read[4 * BLOCK_BYTES + 4999]), (6 * BLOCK_BYTES, 1, 0, 3));
        std::fs::write(&path, read.get(..read.len() - 100).unwrap()).unwrap();
        let end = read.len() - 100;
        for (offset, wanted) in [(0, 1), (0, 9_000), (2 * BLOCK_BYTES, 1 << 20), (6 * BLOCK_BYTES, 10)] {
            blocks.read(&super::open(&path).unwrap(), offset as u64, wanted).unwrap();
            let expected = end.min(offset + wanted.next_multiple_of(BLOCK_BYTES)).saturating_sub(offset);
            assert!(
                blocks.as_slice() == read.get(offset.min(end)..offset.min(end) + expected).unwrap(),
                "{offset} {wanted}"
            );
        }
    }
}
