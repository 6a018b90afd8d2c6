//! Bounds of this crate, besides those of the model.

/// Shortest value that is scrubbed, in bytes: shorter ones turn up by chance.
pub(crate) const SCRUBBED_BYTES_MIN: usize = 6;
/// Texts inside texts (JSON in a JSON string) that are looked into.
pub(crate) const ESCAPES_DEEP_MAX: usize = 4;
/// Percent-encodings inside percent-encodings that are looked into.
pub(crate) const PERCENTS_DEEP_MAX: usize = 2;
/// Values of one app that the scrubber knows, old ones included; more where the app has more credentials than half.
pub(crate) const VALUES_KNOWN_MAX: usize = 32;
/// Past this size of all patterns together, in bytes, the search saves memory rather than time.
pub(crate) const FAST_PATTERN_BYTES_MAX: usize = 32 * 1024;
/// Bytes that one byte of a value takes at most in all those encodings: `\u0041` with its backslash escaped again and again,
/// each of them percent-encoded twice.
pub(crate) const ESCAPED_BYTES_MAX: usize = 65;
/// Bytes of an answer that are looked at together where it is searched in pieces, however long a value is.
pub(crate) const REACH_BYTES_MAX: usize = 256 * 1024;
