//! What people and operators do: invite, accept, sign in, be recognised, sign out.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::limits::{
    CHALLENGE_LIFE, ERRANDS_AGAIN_MAX, INVITATION_LIFE, SEEN_KEPT_EVERY, SESSION_TOKEN_BYTES_MAX, SIGN_INS_WAITING_MAX,
};
use model::{Blame, Clock, Directory, Fault, Human, HumanId, Secret, UnixMicros};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::account::{Account, AccountRow, How, SignedIn};
use super::browser::Browsers;
use super::errand::Errands;
use super::hashing::{Hashing, Queued};
use super::invitation::{Invitation, InvitationRow, new_code, plain};
use super::known::{ACCOUNT, INVITATION, Known, SESSION, no_row, row};
use super::ledger::{Event, Ledger, Row};
use super::passkey::Challenges;
use super::password::{PasswordHash, check};
use super::provided::Provided;
use super::session::{Session, TokenHash, new_token};
use super::throttle::Throttles;

/// Accounts and sessions of people.
pub struct People {
    pub(super) parts: Parts,
    known: Mutex<Known>,
    changing: tokio::sync::Mutex<()>,
    pub(super) throttles: Throttles,
    pub(super) browsers: Browsers,
    /// Of whoever shows a name and a password and nothing else.
    pub(super) strangers: Hashing,
    /// Of whoever is signed in, or was invited.
    pub(super) expected: Hashing,
    pub(super) challenges: Challenges,
    pub(super) errands: Errands,
    /// Places for people of whom the provider is asked right now.
    pub(super) at_provider: Semaphore,
    /// As many of them as whoever comes back once more may take.
    pub(super) again_at_provider: Semaphore,
    /// What is written down while nobody waits for it.
    writing: Mutex<JoinSet<()>>,
    pub(super) provided: Mutex<Provided>,
}

/// What [`People`] need.
pub struct Parts {
    /// Who there is, and who may act.
    pub directory: Arc<dyn Directory>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where everything is put on record first.
    pub ledger: Arc<dyn Ledger>,
    /// Under which browsers are known again in which somebody has signed in. The same after a restart.
    pub browsers: Secret<[u8; 32]>,
}

/// Whoever has it changes accounts and sessions, and nobody else does meanwhile.
pub struct Alone<'a> {
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

/// With what somebody comes. A token that one kind of client was given is no good in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Client {
    /// A browser, with a cookie.
    Page,
    /// A command, with a file.
    Terminal,
}

/// Whose password it is, and the hash that it fitted.
struct Proved {
    human: HumanId,
    phc: String,
}

/// A session that was just opened.
pub struct Opened {
    /// What recognises it. Shown to nobody but the client.
    pub token: Secret<String>,
    /// Who is signed in.
    pub signed_in: SignedIn,
}

impl People {
    /// People as they were known when the gateway stopped.
    /// Error: the machine has no randomness.
    pub fn new(parts: Parts, known: Known) -> Result<Self, Fault> {
        let browsers = Browsers::new(&parts.browsers);
        Ok(Self {
            parts,
            known: Mutex::new(known),
            changing: tokio::sync::Mutex::default(),
            throttles: Throttles::default(),
            browsers,
            strangers: Hashing::new(),
            expected: Hashing::new(),
            challenges: Challenges::living(CHALLENGE_LIFE)?,
            errands: Errands::new()?,
            at_provider: Semaphore::new(SIGN_INS_WAITING_MAX),
            again_at_provider: Semaphore::new(ERRANDS_AGAIN_MAX),
            writing: Mutex::default(),
            provided: Mutex::default(),
        })
    }

