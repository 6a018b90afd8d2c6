use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use model::limits::{INVITATION_LIFE, SEEN_KEPT_EVERY, SESSION_LIFE_MAX, SESSIONS_PER_PERSON_MAX, SIGNED_IN_IDLE_MAX};
use model::{Blame, Clock, DirectorySnapshot, Fault, Human, HumanId, Secret, UnixMicros};

use super::passkey::tests::{Said, p256, sign, site};
use super::*;
use crate::{LiveDirectory, Standing, StandingChange};

const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "another horse battery";

/// People of a small house, with a clock that is turned by hand and a ledger that keeps what it is told.
pub(super) struct House {
    pub(super) people: People,
    pub(super) directory: Arc<LiveDirectory>,
    pub(super) clock: Arc<Turned>,
    pub(super) book: Arc<Book>,
}

pub(super) struct Turned(AtomicI64);

#[derive(Default)]
pub(super) struct Book {
    pub(super) events: Mutex<Vec<Event>>,
    rows: Mutex<std::collections::BTreeMap<(&'static str, String), String>>,
    pub(super) fails: AtomicBool,
    /// Whoever holds it lets nobody write.
    gate: tokio::sync::Mutex<()>,
    /// How many wait to write.
    waiting: AtomicUsize,
}

impl Clock for Turned {
    fn now(&self) -> UnixMicros {
        UnixMicros(self.0.load(Ordering::Relaxed))
    }
}

impl Turned {
    pub(super) fn on(&self, span: std::time::Duration) {
        self.0.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::Relaxed);
    }

    pub(super) fn back(&self, span: std::time::Duration) {
        self.0.fetch_sub(i64::try_from(span.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

impl Book {
    async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let turn = self.gate.lock().await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        turn
    }

    fn write(&self, rows: Vec<Row>) -> Result<(), Fault> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(Fault::new(Blame::Operator, "trace.not_recorded", "the disk is full"));
        }
        let mut kept = self.rows.lock().unwrap();
        for row in rows {
            match row.value {
                Some(value) => drop(kept.insert((row.kind, row.key), value)),
                None => drop(kept.remove(&(row.kind, row.key))),
            }
        }
        Ok(())
    }
}

impl Ledger for Book {
    fn record(&self, event: Event) -> LedgerFuture<'_> {
        Box::pin(async {
            let _turn = self.turn().await;
            self.write(event.state.clone())?;
            self.events.lock().unwrap().push(event);
            Ok(())
        })
    }

    fn keep(&self, rows: Vec<Row>) -> LedgerFuture<'_> {
        Box::pin(async {
            let _turn = self.turn().await;
            self.write(rows)
        })
    }
}

impl House {
    pub(super) fn new() -> Self {
        let mut configured = DirectorySnapshot::default();
        for name in ["ana", "sam"] {
            let id = human(name);
            let person = Human {
                id: id.clone(),
                name: name.to_owned(),
                department: None,
                seniority: None,
                role: None,
                manager: None,
                active: true,
            };
            configured.known_elsewhere.insert(Arc::from(format!("u-{name}")), id.clone());
            configured.humans.insert(id, Arc::new(person));
        }
        let directory = Arc::new(LiveDirectory::new(configured, Standing::default()));
        let clock = Arc::new(Turned(AtomicI64::new(1_800_000_000_000_000)));
        let book = Arc::new(Book::default());
        let people = People::new(parts(&directory, &clock, &book), Known::default()).unwrap();
        Self { people, directory, clock, book }
    }

    /// The same house after a restart.
    pub(super) fn restarted(self) -> Self {
        let mut known = Known::default();
        for ((kind, key), value) in self.book.rows.lock().unwrap().iter() {
            known.take(kind, key, value);
        }
        let people = People::new(parts(&self.directory, &self.clock, &self.book), known).unwrap();
        Self { people, ..self }
    }

    pub(super) async fn with_account(self, name: &str) -> Self {
        let invitation = self.people.invite(&human(name), "os-user:root").await.unwrap();
        self.people.accept(invitation.code.expose(), secret(PASSWORD), Client::Page, from(9)).await.unwrap();
        self
    }

