use std::collections::HashSet;

use decide::Scrub;
use json::Document;
use model::{Actor, AgentId, HumanId, Secret, TaskId, UnixMicros};
use tokio::sync::mpsc;

use super::*;
use crate::client::Abilities;
use crate::mailbox;
use crate::revision::Revision;
use crate::session::Sessions;
use crate::upstream::Client;

struct Clean;

impl Scrub for Clean {
    fn scrub(&self, _bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        None
    }
}

fn call() -> (Along, mailbox::Receiver<Bytes>) {
    let meta = Document::parse(br#"{"progressToken":"own"}"#).unwrap();
    let client = Client::Modern { abilities: Abilities::default(), level: Some("debug".to_owned()) };
    Along::of(Some(meta.root()), client, Arc::new(Clean))
}

/// A call of a client that works on folders.
fn with_folders() -> Along {
    let capabilities = Bytes::from_static(br#"{"roots":{}}"#);
    let document = Document::parse(&capabilities).unwrap();
    let abilities = Abilities::read(Some(document.root()), &capabilities).unwrap();
    Along::of(None, Client::Modern { abilities, level: None }, Arc::new(Clean)).0
}

/// A client with a session of its own that can be asked.
fn session_that_is_asked() -> Client {
    let capabilities = Bytes::from_static(br#"{"elicitation":{}}"#);
    let document = Document::parse(&capabilities).unwrap();
    let abilities = Abilities::read(Some(document.root()), &capabilities).unwrap();
    let actor = Actor {
        agent: AgentId::parse("bot").unwrap(),
        human: HumanId::parse("ana").unwrap(),
        task: TaskId::parse("t-1").unwrap(),
        token_id: "jti".into(),
        only_app: None,
    };
    let sessions = Sessions::new(&Secret::new([7; 32]), HashSet::new()).unwrap();
    let id = sessions.open(Revision::V20251125, abilities, &actor, None, UnixMicros(0)).unwrap();
    Client::Legacy(sessions.find(&id, &actor, None, UnixMicros(0)).unwrap())
}

/// The progress that an app reports of a call.
fn progress(along: &Along) -> Bytes {
    let meta = String::from_utf8(along.meta(false)).unwrap();
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{{meta},"progress":1}}}}"#))
}

const LOG: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"of whom?"}}"#;

#[test]
fn a_message_that_names_no_call_is_told_on_the_link_of_one_pair_only() {
    for (ear, told) in [(Ear::new(|_| {}), true), (Ear::new(|_| {}).shared(), false)] {
        let under_way = UnderWay::of(&ear);
        let (along, mut hears) = call();
        let _begun = under_way.begins(1, Asks::none(&along));
        under_way.tell(&Bytes::from_static(LOG.as_bytes()), "notifications/message");
        assert_eq!(hears.try_recv().is_some(), told, "one client has a call under way");
        under_way.tell(&progress(&along), "notifications/progress");
        let heard = hears.try_recv().unwrap();
        assert!(heard.windows(5).any(|part| part == b"\"own\""), "progress says which call it is about");
        let refused = under_way.take(Bytes::from_static(b"1"), "roots/list", None).unwrap_err();
        assert_eq!(refused.contains("share"), !told, "{refused}");
    }
}

#[test]
fn a_call_that_was_cancelled_is_reckoned_with_until_it_is_answered_or_long_over() {
    let under_way = UnderWay::of(&Ear::new(|_| {}));
    let why_not = || under_way.take(Bytes::from_static(b"1"), "roots/list", None).err().unwrap_or_default();
    let ((first, _), (second, _)) = (call(), call());
    let cancelled = under_way.begins(1, Asks::none(&first));
    let _under_way = under_way.begins(2, Asks::none(&second));
    assert!(why_not().contains("several clients"), "{}", why_not());
    drop(cancelled);
    assert!(why_not().contains("several clients"), "it may still be about the first one: {}", why_not());
    under_way.answered(1);
    assert!(!why_not().contains("several clients"), "{}", why_not());
    drop(under_way.begins(3, Asks::none(&first)));
    assert!(why_not().contains("several clients"));
    under_way.lock().forget_old(stopwatch() + UNANSWERED_AGE_MAX + Duration::from_secs(1));
    assert!(!why_not().contains("several clients"), "{}", why_not());
    for id in 10..10 + 2 * UNANSWERED_MAX as u64 {
        drop(under_way.begins(id, Asks::none(&first)));
    }
    assert_eq!(under_way.lock().unanswered.len(), UNANSWERED_MAX);
}

