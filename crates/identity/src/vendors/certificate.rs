//! A client certificate as far as it matters here: which one it is, and when it is valid.
//!
//! Whoever registers a certificate has looked at it, so nothing of its names, extensions or issuer is of interest: it is known by
//! its digest, as a key is. Only its own term is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Blame, Digest, Fault, UnixMicros};

use super::digest_of;

/// A certificate that somebody registers for a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER form, as `openssl x509 -fingerprint -sha256` shows it.
    pub digest: Digest,
    /// Since when it is valid.
    pub starts_at: UnixMicros,
    /// Until when.
    pub ends_at: UnixMicros,
}

// === impl Certificate ===

impl Certificate {
    /// Reads one certificate in PEM. Error: it is none, or several (blame `Caller`).
    pub fn from_pem(text: &str) -> Result<Self, Fault> {
        if text.contains("PRIVATE KEY") {
            return Err(
                wrong("it holds a private key").hint("register the certificate alone; the key stays with the vendor")
            );
        }
        let mut blocks = text.split(BEGIN).skip(1);
        let (Some(block), None) = (blocks.next(), blocks.next()) else {
            return Err(wrong("it does not hold one certificate in PEM")
                .hint("register the vendor's own, without its issuers'"));
        };
        let body: String = block.split(END).next().unwrap_or_default().split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|error| wrong("it is not PEM").because(error))?;
        Self::from_der(&der).ok_or_else(|| wrong("it holds no certificate (X.509)"))
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        let mut outside = Der(der);
        let mut whole = Der(outside.take(SEQUENCE)?);
        let mut signed = Der(whole.take(SEQUENCE)?);
        if !outside.0.is_empty() {
            return None;
        }
        if signed.0.first() == Some(&VERSION) {
            signed.take(VERSION)?;
        }
        signed.take(INTEGER)?;
        signed.take(SEQUENCE)?;
        signed.take(SEQUENCE)?;
        let mut term = Der(signed.take(SEQUENCE)?);
        let (starts_at, ends_at) = (term.time()?, term.time()?);
        Some(Self { digest: certificate_digest(der), starts_at, ends_at })
    }
}

/// What a certificate is known by.
pub fn certificate_digest(der: &[u8]) -> Digest {
    digest_of(der)
}

/// What is left to read of a text in DER (X.690).
struct Der<'a>(&'a [u8]);

// === impl Der ===

impl<'a> Der<'a> {
    /// The content of what comes next, if it is of this kind.
    fn take(&mut self, kind: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if length >= 0x80 {
            let bytes = length - 0x80;
            if !(1..=3).contains(&bytes) {
                return None;
            }
            let (written, behind) = rest.split_at_checked(bytes)?;
            length = written.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = behind;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == kind).then_some(content)
    }

    /// A moment, to the second.
    fn time(&mut self) -> Option<UnixMicros> {
        let long = self.0.first() == Some(&GENERALIZED_TIME);
        let text = std::str::from_utf8(self.take(if long { GENERALIZED_TIME } else { UTC_TIME })?).ok()?;
        let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        let (year, rest) = digits.split_at_checked(if long { 4 } else { 2 })?;
        if rest.len() != 10 {
            return None;
        }
        let mut year: i64 = year.parse().ok()?;
        if !long {
            year += if year < 50 { 2000 } else { 1900 };
        }
        let two = |place: usize| rest.get(place..place + 2)?.parse::<i64>().ok();
        let (month, day, hour, minute, second) = (two(0)?, two(2)?, two(4)?, two(6)?, two(8)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(UnixMicros(seconds * 1_000_000))
    }
}

/// Days of the Gregorian calendar. Years are counted from March, so that a leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}

fn wrong(said: &'static str) -> Fault {
    Fault::new(Blame::Caller, "caller.certificate", said)
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

#[cfg(test)]
mod tests;