    pub(super) async fn sign_in(&self, name: &str) -> Opened {
        self.people.sign_in(name, secret(PASSWORD), Client::Page, from(1)).await.unwrap()
    }

    async fn is_in(&self, opened: &Opened) -> bool {
        self.people.recognise(opened.token.expose(), Client::Page).await.is_some()
    }

    /// Chooses another password while something is under way, and says when it waits to be written: then `meanwhile` has a few moments,
    /// and the ledger writes again.
    async fn chosen_beside<T>(&self, code: &str, meanwhile: impl std::future::Future<Output = T>) -> (Opened, T) {
        let gate = self.book.gate.lock().await;
        let chosen = self.people.accept(code, secret(OTHER), Client::Page, from(1));
        let meanwhile = async {
            while self.book.waiting.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
            meanwhile.await
        };
        let opens = async {
            for _moment in 0..20 {
                while self.book.waiting.load(Ordering::Relaxed) == 0 {
                    tokio::task::yield_now().await;
                }
                tokio::task::yield_now().await;
            }
            drop(gate);
        };
        let (chosen, done, ()) = tokio::join!(chosen, meanwhile, opens);
        (chosen.unwrap(), done)
    }

    pub(super) fn told(&self) -> Vec<&'static str> {
        self.book.events.lock().unwrap().iter().map(|event| event.what).collect()
    }
}

fn parts(directory: &Arc<LiveDirectory>, clock: &Arc<Turned>, book: &Arc<Book>) -> Parts {
    Parts { directory: directory.clone(), clock: clock.clone(), ledger: book.clone(), browsers: Secret::new([7; 32]) }
}

pub(super) fn human(name: &str) -> HumanId {
    HumanId::parse(name).unwrap()
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "as it is passed")]
pub(super) fn from(last: u8) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
}

fn code_of(refused: Result<Opened, Fault>) -> &'static str {
    refused.err().expect("it is refused").code()
}

#[tokio::test]
async fn an_invited_person_chooses_a_password_and_signs_in_with_it() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    assert_eq!(opened.signed_in.human(), &human("ana"));
    assert_eq!(opened.signed_in.how(), How::Password);
    let known = house.people.recognise(opened.token.expose(), Client::Page).await.unwrap();
    assert_eq!((known.human(), known.session()), (&human("ana"), opened.signed_in.session()));
    assert_eq!(house.told(), ["accounts.invite", "accounts.password_chosen", "people.signed_in", "people.signed_in"]);
}

#[tokio::test]
async fn a_code_is_good_once_for_an_hour_and_for_one_person() {
    let house = House::new();
    let invitation = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
    let code = invitation.code.expose();
    assert!(!invitation.resets);
    assert_eq!(house.people.invited(&code.to_uppercase()).unwrap().id, human("ana"));
    assert!(house.people.invited("abcde").is_none());
    let accept = |password: &str| house.people.accept(code, secret(password), Client::Page, from(1));
    assert_eq!(code_of(accept("short").await), "people.password");
    accept(PASSWORD).await.unwrap();
    assert_eq!(code_of(accept(PASSWORD).await), "people.code");
    let late = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
    assert!(late.resets);
    house.clock.on(INVITATION_LIFE);
    let accepted = house.people.accept(late.code.expose(), secret(PASSWORD), Client::Page, from(1)).await;
    assert_eq!(code_of(accepted), "people.code");
}

