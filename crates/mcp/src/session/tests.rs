use std::pin::pin;
use std::task::{Context, Waker};

use decide::Scrub;
use model::TaskId;
use model::limits::STREAM_AGE_MAX;
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

/// As another run of the gateway has them.
fn sessions() -> Sessions {
    Sessions::new(&Secret::new([7; 32]), HashSet::new()).unwrap()
}

fn open(sessions: &Sessions) -> String {
    sessions.open(Revision::V20250618, Abilities::default(), &ana(), None, NOW).unwrap()
}

/// More than there is place for, of many others.
fn open_many(sessions: &Sessions) {
    for number in 0..2 * SESSIONS_MAX {
        let human = HumanId::parse(&format!("h{}", number % 100)).unwrap();
        let other = Actor { human, ..ana() };
        drop(sessions.open(Revision::V20250618, Abilities::default(), &other, None, NOW).unwrap());
    }
}

fn along(session: &Arc<Session>) -> Along {
    Along::of(None, Client::Legacy(Arc::clone(session)), Arc::new(Clean)).0
}

fn is_cancelled(along: &Along) -> bool {
    pin!(along.cancelled()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn two_requests_of_one_id_are_never_under_way() {
    let sessions = sessions();
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
    const ITS_CLIENT: &str = "its client ends it";
    type End = fn(&Sessions, &str, UnixMicros);
    let ways: [(&str, End); 3] = [
        (ITS_CLIENT, |sessions, id, _| sessions.close(id, NOW)),
        ("nobody used it", |sessions, id, late| assert!(sessions.find(id, &ana(), None, late).is_none())),
        ("others took its place", |sessions, _, _| open_many(sessions)),
    ];
    for (what, end) in ways {
        let sessions = sessions();
        open_many(&sessions);
        let id = open(&sessions);
        // One that was found is kept longer than those that never were.
        let session = Arc::clone(&sessions.open.peek(&id).unwrap().0);
        let call = along(&session);
        // One that is under way uses the session.
        let under_way = session.begins(b"1", call.clone()).filter(|_| what == ITS_CLIENT);
        let mut question = session.question(Method::Elicit, None);
        assert_eq!((is_cancelled(&call), question.answer.try_recv().unwrap_err()), (false, TryRecvError::Empty));
        end(&sessions, &id, late);
        assert_eq!(
            (is_cancelled(&call), question.answer.try_recv().unwrap_err()),
            (under_way.is_some(), TryRecvError::Closed),
            "{what}"
        );
        let after = along(&session);
        let _under_way = session.begins(b"2", after.clone());
        assert!(is_cancelled(&after), "{what}: a call that came at the same moment");
        let mut question = session.question(Method::Elicit, None);
        assert_eq!(question.answer.try_recv().unwrap_err(), TryRecvError::Closed, "{what}");
    }
}

#[test]
fn what_nobody_comes_back_for_goes_though_its_session_is_not_used_again() {
    let after = |time: std::time::Duration| UnixMicros(NOW.0 + i64::try_from(time.as_micros()).unwrap() + 1);
    let sessions = sessions();
    let session = sessions.find(&open(&sessions), &ana(), None, NOW).unwrap();
    let stream = session.streams.respond(NOW);
    stream.end(Some(Bytes::from_static(b"answer")), NOW);
    let gone = Arc::downgrade(&stream);
    drop(stream);
    sessions.rest(NOW);
    assert!(gone.upgrade().is_some() && session.streams.resume("r1-0", NOW).is_ok());
    let under_way = session.begins(b"1", along(&session)).unwrap();
    for time in [STREAM_AGE_MAX, SESSION_IDLE_MAX] {
        sessions.rest(after(time));
        assert!(gone.upgrade().is_none());
        assert_eq!(sessions.open.len(), 1, "it is used, or a call of it is under way");
    }
    drop(under_way);
    sessions.rest(after(SESSION_IDLE_MAX));
    assert_eq!(sessions.open.len(), 0);
}

#[test]
fn a_session_is_gone_on_with_after_a_restart_by_the_same_people_at_the_same_place() {
    let before = sessions();
    let declared = Bytes::from_static(br#"{"elicitation":{"url":{}}}"#);
    let abilities = Abilities::read(Some(Document::parse(&declared).unwrap().root()), &declared).unwrap();
    let id = before.open(Revision::V20251125, abilities, &ana(), None, NOW).unwrap();
    let after = sessions();
    let bo = Actor { human: HumanId::parse("bo").unwrap(), ..ana() };
    let app = AppId::parse("crm").unwrap();
    assert!(after.find(&id, &bo, None, NOW).is_none(), "somebody else's");
    assert!(after.find(&id, &ana(), Some(&app), NOW).is_none(), "of another endpoint");
    let session = after.find(&id, &ana(), None, NOW).unwrap();
    assert!(session.revision == Revision::V20251125 && session.abilities.opens_urls());
    assert!(Arc::ptr_eq(&session, &after.find(&id, &ana(), None, NOW).unwrap()), "one and the same from then on");
    assert!(session.streams.resume("r1-1", NOW).is_err());
    let stream = session.streams.respond(NOW);
    stream.end(None, NOW);
    assert!(session.streams.resume("r1-1", NOW).is_err(), "what was the first stream before is not the first one now");
    after.close(&id, NOW);
    assert!(after.find(&id, &ana(), None, NOW).is_none(), "its client has ended it");
}

#[test]
fn a_session_is_not_gone_on_with_where_something_would_be_lost_or_is_too_old() {
    let before = sessions();
    let id = open(&before);
    before.close(&id, NOW);
    assert!(before.find(&id, &ana(), None, NOW).is_none(), "the same run knows that it has ended");
    let subscribed = HashSet::from([Sessions::mark(&id)]);
    let after = Sessions::new(&Secret::new([7; 32]), subscribed).unwrap();
    assert!(after.find(&id, &ana(), None, NOW).is_none(), "it would wait in vain for what it subscribed to");
    let late = UnixMicros(NOW.0 + i64::try_from(TOKEN_LIFE_MAX.as_micros()).unwrap() + 1);
    assert!(sessions().find(&id, &ana(), None, late).is_none());
    let other = Sessions::new(&Secret::new([8; 32]), HashSet::new()).unwrap();
    assert!(other.find(&id, &ana(), None, NOW).is_none(), "sealed by another gateway");
    let long = Bytes::from(format!(r#"{{"roots":{{}},"more":"{}"}}"#, "x".repeat(4_000)));
    let abilities = Abilities::read(Some(Document::parse(&long).unwrap().root()), &long).unwrap();
    let id = before.open(Revision::V20250618, abilities, &ana(), None, NOW).unwrap();
    assert!(id.len() == 32 && sessions().find(&id, &ana(), None, NOW).is_none());
}

#[test]
fn each_client_of_a_pair_is_told_from_its_own_level_on_and_the_app_the_least_of_them() {
    let sessions = sessions();
    let find = |id: &str| sessions.find(id, &ana(), None, NOW).unwrap();
    let (careful, curious) = (open(&sessions), open(&sessions));
    assert_eq!(find(&careful).least_level(), None);
    find(&careful).set_level("error".to_owned());
    find(&curious).set_level("debug".to_owned());
    find(&careful).set_level("emergency".to_owned());
    let told = |id: &str| {
        let (along, mut told) = Along::of(None, Client::Legacy(find(id)), Arc::new(Clean));
        assert_eq!(along.client().level().as_deref(), Some("debug"));
        for level in ["debug", "emergency"] {
            let message = format!(r#"{{"method":"notifications/message","params":{{"level":"{level}","data":1}}}}"#);
            along.tell(&Bytes::from(message), "notifications/message");
        }
        std::iter::from_fn(|| told.try_recv()).count()
    };
    assert_eq!((told(&careful), told(&curious)), (1, 2));
    sessions.close(&curious, NOW);
    assert_eq!(find(&careful).least_level().as_deref(), Some("emergency"));
}

#[test]
fn a_client_hears_what_its_revision_has_words_for() {
    let sessions = sessions();
    let client = |revision: Revision| {
        let declared = Bytes::from_static(br#"{"elicitation":{"form":{},"url":{}}}"#);
        let abilities = Abilities::read(Some(Document::parse(&declared).unwrap().root()), &declared).unwrap();
        let id = sessions.open(revision, abilities, &ana(), None, NOW).unwrap();
        Client::Legacy(sessions.find(&id, &ana(), None, NOW).unwrap())
    };
    let form = |field: &str| format!(r#"{{"message":"m","requestedSchema":{{"properties":{{"a":{field}}}}}}}"#);
    for (revision, several, completion) in [(Revision::V20250618, false, 0), (Revision::V20251125, true, 1)] {
        let client = client(revision);
        let answers =
            |params: &str| client.answers(Method::Elicit, Some(Document::parse(params.as_bytes()).unwrap().root()));
        assert_eq!(answers(&form(r#"{"type":"array","items":{"enum":["x"]}}"#)), several, "{revision:?}");
        assert!(answers(&form(r#"{"type":"string"}"#)));
        let (along, mut told) = Along::of(None, client.clone(), Arc::new(Clean));
        let complete =
            Bytes::from_static(br#"{"method":"notifications/elicitation/complete","params":{"elicitationId":"e"}}"#);
        along.tell(&complete, "notifications/elicitation/complete");
        assert_eq!(std::iter::from_fn(|| told.try_recv()).count(), completion, "{revision:?}");
    }
}

// INVARIANT: nobody ends a session in which a call is under way but its own client, or as many of its own.
#[test]
fn a_session_with_a_call_under_way_makes_no_place_for_others() {
    let sessions = sessions();
    open_many(&sessions);
    let busy: Vec<_> = (0..100)
        .map(|number| {
            let id = open(&sessions);
            // One that was found is kept longer than those that never were.
            let session = Arc::clone(&sessions.open.peek(&id).unwrap().0);
            let call = along(&session);
            let in_flight = session.begins(format!("{number}").as_bytes(), call.clone()).unwrap();
            (id, call, in_flight)
        })
        .collect();
    open_many(&sessions);
    for (id, call, _in_flight) in &busy {
        assert!(!is_cancelled(call) && sessions.find(id, &ana(), None, NOW).is_some());
    }
}

#[test]
fn who_opens_many_sessions_ends_its_own_and_first_what_it_used_longest_ago() {
    let sessions = sessions();
    let eve = Actor { human: HumanId::parse("eve").unwrap(), ..ana() };
    let of_ana: Vec<_> = (0..10).map(|_| open(&sessions)).collect();
    let at = |number: usize| UnixMicros(NOW.0 + i64::try_from(number).unwrap());
    let opens =
        |number: usize| sessions.open(Revision::V20250618, Abilities::default(), &eve, None, at(number)).unwrap();
    let busy = opens(0);
    let call = along(&sessions.find(&busy, &eve, None, at(0)).unwrap());
    let _in_flight = sessions.open.peek(&busy).unwrap().0.begins(b"1", call.clone()).unwrap();
    let of_eve: Vec<_> = (1..SESSIONS_PER_PAIR_MAX + 100).map(opens).collect();
    assert!(of_ana.iter().all(|id| sessions.find(id, &ana(), None, NOW).is_some()), "they are in nobody's way");
    let left: Vec<bool> = of_eve.iter().map(|id| sessions.open.peek(id).is_some()).collect();
    assert_eq!(left.iter().filter(|left| **left).count() + 1, SESSIONS_PER_PAIR_MAX);
    assert!(left.iter().rev().take(SESSIONS_PER_PAIR_MAX - 1).all(|left| *left), "the newest are there");
    assert!(!is_cancelled(&call) && sessions.open.peek(&busy).is_some());
    sessions.close(&busy, NOW);
    of_eve.iter().for_each(|id| sessions.close(id, NOW));
    sessions.rest(NOW);
    assert_eq!(sessions.of_pairs.lock().unwrap().len(), 1);
}
