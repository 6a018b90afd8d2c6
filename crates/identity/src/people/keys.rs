//! Passkeys of people: added by whoever is signed in, and proof of them from then on.

use std::net::IpAddr;

use model::limits::PASSKEYS_PER_PERSON_MAX;
use model::{Blame, Fault, HumanId};
use serde_json::json;

use super::account::{How, SignedIn};
use super::attempt::{Alone, Client, Opened, People};
use super::known::{ACCOUNT, row};
use super::passkey::{Answer, Site};

impl People {
    /// What a device signs to answer this question. Nothing is kept of it before it is answered.
    pub fn challenge(&self, purpose: &str) -> Result<String, Fault> {
        self.challenges.make(purpose, self.now())
    }

    /// Takes a new key of the person who is signed in. `name` is what they call it.
    pub async fn add_passkey(
        &self,
        signed_in: &SignedIn,
        answer: &Answer,
        purpose: &str,
        site: &Site,
        name: &str,
    ) -> Result<(), Fault> {
        let human = signed_in.human();
        let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        let passkey = self.challenges.added(answer, purpose, site, &name, self.now())?;
        let _alone = self.alone().await;
        self.still_signed_in(signed_in)?;
        let (kept, taken) = {
            let known = self.known();
            let taken = known.accounts.values().flat_map(|account| &account.passkeys).any(|key| key.id == passkey.id);
            (known.accounts.get(human).cloned(), taken)
        };
        let Some(mut account) = kept.filter(|account| !taken && account.passkeys.len() < PASSKEYS_PER_PERSON_MAX)
        else {
            let said = "the passkey is somebody's already, or there are too many";
            return Err(Fault::new(Blame::Caller, "people.passkey", said).hint("remove one first"));
        };
        account.passkeys.push(passkey.clone());
        let by = format!("human:{human}");
        let state = vec![row(ACCOUNT, human.as_str(), &account)];
        self.record("accounts.passkey_added", &by, human, json!({ "name": name, "passkey": passkey.id }), state)
            .await?;
        if let Some(account) = self.known().accounts.get_mut(human) {
            account.passkeys.push(passkey);
        }
        Ok(())
    }

    /// Forgets a key of the person who is signed in.
    pub async fn remove_passkey(&self, signed_in: &SignedIn, id: &str) -> Result<(), Fault> {
        let human = signed_in.human();
        let _alone = self.alone().await;
        self.still_signed_in(signed_in)?;
        let kept = self.known().accounts.get(human).cloned();
        let Some(mut account) = kept.filter(|account| account.passkeys.iter().any(|key| key.id == id)) else {
            return Err(Fault::new(Blame::Caller, "people.passkey", "there is no such passkey"));
        };
        account.passkeys.retain(|key| key.id != id);
        let by = format!("human:{human}");
        let state = vec![row(ACCOUNT, human.as_str(), &account)];
        self.record("accounts.passkey_removed", &by, human, json!({ "passkey": id }), state).await?;
        if let Some(account) = self.known().accounts.get_mut(human) {
            account.passkeys.retain(|key| key.id != id);
        }
        Ok(())
    }

    /// Opens a session for whoever holds the key.
    pub async fn sign_in_with_passkey(
        &self,
        answer: &Answer,
        purpose: &str,
        site: &Site,
        client: Client,
        from: Option<IpAddr>,
    ) -> Result<Opened, Fault> {
        let (alone, human) = self.prove_with_passkey(None, answer, purpose, site, from).await?;
        self.open(&alone, &human, How::Passkey, client, from).await
    }

    /// That the person who is signed in holds the key: asked before what matters.
    pub async fn confirm_with_passkey(
        &self,
        signed_in: &SignedIn,
        answer: &Answer,
        purpose: &str,
        site: &Site,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, Fault> {
        self.throttles.confirm(signed_in.human(), self.now())?;
        let (_alone, human) = self.prove_with_passkey(Some(signed_in.human()), answer, purpose, site, from).await?;
        self.still_signed_in(signed_in)?;
        self.throttles.confirmed(&human);
        Ok(SignedIn { how: How::Passkey, ..signed_in.clone() })
    }

    /// Who it is, and nobody changes accounts before something follows from that.
    async fn prove_with_passkey(
        &self,
        wanted: Option<&HumanId>,
        answer: &Answer,
        purpose: &str,
        site: &Site,
        from: Option<IpAddr>,
    ) -> Result<(Alone<'_>, HumanId), Fault> {
        let alone = self.alone().await;
        let found = {
            let known = self.known();
            let mut keys =
                known.accounts.iter().flat_map(|(human, account)| account.passkeys.iter().map(move |key| (human, key)));
            keys.find(|(_, key)| key.id == answer.id).map(|(human, key)| (human.clone(), key.clone()))
        };
        let found =
            found.filter(|(human, _)| wanted.is_none_or(|wanted| wanted == human) && self.active(human).is_some());
        let proved = found.as_ref().and_then(|(human, key)| {
            let count = self.challenges.proved(key, answer, purpose, site, self.now())?;
            Some((human.clone(), count))
        });
        let Some((human, count)) = proved else {
            drop(alone);
            let human = found.map(|(human, _)| human);
            self.sign_in_failed(How::Passkey, human, from).await?;
            return Err(Fault::new(Blame::Caller, "people.refused", "the passkey is not right here")
                .hint("load the page again, or sign in with the password"));
        };
        let kept = {
            let mut known = self.known();
            let account = known.accounts.get_mut(&human);
            account.map(|account| {
                account.passkeys.iter_mut().filter(|key| key.id == answer.id).for_each(|key| key.count = count);
                row(ACCOUNT, human.as_str(), account)
            })
        };
        // Where the count cannot be kept, the answer does not count either: a copy of the key would go unnoticed.
        self.parts.ledger.keep(kept.into_iter().collect()).await?;
        Ok((alone, human))
    }
}

const NAME_CHARS_MAX: usize = 64;