#[tokio::test]
async fn a_new_invitation_takes_the_place_of_the_one_before() {
    let house = House::new();
    let first = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
    let second = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
    assert!(house.people.invited(first.code.expose()).is_none());
    assert!(house.people.invited(second.code.expose()).is_some());
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_refused_alike() {
    let house = House::new().with_account("ana").await;
    let mut said = Vec::new();
    for (name, password) in [("ana", "correct horse batterz"), ("sam", PASSWORD), ("nobody", PASSWORD), ("?", PASSWORD)]
    {
        let refused = house.people.sign_in(name, secret(password), Client::Page, from(1)).await.err().unwrap();
        said.push((refused.code(), refused.to_string()));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    house.people.settle().await;
    let events = house.book.events.lock().unwrap();
    let failed: Vec<&str> = events
        .iter()
        .filter(|event| event.what == "people.sign_in_failed")
        .map(|event| event.subject.as_str())
        .collect();
    assert_eq!(failed, ["human:ana", "human:sam", "unknown", "unknown"], "a name that nobody has is not kept");
}

#[tokio::test]
async fn guessing_in_somebodys_name_has_to_wait() {
    let house = House::new().with_account("ana").await;
    let guess = |from| house.people.sign_in("ana", secret("correct horse batterz"), Client::Page, from);
    for last in 1..=6 {
        assert_eq!(code_of(guess(from(last)).await), "people.refused");
    }
    assert_eq!(code_of(guess(from(7)).await), "people.too_many");
    let right = house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(8)).await;
    assert_eq!(code_of(right), "people.too_many", "whoever has the password waits, too");
    house.clock.on(std::time::Duration::from_secs(5));
    house.sign_in("ana").await;
    assert_eq!(code_of(guess(from(9)).await), "people.refused", "and begins anew");
}

#[tokio::test]
async fn whoever_guesses_in_a_persons_name_keeps_no_browser_of_that_person_out() {
    let house = House::new().with_account("ana").await.with_account("sam").await;
    let mark = house.people.mark(&house.sign_in("ana").await.signed_in).unwrap();
    let house = house.restarted();
    let again = async |name: &str, mark: &str, password: &str| {
        let opened = house.people.sign_in_again(name, mark, secret(password), from(2)).await;
        opened.map(drop).map_err(|fault| fault.code())
    };
    for _guess in 0..6 {
        let guess = house.people.sign_in("ana", secret("correct horse batterz"), Client::Page, from(1)).await;
        assert_eq!(code_of(guess), "people.refused");
    }
    // Nobody else's mark, and no made-up one, is hers; nor is hers another's.
    let sams = house.people.mark(&house.sign_in("sam").await.signed_in).unwrap();
    for other in [sams.expose().as_str(), "", "x"] {
        assert_eq!(again("ana", other, PASSWORD).await, Err("people.too_many"), "{other}");
    }
    assert_eq!(again("ana", mark.expose(), "correct horse batterz").await, Err("people.refused"));
    assert_eq!(again("ana", mark.expose(), PASSWORD).await, Ok(()));
    // It opens nothing, and whoever has it guesses no faster than others.
    let mut codes = Vec::new();
    for _guess in 0..8 {
        codes.push(again("ana", mark.expose(), "correct horse batterz").await.unwrap_err());
    }
    assert_eq!(codes.iter().filter(|code| **code == "people.too_many").count(), 2, "{codes:?}");
}

#[tokio::test]
async fn whoever_has_one_mark_keeps_no_other_browser_out_and_another_password_ends_it() {
    let house = House::new().with_account("ana").await;
    let mark = async || house.people.mark(&house.sign_in("ana").await.signed_in).unwrap();
    let (stolen, own) = (mark().await, mark().await);
    let again = async |mark: &Secret<String>, password: &str| {
        let opened = house.people.sign_in_again("ana", mark.expose(), secret(password), from(2)).await;
        opened.map(drop).map_err(|fault| fault.code())
    };
    for _guess in 0..6 {
        assert_eq!(again(&stolen, "correct horse batterz").await, Err("people.refused"));
    }
    assert_eq!(again(&stolen, PASSWORD).await, Err("people.too_many"));
    assert_eq!(again(&own, PASSWORD).await, Ok(()));
    // A word of hers does not let whoever guesses begin anew.
    assert_eq!(again(&stolen, PASSWORD).await, Err("people.too_many"));
    let reset = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
    house.clock.on(std::time::Duration::from_secs(1));
    let chosen = house.people.accept(reset.code.expose(), secret(OTHER), Client::Page, from(1)).await.unwrap();
    let new = house.people.mark(&chosen.signed_in).unwrap();
    for _guess in 0..6 {
        let guess = house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(1)).await;
        assert_eq!(code_of(guess), "people.refused");
    }
    assert_eq!(again(&own, OTHER).await, Err("people.too_many"), "a mark from before is none");
    assert_eq!(again(&new, PASSWORD).await, Err("people.refused"));
    house.people.close(&human("ana"), "os-user:root").await.unwrap();
    assert_eq!(again(&new, OTHER).await, Err("people.too_many"), "nor is one of an account that is closed");
}

