//! What an app tells besides calls, heard over the link it belongs to; subscriptions to its resources.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use decide::{Answer, AnswerKind, Outgoing, Permit, SendFault};
use http::HeaderName;
use model::{Blame, Fault, Secret};
use tokio::sync::watch;

use super::{Link, Transport, write_meta};
use crate::client::OWN_CAPABILITIES;
use crate::envelope::INVALID_PARAMS;
use crate::upstream::reply::to_question;
use crate::upstream::watch::Question;
use crate::upstream::{Ask, Changed, Ear, Ended, Watch};

/// Who wants to know what a link tells, and whether the app is listened to.
pub struct Wanted {
    /// How many want to know.
    pub by: watch::Receiver<usize>,
    /// Whether what the app tells from now on is heard.
    pub ready: Arc<watch::Sender<bool>>,
}

impl Link {
    /// Listens to what the app tells besides calls, for as long as somebody wants to know and the link is there.
    pub(crate) async fn attend(link: Weak<Self>, ear: Ear, mut wanted: Wanted) {
        let by_itself = link.upgrade().is_some_and(|link| link.tells_by_itself());
        if by_itself {
            wanted.ready.send_replace(true);
            ear.lost().await;
            wanted.ready.send_replace(false);
            return;
        }
        if link.upgrade().is_some_and(|link| link.always_heard()) {
            let ready = Arc::clone(&wanted.ready);
            tokio::select! {
                () = ear.lost() => {}
                () = Self::listen_on(&link, &ear, &ready) => {}
            }
            return;
        }
        loop {
            let ready = Arc::clone(&wanted.ready);
            // INVARIANT: it ends with the link, also while nobody wants to know (`it_ends_with_the_link`).
            let somebody_wants = tokio::select! {
                () = ear.lost() => false,
                wants = wanted.by.wait_for(|by| *by > 0) => wants.is_ok(),
            };
            if !somebody_wants {
                break;
            }
            tokio::select! {
                () = ear.lost() => break,
                () = unwanted(&mut wanted.by) => {}
                () = Self::listen_on(&link, &ear, &ready) => break,
            }
            ready.send_replace(false);
        }
        wanted.ready.send_replace(false);
    }

