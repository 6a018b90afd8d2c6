//! What a session's id says of it: enough to go on with the session after the gateway was started anew.
//!
//! It is sealed, so that nobody but the gateway reads or makes one. It is no authority: whoever shows it is asked for a token
//! with each request, and must be the agent and person it was made for.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use model::{AgentId, AppId, Blame, Fault, HumanId, Secret, UnixMicros};
use serde::{Deserialize, Serialize};

use crate::revision::Revision;

/// What a session was when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The revision agreed on.
    pub revision: Revision,
    /// The software.
    pub agent: AgentId,
    /// The person.
    pub human: HumanId,
    /// The one app of its endpoint.
    pub endpoint: Option<AppId>,
    /// What its client said it can do.
    pub declared: Bytes,
    /// When it was opened.
    pub opened: UnixMicros,
}

/// Seals tickets, and opens those of before.
pub struct Tickets {
    key: LessSafeKey,
    /// Which run of the gateway this is.
    run: [u8; 8],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    run: [u8; 8],
    revision: String,
    agent: AgentId,
    human: HumanId,
    endpoint: Option<AppId>,
    declared: String,
    opened: UnixMicros,
}

impl Tickets {
    /// Under this key. Error: the system gives no random bytes.
    pub fn new(key: &Secret<[u8; 32]>) -> Result<Self, Fault> {
        let broken = || Fault::new(Blame::Operator, "operator.no_randomness", "the system gives no random bytes");
        let of_key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let own = hmac::sign(&of_key, b"ids of sessions");
        let key = UnboundKey::new(&AES_256_GCM, own.as_ref()).map_err(|_| broken())?;
        let mut run = [0u8; 8];
        aws_lc_rs::rand::fill(&mut run).map_err(|_| broken())?;
        Ok(Self { key: LessSafeKey::new(key), run })
    }

    /// An id that nobody can guess. None: the system gives no random bytes.
    pub fn seal(&self, ticket: &Ticket) -> Option<String> {
        let mut nonce = [0u8; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let declared = String::from_utf8(ticket.declared.to_vec()).ok()?;
        if declared.len() > DECLARED_BYTES_MAX {
            let mut chance = [0u8; 16];
            aws_lc_rs::rand::fill(&mut chance).ok()?;
            return Some(chance.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        let sealed = Sealed {
            run: self.run,
            revision: ticket.revision.as_str().to_owned(),
            agent: ticket.agent.clone(),
            human: ticket.human.clone(),
            endpoint: ticket.endpoint.clone(),
            declared,
            opened: ticket.opened,
        };
        let mut text = serde_json::to_vec(&sealed).ok()?;
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat()))
    }

    /// The session of this id, where an earlier run of the gateway opened it. None: it did not.
    pub fn of_before(&self, id: &str) -> Option<Ticket> {
        let mut bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::empty(), text).ok()?;
        let Sealed { run, revision, agent, human, endpoint, declared, opened } = serde_json::from_slice(plain).ok()?;
        let revision = Revision::parse(&revision).filter(|_| run != self.run)?;
        Some(Ticket { revision, agent, human, endpoint, declared: Bytes::from(declared), opened })
    }
}

/// A client that says more of itself than fits into a header has to initialise again after a restart.
const DECLARED_BYTES_MAX: usize = 2 * 1024;