#[tokio::test]
async fn whoever_signs_in_without_the_password_guesses_it_no_faster() {
    let house = House::new().with_account("ana").await;
    let own = house.people.mark(&house.sign_in("ana").await.signed_in).unwrap();
    let signed_in = house.sign_in("ana").await.signed_in;
    let again = async |mark: &Secret<String>, password: &str| {
        let opened = house.people.sign_in_again("ana", mark.expose(), secret(password), from(2)).await;
        opened.map(drop).map_err(|fault| fault.code())
    };
    let mut codes = Vec::new();
    for how in [How::Oidc, How::Passkey, How::Oidc, How::Passkey] {
        let new = house.people.mark(&SignedIn { how, ..signed_in.clone() }).unwrap();
        for _guess in 0..2 {
            codes.push(again(&new, "correct horse batterz").await.unwrap_err());
        }
    }
    assert_eq!(codes.iter().filter(|code| **code == "people.too_many").count(), 2, "{codes:?}");
    assert_eq!(again(&own, PASSWORD).await, Ok(()), "a browser of whoever knew the password has its own count");
}

#[tokio::test]
async fn a_name_that_nobody_has_waits_as_others_do() {
    let house = House::new().with_account("ana").await;
    let mut said = Vec::new();
    for name in ["ana", "nobody", "a password in the wrong field"] {
        let mut codes = Vec::new();
        for last in 1..=8 {
            let refused = house.people.sign_in(name, secret("correct horse batterz"), Client::Page, from(last)).await;
            codes.push(code_of(refused));
        }
        said.push(codes);
    }
    assert_eq!(said[0].iter().filter(|code| **code == "people.too_many").count(), 2);
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
}

#[tokio::test]
async fn no_answer_tells_whether_a_failure_is_written_down() {
    let house = House::new().with_account("ana").await;
    for name in 0..30 {
        let refused = house.people.sign_in(&format!("nobody{name}"), secret(PASSWORD), Client::Page, from(1)).await;
        assert_eq!(code_of(refused), "people.refused");
    }
    house.people.settle().await;
    let before = house.told().len();
    let guess = async |name: &str| {
        let guess = house.people.sign_in(name, secret("correct horse batterz"), Client::Page, from(1));
        code_of(tokio::time::timeout(std::time::Duration::from_secs(20), guess).await.expect("an answer"))
    };
    // A disk that is slow, and one that is full.
    let gate = house.book.gate.lock().await;
    for name in ["ana", "sam", "nobody"] {
        assert_eq!(guess(name).await, "people.refused", "{name}");
    }
    assert_eq!(house.told().len(), before);
    drop(gate);
    house.people.settle().await;
    assert_eq!(house.told().len(), before + 2, "of names that somebody has");
    house.book.fails.store(true, Ordering::Relaxed);
    for name in ["ana", "sam", "nobody"] {
        assert_eq!(guess(name).await, "people.refused", "{name}");
    }
}

#[tokio::test]
async fn only_so_many_failures_wait_for_the_disk() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    let gate = house.book.gate.lock().await;
    let places: Vec<_> = (1..model::limits::SIGN_INS_WAITING_MAX).map(|_| house.people.strangers.queue()).collect();
    let guess =
        async || code_of(house.people.sign_in("ana", secret("correct horse batterz"), Client::Page, from(1)).await);
    assert_eq!([guess().await, guess().await], ["people.refused", "people.busy"]);
    drop((gate, places));
    house.people.settle().await;
    assert_eq!(guess().await, "people.refused");
    assert!(house.is_in(&opened).await);
}