    /// Ends with the link, or when the app has nothing to tell this way.
    async fn listen_on(link: &Weak<Self>, ear: &Ear, ready: &watch::Sender<bool>) {
        let mut last_id: Option<String> = None;
        let mut pause = RETRY;
        while let Some(strong) = link.upgrade() {
            let opened = strong.watch(last_id.as_deref()).await;
            drop(strong);
            let ended = match opened {
                Ok(mut watch) => {
                    ready.send_replace(true);
                    Self::now_heard(link);
                    let ended = heard_until_the_end(&mut watch, link, ear, &mut pause).await;
                    ready.send_replace(false);
                    last_id = watch.last_id().map(str::to_owned);
                    pause = watch.retry().unwrap_or(pause).clamp(RETRY_MIN, RETRY_MAX);
                    ended
                }
                Err(ended) => ended,
            };
            match ended {
                // What it took up last time may be gone.
                Ended::NotOffered if last_id.take().is_some() => {}
                Ended::NotOffered => {
                    ready.send_replace(true);
                    Self::now_heard(link);
                    ear.lost().await;
                }
                Ended::SessionOver => {
                    if let Some(link) = link.upgrade() {
                        link.is_stale();
                    }
                    return;
                }
                Ended::Broken(fault) => tracing::debug!(?fault, "an app is not heard any more; it is tried again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).clamp(RETRY, RETRY_MAX);
        }
    }

    /// Whether the app is listened to whoever wants to know: it may ask its client something apart from any answer, or
    /// send it log messages.
    pub(crate) fn always_heard(&self) -> bool {
        let wanted = self.manner.abilities.any() || self.told_a_level.load(Ordering::Acquire);
        wanted && !self.agreed.revision.modern() && matches!(self.transport, Transport::Http(_))
    }

    /// Waits until what the app says apart from its answers is heard, or until that takes too long.
    pub(crate) async fn heard(&self) {
        let mut heard = self.heard.subscribe();
        let _late = tokio::time::timeout(HEARD_TIME_MAX, heard.wait_for(|heard| *heard)).await;
    }

    fn now_heard(link: &Weak<Self>) {
        if let Some(link) = link.upgrade() {
            link.heard.send_replace(true);
        }
    }

    /// Something that is about no list and no resource: for the one client whose calls are under way.
    async fn hear_for_client(&self, told: Vec<(String, Bytes)>, questions: Vec<Question>) {
        let Transport::Http(http) = &self.transport else { return };
        for (method, message) in told {
            http.under_way.tell(&message, &method);
        }
        for Question { id, method, params } in questions {
            if let Err(why_not) = http.under_way.take(id.clone(), &method, params) {
                let sent = self.say(to_question(&id, &method, why_not)).await;
                tracing::debug!(method, why_not, ?sent, "an app asked, and nobody could be asked");
            }
        }
    }

    /// Whether it tells of changes without being asked: a child with a handshake.
    fn tells_by_itself(&self) -> bool {
        matches!(self.transport, Transport::Child(_)) && !self.agreed.revision.modern()
    }

    async fn watch(&self, last_id: Option<&str>) -> Result<Watch, Ended> {
        let credential = self.own_header().map_err(Ended::Broken)?;
        if !self.agreed.revision.modern() {
            let Transport::Http(http) = &self.transport else { return Err(Ended::NotOffered) };
            return http.watch(&self.agreed, credential.as_ref(), last_id).await;
        }
        let all: Vec<String> = Changed::ALL.iter().map(|changed| format!("\"{}\":true", changed.filter())).collect();
        let mut watch = self.listen(&all.join(","), credential).await?;
        watch.acknowledged(None).await?;
        Ok(watch)
    }

    async fn listen(&self, filter: &str, header: Option<(HeaderName, Secret<String>)>) -> Result<Watch, Ended> {
        let mut params = b"{\"notifications\":{".to_vec();
        params.extend_from_slice(filter.as_bytes());
        params.extend_from_slice(b"},");
        write_meta(&mut params, Some(OWN_CAPABILITIES), b"");
        params.push(b'}');
        let ask = Ask::own("subscriptions/listen", params, header);
        match &self.transport {
            Transport::Http(http) => http.listen(&ask, &self.agreed).await,
            Transport::Child(child) => child.listen(&ask).await,
        }
    }

    /// Subscribes to the resource that the permit names, and spends the permit. An app of 2026-07-28 tells of it on a
    /// stream of its own, any other where it tells the rest.
    pub(crate) async fn subscribe(
        &self,
        permit: Permit,
        call: &Outgoing,
    ) -> Result<(Answer, Option<Watch>), SendFault> {
        if call.digest != permit.binding().arguments {
            let said = "the arguments are not those that were decided on";
            return Err(SendFault::before(Fault::new(Blame::Bug, "bug.other_arguments", said)));
        }
        let header = self.put_on(&permit, &call.trail)?;
        let uri = permit.spend().tool;
        if !self.agreed.revision.modern() {
            let ask = Ask { trail: call.trail.clone(), ..plain("resources/subscribe", uri.as_str(), header) };
            return Ok((self.answer(ask).await?, None));
        }
        let mut filter = b"\"resourceSubscriptions\":[".to_vec();
        json::write_string(&mut filter, uri.as_str());
        filter.push(b']');
        let opened = match self.listen(&String::from_utf8_lossy(&filter), header).await {
            Ok(mut watch) => watch.acknowledged(Some(uri.as_str())).await.map(|honoured| honoured.then_some(watch)),
            Err(ended) => Err(ended),
        };
        match opened {
            Ok(Some(watch)) => Ok((Answer { kind: AnswerKind::Result, body: Bytes::from_static(b"{}") }, Some(watch))),
            Ok(None) | Err(Ended::NotOffered) => {
                let error = serde_json::json!({ "code": INVALID_PARAMS, "message": NOT_TOLD });
                Ok((Answer { kind: AnswerKind::ProtocolError, body: Bytes::from(error.to_string()) }, None))
            }
            Err(ended) => Err(SendFault::after(ended.into_fault())),
        }
    }

    /// Nobody wants to know of this resource any more. For what is not heard on a stream of its own.
    pub(crate) async fn unsubscribe(&self, uri: &str) {
        let header = self.own_header().ok().flatten();
        let told = self.exchange(plain("resources/unsubscribe", uri, header)).await;
        tracing::debug!(ok = told.is_ok(), "a subscription at an app is over");
    }

    /// Ends when the link is there no more.
    pub(crate) async fn lost(&self) {
        self.ear.lost().await;
    }
}

fn plain<'a>(method: &'a str, uri: &str, header: Option<(HeaderName, Secret<String>)>) -> Ask<'a> {
    let mut params = b"{\"uri\":".to_vec();
    json::write_string(&mut params, uri);
    params.push(b'}');
    Ask::own(method, params, header)
}

async fn heard_until_the_end(watch: &mut Watch, link: &Weak<Link>, ear: &Ear, pause: &mut Duration) -> Ended {
    loop {
        match watch.next().await {
            Ok(mut told) => {
                *pause = RETRY;
                told.retain(|(method, message)| !ear.hear(method, message));
                if let Some(link) = link.upgrade() {
                    link.hear_for_client(told, watch.questions()).await;
                }
            }
            Err(ended) => return ended,
        }
    }
}

/// Ends when nobody has wanted to know for a while: a client whose connection broke is back soon.
pub async fn unwanted(by: &mut watch::Receiver<usize>) {
    while by.wait_for(|by| *by == 0).await.is_ok() {
        if tokio::time::timeout(LINGER, by.wait_for(|by| *by > 0)).await.is_err() {
            return;
        }
    }
}

const NOT_TOLD: &str = "the app does not tell of changes of this resource";
/// How long a first call waits until its app can say something apart from the answer.
const HEARD_TIME_MAX: Duration = Duration::from_secs(2);
const LINGER: Duration = Duration::from_secs(2);
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
