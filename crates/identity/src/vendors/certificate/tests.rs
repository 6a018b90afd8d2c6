use super::*;

const SHORT: &str = include_str!("p256.pem");
/// Its term ends after 2050, and is written otherwise.
const LONG: &str = include_str!("ed25519.pem");

#[test]
fn a_certificate_is_known_as_openssl_shows_it() {
    let short = Certificate::from_pem(SHORT).unwrap();
    let shown = "sha256:fefa38d45bd827269b7e74c9db327ad44f14138451089a10f885828d7c493064";
    assert_eq!(short.digest.to_string(), shown);
    // 2026-11-22 11:17:00 and 2036-11-19 11:17:00 UTC, by `date -d … +%s`.
    assert_eq!((short.starts_at.seconds(), short.ends_at.seconds()), (1_795_346_220, 2_110_706_220));
    let long = Certificate::from_pem(LONG).unwrap();
    assert_eq!((long.starts_at.seconds(), long.ends_at.seconds()), (1_795_346_221, 3_523_346_221));
}

#[test]
fn what_is_not_one_certificate_is_none() {
    let cut: String = SHORT.lines().take(3).chain([END]).collect::<Vec<_>>().join("\n");
    let chain = format!("{SHORT}{LONG}");
    let with_key = format!("{SHORT}-----BEGIN PRIVATE KEY-----\n");
    for text in ["", "x", &cut, &chain, &with_key, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"] {
        assert!(Certificate::from_pem(text).is_err(), "{text}");
    }
}

#[test]
fn no_bytes_break_the_reader() {
    let body: String = SHORT.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).unwrap();
    assert!(Certificate::from_der(&der).is_some());
    for length in 0..der.len() {
        assert_eq!(Certificate::from_der(&der[..length]), None, "{length}");
    }
    for place in 0..der.len() {
        for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
            let mut other = der.clone();
            other[place] = byte;
            let _whatever_it_is = Certificate::from_der(&other);
        }
    }
}