#[tokio::test]
async fn whoever_finds_no_place_has_not_tried() {
    let house = House::new().with_account("ana").await;
    let ana = house.sign_in("ana").await.signed_in;
    let all = |hashing: &super::hashing::Hashing| -> Vec<_> {
        (0..model::limits::SIGN_INS_WAITING_MAX).map(|_| hashing.queue()).collect()
    };
    let places = (all(&house.people.strangers), all(&house.people.expected));
    for _attempt in 0..40 {
        for name in ["ana", "nobody"] {
            let busy = house.people.sign_in(name, secret(PASSWORD), Client::Page, from(1)).await;
            assert_eq!(code_of(busy), "people.busy");
        }
        let busy = house.people.confirm(&ana, secret(PASSWORD), from(1)).await;
        assert_eq!(busy.err().unwrap().code(), "people.busy");
    }
    drop(places);
    let nobodys = house.people.sign_in("nobody", secret(PASSWORD), Client::Page, from(1)).await;
    assert_eq!(code_of(nobodys), "people.refused");
    house.people.confirm(&ana, secret(PASSWORD), from(1)).await.unwrap();
    house.sign_in("ana").await;
}

// Behind a proxy all people have one address, and so has everybody who wishes them ill.
#[tokio::test]
async fn a_stranger_keeps_nobody_out_and_does_not_fill_the_trace() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    for name in 0..30 {
        let refused = house.people.sign_in(&format!("nobody{name}"), secret(PASSWORD), Client::Page, from(1)).await;
        assert_eq!(code_of(refused), "people.refused");
    }
    house.people.confirm(&opened.signed_in, secret(PASSWORD), from(1)).await.unwrap();
    house.sign_in("ana").await;
    house.people.settle().await;
    let noted = house.told().iter().filter(|what| **what == "people.sign_in_failed").count();
    assert_eq!(noted, 21, "the rest is written down ever more seldom");
}

#[tokio::test]
async fn nobody_who_guesses_in_a_persons_name_keeps_that_person_from_deciding() {
    let house = House::new().with_account("ana").await;
    let ana = house.sign_in("ana").await.signed_in;
    for _guess in 0..10 {
        let _refused = house.people.sign_in("ana", secret("correct horse batterz"), Client::Page, from(1)).await;
    }
    let confirm = async |password: &str| house.people.confirm(&ana, secret(password), from(1)).await.map(drop);
    confirm(PASSWORD).await.unwrap();
    // Whoever found the session open cannot guess for ever either.
    let mut codes = Vec::new();
    for _guess in 0..8 {
        codes.push(confirm("correct horse batterz").await.unwrap_err().code());
    }
    assert_eq!(codes.iter().filter(|code| **code == "people.too_many").count(), 2, "{codes:?}");
}

#[tokio::test]
async fn however_many_strangers_wait_a_person_who_is_signed_in_is_heard() {
    let house = House::new().with_account("ana").await;
    let ana = house.sign_in("ana").await.signed_in;
    let _stopped = house.people.strangers.stopped().await;
    let mut waiting = tokio::task::JoinSet::new();
    let people = Arc::new(house.people);
    for name in 0..=model::limits::SIGN_INS_WAITING_MAX {
        let people = Arc::clone(&people);
        waiting.spawn(async move {
            people.sign_in(&format!("nobody{name}"), secret(PASSWORD), Client::Page, from(1)).await.map(drop)
        });
    }
    let first = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(first.unwrap_err().code(), "people.busy");
    people.confirm(&ana, secret(PASSWORD), from(1)).await.unwrap();
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_after_half_a_day() {
    let house = House::new().with_account("ana").await;
    let idle = house.sign_in("ana").await;
    let used = house.sign_in("ana").await;
    let step = SIGNED_IN_IDLE_MAX - std::time::Duration::from_secs(1);
    let mut lived = std::time::Duration::ZERO;
    while lived + step < SESSION_LIFE_MAX {
        house.clock.on(step);
        lived += step;
        assert!(house.is_in(&used).await, "{lived:?}");
    }
    assert!(!house.is_in(&idle).await);
    house.clock.on(step);
    assert!(!house.is_in(&used).await, "used or not, it ends");
}

#[tokio::test]
async fn a_session_of_a_time_that_has_not_come_is_over() {
    let house = House::new().with_account("ana").await;
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    house.clock.on(day);
    let ahead = house.sign_in("ana").await;
    assert!(house.is_in(&ahead).await);
    house.clock.back(std::time::Duration::from_secs(2));
    assert!(house.is_in(&ahead).await, "clocks are set by moments all the time");
    house.clock.back(day);
    assert!(!house.is_in(&ahead).await);
}

#[tokio::test]
async fn looking_alone_keeps_nobody_signed_in() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    house.clock.on(SIGNED_IN_IDLE_MAX / 2);
    assert!(house.people.is_open(opened.token.expose(), Client::Page));
    house.clock.on(SIGNED_IN_IDLE_MAX / 2);
    assert!(!house.people.is_open(opened.token.expose(), Client::Page));
}

