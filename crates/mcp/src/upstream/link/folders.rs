//! On which folders the client of a link works.
//!
//! An app with a session asks that once, and again when it is told that they have changed, and it asks apart from any call.
//! Nobody can be asked then. So it is told right before the next call of its client, which is the one that is asked, and the
//! call is sent when the app has the answer: it never runs on folders that the client has taken away, as far as the app asks in time
//! and somebody can be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use decide::{Answer, AnswerKind, Outgoing, SendFault};
use model::limits::{QUESTIONS_OPEN_MAX, ROUNDS_MAX};
use model::{Blame, CallId, Fault, Method};
use tokio::sync::mpsc;

use super::{Link, Transport};
use crate::envelope;
use crate::upstream::conversation::{Asks, NO_CALL, Question};
use crate::upstream::reply::{cancelled, to_question};
use crate::upstream::under_way::{Early, UnderWay};
use crate::upstream::{Ask, AskFirst, AsksBeside, Sending};

/// What the app knows of them.
pub(super) struct Folders {
    /// How often they have changed, the beginning included.
    changes: AtomicU64,
    /// How many of these changes the app has had the time to ask about.
    known: AtomicU64,
    /// Whether it was waited for what the app asks when it is connected, before a call whose client is not asked.
    waited: AtomicBool,
    /// Whether a question about them was not answered as it should be: then the app is told with the next call to ask again.
    refused: AtomicBool,
    /// Whoever has it sees to it that the app knows.
    telling: tokio::sync::Mutex<()>,
}

impl Default for Folders {
    fn default() -> Self {
        let (changes, known) = (AtomicU64::new(1), AtomicU64::new(0));
        let (waited, refused, telling) =
            (AtomicBool::new(false), AtomicBool::new(false), tokio::sync::Mutex::default());
        Self { changes, known, waited, refused, telling }
    }
}

impl Link {
    /// Its client works on other folders now: the app is told with the next call.
    pub(crate) fn roots_changed(&self) {
        self.folders.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Has the app ask, before a call that can be asked something, on which folders the client works, where it does not know
    /// yet. A call beside one that waits for that does not wait, too. Error: the client does not say, and people have not approved the
    /// call; or it is cancelled meanwhile.
    pub(super) async fn folders_first(
        &self,
        asks: &Asks,
        (cause, call): (&CallId, &Outgoing),
        Sending { asked, folders: whom, .. }: &Sending,
    ) -> Result<(), SendFault> {
        if !self.manner.abilities.has_roots() || !asked.comes_back() {
            return Ok(());
        }
        let Ok(_telling) = self.folders.telling.try_lock() else { return Ok(()) };
        if matches!(whom, AskFirst::Nobody | AskFirst::NotNow) {
            self.hears_what_comes_first().await;
            if matches!(whom, AskFirst::Nobody) {
                self.turn_away().await;
            }
            return Ok(());
        }
        let (changes, early) = (self.folders.changes.load(Ordering::Acquire), self.under_way().early());
        let known = self.folders.known.load(Ordering::Acquire);
        let refused = self.under_way().has_refused() | self.folders.refused.load(Ordering::Acquire);
        if known >= changes && early.is_empty() && !refused {
            return Ok(());
        }
        // Until all is answered, for it may be broken off anywhere.
        self.folders.refused.store(true, Ordering::Release);
        let (to, questions) = mpsc::channel(QUESTIONS_OPEN_MAX);
        let beside = Asks { to: Some(to), open: Arc::default(), ..asks.clone() };
        let (folders, asker) = match whom {
            AskFirst::Beside(asker) => (&beside, Some((asker.as_ref(), cause, questions))),
            _ => (asks, None),
        };
        // What it asks from now on is about this call.
        let begun = self.under_way().begins_with_folders(self.next_id(), folders.clone());
        let news = News { first: known == 0, unheard: known < changes, refused };
        let told = tokio::select! {
            biased;
            () = asks.along.cancelled() => Err(cancelled()),
            fault = self.answers(asker, CLIENT_TIME_MAX.min(call.time_max / 2)) => Err(fault),
            () = self.tell(folders, early, news) => Ok(()),
        };
        let (late, all_answered) = self.under_way().ends_with_folders(begun);
        for id in late {
            self.refuse(&id, Method::Roots.as_str(), "the call before which it was asked has ended").await;
        }
        // What could not be asked, for calls of another client are under way, or was not answered, is told with the next call.
        if all_answered && told.is_ok() {
            self.folders.known.fetch_max(changes, Ordering::AcqRel);
            self.folders.refused.store(false, Ordering::Release);
        }
        // What people have approved is sent on what the app knows, as long as somebody wants it.
        if call.approved && !asks.along.is_cancelled() {
            return Ok(());
        }
        told.map_err(SendFault::before)
    }

    /// Brings one question after another before the client, for as long as it answers and the app does not ask too often.
    async fn answers(&self, asker: Option<Asker<'_>>, time_max: Duration) -> Fault {
        let Some((asker, cause, mut questions)) = asker else { return std::future::pending().await };
        let mut asked = 0u32;
        while let Some(question) = questions.recv().await {
            asked = asked.saturating_add(1);
            if asked > ROUNDS_MAX {
                return asks_too_often();
            }
            let Question { id, method, over, .. } = &question;
            if *method != Method::Roots {
                self.refuse(id, method.as_str(), NO_CALL).await;
                over.cancel();
                continue;
            }
            let answer = match tokio::time::timeout(time_max, asker.ask(&question, cause)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(fault)) => return fault,
                Err(_) => return silent(),
            };
            let header = self.own_header();
            let answered = match answer {
                Some(Answer { kind, body }) => {
                    let write = if kind == AnswerKind::ProtocolError { envelope::error } else { envelope::result };
                    match header {
                        Ok(header) => self.respond(write(id, &body), header.as_ref()).await,
                        Err(fault) => Err(fault),
                    }
                }
                None if over.is_cancelled() => Ok(()),
                None => {
                    self.under_way().refuses_folders();
                    self.refuse(id, method.as_str(), "no rule lets it ask").await;
                    Ok(())
                }
            };
            if let Err(fault) = answered {
                return fault;
            }
            over.cancel();
        }
        std::future::pending().await
    }

