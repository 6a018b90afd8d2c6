use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn folded(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// What comes of pieces of so many bytes, and the longest piece handed on.
fn unfolded(bytes: &[u8], pieces: usize) -> Result<(Vec<u8>, usize), Fault> {
    let (mut unfolding, mut plain, mut longest) = (Unfolding::new(), Vec::new(), 0);
    for piece in bytes.chunks(pieces) {
        unfolding.push(Bytes::copy_from_slice(piece));
        while let Some(more) = unfolding.take()? {
            longest = longest.max(more.len());
            plain.extend_from_slice(&more);
        }
    }
    plain.extend(unfolding.finish()?.unwrap_or_default());
    Ok((plain, longest))
}

#[test]
fn it_is_the_same_however_it_comes() {
    let plain: Vec<u8> = (0..300_000u32).flat_map(|number| (number * 7919).to_le_bytes()).collect();
    let bytes = folded(&plain);
    for pieces in [1, 7, 64, 1_000, 16_384, bytes.len()] {
        assert!(unfolded(&bytes, pieces).unwrap().0 == plain, "{pieces}");
    }
    let two = [folded(b"one "), folded(b"and two")].concat();
    assert_eq!(unfolded(&two, 5).unwrap().0, b"one and two");
    assert_eq!(unfolded(&folded(b""), 3).unwrap().0, b"");
}

// INVARIANT: what a few bytes unfold to is bounded, in all and at once.
#[test]
fn a_bomb_does_not_go_off() {
    let bomb = folded(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 128 << 10);
    for pieces in [16_384, bomb.len()] {
        let (mut unfolding, mut made) = (Unfolding::new(), 0);
        let fault = 'fault: {
            for piece in bomb.chunks(pieces) {
                unfolding.push(Bytes::copy_from_slice(piece));
                loop {
                    match unfolding.take() {
                        Ok(Some(more)) => {
                            assert!(more.len() < 256 << 10, "{}", more.len());
                            made += more.len() as u64;
                        }
                        Ok(None) => break,
                        Err(fault) => break 'fault Some(fault),
                    }
                }
            }
            None
        };
        assert_eq!(fault.map(|fault| fault.code()), Some("upstream.encoding"));
        assert!(made <= UNFOLDED_FREE_BYTES.max(bomb.len() as u64 * UNFOLDED_TIMES_MAX), "{made}");
    }
    // What rows of records unfold to is not a bomb.
    let row = r#"{"id":17,"client_id":"northwind","status":"active","name":"Ana"},"#.repeat(100_000);
    assert_eq!(unfolded(&folded(row.as_bytes()), 16_384).unwrap().0.len(), row.len());
}

#[test]
fn what_is_cut_changed_or_no_gzip_is_told() {
    let bytes = folded(b"a text that is long enough to be cut in many places, and then some");
    for length in 0..bytes.len() {
        let cut = unfolded(&bytes[..length], 8);
        assert!(cut.is_err() || (length == 0 && cut.unwrap().0.is_empty()), "{length}");
    }
    let mut other = bytes.clone();
    let place = other.len() - 6;
    other[place] ^= 1;
    assert!(unfolded(&other, 8).is_err(), "its checksum is another");
    assert!(unfolded(&[&bytes[..], b"behind it"].concat(), 8).is_err());
    assert!(unfolded(b"{\"plain\":true}", 8).is_err());
}

#[test]
fn other_codings_are_not_read() {
    let of = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, http::HeaderValue::from_static(value));
        }
        Coding::of(&headers).ok()
    };
    assert_eq!(of(&[]), Some(Coding::Identity));
    assert_eq!(of(&["identity"]), Some(Coding::Identity));
    assert_eq!((of(&["gzip"]), of(&["X-GZIP"])), (Some(Coding::Gzip), Some(Coding::Gzip)));
    for values in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "gzip"], &["gzip", "identity"], &["zstd"]] {
        assert_eq!(of(values), None, "{values:?}");
    }
}