#[tokio::test]
async fn whoever_leaves_is_signed_out() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    house.directory.apply(&StandingChange::Offboard(human("ana")), house.clock.now());
    assert!(!house.is_in(&opened).await);
    assert_eq!(code_of(house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(1)).await), "people.refused");
    assert_eq!(house.people.invite(&human("ana"), "os-user:root").await.err().unwrap().code(), "people.unknown");
    // What is written with the record of it ends the sessions for good.
    let rows = house.people.rows_of(&human("ana"), false);
    assert!(rows.iter().all(|row| row.kind == "session" && row.value.is_none()));
    house.people.forget(&human("ana"), false);
    house.directory.apply(&StandingChange::Restore(human("ana")), house.clock.now());
    assert!(!house.is_in(&opened).await);
    house.sign_in("ana").await;
}

#[tokio::test]
async fn a_restart_keeps_accounts_and_sessions_and_no_secret_is_kept() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    house.clock.on(SEEN_KEPT_EVERY);
    assert!(house.is_in(&opened).await);
    let kept = format!("{:?} {:?}", house.book.rows.lock().unwrap(), house.book.events.lock().unwrap());
    assert!(!kept.contains(opened.token.expose()) && !kept.contains(PASSWORD), "{kept}");
    let house = house.restarted();
    assert!(house.is_in(&opened).await);
    house.clock.on(SIGNED_IN_IDLE_MAX - SEEN_KEPT_EVERY);
    assert!(house.is_in(&opened).await, "that it was used is kept, too");
    house.sign_in("ana").await;
}

#[tokio::test]
async fn another_password_ends_every_session() {
    let house = House::new().with_account("ana").await.with_account("sam").await;
    let (ana, sam) = (house.sign_in("ana").await, house.sign_in("sam").await);
    let reset = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
    assert!(house.is_in(&ana).await, "until it is chosen");
    let other = "another horse battery";
    let fresh = house.people.accept(reset.code.expose(), secret(other), Client::Page, from(1)).await.unwrap();
    assert!(!house.is_in(&ana).await && house.is_in(&fresh).await && house.is_in(&sam).await);
    assert!(house.told().contains(&"accounts.reset"));
    let house = house.restarted();
    assert!(!house.is_in(&ana).await && house.is_in(&fresh).await);
}

