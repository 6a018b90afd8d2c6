//! Signed notes (c2sp.org/signed-note): a text, a blank line, and signatures of which unknown ones are ignored.

use std::fmt;
use std::str::FromStr;

use crate::key::{Algorithm, KeyId, KeyName, SIGNATURE_BYTES, SignError, Signer, VerifierKey};
use crate::limits::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, POSIX_SECONDS_MAX};
use crate::text;

/// A text and who says to have signed it. Nothing is known of it before [`Note::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Ends with a newline.
    text: String,
    signatures: Vec<Signature>,
}

/// A signature of a note, unchecked: `— example.com/log Az3grlgtzPIC…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: KeyName,
    id: KeyId,
    bytes: Vec<u8>,
}

/// A key whose signature on a note is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'k> {
    /// The key.
    pub key: &'k VerifierKey,
    /// When it signed, in seconds since 1970: cosignatures say that.
    pub at: Option<u64>,
}

/// What is wrong with a note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Past `NOTE_BYTES_MAX`.
    #[error("a signed note has at most {NOTE_BYTES_MAX} bytes")]
    TooLong,
    /// Past `NOTE_SIGNATURES_MAX`.
    #[error("a signed note has at most {NOTE_SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// Bytes that are no text, or control characters.
    #[error("a signed note is UTF-8 without control characters but newlines")]
    Characters,
    /// There is no blank line before signatures, or nothing after it.
    #[error("a signed note is a text, a blank line and signatures, each on a line")]
    Format,
    /// The text of a note has to end with a newline.
    #[error("the text of a note ends with a newline")]
    Unfinished,
    /// Not a signature.
    #[error("line {0} of the signatures is not `— NAME SIGNATURE`")]
    Signature(usize),
    /// A known key did not sign this text.
    #[error("the signature of `{0}` is wrong")]
    Wrong(KeyName),
    /// Nobody known signed it.
    #[error("no known key signed the note")]
    Unsigned,
    /// A key that signs something else was given.
    #[error("`{0}` is a key of another kind")]
    Kind(KeyName),
    /// A time past `POSIX_SECONDS_MAX`.
    #[error("the time of a cosignature is past {POSIX_SECONDS_MAX}")]
    Time,
    /// The signer could not.
    #[error(transparent)]
    Signer(#[from] SignError),
}

// === impl Note ===

impl Note {
    /// A text without signatures.
    pub fn new(text: String) -> Result<Self, NoteError> {
        if text.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        clean(&text)?;
        if text.ends_with('\n') { Ok(Self { text, signatures: Vec::new() }) } else { Err(NoteError::Unfinished) }
    }

    /// Reads bytes of unknown origin.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        std::str::from_utf8(bytes).map_err(|_| NoteError::Characters)?.parse()
    }

    /// The text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures as they came.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature on the text.
    pub fn sign(&mut self, signer: &dyn Signer) -> Result<(), NoteError> {
        let key = signer.verifier_key();
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(NoteError::Kind(key.name().clone()));
        }
        let bytes = signer.sign(self.text.as_bytes())?.to_vec();
        self.add([Signature { name: key.name().clone(), id: key.id(), bytes }])
    }

    /// Adds a cosignature: the caller has seen that the text is a checkpoint, and what came before it.
    pub(crate) fn cosign(&mut self, signer: &dyn Signer, at: u64) -> Result<(), NoteError> {
        let key = signer.verifier_key();
        if key.algorithm() != Algorithm::Cosignature {
            return Err(NoteError::Kind(key.name().clone()));
        }
        if at > POSIX_SECONDS_MAX {
            return Err(NoteError::Time);
        }
        let signature = signer.sign(cosigned(&self.text, at).as_bytes())?;
        let bytes = [at.to_be_bytes().as_slice(), &signature].concat();
        self.add([Signature { name: key.name().clone(), id: key.id(), bytes }])
    }

    /// Adds signatures of others, unchecked. Those that stand there already are left out.
    pub fn add(&mut self, signatures: impl IntoIterator<Item = Signature>) -> Result<(), NoteError> {
        for signature in signatures {
            if self.signatures.contains(&signature) {
                continue;
            }
            if self.signatures.len() >= NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            self.signatures.push(signature);
        }
        Ok(())
    }

    /// Which of these keys signed, each once, with its latest time. Signatures of other keys are ignored; one of a known key
    /// that is wrong spoils the note, and so does it if no known key signed.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<Verified<'k>>, NoteError> {
        let mut verified: Vec<Verified<'k>> = Vec::new();
        for signature in &self.signatures {
            for key in keys.iter().filter(|key| *key.name() == signature.name && key.id() == signature.id) {
                let at = signature.check(key, &self.text)?;
                match verified.iter_mut().find(|before| before.key == key) {
                    Some(before) => before.at = before.at.max(at),
                    None => verified.push(Verified { key, at }),
                }
            }
        }
        if verified.is_empty() { Err(NoteError::Unsigned) } else { Ok(verified) }
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        clean(note)?;
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Format)?;
        Ok(Self { text: format!("{text}\n"), signatures: Signature::parse_lines(signatures)? })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(formatter, "{signature}"))
    }
}

// === impl Signature ===

impl Signature {
    /// Reads lines of signatures, as a witness answers with.
    pub fn parse_lines(lines: &str) -> Result<Vec<Self>, NoteError> {
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Format)?;
        let mut signatures = Vec::new();
        for (number, line) in lines.split('\n').enumerate() {
            if number >= NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(Self::parse(line).ok_or(NoteError::Signature(number + 1))?);
        }
        Ok(signatures)
    }

    /// Who says to have signed.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// With which key.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = text::from_base64(encoded)?;
        let (id, bytes) = bytes.split_first_chunk()?;
        (!bytes.is_empty()).then(|| name.parse().ok())?.map(|name| Self {
            name,
            id: KeyId::new(*id),
            bytes: bytes.to_vec(),
        })
    }

    /// When it was made, if it says so.
    fn check(&self, key: &VerifierKey, text: &str) -> Result<Option<u64>, NoteError> {
        let right = match key.algorithm() {
            Algorithm::Ed25519 => key.accepts(text.as_bytes(), &self.bytes).then_some(None),
            Algorithm::Cosignature => self
                .timed()
                .and_then(|(at, signature)| key.accepts(cosigned(text, at).as_bytes(), signature).then_some(Some(at))),
        };
        right.ok_or_else(|| NoteError::Wrong(self.name.clone()))
    }

    fn timed(&self) -> Option<(u64, &[u8])> {
        let (at, signature) = self.bytes.split_first_chunk()?;
        let at = u64::from_be_bytes(*at);
        (at <= POSIX_SECONDS_MAX && signature.len() == SIGNATURE_BYTES).then_some((at, signature))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_bytes().as_slice(), &self.bytes].concat();
        write!(formatter, "— {} {}", self.name, text::base64(&bytes))
    }
}

/// What a witness signs.
fn cosigned(text: &str, at: u64) -> String {
    format!("cosignature/v1\ntime {at}\n{text}")
}

fn clean(text: &str) -> Result<(), NoteError> {
    let clean = text.bytes().all(|byte| byte >= b' ' || byte == b'\n');
    if clean { Ok(()) } else { Err(NoteError::Characters) }
}

#[cfg(test)]
mod tests;
