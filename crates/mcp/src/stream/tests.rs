use front::json_response;
use http::{StatusCode, header};

use super::*;

async fn responded(told_before: &[&'static str]) -> (bool, String) {
    let (tell, told) = mpsc::channel(4);
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