/// Begins something, and leaves it where it waits.
macro_rules! begun {
    ($name:ident = $future:expr) => {
        let mut $name = Box::pin($future);
        std::future::poll_fn(|context| {
            assert!($name.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    };
}

#[tokio::test]
async fn a_password_that_was_replaced_while_it_was_looked_at_opens_nothing() {
    let house = House::new().with_account("ana").await;
    let kept_open = house.sign_in("ana").await;
    let stopped = (house.people.strangers.stopped().await, house.people.expected.stopped().await);
    begun!(sign_in = house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(1)));
    begun!(confirm = house.people.confirm(&kept_open.signed_in, secret(PASSWORD), from(1)));
    let reset = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
    begun!(accept = house.people.accept(reset.code.expose(), secret(OTHER), Client::Page, from(1)));
    drop(stopped);
    let fresh = accept.await.unwrap();
    assert_eq!(code_of(sign_in.await), "people.refused");
    assert_eq!(confirm.await.err().unwrap().code(), "people.refused", "nor does it approve anything");
    assert!(house.is_in(&fresh).await && !house.is_in(&kept_open).await);
    assert_eq!(house.people.accounts()[0].sessions, 1);
    let house = house.restarted();
    assert_eq!(house.people.accounts()[0].sessions, 1);
    assert_eq!(code_of(house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(1)).await), "people.refused");
    house.people.sign_in("ana", secret(OTHER), Client::Page, from(1)).await.unwrap();
}

#[tokio::test]
async fn an_account_that_was_closed_while_its_password_was_looked_at_opens_nothing() {
    let house = House::new().with_account("ana").await;
    let stopped = house.people.strangers.stopped().await;
    begun!(sign_in = house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(1)));
    house.people.close(&human("ana"), "os-user:root").await.unwrap();
    drop(stopped);
    assert_eq!(code_of(sign_in.await), "people.refused");
    assert!(house.book.rows.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whoever_left_while_their_password_was_looked_at_is_not_let_in() {
    let house = House::new().with_account("ana").await;
    let stopped = house.people.strangers.stopped().await;
    begun!(sign_in = house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(1)));
    house.directory.apply(&StandingChange::Offboard(human("ana")), house.clock.now());
    drop(stopped);
    assert_eq!(code_of(sign_in.await), "people.refused");
}

// What is written of an account is the whole of it, with the password: a copy of before must not come after it.
#[tokio::test]
async fn nothing_brings_the_password_before_back() {
    for what in ["a passkey signs in", "a passkey is added", "a passkey is removed", "a page is used"] {
        let house = House::new().with_account("ana").await;
        let ana = house.sign_in("ana").await;
        let (pair, public) = p256();
        let add = async || {
            let asked = house.people.challenge("add").unwrap();
            let answer = Said::well("webauthn.create", &asked).answer(|_| public.clone());
            house.people.add_passkey(&ana.signed_in, &answer, "add", &site(), "laptop").await
        };
        if what != "a passkey is added" {
            add().await.unwrap();
        }
        let reset = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
        house.clock.on(SEEN_KEPT_EVERY);
        let beside = async {
            match what {
                "a passkey signs in" => {
                    let asked = house.people.challenge("sign-in").unwrap();
                    let said = Said { count: 8, ..Said::well("webauthn.get", &asked) };
                    let answer = said.answer(|signed| sign(&pair, signed));
                    let opened =
                        house.people.sign_in_with_passkey(&answer, "sign-in", &site(), Client::Page, from(1)).await;
                    assert_eq!(code_of(opened), "people.refused");
                }
                "a passkey is added" => assert_eq!(add().await.unwrap_err().code(), "people.signed_out"),
                "a passkey is removed" => {
                    let removed = house.people.remove_passkey(&ana.signed_in, "a2V5").await;
                    assert_eq!(removed.unwrap_err().code(), "people.signed_out");
                }
                _ => assert!(!house.is_in(&ana).await),
            }
        };
        let (fresh, ()) = house.chosen_beside(reset.code.expose(), beside).await;
        let house = house.restarted();
        assert!(house.is_in(&fresh).await && !house.is_in(&ana).await, "{what}");
        assert!(house.people.accounts()[0].passkeys.is_empty(), "{what}");
        let before = house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(1)).await;
        assert_eq!(code_of(before), "people.refused", "{what}");
        house.people.sign_in("ana", secret(OTHER), Client::Page, from(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_token_is_good_for_the_client_it_was_given_to() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    assert!(house.people.recognise(opened.token.expose(), Client::Terminal).await.is_none());
    assert!(house.people.recognise("", Client::Page).await.is_none());
    assert!(house.people.recognise(&"a".repeat(1_000_000), Client::Page).await.is_none());
    house.people.sign_out(opened.token.expose(), Client::Page).await.unwrap();
    assert!(!house.is_in(&opened).await);
}

#[tokio::test]
async fn nothing_is_true_that_could_not_be_recorded() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    let reset = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
    house.book.fails.store(true, Ordering::Relaxed);
    assert_eq!(
        code_of(house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(1)).await),
        "trace.not_recorded"
    );
    assert!(house.people.invite(&human("sam"), "os-user:root").await.is_err());
    assert!(house.people.sign_out(opened.token.expose(), Client::Page).await.is_err());
    let other = secret("another horse battery");
    assert_eq!(
        code_of(house.people.accept(reset.code.expose(), other, Client::Page, from(1)).await),
        "trace.not_recorded"
    );
    house.book.fails.store(false, Ordering::Relaxed);
    assert!(house.is_in(&opened).await);
    assert!(house.people.invited(reset.code.expose()).is_some(), "the code is good still");
    house.sign_in("ana").await;
}

#[tokio::test]
async fn sessions_of_one_person_are_bounded() {
    let house = House::new().with_account("ana").await;
    let first = house.sign_in("ana").await;
    for _session in 0..SESSIONS_PER_PERSON_MAX {
        house.clock.on(std::time::Duration::from_secs(1));
        house.sign_in("ana").await;
    }
    assert!(!house.is_in(&first).await);
    assert_eq!(house.people.accounts()[0].sessions, SESSIONS_PER_PERSON_MAX);
}

#[tokio::test]
async fn a_closed_account_opens_nothing() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    house.people.close(&human("ana"), "os-user:root").await.unwrap();
    assert!(!house.is_in(&opened).await);
    assert_eq!(code_of(house.people.sign_in("ana", secret(PASSWORD), Client::Page, from(1)).await), "people.refused");
    assert_eq!(house.people.close(&human("ana"), "os-user:root").await.err().unwrap().code(), "people.no_account");
    assert!(house.book.rows.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_password_is_asked_again_where_it_matters() {
    let house = House::new().with_account("ana").await;
    let opened = house.sign_in("ana").await;
    let confirm = |password: &str| house.people.confirm(&opened.signed_in, secret(password), from(1));
    assert_eq!(confirm(PASSWORD).await.unwrap().human(), &human("ana"));
    assert_eq!(confirm("correct horse batterz").await.err().unwrap().code(), "people.refused");
}

#[test]
fn a_form_is_of_one_session() {
    let token = form_token("a session");
    assert!(same_form_token("a session", &token));
    assert!(!same_form_token("another session", &token));
    assert!(!same_form_token("a session", ""));
}

#[tokio::test]
async fn a_passkey_signs_its_person_in_until_it_is_removed_or_they_leave() {
    let house = House::new().with_account("ana").await.with_account("sam").await;
    let (ana, sam) = (house.sign_in("ana").await.signed_in, house.sign_in("sam").await.signed_in);
    let (pair, public) = p256();
    let add = async |who: &SignedIn| {
        let asked = house.people.challenge("add").unwrap();
        let answer = Said::well("webauthn.create", &asked).answer(|_| public.clone());
        house.people.add_passkey(who, &answer, "add", &site(), "laptop").await
    };
    add(&ana).await.unwrap();
    assert_eq!(add(&sam).await.unwrap_err().code(), "people.passkey", "a key is one person's");
    let count = std::cell::Cell::new(8);
    let answer = |purpose: &str| {
        let asked = house.people.challenge(purpose).unwrap();
        count.set(count.get() + 1);
        Said { count: count.get(), ..Said::well("webauthn.get", &asked) }.answer(|signed| sign(&pair, signed))
    };
    let sign_in = async || {
        let answer = answer("sign-in");
        house.people.sign_in_with_passkey(&answer, "sign-in", &site(), Client::Page, from(1)).await
    };
    let opened = sign_in().await.unwrap();
    assert_eq!((opened.signed_in.human(), opened.signed_in.how()), (&human("ana"), How::Passkey));
    let confirm =
        async |who: &SignedIn| house.people.confirm_with_passkey(who, &answer("hold"), "hold", &site(), from(1)).await;
    assert_eq!(confirm(&ana).await.unwrap().how(), How::Passkey, "whatever the session was opened with");
    assert_eq!(confirm(&sam).await.unwrap_err().code(), "people.refused", "somebody else's key");

    house.directory.apply(&StandingChange::Offboard(human("ana")), house.clock.now());
    assert_eq!(code_of(sign_in().await), "people.refused");
    house.directory.apply(&StandingChange::Restore(human("ana")), house.clock.now());
    sign_in().await.unwrap();
    let id = house.people.accounts()[0].passkeys[0].1.clone();
    house.people.remove_passkey(&ana, &id).await.unwrap();
    assert_eq!(code_of(sign_in().await), "people.refused");

    add(&ana).await.unwrap();
    let reset = house.people.invite(&human("ana"), "os-user:root").await.unwrap();
    house.people.accept(reset.code.expose(), secret(PASSWORD), Client::Page, from(1)).await.unwrap();
    assert_eq!(code_of(sign_in().await), "people.refused", "another password ends the keys, too");
}