    /// Waits until nobody changes accounts and sessions. What is looked at while it is held is so still when what follows from it is on
    /// record and true: whatever takes time (hashing, a person, the provider) comes before, and is looked at again.
    pub async fn alone(&self) -> Alone<'_> {
        Alone { _turn: self.changing.lock().await }
    }

    /// Lets a person of the directory choose a password; where there is an account, another one. `by` is who invites.
    pub async fn invite(&self, human: &HumanId, by: &str) -> Result<Invitation, Fault> {
        let _alone = self.alone().await;
        self.active(human).ok_or_else(|| self.nobody(human))?;
        let code = new_code()?;
        let expires = UnixMicros(self.now().0.saturating_add(micros(INVITATION_LIFE)));
        let kept = InvitationRow { hash: TokenHash::of(&plain(code.expose())).to_key(), expires, by: by.to_owned() };
        let resets = self.known().accounts.contains_key(human);
        let what = if resets { "accounts.reset" } else { "accounts.invite" };
        let detail = json!({ "expires_us": expires.0 });
        self.record(what, by, human, detail, vec![row(INVITATION, human.as_str(), &kept)]).await?;
        self.known().invitations.insert(human.clone(), kept);
        Ok(Invitation { human: human.clone(), code, expires, resets })
    }

    /// For whom this code is, while it is good. Shows the page on which a password is chosen; changes nothing.
    pub fn invited(&self, code: &str) -> Option<Arc<Human>> {
        let now = self.now();
        let known = self.known();
        let human = known.invitations.iter().find(|(_, invitation)| invitation.is_for(code, now))?.0.clone();
        drop(known);
        self.active(&human)
    }

    /// Takes the password that an invited person chose. It ends every session there was, and opens one.
    pub async fn accept(
        &self,
        code: &str,
        password: Secret<String>,
        client: Client,
        from: Option<IpAddr>,
    ) -> Result<Opened, Fault> {
        let human = self.invited(code).ok_or_else(bad_code)?;
        check(&password)?;
        let queued = self.expected.queue()?;
        let hash = self.expected.run(&queued, move || PasswordHash::of(&password)).await?;
        let alone = self.alone().await;
        let now = self.now();
        // Taken before anything is written: of two that come at once, one finds nothing.
        let taken = {
            let mut known = self.known();
            let good = known.invitations.get(&human.id).is_some_and(|invitation| invitation.is_for(code, now));
            good.then(|| known.invitations.remove(&human.id)).flatten().ok_or_else(bad_code)?
        };
        let account =
            AccountRow { password: hash.to_phc(), since: now, invited_by: taken.by.clone(), passkeys: Vec::new() };
        let ended = self.known().sessions_of(&human.id);
        let mut state = vec![row(ACCOUNT, human.id.as_str(), &account), no_row(INVITATION, human.id.as_str())];
        state.extend(ended.iter().map(|hash| no_row(SESSION, hash.to_key())));
        let detail = json!({ "invited_by": taken.by, "from": address(from), "sessions_ended": ended.len() });
        let by = format!("human:{}", human.id);
        if let Err(fault) = self.record("accounts.password_chosen", &by, &human.id, detail, state).await {
            self.known().invitations.entry(human.id.clone()).or_insert(taken);
            return Err(fault);
        }
        {
            let mut known = self.known();
            known.accounts.insert(human.id.clone(), account);
            known.sessions.retain(|_, session| session.human != human.id);
        }
        self.take_code_back(&human.id);
        self.throttles.signed_in(&human.id, None);
        self.open(&alone, &human.id, How::Password, client, from).await
    }

    /// Opens a session for whoever knows the password. Error: the same whether there is such a person or not.
    ///
    /// Attempts count for the name that was typed and not for the address they come from: beyond this machine that is the proxy's,
    /// whoever asks (the listener speaks no TLS), and one stranger would keep everybody out.
    pub async fn sign_in(
        &self,
        name: &str,
        password: Secret<String>,
        client: Client,
        from: Option<IpAddr>,
    ) -> Result<Opened, Fault> {
        self.sign_in_as((name, None), password, client, from).await
    }

    /// As [`People::sign_in`], in a browser that shows this [mark](People::mark): where it is that person's, nobody else's attempts
    /// count.
    pub async fn sign_in_again(
        &self,
        name: &str,
        mark: &str,
        password: Secret<String>,
        from: Option<IpAddr>,
    ) -> Result<Opened, Fault> {
        self.sign_in_as((name, Some(mark)), password, Client::Page, from).await
    }

    /// What a browser keeps in which this person has just signed in; none of somebody who has no password that others could guess. It
    /// lets nobody in.
    pub fn mark(&self, signed_in: &SignedIn) -> Option<Secret<String>> {
        self.browsers.mark(&signed_in.human, self.password_since(&signed_in.human)?, signed_in.how).ok()
    }

    fn password_since(&self, human: &HumanId) -> Option<UnixMicros> {
        Some(self.known().accounts.get(human)?.since)
    }

    async fn sign_in_as(
        &self,
        (name, mark): (&str, Option<&str>),
        password: Secret<String>,
        client: Client,
        from: Option<IpAddr>,
    ) -> Result<Opened, Fault> {
        // INVARIANT: whoever is told to try again has not tried (test `whoever_finds_no_place_has_not_tried`).
        let queued = self.strangers.queue()?;
        let human = HumanId::parse(name).ok().and_then(|id| self.active(&id)).map(|human| human.id.clone());
        let marked = human.as_ref().zip(mark);
        let browser = marked.and_then(|(human, mark)| self.browsers.of(human, self.password_since(human)?, mark));
        match browser {
            Some(browser) => self.throttles.sign_in_again(browser, self.now())?,
            None => self.throttles.sign_in(human.as_ref(), name, self.now())?,
        }
        let Some(proved) = self.prove(&self.strangers, &queued, human.clone(), password).await? else {
            return Err(self.refused_at_once(human, from, queued));
        };
        let alone = self.alone().await;
        if !self.is_so_still(&proved) {
            drop(alone);
            return Err(self.refused_at_once(human, from, queued));
        }
        drop(queued);
        self.throttles.signed_in(&proved.human, browser);
        self.open(&alone, &proved.human, How::Password, client, from).await
    }

    /// That the person who is signed in knows the password: asked again before what matters. Counted by itself, so that nobody who
    /// guesses in a person's name keeps that person from deciding.
    pub async fn confirm(
        &self,
        signed_in: &SignedIn,
        password: Secret<String>,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, Fault> {
        let queued = self.expected.queue()?;
        let human = self.active(&signed_in.human).map(|human| human.id.clone());
        self.throttles.confirm(&signed_in.human, self.now())?;
        let Some(proved) = self.prove(&self.expected, &queued, human.clone(), password).await? else {
            return Err(self.refused(human, from).await);
        };
        drop(queued);
        let alone = self.alone().await;
        if !self.is_so_still(&proved) {
            drop(alone);
            return Err(self.refused(human, from).await);
        }
        self.still_signed_in(signed_in)?;
        self.throttles.confirmed(&proved.human);
        Ok(SignedIn { how: How::Password, ..signed_in.clone() })
    }

    /// Who is signed in with this token; none where nobody is, any more or ever. It counts as use.
    pub async fn recognise(&self, token: &str, client: Client) -> Option<SignedIn> {
        let (hash, session) = self.find(token, client)?;
        let now = self.now();
        let keeps = {
            let mut known = self.known();
            let open = known.sessions.get_mut(&hash)?;
            let before = open.seen;
            open.seen = now;
            now.since(before) >= micros(SEEN_KEPT_EVERY)
        };
        if keeps {
            let _alone = self.alone().await;
            // Gone meanwhile, it must not come back with a restart.
            let kept = row(SESSION, hash.to_key(), self.known().sessions.get(&hash)?);
            // Where it cannot be kept, a restart ends the session a little earlier.
            let _later = self.parts.ledger.keep(vec![kept]).await;
        }
        Some(session.signed_in(hash))
    }

    /// As [`People::recognise`], for what a page does by itself: it keeps nobody signed in.
    pub fn is_open(&self, token: &str, client: Client) -> bool {
        self.find(token, client).is_some()
    }

    /// Ends the session of this token.
    pub async fn sign_out(&self, token: &str, client: Client) -> Result<(), Fault> {
        let _alone = self.alone().await;
        let Some((hash, session)) = self.find(token, client) else { return Ok(()) };
        let by = format!("human:{}", session.human);
        let state = vec![no_row(SESSION, hash.to_key())];
        let detail = json!({ "session": &*hash.name() });
        self.record("people.signed_out", &by, &session.human, detail, state).await?;
        self.known().sessions.remove(&hash);
        Ok(())
    }

    /// Accounts, by person.
    pub fn accounts(&self) -> Vec<Account> {
        let known = self.known();
        let now = self.now();
        let open = |human: &HumanId| {
            known.sessions.values().filter(|session| session.human == *human && !session.is_over(now)).count()
        };
        let mut accounts: Vec<Account> = known
            .accounts
            .iter()
            .map(|(human, row)| Account {
                human: human.clone(),
                since: row.since,
                invited_by: row.invited_by.clone(),
                sessions: open(human),
                passkeys: row.passkeys.iter().map(|key| (key.name.clone(), key.id.clone(), key.since)).collect(),
            })
            .collect();
        accounts.sort_by(|one, other| one.human.cmp(&other.human));
        accounts
    }

    /// Ends an account with all its sessions. `by` is who does.
    pub async fn close(&self, human: &HumanId, by: &str) -> Result<(), Fault> {
        let _alone = self.alone().await;
        let rows = self.rows_of(human, true);
        if rows.is_empty() {
            let said = format!("`{human}` has no account");
            return Err(Fault::new(Blame::Caller, "people.no_account", said)
                .hint("`countersign accounts` lists those there are"));
        }
        self.record("accounts.close", by, human, serde_json::Value::Null, rows).await?;
        self.forget(human, true);
        Ok(())
    }

    /// What is kept of a person's sessions, as rows that delete it; with the account itself, where that is to go, too. To be
    /// written with the record of why, and followed by [`People::forget`], all of it [`alone`](People::alone).
    pub fn rows_of(&self, human: &HumanId, account_too: bool) -> Vec<Row> {
        let known = self.known();
        let mut rows: Vec<Row> = known.sessions_of(human).iter().map(|hash| no_row(SESSION, hash.to_key())).collect();
        if account_too && known.accounts.contains_key(human) {
            rows.push(no_row(ACCOUNT, human.as_str()));
        }
        if known.invitations.contains_key(human) {
            rows.push(no_row(INVITATION, human.as_str()));
        }
        rows
    }

    /// Forgets a person's sessions, and the account.
    pub fn forget(&self, human: &HumanId, account_too: bool) {
        let mut known = self.known();
        known.sessions.retain(|_, session| session.human != *human);
        known.invitations.remove(human);
        if account_too {
            known.accounts.remove(human);
        }
        drop(known);
        self.take_code_back(human);
    }

    /// Who it is, if the password is that person's, and with which hash it fitted.
    async fn prove(
        &self,
        hashing: &Hashing,
        queued: &Queued,
        human: Option<HumanId>,
        password: Secret<String>,
    ) -> Result<Option<Proved>, Fault> {
        let kept = human.as_ref().and_then(|human| Some(self.known().accounts.get(human)?.password.clone()));
        let hash = kept.as_deref().and_then(PasswordHash::from_phc).unwrap_or(PasswordHash::of_nobody());
        let long = password.expose().len() > model::limits::PASSWORD_BYTES_MAX;
        let fits = !long && hashing.run(queued, move || hash.fits(&password)).await?;
        Ok(human.zip(kept).filter(|_| fits).map(|(human, phc)| Proved { human, phc }))
    }

    /// Whether the password that was proved is that person's still: hashing takes a while, and another may have been chosen.
    fn is_so_still(&self, proved: &Proved) -> bool {
        self.known().accounts.get(&proved.human).is_some_and(|account| account.password == proved.phc)
    }

    /// Error: the session has ended meanwhile.
    pub(super) fn still_signed_in(&self, signed_in: &SignedIn) -> Result<(), Fault> {
        let now = self.now();
        let open = self.known().sessions.get(&signed_in.key).is_some_and(|session| !session.is_over(now));
        if open && self.active(&signed_in.human).is_some() {
            return Ok(());
        }
        Err(Fault::new(Blame::Caller, "people.signed_out", "this session has ended").hint("sign in again"))
    }

    /// What whoever is signed in and has not proved it is told, once that is on record. No name was asked for.
    async fn refused(&self, human: Option<HumanId>, from: Option<IpAddr>) -> Fault {
        let not_right = || Fault::new(Blame::Caller, "people.refused", "the password is not right").hint(NO_PASSWORD);
        self.sign_in_failed(How::Password, human, from).await.err().unwrap_or_else(not_right)
    }

    /// What whoever has not proved it is told at once: what is written of names that somebody has is more than of others, and neither
    /// how long that takes nor whether it can be done may tell which those are. Nothing is let through by a refusal.
    ///
    /// INVARIANT: the place in the queue is kept until it is written, so that only so much waits for the disk (test
    /// `no_answer_tells_whether_a_failure_is_written_down`).
    fn refused_at_once(&self, human: Option<HumanId>, from: Option<IpAddr>, queued: Queued) -> Fault {
        if let Some(event) = self.failure(How::Password, human, from) {
            let ledger = Arc::clone(&self.parts.ledger);
            let mut writing = self.writing();
            while writing.try_join_next().is_some() {}
            writing.spawn(async move {
                let _queued = queued;
                if let Err(fault) = ledger.record(event).await {
                    tracing::error!(?fault, "a failed attempt to sign in could not be recorded");
                }
            });
        }
        not_right()
    }

    /// Waits until what nobody waits for is written.
    pub async fn settle(&self) {
        let writing = std::mem::take(&mut *self.writing());
        writing.join_all().await;
    }

    fn writing(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session for somebody who has just proved who they are, which is so still.
    pub(super) async fn open(
        &self,
        _: &Alone<'_>,
        human: &HumanId,
        how: How,
        client: Client,
        from: Option<IpAddr>,
    ) -> Result<Opened, Fault> {
        if self.active(human).is_none() {
            return Err(Fault::new(Blame::Caller, "people.refused", format!("`{human}` has left")));
        }
        let token = new_token()?;
        let hash = TokenHash::of(token.expose());
        let now = self.now();
        let session = Session { human: human.clone(), how, client, since: now, seen: now };
        let ends = self.known().to_end_for(human, now);
        let mut state = vec![row(SESSION, hash.to_key(), &session)];
        state.extend(ends.iter().map(|ended| no_row(SESSION, ended.to_key())));
        let detail = json!({ "how": how, "client": client, "from": address(from), "session": &*hash.name() });
        self.record("people.signed_in", &format!("human:{human}"), human, detail, state).await?;
        let signed_in = session.signed_in(hash);
        let mut known = self.known();
        known.sessions.retain(|hash, _| !ends.contains(hash));
        known.sessions.insert(hash, session);
        Ok(Opened { token, signed_in })
    }

    /// The session of a token, while it is open and its person is there.
    fn find(&self, token: &str, client: Client) -> Option<(TokenHash, Session)> {
        if token.len() > SESSION_TOKEN_BYTES_MAX {
            return None;
        }
        let hash = TokenHash::of(token);
        let session = self.known().sessions.get(&hash)?.clone();
        // INVARIANT: the directory is asked each time (test `whoever_leaves_is_signed_out`).
        self.active(&session.human)?;
        (session.client == client && !session.is_over(self.now())).then_some((hash, session))
    }

    /// Puts a failure on record.
    pub(super) async fn sign_in_failed(
        &self,
        how: How,
        human: Option<HumanId>,
        from: Option<IpAddr>,
    ) -> Result<(), Fault> {
        match self.failure(how, human, from) {
            Some(event) => self.parts.ledger.record(event).await,
            None => Ok(()),
        }
    }

    /// What is written down of a failure: each with a password in a person's name, of which there are only so many. What strangers can
    /// send as often as they like is written down ever more seldom, so that nobody fills the trace. A name that nobody has may be a
    /// password in the wrong field: it is not kept.
    fn failure(&self, how: How, human: Option<HumanId>, from: Option<IpAddr>) -> Option<Event> {
        let subject = human.as_ref().map_or_else(|| "unknown".to_owned(), |human| format!("human:{human}"));
        let bounded = how == How::Password && human.is_some();
        let of = human.as_ref().map_or_else(|| address(from), |_| subject.clone());
        if !bounded && !self.throttles.is_noted(&of, self.now()) {
            return None;
        }
        let detail = json!({ "how": how, "from": address(from) });
        let (what, by, state) = ("people.sign_in_failed", subject.clone(), Vec::new());
        Some(Event { what, by, subject, human, detail, state })
    }

    pub(super) async fn record(
        &self,
        what: &'static str,
        by: &str,
        human: &HumanId,
        detail: serde_json::Value,
        state: Vec<Row>,
    ) -> Result<(), Fault> {
        let (by, subject) = (by.to_owned(), format!("human:{human}"));
        let event = Event { what, by, subject, human: Some(human.clone()), detail, state };
        self.parts.ledger.record(event).await
    }

    pub(super) fn active(&self, human: &HumanId) -> Option<Arc<Human>> {
        let directory = self.parts.directory.snapshot();
        directory.humans.get(human).filter(|human| human.active).cloned()
    }

    fn nobody(&self, human: &HumanId) -> Fault {
        let directory = self.parts.directory.snapshot();
        let (said, hint) = match directory.humans.get(human) {
            Some(_) => (format!("`{human}` has left"), format!("`countersign people restore {human}` takes that back")),
            None => (
                format!("`{human}` is not a person of the configuration"),
                "`countersign people` lists those there are".to_owned(),
            ),
        };
        Fault::new(Blame::Caller, "people.unknown", said).hint(hint)
    }

    pub(super) fn now(&self) -> UnixMicros {
        self.parts.clock.now()
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_right() -> Fault {
    Fault::new(Blame::Caller, "people.refused", "the name or the password is not right").hint(NO_PASSWORD)
}

fn bad_code() -> Fault {
    Fault::new(Blame::Caller, "people.code", "this code is not good, or not any more")
        .hint("each is good once and for an hour: ask the operator for another")
}

/// Where somebody comes from, for records. A proxy's address stands for whoever comes through it.
pub(super) fn address(from: Option<IpAddr>) -> String {
    match from {
        // Whoever has one address of such a network has all of them.
        Some(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            let [one, two, three, four, ..] = address.segments();
            format!("{one:x}:{two:x}:{three:x}:{four:x}::/64")
        }
        Some(address) => address.to_canonical().to_string(),
        None => "this machine".to_owned(),
    }
}

pub(super) fn micros(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

const NO_PASSWORD: &str = "who has no password, or forgot it, asks the operator for `countersign accounts invite`";
