//! People of whom the organisation's identity provider says who they are: they sign in, and prove anew that it is they.
//!
//! The provider names somebody; who of the directory that is, and whether they are there, is asked of the directory each time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, MutexGuard, PoisonError};

use model::limits::{CHALLENGE_LIFE, LENT_CODE_LIFE};
use model::{Blame, Fault, HumanId, Secret, UnixMicros};

use super::account::{How, SignedIn};
use super::attempt::{Client, Opened, People, micros};
use super::errand::{Errand, InSession, Try};
use super::hashing::busy;
use super::invitation::{new_code, plain};
use super::session::{TokenHash, is_ahead};
use crate::provider::{Asked, Back, Provider};

/// With what a browser is sent to the provider.
pub struct SentAway {
    /// What it shows when it comes back; for nobody else.
    pub cookie: Secret<String>,
    /// Where it is sent.
    pub url: String,
}

/// Somebody has come back from the provider.
pub struct CameBack {
    /// The session of whoever signed in; none where it was for a session that is open.
    pub opened: Option<Opened>,
    /// Where they go on, on our pages.
    pub next: String,
}

/// What was proved at the provider and not used yet, and codes for the command line. Nothing of it outlives the gateway.
#[derive(Default)]
pub(super) struct Provided {
    /// By the name of the session.
    sessions: HashMap<Arc<str>, Confirmed>,
    /// One of each person.
    lent: HashMap<HumanId, Lent>,
}

/// That a person proved anew who they are, for one place.
struct Confirmed {
    human: HumanId,
    place: String,
    at: UnixMicros,
}

/// A code that signs a person in at a terminal, once.
struct Lent {
    hash: TokenHash,
    how: How,
    at: UnixMicros,
}

impl People {
    /// Sends somebody to the provider: to sign in, or where `who` is signed in, to prove it anew for the place `next`. Nothing is kept.
    /// Error: it cannot be reached (blame `Upstream`), or too many others wait for it.
    pub async fn send_away(&self, provider: &Provider, who: Option<&SignedIn>, next: &str) -> Result<SentAway, Fault> {
        let _place = self.at_provider.try_acquire().map_err(|_| busy())?;
        let proves = who.map(|who| InSession { human: who.human.clone(), session: who.session.to_string() });
        let errand = Errand { next: next.to_owned(), proves };
        let (cookie, asked) = self.errands.begin(&errand, self.now())?;
        let url = provider.address_for(&asked, errand.proves.is_some()).await?;
        Ok(SentAway { cookie, url })
    }

    /// Takes whoever comes back from the provider. On record where it is nobody we know; whoever does not come with an errand of
    /// this gateway leaves no mark at all, for any page can make any browser ask for this address.
    pub async fn come_back(
        &self,
        provider: &Provider,
        cookie: Option<&str>,
        back: &Back,
        from: Option<IpAddr>,
    ) -> Result<CameBack, Fault> {
        // INVARIANT: before anything is counted, asked or written (test `whoever_comes_without_an_errand_leaves_no_mark`).
        let now = self.now();
        let sent = cookie.and_then(|cookie| Some((cookie, self.errands.of(cookie, &back.state, now)?)));
        let (cookie, sent) = sent.ok_or_else(not_from_here)?;
        let _place = self.at_provider.try_acquire().map_err(|_| busy())?;
        // INVARIANT: whoever is told to try again has not tried (test `an_errand_comes_back_so_often_and_no_more`).
        let _again = match self.errands.try_once_more(cookie, || self.again_at_provider.try_acquire().ok()) {
            Try::First => None,
            Try::Again(place) => Some(place),
            Try::Busy => return Err(busy()),
            Try::TooMany => return Err(not_from_here()),
        };
        let came = async {
            let came = self.came_back(provider, sent, back).await?;
            self.errands.end(cookie, now).map(|()| came).ok_or_else(|| (not_from_here(), None))
        };
        let (human, errand) = match came.await {
            Ok(came) => came,
            // Nobody failed to prove anything where the provider did not answer.
            Err((fault, _)) if fault.blame() != Blame::Caller => return Err(fault),
            Err((fault, human)) => {
                self.sign_in_failed(How::Oidc, human, from).await?;
                return Err(fault);
            }
        };
        let Some(proves) = errand.proves else {
            let opened = self.open(&self.alone().await, &human, How::Oidc, Client::Page, from).await?;
            return Ok(CameBack { opened: Some(opened), next: errand.next });
        };
        let now = self.now();
        let mut provided = self.provided();
        provided.sessions.retain(|_, confirmed| !is_over(confirmed.at, CHALLENGE_LIFE, now));
        let confirmed = Confirmed { human, place: errand.next.clone(), at: now };
        provided.sessions.insert(Arc::from(proves.session), confirmed);
        Ok(CameBack { opened: None, next: errand.next })
    }

