use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

fn folded(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn unfolding(coding: &Coding) -> Unfolding {
    Unfolding::of(coding).unwrap().unwrap()
}

/// What comes of pieces of so many bytes, and the longest piece handed on.
fn unfolded(bytes: &[u8], pieces: usize) -> Result<(Vec<u8>, usize), Fault> {
    unfolded_as(&Coding::Gzip, bytes, pieces)
}

fn unfolded_as(coding: &Coding, bytes: &[u8], pieces: usize) -> Result<(Vec<u8>, usize), Fault> {
    let (mut unfolding, mut plain, mut longest) = (unfolding(coding), Vec::new(), 0);
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
    assert!(unfolded_as(&Coding::Deflate, &deflated(&plain), 7).unwrap().0 == plain);
    let two = [folded(b"one "), folded(b"and two")].concat();
    assert_eq!(unfolded(&two, 5).unwrap().0, b"one and two");
    assert_eq!(unfolded(&folded(b""), 3).unwrap().0, b"");
}

// INVARIANT: what a few bytes unfold to is bounded, in all and at once.
#[test]
fn a_bomb_does_not_go_off() {
    let plain = vec![b' '; 64 << 20];
    let (gzip, deflate) = (folded(&plain), deflated(&plain));
    for (coding, bomb, pieces) in
        [(Coding::Gzip, &gzip, 16_384), (Coding::Gzip, &gzip, gzip.len()), (Coding::Deflate, &deflate, deflate.len())]
    {
        assert!(bomb.len() < 128 << 10);
        let (mut unfolding, mut made) = (unfolding(&coding), 0);
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
    let deflate = |bytes: &[u8]| unfolded_as(&Coding::Deflate, bytes, 8);
    let bytes = deflated(b"a text that is long enough to be cut in many places, and then some");
    for length in 1..bytes.len() {
        assert!(deflate(&bytes[..length]).is_err(), "{length}");
    }
    assert!(deflate(&[&bytes[..], b"behind it"].concat()).is_err());
    // What some take for deflate, without the frame around it that says so (RFC 9110, 8.4.1.2).
    let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
    bare.write_all(b"a text").unwrap();
    assert!(deflate(&bare.finish().unwrap()).is_err());
}

#[test]
fn other_codings_are_not_read() {
    let of = |values: &[&str]| {
        let mut coding = Coding::default();
        values.iter().for_each(|value| coding.hear(value.as_bytes()));
        coding
    };
    assert_eq!((of(&[]), of(&["identity"]), of(&[""])), (Coding::Identity, Coding::Identity, Coding::Identity));
    assert_eq!((of(&["gzip"]), of(&[" X-GZIP "]), of(&["Deflate"])), (Coding::Gzip, Coding::Gzip, Coding::Deflate));
    for values in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["gzip", "identity"], &["zstd"], &["\u{e9}`\n"]] {
        let coding = of(values);
        let fault = Unfolding::of(&coding).err().unwrap();
        assert_eq!(fault.code(), "upstream.encoding", "{values:?}");
        assert!(fault.to_string().is_ascii() && !fault.to_string().contains('\n'), "{fault}");
    }
    assert!(Unfolding::of(&of(&["br"])).err().unwrap().to_string().contains("(`br`)"));
}
