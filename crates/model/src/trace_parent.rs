//! The span that a request is part of, as the client says it: `traceparent` of W3C Trace Context.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context-2/): which trace, which span of it, and 8 bits of flags.
/// It is kept in the form of version 00, whatever newer version it came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

impl TraceParent {
    /// The trace; never all zero.
    pub const fn trace(&self) -> &[u8; 16] {
        &self.trace
    }

    /// The client's span in it; never all zero.
    pub const fn span(&self) -> &[u8; 8] {
        &self.span
    }

    /// The flags; the lowest bit says that the trace is sampled.
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// None: it is not of that form. Whoever wrote it is no worse off: the standard has such a one ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let (version, rest) = text.split_at_checked(2)?;
        let ends = match version {
            "00" => rest.len() == LENGTH - 2,
            _ => rest.len() == LENGTH - 2 || rest.as_bytes().get(LENGTH - 2) == Some(&b'-'),
        };
        if version == "ff" || !ends {
            return None;
        }
        let [_] = bytes::<1>(version)?;
        let mut parts = rest.strip_prefix('-')?.split('-');
        let (trace, span, flags) = (bytes(parts.next()?)?, bytes(parts.next()?)?, bytes(parts.next()?)?);
        let [flags] = flags;
        (trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span, flags })
    }
}

/// Bytes in lower-case hexadecimal digits, exactly so many.
fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let lower = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    if !lower || pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace), u64::from_be_bytes(self.span));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

impl FromStr for TraceParent {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| "it takes `traceparent` of W3C Trace Context".to_owned())
    }
}

impl Serialize for TraceParent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceParent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Of version 00, in characters.
const LENGTH: usize = 55;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn one_comes_back_as_it_was() {
        let parent = TraceParent::parse(GOOD).unwrap();
        assert_eq!((parent.to_string().as_str(), parent.flags()), (GOOD, 1));
        assert_eq!((parent.trace()[0], parent.span()[7]), (0x0a, 0x31));
    }

    /// What the standard says of versions to come, and of what is malformed (3.2.2, 4.3 of Trace Context).
    #[test]
    fn what_is_none_is_not_taken_for_one() {
        for newer in [
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            &format!("{}-what-is-new", GOOD.replacen("00", "cc", 1)),
        ] {
            assert_eq!(TraceParent::parse(newer), TraceParent::parse(GOOD), "{newer}");
        }
        let zeros = [
            &GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &GOOD.replace("b7ad6b7169203331", &"0".repeat(16)),
        ];
        let malformed = [
            "",
            "0",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c8031-b7ad6b716920333111-01",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.x",
            "xx-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ];
        for none in malformed.into_iter().chain(zeros.into_iter().map(String::as_str)) {
            assert_eq!(TraceParent::parse(none), None, "{none}");
        }
    }
}
