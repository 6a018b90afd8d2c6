use std::pin::pin;
use std::task::{Context, Waker};

use decide::Scrub;
use model::TaskId;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::upstream::Client;

struct Clean;

impl Scrub for Clean {
    fn scrub(&self, _bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        None
    }
}

const NOW: UnixMicros = UnixMicros(1_763_726_400_000_000);

fn ana() -> Actor {
    Actor {
        agent: AgentId::parse("bot").unwrap(),
        human: HumanId::parse("ana").unwrap(),
        task: TaskId::parse("t-1").unwrap(),
        token_id: "jti".into(),
        only_app: None,
    }
}

fn open(sessions: &Sessions) -> String {
    sessions.open(Revision::V20250618, Abilities::default(), &ana(), None, NOW).unwrap()
}

/// More than there is place for.
fn open_many(sessions: &Sessions) {
    (0..2 * SESSIONS_MAX).for_each(|_| drop(open(sessions)));
}

fn along(session: &Arc<Session>) -> Along {
    Along::of(None, Client::Legacy(Arc::clone(session)), Arc::new(Clean)).0
}

fn is_cancelled(along: &Along) -> bool {
    pin!(along.cancelled()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn two_requests_of_one_id_are_never_under_way() {
    let sessions = Sessions::new();
    let session = sessions.find(&open(&sessions), &ana(), None, NOW).unwrap();
    let (first, second) = (along(&session), along(&session));
    let under_way = session.begins(b"7", first.clone()).unwrap();
    assert!(session.begins(b"7", second.clone()).is_none());
    assert!(session.begins(b"8", along(&session)).is_some(), "another id");
    session.cancel(b"7");
    assert_eq!((is_cancelled(&first), is_cancelled(&second)), (true, false));
    drop(under_way);
    assert!(session.begins(b"7", second).is_some(), "it is free again");
}

#[test]
fn a_session_that_ends_ends_what_is_open_in_it() {
    let late = UnixMicros(NOW.0 + i64::try_from(SESSION_IDLE_MAX.as_micros()).unwrap() + 1);
    type End = fn(&Sessions, &str, UnixMicros);
    let ways: [(&str, End); 3] = [
        ("its client ends it", |sessions, id, _| sessions.close(id, NOW)),
        ("nobody used it", |sessions, id, late| assert!(sessions.find(id, &ana(), None, late).is_none())),
        ("others took its place", |sessions, _, _| open_many(sessions)),
    ];
    for (what, end) in ways {
        let sessions = Sessions::new();
        open_many(&sessions);
        let id = open(&sessions);
        // One that was found is kept longer than those that never were.
        let session = Arc::clone(&sessions.open.peek(&id).unwrap().0);
        let call = along(&session);
        let _under_way = session.begins(b"1", call.clone());
        let mut question = session.question(Method::Elicit, None);
        assert_eq!((is_cancelled(&call), question.answer.try_recv().unwrap_err()), (false, TryRecvError::Empty));
        end(&sessions, &id, late);
        assert_eq!(
            (is_cancelled(&call), question.answer.try_recv().unwrap_err()),
            (true, TryRecvError::Closed),
            "{what}"
        );
        let after = along(&session);
        let _under_way = session.begins(b"2", after.clone());
        assert!(is_cancelled(&after), "{what}: a call that came at the same moment");
        let mut question = session.question(Method::Elicit, None);
        assert_eq!(question.answer.try_recv().unwrap_err(), TryRecvError::Closed, "{what}");
    }
}
