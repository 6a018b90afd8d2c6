//! A quick sum over bytes: finds torn and forgotten writes, and texts that were met before. Against somebody who forges there
//! are the hashes of the leaves.

/// The sum. It stands in files: another one needs another mark there.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    // Four at a time, for each waits for the one before.
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut lanes = [1, 2, 3, 4].map(|lane: u64| lane.wrapping_mul(FACTOR) ^ bytes.len() as u64);
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = mix(*lane, u64::from_le_bytes(*word));
        }
    }
    let all = lanes.into_iter().fold(0, mix);
    let (words, rest) = rest.as_chunks::<8>();
    let all = words.iter().fold(all, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(1, |word, byte| word << 8 | u64::from(*byte));
    let all = mix(all, last);
    (all ^ all >> 32).wrapping_mul(FACTOR) ^ all >> 29
}

fn mix(sum: u64, word: u64) -> u64 {
    (sum.rotate_left(23) ^ word).wrapping_mul(FACTOR)
}

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