#[test]
fn a_call_that_goes_on_as_a_task_keeps_no_other_of_its_session_from_being_asked() {
    let under_way = UnderWay::of(&Ear::new(|_| {}));
    let [session, another] = [(), ()].map(|()| session_that_is_asked());
    let nobody = Client::Modern { abilities: Abilities::default(), level: None };
    let as_task = |session: &Client| Along::of(None, nobody.clone(), Arc::new(Clean)).0.over_link_of(session);
    let ask = || under_way.take(Bytes::from_static(b"1"), "elicitation/create", None);
    let task = under_way.begins(1, Asks::none(&as_task(&session)));
    assert!(ask().unwrap_err().contains("does not offer it"), "nobody is asked during the task alone");
    let (along, mut hears) = Along::of(None, session.clone(), Arc::new(Clean));
    let (to, mut questions) = mpsc::channel(4);
    let _other = under_way.begins(2, Asks { to: Some(to), ..Asks::none(&along) });
    assert_eq!(ask(), Ok(()));
    assert!(questions.try_recv().is_ok());
    under_way.tell(&Bytes::from_static(LOG.as_bytes()), "notifications/message");
    assert!(hears.try_recv().is_some(), "it is told, too");
    drop(task);
    assert_eq!(ask(), Ok(()), "also when the task has ended without an answer");
    let _of_another = under_way.begins(3, Asks::none(&as_task(&another)));
    assert!(ask().unwrap_err().contains("several clients"));
}

#[test]
fn what_is_asked_about_folders_waits_for_the_next_call() {
    let under_way = UnderWay::of(&Ear::new(|_| {}));
    let ask = |id: &'static str, method| under_way.take(Bytes::from_static(id.as_bytes()), method, None);
    assert_eq!(ask("0", "roots/list"), Err(NO_CALL), "its client has none");
    under_way.keep_folders();
    for id in ["1", "2", "3", "4"] {
        assert_eq!(ask(id, "roots/list"), Ok(()));
    }
    assert_eq!(ask("5", "roots/list"), Err(NO_CALL), "there are enough of them");
    assert_eq!(ask("6", "sampling/createMessage"), Err(NO_CALL));
    let taken_back = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#;
    under_way.tell(&Bytes::from_static(taken_back.as_bytes()), TAKES_BACK);
    let ids: Vec<Bytes> = under_way.early().into_iter().map(|early| early.id).collect();
    assert_eq!(ids, ["1", "3", "4"]);
    assert!(under_way.early().is_empty());
}

#[test]
fn what_is_asked_about_folders_is_refused_while_a_call_is_under_way_that_people_approved() {
    let under_way = UnderWay::of(&Ear::new(|_| {}));
    let (to, mut questions) = mpsc::channel(1);
    let asks = Asks { to: Some(to), ..Asks::none(&with_folders()) };
    asks.open.allow_folders(false);
    let _begun = under_way.begins(1, asks.clone());
    let refused = under_way.take(Bytes::from_static(b"1"), "roots/list", None);
    assert!(refused.is_err() && questions.try_recv().is_err(), "{refused:?}");
    assert!(under_way.has_refused(), "it is told to ask again");
    asks.open.allow_folders(true);
    assert_eq!(under_way.take(Bytes::from_static(b"2"), "roots/list", None), Ok(()));
}

#[test]
fn what_could_not_be_asked_before_a_call_is_known() {
    let under_way = UnderWay::of(&Ear::new(|_| {}));
    let ((mine, _), (other, _)) = (call(), call());
    let (_, all) = under_way.ends_with_folders(under_way.begins_with_folders(1, Asks::none(&mine)));
    assert!(all, "nothing was asked");
    let _of_another = under_way.begins(2, Asks::none(&other));
    let begun = under_way.begins_with_folders(3, Asks::none(&mine));
    assert!(under_way.take(Bytes::from_static(b"1"), "roots/list", None).is_err(), "whose folders?");
    assert!(!under_way.ends_with_folders(begun).1);
}

/// Both are refused: with calls of several clients under way, and where nobody may be asked.
#[tokio::test]
async fn who_waits_for_the_app_to_ask_does_not_wait_for_what_is_refused() {
    let under_way = UnderWay::of(&Ear::new(|_| {}));
    let (other, _) = call();
    let first = Asks::none(&with_folders());
    let goes_on = async || {
        tokio::select! {
            biased;
            () = first.open.asked() => true,
            () = std::future::ready(()) => false,
        }
    };
    let _begun = under_way.begins_with_folders(1, first.clone());
    assert!(!goes_on().await, "nothing was asked");
    assert!(under_way.take(Bytes::from_static(b"1"), "roots/list", None).is_err(), "nobody is asked");
    assert!(goes_on().await);
    let _of_another = under_way.begins(2, Asks::none(&other));
    assert!(under_way.take(Bytes::from_static(b"2"), "roots/list", None).is_err(), "whose folders?");
    assert!(goes_on().await);
}

#[test]
fn what_is_asked_at_the_very_last_before_a_call_has_no_answer() {
    let under_way = UnderWay::of(&Ear::new(|_| {}));
    let (to, _questions) = mpsc::channel(1);
    let asks = Asks { to: Some(to), ..Asks::none(&with_folders()) };
    let begun = under_way.begins_with_folders(1, asks);
    assert_eq!(under_way.take(Bytes::from_static(b"7"), "roots/list", None), Ok(()));
    assert_eq!(under_way.ends_with_folders(begun), (vec![Bytes::from_static(b"7")], false));
}
