//! Who signed a contract, and what; that it was suspended or ended.
//!
//! A signature is about one digest. Whoever changes the contract, its document or the normal form has it signed anew; then the
//! forms that two people signed are still here, so that each who signs sees what is different.

use model::{Approver, ContractId, Digest, DirectorySnapshot, HumanId, SignedInBy, Standing, UnixMicros};
use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::in_force::Compiled;
use crate::normal::{Forms, NORMAL_FORM};

/// What people did about a contract. Kept as state, each change with a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signatures {
    /// The contract.
    pub contract: ContractId,
    /// What was signed.
    pub digest: Digest,
    /// The normal form that was signed.
    pub normal: String,
    /// The canonical form that was signed; none where nobody kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// The version of the normal form.
    pub normal_form: u64,
    /// What two people had signed before, where this is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Signed>,
    /// Who signed it.
    pub signatures: Vec<Signature>,
    /// That somebody suspended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Act>,
    /// That somebody ended it for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated: Option<Act>,
}

/// What people signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The normal form.
    pub normal: String,
    /// The canonical form; none where nobody kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Who.
    pub by: HumanId,
    /// What that person signed in with.
    pub how: SignedInBy,
    /// When, in microseconds since 1970.
    pub at_us: i64,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// Who, as in the record of the change.
    pub by: String,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// Why, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why somebody cannot sign, or nothing can be done about a contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The directory does not know them.
    #[error("`{0}` is not in the directory")]
    Unknown(HumanId),
    /// They have left.
    #[error("{0} has left")]
    Left(HumanId),
    /// They are of the other side.
    #[error("{0} is of the vendor's side, which does not sign here")]
    OfTheVendor(HumanId),
    /// They signed it already.
    #[error("{0} has signed it already, and a different person has to sign as well")]
    Again(HumanId),
    /// It is signed by as many as it takes.
    #[error("it is signed already")]
    Signed,
    /// It is ended for good.
    #[error("it was terminated, and begins no more")]
    Terminated,
    /// Its term is over.
    #[error("its term is over")]
    Expired,
    /// It is not suspended.
    #[error("it is not suspended")]
    NotSuspended,
    /// Nobody signed it.
    #[error("nobody has signed it, so there is nothing to suspend")]
    NeverSigned,
}

// === impl Signatures ===

impl Signatures {
    /// What is so once this person has signed the contract as it is now. `before`: what was so until now.
    pub fn sign(
        contract: &Compiled,
        before: Option<&Self>,
        who: &Approver,
        directory: &DirectorySnapshot,
        now: UnixMicros,
    ) -> Result<Self, Refused> {
        let (human, forms) = (who.human(), contract.forms());
        let known = directory.humans.get(human).ok_or_else(|| Refused::Unknown(human.clone()))?;
        if !known.active {
            return Err(Refused::Left(human.clone()));
        }
        if of_the_vendor(contract.agreement(), human, directory) {
            return Err(Refused::OfTheVendor(human.clone()));
        }
        if before.is_some_and(|before| before.terminated.is_some()) {
            return Err(Refused::Terminated);
        }
        if now >= contract.agreement().term.ends {
            return Err(Refused::Expired);
        }
        // What was signed of something else counts no more.
        let same = before.filter(|before| before.digest == forms.digest);
        let mut signatures = same.map(|before| before.signatures.clone()).unwrap_or_default();
        if signatures.iter().any(|signature| directory.same_person(&signature.by, human)) {
            return Err(Refused::Again(human.clone()));
        }
        if signatures.len() >= SIGNATURES_NEEDED {
            return Err(Refused::Signed);
        }
        signatures.push(Signature { by: human.clone(), how: who.how(), at_us: now.0 });
        Ok(Self {
            contract: contract.id().clone(),
            digest: forms.digest,
            normal: forms.normal.clone(),
            canonical: Some(forms.canonical.clone()),
            normal_form: NORMAL_FORM,
            earlier: before.and_then(|before| before.signed_before(forms)),
            signatures,
            suspended: before.and_then(|before| before.suspended.clone()),
            terminated: None,
        })
    }

    /// What is so once it is suspended.
    pub fn suspended(&self, act: Act) -> Result<Self, Refused> {
        self.not_ended()?;
        Ok(Self { suspended: Some(act), ..self.clone() })
    }

    /// What is so once it is resumed.
    pub fn resumed(&self) -> Result<Self, Refused> {
        self.not_ended()?;
        self.suspended.as_ref().ok_or(Refused::NotSuspended)?;
        Ok(Self { suspended: None, ..self.clone() })
    }

    /// What is so once it is ended for good.
    pub fn terminated(&self, act: Act) -> Result<Self, Refused> {
        self.not_ended()?;
        Ok(Self { terminated: Some(act), ..self.clone() })
    }

    /// What two people signed that is not this, the latest of it: what whoever signs this compares it with.
    pub fn signed_before(&self, forms: &Forms) -> Option<Signed> {
        if self.digest == forms.digest || self.signatures.len() < SIGNATURES_NEEDED {
            return self.earlier.clone();
        }
        Some(Signed { normal: self.normal.clone(), canonical: self.canonical.clone() })
    }

    fn not_ended(&self) -> Result<(), Refused> {
        if self.terminated.is_some() { Err(Refused::Terminated) } else { Ok(()) }
    }

    /// Whether the contract with these forms is in force, but for its term.
    pub(crate) fn standing(&self, forms: &Forms) -> Standing {
        if self.terminated.is_some() {
            Standing::Terminated
        } else if self.suspended.is_some() {
            Standing::Suspended
        } else if self.digest != forms.digest {
            if self.signatures.is_empty() { Standing::Unsigned } else { Standing::Changed }
        } else if self.signatures.len() < SIGNATURES_NEEDED {
            Standing::Unsigned
        } else {
            Standing::Active
        }
    }

    /// What changes when something is done about it, in one line.
    pub(crate) fn in_short(&self) -> String {
        format!("{} {} {} {}", self.digest, self.signatures.len(), self.suspended.is_some(), self.terminated.is_some())
    }
}

/// Whether a person stands on the vendor's side of the agreement.
pub(crate) fn of_the_vendor(agreement: &Agreement, human: &HumanId, directory: &DirectorySnapshot) -> bool {
    agreement.parties.theirs.humans().any(|other| directory.same_person(&other, human))
}

/// How many different people have to sign.
pub const SIGNATURES_NEEDED: usize = 2;

#[cfg(test)]
mod tests;
