//! Browsers in which somebody has signed in before.
//!
//! Whoever guesses in a person's name makes everybody wait who comes with that name and nothing else. The person's own browser comes
//! with a mark that only this gateway can have made, and its attempts are counted apart from those of all others, the person's other
//! browsers among them. The mark lets nobody in, and ends with the password that was chosen when it was made.
//!
//! Whoever signed in without the password may not know it, and could make themselves a new mark with each sign-in. So all browsers in
//! which that was without it show the same mark, and are counted together.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Fault, HumanId, Secret, UnixMicros};

use super::account::How;
use super::session::new_token;

/// Makes marks and knows them again.
pub(super) struct Browsers {
    key: hmac::Key,
}

// === impl Browsers ===

impl Browsers {
    pub(super) fn new(key: &Secret<[u8; 32]>) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()) }
    }

    /// What a browser shows from now on in which this person has signed in like this, whose password was chosen then. Error: the machine
    /// has no randomness.
    pub(super) fn mark(&self, human: &HumanId, since: UnixMicros, how: How) -> Result<Secret<String>, Fault> {
        let name = match how {
            How::Password => new_token()?,
            How::Passkey | How::Oidc => self.without_password(human, since),
        };
        let made = hmac::sign(&self.key, signed(human, since, name.expose()).as_bytes());
        Ok(Secret::new(format!("{}.{}", name.expose(), URL_SAFE_NO_PAD.encode(made.as_ref()))))
    }

    /// Which of the person's browsers shows this mark; none where it is none of theirs.
    pub(super) fn of<'m>(&self, human: &HumanId, since: UnixMicros, mark: &'m str) -> Option<&'m str> {
        let (name, made) = mark.split_once('.')?;
        let made = URL_SAFE_NO_PAD.decode(made).ok()?;
        hmac::verify(&self.key, signed(human, since, name).as_bytes(), &made).ok()?;
        Some(name)
    }

    /// The name of all browsers in which this person has signed in without the password.
    fn without_password(&self, human: &HumanId, since: UnixMicros) -> Secret<String> {
        let made = hmac::sign(&self.key, format!("without password\n{human}\n{}", since.0).as_bytes());
        Secret::new(URL_SAFE_NO_PAD.encode(made.as_ref()))
    }
}

fn signed(human: &HumanId, since: UnixMicros, name: &str) -> String {
    format!("browser\n{human}\n{}\n{name}", since.0)
}
