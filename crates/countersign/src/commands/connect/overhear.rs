//! What the gateway says apart from its answers: changes of lists and resources, on a stream of its own for each session.

use std::time::Duration;

use http::{StatusCode, header};
use http_body_util::BodyExt as _;

use super::Out;
use super::link::{Arriving, Broken, Link};
use super::session::Session;
use super::stream::Events;

/// Why a stream ended.
enum Ended {
    /// The session is over, or has no such stream: another session may have one.
    Session,
    /// It broke: worth another try after a while.
    Broken,
}

/// Passes on what is said, session after session, until it is dropped.
pub(super) async fn overhear(link: &Link, session: &Session, out: &Out) {
    let mut opened = session.opens();
    loop {
        if opened.wait_for(|sessions| *sessions > 0).await.is_err() {
            return;
        }
        opened.mark_unchanged();
        let mut events = Events::default();
        loop {
            match listen(link, session, out, &mut events).await {
                Ended::Session => break,
                Ended::Broken => tokio::time::sleep(PAUSE).await,
            }
        }
        if opened.changed().await.is_err() {
            return;
        }
    }
}

async fn listen(link: &Link, session: &Session, out: &Out, events: &mut Events) -> Ended {
    let mut headers = session.headers().await;
    headers.extend(events.last_id().map(|id| ("last-event-id", id.to_owned())));
    let mut arriving = match link.get(&headers).await {
        Ok(arriving) => arriving,
        Err(Broken::Before(fault) | Broken::After(fault)) => {
            tracing::debug!(?fault, "the gateway is not heard");
            return Ended::Broken;
        }
    };
    match arriving.response.status() {
        StatusCode::OK if is_stream(&arriving) => {}
        StatusCode::UNAUTHORIZED => {
            link.forget_token().await;
            return Ended::Broken;
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => return Ended::Broken,
        _ => return Ended::Session,
    }
    while let Some(Ok(frame)) = arriving.response.body_mut().frame().await {
        let Some(data) = frame.data_ref() else { continue };
        for event in events.take(data) {
            out.message(&event).await;
        }
        if events.waiting() > super::carry::EVENT_BYTES_MAX {
            break;
        }
    }
    events.broke_off();
    Ended::Broken
}

fn is_stream(arriving: &Arriving) -> bool {
    let kind = arriving.response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

const PAUSE: Duration = Duration::from_secs(1);
