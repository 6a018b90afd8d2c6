use front::json_response;
use http::{StatusCode, header};

use super::*;

async fn responded(told_before: &[&'static str]) -> (bool, String) {
    let (tell, told) = mailbox::mailbox(4);
    for message in told_before {
        tell.try_send(Bytes::from_static(message.as_bytes())).unwrap();
    }
    let answering = std::future::ready(json_response(StatusCode::OK, b"{\"id\":1}".to_vec()));
    let answering = Outliving::new(Box::pin(answering), &TaskTracker::new(), None);
    let response = respond_once(answering, told).await;
    let kind = response.headers().get(header::CONTENT_TYPE).unwrap().to_str().unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (kind.starts_with("text/event-stream"), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn an_answer_is_json_where_nothing_was_said_before_it() {
    assert_eq!(responded(&[]).await, (false, "{\"id\":1}".to_owned()));
}

#[tokio::test]
async fn what_was_said_before_an_answer_that_is_there_at_once_is_not_lost() {
    let (streamed, body) = responded(&["{\"a\":1}", "{\"b\":2}"]).await;
    let places: Vec<_> = ["{\"a\":1}", "{\"b\":2}", "{\"id\":1}"].map(|part| body.find(part).unwrap()).to_vec();
    assert!(streamed && places.is_sorted(), "{body}");
}

struct Clean;

impl decide::Scrub for Clean {
    fn scrub(&self, _bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        None
    }
}

/// A call of 2026-07-28 that ends when it is cancelled; what it holds comes back when it has ended.
fn until_cancelled(held: &Arc<()>) -> (Outliving, mailbox::Sender<Bytes>, mailbox::Receiver<Bytes>, TaskTracker) {
    let client = crate::upstream::Client::Modern { abilities: crate::client::Abilities::default(), level: None };
    let (along, _) = Along::of(None, client, Arc::new(Clean));
    let (cancelled, held, tasks) = (along.clone(), Arc::clone(held), TaskTracker::new());
    let answering = Box::pin(async move {
        cancelled.cancelled().await;
        tokio::task::yield_now().await;
        drop(held);
        json_response(StatusCode::OK, Vec::new())
    });
    let (tell, told) = mailbox::mailbox(1);
    (Outliving::new(answering, &tasks, Some(along)), tell, told, tasks)
}

#[tokio::test]
async fn a_call_whose_client_goes_away_is_cancelled_and_holds_what_it_has_to_its_end() {
    let held = Arc::new(());
    for streams in [false, true] {
        let (answering, tell, told, tasks) = until_cancelled(&held);
        if streams {
            tell.try_send(Bytes::from_static(b"{}")).unwrap();
            drop(respond_once(answering, told).await);
        } else {
            let moment = Duration::from_millis(5);
            assert!(tokio::time::timeout(moment, respond_once(answering, told)).await.is_err(), "it goes on");
        }
        assert_eq!(Arc::strong_count(&held), 2, "its client is gone, it is not");
        tasks.close();
        tasks.wait().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