    /// Waits once for what an app asks when it is connected: it is about no call.
    async fn hears_what_comes_first(&self) {
        if !self.folders.waited.swap(true, Ordering::AcqRel) {
            self.wait_for_a_sign().await;
            if !self.is_child() {
                tokio::time::sleep(ON_ANOTHER_STREAM_MAX).await;
            }
        }
    }

    /// Refuses what the app has asked apart from any call: it ends none.
    async fn turn_away(&self) {
        for question in self.under_way().early() {
            self.folders.refused.store(true, Ordering::Release);
            self.refuse(&question.id, Method::Roots.as_str(), "no rule lets it ask").await;
        }
    }

    async fn tell(&self, asks: &Asks, early: Vec<Early>, news: News) {
        for Early { id, params } in early {
            if let Err(why_not) = asks.take(id.clone(), Method::Roots.as_str(), params) {
                self.refuse(&id, Method::Roots.as_str(), why_not).await;
            }
        }
        let changed = news.refused || (news.unheard && !news.first);
        // On another stream it may ask later than it answers here: one that has asked before is waited for longer.
        let time_max = if self.under_way().asks_for_folders() { ANSWER_TIME_MAX } else { ON_ANOTHER_STREAM_MAX };
        if changed {
            let told = self.say(ROOTS_CHANGED.to_vec()).await;
            tracing::debug!(?told, "an app is told that its client works on other folders");
        }
        if changed || news.unheard {
            self.wait_for_a_sign().await;
            if !self.is_child() {
                let _asks_nothing = tokio::time::timeout(time_max, asks.open.asked()).await;
            }
        }
        asks.open.settled().await;
    }

    /// Waits until the app says that it is there: what it asks about what it was told comes before. Over HTTP it comes on
    /// another stream.
    async fn wait_for_a_sign(&self) {
        let header = self.own_header().ok().flatten();
        let sign = self.exchange(Ask::own("ping", b"{}".to_vec(), header));
        let answered = tokio::time::timeout(ANSWER_TIME_MAX, sign).await;
        tracing::debug!(ok = answered.is_ok(), "an app has had the time to ask for folders");
    }

    fn is_child(&self) -> bool {
        matches!(self.transport, Transport::Child(_))
    }

    async fn refuse(&self, id: &[u8], method: &str, why_not: &str) {
        let sent = self.say(to_question(id, method, why_not)).await;
        tracing::debug!(method, why_not, ?sent, "an app asked, and nobody could be asked");
    }

    /// Sends what nobody answers.
    pub(super) async fn say(&self, message: Vec<u8>) -> Result<(), Fault> {
        match &self.transport {
            Transport::Http(http) => {
                let header = self.own_header()?;
                http.notify(Bytes::from(message), header.as_ref(), &self.agreed).await
            }
            Transport::Child(child) => child.notify(&message).await,
        }
    }

    fn under_way(&self) -> &Arc<UnderWay> {
        match &self.transport {
            Transport::Http(http) => &http.under_way,
            Transport::Child(child) => child.under_way(),
        }
    }

    fn next_id(&self) -> u64 {
        match &self.transport {
            Transport::Http(http) => http.spoken.next_id.fetch_add(1, Ordering::Relaxed),
            Transport::Child(child) => child.next_id(),
        }
    }
}

/// Who asks the client, because of which call, and what.
type Asker<'a> = (&'a dyn AsksBeside, &'a CallId, mpsc::Receiver<Question>);

/// What there is to say to the app.
struct News {
    /// It has not asked yet about anything.
    first: bool,
    /// The folders have changed since it asked.
    unheard: bool,
    /// What it asked was not answered as it should be.
    refused: bool,
}

/// Whether somebody may be asked about folders while this call is under way.
pub(super) fn may_ask(call: &Outgoing, Sending { along, .. }: &Sending) -> bool {
    !call.approved && along.is_read()
}

fn asks_too_often() -> Fault {
    let said = format!("it asked {ROUNDS_MAX} times on which folders the client works, and nothing was executed");
    Fault::new(Blame::Upstream, "upstream.asks_too_often", said).hint("its makers have to mend it")
}

fn silent() -> Fault {
    let said = "the client did not say on which folders it works, and nothing was executed";
    Fault::new(Blame::Caller, "caller.no_answer", said)
}

const ROOTS_CHANGED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
/// How long an app may take to say that it is there, before the call is sent all the same.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
const ON_ANOTHER_STREAM_MAX: Duration = Duration::from_millis(200);
/// How long a client may take to say on which folders it works: no person is asked.
const CLIENT_TIME_MAX: Duration = Duration::from_secs(20);