    /// Who came back, and why they were away. Error: with the person, where it is one of the directory.
    async fn came_back(
        &self,
        provider: &Provider,
        (errand, asked, at): (Errand, Asked, UnixMicros),
        back: &Back,
    ) -> Result<(HumanId, Errand), (Fault, Option<HumanId>)> {
        let name = provider.who(back, &asked, errand.sent(at)).await.map_err(|fault| (fault, None))?;
        let directory = self.parts.directory.snapshot();
        let Some(human) = directory.known_elsewhere.get(name.as_str()) else {
            let said = format!("{} knows you as `{name}`, and nobody here is known by that", provider.name());
            let hint = format!("the operator says who that is: `people: {{ID: {{oidc: \"{name}\"}}}}`");
            return Err((Fault::new(Blame::Caller, "people.refused", said).hint(hint), None));
        };
        if self.active(human).is_none() {
            let fault = Fault::new(Blame::Caller, "people.refused", format!("`{human}` has left"))
                .hint(format!("where that is wrong, the operator takes it back: `countersign people restore {human}`"));
            return Err((fault, Some(human.clone())));
        }
        if errand.proves.as_ref().is_some_and(|proves| proves.human != *human) {
            let said = format!("{} says that you are `{human}`, and somebody else is signed in here", provider.name());
            let hint = "sign out here or there, and begin again";
            return Err((Fault::new(Blame::Caller, "people.refused", said).hint(hint), Some(human.clone())));
        }
        Ok((human.clone(), errand))
    }

    /// Whether the person who is signed in proved it anew for this place, and has not used that.
    pub fn is_confirmed(&self, signed_in: &SignedIn, place: &str) -> bool {
        let now = self.now();
        self.provided()
            .sessions
            .get(&signed_in.session)
            .is_some_and(|confirmed| confirmed.is_for(signed_in, place, now))
    }

    /// That the person who is signed in proved it anew, for this place, at the provider. It counts once.
    pub fn confirm_with_provider(&self, signed_in: &SignedIn, place: &str) -> Result<SignedIn, Fault> {
        self.still_signed_in(signed_in)?;
        let now = self.now();
        let taken = self.provided().sessions.remove(&signed_in.session);
        if taken.is_some_and(|confirmed| confirmed.is_for(signed_in, place, now)) {
            return Ok(SignedIn { how: How::Oidc, ..signed_in.clone() });
        }
        Err(Fault::new(
            Blame::Caller,
            "people.refused",
            "you did not prove just now that it is you, or it was used already",
        )
        .hint("confirm it once more"))
    }

    /// A code with which the person who is signed in signs in at a terminal: good once, and for some minutes. It takes the place of the
    /// one before.
    pub fn lend_code(&self, signed_in: &SignedIn) -> Result<Secret<String>, Fault> {
        let code = new_code()?;
        let lent = Lent { hash: TokenHash::of(&plain(code.expose())), how: signed_in.how, at: self.now() };
        let mut provided = self.provided();
        // Looked at before codes can be taken back: one that is lent later is lent to nobody.
        self.still_signed_in(signed_in)?;
        provided.lent.insert(signed_in.human.clone(), lent);
        Ok(code)
    }

    /// Opens a session at a terminal for whoever has the code that a page lent them.
    pub async fn sign_in_with_code(&self, code: &str, from: Option<IpAddr>) -> Result<Opened, Fault> {
        let alone = self.alone().await;
        let (now, given) = (self.now(), TokenHash::of(&plain(code)));
        let taken = {
            let mut provided = self.provided();
            provided.lent.retain(|_, lent| !is_over(lent.at, LENT_CODE_LIFE, now));
            let whose = provided.lent.iter().find(|(_, lent)| lent.hash.is(given)).map(|(human, _)| human.clone());
            whose.and_then(|human| provided.lent.remove_entry(&human))
        };
        let Some((human, lent)) = taken.filter(|(human, _)| self.active(human).is_some()) else {
            drop(alone);
            self.sign_in_failed(How::Oidc, None, from).await?;
            return Err(Fault::new(Blame::Caller, "people.code", "this code is not good, or not any more")
                .hint("the account page makes another one: each is good once, and for five minutes"));
        };
        self.open(&alone, &human, lent.how, Client::Terminal, from).await
    }

    /// A code that was lent to this person is good no more.
    pub(super) fn take_code_back(&self, human: &HumanId) {
        self.provided().lent.remove(human);
    }

    fn provided(&self) -> MutexGuard<'_, Provided> {
        self.provided.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Confirmed ===

impl Confirmed {
    fn is_for(&self, signed_in: &SignedIn, place: &str, now: UnixMicros) -> bool {
        self.human == signed_in.human && self.place == place && !is_over(self.at, CHALLENGE_LIFE, now)
    }
}

fn not_from_here() -> Fault {
    let said = "this sign-in did not begin in this browser, was used already, or took too long";
    Fault::new(Blame::Caller, "people.refused", said).hint("begin again on the page where you sign in")
}

fn is_over(at: UnixMicros, life: std::time::Duration, now: UnixMicros) -> bool {
    now.since(at) >= micros(life) || is_ahead(at, now)
}

#[cfg(test)]
mod tests;
